//! Matching: an incoming order meets the book, best price first, oldest first.
//!
//! A trade happens at the resting order's price. Fees and collateral are checked here, fill by
//! fill, so no account's cash can go negative whatever an order met.

use crate::kalshi::fees::{Charge, FeeAccumulator, Liquidity};
use crate::kalshi::market::FeeSchedule;
use crate::message::BookSide;
use crate::sim::exchange::account::{Deal, FillRecord};
use crate::sim::exchange::book::{OrderIx, crosses};
use crate::sim::exchange::event::{BookChange, ExchangeEvent, TradePrint};
use crate::sim::exchange::groups::{GroupIx, GroupState};
use crate::sim::exchange::order::{Order, OrderStatus, SelfTradePrevention, UpdateReason};
use crate::sim::exchange::{Exchange, MarketState, account_mut};
use crate::sim::venue::UserId;
use crate::units::{Contracts, Money, Position, Price, WallTime};

/// Why matching ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// Nothing left to trade, or nothing within the limit.
    Done,
    /// It met its account's own order.
    SelfTrade,
    /// The account cannot pay for the next fill.
    Unaffordable,
    /// Its fills triggered its group.
    Group,
}

/// What an incoming order traded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Matched {
    pub(super) stop: Stop,
    pub(super) quantity: Contracts,
    /// Sum of YES price times quantity.
    pub(super) value: Money,
    pub(super) fees: Money,
    /// Whether it met an order of its own member.
    pub(super) met_own: bool,
}

/// Why an order goes no further with the one in its way.
enum Met {
    /// The order stops.
    Stop(Stop),
    /// The one in its way is to be cancelled.
    Doomed(UpdateReason),
}

/// Who could not pay.
pub(super) enum Short {
    Taker,
    Maker,
}

/// One side of a trade: what moves, its fee, and its order's accumulator after it.
pub(super) struct Leg {
    deal: Deal,
    fee: Money,
    accumulator: FeeAccumulator,
}

/// Both sides of a trade.
pub(super) struct Exchanged {
    taker: Leg,
    maker: Leg,
}

impl Exchange {
    /// Trades an order that is not on the book against the book. Emits fills, not its own state.
    /// One that stops as unaffordable without a fill has changed nothing.
    pub(super) fn match_order(&mut self, ix: OrderIx, now: WallTime) -> Matched {
        let mut matched = Matched::NOTHING;
        let mut payable = false;
        while let Some(maker_ix) = self.next_maker(self.orders.get(ix)) {
            let doomed = match self.meet(ix, maker_ix, &mut matched, now) {
                Ok(()) => continue,
                Err(Met::Stop(stop)) => {
                    matched.stop = stop;
                    break;
                }
                Err(Met::Doomed(reason)) => reason,
            };
            // Until its first fill the order can still be refused.
            if matched.quantity.is_zero() && !payable {
                let taker = *self.orders.get(ix);
                payable = self.can_start(&taker, now);
                if !payable {
                    matched.stop = Stop::Unaffordable;
                    break;
                }
            }
            self.close(maker_ix, doomed, now);
        }
        matched
    }

    /// Trades an order with the next one in its way, if both can.
    fn meet(
        &mut self,
        ix: OrderIx,
        maker_ix: OrderIx,
        matched: &mut Matched,
        now: WallTime,
    ) -> Result<(), Met> {
        let (taker, maker) = (self.orders.get(ix), self.orders.get(maker_ix));
        if self.is_self_trade(taker, maker) {
            matched.met_own = true;
            return Err(match taker.terms.self_trade_prevention {
                SelfTradePrevention::TakerAtCross => Met::Stop(Stop::SelfTrade),
                SelfTradePrevention::Maker => Met::Doomed(UpdateReason::SelfTradeCancel),
            });
        }
        let price = maker.price;
        let (quantity, fee, stops) =
            self.trade(ix, maker_ix, now).map_err(|short| match short {
                Short::Taker => Met::Stop(Stop::Unaffordable),
                Short::Maker => Met::Doomed(UpdateReason::MarginCancel),
            })?;
        matched.quantity += quantity;
        matched.value += price * quantity;
        matched.fees += fee;
        if stops { Err(Met::Stop(Stop::Group)) } else { Ok(()) }
    }

