//! Takers in the background: they arrive by chance, keep to a side for a while, and take a part
//! of what rests at the best price. Members' resting orders fill when it is their turn.

use crate::message::BookSide;
use crate::sim::exchange::{Exchange, Random};
use crate::units::{Contracts, Nanos, WallTime};

/// Time between two looks at a market.
const STEP: Nanos = Nanos::from_ms(500);

/// Steps made up for after a long silence.
const CATCH_UP_MAX: u64 = 20;

/// One look in so many leads to a trade.
const ONE_IN: u64 = 6;

/// A taker keeps to the last side in so many cases of eight: prices have short trends.
const PERSISTENCE: u64 = 6;

/// Largest size is two to the power of this, less one, in contracts.
const SIZE_BITS: u64 = 6;

/// All takers of one exchange.
#[derive(Debug)]
pub(super) struct Takers {
    random: Random,
    /// The last side taken, by market.
    sides: Vec<BookSide>,
    next: WallTime,
}

impl Takers {
    pub(super) fn new(markets: usize, seed: u64, now: WallTime) -> Self {
        // Another stream than the quotes' and the ids'.
        let mut random = Random::new(seed ^ 0x7461_6b65_7273);
        let side = |bit: u64| if bit == 0 { BookSide::Bid } else { BookSide::Ask };
        let sides = (0..markets).map(|_| side(random.below(2))).collect();
        Self { random, sides, next: now + STEP }
    }

    pub(super) const fn deadline(&self) -> WallTime {
        self.next
    }

    pub(super) fn advance(&mut self, exchange: &mut Exchange, now: WallTime) {
        let behind = now.since(self.next).ns() / STEP.ns();
        if behind > CATCH_UP_MAX {
            self.next = self.next + Nanos::from_ns((behind - CATCH_UP_MAX) * STEP.ns());
        }
        while self.next <= now {
            let time = self.next;
            for market in 0..self.sides.len() {
                self.look(exchange, time, market);
            }
            self.next = self.next + STEP;
        }
    }

    fn look(&mut self, exchange: &mut Exchange, now: WallTime, market: usize) {
        // Drawn whatever the market's state, so that a pause does not change what comes after.
        let (arrives, turns) = (self.random.below(ONE_IN) == 0, self.random.below(8));
        let bits = self.random.below(SIZE_BITS + 1);
        let size = 1 + self.random.below(1 << bits);
        if !arrives {
            return;
        }
        if turns >= PERSISTENCE {
            self.sides[market] = self.sides[market].opposite();
        }
        let side = self.sides[market];
        if !exchange.takes_quotes(market) {
            return;
        }
        let Some(best) = exchange.markets()[market].best(side.opposite()) else { return };
        // A quarter of the level at most: takers do not clear books.
        let most = (best.centis / 4).max(100);
        let centis = u32::try_from((size * 100).min(most)).unwrap_or(100);
        exchange.sweep(now, market, side, best.price, Contracts::from_centis(centis));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::exchange::{ExchangeEvent, UserSeed, default_markets};

    fn trades(seed: u64) -> Vec<String> {
        let books = default_markets();
        let start = WallTime::from_unix_ms(1_781_159_360_000);
        let users: [UserSeed; 0] = [];
        let mut exchange = Exchange::new(start, &books, &users, seed).unwrap();
        let mut takers = Takers::new(books.len(), seed, start);
        for second in 1..60 {
            takers.advance(&mut exchange, start + Nanos::from_secs(second));
        }
        let print = |event: ExchangeEvent| match event {
            ExchangeEvent::Trade(print) => Some(format!("{print:?}")),
            _ => None,
        };
        exchange.take_events().into_iter().filter_map(print).collect()
    }

    #[test]
    fn takers_follow_from_their_seed() {
        let first = trades(1);
        assert!(first.len() > 33, "every market trades within a minute: {}", first.len());
        assert_eq!(first, trades(1));
        assert_ne!(first, trades(2));
    }
}
