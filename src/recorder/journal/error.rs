//! What can go wrong with a journal, and whose fault it is.

use std::io;
use std::path::{Path, PathBuf};

/// A journal could not be opened, written or read. Each fits "failed to …".
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// No segment is ready for the next entry: the disk is full or the recorder has stopped.
    #[error("append to the journal: no segment is ready (disk full, or the recorder stopped)")]
    Full,
    /// An entry larger than any entry may be: a bug of ours.
    #[error("append to the journal: the entry exceeds {bytes_max} bytes")]
    TooLarge {
        /// The bound.
        bytes_max: usize,
    },
    /// The disk has no room for another segment.
    #[error("make journal segment {path}: the disk has no room for {bytes} bytes")]
    DiskFull {
        /// The file.
        path: PathBuf,
        /// How much was asked for.
        bytes: usize,
    },
    /// The directory or a file in it cannot be used.
    #[error("{doing} {path}: {source}")]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// Another engine holds the directory.
    #[error("lock state directory {path}: another engine is using it")]
    Locked {
        /// The directory.
        path: PathBuf,
    },
    /// The directory belongs to another account or mode.
    #[error("use state directory {path}: it belongs to {owner}, this run is {wanted}")]
    OwnedByOther {
        /// The directory.
        path: PathBuf,
        /// Whose it is.
        owner: String,
        /// Who asked.
        wanted: String,
    },
    /// The path holds no journal.
    #[error("read journal {path}: it is not a journal of this program")]
    NotAJournal {
        /// The file or directory.
        path: PathBuf,
    },
    /// The journal was written by a version with another layout.
    #[error("read journal {path}: its version is {found}, this program reads {expected}")]
    Version {
        /// The file.
        path: PathBuf,
        /// The file's version.
        found: u32,
        /// Ours.
        expected: u32,
    },
    /// Bytes before the end are not what was written: the disk lost or changed them.
    #[error("read journal {path}: damaged at byte {offset}, entries after it exist")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where the first bad byte is.
        offset: usize,
    },
    /// A segment is missing between two others.
    #[error("read journal {path}: starts at entry {found}, entry {expected} comes next")]
    Gap {
        /// The later file.
        path: PathBuf,
        /// Its first entry.
        found: u64,
        /// The entry after the last one read.
        expected: u64,
    },
    /// An intact record holds no entry of this version.
    #[error("read journal {path}: entry {seq} is of no known kind or shape")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The entry's number.
        seq: u64,
    },
}

impl JournalError {
    /// Why a segment of so many bytes could not be made.
    pub(crate) fn unmade(path: &Path, bytes: usize, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Self::DiskFull { path: path.to_path_buf(), bytes }
            }
            _ => Self::io("make journal segment", path, source),
        }
    }

    /// Wraps the system's error on `path`.
    pub(crate) fn io(doing: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io { doing, path: path.to_path_buf(), source }
    }
}
