//! What every order would be told alike halts under its name, and nothing is tried again.
//!
//! V1 writes were answered 410 overnight (OctagonAI PR#46): systems that took it for a rejected
//! order went on sending. A lapsed location attestation is the same.

use kalshi_exec::message::{ControlCommand, Trouble};
use kalshi_exec::order::State;
use kalshi_exec::sim::world::fault::{RequestFault, RequestKind, Rule};
use kalshi_exec::units::Nanos;

use crate::theatre::{
    SECOND, await_answer, await_state, cancel, create, ended, finish, rest, take, world,
};

#[test]
fn an_order_answered_410_halts_as_endpoint_gone() {
    let mut world = world(vec![create(1, RequestFault::Intercepted(410))]);

    world.send_line(&take("a"));
    ended(&await_answer(&mut world, "a"), State::Rejected, 0);
    world.run_for(SECOND);

    assert_eq!(world.core().obstacle(), Some(Trouble::EndpointGone));
    let creates = world.host().all_creates().count();
    world.send_line(&take("b"));
    let refused = await_answer(&mut world, "b");
    assert!(format!("{:?}", refused.outcome).contains("Halted"), "{refused:?}");
    world.run_for(Nanos::from_secs(60));
    assert_eq!(world.host().all_creates().count(), creates, "nothing is tried again");

    world.command(ControlCommand::Resume);
    world.run_for(SECOND);
    assert_eq!(world.core().obstacle(), None, "a person has looked");
    finish(&mut world);
}

#[test]
fn cancels_answered_410_halt_and_are_not_repeated_for_ever() {
    let mut rules: Vec<Rule> =
        (1..100).map(|n| cancel(n, RequestFault::Intercepted(410))).collect();
    let all = |n| Rule::Request(RequestKind::CancelAll, n, RequestFault::Intercepted(410));
    rules.extend((1..100).map(all));
    let mut world = world(rules);
    world.send_line(&rest("a"));
    await_state(&mut world, 0, State::Resting);

    // The fill timeout cancels it, in vain.
    world.run_for(Nanos::from_secs(120));

    assert_eq!(world.core().obstacle(), Some(Trouble::EndpointGone));
    let log = world.network().fault_log();
    let cancels = log.iter().filter(|line| line.starts_with("Cancel ")).count();
    let alls = log.iter().filter(|line| line.starts_with("CancelAll ")).count();
    assert!((1..=4).contains(&cancels) && alls <= 2, "{log:#?}");
}

#[test]
fn a_location_that_is_not_attested_halts_under_its_name() {
    let mut world = world(vec![create(1, RequestFault::Intercepted(400))]);
    world.send_line(&take("a"));
    ended(&await_answer(&mut world, "a"), State::Rejected, 0);
    assert_eq!(world.core().obstacle(), None, "an order's own refusal");

    world.host_mut().deny_location();
    world.send_line(&take("b"));
    ended(&await_answer(&mut world, "b"), State::Rejected, 0);
    world.run_for(SECOND);
    assert_eq!(world.core().obstacle(), Some(Trouble::RegionAttestation));
    finish(&mut world);
}

#[test]
fn a_key_that_is_refused_halts_under_its_name() {
    let mut world = world(vec![create(1, RequestFault::Intercepted(401))]);
    world.send_line(&take("a"));
    ended(&await_answer(&mut world, "a"), State::Rejected, 0);
    world.run_for(SECOND);
    assert_eq!(world.core().obstacle(), Some(Trouble::KeyRefused));
    finish(&mut world);
}
