//! Incoming half of a WebSocket session: raw bytes in; whole messages and control frames out.
//!
//! A text message that came in one frame stays where the socket put it and is handed out as a
//! range of the raw buffer; only fragmented messages are copied together. Buffers have their
//! final size from the start. Never answers anything: that is the session's part.

use core::ops::Range;
use std::io::Cursor;

use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{CloseCode, Control, Data, OpCode};

/// Longest control frame payload (RFC 6455 §5.5).
pub(super) const CONTROL_BYTES_MAX: usize = 125;
/// Longest header of an unmasked frame: two bytes and a 64-bit length.
const HEADER_BYTES_MAX: usize = 10;
/// Room for one read beside the longest unfinished frame: a TLS record.
const READ_BYTES_MIN: usize = 16 * 1024;

/// How the peer broke the protocol, or asked for what this client does not speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// A reserved bit is set although no extension was negotiated.
    #[error("a reserved bit is set")]
    ReservedBit,
    /// An opcode RFC 6455 does not define.
    #[error("unknown opcode")]
    Opcode,
    /// A server must not mask.
    #[error("a server frame is masked")]
    Masked,
    /// A control frame is fragmented.
    #[error("a control frame is fragmented")]
    ControlFragmented,
    /// A control frame is longer than 125 bytes.
    #[error("a control frame is too long")]
    ControlTooLong,
    /// A continuation without a beginning.
    #[error("a continuation continues nothing")]
    ContinuesNothing,
    /// A new message inside an unfinished one.
    #[error("a message begins inside another")]
    Interleaved,
    /// A close frame whose payload is one byte, or whose code must not be sent.
    #[error("a close frame is malformed")]
    Close,
    /// The exchange speaks text only.
    #[error("a binary message")]
    Binary,
    /// Text or close reason is not UTF-8.
    #[error("text is not utf-8")]
    Encoding,
    /// Longer than the configured maximum.
    #[error("a message is too long")]
    TooLong,
}

impl Violation {
    /// The close code that tells the peer (RFC 6455 §7.4.1).
    #[must_use]
    pub const fn close_code(self) -> u16 {
        match self {
            Self::Binary => 1003,
            Self::Encoding => 1007,
            Self::TooLong => 1009,
            Self::ReservedBit
            | Self::Opcode
            | Self::Masked
            | Self::ControlFragmented
            | Self::ControlTooLong
            | Self::ContinuesNothing
            | Self::Interleaved
            | Self::Close => 1002,
        }
    }
}

/// Where a message's bytes are; valid until the next [`Inbox::space`].
#[derive(Clone, Debug)]
pub(super) enum Place {
    /// In the raw buffer, untouched.
    Raw(Range<usize>),
    /// At the start of the assembly buffer.
    Assembled(usize),
}

/// One thing the peer said.
#[derive(Clone, Debug)]
pub(super) enum Incoming {
    /// A whole text message, not yet checked to be UTF-8.
    Text(Place),
    /// A whole binary message; only where they are taken.
    Binary(Place),
    /// To be answered with a pong of the same payload.
    Ping(Range<usize>),
    /// An answer to our ping, or an unasked one.
    Pong(Range<usize>),
    /// The peer closes, with its code if it gave one.
    Close(Option<u16>),
}

/// What kind of message it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Binary,
}

impl Kind {
    const fn incoming(self, place: Place) -> Incoming {
        match self {
            Self::Text => Incoming::Text(place),
            Self::Binary => Incoming::Binary(place),
        }
    }
}

/// The unfinished fragmented message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fragments {
    /// There is none.
    Whole,
    /// It is of this kind, and this many bytes have been copied together.
    Open(Kind, usize),
}

/// Whether binary messages are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BinaryMessages {
    /// They end the session with 1003: the exchange speaks text only.
    Refused,
    /// They are told like text.
    Taken,
}

