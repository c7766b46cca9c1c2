//! Replay: a recording drives the books of an exchange, and members trade against it.
//!
//! In: a [`Recording`], the exchange, time. The background's levels become what was recorded;
//! members' orders stand in the same queues. History does not change: what members take is
//! missing from its level until the recording takes it down itself, and what members rest fills
//! when recorded orders would have met it. Never reads a clock; the same recording, requests and
//! times give the same books.

mod fees;
mod file;
mod follow;
mod recording;
mod sequence;
#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use file::{ReplayFileError, open};
pub use follow::{Followed, Follower, NewLine};
pub use recording::{RecordedChange, RecordedEvent, RecordedSide, Recording, RecordingError};
pub use sequence::SequenceGap;

use crate::message::BookSide;
use crate::sim::exchange::{Exchange, MarketCommand, PassingTrade, PriceStructure};
use crate::units::{Nanos, Price, WallTime};

/// A market's recorded book, and how often the exchange had wiped its own by then.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Recorded {
    bids: RecordedSide,
    asks: RecordedSide,
    wipes: u32,
    /// The exchange's book could not follow: it is brought back in full.
    astray: bool,
}

impl Recorded {
    const fn side(&self, side: BookSide) -> &RecordedSide {
        match side {
            BookSide::Bid => &self.bids,
            BookSide::Ask => &self.asks,
        }
    }

    const fn side_mut(&mut self, side: BookSide) -> &mut RecordedSide {
        match side {
            BookSide::Bid => &mut self.bids,
            BookSide::Ask => &mut self.asks,
        }
    }

    fn centis(&self, side: BookSide, price: Price) -> u64 {
        self.side(side).get(&price).copied().unwrap_or(0)
    }

    fn set(&mut self, side: BookSide, price: Price, centis: u64) {
        let levels = self.side_mut(side);
        if centis == 0 {
            levels.remove(&price);
        } else {
            levels.insert(price, centis);
        }
    }
}

/// A recording on its way through an exchange that has its markets in the same order.
#[derive(Debug)]
pub(crate) struct Replay {
    recording: Arc<Recording>,
    /// Markets at the exchange, by the recording's index.
    markets: Vec<Option<usize>>,
    books: Vec<Recorded>,
    next: usize,
    starts: WallTime,
    /// How many times faster than it was.
    speed: u32,
}

impl Replay {
    /// Starts a recording at `starts`, `speed` times as fast as it was.
    pub(crate) fn new(
        recording: Arc<Recording>,
        exchange: &Exchange,
        starts: WallTime,
        speed: u32,
    ) -> Self {
        let markets: Vec<_> =
            recording.tickers().iter().map(|ticker| exchange.find_market(ticker)).collect();
        let books = vec![Recorded::default(); markets.len()];
        Self { recording, markets, books, next: 0, starts, speed: speed.max(1) }
    }

    /// When the next recorded event is due; `None` after the last one.
    pub(crate) fn deadline(&self) -> Option<WallTime> {
        let events = self.recording.events();
        let (first, next) = (events.first()?, events.get(self.next)?);
        let since = next.time.since(first.time).ns() / u64::from(self.speed);
        Some(self.starts + Nanos::from_ns(since))
    }

    /// Plays everything that is due.
    pub(crate) fn advance(&mut self, exchange: &mut Exchange, now: WallTime) {
        self.recover(exchange, now);
        while let Some(due) = self.deadline().filter(|due| *due <= now) {
            let recording = Arc::clone(&self.recording);
            let event = &recording.events()[self.next];
            self.next += 1;
            exchange.advance(due);
            self.play(exchange, due, event);
        }
    }

    /// Plays an event that was not in the recording, as it comes. Markets that were not there at
    /// the start stay unknown.
    pub(crate) fn follow(&mut self, exchange: &mut Exchange, now: WallTime, event: &RecordedEvent) {
        self.recover(exchange, now);
        self.play(exchange, now, event);
    }

