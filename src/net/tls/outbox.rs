//! Sealed bytes on their way to the kernel: a fixed buffer, filled behind, emptied in front.
//!
//! Never grows, never reorders, never drops: what a partial send left is what the next one sends.

use std::io;

/// Room for [`super::TLS_BUFFER_BYTES`] sealed, twice: a batch of plaintext and, in front of it,
/// what an earlier partial send left.
const CAPACITY: usize = 2 * (super::TLS_BUFFER_BYTES + 1024);
/// Most that a record adds to its plaintext (TLS 1.2: header 5, nonce 8, tag 16; 1.3: 22).
const RECORD_OVERHEAD_BYTES: usize = 29;
/// Plaintext in a full record.
const RECORD_BYTES: usize = 16 * 1024;

/// The buffer.
pub(super) struct Outbox {
    bytes: Box<[u8]>,
    start: usize,
    end: usize,
}

impl Outbox {
    /// Takes all its memory at once.
    pub(super) fn new() -> Self {
        Self { bytes: vec![0; CAPACITY].into_boxed_slice(), start: 0, end: 0 }
    }

    /// How many bytes `plaintext` bytes take at most when sealed.
    pub(super) const fn sealed_bytes_max(plaintext: usize) -> usize {
        plaintext.saturating_add((plaintext / RECORD_BYTES + 1) * RECORD_OVERHEAD_BYTES)
    }

    /// What the kernel has not taken yet.
    pub(super) fn unsent(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// Whether the kernel has taken everything.
    pub(super) const fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Whether nothing can be added.
    pub(super) const fn is_full(&self) -> bool {
        self.end == CAPACITY
    }

    /// Reads where the next `count` bytes would go, so that they need not be fetched then.
    pub(super) fn fetch(&self, count: usize) {
        let next = &self.bytes[self.end..self.end.saturating_add(count).min(CAPACITY)];
        // One byte brings in a cache line.
        core::hint::black_box(next.iter().step_by(64).fold(0, |sum, byte| sum ^ byte));
    }

    /// How many bytes can be added.
    pub(super) const fn free(&self) -> usize {
        CAPACITY - self.end
    }

    /// The kernel took the first `count` bytes.
    pub(super) fn sent(&mut self, count: usize) {
        self.start += count;
        assert!(self.start <= self.end, "the kernel cannot take more than it was given");
        if self.is_empty() {
            (self.start, self.end) = (0, 0);
        }
    }
}

impl io::Write for Outbox {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let len = bytes.len().min(self.free());
        self.bytes[self.end..self.end + len].copy_from_slice(&bytes[..len]);
        self.end += len;
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn what_a_partial_send_left_comes_first() {
        let mut outbox = Outbox::new();
        outbox.write_all(b"abcdef").unwrap();
        outbox.sent(4);
        outbox.write_all(b"gh").unwrap();
        assert_eq!(outbox.unsent(), b"efgh");
        outbox.sent(4);
        assert!(outbox.is_empty());
        assert_eq!(outbox.free(), CAPACITY);
    }

    #[test]
    fn it_takes_what_fits_and_no_more() {
        let mut outbox = Outbox::new();
        assert_eq!(outbox.write(&vec![1; CAPACITY - 1]).unwrap(), CAPACITY - 1);
        assert_eq!(outbox.write(b"xy").unwrap(), 1);
        assert!(outbox.is_full());
        assert_eq!(outbox.write(b"z").unwrap(), 0);
    }

    #[test]
    fn a_full_batch_fits_behind_another() {
        assert!(2 * Outbox::sealed_bytes_max(crate::net::tls::TLS_BUFFER_BYTES) <= CAPACITY);
    }
}
