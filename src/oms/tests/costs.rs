//! R10: what a position cost there is taken over where the prices paid explain it, and stops
//! trading where they do not.

use super::desk::{A, Desk, ticker};
use crate::ids::MarketIx;
use crate::message::{FetchEvent, HeldThere};
use crate::recorder::record::Record;
use crate::units::{Money, Position};

/// Ten YES of the first market at this cost.
fn ten_for(e8: i64) -> FetchEvent {
    let (ticker, position) = (ticker(A), Position::from_centis(1_000));
    FetchEvent::Held(HeldThere { ticker, position, cost: Money::from_e8(e8) })
}

/// What ten YES, bought at once, have cost here.
fn bought() -> (Desk, i64) {
    let mut desk = Desk::new(|_| {});
    desk.buy_ten("a");
    let cost = desk.core.account().holding(MarketIx(0)).cost;
    (desk, cost.e8())
}

fn restated(desk: &Desk) -> usize {
    desk.records.iter().filter(|record| matches!(record, Record::Restated(_))).count()
}

#[test]
fn a_cost_that_the_prices_paid_explain_is_taken_over_once_it_lasts() {
    let (mut desk, cost) = bought();
    let there = cost + Money::E8_PER_CENT / 2;
    desk.compare(&[ten_for(there)]);
    assert_eq!(restated(&desk), 0, "one reading is no evidence");
    desk.compare(&[ten_for(there)]);
    assert_eq!(restated(&desk), 1);
    let account = desk.core.account();
    assert_eq!(account.holding(MarketIx(0)).cost, Money::from_e8(there));
    assert_eq!(account.realized(), Money::from_e8(there - cost), "the total stays");
    assert_eq!(desk.core.day().realized, account.realized());
    assert_eq!(desk.core.exposure().market(MarketIx(0)).position.centis(), 1_000);
    desk.compare(&[ten_for(there)]);
    assert_eq!((restated(&desk), desk.core.guard().mismatches()), (1, 0));
}

#[test]
fn a_cost_that_nothing_explains_stops_trading_and_changes_nothing() {
    let (mut desk, cost) = bought();
    let there = cost + 200 * Money::E8_PER_CENT;
    desk.compare(&[ten_for(there)]);
    desk.compare(&[ten_for(there)]);
    assert_eq!(desk.core.guard().mismatches(), 1);
    assert_eq!(desk.core.account().holding(MarketIx(0)).cost, Money::from_e8(cost));
    assert!(
        desk.alerts().iter().any(|alert| alert.starts_with("R10 costs")),
        "{:?}",
        desk.alerts()
    );
    desk.compare(&[]);
    assert_eq!(desk.core.guard().mismatches(), 0);
}

#[test]
fn less_than_a_micro_dollar_is_how_the_exchange_writes() {
    let (mut desk, cost) = bought();
    desk.compare(&[ten_for(cost + 99)]);
    desk.compare(&[ten_for(cost + 99)]);
    assert_eq!((restated(&desk), desk.core.guard().mismatches()), (0, 0));
}
