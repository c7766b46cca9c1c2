//! Followed books against an exchange that loses, repeats, swaps and delays what it says.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::kalshi::stream::BookSnapshot;
use crate::message::{BookSide, BookView};
use crate::units::Price;

const BOOKS_SID: u64 = 7;
const TICKERS_SID: u64 = 8;

fn ticker(market: u16) -> Ticker {
    Ticker::new(format!("KX-{market}").as_bytes()).unwrap()
}

fn now(ms: u64) -> Now {
    Now { mono: Timestamp::from_ns(ms * 1_000_000), wall: WallTime::from_unix_ms(1_000_000 + ms) }
}

fn follow(market: u16) -> FollowCommand {
    FollowCommand::Follow { market: MarketIx(market), ticker: ticker(market) }
}

fn unfollow(market: u16) -> FollowCommand {
    FollowCommand::Unfollow { market: MarketIx(market) }
}

fn price(cents: u32) -> Price {
    Price::from_cents(cents).unwrap()
}

/// A message as it comes.
#[derive(Clone, Debug)]
struct Sent {
    message: StreamMessage,
    envelope: Envelope,
    levels: Vec<BookLevel>,
}

/// Markets whose bids are below 50 c and whose asks are not: never crossed.
#[derive(Debug, Default)]
struct Exchange {
    levels: BTreeMap<(u16, u32), u64>,
    seq: u64,
    /// Best prices of each market as of each number.
    tops: BTreeMap<u64, BTreeMap<u16, BookView>>,
    sent: Vec<Sent>,
}

const fn side(cents: u32) -> BookSide {
    if cents < 50 { BookSide::Bid } else { BookSide::Ask }
}

impl Exchange {
    fn send(&mut self, at: u64, message: StreamMessage, levels: Vec<BookLevel>) {
        self.seq += 1;
        let tops = (0..3).map(|market| (market, self.top(market))).collect();
        self.tops.insert(self.seq, tops);
        let (sid, seq, sent) = (Some(BOOKS_SID), Some(self.seq), Some(now(at).wall));
        self.sent.push(Sent { message, envelope: Envelope { sid, seq, sent }, levels });
    }

    fn top(&self, market: u16) -> BookView {
        let prices = |side_wanted| {
            let of = self.levels.range((market, 0)..=(market, 99));
            of.filter(move |((_, cents), _)| side(*cents) == side_wanted).map(|((_, it), _)| *it)
        };
        let bid = prices(BookSide::Bid).max().map(price);
        let ask = prices(BookSide::Ask).min().map(price);
        BookView::Top { bid, ask }
    }

    fn change(&mut self, at: u64, market: u16, cents: u32, centis: i64) {
        let level = self.levels.get(&(market, cents)).copied().unwrap_or(0);
        let centis = centis.max(-i64::try_from(level).unwrap());
        match level.checked_add_signed(centis).unwrap() {
            0 => drop(self.levels.remove(&(market, cents))),
            left => drop(self.levels.insert((market, cents), left)),
        }
        let delta = BookDelta {
            ticker: ticker(market),
            clock: 1,
            side: side(cents),
            price: price(cents),
            centis,
            time: Some(now(at).wall),
        };
        self.send(at, StreamMessage::BookDelta(delta), Vec::new());
    }

    fn snapshot(&mut self, at: u64, market: u16) {
        let of = self.levels.range((market, 0)..=(market, 99));
        let levels = of.map(|((_, cents), centis)| BookLevel {
            side: side(*cents),
            price: price(*cents),
            centis: *centis,
        });
        let levels = levels.collect();
        let snapshot = BookSnapshot { ticker: ticker(market), clock: 1 };
        self.send(at, StreamMessage::BookSnapshot(snapshot), levels);
    }

    /// Answers what the books ask for; other subscriptions are acknowledged and silent.
    fn serve(&mut self, at: u64, books: &mut Books) {
        while let Some(command) = books.poll_command(now(at).mono).map(str::to_owned) {
            let named = (0..3).find(|market| command.contains(&format!("\"KX-{market}\"")));
            let market = named.expect("every command names a market");
            if command.contains("\"ticker\"") {
                let message =
                    StreamMessage::Subscribed { channel: Channel::Tickers, sid: TICKERS_SID };
                books.handle(now(at), &message, &Envelope::default(), &[]);
            } else if command.contains("\"orderbook_delta\"") {
                let message = StreamMessage::Subscribed { channel: Channel::Books, sid: BOOKS_SID };
                books.handle(now(at), &message, &Envelope::default(), &[]);
                self.snapshot(at, market);
            } else if command.contains("[7]") && !command.contains("delete_markets") {
                self.snapshot(at, market);
            }
        }
    }
}

