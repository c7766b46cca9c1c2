//! Orders that wait for a connection together go out together.

use super::*;
use crate::kalshi::encode::ORDER_BATCH_MAX;
use crate::message::RejectKind;

/// A pool of two whose one connection for orders is busy with order 1; orders 2 to 4 wait.
fn three_wait(config: &GatewayConfig) -> World {
    let mut world = World::warmed(config);
    world.submit(order(1));
    for slot in 2..=4 {
        world.submit(order(slot));
    }
    assert_eq!(world.outcomes().len(), 1, "the last free connection is for cancels");
    world
}

/// The connection's answer frees it.
fn free_one(world: &mut World) {
    let wire = world.busy_wire();
    let mut wire = wire.lock().unwrap();
    let _request = wire.request();
    wire.answer(201, &created(&order(1)));
    drop(wire);
    world.poll();
}

fn item(slot: u32) -> String {
    created(&order(slot))
}

fn refused(slot: u32, code: &str) -> String {
    let id = order(slot).client_order_id;
    format!(
        "{{\"order_id\":\"\",\"client_order_id\":\"{id}\",\"fill_count\":null,\
         \"remaining_count\":null,\"error\":{{\"code\":\"{code}\",\"message\":\"m\"}}}}"
    )
}

/// The batch that is under way, and what was told since the connection was freed.
fn batch(world: &mut World) -> (Sent, Vec<GatewayEvent>) {
    free_one(world);
    let sent = world.busy_wire().lock().unwrap().request();
    (sent, world.outcomes())
}

#[test]
fn orders_that_wait_go_out_in_one_request_each_in_its_own_bytes() {
    let mut world = three_wait(&config(2));
    let (sent, outcomes) = batch(&mut world);

    assert_eq!(sent.method, "POST");
    assert_eq!(sent.target, "/trade-api/v2/portfolio/events/orders/batched");
    let orders = sent.body["orders"].as_array().unwrap();
    assert_eq!(orders.len(), 3);
    for (slot, item) in (2..=4).zip(orders) {
        assert_eq!(item["client_order_id"], order(slot).client_order_id.to_string());
        let mut alone = World::warm(2);
        alone.submit(order(slot));
        assert_eq!(*item, alone.busy_wire().lock().unwrap().request().body);
    }
    assert!((2..=4).all(|slot| outcomes.iter().any(|event| is_sent(event, slot))), "{outcomes:?}");
}

#[test]
fn each_order_of_a_batch_has_its_own_fate() {
    let mut world = three_wait(&config(2));
    batch(&mut world);
    let body = format!("{{\"orders\":[{},{}]}}", refused(3, "insufficient_balance"), item(4));
    world.busy_wire_answers(201, &body);

    let outcomes = world.outcomes();
    assert_eq!(outcomes.len(), 3);
    let of = |slot| outcomes.iter().find(|event| is_about(event, slot)).unwrap();
    assert_eq!(*of(2), lost(2, Loss::Misbehaved), "nothing was said of it");
    let GatewayEvent::Rejected { reject, .. } = of(3) else { panic!("{:?}", of(3)) };
    assert_eq!(reject.kind, RejectKind::InsufficientBalance);
    assert!(matches!(of(4), GatewayEvent::Accepted { accepted, .. }
        if accepted.order_id == cancel(4).order_id));
}

#[test]
fn what_becomes_of_a_batch_becomes_of_each_order_in_it() {
    for (status, kind) in [(429, RejectKind::TooManyRequests), (401, RejectKind::Unauthorized)] {
        let mut world = three_wait(&config(2));
        batch(&mut world);
        world.busy_wire_answers(status, "{}");
        let outcomes = world.outcomes();
        let kind_of = |event: &GatewayEvent| match event {
            GatewayEvent::Rejected { reject, .. } => Some(reject.kind),
            _ => None,
        };
        let is_refused = |event: &GatewayEvent| kind_of(event) == Some(kind);
        assert_eq!((outcomes.len(), outcomes.iter().all(is_refused)), (3, true), "{outcomes:?}");
    }
    for end in [Loss::ServerError, Loss::Disconnected, Loss::Timeout] {
        let mut world = three_wait(&config(2));
        batch(&mut world);
        match end {
            Loss::ServerError => world.busy_wire_answers(503, ""),
            Loss::Disconnected => world.last_wire_resets(),
            Loss::Timeout | Loss::Misbehaved => {
                world.advance(GatewayConfig::default().ack_timeout);
            }
        }
        let mut outcomes = world.outcomes();
        outcomes.retain(|event| matches!(event, GatewayEvent::Lost { .. }));
        outcomes.reverse();
        assert_eq!(outcomes, [lost(2, end), lost(3, end), lost(4, end)]);
    }
}

