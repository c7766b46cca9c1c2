//! The snapshot against a scripted exchange.

use super::*;
use crate::feed::scripted::{Peer, ScriptedConnector, ScriptedTransport, VirtualClock};
use crate::reconcile::scripted::{Script, answer, client, response, take_request};
use crate::units::{Nanos, Position};

const STATUS: &str = r#"{"exchange_active":true,"trading_active":true}"#;
const CASH: &str = r#"{"balance":9801,"balance_breakdown":[{"balance":"98.0186",
    "exchange_index":0}],"balance_dollars":"98.0186"}"#;
const GET_POSITIONS: &str =
    "/portfolio/positions?count_filter=position&settlement_status=unsettled&limit=1000";
const GET_ORDERS: &str = "/portfolio/orders?status=resting&limit=1000";

fn markets(cursor: &str, tickers: &[&str]) -> String {
    let row = |ticker: &&str| {
        format!(
            r#"{{"ticker":"{ticker}","status":"active","exchange_index":2,
            "price_ranges":[{{"start":"0.0000","end":"1.0000","step":"0.0100"}}]}}"#
        )
    };
    let rows: Vec<String> = tickers.iter().map(row).collect();
    format!(r#"{{"cursor":"{cursor}","markets":[{}]}}"#, rows.join(","))
}

fn positions(rows: &[(&str, &str)]) -> String {
    let row = |(ticker, count): &(&str, &str)| {
        format!(
            r#"{{"ticker":"{ticker}","position_fp":"{count}","market_exposure_dollars":"2.50",
            "realized_pnl_dollars":"0","fees_paid_dollars":"0.01"}}"#
        )
    };
    let rows: Vec<String> = rows.iter().map(row).collect();
    format!(r#"{{"cursor":"","event_positions":[],"market_positions":[{}]}}"#, rows.join(","))
}

fn resting(ticker: &str) -> String {
    format!(
        r#"{{"cursor":"","orders":[{{"order_id":"o-1","client_order_id":"x","ticker":"{ticker}",
        "book_side":"ask","yes_price_dollars":"0.5","status":"resting","fill_count_fp":"0",
        "remaining_count_fp":"2"}}]}}"#
    )
}

