//! The account's cash changes and nothing explains it: trading stops until it is as it should be,
//! or a person goes on. Money that only moved between shards stops nothing.

use kalshi_exec::message::ControlCommand;
use kalshi_exec::recorder::record::Outcome;
use kalshi_exec::risk::Limit;
use kalshi_exec::sim::world::World;
use kalshi_exec::units::{Money, Nanos};

use crate::theatre::{await_answer, finish, take, world};

fn mismatches(world: &World) -> u32 {
    world.core().guard().mismatches()
}

#[test]
fn a_withdrawal_stops_trading_until_the_money_is_back() {
    let mut world = world(vec![]);
    world.run_for(Nanos::from_secs(10));
    let now = world.now().wall;
    world.host_mut().withdraw(now, 12_345);
    world.command(ControlCommand::Reconcile);
    assert!(world.run_until(Nanos::from_secs(20), |world| mismatches(world) == 1));
    assert!(world.audit().alerts().iter().any(|alert| alert.contains("R8 cash")));
    world.send_line(&take("a"));
    let refused = await_answer(&mut world, "a");
    let Outcome::Refused(refusal) = refused.outcome else { panic!("{refused:?}") };
    assert_eq!(refusal.limit, Limit::BreakerOpen);

    let now = world.now().wall;
    world.host_mut().withdraw(now, -12_345);
    assert!(world.run_until(Nanos::from_secs(20), |world| mismatches(world) == 0));
    finish(&mut world);
}

#[test]
fn money_that_moves_between_shards_is_followed() {
    let mut world = world(vec![]);
    world.run_for(Nanos::from_secs(10));
    world.host_mut().move_money(3, Money::from_cents(5_000));
    world.command(ControlCommand::Reconcile);
    world.run_for(Nanos::from_secs(20));
    assert_eq!(mismatches(&world), 0);
    finish(&mut world);
}
