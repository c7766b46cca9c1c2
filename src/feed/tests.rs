//! The feed against a scripted exchange under a virtual clock.

mod followed;
mod numbers;
mod two;

use std::io::Cursor;

use tungstenite::protocol::frame::FrameHeader;

use super::scripted::{Peer, ScriptedConnector, ScriptedTransport, VirtualClock};
use super::*;
use crate::ids::TradeId;
use crate::kalshi::stream::{Channel, subscribe_command};
use crate::net::LinkError;
use crate::proto::websocket::End;

const FILL: &str = r#"{"type":"fill","sid":13,"msg":{"trade_id":"TRADE","order_id":"o-1",
    "market_ticker":"KXA-B","is_taker":true,"yes_price_dollars":"0.7500","count_fp":"1.00",
    "fee_cost":"0.01","ts_ms":1671899397000,"book_side":"bid"}}"#;
const ORDER: &str = r#"{"type":"user_order","sid":22,"msg":{"order_id":"o-1","ticker":"KXA-B",
    "status":"executed","book_side":"bid","yes_price_dollars":"0.7500","fill_count_fp":"1.00",
    "remaining_count_fp":"0.00","client_order_id":"x"}}"#;
const FILL_ACK: &str = r#"{"type":"subscribed","id":1,"msg":{"channel":"fill","sid":13}}"#;
const ORDERS_ACK: &str = r#"{"type":"subscribed","id":1,"msg":{"channel":"user_orders","sid":22}}"#;

fn text(payload: &str) -> Vec<u8> {
    frame(0x81, payload.as_bytes())
}

fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![first];
    match u8::try_from(payload.len()) {
        Ok(len) if len <= 125 => out.push(len),
        _ => {
            out.push(126);
            out.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
        }
    }
    out.extend(payload);
    out
}

fn fill(trade: &str) -> String {
    FILL.replace("TRADE", trade)
}

/// First byte and payload of every frame the feed has sent.
fn frames(mut sent: &[u8]) -> Vec<(u8, String)> {
    let mut out = Vec::new();
    while !sent.is_empty() {
        let mut cursor = Cursor::new(sent);
        let (header, len) = FrameHeader::parse(&mut cursor).unwrap().unwrap();
        let mask = header.mask.expect("clients mask");
        let at = usize::try_from(cursor.position()).unwrap();
        let end = at + usize::try_from(len).unwrap();
        let payload = sent[at..end].iter().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key);
        out.push((sent[0], String::from_utf8_lossy(&payload.collect::<Vec<_>>()).into_owned()));
        sent = &sent[end..];
    }
    out
}

struct Bench {
    feed: Feed<ScriptedTransport, ScriptedConnector, VirtualClock>,
    events: Consumer<FeedEvent>,
    connector: ScriptedConnector,
    clock: VirtualClock,
}

impl Bench {
    fn new() -> Self {
        Self::with_ring(64)
    }

    fn with_ring(slots: usize) -> Self {
        let (producer, events) = rtrb::RingBuffer::new(slots);
        let connector = ScriptedConnector::default();
        let clock = VirtualClock::default();
        let config = FeedConfig::default();
        let feed = Feed::new(config, connector.clone(), clock.clone(), producer);
        Self { feed, events, connector, clock }
    }

    /// Polls until nothing is left to do.
    fn settle(&mut self) {
        for _ in 0..1_000 {
            if self.feed.poll() == Work::Idle {
                return;
            }
        }
        panic!("the feed never rests");
    }

    fn events(&mut self) -> Vec<FeedEvent> {
        core::iter::from_fn(|| self.events.pop().ok()).collect()
    }

    /// A connection with every channel acknowledged; its events and frames taken.
    fn up(&mut self) -> Peer {
        let peer = self.connector.prepare();
        self.settle();
        peer.send(&[text(FILL_ACK), text(ORDERS_ACK)].concat());
        self.settle();
        assert_eq!(self.events(), [FeedEvent::Up]);
        peer.sent();
        peer
    }

