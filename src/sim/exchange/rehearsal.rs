//! What an order would meet, found out before anything changes: whether it can pay for its first
//! fill, and whether a fill-or-kill order fills whole.
//!
//! In: an order that is on no book. Out: a yes, or the refusal. Every account, book and queue is
//! afterwards what it was, and no event is told: a refused order leaves no trace.

use std::collections::{BTreeSet, HashMap};

use crate::kalshi::fees::{Liquidity, taker_fee_bound, trade_fee};
use crate::kalshi::market::FeeSchedule;
use crate::sim::exchange::book::OrderIx;
use crate::sim::exchange::matching::{Short, Stop};
use crate::sim::exchange::member::{Fills, Member};
use crate::sim::exchange::order::{Order, SelfTradePrevention};
use crate::sim::exchange::{Exchange, Reject};
use crate::units::{Money, WallTime};

/// What a glance at its path says about a fill-or-kill order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outlook {
    /// Everything in its way can trade, and is enough.
    Whole,
    /// It meets an order of its own member first.
    MeetsOwn,
    /// Somebody on the way may run out of money, or a group may trigger.
    Unclear,
}

impl Exchange {
    /// Whether an order can pay for the first fill it would get, if it gets any. Looks past what
    /// matching would cancel on the way there: its member's own orders, and those that cannot pay
    /// their fee.
    pub(super) fn can_start(&mut self, taker: &Order, now: WallTime) -> bool {
        // Walked while accounts are tried out; none of that reads the book.
        let book = core::mem::take(&mut self.markets[taker.market].book);
        let mut lifted: Vec<OrderIx> = Vec::new();
        let mut payable = true;
        for ix in book.queue_within(taker.side.opposite(), taker.price) {
            let maker = *self.orders.get(ix);
            if self.is_self_trade(taker, &maker) {
                if taker.terms.self_trade_prevention == SelfTradePrevention::TakerAtCross {
                    break;
                }
            } else {
                match self.exchanged(taker, &maker, now) {
                    Ok(_) => break,
                    Err(Short::Maker) => {}
                    Err(Short::Taker) => {
                        payable = false;
                        break;
                    }
                }
            }
            self.account_of_mut(&maker).unrest(&maker, maker.remaining);
            lifted.push(ix);
        }
        for ix in lifted.into_iter().rev() {
            let maker = *self.orders.get(ix);
            self.account_of_mut(&maker).rest(&maker);
        }
        self.markets[taker.market].book = book;
        payable
    }

    /// Refuses a fill-or-kill order that would not fill whole. One that meets its member's own
    /// order is treated like immediate-or-cancel (reference §3.1).
    pub(super) fn check_fills_whole(&self, order: &Order, now: WallTime) -> Result<(), Reject> {
        if self.outlook(order, now) != Outlook::Unclear {
            return Ok(());
        }
        let mut trial = self.without_history();
        let ix = trial.orders.insert(*order);
        let matched = trial.match_order(ix, now);
        match matched.stop {
            _ if matched.met_own || matched.quantity == order.remaining => Ok(()),
            Stop::Unaffordable => Err(Reject::InsufficientBalance),
            Stop::Done | Stop::SelfTrade | Stop::Group => Err(Reject::FillOrKill),
        }
    }

    /// Walks the queue that would fill the order. The book is known to hold enough.
    fn outlook(&self, order: &Order, now: WallTime) -> Outlook {
        let market = &self.markets[order.market];
        let schedule = market.fees_at(now);
        let mut left = order.remaining;
        let mut fees_worst = Money::ZERO;
        let mut steps = 0;
        let mut members: Vec<OrderIx> = Vec::new();
        for ix in market.book.queue_within(order.side.opposite(), order.price) {
            let maker = self.orders.get(ix);
            if self.is_self_trade(order, maker) {
                return Outlook::MeetsOwn;
            }
            if maker.group.is_some() {
                return Outlook::Unclear;
            }
            let quantity = left.min(maker.remaining);
            fees_worst += trade_fee(&schedule, Liquidity::Maker, maker.price, quantity);
            steps += 1;
            if self.is_member(maker.user) {
                members.push(ix);
            }
            left -= quantity;
            if left.is_zero() {
                break;
            }
        }
        // Aligning the cash to its grid costs less than a step of it per fill.
        let rounding = |grid_micros: u32| Money::from_micros(steps * i64::from(grid_micros));
        let short_maker = members.into_iter().map(|ix| self.orders.get(ix)).any(|maker| {
            let account = self.account_of(maker);
            account.spare(maker.market) < fees_worst + rounding(account.grid_micros)
        });
        if short_maker || order.group.is_some() || !left.is_zero() {
            return Outlook::Unclear;
        }
        let account = self.account_of(order);
        let grid_micros = account.grid_micros;
        let bound =
            taker_fee_bound(&FeeSchedule { grid_micros, ..schedule }, order.price, order.remaining);
        let enough = account.spare_with(order, order.remaining) >= bound + rounding(grid_micros);
        if enough || !self.is_member(order.user) { Outlook::Whole } else { Outlook::Unclear }
    }

    /// A copy to try something out on: everything that decides what an order does, nothing that
    /// is only kept for reading.
    fn without_history(&self) -> Self {
        Self {
            markets: self.markets.clone(),
            by_ticker: HashMap::new(),
            members: self.members.iter().map(Member::without_history).collect(),
            background: self.background,
            orders: self.orders.by_place(),
            fills: Fills::default(),
            expiries: BTreeSet::new(),
            timers: BTreeSet::new(),
            timers_set: 0,
            groups: self.groups.clone(),
            rules: self.rules,
            listed: self.listed,
            fee_changes: Vec::new(),
            cancel_alls: HashMap::new(),
            tails: self.tails.clone(),
            ids: self.ids.clone(),
            arrivals: self.arrivals,
            places: self.places,
            trades: self.trades,
            fees: self.fees,
            state: self.state,
            events: Vec::new(),
        }
    }
}
