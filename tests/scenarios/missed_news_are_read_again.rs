//! News of a market are lost on a stream that goes on: its numbers show the gap.
//!
//! A market that was paused and opened again unheard would not be traded until the next start; one
//! paused unheard would be sent orders only to be refused. Both are read again.

use kalshi_exec::ids::Ticker;
use kalshi_exec::recorder::record::Outcome;
use kalshi_exec::risk::Limit;
use kalshi_exec::sim::exchange::MarketCommand;
use kalshi_exec::sim::venue::{Venue, VenueAction};
use kalshi_exec::sim::world::World;
use kalshi_exec::sim::world::fault::FrameFault;
use kalshi_exec::units::Nanos;

use crate::theatre::{SECOND, await_answer, finish, frame, market, take, world};

const NEWS: &str = "market_lifecycle_v2";

fn act(world: &mut World, market: Ticker, command: MarketCommand) {
    let action = VenueAction::Market { market: Some(market), command };
    let now = world.now().wall;
    world.host_mut().venue_mut().act(now, &action);
}

fn is_active(world: &World) -> bool {
    world.core().markets().find(&market()).expect("it is listed").active
}

/// Gaps seen, and messages that came twice or late.
fn numbers(world: &World) -> (u64, u64) {
    let counts = world.summary().feed[0].counts;
    (counts.gaps, counts.repeats)
}

#[test]
fn a_market_opened_again_unheard_is_traded_again() {
    let mut world = world(vec![frame(NEWS, 2, FrameFault::Lost)]);
    act(&mut world, market(), MarketCommand::Deactivate);
    world.run_for(SECOND);
    act(&mut world, market(), MarketCommand::Activate);
    world.run_for(SECOND);
    world.send_line(&take("a"));
    let refused = await_answer(&mut world, "a");
    let Outcome::Refused(refusal) = refused.outcome else { panic!("{refused:?}") };
    assert_eq!(refusal.limit, Limit::MarketInactive, "nobody has told");

    // The next news, of whatever market, shows that some were lost.
    let other = world.core().markets().all()[1].ticker;
    act(&mut world, other, MarketCommand::Deactivate);

    assert!(world.run_until(Nanos::from_secs(5), is_active));
    world.run_for(SECOND);
    assert_eq!(numbers(&world), (1, 0));
    world.send_line(&take("b"));
    let sent = await_answer(&mut world, "b");
    assert!(matches!(sent.outcome, Outcome::Ended(_)), "{sent:?}");
    finish(&mut world);
}

#[test]
fn news_missed_in_an_outage_of_the_stream_are_read_again() {
    let mut world = world(vec![]);
    act(&mut world, market(), MarketCommand::Deactivate);
    world.run_for(SECOND);
    assert!(!is_active(&world));

    let now = world.now().mono;
    world.host_mut().cut_streams(now);
    act(&mut world, market(), MarketCommand::Activate);

    assert!(world.run_until(Nanos::from_secs(20), is_active));
    assert_eq!(numbers(&world), (0, 0));
    finish(&mut world);
}

#[test]
fn news_that_are_told_twice_are_counted_and_change_nothing() {
    let mut world = world(vec![frame(NEWS, 1, FrameFault::Repeated)]);
    act(&mut world, market(), MarketCommand::Deactivate);
    world.run_for(SECOND);
    act(&mut world, market(), MarketCommand::Activate);
    world.run_for(SECOND);
    assert!(is_active(&world));
    assert_eq!(numbers(&world), (0, 1));
    finish(&mut world);
}
