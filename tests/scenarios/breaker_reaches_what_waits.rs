//! A circuit breaker opens while orders are still on their way: what waits for a connection does
//! not leave any more, what lands afterwards is cancelled, and after the cooldown one small order
//! probes.
//!
//! A breaker that only looks at new orders lets out whatever was approved a moment before.

use kalshi_exec::order::State;
use kalshi_exec::recorder::record::{ExecutionResult, Outcome};
use kalshi_exec::risk::{BreakerState, Limit, Trip};
use kalshi_exec::sim::world::World;
use kalshi_exec::sim::world::fault::{RequestFault, RequestKind, Rule};
use kalshi_exec::sim::world::host::TRADER;
use kalshi_exec::units::{Contracts, Money, Nanos};

use crate::theatre::{
    SECOND, await_answer, create, ended, finish, order, rest, rest_in_front, take, world_with,
};

fn breaker(world: &World) -> BreakerState {
    world.core().guard().breaker().state()
}

/// How often the n-th order's bytes left.
fn writes(world: &World, nth: usize) -> u32 {
    let order = order(world, nth).expect("it was approved");
    world.network().times_written(order.terms().client_order_id)
}

#[track_caller]
fn held_back(result: &ExecutionResult) {
    assert_eq!(result.outcome, Outcome::Ended(State::Rejected), "{result:?}");
    let code = result.error.map(|error| error.code.to_string());
    assert_eq!(code.as_deref(), Some("held_back"), "{result:?}");
}

#[test]
fn an_order_that_waits_for_a_connection_does_not_leave_once_the_breaker_is_open() {
    // The answer keeps the only connection that orders may use; the fill is told before it.
    let late = create(1, RequestFault::AnswerLate(Nanos::from_ms(30)));
    let mut world = world_with(vec![late], |config| {
        config.gateway.pool.connections = 2;
        config.limits.daily_loss_max = Money::from_cents(1);
    });
    world.send_line(&take("a"));
    world.send_line(&rest("b"));

    let opened = world.run_until(SECOND, |world| breaker(world) == BreakerState::Open);

    assert!(opened, "the fee is the loss of the day");
    held_back(&await_answer(&mut world, "b"));
    assert_eq!(writes(&world, 1), 0);
    ended(&await_answer(&mut world, "a"), State::Filled, 10);
    finish(&mut world);
}

/// One connection for orders, and a budget that an order breaks which has waited for it.
fn impatient(rules: Vec<Rule>) -> World {
    let late = create(1, RequestFault::AnswerLate(Nanos::from_ms(20)));
    world_with([vec![late], rules].concat(), |config| {
        config.gateway.pool.connections = 2;
        config.breaker.latency_budget = Nanos::from_ms(5);
        config.breaker.latency_breaches_max = 1;
        config.breaker.half_open_contracts = Contracts::from_whole(4);
    })
}

#[track_caller]
fn open(world: &mut World) {
    let opened = world.run_until(SECOND, |world| breaker(world) == BreakerState::Open);
    assert!(opened && world.core().guard().breaker().trips().contains(Trip::Latency));
}

#[test]
fn what_lands_after_the_breaker_opened_is_cancelled_and_the_probe_passes() {
    // It reaches the exchange after everything was cancelled.
    let mut world = impatient(vec![create(2, RequestFault::Late(Nanos::from_ms(300)))]);
    world.send_line(&take("a"));
    world.send_line(&rest_in_front("b"));
    world.send_line(&rest("c"));

    open(&mut world);

    held_back(&await_answer(&mut world, "c"));
    assert_eq!(writes(&world, 2), 0);
    // Its answer comes while the breaker is open, long before its own time is up.
    world.run_for(SECOND);
    ended(&await_answer(&mut world, "b"), State::Canceled, 0);
    assert_eq!(world.host().venue().open_orders(TRADER).len(), 0);
    world.send_line(&take("d"));
    let Outcome::Refused(refusal) = await_answer(&mut world, "d").outcome else { panic!("sent") };
    assert_eq!(refusal.limit, Limit::BreakerOpen);

    world.run_for(Nanos::from_secs(60));
    world.send_line(&take("probe"));
    ended(&await_answer(&mut world, "probe"), State::Filled, 4);
    assert_eq!(breaker(&world), BreakerState::Closed);
    world.send_line(&take("after"));
    ended(&await_answer(&mut world, "after"), State::Filled, 10);
    finish(&mut world);
}

#[test]
fn a_breaker_does_not_trigger_the_exchanges_order_groups() {
    // A step of a group would be lost, and say so.
    let mut world = impatient(vec![Rule::Request(RequestKind::Group, 1, RequestFault::Lost)]);
    world.send_line(&take("a"));
    world.send_line(&rest("b"));

    open(&mut world);
    world.run_for(SECOND);

    let faults = world.network().fault_log();
    assert!(!faults.iter().any(|fault| fault.contains("Group")), "{faults:?}");
    finish(&mut world);
}

/// A market stops as the breaker does: here at the third execution on one side within ten seconds,
/// which is itself the last.
#[test]
fn an_order_that_waits_for_a_connection_does_not_leave_once_its_market_has_stopped() {
    let late = create(1, RequestFault::AnswerLate(Nanos::from_ms(30)));
    let mut world = world_with(vec![late], |config| {
        config.gateway.pool.connections = 2;
        config.breaker.repeats_max = 3;
        config.breaker.repeats_window = Nanos::from_secs(10);
        config.limits.open_orders_per_market_max = 3;
    });
    for id in ["a", "waits", "last"] {
        world.send_line(&take(id));
        // Too soon for another connection.
        world.run_for(Nanos::from_ms(1));
    }

    let last = await_answer(&mut world, "last");
    ended(&last, State::Filled, 10);
    held_back(&await_answer(&mut world, "waits"));
    assert_eq!(writes(&world, 1), 0);
    ended(&await_answer(&mut world, "a"), State::Filled, 10);
    finish(&mut world);
}
