//! News of a book come seconds late: what they say was true then, and is believed by nobody.
//!
//! Deltas four to twenty seconds old have been seen; a price taken from them is a price of the
//! past.

use kalshi_exec::message::{Blindness, BookView, Trouble, Turn};
use kalshi_exec::order::State;
use kalshi_exec::recorder::record::Record;
use kalshi_exec::sim::world::World;
use kalshi_exec::sim::world::fault::{FrameFault, Rule};
use kalshi_exec::units::Nanos;

use crate::theatre::{
    SECOND, await_answer, await_state, book_reads, ended, finish, frame, limits, line,
    somebody_buys, take, top, views, world, world_with,
};

const OLD: BookView = BookView::Blind(Blindness::Old);

/// The book is followed from our own order on, whose delta is the first; then everything at 42
/// goes, which is told as the rules say.
fn bought_out(rules: Vec<Rule>) -> World {
    let mut world = world(rules);
    world.send_line(&take("a"));
    await_answer(&mut world, "a");
    world.run_for(SECOND);
    somebody_buys(&mut world, 40);
    world
}

#[test]
fn a_delta_four_seconds_old_is_not_believed_until_the_book_is_read() {
    let late = FrameFault::Held(Nanos::from_secs(4));
    // Nobody else tells of it either.
    let mut rules = vec![frame("orderbook_delta", 2, late)];
    rules.extend((1..9).map(|nth| frame("ticker", nth, FrameFault::Lost)));
    let mut world = bought_out(rules);

    world.run_for(Nanos::from_secs(5));

    assert_eq!(views(&world), [top(40, 42), OLD, top(40, 43)]);
    finish(&mut world);
}

#[test]
fn a_book_that_the_summary_contradicts_is_read_before_its_delta_comes() {
    let late = FrameFault::Held(Nanos::from_secs(9));
    let mut world = bought_out(vec![frame("orderbook_delta", 2, late)]);

    world.run_for(Nanos::from_secs(3));

    let doubted = BookView::Blind(Blindness::Doubted);
    // The snapshot's number shows what is missing, and tells it.
    assert_eq!(views(&world)[..2], [top(40, 42), doubted]);
    assert_eq!(views(&world).last(), Some(&top(40, 43)));
    let before = views(&world);
    world.run_for(Nanos::from_secs(3));
    assert_eq!(views(&world), before, "the late delta is a part of the snapshot");
    finish(&mut world);
}

#[test]
fn while_the_book_is_not_believed_a_retry_reads_it() {
    let silent = |nth| frame("orderbook_snapshot", nth, FrameFault::Lost);
    let rules = (1..20).map(silent).collect();
    let mut world = world_with(rules, |config| {
        config.orders.retries_max = 3;
        config.limits.order_spacing_min = Nanos::from_ms(700);
    });

    world.send_line(&line("a", "BUY_YES", 40, 10, "immediate_or_cancel"));
    await_state(&mut world, 0, State::Canceled);
    let result = await_answer(&mut world, "a");

    ended(&result, State::Filled, 10);
    assert_eq!(limits(&result), [41, 42]);
    assert_eq!((views(&world), book_reads(&world)), (Vec::new(), 1));
    world.run_for(Nanos::from_secs(6));
    let told = world.tap().records().iter().filter_map(|record| match record {
        Record::Trouble(news) if news.trouble == Trouble::BooksUnseen => Some(news.turn),
        _ => None,
    });
    assert_eq!(told.collect::<Vec<_>>(), [Turn::Began], "it has a name");
    finish(&mut world);
}

#[test]
fn a_connection_that_falls_silent_is_not_believed_for_long() {
    let mut world = bought_out(vec![]);
    world.run_for(SECOND);
    assert_eq!(views(&world), [top(40, 42), top(40, 43)]);

    world.host_mut().silence_streams();
    world.run_for(Nanos::from_ms(2_500));

    assert_eq!(views(&world).last(), Some(&OLD));
    finish(&mut world);
}
