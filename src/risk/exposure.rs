//! Worst-case exposure: every order alive counts as filled, on both sides, until evidence says
//! otherwise.
//!
//! Kept incrementally, so that the cost of a check does not depend on how many orders are open.

use crate::ids::MarketIx;
use crate::message::BookSide;
use crate::units::{Contracts, Money, Position};

/// What is alive and held in one market.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MarketExposure {
    /// Net position.
    pub position: Position,
    /// Contracts of live bids not yet filled.
    pub bids: Contracts,
    /// Contracts of live asks not yet filled.
    pub asks: Contracts,
    /// Orders alive.
    pub open_orders: u32,
}

impl MarketExposure {
    /// The largest position that live orders could still make, whichever of them fill.
    #[must_use]
    pub fn worst_case(&self) -> Contracts {
        let if_bids_fill = self.position.after(BookSide::Bid, self.bids).size();
        let if_asks_fill = self.position.after(BookSide::Ask, self.asks).size();
        if_bids_fill.max(if_asks_fill)
    }

    /// The worst case with one more order.
    #[must_use]
    pub fn worst_case_with(mut self, side: BookSide, quantity: Contracts) -> Contracts {
        self.add(side, quantity);
        self.worst_case()
    }

    /// Whether one more order, together with those alive on its side, can only leave a position
    /// that is no larger than the present one.
    #[must_use]
    pub fn only_reduces(mut self, side: BookSide, quantity: Contracts) -> bool {
        self.add(side, quantity);
        let alive = match side {
            BookSide::Bid => self.bids,
            BookSide::Ask => self.asks,
        };
        self.position.after(side, alive).size() <= self.position.size()
    }

    fn add(&mut self, side: BookSide, quantity: Contracts) {
        match side {
            BookSide::Bid => self.bids += quantity,
            BookSide::Ask => self.asks += quantity,
        }
    }

    fn remove(&mut self, side: BookSide, quantity: Contracts) {
        match side {
            BookSide::Bid => self.bids -= quantity,
            BookSide::Ask => self.asks -= quantity,
        }
    }
}

/// Exposure of all markets, events and the account.
#[derive(Debug)]
pub struct Exposure {
    markets: Vec<MarketExposure>,
    events: Vec<Contracts>,
    reserved: Money,
    in_flight: Contracts,
}

impl Exposure {
    /// Allocates for that many markets and events.
    #[must_use]
    pub fn new(market_count: usize, event_count: usize) -> Self {
        Self {
            markets: vec![MarketExposure::default(); market_count],
            events: vec![Contracts::ZERO; event_count],
            reserved: Money::ZERO,
            in_flight: Contracts::ZERO,
        }
    }

    /// One market's exposure.
    #[must_use]
    pub fn market(&self, market: MarketIx) -> &MarketExposure {
        &self.markets[usize::from(market.0)]
    }

    /// Worst-case contracts over the markets of one event.
    #[must_use]
    pub fn event(&self, event: u16) -> Contracts {
        self.events[usize::from(event)]
    }

    /// Cash that live orders may still take.
    #[must_use]
    pub const fn reserved(&self) -> Money {
        self.reserved
    }

    /// Contracts of live orders not yet filled.
    #[must_use]
    pub const fn in_flight(&self) -> Contracts {
        self.in_flight
    }

    /// A new order is alive: `quantity` on `side`, taking at most `reserve` of cash.
    pub fn open(&mut self, at: Place, quantity: Contracts, reserve: Money) {
        self.reserved += reserve;
        self.in_flight += quantity;
        self.change(at, |market| {
            market.open_orders += 1;
            market.add(at.side, quantity);
        });
    }

    /// Part of a live order (or its rest) is no longer in flight: filled, or ended unfilled.
    ///
    /// # Panics
    /// When more is released than was reserved: exposure would be understated.
    pub fn release(&mut self, at: Place, quantity: Contracts, reserve: Money) {
        self.reserved -= reserve;
        self.in_flight -= quantity;
        assert!(self.reserved >= Money::ZERO, "never more released than reserved");
        self.change(at, |market| market.remove(at.side, quantity));
    }

    /// A live order has ended.
    pub fn close(&mut self, at: Place) {
        self.change(at, |market| market.open_orders -= 1);
    }

    /// The net position is now `position`.
    pub fn hold(&mut self, at: Place, position: Position) {
        self.change(at, |market| market.position = position);
    }

    fn change(&mut self, at: Place, apply: impl FnOnce(&mut MarketExposure)) {
        let market = &mut self.markets[usize::from(at.market.0)];
        let before = market.worst_case();
        apply(market);
        let after = market.worst_case();
        let event = &mut self.events[usize::from(at.event)];
        *event = event.saturating_sub(before) + after;
    }
}

/// Where exposure sits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The market.
    pub market: MarketIx,
    /// Its event.
    pub event: u16,
    /// Side of the YES book.
    pub side: BookSide,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const fn place(market: u16, side: BookSide) -> Place {
        Place { market: MarketIx(market), event: 0, side }
    }

    #[test]
    fn exposure_is_worst_case() {
        let mut exposure = Exposure::new(2, 1);
        let ten = Contracts::from_whole(10);
        exposure.open(place(0, BookSide::Bid), ten, Money::ZERO);
        exposure.open(place(0, BookSide::Ask), ten, Money::ZERO);
        assert_eq!(
            exposure.event(0),
            ten,
            "either side may fill, not both at once in one net position"
        );

        exposure.open(place(1, BookSide::Ask), ten, Money::ZERO);
        assert_eq!(exposure.event(0), Contracts::from_whole(20), "markets of one event add up");

        exposure.hold(place(0, BookSide::Bid), Position::from_centis(-500));
        assert_eq!(exposure.market(MarketIx(0)).worst_case(), Contracts::from_whole(15));
    }

    proptest! {
        #[test]
        fn the_event_sum_equals_the_sum_of_its_markets(
            steps in proptest::collection::vec(
                (0_u16..3, any::<bool>(), 1_u32..500, any::<bool>()),
                1..60,
            )
        ) {
            let mut exposure = Exposure::new(3, 1);
            let mut open: Vec<(Place, Contracts)> = Vec::new();
            for (market, bid, centis, fill) in steps {
                let side = if bid { BookSide::Bid } else { BookSide::Ask };
                let (at, quantity) = (place(market, side), Contracts::from_centis(centis));
                exposure.open(at, quantity, Money::from_cents(1));
                open.push((at, quantity));
                if fill {
                    let (at, quantity) = open.swap_remove(open.len() / 2);
                    exposure.release(at, quantity, Money::from_cents(1));
                    exposure.close(at);
                    let position = exposure.market(at.market).position.after(at.side, quantity);
                    exposure.hold(at, position);
                }
                let worst = |ix| exposure.market(MarketIx(ix)).worst_case().centis();
                let sum: u32 = (0..3).map(worst).sum();
                prop_assert_eq!(exposure.event(0).centis(), sum);
                let flying: u32 = open.iter().map(|(_, quantity)| quantity.centis()).sum();
                prop_assert_eq!(exposure.in_flight().centis(), flying);
            }
        }
    }
}
