//! An order group of the account is triggered: known at once, and nothing is sent until it is reset.

use kalshi_exec::message::ControlCommand;
use kalshi_exec::order::State;
use kalshi_exec::recorder::record::Outcome;
use kalshi_exec::risk::Limit;
use kalshi_exec::sim::world::World;
use kalshi_exec::units::Nanos;

use crate::theatre::{await_answer, ended, finish, take, world};

#[track_caller]
fn refused(world: &mut World, id: &str) {
    world.send_line(&take(id));
    let answer = await_answer(world, id);
    let Outcome::Refused(refusal) = answer.outcome else { panic!("{answer:?}") };
    assert_eq!(refusal.limit, Limit::NotReady);
}

fn change(world: &mut World, group: &str, change: &str) {
    let now = world.now().wall;
    world.host_mut().changes_group(now, group, change);
    world.run_for(Nanos::from_ms(50));
}

#[test]
fn until_it_is_reset_or_a_person_resumes() {
    let mut world = world(vec![]);
    let now = world.now().wall;
    let group = world.host_mut().makes_group(now);
    change(&mut world, &group, "trigger");
    assert!(world.audit().alerts().iter().any(|alert| alert.contains("was triggered")));
    refused(&mut world, "a");
    change(&mut world, &group, "reset");
    world.send_line(&take("b"));
    ended(&await_answer(&mut world, "b"), State::Filled, 10);

    change(&mut world, &group, "trigger");
    refused(&mut world, "c");
    world.command(ControlCommand::Resume);
    world.send_line(&take("d"));
    ended(&await_answer(&mut world, "d"), State::Filled, 10);
    finish(&mut world);
}
