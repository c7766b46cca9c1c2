//! Markets that were not open when the run began: what it takes to trade them.

use super::desk::{A, B, Desk, cents, ticker};
use crate::kalshi::market::FeeSchedule;
use crate::message::{
    Action, BookSide, Command, FeedEvent, FetchCommand, FetchEvent, ListedMarket, MarketChange,
    MarketNews, TimeInForce,
};
use crate::oms::Input;
use crate::units::Nanos;

/// Outside the table until a stranger trades there: then it has a row, closed to our orders.
const SHUT: &str = "KXZ-1-A";
const TERMS: MarketChange =
    MarketChange::Terms { exchange_index: 0, fees: Some(FeeSchedule::QUADRATIC) };

fn desk() -> Desk {
    let mut desk = Desk::new(|_| {});
    let bought = desk.stranger(SHUT, BookSide::Bid, cents(40), 10);
    desk.tell(&Input::Feed(FeedEvent::Fill(bought)));
    assert!(!trades(&desk, SHUT));
    desk
}

fn told(desk: &mut Desk, name: &str, change: MarketChange) {
    let news = MarketNews { ticker: ticker(name), change };
    desk.tell(&Input::Feed(FeedEvent::Market(news)));
    desk.pass(Nanos::ZERO);
}

fn read(desk: &mut Desk, name: &str, changes: &[MarketChange]) {
    for &change in changes {
        desk.fetched(FetchEvent::Market(MarketNews { ticker: ticker(name), change }));
    }
    desk.fetched(FetchEvent::MarketRead);
}

fn reads(desk: &Desk) -> usize {
    desk.asks.iter().filter(|ask| matches!(ask, FetchCommand::Market { .. })).count()
}

fn listed(desk: &Desk) -> Vec<ListedMarket> {
    let row = |command: &Command| match command {
        Command::List(listed) => Some(*listed),
        _ => None,
    };
    desk.commands.iter().filter_map(row).collect()
}

fn trades(desk: &Desk, name: &str) -> bool {
    desk.core.markets().find(&ticker(name)).expect("it is there").active
}

#[test]
fn a_market_that_opens_trades_once_its_terms_are_read() {
    let mut desk = desk();
    told(&mut desk, SHUT, MarketChange::Activated);
    assert_eq!(reads(&desk), 1);
    assert!(!trades(&desk, SHUT), "its fees are not known");

    let half = FeeSchedule { taker_ppm: 35_000, ..FeeSchedule::QUADRATIC };
    let terms = MarketChange::Terms { exchange_index: 0, fees: Some(half) };
    read(&mut desk, SHUT, &[terms, MarketChange::Activated]);

    assert!(trades(&desk, SHUT));
    let row = *desk.core.markets().find(&ticker(SHUT)).unwrap();
    assert_eq!(row.fees, half);
    let expected = ListedMarket { market: row.ix, ticker: row.ticker, exchange_index: 0 };
    assert_eq!(listed(&desk), [expected], "the gateway knows it");
    let mut signal = desk.signal("a", Action::BuyYes, TimeInForce::ImmediateOrCancel);
    signal.ticker = ticker(SHUT);
    desk.tell(&Input::Signal(signal));
    assert_eq!(desk.last_order().market, row.ix);
}

#[test]
fn reads_that_lag_the_stream_are_made_again() {
    let mut desk = desk();
    told(&mut desk, SHUT, MarketChange::Activated);
    for _ in 0..3 {
        read(&mut desk, SHUT, &[MarketChange::Deactivated]);
        assert!(!trades(&desk, SHUT));
        desk.pass(Nanos::from_secs(1));
    }
    assert_eq!(reads(&desk), 4);
    read(&mut desk, SHUT, &[TERMS, MarketChange::Activated]);
    assert!(trades(&desk, SHUT));
    desk.pass(Nanos::from_secs(10));
    assert_eq!(reads(&desk), 4, "and then no more");
}

#[test]
fn reads_do_not_go_on_for_ever() {
    let mut desk = desk();
    told(&mut desk, SHUT, MarketChange::Activated);
    for _ in 0..30 {
        desk.fetched(FetchEvent::MarketFailed);
        desk.pass(Nanos::from_secs(1));
    }
    assert_eq!(reads(&desk), 10);
    told(&mut desk, SHUT, MarketChange::Activated);
    assert_eq!(reads(&desk), 11, "until it is told again");
}

#[test]
fn a_pause_during_the_read_is_newer_than_the_answer() {
    let mut desk = desk();
    told(&mut desk, SHUT, MarketChange::Activated);
    told(&mut desk, SHUT, MarketChange::Deactivated);
    read(&mut desk, SHUT, &[TERMS, MarketChange::Activated]);
    assert!(!trades(&desk, SHUT));
    desk.pass(Nanos::from_secs(1));
    assert_eq!(reads(&desk), 2, "its terms are still to be read");
}

#[test]
fn terms_that_cannot_be_traded_by_are_told_and_keep_it_closed() {
    let fees = Some(FeeSchedule::QUADRATIC);
    for terms in [
        MarketChange::Terms { exchange_index: 0, fees: None },
        MarketChange::Terms { exchange_index: 3, fees },
    ] {
        let mut desk = desk();
        let before = desk.alerts().len();
        told(&mut desk, SHUT, MarketChange::Activated);
        read(&mut desk, SHUT, &[terms, MarketChange::Activated]);
        assert!(!trades(&desk, SHUT), "{terms:?}");
        assert_eq!(desk.alerts().len(), before + 1);
        assert!(listed(&desk).is_empty());
    }
}

#[test]
fn markets_that_were_open_keep_their_terms() {
    let mut desk = desk();
    told(&mut desk, A, MarketChange::Deactivated);
    told(&mut desk, A, MarketChange::Activated);
    told(&mut desk, B, MarketChange::Activated);
    assert_eq!(reads(&desk), 0);
    assert!(trades(&desk, A));
    assert!(listed(&desk).is_empty());
}
