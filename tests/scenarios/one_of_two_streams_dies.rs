//! The exchange's stream is heard over two connections, and one of them dies.
//!
//! What only the living one tells must be known as soon as ever; nothing is told twice; and an end
//! that was noticed late must not be taken for covered when it was not.

use kalshi_exec::message::{FeedEvent, Trouble, Turn};
use kalshi_exec::order::State;
use kalshi_exec::recorder::journal::Entry;
use kalshi_exec::recorder::record::Record;
use kalshi_exec::risk::Readiness;
use kalshi_exec::sim::world::World;
use kalshi_exec::sim::world::network::LinkKind;
use kalshi_exec::units::Nanos;

use crate::theatre::{
    SECOND, await_answer, await_state, ended, finish, held, journal, rest_in_front, somebody_sells,
    take, world_with, yes,
};

/// A world with two connections that have proven themselves.
fn two_streams() -> World {
    let mut world = world_with(vec![], |config| {
        config.feed_connections = 2;
        config.orders.fill_timeout = Nanos::from_secs(600);
    });
    world.run_for(Nanos::from_secs(6));
    assert_eq!(world.host().sessions(), 2);
    world
}

/// What the oms has heard from the feed.
fn heard(world: &World, what: impl Fn(&FeedEvent) -> bool) -> usize {
    let entries = journal(world);
    entries.iter().filter(|entry| matches!(entry, Entry::Feed(event) if what(event))).count()
}

fn outages(world: &World) -> usize {
    heard(world, |event| *event == FeedEvent::Down)
}

#[test]
fn everything_is_told_once() {
    let mut world = two_streams();
    world.send_line(&take("a"));
    ended(&await_answer(&mut world, "a"), State::Filled, 10);
    world.run_for(SECOND);
    assert_eq!(heard(&world, |event| matches!(event, FeedEvent::Fill(_))), 1);
    let streams = world.summary().feed;
    let repeated: u64 = streams.iter().map(|link| link.counts.repetitions).sum();
    assert!(repeated > 0, "the other told it too: {streams:?}");
    finish(&mut world);
}

#[test]
fn trading_goes_on_over_the_other_and_no_fill_is_lost() {
    let mut world = two_streams();
    world.send_line(&rest_in_front("a"));
    await_state(&mut world, 0, State::Resting);

    let now = world.now().mono;
    world.network().refuse(LinkKind::Stream, now + Nanos::from_secs(20));
    world.host_mut().cut_stream(now, 0);
    world.run_for(SECOND);
    somebody_sells(&mut world, 10);

    let told = |world: &World| held(world) == yes(10);
    assert!(world.run_until(Nanos::from_ms(100), told), "at once, by the one that lives");
    world.send_line(&take("b"));
    ended(&await_answer(&mut world, "b"), State::Filled, 10);
    assert_eq!(outages(&world), 0);
    let began = |record: &Record| {
        matches!(record, Record::Trouble(news)
            if news.trouble == Trouble::FeedNotRedundant && news.turn == Turn::Began)
    };
    world.run_for(Nanos::from_secs(5));
    assert_eq!(world.tap().records().iter().filter(|record| began(record)).count(), 1);
    world.run_for(Nanos::from_secs(60));
    let troubles = world.summary().troubles;
    assert!(!troubles["feed_not_redundant"].active, "{troubles:?}");
    assert_eq!(world.host().sessions(), 2);
    finish(&mut world);
}

#[test]
fn both_at_once_are_an_outage() {
    let mut world = two_streams();
    world.send_line(&rest_in_front("a"));
    await_state(&mut world, 0, State::Resting);

    let now = world.now().mono;
    world.network().refuse(LinkKind::Stream, now + Nanos::from_secs(3));
    world.host_mut().cut_streams(now);
    world.run_for(SECOND);
    somebody_sells(&mut world, 10);
    assert_eq!(world.core().readiness(), Readiness::NotReady);

    let ready = |world: &World| world.core().readiness() == Readiness::Ready;
    assert!(world.run_until(Nanos::from_secs(20), ready));
    assert_eq!(held(&world), yes(10), "trading resumes with the fill booked");
    assert_eq!(outages(&world), 1);
    finish(&mut world);
}

#[test]
fn a_silent_one_does_not_cover_for_the_other() {
    let mut world = two_streams();
    world.send_line(&rest_in_front("a"));
    await_state(&mut world, 0, State::Resting);

    // The first falls silent and nobody knows; the second breaks, and comes back too late for a
    // fill that nobody has told.
    world.host_mut().silence_stream(0);
    world.run_for(Nanos::from_ms(200));
    let now = world.now().mono;
    world.network().refuse(LinkKind::Stream, now + Nanos::from_ms(300));
    world.host_mut().cut_stream(now, 1);
    world.run_for(Nanos::from_ms(100));
    somebody_sells(&mut world, 10);
    world.run_for(Nanos::from_secs(5));
    assert_eq!(outages(&world), 0, "not noticed yet");

    let noticed = |world: &World| outages(world) == 1;
    assert!(world.run_until(Nanos::from_secs(30), noticed));
    let told = |world: &World| held(world) == yes(10);
    assert!(world.run_until(Nanos::from_secs(3), told), "it is read back");
    ended(&await_answer(&mut world, "a"), State::Filled, 10);
    assert_eq!(heard(&world, |event| matches!(event, FeedEvent::Missed { .. })), 1);
    finish(&mut world);
}
