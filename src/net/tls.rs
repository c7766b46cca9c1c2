//! TLS over TCP: the only file that names rustls.
//!
//! Plaintext goes in through `seal`, sealed bytes leave through `flush` with one `send`, and
//! plaintext comes back through `receive`. Sealing and sending are apart so that each can be
//! timed, and so that a partial send is finished with the same bytes. Session tickets and key
//! updates are answered inside. Nothing here retries, logs, or reads the clock; after the
//! handshake nothing blocks, unless a cold caller asks for it with [`TlsStream::wait_at_most`].
//!
//! An end of the stream without `close_notify` is [`LinkError::Tls`], never
//! [`Received::Closed`]: it cannot be told from a cut connection, and an answer may be missing.

mod config;
mod outbox;
mod rehearsal;
mod scope;

use core::fmt;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::time::Duration;

use rustls::ClientConnection;
use rustls::pki_types::ServerName;

use self::outbox::Outbox;
use self::rehearsal::Rehearsal;
use self::scope::scope;
use crate::net::{Flush, LinkError, Received, TlsFault, Transport};

pub use self::config::{Roots, TlsConfig, TlsConfigError};
#[doc(hidden)]
pub use self::scope::in_tls;

/// What rustls may hold of our plaintext at once; [`Outbox`] has room for it sealed.
const TLS_BUFFER_BYTES: usize = 64 * 1024;
/// Records of pure protocol (tickets, key updates) taken in by one `receive`.
const RECEIVE_ROUNDS_MAX: usize = 16;
/// Flights of a handshake before it counts as endless; TLS 1.2 in full needs six reads.
const HANDSHAKE_READS_MAX: usize = 64;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    /// The peer said goodbye.
    Closed,
    Broken(LinkError),
}

/// A TLS connection over TCP.
pub struct TlsStream {
    socket: TcpStream,
    tls: Box<ClientConnection>,
    out: Outbox,
    /// Plaintext that came with the answer to a protocol upgrade, not yet taken.
    prefix: Vec<u8>,
    prefix_taken: usize,
    bytes_out: u64,
    state: State,
    /// `None` until the handshake has told the cipher suite.
    rehearsal: Option<Rehearsal>,
}

impl fmt::Debug for TlsStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsStream")
            .field("socket", &self.socket)
            .field("bytes_out", &self.bytes_out)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

impl TlsStream {
    /// Most plaintext that fits into one unsent batch: a subscription to hundreds of markets
    /// does, and an order is fifty times smaller.
    pub const SEAL_BYTES_MAX: usize = TLS_BUFFER_BYTES;

    /// Shakes hands over a connected socket, blocking. `remaining` says how much time is left
    /// and is asked before every wait. On return nothing blocks any more.
    ///
    /// # Errors
    /// Why there is no TLS connection with `host`, in words, and whose fault it is.
    pub fn handshake(
        socket: TcpStream,
        host: &str,
        config: &TlsConfig,
        mut remaining: impl FnMut() -> Option<Duration>,
    ) -> Result<Self, (TlsFault, String)> {
        let of_peer = |error: &dyn fmt::Display| (TlsFault::Peer, error.to_string());
        let of_link = |error: io::Error| (TlsFault::Link, error.to_string());
        let name = ServerName::try_from(host.to_owned()).map_err(|error| of_peer(&error))?;
        let config = config.shared();
        let tls = scope(|| ClientConnection::new(config, name)).map_err(|e| of_peer(&e))?;
        let mut stream = Self {
            socket,
            tls: Box::new(tls),
            out: Outbox::new(),
            prefix: Vec::new(),
            prefix_taken: 0,
            bytes_out: 0,
            state: State::Open,
            rehearsal: None,
        };
        stream.tls.set_buffer_limit(Some(TLS_BUFFER_BYTES));
        let late = || (TlsFault::Link, "no answer in time".to_owned());
        for _ in 0..HANDSHAKE_READS_MAX {
            let wait = remaining().ok_or_else(late)?;
            stream.wait_at_most(Some(wait)).map_err(of_link)?;
            match stream.handshake_round() {
                Ok(true) => {
                    stream.rehearsal = Rehearsal::new(&stream.tls);
                    stream.wait_at_most(None).map_err(of_link)?;
                    return Ok(stream);
                }
                Ok(false) => {}
                Err(error) if would_block(error.kind()) => return Err(late()),
                // What rustls finds wrong arrives as invalid data.
                Err(error) if error.kind() == ErrorKind::InvalidData => {
                    return Err(of_peer(&error));
                }
                Err(error) => return Err(of_link(error)),
            }
        }
        Err((TlsFault::Peer, "the handshake does not end".to_owned()))
    }

