//! What the gateway says: sent, accepted, refused, lost, cancelled.

use super::core::{Core, Outbox};
use super::execution::Execution;
use super::identity::Identity;
use crate::ids::{OrderKey, Reason, Ticker};
use crate::message::{
    Accepted, CancelFailure, GatewayEvent, GroupStep, Reject, RejectKind, SendStamps, TimeInForce,
    Unsent,
};
use crate::order::{Ending, Event, IllegalTransition, Order, State};
use crate::recorder::record::{Hop, Record, ResultError};
use crate::units::{Contracts, Nanos, Now};

impl Core {
    pub(super) fn on_gateway(&mut self, now: Now, event: &GatewayEvent, out: &mut Outbox) {
        match event {
            GatewayEvent::Sent { key, stamps } => self.on_sent(now, *key, stamps, out),
            GatewayEvent::NotSent { key, why } => self.on_not_sent(now, *key, *why, out),
            GatewayEvent::NotResent { key, why } => self.on_not_resent(now, *key, *why, out),
            GatewayEvent::Accepted { key, accepted } => self.on_accepted(now, *key, accepted, out),
            GatewayEvent::Rejected { key, reject } => self.on_rejected(now, *key, reject, out),
            GatewayEvent::Lost { key, why } => self.on_lost(now, *key, *why, out),
            GatewayEvent::CancelSent { key } => {
                self.step(now, *key, out, |order| order.apply(Event::CancelSent));
            }
            GatewayEvent::CancelAccepted { key, reduced_by } => {
                self.on_canceled(now, *key, *reduced_by, out);
            }
            // Filled or cancelled before, or never known: it cannot be told which.
            GatewayEvent::CancelNotFound { key } => self.doubt(now, *key, out),
            GatewayEvent::CancelFailed { key, why } => {
                self.on_cancel_failed(now, *key, *why, out);
            }
            GatewayEvent::CancelAllDone { .. } => self.on_cancel_all_done(now, out),
            GatewayEvent::Group { shard, step, ok } => tell_group(*shard, *step, *ok, out),
            GatewayEvent::ChangeSent { .. } => {}
            GatewayEvent::Changed { key, remaining } => self.on_changed(now, *key, *remaining, out),
            GatewayEvent::ChangeFailed { key, why } => self.on_change_failed(now, *key, *why, out),
            GatewayEvent::Connections { ready } => self.connections = *ready,
        }
    }

    /// Takes one step of an order's life and does what follows from it.
    pub(super) fn step(
        &mut self,
        now: Now,
        key: OrderKey,
        out: &mut Outbox,
        take: impl FnOnce(&mut Order) -> Result<State, IllegalTransition>,
    ) {
        let Some(order) = self.orders.find_mut(key) else { return };
        let before = *order;
        let taken = take(order);
        self.after_step(now, &before, out);
        if let Err(step) = taken {
            self.illegal(now, key, step, out);
        }
    }

    fn on_sent(&mut self, now: Now, key: OrderKey, stamps: &SendStamps, out: &mut Outbox) {
        self.step(now, key, out, |order| {
            order.sent_at = stamps.sent;
            order.apply(Event::Sent)
        });
        let Some(order) = self.orders.find(key).filter(|order| order.resends == 0) else { return };
        let client_order_id = order.terms().client_order_id;
        let (market, received) = (order.terms().market, order.terms().received);
        out.records.push(Record::OrderSent { client_order_id, at: stamps.sent });
        let spans = [
            (Hop::Encode, stamps.encoded.since(stamps.taken)),
            (Hop::Seal, stamps.sealed.since(stamps.encoded)),
            (Hop::Send, stamps.sent.since(stamps.sealed)),
            (Hop::TickToWire, stamps.sent.since(received)),
        ];
        let key = self.lots[key.slot as usize].execution;
        let mut execution = self.executions.find_mut(key);
        // Only the first order answers the signal's own arrival: a retry waits by design.
        let is_first = execution.as_ref().is_none_or(|execution| execution.retries == 0);
        for (hop, span) in spans.into_iter().filter(|(hop, _)| is_first || *hop != Hop::TickToWire)
        {
            if let Some(execution) = &mut execution {
                execution.note(hop, span);
            }
            out.records.push(Record::Span { hop, span });
        }
        self.follow(now, market, out);
    }

