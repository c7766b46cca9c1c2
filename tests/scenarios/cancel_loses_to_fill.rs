//! A cancel is on its way when the order fills; the exchange answers 404.
//!
//! 404 cannot tell "filled" from "cancelled" (reference §3.1): only the fills can. Taking it for
//! "cancelled" loses the position.

use kalshi_exec::order::State;
use kalshi_exec::sim::world::fault::{FrameFault, RequestFault};
use kalshi_exec::units::Nanos;

use crate::theatre::{
    await_answer, await_state, cancel, ended, finish, frame, held, rest_in_front, somebody_sells,
    world_with, yes,
};

#[test]
fn a_fill_beats_the_cancel_that_is_on_its_way() {
    let late = RequestFault::Late(Nanos::from_ms(500));
    // The stream says nothing of the trade either.
    let rules = vec![
        cancel(1, late),
        frame("fill", 1, FrameFault::Lost),
        frame("user_order", 2, FrameFault::Lost),
    ];
    let mut world = world_with(rules, |config| config.orders.fill_timeout = Nanos::from_secs(3));
    world.send_line(&rest_in_front("a"));
    await_state(&mut world, 0, State::CancelPending);

    somebody_sells(&mut world, 10);

    let result = await_answer(&mut world, "a");
    ended(&result, State::Filled, 10);
    assert_eq!(held(&world), yes(10));
    finish(&mut world);
}
