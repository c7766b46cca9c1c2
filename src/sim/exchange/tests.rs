//! The exchange's rules, one by one and under random flow.

mod fees;
mod flow;
mod forgotten;
mod groups;
mod lifecycle;
mod million;
mod priority;
mod queues;
mod reached;
mod refused;
mod voiding;
mod wallets;

use super::*;
use crate::kalshi::fees::{FeeType, Liquidity};
use crate::message::TimeInForce;
use crate::units::Nanos;

const ALICE: UserId = UserId(0);
const BOB: UserId = UserId(1);
const START: WallTime = WallTime::from_unix_ms(1_781_159_360_000);

fn cents(cents: u32) -> Price {
    Price::from_cents(cents).unwrap()
}

fn whole(count: u32) -> Contracts {
    Contracts::from_whole(count)
}

fn book(bids: &[(u32, u32)], asks: &[(u32, u32)]) -> BookSeed {
    let level = |price, count| LevelSeed { price, quantity: whole(count) };
    BookSeed {
        ticker: Ticker::new(b"KXTEST-26JUL14AB-A").unwrap(),
        structure: PriceStructure::LinearCent,
        fee_type: FeeType::Quadratic,
        exchange_index: 0,
        yes_bids: bids.iter().map(|&(at, count)| level(cents(at), count)).collect(),
        no_bids: asks.iter().map(|&(at, count)| level(cents(100 - at), count)).collect(),
    }
}

fn exchange(books: &[BookSeed], cash_cents: i64) -> Exchange {
    let user = |id: &str| UserSeed { user_id: id.into(), cash: Money::from_cents(cash_cents) };
    Exchange::new(START, books, &[user("alice"), user("bob")], 7).unwrap()
}

/// Bids 47/46, asks 52/53, ten contracts each.
fn usual() -> Exchange {
    exchange(&[book(&[(47, 10), (46, 10)], &[(52, 10), (53, 10)])], 10_000)
}

fn order(side: BookSide, price: u32, count: u32, tif: TimeInForce) -> NewOrder {
    let terms = OrderTerms { time_in_force: tif, ..OrderTerms::RESTING };
    let client_order_id = ClientText::EMPTY;
    NewOrder {
        market: 0,
        side,
        price: cents(price),
        quantity: whole(count),
        client_order_id,
        subaccount: 0,
        group: None,
        terms,
    }
}

fn bid(price: u32, count: u32) -> NewOrder {
    order(BookSide::Bid, price, count, TimeInForce::GoodTillCanceled)
}

fn ask(price: u32, count: u32) -> NewOrder {
    order(BookSide::Ask, price, count, TimeInForce::GoodTillCanceled)
}

fn ioc(side: BookSide, price: u32, count: u32) -> NewOrder {
    order(side, price, count, TimeInForce::ImmediateOrCancel)
}

#[test]
fn a_taker_pays_resting_prices_best_first() {
    let mut exchange = usual();

    let receipt = exchange.submit(START, ALICE, &ioc(BookSide::Bid, 53, 15)).unwrap();

    assert_eq!(receipt.filled, whole(15));
    assert_eq!(receipt.value, Money::from_cents(10 * 52 + 5 * 53));
    assert_eq!(receipt.order.status, OrderStatus::Executed);
    let fills = exchange.fills(ALICE);
    assert_eq!(fills.len(), 2);
    assert_eq!(fills[0].fee, Money::from_micros(174_800));
    assert_eq!(fills[1].position, Position::from_centis(1_500));
    let spent = Money::from_cents(785) + fills[0].fee + fills[1].fee;
    assert_eq!(exchange.cash(ALICE), Money::from_cents(10_000) - spent);
}

#[test]
fn the_older_order_at_a_price_trades_first() {
    let mut exchange = usual();
    exchange.submit(START, ALICE, &bid(48, 5)).unwrap();
    exchange.submit(START, BOB, &bid(48, 5)).unwrap();

    exchange.quote(START, 0, BookSide::Ask, cents(48), whole(7));

    assert_eq!(exchange.position(ALICE, &exchange.markets()[0].ticker), Position::from_centis(500));
    assert_eq!(exchange.position(BOB, &exchange.markets()[0].ticker), Position::from_centis(200));
    assert_eq!(exchange.open_orders(BOB)[0].remaining, whole(3));
    assert_eq!(exchange.fills(BOB)[0].fee, Money::ZERO);
}

