//! An answer that never comes is asked for with the same bytes under the same id.
//!
//! A new id buys twice (kalshi-starter-code-python#135); a blind repetition after the order is
//! known to live makes a duplicate (nautilus#4215). The same id is refused when the first one
//! landed, and what else is said of the second says nothing about the first.

use kalshi_exec::ids::Reason;
use kalshi_exec::message::{ControlCommand, GatewayEvent};
use kalshi_exec::order::State;
use kalshi_exec::recorder::journal::{Entry, JournalReader};
use kalshi_exec::sim::world::World;
use kalshi_exec::sim::world::fault::{Edit, FrameFault, RequestFault, Rule};
use kalshi_exec::units::{Nanos, Position, Timestamp};

use crate::theatre::{
    SECOND, await_answer, await_state, create, ended, finish, frame, held, journal, sent_once,
    sent_times, somebody_buys, state_of, take, with, world, world_with, yes,
};

/// The stream is no help: it loses its word on the first order.
fn with_a_deaf_stream(mut rules: Vec<Rule>) -> Vec<Rule> {
    rules.push(frame("fill", 1, FrameFault::Lost));
    rules.push(frame("user_order", 1, FrameFault::Lost));
    rules
}

#[test]
fn whatever_was_lost_the_same_bytes_land_once() {
    let landed = [
        RequestFault::AnswerLost,
        RequestFault::AnswerVanished,
        RequestFault::Masked(500),
        RequestFault::Masked(502),
        RequestFault::Masked(503),
        RequestFault::Masked(504),
        RequestFault::Edited(Edit::NoOrderId),
        RequestFault::Edited(Edit::Html),
        RequestFault::Edited(Edit::OtherClientOrderId),
    ];
    let nowhere = [
        RequestFault::Lost,
        RequestFault::Vanished,
        RequestFault::CutShort,
        RequestFault::Intercepted(503),
        RequestFault::Intercepted(408),
    ];
    for fault in landed.into_iter().chain(nowhere) {
        let mut world = world(with_a_deaf_stream(vec![create(1, fault)]));

        world.send_line(&take("a"));
        await_state(&mut world, 0, State::Unknown);
        assert!(!world.core().exposure().in_flight().is_zero(), "{fault:?}: it stays reserved");
        let result = await_answer(&mut world, "a");

        ended(&result, State::Filled, 10);
        assert_eq!(held(&world), yes(10), "{fault:?}");
        sent_times(&world, 2);
        let flow = *world.core().guard().ledger().flow();
        assert_eq!((flow.approved, flow.written), (1, 1), "{fault:?}: one intent, one write of it");
        finish(&mut world);
    }
}

/// Times from each loss to the repetition that follows it.
fn pauses(world: &World) -> Vec<Nanos> {
    let (mut lost_at, mut pauses) = (Timestamp::ZERO, Vec::new());
    let reader = JournalReader::from_bytes(world.journal().bytes()).expect("a journal");
    for entry in reader {
        let (header, entry) = entry.expect("an intact entry");
        match entry {
            Entry::Gateway(GatewayEvent::Lost { .. }) => lost_at = header.now.mono,
            Entry::Resend(_) => pauses.push(header.now.mono.since(lost_at)),
            _ => {}
        }
    }
    pauses
}

#[test]
fn repetitions_are_a_tenth_of_a_second_apart_and_two_at_most() {
    let rules = (1..=3).map(|nth| create(nth, RequestFault::Lost)).collect();
    let mut world = world(rules);

    world.send_line(&take("a"));
    await_state(&mut world, 0, State::Unknown);
    let lost_at = world.now().mono;
    let result = await_answer(&mut world, "a");

    sent_times(&world, 3);
    ended(&result, State::Rejected, 0);
    assert_eq!(result.error.unwrap().code.as_str(), "not_landed", "look-ups have the last word");
    assert!(world.now().mono.since(lost_at) >= Nanos::from_secs(3), "a lasting absence");
    assert_eq!(pauses(&world), [Nanos::from_ms(100), Nanos::from_ms(100)]);
    assert_eq!(held(&world), Position::FLAT);
    finish(&mut world);
}

#[test]
fn the_journal_has_a_repetition_before_the_wire_does() {
    let mut world = world(vec![create(1, RequestFault::Lost)]);
    world.send_line(&take("a"));
    await_answer(&mut world, "a");

    let entries = journal(&world);
    let submits = entries.iter().filter_map(|entry| match entry {
        Entry::Submit(order) => Some(*order),
        _ => None,
    });
    let repeats = entries.iter().filter_map(|entry| match entry {
        Entry::Resend(order) => Some(*order),
        _ => None,
    });
    assert_eq!(submits.collect::<Vec<_>>(), repeats.collect::<Vec<_>>(), "the same order");
    finish(&mut world);
}