    fn advance(&mut self, secs: u64) {
        self.clock.advance(Nanos::from_secs(secs));
        self.settle();
    }
}

fn trades(events: &[FeedEvent]) -> Vec<TradeId> {
    let trade = |event: &FeedEvent| match event {
        FeedEvent::Fill(fill) => Some(fill.trade_id),
        _ => None,
    };
    events.iter().filter_map(trade).collect()
}

#[test]
fn up_comes_after_the_last_acknowledgement() {
    let mut bench = Bench::new();
    let peer = bench.connector.prepare();
    bench.settle();
    let command = subscribe_command(1, &Channel::NEEDED);
    assert_eq!(frames(&peer.sent()), [(0x81, command)]);

    peer.send(&text(ORDERS_ACK));
    bench.settle();
    assert_eq!(bench.events(), []);
    peer.send(&text(ORDERS_ACK));
    bench.settle();
    assert_eq!(bench.events(), [], "the same channel twice is one channel");

    peer.send(&text(FILL_ACK));
    bench.settle();
    assert_eq!(bench.events(), [FeedEvent::Up]);
    assert!(bench.feed.is_up());
}

#[test]
fn fills_and_orders_arrive_in_order_with_their_stamps() {
    let mut bench = Bench::new();
    let peer = bench.up();
    bench.clock.advance(Nanos::from_us(5));
    peer.send(&[text(&fill("t-1")), text(ORDER), text(&fill("t-2"))].concat());
    bench.settle();

    let events = bench.events();
    assert_eq!(events.len(), 3);
    let FeedEvent::Fill(first) = events[0] else { panic!("a fill") };
    assert_eq!(first.received, bench.clock.mono());
    assert_eq!(first.decoded, bench.clock.mono());
    assert!(matches!(events[1], FeedEvent::Order(_)));
    assert_eq!(trades(&events).len(), 2);
    assert_eq!(bench.feed.counts(0).decoded.scanned, 3);
}

#[test]
fn a_message_split_over_reads_is_one_message() {
    let mut bench = Bench::new();
    let peer = bench.up();
    for byte in text(&fill("t-1")) {
        peer.send(&[byte]);
    }
    bench.settle();
    assert_eq!(trades(&bench.events()).len(), 1);
}

#[test]
fn a_ping_is_answered_while_fills_flow() {
    let mut bench = Bench::new();
    let peer = bench.up();
    peer.send(&[text(&fill("t-1")), frame(0x89, b"heartbeat")].concat());
    bench.settle();
    assert_eq!(frames(&peer.sent()), [(0x8a, "heartbeat".into())]);
}

#[test]
fn silence_is_pinged_then_ends_the_connection_once() {
    let mut bench = Bench::new();
    let peer = bench.up();
    bench.advance(10);
    assert_eq!(frames(&peer.sent()), [(0x89, String::new())]);
    bench.advance(14);
    assert!(bench.feed.is_up());

    bench.advance(1);

    assert_eq!(bench.events(), [FeedEvent::Down]);
    assert!(peer.wire().dropped);
    assert_eq!(bench.feed.last_loss(0), Some(FeedLoss::Session(End::Silence)));
    bench.advance(100);
    assert_eq!(bench.events(), []);
}

#[test]
fn a_pong_is_life() {
    let mut bench = Bench::new();
    let peer = bench.up();
    for _ in 0..5 {
        bench.advance(10);
        peer.send(&frame(0x8a, b""));
        bench.settle();
    }
    assert!(bench.feed.is_up());
}

#[test]
fn our_own_pause_is_not_the_exchanges_silence() {
    let mut bench = Bench::new();
    let peer = bench.up();
    peer.send(&text(&fill("t-1")));
    bench.clock.advance(Nanos::from_secs(60));
    bench.settle();
    assert_eq!(trades(&bench.events()).len(), 1);
    assert!(bench.feed.is_up());
}

