//! One account: cash per shard, positions, and what its resting orders lock (reference §7, §3.8).
//!
//! A member's primary account and each of its subaccounts is one of these. Collateral stays on
//! the shard of its market: money on one shard never pays for another.
//!
//! A bid locks p per contract, an ask 1 − p, except where it only makes a position smaller:
//! a held position covers its account's own closing orders in the order in which they would
//! trade. YES and NO net into one signed position; closing returns the pair's dollar at once.
//! Never matches and never computes a fee.

use std::collections::BTreeMap;

use crate::kalshi::fees::Liquidity;
use crate::kalshi::market::FeeSchedule;
use crate::message::BookSide;
use crate::sim::exchange::book::Priority;
use crate::sim::exchange::order::{ClientText, Order};
use crate::units::{Contracts, Money, Position, Price, WallTime};

/// The exchange has four shards even where no market lies on some (reference §3.8).
const SHARDS_MIN: usize = 4;

/// Who is behind an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// A user: pays from its cash, and its history is kept.
    Member,
    /// The rest of the world: has all the money it needs and no history.
    Background,
}

/// One side of one trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FillRecord {
    /// Bits of the trade's UUID; both sides have the same.
    pub trade_id: u128,
    /// Bits of the order's UUID.
    pub order_id: u128,
    /// The order's caller-given id.
    pub client_order_id: ClientText,
    /// Index of the market.
    pub market: usize,
    /// Which of the member's accounts.
    pub subaccount: u8,
    /// Side of the order.
    pub side: BookSide,
    /// YES-leg price.
    pub price: Price,
    /// How many contracts.
    pub quantity: Contracts,
    /// What the exchange charged.
    pub fee: Money,
    /// Took or made.
    pub liquidity: Liquidity,
    /// Position afterwards.
    pub position: Position,
    /// When.
    pub time: WallTime,
    /// Counts up over the exchange's trades.
    pub seq: u64,
}

/// What an account has in one market.
#[derive(Clone, Debug, Default)]
pub(crate) struct Holding {
    /// The market's shard, where its collateral lies.
    pub(crate) shard: u8,
    pub(crate) position: Position,
    /// What the open position cost, without fees.
    pub(crate) cost: Money,
    /// Fees of the open position.
    pub(crate) open_fees: Money,
    pub(crate) realized: Money,
    pub(crate) fees: Money,
    /// Own-leg value of everything traded.
    pub(crate) traded: Money,
    pub(crate) volume_centis: u64,
    pub(crate) updated: WallTime,
    bids: RestingSide,
    asks: RestingSide,
}

/// Sums of an account's resting orders on one side of one market. The orders are in the book.
#[derive(Clone, Debug, Default)]
struct RestingSide {
    /// By price, best first: what is covered by a position is found by price alone.
    levels: BTreeMap<u32, RestingLevel>,
    /// Collateral if no position covered any.
    gross: Money,
    centis: u64,
    /// Collateral as it is: [`Holding::lock`] of the position that there is.
    locked: Money,
}

/// What an account has at one price.
#[derive(Clone, Copy, Debug)]
struct RestingLevel {
    own_price: Price,
    centis: u64,
}

impl Holding {
    /// Nothing, in a market on `shard`.
    pub(crate) fn on(shard: u8) -> Self {
        Self { shard, ..Self::default() }
    }

    const fn side(&self, side: BookSide) -> &RestingSide {
        match side {
            BookSide::Bid => &self.bids,
            BookSide::Ask => &self.asks,
        }
    }

    const fn side_mut(&mut self, side: BookSide) -> &mut RestingSide {
        match side {
            BookSide::Bid => &mut self.bids,
            BookSide::Ask => &mut self.asks,
        }
    }

    /// How many contracts an order on `side` can close.
    pub(crate) fn closable(&self, side: BookSide) -> Contracts {
        closable(self.position, side)
    }

    /// Collateral of one side's resting orders if the position were `position`, with `extra`
    /// among them.
    fn lock(
        &self,
        side: BookSide,
        position: Position,
        extra: Option<(Priority, Price, Contracts)>,
    ) -> Money {
        let &RestingSide { ref levels, mut gross, centis, .. } = self.side(side);
        let mut capacity = u64::from(closable(position, side).centis());
        let extra_centis = extra.map_or(0, |(.., quantity)| u64::from(quantity.centis()));
        // A position that covers everything needs no walk; the common case beside having none.
        if capacity >= centis + extra_centis {
            return Money::ZERO;
        }
        let mut extra = extra.inspect(|&(_, price, quantity)| gross += price * quantity);
        // As is having one on the other side only: nothing is covered, nothing is walked.
        if capacity == 0 {
            return gross;
        }
        let mut cover = |capacity: &mut u64, price: Price, centis: u64| {
            let covered = centis.min(*capacity);
            *capacity -= covered;
            gross -= value(price, covered);
        };
        for (rank, level) in levels {
            if capacity == 0 {
                break;
            }
            if let Some((_, price, quantity)) = extra.take_if(|(it, ..)| it.rank() <= *rank) {
                cover(&mut capacity, price, u64::from(quantity.centis()));
            }
            cover(&mut capacity, level.own_price, level.centis);
        }
        if let Some((_, price, quantity)) = extra {
            cover(&mut capacity, price, u64::from(quantity.centis()));
        }
        gross
    }

