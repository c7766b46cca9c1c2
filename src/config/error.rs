//! What can be wrong with a configuration.

use std::path::PathBuf;

use crate::runtime::topology::CorePlanError;

/// See the variants: each names the key, the value and the remedy.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file could not be read.
    #[error("cannot read the configuration file {path}: {source}; without it all is default")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's words.
        source: std::io::Error,
    },
    /// The file is not TOML.
    #[error("the configuration file {path} is wrong: {detail}")]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Where and what.
        detail: String,
    },
    /// No such key.
    #[error("{key} ({place}) is unknown: expected one of {allowed}")]
    Unknown {
        /// As written.
        key: String,
        /// File and line.
        place: String,
        /// The names that mean something there.
        allowed: String,
    },
    /// A value is not one of those allowed.
    #[error("{key} = {value} is not allowed: {allowed}")]
    NotAllowed {
        /// The key, or the environment variable.
        key: String,
        /// What was given, and where.
        value: String,
        /// What is allowed.
        allowed: String,
    },
    /// Two values contradict each other.
    #[error("{first} contradicts {second}: {why}")]
    Contradiction {
        /// One key with its value and origin.
        first: String,
        /// The other key with its value and origin.
        second: String,
        /// What is allowed.
        why: String,
    },
    /// The `[cores]` of the file do not fit this machine or its topology.
    #[error(transparent)]
    Cores(#[from] CorePlanError),
}

impl ConfigError {
    /// A value that is not allowed.
    pub(super) fn not_allowed(key: &str, value: impl ToString, allowed: &str) -> Self {
        Self::NotAllowed {
            key: key.to_owned(),
            value: value.to_string(),
            allowed: allowed.to_owned(),
        }
    }
}