#[test]
fn every_end_is_one_down_and_a_new_subscription() {
    type End = (&'static str, fn(&Peer));
    let ends: [End; 7] = [
        ("close 1000", |peer| peer.send(&frame(0x88, &1000_u16.to_be_bytes()))),
        ("close frame", |peer| peer.send(&frame(0x88, &1001_u16.to_be_bytes()))),
        ("closed socket", |peer| peer.wire().closed = true),
        ("broken tls", |peer| peer.wire().broken = Some(LinkError::Tls)),
        ("garbage", |peer| peer.send(&frame(0x83, b""))),
        ("buffer overflow", |peer| peer.send(&text(r#"{"type":"error","msg":{"code":25}}"#))),
        ("unsubscribed", |peer| peer.send(&text(r#"{"type":"unsubscribed","sid":13,"seq":7}"#))),
    ];
    for (name, end) in ends {
        let mut bench = Bench::new();
        let first = bench.up();

        end(&first);
        bench.settle();

        assert_eq!(bench.events(), [FeedEvent::Down], "{name}");
        assert!(first.wire().dropped, "{name}");
        assert_eq!(bench.connector.requests(), 2, "{name}");
        let second = bench.up();
        second.send(&text(&fill("t-9")));
        bench.settle();
        assert_eq!(trades(&bench.events()).len(), 1, "{name}");
        assert_eq!(bench.feed.counts(0).ups, 2, "{name}");
    }
}

#[test]
fn fills_before_the_end_are_delivered_before_down() {
    let mut bench = Bench::new();
    let peer = bench.up();
    peer.send(&[text(&fill("t-1")), frame(0x88, b"")].concat());
    bench.settle();
    let events = bench.events();
    assert_eq!(trades(&events).len(), 1);
    assert_eq!(events.last(), Some(&FeedEvent::Down));
    assert_eq!(frames(&peer.sent()), [(0x88, "\u{3}\u{fffd}".into())], "the close is echoed");
}

#[test]
fn an_error_on_the_subscription_ends_it_before_up() {
    let mut bench = Bench::new();
    let peer = bench.connector.prepare();
    bench.settle();
    peer.send(&text(r#"{"id":1,"type":"error","msg":{"code":9,"msg":"auth required"}}"#));
    bench.settle();
    assert_eq!(bench.events(), [], "it never was up");
    assert_eq!(bench.feed.last_loss(0), Some(FeedLoss::Subscription { code: 9 }));
    assert_eq!(bench.connector.requests(), 2);
}

#[test]
fn an_error_that_is_not_terminal_changes_nothing() {
    let mut bench = Bench::new();
    let peer = bench.up();
    peer.send(&text(r#"{"id":5,"type":"error","msg":{"code":7}}"#));
    bench.settle();
    assert!(bench.feed.is_up());
}

#[test]
fn acknowledgements_that_do_not_come_end_the_connection() {
    let mut bench = Bench::new();
    let peer = bench.connector.prepare();
    bench.settle();
    peer.send(&text(FILL_ACK));
    bench.advance(9);
    assert_eq!(bench.feed.counts(0).losses, 0);
    bench.advance(1);
    assert_eq!(bench.feed.last_loss(0), Some(FeedLoss::NotSubscribed));
    assert_eq!(bench.events(), []);
}

#[test]
fn what_cannot_be_read_is_reported_as_an_outage() {
    let mut bench = Bench::new();
    let peer = bench.up();
    peer.send(&text(&FILL.replace("0.7500", "cheap")));
    bench.settle();
    let since = bench.clock.now().wall;
    let outage = [FeedEvent::Down, FeedEvent::Missed { since }, FeedEvent::Up];
    assert_eq!(bench.events(), outage);
    assert_eq!(bench.feed.counts(0).decoded.undecodable, 1);
}

#[test]
fn a_full_ring_stops_reading_and_loses_nothing() {
    let mut bench = Bench::with_ring(8);
    let peer = bench.up();
    for number in 0..50 {
        peer.send(&text(&fill(&format!("t-{number}"))));
    }
    peer.send(&frame(0x88, b""));
    let mut events = Vec::new();
    let mut stalled_reads = 0;
    for _ in 0..200 {
        bench.settle();
        let reads = peer.wire().reads;
        bench.clock.advance(Nanos::from_secs(30));
        bench.settle();
        if bench.feed.counts(0).stalls > 0 && !peer.wire().dropped {
            assert_eq!(peer.wire().reads, reads, "no reading while the ring is full");
            stalled_reads += 1;
        }
        events.extend(bench.events());
    }
    assert!(stalled_reads > 10);
    let expected: Vec<TradeId> =
        (0..50).map(|number| TradeId::new(format!("t-{number}").as_bytes()).unwrap()).collect();
    assert_eq!(trades(&events), expected);
    assert_eq!(events.last(), Some(&FeedEvent::Down));
}

#[test]
fn a_burst_is_taken_in_bounded_steps() {
    let mut bench = Bench::with_ring(512);
    let peer = bench.up();
    let burst: Vec<u8> = (0..100).flat_map(|number| text(&fill(&format!("t-{number}")))).collect();
    peer.send(&burst);
    assert_eq!(bench.feed.poll(), Work::Done);
    assert_eq!(bench.events().len(), 1, "the first fill of a read does not wait for the others");
    assert_eq!(bench.feed.poll(), Work::Done);
    let most = Link::<ScriptedTransport, ScriptedConnector>::MESSAGES_MAX;
    assert_eq!(bench.events().len(), most);
    bench.settle();
    assert_eq!(bench.events().len(), 100 - 1 - most);
}

#[test]
fn a_slow_socket_gets_the_rest_later() {
    let mut bench = Bench::new();
    let peer = bench.connector.prepare();
    peer.wire().slow_flushes = 3;
    bench.settle();
    peer.send(&frame(0x89, b"beat"));
    bench.settle();
    let sent = frames(&peer.sent());
    assert_eq!(sent.len(), 2, "command, then pong: {sent:?}");
    assert_eq!(sent[1], (0x8a, "beat".into()));
}

#[test]
fn a_failed_dial_is_asked_again() {
    let mut bench = Bench::new();
    bench.connector.prepare_failure();
    bench.settle();
    bench.up();
    assert_eq!(bench.connector.requests(), 2);
    assert_eq!(bench.feed.counts(0).dial_failures, 1);
}

#[test]
fn stopping_says_goodbye() {
    let mut bench = Bench::new();
    let peer = bench.up();
    bench.feed.on_stop();
    assert_eq!(frames(&peer.sent()), [(0x88, "\u{3}\u{fffd}".into())]);
}

const NEWS_ACKS: [&str; 3] = [
    r#"{"type":"subscribed","id":2,"msg":{"channel":"market_lifecycle_v2","sid":31}}"#,
    r#"{"type":"subscribed","id":2,"msg":{"channel":"market_positions","sid":32}}"#,
    r#"{"type":"subscribed","id":2,"msg":{"channel":"order_group_updates","sid":33}}"#,
];

/// Up, and subscribed to news; frames up to here taken.
fn informed(bench: &mut Bench) -> Peer {
    let peer = bench.up();
    for ack in NEWS_ACKS {
        peer.send(&text(ack));
    }
    bench.settle();
    peer.sent();
    peer
}

#[test]
fn news_are_asked_for_once_the_needed_channels_stand() {
    let mut bench = Bench::new();
    let peer = bench.connector.prepare();
    bench.settle();
    peer.send(&[text(FILL_ACK), text(ORDERS_ACK)].concat());
    bench.settle();
    let sent = frames(&peer.sent());
    assert_eq!(sent.last(), Some(&(0x81, subscribe_command(2, &Channel::NEWS))));
    assert!(bench.feed.is_up(), "trading does not wait for them");
}

#[test]
fn news_are_passed_on() {
    let mut bench = Bench::new();
    let peer = informed(&mut bench);
    peer.send(&text(
        r#"{"type":"market_lifecycle_v2","sid":31,"seq":1,
        "msg":{"market_ticker":"KXA-B","event_type":"deactivated"}}"#,
    ));
    peer.send(&text(r#"{"type":"market_position","sid":32,"msg":{"position_fp":"x"}}"#));
    bench.settle();
    let events = bench.events();
    assert!(matches!(events[..], [FeedEvent::Market(_)]), "{events:?}");
    assert_eq!(bench.feed.counts(0).garbled, 1, "and no outage");
}

#[test]
fn a_news_subscription_that_ends_is_asked_for_again_and_nothing_else_ends() {
    let ends = [
        r#"{"type":"error","sid":31,"msg":{"code":25,"msg":"buffer overflow"}}"#,
        r#"{"type":"error","sid":32,"msg":{"code":10}}"#,
        r#"{"type":"unsubscribed","sid":33,"seq":4}"#,
        r#"{"type":"error","id":2,"msg":{"code":8,"msg":"Unknown channel name"}}"#,
    ];
    for end in ends {
        let mut bench = Bench::new();
        let peer = informed(&mut bench);
        peer.send(&text(end));
        bench.settle();
        assert_eq!(bench.events(), [], "{end}");
        assert_eq!(frames(&peer.sent()), [], "not at once: {end}");
        bench.advance(1);
        assert_eq!(frames(&peer.sent()), [(0x81, subscribe_command(2, &Channel::NEWS))], "{end}");
    }
}

#[test]
fn a_channel_that_is_gone_for_good_is_asked_for_ever_more_slowly() {
    let mut bench = Bench::new();
    let peer = informed(&mut bench);
    let mut asked = 0;
    for _ in 0..600 {
        peer.send(&text(r#"{"type":"error","id":2,"msg":{"code":8}}"#));
        bench.advance(1);
        bench.events();
        let is_asked = |(first, _): &&(u8, String)| *first == 0x81;
        asked += frames(&peer.sent()).iter().filter(is_asked).count();
    }
    assert!((8..=20).contains(&asked), "{asked} times in ten minutes");
    assert!(bench.feed.is_up());
}

#[test]
fn a_needed_channel_that_fails_again_and_again_is_asked_for_ever_more_slowly() {
    let mut bench = Bench::new();
    for _ in 0..120 {
        let peer = bench.connector.prepare();
        bench.settle();
        peer.send(&[text(FILL_ACK), text(ORDERS_ACK)].concat());
        peer.send(&text(r#"{"type":"error","sid":13,"msg":{"code":25}}"#));
        bench.advance(1);
    }
    let asked = bench.connector.requests();
    assert!((7..=11).contains(&asked), "{asked} times in two minutes");
    let events = bench.events();
    let downs = events.iter().filter(|event| **event == FeedEvent::Down).count();
    assert!(downs >= 6, "nothing is traded meanwhile: {events:?}");
}

#[test]
fn an_oms_that_stalls_until_the_exchange_overflows_loses_nothing_and_recovers() {
    let mut bench = Bench::with_ring(8);
    let peer = bench.up();
    for number in 0..40 {
        peer.send(&text(&fill(&format!("t-{number}"))));
    }
    // What the exchange could not keep for us it drops, and says so behind what it has sent.
    peer.send(&text(r#"{"type":"error","sid":13,"msg":{"code":25,"msg":"buffer overflow"}}"#));
    bench.advance(60);
    assert!(bench.feed.counts(0).stalls > 0 && !peer.wire().dropped, "our pause is not silence");
    assert!(!peer.wire().incoming.is_empty(), "what is not read waits in the socket");

    let mut events = Vec::new();
    while !peer.wire().dropped {
        events.extend(bench.events());
        bench.settle();
    }
    events.extend(bench.events());

    assert_eq!(trades(&events).len(), 40, "all that was sent");
    assert_eq!(events.last(), Some(&FeedEvent::Down), "and what was not is read back");
    assert_eq!(bench.feed.last_loss(0), Some(FeedLoss::Subscription { code: 25 }));
    bench.up();
}