#[test]
fn immediate_or_cancel_leaves_nothing_behind() {
    let mut exchange = usual();
    let receipt = exchange.submit(START, ALICE, &ioc(BookSide::Bid, 52, 25)).unwrap();
    assert_eq!((receipt.filled, receipt.order.remaining), (whole(10), Contracts::ZERO));
    assert_eq!(receipt.order.status, OrderStatus::Canceled);
    assert_eq!(receipt.reduced_by, whole(15));
    assert!(exchange.open_orders(ALICE).is_empty());
}

#[test]
fn fill_or_kill_fills_whole_or_not_at_all() {
    let mut exchange = usual();
    let kill = order(BookSide::Bid, 52, 11, TimeInForce::FillOrKill);
    assert_eq!(exchange.submit(START, ALICE, &kill), Err(Reject::FillOrKill));
    assert!(exchange.fills(ALICE).is_empty());
    let fill = order(BookSide::Bid, 53, 11, TimeInForce::FillOrKill);
    assert_eq!(exchange.submit(START, ALICE, &fill).unwrap().filled, whole(11));
}

#[test]
fn fill_or_kill_is_refused_when_the_fee_cannot_be_paid() {
    let mut exchange = exchange(&[book(&[], &[(50, 100)])], 5_000);
    let all = order(BookSide::Bid, 50, 100, TimeInForce::FillOrKill);
    assert_eq!(exchange.submit(START, ALICE, &all), Err(Reject::InsufficientBalance));
    assert_eq!(exchange.cash(ALICE), Money::from_cents(5_000));
}

#[test]
fn a_taker_without_money_for_the_fee_does_not_trade() {
    let mut exchange = exchange(&[book(&[], &[(50, 100)])], 5_000);
    let all = ioc(BookSide::Bid, 50, 100);
    assert_eq!(exchange.submit(START, ALICE, &all), Err(Reject::InsufficientBalance));
    assert_eq!(exchange.cash(ALICE), Money::from_cents(5_000));
    assert!(exchange.orders_of(ALICE).next().is_none(), "a refused order does not exist");
}

#[test]
fn what_the_fee_made_unaffordable_does_not_rest() {
    let mut exchange = exchange(&[book(&[], &[(50, 10)])], 5_000);
    let receipt = exchange.submit(START, ALICE, &bid(50, 100)).unwrap();
    assert_eq!((receipt.filled, receipt.order.status), (whole(10), OrderStatus::Canceled));
    assert_eq!(receipt.order.reason, UpdateReason::MarginCancel);
    assert_eq!(exchange.available(ALICE), exchange.cash(ALICE));
}

#[test]
fn a_maker_without_money_for_the_fee_is_cancelled_and_the_next_one_trades() {
    let mut book = book(&[], &[]);
    book.fee_type = FeeType::QuadraticWithMakerFees;
    let mut exchange = exchange(&[book], 5_000);
    let broke = exchange.submit(START, ALICE, &bid(50, 100)).unwrap().order.id;
    exchange.submit(START, BOB, &bid(50, 90)).unwrap();

    exchange.quote(START, 0, BookSide::Ask, cents(50), whole(10));

    assert_eq!(exchange.order(ALICE, broke).unwrap().reason, UpdateReason::MarginCancel);
    assert_eq!(exchange.fills(BOB)[0].fee, Money::from_micros(43_800));
    assert_eq!(exchange.cash(ALICE), Money::from_cents(5_000));
}

#[test]
fn post_only_never_takes() {
    let mut exchange = usual();
    let mut post = bid(52, 1);
    post.terms.post_only = true;
    assert_eq!(exchange.submit(START, ALICE, &post), Err(Reject::PostOnlyCross));
    post.price = cents(51);
    assert_eq!(exchange.submit(START, ALICE, &post).unwrap().order.status, OrderStatus::Resting);
}

#[test]
fn reduce_only_is_capped_by_the_position_and_immediate() {
    let mut exchange = usual();
    let mut reduce = ioc(BookSide::Ask, 47, 8);
    reduce.terms.reduce_only = true;
    assert_eq!(exchange.submit(START, ALICE, &reduce), Err(Reject::NothingToReduce));
    exchange.submit(START, ALICE, &ioc(BookSide::Bid, 52, 5)).unwrap();
    assert_eq!(exchange.submit(START, ALICE, &reduce).unwrap().filled, whole(5));
    reduce.terms.time_in_force = TimeInForce::GoodTillCanceled;
    assert_eq!(exchange.submit(START, ALICE, &reduce), Err(Reject::ReduceOnlyResting));
}

