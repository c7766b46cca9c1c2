//! The service against a scripted exchange: which reads it makes, and what it says of them.

use super::*;
use crate::feed::scripted::{Peer, ScriptedConnector, ScriptedTransport, VirtualClock};
use crate::ids::{ClientOrderId, InlineText, OrderId, OrderKey, RunId};
use crate::kalshi::market::FeeSchedule;
use crate::message::{ExchangeStatus, Fill, MarketChange, MarketNews};
use crate::reconcile::client::RestFailure;
use crate::reconcile::scripted::{Script, client};
use crate::units::{Contracts, Money, Nanos, Price, WallTime};

const KEY: OrderKey = OrderKey { slot: 3, generation: 9 };

fn ours() -> ClientOrderId {
    ClientOrderId::new(RunId::new(0xabc), 7)
}

fn by_list() -> FetchCommand {
    FetchCommand::Order {
        key: KEY,
        client_order_id: ours(),
        order_id: OrderId::EMPTY,
        ticker: InlineText::new(b"KXA-B").unwrap(),
    }
}

fn by_id() -> FetchCommand {
    let FetchCommand::Order { key, client_order_id, ticker, .. } = by_list() else {
        panic!("an order")
    };
    let order_id = InlineText::new(b"o-1").unwrap();
    FetchCommand::Order { key, client_order_id, order_id, ticker }
}

fn order_json(order_id: &str, client_order_id: &str, status: &str, filled: &str) -> String {
    format!(
        r#"{{"order_id":"{order_id}","client_order_id":"{client_order_id}","ticker":"KXA-B",
        "book_side":"bid","yes_price_dollars":"0.5000","status":"{status}",
        "fill_count_fp":"{filled}","remaining_count_fp":"0.00"}}"#
    )
}

fn orders(cursor: &str, rows: &[String]) -> String {
    format!(r#"{{"cursor":"{cursor}","orders":[{}]}}"#, rows.join(","))
}

/// A page of fills: trade id, order id, count, second.
fn fills(cursor: &str, rows: &[(&str, &str, &str, u32)]) -> String {
    let row = |(trade, order, count, second): &(&str, &str, &str, u32)| {
        format!(
            r#"{{"trade_id":"{trade}","order_id":"{order}","ticker":"KXA-B","book_side":"bid",
            "yes_price_dollars":"0.5000","count_fp":"{count}","fee_cost":"0.010000",
            "is_taker":true,"created_time":"2026-06-11T06:00:{second:02}.5Z"}}"#
        )
    };
    let rows: Vec<String> = rows.iter().map(row).collect();
    format!(r#"{{"cursor":"{cursor}","fills":[{}]}}"#, rows.join(","))
}

struct Bench {
    fetch: Fetch<ScriptedTransport, ScriptedConnector, VirtualClock>,
    commands: rtrb::Producer<FetchCommand>,
    events: rtrb::Consumer<FetchEvent>,
    peer: Peer,
    clock: VirtualClock,
}

impl Bench {
    fn new() -> Self {
        Self::with_ring(64)
    }

    fn with_ring(slots: usize) -> Self {
        let (client, connector, clock) = client();
        let peer = connector.prepare();
        let (commands, consumer) = rtrb::RingBuffer::new(COMMANDS_MAX);
        let (producer, events) = rtrb::RingBuffer::new(slots);
        let fetch = Fetch::new(client, consumer, producer);
        Self { fetch, commands, events, peer, clock }
    }

    /// Runs one command against a script and returns what was said.
    #[track_caller]
    fn run(&mut self, command: FetchCommand, mut script: Script) -> Vec<FetchEvent> {
        self.commands.push(command).unwrap();
        let mut said = Vec::new();
        for _ in 0..100 {
            let work = self.fetch.poll();
            script.serve(&self.peer);
            said.extend(core::iter::from_fn(|| self.events.pop().ok()));
            if work == Work::Idle && self.fetch.job.is_none() {
                break;
            }
        }
        script.assert_done();
        said
    }

