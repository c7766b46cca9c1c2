//! The same orders three times: by the model, on a book, and really there.
//!
//! In: a seed. Out: what became of takers and of makers, as a table (`kalshi-exec paper-check`).
//! The truth is what the orders fill at an exchange with seeded others. The book sees only what
//! that exchange published without them; the model sees nothing but the orders.

use core::fmt;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::book::{BookConfig, BookFills, Told};
use super::{Paper, PaperConfig, PaperRings, Waiting, fill};
use crate::ids::{ClientOrderId, MarketIx, OrderId, OrderKey, RunId};
use crate::message::{BookSide, FeedEvent, Fill, NewOrder, TimeInForce};
use crate::runtime::clock::VirtualClock;
use crate::runtime::random::Random;
use crate::runtime::ring::ring;
use crate::sim::api::QuoteMode;
use crate::sim::exchange::{
    BookSeed, ClientText, Exchange, ExchangeEvent, NewOrder as Placed, OrderTerms, UserSeed,
    default_markets,
};
use crate::sim::participants::Participants;
use crate::sim::replay::Recording;
use crate::sim::venue::UserId;
use crate::units::{Contracts, Money, Nanos, Now, Price, PriceDelta, Timestamp, WallTime};

const START: WallTime = WallTime::from_unix_ms(1_784_031_300_000);
const CASH: Money = Money::from_cents(10_000_000);
/// From an order's sending to the exchange.
const LATENCY: Nanos = Nanos::from_ms(20);
/// How long orders come, and how long they can fill.
const SECONDS: u64 = 120;
const TRADER: UserId = UserId(0);
const ORDERS: u64 = 200;

/// What became of one order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Filled {
    quantity: Contracts,
    /// YES price times quantity.
    value: Money,
    fees: Money,
}

impl Filled {
    fn add(&mut self, price: Price, quantity: Contracts, fee: Money) {
        self.quantity += quantity;
        self.value += price * quantity;
        self.fees += fee;
    }
}

type Fills = BTreeMap<u32, Filled>;

/// One comparison: an exchange, and orders for it.
struct Scene {
    books: Vec<BookSeed>,
    seed: u64,
    /// By the time at which they are sent.
    orders: Vec<(WallTime, NewOrder)>,
}

impl Scene {
    fn new(seed: u64) -> Self {
        let books: Vec<_> = default_markets().into_iter().take(8).collect();
        let mut random = Random::new(seed ^ 0x6f72_6465_7273);
        let orders = (0..ORDERS)
            .map(|number| {
                let at = START + Nanos::from_ms(random.below(SECONDS * 500));
                (at, order(number, &books, &mut random))
            })
            .collect();
        let mut scene = Self { books, seed, orders };
        scene.orders.sort_by_key(|(at, order)| (*at, order.key.slot));
        scene
    }

    fn exchange(&self) -> (Exchange, Participants) {
        let users = [UserSeed { user_id: "a".to_owned(), cash: CASH }];
        let exchange = Exchange::new(START, &self.books, &users, self.seed);
        let exchange = exchange.expect("the embedded markets are there once each");
        let mode = QuoteMode::Trading;
        let others = Participants::new(&mode, &exchange, &self.books, self.seed, START);
        (exchange, others)
    }

    fn of_kind(&self, kind: TimeInForce) -> impl Iterator<Item = &(WallTime, NewOrder)> {
        self.orders.iter().filter(move |(_, order)| order.time_in_force == kind)
    }

    fn end() -> WallTime {
        START + Nanos::from_secs(SECONDS)
    }

    /// What the orders fill where they really are.
    fn truth(&self) -> Fills {
        let (mut exchange, mut others) = self.exchange();
        let mut numbers = BTreeMap::new();
        for (at, order) in &self.orders {
            let arrives = *at + LATENCY;
            others.advance(&mut exchange, arrives);
            if let Ok(receipt) = exchange.submit(arrives, TRADER, &placed(order)) {
                numbers.insert(receipt.order.id, order.key.slot);
            }
        }
        others.advance(&mut exchange, Self::end());
        let mut fills = Fills::new();
        for fill in exchange.fills(TRADER) {
            let number = numbers[&fill.order_id];
            fills.entry(number).or_default().add(fill.price, fill.quantity, fill.fee);
        }
        fills
    }

    /// What the exchange publishes when the orders are not there.
    fn tape(&self) -> Recording {
        let (mut exchange, mut others) = self.exchange();
        others.advance(&mut exchange, START);
        let mut told: Vec<ExchangeEvent> = Vec::new();
        for ms in (0..=SECONDS * 1_000).step_by(50) {
            others.advance(&mut exchange, START + Nanos::from_ms(ms));
            told.extend(exchange.drain_events());
        }
        let tape = Recording::taped(START, &self.books, told);
        tape.expect("there are markets, and each is there once")
    }