#[test]
fn a_batch_of_which_nothing_left_waits_again_in_its_order() {
    let mut world = three_wait(&config(2));
    let wire = world.busy_wire();
    wire.lock().unwrap().seal_fails = true;
    free_one(&mut world);
    // The spare connection takes what the dead one could not.
    let orders = world.busy().into_iter().find_map(|wire| {
        let mut wire = wire.lock().unwrap();
        wire.left.starts_with(b"POST").then(|| wire.request().body)
    });
    let outcomes = world.outcomes();
    assert!(!outcomes.iter().any(|event| matches!(event, GatewayEvent::Lost { .. })));
    if let Some(body) = orders {
        let first = &body["orders"][0]["client_order_id"];
        assert_eq!(*first, order(2).client_order_id.to_string());
    }
}

#[test]
fn a_batch_costs_what_its_orders_do_and_leaves_the_reserve() {
    let mut world = three_wait(&config(2));
    let create = usize::try_from(BudgetConfig::default().create_cost).unwrap();
    let before = world.gateway.budget.cancels();
    batch(&mut world);
    assert_eq!((before - world.gateway.budget.cancels()) * 2, 3 * create);
}

#[test]
fn without_batches_the_next_order_goes_alone() {
    let config = GatewayConfig { batch_orders_max: 1, ..config(2) };
    let mut world = three_wait(&config);
    let (sent, _) = batch(&mut world);
    assert_eq!(sent.target, "/trade-api/v2/portfolio/events/orders");
}

#[test]
fn no_batch_leaves_once_halted() {
    let mut world = three_wait(&config(2));
    let switch = KillSwitch::default();
    world.gateway.kill_switch = switch.clone();
    switch.throw();
    free_one(&mut world);
    let outcomes = world.outcomes();
    for slot in 2..=4 {
        assert!(outcomes.contains(&not_sent(slot, Unsent::Halted)), "{outcomes:?}");
    }
    assert!(world.busy().is_empty());
}

#[test]
fn no_batch_takes_along_what_a_stop_holds_back() {
    for stopped in [Stop::Trading, Stop::Market] {
        let mut world = three_wait(&config(2));
        let switch = KillSwitch::default();
        world.gateway.kill_switch = switch.clone();
        match stopped {
            Stop::Trading => switch.hold(world.clock.mono()),
            Stop::Market => {
                switch.hold_market(order(2).market, world.clock.mono() + Nanos::from_ns(1));
            }
        }
        free_one(&mut world);
        let outcomes = world.outcomes();
        for slot in 2..=4 {
            assert!(outcomes.contains(&not_sent(slot, Unsent::HeldBack)), "{outcomes:?}");
        }
        assert!(world.busy().is_empty());
    }
}

/// What an oms holds back.
enum Stop {
    Trading,
    Market,
}

#[test]
fn a_repetition_goes_alone() {
    let mut world = World::warm(2);
    world.submit(order(1));
    for slot in 2..=3 {
        let again = NewOrder { approved: world.clock.mono(), ..order(slot) };
        world.command(Command::Resend(Approved::unchecked_for_tests(again)));
    }
    world.outcomes();
    let (sent, _) = batch(&mut world);
    assert_eq!(sent.target, "/trade-api/v2/portfolio/events/orders");
}

#[test]
fn the_longest_batch_fits_its_request() {
    let mut world = World::warm(2);
    world.submit(order(1));
    for slot in 0..=u32::try_from(ORDER_BATCH_MAX).unwrap() {
        let widest = NewOrder {
            quantity: Contracts::from_centis(u32::MAX),
            expiration_secs: Some(9_999_999_999),
            ..order(10 + slot)
        };
        world.submit(widest);
    }
    let (sent, _) = batch(&mut world);
    // A full bucket of the smallest tier pays for eight orders beside the reserve, one is gone.
    assert_eq!(sent.body["orders"].as_array().unwrap().len(), ORDER_BATCH_MAX - 1);
}