    fn polls(&mut self, count: u32) {
        for _ in 0..count {
            let _work = self.fetch.poll();
        }
    }

    fn why(&self) -> RestFailure {
        self.fetch.last_error().expect("a failure").why.clone()
    }
}

fn trade_ids(events: &[FetchEvent]) -> Vec<String> {
    let trade = |event: &FetchEvent| match event {
        FetchEvent::Fill(Fill { trade_id, .. }) => Some(trade_id.to_string()),
        _ => None,
    };
    events.iter().filter_map(trade).collect()
}

const LIST: &str = "/portfolio/orders?ticker=KXA-B&limit=1000";
const FILLS_OF: &str = "/portfolio/fills?order_id=o-1&limit=1000";

#[test]
fn an_order_with_a_known_id_is_read_by_it_and_its_fills_come_first() {
    let mut bench = Bench::new();
    let body = format!("{{\"order\":{}}}", order_json("o-1", &ours().to_string(), "executed", "3"));
    let script = Script::default()
        .then("/portfolio/orders/o-1", 200, body)
        .then(FILLS_OF, 200, fills("p2", &[("t-3", "o-1", "1", 3), ("x", "o-2", "9", 3)]))
        .then(
            "/portfolio/fills?order_id=o-1&limit=1000&cursor=p2",
            200,
            fills("", &[("t-3", "o-1", "1", 3), ("t-2", "o-1", "1", 2), ("t-1", "o-1", "1", 1)]),
        );

    let said = bench.run(by_id(), script);

    assert_eq!(trade_ids(&said), ["t-1", "t-2", "t-3"], "oldest first, once, of this order");
    let FetchEvent::Fill(first) = said[0] else { panic!("a fill") };
    assert_eq!(first.client_order_id, Some(ours()));
    let Some(FetchEvent::Order { key: KEY, report }) = said.last() else { panic!("{said:?}") };
    assert_eq!(report.status, ExchangeStatus::Executed);
    assert_eq!(report.filled, Contracts::from_whole(3));
}

#[test]
fn an_order_without_id_is_looked_for_in_every_page() {
    let mut bench = Bench::new();
    let other = order_json("o-9", "8c35ecb3-328f-4f52-8c7c-0f4b9862f8d1", "resting", "0");
    let script = Script::default()
        .then(LIST, 200, orders("c/1", &[other]))
        .then(
            &format!("{LIST}&cursor=c%2F1"),
            200,
            orders("more", &[order_json("o-1", &ours().to_string(), "resting", "0")]),
        )
        .then(FILLS_OF, 200, fills("", &[]));
    let said = bench.run(by_list(), script);
    assert!(matches!(said[..], [FetchEvent::Order { key: KEY, report }]
        if report.status == ExchangeStatus::Resting));
}

