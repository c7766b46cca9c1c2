//! A report that an order rests arrives after the order is over.
//!
//! Reviving it would hold its exposure for ever and cancel what does not exist.

use kalshi_exec::order::State;
use kalshi_exec::sim::world::fault::FrameFault;
use kalshi_exec::units::Nanos;

use crate::theatre::{
    answer, await_answer, await_state, ended, finish, frame, rest_in_front, somebody_sells,
    state_of, world,
};

#[test]
fn an_old_report_does_not_revive_a_filled_order() {
    let held_back = FrameFault::Held(Nanos::from_secs(5));
    let mut world = world(vec![frame("user_order", 1, held_back)]);
    world.send_line(&rest_in_front("a"));
    await_state(&mut world, 0, State::Resting);
    somebody_sells(&mut world, 10);
    ended(&await_answer(&mut world, "a"), State::Filled, 10);

    world.run_for(Nanos::from_secs(10));

    assert_eq!(state_of(&world, 0), State::Filled);
    assert_eq!(world.core().orders().live(), 0);
    assert!(answer(&world, "a").is_some());
    assert!(world.audit().alerts().is_empty(), "{:?}", world.audit().alerts());
    finish(&mut world);
}
