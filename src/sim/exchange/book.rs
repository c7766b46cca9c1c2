//! One market's single YES book: who rests at which price, in price-time priority.
//!
//! Orders go in and out by reference; the book knows neither accounts nor money. Prices are in an
//! ordered map and each has its queue, so walking it gives the same sequence in every run.

use std::collections::BTreeMap;

use crate::message::BookSide;
use crate::sim::exchange::lane::Lane;
use crate::units::{Contracts, Price};

/// An order's place in the order store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct OrderIx(pub(crate) u32);

/// Price-time priority on one side: the smaller key trades first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Priority {
    /// Distance of the price from the most aggressive one, in micro-dollars.
    rank: u32,
    /// Arrival; unique.
    seq: u64,
}

impl Priority {
    /// Place of an order at `price` that arrived `seq`-th.
    pub(crate) const fn new(side: BookSide, price: Price, seq: u64) -> Self {
        Self { rank: rank(side, price), seq }
    }

    /// The price's part of it: equal for all orders at one price.
    pub(crate) const fn rank(self) -> u32 {
        self.rank
    }
}

const fn rank(side: BookSide, price: Price) -> u32 {
    match side {
        BookSide::Bid => Price::MICROS_MAX - price.micros(),
        BookSide::Ask => price.micros(),
    }
}

const fn price_of(side: BookSide, rank: u32) -> Option<Price> {
    match side {
        BookSide::Bid => Price::from_micros(Price::MICROS_MAX - rank),
        BookSide::Ask => Price::from_micros(rank),
    }
}

/// One price and what rests there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    /// YES-leg price.
    pub price: Price,
    /// Sum of what rests, in hundredths of a contract (may exceed [`Contracts`]).
    pub centis: u64,
}

/// One price: the orders in their order of trading, and their sum.
#[derive(Clone, Debug, Default)]
struct Queue {
    orders: Lane<OrderIx>,
    centis: u64,
}

/// One side: its prices, the most aggressive one first.
#[derive(Clone, Debug, Default)]
struct Side {
    levels: BTreeMap<u32, Queue>,
    /// An emptied queue whose memory the next new price takes.
    spare: Queue,
}

/// Both sides of one market.
#[derive(Clone, Debug, Default)]
pub(crate) struct Book {
    bids: Side,
    asks: Side,
}

impl Book {
    const fn side(&self, side: BookSide) -> &Side {
        match side {
            BookSide::Bid => &self.bids,
            BookSide::Ask => &self.asks,
        }
    }

    const fn side_mut(&mut self, side: BookSide) -> &mut Side {
        match side {
            BookSide::Bid => &mut self.bids,
            BookSide::Ask => &mut self.asks,
        }
    }

    /// Puts an order on the book, last at its price.
    pub(crate) fn insert(
        &mut self,
        side: BookSide,
        priority: Priority,
        order: OrderIx,
        quantity: Contracts,
    ) {
        let Side { levels, spare } = self.side_mut(side);
        let queue = levels.entry(priority.rank).or_insert_with(|| core::mem::take(spare));
        queue.orders.push(priority.seq, order);
        queue.centis += u64::from(quantity.centis());
    }

    /// Takes an order with `quantity` left off the book.
    pub(crate) fn remove(&mut self, side: BookSide, priority: Priority, quantity: Contracts) {
        let Side { levels, spare } = self.side_mut(side);
        let queue = levels.get_mut(&priority.rank).expect("a queued order has a level");
        queue.orders.remove(priority.seq);
        queue.centis -= u64::from(quantity.centis());
        if queue.orders.is_empty() {
            assert_eq!(queue.centis, 0, "an empty level has no contracts");
            let empty = levels.remove(&priority.rank);
            *spare = empty.expect("it was there a moment ago");
        }
    }

    /// Lowers the sum at an order's price; the order itself stays queued.
    pub(crate) fn reduce(&mut self, side: BookSide, priority: Priority, quantity: Contracts) {
        let queue = self.side_mut(side).levels.get_mut(&priority.rank);
        queue.expect("a queued order has a level").centis -= u64::from(quantity.centis());
    }

    /// The order that trades next on `side`.
    pub(crate) fn first(&self, side: BookSide) -> Option<OrderIx> {
        self.side(side).levels.first_key_value().and_then(|(_, queue)| queue.orders.first())
    }

    /// Everything that rests, bids first, each side in its order of trading.
    pub(crate) fn orders(&self) -> impl Iterator<Item = OrderIx> {
        self.queue(BookSide::Bid).chain(self.queue(BookSide::Ask))
    }

    /// What rests on one side, first to trade first.
    pub(crate) fn queue(&self, side: BookSide) -> impl Iterator<Item = OrderIx> {
        self.side(side).levels.values().flat_map(|queue| queue.orders.iter())
    }

    /// What rests on one side at one price, first to trade first.
    pub(crate) fn queue_at(&self, side: BookSide, price: Price) -> impl Iterator<Item = OrderIx> {
        let level = self.side(side).levels.get(&rank(side, price));
        level.into_iter().flat_map(|queue| queue.orders.iter())
    }

    /// What rests on one side at a price or better, first to trade first.
    pub(crate) fn queue_within(
        &self,
        side: BookSide,
        price: Price,
    ) -> impl Iterator<Item = OrderIx> {
        let levels = self.side(side).levels.range(..=rank(side, price));
        levels.flat_map(|(_, queue)| queue.orders.iter())
    }

    /// The best price on `side`.
    pub(crate) fn best(&self, side: BookSide) -> Option<Level> {
        self.levels(side).next()
    }

    /// Price levels of one side, best first.
    pub(crate) fn levels(&self, side: BookSide) -> impl Iterator<Item = Level> {
        self.side(side).levels.iter().filter_map(move |(rank, queue)| {
            Some(Level { price: price_of(side, *rank)?, centis: queue.centis })
        })
    }

    /// What rests at one price.
    #[cfg(test)]
    pub(crate) fn centis_at(&self, side: BookSide, price: Price) -> u64 {
        self.side(side).levels.get(&rank(side, price)).map_or(0, |queue| queue.centis)
    }

    /// How much an order at `limit` on the other side of `side` could take.
    pub(crate) fn centis_within(&self, side: BookSide, limit: Price) -> u64 {
        let reach = rank(side, limit);
        self.side(side).levels.range(..=reach).map(|(_, queue)| queue.centis).sum()
    }

    /// The orders queued ahead of an order.
    pub(crate) fn queue_ahead(
        &self,
        side: BookSide,
        priority: Priority,
    ) -> impl Iterator<Item = OrderIx> {
        let levels = &self.side(side).levels;
        let better = levels.range(..priority.rank).flat_map(|(_, queue)| queue.orders.iter());
        let level = levels.get(&priority.rank).into_iter();
        better.chain(level.flat_map(move |queue| queue.orders.ahead_of(priority.seq)))
    }

    /// Whether an order on `side` at `price` would trade at once.
    pub(crate) fn would_cross(&self, side: BookSide, price: Price) -> bool {
        self.best(side.opposite()).is_some_and(|best| crosses(side, price, best.price))
    }
}

/// Whether an order on `side` at `price` trades with a resting one at `resting`.
pub(crate) fn crosses(side: BookSide, price: Price, resting: Price) -> bool {
    match side {
        BookSide::Bid => price >= resting,
        BookSide::Ask => price <= resting,
    }
}