/// Books with an exchange behind them, and what was told last of each market.
#[derive(Debug)]
struct Stand {
    books: Books,
    exchange: Exchange,
    told: BTreeMap<u16, BookView>,
    delivered: u64,
}

impl Stand {
    /// Three followed markets, each with a bid and an ask.
    fn new() -> Self {
        let mut stand = Self {
            books: Books::new(BooksConfig::default()),
            exchange: Exchange::default(),
            told: BTreeMap::new(),
            delivered: 0,
        };
        for market in 0..3 {
            stand.books.handle_wish(follow(market));
            stand.exchange.levels.insert((market, 40), 100);
            stand.exchange.levels.insert((market, 60), 100);
        }
        stand.books.handle_up(now(0).mono);
        stand.deliver_all(0);
        stand
    }

    fn deliver(&mut self, at: u64, sent: &Sent) {
        self.delivered = self.delivered.max(sent.envelope.seq.unwrap());
        self.books.handle_heard(now(at).mono);
        self.books.handle(now(at), &sent.message, &sent.envelope, &sent.levels);
        self.hear();
    }

    fn hear(&mut self) {
        while let Some(news) = self.books.poll_news() {
            self.told.insert(news.market.0, news.view);
        }
    }

    /// Commands and their answers, until there are no more.
    fn deliver_all(&mut self, at: u64) {
        self.books.handle_heard(now(at).mono);
        // Two subscriptions, three markets and what follows from them.
        for _ in 0..20 {
            self.exchange.serve(at, &mut self.books);
            for sent in core::mem::take(&mut self.exchange.sent) {
                self.deliver(at, &sent);
            }
        }
        self.hear();
    }

    fn sees(&self, market: u16) -> BookView {
        self.told.get(&market).copied().unwrap_or(BookView::Blind(Blindness::Unread))
    }

    #[track_caller]
    fn sees_all(&self) {
        for market in 0..3 {
            assert_eq!(self.sees(market), self.exchange.top(market), "market {market}");
        }
    }

    #[track_caller]
    fn is_blind(&self, why: Blindness) {
        for market in 0..3 {
            assert_eq!(self.sees(market), BookView::Blind(why), "market {market}");
        }
    }
}

#[test]
fn followed_markets_are_subscribed_and_seen() {
    let mut stand = Stand::new();
    stand.sees_all();
    stand.exchange.change(5, 1, 45, 300);
    stand.exchange.change(5, 2, 60, -100);
    stand.deliver_all(5);
    stand.sees_all();
    assert_eq!(stand.sees(1), BookView::Top { bid: Some(price(45)), ask: Some(price(60)) });
    assert_eq!(stand.sees(2), BookView::Top { bid: Some(price(40)), ask: None });
    assert_eq!(stand.books.counts().asked, 0, "snapshots come by themselves");
}

#[test]
fn only_changes_of_the_best_prices_are_told() {
    let mut stand = Stand::new();
    stand.told.clear();
    stand.exchange.change(5, 1, 30, 300);
    stand.exchange.change(5, 1, 40, 300);
    stand.deliver_all(5);
    assert_eq!(stand.told, BTreeMap::new());
}

#[test]
fn a_gap_blinds_every_market_until_it_is_read_again() {
    let mut stand = Stand::new();
    stand.exchange.change(2_000, 0, 41, 100);
    stand.exchange.change(2_000, 1, 45, 300);
    let sent = core::mem::take(&mut stand.exchange.sent);

    stand.deliver(2_000, &sent[1]);

    stand.is_blind(Blindness::Gap);
    stand.deliver_all(2_000);
    stand.sees_all();
    assert_eq!((stand.books.counts().gaps, stand.books.counts().asked), (1, 3));
}

#[test]
fn what_came_before_is_ignored() {
    let mut stand = Stand::new();
    stand.exchange.change(5, 0, 41, 100);
    let sent = core::mem::take(&mut stand.exchange.sent);
    stand.deliver(5, &sent[0]);
    stand.deliver(5, &sent[0]);
    stand.exchange.change(5, 0, 41, -100);
    stand.deliver_all(5);
    stand.sees_all();
    assert_eq!(stand.books.counts().repeats, 1);
}

