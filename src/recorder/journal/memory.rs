//! A journal in memory, for simulation: the same bytes as one segment file.

use super::frame::{self, FILE_HEAD_BYTES, FRAME_BYTES_MAX, FileHead};
use super::{Entry, Journal, JournalError};
use crate::ids::RunId;
use crate::units::Now;

/// Grows without bound; identical input gives identical bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemoryJournal {
    bytes: Vec<u8>,
    next_seq: u64,
}

impl MemoryJournal {
    /// An empty journal of `run`.
    #[must_use]
    pub fn new(run: RunId) -> Self {
        let head = FileHead { run, segment: 0, first_seq: 1 };
        Self { bytes: head.to_bytes().to_vec(), next_seq: 1 }
    }

    /// A segment file's bytes, readable by [`JournalReader`](super::JournalReader).
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How many entries there are.
    #[must_use]
    pub const fn entries(&self) -> u64 {
        self.next_seq - 1
    }
}

impl Journal for MemoryJournal {
    fn append(&mut self, now: Now, entry: &Entry) -> Result<(), JournalError> {
        let at = self.bytes.len();
        debug_assert!(at >= FILE_HEAD_BYTES, "Invariant: the head comes first");
        self.bytes.resize(at + FRAME_BYTES_MAX, 0);
        let written = frame::write(&mut self.bytes[at..], self.next_seq, now, entry);
        self.bytes.truncate(at + written.unwrap_or(0));
        if written.is_none() {
            return Err(JournalError::TooLarge { bytes_max: FRAME_BYTES_MAX });
        }
        self.next_seq += 1;
        Ok(())
    }
}
