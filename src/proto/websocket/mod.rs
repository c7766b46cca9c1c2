//! WebSocket client session, sans-IO: bytes and time in; events, bytes and a deadline out.
//!
//! Methods come in three families, named as in quinn-proto: `handle_*` takes input from the
//! world, `poll_*` hands output to the caller, everything else is a plain getter. Pings are
//! answered and silence is noticed here. Nothing here owns a socket, reads a clock or allocates
//! after [`Session::new`].
//!
//! A session begins after the upgrade, which the dialler makes, and speaks no extension.

mod inbox;
mod outbox;
#[cfg(test)]
mod tests;

use tungstenite::protocol::frame::coding::{Control, Data, OpCode};

use crate::units::{Nanos, Timestamp};

pub use inbox::{BinaryMessages, Violation};
use inbox::{CONTROL_BYTES_MAX, Inbox, Incoming, Place};
use outbox::Outbox;
pub use outbox::OutboxFull;

/// Bounds of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionConfig {
    /// Longest message taken; a longer one closes the session with 1009.
    pub message_bytes_max: usize,
    /// After this much silence we ping.
    pub ping_after: Nanos,
    /// After this much silence the session is lost.
    pub silence_max: Nanos,
    /// Room for frames that wait for the socket.
    pub output_bytes_max: usize,
    /// Whether binary messages are taken.
    pub binary: BinaryMessages,
    /// Start of the mask sequence.
    pub mask_seed: u64,
}

impl Default for SessionConfig {
    /// The exchange pings every 10 s when it is quiet (reference §4): two missed pings and a half
    /// are silence. Its largest documented message for the account's channels is below 2 KiB; the
    /// bound leaves room for book snapshots. Our commands are some hundred bytes and rare, control
    /// frames 131 bytes at most.
    fn default() -> Self {
        Self {
            message_bytes_max: 1 << 20,
            ping_after: Nanos::from_secs(10),
            silence_max: Nanos::from_secs(25),
            output_bytes_max: 16 * 1024,
            binary: BinaryMessages::Refused,
            mask_seed: 1,
        }
    }
}

