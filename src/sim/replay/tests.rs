//! Recordings drive books bit for bit; orders join the recorded queues and change nothing else.

use std::collections::BTreeMap;
use std::hash::{Hash as _, Hasher as _};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::*;
use crate::kalshi::fees::Liquidity;
use crate::message::TimeInForce;
use crate::sim::exchange::{
    ClientText, ExchangeEvent, MarketCommand, NewOrder, OrderTerms, Random, Reject, UserSeed,
};
use crate::sim::venue::UserId;
use crate::units::{Contracts, Money};

const ALICE: UserId = UserId(0);
const START: WallTime = WallTime::from_unix_ms(1_781_159_360_000);

/// A market at 47 bid for 10, 52 asked for 10; then what the lines say, a second apart each.
fn session(lines: &[&str]) -> Arc<Recording> {
    let snapshot = r#"{"recv_ts_ms":1000,"frame":{"type":"orderbook_snapshot","sid":1,"seq":1,
        "msg":{"market_ticker":"KX-A","yes_dollars_fp":[["0.4700","10.00"]],
        "no_dollars_fp":[["0.4800","10.00"]]}}}"#;
    let mut text = snapshot.replace('\n', " ");
    for (second, line) in (2..).zip(lines) {
        let (kind, fields) = line.split_once(' ').unwrap();
        text.push_str(&format!(
            "\n{{\"recv_ts_ms\":{second}000,\"frame\":{{\"type\":\"{kind}\",\"msg\":{{\
             \"market_ticker\":\"KX-A\",{fields}}}}}}}"
        ));
    }
    Arc::new(Recording::parse(&text).unwrap())
}

fn delta(side: &str, price: &str, centis: &str) -> String {
    format!(
        "orderbook_delta \"side\":\"{side}\",\"price_dollars\":\"{price}\",\"delta_fp\":\"{centis}\""
    )
}

fn trade(taker: &str, price: &str, count: &str) -> String {
    format!(
        "trade \"taker_side\":\"{taker}\",\"yes_price_dollars\":\"{price}\",\"count_fp\":\"{count}\""
    )
}

struct Stage {
    exchange: Exchange,
    replay: Replay,
}

impl Stage {
    fn new(recording: &Arc<Recording>) -> Self {
        let user = UserSeed { user_id: "a".into(), cash: Money::from_cents(1_000_000) };
        let exchange = Exchange::new(START, &recording.seeds(), &[user], 7).unwrap();
        let replay = Replay::new(Arc::clone(recording), &exchange, START, 1);
        let mut stage = Self { exchange, replay };
        stage.at(0);
        stage
    }

    /// Plays up to so many seconds after the start.
    fn at(&mut self, second: u64) {
        self.replay.advance(&mut self.exchange, START + Nanos::from_secs(second));
    }

    fn place(&mut self, side: BookSide, cents: u32, count: u32, tif: TimeInForce) -> u128 {
        let new = NewOrder {
            market: 0,
            side,
            price: Price::from_cents(cents).unwrap(),
            quantity: Contracts::from_whole(count),
            client_order_id: ClientText::EMPTY,
            subaccount: 0,
            group: None,
            terms: OrderTerms { time_in_force: tif, ..OrderTerms::RESTING },
        };
        self.exchange.submit(START, ALICE, &new).unwrap().order.id
    }

    fn bid(&mut self, cents: u32, count: u32) -> u128 {
        self.place(BookSide::Bid, cents, count, TimeInForce::GoodTillCanceled)
    }

    fn filled(&self, id: u128) -> Contracts {
        self.exchange.order(ALICE, id).unwrap().filled
    }

    fn ahead(&self, id: u128) -> u64 {
        self.exchange.queue_position(self.exchange.order(ALICE, id).unwrap())
    }

    fn centis(&self, side: BookSide, cents: u32) -> u64 {
        let price = Price::from_cents(cents).unwrap();
        let mut levels = self.exchange.markets()[0].levels(side);
        levels.find(|level| level.price == price).map_or(0, |level| level.centis)
    }
}

