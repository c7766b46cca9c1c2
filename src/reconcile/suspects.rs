//! Differences of one reading of the account held against those of the reading before: only what
//! lasts longer than reads lag counts.
//!
//! In: differences with their subjects, one reading after the other. Out: what each of them
//! weighs. Pure, and bounded.

use super::diff::{Difference, Invariant};
use crate::ids::{MarketIx, OrderId, TradeId};
use crate::units::{Nanos, Timestamp};

/// What a difference is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A market.
    Market(MarketIx),
    /// What the position in a market cost.
    Cost(MarketIx),
    /// An order, by the exchange's id.
    Order(OrderId),
    /// A trade.
    Trade(TradeId),
    /// Cash on a shard, or in all.
    Cash(Option<u8>),
}

/// A difference seen, and since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Suspect {
    /// About what.
    pub subject: Subject,
    /// What differs.
    pub difference: Difference,
    /// When the reading that saw it first was begun.
    pub since: Timestamp,
    /// Whether it has lasted longer than reads lag.
    pub confirmed: bool,
}

/// Differences of the reading under way against those of the one before.
#[derive(Debug)]
pub struct Suspects {
    before: Vec<Suspect>,
    now: Vec<Suspect>,
}

/// Whether a difference counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// It may be gone with the next reading.
    Suspected,
    /// It has lasted longer than reads lag, as is seen now.
    Confirmed,
    /// As was seen before.
    Known,
}

impl Suspects {
    /// Differences remembered: a reading with more has lost the account, not an order; the first
    /// ones stop trading as well as all.
    pub const SUSPECTS_MAX: usize = 256;

    /// None.
    #[must_use]
    pub fn new() -> Self {
        Self {
            before: Vec::with_capacity(Self::SUSPECTS_MAX),
            now: Vec::with_capacity(Self::SUSPECTS_MAX),
        }
    }

    /// Takes a difference of a reading begun at `began`. `touched` is when its subject last
    /// changed: what was seen before that counts for nothing.
    #[must_use]
    pub fn see(
        &mut self,
        (subject, difference): (Subject, Difference),
        (began, touched): (Timestamp, Timestamp),
        read_lag: Nanos,
    ) -> Weight {
        let same = |it: &&Suspect| it.subject == subject && it.difference == difference;
        let before = self.before.iter().find(same).filter(|it| touched <= it.since);
        let since = before.map_or(began, |it| it.since);
        let known = before.is_some_and(|it| it.confirmed);
        let confirmed = known || began >= since + read_lag && began > since;
        if self.now.len() < Self::SUSPECTS_MAX {
            self.now.push(Suspect { subject, difference, since, confirmed });
        }
        match (confirmed, known) {
            (_, true) => Weight::Known,
            (true, false) => Weight::Confirmed,
            (false, false) => Weight::Suspected,
        }
    }

    /// What this reading cannot compare stays as it was.
    pub fn keep(&mut self, is_kept: impl Fn(&Subject) -> bool) {
        for suspect in self.before.iter().filter(|it| is_kept(&it.subject)) {
            if self.now.len() < Self::SUSPECTS_MAX {
                self.now.push(*suspect);
            }
        }
    }

    /// Since when this reading's difference of a subject lasts.
    #[must_use]
    pub fn seen_since(&self, subject: &Subject) -> Option<Timestamp> {
        self.now.iter().find(|it| it.subject == *subject).map(|it| it.since)
    }

    /// What differed was repaired at once.
    pub fn mend(&mut self, subject: &Subject) {
        self.now.retain(|it| it.subject != *subject);
    }

    /// Whether this reading has differences of other invariants.
    #[must_use]
    pub fn has_other_than(&self, invariant: Invariant) -> bool {
        self.now.iter().any(|it| it.difference.invariant != invariant)
    }

    /// Whether this reading has differences of this invariant.
    #[must_use]
    pub fn has(&self, invariant: Invariant) -> bool {
        self.now.iter().any(|it| it.difference.invariant == invariant)
    }

    /// The reading is complete: its differences are what the next is held against.
    pub fn turn(&mut self) {
        core::mem::swap(&mut self.before, &mut self.now);
        self.now.clear();
    }

    /// A reading that was not completed is no evidence.
    pub fn forget_reading(&mut self) {
        self.now.clear();
    }

    /// Differences of the last complete reading.
    #[must_use]
    pub fn all(&self) -> &[Suspect] {
        &self.before
    }
}

impl Default for Suspects {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAG: Nanos = Nanos::from_secs(1);

    fn seen(suspects: &mut Suspects, there: i64, began: u64, touched: u64) -> Weight {
        let difference = Difference { invariant: Invariant::Positions, here: 0, there };
        let at = |ms: u64| Timestamp::from_ns(ms * 1_000_000);
        let what = (Subject::Market(MarketIx(0)), difference);
        let weight = suspects.see(what, (at(began), at(touched)), LAG);
        suspects.turn();
        weight
    }

    #[test]
    fn a_difference_counts_when_a_later_reading_has_it_too() {
        let mut suspects = Suspects::new();
        assert_eq!(seen(&mut suspects, 5, 1_000, 0), Weight::Suspected);
        assert_eq!(seen(&mut suspects, 5, 1_999, 0), Weight::Suspected, "within the lag");
        assert_eq!(seen(&mut suspects, 5, 2_000, 0), Weight::Confirmed);
        assert_eq!(seen(&mut suspects, 5, 2_001, 0), Weight::Known);
        assert_eq!(seen(&mut suspects, 6, 3_000, 0), Weight::Suspected, "another one");
        assert_eq!(seen(&mut suspects, 6, 5_000, 4_000), Weight::Suspected, "changed in between");
        suspects.turn();
        assert_eq!(seen(&mut suspects, 6, 7_000, 0), Weight::Suspected, "gone in between");
    }

    #[test]
    fn what_cannot_be_compared_stays_as_it_was() {
        let mut suspects = Suspects::new();
        assert_eq!(seen(&mut suspects, 5, 1_000, 0), Weight::Suspected);
        suspects.keep(|subject| *subject == Subject::Market(MarketIx(0)));
        suspects.keep(|subject| *subject == Subject::Market(MarketIx(1)));
        suspects.turn();
        assert_eq!(suspects.all().len(), 1);
        assert_eq!(seen(&mut suspects, 5, 3_000, 0), Weight::Confirmed);
    }

    #[test]
    fn a_reading_that_was_not_completed_is_no_evidence() {
        let mut suspects = Suspects::new();
        let difference = Difference { invariant: Invariant::Cash, here: 0, there: 1 };
        let times = (Timestamp::from_ns(1), Timestamp::ZERO);
        assert_eq!(suspects.see((Subject::Cash(None), difference), times, LAG), Weight::Suspected);
        suspects.forget_reading();
        suspects.turn();
        assert!(suspects.all().is_empty());
    }
}
