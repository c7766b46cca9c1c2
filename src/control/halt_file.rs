//! The halt file: a file named `halt` in the state directory stops trading by being there.
//!
//! In: the directory, looked at a few times a second and before the start. Out: the reason, once
//! per appearance. What cannot be read is a halt all the same.

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use crate::ids::Reason;

/// The file in a state directory.
const HALT_FILE: &str = "halt";

/// As much of it as is read: more than a reason keeps.
const TEXT_BYTES_MAX: u64 = 1_024;

/// Watches for the file.
#[derive(Debug)]
pub struct HaltFile {
    path: PathBuf,
    seen: bool,
}

impl HaltFile {
    /// Watches `dir`, where nothing has been seen yet.
    #[must_use]
    pub fn new(dir: &Path) -> Self {
        Self { path: dir.join(HALT_FILE), seen: false }
    }

    /// Where it is, or would be.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it is there now.
    #[must_use]
    pub fn is_there(&self) -> bool {
        // What cannot be looked at may be there.
        self.path.try_exists().unwrap_or(true)
    }

    /// The reason, when the file has appeared since the last look.
    pub fn look(&mut self) -> Option<Reason> {
        let text = match File::open(&self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                self.seen = false;
                return None;
            }
            Err(error) => error.to_string(),
            Ok(file) => {
                let mut bytes = Vec::new();
                match file.take(TEXT_BYTES_MAX).read_to_end(&mut bytes) {
                    Ok(_) => String::from_utf8_lossy(&bytes).trim().to_owned(),
                    Err(error) => error.to_string(),
                }
            }
        };
        if core::mem::replace(&mut self.seen, true) {
            return None;
        }
        let text = if text.is_empty() { "empty" } else { &text };
        Some(Reason::lossy(&format!("halt file: {text}")))
    }

    /// Leaves a file for the next start to find.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn leave(dir: &Path, reason: &str) -> std::io::Result<()> {
        std::fs::write(dir.join(HALT_FILE), format!("{reason}\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_appearance_is_one_halt_with_its_text() {
        let dir = tempfile::tempdir().unwrap();
        let mut file = HaltFile::new(dir.path());
        assert_eq!(file.look(), None);
        assert!(!file.is_there());

        for text in ["fat finger", ""] {
            HaltFile::leave(dir.path(), text).unwrap();
            let expected = if text.is_empty() { "empty" } else { text };
            assert_eq!(file.look(), Some(Reason::lossy(&format!("halt file: {expected}"))));
            assert_eq!(file.look(), None, "it is still there");
            assert!(file.is_there());
            std::fs::remove_file(file.path()).unwrap();
            assert_eq!(file.look(), None);
        }
    }

    #[test]
    fn what_cannot_be_read_halts_too() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("halt")).unwrap();

        let reason = HaltFile::new(dir.path()).look().expect("a directory of that name is a halt");

        assert!(reason.as_str().starts_with("halt file: "), "{reason}");
    }
}
