//! An order whose answer was lost goes out again: the same bytes under the same id.
//!
//! The exchange refuses an id that it has (409), so a repetition cannot buy twice, and its answer
//! tells what became of the first: 201 says that only now it landed, 409 that it had landed
//! before. Whatever else is said of a repetition says nothing about the first, which may still be
//! under way or may itself be what stands in the way: the order stays unknown and is looked up.
//!
//! A repetition is no new order: nothing is counted again, but it is written only while no limit
//! that asks about the engine, its links and the market refuses ([`crate::risk::allow_again`]), and
//! while the order is still wanted where the market is now. Once an order has
//! been looked up it is not sent again. The ledger approves each repetition
//! ([`crate::risk::Ledger`]); the journal has it before the gateway does.

use super::core::{Core, Outbox};
use super::plan;
use crate::ids::OrderKey;
use crate::message::{Command, Loss, Reject, RejectKind, Unsent};
use crate::order::{Event, Order, State};
use crate::recorder::record::ResultError;
use crate::risk;
use crate::units::Now;

impl Core {
    /// The answer to an order, or to its repetition, is missing.
    pub(super) fn on_lost(&mut self, now: Now, key: OrderKey, why: Loss, out: &mut Outbox) {
        let code = match why {
            Loss::Timeout => "ack_timeout",
            Loss::Disconnected => "disconnected",
            Loss::ServerError => "server_error",
            Loss::Misbehaved => "bad_answer",
        };
        if let Some(order) = self.orders.find_mut(key).filter(|it| it.state() != State::Unknown) {
            order.lookups = 0;
        }
        self.note_answered(now, key);
        self.note_error(key, code, "the answer to the order was lost; its fate was found out");
        self.step(now, key, out, |order| order.apply(Event::Lost));
        self.repeat_or_look_up(now, key, out);
    }

    /// Not one byte of a repetition left.
    pub(super) fn on_not_resent(&mut self, now: Now, key: OrderKey, _: Unsent, out: &mut Outbox) {
        self.note_answered(now, key);
        self.repeat_or_look_up(now, key, out);
    }

    /// The exchange has refused a repetition. Only "it is there already" says something about the
    /// order; it is not decided in which order the exchange checks what it checks.
    pub(super) fn on_repetition_refused(
        &mut self,
        now: Now,
        key: OrderKey,
        reject: &Reject,
        out: &mut Outbox,
    ) {
        if let Some(order) = self.orders.find_mut(key) {
            order.disputed |= reject.kind == RejectKind::DuplicateOrder;
        }
        if reject.kind != RejectKind::DuplicateOrder
            && let Some(execution) = self.execution_of(key).filter(|it| it.child == key)
        {
            let error = ResultError { code: reject.code, message: reject.message };
            execution.note_reject(reject.kind, error);
        }
        self.doubt(now, key, out);
    }

    fn repeat_or_look_up(&mut self, now: Now, key: OrderKey, out: &mut Outbox) {
        let Some(order) = self.orders.find(key) else { return };
        if order.state() != State::Unknown {
            return;
        }
        if self.may_repeat(now, order) {
            self.arm(key, now.mono + self.config.orders.resend_interval);
        } else {
            self.look_up_and_rearm(now, key, out);
        }
    }

    /// An unknown order's time has come: it goes out again, or is looked up.
    pub(super) fn on_unknown_deadline(&mut self, now: Now, key: OrderKey, out: &mut Outbox) {
        let Some(order) = self.orders.find(key) else { return };
        let terms = *order.terms();
        let approved =
            if self.may_repeat(now, order) { self.guard.ledger_mut().again(&terms) } else { None };
        let Some(approved) = approved else { return self.look_up_and_rearm(now, key, out) };
        if let Some(order) = self.orders.find_mut(key) {
            order.resends += 1;
            // Until the gateway has spoken, a listing without the order says nothing.
            order.answered = false;
        }
        out.commands.push(Command::Resend(approved));
        // The gateway answers within its own bounds; this is the bound on that.
        let safety = self.config.orders.fill_timeout + self.config.orders.partial_wait;
        self.arm(key, now.mono + safety);
    }

    /// Whether an order may go out again: nothing is known of it, and it could be sent now.
    fn may_repeat(&self, now: Now, order: &Order) -> bool {
        let orders = &self.config.orders;
        let terms = order.terms();
        let nothing_known = order.answered
            && order.state() == State::Unknown
            && order.order_id().is_empty()
            && order.filled().is_zero()
            && order.ending().is_none()
            && !order.disputed
            && order.lookups == 0;
        let in_time = order.resends < orders.resends_max
            && now.mono.since(terms.approved) <= orders.resend_age_max
            && terms.expiration_secs.is_none_or(|secs| now.wall.unix_ms() < secs * 1_000);
        nothing_known && in_time && self.takes_orders(now, order) && self.is_wanted(now, order)
    }

    /// Whether nothing stands in the way of a write to the order's market now.
    fn takes_orders(&self, now: Now, order: &Order) -> bool {
        let terms = order.terms();
        risk::allow_again(terms, &self.facts(now, terms.market)).is_ok()
    }

    /// Whether its signal would still have it where the market is known to be.
    fn is_wanted(&self, now: Now, order: &Order) -> bool {
        let lot = &self.lots[order.key().slot as usize];
        let Some(execution) = self.executions.find(lot.execution) else { return false };
        let signal = execution.signal();
        let current = self.quotes.market(order.terms().market).against(signal.action.book_side());
        let slipped = |current| plan::has_slipped(signal, current, &self.config.orders);
        !execution.unwanted
            && order.open() <= execution.wanted()
            && signal.expires_at.is_none_or(|at| now.wall < at)
            && !current.is_some_and(slipped)
    }
}