    /// Nothing left this process: the order does not count as sent, and everything it held is free.
    fn on_not_sent(&mut self, now: Now, key: OrderKey, why: Unsent, out: &mut Outbox) {
        let code = match why {
            Unsent::NoConnection => "no_connection",
            Unsent::WriteFailed => "write_failed",
            Unsent::NoSignature => "no_signature",
            Unsent::NoTokens => "rate_limit_tokens",
            Unsent::NotJournaled => "not_journaled",
            Unsent::Stale => "stale_order",
            Unsent::Stopping => "stopping",
            Unsent::Halted => "halted",
            Unsent::GroupTriggered => "order_group_triggered",
            Unsent::HeldBack => "held_back",
        };
        self.note_answered(now, key);
        self.note_error(key, code, "the order was not sent");
        let entered = self.lots[key.slot as usize].utc_day;
        if entered == self.day.utc_day() {
            self.day.orders = self.day.orders.saturating_sub(1);
        }
        self.step(now, key, out, |order| order.apply(Event::NotSent));
    }

    fn on_accepted(&mut self, now: Now, key: OrderKey, accepted: &Accepted, out: &mut Outbox) {
        self.note_answered(now, key);
        let Some(order) = self.orders.find_mut(key) else { return };
        let first_answer = order.ending().is_none() && !order.state().is_terminal();
        let span = now.mono.since(order.sent_at);
        if self.identify(now, key, accepted.order_id, out) == Identity::Disputed {
            return;
        }
        if let Some(execution) = self.execution_of(key) {
            execution.note(Hop::Ack, span);
        }
        out.records.push(Record::Span { hop: Hop::Ack, span });
        // Decided by time in force: what an immediate order leaves is gone whatever the answer's
        // remaining count says (reference §3.1).
        let over = |order: &Order| {
            order.terms().time_in_force != TimeInForce::GoodTillCanceled
                || accepted.remaining.is_zero()
        };
        self.step(now, key, out, |order| {
            order.apply(Event::Acked)?;
            if over(order) {
                return order.note_ending(Ending { filled: accepted.filled, expired: false });
            }
            Ok(order.state())
        });
        if first_answer {
            self.arm_live(now, key);
        }
    }

    /// When to look at an order the exchange has: soon while fills it spoke of are missing, else
    /// when its time is up.
    pub(super) fn arm_live(&mut self, now: Now, key: OrderKey) {
        let orders = &self.config.orders;
        let Some(order) = self.orders.find(key) else { return };
        if order.state().is_terminal() {
            return;
        }
        let at = if order.awaits_fills() {
            now.mono + orders.fills_wait
        } else if self.is_unwanted(order) {
            // It was on its way when everything else was cancelled, or when it was not wanted
            // any more.
            now.mono
        } else {
            self.lots[key.slot as usize].until
        };
        self.arm(key, at);
    }

    /// Whether a resting order should not rest any more: trading has stopped, everywhere, in its
    /// market or for all but the breaker's probe, or it is for more than is still wanted.
    pub(super) fn is_unwanted(&self, order: &Order) -> bool {
        self.is_over(order) || self.is_too_large(order.key())
    }

    fn on_rejected(&mut self, now: Now, key: OrderKey, reject: &Reject, out: &mut Outbox) {
        self.note_answered(now, key);
        self.meet_refusal(now, reject, out);
        // An id that exists means that it is there: no listing without it can say otherwise.
        let again = self.orders.find(key).is_some_and(|order| order.resends > 0);
        if again || reject.kind == RejectKind::DuplicateOrder {
            return self.on_repetition_refused(now, key, reject, out);
        }
        if let Some(execution) = self.execution_of(key).filter(|it| it.child == key) {
            let error = ResultError { code: reject.code, message: reject.message };
            execution.note_reject(reject.kind, error);
        }
        self.step(now, key, out, |order| order.apply(Event::Refused));
    }

    /// The gateway is done with the order's request: from now on its absence can be evidence.
    pub(super) fn note_answered(&mut self, now: Now, key: OrderKey) {
        if let Some(order) = self.orders.find_mut(key) {
            order.answered = true;
            order.lost_at = now.mono;
            order.absences = 0;
        }
    }

