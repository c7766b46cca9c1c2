//! A burst of more signals than there are connections: the orders that would wait for one another's
//! answers share a request, and each is its own order for all that.

use kalshi_exec::order::State;
use kalshi_exec::sim::world::World;
use kalshi_exec::sim::world::fault::{RequestFault, Rule};

use crate::theatre::{
    await_answer, create, ended, finish, held, line, sent_once, sent_times, world_with, yes,
};

const MANY: usize = 6;

/// A pool that leaves one connection to orders, and six signals at once for two contracts each.
fn burst(rules: Vec<Rule>) -> World {
    let mut world = world_with(rules, |config| {
        config.gateway.pool.connections = 2;
        config.limits.open_orders_per_market_max = 20;
    });
    for nth in 0..MANY {
        world.send_line(&line(&format!("s-{nth}"), "BUY_YES", 42, 2, "immediate_or_cancel"));
    }
    world
}

#[track_caller]
fn all_fill(world: &mut World) {
    for nth in 0..MANY {
        ended(&await_answer(world, &format!("s-{nth}")), State::Filled, 2);
    }
    assert_eq!(held(world), yes(12));
}

#[test]
fn orders_that_wait_share_a_request() {
    let mut world = burst(vec![]);
    all_fill(&mut world);
    let requests = world.host().create_requests();
    assert!((requests as usize) < MANY, "{requests} requests for {MANY} orders");
    sent_once(&world);
    finish(&mut world);
}

#[test]
fn a_batch_whose_answer_is_lost_leaves_each_order_to_be_found() {
    for fault in [RequestFault::AnswerLost, RequestFault::Masked(503)] {
        let mut world = burst(vec![create(2, fault)]);
        all_fill(&mut world);
        finish(&mut world);
    }
}

#[test]
fn a_batch_that_never_arrived_is_sent_again_order_by_order() {
    let mut world = burst(vec![create(2, RequestFault::Lost)]);
    all_fill(&mut world);
    let again = world.core().orders().iter().filter(|order| order.resends == 1).count();
    assert!(again > 1, "each of them in a request of its own");
    finish(&mut world);
}

#[test]
fn a_batch_of_which_nothing_left_is_sent_once() {
    let mut world = burst(vec![create(2, RequestFault::NothingLeaves)]);
    all_fill(&mut world);
    sent_times(&world, 1);
    finish(&mut world);
}
