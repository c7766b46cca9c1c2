//! A partly filled order gets some more time, once, and then the rest is cancelled.

use kalshi_exec::order::State;
use kalshi_exec::units::Nanos;

use crate::theatre::{
    await_answer, await_state, ended, finish, held, order, rest_in_front, somebody_sells,
    world_with, yes,
};

#[test]
fn a_partial_fill_extends_the_wait_once() {
    let (timeout, extra) = (Nanos::from_secs(4), Nanos::from_secs(2));
    let mut world = world_with(vec![], |config| {
        config.orders.fill_timeout = timeout;
        config.orders.partial_wait = extra;
    });
    world.send_line(&rest_in_front("a"));
    await_state(&mut world, 0, State::Resting);
    let approved = order(&world, 0).unwrap().terms().approved;

    somebody_sells(&mut world, 4);
    await_state(&mut world, 0, State::Partial);
    // A second part within the extension does not extend it again.
    world.run_for(Nanos::from_secs(5));
    somebody_sells(&mut world, 1);
    let result = await_answer(&mut world, "a");

    ended(&result, State::Canceled, 5);
    let lived = world.now().mono.since(approved);
    let bound = timeout + extra;
    assert!(lived >= bound && lived < bound + Nanos::from_ms(200), "{} ms", lived.ms());
    assert_eq!(held(&world), yes(5));
    finish(&mut world);
}
