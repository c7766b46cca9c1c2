//! Numbered messages that are missing, late or there twice, and subscriptions that stand again.

use super::*;

/// News of a market with a number.
fn market(seq: u64, event: &str) -> Vec<u8> {
    text(&format!(
        r#"{{"type":"market_lifecycle_v2","sid":31,"seq":{seq},
        "msg":{{"market_ticker":"KXA-B","event_type":"{event}"}}}}"#
    ))
}

#[test]
fn news_that_are_missing_are_said_to_be() {
    let mut bench = Bench::new();
    let peer = informed(&mut bench);
    peer.send(&[market(1, "deactivated"), market(2, "activated")].concat());
    bench.settle();
    assert!(matches!(bench.events()[..], [FeedEvent::Market(_), FeedEvent::Market(_)]));

    peer.send(&market(4, "activated"));
    bench.settle();

    let events = bench.events();
    assert!(matches!(events[..], [FeedEvent::NewsMissed, FeedEvent::Market(_)]), "{events:?}");
    assert_eq!(bench.feed.counts(0).gaps, 1);
    assert!(bench.feed.is_up(), "no fill is missing");
}

#[test]
fn news_that_come_late_or_twice_are_not_taken() {
    let mut bench = Bench::new();
    let peer = informed(&mut bench);
    peer.send(&[market(1, "activated"), market(3, "activated")].concat());
    bench.settle();
    bench.events();

    // What comes now was true before the last.
    peer.send(&[market(2, "deactivated"), market(3, "activated")].concat());
    bench.settle();

    assert_eq!(bench.events(), []);
    assert_eq!(bench.feed.counts(0).repeats, 2);
}

#[test]
fn numbers_that_jump_on_the_fill_channel_are_an_outage_and_no_fill_is_refused() {
    let mut bench = Bench::new();
    let peer = bench.up();
    let numbered = |trade: &str, seq: u64| {
        text(&fill(trade).replace(r#""sid":13,"#, &format!(r#""sid":13,"seq":{seq},"#)))
    };
    peer.send(&[numbered("t-1", 1), numbered("t-2", 2)].concat());
    bench.settle();
    assert_eq!(bench.events().len(), 2);

    peer.send(&[numbered("t-4", 4), numbered("t-3", 3), numbered("t-3", 3)].concat());
    bench.settle();

    let events = bench.events();
    let [FeedEvent::Down, FeedEvent::Missed { .. }, FeedEvent::Up, fills @ ..] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!(trades(fills).len(), 3, "the oms knows what it has");
    assert_eq!((bench.feed.counts(0).gaps, bench.feed.counts(0).repeats), (1, 2));
}

#[test]
fn a_news_subscription_that_stands_again_has_missed_something() {
    let mut bench = Bench::new();
    let peer = informed(&mut bench);
    peer.send(&text(r#"{"type":"error","sid":31,"seq":9,"msg":{"code":25}}"#));
    bench.settle();
    bench.advance(1);

    peer.send(&text(&NEWS_ACKS[0].replace("31", "41")));
    bench.settle();

    assert_eq!(bench.events(), [FeedEvent::Alive, FeedEvent::NewsMissed]);
    peer.send(&text(&NEWS_ACKS[0].replace("31", "41")));
    bench.settle();
    assert_eq!(bench.events(), [], "once");
}

#[test]
fn numbers_begin_anew_with_each_connection() {
    let mut bench = Bench::new();
    let peer = informed(&mut bench);
    peer.send(&market(7, "activated"));
    bench.settle();
    peer.wire().closed = true;
    bench.settle();
    bench.events();

    let peer = informed(&mut bench);
    peer.send(&market(1, "activated"));
    bench.settle();

    assert!(matches!(bench.events()[..], [FeedEvent::Market(_)]));
    assert_eq!((bench.feed.counts(0).gaps, bench.feed.counts(0).repeats), (0, 0));
}
