//! Markets that are listed after the run began.

use super::desk::{A, Desk, ticker};
use crate::kalshi::market::{FeeSchedule, TickGrid};
use crate::message::{
    Action, Command, FeedEvent, FetchCommand, FetchEvent, MarketChange, MarketNews, TimeInForce,
};
use crate::oms::Input;
use crate::recorder::record::Outcome;
use crate::risk::Limit;
use crate::units::Nanos;

const NEW: &str = "KXZ-1-NEW";
const OPEN: [MarketChange; 3] = [
    MarketChange::Prices(TickGrid::linear_cent()),
    MarketChange::Terms { exchange_index: 0, fees: Some(FeeSchedule::QUADRATIC) },
    MarketChange::Activated,
];

fn told(desk: &mut Desk, name: &str, change: MarketChange) {
    let news = MarketNews { ticker: ticker(name), change };
    desk.tell(&Input::Feed(FeedEvent::Market(news)));
    desk.pass(Nanos::ZERO);
}

fn created(desk: &mut Desk, name: &str, after: Nanos) {
    let opens = desk.now.wall + after;
    told(desk, name, MarketChange::Created(opens));
}

fn read(desk: &mut Desk, name: &str, changes: &[MarketChange]) {
    for &change in changes {
        desk.fetched(FetchEvent::Market(MarketNews { ticker: ticker(name), change }));
    }
    desk.fetched(FetchEvent::MarketRead);
}

fn asked(desk: &Desk) -> Vec<String> {
    let name = |ask: &FetchCommand| match ask {
        FetchCommand::Market { ticker } => Some(ticker.to_string()),
        _ => None,
    };
    desk.asks.iter().filter_map(name).collect()
}

fn signal(desk: &mut Desk, id: &str) {
    let mut signal = desk.signal(id, Action::BuyYes, TimeInForce::ImmediateOrCancel);
    signal.ticker = ticker(NEW);
    desk.tell(&Input::Signal(signal));
}

#[test]
fn a_market_listed_later_is_unknown_until_it_is_read_and_then_traded() {
    let mut desk = Desk::new(|_| {});
    created(&mut desk, NEW, Nanos::ZERO);
    assert_eq!(asked(&desk), [NEW]);
    signal(&mut desk, "a");
    let Some(Outcome::Refused(refusal)) = desk.results().last().map(|result| result.outcome) else {
        panic!("{:?}", desk.results());
    };
    assert_eq!(refusal.limit, Limit::UnknownMarket);

    read(&mut desk, NEW, &OPEN);

    signal(&mut desk, "b");
    let row = *desk.core.markets().find(&ticker(NEW)).expect("it has a row");
    assert_eq!(desk.last_order().market, row.ix);
    let place = |wanted: fn(&Command) -> bool| desk.commands.iter().position(wanted);
    let listed = place(|it| matches!(it, Command::List(_))).expect("the gateway knows it");
    assert!(listed < place(|it| matches!(it, Command::Submit(_))).expect("an order was sent"));
}

#[test]
fn a_market_is_read_when_it_opens() {
    let mut desk = Desk::new(|_| {});
    created(&mut desk, NEW, Nanos::from_secs(60));
    desk.pass(Nanos::from_secs(59));
    assert!(asked(&desk).is_empty());
    desk.pass(Nanos::from_secs(1));
    assert_eq!(asked(&desk), [NEW]);
}

#[test]
fn a_market_in_no_listing_that_opens_is_taken_in() {
    let mut desk = Desk::new(|_| {});
    told(&mut desk, NEW, MarketChange::Activated);
    read(&mut desk, NEW, &OPEN);
    assert!(desk.core.markets().find(&ticker(NEW)).is_some_and(|market| market.active));
}

#[test]
fn one_that_is_not_open_yet_is_read_again_and_not_for_ever() {
    let mut desk = Desk::new(|_| {});
    created(&mut desk, NEW, Nanos::ZERO);
    for _ in 0..30 {
        read(&mut desk, NEW, &[MarketChange::Deactivated]);
        desk.pass(Nanos::from_secs(1));
    }
    assert_eq!(asked(&desk).len(), 10);
    assert!(desk.core.markets().find(&ticker(NEW)).is_none());
}

#[test]
fn news_during_the_read_are_newer_than_the_answer() {
    let mut desk = Desk::new(|_| {});
    created(&mut desk, NEW, Nanos::ZERO);
    told(&mut desk, NEW, MarketChange::Deactivated);
    read(&mut desk, NEW, &OPEN);
    assert!(desk.core.markets().find(&ticker(NEW)).is_none());
    desk.pass(Nanos::from_secs(1));
    assert_eq!(asked(&desk), [NEW, NEW]);
}

#[test]
fn reads_of_new_and_of_known_markets_take_turns() {
    let mut desk = Desk::new(|_| {});
    told(&mut desk, A, MarketChange::Deactivated);
    created(&mut desk, NEW, Nanos::ZERO);
    desk.tell(&Input::Feed(FeedEvent::NewsMissed));
    desk.pass(Nanos::from_secs(1));
    assert_eq!(asked(&desk), [NEW]);
    read(&mut desk, NEW, &OPEN);
    desk.pass(Nanos::from_secs(1));
    assert_eq!(asked(&desk), [NEW, A]);
    read(&mut desk, A, &[MarketChange::Activated]);
    let active = desk.core.markets().all().iter().filter(|market| market.active);
    assert_eq!(active.count(), 3);
}

#[test]
fn what_finds_no_room_is_told_once_and_rows_are_left_for_others() {
    let mut desk = Desk::new(|_| {});
    for number in 0..600 {
        created(&mut desk, &format!("KXZ-{number}-A"), Nanos::from_secs(3_600));
    }
    assert_eq!(desk.alerts().len(), 1);
    desk.pass(Nanos::from_secs(3_600));
    for _ in 0..600 {
        let Some(name) = asked(&desk).last().cloned() else { break };
        read(&mut desk, &name, &OPEN);
        desk.pass(Nanos::from_ms(100));
    }
    assert_eq!(desk.core.markets().all().len(), 2 + 512);
    assert_eq!(desk.core.market_capacity() - desk.core.markets().all().len(), 256);
}
