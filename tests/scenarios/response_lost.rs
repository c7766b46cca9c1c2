//! The exchange takes the order, and the connection dies before the answer.
//!
//! Sending it again under another id buys twice; forgetting it leaves a position nobody watches.
//! It is unknown until the same id, sent again, is refused as known and it has been looked up.

use kalshi_exec::order::State;
use kalshi_exec::sim::world::fault::{FrameFault, RequestFault};
use kalshi_exec::units::Nanos;

use crate::theatre::{
    await_answer, await_state, create, ended, finish, frame, held, sent_times, take, world, yes,
};

#[test]
fn an_order_whose_answer_is_lost_goes_out_again_and_is_booked_once() {
    // The stream is no help: it loses its word on this order.
    let rules = vec![
        create(1, RequestFault::AnswerLost),
        frame("fill", 1, FrameFault::Lost),
        frame("user_order", 1, FrameFault::Lost),
    ];
    let mut world = world(rules);

    world.send_line(&take("a"));
    await_state(&mut world, 0, State::Unknown);
    let worst = world.core().exposure().in_flight();
    assert!(!worst.is_zero(), "its exposure stays reserved");

    let result = await_answer(&mut world, "a");
    ended(&result, State::Filled, 10);
    assert_eq!(result.error.unwrap().code.as_str(), "disconnected");
    assert_eq!(held(&world), yes(10));
    sent_times(&world, 2);
    finish(&mut world);
}

#[test]
fn an_order_whose_answer_never_comes_is_looked_up_after_the_gateways_patience() {
    let rules = vec![
        create(1, RequestFault::AnswerVanished),
        frame("fill", 1, FrameFault::Lost),
        frame("user_order", 1, FrameFault::Lost),
    ];
    let mut world = world(rules);

    world.send_line(&take("a"));
    world.run_for(Nanos::from_ms(1_900));
    assert!(world.core().orders().live() == 1, "still waited for");

    let result = await_answer(&mut world, "a");
    ended(&result, State::Filled, 10);
    sent_times(&world, 2);
    finish(&mut world);
}
