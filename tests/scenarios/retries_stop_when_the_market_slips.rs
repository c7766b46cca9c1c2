//! The market has moved away while the order waited: following it would pay the edge away.

use kalshi_exec::order::State;
use kalshi_exec::units::{Nanos, Position};

use crate::theatre::{
    answer, await_answer, await_state, ended, finish, held, limits, line, rest, world_with,
};

#[test]
fn a_resting_order_is_not_retried_when_the_book_is_too_far() {
    let mut world = world_with(vec![], |config| {
        config.orders.retries_max = 3;
        config.orders.fill_timeout = Nanos::from_secs(4);
    });

    // The signal saw an ask of 39; the book asks 42, three cents more.
    world.send_line(&rest("a"));
    let result = await_answer(&mut world, "a");

    ended(&result, State::Canceled, 0);
    assert_eq!(limits(&result), [40]);
    assert_eq!(result.error.expect("says why").code.as_str(), "slippage");
    assert_eq!(held(&world), Position::FLAT);
    finish(&mut world);
}

#[test]
fn a_retry_that_waits_learns_of_the_market_from_other_signals() {
    let mut world = world_with(vec![], |config| {
        config.orders.retries_max = 3;
        config.limits.order_spacing_min = Nanos::from_ms(400);
    });
    world.send_line(&line("a", "BUY_YES", 39, 10, "immediate_or_cancel"));
    await_state(&mut world, 0, State::Canceled);

    // Too large to be traded, and news of the market all the same.
    world.send_line(&line("b", "BUY_YES", 42, 5_000, "immediate_or_cancel"));
    let result = await_answer(&mut world, "a");

    ended(&result, State::Canceled, 0);
    assert_eq!(limits(&result), [40]);
    assert_eq!(result.error.expect("says why").code.as_str(), "slippage");
    assert!(answer(&world, "b").is_some());
    finish(&mut world);
}
