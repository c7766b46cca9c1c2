//! Fills that turn out not to have happened: the exchange takes a trade back.
//!
//! Cash and position go back to where they were, the fill is gone from its member's list, and the
//! order has traded less; the public tape keeps its print. What a position had cost is taken out
//! at its average, as by a sale.

use crate::kalshi::fees::Liquidity;
use crate::sim::exchange::account::{Deal, FillRecord};
use crate::sim::exchange::event::ExchangeEvent;
use crate::sim::exchange::member::Member;
use crate::sim::exchange::{Exchange, MarketStatus, OrderStatus};
use crate::sim::venue::UserId;
use crate::units::{Money, Position, WallTime};

/// One side of a voided trade: whose account, and the deal that undoes it.
struct Undoing {
    user: UserId,
    subaccount: u8,
    deal: Deal,
    fee: Money,
}

impl Exchange {
    /// Takes the newest fill of a member in a market back, on both sides. Whether it could: not
    /// after settlement, and not when somebody has spent what the fill brought.
    pub(crate) fn void_fill(&mut self, now: WallTime, market: usize) -> bool {
        self.advance(now);
        if self.markets[market].status == MarketStatus::Finalized {
            return false;
        }
        let voided = self.fills.newest_trade(market);
        let Some(first) = voided.first() else { return false };
        let mut sides: Vec<_> = voided.iter().map(|(user, fill)| undoing(*user, fill)).collect();
        if sides.len() == 1 {
            // The other side was the background's, which has fees of its own to bear.
            let deal = Deal { side: first.1.side, ..sides[0].deal };
            sides.push(Undoing { user: self.background, subaccount: 0, deal, fee: Money::ZERO });
        }
        let payable = sides.iter().all(|side| {
            let account = &self.member(side.user).accounts[usize::from(side.subaccount)];
            account.can_take(&side.deal, -side.fee)
        });
        if !payable {
            return false;
        }
        let long_before = long_centis(&self.members, market);
        for Undoing { user, subaccount, deal, fee } in sides {
            let account = &mut self.members[user.0 as usize].accounts[usize::from(subaccount)];
            account.book(&deal, -fee, now);
            self.fees -= fee;
            if self.is_member(user) {
                self.events.push(ExchangeEvent::Position { user, subaccount, market });
            }
        }
        let open = &mut self.markets[market].open_interest_centis;
        let change = long_centis(&self.members, market) - long_before;
        *open = open.checked_add_signed(change).expect("open interest is a sum of positions");
        for (user, fill) in voided {
            self.fills.forget(&mut self.members[user.0 as usize], &fill);
            self.unfill(&fill, now);
        }
        true
    }

    /// Takes a voided fill off its order.
    fn unfill(&mut self, fill: &FillRecord, now: WallTime) {
        let Some(order) = self.orders.find_mut(fill.order_id) else { return };
        let cost = fill.side.own_price(fill.price) * fill.quantity;
        let (costs, fees) = match fill.liquidity {
            Liquidity::Taker => (&mut order.taker_cost, &mut order.taker_fees),
            Liquidity::Maker => (&mut order.maker_cost, &mut order.maker_fees),
        };
        *costs -= cost;
        *fees -= fill.fee;
        order.filled -= fill.quantity;
        order.updated = now;
        match order.status {
            OrderStatus::Resting => order.initial -= fill.quantity,
            OrderStatus::Executed => order.status = OrderStatus::Canceled,
            OrderStatus::Canceled => {}
        }
        self.events.push(ExchangeEvent::Order(*order));
    }
}

fn undoing(user: UserId, fill: &FillRecord) -> Undoing {
    let &FillRecord { market, side, price, quantity, .. } = fill;
    let deal = Deal { market, side: side.opposite(), price, quantity };
    Undoing { user, subaccount: fill.subaccount, deal, fee: fill.fee }
}

/// YES contracts that all accounts hold in a market.
fn long_centis(members: &[Member], market: usize) -> i64 {
    let accounts = members.iter().flat_map(|member| &member.accounts);
    accounts.map(|it| it.holdings[market].position.max(Position::FLAT).centis()).sum()
}
