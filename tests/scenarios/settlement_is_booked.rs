//! The market is over: a win comes in as cash, a loss counts against the day, each once, and what
//! rests there is gone. Nobody trades it any more.

use kalshi_exec::order::State;
use kalshi_exec::recorder::record::{Outcome, Record};
use kalshi_exec::risk::Limit;
use kalshi_exec::sim::exchange::{MarketCommand, Outcome as Result};
use kalshi_exec::sim::venue::{Venue, VenueAction};
use kalshi_exec::sim::world::World;
use kalshi_exec::sim::world::host::TRADER;
use kalshi_exec::units::{Money, Nanos, Position};

use crate::theatre::{
    await_answer, await_state, ended, finish, held, market, rest, take, world, yes,
};

/// Longer than the engine waits between two questions, with the answer's way.
const SETTLED_WITHIN: Nanos = Nanos::from_secs(65);

fn settle(world: &mut World, result: Result) {
    let now = world.now().wall;
    for command in [MarketCommand::Close, MarketCommand::Determine(result), MarketCommand::Settle] {
        let action = VenueAction::Market { market: Some(market()), command };
        world.host_mut().venue_mut().act(now, &action);
    }
}

fn results(world: &World) -> Vec<Money> {
    let result = |record: &Record| match record {
        Record::Settled { result, .. } => Some(*result),
        _ => None,
    };
    world.tap().records().iter().filter_map(result).collect()
}

/// Ten YES at 42 and what the taker pays for them.
fn cost(world: &World) -> Money {
    let fees = world.core().account().fees();
    assert!(fees > Money::ZERO);
    Money::from_cents(420) + fees
}

#[test]
fn a_win_is_paid_out_and_the_books_stay_equal() {
    let mut world = world(vec![]);
    world.send_line(&take("a"));
    await_answer(&mut world, "a");
    assert_eq!(held(&world), yes(10));
    let cost = cost(&world);

    settle(&mut world, Result::Yes);
    world.run_for(SETTLED_WITHIN);

    assert_eq!(held(&world), Position::FLAT);
    assert_eq!(results(&world), [Money::from_cents(1_000) - cost]);
    assert_eq!(world.core().account().cash(), world.host().venue().cash(TRADER));
    assert_eq!(world.core().guard().consecutive_losses(), 0);
    // Asked again and again, booked once.
    world.run_for(SETTLED_WITHIN);
    assert_eq!(results(&world).len(), 1);
    finish(&mut world);
}

#[test]
fn a_loss_is_booked_and_counted_and_the_market_takes_no_more_orders() {
    let mut world = world(vec![]);
    world.send_line(&take("a"));
    await_answer(&mut world, "a");
    world.send_line(&rest("rests"));
    await_state(&mut world, 1, State::Resting);
    let cost = cost(&world);

    settle(&mut world, Result::No);
    let gone = await_answer(&mut world, "rests");
    world.run_for(SETTLED_WITHIN);

    ended(&gone, State::Canceled, 0);
    assert_eq!(results(&world), [-cost]);
    assert_eq!(world.core().guard().consecutive_losses(), 1);
    assert_eq!(world.core().day().loss(), cost);
    world.send_line(&take("late"));
    let late = await_answer(&mut world, "late");
    let Outcome::Refused(refusal) = late.outcome else { panic!("{late:?}") };
    assert_eq!(refusal.limit, Limit::MarketInactive);
    finish(&mut world);
}
