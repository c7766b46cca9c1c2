//! An order group of the account is triggered: known at once, and a person is asked before anything
//! else is sent.

use kalshi_exec::message::ControlCommand;
use kalshi_exec::order::State;
use kalshi_exec::recorder::record::Outcome;
use kalshi_exec::risk::Limit;
use kalshi_exec::sim::world::World;
use kalshi_exec::units::Nanos;

use crate::theatre::{await_answer, ended, finish, take, world};

fn change(world: &mut World, group: &str, change: &str) {
    let now = world.now().wall;
    world.host_mut().changes_group(now, group, change);
    world.run_for(Nanos::from_ms(50));
}

#[test]
fn until_a_person_resumes() {
    let mut world = world(vec![]);
    let now = world.now().wall;
    let group = world.host_mut().makes_group(now);
    change(&mut world, &group, "trigger");
    let halted = world.core().halted().map(ToString::to_string).unwrap_or_default();
    assert!(halted.starts_with("order_group_triggered"), "{halted}");
    let creates = world.host().all_creates().count();
    world.send_line(&take("a"));
    let answer = await_answer(&mut world, "a");
    let Outcome::Refused(refusal) = answer.outcome else { panic!("{answer:?}") };
    assert_eq!(refusal.limit, Limit::Halted);
    assert_eq!(world.host().all_creates().count(), creates, "nothing was sent to find out");

    change(&mut world, &group, "reset");
    world.command(ControlCommand::Resume);
    world.run_for(Nanos::from_secs(2));
    world.send_line(&take("b"));
    ended(&await_answer(&mut world, "b"), State::Filled, 10);
    finish(&mut world);
}
