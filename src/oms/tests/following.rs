//! Markets in play: when their books are followed, what is believed of them, when they are let go.

use super::desk::{A, B, Desk, cents, ticker};
use super::successors::canceled;
use crate::ids::MarketIx;
use crate::message::{
    Action, Blindness, BookNews, BookView, FetchCommand, FollowCommand, Signal, TimeInForce,
    Trouble, Turn,
};
use crate::oms::Input;
use crate::recorder::record::Record;
use crate::units::{Contracts, Nanos};

const SECOND: Nanos = Nanos::from_secs(1);

fn following(max: u16) -> Desk {
    Desk::new(|config| {
        config.orders.books_max = max;
        config.limits.order_spacing_min = Nanos::ZERO;
    })
}

fn follow(market: u16, name: &str) -> FollowCommand {
    FollowCommand::Follow { market: MarketIx(market), ticker: ticker(name) }
}

fn unfollow(market: u16) -> FollowCommand {
    FollowCommand::Unfollow { market: MarketIx(market) }
}

fn see(desk: &mut Desk, market: u16, view: BookView) {
    let news = BookNews { market: MarketIx(market), view, as_of: desk.now.wall };
    desk.tell(&Input::Book(news));
}

fn top(bid: u32, ask: u32) -> BookView {
    BookView::Top { bid: Some(cents(bid)), ask: Some(cents(ask)) }
}

/// Ten YES in a market, at once or not at all: nothing fills.
fn try_and_fail(desk: &mut Desk, name: &str, id: &str) {
    let signal = desk.signal(id, Action::BuyYes, TimeInForce::FillOrKill);
    desk.tell(&Input::Signal(Signal { ticker: ticker(name), ..signal }));
    let order = desk.last_order();
    desk.accept(&order, Contracts::ZERO);
}

#[test]
fn a_market_is_followed_once_an_order_has_left_and_let_go_after_a_while() {
    let mut desk = following(64);
    let signal = desk.signal("a", Action::BuyYes, TimeInForce::GoodTillCanceled);
    desk.tell(&Input::Signal(signal));
    assert_eq!(desk.follows, [], "not before: the wire comes first");
    let order = desk.last_order();
    desk.accept(&order, Contracts::ZERO);
    assert_eq!(desk.follows, [follow(0, A)]);

    desk.pass(Nanos::from_secs(20));
    assert_eq!(desk.follows.len(), 1, "an order rests there");
    desk.fill(&order, 10);
    desk.pass(Nanos::from_secs(30));
    assert_eq!(desk.follows, [follow(0, A), unfollow(0)]);
}

#[test]
fn the_market_used_longest_ago_makes_room() {
    let mut desk = following(1);
    try_and_fail(&mut desk, A, "a");
    desk.pass(SECOND);
    try_and_fail(&mut desk, A, "b");
    assert_eq!(desk.follows, [follow(0, A)]);
    try_and_fail(&mut desk, B, "c");
    assert_eq!(desk.follows, [follow(0, A), unfollow(0), follow(1, B)]);
}

#[test]
fn nothing_is_followed_where_nothing_may_be() {
    let mut desk = following(0);
    try_and_fail(&mut desk, A, "a");
    assert_eq!(desk.follows, []);
}

#[test]
fn what_is_seen_is_known_without_reading_until_it_is_not_seen() {
    let mut desk = following(64);
    let signal = desk.signal("a", Action::BuyYes, TimeInForce::GoodTillCanceled);
    desk.tell(&Input::Signal(signal));
    let order = desk.last_order();
    desk.accept(&order, Contracts::ZERO);
    see(&mut desk, 0, top(47, 50));
    desk.pass(Nanos::from_secs(30));
    desk.asks.clear();

    canceled(&mut desk, &order, 10);

    assert_eq!(desk.asks, [], "the book is seen, however long ago it changed");
    let retry = desk.last_order();
    assert_eq!((desk.submits(), retry.price), (2, cents(50)));

    desk.accept(&retry, Contracts::ZERO);
    see(&mut desk, 0, BookView::Blind(Blindness::Gap));
    desk.pass(Nanos::from_secs(30));
    desk.asks.clear();
    canceled(&mut desk, &retry, 10);
    assert_eq!(desk.asks, [FetchCommand::Quote { ticker: ticker(A) }]);
}

#[test]
fn a_seen_book_outweighs_what_a_signal_says_of_its_market() {
    let mut desk = following(64);
    let signal = desk.signal("a", Action::BuyYes, TimeInForce::GoodTillCanceled);
    desk.tell(&Input::Signal(signal));
    let order = desk.last_order();
    desk.accept(&order, Contracts::ZERO);
    see(&mut desk, 0, top(47, 55));
    desk.pass(Nanos::from_secs(30));

    canceled(&mut desk, &order, 10);

    assert_eq!(desk.submits(), 1);
    let error = desk.results()[0].error.expect("says why");
    assert_eq!(error.code.as_str(), "slippage");
}

#[test]
fn news_of_a_market_that_was_let_go_changes_nothing() {
    let mut desk = following(1);
    try_and_fail(&mut desk, A, "a");
    try_and_fail(&mut desk, B, "b");
    see(&mut desk, 0, top(10, 11));
    see(&mut desk, 1, top(20, 30));
    assert!(!desk.core.quotes.is_seen(MarketIx(0)));
    assert!(desk.core.quotes.is_seen(MarketIx(1)));
}

#[test]
fn a_followed_market_that_nobody_sees_has_a_name_after_a_while() {
    let mut desk = following(64);
    let signal = desk.signal("a", Action::BuyYes, TimeInForce::GoodTillCanceled);
    desk.tell(&Input::Signal(signal));
    let order = desk.last_order();
    desk.accept(&order, Contracts::ZERO);
    let turns = |desk: &Desk| {
        let turn = |record: &Record| match record {
            Record::Trouble(news) if news.trouble == Trouble::BooksUnseen => Some(news.turn),
            _ => None,
        };
        desk.records.iter().filter_map(turn).collect::<Vec<_>>()
    };
    desk.pass(Nanos::from_secs(4));
    assert_eq!(turns(&desk), []);
    desk.pass(Nanos::from_secs(2));
    assert_eq!(turns(&desk), [Turn::Began]);
    see(&mut desk, 0, top(47, 50));
    assert_eq!(turns(&desk), [Turn::Began, Turn::Over]);
    see(&mut desk, 0, BookView::Blind(Blindness::Old));
    desk.pass(Nanos::from_secs(4));
    see(&mut desk, 0, BookView::Blind(Blindness::Gap));
    desk.pass(Nanos::from_secs(2));
    assert_eq!(turns(&desk), [Turn::Began, Turn::Over, Turn::Began], "blind is blind");
}
