//! A market is paused, re-activated, closed, priced otherwise (arbitrader#51, reference §7): the
//! table follows the stream, so that a limit refuses and no order has to be refused.

use kalshi_exec::ids::SignalId;
use kalshi_exec::order::State;
use kalshi_exec::recorder::record::Outcome;
use kalshi_exec::risk::Limit;
use kalshi_exec::sim::exchange::{MarketCommand, PriceStructure};
use kalshi_exec::sim::venue::{Venue, VenueAction};
use kalshi_exec::sim::world::World;
use kalshi_exec::sim::world::fault::FrameFault;
use kalshi_exec::units::{Nanos, Price};

use crate::theatre::{
    SECOND, await_answer, await_state, ended, finish, frame, market, rest, state_of, take, world,
};

fn act(world: &mut World, command: MarketCommand) {
    let (now, market) = (world.now().wall, Some(market()));
    world.host_mut().venue_mut().act(now, &VenueAction::Market { market, command });
    world.run_for(Nanos::from_ms(100));
}

#[track_caller]
fn refused(world: &mut World, id: &str) {
    assert!(SignalId::new(id.as_bytes()).is_some());
    let created = world.host().all_creates().count();
    world.send_line(&take(id));
    let answer = await_answer(world, id);
    let Outcome::Refused(refusal) = answer.outcome else { panic!("{answer:?}") };
    assert_eq!(refusal.limit, Limit::MarketInactive);
    assert_eq!(world.host().all_creates().count(), created, "nothing was sent to find out");
}

#[test]
fn a_paused_market_refuses_until_it_is_active_again() {
    let mut world = world(vec![]);
    act(&mut world, MarketCommand::Deactivate);
    refused(&mut world, "a");
    act(&mut world, MarketCommand::Activate);
    // Re-activation has cleared the book: nothing to take, but the order goes out.
    world.send_line(&take("b"));
    let answer = await_answer(&mut world, "b");
    assert!(matches!(answer.outcome, Outcome::Ended(_)), "{answer:?}");
    finish(&mut world);
}

#[test]
fn re_activation_ends_what_rested_even_if_nobody_says_so() {
    // The frame that tells of the order's end is lost: its first two told of its life.
    let lost = (2..6).map(|nth| frame("user_order", nth, FrameFault::Lost)).collect();
    let mut world = world(lost);
    world.send_line(&rest("a"));
    await_state(&mut world, 0, State::Resting);
    act(&mut world, MarketCommand::Deactivate);
    assert_eq!(state_of(&world, 0), State::Resting, "a pause leaves it");
    act(&mut world, MarketCommand::Activate);
    let over = |world: &World| state_of(world, 0) == State::Canceled;
    assert!(world.run_until(Nanos::from_secs(10), over), "{}", state_of(&world, 0));
    finish(&mut world);
}

#[test]
fn a_market_that_closes_with_an_order_resting_ends_it() {
    let mut world = world(vec![]);
    world.send_line(&rest("a"));
    await_state(&mut world, 0, State::Resting);
    let closes = world.now().wall + Nanos::from_secs(5);
    act(&mut world, MarketCommand::CloseAt(closes));
    world.run_for(Nanos::from_secs(6));
    // The exchange says nothing of a close by the clock.
    refused(&mut world, "b");
    ended(&await_answer(&mut world, "a"), State::Canceled, 0);
    finish(&mut world);
}

#[test]
fn a_close_that_moves_lets_orders_in_again() {
    let mut world = world(vec![]);
    let closes = world.now().wall + Nanos::from_secs(2);
    act(&mut world, MarketCommand::CloseAt(closes));
    let later = world.now().wall + Nanos::from_secs(3_600);
    act(&mut world, MarketCommand::CloseAt(later));
    world.run_for(Nanos::from_secs(5));
    world.send_line(&take("a"));
    ended(&await_answer(&mut world, "a"), State::Filled, 10);
    finish(&mut world);
}

#[test]
fn new_price_levels_are_in_the_table_at_once() {
    let mut world = world(vec![]);
    let half = Price::from_micros(425_000).expect("a price");
    let on_grid = |world: &World| {
        let listed = world.core().markets().find(&market());
        listed.is_some_and(|market| market.grid.contains(half))
    };
    assert!(!on_grid(&world));
    act(&mut world, MarketCommand::Restructure(PriceStructure::DeciCent));
    assert!(world.run_until(SECOND, on_grid));
    world.send_line(&take("a"));
    ended(&await_answer(&mut world, "a"), State::Filled, 10);
    finish(&mut world);
}
