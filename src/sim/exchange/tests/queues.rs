//! Price-time priority seen from outside: every queue a second time, kept from the events alone.
//!
//! What is put on a book stands last at its price; what shrinks stays where it is; only the first
//! of a side may trade. An amendment that loses its place is told as leaving and coming back.

use std::collections::BTreeMap;

use super::*;

/// One resting order. The background's have no names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Resting {
    user: UserId,
    name: ClientText,
    price: Price,
    left: u64,
}

/// One side: by distance from the most aggressive price, then by arrival.
type Side = BTreeMap<(u32, u64), Resting>;

/// The queues of all markets.
pub(super) struct Queues {
    sides: Vec<[Side; 2]>,
    arrivals: u64,
    /// Trades that were checked.
    pub(super) trades: u64,
}

fn distance(side: BookSide, price: Price) -> u32 {
    if side == BookSide::Bid { 1_000_000 - price.micros() } else { price.micros() }
}

fn actual(exchange: &Exchange, market: usize, side: BookSide) -> Vec<Resting> {
    let farthest = if side == BookSide::Bid { 1 } else { 999_999 };
    let farthest = Price::from_micros(farthest).unwrap();
    let orders = exchange.markets[market].book.queue_within(side, farthest);
    orders
        .map(|ix| {
            let &Order { user, client_order_id: name, price, remaining, .. } =
                exchange.orders.get(ix);
            Resting { user, name, price, left: u64::from(remaining.centis()) }
        })
        .collect()
}

impl Queues {
    /// The queues as they are.
    pub(super) fn of(exchange: &Exchange) -> Self {
        let mut queues = Self { sides: Vec::new(), arrivals: 0, trades: 0 };
        for market in 0..exchange.markets.len() {
            queues.sides.push([Side::new(), Side::new()]);
            for side in [BookSide::Bid, BookSide::Ask] {
                for resting in actual(exchange, market, side) {
                    queues.join(market, side, resting);
                }
            }
        }
        queues
    }

    fn side(&mut self, market: usize, side: BookSide) -> &mut Side {
        &mut self.sides[market][usize::from(side == BookSide::Ask)]
    }

    fn join(&mut self, market: usize, side: BookSide, resting: Resting) {
        self.arrivals += 1;
        let key = (distance(side, resting.price), self.arrivals);
        self.side(market, side).insert(key, resting);
    }

    /// Follows what has happened. Panics at a trade that jumps its queue.
    pub(super) fn follow(&mut self, events: &[ExchangeEvent]) {
        for (at, event) in events.iter().enumerate() {
            let ExchangeEvent::Book(change) = event else { continue };
            let centis = change.delta_centis.unsigned_abs();
            if change.delta_centis > 0 {
                let &BookChange { user, client_order_id: name, price, .. } = change;
                self.join(change.market, change.side, Resting { user, name, price, left: centis });
                continue;
            }
            match events.get(at + 1) {
                Some(ExchangeEvent::Trade(trade)) => self.trade(change, trade),
                _ => self.shrink(change, centis),
            }
        }
    }

    #[track_caller]
    fn trade(&mut self, change: &BookChange, trade: &TradePrint) {
        self.trades += 1;
        let side = self.side(change.market, change.side);
        let mut first = side.first_entry().expect("a trade needs somebody who rests");
        let who = (change.user, change.client_order_id, change.price);
        let turn = (first.get().user, first.get().name, first.get().price);
        assert_eq!(who, turn, "a trade jumped the queue");
        assert_eq!((trade.market, trade.price), (change.market, change.price));
        assert_eq!(trade.taker_side, change.side.opposite());
        let left = first.get().left.checked_sub(u64::from(trade.quantity.centis()));
        first.get_mut().left = left.expect("nobody trades more than it has");
        if left == Some(0) {
            first.remove();
        }
    }

    /// An order becomes smaller or goes, for any other reason than a trade.
    #[track_caller]
    fn shrink(&mut self, change: &BookChange, centis: u64) {
        let rank = distance(change.side, change.price);
        let anonymous = change.client_order_id.is_empty();
        let level = self.side(change.market, change.side).range((rank, 0)..=(rank, u64::MAX));
        let mut fitting = level.filter(|(_, it)| {
            // Without a name: the background gives orders up whole, the first one of its size.
            let named = it.name == change.client_order_id;
            it.user == change.user && named && (!anonymous || it.left == centis)
        });
        let key = *fitting.next().expect("what leaves a book was on it").0;
        let side = self.side(change.market, change.side);
        let resting = side.get_mut(&key).expect("found above");
        resting.left -= centis;
        if resting.left == 0 {
            side.remove(&key);
        }
    }

    /// Panics unless every order stands where it should.
    #[track_caller]
    pub(super) fn agree_with(&self, exchange: &Exchange) {
        for (market, sides) in self.sides.iter().enumerate() {
            for (side, queue) in [BookSide::Bid, BookSide::Ask].into_iter().zip(sides) {
                let expected: Vec<_> = queue.values().copied().collect();
                assert_eq!(actual(exchange, market, side), expected, "{side:?}s of {market}");
            }
        }
    }
}
