//! What members may do first and last: place orders and cancel them; and the background's quotes.
//!
//! Every check comes before the first change, so a [`Reject`] leaves everything as it was.

use crate::kalshi::fees::{FeeAccumulator, taker_fee_bound};
use crate::kalshi::market::FeeSchedule;
use crate::message::{BookSide, TimeInForce};
use crate::sim::exchange::book::OrderIx;
use crate::sim::exchange::changing::Decrease;
use crate::sim::exchange::lifecycle::Timer;
use crate::sim::exchange::matching::{Matched, Positioned, Stop, crossing_centis};
use crate::sim::exchange::order::{
    ClientText, NewOrder, Order, OrderStatus, OrderTerms, SelfTradePrevention, UpdateReason,
};
use crate::sim::exchange::{Exchange, ExchangeState, MarketStatus, Reject};
use crate::sim::venue::UserId;
use crate::units::{Contracts, Money, Nanos, Price, WallTime};

/// Orders that one cancel-all cancels at most (reference §3.1).
const CANCEL_ALL_MAX: usize = 10_000;

/// Orders that a member can have resting at a time (reference §3.1).
const OPEN_ORDERS_MAX: u32 = 200_000;

/// For how long a cancel-all may take later orders with it.
const CANCEL_ALL_TAIL: Nanos = Nanos::from_secs(60);

/// The background's account that quotes.
const QUOTES: u8 = 0;