fn series_body(name: &str, fee_type: &str) -> String {
    format!(r#"{{"series":{{"ticker":"{name}","fee_type":"{fee_type}","fee_multiplier":1}}}}"#)
}

/// Expects that the fees of these series are read, one by one.
fn with_fees(script: Script, names: &[&str]) -> Script {
    names.iter().fold(script, |script, name| {
        script.then(&format!("/series/{name}"), 200, series_body(name, "quadratic"))
    })
}

fn account(held: &[(&str, &str)], order: &str) -> Script {
    Script::default()
        .then("/exchange/status", 200, STATUS)
        .then("/portfolio/balance", 200, CASH)
        .then(GET_POSITIONS, 200, positions(held))
        .then(GET_ORDERS, 200, resting(order))
}

struct Bench {
    snapshotter: Snapshotter<ScriptedTransport, ScriptedConnector, VirtualClock>,
    peer: Peer,
    clock: VirtualClock,
}

impl Bench {
    fn new(series: &[&str]) -> Self {
        let (client, connector, clock) = client();
        let peer = connector.prepare();
        let series = series.iter().map(|&name| name.to_owned()).collect();
        let config = SnapshotConfig { series, fees: SeriesFees::default() };
        Self { snapshotter: Snapshotter::new(client, config), peer, clock }
    }

    /// Steps against a script to the end, collecting the parts that were read.
    #[track_caller]
    fn run(&mut self, mut script: Script) -> (Vec<Part>, Result<Box<Snapshot>, Box<RestError>>) {
        let mut parts = Vec::new();
        for _ in 0..200 {
            let progress = self.snapshotter.step();
            script.serve(&self.peer);
            match progress {
                Progress::Waiting => {}
                Progress::Read { what, .. } => parts.push(what),
                Progress::Done(snapshot) => {
                    script.assert_done();
                    return (parts, Ok(snapshot));
                }
                Progress::Failed(error) => {
                    script.assert_done();
                    return (parts, Err(error));
                }
            }
        }
        panic!("the snapshot does not end: {parts:?}");
    }
}

#[test]
fn a_snapshot_has_the_account_its_markets_and_the_open_ones() {
    let mut bench = Bench::new(&[]);
    let open = "/markets?status=open&mve_filter=exclude&limit=1000";
    let script = account(&[("KXHELD-A", "-3.00"), ("KXFLAT-A", "0.00")], "KXREST-A")
        .then(
            "/markets?tickers=KXHELD-A%2CKXREST-A&limit=1000",
            200,
            markets("", &["KXHELD-A", "KXREST-A"]),
        )
        .then(open, 200, markets("p2", &["KXNEW-A", "KXREST-A"]))
        .then(&format!("{open}&cursor=p2"), 200, markets("", &["KXNEW-B"]));
    let script = with_fees(script, &["KXHELD", "KXNEW", "KXREST"]);

    let (parts, snapshot) = bench.run(script);

    check_account(&snapshot.unwrap());
    assert_eq!(
        parts,
        [
            Part::Status,
            Part::Balance,
            Part::Positions,
            Part::Orders,
            Part::HeldMarkets,
            Part::OpenMarkets,
            Part::OpenMarkets,
            Part::Fees,
            Part::Fees,
        ]
    );
    assert!(matches!(bench.snapshotter.step(), Progress::Waiting), "said once");
}

#[track_caller]
fn check_account(snapshot: &Snapshot) {
    let tickers: Vec<&str> = snapshot.markets.all().iter().map(|row| row.ticker.as_str()).collect();
    assert_eq!(tickers, ["KXHELD-A", "KXREST-A", "KXNEW-A", "KXNEW-B"]);
    assert_eq!(snapshot.markets.all()[0].exchange_index, 2);
    assert_eq!(snapshot.cash, Money::parse_dollars(b"98.0186").unwrap());
    assert_eq!(snapshot.positions.len(), 1, "flat is no position");
    assert_eq!(snapshot.positions[0].position, Position::from_centis(-300));
    assert_eq!(snapshot.resting.len(), 1);
    assert!(snapshot.trading_active);
    assert_eq!((snapshot.clock_skew_ms, snapshot.markets_left_out), (None, 0));
}

#[test]
fn only_wanted_series_are_loaded_in_their_order() {
    let mut bench = Bench::new(&["KXB", "KXA"]);
    let script = account(&[], "KXREST-A")
        .then("/markets?tickers=KXREST-A&limit=1000", 200, markets("", &["KXREST-A"]))
        .then("/markets?status=open&series_ticker=KXB&limit=1000", 200, markets("", &["KXB-1"]))
        .then("/markets?status=open&series_ticker=KXA&limit=1000", 200, markets("", &["KXA-1"]));
    let script = with_fees(script, &["KXA", "KXB", "KXREST"]);
    let snapshot = bench.run(script).1.unwrap();
    assert_eq!(snapshot.markets.all().len(), 3);
    assert_eq!(snapshot.markets.all()[1].ticker.as_str(), "KXB-1");
}

#[test]
fn many_held_markets_are_asked_for_in_batches() {
    let mut bench = Bench::new(&[]);
    let names: Vec<String> = (0..150).map(|number| format!("KX{number:03}")).collect();
    let held: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "1")).collect();
    let batch = |range: core::ops::Range<usize>| {
        (
            format!("/markets?tickers={}&limit=1000", names[range.clone()].join("%2C")),
            markets("", &names[range].iter().map(String::as_str).collect::<Vec<_>>()),
        )
    };
    let (first, first_body) = batch(0..100);
    let (second, second_body) = batch(100..150);
    let script = account(&held, "KX000")
        .then(&first, 200, first_body)
        .then(&second, 200, second_body)
        .then("/markets?status=open&mve_filter=exclude&limit=1000", 200, markets("", &[]))
        // Every market is a series of its own here: too many to be asked for one by one.
        .then("/series", 200, r#"{"series":[]}"#);
    assert_eq!(bench.run(script).1.unwrap().markets.all().len(), 150);
}

#[test]
fn a_read_that_fails_ends_the_snapshot_and_names_itself() {
    let mut bench = Bench::new(&[]);
    let script = Script::default().then("/exchange/status", 200, STATUS).then(
        "/portfolio/balance",
        401,
        r#"{"error":{"code":"authentication_error",
    "message":"authentication_error","details":"NOT_FOUND"}}"#,
    );
    let (_, error) = bench.run(script);
    let error = error.unwrap_err();
    assert_eq!(error.path, "/portfolio/balance");
    assert!(matches!(error.why, RestFailure::Refused { status: 401, .. }));

    let mut bench = Bench::new(&[]);
    let script = Script::default().then("/exchange/status", 200, "{}");
    let error = bench.run(script).1.unwrap_err();
    assert_eq!(error.path, "/exchange/status");
    assert!(matches!(error.why, RestFailure::Decode(_)));
}

