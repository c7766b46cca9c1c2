//! What positions may have cost, in whatever order their fills became known.
//!
//! Cost is an average: what a position cost depends on the order of its fills, and they may be
//! told in another order than they happened. The exchange's books have the true one. Once fills of
//! a market were told out of order, its position counts as if every contract had cost as much as
//! the dearest of its side: no order of the same fills can come to more. That holds until nothing
//! is held or alive there.

use crate::ids::MarketIx;
use crate::message::BookSide;
use crate::units::{Contracts, Money, Position, Price, WallTime};

/// What is remembered of one market, by side of the YES book.
#[derive(Clone, Copy, Debug, Default)]
struct Lane {
    newest: [WallTime; 2],
    /// Highest price paid for the side's own leg.
    dearest: [Option<Price>; 2],
    is_disordered: bool,
}

/// See the module's page.
#[derive(Clone, Debug)]
pub struct Stakes {
    lanes: Vec<Lane>,
}

impl Stakes {
    /// Of `market_count` markets without a fill.
    #[must_use]
    pub fn new(market_count: usize) -> Self {
        Self { lanes: vec![Lane::default(); market_count] }
    }

    /// A fill has become known that happened `at` the exchange's time. Fills of one side may change
    /// places among themselves: only one that is not after the newest of the other side matters.
    pub fn note_fill(&mut self, market: MarketIx, side: BookSide, price: Price, at: WallTime) {
        let lane = &mut self.lanes[usize::from(market.0)];
        let other = lane.newest[side.opposite() as usize];
        lane.is_disordered |= at <= other && other != WallTime::default();
        let own = side.own_price(price);
        let dearest = &mut lane.dearest[side as usize];
        *dearest = Some(dearest.map_or(own, |known| known.max(own)));
        let newest = &mut lane.newest[side as usize];
        *newest = at.max(*newest);
    }

    /// The most that a position booked at `cost` may have cost.
    #[must_use]
    pub fn of(&self, market: MarketIx, position: Position, cost: Money) -> Money {
        let lane = &self.lanes[usize::from(market.0)];
        if !lane.is_disordered || position == Position::FLAT {
            return cost;
        }
        let side = if position.centis() > 0 { BookSide::Bid } else { BookSide::Ask };
        let size: Contracts = position.size();
        lane.dearest[side as usize].map_or(cost, |price| cost.max(price * size))
    }

    /// Nothing is held in a market, and nothing of ours can still fill there.
    pub fn forget(&mut self, market: MarketIx) {
        self.lanes[usize::from(market.0)] = Lane::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARKET: MarketIx = MarketIx(0);

    fn stakes(fills: &[(BookSide, u32, u64)]) -> Stakes {
        let mut stakes = Stakes::new(1);
        for (side, cents, ms) in fills {
            let price = Price::from_cents(*cents).unwrap();
            stakes.note_fill(MARKET, *side, price, WallTime::from_unix_ms(*ms));
        }
        stakes
    }

    #[test]
    fn in_order_a_position_cost_what_it_cost() {
        let stakes =
            stakes(&[(BookSide::Bid, 20, 1), (BookSide::Ask, 15, 2), (BookSide::Bid, 80, 3)]);
        let (ten, cost) = (Position::from_centis(1_000), Money::from_cents(800));
        assert_eq!(stakes.of(MARKET, ten, cost), cost);
    }

    /// Ten bought at 20, sold at 15, ten bought at 80: eight dollars. Told with the sale last, the
    /// average makes it five.
    #[test]
    fn out_of_order_every_contract_counts_as_the_dearest() {
        let mut stakes =
            stakes(&[(BookSide::Bid, 20, 1), (BookSide::Bid, 80, 3), (BookSide::Ask, 15, 2)]);
        let (ten, booked) = (Position::from_centis(1_000), Money::from_cents(500));
        assert_eq!(stakes.of(MARKET, ten, booked), Money::from_cents(800));
        assert_eq!(stakes.of(MARKET, Position::FLAT, Money::ZERO), Money::ZERO);
        stakes.forget(MARKET);
        assert_eq!(stakes.of(MARKET, ten, booked), booked);
    }

    #[test]
    fn fills_of_one_side_may_change_places() {
        let stakes = stakes(&[(BookSide::Bid, 80, 3), (BookSide::Bid, 20, 1)]);
        let (ten, cost) = (Position::from_centis(1_000), Money::from_cents(500));
        assert_eq!(stakes.of(MARKET, ten, cost), cost);
    }

    #[test]
    fn contracts_of_no_cost_their_own_price() {
        let stakes =
            stakes(&[(BookSide::Ask, 70, 2), (BookSide::Bid, 75, 1), (BookSide::Ask, 40, 3)]);
        let (ten_no, booked) = (Position::from_centis(-1_000), Money::from_cents(450));
        assert_eq!(stakes.of(MARKET, ten_no, booked), Money::from_cents(600));
    }
}
