//! Two connections: what the oms hears of them, and what it does not.

use super::*;
use crate::message::{GroupChange, MarketChange};

/// What the exchange tells of a market, and of a group.
const PAUSED: &str = r#"{"type":"market_lifecycle_v2","sid":31,"seq":1,
    "msg":{"market_ticker":"KXA-B","event_type":"deactivated"}}"#;
const TRIGGERED: &str = r#"{"type":"order_group_updates","sid":33,"seq":1,
    "msg":{"event_type":"triggered","order_group_id":"g-1"}}"#;
const HELD: &str = r#"{"type":"market_position","sid":32,"msg":{"market_ticker":"KXA-B",
    "position_fp":"1.00","position_cost_dollars":"0.7500","subaccount":0}}"#;

/// A feed with two connections, and what dials each.
struct Pair {
    bench: Bench,
    second: ScriptedConnector,
}

impl Pair {
    fn new() -> Self {
        let mut bench = Bench::with_ring(1_024);
        let second = ScriptedConnector::default();
        let (producer, events) = rtrb::RingBuffer::new(1_024);
        let (config, clock) = (FeedConfig::default(), bench.clock.clone());
        bench.feed =
            Feed::new(config, bench.connector.clone(), clock, producer).with_second(second.clone());
        bench.events = events;
        Self { bench, second }
    }

    /// The first connection up at once, the second a second later.
    fn up() -> (Self, [Peer; 2]) {
        let mut pair = Self::new();
        let first = pair.bench.up();
        let second = pair.second_up();
        (pair, [first, second])
    }

    fn second_up(&mut self) -> Peer {
        let peer = self.second.prepare();
        self.bench.advance(1);
        peer.send(&[text(FILL_ACK), text(ORDERS_ACK)].concat());
        self.bench.settle();
        peer
    }

    /// Lets time pass in which these peers answer pings.
    fn live(&mut self, secs: u64, peers: &[&Peer]) {
        for _ in 0..secs * 2 {
            self.bench.clock.advance(Nanos::from_ms(500));
            self.bench.settle();
            for peer in peers {
                for (first, payload) in frames(&peer.sent()) {
                    if first == 0x89 {
                        peer.send(&frame(0x8a, payload.as_bytes()));
                    }
                }
            }
            self.bench.settle();
        }
    }

    /// What the oms hears, but for signs of life.
    fn told(&mut self) -> Vec<FeedEvent> {
        let mut events = self.bench.events();
        events.retain(|event| *event != FeedEvent::Alive);
        events
    }
}

#[test]
fn the_second_is_dialled_a_second_later_and_its_coming_is_not_told() {
    let mut pair = Pair::new();
    pair.bench.settle();
    assert_eq!((pair.bench.connector.requests(), pair.second.requests()), (1, 0));
    pair.bench.up();
    pair.second_up();
    assert_eq!(pair.second.requests(), 1);
    assert_eq!(pair.told(), []);
    assert_eq!(pair.bench.feed.counts(1).ups, 1);
}

#[test]
fn each_thing_is_passed_on_once_by_whoever_tells_it_first() {
    let (mut pair, [first, second]) = Pair::up();
    let story = [fill("t-1"), ORDER.to_owned(), PAUSED.to_owned(), HELD.into(), TRIGGERED.into()];
    for (index, message) in story.iter().enumerate() {
        let (sooner, later) = if index % 2 == 0 { (&first, &second) } else { (&second, &first) };
        sooner.send(&text(message));
        pair.bench.settle();
        pair.bench.clock.advance(Nanos::from_ms(3));
        later.send(&text(message));
        pair.bench.settle();
    }
    let told = pair.told();
    let [FeedEvent::Fill(_), FeedEvent::Order(_), FeedEvent::Market(market), rest @ ..] = &told[..]
    else {
        panic!("{told:?}")
    };
    assert_eq!(market.change, MarketChange::Deactivated);
    let [FeedEvent::Position(_), FeedEvent::Group(group)] = rest else { panic!("{rest:?}") };
    assert_eq!(group.change, GroupChange::Triggered);
    let repetitions = |link| pair.bench.feed.counts(link).repetitions;
    assert_eq!((repetitions(0), repetitions(1)), (2, 3));
}

