//! A fill becomes known after the one that closed a part: the exchange closed at another average.
//!
//! Cash and position come out equal whatever the order; the cost of what is left and the profit of
//! what was closed do not. The day's loss counts that profit, so the exchange's split is taken over
//! (R10), told, and kept in the journal.

use kalshi_exec::message::BookSide;
use kalshi_exec::order::State;
use kalshi_exec::recorder::journal::Entry;
use kalshi_exec::sim::world::World;
use kalshi_exec::sim::world::fault::{FrameFault, Rule};
use kalshi_exec::sim::world::meddling::HandMade;
use kalshi_exec::units::{Contracts, Money, Nanos, Price};

use crate::theatre::{
    await_state, finish, frame, held, journal, line, market, somebody_sells, take, world, yes,
};

fn cost(world: &World) -> Money {
    let market = world.core().markets().find(&market()).expect("it is listed").ix;
    world.core().account().holding(market).cost
}

fn restated(world: &World) -> usize {
    journal(world).iter().filter(|entry| matches!(entry, Entry::Restated(_))).count()
}

/// Ten bought at 42; ten by hand at 41; ten sold at 40. The stream tells of the second purchase
/// after the sale.
fn bought_twice_and_sold(rules: Vec<Rule>) -> World {
    let mut world = world(rules);
    world.send_line(&take("first"));
    await_state(&mut world, 0, State::Filled);
    let by_hand = HandMade {
        ticker: market(),
        side: BookSide::Bid,
        price: Price::from_cents(41).expect("a price"),
        contracts: Contracts::from_whole(10),
        client_order_id: None,
    };
    let now = world.now().wall;
    assert!(world.host_mut().account_trades(now, &by_hand).is_some());
    somebody_sells(&mut world, 10);
    world.run_for(Nanos::from_ms(50));
    world.send_line(&line("sold", "SELL_YES", 42, 10, "immediate_or_cancel"));
    await_state(&mut world, 1, State::Filled);
    world
}

fn told_out_of_order() -> World {
    bought_twice_and_sold(vec![frame("fill", 2, FrameFault::Held(Nanos::from_secs(4)))])
}

#[test]
fn the_exchanges_split_is_taken_over() {
    let mut world = told_out_of_order();
    let filled = world.run_until(Nanos::from_secs(20), |world| held(world) == yes(10));
    assert!(filled, "ten are left once the second purchase is known");
    // Ours: the first ten were sold, the second are left.
    assert_eq!(cost(&world), Money::from_cents(410));

    // Nobody asks: a fill that comes late has books and exchange compared.
    let followed = world.run_until(Nanos::from_secs(20), |world| restated(world) == 1);

    assert!(followed, "cost is {}", cost(&world));
    assert_eq!(cost(&world), Money::from_cents(415), "the average of both");
    assert_eq!(world.core().guard().mismatches(), 0, "explained is no mismatch");
    assert_eq!(held(&world).size(), Contracts::from_whole(10));
    finish(&mut world);
}

#[test]
fn profit_and_cash_still_add_up() {
    let mut world = told_out_of_order();
    assert!(world.run_until(Nanos::from_secs(30), |world| restated(world) == 1));
    let account = world.core().account();
    let sum = account.cash() + cost(&world);
    assert_eq!(sum, Money::from_cents(1_000_000) + account.realized() - account.fees());
    // Ten sold at 40 that had cost 41.5 on average.
    assert_eq!(account.realized(), Money::from_cents(400 - 415));
    assert_eq!(world.core().day().realized, account.realized(), "the day's loss counts it");
    finish(&mut world);
}

#[test]
fn fills_in_their_order_are_split_alike_from_the_start() {
    let mut world = bought_twice_and_sold(vec![]);
    assert_eq!(cost(&world), Money::from_cents(415));
    finish(&mut world);
    assert_eq!(restated(&world), 0);
}
