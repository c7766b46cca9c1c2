//! A directory for what a run needs and nobody keeps: removed when the run ends.

use std::path::{Path, PathBuf};

use super::EngineError;

/// Removed with its content on drop.
#[derive(Debug)]
pub(super) struct Scratch {
    dir: tempfile::TempDir,
}

impl Scratch {
    pub(super) fn new() -> Result<Self, EngineError> {
        let made = tempfile::Builder::new().prefix("kalshi-exec-").tempdir();
        made.map(|dir| Self { dir }).map_err(|source| EngineError::Write {
            path: std::env::temp_dir().join("kalshi-exec-*"),
            source,
        })
    }

    pub(super) fn join(&self, name: &str) -> PathBuf {
        Path::new(self.dir.path()).join(name)
    }
}