    /// Collateral of all resting orders if the position were `position`.
    pub(crate) fn lock_both(&self, position: Position) -> Money {
        self.lock(BookSide::Bid, position, None) + self.lock(BookSide::Ask, position, None)
    }
}

/// Price times so many hundredths of a contract; they may be more than one order has.
fn value(price: Price, centis: u64) -> Money {
    let centis = i64::try_from(centis).expect("no account has 9e16 contracts");
    Money::from_e8(i64::from(price.micros()) * centis)
}

fn closable(position: Position, side: BookSide) -> Contracts {
    match side {
        BookSide::Bid if position < Position::FLAT => position.size(),
        BookSide::Ask if position > Position::FLAT => position.size(),
        BookSide::Bid | BookSide::Ask => Contracts::ZERO,
    }
}

/// A trade as one account sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Deal {
    pub(crate) market: usize,
    pub(crate) side: BookSide,
    pub(crate) price: Price,
    pub(crate) quantity: Contracts,
}

/// Money on one shard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Balance {
    /// Cash, what orders lock included.
    pub(crate) cash: Money,
    /// What resting orders lock.
    pub(crate) reserved: Money,
}

impl Balance {
    /// Cash that no order locks.
    pub(crate) fn available(self) -> Money {
        self.cash - self.reserved
    }
}

/// An account.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) role: Role,
    /// The grid its cash moves on, in micro-dollars.
    pub(crate) grid_micros: u32,
    /// By shard.
    pub(crate) balances: Vec<Balance>,
    pub(crate) fees: Money,
    pub(crate) holdings: Vec<Holding>,
    pub(crate) updated: WallTime,
}

impl Account {
    /// An account without money in markets that lie on `shards`.
    pub(crate) fn new(role: Role, shards: &[u8]) -> Self {
        let count = shards.iter().max().map_or(0, |shard| usize::from(*shard) + 1);
        Self {
            role,
            grid_micros: FeeSchedule::QUADRATIC.grid_micros,
            balances: vec![Balance::default(); count.max(SHARDS_MIN)],
            fees: Money::ZERO,
            holdings: shards.iter().copied().map(Holding::on).collect(),
            updated: WallTime::default(),
        }
    }

    /// Cash of all shards.
    pub(crate) fn cash(&self) -> Money {
        self.balances.iter().fold(Money::ZERO, |sum, balance| sum + balance.cash)
    }

    /// Cash of all shards that no order locks.
    pub(crate) fn available(&self) -> Money {
        self.balances.iter().fold(Money::ZERO, |sum, balance| sum + balance.available())
    }

    fn balance_of(&self, market: usize) -> Balance {
        self.balances[usize::from(self.holdings[market].shard)]
    }

    /// Cash the deal brings in before fees: opening pays the own leg, closing gets the other's.
    pub(crate) fn revenue(&self, deal: &Deal) -> Money {
        let own = deal.side.own_price(deal.price);
        let closing = self.holdings[deal.market].closable(deal.side).min(deal.quantity);
        own.complement() * closing - own * (deal.quantity - closing)
    }

    /// Cash on a market's shard that no order locks.
    pub(crate) fn spare(&self, market: usize) -> Money {
        self.balance_of(market).available()
    }

    /// Whether the account can lock what `order` needs with `quantity` to go.
    pub(crate) fn can_rest(&self, order: &Order, quantity: Contracts) -> bool {
        self.spare_with(order, quantity) >= Money::ZERO
    }

    /// What would be available with `order` resting.
    pub(crate) fn spare_with(&self, order: &Order, quantity: Contracts) -> Money {
        if self.role == Role::Background {
            return Money::ZERO;
        }
        let holding = &self.holdings[order.market];
        let extra = Some((order.priority(), order.own_price(), quantity));
        let now = holding.side(order.side).locked;
        let then = holding.lock(order.side, holding.position, extra);
        self.balance_of(order.market).available() - (then - now)
    }

    /// Whether the account can take `deal` and pay `fee`.
    pub(crate) fn can_take(&self, deal: &Deal, fee: Money) -> bool {
        if self.role == Role::Background {
            return true;
        }
        let holding = &self.holdings[deal.market];
        let after = holding.position.after(deal.side, deal.quantity);
        let balance = self.balance_of(deal.market);
        let locked = holding.bids.locked + holding.asks.locked;
        let reserved = balance.reserved - locked + holding.lock_both(after);
        balance.cash + self.revenue(deal) - fee >= reserved
    }

    /// Whether the account can pay `fee` when its best resting order on the side makes `deal`.
    /// The cost itself is locked already; only what the lock does not cover must be available.
    pub(crate) fn can_make(&self, deal: &Deal, fee: Money) -> bool {
        if self.role == Role::Background {
            return true;
        }
        let own = deal.side.own_price(deal.price);
        let closing = self.holdings[deal.market].closable(deal.side).min(deal.quantity);
        self.balance_of(deal.market).available() + own.complement() * closing >= fee
    }

