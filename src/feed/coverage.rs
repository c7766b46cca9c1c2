//! Up to when everything the exchange has told is known to have been heard, over connections that
//! come and go.
//!
//! In: when a connection came up and went down, and what its answered pings prove. Out: whether
//! anything may have been missed, and since when. A connection may be dead long before that is
//! noticed. So another one's life covers its end only when the dying one was shown to be alive
//! after the other had come up: what happened before that the one has told, what happened after it
//! the other. Pure; knows no socket and no message.

use crate::units::{Nanos, Timestamp};

/// Connections there can be.
pub const LINKS_MAX: usize = 2;

/// How much longer than its subscription is old a connection must have been accompanied: the
/// exchange's streams get what happens on ways of their own, each with its delay.
const HANDOVER: Nanos = Nanos::from_secs(1);

/// How a connection stands to what is known to be whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Down,
    /// Up since then, and what was told before it may be missing between the two.
    Apart(Timestamp),
    /// What it tells continues what is whole.
    Joined,
}

/// What a connection's coming or going means for what is heard as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// Nothing: what was whole still is.
    None,
    /// The first connection is up.
    Up,
    /// None is up any more; until then everything was heard.
    Down(Timestamp),
    /// One is up; what was told since then and before it came up may be missing.
    Hole(Timestamp),
}

/// See the module's page.
#[derive(Debug)]
pub(super) struct Coverage {
    links: [Standing; LINKS_MAX],
    whole_until: Timestamp,
}

/// The other one of two.
pub(super) const fn other(link: usize) -> usize {
    LINKS_MAX - 1 - link
}

impl Coverage {
    /// Nothing is up.
    pub(super) const fn new() -> Self {
        Self { links: [Standing::Down; LINKS_MAX], whole_until: Timestamp::ZERO }
    }

    /// Whether a connection is up.
    pub(super) fn is_up(&self, link: usize) -> bool {
        self.links[link] != Standing::Down
    }

    /// How many are up.
    pub(super) fn ups(&self) -> usize {
        (0..LINKS_MAX).filter(|link| self.is_up(*link)).count()
    }

    /// Every needed channel of a connection is subscribed.
    pub(super) fn up(&mut self, link: usize, now: Timestamp) -> Change {
        if self.is_up(other(link)) {
            self.links[link] = Standing::Apart(now);
            return Change::None;
        }
        self.links[link] = Standing::Joined;
        self.whole_until = now;
        Change::Up
    }

    /// A connection has told everything that the exchange told before `at`.
    pub(super) fn prove(&mut self, link: usize, at: Timestamp) {
        if self.links[link] != Standing::Joined {
            return;
        }
        self.whole_until = self.whole_until.max(at);
        if let Standing::Apart(since) = self.links[other(link)]
            && since + HANDOVER <= self.whole_until
        {
            self.links[other(link)] = Standing::Joined;
        }
    }

    /// A connection is gone.
    pub(super) fn down(&mut self, link: usize) -> Change {
        if core::mem::replace(&mut self.links[link], Standing::Down) == Standing::Down {
            return Change::None;
        }
        match self.links[other(link)] {
            Standing::Down => Change::Down(self.whole_until),
            Standing::Joined => Change::None,
            Standing::Apart(since) => {
                self.links[other(link)] = Standing::Joined;
                Change::Hole(core::mem::replace(&mut self.whole_until, since))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(secs: u64) -> Timestamp {
        Timestamp::from_ns(secs * 1_000_000_000)
    }

    /// Both up, the first since 10 s, the second since 20 s.
    fn two() -> Coverage {
        let mut coverage = Coverage::new();
        assert_eq!(coverage.up(0, at(10)), Change::Up);
        assert_eq!(coverage.up(1, at(20)), Change::None);
        coverage
    }

    #[test]
    fn one_connection_is_covered_by_nobody() {
        let mut coverage = Coverage::new();
        assert_eq!(coverage.up(0, at(10)), Change::Up);
        coverage.prove(0, at(12));
        assert_eq!(coverage.down(0), Change::Down(at(12)));
        assert_eq!(coverage.down(0), Change::None, "once");
        assert_eq!(coverage.up(0, at(14)), Change::Up);
    }

    #[test]
    fn a_proven_overlap_hands_over() {
        let mut coverage = two();
        coverage.prove(0, at(21));
        assert_eq!(coverage.down(0), Change::None);
        assert_eq!(coverage.up(0, at(30)), Change::None);
        coverage.prove(1, at(31));
        assert_eq!(coverage.down(1), Change::None, "and back again");
    }

    #[test]
    fn an_overlap_that_is_not_proven_is_a_hole_since_the_last_proof() {
        let mut coverage = two();
        coverage.prove(0, at(15));
        assert_eq!(coverage.down(0), Change::Hole(at(15)));
        assert_eq!(coverage.down(1), Change::Down(at(20)), "the hole was told");
    }

    #[test]
    fn an_overlap_shorter_than_the_exchanges_own_ways_is_none() {
        let mut coverage = two();
        coverage.prove(0, at(20));
        assert_eq!(coverage.down(0), Change::Hole(at(20)));
    }

    #[test]
    fn what_one_apart_proves_says_nothing_of_the_time_before_it() {
        let mut coverage = two();
        coverage.prove(0, at(15));
        coverage.prove(1, at(40));
        assert_eq!(coverage.down(1), Change::None, "the first is thought to be up");
        assert_eq!(coverage.down(0), Change::Down(at(15)), "and was dead since then");
    }

    #[test]
    fn a_silent_death_is_counted_from_the_last_proof_of_either() {
        let mut coverage = two();
        coverage.prove(0, at(22));
        coverage.prove(1, at(30));
        assert_eq!(coverage.down(1), Change::None);
        // Comes back while the first is dead and nobody has noticed.
        assert_eq!(coverage.up(1, at(35)), Change::None);
        coverage.prove(1, at(40));
        assert_eq!(coverage.down(0), Change::Hole(at(30)));
    }
}
