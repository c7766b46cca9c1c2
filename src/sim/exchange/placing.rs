//! What accounts may do: place, cancel, amend, decrease; and what time and pauses do to orders.
//!
//! Every check comes before the first change, so a [`Reject`] leaves everything as it was.

use crate::kalshi::fees::{FeeAccumulator, taker_fee_bound};
use crate::message::{BookSide, TimeInForce};
use crate::sim::exchange::book::OrderIx;
use crate::sim::exchange::event::ExchangeEvent;
use crate::sim::exchange::matching::{Matched, Stop, crossing_centis};
use crate::sim::exchange::order::{
    ClientText, NewOrder, Order, OrderStatus, OrderTerms, SelfTradePrevention, UpdateReason,
};
use crate::sim::exchange::{Exchange, ExchangeState, MarketStatus, Reject};
use crate::sim::venue::UserId;
use crate::units::{Contracts, Money, Price, WallTime};

/// What the exchange answers to a placed, amended or decreased order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The order as it is now.
    pub order: Order,
    /// How much this request traded.
    pub filled: Contracts,
    /// Sum of YES price times quantity of that.
    pub value: Money,
    /// Fees of that.
    pub fees: Money,
    /// How much this request took off what was open without trading it.
    pub reduced_by: Contracts,
}

/// What an amendment does to the expiration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// Leaves it.
    Keep,
    /// Removes it.
    Clear,
    /// Sets it.
    Set(WallTime),
}

/// A changed order, all fields understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Amendment {
    /// The market the caller believes it is in.
    pub market: usize,
    /// The side the caller believes it is on.
    pub side: BookSide,
    /// New limit.
    pub price: Price,
    /// New total: what has traded plus what shall rest.
    pub total: Contracts,
    /// The client id the caller believes it has, empty when not given.
    pub client_order_id: ClientText,
    /// Its new client id, empty to keep the old one.
    pub updated_client_order_id: ClientText,
    /// Its new expiration.
    pub expiry: Expiry,
}

/// By how much an order shrinks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decrease {
    /// By this.
    By(Contracts),
    /// To this.
    To(Contracts),
}

impl Exchange {
    /// Places an order.
    ///
    /// # Errors
    /// The first rule it breaks; nothing has changed then.
    pub fn submit(
        &mut self,
        now: WallTime,
        user: UserId,
        new: &NewOrder,
    ) -> Result<Receipt, Reject> {
        self.expire(now);
        let order = self.check(now, user, new)?;
        let capped = order.initial < new.quantity;
        let ix = self.orders.insert(order);
        self.arrivals += 1;
        self.places += 1;
        self.markets[order.market].clock += 1;
        let matched = self.match_order(ix, now);
        if matched.stop == Stop::Unaffordable && matched.quantity.is_zero() {
            self.orders.release(ix);
            return Err(Reject::InsufficientBalance);
        }
        if self.is_member(user) {
            let account = self.account_mut(user);
            account.orders.insert(order.seq, ix);
            if !order.client_order_id.is_empty() {
                account.client_ids.insert(order.client_order_id);
            }
        }
        let open = self.orders.get(ix).remaining;
        let order = self.finish(ix, &matched, capped, now);
        Ok(receipt(&order, &matched, open - order.remaining))
    }

