//! A making order that the exchange moves: it stays the same order, whatever becomes of the
//! request, and at no time may more of it fill, or dearer, than was approved and reserved.

use kalshi_exec::oms::config::Repeg;
use kalshi_exec::order::State;
use kalshi_exec::recorder::journal::Entry;
use kalshi_exec::risk::Flow;
use kalshi_exec::sim::world::World;
use kalshi_exec::sim::world::fault::{RequestFault, RequestKind, Rule};
use kalshi_exec::sim::world::host::TRADER;
use kalshi_exec::units::{Money, Nanos, Position, Price};

use crate::theatre::{
    SECOND, await_answer, await_state, ended, finish, held, journal, limits, line, order,
    sent_once, somebody_buys, somebody_sells, with, world_with, yes,
};

/// How long a request that was lost may still arrive.
const ABSENCE: Nanos = Nanos::from_secs(35);

/// What becomes of the n-th amendment.
const fn amend(nth: u32, fault: RequestFault) -> Rule {
    Rule::Request(RequestKind::Amend, nth, fault)
}

/// A making order for ten YES rests at 41 until `life` is over; the ask it follows is 42.
fn resting(rules: Vec<Rule>, life: Nanos) -> World {
    let mut world = world_with(rules, |config| {
        config.orders.repeg = Repeg::Amend;
        config.orders.absence_wait = ABSENCE;
    });
    let expires = (world.now().wall + life).unix_ns();
    let signal = line("a", "BUY_YES", 42, 10, "immediate_or_cancel");
    world.send_line(&with(&signal, &format!(r#""style":"make","expires_ns":{expires}"#)));
    await_state(&mut world, 0, State::Resting);
    world.run_for(SECOND);
    world
}

fn price(world: &World) -> Price {
    order(world, 0).expect("the order").terms().price
}

/// Where the exchange has the order.
fn price_there(world: &World) -> Option<Price> {
    let open = world.host().venue().open_orders(TRADER);
    assert!(open.len() <= 1, "never two orders where one was wanted: {open:?}");
    open.first().map(|order| order.price)
}

fn cents(cents: u32) -> Price {
    Price::from_cents(cents).expect("a price")
}

fn amendments(world: &World) -> usize {
    journal(world).iter().filter(|entry| matches!(entry, Entry::Amend(_))).count()
}

fn flow(world: &World) -> Flow {
    *world.core().guard().changes().flow()
}

/// Ends well: one order was written, once, and every change had its answer or its loss.
#[track_caller]
fn end(mut world: World) {
    sent_once(&world);
    finish(&mut world);
    assert_eq!(world.core().guard().imbalance(), 0, "{:?}", flow(&world));
    assert_eq!(world.core().exposure().reserved(), Money::ZERO, "nothing stays held back");
}

#[test]
fn a_making_order_is_moved_without_being_taken_off_the_book() {
    let mut world = resting(vec![], Nanos::from_secs(9));
    let there = world.host().venue().open_orders(TRADER)[0].id;

    somebody_buys(&mut world, 50);
    let moved = world.run_until(Nanos::from_secs(5), |world| price(world) == cents(42));

    assert!(moved, "the ask is 43 now");
    assert_eq!(price_there(&world), Some(cents(42)));
    assert_eq!(world.host().venue().open_orders(TRADER)[0].id, there, "the same order");
    let result = await_answer(&mut world, "a");
    ended(&result, State::Canceled, 0);
    assert_eq!((limits(&result), result.retries), (vec![42], 1));
    assert_eq!((amendments(&world), flow(&world).answered), (1, 1));
    assert_eq!(held(&world), Position::FLAT);
    end(world);
}

#[test]
fn what_a_moved_order_fills_is_paid_at_its_new_price() {
    let mut world = resting(vec![], Nanos::from_secs(9));
    somebody_buys(&mut world, 50);
    world.run_until(Nanos::from_secs(5), |world| price(world) == cents(42));

    somebody_sells(&mut world, 10);
    let result = await_answer(&mut world, "a");

    ended(&result, State::Filled, 10);
    assert_eq!(result.cost, Money::from_cents(420));
    assert_eq!(held(&world), yes(10));
    end(world);
}

#[test]
fn an_amend_whose_answer_is_lost_is_looked_up() {
    for fault in [RequestFault::AnswerLost, RequestFault::AnswerVanished, RequestFault::Masked(503)]
    {
        let mut world = resting(vec![amend(1, fault)], Nanos::from_secs(20));
        somebody_buys(&mut world, 50);
        let lost = world.run_until(Nanos::from_secs(5), |world| flow(world).lost == 1);
        assert!(lost, "{fault:?}");

        // Either price may be true: the dearer one stays reserved.
        let dearer = Money::from_cents(420);
        assert!(world.core().exposure().reserved() >= dearer, "{fault:?}");
        let told = world.run_until(Nanos::from_secs(5), |world| price(world) == cents(42));

        assert!(told, "the exchange's word is taken: {fault:?}");
        assert_eq!(order(&world, 0).unwrap().change(), None);
        let result = await_answer(&mut world, "a");
        ended(&result, State::Canceled, 0);
        end(world);
    }
}

#[test]
fn an_amend_that_never_arrived_is_believed_only_when_it_cannot_arrive_any_more() {
    let rules = vec![amend(1, RequestFault::Lost)];
    let mut world = resting(rules, Nanos::from_secs(60));
    somebody_buys(&mut world, 50);
    world.run_until(Nanos::from_secs(5), |world| flow(world).lost == 1);

    world.run_for(Nanos::from_secs(10));
    let reserved = world.core().exposure().reserved();
    assert!(order(&world, 0).unwrap().change().is_some(), "it may yet arrive");
    assert!(reserved >= Money::from_cents(420), "{reserved:?}");
    assert_eq!((price(&world), amendments(&world)), (cents(41), 1));

    let given_up = world.run_until(Nanos::from_secs(40), |world| amendments(world) == 2);
    assert!(given_up, "it is asked again once the first cannot arrive any more");
    assert!(world.run_until(Nanos::from_secs(5), |world| price(world) == cents(42)));
    await_answer(&mut world, "a");
    end(world);
}

#[test]
fn an_amend_loses_to_a_fill() {
    let rules = vec![amend(1, RequestFault::Late(Nanos::from_ms(300)))];
    let mut world = resting(rules, Nanos::from_secs(9));
    somebody_buys(&mut world, 50);
    assert!(world.run_until(Nanos::from_secs(5), |world| amendments(world) == 1));

    somebody_sells(&mut world, 10);
    let result = await_answer(&mut world, "a");

    ended(&result, State::Filled, 10);
    assert_eq!(result.cost, Money::from_cents(410), "at the price at which it still rested");
    assert_eq!(held(&world), yes(10));
    end(world);
}

#[test]
fn a_partial_fill_during_an_amend_counts_for_its_total() {
    let rules = vec![amend(1, RequestFault::Late(Nanos::from_ms(300)))];
    let mut world = resting(rules, Nanos::from_secs(9));
    somebody_buys(&mut world, 50);
    world.run_until(Nanos::from_secs(5), |world| amendments(world) == 1);

    somebody_sells(&mut world, 4);
    assert!(world.run_until(Nanos::from_secs(5), |world| price(world) == cents(42)));
    somebody_sells(&mut world, 20);
    let result = await_answer(&mut world, "a");

    ended(&result, State::Filled, 10);
    assert_eq!(result.cost, Money::from_cents(4 * 41 + 6 * 42));
    assert_eq!(held(&world), yes(10), "ten were wanted, not fourteen");
    end(world);
}

#[test]
fn an_amend_refused_keeps_the_order() {
    for status in [400, 409, 429] {
        let rules = vec![amend(1, RequestFault::Intercepted(status))];
        let mut world = resting(rules, Nanos::from_secs(15));
        somebody_buys(&mut world, 50);
        let refused = world.run_until(Nanos::from_secs(5), |world| flow(world).answered == 1);

        assert!(refused, "{status}");
        assert_eq!((price(&world), price_there(&world)), (cents(41), Some(cents(41))));
        assert_eq!(order(&world, 0).unwrap().change(), None);
        // It still is in the wrong place, and is asked for again when its time has come.
        assert!(world.run_until(Nanos::from_secs(8), |world| price(world) == cents(42)));
        await_answer(&mut world, "a");
        end(world);
    }
}

#[test]
fn no_order_is_amended_once_halted_and_its_cancel_goes() {
    let rules = vec![amend(1, RequestFault::Late(Nanos::from_ms(500)))];
    let mut world = resting(rules, Nanos::from_secs(30));
    somebody_buys(&mut world, 50);
    world.run_until(Nanos::from_secs(5), |world| amendments(world) == 1);

    world.command(kalshi_exec::message::ControlCommand::Halt {
        reason: kalshi_exec::ids::Reason::lossy("drill"),
    });
    let result = await_answer(&mut world, "a");
    world.run_for(Nanos::from_secs(5));

    ended(&result, State::Canceled, 0);
    assert_eq!(amendments(&world), 1, "the one that was on its way found nothing to move");
    assert_eq!(price_there(&world), None);
    end(world);
}