    fn on_book(&self) -> Fills {
        let config = BookConfig {
            recording: Arc::new(self.tape()),
            speed: 1,
            follow: None,
            cash: CASH,
            latency_min: LATENCY,
            latency_max: LATENCY,
            seed: 1,
        };
        let book = BookFills::new(config, START);
        let mut book = book.expect("a tape that starts with whole books can be followed");
        for (at, order) in &self.orders {
            book.advance(now(*at));
            book.submit(now(*at), *order);
        }
        book.advance(now(Self::end()));
        let mut fills = Fills::new();
        while let Some(told) = book.poll() {
            if let Told::Feed(FeedEvent::Fill(fill)) = told {
                count(&mut fills, &fill);
            }
        }
        fills
    }

    fn by_model(&self) -> Fills {
        let mut model = model();
        let mut fills = Fills::new();
        for (at, order) in &self.orders {
            let filled = model.draw_quantity(order);
            let price = model.draw_price(order);
            let due = Timestamp::ZERO;
            let order_id = OrderId::EMPTY;
            let waiting = Waiting { due, order: *order, order_id, filled, price };
            if !filled.is_zero() {
                count(&mut fills, &fill(now(*at), &waiting));
            }
        }
        fills
    }
}

fn count(fills: &mut Fills, fill: &Fill) {
    let number = fill.client_order_id.expect("paper fills name their order").seq();
    let number = u32::try_from(number).expect("few orders");
    fills.entry(number).or_default().add(fill.price, fill.quantity, fill.fee);
}

fn now(wall: WallTime) -> Now {
    Now { mono: Timestamp::from_ns(wall.since(START).ns()), wall }
}

/// A taker at the best price or through it, or a maker near it.
fn order(number: u64, books: &[BookSeed], random: &mut Random) -> NewOrder {
    let market = usize::try_from(random.below(books.len() as u64)).expect("few markets");
    let side = if random.below(2) == 0 { BookSide::Bid } else { BookSide::Ask };
    let bids = books[market].yes_bids.iter().map(|level| level.price);
    let asks = books[market].no_bids.iter().map(|level| level.price.complement());
    let best_bid = bids.max().expect("the embedded books have two sides");
    let best_ask = asks.min().expect("the embedded books have two sides");
    let takes = random.below(2) == 0;
    let best = match (side, takes) {
        (BookSide::Bid, true) | (BookSide::Ask, false) => best_ask,
        (BookSide::Bid, false) | (BookSide::Ask, true) => best_bid,
    };
    let through = PriceDelta::from_cents(i32::from(takes));
    let delta = if side == BookSide::Bid { through } else { -through };
    let key = OrderKey { slot: u32::try_from(number).expect("few orders"), generation: 0 };
    NewOrder {
        key,
        client_order_id: ClientOrderId::new(RunId::new(1), number),
        market: MarketIx(u16::try_from(market).expect("few markets")),
        side,
        price: best.offset(delta).unwrap_or(best),
        quantity: Contracts::from_whole(1 + u32::try_from(random.below(40)).expect("few")),
        time_in_force: if takes {
            TimeInForce::ImmediateOrCancel
        } else {
            TimeInForce::GoodTillCanceled
        },
        expiration_secs: None,
        reduce_only: false,
        post_only: false,
        reference: best.offset(delta).unwrap_or(best),
        received: Timestamp::ZERO,
        approved: Timestamp::ZERO,
    }
}

fn placed(order: &NewOrder) -> Placed {
    Placed {
        market: usize::from(order.market.0),
        side: order.side,
        price: order.price,
        quantity: order.quantity,
        client_order_id: ClientText::EMPTY,
        subaccount: 0,
        group: None,
        terms: OrderTerms { time_in_force: order.time_in_force, ..OrderTerms::RESTING },
    }
}

/// The model alone: its rings lead nowhere.
fn model() -> Paper<VirtualClock> {
    let rings = PaperRings {
        commands: ring(1).1,
        events: ring(1).0,
        feed: ring(1).0,
        asks: ring(1).1,
        fetch: ring(1).0,
    };
    Paper::new(PaperConfig::default(), VirtualClock::new(START), rings)
}

/// Sums over one kind of orders.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Total {
    /// Filled, in hundredths of a contract.
    pub centis: u64,
    /// What was paid or got for that, YES price times quantity.
    pub value: Money,
    /// Fees of that.
    pub fees: Money,
    /// Orders whose fills are the truth's to the last digit.
    pub exact: u32,
}

