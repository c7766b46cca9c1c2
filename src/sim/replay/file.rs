//! A recording's file: plain lines, or the same under gzip when its name ends in `.gz`.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use flate2::read::GzDecoder;

use super::recording::{Recording, RecordingError};

/// Largest recording, unpacked: a day of a busy market is some ten million bytes.
const BYTES_MAX: u64 = 1 << 30;

/// Why a file cannot be replayed. Fits "failed to {error}".
#[derive(Debug, thiserror::Error)]
pub enum ReplayFileError {
    /// It cannot be read.
    #[error("read it: {0}")]
    Io(#[from] io::Error),
    /// It is larger than anything that was recorded.
    #[error("read it: more than {BYTES_MAX} bytes")]
    TooLong,
    /// What is in it cannot be replayed.
    #[error("replay it: {0}")]
    Recording(#[from] RecordingError),
}

/// Reads a recording from a file.
///
/// # Errors
/// [`ReplayFileError`].
pub fn open(path: &Path) -> Result<Recording, ReplayFileError> {
    let file = File::open(path)?;
    let packed = path.extension().is_some_and(|extension| extension == "gz");
    let mut text = String::new();
    let read = if packed {
        GzDecoder::new(file).take(BYTES_MAX).read_to_string(&mut text)?
    } else {
        file.take(BYTES_MAX).read_to_string(&mut text)?
    };
    if read as u64 == BYTES_MAX {
        return Err(ReplayFileError::TooLong);
    }
    Ok(Recording::parse(&text)?)
}