    /// Rests or ends an order after matching. Returns its final state.
    fn finish(&mut self, ix: OrderIx, matched: &Matched, capped: bool, now: WallTime) -> Order {
        let order = *self.orders.get(ix);
        let resting = order.terms.time_in_force == TimeInForce::GoodTillCanceled;
        let fits = self.account(order.user).can_rest(&order, order.remaining);
        let (status, reason) = match matched.stop {
            Stop::Done if order.remaining.is_zero() => (OrderStatus::Executed, UpdateReason::Trade),
            Stop::Done if resting && fits => (OrderStatus::Resting, order.reason),
            Stop::Done if resting => (OrderStatus::Canceled, UpdateReason::MarginCancel),
            Stop::Done if capped => (OrderStatus::Canceled, UpdateReason::ReduceOnlyCancel),
            Stop::Done => (OrderStatus::Canceled, UpdateReason::None),
            Stop::SelfTrade => (OrderStatus::Canceled, UpdateReason::SelfTradeCancel),
            Stop::Unaffordable => (OrderStatus::Canceled, UpdateReason::MarginCancel),
        };
        if status == OrderStatus::Resting {
            self.enter_book(ix, now);
            self.order_changed(ix);
        } else {
            self.end(ix, status, reason, now);
        }
        if !matched.quantity.is_zero() {
            self.position_changed(&order);
        }
        let ended = Order { status, reason, remaining: Contracts::ZERO, ..order };
        if status == OrderStatus::Resting { order } else { ended }
    }

    fn check(&mut self, now: WallTime, user: UserId, new: &NewOrder) -> Result<Order, Reject> {
        self.check_open(new.market)?;
        check_terms(now, new)?;
        if self.account(user).client_ids.contains(&new.client_order_id) {
            return Err(Reject::OrderAlreadyExists);
        }
        let mut order = self.draft(now, user, new);
        if new.terms.reduce_only {
            let closable = self.account(user).holdings[new.market].closable(new.side);
            order.initial = new.quantity.min(closable);
            order.remaining = order.initial;
        }
        if order.remaining.is_zero() {
            return Err(Reject::NothingToReduce);
        }
        self.check_market(&order)?;
        let spare = self.account(user).spare_with(&order, order.remaining);
        let fees = match new.terms.time_in_force {
            // All or nothing: it must not run out of money half way.
            TimeInForce::FillOrKill if self.is_member(user) => {
                let schedule = &self.markets[new.market].fees;
                taker_fee_bound(schedule, new.price, order.remaining)
            }
            _ => Money::ZERO,
        };
        if spare < fees { Err(Reject::InsufficientBalance) } else { Ok(order) }
    }

    fn draft(&mut self, now: WallTime, user: UserId, new: &NewOrder) -> Order {
        Order {
            id: self.ids.uuid(),
            user,
            market: new.market,
            side: new.side,
            price: new.price,
            initial: new.quantity,
            filled: Contracts::ZERO,
            remaining: new.quantity,
            status: OrderStatus::Resting,
            reason: UpdateReason::None,
            client_order_id: new.client_order_id,
            terms: new.terms,
            taker_cost: Money::ZERO,
            maker_cost: Money::ZERO,
            taker_fees: Money::ZERO,
            maker_fees: Money::ZERO,
            created: now,
            updated: now,
            seq: self.arrivals,
            accumulator: FeeAccumulator::EMPTY,
            queued: self.places,
        }
    }

    fn check_open(&self, market: usize) -> Result<(), Reject> {
        match self.state {
            ExchangeState::ExchangePaused => return Err(Reject::ExchangePaused),
            ExchangeState::TradingPaused => return Err(Reject::TradingPaused),
            ExchangeState::Open => {}
        }
        let market = self.markets.get(market).ok_or(Reject::MarketNotFound)?;
        match market.status {
            MarketStatus::Active => Ok(()),
            MarketStatus::Inactive => Err(Reject::MarketNotActive),
        }
    }

    /// Price grid, post-only and fill-or-kill.
    fn check_market(&self, order: &Order) -> Result<(), Reject> {
        let market = &self.markets[order.market];
        if !market.grid.contains(order.price) {
            return Err(Reject::InvalidPrice);
        }
        if order.terms.post_only && market.book.would_cross(order.side, order.price) {
            return Err(Reject::PostOnlyCross);
        }
        let volume = crossing_centis(market, order.side, order.price);
        let kill = order.terms.time_in_force == TimeInForce::FillOrKill
            && volume < u64::from(order.remaining.centis());
        if kill { Err(Reject::FillOrKill) } else { Ok(()) }
    }

