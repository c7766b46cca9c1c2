//! The stream stays connected and says nothing any more, not even a ping.
//!
//! A feed that trusts its connection waits for ever while fills happen. Silence beyond two missed
//! pings is a loss like any other: reconnect, backfill.

use kalshi_exec::order::State;
use kalshi_exec::units::Nanos;

use crate::theatre::{
    await_answer, await_state, ended, finish, held, rest_in_front, somebody_sells, world_with, yes,
};

#[test]
fn a_silent_feed_is_given_up_and_what_it_kept_to_itself_is_fetched() {
    let mut world = world_with(vec![], |config| config.orders.fill_timeout = Nanos::from_secs(120));
    world.send_line(&rest_in_front("a"));
    await_state(&mut world, 0, State::Resting);

    world.host_mut().silence_streams();
    somebody_sells(&mut world, 10);
    let silent_since = world.now().mono;
    let result = await_answer(&mut world, "a");

    ended(&result, State::Filled, 10);
    assert_eq!(held(&world), yes(10));
    let took = world.now().mono.since(silent_since);
    assert!(took <= Nanos::from_secs(27), "{} ms", took.ms());
    finish(&mut world);
}