    /// Trades an order of the background that is not on the book with one resting order.
    /// Returns how much; nothing when the resting one could not pay and went.
    pub(super) fn trade_with(
        &mut self,
        taker_ix: OrderIx,
        maker_ix: OrderIx,
        now: WallTime,
    ) -> Contracts {
        match self.trade(taker_ix, maker_ix, now) {
            Ok((quantity, ..)) => quantity,
            Err(Short::Maker) => {
                self.close(maker_ix, UpdateReason::MarginCancel, now);
                Contracts::ZERO
            }
            Err(Short::Taker) => Contracts::ZERO,
        }
    }

    /// A member never trades with itself. The background's takers do trade with its quotes.
    pub(super) fn is_self_trade(&self, taker: &Order, maker: &Order) -> bool {
        let same_account = taker.subaccount == maker.subaccount;
        taker.user == maker.user && (same_account || self.is_member(taker.user))
    }

    /// Counts a trade in both orders' groups, the maker's first. Whether the taker's stopped.
    fn count_groups(
        &mut self,
        [taker, maker]: [Option<GroupIx>; 2],
        quantity: Contracts,
        now: WallTime,
    ) -> bool {
        if let Some(group) = maker {
            self.count_in_group(group, quantity, now);
        }
        let taker = taker.map(|group| self.count_in_group(group, quantity, now));
        taker == Some(GroupState::Triggered)
    }

    fn next_maker(&self, taker: &Order) -> Option<OrderIx> {
        if taker.remaining.is_zero() {
            return None;
        }
        let ix = self.markets[taker.market].book.first(taker.side.opposite())?;
        crosses(taker.side, taker.price, self.orders.get(ix).price).then_some(ix)
    }

    /// Trades two orders. Returns how much, the taker's fee, and whether the taker's group
    /// stops it.
    fn trade(
        &mut self,
        taker_ix: OrderIx,
        maker_ix: OrderIx,
        now: WallTime,
    ) -> Result<(Contracts, Money, bool), Short> {
        let (taker, maker) = (self.orders.get(taker_ix), self.orders.get(maker_ix));
        let Exchanged { taker: took, maker: made } = self.exchanged(taker, maker, now)?;
        let (deal, fee) = (took.deal, took.fee);
        let groups = [taker.group, maker.group];
        let opened = self.opened_centis(taker, maker, &deal);
        self.take_from_book(maker_ix, deal.quantity, now);
        let trade_id = self.ids.uuid();
        self.trades += 1;
        self.events.push(ExchangeEvent::Trade(TradePrint {
            trade_id,
            market: deal.market,
            price: deal.price,
            quantity: deal.quantity,
            taker_side: deal.side,
            time: now,
        }));
        self.settle(maker_ix, &made, Liquidity::Maker, trade_id, now);
        self.settle(taker_ix, &took, Liquidity::Taker, trade_id, now);
        let market = &mut self.markets[deal.market];
        let open = market.open_interest_centis.checked_add_signed(opened);
        market.open_interest_centis = open.expect("open interest is a sum of long positions");
        market.volume_centis += u64::from(deal.quantity.centis());
        market.traded += deal.price * deal.quantity;
        market.last_trade = Some((deal.price, deal.quantity));
        Ok((deal.quantity, fee, self.count_groups(groups, deal.quantity, now)))
    }

    /// What two orders would exchange now, if both can pay for it.
    pub(super) fn exchanged(
        &self,
        taker: &Order,
        maker: &Order,
        now: WallTime,
    ) -> Result<Exchanged, Short> {
        let quantity = taker.remaining.min(maker.remaining);
        let market = taker.market;
        let deal = Deal { market, side: taker.side, price: maker.price, quantity };
        let counter = Deal { side: maker.side, ..deal };
        let schedule = self.markets[market].fees_at(now);
        let took = self.leg(taker, deal, Liquidity::Taker, &schedule);
        if !self.account_of(taker).can_take(&deal, took.fee) {
            return Err(Short::Taker);
        }
        let made = self.leg(maker, counter, Liquidity::Maker, &schedule);
        if !self.account_of(maker).can_make(&counter, made.fee) {
            return Err(Short::Maker);
        }
        Ok(Exchanged { taker: took, maker: made })
    }

