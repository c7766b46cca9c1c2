//! Signals as a pipeline would send them, from a seed: most worth trading, some not, some twice,
//! some no signals at all.
//!
//! In: the opening books and a seed. Out: NDJSON lines with the times at which they are sent.
//! Prices are those the books opened with, give or take a cent, so some are stale by the time
//! they are traded: as in life.

use crate::message::BookSide;
use crate::runtime::random::Random;
use crate::sim::exchange::BookSeed;
use crate::units::{Nanos, Price, Timestamp, WallTime};

/// Lines and when they are sent, in order.
pub type Schedule = Vec<(Timestamp, Vec<u8>)>;

/// Makes schedules.
#[derive(Debug)]
pub struct SignalMaker<'a> {
    books: &'a [BookSeed],
    random: Random,
    /// Unix time of the monotonic zero.
    epoch: WallTime,
    made: u32,
    last: String,
}

/// What a line's prices and sizes are drawn from.
struct Draft {
    action: &'static str,
    yes_ask: u32,
    no_ask: u32,
    contracts: u64,
    edge_cents: u64,
    time_in_force: Option<&'static str>,
    style: Option<&'static str>,
    age_ms: u64,
}

impl<'a> SignalMaker<'a> {
    /// For these books; the clock's zero is `epoch`.
    #[must_use]
    pub const fn new(books: &'a [BookSeed], epoch: WallTime, seed: u64) -> Self {
        Self { books, random: Random::new(seed), epoch, made: 0, last: String::new() }
    }

    /// `count` lines from `start` on, up to `gap_max` apart.
    pub fn schedule(&mut self, start: Timestamp, count: u32, gap_max: Nanos) -> Schedule {
        let mut at = start;
        (0..count)
            .map(|_| {
                // Bursts: half of the lines come right behind the one before.
                if self.random.chance(500) {
                    at = at + Nanos::from_ns(self.random.below(gap_max.ns()));
                }
                (at, self.line(at).into_bytes())
            })
            .collect()
    }

    fn line(&mut self, at: Timestamp) -> String {
        let line = match self.random.below(100) {
            0..4 if !self.last.is_empty() => return self.last.clone(),
            4..7 => return self.malformed().to_owned() + "\n",
            _ => self.signal(at),
        };
        self.last.clone_from(&line);
        line
    }

    fn malformed(&mut self) -> &'static str {
        let lines = [
            "{",
            "[]",
            "{\"should_trade\":true}",
            "{\"id\":\"m\",\"should_trade\":true,\"action\":\"BUY_MAYBE\"}",
            "not json at all",
        ];
        lines[usize::try_from(self.random.below(5)).unwrap_or(0)]
    }

    fn signal(&mut self, at: Timestamp) -> String {
        self.made += 1;
        let place = usize::try_from(self.random.below(self.books.len() as u64)).unwrap_or(0);
        let draft = self.draft(place);
        let Draft { action, yes_ask, no_ask, contracts, edge_cents, age_ms, .. } = draft;
        let sent_ns = self.epoch.unix_ns() + at.ns();
        let ts_ns = sent_ns.saturating_sub(age_ms * 1_000_000);
        let tradeable = !self.random.chance(40);
        let optional = |key: &str, value: Option<&str>| {
            value.map_or(String::new(), |value| format!(",\"{key}\":\"{value}\""))
        };
        let life = optional("time_in_force", draft.time_in_force) + &optional("style", draft.style);
        format!(
            "{{\"id\":\"sig-{:06}\",\"ts_ns\":{ts_ns},\"should_trade\":{tradeable},\
             \"action\":\"{action}\",\"kalshi\":{{\"ticker\":\"{}\",\"yes_ask\":{yes_ask},\
             \"no_ask\":{no_ask}}},\"edge\":{{\"cents\":{edge_cents}}},\
             \"confidence\":{{\"score\":70}},\"position\":{{\"contracts\":{contracts}}}{life}}}\n",
            self.made, self.books[place].ticker,
        )
    }

    fn draft(&mut self, place: usize) -> Draft {
        let book = &self.books[place];
        let best_bid = book.yes_bids.iter().map(|level| level.price).max();
        let best_no = book.no_bids.iter().map(|level| level.price).max();
        // The YES ask is one minus the best NO bid, and the other way round.
        let (yes_ask, no_ask) = (ask_cents(best_no), ask_cents(best_bid));
        let (time_in_force, back) = match self.random.below(10) {
            0..5 => (None, 0),
            5 => (Some("fill_or_kill"), 0),
            // A few cents behind the market: rests, and may be met later.
            _ => (Some("good_till_canceled"), self.random.below(4)),
        };
        let back = u32::try_from(back).unwrap_or(0);
        let action = ["BUY_YES", "BUY_NO", "BUY_YES", "BUY_NO", "SELL_YES", "SELL_NO"]
            [usize::try_from(self.random.below(6)).unwrap_or(0)];
        let side =
            if matches!(action, "BUY_YES" | "SELL_NO") { BookSide::Bid } else { BookSide::Ask };
        let (yes_ask, no_ask) = match side {
            BookSide::Bid => (yes_ask.saturating_sub(back).max(2), no_ask),
            BookSide::Ask => (yes_ask, no_ask.saturating_sub(back).max(2)),
        };
        let style = match self.random.below(8) {
            0 => Some("take"),
            1 => Some("make"),
            2 => Some("auto"),
            _ => None,
        };
        Draft {
            style,
            action,
            yes_ask,
            no_ask,
            contracts: self.random.between(1, 30),
            edge_cents: self.random.between(0, 14),
            time_in_force,
            age_ms: if self.random.chance(30) { 2_000 } else { self.random.below(100) },
        }
    }
}

fn ask_cents(other_bid: Option<Price>) -> u32 {
    other_bid.map_or(50, |price| price.complement().micros() / Price::MICROS_PER_CENT)
}
