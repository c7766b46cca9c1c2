//! What the stream tells of markets and order groups: pauses, closes, new price grids, a group
//! that was triggered.
//!
//! A paused or closed market is closed in the table, so that the limit that asks for it refuses
//! before the exchange has to; what was closed here is opened again at once, and what was not open
//! when the run began once its terms have been read (`admission.rs`). Whatever may have taken
//! orders off the book is looked at soon. A triggered group of the account halts.

use super::core::{Core, Outbox};
use crate::ids::{MarketIx, Reason};
use crate::message::{GroupChange, GroupNews, HeldThere, MarketChange, MarketNews};
use crate::units::{Nanos, Now, Timestamp, WallTime};

/// How long after a resume the news of triggers may be late that a halt has made itself.
const OWN_TRIGGERS: Nanos = Nanos::from_secs(10);

/// Why a market is closed, as far as the stream has told.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Standing {
    is_paused: bool,
    /// Whether its time was up, or its outcome is known.
    is_over: bool,
    /// Whether it may be opened again: it was open before, or its terms are known.
    pub(super) was_open: bool,
    /// Whether it has opened for the first time, and its terms must be read.
    pub(super) awaits_terms: bool,
    closes: Option<WallTime>,
    /// Whether the stream has told of it since it was last asked for.
    is_told: bool,
}

/// See the module's page.
#[derive(Debug)]
pub(super) struct News {
    pub(super) markets: Vec<Standing>,
    /// The next market's close.
    due: Timestamp,
    /// Until then a trigger may be our own of a halt that is over.
    own_triggers_until: Timestamp,
}

impl News {
    pub(super) fn new(market_count: usize) -> Self {
        Self {
            markets: vec![Standing::default(); market_count],
            due: Timestamp::NEVER,
            own_triggers_until: Timestamp::ZERO,
        }
    }

    /// When a market's time is up.
    pub(super) const fn due(&self) -> Timestamp {
        self.due
    }

    /// A person goes on.
    pub(super) fn resume(&mut self, now: Timestamp) {
        self.own_triggers_until = now + OWN_TRIGGERS;
    }
}

impl Core {
    /// Something happened to a market.
    pub(super) fn on_market_news(&mut self, now: Now, news: &MarketNews, out: &mut Outbox) {
        let Some(market) = self.markets.find(&news.ticker).map(|market| market.ix) else {
            return self.note_newcomer(now, news, out);
        };
        self.news.markets[usize::from(market.0)].is_told = true;
        self.follow_news(now, market, news);
        if news.change == MarketChange::Activated {
            self.note_opened(now, market);
        }
    }

    /// A market is asked for: what the stream tells from now on is newer than the answer.
    pub(super) fn forget_telling(&mut self, market: MarketIx) {
        self.news.markets[usize::from(market.0)].is_told = false;
    }

    /// Whether the stream has told of a market since it was asked for.
    pub(super) fn is_told_meanwhile(&self, market: MarketIx) -> bool {
        self.news.markets[usize::from(market.0)].is_told
    }

    /// Whether a market is closed because the stream has said that it is paused.
    pub(super) fn is_paused_by_news(&self, market: MarketIx) -> bool {
        self.news.markets[usize::from(market.0)].is_paused
    }

    /// What becomes of a market, whoever tells it.
    pub(super) fn follow_news(&mut self, now: Now, market: MarketIx, news: &MarketNews) {
        let standing = &mut self.news.markets[usize::from(market.0)];
        match news.change {
            MarketChange::Deactivated => standing.is_paused = true,
            MarketChange::Activated => standing.is_paused = false,
            MarketChange::Closes(at) => {
                standing.closes = Some(at);
                standing.is_over = at <= now.wall;
                let at = now.mono + at.since(now.wall);
                self.news.due = self.news.due.min(at.max(now.mono));
            }
            MarketChange::Determined => standing.is_over = true,
            MarketChange::Settled => {
                standing.is_over = true;
                self.settlements.begin(now.mono);
            }
            MarketChange::Prices(grid) => self.markets.restructure(market, grid),
            // Of a market that trades they are known: orders have been priced by them.
            MarketChange::Terms { .. } | MarketChange::Created(_) => {}
        }
        self.follow_standing(market);
        if self.exposure.market(market).open_orders > 0 {
            // What rested there may be gone.
            self.reconciling.want(now.mono + self.config.orders.read_lag);
        }
    }

    /// Brings the table in line with what is known of a market.
    pub(super) fn follow_standing(&mut self, market: MarketIx) {
        let is_open = self.markets.get(market).is_some_and(|market| market.active);
        let standing = &mut self.news.markets[usize::from(market.0)];
        let is_closed = standing.is_paused || standing.is_over;
        if is_closed && is_open {
            standing.was_open = true;
            self.markets.close(market);
        } else if !is_closed && standing.was_open {
            standing.was_open = false;
            self.markets.open(market);
        }
    }

    /// Closes markets whose time is up: the exchange tells of no close by the clock.
    pub(super) fn poll_closes(&mut self, now: Now) {
        if now.mono < self.news.due {
            return;
        }
        let mut next = Timestamp::NEVER;
        for index in 0..self.markets.all().len() {
            let market = self.markets.all()[index].ix;
            let standing = &mut self.news.markets[index];
            let Some(closes) = standing.closes else { continue };
            if closes > now.wall {
                next = next.min(now.mono + closes.since(now.wall));
                continue;
            }
            (standing.is_over, standing.closes) = (true, None);
            self.follow_standing(market);
            if self.exposure.market(market).open_orders > 0 {
                self.reconciling.want(now.mono + self.config.orders.read_lag);
            }
        }
        self.news.due = next;
    }

    /// The exchange tells a position: one that is not ours is looked into, by the same rules as
    /// any difference.
    pub(super) fn on_position_news(&mut self, now: Now, held: &HeldThere) {
        let market = self.markets.find(&held.ticker).map(|market| market.ix);
        let differs =
            market.is_none_or(|market| self.account.holding(market).position != held.position);
        if differs {
            self.reconciling.want(now.mono + self.config.orders.read_lag);
        }
    }

    /// Something happened to an order group of the account. A trigger that nobody here has asked
    /// for is the exchange's own brake on a runaway: a person is asked, as for any halt. Resuming
    /// resets our groups.
    pub(super) fn on_group_news(&mut self, now: Now, news: &GroupNews, out: &mut Outbox) {
        if news.change != GroupChange::Triggered || self.halt.is_some() {
            return;
        }
        // Its orders were cancelled.
        self.reconciling.want(now.mono + self.config.orders.read_lag);
        if now.mono >= self.news.own_triggers_until {
            let text = format!("order_group_triggered: {}", news.id);
            self.halt(now, Reason::lossy(&text), out);
        }
    }
}
