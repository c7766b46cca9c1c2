//! The fill feed is lost while an order rests, and the order fills meanwhile.
//!
//! Trading on a position that is not known is how limits are broken: no order goes out until what
//! was missed has been booked.

use kalshi_exec::message::{FetchCommand, FetchEvent};
use kalshi_exec::order::State;
use kalshi_exec::recorder::journal::Entry;
use kalshi_exec::recorder::record::Outcome;
use kalshi_exec::risk::{Limit, Readiness};
use kalshi_exec::sim::world::World;
use kalshi_exec::sim::world::fault::{RequestFault, RequestKind, Rule};
use kalshi_exec::sim::world::network::LinkKind;
use kalshi_exec::units::Nanos;

use crate::theatre::{
    SECOND, await_answer, await_state, ended, finish, held, journal, rest_in_front, somebody_sells,
    take, world, yes,
};

#[test]
fn nothing_is_traded_until_what_was_missed_is_booked() {
    let mut world = world(vec![]);
    world.send_line(&rest_in_front("a"));
    await_state(&mut world, 0, State::Resting);

    let now = world.now().mono;
    world.network().refuse(LinkKind::Stream, now + Nanos::from_secs(3));
    world.host_mut().cut_streams(now);
    world.run_for(SECOND);
    somebody_sells(&mut world, 10);
    world.send_line(&take("b"));

    let refused = await_answer(&mut world, "b");
    let Outcome::Refused(refusal) = refused.outcome else { panic!("{refused:?}") };
    assert_eq!(refusal.limit, Limit::NotReady);
    let told = |world: &World| held(world) == yes(10);
    assert!(world.run_until(Nanos::from_ms(500), told), "fills are read while the stream is down");
    world.send_line(&take("c"));
    let refused = await_answer(&mut world, "c");
    assert!(matches!(refused.outcome, Outcome::Refused(_)), "and nothing is traded: {refused:?}");

    let ready = |world: &World| world.core().readiness() == Readiness::Ready;
    assert!(world.run_until(Nanos::from_secs(10), ready));
    assert_eq!(held(&world), yes(10), "trading resumes with the fill booked");
    ended(&await_answer(&mut world, "a"), State::Filled, 10);
    finish(&mut world);
}

/// Backfills that were asked for, and those that were answered.
fn backfills(world: &World) -> (usize, usize) {
    let entries = journal(world);
    let asked = |entry: &&Entry| matches!(entry, Entry::Ask(FetchCommand::Backfill { .. }));
    let done = |entry: &&Entry| matches!(entry, Entry::Fetch(FetchEvent::BackfillDone));
    (entries.iter().filter(asked).count(), entries.iter().filter(done).count())
}

#[test]
fn an_earlier_backfills_answer_does_not_open_trading() {
    // Two reads open trading at the start; the first one after that is slow.
    let slow = RequestFault::AnswerLate(Nanos::from_ms(500));
    let mut world = world(vec![Rule::Request(RequestKind::Read, 3, slow)]);
    world.send_line(&rest_in_front("a"));
    await_state(&mut world, 0, State::Resting);
    let (asked, done) = backfills(&world);
    let now = world.now().mono;
    world.host_mut().cut_streams(now);
    assert!(world.run_until(SECOND, |world| backfills(world) == (asked + 1, done)));
    world.run_for(Nanos::from_ms(100));

    // The feed is lost and found again before the answer comes, which lacks what trades meanwhile.
    let now = world.now().mono;
    world.host_mut().cut_streams(now);
    world.run_for(Nanos::from_ms(1));
    somebody_sells(&mut world, 10);
    let ready = |world: &World| world.core().readiness() == Readiness::Ready;
    assert!(world.run_until(Nanos::from_secs(10), ready));

    let (asked_now, done_now) = backfills(&world);
    assert!(asked_now > asked + 1, "the slow answer alone opened trading");
    assert_eq!(asked_now, done_now, "one read at a time, each answered");
    assert_eq!(held(&world), yes(10));
    finish(&mut world);
}