    /// Writes what is due and reads once; `true` when the handshake is over.
    fn handshake_round(&mut self) -> io::Result<bool> {
        let (tls, socket) = (&mut self.tls, &mut self.socket);
        while tls.wants_write() {
            scope(|| tls.write_tls(socket))?;
        }
        if !tls.is_handshaking() {
            return Ok(true);
        }
        if scope(|| tls.read_tls(socket))? == 0 {
            return Err(io::Error::new(ErrorKind::UnexpectedEof, "the peer hung up"));
        }
        scope(|| tls.process_new_packets()).map_err(|error| {
            // The peer should learn why; that it does not changes nothing.
            scope(|| tls.write_tls(socket)).ok();
            io::Error::new(ErrorKind::InvalidData, error.to_string())
        })?;
        Ok(!tls.is_handshaking() && !tls.wants_write())
    }

    /// For cold callers: with `Some`, reads and writes block for so long and then report
    /// [`Received::Nothing`] or [`Flush::Pending`]; with `None` they never block.
    ///
    /// # Errors
    /// The system's.
    pub fn wait_at_most(&self, wait: Option<Duration>) -> io::Result<()> {
        let Some(wait) = wait else { return self.socket.set_nonblocking(true) };
        // Zero would mean for ever.
        let wait = Some(wait.max(Duration::from_millis(1)));
        self.socket.set_nonblocking(false)?;
        self.socket.set_read_timeout(wait)?;
        self.socket.set_write_timeout(wait)
    }

    /// Puts plaintext that was already received back in front.
    #[must_use]
    pub fn with_prefix(mut self, plaintext: Vec<u8>) -> Self {
        debug_assert!(self.prefix.len() == self.prefix_taken, "Invariant: one prefix at a time");
        self.prefix = plaintext;
        self.prefix_taken = 0;
        self
    }

    /// Moves sealed records out of rustls. What does not fit stays there until there is room.
    fn collect(&mut self) {
        let (tls, out) = (&mut self.tls, &mut self.out);
        while tls.wants_write() && !out.is_full() {
            // An outbox takes what fits and never fails.
            scope(|| tls.write_tls(out)).ok();
        }
    }

    const fn intact(&self) -> Result<(), LinkError> {
        match self.state {
            State::Open => Ok(()),
            State::Closed => Err(LinkError::Socket(ErrorKind::NotConnected)),
            State::Broken(error) => Err(error),
        }
    }

    #[cold]
    const fn broken(&mut self, error: LinkError) -> LinkError {
        self.state = State::Broken(error);
        error
    }

    fn take_prefix(&mut self, out: &mut [u8]) -> usize {
        let rest = &self.prefix[self.prefix_taken..];
        let len = rest.len().min(out.len());
        out[..len].copy_from_slice(&rest[..len]);
        self.prefix_taken += len;
        len
    }

    /// Reads sealed bytes from the socket into rustls. `None`: there is nothing now.
    fn fill(&mut self) -> Option<Result<(), LinkError>> {
        let (tls, socket) = (&mut self.tls, &mut self.socket);
        match scope(|| tls.read_tls(socket)) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => return Some(Ok(())),
            Err(error) if would_block(error.kind()) => return None,
            Err(error) => return Some(Err(self.broken(LinkError::Socket(error.kind())))),
        }
        let sound = scope(|| tls.process_new_packets()).is_ok();
        // Sealed bytes of a request leave when their owner flushes, never as a side effect. A
        // failure here shows in the state, after what was decrypted has been taken.
        if self.out.is_empty() && self.tls.wants_write() {
            self.flush().ok();
        }
        if !sound {
            self.broken(LinkError::Tls);
        }
        Some(Ok(()))
    }
}

