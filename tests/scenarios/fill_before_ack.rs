//! The stream is faster than the answer: the fill is there before the order is acknowledged.
//!
//! A system that ignores fills of orders it does not know yet loses a position; one that takes
//! the late acknowledgement for news counts it twice.

use kalshi_exec::order::State;
use kalshi_exec::sim::world::fault::RequestFault;
use kalshi_exec::units::Nanos;

use crate::theatre::{answer, create, ended, finish, held, sent_once, state_of, take, world, yes};

#[test]
fn fill_may_arrive_before_the_ack() {
    let late = RequestFault::AnswerLate(Nanos::from_ms(500));
    let mut world = world(vec![create(1, late)]);

    world.send_line(&take("a"));
    world.run_for(Nanos::from_ms(100));
    assert_eq!(state_of(&world, 0), State::Filled, "the stream told");
    assert_eq!(held(&world), yes(10));
    ended(&answer(&world, "a").unwrap(), State::Filled, 10);

    world.run_for(Nanos::from_secs(1));

    assert_eq!(held(&world), yes(10), "the late answer changes nothing");
    sent_once(&world);
    finish(&mut world);
    assert!(world.audit().alerts().is_empty(), "{:?}", world.audit().alerts());
}
