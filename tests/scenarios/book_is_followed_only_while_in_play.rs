//! A book is followed from the first order on, and as long as anything of ours is alive there.
//!
//! Following every market costs the exchange's patience and our journal; following none costs a
//! read before each retry.

use kalshi_exec::message::BookView;
use kalshi_exec::order::State;
use kalshi_exec::units::Nanos;

use crate::theatre::{
    SECOND, await_answer, await_state, finish, rest, somebody_buys, take, top, views, world,
};

#[test]
fn nothing_is_followed_before_an_order_has_left() {
    let mut world = world(vec![]);
    somebody_buys(&mut world, 50);
    world.run_for(SECOND);
    assert_eq!(views(&world), Vec::<BookView>::new());
    finish(&mut world);
}

#[test]
fn a_market_without_orders_is_let_go() {
    let mut world = world(vec![]);
    world.send_line(&take("a"));
    await_answer(&mut world, "a");
    world.run_for(SECOND);
    assert_eq!(views(&world), [top(40, 42)]);

    world.run_for(Nanos::from_secs(20));
    somebody_buys(&mut world, 40);
    world.run_for(SECOND);

    assert_eq!(views(&world), [top(40, 42)], "nobody looks any more");
    finish(&mut world);
}

#[test]
fn a_market_with_a_resting_order_is_kept() {
    let mut world = world(vec![]);
    world.send_line(&rest("a"));
    await_state(&mut world, 0, State::Resting);
    world.run_for(Nanos::from_secs(20));
    somebody_buys(&mut world, 50);

    world.run_for(SECOND);

    assert_eq!(views(&world), [top(40, 42), top(40, 43)]);
    finish(&mut world);
}

#[test]
fn after_a_lost_connection_what_is_in_play_is_followed_again() {
    let mut world = world(vec![]);
    world.send_line(&rest("a"));
    await_state(&mut world, 0, State::Resting);
    world.run_for(SECOND);
    let now = world.now().mono;
    world.host_mut().cut_streams(now);

    world.run_for(Nanos::from_secs(5));

    let unread = BookView::Blind(kalshi_exec::message::Blindness::Unread);
    assert_eq!(views(&world), [top(40, 42), unread, top(40, 42)]);
    finish(&mut world);
}
