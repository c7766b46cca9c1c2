//! Amendments and decreases: held up by what holds orders up, answered like cancels.

use super::*;
use crate::message::{AmendOrder, BookSide, DecreaseOrder, RejectKind};

/// Order `slot` at 57 from now on, still for ten.
pub(super) fn amend(slot: u32, approved: Timestamp) -> Command {
    let order = order(slot);
    Command::Amend(Approved::unchecked_for_tests(AmendOrder {
        key: key(slot),
        order_id: cancel(slot).order_id,
        client_order_id: order.client_order_id,
        market: order.market,
        side: BookSide::Bid,
        price: Price::from_cents(57).unwrap(),
        quantity: order.quantity,
        approved,
    }))
}

/// Four fewer of order `slot`.
fn decrease(slot: u32, decided: Timestamp) -> Command {
    let CancelOrder { key, order_id, market } = cancel(slot);
    let by = Contracts::from_whole(4);
    Command::Decrease(DecreaseOrder { key, order_id, market, by, decided })
}

fn failed(slot: u32, why: CancelFailure) -> GatewayEvent {
    GatewayEvent::ChangeFailed { key: key(slot), why }
}

fn changed(slot: u32, remaining: Option<u32>) -> GatewayEvent {
    GatewayEvent::Changed { key: key(slot), remaining: remaining.map(Contracts::from_whole) }
}

fn change_sent(slot: u32) -> GatewayEvent {
    GatewayEvent::ChangeSent { key: key(slot) }
}

#[test]
fn an_amendment_names_the_order_its_price_and_its_total() {
    let mut world = World::warm(2);
    world.command(amend(1, world.clock.mono()));

    let sent = world.busy_wire().lock().unwrap().request();
    assert_eq!(sent.method, "POST");
    assert_eq!(sent.target, "/trade-api/v2/portfolio/events/orders/o-1/amend");
    let expected = serde_json::json!({
        "ticker": "KXNFL-26JAN11-BUF",
        "client_order_id": order(1).client_order_id.to_string(),
        "side": "bid",
        "price": "0.5700",
        "count": "10.00",
        "exchange_index": 3,
    });
    assert_eq!(sent.body, expected);
    assert_eq!(world.outcomes(), [change_sent(1)]);
}

#[test]
fn a_decrease_says_by_how_much() {
    let mut world = World::warm(2);
    world.command(decrease(1, world.clock.mono()));

    let sent = world.busy_wire().lock().unwrap().request();
    assert_eq!(sent.target, "/trade-api/v2/portfolio/events/orders/o-1/decrease");
    let expected = serde_json::json!({
        "reduce_by": "4.00",
        "market_ticker": "KXNFL-26JAN11-BUF",
        "exchange_index": 3,
    });
    assert_eq!(sent.body, expected);
}

#[track_caller]
fn ends(answer: impl FnOnce(&mut Wire), expected: GatewayEvent) {
    let mut world = World::warm(2);
    world.command(amend(1, world.clock.mono()));
    assert_eq!(world.outcomes(), [change_sent(1)]);
    answer(&mut world.busy_wire().lock().unwrap());
    world.poll();
    assert_eq!(world.outcomes(), [expected]);
}

