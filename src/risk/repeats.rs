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
    lanes: Vec<Lane>,
}

/// How far the ring of one market and side is.
#[derive(Clone, Copy, Debug, Default)]
struct Lane {
    count: u64,
    /// The place about to be overwritten: it holds the oldest, once the ring is full. Kept, as in
    /// the throttle, so that nothing is divided.
    next: usize,
}

impl Repeats {
    /// Remembers the last `repeats_max` executions of each market and side.
    #[must_use]
    pub fn new(market_count: usize, repeats_max: u32, window: Nanos) -> Self {
        let per_lane = usize::try_from(repeats_max).unwrap_or(0);
        let lanes = market_count * 2;
        let times = vec![Timestamp::ZERO; lanes * per_lane];
        Self { per_lane, window, times, lanes: vec![Lane::default(); lanes] }
    }

    /// Whether this market and side was executed as often as allowed within the window. Always,
    /// when nothing is allowed.
    #[must_use]
    pub fn is_full(&self, market: MarketIx, side: BookSide, now: Timestamp) -> bool {
        let at = lane(market, side);
        let lane = self.lanes[at];
        if lane.count < self.per_lane as u64 {
            return false;
        }
        match self.times.get(at * self.per_lane + lane.next) {
            Some(oldest) => now.since(*oldest) < self.window,
            None => true,
        }
    }

    /// An execution begins now.
    pub fn note_sent(&mut self, market: MarketIx, side: BookSide, now: Timestamp) {
        if self.per_lane == 0 {
            return;
        }
        let at = lane(market, side);
        let lane = &mut self.lanes[at];
        self.times[at * self.per_lane + lane.next] = now;
        lane.next = if lane.next + 1 == self.per_lane { 0 } else { lane.next + 1 };
        lane.count += 1;
    }

    /// A person has looked: what was counted is forgotten.
    pub fn forget(&mut self) {
        self.lanes.fill(Lane::default());
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