fn whole(count: u32) -> Contracts {
    Contracts::from_whole(count)
}

#[test]
fn recorded_trades_move_an_order_to_the_front_and_fill_it() {
    let lines = [
        trade("no", "0.4700", "4.00"),
        delta("yes", "0.4700", "-4.00"),
        trade("no", "0.4700", "6.00"),
        delta("yes", "0.4700", "-6.00"),
        trade("no", "0.4700", "3.00"),
    ];
    let mut stage = Stage::new(&session(&lines.each_ref().map(String::as_str)));
    let id = stage.bid(47, 5);
    assert_eq!(stage.ahead(id), 1_000);
    stage.at(2);
    assert_eq!(stage.ahead(id), 600);
    stage.at(4);
    assert_eq!((stage.ahead(id), stage.filled(id)), (0, Contracts::ZERO));
    assert_eq!(stage.centis(BookSide::Bid, 47), 500, "only hers is left");
    stage.at(5);
    assert_eq!(stage.filled(id), whole(3));
}

#[test]
fn a_trade_told_after_its_delta_serves_the_queue_all_the_same() {
    let text = r#"{"type":"orderbook_snapshot","msg":{"market_ticker":"KX-A","ts_ms":1000,"yes_dollars_fp":[["0.4700","10.00"]]}}
{"type":"orderbook_delta","msg":{"market_ticker":"KX-A","ts_ms":2000,"side":"yes","price_dollars":"0.4700","delta_fp":"-4.00"}}
{"type":"trade","msg":{"market_ticker":"KX-A","ts_ms":2003,"taker_side":"no","yes_price_dollars":"0.4700","count_fp":"4.00"}}"#;
    let mut stage = Stage::new(&Arc::new(Recording::parse(text).unwrap()));
    let id = stage.bid(47, 5);
    stage.at(2);
    assert_eq!((stage.ahead(id), stage.centis(BookSide::Bid, 47)), (600, 1_100));
}

#[test]
fn recorded_cancels_leave_from_behind() {
    let lines = [delta("yes", "0.4700", "5.00"), delta("yes", "0.4700", "-7.00")];
    let mut stage = Stage::new(&session(&lines.each_ref().map(String::as_str)));
    let id = stage.bid(47, 5);
    stage.at(1);
    assert_eq!(stage.centis(BookSide::Bid, 47), 2_000);
    assert_eq!(stage.ahead(id), 1_000, "who came later is behind");
    stage.at(2);
    assert_eq!(stage.ahead(id), 800, "nobody knows who cancelled: those behind are taken first");
}

#[test]
fn an_order_at_a_better_price_is_met_first() {
    let line = trade("no", "0.4700", "4.00");
    let mut stage = Stage::new(&session(&[&line]));
    let id = stage.bid(48, 3);
    stage.exchange.take_events();
    stage.at(1);
    assert_eq!(stage.filled(id), whole(3));
    assert_eq!(stage.centis(BookSide::Bid, 47), 1_000, "the recorded level waits for its delta");
    let prints: Vec<_> = stage
        .exchange
        .take_events()
        .iter()
        .filter_map(|event| match event {
            ExchangeEvent::Trade(print) => Some((print.price.to_string(), print.quantity)),
            _ => None,
        })
        .collect();
    let expected = [("0.4800".to_owned(), whole(3)), ("0.4700".to_owned(), whole(1))];
    assert_eq!(prints, expected, "the tape tells four contracts, as it was");
}

#[test]
fn a_recorded_order_that_crosses_hers_trades_with_her() {
    let line = delta("no", "0.5100", "8.00");
    let mut stage = Stage::new(&session(&[&line]));
    let id = stage.bid(50, 3);
    stage.at(1);
    assert_eq!(stage.filled(id), whole(3));
    assert_eq!(stage.centis(BookSide::Ask, 49), 500, "what she took of it is missing");
}

