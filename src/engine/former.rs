//! What the runs of the last 24 hours left in the journal: signals that must not be executed again.

use std::path::Path;

use super::EngineError;
use crate::ids::SignalId;
use crate::recorder::journal::{Entry, JournalError, JournalReader};
use crate::units::{Nanos, WallTime};

/// Counted back from now, so that midnight makes nothing new.
const DAY: Nanos = Nanos::from_secs(86_400);

/// See the module's page.
#[derive(Debug, Default)]
pub(super) struct Former {
    /// Ids of today's signals, oldest first.
    pub(super) signal_ids: Vec<SignalId>,
}

impl Former {
    /// Reads the journal in `dir`; a directory without one has no former runs.
    pub(super) fn read(dir: &Path, now: WallTime) -> Result<Self, EngineError> {
        let reader = match JournalReader::open(dir) {
            Err(JournalError::NotAJournal { .. }) => return Ok(Self::default()),
            reader => reader?,
        };
        let mut former = Self::default();
        for entry in reader {
            let (header, entry) = entry?;
            let today = now.since(header.now.wall) < DAY;
            if let Entry::Signal(signal) = entry
                && today
            {
                former.signal_ids.push(signal.id);
            }
        }
        Ok(former)
    }
}
