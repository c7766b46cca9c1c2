//! A WebSocket's byte stream over bare TCP, for conformance suites that speak no TLS.
//!
//! In: a `ws://` URL. Out: an upgraded [`Transport`], made by the same upgrade as the one over
//! TLS. Nothing of the engine uses it: orders and the feed never go unencrypted.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use super::connect::Patience;
use super::upgrade::{Target, Waiting, upgrade_to};
use super::{DialError, Flush, LinkError, Received, Transport};
use crate::runtime::clock::Clock;
use crate::units::Nanos;

/// Bytes as they are.
#[derive(Debug)]
pub struct PlainStream {
    socket: TcpStream,
    out: Vec<u8>,
    sent: usize,
    prefix: Vec<u8>,
    bytes_out: u64,
}

impl PlainStream {
    /// Connects to `url` (`ws://HOST:PORT[/PATH][?QUERY]`) and upgrades; afterwards reads and
    /// writes block for at most `wait`.
    ///
    /// # Errors
    /// [`DialError`] with the address and why.
    pub fn websocket<C: Clock>(url: &str, clock: &C, wait: Nanos) -> Result<Self, DialError> {
        let failed = |why: &dyn core::fmt::Display| DialError::Connect {
            address: url.to_owned(),
            why: why.to_string(),
        };
        let rest = url.strip_prefix("ws://").ok_or_else(|| failed(&"not a ws:// url"))?;
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let path = if path.starts_with('?') { format!("/{path}") } else { path.to_owned() };
        let port = if authority.contains(':') { "" } else { ":80" };
        let socket = TcpStream::connect(format!("{authority}{port}")).map_err(|e| failed(&e))?;
        socket.set_nodelay(true).map_err(|error| failed(&error))?;
        let stream = Self { socket, out: Vec::new(), sent: 0, prefix: Vec::new(), bytes_out: 0 };
        let patience = Patience { deadline: clock.mono() + wait, clock };
        let stream = upgrade_to(stream, Target { authority, path: &path }, "", &patience)?;
        stream.wait_at_most(Some(wait.to_duration())).map_err(|error| failed(&error))?;
        Ok(stream)
    }
}

impl Waiting for PlainStream {
    fn wait_at_most(&self, wait: Option<Duration>) -> io::Result<()> {
        let Some(wait) = wait else { return self.socket.set_nonblocking(true) };
        self.socket.set_nonblocking(false)?;
        self.socket.set_read_timeout(Some(wait))?;
        self.socket.set_write_timeout(Some(wait))
    }

    fn with_prefix(mut self, bytes: Vec<u8>) -> Self {
        self.prefix = bytes;
        self
    }
}

impl Transport for PlainStream {
    fn seal(&mut self, plaintext: &[u8]) -> Result<(), LinkError> {
        self.out.extend_from_slice(plaintext);
        Ok(())
    }

    fn flush(&mut self) -> Result<Flush, LinkError> {
        while self.sent < self.out.len() {
            match self.socket.write(&self.out[self.sent..]) {
                Ok(count) => {
                    self.sent += count;
                    self.bytes_out += count as u64;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Flush::Pending),
                Err(error) => return Err(LinkError::Socket(error.kind())),
            }
        }
        self.out.clear();
        self.sent = 0;
        Ok(Flush::Done)
    }

    fn receive(&mut self, out: &mut [u8]) -> Result<Received, LinkError> {
        if !self.prefix.is_empty() {
            let count = self.prefix.len().min(out.len());
            out[..count].copy_from_slice(&self.prefix[..count]);
            self.prefix.drain(..count);
            return Ok(Received::Bytes(count));
        }
        match self.socket.read(out) {
            Ok(0) => Ok(Received::Closed),
            Ok(count) => Ok(Received::Bytes(count)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(Received::Nothing),
            Err(error) => Err(LinkError::Socket(error.kind())),
        }
    }

    fn bytes_out(&self) -> u64 {
        self.bytes_out
    }
}
