//! The background's quotes: they wander around the opening books, from a seed.
//!
//! Every [`STEP`] of exchange time each market's best prices may move a tick, pulled back towards
//! where they opened, and the top levels are topped up or thinned. Where a moved quote meets a
//! member's order it trades with it: that is how resting orders get filled. Deeper levels stay.

use std::collections::BTreeMap;

use crate::kalshi::market::TickGrid;
use crate::message::BookSide;
use crate::sim::exchange::random::Random;
use crate::sim::exchange::{BookSeed, Exchange};
use crate::units::{Contracts, Nanos, Price, PriceDelta, WallTime};

/// Time between two looks at the quotes.
pub(crate) const STEP: Nanos = Nanos::from_ms(250);

/// Steps made up for after a long silence; older ones are skipped. Ten seconds' worth: the pull
/// towards the opening price makes the far past irrelevant.
const CATCH_UP_MAX: u64 = 40;

/// Farthest a best price wanders from where it opened, in ticks.
const OFFSET_MAX: i32 = 3;

/// Levels per side that are kept filled.
const LEVELS: usize = 3;

/// One market's opening quotes and where they are now.
#[derive(Debug)]
struct MarketQuotes {
    bids: BTreeMap<Price, Contracts>,
    asks: BTreeMap<Price, Contracts>,
    offset: i32,
}

/// All background quotes.
#[derive(Debug)]
pub(crate) struct Quotes {
    random: Random,
    markets: Vec<MarketQuotes>,
    next: WallTime,
}

impl Quotes {
    pub(crate) fn new(books: &[BookSeed], seed: u64, now: WallTime) -> Self {
        let market = |book: &BookSeed| MarketQuotes {
            bids: book.yes_bids.iter().map(|level| (level.price, level.quantity)).collect(),
            asks: (book.no_bids.iter().map(|level| (level.price.complement(), level.quantity)))
                .collect(),
            offset: 0,
        };
        // Another stream than the ids', so that quoting does not change the ids of members' orders.
        Self {
            random: Random::new(seed ^ 0x5175_6f74_6573),
            markets: books.iter().map(market).collect(),
            next: now + STEP,
        }
    }

    /// When the quotes next move.
    pub(crate) const fn deadline(&self) -> WallTime {
        self.next
    }

    /// Moves the quotes for every step that has passed.
    pub(crate) fn advance(&mut self, exchange: &mut Exchange, now: WallTime) {
        let behind = now.since(self.next).ns() / STEP.ns();
        if behind > CATCH_UP_MAX {
            self.next = self.next + Nanos::from_ns((behind - CATCH_UP_MAX) * STEP.ns());
        }
        while self.next <= now {
            let time = self.next;
            for market in 0..self.markets.len() {
                self.wander(market);
                if exchange.takes_quotes(market) {
                    self.requote(exchange, time, market);
                }
            }
            self.next = self.next + STEP;
        }
    }

    /// One chance in eight to move a tick, more often back than away.
    fn wander(&mut self, market: usize) {
        let (roll, direction) = (self.random.below(8), self.random.below(8));
        if roll != 0 {
            return;
        }
        let quotes = &mut self.markets[market];
        let pull = 4 + i64::from(quotes.offset);
        let down = i64::try_from(direction).is_ok_and(|direction| direction < pull);
        let moved = if down { quotes.offset - 1 } else { quotes.offset + 1 };
        quotes.offset = moved.clamp(-OFFSET_MAX, OFFSET_MAX);
    }

    fn requote(&mut self, exchange: &mut Exchange, now: WallTime, market: usize) {
        let grid = exchange.markets()[market].grid;
        let Some((bid, ask)) = self.markets[market].best(&grid) else { return };
        for (side, best) in [(BookSide::Bid, bid), (BookSide::Ask, ask)] {
            let beyond: Vec<_> = exchange
                .background_at(market, side)
                .take_while(|(_, price, _)| is_better(side, *price, best))
                .collect();
            for (id, ..) in beyond {
                exchange.unquote(now, id, Contracts::ZERO);
            }
        }
        for (side, best) in [(BookSide::Bid, bid), (BookSide::Ask, ask)] {
            let mut price = Some(best);
            for _ in 0..LEVELS {
                let Some(level) = price else { break };
                self.fill_level(exchange, now, market, side, level);
                price = step(&grid, level, away(side));
            }
        }
    }

    /// Brings one level near its opening size, give or take a fifth.
    fn fill_level(
        &mut self,
        exchange: &mut Exchange,
        now: WallTime,
        market: usize,
        side: BookSide,
        price: Price,
    ) {
        let Some(usual) = self.markets[market].usual(side, price) else { return };
        let (idle, percent) = (self.random.below(4) != 0, 80 + self.random.below(41));
        let orders: Vec<_> = exchange
            .background_at(market, side)
            .skip_while(|(_, at, _)| is_better(side, *at, price))
            .take_while(|(_, at, _)| *at == price)
            .collect();
        let there: u32 = orders.iter().map(|(.., quantity)| quantity.centis()).sum();
        if idle && there > 0 {
            return;
        }
        let scaled = u64::from(usual.centis()) * percent / 100 / 100 * 100;
        let target = u32::try_from(scaled.max(100)).unwrap_or(u32::MAX);
        if target > there {
            exchange.quote(now, market, side, price, Contracts::from_centis(target - there));
            return;
        }
        let mut surplus = Contracts::from_centis(there - target);
        for (id, _, quantity) in orders.iter().rev() {
            exchange.unquote(now, *id, quantity.saturating_sub(surplus));
            surplus = surplus.saturating_sub(*quantity);
            if surplus.is_zero() {
                break;
            }
        }
    }
}

impl MarketQuotes {
    /// The best bid and ask wanted now; `None` when a side opened empty or the offset leads off
    /// the grid.
    fn best(&self, grid: &TickGrid) -> Option<(Price, Price)> {
        let shift = |price: Price| {
            (0..self.offset.unsigned_abs())
                .try_fold(price, |price, _| step(grid, price, self.offset.signum()))
        };
        let bid = shift(*self.bids.last_key_value()?.0)?;
        let ask = shift(*self.asks.first_key_value()?.0)?;
        (bid < ask).then_some((bid, ask))
    }

    /// The size that is usual at a price: its opening size, or the opening best's where there
    /// was none.
    fn usual(&self, side: BookSide, price: Price) -> Option<Contracts> {
        let (levels, best) = match side {
            BookSide::Bid => (&self.bids, self.bids.last_key_value()),
            BookSide::Ask => (&self.asks, self.asks.first_key_value()),
        };
        levels.get(&price).or_else(|| best.map(|(_, quantity)| quantity)).copied()
    }
}

const fn away(side: BookSide) -> i32 {
    match side {
        BookSide::Bid => -1,
        BookSide::Ask => 1,
    }
}

fn is_better(side: BookSide, price: Price, than: Price) -> bool {
    match side {
        BookSide::Bid => price > than,
        BookSide::Ask => price < than,
    }
}

/// The neighbouring valid price.
fn step(grid: &TickGrid, price: Price, direction: i32) -> Option<Price> {
    let beside = price.offset(PriceDelta::from_micros(i64::from(direction)))?;
    if direction < 0 { grid.floor(beside) } else { grid.ceil(beside) }
}
