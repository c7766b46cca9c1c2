//! One connection to the control socket: lines in, lines out, nothing ever blocks.

use std::io::{ErrorKind, Read as _, Write as _};

use mio::net::UnixStream;
use serde_json::Value;

use super::protocol::LINE_BYTES_MAX;

/// Whether the other side is still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Peer {
    Here,
    /// It sends no more; it may still read.
    Done,
    Gone,
}

/// See the module's page.
#[derive(Debug)]
pub(super) struct Conversation {
    pub(super) stream: UnixStream,
    pub(super) peer: Peer,
    /// Whether an answer is being worked on: the next line waits.
    pub(super) is_waiting: bool,
    said: Vec<u8>,
    answers: Vec<u8>,
}

impl Conversation {
    pub(super) const fn new(stream: UnixStream) -> Self {
        Self { stream, peer: Peer::Here, is_waiting: false, said: Vec::new(), answers: Vec::new() }
    }

    /// Takes what has arrived.
    pub(super) fn listen(&mut self) {
        let mut buffer = [0; 1_024];
        while self.peer == Peer::Here && self.said.len() <= LINE_BYTES_MAX {
            match self.stream.read(&mut buffer) {
                Ok(0) => self.peer = Peer::Done,
                Ok(count) => self.said.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => self.peer = Peer::Gone,
            }
        }
    }

    /// The next complete line, or what of one is already too long.
    pub(super) fn next_line(&mut self) -> Option<Vec<u8>> {
        if self.is_waiting {
            return None;
        }
        match self.said.iter().position(|byte| *byte == b'\n') {
            Some(end) => Some(self.said.drain(..=end).collect()),
            None if self.said.len() > LINE_BYTES_MAX => {
                self.peer = Peer::Done;
                Some(core::mem::take(&mut self.said))
            }
            None => None,
        }
    }

    /// Queues an answer.
    pub(super) fn answer(&mut self, answer: &Value) {
        self.is_waiting = false;
        self.answers.extend_from_slice(answer.to_string().as_bytes());
        self.answers.push(b'\n');
    }

    /// Sends what the kernel takes.
    pub(super) fn speak(&mut self) {
        while !self.answers.is_empty() && self.peer != Peer::Gone {
            match self.stream.write(&self.answers) {
                Ok(count) => drop(self.answers.drain(..count)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => self.peer = Peer::Gone,
            }
        }
    }

    /// Whether bytes wait for the other side to read.
    pub(super) const fn has_answers(&self) -> bool {
        !self.answers.is_empty()
    }

    /// Whether nothing more will happen here.
    pub(super) fn is_over(&self) -> bool {
        let silent = !self.is_waiting && self.answers.is_empty();
        self.peer == Peer::Gone || (self.peer == Peer::Done && silent && self.said.is_empty())
    }
}
