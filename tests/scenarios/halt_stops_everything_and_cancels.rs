//! One command stops everything: what rests is cancelled, what is on its way is cancelled when it
//! lands, and nothing goes out until a person resumes.

use kalshi_exec::ids::Reason;
use kalshi_exec::message::ControlCommand;
use kalshi_exec::order::State;
use kalshi_exec::recorder::record::Outcome;
use kalshi_exec::risk::Limit;
use kalshi_exec::sim::world::World;
use kalshi_exec::sim::world::fault::{RequestFault, RequestKind, Rule};
use kalshi_exec::sim::world::host::TRADER;
use kalshi_exec::units::Nanos;

use crate::theatre::{
    SECOND, await_answer, await_state, create, ended, finish, rest, take, world, world_with,
};

fn halt(world: &mut World) {
    world.command(ControlCommand::Halt { reason: Reason::lossy("drill") });
}

fn resting(world: &World) -> usize {
    world.host().venue().open_orders(TRADER).len()
}

#[test]
fn a_halt_cancels_what_rests_and_refuses_everything_until_resumed() {
    let mut world = world(vec![]);
    world.send_line(&rest("a"));
    await_state(&mut world, 0, State::Resting);

    halt(&mut world);
    world.run_for(SECOND);
    assert_eq!(resting(&world), 0);
    ended(&await_answer(&mut world, "a"), State::Canceled, 0);

    world.send_line(&take("b"));
    let refused = await_answer(&mut world, "b");
    let Outcome::Refused(refusal) = refused.outcome else { panic!("{refused:?}") };
    assert_eq!(refusal.limit, Limit::Halted);

    world.command(ControlCommand::Resume);
    world.run_for(SECOND);
    world.send_line(&take("c"));
    ended(&await_answer(&mut world, "c"), State::Filled, 10);
    finish(&mut world);
}

#[test]
fn an_order_on_its_way_when_the_halt_comes_is_cancelled_when_it_lands() {
    // It reaches the exchange after cancel-all has been carried out.
    let late = RequestFault::Late(Nanos::from_ms(300));
    // Without a group that would refuse it.
    let mut world = world_with(vec![create(1, late)], |config| config.group_contracts = 0);
    world.send_line(&rest("a"));
    world.run_for(Nanos::from_ms(10));
    assert_eq!(resting(&world), 0, "on its way");

    halt(&mut world);
    world.run_for(Nanos::from_ms(100));
    let landed = world.run_until(SECOND, |world| resting(world) == 1);
    assert!(landed);
    world.run_for(SECOND);

    assert_eq!(resting(&world), 0);
    ended(&await_answer(&mut world, "a"), State::Canceled, 0);
    finish(&mut world);
}

#[test]
fn a_cancel_all_that_fails_is_followed_by_single_cancels() {
    let lost = Rule::Request(RequestKind::CancelAll, 1, RequestFault::Lost);
    let mut world = world_with(vec![lost], |config| config.group_contracts = 0);
    world.send_line(&rest("a"));
    world.send_line(&rest("b"));
    await_state(&mut world, 1, State::Resting);

    halt(&mut world);
    world.run_for(Nanos::from_secs(3));

    assert_eq!(resting(&world), 0);
    finish(&mut world);
}
