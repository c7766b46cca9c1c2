//! What follows an order goes by the book as the stream shows it now: no read, and no belief in
//! what the signal saw.
//!
//! A read takes a round trip and lags; a signal's prices are as old as the signal.

use kalshi_exec::message::BookView;
use kalshi_exec::order::State;
use kalshi_exec::sim::world::{World, WorldConfig};
use kalshi_exec::units::Nanos;

use crate::theatre::{
    SECOND, await_answer, await_state, book_reads, ended, finish, limits, line, sent_once,
    somebody_buys, top, views, with, world_with,
};

/// Retries come so late that the signal's prices are too old to go by.
fn slow_retries(config: &mut WorldConfig) {
    config.orders.retries_max = 3;
    config.limits.order_spacing_min = Nanos::from_ms(700);
}

/// An order at 41 that meets nobody: 42 is asked.
fn send_short(world: &mut World) {
    world.send_line(&line("a", "BUY_YES", 40, 10, "immediate_or_cancel"));
}

#[test]
fn a_late_retry_reads_no_book_while_it_is_seen() {
    let mut world = world_with(vec![], slow_retries);

    send_short(&mut world);
    let result = await_answer(&mut world, "a");

    ended(&result, State::Filled, 10);
    assert_eq!(limits(&result), [41, 42]);
    assert_eq!(views(&world)[0], top(40, 42));
    assert_eq!(book_reads(&world), 0);
    sent_once(&world);
    finish(&mut world);
}

#[test]
fn without_books_a_late_retry_reads_one() {
    let mut world = world_with(vec![], |config| {
        slow_retries(config);
        config.orders.books_max = 0;
    });

    send_short(&mut world);
    let result = await_answer(&mut world, "a");

    ended(&result, State::Filled, 10);
    assert_eq!(views(&world), Vec::<BookView>::new());
    assert_eq!(book_reads(&world), 1);
    finish(&mut world);
}

#[test]
fn a_market_that_moved_between_signal_and_retry_is_not_chased() {
    let mut world = world_with(vec![], slow_retries);
    send_short(&mut world);
    await_state(&mut world, 0, State::Canceled);

    // Everything at 42 goes: 43 is asked, three cents past what the signal saw.
    somebody_buys(&mut world, 50);
    let result = await_answer(&mut world, "a");

    ended(&result, State::Canceled, 0);
    assert_eq!(limits(&result), [41]);
    assert_eq!(result.error.expect("says why").code.as_str(), "slippage");
    assert_eq!(views(&world).last(), Some(&top(40, 43)));
    assert_eq!(book_reads(&world), 0);
    finish(&mut world);
}

#[test]
fn a_making_order_follows_the_ask_without_reading() {
    let mut world = world_with(vec![], |_| {});
    let expires = (world.now().wall + Nanos::from_secs(6)).unix_ns();
    let signal = line("a", "BUY_YES", 42, 10, "immediate_or_cancel");
    world.send_line(&with(&signal, &format!(r#""style":"make","expires_ns":{expires}"#)));
    await_state(&mut world, 0, State::Resting);
    world.run_for(SECOND + SECOND);

    somebody_buys(&mut world, 50);
    // Where it rests it is the best bid itself; its place is found beside the ask.
    let moved = world.run_until(Nanos::from_ms(30), |world| views(world).contains(&top(41, 43)));
    assert!(moved, "{:?}", views(&world));
    await_state(&mut world, 1, State::Resting);
    let result = await_answer(&mut world, "a");

    ended(&result, State::Canceled, 0);
    assert_eq!(limits(&result), [41, 42]);
    assert_eq!(book_reads(&world), 0);
    finish(&mut world);
}
