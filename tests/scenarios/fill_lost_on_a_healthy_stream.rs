//! A single fill frame is lost; everything else works.
//!
//! The answer says how much was filled, so its absence is noticed and the fill is fetched.

use kalshi_exec::order::State;
use kalshi_exec::sim::world::fault::FrameFault;
use kalshi_exec::units::Nanos;

use crate::theatre::{await_answer, ended, finish, frame, held, sent_once, take, world, yes};

#[test]
fn a_fill_that_the_answer_spoke_of_is_fetched() {
    let mut world = world(vec![frame("fill", 1, FrameFault::Lost)]);
    let began = world.now().mono;

    world.send_line(&take("a"));
    let result = await_answer(&mut world, "a");

    ended(&result, State::Filled, 10);
    let took = world.now().mono.since(began);
    assert!(took < Nanos::from_ms(1_500), "{} ms", took.ms());
    assert_eq!(held(&world), yes(10));
    sent_once(&world);
    finish(&mut world);
}