#[test]
fn a_throttled_read_is_made_again_a_second_later() {
    let mut bench = Bench::new(&[]);
    let throttled = |bench: &mut Bench| {
        assert!(matches!(bench.snapshotter.step(), Progress::Waiting));
        assert!(take_request(&bench.peer).is_some());
        answer(&bench.peer, 429, r#"{"error":"too many requests"}"#);
        bench.snapshotter.step()
    };
    for _ in 0..THROTTLE_WAITS_MAX {
        assert!(matches!(throttled(&mut bench), Progress::Waiting));
        assert!(matches!(bench.snapshotter.step(), Progress::Waiting));
        assert!(take_request(&bench.peer).is_none(), "not at once");
        bench.clock.advance(THROTTLE_WAIT);
    }
    assert!(matches!(throttled(&mut bench), Progress::Failed(_)), "not for ever");
}

#[test]
fn markets_that_do_not_fit_are_counted_and_reading_stops() {
    let mut bench = Bench::new(&["KXONE", "KXTWO"]);
    let fees = FeeSchedule::QUADRATIC;
    let grid = crate::kalshi::market::TickGrid::linear_cent();
    for number in 0..MarketTable::MARKETS_MAX - 2 {
        let ticker = Ticker::new(format!("KX{number}").as_bytes()).unwrap();
        bench.snapshotter.markets.insert(ticker, grid, 0, fees, true).unwrap();
    }
    let script = account(&[], "KXREST-A")
        .then("/markets?tickers=KXREST-A&limit=1000", 200, markets("", &["KXREST-A"]))
        .then(
            "/markets?status=open&series_ticker=KXONE&limit=1000",
            200,
            markets("more", &["KXONE-1", "KXONE-2", "KXONE-3"]),
        )
        .then("/series", 200, r#"{"series":[]}"#);
    let snapshot = bench.run(script).1.unwrap();
    assert_eq!(snapshot.markets.all().len(), MarketTable::MARKETS_MAX);
    assert_eq!(snapshot.markets_left_out, 2);
}

#[test]
fn the_exchanges_clock_is_compared_with_ours() {
    let mut bench = Bench::new(&[]);
    assert!(matches!(bench.snapshotter.step(), Progress::Waiting));
    assert!(take_request(&bench.peer).is_some());
    bench.clock.advance(Nanos::from_ms(4));
    // Ours is at 2026-06-11T06:23:20 and some milliseconds.
    let date = "Date: Thu, 11 Jun 2026 06:23:23 GMT\r\n";
    bench.peer.send(response(200, date, STATUS).as_bytes());
    assert!(matches!(bench.snapshotter.step(), Progress::Read { what: Part::Status, .. }));
    assert_eq!(bench.snapshotter.clock_skew_ms, Some(3_498));
}

#[test]
fn markets_charge_as_their_series_says_and_are_closed_when_that_is_not_understood() {
    let mut bench = Bench::new(&["KXA"]);
    let open = "/markets?status=open&series_ticker=KXA&limit=1000";
    let held = "/markets?tickers=KXFLAT-1%2CKXGONE-1%2CKXREST-A&limit=1000";
    let script = account(&[("KXFLAT-1", "1"), ("KXGONE-1", "1")], "KXREST-A")
        .then(held, 200, markets("", &["KXFLAT-1", "KXGONE-1", "KXREST-A"]))
        .then(open, 200, markets("", &["KXA-1"]))
        .then("/series/KXA", 200, series_body("KXA", "quadratic_with_maker_fees"))
        .then("/series/KXFLAT", 200, series_body("KXFLAT", "flat"))
        .then("/series/KXGONE", 404, r#"{"error":{"code":"not_found","message":"not found"}}"#)
        .then("/series/KXREST", 200, series_body("KXREST", "quadratic"));

    let snapshot = bench.run(script).1.unwrap();

    let market = |name: &[u8]| *snapshot.markets.find(&Ticker::new(name).unwrap()).unwrap();
    assert_eq!(market(b"KXA-1").fees.maker_ppm, 17_500);
    assert_eq!(
        (market(b"KXREST-A").fees, market(b"KXREST-A").active),
        (FeeSchedule::QUADRATIC, true)
    );
    assert!(!market(b"KXFLAT-1").active && !market(b"KXGONE-1").active);
}

#[test]
fn fees_that_are_known_are_not_read_again() {
    let mut bench = Bench::new(&["KXA"]);
    let mut known = SeriesFees::default();
    known.note("KXA".to_owned(), Some(FeeSchedule { taker_ppm: 1, ..FeeSchedule::QUADRATIC }));
    known.note("KXREST".to_owned(), None);
    bench.snapshotter.config.fees = known;
    let script = account(&[], "KXREST-A")
        .then("/markets?tickers=KXREST-A&limit=1000", 200, markets("", &["KXREST-A"]))
        .then("/markets?status=open&series_ticker=KXA&limit=1000", 200, markets("", &["KXA-1"]));
    let snapshot = bench.run(script).1.unwrap();
    assert_eq!(snapshot.markets.all()[1].fees.taker_ppm, 1);
    assert!(!snapshot.markets.all()[0].active);
}
