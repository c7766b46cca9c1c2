//! A making order moved in place: the exchange is asked to give it another price.
//!
//! An amendment saves the round trip in which a cancelled order is not there and its successor not
//! yet. Its price is that between sending and answer the order may rest at either place, so every
//! limit is asked about the new one as about a new order in place of the old, and the dearer of
//! both stays reserved. The exchange is told price and size and not that the order must not take;
//! so the limits are asked with the taker's fee. What they refuse is replaced instead: cancelled,
//! and its successor, post-only for certain, asks for itself.

use super::core::{Core, Outbox};
use super::execution::ExecutionKey;
use super::plan;
use crate::ids::OrderKey;
use crate::kalshi::fees;
use crate::message::{AmendOrder, Command, NewOrder, Signal};
use crate::order::Order;
use crate::risk::{Approved, Child, Facts, Limit, Question, Refusal, approve_amendment};
use crate::units::{Money, Now, Price};

/// An amendment that may go out, and what the order holds back at its new place.
type Amendment = (Approved<AmendOrder>, Money);

const fn refuse(limit: Limit) -> Refusal {
    Refusal { limit, value: 1, bound: 0 }
}

impl Core {
    /// Has an execution's order moved to `price`, or takes it off the book when a limit says no.
    pub(super) fn amend_child(
        &mut self,
        now: Now,
        key: ExecutionKey,
        price: Price,
        out: &mut Outbox,
    ) {
        let Some(execution) = self.executions.find(key) else { return };
        let (child, signal) = (execution.child, *execution.signal());
        if self.has_to_look(now, execution).is_some() {
            // The market is being asked; its answer comes back here.
            return;
        }
        if self.orders.find(child).is_some_and(|order| self.is_over(order)) {
            // Half open, the limits let one new order pass: this one would not be the probe.
            return self.cancel(now, child, out);
        }
        match self.ask_amendment(now, &signal, child, price) {
            Ok(amendment) => self.send_amendment(now, key, amendment, out),
            Err(_) => self.cancel(now, child, out),
        }
    }

    /// Asks every limit about an order at another price, as if it were not there at its present
    /// one. Changes nothing.
    fn ask_amendment(
        &mut self,
        now: Now,
        signal: &Signal,
        child: OrderKey,
        price: Price,
    ) -> Result<Amendment, Refusal> {
        let order = *self.orders.find(child).ok_or_else(|| refuse(Limit::OpenOrders))?;
        let place = self.place_of(order.terms()).ok_or_else(|| refuse(Limit::UnknownMarket))?;
        let (open, held) = (order.open(), self.lots[child.slot as usize].reserve);
        let aside = self.exposure.set_aside(place, open, held);
        let answer = self.ask_in_its_place(now, signal, &order, price);
        self.exposure.put_back(place, open, held, aside);
        answer
    }

    fn ask_in_its_place(
        &self,
        now: Now,
        signal: &Signal,
        order: &Order,
        price: Price,
    ) -> Result<Amendment, Refusal> {
        if self.in_aftermath(now) {
            // At its new place it is as new as any order of this minute.
            return Err(refuse(Limit::NotReady));
        }
        let terms = order.terms();
        let moved = NewOrder { price, quantity: order.open(), approved: now.mono, ..*terms };
        let market = self.markets.get(terms.market).ok_or_else(|| refuse(Limit::UnknownMarket))?;
        let known = self.quotes.as_of(market.ix, now.wall);
        let question = Question {
            order: &moved,
            child: Child::Later,
            action: signal.action,
            reference: plan::reference(signal).ok_or_else(|| refuse(Limit::PriceCollar))?,
            edge: signal.edge,
            produced_at: Some(signal.produced_at.map_or(known, |at| at.max(known))),
            expires_at: signal.expires_at,
            fee: fees::taker_fee_bound(&market.fees, price, moved.quantity),
        };
        let facts = self.facts(now, market.ix);
        let facts = Facts { open_orders: facts.open_orders.saturating_sub(1), ..facts };
        let amend = AmendOrder {
            key: terms.key,
            order_id: order.order_id(),
            client_order_id: terms.client_order_id,
            market: terms.market,
            side: terms.side,
            price,
            quantity: terms.quantity,
            approved: now.mono,
        };
        let approved = approve_amendment(&question, &facts, amend, order.filled())?;
        Ok((approved, question.reserve()))
    }

    /// Only here does the approval change anything: the dearer of both places is held back, the
    /// rates are used.
    fn send_amendment(
        &mut self,
        now: Now,
        key: ExecutionKey,
        (approved, reserve): Amendment,
        out: &mut Outbox,
    ) {
        let amend = *approved.get();
        let Some(order) = self.orders.find_mut(amend.key) else { return };
        order.ask_change(amend.price, amend.quantity, now.mono);
        let terms = *order.terms();
        let Some(place) = self.place_of(&terms) else { return };
        let held = &mut self.lots[amend.key.slot as usize].reserve;
        let more = (reserve - *held).max(Money::ZERO);
        *held += more;
        self.exposure.widen(place, amend.price, more);
        self.throttle.note_sent(now.mono);
        self.guard.note_change_approved(amend.key);
        if let Some(execution) = self.executions.find_mut(key) {
            execution.retries += 1;
            execution.pegged_at = now.mono;
        }
        out.commands.push(Command::Amend(approved));
    }
}
