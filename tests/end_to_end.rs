//! The program as its users meet it: processes, files and real sockets on loopback.
//!
//! Every test starts the built binary in a directory of its own, on ports the system chooses, and
//! looks at what comes out from outside: files, exit codes, and the exchange's own records as an
//! independent client reads them.

#[path = "end_to_end/account.rs"]
mod account;
#[path = "end_to_end/books.rs"]
mod books;
#[path = "end_to_end/client.rs"]
mod client;
#[path = "end_to_end/process.rs"]
mod process;
