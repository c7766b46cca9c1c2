//! A person trades by hand on the account: the engine follows the books and touches nothing.

use kalshi_exec::message::{BookSide, ControlCommand};
use kalshi_exec::oms::config::Foreign;
use kalshi_exec::sim::world::host::TRADER;
use kalshi_exec::sim::world::meddling::HandMade;
use kalshi_exec::sim::world::{World, WorldConfig};
use kalshi_exec::units::{Contracts, Nanos, Price};

use crate::theatre::{
    SECOND, await_answer, ended, finish, held, market, somebody_sells, take, world_with, yes,
};

/// A bid for ten YES at 41, without our mark.
fn by_hand(world: &mut World) {
    let order = HandMade {
        ticker: market(),
        side: BookSide::Bid,
        price: Price::from_cents(41).expect("a price"),
        contracts: Contracts::from_whole(10),
        client_order_id: None,
    };
    let now = world.now().wall;
    assert!(world.host_mut().account_trades(now, &order).is_some());
}

fn resting(world: &World) -> usize {
    world.host().venue().open_orders(TRADER).len()
}

#[test]
fn a_foreign_order_rests_on_and_its_fills_move_the_books() {
    let mut world = world_with(vec![], |_| {});
    by_hand(&mut world);
    world.command(ControlCommand::Reconcile);
    world.run_for(Nanos::from_secs(70));
    assert_eq!(resting(&world), 1);

    somebody_sells(&mut world, 10);
    world.run_for(SECOND);
    assert_eq!(held(&world), yes(10));
    world.send_line(&take("a"));
    ended(&await_answer(&mut world, "a"), kalshi_exec::order::State::Filled, 10);
    world.run_for(Nanos::from_secs(70));
    assert_eq!(world.core().guard().mismatches(), 0);
    finish(&mut world);
}

#[test]
fn told_to_the_engine_cancels_them() {
    let cancels = |config: &mut WorldConfig| config.orders.reconcile.foreign = Foreign::Cancel;
    let mut world = world_with(vec![], cancels);
    by_hand(&mut world);
    world.command(ControlCommand::Reconcile);
    assert!(world.run_until(Nanos::from_secs(5), |world| resting(world) == 0));
    finish(&mut world);
}
