//! The answer times out, but the stream has already told of the fill.
//!
//! The timeout must not turn a filled order into an unknown or a rejected one.

use kalshi_exec::order::State;
use kalshi_exec::sim::world::fault::RequestFault;
use kalshi_exec::units::Nanos;

use crate::theatre::{answer, create, ended, finish, held, sent_once, state_of, take, world, yes};

#[test]
fn a_timeout_after_the_fill_changes_nothing() {
    let mut world = world(vec![create(1, RequestFault::AnswerVanished)]);
    world.send_line(&take("a"));
    world.run_for(Nanos::from_ms(50));
    ended(&answer(&world, "a").unwrap(), State::Filled, 10);

    world.run_for(Nanos::from_secs(10));

    assert_eq!(state_of(&world, 0), State::Filled);
    assert_eq!(held(&world), yes(10));
    sent_once(&world);
    finish(&mut world);
}
