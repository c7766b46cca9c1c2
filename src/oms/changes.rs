//! Changes of orders that rest: the decrease of one that is too large, and what is said of changes.
//!
//! A change that was refused or never left has not happened. One whose answer is missing may have,
//! or may yet: the order is looked up, and only a reading that is younger than the change by more
//! than reads lag says which. The new terms prove that it happened; the old ones prove that it
//! will not only once nothing under way can still arrive. Until then the worse of both is reserved
//! and nothing else is changed; a cancel always may go.

use super::core::{Core, Outbox, Phase};
use crate::ids::OrderKey;
use crate::kalshi::fees;
use crate::message::{
    CancelFailure, Command, DecreaseOrder, ExchangeStatus, OrderReport, RejectKind,
};
use crate::order::{ChangeStage, Order, State};
use crate::units::{Contracts, Now};

impl Core {
    /// An order rests for more than is still wanted: the rest of it keeps its place in the queue
    /// if the exchange can be asked for that, else the whole order goes.
    pub(super) fn trim(&mut self, now: Now, key: OrderKey, out: &mut Outbox) {
        let Some(decrease) = self.decrease(now, key) else { return self.cancel(now, key, out) };
        let Some(order) = self.orders.find_mut(key) else { return };
        let (price, quantity) = (order.terms().price, order.terms().quantity);
        order.ask_change(price, quantity - decrease.by, now.mono);
        self.guard.note_change_approved(key);
        out.commands.push(Command::Decrease(decrease));
    }

    /// What would make an order as small as it is wanted, where that is possible.
    fn decrease(&self, now: Now, key: OrderKey) -> Option<DecreaseOrder> {
        let order = self.orders.find(key)?;
        let execution = self.executions.find(self.lots[key.slot as usize].execution)?;
        let wanted = execution.wanted();
        let (order_id, market) = (order.order_id(), order.terms().market);
        let rests = matches!(order.state(), State::Resting | State::Partial);
        let untouched = order.change().is_none() && order.cancels == 0 && order.ending().is_none();
        let possible = rests && untouched && !order_id.is_empty() && !wanted.is_zero();
        let by = order.open().checked_sub(wanted).filter(|by| !by.is_zero())?;
        (possible && !self.is_over(order)).then_some(DecreaseOrder {
            key,
            order_id,
            market,
            by,
            decided: now.mono,
        })
    }

    /// Whether no order should rest where this one does: trading has stopped, everywhere, in its
    /// market or for all but the breaker's probe.
    pub(super) fn is_over(&self, order: &Order) -> bool {
        self.halt.is_some()
            || self.phase != Phase::Open
            || !self.guard.breaker().lets_rest(order.key())
            || self.is_stopped(order.terms().market)
    }

    /// Whether the exchange has been asked to make an order no larger than `wanted`.
    pub(super) fn is_shrinking(&self, key: OrderKey, wanted: Contracts) -> bool {
        let Some(order) = self.orders.find(key) else { return false };
        order.change().is_some_and(|change| {
            change.stage == ChangeStage::Asked
                && change.quantity.saturating_sub(order.filled()) <= wanted
        })
    }

    /// The exchange has confirmed a change.
    pub(super) fn on_changed(
        &mut self,
        now: Now,
        key: OrderKey,
        remaining: Option<Contracts>,
        out: &mut Outbox,
    ) {
        let Some(order) = self.orders.find_mut(key) else { return };
        if order.change().is_none() || order.state().is_terminal() {
            return order.drop_change();
        }
        if remaining.is_some_and(Contracts::is_zero) {
            // It is over. How, and what it has filled, its report says.
            order.lose_change(now.mono);
            return self.doubt(now, key, out);
        }
        self.confirm_change(now, key, out);
    }

    /// A change was refused, never left, or its answer is missing.
    pub(super) fn on_change_failed(
        &mut self,
        now: Now,
        key: OrderKey,
        why: CancelFailure,
        out: &mut Outbox,
    ) {
        if let CancelFailure::Rejected(kind) = why {
            self.meet_refused_change(now, kind, out);
        }
        let Some(order) = self.orders.find_mut(key) else { return };
        if order.change().is_none() || order.state().is_terminal() {
            return order.drop_change();
        }
        match why {
            CancelFailure::Lost(_) => {
                order.lose_change(now.mono);
                self.doubt(now, key, out);
            }
            // Filled, cancelled or never known: it cannot be told which.
            CancelFailure::Rejected(RejectKind::NotFound) => {
                self.forget_change(key);
                self.doubt(now, key, out);
            }
            CancelFailure::Rejected(_) | CancelFailure::Unsent(_) => {
                let shrinks = order.may_be_smaller();
                self.forget_change(key);
                if shrinks {
                    // It cannot shrink, and it must not stay as large as it is.
                    self.cancel(now, key, out);
                } else {
                    self.arm_live(now, key);
                }
            }
        }
    }

    /// A look-up has read an order with a change in doubt.
    pub(super) fn resolve_change(
        &mut self,
        now: Now,
        key: OrderKey,
        report: &OrderReport,
        out: &mut Outbox,
    ) {
        let Some(order) = self.orders.find(key) else { return };
        let Some(change) = order.change() else { return };
        let ChangeStage::Lost(lost) = change.stage else { return };
        if order.state().is_terminal() || report.status != ExchangeStatus::Resting {
            return;
        }
        let orders = &self.config.orders;
        let (readable, settled) = (change.asked + orders.read_lag, lost + orders.absence_wait);
        let quantity = report.filled + report.remaining;
        if order.looked < readable {
            // It may have been read before the change.
            self.arm(key, readable);
        } else if report.price == change.price && quantity == change.quantity {
            self.confirm_change(now, key, out);
        } else if order.looked >= settled {
            self.forget_change(key);
            self.arm_live(now, key);
        } else {
            self.arm_live(now, key);
            let due = self.orders.find(key).map_or(settled, |order| order.deadline.min(settled));
            self.arm(key, due);
        }
    }

    /// The order is as was asked for.
    fn confirm_change(&mut self, now: Now, key: OrderKey, out: &mut Outbox) {
        self.step(now, key, out, |order| Ok(order.confirm_change()));
        self.narrow(key);
        self.arm_live(now, key);
    }

    /// The order is as it was.
    fn forget_change(&mut self, key: OrderKey) {
        if let Some(order) = self.orders.find_mut(key) {
            order.drop_change();
        }
        self.narrow(key);
    }

    /// Frees what was held back for the other price.
    fn narrow(&mut self, key: OrderKey) {
        let Some(order) = self.orders.find(key) else { return };
        let (terms, open) = (order.terms(), order.open());
        let Some(market) = self.markets.get(terms.market) else { return };
        let fee = fees::taker_fee_bound(&market.fees, terms.price, open);
        let needed = terms.side.own_price(terms.price) * open + fee;
        let Some(place) = self.place_of(terms) else { return };
        let held = &mut self.lots[key.slot as usize].reserve;
        if *held > needed {
            self.exposure.narrow(place, *held - needed);
            *held = needed;
        }
    }
}
