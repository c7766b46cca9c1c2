//! An order is reported resting by the stream long before its answer comes.
//!
//! Both say the same; whoever comes second must not send, cancel or count anything.

use kalshi_exec::order::State;
use kalshi_exec::sim::world::fault::RequestFault;
use kalshi_exec::units::Nanos;

use crate::theatre::{answer, await_state, create, finish, rest, sent_once, state_of, world};

#[test]
fn a_resting_order_takes_its_late_ack_as_no_news() {
    let late = RequestFault::AnswerLate(Nanos::from_ms(1_500));
    let mut world = world(vec![create(1, late)]);

    let sent = world.now().mono;
    world.send_line(&rest("a"));
    await_state(&mut world, 0, State::Resting);
    let took = world.now().mono.since(sent);
    assert!(took < Nanos::from_ms(1_000), "by the stream, not by the answer");
    world.run_for(Nanos::from_secs(2));

    assert_eq!(state_of(&world, 0), State::Resting);
    assert!(answer(&world, "a").is_none(), "it still lives");
    sent_once(&world);
    finish(&mut world);
}