#[test]
fn what_was_taken_is_missing_until_the_recording_takes_it() {
    let lines = [
        delta("no", "0.4800", "5.00"),
        delta("no", "0.4800", "-9.00"),
        delta("no", "0.4800", "-6.00"),
    ];
    let mut stage = Stage::new(&session(&lines.each_ref().map(String::as_str)));
    let id = stage.place(BookSide::Bid, 52, 4, TimeInForce::ImmediateOrCancel);
    assert_eq!(stage.filled(id), whole(4));
    assert_eq!(stage.centis(BookSide::Ask, 52), 600);
    stage.at(1);
    assert_eq!(stage.centis(BookSide::Ask, 52), 1_100, "of fifteen recorded");
    stage.at(2);
    assert_eq!(stage.centis(BookSide::Ask, 52), 600, "six recorded: hers were among the gone");
    stage.at(3);
    assert_eq!(stage.centis(BookSide::Ask, 52), 0);
}

#[test]
fn a_pause_parts_the_books_and_its_end_joins_them() {
    let lines = [delta("yes", "0.4600", "5.00"), delta("yes", "0.4500", "5.00")];
    let mut stage = Stage::new(&session(&lines.each_ref().map(String::as_str)));
    stage.exchange.command(START, 0, MarketCommand::Deactivate).unwrap();
    stage.at(1);
    assert_eq!(stage.centis(BookSide::Bid, 46), 0);
    let reopens = START + Nanos::from_ms(1_500);
    stage.exchange.command(reopens, 0, MarketCommand::Activate).unwrap();
    stage.at(2);
    let bids: Vec<_> = [47, 46, 45].map(|cents| stage.centis(BookSide::Bid, cents)).into();
    assert_eq!(bids, [1_000, 500, 500]);
}

/// What a recording made of an exchange.
#[derive(Debug, PartialEq, Eq)]
struct Played {
    told: Vec<ExchangeEvent>,
    /// Digests of all books together, one each 64 steps and one at the end.
    books: Vec<u64>,
}

fn digest(books: &[[RecordedSide; 2]]) -> u64 {
    let mut hasher = std::hash::DefaultHasher::new();
    books.hash(&mut hasher);
    hasher.finish()
}

/// Plays a recording alone. Checks the books every 64 steps, and at the end, against a plain fold
/// of it.
fn play_alone(recording: &Arc<Recording>) -> Played {
    let mut stage = Stage::new(recording);
    let mut told = stage.exchange.take_events();
    let mut seen = Vec::new();
    let mut plain = vec![[RecordedSide::new(), RecordedSide::new()]; recording.tickers().len()];
    let mut folded = 0;
    while let Some(due) = stage.replay.deadline() {
        stage.replay.advance(&mut stage.exchange, due);
        told.extend(stage.exchange.drain_events());
        for event in &recording.events()[folded..stage.replay.next] {
            fold(&mut plain[event.market], &event.change);
        }
        folded = stage.replay.next;
        if folded % 64 == 0 {
            assert_eq!(books(&stage.exchange), plain);
            seen.push(digest(&plain));
        }
    }
    assert_eq!(books(&stage.exchange), plain);
    seen.push(digest(&plain));
    Played { told, books: seen }
}

fn fold(book: &mut [RecordedSide; 2], change: &RecordedChange) {
    match change {
        RecordedChange::Snapshot(bids, asks) => *book = [bids.clone(), asks.clone()],
        RecordedChange::Delta { side, price, centis } => {
            let levels = &mut book[usize::from(*side == BookSide::Ask)];
            let level = levels.entry(*price).or_insert(0);
            *level = level.checked_add_signed(*centis).unwrap();
            levels.retain(|_, centis| *centis > 0);
        }
        RecordedChange::Trade { .. } => {}
    }
}

fn books(exchange: &Exchange) -> Vec<[RecordedSide; 2]> {
    let side = |market: &crate::sim::exchange::MarketState, side| {
        market.levels(side).map(|level| (level.price, level.centis)).collect()
    };
    let both = |market| [side(market, BookSide::Bid), side(market, BookSide::Ask)];
    exchange.markets().iter().map(both).collect()
}

