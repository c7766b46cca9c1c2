//! Answers that never come, over real sockets: an order goes out again under its id and is booked
//! once, whatever dies in between; and when the exchange is gone, the run ends all the same and
//! says what it does not know.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use kalshi_exec::runtime::clock::{Clock as _, SystemClock};
use kalshi_exec::sim::api::{QuoteMode, SimVenue, SimVenueConfig};
use kalshi_exec::sim::exchange::UserSeed;
use kalshi_exec::sim::keys::{KeyKinds, KeySet};
use kalshi_exec::sim::server::{self, Fault, FaultHook, FrameFault, ServerConfig, ServerHandle};
use kalshi_exec::sim::venue::ApiRequest;
use kalshi_exec::units::Money;

use crate::account::{Books, json, json_lines};
use crate::client::Client;
use crate::process::{Ended, Exchange, Running, run, wait_for};
use crate::producer::{SIGNALS, WIDE, on_exchange, signal};

/// Times short enough for a test; the exchange is gone, so nothing is gained by waiting.
const SHORT: &str = "
[orders]
fill_timeout_ms = 300
partial_wait_ms = 100
drain_timeout_ms = 1000
";

/// Serves the simulated exchange inside the test's process, so that it can go wrong on purpose.
pub(crate) fn serve(dir: &Path, faults: FaultHook) -> ServerHandle {
    let clock = SystemClock::start();
    let keys = KeySet::open(&dir.join("keys"), KeyKinds::Ed25519Only).expect("fresh keys");
    let account = UserSeed {
        user_id: "5eed0000-0000-4000-8000-000000000001".to_owned(),
        cash: Money::from_cents(1_000_000),
    };
    let mut config = SimVenueConfig::world_cup(vec![account], 7, clock.now().wall);
    config.quotes = QuoteMode::Still;
    let venue = SimVenue::new(&config).expect("the built-in books");
    let user = venue.user(0).expect("the account above");
    let mut config = ServerConfig::new(keys, user, venue, clock);
    config.faults = faults;
    let server = server::serve(config).expect("a free port");
    server.ready().write(&dir.join("ready.json")).expect("the test's directory is writable");
    server
}

/// Whether a request places an order.
pub(crate) fn is_create(request: &ApiRequest<'_>) -> bool {
    request.method == "POST" && request.path.ends_with("/portfolio/events/orders")
}

fn write_signals(dir: &Path, ids: &[&str]) {
    let lines: String = ids.iter().map(|id| format!("{}\n", signal(id))).collect();
    fs::write(dir.join("signals.ndjson"), lines).expect("the test's directory is writable");
}

fn args(signals: &str) -> Vec<&str> {
    let args = on_exchange("ready.json", (signals, "run.toml"), ("report", "state"));
    [&args[..], &["--results", "results.ndjson"]].concat()
}

#[track_caller]
fn trade(dir: &Path, config: &str) -> Ended {
    fs::write(dir.join("run.toml"), config).expect("the test's directory is writable");
    run(dir, &args("signals.ndjson"))
}

#[test]
fn an_order_whose_answer_is_lost_goes_out_again_and_is_booked_once() {
    let dir = tempfile::tempdir().unwrap();
    let creates = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&creates);
    let _exchange = serve(
        dir.path(),
        FaultHook::new(move |request, _| {
            match is_create(request) && count.fetch_add(1, Ordering::AcqRel) == 0 {
                true => Fault::DropAfter,
                false => Fault::None,
            }
        }),
    );
    write_signals(dir.path(), &["lost", "answered"]);

    let ended = trade(dir.path(), WIDE);

    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let creates = creates.load(Ordering::Acquire);
    assert!((2..=3).contains(&creates), "the lost one once more, unless the stream told of it");
    let client = Client::new(&dir.path().join("ready.json"));
    let summary = json(&dir.path().join("report/summary.json"));
    let books = Books::of_exchange(&client, &summary);
    assert_eq!(Books::of_summary(&summary), books);
    assert_eq!((books.filled, books.contracts), (2, 2_000));
    let results = json_lines(&dir.path().join("results.ndjson"));
    assert_eq!(results.len(), 2);
    for result in results {
        assert_eq!((&result["state"], &result["filled_contracts"]), (&"filled".into(), &10.into()));
    }
}

#[test]
fn an_order_that_never_reached_the_exchange_is_sent_thrice_and_found_absent() {
    let dir = tempfile::tempdir().unwrap();
    let creates = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&creates);
    let _exchange = serve(
        dir.path(),
        FaultHook::new(move |request, _| {
            if !is_create(request) {
                return Fault::None;
            }
            count.fetch_add(1, Ordering::AcqRel);
            Fault::DropBefore
        }),
    );
    write_signals(dir.path(), &["lost"]);

    let ended = trade(dir.path(), WIDE);

    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(creates.load(Ordering::Acquire), 3);
    let client = Client::new(&dir.path().join("ready.json"));
    assert!(client.list("/portfolio/orders", "orders").is_empty());
    let summary = json(&dir.path().join("report/summary.json"));
    assert_eq!(
        (&summary["orders"]["rejected"], &summary["orders"]["unknown"]),
        (&1.into(), &0.into())
    );
    assert_eq!(summary["cash_cents"], 1_000_000);
}

