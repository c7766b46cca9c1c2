//! Conditions with a name, as the oms comes to know of them, and how long links were away.
//!
//! In: every input but signals, after it has been handled. Out: a record when a condition begins
//! and one when it is over; the time from the loss of a link to the moment at which orders may go
//! out again. Follows from state and input alone; decides nothing but that a clock is not known
//! when the exchange finds our signatures too old.

use super::core::{Core, FeedLink, Input, Outbox, Phase};
use crate::ids::{MarketIx, Reason, Ticker};
use crate::kalshi::errors;
use crate::message::{CancelFailure, GatewayEvent, Reject, RejectKind, Trouble, TroubleNews, Turn};
use crate::recorder::record::Record;
use crate::risk::{Readiness, Skew};
use crate::units::{Nanos, Now, Timestamp};

/// How long after the last 429 the exchange counts as limiting us: its buckets refill within
/// three seconds.
const LIMITED_FOR: Nanos = Nanos::from_secs(3);

/// Paused markets that are remembered by name; further ones pause all the same, unnamed.
const PAUSED_MARKETS_MAX: usize = 64;

/// What was told last.
#[derive(Debug)]
pub(super) struct Watch {
    holds: [bool; Trouble::COUNT],
    limited_until: Timestamp,
    paused_markets: Vec<MarketIx>,
    /// Whether there was a connection: before the first one none is missed.
    connected: bool,
    /// Whether orders could have gone out, as far as links go.
    ready: bool,
    /// Since when they cannot.
    lost_at: Option<Timestamp>,
}

impl Watch {
    /// Allocates for as many markets as are remembered.
    pub(super) fn new() -> Self {
        Self {
            holds: [false; Trouble::COUNT],
            limited_until: Timestamp::ZERO,
            paused_markets: Vec::with_capacity(PAUSED_MARKETS_MAX),
            connected: false,
            ready: false,
            lost_at: None,
        }
    }
}

impl Core {
    /// Looks at what an input has changed. A signal changes no condition.
    pub(super) fn watch_conditions(&mut self, now: Now, input: &Input, out: &mut Outbox) {
        if matches!(input, Input::Signal(_)) {
            return;
        }
        match input {
            Input::Gateway(GatewayEvent::Rejected { key, reject }) => {
                let market = self.orders.find(*key).map(|order| order.terms().market);
                self.watch_reject(now, reject, market, out);
            }
            Input::Gateway(GatewayEvent::CancelFailed {
                why: CancelFailure::Rejected(RejectKind::TooManyRequests),
                ..
            }) => self.watch.limited_until = now.mono + LIMITED_FOR,
            _ => {}
        }
        self.watch_obstacle(out);
        self.watch_links(out);
        self.watch_exchange(now, out);
        self.watch_books(now, out);
        self.watch_markets(now, out);
        self.time_reconnects(now, out);
    }

    /// A refused order may be a sign of something larger.
    #[cold]
    fn watch_reject(
        &mut self,
        now: Now,
        reject: &Reject,
        market: Option<MarketIx>,
        out: &mut Outbox,
    ) {
        let Some(trouble) = errors::trouble(reject.status, reject.code.as_str()) else { return };
        match trouble {
            Trouble::RateLimited => self.watch.limited_until = now.mono + LIMITED_FOR,
            // Signatures carry our time, so it is ours that is off; how far, the next look at the
            // exchange's clock says. Until then nothing is sent.
            Trouble::ClockSkew if self.guard.skew() != Skew::NotNeeded => {
                self.guard.note_skew(Skew::Unknown);
            }
            Trouble::MarketPaused => {
                let known = market.filter(|market| !self.watch.paused_markets.contains(market));
                let room = self.watch.paused_markets.len() < PAUSED_MARKETS_MAX;
                if let Some(market) = known.filter(|_| room) {
                    self.watch.paused_markets.push(market);
                    self.tell_market(market, Turn::Began, reject.message, out);
                }
            }
            _ => {}
        }
    }

    fn watch_links(&mut self, out: &mut Outbox) {
        self.watch.connected |= self.connections > 0;
        let feed = match self.feed {
            FeedLink::Down => true,
            // Catching up after a loss is part of it, catching up at the start is not.
            FeedLink::Backfilling => self.watch.holds[Trouble::FeedDown as usize],
            FeedLink::NotYet | FeedLink::Up => false,
        };
        let detail = || Reason::lossy("fills may be missed until it is back");
        self.tell_condition(Trouble::FeedDown, turn_of(feed), detail, out);
        let links = self.watch.connected && self.connections == 0;
        let detail = || Reason::lossy("no order connection is up");
        self.tell_condition(Trouble::OrderLinkDown, turn_of(links), detail, out);
    }

