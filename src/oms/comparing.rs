//! One page of the comparison of books and exchange after the other: orders, voided fills,
//! positions, cash.
//!
//! In: what the reading has put beside our own (`reconciling.rs`). Out: differences, weighed
//! against the reading before, and the repairs that follow. What something happened to after it can
//! have been read is left out and stays as it was judged before.

use super::core::{Core, Outbox};
use super::reconciling::{ShardRow, Stage};
use crate::ids::MarketIx;
use crate::order::State;
use crate::reconcile::diff::{Difference, Invariant, Mark, OrderHere, OrderThere, Pair, compare};
use crate::reconcile::suspects::{Subject, Weight};
use crate::units::{Money, Now, Timestamp};

/// Markets, or slots of the order slab, compared by one input: some ten microseconds.
const PAGE: usize = 512;

impl Core {
    /// Whether what was read of something cannot be older than what happened to it here.
    fn is_settled(&self, touched: Timestamp) -> bool {
        touched + self.config.orders.read_lag <= self.reconciling.began.mono
    }

    pub(super) fn compare_orders(&mut self, now: Now, from: usize, out: &mut Outbox) {
        let until = (from + PAGE).min(self.orders.capacity());
        for slot in from..until {
            self.compare_order(now, slot, out);
        }
        let state = &mut self.reconciling;
        state.due = now.mono;
        if until < state.slots.len() {
            state.stage = Stage::Orders(until);
            return;
        }
        state.stage = Stage::Markets(0);
        // Before positions: what is voided explains them.
        self.compare_fills(now, out);
    }

    fn compare_order(&mut self, now: Now, slot: usize, out: &mut Outbox) {
        let Some(order) = self.orders.slots()[slot].as_ref() else { return };
        let (key, market) = (order.key(), order.terms().market);
        let row = self.reconciling.slots[slot];
        let reading = self.reconciling.reading;
        let is_listed = row.reading == reading && row.generation == key.generation;
        let is_over = order.state().is_terminal();
        if is_over && !is_listed {
            return;
        }
        let rests = matches!(order.state(), State::Resting | State::Partial);
        if !is_over && (!rests || order.ending().is_some()) {
            self.reconciling.markets[usize::from(market.0)].moving = reading;
            return;
        }
        let here = Some(OrderHere { is_over, filled: order.filled() });
        let there = is_listed.then_some(OrderThere { mark: Mark::Ours, filled: row.filled });
        let subject = Subject::Order(order.order_id());
        let touched = self.reconciling.markets[usize::from(market.0)].touched;
        if !self.is_settled(touched) {
            return self.reconciling.suspects.keep(|it| *it == subject);
        }
        let Some(difference) = compare(&Pair::Order { here, there }) else { return };
        if self.weigh((subject, difference), touched) != Weight::Suspected {
            self.mend_order(now, key, &difference, out);
        }
    }

    pub(super) fn compare_markets(&mut self, now: Now, from: usize, out: &mut Outbox) {
        let count = self.markets.all().len();
        let until = (from + PAGE).min(count);
        for market in from..until {
            self.compare_position(now, market, out);
        }
        if until < count {
            self.reconciling.stage = Stage::Markets(until);
            self.reconciling.due = now.mono;
            return;
        }
        self.compare_cash(now, out);
        self.conclude_reading(now, out);
    }

    fn compare_position(&mut self, now: Now, index: usize, out: &mut Outbox) {
        let market = self.markets.all()[index].ix;
        let row = self.reconciling.markets[index];
        let subject = Subject::Market(market);
        if row.moving == self.reconciling.reading || !self.is_settled(row.touched) {
            self.reconciling.tally.skipped += 1;
            let cost = Subject::Cost(market);
            return self.reconciling.suspects.keep(|it| *it == subject || *it == cost);
        }
        let (here, there) =
            (self.account.holding(market).position, self.reconciling.position(index));
        let pair = Pair::Position { here, there: there.0 };
        let Some(difference) = compare(&pair) else {
            return self.compare_cost(index, there, out);
        };
        // It may have settled: then the settlement explains it.
        self.settlements.begin(now.mono);
        let weight = self.weigh((subject, difference), row.touched);
        self.position_differs(now, market, (there, weight), out);
    }

