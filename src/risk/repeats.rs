//! Repeated execution: how often one market was traded on one side within a short while.
//!
//! Asking changes nothing; only [`Repeats::note_sent`] does. A ring of the last times for every
//! market and side, allocated at start.

use crate::ids::MarketIx;
use crate::message::BookSide;
use crate::units::{Nanos, Timestamp};

/// See the module's page.
#[derive(Clone, Debug)]
pub struct Repeats {
    per_lane: usize,
    window: Nanos,
    /// `per_lane` times for each market and side.
    times: Vec<Timestamp>,
    counts: Vec<u64>,
}

impl Repeats {
    /// Remembers the last `repeats_max` executions of each market and side.
    #[must_use]
    pub fn new(market_count: usize, repeats_max: u32, window: Nanos) -> Self {
        let per_lane = usize::try_from(repeats_max).unwrap_or(0);
        let lanes = market_count * 2;
        Self {
            per_lane,
            window,
            times: vec![Timestamp::ZERO; lanes * per_lane],
            counts: vec![0; lanes],
        }
    }

    /// Whether this market and side was executed as often as allowed within the window. Always,
    /// when nothing is allowed.
    #[must_use]
    pub fn is_full(&self, market: MarketIx, side: BookSide, now: Timestamp) -> bool {
        let lane = lane(market, side);
        if self.counts[lane] < self.per_lane as u64 {
            return false;
        }
        // The place about to be overwritten holds the oldest of them.
        match self.times.get(lane * self.per_lane + self.place(lane)) {
            Some(oldest) => now.since(*oldest) < self.window,
            None => true,
        }
    }

    /// An execution begins now.
    pub fn note_sent(&mut self, market: MarketIx, side: BookSide, now: Timestamp) {
        if self.per_lane == 0 {
            return;
        }
        let lane = lane(market, side);
        let place = self.place(lane);
        self.times[lane * self.per_lane + place] = now;
        self.counts[lane] += 1;
    }

    fn place(&self, lane: usize) -> usize {
        let per_lane = (self.per_lane as u64).max(1);
        usize::try_from(self.counts[lane] % per_lane).unwrap_or(0)
    }

    /// A person has looked: what was counted is forgotten.
    pub fn forget(&mut self) {
        self.counts.fill(0);
    }
}

fn lane(market: MarketIx, side: BookSide) -> usize {
    usize::from(market.0) * 2 + side as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at_secs(secs: u64) -> Timestamp {
        Timestamp::from_ns(secs * 1_000_000_000)
    }

    #[test]
    fn lanes_count_apart_and_forget_with_time() {
        let mut repeats = Repeats::new(2, 3, Nanos::from_secs(10));
        let (market, other) = (MarketIx(0), MarketIx(1));
        for secs in [0, 1] {
            repeats.note_sent(market, BookSide::Bid, at_secs(secs));
            assert!(!repeats.is_full(market, BookSide::Bid, at_secs(secs)));
        }
        repeats.note_sent(market, BookSide::Bid, at_secs(2));
        assert!(repeats.is_full(market, BookSide::Bid, at_secs(9)));
        assert!(!repeats.is_full(market, BookSide::Ask, at_secs(9)));
        assert!(!repeats.is_full(other, BookSide::Bid, at_secs(9)));
        assert!(!repeats.is_full(market, BookSide::Bid, at_secs(10)));
        repeats.note_sent(market, BookSide::Bid, at_secs(10));
        assert!(repeats.is_full(market, BookSide::Bid, at_secs(10)), "1, 2 and 10");
        repeats.forget();
        assert!(!repeats.is_full(market, BookSide::Bid, at_secs(10)));
    }

    #[test]
    fn nothing_allowed_is_always_full() {
        let mut repeats = Repeats::new(1, 0, Nanos::from_secs(10));
        repeats.note_sent(MarketIx(0), BookSide::Bid, at_secs(0));
        assert!(repeats.is_full(MarketIx(0), BookSide::Bid, at_secs(99)));
    }
}
