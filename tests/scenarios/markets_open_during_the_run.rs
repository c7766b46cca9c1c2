//! A market that is not open when the run begins, or not even listed, opens during it: it is read,
//! then traded (`market_lifecycle_v2`; reference §3.7, §3.8).

use kalshi_exec::ids::Ticker;
use kalshi_exec::message::{BookSide, FetchCommand};
use kalshi_exec::order::State;
use kalshi_exec::recorder::journal::Entry;
use kalshi_exec::recorder::record::{ExecutionResult, Outcome};
use kalshi_exec::risk::Limit;
use kalshi_exec::sim::exchange::MarketCommand;
use kalshi_exec::sim::venue::{Venue, VenueAction};
use kalshi_exec::sim::world::World;
use kalshi_exec::sim::world::fault::{FrameFault, Rule};
use kalshi_exec::units::{Contracts, Nanos, Price};

use crate::theatre::{
    SECOND, await_answer, ended, finish, frame, journal, market, rest, take, world_with,
};

const SOON: Nanos = Nanos::from_secs(5);

/// A run that begins before the market opens.
fn early(rules: Vec<Rule>) -> World {
    world_with(rules, |config| config.unopened = vec![market()])
}

fn activate(world: &mut World) {
    let (now, market, command) = (world.now().wall, Some(market()), MarketCommand::Activate);
    world.host_mut().venue_mut().act(now, &VenueAction::Market { market, command });
}

fn is_active(world: &World) -> bool {
    world.core().markets().find(&market()).expect("it is listed").active
}

#[track_caller]
fn refused(world: &mut World, id: &str) {
    world.send_line(&take(id));
    let answer = await_answer(world, id);
    let Outcome::Refused(refusal) = answer.outcome else { panic!("{answer:?}") };
    assert_eq!(refusal.limit, Limit::MarketInactive);
    assert_eq!(world.host().all_creates().count(), 0, "nothing was sent to find out");
}

/// How often the market was read, and its rows in the journal.
fn journaled(world: &World) -> (usize, usize) {
    let (mut reads, mut rows) = (0, 0);
    for entry in journal(world) {
        match entry {
            Entry::Ask(FetchCommand::Market { ticker }) if ticker == market() => reads += 1,
            Entry::Market(row) if row.ticker == market() => rows += 1,
            _ => {}
        }
    }
    (reads, rows)
}

#[test]
fn a_market_that_opens_is_read_and_traded() {
    let mut world = early(vec![]);
    refused(&mut world, "a");
    assert_eq!(journaled(&world), (0, 1));

    activate(&mut world);
    assert!(world.run_until(SOON, is_active));

    assert_eq!(journaled(&world), (1, 2), "read once, and its row kept");
    world.send_line(&rest("b"));
    assert!(world.run_until(SOON, |world| world.core().orders().live() == 1));
    finish(&mut world);
}

#[test]
fn a_market_nobody_says_has_opened_stays_closed() {
    let mut world = early(vec![frame("market_lifecycle_v2", 1, FrameFault::Lost)]);
    activate(&mut world);
    world.run_for(SECOND);
    refused(&mut world, "a");
    assert_eq!(journaled(&world).0, 0);
    finish(&mut world);
}

#[test]
fn its_first_order_is_traded_like_any_other() {
    let mut world = early(vec![]);
    activate(&mut world);
    assert!(world.run_until(SOON, is_active));
    // What rested there was cancelled when it opened: nothing to take.
    world.send_line(&take("a"));
    ended(&await_answer(&mut world, "a"), State::Canceled, 0);
    finish(&mut world);
}

/// Listed by the exchange's operators while the run goes on, in a series that trades already.
fn later() -> Ticker {
    Ticker::new(b"KXONE-26JUL02-A").expect("a plain ticker")
}

fn send_for_later(world: &mut World, id: &str) -> ExecutionResult {
    let line = take(id).replace(market().as_str(), later().as_str());
    world.send_line(&line);
    await_answer(world, id)
}

#[test]
fn a_market_listed_later_is_unknown_then_read_and_traded() {
    let mut world = world_with(vec![], |_| {});
    let before = send_for_later(&mut world, "a");
    let Outcome::Refused(refusal) = before.outcome else { panic!("{before:?}") };
    assert_eq!(refusal.limit, Limit::UnknownMarket);

    let now = world.now().wall;
    world.host_mut().venue_mut().act(now, &VenueAction::ListMarket(later()));
    let known = |world: &World| world.core().markets().find(&later()).is_some();
    assert!(world.run_until(SOON, known));

    let (now, price) = (world.now().wall, Price::from_cents(42).expect("a price"));
    let ten = Contracts::from_whole(10);
    world.host_mut().stranger_trades(now, &later(), BookSide::Ask, price, ten);
    ended(&send_for_later(&mut world, "b"), State::Filled, 10);
    finish(&mut world);
}
