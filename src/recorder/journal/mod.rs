//! Journal: every input and output of the oms, append-only, checksummed, replayable.
//!
//! The oms writes it itself, before it acts: an append is a copy of 100–300 bytes into a shared
//! file mapping, without a system call. The page cache survives the process, so the intent is
//! there after a `kill -9` whatever the socket did. A cold thread of its own does the rest: makes
//! the next segment before it is needed (with its disk blocks, so that a full disk is met there
//! and not in the middle of a write), keeps pages present ahead of the writer, and syncs.
//!
//! When no segment is ready, an append answers [`JournalError::Full`] and the oms halts.

mod care;
mod entry;
mod error;
mod frame;
mod keeper;
mod mapped;
mod memory;
mod reader;
mod state_dir;

#[cfg(test)]
mod tests;

pub use care::{Health, JournalCare};
pub use entry::{Chunk, Entry};
pub use error::JournalError;
pub use frame::{FRAME_BYTES_MAX, Header, VERSION};
pub use keeper::SegmentKeeper;
pub use mapped::{MappedJournal, Opened, SEGMENT_BYTES};
pub use memory::MemoryJournal;
pub use reader::{COPY_FILE, JournalReader, Torn, copy_run};
pub use state_dir::StateDir;

use crate::units::Now;

/// Where the oms writes down what it takes in and gives out.
pub trait Journal: Send {
    /// Adds an entry. When this returns, the entry survives the end of the process.
    ///
    /// # Errors
    /// [`JournalError::Full`] when it cannot be kept: the caller must not act on it, and halts.
    fn append(&mut self, now: Now, entry: &Entry) -> Result<(), JournalError>;

    /// Does with `entry` what appending does and keeps nothing of it, so that code and memory
    /// stay in the caches. For idle moments.
    fn rehearse(&mut self, _now: Now, _entry: &Entry) {}
}
