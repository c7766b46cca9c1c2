//! Time running out: resting orders are cancelled, unclear ones looked up again.

use super::core::{Core, Outbox, Phase};
use crate::ids::{OrderKey, Reason};
use crate::message::{ControlCommand, FetchCommand};
use crate::order::{ChangeStage, Order, State};
use crate::recorder::record::Record;
use crate::units::{Now, Timestamp};

/// Deadlines handled per call: a bound on one duty cycle; the rest is due at once again.
const DUE_MAX: usize = 32;

impl Core {
    pub(super) fn on_timer(&mut self, now: Now, out: &mut Outbox) {
        if self.gap.due <= now.mono {
            self.backfill(now, out);
        }
        self.poll_settlements(now, out);
        self.poll_reconciling(now, out);
        self.poll_closes(now);
        self.poll_following(now, out);
        self.poll_rereading(now, out);
        self.poll_newcomers(now, out);
        for _ in 0..DUE_MAX {
            let Some((at, key)) = self.timers.pop_due(now.mono) else { break };
            let current = |order: &Order| order.deadline == at && !order.state().is_terminal();
            if self.orders.find(key).is_some_and(current) {
                self.on_deadline(now, key, out);
            }
        }
        for _ in 0..DUE_MAX {
            let Some((at, key)) = self.waits.pop_due(now.mono) else { return };
            self.on_execution_due(now, at, key, out);
        }
    }

    fn on_deadline(&mut self, now: Now, key: OrderKey, out: &mut Outbox) {
        let Some(order) = self.orders.find(key).copied() else { return };
        match order.state() {
            // The gateway answers for what it took within its own, shorter bounds; past them the
            // order counts as lost like any other.
            State::Pending | State::Submitted => self.doubt(now, key, out),
            State::Resting | State::Partial => self.on_live_deadline(now, &order, out),
            State::CancelPending => self.look_up_and_rearm(now, key, out),
            State::Unknown => self.on_unknown_deadline(now, key, out),
            State::Filled | State::Canceled | State::Rejected | State::Expired => {}
        }
    }

    fn on_live_deadline(&mut self, now: Now, order: &Order, out: &mut Outbox) {
        let orders = &self.config.orders;
        let key = order.key();
        if order.ending().is_some() {
            return self.look_up_and_rearm(now, key, out);
        }
        let in_time = now.mono < self.lots[key.slot as usize].until && !self.is_over(order);
        if in_time && self.is_too_large(key) {
            return self.trim(now, key, out);
        }
        if in_time && order.change().is_some_and(|it| it.stage != ChangeStage::Asked) {
            return self.look_up_and_rearm(now, key, out);
        }
        let partial_deadline = self.lots[key.slot as usize].until + orders.partial_wait;
        let waits = order.state() == State::Partial
            && !order.terms().post_only
            && !self.is_unwanted(order)
            && now.mono < partial_deadline;
        if waits {
            self.arm(key, partial_deadline);
        } else {
            self.cancel(now, key, out);
        }
    }

    /// Asks the exchange what became of an order, and again after a while.
    pub(super) fn look_up_and_rearm(&mut self, now: Now, key: OrderKey, out: &mut Outbox) {
        self.look_up(now, key, out);
        self.rearm_look_up(now, key);
    }

    /// Past the bound an order is asked for now and then only: its market has stopped, a person
    /// knows.
    pub(super) fn rearm_look_up(&mut self, now: Now, key: OrderKey) {
        let Some(order) = self.orders.find(key) else { return };
        let (orders, tries) = (self.config.orders, order.lookups);
        let pause = if tries < orders.lookups_max { 1 } else { 10 };
        let wait = crate::units::Nanos::from_ns(orders.lookup_interval.ns() * pause);
        self.arm(key, now.mono + wait);
    }

    /// One look-up of an order is under way at a time: slow reads must not pile up before the
    /// service until the oms has no room for what it says.
    fn look_up(&mut self, now: Now, key: OrderKey, out: &mut Outbox) {
        let Some(order) = self.orders.find_mut(key) else { return };
        if core::mem::replace(&mut order.asked, true) {
            return;
        }
        order.looked = now.mono;
        order.lookups = order.lookups.saturating_add(1);
        let (tries, terms, order_id) = (order.lookups, *order.terms(), order.order_id());
        if tries == self.config.orders.lookups_max {
            self.stop_market(key, Reason::lossy("an order's fate could not be looked up"), out);
        }
        let Some(market) = self.markets.get(terms.market) else { return };
        let (client_order_id, ticker) = (terms.client_order_id, market.ticker);
        out.asks.push(FetchCommand::Order { key, client_order_id, order_id, ticker });
    }

    pub(super) fn on_control(&mut self, now: Now, command: &ControlCommand, out: &mut Outbox) {
        match command {
            ControlCommand::Halt { reason } => self.halt(now, *reason, out),
            ControlCommand::Resume => self.resume(now, out),
            ControlCommand::Drain => self.drain(now, out),
            ControlCommand::CancelAll => self.cancel_all(now, out),
            ControlCommand::Reconcile => self.reconcile_now(now),
            ControlCommand::Clock { ahead_ms } => self.note_clock(*ahead_ms),
            ControlCommand::Tier { refill_per_sec, capacity } => {
                self.guard.messages_mut().resize(now.mono, *refill_per_sec, *capacity);
            }
        }
    }

    /// No new orders; what rests is cancelled; the end comes when nothing is alive, or at the
    /// bound.
    fn drain(&mut self, now: Now, out: &mut Outbox) {
        if self.phase != Phase::Open {
            return;
        }
        let at: Timestamp = now.mono + self.config.orders.drain_timeout;
        self.phase = Phase::Draining(at);
        out.records.push(Record::Draining);
        self.end_waiting(out);
        self.cancel_resting(now, out);
    }

    /// Ends every execution there is: what rests is cancelled, what is under way is the last.
    fn cancel_all(&mut self, now: Now, out: &mut Outbox) {
        self.end_executions(out);
        self.cancel_resting(now, out);
    }

    fn cancel_resting(&mut self, now: Now, out: &mut Outbox) {
        for slot in 0..self.orders.capacity() {
            let Some(key) = self.orders.live_at(slot) else { continue };
            let rests = |order: &Order| matches!(order.state(), State::Resting | State::Partial);
            if self.orders.find(key).is_some_and(rests) {
                self.cancel(now, key, out);
            }
        }
    }
}
