//! Worst-case exposure: every order alive counts as filled, on both sides, until evidence says
//! otherwise.
//!
//! Kept incrementally, so that the cost of a check does not depend on how many orders are open.

use super::series::SportIx;
use crate::ids::MarketIx;
use crate::message::{BookSide, NewOrder, TimeInForce};
use crate::units::{Contracts, Money, Position, Price};

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
    /// No live bid that may rest is higher; `None` while there is none. Falls only when the last
    /// live bid ends.
    pub bids_up_to: Option<Price>,
    /// No live ask that may rest is lower; `None` while there is none. Rises only when the last
    /// live ask ends.
    pub asks_down_to: Option<Price>,
    /// What the position cost, without fees.
    pub cost: Money,
    /// The most it may have cost: what its sport counts.
    pub stake: Money,
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

    /// Whether one more order, together with those alive on its side, can do nothing but leave
    /// what is held: it never turns the position over, which would cost money anew.
    #[must_use]
    pub fn only_closes(mut self, side: BookSide, quantity: Contracts) -> bool {
        self.add(side, quantity);
        let held = self.position.centis();
        let (closable, alive) = match side {
            BookSide::Bid => (-held, self.bids),
            BookSide::Ask => (held, self.asks),
        };
        i64::from(alive.centis()) <= closable
    }

    /// The price of a live order of ours that may rest and that an order at `price` could trade
    /// with. What trades at once or not at all is never there to be met.
    #[must_use]
    pub fn crossed(&self, side: BookSide, price: Price) -> Option<Price> {
        match side {
            BookSide::Bid => self.asks_down_to.filter(|ask| *ask <= price),
            BookSide::Ask => self.bids_up_to.filter(|bid| *bid >= price),
        }
    }

    fn reach(&mut self, side: BookSide, price: Price) {
        match side {
            BookSide::Bid => {
                self.bids_up_to = Some(self.bids_up_to.map_or(price, |known| known.max(price)));
            }
            BookSide::Ask => {
                self.asks_down_to = Some(self.asks_down_to.map_or(price, |known| known.min(price)));
            }
        }
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
        if self.bids.is_zero() {
            self.bids_up_to = None;
        }
        if self.asks.is_zero() {
            self.asks_down_to = None;
        }
    }
}

/// Exposure of all markets, events, sports, shards and the account.
#[derive(Debug)]
pub struct Exposure {
    markets: Vec<MarketExposure>,
    events: Vec<Contracts>,
    /// Cost of positions and reserves of live orders, by sport.
    sports: Vec<Money>,
    /// Reserves of live orders, by shard.
    shards: Vec<Money>,
    /// Cost of all positions.
    invested: Money,
    /// Reserves of live orders that may rest.
    resting: Money,
    reserved: Money,
    in_flight: Contracts,
}

impl Exposure {
    /// Shards are numbered in one byte.
    const SHARDS: usize = 256;