impl Transport for TlsStream {
    fn seal(&mut self, plaintext: &[u8]) -> Result<(), LinkError> {
        self.intact()?;
        self.collect();
        if self.tls.wants_write() || self.out.free() < Outbox::sealed_bytes_max(plaintext.len()) {
            // The caller seals faster than it flushes. The connection is as good as before.
            return Err(LinkError::Socket(ErrorKind::StorageFull));
        }
        let mut rest = plaintext;
        while !rest.is_empty() {
            let tls = &mut self.tls;
            match scope(|| tls.writer().write(rest)) {
                Ok(taken) if taken > 0 => rest = &rest[taken..],
                // What was sealed of this must never leave without its end.
                _ => return Err(self.broken(LinkError::Tls)),
            }
            self.collect();
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<Flush, LinkError> {
        if let State::Broken(error) = self.state {
            return Err(error);
        }
        self.collect();
        if self.out.is_empty() {
            return Ok(Flush::Done);
        }
        match self.socket.write(self.out.unsent()) {
            Ok(0) => Err(self.broken(LinkError::Socket(ErrorKind::WriteZero))),
            Ok(sent) => {
                self.out.sent(sent);
                self.bytes_out += sent as u64;
                let done = self.out.is_empty() && !self.tls.wants_write();
                Ok(if done { Flush::Done } else { Flush::Pending })
            }
            Err(error) if would_block(error.kind()) || error.kind() == ErrorKind::Interrupted => {
                Ok(Flush::Pending)
            }
            Err(error) => Err(self.broken(LinkError::Socket(error.kind()))),
        }
    }

    fn receive(&mut self, out: &mut [u8]) -> Result<Received, LinkError> {
        if self.prefix_taken < self.prefix.len() {
            return Ok(Received::Bytes(self.take_prefix(out)));
        }
        if out.is_empty() {
            // Zero bytes would read as the end of the stream.
            return Ok(Received::Nothing);
        }
        for _ in 0..RECEIVE_ROUNDS_MAX {
            let tls = &mut self.tls;
            match scope(|| tls.reader().read(out)) {
                Ok(0) => {
                    if self.state == State::Open {
                        self.state = State::Closed;
                    }
                    return Ok(Received::Closed);
                }
                Ok(len) => return Ok(Received::Bytes(len)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => return Err(self.broken(LinkError::Tls)),
            }
            // Only now: what was decrypted before the fault may be the answer to an order.
            if let State::Broken(error) = self.state {
                return Err(error);
            }
            match self.fill() {
                None => return Ok(Received::Nothing),
                Some(result) => result?,
            }
        }
        Ok(Received::Nothing)
    }

    fn bytes_out(&self) -> u64 {
        self.bytes_out
    }

    fn rehearse(&mut self, plaintext: &[u8]) {
        self.out.fetch(Outbox::sealed_bytes_max(plaintext.len()));
        if let Some(rehearsal) = &mut self.rehearsal {
            rehearsal.seal(plaintext);
        }
    }
}

impl AsFd for TlsStream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl AsRawFd for TlsStream {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

impl Drop for TlsStream {
    /// Says goodbye, unless bytes of a request still wait: those must not leave any more.
    fn drop(&mut self) {
        let pending = !self.out.is_empty() || self.tls.wants_write();
        if self.state != State::Open || pending || self.socket.set_nonblocking(true).is_err() {
            return;
        }
        let tls = &mut self.tls;
        scope(|| tls.send_close_notify());
        self.flush().ok();
    }
}

/// Only this is "not now", also from a socket with a receive timeout. `TimedOut` is a dead path:
/// the kernel gave the connection up after `TCP_USER_TIMEOUT`.
const fn would_block(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock)
}

#[cfg(test)]
#[cfg(feature = "sim")]
pub(crate) mod testing;
#[cfg(test)]
#[cfg(feature = "sim")]
mod tests;
