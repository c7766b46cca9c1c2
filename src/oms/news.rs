//! What the stream tells of markets and order groups: pauses, closes, new price grids, a group
//! that was triggered.
//!
//! A paused or closed market is closed in the table, so that the limit that asks for it refuses
//! before the exchange has to; only what was closed here is opened again. Whatever may have taken
//! orders off the book is looked at soon. A triggered group of the account refuses orders until it
//! is reset or a person resumes: the exchange would refuse them one by one.

use super::core::{Core, Outbox};
use crate::ids::{MarketIx, OrderGroupId, Reason, Ticker};
use crate::message::{GroupChange, GroupNews, HeldThere, MarketChange, MarketNews};
use crate::recorder::record::Record;
use crate::units::{Now, Timestamp, WallTime};

/// Triggered groups that are remembered: an engine has one a shard. Of more, none is forgotten.
const TRIGGERED_MAX: usize = 8;

/// Why a market is closed, as far as the stream has told.
#[derive(Clone, Copy, Debug, Default)]
struct Standing {
    is_paused: bool,
    /// Whether its time was up, or its outcome is known.
    is_over: bool,
    /// Whether it was open before.
    was_open: bool,
    closes: Option<WallTime>,
}

/// See the module's page.
#[derive(Debug)]
pub(super) struct News {
    markets: Vec<Standing>,
    /// The next market's close.
    due: Timestamp,
    triggered: Vec<OrderGroupId>,
}

impl News {
    pub(super) fn new(market_count: usize) -> Self {
        Self {
            markets: vec![Standing::default(); market_count],
            due: Timestamp::NEVER,
            triggered: Vec::with_capacity(TRIGGERED_MAX),
        }
    }

    /// When a market's time is up.
    pub(super) const fn due(&self) -> Timestamp {
        self.due
    }

    /// Whether a group of the account refuses orders.
    pub(super) const fn is_triggered(&self) -> bool {
        !self.triggered.is_empty()
    }

    /// A person goes on.
    pub(super) fn resume(&mut self) {
        self.triggered.clear();
    }
}

impl Core {
    /// Something happened to a market.
    pub(super) fn on_market_news(&mut self, now: Now, news: &MarketNews) {
        let Some(market) = self.markets.find(&news.ticker).map(|market| market.ix) else { return };
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
        }
        self.follow_standing(market);
        if self.exposure.market(market).open_orders > 0 {
            // What rested there may be gone.
            self.reconciling.want(now.mono + self.config.orders.read_lag);
        }
    }

    /// Brings the table in line with what is known of a market.
    fn follow_standing(&mut self, market: MarketIx) {
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

    /// Something happened to an order group of the account.
    pub(super) fn on_group_news(&mut self, now: Now, news: &GroupNews, out: &mut Outbox) {
        let known = self.news.triggered.contains(&news.id);
        match news.change {
            GroupChange::Triggered if known => {}
            GroupChange::Triggered => {
                if self.news.triggered.len() < TRIGGERED_MAX {
                    self.news.triggered.push(news.id);
                }
                let text = format!("order group {} was triggered", news.id);
                let reason = Reason::lossy(&text);
                out.records.push(Record::Alert { ticker: Ticker::EMPTY, reason });
                // Its orders were cancelled.
                self.reconciling.want(now.mono + self.config.orders.read_lag);
            }
            GroupChange::Reset | GroupChange::Deleted => {
                self.news.triggered.retain(|id| *id != news.id);
            }
        }
    }
}