    /// Cancels one of an account's resting orders.
    ///
    /// # Errors
    /// [`Reject::NotFound`] for any order that does not rest, [`Reject::ExchangePaused`].
    pub fn cancel(&mut self, now: WallTime, user: UserId, id: u128) -> Result<Receipt, Reject> {
        self.expire(now);
        let ix = self.resting(user, id)?;
        let order = *self.orders.get(ix);
        self.close(ix, UpdateReason::Decrease, now);
        Ok(Receipt {
            reduced_by: order.remaining,
            ..receipt(&order, &Matched::NOTHING, order.remaining)
        })
    }

    /// Cancels everything an account has resting. Returns how many orders.
    ///
    /// # Errors
    /// [`Reject::ExchangePaused`].
    pub fn cancel_all(&mut self, now: WallTime, user: UserId) -> Result<usize, Reject> {
        self.expire(now);
        if self.state == ExchangeState::ExchangePaused {
            return Err(Reject::ExchangePaused);
        }
        Ok(self.close_where(now, UpdateReason::Decrease, |order| order.user == user))
    }

    fn close_where(
        &mut self,
        now: WallTime,
        reason: UpdateReason,
        matches: impl Fn(&Order) -> bool,
    ) -> usize {
        let members = &self.accounts[..self.background.0 as usize];
        let mut doomed: Vec<(u64, OrderIx)> = members
            .iter()
            .flat_map(|account| &account.holdings)
            .flat_map(|holding| [BookSide::Bid, BookSide::Ask].map(|side| holding.resting(side)))
            .flat_map(|resting| resting.values())
            .map(|resting| (self.orders.get(resting.order), resting.order))
            .filter(|(order, _)| matches(order))
            .map(|(order, ix)| (order.seq, ix))
            .collect();
        doomed.sort_unstable();
        for (_, ix) in &doomed {
            self.close(*ix, reason, now);
        }
        doomed.len()
    }

    fn resting(&self, user: UserId, id: u128) -> Result<OrderIx, Reject> {
        if self.state == ExchangeState::ExchangePaused {
            return Err(Reject::ExchangePaused);
        }
        let ix = self.orders.find(id).ok_or(Reject::NotFound)?;
        let order = self.orders.get(ix);
        let ours = order.user == user && order.status == OrderStatus::Resting;
        if ours { Ok(ix) } else { Err(Reject::NotFound) }
    }

    /// Makes a resting order smaller; it keeps its place in the queue.
    ///
    /// # Errors
    /// [`Reject::NotFound`], [`Reject::BelowFilled`] when it would grow or go below zero.
    pub fn decrease(
        &mut self,
        now: WallTime,
        user: UserId,
        id: u128,
        decrease: Decrease,
    ) -> Result<Receipt, Reject> {
        self.expire(now);
        let ix = self.resting(user, id)?;
        let order = *self.orders.get(ix);
        let to = match decrease {
            Decrease::By(by) => order.remaining.checked_sub(by).ok_or(Reject::BelowFilled)?,
            Decrease::To(to) => to,
        };
        let by = order.remaining.checked_sub(to).ok_or(Reject::BelowFilled)?;
        let order = self.shrink(ix, to, UpdateReason::Decrease, now);
        Ok(receipt(&order, &Matched::NOTHING, by))
    }

    /// Lowers what rests of an order to `to`, in place; zero cancels it.
    fn shrink(&mut self, ix: OrderIx, to: Contracts, reason: UpdateReason, now: WallTime) -> Order {
        let order = *self.orders.get(ix);
        if to.is_zero() {
            self.close(ix, reason, now);
            return Order { remaining: to, status: OrderStatus::Canceled, reason, ..order };
        }
        let by = order.remaining - to;
        if !by.is_zero() {
            let market = &mut self.markets[order.market];
            market.clock += 1;
            market.book.reduce(order.side, order.priority(), by);
            self.account_mut(order.user).unrest(&order, by);
            self.book_changed(&order, -i64::from(by.centis()), now);
        }
        let kept = self.orders.get_mut(ix);
        kept.remaining = to;
        kept.initial = kept.filled + to;
        kept.updated = now;
        kept.reason = reason;
        let kept = *kept;
        self.order_changed(ix);
        kept
    }