#[test]
fn a_kill_between_an_order_and_its_repetition_leaves_one_order_and_equal_books() {
    let dir = tempfile::tempdir().unwrap();
    let creates = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&creates);
    let requests = FaultHook::new(move |request, _| {
        match is_create(request) && count.fetch_add(1, Ordering::AcqRel) == 0 {
            true => Fault::DropAfter,
            false => Fault::None,
        }
    });
    // The stream must not tell of it before the kill.
    let _exchange = serve(dir.path(), requests.with_frames(|_, text| quiet_about_orders(text)));
    let slow = "[gateway]\nresend_interval_ms = 1000\n";
    fs::write(dir.path().join("run.toml"), format!("{WIDE}{slow}")).unwrap();
    write_signals(dir.path(), &["lost"]);

    let engine = Running::start(dir.path(), &args("signals.ndjson"));
    wait_for("the order to reach the exchange", || {
        (creates.load(Ordering::Acquire) > 0).then_some(())
    });
    engine.signal("KILL");
    assert_eq!(engine.wait().code, None);
    let ended = trade(dir.path(), WIDE);

    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(creates.load(Ordering::Acquire), 1, "the next run does not trade for the former");
    let client = Client::new(&dir.path().join("ready.json"));
    assert_eq!(client.list("/portfolio/orders", "orders").len(), 1);
    let summary = json(&dir.path().join("report/summary.json"));
    let held: Vec<i64> = summary["positions"]
        .as_object()
        .expect("positions by ticker")
        .values()
        .filter_map(serde_json::Value::as_i64)
        .collect();
    assert_eq!(held, [10], "what the former run bought is in the books: {summary}");
    let results = json_lines(&dir.path().join("results.ndjson"));
    assert_eq!(results[0]["refusal"]["limit"], "duplicate_signal");
}

/// Loses what the stream says of orders and fills.
fn quiet_about_orders(text: &str) -> FrameFault {
    let speaks = ["user_order", "fill"].iter().any(|kind| {
        // Not the channels' names in the answers to subscriptions.
        text.contains(&format!("\"type\":\"{kind}\""))
    });
    if speaks { FrameFault::Lose } else { FrameFault::None }
}

#[test]
fn an_order_that_nobody_can_look_up_ends_the_run_as_unknown() {
    let dir = tempfile::tempdir().unwrap();
    let gone = Arc::new(AtomicBool::new(false));
    let (for_requests, for_frames) = (Arc::clone(&gone), Arc::clone(&gone));
    let requests = FaultHook::new(move |request, _| {
        if for_requests.load(Ordering::Acquire) {
            return Fault::DropBefore;
        }
        if !is_create(request) {
            return Fault::None;
        }
        for_requests.store(true, Ordering::Release);
        Fault::DropAfter
    });
    let faults = requests.with_frames(move |_, _| match for_frames.load(Ordering::Acquire) {
        true => FrameFault::Lose,
        false => FrameFault::None,
    });
    let exchange = serve(dir.path(), faults);
    write_signals(dir.path(), &["lost"]);
    fs::write(dir.path().join("run.toml"), format!("{WIDE}{SHORT}")).unwrap();
    let engine = Running::start(dir.path(), &args("signals.ndjson"));

    wait_for("the order to reach the exchange", || gone.load(Ordering::Acquire).then_some(()));
    exchange.drop_connections();
    let ended = engine.wait();

    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains("the fate of 1 orders is unknown"), "{}", ended.stderr);
    let summary = json(&dir.path().join("report/summary.json"));
    assert_eq!((&summary["orders"]["sent"], &summary["orders"]["unknown"]), (&1.into(), &1.into()));
    let results = json_lines(&dir.path().join("results.ndjson"));
    assert_eq!((results.len(), &results[0]["state"]), (1, &"unknown".into()));
}

#[test]
fn a_run_ends_when_its_exchange_dies() {
    let dir = tempfile::tempdir().unwrap();
    let exchange = Exchange::start(dir.path());
    let pace = "[run]\npace = \"cycle\"\ncycle_interval_ms = 25\n";
    fs::write(dir.path().join("run.toml"), format!("{pace}{WIDE}{SHORT}")).unwrap();
    let engine = Running::start(dir.path(), &args(SIGNALS));
    let results = dir.path().join("results.ndjson");

    wait_for("a first fill", || {
        fs::read_to_string(&results).ok()?.contains(r#""state":"filled""#).then_some(())
    });
    exchange.die();
    let ended = engine.wait();

    let summary = json(&dir.path().join("report/summary.json"));
    let unknown = summary["orders"]["unknown"].as_u64();
    assert_eq!(ended.code, Some(i32::from(unknown != Some(0))), "{}", ended.stderr);
    assert_eq!(json_lines(&results).len(), 378, "every signal is answered");
    let refused = &summary["signals"]["refused"]["not_ready"];
    assert!(refused.as_u64() > Some(0), "nothing is sent to an exchange that is gone");
}
