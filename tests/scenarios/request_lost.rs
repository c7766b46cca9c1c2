//! The request never reaches the exchange, and nobody says so.
//!
//! Only complete listings that lack the order, over a time longer than reads lag writes, prove
//! that it never landed. Until then it counts as alive.

use kalshi_exec::oms::config::OrderConfig;
use kalshi_exec::order::State;
use kalshi_exec::sim::world::fault::RequestFault;
use kalshi_exec::units::{Nanos, Position};

use crate::theatre::{
    SECOND, await_answer, await_state, create, ended, finish, held, sent_once, take, world_with,
};

#[test]
fn an_order_that_never_landed_is_rejected_only_after_a_lasting_absence() {
    let lag = Nanos::from_ms(800);
    let mut world = world_with(vec![create(1, RequestFault::Lost)], |config| {
        config.read_lag = lag;
        config.orders.resends_max = 0;
    });

    world.send_line(&take("a"));
    await_state(&mut world, 0, State::Unknown);
    let unknown_since = world.now().mono;
    let result = await_answer(&mut world, "a");

    ended(&result, State::Rejected, 0);
    assert_eq!(result.error.unwrap().code.as_str(), "not_landed");
    let waited = world.now().mono.since(unknown_since);
    assert!(waited >= Nanos::from_secs(2), "only {} ms", waited.ms());
    assert_eq!(held(&world), Position::FLAT);
    sent_once(&world);
    assert!(world.core().exposure().in_flight().is_zero());

    // And trading goes on.
    world.send_line(&take("b"));
    ended(&await_answer(&mut world, "b"), State::Filled, 10);
    world.run_for(SECOND);
    finish(&mut world);
}

#[test]
fn a_request_lost_does_not_stop_its_market_with_the_times_of_production() {
    let mut world = world_with(vec![create(1, RequestFault::Lost)], |config| {
        config.orders = OrderConfig { resends_max: 0, ..OrderConfig::default() };
    });

    world.send_line(&take("a"));
    await_state(&mut world, 0, State::Unknown);
    world.run_for(OrderConfig::default().absence_wait + SECOND + SECOND);
    let result = await_answer(&mut world, "a");
    ended(&result, State::Rejected, 0);
    assert_eq!(result.error.unwrap().code.as_str(), "not_landed");

    world.send_line(&take("b"));
    ended(&await_answer(&mut world, "b"), State::Filled, 10);
    world.run_for(SECOND);
    finish(&mut world);
}
