//! Streams told twice, out of order, and with holes: what the oms makes of two connections to one
//! story.

use super::desk::{A, Desk};
use crate::ids::InlineText;
use crate::message::{
    Action, ExchangeStatus, FeedEvent, FetchCommand, Fill, GroupChange, GroupNews, HeldThere,
    MarketChange, MarketNews, NewOrder, OrderReport, Origin, TimeInForce,
};
use crate::oms::Input;
use crate::order::State;
use crate::recorder::record::Outcome;
use crate::units::{Contracts, Money, Nanos, Position};

/// Whatever was told, it is told and done; how much the oms has said and asked so far.
fn tell(desk: &mut Desk, event: FeedEvent) -> [usize; 3] {
    desk.tell(&Input::Feed(event));
    [desk.commands.len(), desk.asks.len(), desk.records.len()]
}

/// An order for ten that rests at the exchange.
fn resting() -> (Desk, NewOrder) {
    let mut desk = Desk::new(|_| {});
    let signal = desk.signal("a", Action::BuyYes, TimeInForce::GoodTillCanceled);
    desk.tell(&Input::Signal(signal));
    let order = desk.last_order();
    desk.accept(&order, Contracts::ZERO);
    (desk, order)
}

fn report(desk: &Desk, order: &NewOrder, status: ExchangeStatus, filled: u32) -> FeedEvent {
    let filled = Contracts::from_whole(filled);
    FeedEvent::Order(OrderReport {
        order_id: super::desk::order_id(order),
        client_order_id: Some(order.client_order_id),
        ticker: super::desk::ticker(A),
        side: order.side,
        price: order.price,
        status,
        filled,
        remaining: order.quantity.saturating_sub(filled),
        expired: false,
        received: desk.now.mono,
        origin: Origin::Stream,
    })
}

fn fill_of(desk: &mut Desk, order: &NewOrder, whole: u32) -> FeedEvent {
    let fill = desk.stranger(A, order.side, order.price, whole);
    FeedEvent::Fill(Fill {
        order_id: super::desk::order_id(order),
        client_order_id: Some(order.client_order_id),
        ..fill
    })
}

/// How an order of ten filled in two pieces ends: filled, once, at what both pieces cost.
#[track_caller]
fn is_filled_once(desk: &Desk, told: &str) {
    let results = desk.results();
    let [result] = results[..] else { panic!("{told}: {results:?}") };
    assert_eq!(result.outcome, Outcome::Ended(State::Filled), "{told}");
    assert_eq!(result.filled, Contracts::from_whole(10), "{told}");
    let market = desk.core.markets().find(&super::desk::ticker(A)).expect("it is there").ix;
    let position = desk.core.account().holding(market).position;
    assert_eq!(position, Position::from_centis(1_000), "{told}");
    assert_eq!(desk.core.orders().live(), 0, "{told}");
}

/// The story of an order: it rests, fills in two pieces, is over.
fn story(desk: &mut Desk, order: &NewOrder) -> [FeedEvent; 4] {
    [
        report(desk, order, ExchangeStatus::Resting, 0),
        fill_of(desk, order, 4),
        fill_of(desk, order, 6),
        report(desk, order, ExchangeStatus::Executed, 10),
    ]
}

#[test]
fn two_tellings_of_one_story_are_one_however_they_interleave() {
    // Bit n says who speaks n-th: every way in which two can tell four things each in order.
    let ways = (0_u32..256).filter(|way| way.count_ones() == 4);
    for way in ways {
        let (mut desk, order) = resting();
        let story = story(&mut desk, &order);
        let mut at = [0, 0];
        for turn in 0..8 {
            let who = (way >> turn & 1) as usize;
            tell(&mut desk, story[at[who]]);
            at[who] += 1;
        }
        is_filled_once(&desk, &format!("{way:08b}"));
    }
}

#[test]
fn an_older_word_after_a_newer_one_changes_nothing() {
    for first in 0..4 {
        for second in (0..4).filter(|it| *it != first) {
            for third in (0..4).filter(|it| ![first, second].contains(it)) {
                let last = 6 - first - second - third;
                let (mut desk, order) = resting();
                let story = story(&mut desk, &order);
                for at in [first, second, third, last] {
                    tell(&mut desk, story[at]);
                }
                is_filled_once(&desk, &format!("{first}{second}{third}{last}"));
            }
        }
    }
}

#[test]
fn news_told_twice_have_the_effect_of_one() {
    let market = |change| FeedEvent::Market(MarketNews { ticker: super::desk::ticker(A), change });
    let held = HeldThere {
        ticker: super::desk::ticker(A),
        position: Position::from_centis(700),
        cost: Money::from_cents(300),
    };
    let group = GroupNews {
        id: InlineText::new(b"g-1").expect("a plain id"),
        change: GroupChange::Triggered,
    };
    for event in [
        market(MarketChange::Deactivated),
        market(MarketChange::Activated),
        market(MarketChange::Determined),
        market(MarketChange::Settled),
        FeedEvent::Position(held),
        FeedEvent::Group(group),
    ] {
        let (mut desk, _) = resting();
        let said = tell(&mut desk, event);
        let due = desk.core.deadline();

        assert_eq!(tell(&mut desk, event), said, "{event:?}");

        assert_eq!(desk.core.deadline(), due, "{event:?}");
    }
}

#[test]
fn what_was_missed_before_a_known_fill_is_read_back() {
    let mut desk = Desk::new(|_| {});
    desk.buy_ten("a");
    desk.pass(Nanos::from_secs(300));
    let lost = desk.now.wall;
    desk.pass(Nanos::from_secs(100));
    desk.buy_ten("b");

    for event in [FeedEvent::Down, FeedEvent::Missed { since: lost }, FeedEvent::Up] {
        tell(&mut desk, event);
    }
    desk.pass(Nanos::ZERO);

    let read = desk.asks.iter().rev().find_map(|ask| match ask {
        FetchCommand::Backfill { since } => Some(*since),
        _ => None,
    });
    let since = read.expect("fills are read");
    assert!(since < lost, "what happened just before may have been told after");
    assert!(lost.since(since) <= Nanos::from_secs(60));
}

#[test]
fn nothing_before_the_opening_books_is_read_back() {
    let mut desk = Desk::new(|_| {});
    let opened = desk.now.wall;
    desk.pass(Nanos::from_secs(1));
    for event in [FeedEvent::Down, FeedEvent::Missed { since: opened }, FeedEvent::Up] {
        tell(&mut desk, event);
    }
    let read = desk.asks.last();
    assert!(matches!(read, Some(FetchCommand::Backfill { since }) if *since == opened), "{read:?}");
}
