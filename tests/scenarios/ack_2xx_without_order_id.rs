//! A 201 without an order id: neither a success nor a failure.
//!
//! Such answers made phantom pending orders elsewhere. The order is looked up like any other
//! whose answer is missing.

use kalshi_exec::order::State;
use kalshi_exec::sim::world::fault::{Edit, FrameFault, RequestFault};

use crate::theatre::{
    await_answer, await_state, create, ended, finish, frame, held, sent_times, take, world, yes,
};

#[test]
fn an_ack_that_cannot_be_read_leaves_the_order_unknown() {
    for edit in [Edit::NoOrderId, Edit::Html] {
        let rules = vec![
            create(1, RequestFault::Edited(edit)),
            frame("fill", 1, FrameFault::Lost),
            frame("user_order", 1, FrameFault::Lost),
        ];
        let mut world = world(rules);

        world.send_line(&take("a"));
        await_state(&mut world, 0, State::Unknown);
        let result = await_answer(&mut world, "a");

        ended(&result, State::Filled, 10);
        assert_eq!(held(&world), yes(10));
        sent_times(&world, 2);
        finish(&mut world);
    }
}