    /// Changes price, size, client id or expiration of a resting order. It keeps its place only
    /// when the price stays and the size does not grow.
    ///
    /// # Errors
    /// The first rule it breaks; the order rests unchanged then.
    pub fn amend(
        &mut self,
        now: WallTime,
        user: UserId,
        id: u128,
        change: &Amendment,
    ) -> Result<Receipt, Reject> {
        self.expire(now);
        let ix = self.resting(user, id)?;
        let before = *self.orders.get(ix);
        let after = self.check_amendment(now, &before, change)?;
        let same_price = after.price == before.price || after.remaining.is_zero();
        let in_place = same_price && after.remaining <= before.remaining;
        if !in_place {
            self.lift(ix, &after, now)?;
        }
        if !change.updated_client_order_id.is_empty() {
            self.account_mut(user).client_ids.insert(change.updated_client_order_id);
        }
        let reduced_by = before.remaining.saturating_sub(after.remaining);
        if in_place {
            self.retime(ix, &after);
            let order = self.shrink(ix, after.remaining, UpdateReason::Amend, now);
            return Ok(receipt(&order, &Matched::NOTHING, reduced_by));
        }
        self.places += 1;
        *self.orders.get_mut(ix) = after;
        let matched = self.match_order(ix, now);
        let order = self.finish(ix, &matched, false, now);
        Ok(receipt(&order, &matched, reduced_by))
    }

    /// The order as the amendment wants it.
    fn check_amendment(
        &self,
        now: WallTime,
        order: &Order,
        change: &Amendment,
    ) -> Result<Order, Reject> {
        self.check_open(order.market)?;
        if change.market != order.market {
            return Err(Reject::TickerMismatch);
        }
        if change.side != order.side {
            return Err(Reject::SideMismatch);
        }
        let named = !change.client_order_id.is_empty();
        if named && change.client_order_id != order.client_order_id {
            return Err(Reject::ClientIdMismatch);
        }
        let renamed = change.updated_client_order_id;
        if !renamed.is_empty() && self.account(order.user).client_ids.contains(&renamed) {
            return Err(Reject::OrderAlreadyExists);
        }
        let expires = match change.expiry {
            Expiry::Keep => order.terms.expires,
            Expiry::Clear => None,
            Expiry::Set(time) if time <= now => return Err(Reject::ExpirationPast),
            Expiry::Set(time) => Some(time),
        };
        let remaining = change.total.checked_sub(order.filled).ok_or(Reject::BelowFilled)?;
        Ok(Order {
            price: change.price,
            initial: change.total,
            remaining,
            reason: UpdateReason::Amend,
            updated: now,
            client_order_id: if renamed.is_empty() { order.client_order_id } else { renamed },
            terms: OrderTerms { expires, ..order.terms },
            queued: self.places,
            ..*order
        })
    }

    /// Takes the old order off the book if the new one may take its place; else leaves it.
    fn lift(&mut self, ix: OrderIx, after: &Order, now: WallTime) -> Result<(), Reject> {
        self.check_market(after)?;
        let before = *self.orders.get(ix);
        self.account_mut(before.user).unrest(&before, before.remaining);
        let fits = self.account(before.user).can_rest(after, after.remaining);
        self.account_mut(before.user).rest(ix, &before);
        if !fits {
            return Err(Reject::InsufficientBalance);
        }
        self.leave_book(ix, now);
        if let Some(expires) = before.terms.expires {
            self.expiries.remove(&(expires, before.seq, ix));
        }
        Ok(())
    }