    /// Allocates for that many markets, events and sports.
    #[must_use]
    pub fn new(market_count: usize, event_count: usize, sport_count: usize) -> Self {
        Self {
            markets: vec![MarketExposure::default(); market_count],
            events: vec![Contracts::ZERO; event_count],
            sports: vec![Money::ZERO; sport_count],
            shards: vec![Money::ZERO; Self::SHARDS],
            invested: Money::ZERO,
            resting: Money::ZERO,
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

    /// What positions of one sport cost and its live orders may still cost, fees included.
    #[must_use]
    pub fn sport(&self, sport: SportIx) -> Money {
        self.sports[usize::from(sport.0)]
    }

    /// Cash that live orders of one shard may still take.
    #[must_use]
    pub fn reserved_on(&self, shard: u8) -> Money {
        self.shards[usize::from(shard)]
    }

    /// What all positions cost: what is lost when every one of them is.
    #[must_use]
    pub const fn invested(&self) -> Money {
        self.invested
    }

    /// Value of live orders that may rest, fees included.
    #[must_use]
    pub const fn resting(&self) -> Money {
        self.resting
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

    /// A new order is alive, taking at most `reserve` of cash.
    pub fn open(&mut self, at: Place, terms: &NewOrder, reserve: Money) {
        self.in_flight += terms.quantity;
        self.reserve(at, reserve);
        self.change(at, |market| {
            market.open_orders += 1;
            market.add(at.side, terms.quantity);
            if at.rests == Rests::Yes {
                market.reach(at.side, terms.price);
            }
        });
    }

    /// Part of a live order (or its rest) is no longer in flight: filled, or ended unfilled.
    ///
    /// # Panics
    /// When more is released than was reserved: exposure would be understated.
    pub fn release(&mut self, at: Place, quantity: Contracts, reserve: Money) {
        self.in_flight -= quantity;
        self.reserve(at, -reserve);
        assert!(self.reserved >= Money::ZERO, "never more released than reserved");
        self.change(at, |market| market.remove(at.side, quantity));
    }

    /// A live order may rest at `price` too, and take `more` cash than was reserved for it.
    pub fn widen(&mut self, at: Place, price: Price, more: Money) {
        debug_assert!(more >= Money::ZERO, "Invariant: the worse of two prices is reserved");
        self.reserve(at, more);
        self.change(at, |market| market.reach(at.side, price));
    }

    /// A live order takes `less` cash than was reserved for it.
    ///
    /// # Panics
    /// As [`Self::release`].
    pub fn narrow(&mut self, at: Place, less: Money) {
        self.reserve(at, -less);
        assert!(self.reserved >= Money::ZERO, "never more released than reserved");
    }

    /// Takes a live order out, as if it were not there, to ask the limits about another in its
    /// place. [`Self::put_back`] undoes exactly this.
    #[must_use]
    pub fn set_aside(&mut self, at: Place, quantity: Contracts, reserve: Money) -> MarketExposure {
        let before = *self.market(at.market);
        self.release(at, quantity, reserve);
        self.close(at);
        before
    }

    /// Puts an order back that was set aside; nothing has changed in between.
    pub fn put_back(
        &mut self,
        at: Place,
        quantity: Contracts,
        reserve: Money,
        before: MarketExposure,
    ) {
        self.in_flight += quantity;
        self.reserve(at, reserve);
        self.change(at, |market| *market = before);
    }

    /// A live order has ended.
    pub fn close(&mut self, at: Place) {
        self.change(at, |market| market.open_orders -= 1);
    }

    /// The net position is now `position`, and `cost` is what it cost without fees, for certain.
    pub fn hold(&mut self, at: Place, position: Position, cost: Money) {
        self.hold_at_stake(at, position, (cost, cost));
    }

    /// As [`Self::hold`], where the position may have cost more than is booked.
    pub fn hold_at_stake(&mut self, at: Place, position: Position, (cost, stake): (Money, Money)) {
        let market = &mut self.markets[usize::from(at.market.0)];
        self.invested += cost - core::mem::replace(&mut market.cost, cost);
        self.sports[usize::from(at.sport.0)] +=
            stake - core::mem::replace(&mut market.stake, stake);
        self.change(at, |market| market.position = position);
    }

    fn reserve(&mut self, at: Place, change: Money) {
        self.reserved += change;
        self.sports[usize::from(at.sport.0)] += change;
        self.shards[usize::from(at.shard)] += change;
        if at.rests == Rests::Yes {
            self.resting += change;
        }
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

/// Whether an order may stay on the book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rests {
    /// It may.
    Yes,
    /// It trades at once or not at all.
    No,
}

impl Rests {
    /// What an order with this time in force may do.
    #[must_use]
    pub const fn with(time_in_force: TimeInForce) -> Self {
        match time_in_force {
            TimeInForce::GoodTillCanceled => Self::Yes,
            TimeInForce::ImmediateOrCancel | TimeInForce::FillOrKill => Self::No,
        }
    }
}

/// Where exposure sits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The market.
    pub market: MarketIx,
    /// Its event.
    pub event: u16,
    /// Its sport.
    pub sport: SportIx,
    /// Its shard.
    pub shard: u8,
    /// Side of the YES book.
    pub side: BookSide,
    /// Whether the order may stay on the book; positions do not ask.
    pub rests: Rests,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const fn place(market: u16, side: BookSide) -> Place {
        let (sport, rests) = (SportIx(0), Rests::Yes);
        Place { market: MarketIx(market), event: 0, sport, shard: 0, side, rests }
    }

    fn terms(at: Place, quantity: Contracts, cents: u32) -> NewOrder {
        NewOrder {
            key: crate::ids::OrderKey::default(),
            client_order_id: crate::ids::ClientOrderId::new(crate::ids::RunId::new(1), 1),
            market: at.market,
            side: at.side,
            price: Price::from_cents(cents).unwrap(),
            quantity,
            time_in_force: TimeInForce::GoodTillCanceled,
            expiration_secs: None,
            reduce_only: false,
            post_only: false,
            reference: Price::from_cents(cents).unwrap(),
            received: crate::units::Timestamp::ZERO,
            approved: crate::units::Timestamp::ZERO,
        }
    }

    #[test]
    fn exposure_is_worst_case() {
        let mut exposure = Exposure::new(2, 1, 1);
        let ten = Contracts::from_whole(10);
        exposure.open(
            place(0, BookSide::Bid),
            &terms(place(0, BookSide::Bid), ten, 50),
            Money::ZERO,
        );
        exposure.open(
            place(0, BookSide::Ask),
            &terms(place(0, BookSide::Ask), ten, 50),
            Money::ZERO,
        );
        assert_eq!(
            exposure.event(0),
            ten,
            "either side may fill, not both at once in one net position"
        );

        exposure.open(
            place(1, BookSide::Ask),
            &terms(place(1, BookSide::Ask), ten, 50),
            Money::ZERO,
        );
        assert_eq!(exposure.event(0), Contracts::from_whole(20), "markets of one event add up");

        exposure.hold(place(0, BookSide::Bid), Position::from_centis(-500), Money::ZERO);
        assert_eq!(exposure.market(MarketIx(0)).worst_case(), Contracts::from_whole(15));
    }

    #[test]
    fn own_orders_are_crossed_at_their_best_price_until_the_side_is_empty() {
        let mut exposure = Exposure::new(1, 1, 1);
        let (bid, ask) = (place(0, BookSide::Bid), place(0, BookSide::Ask));
        let one = Contracts::from_whole(1);
        exposure.open(ask, &terms(ask, one, 60), Money::ZERO);
        exposure.open(ask, &terms(ask, one, 55), Money::ZERO);
        let crossed = |exposure: &Exposure, side, cents| {
            let price = Price::from_cents(cents).unwrap();
            exposure.market(MarketIx(0)).crossed(side, price)
        };
        assert_eq!(crossed(&exposure, BookSide::Bid, 54), None);
        assert_eq!(crossed(&exposure, BookSide::Bid, 55), Price::from_cents(55));
        assert_eq!(crossed(&exposure, BookSide::Ask, 1), None, "asks do not meet asks");
        exposure.release(ask, one, Money::ZERO);
        assert!(crossed(&exposure, BookSide::Bid, 55).is_some(), "which one ended is not known");
        exposure.release(ask, one, Money::ZERO);
        assert_eq!(crossed(&exposure, BookSide::Bid, 99), None);
        exposure.open(bid, &terms(bid, one, 40), Money::ZERO);
        assert!(crossed(&exposure, BookSide::Ask, 40).is_some());
        assert_eq!(crossed(&exposure, BookSide::Ask, 41), None);
    }

    #[test]
    fn an_order_set_aside_and_put_back_has_never_been_away() {
        let mut exposure = Exposure::new(1, 1, 1);
        let bid = place(0, BookSide::Bid);
        let (two, cash) = (Contracts::from_whole(2), Money::from_cents(120));
        exposure.open(bid, &terms(bid, two, 60), cash);
        exposure.open(bid, &terms(bid, two, 55), cash);
        let told = |exposure: &Exposure| format!("{exposure:?}");
        let before = told(&exposure);
        let aside = exposure.set_aside(bid, two, cash);
        assert_eq!(exposure.market(MarketIx(0)).open_orders, 1);
        assert_eq!((exposure.reserved(), exposure.event(0)), (cash, two));
        exposure.put_back(bid, two, cash, aside);
        assert_eq!(told(&exposure), before);
    }

    #[test]
    fn a_wider_order_is_met_and_paid_for_at_the_worse_of_both_prices() {
        let mut exposure = Exposure::new(1, 1, 1);
        let (bid, one) = (place(0, BookSide::Bid), Contracts::from_whole(1));
        exposure.open(bid, &terms(bid, one, 40), Money::from_cents(40));
        exposure.widen(bid, Price::from_cents(45).unwrap(), Money::from_cents(5));
        let crossed = |exposure: &Exposure, cents| {
            let price = Price::from_cents(cents).unwrap();
            exposure.market(MarketIx(0)).crossed(BookSide::Ask, price)
        };
        assert!(crossed(&exposure, 45).is_some());
        assert_eq!(exposure.resting(), Money::from_cents(45));
        exposure.narrow(bid, Money::from_cents(5));
        assert_eq!(exposure.reserved_on(0), Money::from_cents(40));
    }

    proptest! {
        #[test]
        fn the_event_sum_equals_the_sum_of_its_markets(
            steps in proptest::collection::vec(
                (0_u16..3, any::<bool>(), 1_u32..500, any::<bool>()),
                1..60,
            )
        ) {
            let mut exposure = Exposure::new(3, 1, 1);
            let mut open: Vec<(Place, Contracts)> = Vec::new();
            for (market, bid, centis, fill) in steps {
                let side = if bid { BookSide::Bid } else { BookSide::Ask };
                let (at, quantity) = (place(market, side), Contracts::from_centis(centis));
                exposure.open(at, &terms(at, quantity, 50), Money::from_cents(1));
                open.push((at, quantity));
                if fill {
                    let (at, quantity) = open.swap_remove(open.len() / 2);
                    exposure.release(at, quantity, Money::from_cents(1));
                    exposure.close(at);
                    let position = exposure.market(at.market).position.after(at.side, quantity);
                    let cost = Money::from_cents(i64::from(position.size().centis()));
                    exposure.hold(at, position, cost);
                }
                let worst = |ix| exposure.market(MarketIx(ix)).worst_case().centis();
                let sum: u32 = (0..3).map(worst).sum();
                prop_assert_eq!(exposure.event(0).centis(), sum);
                let flying: u32 = open.iter().map(|(_, quantity)| quantity.centis()).sum();
                prop_assert_eq!(exposure.in_flight().centis(), flying);
                let costs = (0..3).map(|ix| exposure.market(MarketIx(ix)).cost);
                let costs = costs.fold(Money::ZERO, |sum, cost| sum + cost);
                prop_assert_eq!(exposure.invested(), costs);
                let live = Money::from_cents(i64::try_from(open.len()).unwrap());
                prop_assert_eq!(exposure.reserved(), live);
                prop_assert_eq!(exposure.reserved_on(0), live);
                prop_assert_eq!(exposure.resting(), live);
                prop_assert_eq!(exposure.sport(SportIx(0)), costs + live);
            }
        }
    }
}
