//! The run ends: nothing of ours may be left on the book, and every signal is answered.

use kalshi_exec::order::State;
use kalshi_exec::sim::world::fault::{FrameFault, RequestFault};
use kalshi_exec::sim::world::host::TRADER;
use kalshi_exec::sim::world::network::LinkKind;
use kalshi_exec::units::Nanos;

use crate::theatre::{answer, await_state, create, ended, frame, rest, take, world};

#[test]
fn a_drain_cancels_what_rests_and_what_lands_later() {
    let late = RequestFault::Late(Nanos::from_ms(300));
    let mut world = world(vec![create(2, late)]);
    world.send_line(&rest("a"));
    await_state(&mut world, 0, State::Resting);
    world.send_line(&rest("b"));
    world.run_for(Nanos::from_ms(10));

    world.drain();

    assert!(world.drained());
    assert!(world.host().venue().open_orders(TRADER).is_empty());
    for id in ["a", "b"] {
        ended(&answer(&world, id).unwrap(), State::Canceled, 0);
    }
    assert!(world.audit().violations().is_empty(), "{:?}", world.audit().violations());
}

#[test]
fn a_drain_ends_at_its_bound_and_says_what_it_does_not_know() {
    // The order's fate can be learnt from nobody.
    let rules = vec![
        create(1, RequestFault::AnswerVanished),
        frame("fill", 1, FrameFault::Lost),
        frame("user_order", 1, FrameFault::Lost),
    ];
    let mut world = world(rules);
    let now = world.now().mono;
    world.network().refuse(LinkKind::Reads, now + Nanos::from_secs(300));
    world.host_mut().cut_http(now);
    world.run_for(Nanos::from_secs(1));
    world.open();
    world.send_line(&take("a"));
    await_state(&mut world, 0, State::Unknown);

    let began = world.now().mono;
    world.command(kalshi_exec::message::ControlCommand::Drain);
    assert!(world.run_until(Nanos::from_secs(60), kalshi_exec::sim::world::World::drained));

    let took = world.now().mono.since(began);
    assert!(took <= Nanos::from_secs(11), "{} ms", took.ms());
    ended(&answer(&world, "a").unwrap(), State::Unknown, 0);
    assert_eq!(world.summary().orders.unknown, 1);
    // What is learnt after the end makes no second answer.
    world.run_for(Nanos::from_secs(400));
    assert!(answer(&world, "a").is_some());
}
