//! SIGINT and SIGTERM end a run in an orderly way: what rests at the exchange is cancelled there,
//! its producer is told, the report is written, and the exit code says that all is well.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use kalshi_exec::sim::server::{Fault, FaultHook};
use kalshi_exec::units::Nanos;

use crate::account::{Books, json};
use crate::client::Client;
use crate::lost_answers::{is_create, serve};
use crate::process::{Exchange, Running, wait_for};
use crate::producer::{Producer, WIDE, on_exchange, resting_signal};

fn start(dir: &Path) -> Running {
    fs::write(dir.join("wide.toml"), WIDE).expect("the test's directory is writable");
    let signals = ("unix:signals.sock", "wide.toml");
    let args = on_exchange("ready.json", signals, ("report", "state"));
    Running::start(dir, &args)
}

fn order_status(client: &Client) -> Option<String> {
    let orders = client.list("/portfolio/orders", "orders");
    let order = orders.first()?;
    Some(order["status"].as_str().expect("an order has a status").to_owned())
}

#[track_caller]
fn cancelled_told_and_reported(
    dir: &Path,
    client: &Client,
    engine: Running,
    mut producer: Producer,
) {
    let ended = engine.wait();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(order_status(client).as_deref(), Some("canceled"));
    let answer = producer.answer();
    assert_eq!((&answer["signal_id"], &answer["state"]), (&"rest".into(), &"canceled".into()));
    producer.no_more();
    let summary = json(&dir.join("report/summary.json"));
    assert_eq!(Books::of_summary(&summary), Books::of_exchange(client, &summary));
    assert_eq!(summary["orders"]["canceled"], 1);
    assert_eq!(summary["cash_cents"], 1_000_000);
    assert!(!dir.join("signals.sock").exists(), "the socket's file is gone");
}

#[track_caller]
fn resting_order_is_cancelled_on(signal: &str) {
    let dir = tempfile::tempdir().expect("a directory");
    let _exchange = Exchange::start(dir.path());
    let engine = start(dir.path());
    let mut producer = Producer::connect(&engine, dir.path());
    let client = Client::new(&dir.path().join("ready.json"));

    producer.send(resting_signal("rest"));
    wait_for("the order to rest", || order_status(&client).filter(|status| status == "resting"));
    engine.signal(signal);

    cancelled_told_and_reported(dir.path(), &client, engine, producer);
}

#[test]
fn sigint_cancels_what_rests() {
    resting_order_is_cancelled_on("INT");
}

#[test]
fn sigterm_cancels_what_rests() {
    resting_order_is_cancelled_on("TERM");
}

#[test]
fn an_order_that_comes_to_rest_after_the_interrupt_is_cancelled_too() {
    let dir = tempfile::tempdir().unwrap();
    let under_way = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&under_way);
    let _exchange = serve(
        dir.path(),
        FaultHook::new(move |request, _| {
            if !is_create(request) {
                return Fault::None;
            }
            seen.store(true, Ordering::Release);
            Fault::DelayBefore(Nanos::from_ms(700))
        }),
    );
    let engine = start(dir.path());
    let mut producer = Producer::connect(&engine, dir.path());
    let client = Client::new(&dir.path().join("ready.json"));

    producer.send(resting_signal("rest"));
    wait_for("the order to be under way", || under_way.load(Ordering::Acquire).then_some(()));
    engine.signal("INT");

    cancelled_told_and_reported(dir.path(), &client, engine, producer);
}
