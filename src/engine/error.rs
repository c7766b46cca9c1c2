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
    #[error("cannot {0}; --signals takes a file, - (standard input), unix:PATH or tcp:HOST:PORT")]
    Signals(#[from] OpenError),
    /// Producers cannot connect.
    #[error("cannot {0}")]
    Listen(#[from] crate::intake::ListenError),
    /// A file cannot be made.
    #[error("cannot write {path}: {source}; choose a place that exists and is writable")]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's words.
        source: std::io::Error,
    },
    /// Nobody could stop the engine.
    #[error(
        "cannot listen for commands in {dir}: {source}; an engine that cannot be stopped does not \
         start: choose another --state"
    )]
    Control {
        /// The state directory.
        dir: PathBuf,
        /// The system's words.
        source: std::io::Error,
    },
    /// A report cannot be written.
    #[error("cannot {0}; the run itself went to its end")]
    Report(#[from] crate::report::ReportError),
    /// The ready file is wrong.
    #[error("cannot {0}; `kalshi-exec sim --ready-file FILE` writes a good one")]
    Ready(#[from] ReadyFileError),
    /// A key or certificate is wrong.
    #[error("{0}")]
    Credentials(String),
    /// The state directory or journal cannot be used.
    #[error("cannot {0}{remedy}", remedy = remedy(.0))]
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
    /// Orders may be alive at the exchange, or filled, and nobody knows.
    #[error(
        "the fate of {count} orders is unknown: look them up at the exchange before you trade on \
         (their ids are in the results and the journal)"
    )]
    Unresolved {
        /// How many.
        count: u64,
    },
}

/// What helps against trouble with the state directory.
const fn remedy(error: &JournalError) -> &'static str {
    match error {
        JournalError::Locked { .. } => "; stop that one, or give this one another --state",
        JournalError::OwnedByOther { .. } => "; give each account and mode a --state of its own",
        JournalError::Io { .. } => "; is the --state directory yours to write to?",
        JournalError::Full | JournalError::DiskFull { .. } => {
            "; make room, or choose another --state"
        }
        JournalError::TooLarge { .. } => "; this is a bug of ours",
        JournalError::NotAJournal { .. }
        | JournalError::Version { .. }
        | JournalError::Damaged { .. }
        | JournalError::Gap { .. }
        | JournalError::Unreadable { .. } => {
            "; keep it for looking into, and choose another --state"
        }
    }
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
            | Self::Control { .. }
            | Self::Thread(SpawnError::Pin { .. })
            | Self::Ready(_)
            | Self::Credentials(_)
            | Self::Journal(JournalError::Io { .. }) => 2,
            Self::Journal(JournalError::Locked { .. } | JournalError::OwnedByOther { .. })
            | Self::Refused(_) => 3,
            Self::Journal(_)
            | Self::Report(_)
            | Self::Exchange { .. }
            | Self::Thread(_)
            | Self::Panic(_)
            | Self::Unresolved { .. } => 1,
        }
    }
}