/// Raw bytes, and the message being put together from fragments.
#[derive(Debug)]
pub(super) struct Inbox {
    raw: Box<[u8]>,
    start: usize,
    end: usize,
    assembled: Box<[u8]>,
    fragments: Fragments,
    /// How much of the unfinished text message is known to be UTF-8.
    checked: usize,
    message_bytes_max: usize,
    binary: BinaryMessages,
}

impl Inbox {
    /// Allocates and touches every buffer for messages of at most `message_bytes_max`.
    pub(super) fn new(message_bytes_max: usize, binary: BinaryMessages) -> Self {
        let raw_bytes = message_bytes_max + HEADER_BYTES_MAX + READ_BYTES_MIN;
        // Spaces, not zeros: zeroed memory would be mapped lazily and fault on the hot path.
        Self {
            raw: vec![b' '; raw_bytes].into_boxed_slice(),
            start: 0,
            end: 0,
            assembled: vec![b' '; message_bytes_max].into_boxed_slice(),
            fragments: Fragments::Whole,
            checked: 0,
            message_bytes_max,
            binary,
        }
    }

    /// Forgets everything: a new connection begins.
    pub(super) const fn reset(&mut self) {
        self.start = 0;
        self.end = 0;
        self.fragments = Fragments::Whole;
        self.checked = 0;
    }

    /// Where the next bytes go. Never empty once [`Self::next`] has returned `None`.
    pub(super) fn space(&mut self) -> &mut [u8] {
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
        } else if self.raw.len() - self.end < READ_BYTES_MIN {
            self.raw.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        &mut self.raw[self.end..]
    }

    /// The first `count` bytes of [`Self::space`] were filled.
    pub(super) fn filled(&mut self, count: usize) {
        assert!(count <= self.raw.len() - self.end, "no more than there was space for");
        self.end += count;
    }

    /// The bytes of a message or a control payload.
    pub(super) fn bytes(&self, place: &Place) -> &[u8] {
        match place {
            Place::Raw(range) => &self.raw[range.clone()],
            Place::Assembled(len) => &self.assembled[..*len],
        }
    }

    /// The next whole message or control frame, or `None` when more bytes are needed.
    pub(super) fn next(&mut self) -> Result<Option<Incoming>, Violation> {
        // Bounded: every turn consumes a frame's header of what is buffered.
        while let Some((header, payload)) = self.next_frame()? {
            let incoming = match header.opcode {
                OpCode::Control(control) => Some(self.control(control, payload)?),
                OpCode::Data(data) => self.data(data, header.is_final, payload)?,
            };
            if incoming.is_some() {
                return Ok(incoming);
            }
        }
        Ok(None)
    }

    /// Consumes one complete frame.
    fn next_frame(&mut self) -> Result<Option<(FrameHeader, Range<usize>)>, Violation> {
        let mut cursor = Cursor::new(&self.raw[self.start..self.end]);
        // The codec's only error on memory is an undefined opcode.
        let parsed = FrameHeader::parse(&mut cursor).map_err(|_| Violation::Opcode)?;
        let Some((header, length)) = parsed else {
            return Ok(None);
        };
        let length = self.check(&header, length)?;
        let at = usize::try_from(cursor.position()).map_err(|_| Violation::TooLong)? + self.start;
        if self.end - at < length {
            self.check_unfinished(&header, at..self.end)?;
            return Ok(None);
        }
        self.start = at + length;
        Ok(Some((header, at..at + length)))
    }

    /// Refuses a frame on its header alone, before its payload is waited for.
    fn check(&self, header: &FrameHeader, length: u64) -> Result<usize, Violation> {
        if header.rsv1 || header.rsv2 || header.rsv3 {
            return Err(Violation::ReservedBit);
        }
        if header.mask.is_some() {
            return Err(Violation::Masked);
        }
        let length = usize::try_from(length).map_err(|_| Violation::TooLong)?;
        if let OpCode::Control(_) = header.opcode {
            return match (header.is_final, length <= CONTROL_BYTES_MAX) {
                (true, true) => Ok(length),
                (false, _) => Err(Violation::ControlFragmented),
                (true, false) => Err(Violation::ControlTooLong),
            };
        }
        let before = match self.fragments {
            Fragments::Whole => 0,
            Fragments::Open(_, len) => len,
        };
        if length > self.message_bytes_max - before { Err(Violation::TooLong) } else { Ok(length) }
    }