fn example() -> Arc<Recording> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/replay-session.jsonl");
    Arc::new(open(&file).unwrap())
}

/// A recording that lies beside the project, if there are any.
fn beside(name: &str) -> Option<PathBuf> {
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    let found = home.ancestors().skip(1).map(|above| above.join("shared/data").join(name));
    found.into_iter().find(|path| path.is_file())
}

#[test]
fn a_recording_replays_to_the_same_books_twice() {
    let recording = example();
    assert!(recording.events().len() > 300);
    let (first, second) = (play_alone(&recording), play_alone(&recording));
    assert_eq!(first, second);
    let mut distinct = first.books.clone();
    distinct.dedup();
    assert!(distinct.len() > 4, "the books move: {distinct:?}");
}

#[test]
fn recordings_beside_the_project_replay_to_the_same_books_twice() {
    let files = [
        "deltas/2026-07-01_demo_session.jsonl.gz",
        "books/KXWCGAME_all_days.jsonl.gz",
        "deltas/2023-04-10_INXD-23APR10-B4075.wire.jsonl.gz",
        "deltas/2023-04-13_INXD-23APR13-B4125.wire.jsonl.gz",
    ];
    for name in files {
        let Some(path) = beside(name) else {
            // Not by a macro: what those print of a test that passes is hidden.
            let mut stderr = std::io::stderr();
            writeln!(stderr, "SKIPPED: shared/data/{name} does not lie beside the project")
                .unwrap();
            continue;
        };
        let recording = Arc::new(open(&path).unwrap());
        let (first, second) = (play_alone(&recording), play_alone(&recording));
        assert!(!first.told.is_empty() && first.books.len() > 1, "{name}");
        assert!(first == second, "{name}: the second time was another");
    }
}

/// Contracts that the tape told of, in hundredths.
fn taped(events: &[ExchangeEvent]) -> u64 {
    let print = |event: &ExchangeEvent| match event {
        ExchangeEvent::Trade(print) => u64::from(print.quantity.centis()),
        _ => 0,
    };
    events.iter().map(print).sum()
}

/// What a level lacks in comparison with the same level where nobody traded, summed over a side.
/// No level has more.
#[track_caller]
fn missing(stage: &Stage, alone: &Stage, side: BookSide) -> u64 {
    let levels = |stage: &Stage| -> BTreeMap<Price, u64> {
        let mut levels = BTreeMap::new();
        for (_, price, left) in stage.exchange.background_at(0, side) {
            *levels.entry(price).or_default() += u64::from(left.centis());
        }
        levels
    };
    let (mut there, recorded) = (levels(stage), levels(alone));
    let lack = |(price, centis): (&Price, &u64)| {
        let left = there.remove(price).unwrap_or(0);
        centis.checked_sub(left).unwrap_or_else(|| panic!("{side:?} {price}: {left} > {centis}"))
    };
    let sum = recorded.iter().map(lack).sum();
    assert!(there.is_empty(), "{side:?}s that were never recorded: {there:?}");
    sum
}

/// Contracts that she traded on one side, in hundredths.
fn traded(stage: &Stage, side: BookSide, liquidity: Option<Liquidity>) -> u64 {
    let fills = stage.exchange.fills(ALICE).into_iter();
    let fills = fills.filter(|fill| fill.side == side);
    let fills = fills.filter(|fill| liquidity.is_none_or(|it| it == fill.liquidity));
    fills.map(|fill| u64::from(fill.quantity.centis())).sum()
}

