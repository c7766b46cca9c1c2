//! What is done about a difference between books and exchange that lasts.
//!
//! Orders of ours that nobody here knows get a place, their worst case reserved, and are looked
//! up like any order whose fate is unclear: so they are found with all their fills, cancelled or
//! followed to their end as configured. Voided fills are booked backwards. Positions and cash that
//! nothing explains stop trading; after a person has gone on, the books follow the exchange.

use super::config::Orphans;
use super::core::{Core, Outbox};
use super::execution::{ExecutionKey, Lot};
use super::reconciling::Recent;
use crate::ids::{ExecutionId, MarketIx, OrderKey, Reason, Ticker};
use crate::kalshi::fees::taker_fee_bound;
use crate::message::{CancelOrder, Command, NewOrder, OrderReport, TimeInForce};
use crate::order::{Event, Order};
use crate::reconcile::diff::{Difference, Invariant, Repair};
use crate::reconcile::suspects::{Subject, Weight};
use crate::recorder::record::{FillVoided, Record};
use crate::units::{Money, Now, Position, Timestamp};

use super::account::Holding;
use super::config::Foreign;

/// Cancels of others' orders need names of their own while they are under way; none is an order's.
const FOREIGN_KEYS: u32 = 1_024;

impl Core {
    /// An order rests that is not known here.
    pub(super) fn unknown_order(
        &mut self,
        now: Now,
        report: &OrderReport,
        difference: &Difference,
        out: &mut Outbox,
    ) {
        let invariant = difference.invariant;
        if invariant == Invariant::NobodyElse {
            if self.config.orders.reconcile.foreign == Foreign::Cancel {
                self.reconciling.count(invariant);
                self.cancel_foreign(report, out);
            }
            return;
        }
        self.reconciling.count(invariant);
        match self.adopt(now, report, out) {
            Some(()) => {
                self.reconciling.tally.repaired += 1;
                let text = format!("{}: order {} adopted", invariant.as_str(), report.order_id);
                alert(report.ticker, &text, out);
            }
            None => {
                let text = format!("{}: no room for {}", invariant.as_str(), report.order_id);
                self.halt(now, Reason::lossy(&text), out);
            }
        }
    }

    /// Gives an order of another run, or one that was forgotten, a place here.
    fn adopt(&mut self, now: Now, report: &OrderReport, out: &mut Outbox) -> Option<()> {
        let client_order_id = report.client_order_id?;
        let market = *self.markets.find(&report.ticker)?;
        let (key, place_id) = self.orders.reserve()?;
        let quantity = report.filled.checked_add(report.remaining)?;
        let terms = NewOrder {
            key,
            client_order_id,
            market: market.ix,
            side: report.side,
            price: report.price,
            quantity,
            time_in_force: TimeInForce::GoodTillCanceled,
            expiration_secs: None,
            reduce_only: false,
            post_only: false,
            reference: report.price,
            received: now.mono,
            approved: now.mono,
        };
        let mut order = Order::new(terms);
        // It was there: no listing without it can say that it never was.
        (order.answered, order.disputed, order.lost_at) = (true, true, now.mono);
        let named = order.identify(report.order_id);
        debug_assert!(named, "Invariant: a new order has no name yet");
        order.apply(Event::Sent).and_then(|_| order.apply(Event::Lost)).ok()?;
        let place = self.place_of(&terms)?;
        let fee = taker_fee_bound(&market.fees, terms.price, quantity);
        let reserve = terms.side.own_price(terms.price) * quantity + fee;
        self.exposure.open(place, &terms, reserve);
        self.day.volume += quantity;
        if let Some(former) = self.orders.adopt(order, place_id) {
            self.by_order_id.remove(&former);
        }
        self.by_order_id.insert(report.order_id, key);
        let until = match self.config.orders.reconcile.orphans {
            Orphans::Cancel => now.mono,
            Orphans::Adopt => Timestamp::NEVER,
        };
        self.lots[key.slot as usize] = Lot {
            execution: ExecutionKey::NONE,
            execution_id: ExecutionId::default(),
            reserve,
            utc_day: self.day.utc_day(),
            until,
        };
        self.look_up_and_rearm(now, key, out);
        Some(())
    }

    fn cancel_foreign(&mut self, report: &OrderReport, out: &mut Outbox) {
        let Some(market) = self.markets.find(&report.ticker).map(|market| market.ix) else {
            return alert(report.ticker, "R9: an order in a market outside the table", out);
        };
        let nth = self.reconciling.tally.repaired % FOREIGN_KEYS;
        self.reconciling.tally.repaired += 1;
        let key = OrderKey { slot: u32::MAX - nth, generation: u32::MAX };
        out.commands.push(Command::Cancel(CancelOrder { key, order_id: report.order_id, market }));
    }

