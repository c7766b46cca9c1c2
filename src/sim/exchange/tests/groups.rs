//! Order groups: the rolling window, the trigger, and who may use which group.

use super::*;

fn grouped(exchange: &mut Exchange, limit: u32) -> u128 {
    let new = NewGroup { subaccount: 0, exchange_index: 0, limit: whole(limit) };
    exchange.create_group(START, ALICE, &new).unwrap()
}

fn within(group: u128, new: NewOrder) -> NewOrder {
    NewOrder { group: Some(group), ..new }
}

fn state(exchange: &Exchange, id: u128) -> GroupState {
    exchange.group(ALICE, id).unwrap().state
}

fn changes(exchange: &mut Exchange) -> Vec<&'static str> {
    let events = exchange.take_events();
    let change = |event: &ExchangeEvent| match event {
        ExchangeEvent::Group { change, .. } => Some(change.as_str()),
        _ => None,
    };
    events.iter().filter_map(change).collect()
}

#[test]
fn a_group_triggers_when_more_than_its_limit_trades_in_the_window() {
    let mut exchange = usual();
    let group = grouped(&mut exchange, 5);
    let resting = exchange.submit(START, ALICE, &within(group, bid(40, 1))).unwrap().order.id;
    let take = within(group, ioc(BookSide::Bid, 52, 5));
    exchange.submit(START, ALICE, &take).unwrap();
    assert_eq!(state(&exchange, group), GroupState::Active, "the limit itself is allowed");

    let one = within(group, ioc(BookSide::Bid, 52, 1));
    exchange.submit(START, ALICE, &one).unwrap();

    assert_eq!(state(&exchange, group), GroupState::Triggered);
    assert_eq!(exchange.order(ALICE, resting).unwrap().status, OrderStatus::Canceled);
    assert_eq!(exchange.submit(START, ALICE, &one), Err(Reject::GroupTriggered));
    assert!(exchange.submit(START, ALICE, &bid(40, 1)).is_ok(), "others are not in it");
    assert_eq!(changes(&mut exchange), ["created", "triggered"]);
}

#[test]
fn what_traded_fifteen_seconds_ago_no_longer_counts() {
    let mut exchange = usual();
    let group = grouped(&mut exchange, 5);
    let take = |count| within(group, ioc(BookSide::Bid, 52, count));
    exchange.submit(START, ALICE, &take(4)).unwrap();
    let just_before = START + Nanos::from_ms(14_999);
    assert_eq!(exchange.group(ALICE, group).unwrap().window_centis(just_before), 400);

    exchange.submit(START + GROUP_WINDOW, ALICE, &take(5)).unwrap();

    assert_eq!(state(&exchange, group), GroupState::Active);
    let window = exchange.group(ALICE, group).unwrap().window_centis(START + GROUP_WINDOW);
    assert_eq!(window, 500);
}

#[test]
fn a_taker_stops_where_its_group_triggers() {
    let mut exchange = exchange(&[book(&[], &[(50, 3), (51, 3), (52, 3)])], 10_000);
    let group = grouped(&mut exchange, 4);
    let receipt = exchange.submit(START, ALICE, &within(group, bid(52, 9))).unwrap();
    assert_eq!(receipt.filled, whole(6), "the fill that exceeds the limit stands");
    assert_eq!(receipt.order.status, OrderStatus::Canceled);
    assert!(exchange.open_orders(ALICE).is_empty());
}

#[test]
fn fills_of_resting_orders_count_too() {
    let mut exchange = usual();
    let group = grouped(&mut exchange, 2);
    for price in [48, 49] {
        exchange.submit(START, ALICE, &within(group, bid(price, 3))).unwrap();
    }
    let taken = exchange.submit(START, BOB, &ioc(BookSide::Ask, 48, 6)).unwrap();
    assert_eq!(taken.filled, whole(3), "the second one was cancelled by the first one's fill");
    assert_eq!(state(&exchange, group), GroupState::Triggered);
}