#[test]
fn every_answer_to_a_change_has_its_meaning() {
    let answered = |status, body: &'static str| {
        move |wire: &mut Wire| {
            let _request = wire.request();
            wire.answer(status, body);
        }
    };
    let lost = |why| failed(1, CancelFailure::Lost(why));
    let refused = |kind| failed(1, CancelFailure::Rejected(kind));
    ends(answered(200, r#"{"order_id":"o-1","remaining_count":null,"ts_ms":1}"#), changed(1, None));
    ends(answered(200, r#"{"order_id":"o-1","remaining_count":"6.00"}"#), changed(1, Some(6)));
    ends(answered(200, r#"{"order_id":"o-1","remaining_count":"0.00"}"#), changed(1, Some(0)));
    ends(answered(200, r#"{"order_id":"o-2","remaining_count":"6.00"}"#), lost(Loss::Misbehaved));
    ends(answered(200, r#"{"remaining_count":"6.00"}"#), lost(Loss::Misbehaved));
    ends(answered(200, "<html>"), lost(Loss::Misbehaved));
    ends(answered(503, ""), lost(Loss::ServerError));
    ends(answered(408, ""), lost(Loss::Timeout));
    let not_found = r#"{"error":{"code":"not_found","message":"not found"}}"#;
    ends(answered(404, not_found), refused(RejectKind::NotFound));
    ends(answered(429, r#"{"error":"too many requests"}"#), refused(RejectKind::TooManyRequests));
    ends(|wire| wire.reset = true, lost(Loss::Disconnected));
}

#[test]
fn a_change_without_an_answer_is_lost_after_the_timeout() {
    let mut world = World::warm(2);
    world.command(amend(1, world.clock.mono()));
    world.outcomes();
    world.advance(GatewayConfig::default().ack_timeout);
    assert_eq!(world.outcomes(), [failed(1, CancelFailure::Lost(Loss::Timeout))]);
}

#[test]
fn no_change_leaves_once_halted() {
    let mut world = World::warm(2);
    let switch = KillSwitch::default();
    world.gateway.kill_switch = switch.clone();
    switch.throw();
    world.command(amend(1, world.clock.mono()));
    world.command(decrease(2, world.clock.mono()));
    let halted = CancelFailure::Unsent(Unsent::Halted);
    assert_eq!(world.outcomes(), [failed(1, halted), failed(2, halted)]);
    assert!(world.busy().is_empty());
}

#[test]
fn no_change_decided_before_a_stop_leaves_after_it() {
    let mut world = World::warm(2);
    let switch = KillSwitch::default();
    world.gateway.kill_switch = switch.clone();
    let decided = world.clock.mono();
    let held = CancelFailure::Unsent(Unsent::HeldBack);
    switch.hold(decided);
    world.command(amend(1, decided));
    world.command(decrease(2, decided));
    assert_eq!(world.outcomes(), [failed(1, held), failed(2, held)]);

    world.advance(Nanos::from_ms(1));
    let later = world.clock.mono();
    switch.hold_market(order(1).market, later);
    world.command(decrease(3, decided + Nanos::from_ns(1)));
    assert_eq!(world.outcomes(), [failed(3, held)], "its market has stopped since");
    assert!(world.busy().is_empty());
    world.command(amend(4, later));
    assert_eq!(world.outcomes(), [change_sent(4)]);
}

#[test]
fn an_amendment_priced_long_ago_does_not_leave_and_a_decrease_does() {
    let mut world = World::warm(2);
    let decided = world.clock.mono();
    world.advance(Nanos::from_ms(251));
    world.command(amend(1, decided));
    let stale = CancelFailure::Unsent(Unsent::Stale);
    assert_eq!(world.outcomes(), [failed(1, stale)]);
    world.command(decrease(2, decided));
    assert_eq!(world.outcomes(), [change_sent(2)]);
}

#[test]
fn a_change_waits_for_a_connection_as_long_as_an_order_does() {
    let mut world = World::warm(2);
    world.submit(order(1));
    world.outcomes();
    world.command(amend(2, world.clock.mono()));
    assert_eq!(world.outcomes(), [], "the last free connection is for cancels");
    world.advance(SUBMIT_WAIT);
    assert_eq!(world.outcomes(), [failed(2, CancelFailure::Unsent(Unsent::NoConnection))]);
}

#[test]
fn a_change_costs_what_an_order_does_and_leaves_the_reserve_to_cancels() {
    let mut world = World::warm(2);
    let create = BudgetConfig::default().create_cost;
    let before = world.gateway.budget.cancels();
    world.command(amend(1, world.clock.mono()));
    let paid = (before - world.gateway.budget.cancels()) * 2;
    assert_eq!(paid, usize::try_from(create).unwrap());

    while world.gateway.budget.allows(Spend::Create) {
        world.gateway.budget.take(Spend::Create);
    }
    world.command(amend(2, world.clock.mono()));
    let last = world.outcomes().pop();
    assert_eq!(last, Some(failed(2, CancelFailure::Unsent(Unsent::NoTokens))));
    assert!(world.gateway.budget.allows(Spend::Cancel));
}

#[test]
fn more_changes_than_can_wait_are_given_back() {
    let mut world = World::warm(2);
    world.submit(order(1));
    world.outcomes();
    for slot in 0..=u32::try_from(CHANGES_MAX).unwrap() {
        world.command(amend(100 + slot, world.clock.mono()));
    }
    let slot = 100 + u32::try_from(CHANGES_MAX).unwrap();
    assert_eq!(world.outcomes(), [failed(slot, CancelFailure::Unsent(Unsent::NoConnection))]);
}
