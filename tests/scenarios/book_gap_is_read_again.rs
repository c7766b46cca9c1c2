//! A delta is lost, repeated or passed by another: the next one shows it, and the book is nobody's
//! word until it has been read again.
//!
//! A book that goes on with a missing delta is wrong for ever, and looks sound.

use kalshi_exec::message::{Blindness, BookView};
use kalshi_exec::sim::venue::{SessionId, Venue};
use kalshi_exec::sim::world::World;
use kalshi_exec::sim::world::fault::{FrameFault, Rule};
use kalshi_exec::units::Nanos;

use crate::theatre::{SECOND, await_answer, finish, frame, somebody_buys, take, top, views, world};

const GAP: BookView = BookView::Blind(Blindness::Gap);

/// The book is followed from our own order on, whose delta is the first; then somebody buys
/// twenty, and twenty again.
fn bought_twice(rules: Vec<Rule>) -> World {
    let mut world = world(rules);
    world.send_line(&take("a"));
    await_answer(&mut world, "a");
    world.run_for(SECOND);
    assert_eq!(views(&world), [top(40, 42)]);
    somebody_buys(&mut world, 20);
    world.run_for(Nanos::from_ms(100));
    // With what was taken before, nothing is left at 42.
    somebody_buys(&mut world, 20);
    world.run_for(SECOND);
    world
}

#[test]
fn a_lost_delta_is_noticed_and_the_book_read_again() {
    let mut world = bought_twice(vec![frame("orderbook_delta", 2, FrameFault::Lost)]);

    assert_eq!(views(&world), [top(40, 42), GAP, top(40, 43)]);
    finish(&mut world);
}

#[test]
fn a_delta_that_comes_after_the_next_changes_nothing_any_more() {
    let late = FrameFault::Held(Nanos::from_ms(300));
    let mut world = bought_twice(vec![frame("orderbook_delta", 2, late)]);

    assert_eq!(views(&world), [top(40, 42), GAP, top(40, 43)]);
    finish(&mut world);
}

#[test]
fn a_repeated_delta_counts_once() {
    let mut world = bought_twice(vec![frame("orderbook_delta", 2, FrameFault::Repeated)]);

    // Twenty, not forty: something is left until the second purchase.
    assert_eq!(views(&world), [top(40, 42), top(40, 43)]);
    finish(&mut world);
}

#[test]
fn a_lost_snapshot_is_asked_for_again() {
    let mut world = world(vec![frame("orderbook_snapshot", 1, FrameFault::Lost)]);
    world.send_line(&take("a"));
    await_answer(&mut world, "a");

    world.run_for(SECOND + SECOND);

    assert_eq!(views(&world), [top(40, 42)]);
    finish(&mut world);
}

#[test]
fn an_ended_subscription_is_made_again() {
    for code in [10, 25] {
        let mut world = world(vec![]);
        world.send_line(&take("a"));
        await_answer(&mut world, "a");
        world.run_for(SECOND);
        // Two channels of the account come first, three with news, then the book.
        let now = world.now().wall;
        world.host_mut().venue_mut().end_subscription(now, SessionId(1), 6, code);

        world.run_for(SECOND + SECOND + SECOND);

        assert_eq!(views(&world), [top(40, 42), GAP, top(40, 42)], "code {code}");
        finish(&mut world);
    }
}
