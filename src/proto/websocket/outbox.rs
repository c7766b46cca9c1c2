//! Outgoing half of a WebSocket session: payloads in; masked frames out.
//!
//! Frames are encoded at once into one buffer of fixed size and leave in order. Masks exist to
//! keep proxies from misreading client bytes, not to hide anything (RFC 6455 §10.3); inside TLS
//! a seeded generator is as good as any, and it keeps a simulated run reproducible.

use std::io::Cursor;

use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::OpCode;

/// The frame does not fit beside what has not been sent yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("outgoing buffer is full")]
pub struct OutboxFull;

/// Encoded frames that wait for the socket.
#[derive(Debug)]
pub(super) struct Outbox {
    bytes: Box<[u8]>,
    start: usize,
    end: usize,
    mask_state: u64,
}

impl Outbox {
    pub(super) fn new(mask_seed: u64, bytes_max: usize) -> Self {
        let bytes = vec![b' '; bytes_max].into_boxed_slice();
        // The generator's one fixed point is zero.
        Self { bytes, start: 0, end: 0, mask_state: mask_seed | 1 }
    }

    /// Forgets what was not sent: a new connection begins. The mask sequence goes on.
    pub(super) const fn reset(&mut self) {
        self.start = 0;
        self.end = 0;
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Encodes one final frame.
    pub(super) fn push(&mut self, opcode: OpCode, payload: &[u8]) -> Result<(), OutboxFull> {
        if self.is_empty() {
            self.reset();
        }
        let mask = self.next_mask();
        let header = FrameHeader { opcode, mask: Some(mask), ..FrameHeader::default() };
        let length = payload.len() as u64;
        let head_bytes = header.len(length);
        let frame = self.bytes[self.end..].get_mut(..head_bytes + payload.len());
        let frame = frame.ok_or(OutboxFull)?;
        let (head, body) = frame.split_at_mut(head_bytes);
        let mut cursor = Cursor::new(head);
        header.format(length, &mut cursor).map_err(|_| OutboxFull)?;
        for (index, (out, byte)) in body.iter_mut().zip(payload).enumerate() {
            *out = byte ^ mask[index % mask.len()];
        }
        self.end += head_bytes + payload.len();
        Ok(())
    }

    /// Moves what fits of the encoded bytes into `out`.
    pub(super) fn drain(&mut self, out: &mut [u8]) -> usize {
        let count = out.len().min(self.end - self.start);
        out[..count].copy_from_slice(&self.bytes[self.start..self.start + count]);
        self.start += count;
        count
    }

    /// xorshift64*: enough to make masks differ.
    const fn next_mask(&mut self) -> [u8; 4] {
        self.mask_state ^= self.mask_state >> 12;
        self.mask_state ^= self.mask_state << 25;
        self.mask_state ^= self.mask_state >> 27;
        let mixed = self.mask_state.wrapping_mul(0x2545_f491_4f6c_dd1d).to_be_bytes();
        [mixed[0], mixed[1], mixed[2], mixed[3]]
    }
}