    /// One side of a trade with its fee.
    fn leg(&self, order: &Order, deal: Deal, liquidity: Liquidity, fees: &FeeSchedule) -> Leg {
        let account = self.account_of(order);
        let schedule = &FeeSchedule { grid_micros: account.grid_micros, ..*fees };
        let mut accumulator = order.accumulator;
        let revenue = account.revenue(&deal);
        let fill = Charge { liquidity, yes_price: deal.price, quantity: deal.quantity, revenue };
        Leg { deal, fee: accumulator.charge(schedule, &fill), accumulator }
    }

    /// By how much a trade changes the YES contracts that its two accounts hold together.
    fn opened_centis(&self, taker: &Order, maker: &Order, deal: &Deal) -> i64 {
        let change = |order: &Order, side: BookSide| {
            let before = self.account_of(order).holdings[order.market].position;
            let long = |position: Position| position.max(Position::FLAT).centis();
            long(before.after(side, deal.quantity)) - long(before)
        };
        // The background trades with itself when its takers meet its makers, but from two accounts.
        let same = taker.user == maker.user && taker.subaccount == maker.subaccount;
        if same { 0 } else { change(taker, deal.side) + change(maker, deal.side.opposite()) }
    }

    /// Removes what traded of a resting order from the book and from its account's locks.
    fn take_from_book(&mut self, ix: OrderIx, quantity: Contracts, now: WallTime) {
        let maker = self.orders.get(ix);
        let market = &mut self.markets[maker.market];
        if maker.remaining == quantity {
            market.book.remove(maker.side, maker.priority(), quantity);
            self.members[maker.user.0 as usize].resting -= 1;
        } else {
            market.book.reduce(maker.side, maker.priority(), quantity);
        }
        account_mut(&mut self.members, maker).unrest(maker, quantity);
        self.book_changed(ix, -i64::from(quantity.centis()), now);
    }

    /// Books one side of a trade on its order and its account.
    fn settle(
        &mut self,
        ix: OrderIx,
        &Leg { deal, fee, accumulator }: &Leg,
        liquidity: Liquidity,
        trade_id: u128,
        now: WallTime,
    ) {
        let order = self.orders.get_mut(ix);
        order.accumulator = accumulator;
        order.filled += deal.quantity;
        order.remaining -= deal.quantity;
        order.updated = now;
        order.reason = UpdateReason::Trade;
        let cost = deal.side.own_price(deal.price) * deal.quantity;
        let (costs, fees) = match liquidity {
            Liquidity::Taker => (&mut order.taker_cost, &mut order.taker_fees),
            Liquidity::Maker => (&mut order.maker_cost, &mut order.maker_fees),
        };
        *costs += cost;
        *fees += fee;
        self.fees += fee;
        let position = account_mut(&mut self.members, order).book(&deal, fee, now);
        let user = order.user;
        if user < self.background {
            let fill = FillRecord {
                subaccount: order.subaccount,
                trade_id,
                order_id: order.id,
                client_order_id: order.client_order_id,
                market: deal.market,
                side: deal.side,
                price: deal.price,
                quantity: deal.quantity,
                fee,
                liquidity,
                position,
                time: now,
                seq: self.trades,
            };
            self.fills.keep(&mut self.members, user, fill);
            self.events.push(ExchangeEvent::Fill { user, fill });
        }
        if liquidity == Liquidity::Maker {
            self.after_making(ix, now);
        }
    }

