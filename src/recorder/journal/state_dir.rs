//! The state directory: one owner, one engine at a time, numbered journal segments.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use super::JournalError;

/// Held by the engine that uses the directory.
const LOCK_FILE: &str = "lock";
/// Names the account and mode the directory belongs to.
const OWNER_FILE: &str = "owner";
/// Longest owner line that is read.
const OWNER_BYTES_MAX: usize = 256;

/// A state directory this process holds the lock of. The lock ends with the last of its holders,
/// also when the process is killed.
#[derive(Debug)]
pub struct StateDir {
    path: PathBuf,
    lock: File,
}

impl StateDir {
    /// Creates or opens `path` for `owner`: a line that names account and mode, e.g.
    /// `demo 8c35ecb3-328f-4f52-8c7c-0f4b9862f8d1`.
    ///
    /// # Errors
    /// [`JournalError::Locked`] when another engine uses it, [`JournalError::OwnedByOther`] when
    /// it belongs to another account or mode, [`JournalError::Io`] when it cannot be used.
    pub fn open(path: &Path, owner: &str) -> Result<Self, JournalError> {
        debug_assert!(owner.len() <= OWNER_BYTES_MAX, "Invariant: an owner is a short line");
        fs::create_dir_all(path)
            .map_err(|error| JournalError::io("create state directory", path, error))?;
        let lock_path = path.join(LOCK_FILE);
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&lock_path)
            .map_err(|error| JournalError::io("write to state directory", path, error))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(JournalError::Locked { path: path.to_path_buf() });
            }
            Err(TryLockError::Error(error)) => {
                return Err(JournalError::io("lock state directory", path, error));
            }
        }
        let dir = Self { path: path.to_path_buf(), lock };
        dir.claim(owner)?;
        Ok(dir)
    }

    /// The directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whose `path` is, without taking it; `None` when it is nobody's yet.
    ///
    /// # Errors
    /// [`JournalError::Io`] when it cannot be read.
    pub fn owner_of(path: &Path) -> Result<Option<String>, JournalError> {
        let file = path.join(OWNER_FILE);
        match fs::read_to_string(&file) {
            Ok(text) => {
                let owner: String = text.trim_end().chars().take(OWNER_BYTES_MAX).collect();
                Ok(Some(owner).filter(|owner| !owner.is_empty()))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(JournalError::io("read", &file, error)),
        }
    }

    /// Writes the owner into a new directory, compares it in an old one.
    fn claim(&self, wanted: &str) -> Result<(), JournalError> {
        let path = self.path.join(OWNER_FILE);
        match fs::read_to_string(&path) {
            Ok(text) if text.trim_end().is_empty() => self.write_owner(&path, wanted),
            Ok(text) if text.trim_end() == wanted => Ok(()),
            Ok(text) => Err(JournalError::OwnedByOther {
                path: self.path.clone(),
                owner: text.trim_end().chars().take(OWNER_BYTES_MAX).collect(),
                wanted: wanted.to_owned(),
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.write_owner(&path, wanted)
            }
            Err(error) => Err(JournalError::io("read", &path, error)),
        }
    }

    fn write_owner(&self, path: &Path, wanted: &str) -> Result<(), JournalError> {
        fs::write(path, format!("{wanted}\n"))
            .map_err(|error| JournalError::io("write to state directory", &self.path, error))
    }

    /// Another holder of the same lock.
    pub(super) fn share_lock(&self) -> Result<File, JournalError> {
        self.lock
            .try_clone()
            .map_err(|error| JournalError::io("share the lock of", &self.path, error))
    }
}

/// File name of a segment.
pub(super) fn segment_path(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("journal-{number:08}.kxj"))
}

/// All segments in `dir`, by number.
pub(super) fn segments(dir: &Path) -> Result<Vec<(u64, PathBuf)>, JournalError> {
    let listing = fs::read_dir(dir).map_err(|error| JournalError::io("list", dir, error))?;
    let mut found = Vec::new();
    for item in listing {
        let path = item.map_err(|error| JournalError::io("list", dir, error))?.path();
        if let Some(number) = segment_number(&path) {
            found.push((number, path));
        }
    }
    found.sort_unstable();
    Ok(found)
}

fn segment_number(path: &Path) -> Option<u64> {
    let name = path.file_name()?.to_str()?;
    name.strip_prefix("journal-")?.strip_suffix(".kxj")?.parse().ok()
}
