//! A feed that follows books on its connection, and measures how long messages were under way.

use super::*;
use crate::feed::books::BooksConfig;
use crate::ids::{MarketIx, Ticker};
use crate::message::{Blindness, BookView};
use crate::recorder::record::{Hop, Record};
use crate::runtime::ring::ring;
use crate::units::Price;

const BOOKS_ACK: &str =
    r#"{"type":"subscribed","id":1000,"msg":{"channel":"orderbook_delta","sid":31}}"#;
const TICKERS_ACK: &str = r#"{"type":"subscribed","id":1001,"msg":{"channel":"ticker","sid":32}}"#;

struct Followers {
    bench: Bench,
    wishes: Producer<FollowCommand>,
    news: Consumer<BookNews>,
    spans: Consumer<Record>,
}

impl Followers {
    fn new() -> Self {
        let bench = Bench::new();
        let (wishes, wished) = ring(4);
        let (told, news) = ring(4);
        let (measured, spans) = ring(64);
        let books = Books::new(BooksConfig::default());
        let feed = bench.feed.with_books(books, wished, told).with_spans(measured);
        Self { bench: Bench { feed, ..bench }, wishes, news, spans }
    }

    fn follow(&mut self) {
        let ticker = Ticker::new(b"KXA-B").unwrap();
        let wish = FollowCommand::Follow { market: MarketIx(7), ticker };
        self.wishes.push(wish).unwrap();
        self.bench.settle();
    }

    /// Up, with one market's book subscribed.
    fn following(&mut self) -> Peer {
        let peer = self.bench.up();
        self.follow();
        let sent = frames(&peer.sent());
        assert!(sent.iter().all(|(_, text)| text.contains("KXA-B")), "{sent:?}");
        assert_eq!(sent.len(), 2, "{sent:?}");
        peer.send(&[text(BOOKS_ACK), text(TICKERS_ACK)].concat());
        self.bench.settle();
        peer
    }

    fn views(&mut self) -> Vec<BookView> {
        let news: Vec<BookNews> = core::iter::from_fn(|| self.news.pop().ok()).collect();
        assert!(news.iter().all(|news| news.market == MarketIx(7)), "{news:?}");
        news.into_iter().map(|news| news.view).collect()
    }

    /// Milliseconds of Unix time.
    fn wall_ms(&self) -> u64 {
        self.bench.clock.now().wall.unix_ms()
    }

    fn snapshot(&self, seq: u64) -> Vec<u8> {
        text(&format!(
            r#"{{"type":"orderbook_snapshot","sid":31,"seq":{seq},"sending_ts_ms":{},"msg":{{"market_ticker":"KXA-B","clock":1,"yes_dollars_fp":[["0.4000","5.00"]],"no_dollars_fp":[["0.4200","5.00"]]}}}}"#,
            self.wall_ms()
        ))
    }

    fn delta(&self, seq: u64, price: &str) -> Vec<u8> {
        let now = self.wall_ms();
        text(&format!(
            r#"{{"type":"orderbook_delta","sid":31,"seq":{seq},"sending_ts_ms":{now},"msg":{{"market_ticker":"KXA-B","clock":2,"price_dollars":"{price}","delta_fp":"1.00","side":"yes","ts_ms":{now}}}}}"#
        ))
    }
}

fn top(bid: u32, ask: u32) -> BookView {
    BookView::Top { bid: Price::from_cents(bid), ask: Price::from_cents(ask) }
}

#[test]
fn a_followed_book_is_told_as_it_changes() {
    let mut followers = Followers::new();
    let peer = followers.following();
    peer.send(&followers.snapshot(1));
    followers.bench.settle();
    assert_eq!(followers.views(), [top(40, 42)]);

    peer.send(&[followers.delta(2, "0.3900"), followers.delta(3, "0.4100")].concat());
    followers.bench.settle();

    assert_eq!(followers.views(), [top(41, 42)]);
    assert_eq!(followers.bench.events(), [], "books are no events of the account");
    assert_eq!(followers.bench.feed.counts(0).books.deltas, 2);
}