#[test]
fn only_a_complete_listing_proves_an_absence() {
    let mut bench = Bench::new();
    let script = Script::default().then(LIST, 200, orders("c1", &[])).then(
        &format!("{LIST}&cursor=c1"),
        200,
        orders("", &[]),
    );
    assert_eq!(bench.run(by_list(), script), [FetchEvent::OrderAbsent { key: KEY }]);

    let failed = [FetchEvent::OrderFailed { key: KEY }];
    let script = Script::default().then(LIST, 200, orders("c1", &[])).then(
        &format!("{LIST}&cursor=c1"),
        500,
        "oops",
    );
    assert_eq!(bench.run(by_list(), script), failed);

    let script = Script::default().then(LIST, 200, orders("c1", &[])).then(
        &format!("{LIST}&cursor=c1"),
        200,
        orders("c1", &[]),
    );
    assert_eq!(bench.run(by_list(), script), failed);
    assert_eq!(bench.why(), RestFailure::Endless);

    let script = Script::default().then(LIST, 200, r#"{"orders":[]}"#);
    assert_eq!(bench.run(by_list(), script), failed, "no cursor is no end");
}

#[test]
fn an_id_the_exchange_does_not_know_is_looked_for_in_the_listing() {
    let mut bench = Bench::new();
    let not_found = r#"{"error":{"code":"not_found","message":"not found"}}"#;
    let script = Script::default().then("/portfolio/orders/o-1", 404, not_found).then(
        LIST,
        200,
        orders("", &[]),
    );
    assert_eq!(bench.run(by_id(), script), [FetchEvent::OrderAbsent { key: KEY }]);
}

#[test]
fn an_answer_about_another_order_is_not_believed() {
    let mut bench = Bench::new();
    for (order_id, client_order_id) in [("o-2", ours().to_string()), ("o-1", "other".into())] {
        let body =
            format!("{{\"order\":{}}}", order_json(order_id, &client_order_id, "resting", "0"));
        let script = Script::default().then("/portfolio/orders/o-1", 200, body).then(
            LIST,
            200,
            orders("", &[]),
        );
        assert_eq!(bench.run(by_id(), script), [FetchEvent::OrderAbsent { key: KEY }]);
    }
}

#[test]
fn our_own_id_in_the_listing_settles_what_the_exchange_calls_the_order() {
    let mut bench = Bench::new();
    let stranger = format!("{{\"order\":{}}}", order_json("o-1", "other", "resting", "0"));
    let script = Script::default()
        .then("/portfolio/orders/o-1", 200, stranger)
        .then(LIST, 200, orders("", &[order_json("o-7", &ours().to_string(), "resting", "0")]))
        .then("/portfolio/fills?order_id=o-7&limit=1000", 200, fills("", &[]));
    let said = bench.run(by_id(), script);
    assert!(matches!(said[..], [FetchEvent::Order { key: KEY, report }]
        if report.order_id.as_str() == "o-7"));
}

#[test]
fn an_order_whose_fills_lag_is_asked_for_again_later() {
    let mut bench = Bench::new();
    let body = format!("{{\"order\":{}}}", order_json("o-1", &ours().to_string(), "executed", "3"));
    let script = Script::default().then("/portfolio/orders/o-1", 200, body).then(
        FILLS_OF,
        200,
        fills("", &[("t-1", "o-1", "2.99", 1)]),
    );
    assert_eq!(bench.run(by_id(), script), [FetchEvent::OrderFailed { key: KEY }]);
    assert_eq!(bench.why(), RestFailure::FillsMissing);
}

#[test]
fn a_backfill_brings_every_fill_oldest_first() {
    let mut bench = Bench::new();
    let since = WallTime::from_unix_ms(1_781_157_600_900);
    let query = "/portfolio/fills?min_ts=1781157599&limit=1000";
    let script = Script::default()
        .then(query, 200, fills("n", &[("t-4", "o-2", "1", 4), ("t-3", "o-1", "1", 3)]))
        .then(&format!("{query}&cursor=n"), 200, fills("", &[("t-1", "o-1", "1", 1)]));
    let said = bench.run(FetchCommand::Backfill { since }, script);
    assert_eq!(trade_ids(&said), ["t-1", "t-3", "t-4"]);
    assert_eq!(said.last(), Some(&FetchEvent::BackfillDone));
}

#[test]
fn a_backfill_that_fails_halfway_says_nothing_but_that() {
    let mut bench = Bench::new();
    let query = "/portfolio/fills?min_ts=0&limit=1000";
    let script = Script::default().then(query, 200, fills("n", &[("t-4", "o-2", "1", 4)])).then(
        &format!("{query}&cursor=n"),
        429,
        r#"{"error":"too many requests"}"#,
    );
    let said = bench.run(FetchCommand::Backfill { since: WallTime::from_unix_ms(0) }, script);
    assert_eq!(said, [FetchEvent::BackfillFailed]);
    assert!(matches!(bench.why(), RestFailure::Refused { status: 429, .. }));
}

#[test]
fn an_exchange_that_does_not_answer_is_a_failure_in_bounded_time() {
    let mut bench = Bench::new();
    bench.commands.push(by_list()).unwrap();
    bench.polls(10);
    assert!(bench.events.pop().is_err());
    bench.clock.advance(Nanos::from_secs(5));
    bench.polls(3);
    assert_eq!(bench.events.pop(), Ok(FetchEvent::OrderFailed { key: KEY }));
    assert!(matches!(bench.why(), RestFailure::Timeout { .. }));
}

#[test]
fn a_full_ring_makes_events_wait_and_loses_none() {
    let mut bench = Bench::with_ring(2);
    let rows: Vec<(String, u32)> = (0..20).map(|n| (format!("t-{n}"), 40 - n)).collect();
    let rows: Vec<(&str, &str, &str, u32)> =
        rows.iter().map(|(trade, second)| (trade.as_str(), "o-1", "1", *second)).collect();
    let query = "/portfolio/fills?min_ts=0&limit=1000";
    let mut script = Script::default().then(query, 200, fills("", &rows));
    bench.commands.push(FetchCommand::Backfill { since: WallTime::from_unix_ms(0) }).unwrap();
    for _ in 0..10 {
        bench.polls(1);
        script.serve(&bench.peer);
    }
    assert_eq!(bench.fetch.poll(), Work::Idle, "it waits for room");
    let mut said = Vec::new();
    for _ in 0..20 {
        said.extend(core::iter::from_fn(|| bench.events.pop().ok()));
        bench.polls(1);
    }
    assert_eq!(said.len(), 21);
    assert_eq!(trade_ids(&said).first().map(String::as_str), Some("t-19"));
    assert_eq!(said.last(), Some(&FetchEvent::BackfillDone));
}

#[test]
fn commands_are_answered_one_after_the_other() {
    let mut bench = Bench::new();
    bench.commands.push(by_list()).unwrap();
    let script = Script::default().then(LIST, 200, orders("", &[])).then(
        "/portfolio/fills?min_ts=0&limit=1000",
        200,
        fills("", &[]),
    );
    let said = bench.run(FetchCommand::Backfill { since: WallTime::from_unix_ms(0) }, script);
    assert_eq!(said, [FetchEvent::OrderAbsent { key: KEY }, FetchEvent::BackfillDone]);
    assert_eq!(bench.fetch.counts(), FetchCounts { commands: 2, reads: 2, failures: 0 });
}

#[test]
fn the_best_prices_of_a_market_are_read_from_its_book() {
    let mut bench = Bench::new();
    let ticker = InlineText::new(b"KXA-B").unwrap();
    let book = r#"{"orderbook_fp":{"yes_dollars":[["0.4700","3.00"]],
        "no_dollars":[["0.4800","3.00"]]}}"#;
    let target = "/markets/KXA-B/orderbook?depth=1";

    let said = bench.run(FetchCommand::Quote { ticker }, Script::default().then(target, 200, book));

    let [FetchEvent::Quote(quote)] = said[..] else { panic!("{said:?}") };
    assert_eq!((quote.bid, quote.ask), (Price::from_cents(47), Price::from_cents(52)));
    assert_eq!((quote.ticker, quote.as_of), (ticker, bench.clock.now().wall));
    let failing = Script::default().then(target, 500, "oops");
    let failed = bench.run(FetchCommand::Quote { ticker }, failing);
    assert_eq!(failed, [FetchEvent::QuoteFailed { ticker }]);
}