#[test]
fn members_change_nothing_that_was_recorded() {
    let recording = example();
    let (mut alone, mut stage) = (Stage::new(&recording), Stage::new(&recording));
    let total = stage.exchange.total_cash_and_collateral();
    let mut random = Random::new(3);
    let mut lacking = 0;

    while let Some(due) = stage.replay.deadline() {
        alone.replay.advance(&mut alone.exchange, due);
        stage.replay.advance(&mut stage.exchange, due);
        let mut pick = |bound| u32::try_from(random.below(bound)).unwrap();
        let side = if pick(2) == 0 { BookSide::Bid } else { BookSide::Ask };
        let (cents, count) = (40 + pick(20), 1 + pick(4));
        let tif = [TimeInForce::ImmediateOrCancel, TimeInForce::GoodTillCanceled];
        let id = stage.place(side, cents, count, tif[pick(2) as usize]);
        if pick(3) == 0 {
            let _: Result<_, Reject> = stage.exchange.cancel(due, ALICE, id);
        }
        for side in [BookSide::Bid, BookSide::Ask] {
            // What is missing of the recorded book is what she got, for as long as it was there.
            let missing = missing(&stage, &alone, side);
            let got = traded(&stage, side.opposite(), None);
            assert!(missing <= got, "{side:?}s lack {missing}, she traded {got}");
            lacking += u64::from(missing > 0);
        }
    }

    assert!(lacking > 0, "she took nothing that was recorded");
    assert_eq!(stage.exchange.total_cash_and_collateral(), total);
    let sum = |liquidity| {
        traded(&stage, BookSide::Bid, liquidity) + traded(&stage, BookSide::Ask, liquidity)
    };
    let (took, all) = (sum(Some(Liquidity::Taker)), sum(None));
    let more = taped(&stage.exchange.take_events()) - taped(&alone.exchange.take_events());
    assert!((took..=all).contains(&more), "the tape has {more} more, she took {took} of {all}");
    assert!(took > 0 && all > took, "she takes and makes");
}

#[test]
fn faster_replays_reach_the_same_books() {
    let recording = example();
    let last = |speed: u32| {
        let mut stage = Stage::new(&recording);
        stage.replay.speed = speed;
        let mut end = START;
        while let Some(due) = stage.replay.deadline() {
            end = due;
            stage.replay.advance(&mut stage.exchange, due);
        }
        (books(&stage.exchange), end.since(START))
    };
    let (slow, fast) = (last(1), last(10));
    assert_eq!(slow.0, fast.0);
    assert_eq!(slow.1.ms() / 10, fast.1.ms());
}

#[test]
fn depth_captures_are_read_without_floats() {
    let text = r#"{"captured_at":"2026-07-07T01:23:57.700581+00:00","ticker":"KX-A",
        "yes_bids":[[0.91,453.55],[0.9,14554.5]],"no_bids":[[0.08,394008.0]]}"#;
    let recording = Recording::parse(&text.replace('\n', " ")).unwrap();
    let RecordedChange::Snapshot(bids, asks) = &recording.events()[0].change else {
        panic!("a capture is a snapshot");
    };
    assert_eq!(bids.values().copied().collect::<Vec<_>>(), [1_455_450, 45_355]);
    assert_eq!(asks.keys().next().unwrap().to_string(), "0.9200");
}

#[track_caller]
fn complains(text: &str, expected: &str) {
    assert_eq!(Recording::parse(text).unwrap_err().to_string(), expected);
}

#[test]
fn unusable_recordings_name_their_line() {
    complains("", "no orderbook_snapshot in it");
    complains("\n{", "line 2: is not JSON");
    let snapshot = |yes: &str, no: &str| {
        format!(
            r#"{{"type":"orderbook_snapshot","msg":{{"market_ticker":"A","yes_dollars_fp":[{yes}],"no_dollars_fp":[{no}]}}}}"#
        )
    };
    complains(
        &snapshot(r#"["0.5000","1.00"]"#, r#"["0.5000","1.00"]"#),
        "line 1: the book is crossed; was it recorded with use_yes_price?",
    );
    let gone = r#"{"type":"orderbook_delta","msg":{"market_ticker":"A","side":"yes","price_dollars":"0.5000","delta_fp":"-2.00"}}"#;
    complains(
        &format!("{}\n{gone}", snapshot(r#"["0.5000","1.00"]"#, "")),
        "line 2: the level at 0.5000 would be negative; lines before it are missing",
    );
    complains(&snapshot(r#"["x","1.00"]"#, ""), "line 1: has unreadable levels");
}
