//! The program as its users meet it: processes, files and real sockets on loopback.
//!
//! Every test starts the built binary in a directory of its own, on ports the system chooses, and
//! looks at what comes out from outside: files, exit codes, and the exchange's own records as an
//! independent client reads them.
#![cfg(feature = "sim")]

#[path = "end_to_end/account.rs"]
mod account;
#[path = "end_to_end/books.rs"]
mod books;
#[path = "end_to_end/client.rs"]
mod client;
#[path = "end_to_end/hostile_link.rs"]
mod hostile_link;
#[path = "end_to_end/exchange_side.rs"]
mod exchange_side;
#[path = "end_to_end/followed_book.rs"]
mod followed_book;
#[path = "end_to_end/interrupts.rs"]
mod interrupts;
#[path = "end_to_end/kill_matrix.rs"]
mod kill_matrix;
#[path = "end_to_end/lost_answers.rs"]
mod lost_answers;
#[path = "end_to_end/modes/mod.rs"]
mod modes;
#[path = "end_to_end/paper.rs"]
mod paper;
#[path = "end_to_end/process.rs"]
mod process;
#[path = "end_to_end/producer.rs"]
mod producer;
#[path = "end_to_end/proxy.rs"]
mod proxy;
#[path = "end_to_end/python.rs"]
mod python;
#[path = "end_to_end/recovery/mod.rs"]
mod recovery;
#[path = "end_to_end/reports.rs"]
mod reports;
#[path = "end_to_end/restarts.rs"]
mod restarts;
#[path = "end_to_end/secrets.rs"]
mod secrets;
#[path = "end_to_end/sockets.rs"]
mod sockets;
#[path = "end_to_end/stories/mod.rs"]
mod stories;
