//! What can stop a run, and the exit code it ends with.

use std::path::PathBuf;

use crate::config::ConfigError;
use crate::intake::OpenError;
use crate::net::ready::ReadyFileError;
use crate::recorder::journal::JournalError;
use crate::runtime::thread::{SpawnError, ThreadPanic};

/// Why a run did not start, or did not end well. Every message names the thing and the remedy.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// Bad configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Bad arguments.
    #[error("{0}")]
    Usage(String),
    /// The signals' file cannot be read.
    #[error(transparent)]
    Signals(#[from] OpenError),
    /// Producers cannot connect.
    #[error("cannot listen for signals: {0}")]
    Listen(#[from] crate::intake::ListenError),
    /// A file cannot be made.
    #[error("cannot write {path}: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's words.
        source: std::io::Error,
    },
    /// A report cannot be written.
    #[error(transparent)]
    Report(#[from] crate::report::ReportError),
    /// The ready file is wrong.
    #[error(transparent)]
    Ready(#[from] ReadyFileError),
    /// A key or certificate is wrong.
    #[error("{0}")]
    Credentials(String),
    /// The state directory or journal cannot be used.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The exchange cannot be reached or says something unusable.
    #[error("cannot start against the exchange at {exchange}: {why}")]
    Exchange {
        /// Its address.
        exchange: String,
        /// What happened, and what to do.
        why: String,
    },
    /// Too dangerous to start.
    #[error("refused for safety: {0}")]
    Refused(String),
    /// A thread could not start.
    #[error(transparent)]
    Thread(#[from] SpawnError),
    /// A thread died.
    #[error("{0}; the engine stopped trading")]
    Panic(#[from] ThreadPanic),
}

impl EngineError {
    /// 1 failed while running, 2 bad usage or configuration, 3 refused for safety.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Config(_)
            | Self::Usage(_)
            | Self::Signals(_)
            | Self::Listen(_)
            | Self::Write { .. }
            | Self::Ready(_)
            | Self::Credentials(_) => 2,
            Self::Journal(JournalError::Locked { .. } | JournalError::OwnedByOther { .. })
            | Self::Refused(_) => 3,
            Self::Journal(_)
            | Self::Report(_)
            | Self::Exchange { .. }
            | Self::Thread(_)
            | Self::Panic(_) => 1,
        }
    }
}
