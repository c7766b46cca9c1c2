//! A provisional fill is told on the stream and voided (nautilus#4876): positions follow the
//! exchange, the account loses nothing.

use kalshi_exec::message::{BookSide, ControlCommand};
use kalshi_exec::recorder::record::Record;
use kalshi_exec::sim::world::World;
use kalshi_exec::sim::world::meddling::HandMade;
use kalshi_exec::units::{Contracts, Nanos, Position, Price};

use crate::theatre::{SECOND, finish, held, market, order, rest, state_of, world, yes};

use kalshi_exec::order::State;

fn voided(world: &World) -> usize {
    let is_it = |record: &&Record| matches!(record, Record::FillVoided { .. });
    world.tap().records().iter().filter(is_it).count()
}

/// Ten contracts by hand that never were.
fn phantom() -> HandMade {
    HandMade {
        ticker: market(),
        side: BookSide::Bid,
        price: Price::from_cents(40).expect("a price"),
        contracts: Contracts::from_whole(10),
        client_order_id: None,
    }
}

#[test]
fn books_follow_the_exchange() {
    let mut world = world(vec![]);
    world.run_for(Nanos::from_secs(20));
    let before = world.core().account().cash();
    let now = world.now();
    let id = kalshi_exec::ids::OrderId::lossy("00000000-0000-4000-8000-00000000feed");
    world.host_mut().tell_of_a_voided_fill(now, &phantom(), &id);
    world.run_for(Nanos::from_ms(100));
    assert_eq!(held(&world), yes(10), "as told");

    world.run_for(Nanos::from_secs(5));
    world.command(ControlCommand::Reconcile);
    assert!(world.run_until(Nanos::from_secs(30), |world| voided(world) == 1));
    assert_eq!(held(&world), Position::FLAT);
    assert_eq!(world.core().account().cash(), before);
    world.run_for(Nanos::from_secs(10));
    assert_eq!(world.core().guard().mismatches(), 0, "explained is no mismatch");
    finish(&mut world);
}

#[test]
fn the_order_it_seemed_to_fill_is_taken_off_the_book() {
    let mut world = world(vec![]);
    world.run_for(Nanos::from_secs(20));
    world.send_line(&rest("a"));
    let rests = |world: &World| state_of(world, 0) == State::Resting;
    assert!(world.run_until(SECOND, rests));
    let (terms, id) = order(&world, 0).map(|it| (*it.terms(), it.order_id())).expect("it rests");
    let phantom =
        HandMade { price: terms.price, client_order_id: Some(terms.client_order_id), ..phantom() };
    let now = world.now();
    world.host_mut().tell_of_a_voided_fill(now, &phantom, &id);
    world.run_for(Nanos::from_secs(3));
    assert_eq!(state_of(&world, 0), State::Filled, "as told");

    // R3 and R6: it rests there and is over here; what it filled is not there.
    world.command(ControlCommand::Reconcile);
    world.run_for(Nanos::from_secs(20));
    assert_eq!(voided(&world), 1);
    assert_eq!(held(&world), Position::FLAT);
    finish(&mut world);
}
