//! Markets read again after news of them were missed.

use super::desk::{A, B, Desk, ticker};
use crate::message::{FeedEvent, FetchCommand, FetchEvent, MarketChange, MarketNews};
use crate::oms::Input;
use crate::units::Nanos;

fn told(desk: &mut Desk, name: &str, change: MarketChange) {
    let news = MarketNews { ticker: ticker(name), change };
    desk.tell(&Input::Feed(FeedEvent::Market(news)));
}

fn read(desk: &mut Desk, name: &str, change: MarketChange) {
    desk.fetched(FetchEvent::Market(MarketNews { ticker: ticker(name), change }));
    desk.fetched(FetchEvent::MarketRead);
}

/// Markets that were asked for so far.
fn asked(desk: &Desk) -> Vec<String> {
    let name = |ask: &FetchCommand| match ask {
        FetchCommand::Market { ticker } => Some(ticker.to_string()),
        _ => None,
    };
    desk.asks.iter().filter_map(name).collect()
}

fn trades(desk: &Desk, name: &str) -> bool {
    desk.core.markets().find(&ticker(name)).expect("it is there").active
}

fn miss(desk: &mut Desk) {
    desk.tell(&Input::Feed(FeedEvent::NewsMissed));
    desk.pass(Nanos::from_secs(1));
}

#[test]
fn a_market_that_was_opened_again_unheard_is_traded_again() {
    let mut desk = Desk::new(|_| {});
    told(&mut desk, A, MarketChange::Deactivated);
    assert!(!trades(&desk, A));

    miss(&mut desk);

    assert_eq!(asked(&desk), [A], "nothing is known against the other");
    read(&mut desk, A, MarketChange::Activated);
    assert!(trades(&desk, A));
}

#[test]
fn an_outage_of_the_stream_may_have_hidden_news() {
    let mut desk = Desk::new(|_| {});
    desk.buy_ten("a");
    desk.tell(&Input::Feed(FeedEvent::Down));
    desk.tell(&Input::Feed(FeedEvent::Up));
    desk.pass(Nanos::from_secs(1));
    assert_eq!(asked(&desk), [A], "something is held there");
    read(&mut desk, A, MarketChange::Deactivated);
    assert!(!trades(&desk, A));
}

#[test]
fn an_answer_older_than_the_streams_word_is_not_taken() {
    let mut desk = Desk::new(|_| {});
    told(&mut desk, A, MarketChange::Deactivated);
    miss(&mut desk);
    told(&mut desk, A, MarketChange::Deactivated);
    read(&mut desk, A, MarketChange::Activated);
    assert!(!trades(&desk, A));
}

#[test]
fn markets_are_read_one_after_the_other() {
    let mut desk = Desk::new(|_| {});
    for name in [A, B] {
        told(&mut desk, name, MarketChange::Deactivated);
    }
    miss(&mut desk);
    assert_eq!(asked(&desk), [A]);
    read(&mut desk, A, MarketChange::Activated);
    desk.pass(Nanos::from_ms(99));
    assert_eq!(asked(&desk), [A], "not all at once");
    desk.pass(Nanos::from_ms(1));
    assert_eq!(asked(&desk), [A, B]);
    read(&mut desk, B, MarketChange::Activated);
    desk.pass(Nanos::from_secs(10));
    assert_eq!(asked(&desk).len(), 2);
}

#[test]
fn more_that_is_missed_during_a_read_is_read_after_it() {
    let mut desk = Desk::new(|_| {});
    told(&mut desk, A, MarketChange::Deactivated);
    miss(&mut desk);
    miss(&mut desk);
    assert_eq!(asked(&desk), [A], "one at a time");
    read(&mut desk, A, MarketChange::Deactivated);
    desk.pass(Nanos::from_secs(1));
    assert_eq!(asked(&desk), [A, A]);
}

#[test]
fn a_read_that_fails_is_made_again_and_not_for_ever() {
    let mut desk = Desk::new(|_| {});
    told(&mut desk, A, MarketChange::Deactivated);
    miss(&mut desk);
    for _ in 0..30 {
        desk.fetched(FetchEvent::MarketFailed);
        desk.pass(Nanos::from_secs(1));
    }
    assert_eq!(asked(&desk).len(), 10);
    assert!(!trades(&desk, A), "what is not known to be open is closed");
}
