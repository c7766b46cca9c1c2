//! A backfill brings a fill of an order whose exchange id nobody has told us yet.
//!
//! REST fills do not carry our id (reference §3.4). The fill is booked in the account at once;
//! its order must still get it when the look-up tells whose it was, or it waits for ever.

use kalshi_exec::order::State;
use kalshi_exec::sim::world::fault::{FrameFault, RequestFault, RequestKind, Rule};
use kalshi_exec::units::Nanos;

use crate::theatre::{
    await_answer, create, ended, finish, frame, held, sent_once, state_of, take, world_of_look_ups,
    yes,
};

#[test]
fn a_fill_booked_without_its_order_is_claimed_by_it() {
    let rules = vec![
        create(1, RequestFault::AnswerVanished),
        frame("fill", 1, FrameFault::Cut),
        frame("user_order", 1, FrameFault::Lost),
        // The look-up that follows the backfill is slow.
        Rule::Request(RequestKind::Read, 2, RequestFault::AnswerLate(Nanos::from_secs(1))),
    ];
    let mut world = world_of_look_ups(rules);

    world.send_line(&take("a"));
    let booked = world.run_until(Nanos::from_secs(2), |world| held(world) == yes(10));
    assert!(booked, "by the backfill");
    assert_eq!(state_of(&world, 0), State::Submitted, "whose fill it was is not known");

    let result = await_answer(&mut world, "a");

    ended(&result, State::Filled, 10);
    assert_eq!(held(&world), yes(10), "and is counted once");
    sent_once(&world);
    finish(&mut world);
}
