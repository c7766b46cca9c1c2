//! The exchange holds a kill switch of its own: every order is in a group that trades only so much
//! within 15 s, and that is triggered with ours.
//!
//! 212 parent orders became 4 million (Knight, 2012) because nothing outside of the program that
//! ran away could stop it.

use kalshi_exec::ids::Reason;
use kalshi_exec::message::ControlCommand;
use kalshi_exec::order::State;
use kalshi_exec::recorder::record::Outcome;
use kalshi_exec::risk::{Limit, Refusal};
use kalshi_exec::sim::exchange::GroupState;
use kalshi_exec::sim::world::World;
use kalshi_exec::sim::world::fault::{RequestFault, RequestKind, Rule};
use kalshi_exec::sim::world::host::TRADER;
use kalshi_exec::units::Nanos;

use crate::theatre::{
    SECOND, await_answer, await_state, ended, finish, held, rest, take, world, world_with, yes,
};

/// What the exchange says of the account's groups.
fn groups(world: &World) -> Vec<GroupState> {
    let exchange = world.host().venue().exchange();
    exchange.groups_of(TRADER).map(|group| group.state).collect()
}

fn all(world: &World, state: GroupState) -> bool {
    groups(world).iter().all(|it| *it == state)
}

#[test]
fn every_order_is_in_the_group_of_its_markets_shard() {
    let mut world = world(Vec::new());
    world.send_line(&rest("a"));
    await_state(&mut world, 0, State::Resting);

    let exchange = world.host().venue().exchange();
    let shards: Vec<u8> = exchange.groups_of(TRADER).map(|group| group.exchange_index).collect();
    assert_eq!(shards, [0, 3], "one for each shard with markets");
    let grouped: usize =
        exchange.groups_of(TRADER).map(|group| exchange.group_orders(group).count()).sum();
    assert_eq!(grouped, 1, "the resting order");
    finish(&mut world);
}

#[test]
fn a_halt_triggers_the_groups_and_resuming_resets_them_before_an_order_goes() {
    let mut world = world(Vec::new());
    world.send_line(&rest("a"));
    await_state(&mut world, 0, State::Resting);

    world.command(ControlCommand::Halt { reason: Reason::lossy("drill") });
    ended(&await_answer(&mut world, "a"), State::Canceled, 0);
    world.run_for(SECOND);
    assert!(all(&world, GroupState::Triggered), "{:?}", groups(&world));

    world.command(ControlCommand::Resume);
    world.run_for(SECOND);
    assert!(all(&world, GroupState::Active), "{:?}", groups(&world));
    world.send_line(&take("b"));
    ended(&await_answer(&mut world, "b"), State::Filled, 10);
    finish(&mut world);
}

#[test]
fn a_trigger_stops_what_rests_even_when_every_cancel_is_lost() {
    let lost = |n| Rule::Request(RequestKind::CancelAll, n, RequestFault::Lost);
    let cancel = |n| Rule::Request(RequestKind::Cancel, n, RequestFault::Lost);
    let mut world = world((1..20).map(lost).chain((1..20).map(cancel)).collect());
    world.send_line(&rest("a"));
    await_state(&mut world, 0, State::Resting);

    world.command(ControlCommand::Halt { reason: Reason::lossy("drill") });
    world.run_for(Nanos::from_ms(100));

    assert!(world.host().venue().open_orders(TRADER).is_empty(), "the group has taken it down");
}

#[test]
fn no_order_goes_out_before_a_reset_is_confirmed() {
    // Two groups are triggered; then each reset fails a few times.
    let fail = |n| Rule::Request(RequestKind::Group, n, RequestFault::Intercepted(503));
    let mut world = world((3..9).map(fail).collect());
    world.command(ControlCommand::Halt { reason: Reason::lossy("drill") });
    world.run_for(SECOND);
    let creates = world.host().all_creates().count();

    world.command(ControlCommand::Resume);
    world.run_for(Nanos::from_ms(50));
    world.send_line(&take("a"));
    let result = await_answer(&mut world, "a");
    ended(&result, State::Rejected, 0);
    assert_eq!(result.error.unwrap().code.as_str(), "order_group_triggered");
    assert_eq!(world.host().all_creates().count(), creates, "nothing was sent");
    assert!(world.audit().alerts().iter().any(|it| it.contains("order group on shard")));

    world.run_for(Nanos::from_secs(10));
    assert!(all(&world, GroupState::Active), "it is tried again");
    world.send_line(&take("b"));
    ended(&await_answer(&mut world, "b"), State::Filled, 10);
    finish(&mut world);
}

#[test]
fn the_exchanges_own_limit_stops_what_ours_have_let_through() {
    let mut world = world_with(Vec::new(), |config| config.group_contracts = 15);
    world.send_line(&take("a"));
    ended(&await_answer(&mut world, "a"), State::Filled, 10);
    world.send_line(&take("b"));
    ended(&await_answer(&mut world, "b"), State::Filled, 10);
    assert_eq!(held(&world), yes(20), "the fill that exceeds the limit stands");

    // The stream tells at once: no order has to be rejected to find out.
    let creates = world.host().all_creates().count();
    world.run_for(SECOND);
    world.send_line(&take("c"));
    let refused = await_answer(&mut world, "c").outcome;
    assert!(matches!(refused, Outcome::Refused(Refusal { limit: Limit::Halted, .. })));
    assert_eq!(world.host().all_creates().count(), creates);
    let halted = world.core().halted().expect("a person is asked").to_string();
    assert!(halted.starts_with("order_group_triggered"), "{halted}");

    world.run_for(Nanos::from_secs(20));
    world.command(ControlCommand::Resume);
    world.run_for(SECOND);
    world.send_line(&take("d"));
    ended(&await_answer(&mut world, "d"), State::Filled, 10);
    finish(&mut world);
}
