//! Signals in: plan the order, ask every limit, and either send it or say why not.

use super::core::{Core, Outbox};
use super::execution::{self, Execution};
use super::plan;
use crate::ids::{ExecutionId, MarketIx};
use crate::kalshi::fees;
use crate::message::{NewOrder, Signal};
use crate::order::Order;
use crate::recorder::record::Record;
use crate::risk::{self, Approved, Child, Facts, Limit, Question, Refusal};
use crate::units::{Money, Now, Price};

/// An order that may go out, and what it holds back.
struct Entry {
    approved: Approved<NewOrder>,
    reserve: Money,
}

impl Core {
    pub(super) fn on_signal(&mut self, now: Now, signal: &Signal, out: &mut Outbox) {
        self.execution_seq += 1;
        let id = ExecutionId { run: self.config.run, seq: self.execution_seq };
        let expected =
            plan::reference(signal).map(|price| plan::leg_price(signal.action.leg(), price));
        match self.consider(now, signal) {
            Ok(entry) => self.enter(now, id, signal, expected, entry, out),
            Err(refusal) => {
                out.records.push(Record::Result(execution::refused(id, signal, expected, refusal)))
            }
        }
    }

    /// Plans and checks a signal that was handled before, and forgets the answer: keeps what the
    /// next one needs in the caches. Changes nothing, since its market has been admitted.
    pub fn rehearse(&mut self, now: Now, signal: &Signal) {
        core::hint::black_box(self.consider(now, signal).is_ok());
    }

    /// Plans and checks; changes nothing but the list of admitted markets.
    fn consider(&mut self, now: Now, signal: &Signal) -> Result<Entry, Refusal> {
        let refuse = |limit| Refusal { limit, value: 1, bound: 0 };
        let market = self.market_of(&signal.ticker).ok_or_else(|| refuse(Limit::UnknownMarket))?;
        let market = self.markets.get(market).ok_or_else(|| refuse(Limit::UnknownMarket))?;
        let (key, client_order_id) = self.orders.reserve().ok_or_else(|| Refusal {
            limit: Limit::OpenOrders,
            value: i64::from(self.orders.live()) + 1,
            bound: i64::from(self.orders.live()),
        })?;
        let orders = &self.config.orders;
        let (Some(mut order), Some(reference)) = (
            plan::order(signal, market, orders, now, key, client_order_id),
            plan::reference(signal),
        ) else {
            return Err(refuse(Limit::PriceCollar));
        };
        // A half-open breaker lets a small order probe: a usual one is cut down to it.
        order.quantity = order.quantity.min(self.guard.probe_size().unwrap_or(order.quantity));
        let question = Question {
            order: &order,
            child: Child::First,
            action: signal.action,
            reference,
            edge: signal.edge,
            produced_at: signal.produced_at,
            expires_at: signal.expires_at,
            fee: fees::taker_fee_bound(&market.fees, order.price, order.quantity),
        };
        let approved = risk::approve(&question, &self.facts(now, market.ix))?;
        Ok(Entry { approved, reserve: question.reserve() })
    }

    fn facts(&self, now: Now, market: MarketIx) -> Facts<'_> {
        let listed = &self.markets.all()[usize::from(market.0)];
        Facts {
            limits: &self.config.limits,
            now,
            readiness: self.readiness(),
            guard: &self.guard,
            market_stopped: self.stopped[usize::from(market.0)],
            market: listed,
            listing: self.listings[usize::from(market.0)],
            exposure: &self.exposure,
            day: &self.day,
            throttle: &self.throttle,
            open_orders: self.orders.live(),
            cash: self.account.cash(),
            shard_cash: self.shard_cash.on(listed.exchange_index),
        }
    }

    /// Only here does an approval change anything: the order exists, its exposure is held, the
    /// rates are used.
    fn enter(
        &mut self,
        now: Now,
        id: ExecutionId,
        signal: &Signal,
        expected: Option<Price>,
        entry: Entry,
        out: &mut Outbox,
    ) {
        let terms = *entry.approved.get();
        let Some(place) = self.place_of(&terms) else { return };
        self.exposure.open(place, &terms, entry.reserve);
        self.day.orders += 1;
        self.day.volume += terms.quantity;
        self.throttle.note_sent(terms.approved);
        if let Some(former) = self.orders.insert(Order::new(terms)) {
            self.by_order_id.remove(&former.order_id());
        }
        self.executions[terms.key.slot as usize] =
            Execution::start(id, terms.key, signal, expected, entry.reserve, self.day.utc_day());
        // The gateway answers for every order within its own bounds; this is the bound on that.
        let safety = self.config.orders.fill_timeout + self.config.orders.partial_wait;
        self.arm(terms.key, terms.approved + safety);
        self.submit(entry.approved, out);
        self.note_execution(now, terms.market, terms.side, out);
    }
}
