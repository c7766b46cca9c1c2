//! Retries are bounded by the original limit, by their number and by the signal's own price: a
//! chain that measured each step from the step before would follow the market anywhere.

use kalshi_exec::order::State;
use kalshi_exec::units::{Position, PriceDelta};

use crate::theatre::{
    await_answer, ended, finish, held, limits, line, sent_once, with, world_with,
};

#[test]
fn a_retrys_price_is_bounded_by_the_original_and_not_by_the_last() {
    let mut world = world_with(vec![], |config| {
        config.orders.retries_max = 7;
        config.orders.improvement_max = PriceDelta::from_cents(3);
        // However far the market is.
        config.orders.slippage_max = PriceDelta::from_cents(50);
    });

    world.send_line(&line("a", "BUY_YES", 37, 10, "immediate_or_cancel"));
    let result = await_answer(&mut world, "a");

    // Asked at 42: never within three cents of the original limit.
    ended(&result, State::Canceled, 0);
    assert_eq!(limits(&result), [38, 39, 40, 41, 41, 41, 41, 41]);
    assert_eq!(result.retries, 7);
    assert_eq!(held(&world), Position::FLAT);
    sent_once(&world);
    finish(&mut world);
}

#[test]
fn a_retrys_price_is_bounded_by_the_signal() {
    let mut world = world_with(vec![], |config| {
        config.orders.retries_max = 3;
        config.orders.slippage_max = PriceDelta::from_cents(3);
    });

    let signal = line("a", "BUY_YES", 39, 10, "immediate_or_cancel");
    world.send_line(&with(&signal, r#""max_price_dollars":"0.4100""#));
    let result = await_answer(&mut world, "a");

    ended(&result, State::Canceled, 0);
    assert_eq!(limits(&result), [40, 41, 41, 41]);
    finish(&mut world);
}

#[test]
fn a_retry_passes_every_limit_again() {
    let mut world = world_with(vec![], |config| {
        config.orders.retries_max = 3;
        config.orders.slippage_max = PriceDelta::from_cents(3);
        // Room for the first order and one retry.
        config.limits.daily_trades_max = 2;
    });

    world.send_line(&line("a", "BUY_YES", 39, 10, "immediate_or_cancel"));
    let result = await_answer(&mut world, "a");

    ended(&result, State::Canceled, 0);
    assert_eq!(limits(&result), [40, 41]);
    let error = result.error.expect("the result says why nothing followed");
    assert_eq!(error.code.as_str(), "retry_refused");
    assert!(error.message.as_str().starts_with("max_daily_trades"), "{}", error.message);
    finish(&mut world);
}
