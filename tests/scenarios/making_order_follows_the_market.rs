//! A making order never takes: refused where it would have crossed, it steps back; when the market
//! moves away it follows within bounds; when its signal is over it is gone.

use kalshi_exec::kalshi::fees::FeeType;
use kalshi_exec::order::State;
use kalshi_exec::sim::world::World;
use kalshi_exec::sim::world::host::TRADER;
use kalshi_exec::units::{Money, Nanos, Position};

use crate::theatre::{
    SECOND, answer, await_answer, await_state, ended, fates, finish, held, limits, line, order,
    sent_once, somebody_buys, somebody_sells, with, world, yes,
};

/// A making signal that saw YES asked at `yes_ask` and is over after `life`.
fn make(world: &World, yes_ask: u32, life: Nanos) -> String {
    let expires = (world.now().wall + life).unix_ns();
    let signal = line("a", "BUY_YES", yes_ask, 10, "immediate_or_cancel");
    with(&signal, &format!(r#""style":"make","expires_ns":{expires}"#))
}

#[test]
fn a_post_only_order_that_would_cross_steps_back_until_it_rests() {
    let mut world = world(vec![]);

    // The signal saw an ask of 44; it is 42.
    let signal = make(&world, 44, Nanos::from_secs(8));
    world.send_line(&signal);
    await_state(&mut world, 2, State::Resting);

    let resting = world.host().venue().open_orders(TRADER);
    assert_eq!(resting.len(), 1);
    assert!((0..3).all(|nth| order(&world, nth).unwrap().terms().post_only));
    let result = await_answer(&mut world, "a");
    ended(&result, State::Canceled, 0);
    assert_eq!(limits(&result), [43, 42, 41]);
    assert_eq!(fates(&result), [State::Rejected, State::Rejected, State::Canceled]);
    assert!(world.host().venue().open_orders(TRADER).is_empty(), "its signal is over");
    sent_once(&world);
    finish(&mut world);
}

#[test]
fn a_making_order_follows_the_ask_and_ends_with_its_signal() {
    let mut world = world(vec![]);
    let began = world.now().mono;
    let life = Nanos::from_secs(9);
    let signal = make(&world, 42, life);
    world.send_line(&signal);
    await_state(&mut world, 0, State::Resting);
    world.run_for(SECOND);

    // Everything at 42 is bought: the ask is 43.
    somebody_buys(&mut world, 50);
    await_state(&mut world, 1, State::Resting);
    let result = await_answer(&mut world, "a");

    ended(&result, State::Canceled, 0);
    assert_eq!(limits(&result), [41, 42]);
    assert_eq!(result.retries, 1);
    let lived = world.now().mono.since(began);
    assert!(lived >= life && lived < life + SECOND, "{} ms", lived.ms());
    let expires = order(&world, 1).unwrap().terms().expiration_secs.unwrap();
    assert!(expires > world.now().wall.unix_secs(), "the exchange would have ended it later");
    assert_eq!(held(&world), Position::FLAT);
    finish(&mut world);
}

#[test]
fn a_making_order_pays_the_makers_fee() {
    let mut world = world(vec![]);
    let signal = make(&world, 42, Nanos::from_secs(30));
    world.send_line(&signal);
    await_state(&mut world, 0, State::Resting);

    somebody_sells(&mut world, 10);
    let result = await_answer(&mut world, "a");

    ended(&result, State::Filled, 10);
    let market = *world.core().markets().find(&crate::theatre::market()).unwrap();
    let standard = FeeType::Quadratic.schedule(FeeType::MULTIPLIER_ONE_PPM).unwrap();
    assert_eq!(market.fees, standard, "makers pay nothing here");
    assert_eq!(result.fees, Money::ZERO);
    assert_eq!(result.cost, Money::from_cents(410));
    assert_eq!(held(&world), yes(10));
    finish(&mut world);
}

#[test]
fn a_making_order_whose_cancel_is_lost_is_ended_by_the_exchange() {
    use kalshi_exec::sim::world::fault::RequestFault;

    let lost = (1..=4).map(|nth| crate::theatre::cancel(nth, RequestFault::Lost)).collect();
    let mut world = world(lost);
    let signal = make(&world, 42, Nanos::from_secs(4));
    world.send_line(&signal);
    await_state(&mut world, 0, State::Resting);

    let result = await_answer(&mut world, "a");

    assert!(matches!(fates(&result)[..], [State::Expired | State::Canceled]), "{result:?}");
    assert!(world.host().venue().open_orders(TRADER).is_empty());
    assert!(answer(&world, "a").is_some());
    finish(&mut world);
}