    /// Locks an order's collateral.
    pub(crate) fn rest(&mut self, order: &Order) {
        let (own_price, centis) = (order.own_price(), u64::from(order.remaining.centis()));
        let side = self.holdings[order.market].side_mut(order.side);
        let empty = RestingLevel { own_price, centis: 0 };
        let level = side.levels.entry(order.priority().rank()).or_insert(empty);
        level.centis += centis;
        side.gross += own_price * order.remaining;
        side.centis += centis;
        self.relock(order.market, order.side);
    }

    /// Unlocks `quantity` of a resting order.
    pub(crate) fn unrest(&mut self, order: &Order, quantity: Contracts) {
        let side = self.holdings[order.market].side_mut(order.side);
        let priority = order.priority();
        side.gross -= order.own_price() * quantity;
        side.centis -= u64::from(quantity.centis());
        let level = side.levels.get_mut(&priority.rank()).expect("a resting order has a level");
        level.centis -= u64::from(quantity.centis());
        if level.centis == 0 {
            side.levels.remove(&priority.rank());
        }
        self.relock(order.market, order.side);
    }

    /// Brings a side's lock in line with its orders and the position.
    fn relock(&mut self, market: usize, side: BookSide) {
        if self.role == Role::Background {
            return;
        }
        let holding = &mut self.holdings[market];
        let locked = holding.lock(side, holding.position, None);
        let before = core::mem::replace(&mut holding.side_mut(side).locked, locked);
        self.balances[usize::from(holding.shard)].reserved += locked - before;
    }

    /// Books a deal. Returns the position afterwards.
    pub(crate) fn book(&mut self, deal: &Deal, fee: Money, now: WallTime) -> Position {
        let revenue = self.revenue(deal);
        let shard = usize::from(self.holdings[deal.market].shard);
        self.balances[shard].cash += revenue - fee;
        self.fees += fee;
        self.updated = now;
        let own = deal.side.own_price(deal.price);
        let holding = &mut self.holdings[deal.market];
        let closing = holding.closable(deal.side).min(deal.quantity);
        let (cost, fees) = (share(holding.cost, closing, holding.position), {
            share(holding.open_fees, closing, holding.position)
        });
        holding.cost += own * (deal.quantity - closing) - cost;
        holding.open_fees -= fees;
        if closing < deal.quantity {
            holding.open_fees += fee;
        }
        holding.realized += own.complement() * closing - cost;
        holding.fees += fee;
        holding.traded += own * deal.quantity;
        holding.volume_centis += u64::from(deal.quantity.centis());
        holding.updated = now;
        holding.position = holding.position.after(deal.side, deal.quantity);
        let position = holding.position;
        self.relock(deal.market, BookSide::Bid);
        self.relock(deal.market, BookSide::Ask);
        position
    }
}

/// The part of `whole` that belongs to `part` of a position. Average cost, to 1e-8 dollars: what
/// the division leaves stays with the open part, so cost and profit together stay exact.
fn share(whole: Money, part: Contracts, position: Position) -> Money {
    if part.is_zero() {
        return Money::ZERO;
    }
    let size = i128::from(position.size().centis());
    let e8 = i128::from(whole.e8()) * i128::from(part.centis()) / size;
    Money::from_e8(i64::try_from(e8).expect("a part is not larger than the whole"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deal(side: BookSide, cents: u32, whole: u32) -> Deal {
        let price = Price::from_cents(cents).unwrap();
        Deal { market: 0, side, price, quantity: Contracts::from_whole(whole) }
    }

    fn member(cents: i64) -> Account {
        let mut account = Account::new(Role::Member, &[0]);
        account.balances[0].cash = Money::from_cents(cents);
        account
    }

    #[test]
    fn yes_and_no_net_and_return_the_dollar() {
        let mut account = member(10_000);
        account.book(&deal(BookSide::Bid, 40, 10), Money::ZERO, WallTime::default());
        assert_eq!(account.cash(), Money::from_cents(9_600));

        let position = account.book(&deal(BookSide::Ask, 45, 15), Money::ZERO, WallTime::default());

        // Ten closed at 45, five NO opened at 55.
        assert_eq!(position, Position::from_centis(-500));
        assert_eq!(account.cash(), Money::from_cents(9_600 + 450 - 275));
        let holding = &account.holdings[0];
        assert_eq!(holding.realized, Money::from_cents(50));
        assert_eq!(holding.cost, Money::from_cents(275));
    }

    #[test]
    fn a_position_pays_for_the_deal_that_closes_it() {
        let mut account = member(400);
        account.book(&deal(BookSide::Bid, 40, 10), Money::ZERO, WallTime::default());
        assert_eq!(account.cash(), Money::ZERO);
        assert!(account.can_take(&deal(BookSide::Ask, 45, 10), Money::from_cents(10)));
        assert!(!account.can_take(&deal(BookSide::Ask, 45, 20), Money::ZERO));
    }
}