#[test]
fn settlements_are_read_to_the_end_and_told_oldest_first() {
    let mut bench = Bench::new();
    let row = |ticker: &str, result: &str, hour: u32| {
        format!(
            r#"{{"ticker":"{ticker}","market_result":"{result}","yes_count_fp":"2.00",
            "no_count_fp":"0.00","revenue":200,"settled_time":"2026-06-11T0{hour}:00:00Z"}}"#
        )
    };
    let page = |cursor: &str, rows: &[String]| {
        format!(r#"{{"cursor":"{cursor}","settlements":[{}]}}"#, rows.join(","))
    };
    let target = "/portfolio/settlements?min_ts=99&limit=1000";
    let since = WallTime::from_unix_ms(100_000);
    let script = Script::default().then(target, 200, page("p2", &[row("KXB-1", "yes", 7)])).then(
        &format!("{target}&cursor=p2"),
        200,
        page("", &[row("KXA-1", "no", 6)]),
    );

    let said = bench.run(FetchCommand::Settlements { since }, script);

    let [FetchEvent::Settled(first), FetchEvent::Settled(second), FetchEvent::SettlementsDone] =
        said[..]
    else {
        panic!("{said:?}")
    };
    assert_eq!((first.ticker.as_str(), second.ticker.as_str()), ("KXA-1", "KXB-1"));
    assert_eq!((first.yes_pays, second.yes_pays), (Money::ZERO, Money::from_cents(100)));

    // Half a listing is none: the rest may be what matters.
    let broken = Script::default().then(target, 200, page("p2", &[row("KXB-1", "yes", 7)])).then(
        &format!("{target}&cursor=p2"),
        200,
        page("", &[row("KXA-1", "maybe", 6)]),
    );
    let said = bench.run(FetchCommand::Settlements { since }, broken);
    assert_eq!(said, [FetchEvent::SettlementsFailed]);
}