#[test]
fn an_order_that_the_stream_has_told_of_is_not_sent_again() {
    // The fill comes with the loss of the answer, well before the repetition is due.
    let mut world = world(vec![create(1, RequestFault::Masked(504))]);

    world.send_line(&take("a"));
    ended(&await_answer(&mut world, "a"), State::Filled, 10);
    world.run_for(SECOND);

    sent_once(&world);
    finish(&mut world);
}

#[test]
fn a_halt_keeps_a_repetition_from_the_wire() {
    let mut world = world(vec![create(1, RequestFault::Lost)]);
    world.send_line(&take("a"));
    await_state(&mut world, 0, State::Unknown);

    world.command(ControlCommand::Halt { reason: Reason::lossy("drill") });
    let result = await_answer(&mut world, "a");

    ended(&result, State::Rejected, 0);
    sent_once(&world);
    world.command(ControlCommand::Resume);
    world.run_for(SECOND);
    sent_once(&world);
    finish(&mut world);
}

#[test]
fn what_is_said_of_a_repetition_says_nothing_about_the_first() {
    // The first one is under way for 2.5 s; its repetition meets a full bucket at 2.1 s.
    let rules = with_a_deaf_stream(vec![
        create(1, RequestFault::Late(Nanos::from_ms(2_500))),
        create(2, RequestFault::Intercepted(429)),
    ]);
    let mut world = world(rules);

    world.send_line(&take("a"));
    let refused = world.run_until(Nanos::from_secs(3), |world| {
        let order = world.core().orders().iter().next();
        order.is_some_and(|order| order.resends == 1 && order.answered)
    });
    assert!(refused, "the repetition was answered");
    assert_eq!(state_of(&world, 0), State::Unknown, "and proves nothing");
    let result = await_answer(&mut world, "a");

    ended(&result, State::Filled, 10);
    assert_eq!(held(&world), yes(10));
    sent_times(&world, 2);
    finish(&mut world);
}

#[test]
fn a_first_one_that_arrives_after_its_repetition_buys_nothing_more() {
    let mut world = world(vec![create(1, RequestFault::Late(Nanos::from_ms(2_700)))]);

    world.send_line(&take("a"));
    ended(&await_answer(&mut world, "a"), State::Filled, 10);
    world.run_for(Nanos::from_secs(5));

    assert_eq!(held(&world), yes(10));
    sent_times(&world, 2);
    finish(&mut world);
}

#[test]
fn an_order_is_not_sent_again_when_the_signal_is_over_or_the_market_has_moved() {
    // Over: by the time the answer is given up.
    let mut world = world(vec![create(1, RequestFault::Vanished)]);
    let expires = world.now().wall.unix_ns() + Nanos::from_secs(1).ns();
    world.send_line(&with(&take("a"), &format!("\"expires_ns\":{expires}")));
    ended(&await_answer(&mut world, "a"), State::Rejected, 0);
    sent_once(&world);
    finish(&mut world);

    // Moved: another signal says so before the repetition is due.
    let mut world = world_with(vec![create(1, RequestFault::Vanished)], |config| {
        config.limits.order_spacing_min = Nanos::from_secs(60);
        // Signals alone tell of the market.
        config.orders.books_max = 0;
    });
    world.send_line(&take("a"));
    world.run_for(SECOND);
    somebody_buys(&mut world, 50);
    world.send_line(&take("b").replace("\"yes_ask\":42", "\"yes_ask\":46"));
    ended(&await_answer(&mut world, "a"), State::Rejected, 0);
    sent_times(&world, 1);
    finish(&mut world);
}

#[test]
fn repetitions_can_be_switched_off() {
    let mut world = world_with(vec![create(1, RequestFault::Lost)], |config| {
        config.orders.resends_max = 0;
    });
    world.send_line(&take("a"));
    ended(&await_answer(&mut world, "a"), State::Rejected, 0);
    sent_once(&world);
    finish(&mut world);
}

#[test]
fn an_old_order_is_not_sent_again() {
    let mut world = world_with(vec![create(1, RequestFault::Vanished)], |config| {
        config.orders.resend_age_max = SECOND;
    });
    world.send_line(&take("a"));
    ended(&await_answer(&mut world, "a"), State::Rejected, 0);
    sent_once(&world);
    finish(&mut world);
}
