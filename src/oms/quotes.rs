//! The best prices of each market as far as the engine has been told, and since when.
//!
//! A followed book tells them as they change (`following.rs`), and what it tells holds until it
//! tells otherwise. Signals tell of their market in passing; what a retry or a making order needs
//! beyond that is asked of the exchange ([`FetchCommand::Quote`]). Where no book is seen the newest
//! word counts, whoever gave it. A first order goes by its own signal.
//!
//! [`FetchCommand::Quote`]: crate::message::FetchCommand::Quote

use crate::ids::MarketIx;
use crate::message::{BookSide, Signal};
use crate::units::{Price, WallTime};

/// Best bid and ask on the YES book; `None` where nothing is known or nothing is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Quote {
    /// Best bid.
    pub(super) bid: Option<Price>,
    /// Best ask.
    pub(super) ask: Option<Price>,
}

impl Quote {
    /// What a signal saw: buying NO at q is selling YES at one minus q.
    #[must_use]
    pub(super) fn of(signal: &Signal) -> Self {
        Self { bid: signal.no_ask.map(Price::complement), ask: signal.yes_ask }
    }

    /// The price that an order on `side` would trade at.
    #[must_use]
    pub(super) const fn against(&self, side: BookSide) -> Option<Price> {
        match side {
            BookSide::Bid => self.ask,
            BookSide::Ask => self.bid,
        }
    }

    /// Halfway between both sides, in micro-dollars: what a position is worth before it is over.
    #[must_use]
    pub(super) fn middle_micros(&self) -> Option<u32> {
        Some(self.bid?.micros().midpoint(self.ask?.micros()))
    }
}

/// What is known of one market.
#[derive(Clone, Copy, Debug, Default)]
struct Row {
    quote: Quote,
    as_of: WallTime,
    /// Whether a question is under way.
    asked: bool,
    /// Whether the book is seen: then the quote is what it is now.
    seen: bool,
}

/// Every market's quote.
#[derive(Debug)]
pub(super) struct Quotes {
    rows: Vec<Row>,
}

impl Quotes {
    /// Nothing known of `market_count` markets.
    #[must_use]
    pub(super) fn new(market_count: usize) -> Self {
        Self { rows: vec![Row::default(); market_count] }
    }

    /// What is known of a market.
    #[must_use]
    pub(super) fn market(&self, market: MarketIx) -> Quote {
        self.rows[usize::from(market.0)].quote
    }

    /// When the market was not older than what is known of it: now, where its book is seen.
    #[must_use]
    pub(super) fn as_of(&self, market: MarketIx, now: WallTime) -> WallTime {
        let row = &self.rows[usize::from(market.0)];
        if row.seen { now } else { row.as_of }
    }

    /// Whether a market's book is seen.
    #[must_use]
    pub(super) fn is_seen(&self, market: MarketIx) -> bool {
        self.rows[usize::from(market.0)].seen
    }

    /// A followed book has these best prices from `as_of` on. Whether that is news.
    #[must_use]
    pub(super) fn see(&mut self, market: MarketIx, quote: Quote, as_of: WallTime) -> bool {
        let row = &mut self.rows[usize::from(market.0)];
        let changed = row.quote != quote || !row.seen;
        (row.quote, row.as_of, row.seen) = (quote, as_of, true);
        changed
    }

    /// A followed book is not seen any more: what was seen last grows old from now on.
    pub(super) fn lose_sight(&mut self, market: MarketIx) {
        self.rows[usize::from(market.0)].seen = false;
    }

    /// Learns what a market was like at `as_of`. Whether that is news.
    #[must_use]
    pub(super) fn hear(&mut self, market: MarketIx, quote: Quote, as_of: WallTime) -> bool {
        let row = &mut self.rows[usize::from(market.0)];
        if row.seen || as_of < row.as_of {
            return false;
        }
        let changed = row.quote != quote;
        (row.quote, row.as_of) = (quote, as_of);
        changed
    }

    /// Notes that the exchange is being asked. `false` when it is already.
    #[must_use]
    pub(super) fn ask(&mut self, market: MarketIx) -> bool {
        !core::mem::replace(&mut self.rows[usize::from(market.0)].asked, true)
    }

    /// The question has been answered, one way or the other.
    pub(super) fn answered(&mut self, market: MarketIx) {
        self.rows[usize::from(market.0)].asked = false;
    }
}