#[test]
fn own_orders_never_trade_with_each_other() {
    let mut exchange = usual();
    exchange.submit(START, ALICE, &ask(51, 5)).unwrap();

    let taker = exchange.submit(START, ALICE, &bid(52, 3)).unwrap();
    assert_eq!(taker.order.reason, UpdateReason::SelfTradeCancel);
    assert_eq!((taker.filled, taker.order.remaining), (Contracts::ZERO, Contracts::ZERO));
    assert_eq!(exchange.open_orders(ALICE).len(), 1);

    let mut maker = bid(52, 3);
    maker.terms.self_trade_prevention = SelfTradePrevention::Maker;
    assert_eq!(exchange.submit(START, ALICE, &maker).unwrap().filled, whole(3));
    assert!(exchange.open_orders(ALICE).is_empty());
}

#[test]
fn a_client_order_id_is_never_freed() {
    let mut exchange = usual();
    let mut named = bid(40, 1);
    named.client_order_id = ClientText::new(b"mine").unwrap();
    let id = exchange.submit(START, ALICE, &named).unwrap().order.id;
    assert_eq!(exchange.submit(START, ALICE, &named), Err(Reject::OrderAlreadyExists));
    exchange.cancel(START, ALICE, id).unwrap();
    assert_eq!(exchange.submit(START, ALICE, &named), Err(Reject::OrderAlreadyExists));
    assert!(exchange.submit(START, BOB, &named).is_ok());
}

#[test]
fn orders_end_when_their_time_is_up() {
    let mut exchange = usual();
    let mut short = bid(40, 1);
    short.terms.expires = Some(START + Nanos::from_secs(30));
    let id = exchange.submit(START, ALICE, &short).unwrap().order.id;
    assert_eq!(exchange.next_deadline(), Some(START + Nanos::from_secs(30)));
    exchange.advance(START + Nanos::from_secs(30));
    assert_eq!(exchange.order(ALICE, id).unwrap().reason, UpdateReason::ExpiryCancel);
    assert_eq!(exchange.available(ALICE), exchange.cash(ALICE));
    assert_eq!(exchange.cancel(START, ALICE, id), Err(Reject::NotFound));
    short.terms.expires = Some(START);
    assert_eq!(exchange.submit(START, ALICE, &short), Err(Reject::ExpirationPast));
}

#[test]
fn resting_orders_lock_their_worst_case_once() {
    let mut exchange = usual();
    exchange.submit(START, ALICE, &bid(40, 100)).unwrap();
    exchange.submit(START, ALICE, &ask(60, 100)).unwrap();
    assert_eq!(exchange.available(ALICE), Money::from_cents(10_000 - 4_000 - 4_000));
    assert_eq!(
        exchange.submit(START, ALICE, &bid(41, 49)),
        Err(Reject::InsufficientBalance),
        "49 at 41c is $20.09",
    );
    assert!(exchange.submit(START, ALICE, &bid(40, 50)).is_ok());
    assert_eq!(exchange.available(ALICE), Money::ZERO);
}

#[test]
fn a_position_covers_the_orders_that_would_close_it() {
    let mut exchange = usual();
    exchange.submit(START, ALICE, &ioc(BookSide::Bid, 52, 10)).unwrap();
    let before = exchange.available(ALICE);
    exchange.submit(START, ALICE, &ask(60, 10)).unwrap();
    assert_eq!(exchange.available(ALICE), before, "closing locks nothing");

    exchange.submit(START, ALICE, &ask(70, 4)).unwrap();
    assert_eq!(exchange.available(ALICE), before - Money::from_cents(120));

    exchange.submit(START, ALICE, &ioc(BookSide::Ask, 47, 10)).unwrap();
    let locked = exchange.cash(ALICE) - exchange.available(ALICE);
    assert_eq!(locked, Money::from_cents(400 + 120), "nothing is covered any more");
}

