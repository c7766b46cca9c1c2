//! The background as a recording moves it: levels brought to a quantity, recorded trades passing
//! through the queue.
//!
//! What was recorded stays as it was: a recorded trade fills members who would have been hit
//! first, and the recorded orders move up behind them as they did then. Contracts that members
//! took are missing from their level until the recording itself takes it down.

use crate::message::{BookSide, TimeInForce};
use crate::sim::exchange::Exchange;
use crate::sim::exchange::book::OrderIx;
use crate::sim::exchange::event::{ExchangeEvent, TradePrint};
use crate::sim::exchange::order::{ClientText, NewOrder, Order, OrderTerms, SelfTradePrevention};
use crate::sim::exchange::placing::TAKERS;
use crate::units::{Contracts, Price, WallTime};

/// A trade as it was recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PassingTrade {
    pub(crate) market: usize,
    pub(crate) taker_side: BookSide,
    /// YES-leg price.
    pub(crate) price: Price,
    pub(crate) quantity: Contracts,
}

/// Resting orders and how much of each a trade met.
type Met = Vec<(OrderIx, Contracts)>;

impl Exchange {
    /// What the background has at one price, in hundredths.
    pub(crate) fn background_centis(&self, market: usize, side: BookSide, price: Price) -> u64 {
        let queue = self.markets[market].book.queue_at(side, price);
        let orders = queue.map(|ix| self.orders.get(ix));
        let background = orders.filter(|order| order.user == self.background);
        background.map(|order| u64::from(order.remaining.centis())).sum()
    }

    /// Brings what the background has at one price to `centis`: more joins the end of the queue
    /// (and trades with members whom it crosses), less leaves from the end.
    pub(crate) fn set_background(
        &mut self,
        now: WallTime,
        market: usize,
        side: BookSide,
        price: Price,
        centis: u64,
    ) {
        let there = self.background_centis(market, side, price);
        if let Some(more) = centis.checked_sub(there).filter(|more| *more > 0) {
            let more = u32::try_from(more).unwrap_or(u32::MAX);
            self.quote(now, market, side, price, Contracts::from_centis(more));
            return;
        }
        let mut surplus = there - centis;
        let queue: Vec<OrderIx> = self.markets[market].book.queue_at(side, price).collect();
        for ix in queue.into_iter().rev() {
            let order = *self.orders.get(ix);
            if surplus == 0 {
                return;
            }
            if order.user != self.background {
                continue;
            }
            let gone = surplus.min(u64::from(order.remaining.centis()));
            let gone = Contracts::from_centis(u32::try_from(gone).unwrap_or(u32::MAX));
            surplus -= u64::from(gone.centis());
            self.unquote(now, order.id, order.remaining - gone);
        }
    }

    /// Lets a recorded trade pass: it fills the members whom it would have met, best price
    /// first, then in the queue of its own price behind the recorded orders ahead of them.
    /// Returns how much of it members got. The level itself changes with the recorded delta.
    pub(crate) fn pass(&mut self, now: WallTime, trade: &PassingTrade) -> Contracts {
        let side = trade.taker_side.opposite();
        let (hits, ahead) = self.hits(trade, side);
        let mut got = Contracts::ZERO;
        for (ix, quantity) in hits {
            got += self.hit(now, ix, quantity);
        }
        for (ix, quantity) in ahead {
            self.send_back(ix, quantity);
        }
        self.print_rest(now, trade, trade.quantity.saturating_sub(got));
        got
    }

    /// Members' orders that the trade meets, and recorded ones that it took, each with how much.
    fn hits(&self, trade: &PassingTrade, side: BookSide) -> (Met, Met) {
        let (mut hits, mut ahead) = (Vec::new(), Vec::new());
        let mut left = trade.quantity;
        for ix in self.markets[trade.market].book.queue_within(side, trade.price) {
            let order = self.orders.get(ix);
            let quantity = order.remaining.min(left);
            if quantity.is_zero() {
                break;
            }
            if order.user != self.background {
                hits.push((ix, quantity));
            } else if order.price == trade.price {
                ahead.push((ix, quantity));
            } else {
                // A better recorded order that this trade did not take: its delta is late.
                continue;
            }
            left -= quantity;
        }
        (hits, ahead)
    }

    /// Trades so much of a resting order with somebody in the background.
    fn hit(&mut self, now: WallTime, ix: OrderIx, quantity: Contracts) -> Contracts {
        let maker = *self.orders.get(ix);
        let quantity = quantity.min(maker.remaining);
        if !maker.rests() || quantity.is_zero() {
            // An earlier fill of this trade ended it: out of money, or its group triggered.
            return Contracts::ZERO;
        }
        let terms = OrderTerms {
            time_in_force: TimeInForce::ImmediateOrCancel,
            self_trade_prevention: SelfTradePrevention::Maker,
            ..OrderTerms::RESTING
        };
        let taker = self.draft(
            now,
            self.background,
            &NewOrder {
                market: maker.market,
                side: maker.side.opposite(),
                price: maker.price,
                quantity,
                client_order_id: ClientText::EMPTY,
                subaccount: TAKERS,
                group: None,
                terms,
            },
        );
        self.markets[maker.market].clock += 1;
        let taker_ix = self.orders.insert(Order { id: self.ids.uuid(), ..taker });
        let traded = self.trade_with(taker_ix, ix, now);
        self.orders.release(taker_ix);
        traded
    }

    /// Moves a recorded order that has traded to the end of its queue, where its level's delta
    /// will take it: nobody sees a difference but those who were behind it.
    fn send_back(&mut self, ix: OrderIx, quantity: Contracts) {
        let order = *self.orders.get(ix);
        let market = &mut self.markets[order.market];
        let queued = self.places;
        self.places += 1;
        let whole = quantity == order.remaining;
        if whole {
            market.book.remove(order.side, order.priority(), quantity);
        } else {
            // One order becomes two.
            self.members[order.user.0 as usize].resting += 1;
            market.book.reduce(order.side, order.priority(), quantity);
        }
        self.account_of_mut(&order).unrest(&order, quantity);
        let back = Order { remaining: quantity, initial: quantity, queued, ..order };
        let back_ix = if whole {
            *self.orders.get_mut(ix) = back;
            ix
        } else {
            let front = self.orders.get_mut(ix);
            front.remaining -= quantity;
            front.initial = front.filled + front.remaining;
            let id = self.ids.uuid();
            self.orders.insert(Order { id, filled: Contracts::ZERO, ..back })
        };
        let back = *self.orders.get(back_ix);
        let market = &mut self.markets[back.market];
        market.book.insert(back.side, back.priority(), back_ix, quantity);
        self.account_of_mut(&back).rest(&back);
    }

    /// Prints what of a recorded trade did not go to members.
    fn print_rest(&mut self, now: WallTime, trade: &PassingTrade, quantity: Contracts) {
        if quantity.is_zero() {
            return;
        }
        let trade_id = self.ids.uuid();
        let &PassingTrade { market, taker_side, price, .. } = trade;
        let state = &mut self.markets[market];
        state.volume_centis += u64::from(quantity.centis());
        state.traded += price * quantity;
        state.last_trade = Some((price, quantity));
        self.events.push(ExchangeEvent::Trade(TradePrint {
            trade_id,
            market,
            price,
            quantity,
            taker_side,
            time: now,
        }));
    }
}
