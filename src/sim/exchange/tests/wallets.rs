//! Shards and subaccounts: money pays only where it lies.

use super::*;

const HOME: Wallet = Wallet { subaccount: 0, exchange_index: 0 };

fn on_shard(ticker: &[u8], exchange_index: u8) -> BookSeed {
    let ticker = Ticker::new(ticker).unwrap();
    BookSeed { ticker, exchange_index, ..book(&[(47, 10)], &[(52, 10)]) }
}

#[test]
fn an_order_is_paid_on_its_markets_shard_only() {
    let mut exchange = exchange(&[on_shard(b"A-1", 0), on_shard(b"B-1", 3)], 10_000);
    let there = NewOrder { market: 1, ..bid(40, 10) };
    assert_eq!(exchange.submit(START, ALICE, &there), Err(Reject::InsufficientBalance));
    assert!(exchange.submit(START, ALICE, &bid(40, 10)).is_ok());

    let shard = Wallet { exchange_index: 3, ..HOME };
    exchange.transfer(ALICE, HOME, shard, Money::from_cents(500)).unwrap();

    assert!(exchange.submit(START, ALICE, &there).is_ok());
    assert_eq!(exchange.balance(ALICE, shard), Money::from_cents(100));
    assert_eq!(exchange.balance(ALICE, HOME), Money::from_cents(10_000 - 500 - 400));
    let locked = exchange.transfer(ALICE, shard, HOME, Money::from_cents(101));
    assert_eq!(locked, Err(Reject::InsufficientBalance));
}

#[test]
fn transfers_move_money_and_make_none() {
    let mut exchange = usual();
    let total = exchange.total_cash_and_collateral();
    let sub = Wallet { subaccount: exchange.create_subaccount(ALICE).unwrap(), ..HOME };
    assert_eq!(sub.subaccount, 1);
    exchange.transfer(ALICE, HOME, sub, Money::from_cents(250)).unwrap();
    assert_eq!(exchange.balance(ALICE, sub), Money::from_cents(250));
    assert_eq!(exchange.cash(ALICE), Money::from_cents(10_000));
    assert_eq!(exchange.total_cash_and_collateral(), total);
    let nothing = exchange.transfer(ALICE, HOME, sub, Money::ZERO);
    assert_eq!(nothing, Err(Reject::InvalidAmount));
    let nowhere = Wallet { subaccount: 2, ..HOME };
    let lost = exchange.transfer(ALICE, HOME, nowhere, Money::from_cents(1));
    assert_eq!(lost, Err(Reject::SubaccountNotFound));
}

#[test]
fn subaccounts_hold_their_own_positions() {
    let mut exchange = usual();
    let subaccount = exchange.create_subaccount(ALICE).unwrap();
    let wallet = Wallet { subaccount, ..HOME };
    let take = NewOrder { subaccount, ..ioc(BookSide::Bid, 52, 1) };
    assert_eq!(exchange.submit(START, ALICE, &take), Err(Reject::InsufficientBalance));
    exchange.transfer(ALICE, HOME, wallet, Money::from_cents(100)).unwrap();
    exchange.submit(START, ALICE, &take).unwrap();

    let ticker = exchange.markets()[0].ticker;
    assert_eq!(exchange.position(ALICE, &ticker), Position::FLAT);
    let holding = &exchange.member(ALICE).accounts[1].holdings[0];
    assert_eq!(holding.position, Position::from_centis(100));
    assert_eq!(exchange.fills(ALICE)[0].subaccount, 1);
    let nobody = NewOrder { subaccount: 9, ..take };
    assert_eq!(exchange.submit(START, ALICE, &nobody), Err(Reject::SubaccountNotFound));
}

#[test]
fn a_cancel_all_spares_other_subaccounts_when_it_names_one() {
    let mut exchange = usual();
    let subaccount = exchange.create_subaccount(ALICE).unwrap();
    let wallet = Wallet { subaccount, ..HOME };
    exchange.transfer(ALICE, HOME, wallet, Money::from_cents(100)).unwrap();
    exchange.submit(START, ALICE, &bid(40, 1)).unwrap();
    exchange.submit(START, ALICE, &NewOrder { subaccount, ..bid(41, 1) }).unwrap();
    assert_eq!(exchange.cancel_all(START, ALICE, Some(0)), Ok(1));
    assert_eq!(exchange.open_orders(ALICE)[0].subaccount, subaccount);
    assert_eq!(exchange.cancel_all(START, ALICE, None), Ok(1));
}

#[test]
fn a_member_never_trades_with_its_own_subaccounts() {
    let mut exchange = exchange(&[book(&[], &[])], 10_000);
    let subaccount = exchange.create_subaccount(ALICE).unwrap();
    let wallet = Wallet { subaccount, ..HOME };
    exchange.transfer(ALICE, HOME, wallet, Money::from_cents(1_000)).unwrap();
    exchange.submit(START, ALICE, &NewOrder { subaccount, ..ask(50, 1) }).unwrap();
    let receipt = exchange.submit(START, ALICE, &bid(50, 1)).unwrap();
    assert_eq!(receipt.order.reason, UpdateReason::SelfTradeCancel);
}

#[test]
fn there_are_sixty_three_numbered_subaccounts() {
    let mut exchange = usual();
    for number in 1..=63 {
        assert_eq!(exchange.create_subaccount(ALICE), Ok(number));
    }
    assert_eq!(exchange.create_subaccount(ALICE), Err(Reject::TooManySubaccounts));
}

#[test]
fn a_member_has_so_many_open_orders_and_no_more() {
    let mut exchange = exchange(&[book(&[(47, 10)], &[(52, 10)])], 10_000_000);
    let mut small = bid(1, 1);
    small.quantity = Contracts::from_centis(1);
    let first = exchange.submit(START, ALICE, &small).unwrap().order.id;
    for _ in 1..200_000 {
        exchange.submit(START, ALICE, &small).unwrap();
        exchange.drain_events();
    }
    assert_eq!(exchange.submit(START, ALICE, &small), Err(Reject::TooManyOrders));
    assert!(exchange.submit(START, ALICE, &ioc(BookSide::Bid, 52, 1)).is_ok(), "it cannot rest");
    assert!(exchange.submit(START, BOB, &small).is_ok());
    exchange.cancel(START, ALICE, first).unwrap();
    assert!(exchange.submit(START, ALICE, &small).is_ok());
}

#[test]
fn money_lies_still_while_the_exchange_is_paused() {
    let mut exchange = usual();
    let subaccount = exchange.create_subaccount(ALICE).unwrap();
    let there = Wallet { subaccount, ..HOME };
    exchange.set_state(START, ExchangeState::ExchangePaused);
    let cent = Money::from_cents(1);
    assert_eq!(exchange.transfer(ALICE, HOME, there, cent), Err(Reject::ExchangePaused));
    assert_eq!(exchange.create_subaccount(ALICE), Err(Reject::ExchangePaused));
    exchange.set_state(START, ExchangeState::TradingPaused);
    assert_eq!(exchange.transfer(ALICE, HOME, there, cent), Ok(()));
}
