//! Fills that are taken back.

use super::*;

#[test]
fn a_voided_fill_gives_cash_and_position_back() {
    let mut exchange = usual();
    let (total, before) = (exchange.total_cash_and_collateral(), exchange.cash(ALICE));
    exchange.submit(START, ALICE, &ioc(BookSide::Bid, 52, 5)).unwrap();

    assert!(exchange.void_fill(START, 0));

    let ticker = exchange.markets()[0].ticker;
    assert_eq!(exchange.position(ALICE, &ticker), Position::FLAT);
    assert_eq!(exchange.cash(ALICE), before);
    assert_eq!(exchange.total_cash_and_collateral(), total);
    assert_eq!(exchange.markets()[0].open_interest_centis, 0);
    assert!(exchange.fills(ALICE).is_empty());
    assert!(!exchange.void_fill(START, 0), "there is no other");
}

#[test]
fn the_order_of_a_voided_fill_has_traded_less_and_is_told_again() {
    let mut exchange = usual();
    let id = exchange.submit(START, ALICE, &ioc(BookSide::Bid, 52, 5)).unwrap().order.id;
    exchange.take_events();

    assert!(exchange.void_fill(START, 0));

    let order = *exchange.order(ALICE, id).unwrap();
    assert_eq!((order.filled, order.status), (Contracts::ZERO, OrderStatus::Canceled));
    assert_eq!(order.taker_fees, Money::ZERO);
    let events = exchange.take_events();
    assert!(events.contains(&ExchangeEvent::Order(order)));
    let position = ExchangeEvent::Position { user: ALICE, subaccount: 0, market: 0 };
    assert!(events.contains(&position));
}

#[test]
fn a_voided_trade_between_members_is_voided_for_both() {
    let mut exchange = exchange(&[book(&[], &[])], 10_000);
    let rests = exchange.submit(START, ALICE, &bid(48, 5)).unwrap().order.id;
    exchange.submit(START, BOB, &ioc(BookSide::Ask, 48, 2)).unwrap();
    let total = exchange.total_cash_and_collateral();

    assert!(exchange.void_fill(START, 0));

    assert!(exchange.fills(ALICE).is_empty() && exchange.fills(BOB).is_empty());
    assert_eq!(exchange.cash(BOB), Money::from_cents(10_000));
    assert_eq!(exchange.total_cash_and_collateral(), total);
    let order = exchange.order(ALICE, rests).unwrap();
    assert_eq!((order.filled, order.remaining, order.initial), (whole(0), whole(3), whole(3)));
}

#[test]
fn what_a_member_has_spent_is_not_taken_back() {
    let mut exchange = exchange(&[book(&[(50, 100)], &[])], 5_000);
    exchange.quote(START, 0, BookSide::Ask, cents(60), whole(10));
    exchange.submit(START, ALICE, &ioc(BookSide::Bid, 60, 10)).unwrap();
    exchange.submit(START, ALICE, &ioc(BookSide::Ask, 50, 10)).unwrap();
    // Everything that the sale brought rests in another order.
    let spare = exchange.available(ALICE).e8() / Money::from_cents(49).e8();
    let count = u32::try_from(spare).unwrap();
    exchange.submit(START, ALICE, &bid(49, count)).unwrap();
    let before = exchange.cash(ALICE);

    assert!(!exchange.void_fill(START, 0));

    assert_eq!(exchange.cash(ALICE), before);
    assert_eq!(exchange.fills(ALICE).len(), 2);
}

#[test]
fn nothing_is_voided_after_settlement() {
    let mut exchange = usual();
    exchange.submit(START, ALICE, &ioc(BookSide::Bid, 52, 5)).unwrap();
    for command in [MarketCommand::Close, MarketCommand::Determine(Outcome::Yes)] {
        exchange.command(START, 0, command).unwrap();
    }
    exchange.command(START, 0, MarketCommand::Settle).unwrap();
    assert!(!exchange.void_fill(START, 0));
}
