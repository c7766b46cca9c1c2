//! Partly filled when its time is up: a while longer, then it is cancelled, and only then follows
//! another order for what is left.

use kalshi_exec::order::State;
use kalshi_exec::units::{Contracts, Nanos};

use crate::theatre::{
    await_answer, await_state, ended, fates, finish, held, limits, order, rest_in_front, sent_once,
    somebody_sells, world_with, yes,
};

#[test]
fn what_a_partial_fill_leaves_is_retried_after_its_wait() {
    let (timeout, extra) = (Nanos::from_secs(4), Nanos::from_secs(2));
    let mut world = world_with(vec![], |config| {
        config.orders.retries_max = 3;
        config.orders.fill_timeout = timeout;
        config.orders.partial_wait = extra;
    });
    world.send_line(&rest_in_front("a"));
    await_state(&mut world, 0, State::Resting);
    somebody_sells(&mut world, 4);

    let result = await_answer(&mut world, "a");

    ended(&result, State::Filled, 10);
    // The book asks 42: the retry meets it.
    assert_eq!(limits(&result), [41, 42]);
    assert_eq!(fates(&result), [State::Canceled, State::Filled]);
    let approved = |nth| order(&world, nth).unwrap().terms().approved;
    assert!(approved(1).since(approved(0)) >= timeout + extra, "not before the former has ended");
    assert_eq!(order(&world, 1).unwrap().terms().quantity, Contracts::from_whole(6));
    assert_eq!(held(&world), yes(10));
    sent_once(&world);
    finish(&mut world);
}
