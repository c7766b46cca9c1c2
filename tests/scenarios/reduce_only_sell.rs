//! Leaving a position must not open the other side: an immediate sell says so to the exchange, and
//! a resting one, for which the exchange refuses the flag, sells no more than is held and free.

use kalshi_exec::order::State;
use kalshi_exec::recorder::record::Outcome;
use kalshi_exec::risk::Limit;
use kalshi_exec::sim::world::World;
use kalshi_exec::units::{Money, Position};

use crate::theatre::{
    await_answer, await_state, ended, finish, held, limits, line, order, take, world, yes,
};

fn holding_ten() -> World {
    let mut world = world(vec![]);
    world.send_line(&take("bought"));
    await_answer(&mut world, "bought");
    assert_eq!(held(&world), yes(10));
    world
}

#[test]
fn an_immediate_sell_is_reduce_only_and_leaves_nothing() {
    let mut world = holding_ten();

    world.send_line(&line("sold", "SELL_YES", 42, 10, "immediate_or_cancel"));
    let result = await_answer(&mut world, "sold");

    ended(&result, State::Filled, 10);
    assert!(order(&world, 1).unwrap().terms().reduce_only);
    // Bid at 40; a cent below is the least accepted.
    assert_eq!(limits(&result), [39]);
    assert_eq!(result.cost, Money::from_cents(-400), "what was got");
    assert_eq!(held(&world), Position::FLAT);
    finish(&mut world);
}

#[test]
fn a_resting_sell_is_not_reduce_only_and_never_more_than_is_free() {
    let mut world = holding_ten();
    let signal = line("rests", "SELL_YES", 42, 8, "good_till_canceled");
    // Wants 45 at least: rests.
    world.send_line(&signal.replace(r#""no_ask":60"#, r#""no_ask":54"#));
    await_state(&mut world, 1, State::Resting);

    world.send_line(&line("sold", "SELL_YES", 42, 3, "immediate_or_cancel"));
    let result = await_answer(&mut world, "sold");

    assert!(!order(&world, 1).unwrap().terms().reduce_only);
    let Outcome::Refused(refusal) = result.outcome else { panic!("{result:?}") };
    assert_eq!(refusal.limit, Limit::NothingToSell);
    assert_eq!(held(&world), yes(10));
    finish(&mut world);
}
