//! The answer to a new order describes another one (the exchange's note of May 2026).
//!
//! Believing it ties fills and cancels to the wrong order. Nothing of such an answer is believed;
//! our own id, which we made, finds the order.

use kalshi_exec::order::State;
use kalshi_exec::sim::world::fault::{Edit, FrameFault, RequestFault};
use kalshi_exec::units::Nanos;

use crate::theatre::{
    await_answer, await_state, create, ended, finish, frame, held, order, rest, sent_times, take,
    world, yes,
};

#[test]
fn an_answer_with_a_foreign_client_id_leaves_the_order_unknown() {
    let edited = RequestFault::Edited(Edit::OtherClientOrderId);
    let rules = vec![
        create(1, edited),
        frame("fill", 1, FrameFault::Held(Nanos::from_secs(20))),
        frame("user_order", 1, FrameFault::Lost),
    ];
    let mut world = world(rules);

    world.send_line(&take("a"));
    await_state(&mut world, 0, State::Unknown);
    let result = await_answer(&mut world, "a");

    ended(&result, State::Filled, 10);
    assert_eq!(result.error.unwrap().code.as_str(), "bad_answer");
    assert_eq!(held(&world), yes(10));
    sent_times(&world, 2);
    finish(&mut world);
}

#[test]
fn two_ids_for_one_order_stop_the_market_until_a_look_up_settles_it() {
    let mut world = world(vec![create(1, RequestFault::Edited(Edit::OtherOrderId))]);

    world.send_line(&take("a"));
    let result = await_answer(&mut world, "a");

    ended(&result, State::Filled, 10);
    assert_eq!(held(&world), yes(10));
    assert!(!world.audit().alerts().is_empty(), "a person is told");
    world.send_line(&take("b"));
    let refused = await_answer(&mut world, "b");
    assert!(format!("{:?}", refused.outcome).contains("MarketStopped"), "{refused:?}");
    finish(&mut world);
}

#[test]
fn a_resting_order_known_by_a_wrong_id_is_found_by_ours_and_cancelled() {
    let rules = vec![
        create(1, RequestFault::Edited(Edit::OtherOrderId)),
        frame("user_order", 1, FrameFault::Lost),
    ];
    let mut world = world(rules);

    world.send_line(&rest("a"));
    let result = await_answer(&mut world, "a");

    ended(&result, State::Canceled, 0);
    let theirs = world.host().venue().open_orders(kalshi_exec::sim::world::host::TRADER);
    assert!(theirs.is_empty(), "{theirs:?}");
    assert!(!order(&world, 0).unwrap().order_id().as_str().ends_with("dead"));
    finish(&mut world);
}
