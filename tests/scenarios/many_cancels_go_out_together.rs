//! A person cancels many resting orders at once: few requests, each order with its own end, and no
//! aftermath as the cancel of everything has.

use kalshi_exec::message::ControlCommand;
use kalshi_exec::order::State;
use kalshi_exec::sim::world::fault::RequestFault;
use kalshi_exec::sim::world::host::TRADER;

use crate::theatre::{SECOND, await_answer, cancel, ended, finish, line, state_of, world};

const MANY: usize = 12;

#[track_caller]
fn all_end(rules: Vec<kalshi_exec::sim::world::fault::Rule>) {
    let mut world = world(rules);
    for nth in 0..MANY {
        let order = line(&format!("r-{nth}"), "BUY_YES", 39, 1, "good_till_canceled");
        world.send_line(&order);
        world.run_until(SECOND, |world| state_of(world, nth) == State::Resting);
    }
    assert_eq!(world.host().venue().open_orders(TRADER).len(), MANY);

    let before = world.host().cancel_requests();
    world.command(ControlCommand::CancelAll);
    for nth in 0..MANY {
        ended(&await_answer(&mut world, &format!("r-{nth}")), State::Canceled, 0);
    }

    let requests = world.host().cancel_requests() - before;
    assert!(requests <= 6, "{requests} requests for {MANY} orders");
    assert!(!world.core().in_aftermath(world.now()));
    assert!(world.host().venue().open_orders(TRADER).is_empty());
    finish(&mut world);
}

#[test]
fn many_cancels_are_few_requests() {
    all_end(Vec::new());
}

#[test]
fn a_batch_whose_answer_is_lost_leaves_no_order_behind() {
    all_end(vec![cancel(1, RequestFault::AnswerLost)]);
    all_end(vec![cancel(1, RequestFault::Masked(503))]);
}