#[test]
fn decreasing_keeps_the_place_and_growing_loses_it() {
    let mut exchange = usual();
    let first = exchange.submit(START, ALICE, &bid(48, 5)).unwrap().order.id;
    let second = exchange.submit(START, BOB, &bid(48, 5)).unwrap().order.id;
    exchange.decrease(START, ALICE, first, Decrease::By(whole(2))).unwrap();
    let queue =
        |exchange: &Exchange, user, id| exchange.queue_position(exchange.order(user, id).unwrap());
    assert_eq!(queue(&exchange, BOB, second), 300);

    let mut change = Amendment {
        market: 0,
        side: BookSide::Bid,
        price: cents(48),
        total: whole(6),
        client_order_id: ClientText::EMPTY,
        updated_client_order_id: ClientText::EMPTY,
        expiry: Expiry::Keep,
    };
    exchange.amend(START, ALICE, first, &change).unwrap();
    assert_eq!(queue(&exchange, BOB, second), 0);
    assert_eq!(queue(&exchange, ALICE, first), 500);

    change.price = cents(52);
    let receipt = exchange.amend(START, ALICE, first, &change).unwrap();
    assert_eq!((receipt.filled, receipt.order.status), (whole(6), OrderStatus::Executed));
    change.side = BookSide::Ask;
    assert_eq!(exchange.amend(START, BOB, second, &change), Err(Reject::SideMismatch));
}

#[test]
fn pauses_refuse_orders_but_let_cancels_through() {
    let mut exchange = usual();
    let id = exchange.submit(START, ALICE, &bid(40, 1)).unwrap().order.id;
    let mut timid = bid(41, 1);
    timid.terms.cancel_on_pause = true;
    exchange.submit(START, ALICE, &timid).unwrap();
    exchange.set_state(START, ExchangeState::TradingPaused);
    assert_eq!(exchange.open_orders(ALICE).len(), 1);
    assert_eq!(exchange.submit(START, ALICE, &bid(40, 1)), Err(Reject::TradingPaused));
    exchange.set_state(START, ExchangeState::ExchangePaused);
    assert_eq!(exchange.cancel(START, ALICE, id), Err(Reject::ExchangePaused));
    exchange.set_state(START, ExchangeState::TradingPaused);
    assert_eq!(exchange.cancel(START, ALICE, id).unwrap().reduced_by, whole(1));
}

#[test]
fn fills_come_before_the_order_they_change() {
    let mut exchange = usual();
    exchange.take_events();
    exchange.submit(START, ALICE, &bid(52, 12)).unwrap();
    let kinds: Vec<_> = exchange
        .take_events()
        .iter()
        .map(|event| match event {
            ExchangeEvent::Book(_) => "book",
            ExchangeEvent::Trade(_) => "trade",
            ExchangeEvent::Fill { .. } => "fill",
            ExchangeEvent::Order(_) => "order",
            ExchangeEvent::Position { .. } => "position",
            ExchangeEvent::Lifecycle { .. } => "lifecycle",
            ExchangeEvent::Group { .. } => "group",
            ExchangeEvent::EventCreated { .. } | ExchangeEvent::EventFees { .. } => "event",
            ExchangeEvent::Settlement { .. } => "settlement",
        })
        .collect();
    assert_eq!(kinds, ["book", "trade", "fill", "book", "order", "position"]);
}

#[test]
fn quotes_wander_from_their_seed_and_never_cross() {
    let books = default_markets();
    let run = |seed: u64| {
        let mut exchange = exchange(&books, 10_000);
        let mut quotes = Quotes::new(&books, seed, START);
        let mut moved = 0;
        for step in 1..200 {
            let before = exchange.markets()[21].best(BookSide::Bid);
            quotes.advance(&mut exchange, START + Nanos::from_ms(250 * step));
            moved += u32::from(exchange.markets()[21].best(BookSide::Bid) != before);
            for market in exchange.markets() {
                uncrossed(market);
            }
        }
        assert!(moved > 3, "the best bid moved {moved} times");
        format!("{:?}", exchange.take_events())
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}

#[track_caller]
fn uncrossed(market: &MarketState) {
    let (bid, ask) = (market.best(BookSide::Bid), market.best(BookSide::Ask));
    if let (Some(bid), Some(ask)) = (bid, ask) {
        assert!(bid.price < ask.price, "{} is crossed", market.ticker);
    }
}
