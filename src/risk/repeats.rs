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

    /// Executions of this market and side within the window, as far as they are remembered.
    #[must_use]
    pub fn count(&self, market: MarketIx, side: BookSide, now: Timestamp) -> u32 {
        let lane = lane(market, side);
        let known = usize::try_from(self.counts[lane]).unwrap_or(usize::MAX).min(self.per_lane);
        let ring = &self.times[lane * self.per_lane..][..known];
        let recent = ring.iter().filter(|sent| now.since(**sent) < self.window);
        u32::try_from(recent.count()).unwrap_or(u32::MAX)
    }

    /// An execution begins now.
    pub fn note_sent(&mut self, market: MarketIx, side: BookSide, now: Timestamp) {
        if self.per_lane == 0 {
            return;
        }
        let lane = lane(market, side);
        let place = usize::try_from(self.counts[lane] % self.per_lane as u64).unwrap_or(0);
        self.times[lane * self.per_lane + place] = now;
        self.counts[lane] += 1;
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
        for secs in [0, 1, 2, 3] {
            repeats.note_sent(market, BookSide::Bid, at_secs(secs));
        }
        assert_eq!(repeats.count(market, BookSide::Bid, at_secs(3)), 3, "as many as remembered");
        assert_eq!(repeats.count(market, BookSide::Ask, at_secs(3)), 0);
        assert_eq!(repeats.count(other, BookSide::Bid, at_secs(3)), 0);
        assert_eq!(repeats.count(market, BookSide::Bid, at_secs(10)), 3);
        assert_eq!(repeats.count(market, BookSide::Bid, at_secs(11)), 2);
        assert_eq!(repeats.count(market, BookSide::Bid, at_secs(13)), 0);
    }
}