/// The background's account that takes: it may trade with the quotes.
pub(super) const TAKERS: u8 = 1;

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
        self.advance(now);
        let mut order = self.check(now, user, new)?;
        let capped = order.initial < new.quantity;
        let ids = self.ids.clone();
        order.id = self.ids.uuid();
        let ix = self.orders.insert(order);
        self.arrivals += 1;
        self.places += 1;
        self.markets[order.market].clock += 1;
        let matched = self.match_order(ix, now);
        if matched.stop == Stop::Unaffordable && matched.quantity.is_zero() {
            self.orders.release(ix);
            self.ids = ids;
            self.arrivals -= 1;
            self.places -= 1;
            self.markets[order.market].clock -= 1;
            return Err(Reject::InsufficientBalance);
        }
        if self.is_member(user) {
            let member = &mut self.members[user.0 as usize];
            member.note_order(&order);
            if !order.client_order_id.is_empty() {
                member.client_ids.insert(order.client_order_id);
            }
        }
        let open = self.orders.get(ix).remaining;
        let order = self.finish(ix, &matched, capped, now);
        if order.status == OrderStatus::Resting {
            self.sweep_later(&order, now);
        }
        Ok(receipt(&order, &matched, open - order.remaining))
    }

    /// Rests or ends an order after matching. Returns its final state.
    pub(super) fn finish(
        &mut self,
        ix: OrderIx,
        matched: &Matched,
        capped: bool,
        now: WallTime,
    ) -> Order {
        let order = self.orders.get(ix);
        let resting = order.terms.time_in_force == TimeInForce::GoodTillCanceled;
        let executed = (OrderStatus::Executed, UpdateReason::Trade);
        let canceled = |reason| (OrderStatus::Canceled, reason);
        let (status, reason) = match matched.stop {
            Stop::Done | Stop::Group if order.remaining.is_zero() => executed,
            Stop::Done if resting && self.account_of(order).can_rest(order, order.remaining) => {
                (OrderStatus::Resting, order.reason)
            }
            Stop::Done if resting => canceled(UpdateReason::MarginCancel),
            Stop::Done if capped => canceled(UpdateReason::ReduceOnlyCancel),
            Stop::Done => canceled(UpdateReason::None),
            Stop::SelfTrade => canceled(UpdateReason::SelfTradeCancel),
            Stop::Unaffordable => canceled(UpdateReason::MarginCancel),
            Stop::Group => canceled(UpdateReason::Decrease),
        };
        let mut order = *order;
        if status == OrderStatus::Resting {
            self.enter_book(ix, now);
            self.order_changed(ix);
        } else {
            self.end(ix, status, reason, now);
            (order.status, order.reason, order.remaining) = (status, reason, Contracts::ZERO);
        }
        if !matched.quantity.is_zero() {
            self.position_changed(Positioned::of(&order));
        }
        order
    }

    fn check(&self, now: WallTime, user: UserId, new: &NewOrder) -> Result<Order, Reject> {
        self.check_open(new.market)?;
        check_terms(now, new)?;
        if usize::from(new.subaccount) >= self.member(user).accounts.len() {
            return Err(Reject::SubaccountNotFound);
        }
        let named = !new.client_order_id.is_empty();
        if named && self.member(user).client_ids.contains(&new.client_order_id) {
            return Err(Reject::OrderAlreadyExists);
        }
        let mut order = self.draft(now, user, new);
        order.group = self.check_group(user, new)?;
        let rests = new.terms.time_in_force == TimeInForce::GoodTillCanceled;
        if rests && self.is_member(user) && self.member(user).resting >= OPEN_ORDERS_MAX {
            return Err(Reject::TooManyOrders);
        }
        if new.terms.reduce_only {
            let closable = self.account_of(&order).holdings[new.market].closable(new.side);
            order.initial = new.quantity.min(closable);
            order.remaining = order.initial;
        }
        if order.remaining.is_zero() {
            return Err(Reject::NothingToReduce);
        }
        self.check_market(&order)?;
        let spare = self.account_of(&order).spare_with(&order, order.remaining);
        let fees = match new.terms.time_in_force {
            // All or nothing: it must not run out of money half way.
            TimeInForce::FillOrKill if self.is_member(user) => {
                let grid_micros = self.account_of(&order).grid_micros;
                let schedule = FeeSchedule { grid_micros, ..self.markets[new.market].fees_at(now) };
                taker_fee_bound(&schedule, new.price, order.remaining)
            }
            _ => Money::ZERO,
        };
        if spare < fees {
            return Err(Reject::InsufficientBalance);
        }
        if new.terms.time_in_force == TimeInForce::FillOrKill {
            self.check_fills_whole(&order, now)?;
        }
        Ok(order)
    }

    /// An order as asked for, without an id.
    pub(super) fn draft(&self, now: WallTime, user: UserId, new: &NewOrder) -> Order {
        Order {
            id: 0,
            user,
            subaccount: new.subaccount,
            group: None,
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

    pub(super) fn check_open(&self, market: usize) -> Result<(), Reject> {
        match self.state {
            ExchangeState::ExchangePaused => return Err(Reject::ExchangePaused),
            ExchangeState::TradingPaused => return Err(Reject::TradingPaused),
            ExchangeState::Open => {}
        }
        let market = self.markets.get(market).ok_or(Reject::MarketNotFound)?;
        match market.status {
            MarketStatus::Active => Ok(()),
            MarketStatus::Initialized | MarketStatus::Inactive => Err(Reject::MarketNotActive),
            MarketStatus::Closed
            | MarketStatus::Determined
            | MarketStatus::Disputed
            | MarketStatus::Amended
            | MarketStatus::Finalized => Err(Reject::MarketClosed),
        }
    }

    /// Price grid, post-only and fill-or-kill.
    pub(super) fn check_market(&self, order: &Order) -> Result<(), Reject> {
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
    /// [`Reject::NotFound`] for any order that does not rest, [`Reject::ExchangePaused`],
    /// [`Reject::MarketClosed`].
    pub fn cancel(&mut self, now: WallTime, user: UserId, id: u128) -> Result<Receipt, Reject> {
        self.advance(now);
        let ix = self.resting(user, id)?;
        let order = *self.orders.get(ix);
        self.close(ix, UpdateReason::Decrease, now);
        Ok(Receipt {
            reduced_by: order.remaining,
            ..receipt(&order, &Matched::NOTHING, order.remaining)
        })
    }

    /// Cancels everything that one of a member's accounts, or all of them, have resting in
    /// markets that are not closed, oldest first and ten thousand at most. Returns how many.
    /// For a minute it may take later orders with it ([`Rules::cancel_all_tail_per_mille`]).
    ///
    /// # Errors
    /// [`Reject::ExchangePaused`].
    ///
    /// [`Rules::cancel_all_tail_per_mille`]: super::Rules::cancel_all_tail_per_mille
    pub fn cancel_all(
        &mut self,
        now: WallTime,
        user: UserId,
        subaccount: Option<u8>,
    ) -> Result<usize, Reject> {
        self.advance(now);
        if self.state == ExchangeState::ExchangePaused {
            return Err(Reject::ExchangePaused);
        }
        self.cancel_alls.insert((user, subaccount), now);
        let open = self.markets.iter().filter(|market| market.status.is_before_close());
        let mut doomed: Vec<(u64, OrderIx)> = open
            .flat_map(|market| market.book.orders())
            .map(|ix| (self.orders.get(ix), ix))
            .filter(|(order, _)| {
                order.user == user && subaccount.is_none_or(|only| only == order.subaccount)
            })
            .map(|(order, ix)| (order.seq, ix))
            .collect();
        doomed.sort_unstable();
        doomed.truncate(CANCEL_ALL_MAX);
        for (_, ix) in &doomed {
            self.close(*ix, UpdateReason::Decrease, now);
        }
        Ok(doomed.len())
    }

    /// Decides whether a cancel-all of the last minute takes a new resting order with it, and
    /// when: it may sit on the book for up to a second first.
    fn sweep_later(&mut self, order: &Order, now: WallTime) {
        let chance = u64::from(self.rules.cancel_all_tail_per_mille);
        if chance == 0 {
            return;
        }
        let recent = [None, Some(order.subaccount)].into_iter().any(|subaccount| {
            let last = self.cancel_alls.get(&(order.user, subaccount));
            last.is_some_and(|last| now.since(*last) < CANCEL_ALL_TAIL)
        });
        if recent && self.tails.below(1_000) < chance {
            let delay = Nanos::from_ms(self.tails.below(1_000));
            self.schedule(now + delay, Timer::Sweep(order.id));
        }
    }

    pub(super) fn resting(&self, user: UserId, id: u128) -> Result<OrderIx, Reject> {
        if self.state == ExchangeState::ExchangePaused {
            return Err(Reject::ExchangePaused);
        }
        let ix = self.orders.find_live(id).ok_or(Reject::NotFound)?;
        let order = self.orders.get(ix);
        if order.user != user || !order.rests() {
            return Err(Reject::NotFound);
        }
        let open = self.markets[order.market].status.is_before_close();
        if open { Ok(ix) } else { Err(Reject::MarketClosed) }
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
        let (subaccount, group) = (QUOTES, None);
        let new =
            NewOrder { market, side, price, quantity, client_order_id, subaccount, group, terms };
        let placed = self.submit(now, background, &new);
        debug_assert!(placed.is_ok(), "Invariant: quotes are made on the grid of open markets");
    }

    /// Lowers a background order.
    pub(crate) fn unquote(&mut self, now: WallTime, id: u128, to: Contracts) {
        let background = self.background();
        let lowered = self.decrease(now, background, id, Decrease::To(to));
        debug_assert!(lowered.is_ok(), "Invariant: quotes are lowered where they rest");
    }

    /// Lets somebody in the background take what is within a limit. Returns how much traded.
    pub(crate) fn sweep(
        &mut self,
        now: WallTime,
        market: usize,
        side: BookSide,
        price: Price,
        quantity: Contracts,
    ) -> Contracts {
        let terms =
            OrderTerms { time_in_force: TimeInForce::ImmediateOrCancel, ..OrderTerms::RESTING };
        let (client_order_id, subaccount, group) = (ClientText::EMPTY, TAKERS, None);
        let new =
            NewOrder { market, side, price, quantity, client_order_id, subaccount, group, terms };
        let taken = self.submit(now, self.background, &new);
        taken.map_or(Contracts::ZERO, |receipt| receipt.filled)
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
    pub(super) const NOTHING: Self = Self {
        stop: Stop::Done,
        quantity: Contracts::ZERO,
        value: Money::ZERO,
        fees: Money::ZERO,
        met_own: false,
    };
}

pub(super) const fn receipt(order: &Order, matched: &Matched, reduced_by: Contracts) -> Receipt {
    Receipt {
        order: *order,
        filled: matched.quantity,
        value: matched.value,
        fees: matched.fees,
        reduced_by,
    }
}