    fn play(&mut self, exchange: &mut Exchange, now: WallTime, event: &RecordedEvent) {
        let place = event.market;
        let Some(market) = self.markets.get(place).copied().flatten() else { return };
        let follows = exchange.takes_quotes(market) && !self.books[place].astray;
        match &event.change {
            RecordedChange::Snapshot(bids, asks) => {
                let sides = [(BookSide::Bid, bids), (BookSide::Ask, asks)];
                // What is gone goes first, on both sides, so that nothing crosses on the way.
                for (side, levels) in sides {
                    self.drop_missing(exchange, now, place, side, levels);
                }
                for (side, levels) in sides {
                    for (price, centis) in levels {
                        self.level(exchange, now, place, (side, *price), *centis);
                    }
                }
            }
            RecordedChange::Delta { side, price, centis } => {
                let before = self.books[place].centis(*side, *price);
                let after = before.saturating_add_signed(*centis);
                self.level(exchange, now, place, (*side, *price), after);
            }
            RecordedChange::Trade { taker_side, price, quantity } if follows => {
                let (taker_side, price, quantity) = (*taker_side, *price, *quantity);
                exchange.pass(now, &PassingTrade { market, taker_side, price, quantity });
            }
            RecordedChange::Trade { .. } => {}
        }
        if !exchange.takes_quotes(market) {
            self.books[place].astray = true;
        }
    }

    /// Empties the levels of one side that a snapshot does not have.
    fn drop_missing(
        &mut self,
        exchange: &mut Exchange,
        now: WallTime,
        place: usize,
        side: BookSide,
        levels: &RecordedSide,
    ) {
        let known: Vec<Price> = self.books[place].side(side).keys().copied().collect();
        for price in known.into_iter().filter(|price| !levels.contains_key(price)) {
            self.level(exchange, now, place, (side, price), 0);
        }
    }

    /// Changes one recorded level, and the exchange's by the same. What members took of it is
    /// taken off first when it shrinks.
    fn level(
        &mut self,
        exchange: &mut Exchange,
        now: WallTime,
        place: usize,
        (side, price): (BookSide, Price),
        after: u64,
    ) {
        let before = self.books[place].centis(side, price);
        self.books[place].set(side, price, after);
        let Some(market) = self.markets[place].filter(|market| exchange.takes_quotes(*market))
        else {
            return;
        };
        if self.books[place].astray {
            return;
        }
        if !exchange.markets()[market].grid.contains(price) {
            // A followed market may turn out finer than it looked at the start.
            let finest = MarketCommand::Restructure(PriceStructure::CenterCentiEdgeCenti);
            if exchange.command(now, market, finest).is_err() {
                return;
            }
        }
        let there = exchange.background_centis(market, side, price);
        let target = if after > before { there + (after - before) } else { there.min(after) };
        exchange.set_background(now, market, side, price, target);
    }

    /// Puts whole books back where a pause or a re-activation had parted them from the recording.
    fn recover(&mut self, exchange: &mut Exchange, now: WallTime) {
        for place in 0..self.books.len() {
            let Some(market) = self.markets[place] else { continue };
            let wipes = exchange.markets()[market].wipes;
            let parted = self.books[place].astray || self.books[place].wipes != wipes;
            if !parted || !exchange.takes_quotes(market) {
                continue;
            }
            (self.books[place].astray, self.books[place].wipes) = (false, wipes);
            for side in [BookSide::Bid, BookSide::Ask] {
                self.restore(exchange, now, (place, market), side);
            }
        }
    }

    fn restore(
        &self,
        exchange: &mut Exchange,
        now: WallTime,
        (place, market): (usize, usize),
        side: BookSide,
    ) {
        let levels = self.books[place].side(side);
        let stale: Vec<Price> = exchange
            .background_at(market, side)
            .map(|(_, price, _)| price)
            .filter(|price| !levels.contains_key(price))
            .collect();
        for price in stale {
            exchange.set_background(now, market, side, price, 0);
        }
        for (price, centis) in levels {
            exchange.set_background(now, market, side, *price, *centis);
        }
    }
}
