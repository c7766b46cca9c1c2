//! How long to wait after the exchange itself has ended a connection: dialling succeeds then, so
//! the dialler's own pauses do not grow.
//!
//! In: when the connection came up, and that it was ended. Out: the pause. What ends after a long
//! life is dialled at once; what ends soon after the last time, ever more slowly.

use crate::units::{Nanos, Timestamp};

/// So long a life makes a connection's end the first one again.
const LONG: Nanos = Nanos::from_secs(10);
/// Second pause; the first is none, and each further one twice the last.
const STEP: Nanos = Nanos::from_secs(1);
/// Longest pause.
const PAUSE_MAX: Nanos = Nanos::from_secs(30);
/// Doublings after which that is reached.
const DOUBLINGS_MAX: u32 = 5;

const _: () = assert!(STEP.ns() << DOUBLINGS_MAX >= PAUSE_MAX.ns(), "doubling reaches the cap");

/// See the module's page.
#[derive(Debug, Default)]
pub(super) struct Patience {
    /// Ends soon after one another.
    ends: u32,
    up_at: Option<Timestamp>,
}

impl Patience {
    /// Every needed channel is subscribed.
    pub(super) const fn up(&mut self, now: Timestamp) {
        self.up_at = Some(now);
    }

    /// The exchange has ended the connection: how long to wait before the next.
    pub(super) fn refused(&mut self, now: Timestamp) -> Nanos {
        if self.up_at.take().is_some_and(|at| now.since(at) >= LONG) {
            self.ends = 0;
        }
        let pause = match self.ends {
            0 => Nanos::ZERO,
            more => Nanos::from_ns(STEP.ns() << (more - 1).min(DOUBLINGS_MAX)).min(PAUSE_MAX),
        };
        self.ends = self.ends.saturating_add(1);
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(secs: u64) -> Timestamp {
        Timestamp::from_ns(secs * 1_000_000_000)
    }

    #[test]
    fn pauses_grow_to_half_a_minute_and_a_long_life_forgives() {
        let mut patience = Patience::default();
        let pauses: Vec<u64> =
            (0..8).map(|_| patience.refused(at(1)).ns() / 1_000_000_000).collect();
        assert_eq!(pauses, [0, 1, 2, 4, 8, 16, 30, 30]);
        patience.up(at(100));
        assert_eq!(patience.refused(at(109)), Nanos::from_secs(30), "it lived too short");
        patience.up(at(200));
        assert_eq!(patience.refused(at(210)), Nanos::ZERO);
        assert_eq!(patience.refused(at(211)), Nanos::from_secs(1));
    }
}