#[test]
fn the_end_of_one_is_no_outage_once_the_other_has_taken_over() {
    let (mut pair, [first, second]) = Pair::up();
    pair.live(5, &[&first, &second]);

    first.wire().closed = true;
    pair.bench.settle();

    assert_eq!(pair.told(), []);
    assert!(pair.bench.feed.is_up());
    second.send(&text(&fill("t-1")));
    pair.bench.settle();
    assert_eq!(trades(&pair.told()).len(), 1, "a fill told on the living one");

    // The first comes back at once, takes over in its turn, and the second may go.
    let again = pair.bench.connector.prepare();
    pair.bench.settle();
    again.send(&[text(FILL_ACK), text(ORDERS_ACK)].concat());
    pair.live(5, &[&again, &second]);
    second.wire().broken = Some(LinkError::Tls);
    pair.bench.settle();
    assert_eq!(pair.told(), []);
    assert_eq!(pair.bench.feed.last_loss(1), Some(FeedLoss::Link(LinkError::Tls)));
}

#[test]
fn a_death_that_was_not_noticed_before_the_other_came_is_an_outage_since_its_last_proof() {
    let mut pair = Pair::new();
    let first = pair.bench.up();
    pair.live(10, &[&first]);
    let proven = pair.bench.clock.now().wall;
    pair.told();

    // Silent from here on; the second comes up before anybody notices, and tells of later fills.
    let second = pair.second_up();
    pair.live(8, &[&second]);
    second.send(&text(&fill("t-9")));
    pair.live(20, &[&second]);

    assert_eq!(pair.bench.feed.last_loss(0), Some(FeedLoss::Session(End::Silence)));
    let told = pair.told();
    let [FeedEvent::Fill(_), FeedEvent::Down, FeedEvent::Missed { since }, FeedEvent::Up] =
        told[..]
    else {
        panic!("{told:?}")
    };
    assert!(since <= proven, "{since:?} is after {proven:?}");
    assert!(proven.since(since) <= Nanos::from_secs(2), "{since:?} is long before {proven:?}");
}

#[test]
fn the_feed_is_down_when_both_are_and_not_before() {
    let (mut pair, [first, second]) = Pair::up();
    pair.live(5, &[&first, &second]);
    first.wire().closed = true;
    pair.live(2, &[&second]);
    assert_eq!(pair.told(), []);

    second.wire().closed = true;
    pair.bench.settle();

    let told = pair.told();
    assert!(matches!(told[..], [FeedEvent::Down, FeedEvent::Missed { .. }]), "{told:?}");
    let requests = pair.second.requests();
    pair.bench.settle();
    assert_eq!(pair.second.requests(), requests, "the second waits for its turn");
    pair.bench.up();
}

#[test]
fn a_message_that_cannot_be_read_on_one_of_two_is_an_outage() {
    let (mut pair, [first, _second]) = Pair::up();
    first.send(&text(&FILL.replace("0.7500", "cheap")));
    pair.bench.settle();
    let told = pair.told();
    let outage = matches!(told[..], [FeedEvent::Down, FeedEvent::Missed { .. }, FeedEvent::Up]);
    assert!(outage, "{told:?}");
}

#[test]
fn a_connection_that_never_tells_of_orders_is_given_up_and_nothing_is_lost() {
    let (mut pair, [first, second]) = Pair::up();
    let mut told = Vec::new();
    for number in 0..300 {
        pair.live(1, &[&first, &second]);
        let report = ORDER.replace("o-1", &format!("o-{number}"));
        first.send(&text(&report));
        pair.bench.settle();
        told.extend(pair.told());
        if second.wire().dropped {
            break;
        }
    }
    assert_eq!(pair.bench.feed.last_loss(1), Some(FeedLoss::Behind));
    assert!(told.iter().all(|event| matches!(event, FeedEvent::Order(_))), "no outage");
    assert_eq!(told.len(), 257, "one more than it may be behind");
}

#[test]
fn one_connection_alone_is_not_probed() {
    let mut bench = Bench::new();
    let peer = bench.up();
    bench.advance(9);
    assert_eq!(frames(&peer.sent()), []);
}
