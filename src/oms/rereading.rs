//! Reading again how markets stand, after news of them may have been missed.
//!
//! In: that news were missed, the answers. Out: one read at a time ([`FetchCommand::Market`]), of
//! the markets for which it matters: those the stream has paused, which may have been opened again
//! unheard, those in which something rests or is held, and those that have opened for the first
//! time, whose terms are needed (`admission.rs`). What is not known of another market the
//! first order there learns from its rejection. An answer that is older than what the stream has
//! told meanwhile is not taken.

use super::core::{Core, Outbox, Phase};
use crate::ids::MarketIx;
use crate::message::{FetchCommand, MarketNews};
use crate::units::{Nanos, Now, Position, Timestamp};

/// Between two reads: a tenth of the smallest tier's read tokens.
pub(super) const PACE: Nanos = Nanos::from_ms(100);
/// Time until a failed read is made again.
pub(super) const RETRY: Nanos = Nanos::from_secs(1);
/// Failures in a row after which a market is left to its next rejection: the exchange may not
/// know it any more.
pub(super) const TRIES_MAX: u32 = 10;

/// See the module's page.
#[derive(Debug)]
pub(super) struct Rereading {
    /// The market that is next; past the last when there is nothing to do.
    next: usize,
    due: Timestamp,
    /// Which market is being read.
    asked: Option<MarketIx>,
    failures: u32,
    /// Whether more was missed since the read under way was asked for.
    again: bool,
}

impl Rereading {
    /// Nothing to read.
    pub(super) const fn new() -> Self {
        Self { next: usize::MAX, due: Timestamp::NEVER, asked: None, failures: 0, again: false }
    }

    /// A market is to be read, whether or not news were missed.
    pub(super) fn want(&mut self, market: MarketIx, at: Timestamp) {
        if self.asked.is_some() {
            self.again = true;
            return;
        }
        self.next = self.next.min(usize::from(market.0));
        self.due = self.due.min(at);
    }

    /// Whether a market is being read.
    pub(super) const fn is_asking(&self) -> bool {
        self.asked.is_some()
    }

    /// When to ask next.
    pub(super) const fn due(&self) -> Timestamp {
        self.due
    }

    /// On to the next market, or to the first one again.
    fn advance(&mut self, due: Timestamp) {
        self.asked = None;
        self.failures = 0;
        self.next = if core::mem::take(&mut self.again) { 0 } else { self.next.saturating_add(1) };
        self.due = due;
    }
}

impl Core {
    /// News of markets, positions or groups may have been missed: all of it is looked at again.
    pub(super) fn on_news_missed(&mut self, now: Now) {
        let at = now.mono + self.config.orders.read_lag;
        self.reconciling.want(at);
        if self.rereading.asked.is_some() {
            self.rereading.again = true;
            return;
        }
        (self.rereading.next, self.rereading.due) = (0, at);
    }

    /// Asks for the next market.
    pub(super) fn poll_rereading(&mut self, now: Now, out: &mut Outbox) {
        if now.mono < self.rereading.due {
            return;
        }
        self.rereading.due = Timestamp::NEVER;
        if self.phase != Phase::Open {
            return;
        }
        if self.newcomers.is_asking() {
            self.rereading.due = now.mono + PACE;
            return;
        }
        // Bounded by the table.
        while let Some(market) = self.markets.all().get(self.rereading.next) {
            let (market, ticker) = (market.ix, market.ticker);
            let rests = self.exposure.market(market).open_orders > 0;
            let held = self.account.holding(market).position != Position::FLAT;
            let wanted = self.is_paused_by_news(market) || self.awaits_terms(market);
            if rests || held || wanted {
                self.rereading.asked = Some(market);
                self.forget_telling(market);
                out.asks.push(FetchCommand::Market { ticker });
                return;
            }
            self.rereading.next += 1;
        }
    }

    /// How the market stands that was asked for.
    pub(super) fn on_market_standing(&mut self, now: Now, news: &MarketNews, out: &mut Outbox) {
        let Some(market) = self.rereading.asked else { return self.newcomers.hear(news) };
        let is_it = self.markets.find(&news.ticker).is_some_and(|found| found.ix == market);
        if is_it && !self.is_told_meanwhile(market) {
            self.take_terms(market, news, out);
            self.follow_news(now, market, news);
        }
    }

    /// The answer is complete.
    pub(super) fn on_market_read(&mut self, now: Now, out: &mut Outbox) {
        let Some(market) = self.rereading.asked else { return self.admit_newcomer(now, out) };
        if !self.awaits_terms(market) {
            self.rereading.advance(now.mono + PACE);
        } else if self.is_told_meanwhile(market) {
            self.rereading.again = true;
            self.rereading.advance(now.mono + PACE);
        } else {
            // Reads lag the stream.
            self.on_market_failed(now);
        }
    }

    /// There was no answer.
    pub(super) fn on_market_failed(&mut self, now: Now) {
        let reading = &mut self.rereading;
        let Some(market) = reading.asked.take() else { return self.newcomers.fail(now) };
        reading.failures += 1;
        if reading.failures >= TRIES_MAX {
            reading.advance(now.mono + PACE);
            self.news.markets[usize::from(market.0)].awaits_terms = false;
        } else {
            reading.due = now.mono + RETRY;
        }
    }
}
