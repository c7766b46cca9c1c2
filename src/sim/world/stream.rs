//! The exchange's end of one WebSocket connection: tungstenite over memory, pings by the clock,
//! and frames that are lost, doubled, held back or followed by silence.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};

use tungstenite::protocol::{Role, WebSocket};
use tungstenite::{Error, Message};

use super::fault::FrameFault;
use super::pipe::HostEnd;
use crate::sim::venue::SessionId;
use crate::units::{Nanos, Timestamp};

/// How often the exchange pings (reference §4).
const PING_EVERY: Nanos = Nanos::from_secs(10);

/// Two byte queues that tungstenite takes for a socket.
#[derive(Debug, Default)]
struct Buffers {
    incoming: VecDeque<u8>,
    outgoing: Vec<u8>,
}

impl Read for Buffers {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        if self.incoming.is_empty() {
            return Err(ErrorKind::WouldBlock.into());
        }
        self.incoming.read(out)
    }
}

impl Write for Buffers {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.outgoing.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Whether anything is still said on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Voice {
    Speaking,
    Silent,
    /// Over for good.
    Gone,
}

/// One session's connection.
#[derive(Debug)]
pub(super) struct StreamLink {
    end: HostEnd,
    socket: WebSocket<Buffers>,
    pub(super) session: SessionId,
    next_ping: Timestamp,
    held: Vec<(Timestamp, String)>,
    voice: Voice,
}

impl StreamLink {
    pub(super) fn new(end: HostEnd, session: SessionId, now: Timestamp) -> Self {
        let socket = WebSocket::from_raw_socket(Buffers::default(), Role::Server, None);
        let (held, voice) = (Vec::new(), Voice::Speaking);
        Self { end, socket, session, next_ping: now + PING_EVERY, held, voice }
    }

    /// Whether the connection is over.
    pub(super) fn is_over(&self, now: Timestamp) -> bool {
        self.voice == Voice::Gone || self.end.is_over(now)
    }

    /// Texts that have arrived. Pings are answered on the way.
    pub(super) fn receive(&mut self, now: Timestamp) -> Vec<String> {
        let mut bytes = Vec::new();
        self.end.receive(now, &mut bytes);
        self.socket.get_mut().incoming.extend(bytes);
        let mut texts = Vec::new();
        loop {
            match self.socket.read() {
                Ok(Message::Text(text)) => texts.push(text.as_str().to_owned()),
                Ok(_) => {}
                Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => {
                    self.hang_up(now);
                    break;
                }
            }
        }
        texts
    }

    /// Sends a text, or does with it what is to go wrong.
    pub(super) fn send(&mut self, now: Timestamp, text: &str, fault: FrameFault) {
        match fault {
            FrameFault::None => self.write(text),
            FrameFault::Lost => {}
            FrameFault::Repeated => {
                self.write(text);
                self.write(text);
            }
            FrameFault::Held(time) => self.held.push((now + time, text.to_owned())),
            FrameFault::Cut => {
                self.end.reset(now);
                self.voice = Voice::Gone;
            }
            FrameFault::Silence => self.fall_silent(),
        }
    }

    /// Says nothing any more, not even a ping; the connection stays.
    pub(super) fn fall_silent(&mut self) {
        if self.voice == Voice::Speaking {
            self.voice = Voice::Silent;
        }
    }

    /// Breaks the connection.
    pub(super) fn hang_up(&mut self, now: Timestamp) {
        self.end.reset(now);
        self.voice = Voice::Gone;
    }

    /// Pings and held frames that are due, and everything written goes on its way.
    pub(super) fn keep_time(&mut self, now: Timestamp) {
        while self.next_ping <= now {
            self.next_ping = self.next_ping + PING_EVERY;
            let ping = self.socket.write(Message::Ping("heartbeat".into()));
            debug_assert!(ping.is_ok(), "Invariant: memory takes every frame");
        }
        let due: Vec<_> = self.held.extract_if(.., |(at, _)| *at <= now).collect();
        for (_, text) in due {
            self.write(&text);
        }
        self.pass_on(now);
    }

    fn pass_on(&mut self, now: Timestamp) {
        // A session that the client has closed cannot be flushed; what it still owes is the echo.
        self.socket.flush().ok();
        let bytes = core::mem::take(&mut self.socket.get_mut().outgoing);
        if self.voice == Voice::Speaking && !bytes.is_empty() {
            self.end.send(now, Nanos::ZERO, &bytes);
        }
    }

    fn write(&mut self, text: &str) {
        if self.voice == Voice::Speaking && self.socket.can_write() {
            let written = self.socket.write(Message::text(text));
            debug_assert!(written.is_ok(), "Invariant: memory takes every frame");
        }
    }

    /// The next moment at which something happens here.
    pub(super) fn next(&self, now: Timestamp) -> Timestamp {
        let held = self.held.iter().map(|(at, _)| *at).min().unwrap_or(Timestamp::NEVER);
        self.end.next(now).min(self.next_ping).min(held)
    }
}
