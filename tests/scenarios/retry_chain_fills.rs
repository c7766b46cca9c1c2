//! The market is a little above the limit: each retry goes one cent further until it is met.
//!
//! A retry under the former order's id, before the former one has ended, or for more than is left
//! makes a double position.

use kalshi_exec::order::State;
use kalshi_exec::sim::world::WorldConfig;
use kalshi_exec::units::{Nanos, PriceDelta};

use crate::theatre::{
    await_answer, ended, fates, finish, held, limits, line, order, sent_once, world_with, yes,
};

/// Three retries, for a market that may be as far away.
fn patient(config: &mut WorldConfig) {
    config.orders.retries_max = 3;
    config.orders.slippage_max = PriceDelta::from_cents(3);
}

#[test]
fn a_retry_goes_a_cent_further_until_it_fills() {
    let mut world = world_with(vec![], patient);

    // Asked at 42: limits of 40 and 41 do not reach it.
    world.send_line(&line("a", "BUY_YES", 39, 10, "immediate_or_cancel"));
    let result = await_answer(&mut world, "a");

    ended(&result, State::Filled, 10);
    assert_eq!(limits(&result), [40, 41, 42]);
    assert_eq!(fates(&result), [State::Canceled, State::Canceled, State::Filled]);
    assert_eq!(result.retries, 2);
    assert_eq!(result.error, None);
    assert_eq!(held(&world), yes(10));
    sent_once(&world);
    finish(&mut world);
}

#[test]
fn buying_no_is_retried_in_its_own_leg() {
    let mut world = world_with(vec![], patient);

    // YES is bid at 40: NO costs 60. The signal saw it at 57.
    let signal = line("a", "BUY_NO", 42, 10, "immediate_or_cancel");
    world.send_line(&signal.replace(r#""no_ask":60"#, r#""no_ask":57"#));
    let result = await_answer(&mut world, "a");

    ended(&result, State::Filled, 10);
    assert_eq!(limits(&result), [58, 59, 60]);
    assert_eq!(held(&world), kalshi_exec::units::Position::from_centis(-1_000));
    finish(&mut world);
}

#[test]
fn a_killed_order_is_retried_whole() {
    let mut world = world_with(vec![], patient);

    // Fifty are offered at 42: sixty only with those at 43.
    world.send_line(&line("a", "BUY_YES", 41, 60, "fill_or_kill"));
    let result = await_answer(&mut world, "a");

    ended(&result, State::Filled, 60);
    assert_eq!(limits(&result), [42, 43]);
    assert_eq!(fates(&result), [State::Rejected, State::Filled]);
    assert_eq!(held(&world), yes(60));
    finish(&mut world);
}

#[test]
fn retries_wait_for_their_turn() {
    let spacing = Nanos::from_ms(100);
    let mut world = world_with(vec![], |config| {
        patient(config);
        config.limits.order_spacing_min = spacing;
    });

    world.send_line(&line("a", "BUY_YES", 39, 10, "immediate_or_cancel"));
    let result = await_answer(&mut world, "a");

    ended(&result, State::Filled, 10);
    let approved = |nth| order(&world, nth).unwrap().terms().approved;
    for nth in 0..2 {
        let apart = approved(nth + 1).since(approved(nth));
        assert!(apart >= spacing && apart < spacing + Nanos::from_ms(60), "{} ms", apart.ms());
    }
    finish(&mut world);
}
