//! Story 31 over real sockets, and what the stream's books save: a retry that comes after the
//! signal's prices are too old goes by the book it sees, and reads none.

use serde_json::{Value, json};

use kalshi_exec::message::FetchCommand;
use kalshi_exec::recorder::journal::{Entry, JournalReader};

use super::config;
use super::members::{Members, PLAIN};
use crate::process::wait_for;

/// Retries come when the signal is too old to go by: it may be 500 ms old.
fn slow_retries(spacing_ms: u32) -> String {
    let spacing = format!("min_time_between_orders_ms = {spacing_ms}");
    let config = config().replace("max_retries = 0", "max_retries = 3");
    let config = config.replace("max_orders_per_minute = 100000", "max_orders_per_minute = 10");
    config.replace("min_time_between_orders_ms = 0", &spacing)
}

/// Ten YES at 41 at once, while 42 is asked.
fn short(id: &str) -> Value {
    json!({
        "id": id, "should_trade": true, "action": "BUY_YES",
        "kalshi": {"ticker": PLAIN, "yes_ask": 40, "no_ask": 60},
        "edge": {"cents": 7, "percent": 14.6}, "confidence": {"score": 75, "tier": "HIGH"},
        "position": {"contracts": 10, "risk_amount": 420},
    })
}

/// Reads of a book, and views of one, in the journal of a run.
fn looked(members: &Members) -> (usize, usize) {
    let reader = JournalReader::open(&members.stage.dir.path().join("state"));
    let entries = reader.expect("a journal").map_while(Result::ok);
    entries.fold((0, 0), |(reads, views), (_, entry)| match entry {
        Entry::Ask(FetchCommand::Quote { .. }) => (reads + 1, views),
        Entry::Book(_) => (reads, views + 1),
        _ => (reads, views),
    })
}

#[test]
fn a_late_retry_goes_by_the_streamed_book_and_reads_none() {
    let mut members = Members::new(&slow_retries(700));

    members.stage.producer.send(short("a"));
    let answer = members.stage.producer.answer();

    assert_eq!(answer["state"], "filled", "{answer}");
    assert_eq!(answer["retries"], 1, "{answer}");
    assert_eq!(answer["orders"][1]["limit_price_dollars"], "0.4200", "{answer}");
    let (reads, views) = looked(&members);
    assert_eq!(reads, 0, "the book was seen");
    assert!(views > 0);
    let (summary, _) = members.stage.end();
    let seen = &summary["feed"][0]["books"];
    assert!(seen["snapshots"].as_u64() >= Some(1), "{summary:#}");
    assert_eq!(seen["gaps"], 0, "{seen}");
    let latency = &summary["hops"]["feed_latency"];
    assert!(latency["count"].as_u64() > Some(0), "{latency}");
    // One machine, one clock: milliseconds of the exchange's stamps, and not minutes.
    assert!(latency["p50"].as_u64() < Some(10_000_000_000), "{latency}");
}

#[test]
fn without_books_a_late_retry_reads_one() {
    let mut members = Members::new(&format!("{}\n[feed]\nbooks = false\n", slow_retries(700)));

    members.stage.producer.send(short("a"));
    let answer = members.stage.producer.answer();

    assert_eq!(answer["state"], "filled", "{answer}");
    assert_eq!(looked(&members), (1, 0));
    members.stage.end();
}

#[test]
fn story_31_a_market_that_moves_between_signal_and_retry_is_not_chased() {
    let mut members = Members::new(&slow_retries(3_000));

    members.stage.producer.send(short("a"));
    wait_for("the first order to end", || {
        let orders = members.stage.client.list("/portfolio/orders", "orders");
        orders.iter().any(|order| order["status"] == "canceled").then_some(())
    });
    // Everything at 42 goes: the next ask is three cents past what the signal saw.
    members.stranger_trades(PLAIN, "bid", "0.4200", "500.00");
    let answer = members.stage.producer.answer();

    assert_eq!(answer["state"], "canceled", "{answer}");
    assert_eq!(answer["error"]["code"], "slippage", "{answer}");
    assert_eq!(answer["retries"], 0, "{answer}");
    assert_eq!(looked(&members).0, 0);
    members.stage.end();
}