    fn control(&self, control: Control, payload: Range<usize>) -> Result<Incoming, Violation> {
        match control {
            Control::Ping => Ok(Incoming::Ping(payload)),
            Control::Pong => Ok(Incoming::Pong(payload)),
            Control::Close => close_code(&self.raw[payload]).map(Incoming::Close),
            Control::Reserved(_) => Err(Violation::Opcode),
        }
    }

    fn data(
        &mut self,
        data: Data,
        is_final: bool,
        payload: Range<usize>,
    ) -> Result<Option<Incoming>, Violation> {
        let (kind, before) = match (data, self.fragments) {
            (Data::Text, Fragments::Whole) => (Kind::Text, 0),
            (Data::Binary, Fragments::Whole) if self.binary == BinaryMessages::Taken => {
                (Kind::Binary, 0)
            }
            (Data::Binary, Fragments::Whole) => return Err(Violation::Binary),
            (Data::Continue, Fragments::Open(kind, len)) => (kind, len),
            (Data::Continue, Fragments::Whole) => return Err(Violation::ContinuesNothing),
            (Data::Text | Data::Binary, Fragments::Open(..)) => return Err(Violation::Interleaved),
            (Data::Reserved(_), _) => return Err(Violation::Opcode),
        };
        if is_final && data != Data::Continue {
            self.checked = 0;
            return Ok(Some(kind.incoming(Place::Raw(payload))));
        }
        let len = self.assemble(before, payload);
        if is_final {
            self.fragments = Fragments::Whole;
            self.checked = 0;
            return Ok(Some(kind.incoming(Place::Assembled(len))));
        }
        self.fragments = Fragments::Open(kind, len);
        if kind == Kind::Text {
            self.check_text(len)?;
        }
        Ok(None)
    }

    /// Copies a payload behind the `before` bytes that are together already.
    fn assemble(&mut self, before: usize, payload: Range<usize>) -> usize {
        let len = before + payload.len();
        self.assembled[before..len].copy_from_slice(&self.raw[payload]);
        len
    }

    /// Checks the text of a frame that has come in part: what is wrong already cannot be made
    /// good by the rest, and a peer that sends slowly hears of it at once.
    fn check_unfinished(
        &mut self,
        header: &FrameHeader,
        payload: Range<usize>,
    ) -> Result<(), Violation> {
        let before = match (header.opcode, self.fragments) {
            (OpCode::Data(Data::Text), Fragments::Whole) => 0,
            (OpCode::Data(Data::Continue), Fragments::Open(Kind::Text, len)) => len,
            _ => return Ok(()),
        };
        let len = self.assemble(before, payload);
        self.check_text(len)
    }

    /// Whether the first `len` assembled bytes can still become UTF-8.
    fn check_text(&mut self, len: usize) -> Result<(), Violation> {
        match core::str::from_utf8(&self.assembled[self.checked..len]) {
            Ok(_) => self.checked = len,
            Err(error) if error.error_len().is_none() => self.checked += error.valid_up_to(),
            Err(_) => return Err(Violation::Encoding),
        }
        Ok(())
    }
}

/// Reads a close frame's payload: nothing, or a code and a UTF-8 reason.
fn close_code(payload: &[u8]) -> Result<Option<u16>, Violation> {
    match payload {
        [] => Ok(None),
        [_] => Err(Violation::Close),
        [high, low, reason @ ..] => {
            let code = u16::from_be_bytes([*high, *low]);
            if !CloseCode::from(code).is_allowed() {
                return Err(Violation::Close);
            }
            core::str::from_utf8(reason).map_err(|_| Violation::Encoding)?;
            Ok(Some(code))
        }
    }
}