    /// An order of ours stands otherwise there than here, for longer than reads lag.
    pub(super) fn mend_order(
        &mut self,
        now: Now,
        key: OrderKey,
        difference: &Difference,
        out: &mut Outbox,
    ) {
        let Some(order) = self.orders.find(key) else { return };
        let (order_id, market) = (order.order_id(), order.terms().market);
        let ticker = self.markets.get(market).map_or(Ticker::EMPTY, |market| market.ticker);
        self.reconciling.tally.repaired += 1;
        let action = match difference.invariant.repair() {
            Repair::Cancel => {
                out.commands.push(Command::Cancel(CancelOrder { key, order_id, market }));
                "cancelled"
            }
            _ => {
                self.doubt(now, key, out);
                "looked up"
            }
        };
        let text = format!("{}: order {order_id} {action}", difference.invariant.as_str());
        alert(ticker, &text, out);
    }

    /// A fill that was booked is not there any more: its booking is undone.
    pub(super) fn take_back(&mut self, now: Now, fill: &Recent, out: &mut Outbox) {
        let Recent { trade_id, market, side, price, quantity, fee, .. } = *fill;
        let before = self.account.cash();
        let booked = self.account.book(market, side.opposite(), price, quantity, -fee);
        self.day.realized += booked.realized;
        self.day.fees -= fee;
        self.note_cash_on(market, self.account.cash() - before);
        let holding = *self.account.holding(market);
        self.hold(market, &holding);
        self.settle_late_fill(market);
        self.reconciling.touch(market, now.mono);
        self.reconciling.tally.repaired += 1;
        let ticker = self.markets.get(market).map_or(Ticker::EMPTY, |market| market.ticker);
        let voided = FillVoided { trade_id, ticker, side, price, quantity, fee };
        out.records.push(Record::FillVoided(voided));
        let text = format!("{}: {trade_id} was voided", Invariant::FillsThere.as_str());
        alert(ticker, &text, out);
    }

    /// A position that nothing explains.
    pub(super) fn position_differs(
        &mut self,
        now: Now,
        market: MarketIx,
        ((position, cost), weight): ((Position, Money), Weight),
        out: &mut Outbox,
    ) {
        if weight == Weight::Confirmed {
            let ticker = self.markets.get(market).map_or(Ticker::EMPTY, |market| market.ticker);
            let (name, here) =
                (Invariant::Positions.as_str(), self.account.holding(market).position);
            alert(ticker, &format!("{name}: {here} here, {position} there"), out);
        }
        let subject = Subject::Market(market);
        if weight != Weight::Suspected && self.may_take_over(&subject) {
            let holding = Holding { position, cost };
            self.account.open_with(market, holding);
            self.costs.note_opening(market, &holding);
            self.hold(market, &holding);
            self.reconciling.touch(market, now.mono);
            self.reconciling.suspects.mend(&subject);
            self.reconciling.tally.repaired += 1;
        }
    }

    /// Cash that nothing explains.
    pub(super) fn cash_differs(
        &mut self,
        now: Now,
        (here, there): (Money, Money),
        weight: Weight,
        out: &mut Outbox,
    ) {
        let is_base = self.reconciling.base_open;
        self.settlements.begin(now.mono);
        if weight == Weight::Confirmed && !is_base {
            let name = Invariant::Cash.as_str();
            alert(Ticker::EMPTY, &format!("{name}: {here} here, {there} there"), out);
        }
        let subject = Subject::Cash(None);
        if weight != Weight::Suspected && (is_base || self.may_take_over(&subject)) {
            self.account.deposit(there - here);
            self.reconciling.base_open = false;
            self.reconciling.suspects.mend(&subject);
            self.reconciling.tally.repaired += 1;
            self.reconciling.last_touched = now.mono;
        }
    }

    /// Whether a person has gone on, and no settlement can be what a difference comes from: one
    /// that is still to be told of would find nothing left to pay out, and the day would lack its
    /// result.
    fn may_take_over(&self, subject: &Subject) -> bool {
        let state = &self.reconciling;
        let lag = self.config.orders.read_lag;
        let seen = state.suspects.seen_since(subject);
        state.follow && seen.is_some_and(|at| self.settlements.known_until(at + lag))
    }

    /// A person goes on: what still differs is taken over, and it is looked at once more.
    pub(super) fn follow_after_resume(&mut self, now: Now) {
        if self.guard.mismatches() > 0 {
            self.reconciling.follow = true;
            self.reconcile_now(now);
        }
    }

    /// Keeps the cash of a market's shard in line.
    pub(super) fn note_cash_on(&mut self, market: MarketIx, change: Money) {
        if let Some(shard) = self.markets.get(market).map(|market| market.exchange_index) {
            self.shard_cash.add(shard, change);
        }
    }
}

pub(super) fn alert(ticker: Ticker, text: &str, out: &mut Outbox) {
    out.records.push(Record::Alert { ticker, reason: Reason::lossy(text) });
}