#[test]
fn acknowledgements_are_numbered_too() {
    let mut stand = Stand::new();
    stand.exchange.send(5, StreamMessage::Ok, Vec::new());
    stand.exchange.change(5, 0, 41, 100);
    stand.deliver_all(5);
    stand.sees_all();
    assert_eq!(stand.books.counts().gaps, 0);
}

#[test]
fn old_news_are_not_believed_until_fresh_ones_come() {
    let mut stand = Stand::new();
    // Recorded at 5 ms, received four seconds later.
    stand.exchange.change(5, 1, 45, 300);
    let sent = core::mem::take(&mut stand.exchange.sent);

    stand.deliver(4_005, &sent[0]);

    stand.is_blind(Blindness::Old);
    stand.exchange.change(4_006, 1, 44, 300);
    stand.deliver_all(4_006);
    stand.sees_all();
    assert_eq!(stand.books.counts().old, 1);
}

#[test]
fn a_quiet_market_that_was_late_is_read_again() {
    let mut stand = Stand::new();
    stand.exchange.change(5, 1, 45, 300);
    let sent = core::mem::take(&mut stand.exchange.sent);
    stand.deliver(4_005, &sent[0]);
    stand.deliver_all(4_005);
    stand.sees_all();
    assert!(stand.books.counts().asked > 0);
}

#[test]
fn a_message_without_any_time_is_as_old_as_time() {
    let mut stand = Stand::new();
    stand.exchange.change(5, 1, 45, 300);
    let mut sent = core::mem::take(&mut stand.exchange.sent).remove(0);
    sent.envelope.sent = None;
    if let StreamMessage::BookDelta(delta) = &mut sent.message {
        delta.time = None;
    }
    stand.deliver(5, &sent);
    stand.is_blind(Blindness::Old);
}

#[test]
fn a_book_that_contradicts_itself_is_read_again() {
    let mut stand = Stand::new();
    let mut impossible = |at, cents, centis| {
        stand.exchange.change(at, 1, 30, 100);
        let mut sent = core::mem::take(&mut stand.exchange.sent).remove(0);
        if let StreamMessage::BookDelta(delta) = &mut sent.message {
            (delta.side, delta.price, delta.centis) = (BookSide::Bid, price(cents), centis);
        }
        stand.deliver(at, &sent);
        assert_eq!(stand.sees(1), BookView::Blind(Blindness::Damaged));
        assert_eq!(stand.sees(0), stand.exchange.top(0), "others go on");
        stand.deliver_all(at);
        stand.sees_all();
    };
    impossible(2_000, 35, -1);
    impossible(10_000, 60, 100);
    assert_eq!(stand.books.counts().damaged, 2);
}

#[test]
fn an_unreadable_message_blinds_every_market() {
    let mut stand = Stand::new();
    stand.exchange.send(2_000, StreamMessage::UnreadableBook, Vec::new());
    let sent = core::mem::take(&mut stand.exchange.sent);
    stand.deliver(2_000, &sent[0]);
    stand.is_blind(Blindness::Damaged);
    stand.deliver_all(2_000);
    stand.sees_all();
}

fn summary(stand: &mut Stand, at: u64, market: u16, view: BookView) {
    let BookView::Top { bid, ask } = view else { panic!("a top") };
    let quote = TickerQuote { ticker: ticker(market), bid, ask, time: Some(now(at).wall) };
    let envelope = Envelope { sid: Some(TICKERS_SID), seq: None, sent: Some(now(at).wall) };
    stand.books.handle(now(at), &StreamMessage::Ticker(quote), &envelope, &[]);
    stand.hear();
}

#[test]
fn a_summary_that_says_otherwise_for_long_makes_the_book_doubtful() {
    let mut stand = Stand::new();
    stand.deliver_all(2_000);
    // The exchange's book has moved, and the delta is held back.
    stand.exchange.change(2_000, 1, 45, 300);
    let held = core::mem::take(&mut stand.exchange.sent);
    let moved = stand.exchange.top(1);
    summary(&mut stand, 2_000, 1, moved);
    assert_ne!(stand.sees(1), moved);
    assert!(matches!(stand.sees(1), BookView::Top { .. }), "not for a moment's difference");

    let due = now(4_000).mono;
    stand.books.handle_heard(due);
    assert!(stand.books.deadline() <= due);
    let asked = stand.books.poll_command(due).expect("read again").to_owned();
    stand.hear();

    assert!(asked.contains("get_snapshot") && asked.contains("KX-1"), "{asked}");
    assert_eq!(stand.sees(1), BookView::Blind(Blindness::Doubted));
    assert_eq!(stand.sees(0), stand.exchange.top(0));
    stand.deliver(4_001, &held[0]);
    stand.exchange.change(4_001, 1, 44, 100);
    stand.deliver_all(4_001);
    stand.sees_all();
    assert_eq!(stand.books.counts().doubted, 1);
}