    /// The order's fate is unclear: look it up before anything else happens to it.
    pub(super) fn doubt(&mut self, now: Now, key: OrderKey, out: &mut Outbox) {
        let Some(order) = self.orders.find_mut(key) else { return };
        if order.state() != State::Unknown {
            order.lost_at = now.mono;
            order.lookups = 0;
            order.absences = 0;
        }
        self.step(now, key, out, |order| order.apply(Event::Lost));
        if self.orders.find(key).is_some_and(|order| order.state() == State::Unknown) {
            self.look_up_and_rearm(now, key, out);
        }
    }

    fn on_canceled(&mut self, now: Now, key: OrderKey, reduced_by: Contracts, out: &mut Outbox) {
        if self.orders.find(key).is_some_and(Order::may_be_smaller) {
            // What is left of an unknown total says nothing of what has filled.
            return self.doubt(now, key, out);
        }
        self.step(now, key, out, |order| {
            let filled = order.terms().quantity.saturating_sub(reduced_by);
            order.note_ending(Ending { filled, expired: false })
        });
        self.arm_live(now, key);
    }

    fn on_cancel_failed(&mut self, now: Now, key: OrderKey, why: CancelFailure, out: &mut Outbox) {
        match why {
            CancelFailure::Lost(_) => self.doubt(now, key, out),
            CancelFailure::Unsent(_) | CancelFailure::Rejected(_) => {
                if let CancelFailure::Rejected(kind) = why {
                    self.meet_refused_cancel(now, kind, out);
                }
                self.step(now, key, out, |order| order.apply(Event::CancelFailed));
                self.arm(key, now.mono + self.config.orders.lookup_interval);
            }
        }
    }

    /// Whatever was said of it: it may have been carried out, and its aftermath with it.
    fn on_cancel_all_done(&mut self, now: Now, out: &mut Outbox) {
        let aftermath = self.config.orders.aftermath;
        if !self.in_aftermath(now) && aftermath > Nanos::ZERO {
            let secs = aftermath.ms() / 1_000;
            let text = format!("cancel_all_aftermath: orders that would rest wait for {secs} s");
            out.records.push(Record::Alert { ticker: Ticker::EMPTY, reason: Reason::lossy(&text) });
        }
        self.aftermath_until = now.mono + aftermath;
        self.cancelled_all = now.wall;
        self.look_at_all_soon(now);
    }

    /// Whether a cancel of everything may still take orders with it that are placed now.
    #[must_use]
    pub fn in_aftermath(&self, now: Now) -> bool {
        now.mono < self.aftermath_until
    }

    /// After a cancel-all every live order is looked at: most have been reported by then.
    fn look_at_all_soon(&mut self, now: Now) {
        let at = now.mono + self.config.orders.lookup_interval;
        for slot in 0..self.orders.capacity() {
            let Some(key) = self.orders.live_at(slot) else { continue };
            let answered =
                |order: &Order| !matches!(order.state(), State::Pending | State::Submitted);
            if self.orders.find(key).is_some_and(answered) {
                self.arm(key, at);
            }
        }
    }

    pub(super) fn note_error(&mut self, key: OrderKey, code: &str, message: &str) {
        // What becomes of a former order is no error of the one that followed it.
        if let Some(execution) = self.execution_of(key).filter(|it| it.child == key) {
            execution.note_error(code, message);
        }
    }

    /// The execution behind an order, while it is under way.
    pub(super) fn execution_of(&mut self, key: OrderKey) -> Option<&mut Execution> {
        let execution = self.lots[key.slot as usize].execution;
        self.orders.find(key)?;
        self.executions.find_mut(execution)
    }
}

/// The exchange's own kill switch does not do as ours: a person should know.
fn tell_group(shard: u8, step: GroupStep, ok: bool, out: &mut Outbox) {
    if !ok {
        let text = format!("order group on shard {shard}: {} was not confirmed", step.as_str());
        out.records.push(Record::Alert { ticker: Ticker::EMPTY, reason: Reason::lossy(&text) });
    }
}