#[test]
fn what_is_wished_before_the_connection_is_up_is_followed_then() {
    let mut followers = Followers::new();
    followers.follow();
    let peer = followers.bench.up();
    followers.bench.settle();
    let sent = peer.wire().outgoing.clone();
    // The first frames went out while it came up.
    assert!(sent.is_empty() || frames(&sent).iter().all(|(_, text)| text.contains("KXA-B")));
    peer.send(&[text(BOOKS_ACK), text(TICKERS_ACK), followers.snapshot(1)].concat());
    followers.bench.settle();
    assert_eq!(followers.views(), [top(40, 42)]);
}

#[test]
fn a_lost_connection_blinds_at_once() {
    let mut followers = Followers::new();
    let peer = followers.following();
    peer.send(&followers.snapshot(1));
    followers.bench.settle();
    peer.wire().closed = true;
    followers.bench.settle();
    assert_eq!(followers.views(), [top(40, 42), BookView::Blind(Blindness::Unread)]);
}

#[test]
fn an_error_of_the_books_is_not_the_feeds() {
    let mut followers = Followers::new();
    let peer = followers.following();
    peer.send(&followers.snapshot(1));
    peer.send(&text(r#"{"type":"error","sid":31,"seq":2,"msg":{"code":10,"msg":"over"}}"#));
    peer.send(&text(r#"{"type":"error","id":1003,"msg":{"code":11,"msg":"no"}}"#));
    followers.bench.settle();
    assert_eq!(followers.bench.events(), []);
    assert!(followers.bench.feed.is_up());
    assert_eq!(followers.views(), [top(40, 42), BookView::Blind(Blindness::Gap)]);
}

#[test]
fn a_quiet_book_is_pinged_so_that_it_can_be_believed() {
    let mut followers = Followers::new();
    let peer = followers.following();
    peer.send(&followers.snapshot(1));
    followers.bench.settle();
    peer.sent();
    followers.views();
    followers.bench.advance(1);
    assert_eq!(frames(&peer.sent()), [(0x89, String::new())]);
    peer.send(&frame(0x8a, b""));
    followers.bench.advance(1);
    assert_eq!(followers.views(), [], "heard");

    followers.bench.advance(2);

    assert_eq!(followers.views(), [BookView::Blind(Blindness::Old)]);
}

#[test]
fn a_full_ring_keeps_the_newest_word() {
    let mut followers = Followers::new();
    let peer = followers.following();
    peer.send(&followers.snapshot(1));
    followers.bench.settle();
    for (seq, price) in [(2, "0.4010"), (3, "0.4020"), (4, "0.4030"), (5, "0.4040"), (6, "0.4050")]
    {
        peer.send(&followers.delta(seq, price));
        followers.bench.settle();
    }
    let views = followers.views();
    assert_eq!(views.len(), 4, "as many as there is room for");
    followers.bench.settle();
    let bid = Price::from_micros(405_000);
    assert_eq!(followers.views(), [BookView::Top { bid, ask: Price::from_cents(42) }]);
}

#[test]
fn the_time_under_way_is_measured_and_never_below_none() {
    let mut followers = Followers::new();
    let peer = followers.bench.up();
    let mut told = |ahead_ms: i64| {
        let sent = followers.wall_ms().saturating_add_signed(ahead_ms);
        let message =
            fill("t").replace("\"sid\":13", &format!("\"sid\":13,\"sending_ts_ms\":{sent}"));
        peer.send(&text(&message));
        followers.bench.settle();
        core::iter::from_fn(|| followers.spans.pop().ok()).collect::<Vec<_>>()
    };
    let span = |ms| Record::Span { hop: Hop::FeedLatency, span: Nanos::from_ms(ms) };
    assert_eq!(told(-7), [span(7)]);
    assert_eq!(told(0), [span(0)]);
    assert_eq!(told(3), [span(0), Record::SentAhead], "clocks differ");
}
