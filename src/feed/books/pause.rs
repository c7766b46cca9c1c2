//! When something is asked for again: at once, then ever more slowly.

use crate::units::{Nanos, Timestamp};

/// First pause before asking again: longer than any answer takes.
const FIRST: Nanos = Nanos::from_secs(1);
/// Longest pause: what is gone for good costs a command a minute.
const LONGEST: Nanos = Nanos::from_secs(60);

/// See the module's page.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pause {
    due: Timestamp,
    next: Nanos,
}

impl Pause {
    /// Due at once.
    pub(super) const fn new() -> Self {
        Self { due: Timestamp::ZERO, next: FIRST }
    }

    /// Whether it is time to ask.
    pub(super) fn is_over(&self, now: Timestamp) -> bool {
        now >= self.due
    }

    /// It has been asked for. What was not needed for a long time is asked for quickly again.
    pub(super) fn begin(&mut self, now: Timestamp) {
        if now.since(self.due) >= LONGEST {
            self.next = FIRST;
        }
        self.due = now + self.next;
        self.next = Nanos::from_ns(self.next.ns() * 2).min(LONGEST);
    }

    /// When it is over.
    pub(super) const fn due(&self) -> Timestamp {
        self.due
    }
}