impl Total {
    fn of(scene: &Scene, fills: &Fills, truth: &Fills, kind: TimeInForce) -> Self {
        let mut total = Self::default();
        for (_, order) in scene.of_kind(kind) {
            let of = |fills: &Fills| fills.get(&order.key.slot).copied().unwrap_or_default();
            let filled = of(fills);
            total.centis += u64::from(filled.quantity.centis());
            total.value += filled.value;
            total.fees += filled.fees;
            total.exact += u32::from(filled == of(truth));
        }
        total
    }
}

/// What became of one kind of orders in each of the three ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// Seed of the exchange and the orders.
    pub seed: u64,
    /// Takers are immediate-or-cancel, makers rest.
    pub kind: TimeInForce,
    /// How many orders.
    pub orders: u32,
    /// By the model.
    pub model: Total,
    /// On the book.
    pub book: Total,
    /// At the exchange itself.
    pub truth: Total,
}

/// Sends a seed's orders in all three ways. Returns takers, then makers.
#[must_use]
pub fn compare(seed: u64) -> [Row; 2] {
    let scene = Scene::new(seed);
    let (model, book, truth) = (scene.by_model(), scene.on_book(), scene.truth());
    let kinds = [TimeInForce::ImmediateOrCancel, TimeInForce::GoodTillCanceled];
    kinds.map(|kind| {
        let of = |fills: &Fills| Total::of(&scene, fills, &truth, kind);
        let (model, book, truth) = (of(&model), of(&book), of(&truth));
        let orders = u32::try_from(scene.of_kind(kind).count()).unwrap_or(u32::MAX);
        Row { seed, kind, orders, model, book, truth }
    })
}

/// Heading of the rows.
pub const HEADING: &str = "\
seed  orders      way    contracts      value $     fees $  exactly as at the exchange";

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let takes = self.kind == TimeInForce::ImmediateOrCancel;
        let kind = if takes { "take" } else { "make" };
        let ways = [("model", self.model), ("book", self.book), ("exchange", self.truth)];
        for (place, (way, total)) in ways.into_iter().enumerate() {
            let (whole, part) = (total.centis / 100, total.centis % 100);
            let (value, fees) = (total.value.dollars_display(2), total.fees.dollars_display(4));
            let newline = if place == 0 { "" } else { "\n" };
            write!(
                f,
                "{newline}{:>4}  {:>3} {kind}  {way:>8}  {whole:>8}.{part:02}  {value:>11}  \
                 {fees:>9}  {:>3} of {}",
                self.seed, self.orders, total.exact, self.orders,
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_book_fills_takers_as_the_exchange_does() {
        for seed in 1..=5 {
            let [row, _] = compare(seed);
            assert!(row.truth.centis > 0);
            let alike = row.book.exact * 10 >= row.orders * 9;
            assert!(alike, "{} of {} takers filled alike", row.book.exact, row.orders);
        }
    }

    #[test]
    fn the_book_promises_makers_about_what_they_get() {
        let (mut promised, mut got) = (0, 0);
        for seed in 1..=5 {
            let [_, row] = compare(seed);
            promised += row.book.centis;
            got += row.truth.centis;
        }
        assert!(got > 0, "somebody takes from makers");
        // An order changes what the others do after it, which the book cannot know.
        assert!(promised <= got + got / 10, "{promised} promised, {got} got");
        assert!(promised >= got - got / 10, "{promised} promised, {got} got");
    }

    #[test]
    fn the_model_is_no_book() {
        let rows: Vec<Row> = (1..=5).flat_map(compare).collect();
        let exact = |total: fn(&Row) -> Total| rows.iter().map(|row| total(row).exact).sum::<u32>();
        assert!(exact(|row| row.model) * 2 < exact(|row| row.book));
        let orders: u32 = rows.iter().map(|row| row.orders).sum();
        assert_eq!(exact(|row| row.truth), orders);
    }

    #[test]
    fn a_row_has_the_three_ways_below_each_other() {
        let text = compare(1)[0].to_string();
        let ways: Vec<_> = text.lines().filter_map(|line| line.split_whitespace().nth(3)).collect();
        assert_eq!(ways, ["model", "book", "exchange"]);
        for line in text.lines().chain([HEADING]) {
            assert!(line.len() <= 100, "{line}");
        }
    }

    #[test]
    fn the_same_orders_and_recording_give_the_same_fills() {
        let (first, again) = (Scene::new(9), Scene::new(9));
        assert_eq!(first.on_book(), again.on_book());
        assert_eq!(first.truth(), again.truth());
    }
}
