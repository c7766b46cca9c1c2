//! A 5xx answer says nothing about the order (reference §3.0): it may live.
//!
//! "Rejected" here means a second order for the same signal while the first one fills.

use kalshi_exec::order::State;
use kalshi_exec::sim::world::fault::{FrameFault, RequestFault};

use crate::theatre::{
    await_answer, await_state, create, ended, finish, frame, held, sent_times, take, world, yes,
};

#[test]
fn an_order_answered_with_5xx_is_unknown_and_lands_once() {
    for status in [500, 502, 503, 504] {
        let rules = vec![
            create(1, RequestFault::Masked(status)),
            frame("fill", 1, FrameFault::Lost),
            frame("user_order", 1, FrameFault::Lost),
        ];
        let mut world = world(rules);

        world.send_line(&take("a"));
        await_state(&mut world, 0, State::Unknown);
        let result = await_answer(&mut world, "a");

        ended(&result, State::Filled, 10);
        assert_eq!(result.error.unwrap().code.as_str(), "server_error");
        assert_eq!(held(&world), yes(10));
        sent_times(&world, 2);
        finish(&mut world);
    }
}