/// What a session tells its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A whole text message; the bytes stay where the socket put them.
    Text(&'a str),
    /// A whole binary message, where [`SessionConfig::binary`] takes them.
    Binary(&'a [u8]),
    /// The peer answered a ping of ours that had this payload.
    Pong(&'a [u8]),
    /// Nothing more will come; said once. Send what [`Session::poll_transmit`] still has, then
    /// drop the connection.
    Ended(End),
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum End {
    /// The peer closed, with its code if it gave one.
    #[error("closed by peer, code {0:?}")]
    ByPeer(Option<u16>),
    /// The peer broke the protocol.
    #[error("protocol violation: {0}")]
    Violation(Violation),
    /// Nothing was heard for [`SessionConfig::silence_max`].
    #[error("silence")]
    Silence,
}

/// Whether the session still speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Open,
    /// Over, and the owner has yet to hear of it.
    Ending(End),
    Over,
}

/// The latest ping whose answer found no room. Only the latest needs an answer then (RFC 6455
/// §5.5.3), so a peer that pings faster than we write costs no memory.
#[derive(Clone, Copy, Debug)]
struct PongDue {
    payload: [u8; CONTROL_BYTES_MAX],
    len: usize,
}

/// One WebSocket connection's state.
#[derive(Debug)]
pub struct Session {
    config: SessionConfig,
    inbox: Inbox,
    outbox: Outbox,
    phase: Phase,
    last_heard: Timestamp,
    /// Whether we have pinged since we last heard anything.
    pinged: bool,
    ping_due: bool,
    pong_due: Option<PongDue>,
    close_due: Option<u16>,
}

impl Session {
    /// Allocates every buffer. The connection was upgraded at `now`.
    #[must_use]
    pub fn new(config: SessionConfig, now: Timestamp) -> Self {
        Self {
            config,
            inbox: Inbox::new(config.message_bytes_max, config.binary),
            outbox: Outbox::new(config.mask_seed, config.output_bytes_max),
            phase: Phase::Open,
            last_heard: now,
            pinged: false,
            ping_due: false,
            pong_due: None,
            close_due: None,
        }
    }

    /// Starts over on a new connection, upgraded at `now`, with the buffers of the old one.
    pub const fn reset(&mut self, now: Timestamp) {
        self.inbox.reset();
        self.outbox.reset();
        self.phase = Phase::Open;
        self.last_heard = now;
        self.pinged = false;
        self.ping_due = false;
        self.pong_due = None;
        self.close_due = None;
    }

    /// Where the socket may put its next bytes. Never empty after [`Self::poll_event`] gave `None`.
    pub fn space(&mut self) -> &mut [u8] {
        self.inbox.space()
    }

    /// Input: the socket put `count` bytes into [`Self::space`] at `now`.
    ///
    /// # Panics
    /// When `count` exceeds the space there was.
    pub fn handle_filled(&mut self, now: Timestamp, count: usize) {
        debug_assert!(now >= self.last_heard, "Invariant: time does not go back");
        self.inbox.filled(count);
        if count > 0 {
            self.last_heard = now;
            self.pinged = false;
            self.ping_due = false;
        }
    }

    /// Input: bytes that the socket delivered at `now`. Returns how many were taken: all of them,
    /// unless events were left unpolled or more came than one buffer holds.
    pub fn handle_bytes(&mut self, now: Timestamp, bytes: &[u8]) -> usize {
        let space = self.space();
        let count = bytes.len().min(space.len());
        space[..count].copy_from_slice(&bytes[..count]);
        self.handle_filled(now, count);
        count
    }

    /// Input: time has reached [`Self::deadline`].
    pub fn handle_timeout(&mut self, now: Timestamp) {
        if self.phase != Phase::Open {
            return;
        }
        let silence = now.since(self.last_heard);
        if silence >= self.config.silence_max {
            // The peer is not there to read a close frame.
            self.phase = Phase::Ending(End::Silence);
        } else if silence >= self.config.ping_after && !self.pinged {
            self.pinged = true;
            self.ping_due = true;
        }
    }

    /// When to call [`Self::handle_timeout`].
    #[must_use]
    pub fn deadline(&self) -> Timestamp {
        match (self.phase, self.pinged) {
            (Phase::Open, false) => self.last_heard + self.config.ping_after,
            (Phase::Open, true) => self.last_heard + self.config.silence_max,
            (Phase::Ending(_) | Phase::Over, _) => Timestamp::NEVER,
        }
    }

    /// Queues a text message.
    ///
    /// # Errors
    /// [`OutboxFull`] when it does not fit beside what has not been sent yet, or the session ended.
    pub fn send_text(&mut self, text: &str) -> Result<(), OutboxFull> {
        if self.phase != Phase::Open {
            return Err(OutboxFull);
        }
        self.outbox.push(OpCode::Data(Data::Text), text.as_bytes())
    }

    /// Queues a binary message.
    ///
    /// # Errors
    /// As [`Self::send_text`].
    pub fn send_binary(&mut self, bytes: &[u8]) -> Result<(), OutboxFull> {
        if self.phase != Phase::Open {
            return Err(OutboxFull);
        }
        self.outbox.push(OpCode::Data(Data::Binary), bytes)
    }

    /// Queues a ping besides those that silence causes; its answer is [`Event::Pong`].
    ///
    /// # Errors
    /// As [`Self::send_text`], and when no control frame can be so long.
    pub fn send_ping(&mut self, payload: &[u8]) -> Result<(), OutboxFull> {
        if self.phase != Phase::Open || payload.len() > CONTROL_BYTES_MAX {
            return Err(OutboxFull);
        }
        self.outbox.push(OpCode::Control(Control::Ping), payload)
    }

    /// Ends the session from our side with a close frame; no further event comes.
    pub const fn close(&mut self, code: u16) {
        if matches!(self.phase, Phase::Open) {
            self.close_due = Some(code);
            self.phase = Phase::Over;
        }
    }

    /// Output: call until `None`.
    pub fn poll_event(&mut self) -> Option<Event<'_>> {
        // Bounded: every turn consumes one ping of what is buffered, or ends the session.
        let place = loop {
            match self.phase {
                Phase::Open => {}
                Phase::Over => return None,
                Phase::Ending(end) => {
                    self.phase = Phase::Over;
                    return Some(Event::Ended(end));
                }
            }
            match self.inbox.next() {
                Ok(None) => return None,
                Ok(Some(Incoming::Text(place))) => break place,
                Ok(Some(Incoming::Binary(place))) => {
                    return Some(Event::Binary(self.inbox.bytes(&place)));
                }
                Ok(Some(Incoming::Pong(range))) => {
                    return Some(Event::Pong(self.inbox.bytes(&Place::Raw(range))));
                }
                Ok(Some(Incoming::Ping(range))) => self.note_ping(range),
                Ok(Some(Incoming::Close(code))) => self.end(End::ByPeer(code)),
                Err(violation) => self.end(End::Violation(violation)),
            }
        };
        match core::str::from_utf8(self.inbox.bytes(&place)) {
            Ok(text) => Some(Event::Text(text)),
            Err(_) => {
                self.close_due = Some(Violation::Encoding.close_code());
                self.phase = Phase::Over;
                Some(Event::Ended(End::Violation(Violation::Encoding)))
            }
        }
    }

    /// Whether [`Self::poll_transmit`] has anything.
    #[must_use]
    pub const fn has_output(&self) -> bool {
        !self.outbox.is_empty()
            || self.ping_due
            || self.pong_due.is_some()
            || self.close_due.is_some()
    }

    /// Output: writes pending frames into `out`, returns how many bytes. Call until 0.
    pub fn poll_transmit(&mut self, out: &mut [u8]) -> usize {
        if self.outbox.is_empty() {
            self.encode_control();
        }
        self.outbox.drain(out)
    }

    fn note_ping(&mut self, range: core::ops::Range<usize>) {
        let bytes = self.inbox.bytes(&Place::Raw(range));
        let free = self.pong_due.is_none();
        if free && self.outbox.push(OpCode::Control(Control::Pong), bytes).is_ok() {
            return;
        }
        let mut due = PongDue { payload: [0; CONTROL_BYTES_MAX], len: bytes.len() };
        due.payload[..bytes.len()].copy_from_slice(bytes);
        self.pong_due = Some(due);
    }

    const fn end(&mut self, end: End) {
        self.close_due = match end {
            // A close is echoed; without a code the echo says "normal".
            End::ByPeer(Some(code)) => Some(code),
            End::ByPeer(None) => Some(1000),
            End::Violation(violation) => Some(violation.close_code()),
            End::Silence => None,
        };
        self.phase = Phase::Ending(end);
    }

    /// Encodes due control frames; only called with an empty outbox, where they all fit.
    fn encode_control(&mut self) {
        let mut push = |control, payload: &[u8]| {
            let pushed = self.outbox.push(OpCode::Control(control), payload);
            debug_assert!(pushed.is_ok(), "Invariant: control frames fit an empty outbox");
        };
        if let Some(pong) = self.pong_due.take() {
            push(Control::Pong, &pong.payload[..pong.len]);
        }
        if core::mem::take(&mut self.ping_due) {
            push(Control::Ping, b"");
        }
        if let Some(code) = self.close_due.take() {
            push(Control::Close, &code.to_be_bytes());
        }
    }
}