#[test]
fn a_reset_group_counts_from_zero() {
    let mut exchange = usual();
    let group = grouped(&mut exchange, 2);
    let take = within(group, ioc(BookSide::Bid, 52, 2));
    exchange.submit(START, ALICE, &take).unwrap();
    exchange.trigger_group(START, ALICE, group).unwrap();
    assert_eq!(exchange.submit(START, ALICE, &take), Err(Reject::GroupTriggered));
    exchange.reset_group(START, ALICE, group).unwrap();
    exchange.submit(START, ALICE, &take).unwrap();
    assert_eq!(state(&exchange, group), GroupState::Active);
}

#[test]
fn a_lower_limit_can_trigger_at_once() {
    let mut exchange = usual();
    let group = grouped(&mut exchange, 9);
    exchange.submit(START, ALICE, &within(group, ioc(BookSide::Bid, 52, 5))).unwrap();
    exchange.submit(START, ALICE, &within(group, bid(40, 1))).unwrap();
    exchange.limit_group(START, ALICE, group, whole(4)).unwrap();
    assert_eq!(state(&exchange, group), GroupState::Triggered);
    assert!(exchange.open_orders(ALICE).is_empty());
    assert_eq!(changes(&mut exchange), ["created", "limit_updated", "triggered"]);
}

#[test]
fn a_deleted_group_takes_its_orders_with_it() {
    let mut exchange = usual();
    let group = grouped(&mut exchange, 9);
    let order = exchange.submit(START, ALICE, &within(group, bid(40, 1))).unwrap().order;
    let listed: Vec<_> = exchange.group_orders(exchange.group(ALICE, group).unwrap()).collect();
    assert_eq!(listed, [order.id]);
    exchange.delete_group(START, ALICE, group).unwrap();
    assert!(exchange.open_orders(ALICE).is_empty());
    assert_eq!(exchange.group(ALICE, group), None);
    assert_eq!(exchange.reset_group(START, ALICE, group), Err(Reject::NotFound));
    assert_eq!(exchange.group_id(&order), Some(group), "the order still says where it was");
}

#[test]
fn groups_belong_to_a_member_an_account_and_a_shard() {
    let mut elsewhere = book(&[], &[(50, 5)]);
    elsewhere.exchange_index = 2;
    let mut exchange = exchange(&[elsewhere], 10_000);
    let group = grouped(&mut exchange, 9);
    let other_shard = exchange.submit(START, ALICE, &within(group, bid(40, 1)));
    assert_eq!(other_shard, Err(Reject::NotFound));
    let not_hers = exchange.submit(START, BOB, &within(group, bid(40, 1)));
    assert_eq!(not_hers, Err(Reject::NotFound));
    let new = NewGroup { subaccount: 3, exchange_index: 0, limit: whole(1) };
    assert_eq!(exchange.create_group(START, ALICE, &new), Err(Reject::SubaccountNotFound));
    let new = NewGroup { subaccount: 0, exchange_index: 0, limit: Contracts::ZERO };
    assert_eq!(exchange.create_group(START, ALICE, &new), Err(Reject::InvalidOrderSize));
}

#[test]
fn group_calls_let_time_pass_first() {
    let mut exchange = usual();
    let new = NewGroup { subaccount: 0, exchange_index: 0, limit: whole(5) };
    let group = exchange.create_group(START, ALICE, &new).unwrap();
    let mut short = NewOrder { group: Some(group), ..bid(40, 1) };
    short.terms.expires = Some(START + Nanos::from_secs(30));
    let id = exchange.submit(START, ALICE, &short).unwrap().order.id;

    exchange.trigger_group(START + Nanos::from_secs(31), ALICE, group).unwrap();

    let order = exchange.order(ALICE, id).unwrap();
    assert_eq!(order.reason, UpdateReason::ExpiryCancel, "its time was up before");
    assert_eq!(order.updated, START + Nanos::from_secs(30));
}