    /// Gives a resting order the client id and the expiration of `after`.
    fn retime(&mut self, ix: OrderIx, after: &Order) {
        let order = self.orders.get_mut(ix);
        let (seq, old) = (order.seq, order.terms.expires);
        order.client_order_id = after.client_order_id;
        order.terms.expires = after.terms.expires;
        if let Some(time) = old {
            self.expiries.remove(&(time, seq, ix));
        }
        if let Some(time) = after.terms.expires {
            self.expiries.insert((time, seq, ix));
        }
    }

    /// Ends every order whose time is up.
    pub fn expire(&mut self, now: WallTime) {
        while let Some((time, _, ix)) = self.expiries.first().copied() {
            if time > now {
                return;
            }
            self.close(ix, UpdateReason::ExpiryCancel, now);
        }
    }

    /// Pauses or reopens the exchange. A pause cancels the orders that asked for it.
    pub fn set_state(&mut self, now: WallTime, state: ExchangeState) {
        self.state = state;
        if state != ExchangeState::Open {
            self.close_where(now, UpdateReason::HaltCancel, |order| order.terms.cancel_on_pause);
        }
    }

    /// Pauses or reopens a market. Reopening cancels what members have resting in it.
    pub fn set_market_status(&mut self, now: WallTime, market: usize, status: MarketStatus) {
        let before = core::mem::replace(&mut self.markets[market].status, status);
        if before == status {
            return;
        }
        self.events.push(ExchangeEvent::Lifecycle { market, status });
        self.close_where(now, UpdateReason::HaltCancel, |order| {
            let asked = order.terms.cancel_on_pause || status == MarketStatus::Active;
            order.market == market && asked
        });
    }

    /// Adds a background order; where it crosses members' orders it trades with them.
    pub(crate) fn quote(
        &mut self,
        now: WallTime,
        market: usize,
        side: BookSide,
        price: Price,
        quantity: Contracts,
    ) {
        let background = self.background();
        let terms =
            OrderTerms { self_trade_prevention: SelfTradePrevention::Maker, ..OrderTerms::RESTING };
        let client_order_id = ClientText::EMPTY;
        let new = NewOrder { market, side, price, quantity, client_order_id, terms };
        let placed = self.submit(now, background, &new);
        debug_assert!(placed.is_ok(), "Invariant: quotes are made on the grid of open markets");
    }

    /// Lowers a background order.
    pub(crate) fn unquote(&mut self, now: WallTime, id: u128, to: Contracts) {
        let background = self.background();
        let lowered = self.decrease(now, background, id, Decrease::To(to));
        debug_assert!(lowered.is_ok(), "Invariant: quotes are lowered where they rest");
    }

    /// Whether quotes can be made in a market.
    pub(crate) fn takes_quotes(&self, market: usize) -> bool {
        self.check_open(market).is_ok()
    }
}

fn check_terms(now: WallTime, new: &NewOrder) -> Result<(), Reject> {
    let terms = &new.terms;
    if new.quantity.is_zero() {
        return Err(Reject::InvalidOrderSize);
    }
    if terms.reduce_only && terms.time_in_force != TimeInForce::ImmediateOrCancel {
        return Err(Reject::ReduceOnlyResting);
    }
    match terms.expires {
        Some(_) if terms.time_in_force != TimeInForce::GoodTillCanceled => {
            Err(Reject::ExpirationNotResting)
        }
        Some(time) if time <= now => Err(Reject::ExpirationPast),
        Some(_) | None => Ok(()),
    }
}

impl Matched {
    pub(super) const NOTHING: Self =
        Self { stop: Stop::Done, quantity: Contracts::ZERO, value: Money::ZERO, fees: Money::ZERO };
}

const fn receipt(order: &Order, matched: &Matched, reduced_by: Contracts) -> Receipt {
    Receipt {
        order: *order,
        filled: matched.quantity,
        value: matched.value,
        fees: matched.fees,
        reduced_by,
    }
}
