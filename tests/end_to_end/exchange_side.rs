//! What the exchange does on its side, over real sockets: order groups, 429 for a while, every
//! connection cut in mid-trade.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use kalshi_exec::runtime::clock::{Clock as _, SystemClock};
use kalshi_exec::sim::server::{Fault, FaultHook};
use kalshi_exec::units::Nanos;

use crate::account::{Books, json, json_lines};
use crate::client::Client;
use crate::lost_answers::{is_create, serve};
use crate::process::{Ended, Running, run, wait_for};
use crate::producer::{WIDE, signal};

/// A signal every quarter of a second.
const PACED: &str = "
[run]
pace = \"cycle\"
cycle_interval_ms = 250
";

const ARGS: [&str; 14] = [
    "run",
    "--mode",
    "sim",
    "--exchange",
    "ready.json",
    "--signals",
    "signals.ndjson",
    "--config",
    "run.toml",
    "--results",
    "results.ndjson",
    "--report",
    "report",
    "--state=state",
];

/// Writes signals, each of a cycle of its own, and the configuration.
fn prepare(dir: &Path, count: usize, config: &str) {
    let line = |number: usize| {
        let mut signal = signal(&format!("s-{number}"));
        signal["cycle"] = number.into();
        format!("{signal}\n")
    };
    let lines: String = (0..count).map(line).collect();
    fs::write(dir.join("signals.ndjson"), lines).expect("the test's directory is writable");
    fs::write(dir.join("run.toml"), config).expect("the test's directory is writable");
}

/// The engine's books are the exchange's.
#[track_caller]
fn books_are_equal(dir: &Path, ended: &Ended) -> serde_json::Value {
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let client = Client::new(&dir.join("ready.json"));
    let summary = json(&dir.join("report/summary.json"));
    assert_eq!(Books::of_summary(&summary), Books::of_exchange(&client, &summary));
    summary
}

#[test]
fn every_order_is_in_a_group_and_no_group_is_left_behind() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let groups = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&groups);
    let _exchange = serve(
        dir,
        FaultHook::new(move |request, _| {
            let made = request.method == "POST" && request.path.ends_with("/order_groups/create");
            count.fetch_add(u32::from(made), Ordering::AcqRel);
            Fault::None
        }),
    );
    prepare(dir, 3, WIDE);

    let ended = run(dir, &ARGS);

    books_are_equal(dir, &ended);
    let client = Client::new(&dir.join("ready.json"));
    let orders = client.list("/portfolio/orders", "orders");
    assert_eq!(orders.len(), 3);
    assert!(orders.iter().all(|order| order["order_group_id"].is_string()), "{orders:?}");
    assert!(groups.load(Ordering::Acquire) > 0);
    assert_eq!(client.get("/portfolio/order_groups")["order_groups"], serde_json::json!([]));
}

#[test]
fn a_run_without_groups_can_be_had() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let _exchange = serve(dir, FaultHook::default());
    prepare(dir, 1, &format!("{WIDE}[gateway]\ngroup_contracts = 0\n"));
    books_are_equal(dir, &run(dir, &ARGS));
    let orders = Client::new(&dir.join("ready.json")).list("/portfolio/orders", "orders");
    assert!(orders[0]["order_group_id"].is_null(), "{orders:?}");
}

#[test]
fn five_seconds_of_429_pass_without_a_halt() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let clock = SystemClock::start();
    let (since, refused) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU32::new(0)));
    let (began, count) = (Arc::clone(&since), Arc::clone(&refused));
    let _exchange = serve(
        dir,
        FaultHook::new(move |request, _| {
            if !is_create(request) {
                return Fault::None;
            }
            let now = clock.mono().ns();
            let first = began.compare_exchange(0, now, Ordering::AcqRel, Ordering::Acquire);
            let busy = Nanos::from_ns(now - first.map_or_else(|at| at, |_| now));
            if busy >= Nanos::from_secs(5) {
                return Fault::None;
            }
            count.fetch_add(1, Ordering::AcqRel);
            Fault::Status(429, r#"{"error":"too many requests"}"#.to_owned())
        }),
    );
    prepare(dir, 40, &format!("{PACED}{WIDE}"));

    let ended = run(dir, &ARGS);

    let summary = books_are_equal(dir, &ended);
    assert!((1..=4).contains(&refused.load(Ordering::Acquire)), "orders wait between 429s");
    assert!(summary["orders"]["filled"].as_u64() > Some(0), "{summary}");
    let results = json_lines(&dir.join("results.ndjson"));
    assert_eq!(results.last().map(|it| it["state"].clone()), Some("filled".into()));
}

#[test]
fn an_exchange_that_cuts_every_connection_in_mid_trade_is_traded_on_again() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let exchange = serve(dir, FaultHook::default());
    prepare(dir, 24, &format!("{PACED}{WIDE}"));
    let engine = Running::start(dir, &ARGS);
    let results = dir.join("results.ndjson");
    let filled = || {
        let text = fs::read_to_string(&results).unwrap_or_default();
        text.matches(r#""state":"filled""#).count()
    };

    for _ in 0..3 {
        let before = filled();
        wait_for("a fill", || (filled() > before).then_some(()));
        exchange.drop_connections();
    }
    let ended = engine.wait();

    let summary = books_are_equal(dir, &ended);
    let after = summary["orders"]["filled"].as_u64();
    assert!(after >= Some(4), "traded after the last cut: {summary}");
}
