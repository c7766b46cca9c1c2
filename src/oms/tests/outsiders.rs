//! Somebody else trades on the account in markets the engine does not know: the books follow.

use super::desk::{Desk, cents, ticker};
use crate::message::{Action, BookSide, FeedEvent, TimeInForce};
use crate::oms::Input;
use crate::recorder::record::Outcome;
use crate::risk::Limit;
use crate::units::{Contracts, Money, Position};

const START_CENTS: i64 = 1_000_000;

#[test]
fn a_fill_outside_the_table_changes_cash_position_and_its_event() {
    let mut desk = Desk::new(|_| {});
    let other = "KXA-1-NEW";
    let bought = desk.stranger(other, BookSide::Bid, cents(40), 10);
    desk.tell(&Input::Feed(FeedEvent::Fill(bought)));
    desk.tell(&Input::Feed(FeedEvent::Fill(bought)));

    let market = *desk.core.markets().find(&ticker(other)).expect("it has books now");
    assert_eq!(desk.core.account().cash(), Money::from_cents(START_CENTS - 401), "once");
    assert_eq!(desk.core.account().holding(market.ix).position, Position::from_centis(1_000));
    assert_eq!(desk.core.exposure().event(0), Contracts::from_whole(10), "its event is ours");
    assert_eq!(desk.alerts().len(), 1);

    // Sold again: the books are even.
    let sold = desk.stranger(other, BookSide::Ask, cents(45), 10);
    desk.tell(&Input::Feed(FeedEvent::Fill(sold)));
    assert_eq!(desk.core.account().cash(), Money::from_cents(START_CENTS - 401 + 449));
    assert_eq!(desk.alerts().len(), 1, "told once");
}

#[test]
fn nothing_of_ours_trades_there() {
    let mut desk = Desk::new(|_| {});
    let bought = desk.stranger("KXZ-1-A", BookSide::Bid, cents(40), 10);
    desk.tell(&Input::Feed(FeedEvent::Fill(bought)));
    let mut signal = desk.signal("a", Action::BuyYes, TimeInForce::ImmediateOrCancel);
    signal.ticker = ticker("KXZ-1-A");
    desk.tell(&Input::Signal(signal));

    let Some(Outcome::Refused(refusal)) = desk.results().last().map(|result| result.outcome) else {
        panic!("{:?}", desk.results());
    };
    assert_eq!(refusal.limit, Limit::MarketInactive);
}

#[test]
fn books_that_cannot_follow_halt() {
    let mut desk = Desk::new(|_| {});
    let rows = desk.core.market_capacity() - desk.core.markets().all().len();
    for number in 0..rows {
        let fill = desk.stranger(&format!("KXZ-{number}-A"), BookSide::Bid, cents(1), 1);
        desk.tell(&Input::Feed(FeedEvent::Fill(fill)));
    }
    assert!(desk.core.halted().is_none());
    assert_eq!(
        desk.core.account().cash(),
        Money::from_cents(START_CENTS - 2 * i64::try_from(rows).unwrap())
    );

    let fill = desk.stranger("KXZ-MORE-A", BookSide::Bid, cents(1), 1);
    desk.tell(&Input::Feed(FeedEvent::Fill(fill)));

    assert!(desk.core.halted().is_some());
}
