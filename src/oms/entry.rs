//! Signals in: plan the order, ask every limit, and either send it or say why not.

use super::core::{Core, Outbox};
use super::execution::{self, ExecutionKey, Lot, Manner};
use super::peg;
use super::plan::{self, Draft, Life};
use super::quotes::Quote;
use crate::ids::{ExecutionId, MarketIx};
use crate::kalshi::fees;
use crate::kalshi::market::Market;
use crate::message::{NewOrder, Signal, Style, TimeInForce};
use crate::order::Order;
use crate::recorder::record::Record;
use crate::risk::{self, Approved, Child, Facts, Limit, Question, Refusal};
use crate::units::{Money, Now, Price, Timestamp, WallTime};

/// An order that may go out, and what it holds back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    approved: Approved<NewOrder>,
    reserve: Money,
    /// When the order is cancelled if it still rests.
    until: Timestamp,
    /// How its signal is executed, when it is the first.
    manner: Manner,
}

const fn refuse(limit: Limit) -> Refusal {
    Refusal { limit, value: 1, bound: 0 }
}

impl Core {
    pub(super) fn on_signal(&mut self, now: Now, signal: &Signal, out: &mut Outbox) {
        self.execution_seq += 1;
        let id = ExecutionId { run: self.config.run, seq: self.execution_seq };
        let expected =
            plan::reference(signal).map(|price| plan::leg_price(signal.action.leg(), price));
        let market = match self.consider(now, signal) {
            Ok(entry) => {
                self.enter(now, signal, (id, expected), &entry, out);
                Some(entry.approved.get().market)
            }
            Err(refusal) => {
                let result = execution::refused(id, signal, expected, refusal);
                out.records.push(Record::Result(result));
                self.markets.find(&signal.ticker).map(|market| market.ix)
            }
        };
        if let Some(market) = market {
            self.hear_signal(now, market, signal, out);
        }
    }

    /// Plans and checks a signal that was handled before, and forgets the answer: keeps what the
    /// next one needs in the caches. Changes nothing, since its market has been admitted.
    pub fn rehearse(&mut self, now: Now, signal: &Signal) {
        core::hint::black_box(self.consider(now, signal).is_ok());
    }

    /// Plans and checks; changes nothing but the list of admitted markets.
    fn consider(&mut self, now: Now, signal: &Signal) -> Result<Entry, Refusal> {
        let market = self.market_of(&signal.ticker).ok_or_else(|| refuse(Limit::UnknownMarket))?;
        if !self.executions.has_room() {
            return Err(self.no_slot());
        }
        let market = self.markets.get(market).ok_or_else(|| refuse(Limit::UnknownMarket))?;
        match signal.style.unwrap_or(self.config.orders.style) {
            Style::Take => self.consider_taking(now, signal, market),
            Style::Make => self.consider_making(now, signal, market),
            Style::Auto => match self.consider_taking(now, signal, market) {
                Err(Refusal { limit: Limit::MinimumEdge, .. }) => {
                    self.consider_making(now, signal, market)
                }
                taken => taken,
            },
        }
    }

    fn consider_taking(
        &self,
        now: Now,
        signal: &Signal,
        market: &Market,
    ) -> Result<Entry, Refusal> {
        let orders = &self.config.orders;
        let price = plan::limit_price(signal, orders.limit_offset, market)
            .ok_or_else(|| refuse(Limit::PriceCollar))?;
        let life = Life::Take(plan::time_in_force(signal, orders));
        let draft = Draft { price, quantity: signal.contracts, life };
        self.ask(now, signal, market, (draft, Child::First), signal.produced_at)
    }

    fn consider_making(
        &self,
        now: Now,
        signal: &Signal,
        market: &Market,
    ) -> Result<Entry, Refusal> {
        peg::survives_maker_fee(signal, market)?;
        let quote = Quote::of(signal);
        let price = peg::price(signal, market, &quote, signal.contracts, &self.config.limits)
            .ok_or_else(|| refuse(Limit::PriceCollar))?;
        let until = signal.expires_at.unwrap_or(now.wall + self.config.orders.fill_timeout);
        let draft = Draft { price, quantity: signal.contracts, life: Life::Make { until } };
        self.ask(now, signal, market, (draft, Child::First), signal.produced_at)
    }

