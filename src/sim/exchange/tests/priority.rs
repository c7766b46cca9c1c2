//! Price-time priority against a second opinion: a book that is a plain list, searched in full.
//!
//! Everybody is rich here, so money decides nothing and the list needs no accounts.

use super::*;
use crate::sim::exchange::random::Random;

/// Operations. The list is slow, not the exchange.
const OPERATIONS: u32 = if cfg!(debug_assertions) { 6_000 } else { 200_000 };

/// A resting order of the list.
#[derive(Clone, Copy, Debug)]
struct Resting {
    id: u128,
    user: UserId,
    side: BookSide,
    cents: u32,
    left: u32,
    /// Place in time: smaller trades first.
    place: u64,
}

#[derive(Debug, Default)]
struct PlainBook {
    resting: Vec<Resting>,
    places: u64,
}

impl PlainBook {
    fn first(&self, taker: BookSide, limit: u32) -> Option<usize> {
        let crosses = |it: &Resting| match taker {
            BookSide::Bid => it.cents <= limit,
            BookSide::Ask => it.cents >= limit,
        };
        let rank = |it: &Resting| match taker {
            BookSide::Bid => (it.cents, it.place),
            BookSide::Ask => (100 - it.cents, it.place),
        };
        let there = self.resting.iter().enumerate();
        there
            .filter(|(_, it)| it.side == taker.opposite() && crosses(it))
            .min_by_key(|(_, it)| rank(it))
            .map(|(index, _)| index)
    }

    /// Trades as the rules say: maker ids with quantities, and what is left to rest.
    fn take(&mut self, mut order: Resting, prevention: SelfTradePrevention) -> Vec<(u128, u32)> {
        let mut trades = Vec::new();
        while order.left > 0 {
            let Some(index) = self.first(order.side, order.cents) else { break };
            let maker = &mut self.resting[index];
            if maker.user == order.user {
                if prevention == SelfTradePrevention::TakerAtCross {
                    return trades;
                }
                self.resting.remove(index);
                continue;
            }
            let quantity = order.left.min(maker.left);
            trades.push((maker.id, quantity));
            maker.left -= quantity;
            order.left -= quantity;
            if maker.left == 0 {
                self.resting.remove(index);
            }
        }
        if order.left > 0 {
            self.rest(order);
        }
        trades
    }

    fn rest(&mut self, order: Resting) {
        self.places += 1;
        self.resting.push(Resting { place: self.places, ..order });
    }
}

struct Both {
    exchange: Exchange,
    plain: PlainBook,
    random: Random,
}

impl Both {
    fn pick(&mut self, bound: u64) -> u32 {
        u32::try_from(self.random.below(bound)).unwrap()
    }

    /// Makers' fills since the last call.
    fn made(&mut self) -> Vec<(u128, u32)> {
        let events = self.exchange.take_events();
        let made = events.iter().filter_map(|event| match event {
            ExchangeEvent::Fill { fill, .. } if fill.liquidity == Liquidity::Maker => {
                Some((fill.order_id, fill.quantity.centis()))
            }
            _ => None,
        });
        made.collect()
    }

    fn place(&mut self) {
        let user = UserId(self.pick(3));
        let side = if self.pick(2) == 0 { BookSide::Bid } else { BookSide::Ask };
        let (at, centis) = (40 + self.pick(20), 1 + self.pick(900));
        let mut new = order(side, at, 1, TimeInForce::GoodTillCanceled);
        new.quantity = Contracts::from_centis(centis);
        if self.pick(2) == 0 {
            new.terms.self_trade_prevention = SelfTradePrevention::Maker;
        }
        let receipt = self.exchange.submit(START, user, &new).unwrap();
        let id = receipt.order.id;
        let order = Resting { id, user, side, cents: at, left: centis, place: 0 };
        let expected = self.plain.take(order, new.terms.self_trade_prevention);
        assert_eq!(self.made(), expected);
    }

    fn change(&mut self) {
        if self.plain.resting.is_empty() {
            return;
        }
        let index = self.pick(self.plain.resting.len() as u64) as usize;
        let it = self.plain.resting[index];
        match self.pick(3) {
            0 => {
                self.exchange.cancel(START, it.user, it.id).unwrap();
                self.plain.resting.remove(index);
            }
            1 => {
                let by = self.pick(u64::from(it.left));
                let change = Decrease::By(Contracts::from_centis(by));
                self.exchange.decrease(START, it.user, it.id, change).unwrap();
                self.plain.resting[index].left -= by;
            }
            _ => self.amend(index),
        }
        assert_eq!(self.made(), []);
    }

    /// Amends to a size at a price that does not cross: smaller at its price keeps the place.
    fn amend(&mut self, index: usize) {
        let it = self.plain.resting[index];
        let market = &self.exchange.markets()[0];
        let aside = match it.side {
            BookSide::Bid => market.best(BookSide::Ask).is_none_or(|ask| ask.price > cents(41)),
            BookSide::Ask => market.best(BookSide::Bid).is_none_or(|bid| bid.price < cents(58)),
        };
        let far = if it.side == BookSide::Bid { 41 } else { 58 };
        let at = if self.pick(2) == 0 && aside { far } else { it.cents };
        let left = 1 + self.pick(900);
        let filled = self.exchange.order(it.user, it.id).unwrap().filled;
        let change = Amendment {
            market: 0,
            side: it.side,
            price: cents(at),
            total: filled + Contracts::from_centis(left),
            client_order_id: ClientText::EMPTY,
            updated_client_order_id: ClientText::EMPTY,
            expiry: Expiry::Keep,
        };
        self.exchange.amend(START, it.user, it.id, &change).unwrap();
        if at == it.cents && left <= it.left {
            self.plain.resting[index].left = left;
        } else {
            self.plain.resting.remove(index);
            self.plain.rest(Resting { cents: at, left, ..it });
        }
    }
}

#[test]
fn queue_priority_agrees_with_a_plain_list() {
    let rich = |id: &str| UserSeed { user_id: id.into(), cash: Money::from_cents(1 << 40) };
    let users = [rich("a"), rich("b"), rich("c")];
    let exchange = Exchange::new(START, &[book(&[], &[])], &users, 7).unwrap();
    let mut both = Both { exchange, plain: PlainBook::default(), random: Random::new(42) };
    for _ in 0..OPERATIONS {
        if both.pick(5) < 3 { both.place() } else { both.change() }
    }
    let resting: u32 = both.plain.resting.iter().map(|it| it.left).sum();
    let book = both.exchange.markets()[0].levels(BookSide::Bid).map(|level| level.centis);
    let asks = both.exchange.markets()[0].levels(BookSide::Ask).map(|level| level.centis);
    assert_eq!(book.chain(asks).sum::<u64>(), u64::from(resting));
}

#[test]
fn what_a_recorded_trade_sends_back_keeps_a_place_of_its_own() {
    let mut exchange = usual();
    let id = exchange.submit(START, ALICE, &bid(47, 5)).unwrap().order.id;
    let ahead = |exchange: &Exchange| exchange.queue_position(exchange.order(ALICE, id).unwrap());
    let trade =
        PassingTrade { market: 0, taker_side: BookSide::Ask, price: cents(47), quantity: whole(4) };

    exchange.pass(START, &trade);
    assert_eq!(ahead(&exchange), 600);
    exchange.set_background(START, 0, BookSide::Bid, cents(47), 1_200);

    assert_eq!(ahead(&exchange), 600);
    assert_eq!(exchange.background_centis(0, BookSide::Bid, cents(47)), 1_200);
}