#[test]
fn a_market_is_read_and_told_as_news() {
    let ticker = InlineText::new(b"KXA-B").unwrap();
    let market = r#"{"market":{"ticker":"KXA-B","status":"inactive",
        "price_ranges":[{"start":"0.00","end":"1.00","step":"0.01"}]}}"#;
    let script = Script::default().then("/markets/KXA-B", 200, market.to_owned());
    let said = Bench::new().run(FetchCommand::Market { ticker }, script);
    let [FetchEvent::Market(prices), FetchEvent::Market(status), FetchEvent::MarketRead] = said[..]
    else {
        panic!("{said:?}")
    };
    assert!(matches!(prices.change, MarketChange::Prices(_)));
    assert_eq!(status, MarketNews { ticker, change: MarketChange::Deactivated });

    let mut bench = Bench::new();
    let script = Script::default().then("/markets/KXA-B", 404, "{}".to_owned());
    assert_eq!(bench.run(FetchCommand::Market { ticker }, script), [FetchEvent::MarketFailed]);
}

#[test]
fn an_open_market_is_told_with_its_shard_and_its_series_fees() {
    let ticker = InlineText::new(b"KXA-B").unwrap();
    let market = r#"{"market":{"ticker":"KXA-B","status":"active","exchange_index":1,
        "price_ranges":[{"start":"0.00","end":"1.00","step":"0.01"}]}}"#;
    let read = |status: u16, series: &str| {
        let script = Script::default().then("/markets/KXA-B", 200, market.to_owned());
        let script = script.then("/series/KXA", status, series.to_owned());
        Bench::new().run(FetchCommand::Market { ticker }, script)
    };
    let known = r#"{"series":{"ticker":"KXA","fee_type":"quadratic","fee_multiplier":1}}"#;
    for (status, series, fees) in [(200, known, Some(FeeSchedule::QUADRATIC)), (404, "{}", None)] {
        let said = read(status, series);
        let [_, FetchEvent::Market(terms), FetchEvent::Market(last), FetchEvent::MarketRead] =
            said[..]
        else {
            panic!("{said:?}")
        };
        assert_eq!(terms.change, MarketChange::Terms { exchange_index: 1, fees });
        assert_eq!(last.change, MarketChange::Activated);
    }
    assert_eq!(read(500, "{}"), [FetchEvent::MarketFailed]);
}
