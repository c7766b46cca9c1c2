//! YES and NO are two names for one book: buying NO is an ask, selling NO a bid, and the exchange
//! tells a sale as a trade of the other side (nautilus#3345, #3126).
//!
//! An engine that reads the leg where the side is meant books a sale as a purchase, and a maker's
//! fill as the taker's. Each action is filled in both roles, through flat and back.

use kalshi_exec::kalshi::fees::Liquidity;
use kalshi_exec::message::BookSide;
use kalshi_exec::order::State;
use kalshi_exec::sim::world::World;
use kalshi_exec::sim::world::host::TRADER;
use kalshi_exec::units::{Contracts, Money, Position};

use crate::theatre::{
    await_answer, await_state, ended, finish, held, line, market, order, sent_once, somebody_buys,
    somebody_sells, world,
};

fn net(whole: i64) -> Position {
    Position::from_centis(whole * 100)
}

/// What is held here and there.
#[track_caller]
fn both_hold(world: &World, whole: i64) {
    assert_eq!(held(world), net(whole));
    assert_eq!(world.host().venue().position(TRADER, &market()), net(whole));
}

/// A signal that saw YES asked at `yes_ask` and NO at `no_ask`.
fn signal(id: &str, action: &str, asks: (u32, u32), contracts: u32, tif: &str) -> String {
    let signal = line(id, action, asks.0, contracts, tif);
    signal.replace(r#""no_ask":60"#, &format!(r#""no_ask":{}"#, asks.1))
}

#[test]
fn takers_of_either_leg_move_one_position() {
    let mut world = world(vec![]);
    // Each with what it pays (or gets, below zero) per contract of its own leg, and what is held
    // after it. The third turns long into short.
    for (nth, (action, contracts, cents, after)) in [
        ("BUY_YES", 10, 42, 10),
        ("SELL_YES", 4, -40, 6),
        ("BUY_NO", 16, 60, -10),
        ("SELL_NO", 3, -58, -7),
        ("BUY_YES", 17, 42, 10),
        ("SELL_YES", 10, -40, 0),
    ]
    .into_iter()
    .enumerate()
    {
        let id = format!("taker-{nth}");
        world.send_line(&signal(&id, action, (42, 60), contracts, "immediate_or_cancel"));
        let result = await_answer(&mut world, &id);

        ended(&result, State::Filled, contracts);
        assert_eq!(result.cost, Money::from_cents(cents * i64::from(contracts)), "{action}");
        assert!(result.fees > Money::ZERO, "takers pay: {action}");
        both_hold(&world, after);
    }
    sent_once(&world);
    finish(&mut world);
}

#[test]
fn makers_on_either_leg_are_filled_on_their_own_side() {
    let mut world = world(vec![]);
    // Rests at 41: as the best bid, or as the best ask. Who sells from long or short does not
    // cross zero.
    for (nth, (action, asks, side, cents, after)) in [
        ("BUY_YES", (40, 60), BookSide::Bid, 41, 10),
        ("SELL_YES", (42, 58), BookSide::Ask, -41, 0),
        ("BUY_NO", (42, 58), BookSide::Ask, 59, -10),
        ("SELL_NO", (40, 60), BookSide::Bid, -59, 0),
    ]
    .into_iter()
    .enumerate()
    {
        let id = format!("maker-{nth}");
        world.send_line(&signal(&id, action, asks, 10, "good_till_canceled"));
        await_state(&mut world, nth, State::Resting);
        assert_eq!(order(&world, nth).expect("it rests").terms().side, side, "{action}");

        // In two parts, so that a position is met half way too.
        for part in [4, 6] {
            match side {
                BookSide::Bid => somebody_sells(&mut world, part),
                BookSide::Ask => somebody_buys(&mut world, part),
            }
        }
        let result = await_answer(&mut world, &id);

        ended(&result, State::Filled, 10);
        assert_eq!(result.cost, Money::from_cents(cents * 10), "{action}");
        assert_eq!(result.fees, Money::ZERO, "makers pay nothing here: {action}");
        both_hold(&world, after);
    }
    let fills = world.host().venue().fills(TRADER);
    assert!(fills.iter().all(|fill| fill.liquidity == Liquidity::Maker), "{fills:?}");
    sent_once(&world);
    finish(&mut world);
}

#[test]
fn a_resting_no_that_is_taken_through_flat_turns_the_position() {
    let mut world = world(vec![]);
    world.send_line(&signal("long", "BUY_YES", (42, 60), 4, "immediate_or_cancel"));
    await_answer(&mut world, "long");
    world.send_line(&signal("no", "BUY_NO", (42, 58), 10, "good_till_canceled"));
    await_state(&mut world, 1, State::Resting);

    somebody_buys(&mut world, 10);

    ended(&await_answer(&mut world, "no"), State::Filled, 10);
    both_hold(&world, -6);
    let market = *world.core().markets().find(&market()).expect("it is listed");
    let holding = *world.core().account().holding(market.ix);
    assert_eq!(holding.position.size(), Contracts::from_whole(6));
    assert_eq!(holding.cost, Money::from_cents(59 * 6), "six NO at 59");
    finish(&mut world);
}
