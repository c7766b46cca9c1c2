//! After a run the engine's books are the exchange's, to the last fee.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::account::{Books, json, json_lines, orders_of};
use crate::client::Client;
use crate::process::{Ended, Exchange, run};
use crate::producer::{CONFIG, SIGNALS, on_exchange};

/// Trades the recorded signals on the exchange of `ready`.
pub(crate) fn trade(dir: &Path, ready: &str, state: &str) -> Ended {
    let args = on_exchange(ready, (SIGNALS, CONFIG), ("report", state));
    run(dir, &[&args[..], &["--results", "results.ndjson"]].concat())
}

/// Writes `ready-rsa.json`: the same exchange and account, with the account's RSA key.
pub(crate) fn name_rsa_key(dir: &Path) {
    let mut ready = json(&dir.join("ready.json"));
    ready["key_id"] = ready["rsa_key_id"].clone();
    ready["private_key_file"] = ready["rsa_private_key_file"].clone();
    fs::write(dir.join("ready-rsa.json"), ready.to_string()).expect("the directory is writable");
}

/// Every order the engine tells its producer of, by the exchange's id: what became of it.
pub(crate) fn told(results: &[Value]) -> BTreeMap<String, (String, String)> {
    let orders =
        results.iter().flat_map(|result| result["orders"].as_array().into_iter().flatten());
    let sent = orders.filter_map(|order| {
        let id = order["order_id"].as_str()?.to_owned();
        let client_order_id = order["client_order_id"].as_str()?.to_owned();
        Some((id, (client_order_id, format!("{}.00", order["filled_contracts"]))))
    });
    sent.collect()
}

/// The same, as the exchange has them.
pub(crate) fn known(client: &Client, summary: &Value) -> BTreeMap<String, (String, String)> {
    let text = |order: &Value, name: &str| order[name].as_str().expect("text").to_owned();
    let orders = orders_of(client, summary);
    let entry = |order: &Value| {
        let what = (text(order, "client_order_id"), text(order, "fill_count_fp"));
        (text(order, "order_id"), what)
    };
    orders.iter().map(entry).collect()
}

#[track_caller]
fn books_are_equal(dir: &Path, ready: &str, state: &str) {
    let ended = trade(dir, ready, state);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);

    let summary = json(&dir.join("report/summary.json"));
    let results = json_lines(&dir.join("results.ndjson"));
    let client = Client::new(&dir.join(ready));
    let books = Books::of_exchange(&client, &summary);
    assert_eq!(Books::of_summary(&summary), books);
    assert_eq!(told(&results), known(&client, &summary));

    let sent = summary["orders"]["sent"].as_u64();
    assert_eq!(sent, Some(books.filled + books.partial + books.canceled));
    assert!(books.filled >= 20, "the run traded: {books:?}");
    assert_eq!(books.alive, 0);
    assert_eq!(results.len(), 378, "one result per signal");
}

#[test]
fn books_equal_the_exchanges_with_an_ed25519_key() {
    let dir = tempfile::tempdir().unwrap();
    let _exchange = Exchange::start(dir.path());

    books_are_equal(dir.path(), "ready.json", "state");
    // The account is not new any more; the second run begins with what the first one holds.
    books_are_equal(dir.path(), "ready.json", "another-state");
}

#[test]
fn books_equal_the_exchanges_with_an_rsa_key() {
    let dir = tempfile::tempdir().unwrap();
    let _exchange = Exchange::start(dir.path());
    name_rsa_key(dir.path());

    books_are_equal(dir.path(), "ready-rsa.json", "state");
}

/// The run of the README's first command, with one more line of configuration.
#[track_caller]
fn trades_with(dir: &Path, more: &str) -> Ended {
    let config = fs::read_to_string(CONFIG).expect("the example is there");
    fs::write(dir.join("config.toml"), format!("{config}\n{more}\n")).expect("it is writable");
    let args = ["run", "--mode", "sim", "--signals", SIGNALS, "--config", "config.toml"];
    let ended = run(dir, &[&args[..], &["--report", "report"]].concat());
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let summary = json(&dir.join("report/summary.json"));
    assert_eq!(summary["signals"]["received"], 378);
    assert!(summary["orders"]["filled"].as_u64() >= Some(20), "{summary}");
    assert_eq!(summary["orders"]["unknown"], 0);
    assert!(summary["hops"]["tick_to_wire"]["count"].as_u64() >= Some(20), "{summary}");
    ended
}

#[test]
fn the_first_command_trades_and_tells() {
    let dir = tempfile::tempdir().unwrap();
    let told = trades_with(dir.path(), "").stderr;
    for what in ["filled", "refused", "tick_to_wire", "P&L"] {
        assert!(told.contains(what), "nothing is told of {what}: {told}");
    }
}

#[test]
fn every_topology_trades() {
    for topology in ["compact", "fused", "dedicated"] {
        let dir = tempfile::tempdir().unwrap();
        trades_with(dir.path(), &format!("[machine]\ntopology = \"{topology}\""));
    }
}