    fn after_making(&mut self, ix: OrderIx, now: WallTime) {
        let order = self.orders.get(ix);
        let position = Positioned::of(order);
        if order.remaining.is_zero() {
            if let Some(group) = order.group {
                self.groups.leave(group, order.seq);
            }
            self.end(ix, OrderStatus::Executed, UpdateReason::Trade, now);
        } else {
            self.order_changed(ix);
        }
        self.position_changed(position);
    }

    /// Cancels a resting order.
    pub(super) fn close(&mut self, ix: OrderIx, reason: UpdateReason, now: WallTime) {
        self.leave_book(ix, now);
        self.end(ix, OrderStatus::Canceled, reason, now);
    }

    /// Takes a resting order off the book and unlocks its collateral.
    pub(super) fn leave_book(&mut self, ix: OrderIx, now: WallTime) {
        let order = self.orders.get(ix);
        let remaining = order.remaining;
        let market = &mut self.markets[order.market];
        market.clock += 1;
        market.book.remove(order.side, order.priority(), remaining);
        self.members[order.user.0 as usize].resting -= 1;
        account_mut(&mut self.members, order).unrest(order, remaining);
        if let Some(group) = order.group {
            self.groups.leave(group, order.seq);
        }
        self.book_changed(ix, -i64::from(remaining.centis()), now);
    }

    /// Puts an order on the book and locks its collateral.
    pub(super) fn enter_book(&mut self, ix: OrderIx, now: WallTime) {
        let order = self.orders.get(ix);
        let remaining = order.remaining;
        let market = &mut self.markets[order.market];
        market.book.insert(order.side, order.priority(), ix, remaining);
        self.members[order.user.0 as usize].resting += 1;
        account_mut(&mut self.members, order).rest(order);
        if let Some(group) = order.group {
            self.groups.enter(group, order.seq, ix);
        }
        if let Some(expires) = order.terms.expires {
            self.expiries.insert((expires, order.seq, ix));
        }
        self.book_changed(ix, i64::from(remaining.centis()), now);
    }

    /// Ends an order that is off the book.
    pub(super) fn end(
        &mut self,
        ix: OrderIx,
        status: OrderStatus,
        reason: UpdateReason,
        now: WallTime,
    ) {
        let order = self.orders.get_mut(ix);
        order.status = status;
        order.reason = reason;
        order.remaining = Contracts::ZERO;
        order.updated = now;
        if let Some(expires) = order.terms.expires {
            self.expiries.remove(&(expires, order.seq, ix));
        }
        if order.user < self.background {
            self.order_changed(ix);
            if let Some(oldest) = self.orders.retire(ix) {
                self.members[oldest.user.0 as usize].forget_order(oldest.seq);
            }
        } else {
            self.orders.release(ix);
        }
    }

    pub(super) fn order_changed(&mut self, ix: OrderIx) {
        let order = self.orders.get(ix);
        if order.user < self.background {
            self.events.push(ExchangeEvent::Order(*order));
        }
    }

    pub(super) fn position_changed(&mut self, position: Positioned) {
        let Positioned { user, subaccount, market } = position;
        if self.is_member(user) {
            self.events.push(ExchangeEvent::Position { user, subaccount, market });
        }
    }

    /// Tells that an order has put so much on its level, or taken it away.
    pub(super) fn book_changed(&mut self, ix: OrderIx, delta_centis: i64, now: WallTime) {
        let order = self.orders.get(ix);
        let clock = self.markets[order.market].clock;
        self.events.push(ExchangeEvent::Book(BookChange {
            market: order.market,
            side: order.side,
            price: order.price,
            delta_centis,
            clock,
            user: order.user,
            subaccount: order.subaccount,
            client_order_id: order.client_order_id,
            time: now,
        }));
    }
}

/// Whose position in what an order changes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Positioned {
    user: UserId,
    subaccount: u8,
    market: usize,
}

impl Positioned {
    pub(super) const fn of(order: &Order) -> Self {
        Self { user: order.user, subaccount: order.subaccount, market: order.market }
    }
}

/// How much an order could trade at once.
pub(super) fn crossing_centis(market: &MarketState, side: BookSide, limit: Price) -> u64 {
    market.book.centis_within(side.opposite(), limit)
}