    /// Asks every limit for one order of a signal. `produced_at` is when what it goes by was seen.
    pub(super) fn ask(
        &self,
        now: Now,
        signal: &Signal,
        market: &Market,
        (draft, child): (Draft, Child),
        produced_at: Option<WallTime>,
    ) -> Result<Entry, Refusal> {
        let names = self.orders.reserve().ok_or_else(|| self.no_slot())?;
        let orders = &self.config.orders;
        let mut order = plan::order(signal, market, orders, now, names, draft);
        // What trades at once is not there to be cancelled; what rests would be, without a word.
        if self.in_aftermath(now) && order.time_in_force == TimeInForce::GoodTillCanceled {
            return Err(refuse(Limit::NotReady));
        }
        // A half-open breaker lets a small order probe: a usual one is cut down to it.
        order.quantity = order.quantity.min(self.guard.probe_size().unwrap_or(order.quantity));
        let fee = match draft.life {
            Life::Take(_) => fees::taker_fee_bound(&market.fees, order.price, order.quantity),
            Life::Make { .. } => fees::maker_fee_bound(&market.fees, order.price, order.quantity),
        };
        let question = Question {
            order: &order,
            child,
            action: signal.action,
            reference: plan::reference(signal).ok_or_else(|| refuse(Limit::PriceCollar))?,
            edge: signal.edge,
            produced_at,
            expires_at: signal.expires_at,
            fee,
        };
        let approved = risk::approve(&question, &self.facts(now, market.ix))?;
        let (until, manner) = match draft.life {
            Life::Take(_) => (now.mono + orders.fill_timeout, Manner::Take),
            Life::Make { until } => {
                let until = now.mono + until.since(now.wall);
                (until, Manner::Make { until })
            }
        };
        Ok(Entry { approved, reserve: question.reserve(), until, manner })
    }

    fn no_slot(&self) -> Refusal {
        let live = i64::from(self.orders.live());
        Refusal { limit: Limit::OpenOrders, value: live + 1, bound: live }
    }

    /// What the limits look at, for an order in this market.
    pub(super) fn facts(&self, now: Now, market: MarketIx) -> Facts<'_> {
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

    fn enter(
        &mut self,
        now: Now,
        signal: &Signal,
        (id, expected): (ExecutionId, Option<Price>),
        entry: &Entry,
        out: &mut Outbox,
    ) {
        let begun = self.executions.begin(id, signal, expected, entry.manner);
        debug_assert!(begun.is_some(), "Invariant: room was made sure of before the limits");
        let Some(key) = begun else { return };
        self.add_child(key, entry, out);
        let &NewOrder { market, side, .. } = entry.approved.get();
        self.note_execution(now, market, side, out);
        if matches!(entry.manner, Manner::Make { .. }) {
            self.attend(key);
        }
    }

    /// Only here does an approval change anything: the order exists, its exposure is held, the
    /// rates are used.
    pub(super) fn add_child(&mut self, key: ExecutionKey, entry: &Entry, out: &mut Outbox) {
        let terms = entry.approved.get();
        let Some(place) = self.place_of(terms) else { return };
        self.exposure.open(place, terms, entry.reserve);
        self.day.orders += 1;
        self.day.volume += terms.quantity;
        self.throttle.note_sent(terms.approved);
        let order = Order::new(*terms);
        if let Some(former) = self.orders.insert(order) {
            self.by_order_id.remove(&former);
        }
        let Some(execution) = self.executions.find_mut(key) else { return };
        execution.adopt(&order);
        execution.pegged_at = terms.approved;
        self.lots[terms.key.slot as usize] = Lot {
            execution: key,
            execution_id: execution.id,
            reserve: entry.reserve,
            utc_day: self.day.utc_day(),
            until: entry.until,
        };
        // The gateway answers for every order within its own bounds; this is the bound on that.
        let safety = self.config.orders.fill_timeout + self.config.orders.partial_wait;
        self.arm(terms.key, terms.approved + safety);
        self.submit(entry.approved, out);
    }

    /// A signal tells of its market, whatever becomes of it: others may rest or wait there.
    fn hear_signal(&mut self, now: Now, market: MarketIx, signal: &Signal, out: &mut Outbox) {
        // Without the producer's word it was seen when it came, which may be a while ago.
        let waited = now.mono.since(signal.received).ns();
        let came = WallTime::from_unix_ns(now.wall.unix_ns().saturating_sub(waited));
        let at = signal.produced_at.unwrap_or(came).min(now.wall);
        if self.quotes.hear(market, Quote::of(signal), at) {
            self.attend_market(now, market, out);
        }
    }
}
