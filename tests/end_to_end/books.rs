//! After a run the engine's books are the exchange's, to the last fee.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::account::{Books, json, json_lines};
use crate::client::Client;
use crate::process::{Ended, Exchange, run};
use crate::producer::{CONFIG, SIGNALS};

/// Trades the recorded signals on the exchange of `ready`.
pub(crate) fn trade(dir: &Path, ready: &str) -> Ended {
    let args = [
        "run",
        "--mode",
        "sim",
        "--exchange",
        ready,
        "--signals",
        SIGNALS,
        "--config",
        CONFIG,
        "--report",
        "report",
        "--state",
        "state",
        "--results",
        "results.ndjson",
    ];
    run(dir, &args)
}

/// Writes `ready-rsa.json`: the same exchange and account, with the account's RSA key.
pub(crate) fn name_rsa_key(dir: &Path) {
    let mut ready = json(&dir.join("ready.json"));
    ready["key_id"] = ready["rsa_key_id"].clone();
    ready["private_key_file"] = ready["rsa_private_key_file"].clone();
    fs::write(dir.join("ready-rsa.json"), ready.to_string()).expect("the directory is writable");
}

/// Every order the engine tells its producer of, by the exchange's id: what became of it.
fn told(results: &[Value]) -> BTreeMap<String, (String, String)> {
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
fn known(client: &Client) -> BTreeMap<String, (String, String)> {
    let text = |order: &Value, name: &str| order[name].as_str().expect("text").to_owned();
    let orders = client.list("/portfolio/orders", "orders");
    let entry = |order: &Value| {
        let what = (text(order, "client_order_id"), text(order, "fill_count_fp"));
        (text(order, "order_id"), what)
    };
    orders.iter().map(entry).collect()
}

#[track_caller]
fn books_are_equal(dir: &Path, ready: &str) {
    let ended = trade(dir, ready);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);

    let summary = json(&dir.join("report/summary.json"));
    let results = json_lines(&dir.join("results.ndjson"));
    let client = Client::new(&dir.join(ready));
    let books = Books::of_exchange(&client);
    assert_eq!(Books::of_summary(&summary), books);
    assert_eq!(told(&results), known(&client));

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

    books_are_equal(dir.path(), "ready.json");
}

#[test]
fn books_equal_the_exchanges_with_an_rsa_key() {
    let dir = tempfile::tempdir().unwrap();
    let _exchange = Exchange::start(dir.path());
    name_rsa_key(dir.path());

    books_are_equal(dir.path(), "ready-rsa.json");
}
