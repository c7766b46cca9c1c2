//! Reads answer slowly while an order is unknown.
//!
//! A look-up asked for every half second and answered every five fills the ring before the REST
//! service until the oms stands still. One look-up per order is under way at a time.

use kalshi_exec::message::FetchCommand;
use kalshi_exec::order::State;
use kalshi_exec::recorder::journal::Entry;
use kalshi_exec::sim::world::World;
use kalshi_exec::sim::world::fault::{FrameFault, RequestFault, RequestKind, Rule};
use kalshi_exec::units::Nanos;

use crate::theatre::{await_answer, create, ended, finish, frame, journal, take, world};

/// Look-ups of orders that the journal has.
fn look_ups(world: &World) -> usize {
    let asked = |entry: &&Entry| matches!(entry, Entry::Ask(FetchCommand::Order { .. }));
    journal(world).iter().filter(asked).count()
}

#[test]
fn an_order_is_not_looked_up_again_before_the_last_look_up_is_answered() {
    let mut rules = vec![
        create(1, RequestFault::AnswerLost),
        frame("fill", 1, FrameFault::Lost),
        frame("user_order", 1, FrameFault::Lost),
    ];
    // Four reads in a row are never answered; each is given up after five seconds.
    let silent = |nth| Rule::Request(RequestKind::Read, nth, RequestFault::AnswerVanished);
    rules.extend((1..=4).map(silent));
    let mut world = world(rules);

    world.send_line(&take("a"));
    world.run_for(Nanos::from_secs(19));
    assert!(look_ups(&world) <= 4, "{}", look_ups(&world));

    ended(&await_answer(&mut world, "a"), State::Filled, 10);
    finish(&mut world);
}
