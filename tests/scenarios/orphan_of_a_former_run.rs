//! An order of a former run lands after the restart, or an engine died with it on the book
//! (hummingbot#8457, nautilus#3176).
//!
//! Nobody waits for it, and it can still trade: it is found by its mark, counts against every
//! limit, and is taken off the book; or followed to its end, as configured.

use kalshi_exec::ids::{ClientOrderId, RunId};
use kalshi_exec::message::{BookSide, ControlCommand};
use kalshi_exec::oms::config::Orphans;
use kalshi_exec::order::State;
use kalshi_exec::sim::world::World;
use kalshi_exec::sim::world::host::TRADER;
use kalshi_exec::sim::world::meddling::HandMade;
use kalshi_exec::units::{Contracts, Nanos, Price};

use crate::theatre::{SECOND, finish, held, market, somebody_sells, state_of, world_with, yes};

/// Ten YES at 41: the best bid, made by a run that is over.
fn orphan() -> HandMade {
    HandMade {
        ticker: market(),
        side: BookSide::Bid,
        price: Price::from_cents(41).expect("a price"),
        contracts: Contracts::from_whole(10),
        client_order_id: Some(ClientOrderId::new(RunId::new(77), 5)),
    }
}

fn land(world: &mut World) {
    let now = world.now().wall;
    assert!(world.host_mut().account_trades(now, &orphan()).is_some());
}

fn resting(world: &World) -> usize {
    world.host().venue().open_orders(TRADER).len()
}

#[test]
fn it_is_cancelled_within_a_reading() {
    let mut world = world_with(vec![], |_| {});
    world.run_for(SECOND);
    land(&mut world);
    assert_eq!(resting(&world), 1);

    world.command(ControlCommand::Reconcile);
    assert!(world.run_until(Nanos::from_secs(5), |world| resting(world) == 0));

    finish(&mut world);
}

#[test]
fn it_is_found_without_being_asked_within_the_interval() {
    let mut world = world_with(vec![], |_| {});
    land(&mut world);
    assert!(world.run_until(Nanos::from_secs(65), |world| resting(world) == 0));
    finish(&mut world);
}

#[test]
fn adopted_it_lives_and_its_fills_are_booked() {
    let adopts = |config: &mut kalshi_exec::sim::world::WorldConfig| {
        config.orders.reconcile.orphans = Orphans::Adopt;
    };
    let mut world = world_with(vec![], adopts);
    land(&mut world);
    // A part of it trades before anybody knows whose it is.
    somebody_sells(&mut world, 4);
    world.run_for(SECOND);
    world.command(ControlCommand::Reconcile);
    let alive = |world: &World| matches!(state_of(world, 0), State::Partial);
    assert!(world.run_until(Nanos::from_secs(5), alive), "{}", state_of(&world, 0));
    world.run_for(Nanos::from_secs(40));
    assert_eq!(resting(&world), 1, "nobody cancels it");
    assert_eq!(held(&world), yes(4), "booked once");

    somebody_sells(&mut world, 6);
    assert!(world.run_until(Nanos::from_secs(5), |world| state_of(world, 0) == State::Filled));
    assert_eq!(held(&world), yes(10));
    finish(&mut world);
}
