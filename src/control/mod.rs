//! Control: a person's way into a running engine. Cold.
//!
//! In: one JSON object a line on a Unix socket in the state directory (`control.sock`, for this
//! user only), a file named `halt` beside it, SIGUSR1. Out: commands and questions on the oms's
//! rings, one JSON answer a line. It never decides what may be traded: it throws the kill switch
//! and tells the oms, which halts, keeps the halt, and answers.
//!
//! Thread `control`. A halt throws the switch at the wire first and then goes to the oms; its time
//! from the socket to the oms having halted is measured, answered and recorded.

pub mod client;
mod conversation;
mod halt_file;
mod line;
mod place;
mod protocol;
mod service;
mod speech;
pub mod text;

#[cfg(test)]
mod tests;

pub use halt_file::HaltFile;
pub use line::CommandLine;
pub use protocol::Request;
pub use service::{About, ControlParts, ControlService};
