//! The breaker's limits and what trips it, below, at and above their bounds.

use super::*;
use crate::risk::Probe;

#[test]
fn an_open_breaker_refuses_until_it_has_cooled_down() {
    for trip in Trip::ALL {
        check(|case| case.guard.trip(NOW, trip), Err((Limit::BreakerOpen, 1, 0)));
    }
    let cooling = |left: u64| {
        move |case: &mut Case| {
            let began = MONO.ns() + left - case.guard.config().cooldown.ns();
            case.guard.trip(Now { mono: Timestamp::from_ns(began), wall: WALL }, Trip::Rejects);
            case.guard.tick(NOW, &case.limits);
        }
    };
    check(cooling(1), Err((Limit::BreakerOpen, 1, 0)));
    check(cooling(0), Ok(()));
}

#[test]
fn a_half_open_breaker_lets_one_small_order_out() {
    let sized = |centis| {
        move |case: &mut Case| {
            case.half_open();
            case.order.quantity = Contracts::from_centis(centis);
            case.edge = PriceDelta::from_cents(50);
        }
    };
    check(sized(999), Ok(()));
    check(sized(1_000), Ok(()));
    check(sized(1_001), Err((Limit::ProbeSize, 1_001, 1_000)));
    let probed = |case: &mut Case| {
        case.half_open();
        case.guard.note_approved(case.order.key);
    };
    check(probed, Err((Limit::BreakerOpen, 2, 1)));
    let succeeded = |case: &mut Case| {
        probed(case);
        case.guard.judge_probe(NOW, Probe::Succeeded);
    };
    check(succeeded, Ok(()));
    let failed = |case: &mut Case| {
        probed(case);
        case.guard.judge_probe(NOW, Probe::Failed);
    };
    check(failed, Err((Limit::BreakerOpen, 1, 0)));
}

/// So many markets settled at a loss in a row.
pub(super) fn lost(times: u32) -> impl FnOnce(&mut Case) {
    move |case| {
        let settlement = crate::risk::Settlement {
            market: MarketIx(0),
            realized: Money::from_cents(-1),
            fee: Money::ZERO,
            result: Money::from_cents(-1),
        };
        // The bound is lowered afterwards: reaching it would have tripped the breaker as well.
        case.guard.config_mut().consecutive_losses_max = 100;
        for _ in 0..times {
            case.guard.record_settlement(&mut case.day, NOW, &case.limits, &settlement);
        }
        case.guard.config_mut().consecutive_losses_max = 5;
    }
}

#[test]
fn losses_in_a_row_stop_trading_at_their_bound() {
    check(lost(4), Ok(()));
    check(lost(5), Err((Limit::ConsecutiveLosses, 5, 5)));
    check(lost(6), Err((Limit::ConsecutiveLosses, 6, 5)));
    let probing = |case: &mut Case| {
        lost(6)(case);
        case.half_open();
    };
    check(probing, Ok(()));
}

/// So many rejects, so many nanoseconds ago.
pub(super) fn rejected(times: u32, ago: u64) -> impl FnOnce(&mut Case) {
    move |case| {
        let at = Now { mono: Timestamp::from_ns(MONO.ns() - ago), wall: WALL };
        for _ in 0..times {
            case.guard.note_reject(at);
        }
        // Reaching the bound has tripped the breaker as well; that is not asked here.
        case.guard.judge_probe(NOW, Probe::Succeeded);
    }
}

#[test]
fn rejects_of_a_minute_stop_trading_at_their_bound() {
    let minute = 60_000_000_000;
    check(rejected(4, 0), Ok(()));
    check(rejected(5, 0), Err((Limit::RejectsPerMinute, 5, 5)));
    check(rejected(6, 0), Err((Limit::RejectsPerMinute, 5, 5)));
    check(rejected(5, minute - 1), Err((Limit::RejectsPerMinute, 5, 5)));
    check(rejected(5, minute), Ok(()));
}

/// So many executions of the order's market, so many nanoseconds ago.
pub(super) fn executed(times: u32, side: BookSide, ago: u64) -> impl FnOnce(&mut Case) {
    move |case| {
        let at = Timestamp::from_ns(MONO.ns() - ago);
        for _ in 0..times {
            let _told: bool = case.guard.note_execution(MarketIx(0), side, at);
        }
    }
}

#[test]
fn repeated_execution_stops_at_its_bound() {
    let window = 10_000_000_000;
    let refused = Err((Limit::RepeatedExecution, 4, 3));
    check(executed(2, BookSide::Bid, 0), Ok(()));
    check(executed(3, BookSide::Bid, 0), refused);
    check(executed(4, BookSide::Bid, 0), refused);
    check(executed(3, BookSide::Bid, window - 1), refused);
    check(executed(3, BookSide::Bid, window), Ok(()));
    check(executed(3, BookSide::Ask, 0), Ok(()));
    let repriced = |case: &mut Case| {
        executed(3, BookSide::Bid, 0)(case);
        case.child = Child::Later;
    };
    check(repriced, Ok(()));
}

#[test]
fn any_mismatch_is_too_many() {
    check(|case| case.mismatched(0), Ok(()));
    check(|case| case.mismatched(1), Err((Limit::Mismatch, 1, 0)));
    check(|case| case.mismatched(2), Err((Limit::Mismatch, 2, 0)));
}

#[test]
fn orders_that_do_not_add_up_are_too_many() {
    let key = OrderKey { slot: 1, generation: 0 };
    let balanced = |case: &mut Case| {
        case.guard.note_approved(key);
        case.guard.ledger_mut().note_written(key);
    };
    check(balanced, Ok(()));
    let twice = |case: &mut Case| {
        balanced(case);
        case.guard.ledger_mut().note_written(key);
    };
    check(twice, Err((Limit::Conservation, 2, 0)));
}