#[test]
fn a_summary_that_is_late_itself_doubts_nothing() {
    let mut stand = Stand::new();
    let quote =
        TickerQuote { ticker: ticker(1), bid: Some(price(1)), ask: None, time: Some(now(0).wall) };
    let envelope = Envelope { sid: Some(TICKERS_SID), seq: None, sent: None };
    stand.books.handle(now(9_000), &StreamMessage::Ticker(quote), &envelope, &[]);
    stand.deliver_all(20_000);
    stand.sees_all();
}

#[test]
fn a_silent_connection_blinds_until_it_is_heard() {
    let mut stand = Stand::new();
    assert_eq!(stand.books.poll_ping(now(999).mono), Work::Idle);
    assert_eq!(stand.books.poll_ping(now(1_000).mono), Work::Done);
    assert_eq!(stand.books.poll_ping(now(1_001).mono), Work::Idle, "once");
    assert_eq!(stand.books.poll_command(now(1_999).mono), None);
    stand.hear();
    stand.sees_all();

    assert!(stand.books.deadline() <= now(2_000).mono);
    while stand.books.poll_command(now(2_000).mono).is_some() {}
    stand.hear();

    stand.is_blind(Blindness::Old);
    stand.books.handle_heard(now(2_500).mono);
    stand.hear();
    stand.sees_all();
}

#[test]
fn nothing_followed_needs_no_pings() {
    let mut books = Books::new(BooksConfig::default());
    books.handle_up(now(0).mono);
    assert_eq!(books.poll_ping(now(5_000).mono), Work::Idle);
    assert_eq!(books.poll_command(now(5_000).mono), None);
    assert_eq!(books.deadline(), Timestamp::NEVER);
}

#[test]
fn a_lost_connection_blinds_and_the_next_one_subscribes_again() {
    let mut stand = Stand::new();
    stand.books.handle_down();
    stand.hear();
    stand.is_blind(Blindness::Unread);
    assert_eq!(stand.books.poll_command(now(50).mono), None);
    stand.exchange.change(60, 1, 45, 300);
    stand.exchange.sent.clear();
    stand.books.handle_up(now(0).mono);
    stand.deliver_all(70);
    stand.sees_all();
}

#[test]
fn a_subscription_that_ends_is_asked_for_again() {
    for code in [10, 25] {
        let mut stand = Stand::new();
        let at = now(100).mono;
        assert!(stand.books.handle_failure(at, code, Some(BOOKS_SID), None));
        stand.hear();
        stand.is_blind(Blindness::Gap);
        assert_eq!(stand.books.poll_command(at), None, "not at once");
        stand.exchange.change(200, 1, 45, 300);
        stand.exchange.sent.clear();
        stand.deliver_all(2_200);
        stand.sees_all();
    }
}

#[test]
fn an_ended_ticker_channel_leaves_the_books_alone() {
    let mut stand = Stand::new();
    assert!(stand.books.handle_end(now(100).mono, TICKERS_SID));
    stand.hear();
    stand.sees_all();
    assert!(!stand.books.handle_end(now(100).mono, 99), "somebody else's");
    assert!(!stand.books.handle_failure(now(100).mono, 10, Some(99), Some(2)));
}

#[test]
fn a_refused_market_does_not_stop_the_others() {
    let mut books = Books::new(BooksConfig::default());
    books.handle_wish(follow(0));
    books.handle_up(now(0).mono);
    books.handle_wish(follow(1));
    let first = books.poll_command(now(0).mono).unwrap().to_owned();
    assert!(first.contains("\"id\":1000,") && first.contains("KX-0"), "{first}");
    assert!(books.handle_failure(now(1).mono, 11, None, Some(1_000)));
    let mut again = Vec::new();
    while let Some(command) = books.poll_command(now(1_001).mono) {
        again.push(command.to_owned());
    }
    let of_books = again.iter().find(|it| it.contains("orderbook_delta"));
    assert!(of_books.is_some_and(|it| it.contains("KX-1")), "{again:?}");
}

