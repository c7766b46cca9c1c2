//! Markets that open for the first time during the run: their terms are read, then they trade.
//!
//! In: news that a market is open which was not when the run began, and how it was read to stand.
//! Out: its row in the table brought up to date, kept in the journal, and told to the gateway
//! before any order for it. Until then the limit on inactive markets refuses. A market whose series
//! charges in a way that is not understood, or that is on a shard without an order group of this
//! run, stays closed, and a person is told. Never opens what the stream has paused meanwhile.

use super::core::{Core, Outbox};
use crate::ids::{MarketIx, Reason};
use crate::kalshi::market::{FeeSchedule, Market, MarketTable};
use crate::message::{Command, ListedMarket, MarketChange, MarketNews};
use crate::recorder::record::Record;
use crate::risk::Kept;
use crate::units::Now;

/// On which shards the run may trade: those of the table it began with, for which it has made
/// order groups.
#[derive(Clone, Debug)]
pub(super) struct Shards {
    known: [bool; 256],
}

impl Shards {
    pub(super) fn of(markets: &MarketTable) -> Self {
        let mut known = [false; 256];
        for market in markets.all() {
            known[usize::from(market.exchange_index)] = true;
        }
        Self { known }
    }

    pub(super) const fn has(&self, shard: u8) -> bool {
        self.known[shard as usize]
    }
}

impl Core {
    /// Whether a market's terms are to be read, so that it can be traded.
    pub(super) fn awaits_terms(&self, market: MarketIx) -> bool {
        self.news.markets[usize::from(market.0)].awaits_terms
    }

    /// The stream says that a market is open.
    pub(super) fn note_opened(&mut self, now: Now, market: MarketIx) {
        let is_open = self.markets.get(market).is_some_and(|market| market.active);
        let standing = &mut self.news.markets[usize::from(market.0)];
        if is_open || standing.was_open {
            return;
        }
        standing.awaits_terms = true;
        self.rereading.want(market, now.mono + self.config.orders.read_lag);
    }

    /// Takes over the terms that were read of a market that has never been open here.
    pub(super) fn take_terms(&mut self, market: MarketIx, news: &MarketNews, out: &mut Outbox) {
        let MarketChange::Terms { exchange_index, fees } = news.change else { return };
        let is_open = self.markets.get(market).is_some_and(|market| market.active);
        let standing = &mut self.news.markets[usize::from(market.0)];
        if is_open || standing.was_open {
            return;
        }
        standing.awaits_terms = false;
        let Some(fees) = self.sound_terms(news, exchange_index, fees, out) else { return };
        self.news.markets[usize::from(market.0)].was_open = true;
        self.markets.charge(market, Some(fees));
        self.markets.shard(market, exchange_index);
        if let Some(market) = self.markets.get(market) {
            tell_listed(market, out);
        }
    }

    /// The fees of a market that may be traded by its terms; else a person is told.
    pub(super) fn sound_terms(
        &self,
        news: &MarketNews,
        exchange_index: u8,
        fees: Option<FeeSchedule>,
        out: &mut Outbox,
    ) -> Option<FeeSchedule> {
        let why = match fees {
            Some(fees) if self.shards.has(exchange_index) => return Some(fees),
            Some(_) => "opened on a shard without an order group of this run",
            None => "opened, but how its series charges is not understood",
        };
        let reason = Reason::lossy(&format!("{why}: not traded before a restart"));
        out.records.push(Record::Alert { ticker: news.ticker, reason });
        None
    }
}

/// Keeps a market's row, and has the gateway know it before its first order.
pub(super) fn tell_listed(market: &Market, out: &mut Outbox) {
    let Market { ticker, ix, exchange_index, .. } = *market;
    out.kept.push(Kept::Listed(*market));
    out.commands.push(Command::List(ListedMarket { market: ix, ticker, exchange_index }));
}
