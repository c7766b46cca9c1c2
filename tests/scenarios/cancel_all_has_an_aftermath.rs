//! A cancel of everything may take orders of the following minute with it (reference §3.1).
//!
//! An order that rests then is gone without a word; one that trades at once is not there to be
//! cancelled.

use kalshi_exec::ids::Reason;
use kalshi_exec::message::ControlCommand;
use kalshi_exec::order::State;
use kalshi_exec::recorder::record::Outcome;
use kalshi_exec::risk::Limit;
use kalshi_exec::units::Nanos;

use crate::theatre::{SECOND, await_answer, await_state, ended, finish, rest, take, world};

#[test]
fn orders_that_would_rest_wait_for_a_minute_and_takers_do_not() {
    let mut world = world(Vec::new());
    world.command(ControlCommand::Halt { reason: Reason::lossy("drill") });
    world.run_for(SECOND);
    world.command(ControlCommand::Resume);
    world.run_for(SECOND);

    assert!(world.core().in_aftermath(world.now()));
    assert!(world.audit().alerts().iter().any(|it| it.contains("cancel_all_aftermath")));
    world.send_line(&rest("a"));
    let Outcome::Refused(refusal) = await_answer(&mut world, "a").outcome else {
        panic!("it would rest")
    };
    assert_eq!(refusal.limit, Limit::NotReady);
    world.send_line(&take("b"));
    ended(&await_answer(&mut world, "b"), State::Filled, 10);

    world.run_for(Nanos::from_secs(60));
    world.send_line(&rest("c"));
    await_state(&mut world, 1, State::Resting);
    finish(&mut world);
}
