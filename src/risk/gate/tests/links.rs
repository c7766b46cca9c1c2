//! Limits on links, clocks, pauses, messages and which series may be traded.

use super::*;
use crate::risk::{MessageKind, Schedule};

#[test]
fn a_feed_must_have_been_heard_lately() {
    let bound = 15_000_000_000;
    let heard = |ago| move |case: &mut Case| case.heard(ago);
    check(heard(bound - 1), Ok(()));
    check(heard(bound), Ok(()));
    let signed = i64::try_from(bound).unwrap();
    check(heard(bound + 1), Err((Limit::LinkHealth, signed + 1, signed)));
}

#[test]
fn the_exchanges_clock_must_be_known_and_near() {
    let bound = 2_000_000_000;
    let skewed = |ns| move |case: &mut Case| case.guard.note_skew(Skew::Measured(ns));
    for ns in [0, bound - 1, bound, -bound + 1, -bound] {
        check(skewed(ns), Ok(()));
    }
    for ns in [bound + 1, -bound - 1] {
        check(skewed(ns), Err((Limit::ClockSkew, bound + 1, bound)));
    }
    check(skewed(i64::MIN), Err((Limit::ClockSkew, i64::MAX, bound)));
    let unknown = |case: &mut Case| case.guard.note_skew(Skew::Unknown);
    check(unknown, Err((Limit::ClockSkew, i64::MAX, bound)));
}

#[test]
fn a_paused_exchange_is_left_alone_for_a_while() {
    let paused = |ago: u64| {
        move |case: &mut Case| {
            let at = Timestamp::from_ns(MONO.ns() - ago);
            case.guard.note_paused(Now { mono: at, wall: WALL });
        }
    };
    check(paused(0), Err((Limit::ExchangePaused, 1, 0)));
    check(paused(29_999_999_999), Err((Limit::ExchangePaused, 1, 0)));
    check(paused(30_000_000_000), Ok(()));
}

#[test]
fn a_paused_market_is_left_alone_for_a_while_and_no_other() {
    let paused = |market, ago: u64| {
        move |case: &mut Case| {
            let at = Timestamp::from_ns(MONO.ns() - ago);
            case.guard.note_market_paused(MarketIx(market), at);
        }
    };
    check(paused(0, 0), Err((Limit::MarketInactive, 1, 0)));
    check(paused(0, 29_999_999_999), Err((Limit::MarketInactive, 1, 0)));
    check(paused(0, 30_000_000_000), Ok(()));
    check(paused(1, 0), Ok(()));
}

#[test]
fn nothing_is_sent_during_maintenance() {
    // 2026-01-15 is a Thursday; the window is 08:00 to 10:00 UTC in winter.
    let at = |unix_secs: u64, maintenance| {
        move |case: &mut Case| {
            case.limits.maintenance = maintenance;
            let wall = WallTime::from_unix_ms(unix_secs * 1_000);
            case.guard.tick(Now { mono: MONO, wall }, &case.limits);
        }
    };
    let refused = Err((Limit::ExchangePaused, 1, 0));
    let thursday = Some(Schedule::THURSDAY);
    check(at(1_768_464_000 - 1, thursday), Ok(()));
    check(at(1_768_464_000, thursday), refused);
    check(at(1_768_471_200 - 1, thursday), refused);
    check(at(1_768_471_200, thursday), Ok(()));
    check(at(1_768_464_000, None), Ok(()));
    // The Thursday before New York's clock goes forward in 2027 and the one after: 08:00, 07:00.
    for opens in [1_804_752_000, 1_805_353_200] {
        check(at(opens - 1, thursday), Ok(()));
        check(at(opens, thursday), refused);
        check(at(opens + 7_199, thursday), refused);
        check(at(opens + 7_200, thursday), Ok(()));
    }
}

#[test]
fn orders_leave_the_cancels_their_tokens() {
    // Eight orders of ten tokens out of a hundred, twenty of which are the cancels'.
    let sent = |orders, cancels| {
        move |case: &mut Case| {
            let bucket = case.guard.messages_mut();
            for _ in 0..orders {
                bucket.note_sent(MONO, MessageKind::Order);
            }
            for _ in 0..cancels {
                bucket.note_sent(MONO, MessageKind::Cancel);
            }
        }
    };
    check(sent(6, 0), Ok(()));
    check(sent(7, 0), Ok(()));
    check(sent(8, 0), Err((Limit::MessagesPerSecond, 10, 0)));
    check(sent(7, 1), Err((Limit::MessagesPerSecond, 10, 8)));
    check(sent(0, 36), Err((Limit::MessagesPerSecond, 10, 8)));
    let none = |case: &mut Case| {
        case.limits.messages.capacity = 0;
        case.guard = Guard::new(&case.limits, BreakerConfig::default(), 2, 4);
    };
    check(none, Err((Limit::MessagesPerSecond, 10, 0)));
}

#[test]
fn what_is_not_listed_is_not_traded() {
    let listed = |allowed| move |case: &mut Case| case.listing.allowed = allowed;
    check(listed(true), Ok(()));
    check(listed(false), Err((Limit::SeriesNotAllowed, 1, 0)));
}