    fn watch_books(&mut self, now: Now, out: &mut Outbox) {
        let unseen = turn_of(self.is_blind(now));
        let detail = || Reason::lossy("a followed market's book is late, broken or not told");
        self.tell_condition(Trouble::BooksUnseen, unseen, detail, out);
    }

    fn watch_exchange(&mut self, now: Now, out: &mut Outbox) {
        let paused = turn_of(self.guard.is_exchange_paused(now.mono));
        let detail = || Reason::lossy("the exchange refused an order: it is paused");
        self.tell_condition(Trouble::ExchangePaused, paused, detail, out);
        let maintenance = turn_of(self.guard.is_in_maintenance());
        let detail = || Reason::lossy("the weekly window has begun");
        self.tell_condition(Trouble::Maintenance, maintenance, detail, out);
        let limited = turn_of(now.mono < self.watch.limited_until);
        let detail = || Reason::lossy("the exchange answered 429");
        self.tell_condition(Trouble::RateLimited, limited, detail, out);
        let skew = self.guard.skew();
        let bound = self.config.limits.clock_skew_max.ns();
        let off = match skew {
            Skew::NotNeeded => false,
            Skew::Unknown => true,
            Skew::Measured(ns) => ns.unsigned_abs() > bound,
        };
        let detail = || match skew {
            Skew::Measured(ns) => {
                Reason::lossy(&format!("the exchange's is {} ms ahead of ours", ns / 1_000_000))
            }
            Skew::NotNeeded | Skew::Unknown => Reason::lossy("how far is not known"),
        };
        self.tell_condition(Trouble::ClockSkew, turn_of(off), detail, out);
    }

    /// Markets whose pause is over.
    fn watch_markets(&mut self, now: Now, out: &mut Outbox) {
        let mut at = 0;
        while let Some(&market) = self.watch.paused_markets.get(at) {
            if self.guard.is_market_paused(market, now.mono) {
                at += 1;
            } else {
                self.watch.paused_markets.swap_remove(at);
                self.tell_market(market, Turn::Over, Reason::EMPTY, out);
            }
        }
    }

    /// From the loss of a link to the moment at which an order may go out again. What a person
    /// or the end of the run has in between is not the link's time.
    fn time_reconnects(&mut self, now: Now, out: &mut Outbox) {
        let ready = match (self.readiness(), self.phase) {
            (Readiness::Halted, _) | (_, Phase::Draining(_) | Phase::Drained) => {
                self.watch.lost_at = None;
                self.watch.ready = false;
                return;
            }
            (Readiness::Ready, Phase::Open) => true,
            (Readiness::NotReady, Phase::Open) => false,
        };
        let was_ready = core::mem::replace(&mut self.watch.ready, ready);
        if was_ready && !ready {
            self.watch.lost_at = Some(now.mono);
        }
        if ready && let Some(lost_at) = self.watch.lost_at.take() {
            out.records.push(Record::Reconnected { span: now.mono.since(lost_at) });
        }
    }

    /// What only a person can end has halted, and is over when somebody resumes.
    fn watch_obstacle(&mut self, out: &mut Outbox) {
        let (obstacle, reason) = (self.obstacle(), self.halted().copied());
        for trouble in Trouble::ALL.into_iter().filter(|trouble| trouble.needs_a_person()) {
            let turn = turn_of(obstacle == Some(trouble));
            self.tell_condition(trouble, turn, || reason.unwrap_or(Reason::EMPTY), out);
        }
    }

    /// Tells of a condition that was not so before.
    fn tell_condition(
        &mut self,
        trouble: Trouble,
        turn: Turn,
        detail: impl FnOnce() -> Reason,
        out: &mut Outbox,
    ) {
        let holds = turn == Turn::Began;
        if core::mem::replace(&mut self.watch.holds[trouble as usize], holds) != holds {
            let detail = detail();
            let news = TroubleNews { trouble, ticker: Ticker::EMPTY, turn, detail };
            out.records.push(Record::Trouble(news));
        }
    }

    fn tell_market(&self, market: MarketIx, turn: Turn, detail: Reason, out: &mut Outbox) {
        let Some(ticker) = self.markets.get(market).map(|market| market.ticker) else { return };
        let news = TroubleNews { trouble: Trouble::MarketPaused, ticker, turn, detail };
        out.records.push(Record::Trouble(news));
    }
}

const fn turn_of(holds: bool) -> Turn {
    if holds { Turn::Began } else { Turn::Over }
}
