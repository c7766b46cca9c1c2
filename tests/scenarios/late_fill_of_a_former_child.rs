//! News of a fill is held back until its order has been cancelled and followed: whoever takes the
//! cancel for "nothing filled" buys the same contracts twice.

use kalshi_exec::order::State;
use kalshi_exec::sim::world::fault::FrameFault;
use kalshi_exec::units::{Contracts, Nanos};

use crate::theatre::{
    SECOND, await_answer, await_state, ended, finish, frame, held, limits, order, rest_in_front,
    sent_once, somebody_sells, world_with, yes,
};

#[test]
fn never_more_is_bought_than_was_wanted() {
    let held_back = Nanos::from_secs(20);
    let rules = vec![
        frame("fill", 1, FrameFault::Held(held_back)),
        frame("user_order", 2, FrameFault::Held(held_back)),
        frame("user_order", 3, FrameFault::Held(held_back)),
    ];
    let mut world = world_with(rules, |config| {
        config.orders.retries_max = 3;
        config.orders.fill_timeout = Nanos::from_secs(3);
    });
    world.send_line(&rest_in_front("a"));
    await_state(&mut world, 0, State::Resting);

    // Four are gone, and nobody has said so when the order is cancelled.
    somebody_sells(&mut world, 4);
    let result = await_answer(&mut world, "a");

    ended(&result, State::Filled, 10);
    assert_eq!(limits(&result), [41, 42]);
    let wanted = |nth| order(&world, nth).unwrap().terms().quantity;
    assert_eq!(wanted(1), Contracts::from_whole(6), "the cancel's answer told of the four");
    // The frames arrive after all.
    world.run_for(Nanos::from_ns(held_back.ns() + SECOND.ns()));
    assert_eq!(held(&world), yes(10));
    assert_eq!(world.core().orders().iter().count(), 2);
    sent_once(&world);
    finish(&mut world);
}
