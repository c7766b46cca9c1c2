//! The other end of the control socket: what the commands of this program say to an engine.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use super::place;
use super::protocol::{Denial, Request};

/// How long an answer may take: longer than the engine gives itself.
const ANSWER_WAIT: Duration = Duration::from_secs(15);

/// Why there is no good answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens there.
    #[error(
        "no engine runs with the state directory {dir}; name the one that `run --state DIR` was \
         given"
    )]
    NoEngine {
        /// The directory.
        dir: PathBuf,
    },
    /// The connection failed.
    #[error("the engine at {dir} cannot be spoken to: {source}")]
    Link {
        /// The directory.
        dir: PathBuf,
        /// The system's words.
        source: std::io::Error,
    },
    /// The engine ended before it answered.
    #[error("the engine at {dir} ended before it answered")]
    Ended {
        /// The directory.
        dir: PathBuf,
    },
    /// The engine said no.
    #[error("{message}")]
    Denied {
        /// Its word for the reason.
        code: String,
        /// Its words.
        message: String,
    },
}

impl ClientError {
    /// 1 failed while running, 2 bad usage, 3 refused for safety.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Denied { code, .. } if code == Denial::HaltFile.code() => 3,
            Self::Denied { code, .. } if code == Denial::BadRequest.code() => 2,
            Self::NoEngine { .. }
            | Self::Link { .. }
            | Self::Ended { .. }
            | Self::Denied { .. } => 1,
        }
    }
}

/// Asks the engine whose state is in `dir`.
///
/// # Errors
/// See [`ClientError`].
pub fn ask(dir: &Path, request: &Request) -> Result<Value, ClientError> {
    let lost = |source| ClientError::Link { dir: dir.to_owned(), source };
    let mut stream =
        place::connect(dir).map_err(|_| ClientError::NoEngine { dir: dir.to_owned() })?;
    stream.set_read_timeout(Some(ANSWER_WAIT)).map_err(lost)?;
    let line = serde_json::to_string(request).map_err(std::io::Error::from).map_err(lost)?;
    stream.write_all(format!("{line}\n").as_bytes()).map_err(lost)?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer).map_err(lost)?;
    let answer: Value =
        serde_json::from_str(&answer).map_err(|_| ClientError::Ended { dir: dir.to_owned() })?;
    if answer["ok"] == true {
        return Ok(answer);
    }
    let text = |name: &str| answer["error"][name].as_str().unwrap_or("no reason given").to_owned();
    Err(ClientError::Denied { code: text("code"), message: text("message") })
}