#[test]
fn what_is_unfollowed_is_unsubscribed_and_its_place_is_free() {
    let mut stand = Stand::new();
    stand.books.handle_wish(unfollow(1));
    let mut commands = Vec::new();
    while let Some(command) = stand.books.poll_command(now(10).mono) {
        commands.push(command.to_owned());
    }
    assert_eq!(commands.len(), 2, "{commands:?}");
    assert!(commands.iter().all(|it| it.contains("delete_markets") && it.contains("KX-1")));
    assert_eq!(stand.books.free.len(), SLOTS_MAX - 2);
    stand.told.clear();
    stand.exchange.change(20, 1, 45, 100);
    stand.deliver_all(20);
    assert_eq!(stand.told, BTreeMap::new());
}

#[test]
fn a_market_that_is_followed_again_is_told_again() {
    let mut stand = Stand::new();
    stand.books.handle_wish(unfollow(1));
    stand.books.handle_wish(follow(1));
    stand.told.clear();
    stand.deliver_all(10);
    assert_eq!(stand.sees(1), stand.exchange.top(1));
}

#[test]
fn past_the_bound_markets_are_left_to_others() {
    let mut books = Books::new(BooksConfig::default());
    for market in 0..100 {
        books.handle_wish(follow(market));
    }
    assert_eq!(books.counts().crowded, 100 - SLOTS_MAX as u64);
    assert_eq!(books.free.len(), 0);
}

/// What happens to the exchange and its messages.
#[derive(Clone, Debug)]
enum Step {
    Change { market: u16, cents: u32, centis: i64 },
    Deliver,
    Lose,
    Repeat,
    Swap,
    Answer,
    Wait(u64),
}

fn any_step() -> impl Strategy<Value = Step> {
    let change = (0_u16..3, 1_u32..100, -300_i64..300);
    prop_oneof![
        8 => change.prop_map(|(market, cents, centis)| Step::Change { market, cents, centis }),
        8 => Just(Step::Deliver),
        1 => Just(Step::Lose),
        1 => Just(Step::Repeat),
        1 => Just(Step::Swap),
        4 => Just(Step::Answer),
        1 => (0_u64..3_000).prop_map(Step::Wait),
    ]
}

proptest! {
    #[test]
    fn no_top_is_told_that_the_exchange_never_had(
        steps in prop::collection::vec(any_step(), 0..150),
    ) {
        let mut stand = Stand::new();
        let mut at = 10;
        let mut last = None;
        for step in steps {
            match step {
                Step::Change { market, cents, centis } => {
                    stand.exchange.change(at, market, cents, centis);
                }
                Step::Deliver if !stand.exchange.sent.is_empty() => {
                    let sent = stand.exchange.sent.remove(0);
                    stand.deliver(at, &sent);
                    last = Some(sent);
                }
                Step::Lose if !stand.exchange.sent.is_empty() => {
                    drop(stand.exchange.sent.remove(0));
                }
                Step::Repeat => {
                    if let Some(sent) = last.clone() {
                        stand.deliver(at, &sent);
                    }
                }
                Step::Swap if stand.exchange.sent.len() > 1 => stand.exchange.sent.swap(0, 1),
                Step::Answer => {
                    let Stand { books, exchange, .. } = &mut stand;
                    exchange.serve(at, books);
                }
                Step::Wait(ms) => at += ms,
                Step::Deliver | Step::Lose | Step::Swap => {}
            }
            stand.hear();
            let tops = &stand.exchange.tops[&stand.delivered];
            for market in 0..3 {
                let seen = stand.sees(market);
                prop_assert!(
                    matches!(seen, BookView::Blind(_)) || seen == tops[&market],
                    "market {} is {:?} and not {:?}", market, seen, tops[&market]
                );
            }
        }
        // Once nothing is lost any more, everything is seen again.
        stand.exchange.sent.clear();
        stand.exchange.change(at, 0, 30, 100);
        for turn in 0..8 {
            stand.deliver_all(at + turn * 70_000);
        }
        for market in 0..3 {
            prop_assert_eq!(stand.sees(market), stand.exchange.top(market));
        }
    }
}
