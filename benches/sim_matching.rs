//! The simulated exchange's engine alone: orders per second on one core, and what each costs.
//!
//! One operation is one accepted order with everything it causes: checks, matching, fees,
//! collateral, events, and the cancel of an older one. Three quarters rest near the middle, a
//! quarter takes; what has rested for as many orders as the row says is cancelled if it has not
//! traded, so books stay near that depth. How many trades that was is printed. The base row
//! places an order far from the market and cancels it: no trade, an almost empty book.

use std::collections::VecDeque;
use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput};
use kalshi_exec::ids::Ticker;
use kalshi_exec::kalshi::fees::FeeType;
use kalshi_exec::message::{BookSide, TimeInForce};
use kalshi_exec::sim::exchange::{
    BookSeed, ClientText, Exchange, ExchangeEvent, NewOrder, OrderStatus, OrderTerms,
    PriceStructure, SelfTradePrevention, UserSeed,
};
use kalshi_exec::sim::venue::UserId;
use kalshi_exec::units::{Contracts, Money, Price, WallTime};

/// As many ended orders and fills as the exchange keeps for reading.
const HISTORY_MAX: u64 = 1 << 18;

/// Orders per timed batch.
const BATCH: u64 = 1_024;
const MEMBERS: u32 = 16;
const NOW: WallTime = WallTime::from_unix_ms(1_781_159_360_000);

/// A small seeded generator; the engine's own is private.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        u32::try_from(self.0 >> 40).expect("24 bits") % bound
    }
}

struct Bench {
    exchange: Exchange,
    dice: Dice,
    resting: VecDeque<(UserId, u128)>,
    depth: usize,
    orders: u64,
    fills: u64,
    ended: u64,
}

impl Bench {
    fn new(depth: usize) -> Self {
        let book = BookSeed {
            ticker: Ticker::new(b"KXBENCH-26JUL14-A").expect("a plain ticker"),
            structure: PriceStructure::LinearCent,
            fee_type: FeeType::QuadraticWithMakerFees,
            exchange_index: 0,
            yes_bids: Vec::new(),
            no_bids: Vec::new(),
        };
        let cash = Money::from_cents(1 << 36);
        let user = |id: u32| UserSeed { user_id: id.to_string(), cash };
        let users: Vec<_> = (0..MEMBERS).map(user).collect();
        let exchange = Exchange::new(NOW, &[book], &users, 7).expect("one market");
        let (dice, resting) = (Dice(0x9e37), VecDeque::new());
        let mut bench = Self { exchange, dice, resting, depth, orders: 0, fills: 0, ended: 0 };
        while bench.resting.len() < depth {
            bench.order();
        }
        // What is kept of the past is full from here on, and nothing grows any more.
        while bench.ended < 2 * HISTORY_MAX {
            bench.order();
        }
        (bench.orders, bench.fills) = (0, 0);
        bench
    }

    fn new_order(&mut self) -> NewOrder {
        let side = if self.dice.below(2) == 0 { BookSide::Bid } else { BookSide::Ask };
        let takes = self.dice.below(4) == 0;
        // Makers quote 40 to 49 and 51 to 60; takers reach two levels into the other side.
        let away = self.dice.below(10);
        let cents = match (side, takes) {
            (BookSide::Bid, true) => 52,
            (BookSide::Ask, true) => 48,
            (BookSide::Bid, false) => 49 - away,
            (BookSide::Ask, false) => 51 + away,
        };
        let time_in_force =
            if takes { TimeInForce::ImmediateOrCancel } else { TimeInForce::GoodTillCanceled };
        NewOrder {
            market: 0,
            side,
            price: Price::from_cents(cents).expect("within the band"),
            quantity: Contracts::from_whole(1 + self.dice.below(20)),
            client_order_id: ClientText::EMPTY,
            subaccount: 0,
            group: None,
            terms: OrderTerms {
                time_in_force,
                self_trade_prevention: SelfTradePrevention::Maker,
                ..OrderTerms::RESTING
            },
        }
    }

    fn order(&mut self) {
        let user = UserId(self.dice.below(MEMBERS));
        let new = self.new_order();
        let receipt = self.exchange.submit(NOW, user, &new).expect("everybody is rich");
        if receipt.order.status == OrderStatus::Resting {
            self.resting.push_back((user, receipt.order.id));
        }
        if self.resting.len() > self.depth {
            let (user, id) = self.resting.pop_front().expect("longer than its bound");
            // Half of them have traded meanwhile.
            black_box(self.exchange.cancel(NOW, user, id).is_ok());
        }
        self.orders += 1;
        for event in self.exchange.drain_events() {
            match black_box(&event) {
                ExchangeEvent::Trade(_) => self.fills += 1,
                ExchangeEvent::Order(order) => {
                    self.ended += u64::from(order.status != OrderStatus::Resting);
                }
                _ => {}
            }
        }
    }

    fn place_and_cancel(&mut self) {
        let mut far = self.new_order();
        (far.side, far.price) = (BookSide::Bid, Price::from_cents(1).expect("a cent"));
        far.terms = OrderTerms::RESTING;
        let receipt = self.exchange.submit(NOW, UserId(0), &far).expect("everybody is rich");
        let gone = self.exchange.cancel(NOW, UserId(0), receipt.order.id);
        black_box(gone.expect("it rests"));
        self.exchange.drain_events();
    }
}

#[expect(clippy::print_stdout, reason = "a bench reports")]
fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("sim/matching");
    group.throughput(Throughput::Elements(BATCH));

    let mut base = Bench::new(0);
    group.bench_function("base: place and cancel", |bencher| {
        bencher.iter(|| (0..BATCH).for_each(|_| base.place_and_cancel()));
    });
    for depth in [100, 10_000] {
        let mut bench = Bench::new(depth);
        let total = bench.exchange.total_cash_and_collateral();
        group.bench_function(BenchmarkId::new("orders", depth), |bencher| {
            bencher.iter(|| (0..BATCH).for_each(|_| bench.order()));
        });
        assert_eq!(bench.exchange.total_cash_and_collateral(), total, "money is conserved");
        println!("{} trades in {} orders", bench.fills, bench.orders);
    }
    group.finish();
    criterion.final_summary();
}