    /// Booked fills that the exchange does not list any more. A list alone is no reason to undo a
    /// booking, it may have been cut short: the position there must be what ours is without them.
    fn compare_fills(&mut self, now: Now, out: &mut Outbox) {
        // The exchange filters by the very time it tells, so no clock comes into it.
        let from = self.reconciling.since;
        for index in 0..self.reconciling.recent.len() {
            let recent = self.reconciling.recent[index];
            let is_listed = self.trades.marked(&recent.trade_id) == self.reconciling.reading;
            let is_asked = recent.exchange_time >= from && self.is_settled(recent.booked_at);
            let is_missing = is_asked && !is_listed;
            self.reconciling.recent[index].missing = is_missing && {
                let pair = Pair::Fill { here: Some(recent.quantity), there: None };
                let subject = Subject::Trade(recent.trade_id);
                compare(&pair).is_some_and(|difference| {
                    self.weigh((subject, difference), recent.booked_at) != Weight::Suspected
                })
            };
        }
        for index in (0..self.reconciling.recent.len()).rev() {
            let Some(recent) = self.reconciling.recent.get(index).copied() else { continue };
            if recent.missing && self.is_voided(recent.market) {
                self.take_back_all(now, recent.market, out);
            }
        }
    }

    /// Whether a market's position there is ours without the fills that are missing.
    fn is_voided(&self, market: MarketIx) -> bool {
        let missing = self.reconciling.recent.iter().filter(|it| it.missing && it.market == market);
        let here = self.account.holding(market).position;
        let without = missing
            .fold(here, |position, fill| position.after(fill.side.opposite(), fill.quantity));
        without == self.reconciling.position(usize::from(market.0)).0
    }

    fn take_back_all(&mut self, now: Now, market: MarketIx, out: &mut Outbox) {
        for index in (0..self.reconciling.recent.len()).rev() {
            let recent = self.reconciling.recent[index];
            if recent.missing && recent.market == market {
                self.reconciling.recent.remove(index);
                let subject = Subject::Trade(recent.trade_id);
                self.reconciling.suspects.mend(&subject);
                self.take_back(now, &recent, out);
            }
        }
    }

    /// Cash, where nothing locks any on either side and everything else is equal.
    fn compare_cash(&mut self, now: Now, out: &mut Outbox) {
        let state = &self.reconciling;
        let reading = state.reading;
        let explained = state.suspects.has_other_than(Invariant::Cash);
        let locked = state.whole.locked == reading || self.orders.live() > 0;
        if explained || locked || !self.is_settled(state.last_touched) {
            return self.reconciling.suspects.keep(|it| matches!(it, Subject::Cash(_)));
        }
        let of_reading =
            |row: &ShardRow| if row.reading == reading { row.cash } else { Money::ZERO };
        let is_whole = state.whole.reading == reading;
        let shards = state.shards.iter().map(of_reading);
        let there =
            if is_whole { state.whole.cash } else { shards.fold(Money::ZERO, |a, b| a + b) };
        let here = self.account.cash();
        match compare(&Pair::Cash { here, there }) {
            Some(difference) => {
                let weight = self.weigh((Subject::Cash(None), difference), state.last_touched);
                self.cash_differs(now, (here, there), weight, out);
            }
            None => {
                self.reconciling.base_open = false;
                if !is_whole {
                    self.compare_shards();
                }
            }
        }
    }

    /// As much as there should be, but elsewhere: money was moved between shards, by a person or
    /// by the exchange's own rebalancing. Orders are checked against where it is now.
    fn compare_shards(&mut self) {
        for shard in 0..u8::MAX {
            let row = self.reconciling.shards[usize::from(shard)];
            let is_told = row.reading == self.reconciling.reading;
            let there = if is_told { row.cash } else { Money::ZERO };
            let Some(here) = self.shard_cash.on(shard) else { return };
            let Some(difference) = compare(&Pair::Cash { here, there }) else { continue };
            let touched = self.reconciling.last_touched;
            let what = (Subject::Cash(Some(shard)), difference);
            if self.weigh(what, touched) != Weight::Suspected {
                self.shard_cash.add(shard, there - here);
                self.reconciling.suspects.mend(&what.0);
                self.reconciling.tally.repaired += 1;
            }
        }
    }

    /// Counts a difference, and says whether something is done about it now.
    pub(super) fn weigh(&mut self, what: (Subject, Difference), touched: Timestamp) -> Weight {
        let began = self.reconciling.began.mono;
        let lag = self.config.orders.read_lag;
        self.reconciling.count(what.1.invariant);
        let weight = self.reconciling.suspects.see(what, (began, touched), lag);
        if weight == Weight::Suspected {
            self.reconciling.tally.open += 1;
        }
        weight
    }
}
