//! On Thursdays from three to five in New York the exchange is closed: the engine knows without
//! asking, says so under a name, sends nothing, and trades when it is over.
//!
//! The window is the calendar's, so that the story is told on a clock that can be set.

use kalshi_exec::order::State;
use kalshi_exec::recorder::record::Outcome;
use kalshi_exec::risk::{Limit, Limits};
use kalshi_exec::sim::world::World;
use kalshi_exec::units::{Nanos, WallTime};

use crate::theatre::{SECOND, await_answer, ended, finish, take, world_with};

/// Thursday 2 July 2026, 03:00 in New York, and the end of the window.
const OPENS_MS: u64 = 1_782_975_600_000;
const ENDS_MS: u64 = OPENS_MS + 2 * 3_600_000;

/// A world ten seconds before a moment.
fn before(unix_ms: u64) -> World {
    world_with(vec![], |config| {
        config.starts = WallTime::from_unix_ms(unix_ms - 10_000);
        config.limits.maintenance = Limits::default().maintenance;
    })
}

/// Whether the condition holds, and how often it began.
fn told(world: &World) -> Option<(bool, u64)> {
    let summary = world.summary();
    summary.troubles.get("maintenance").map(|told| (told.active, told.count))
}

#[track_caller]
fn refused_unsent(world: &mut World, id: &str) {
    let creates = world.host().all_creates().count();
    world.send_line(&take(id));
    let Outcome::Refused(refusal) = await_answer(world, id).outcome else { panic!("{id} is sent") };
    assert_eq!(refusal.limit, Limit::ExchangePaused);
    assert_eq!(world.host().all_creates().count(), creates, "nothing leaves");
}

#[test]
fn when_the_window_begins_it_is_named_and_nothing_is_sent() {
    let mut world = before(OPENS_MS);
    world.send_line(&take("in-time"));
    ended(&await_answer(&mut world, "in-time"), State::Filled, 10);
    assert_eq!(told(&world), None);

    world.run_for(Nanos::from_secs(12));

    assert_eq!(told(&world), Some((true, 1)));
    refused_unsent(&mut world, "late");
    world.run_for(Nanos::from_secs(60));
    refused_unsent(&mut world, "later");
    finish(&mut world);
}

#[test]
fn when_the_window_ends_it_is_over_and_orders_go_out() {
    let mut world = before(ENDS_MS);
    assert_eq!(told(&world), Some((true, 1)));
    refused_unsent(&mut world, "early");

    let over = world.run_until(Nanos::from_secs(20), |world| told(world) == Some((false, 1)));

    assert!(over, "{:?}", told(&world));
    world.run_for(SECOND);
    world.send_line(&take("after"));
    ended(&await_answer(&mut world, "after"), State::Filled, 10);
    finish(&mut world);
}
