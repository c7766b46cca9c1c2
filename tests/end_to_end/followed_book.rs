//! Paper trading on a live book: a recorder writes the file while the engine trades on it.
//!
//! Here the test is the recorder. Nothing is written before the engine has shown, over its own
//! control socket, that it is where the story wants it.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use crate::process::{Running, run, wait_for};
use crate::producer::{Producer, WIDE, signal};

const MARKET: &str = "KXLIVE-26JUL14AB-A";

/// Bids 40, asks 50, ten contracts each.
const SNAPSHOT: &str = r#"{"type":"orderbook_snapshot","sid":1,"seq":1,"msg":{"market_ticker":"KXLIVE-26JUL14AB-A","yes_dollars_fp":[["0.4000","10.00"]],"no_dollars_fp":[["0.5000","10.00"]],"ts_ms":1784031300000}}"#;

/// More is asked for at 44 cents.
fn asks_44(seq: u32, count: &str) -> String {
    format!(
        r#"{{"type":"orderbook_delta","sid":1,"seq":{seq},"msg":{{"market_ticker":"{MARKET}","price_dollars":"0.5600","delta_fp":"{count}","side":"no","ts_ms":1784031300000}}}}"#
    )
}

/// A signal to buy five contracts at this ask; what does not fill rests.
fn buy(id: &str, ask: u32) -> Value {
    let mut signal = signal(id);
    signal["kalshi"] = json!({"ticker": MARKET, "yes_ask": ask, "no_ask": 101 - ask});
    signal["position"] = json!({"contracts": 5, "risk_amount": 5 * ask});
    signal["time_in_force"] = json!("good_till_canceled");
    signal
}

/// An engine that follows `book.jsonl`, and the file as its recorder has it.
struct Live {
    dir: tempfile::TempDir,
    book: File,
    engine: Running,
    producer: Producer,
}

impl Live {
    /// Starts both; a book is believed for so long without a line.
    fn start(silence_ms: u32) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let mut book = File::create(dir.path().join("book.jsonl")).expect("a file");
        writeln!(book, "{SNAPSHOT}").expect("the recorder writes");
        let silence = format!("[risk]\nmax_feed_silence_ms = {silence_ms}\n");
        let config = WIDE.replacen("[risk]\n", &silence, 1)
            + &format!("feed_silence_ms = {silence_ms}\n[orders]\nfill_timeout_ms = 3600000\n");
        fs::write(dir.path().join("live.toml"), config).expect("a file");
        let args = ["run", "--signals", "unix:signals.sock", "--config", "live.toml"];
        let more = ["--book", "book.jsonl", "--book-follow", "--state", "state"];
        let engine = Running::start(dir.path(), &[&args[..], &more].concat());
        let producer = Producer::connect(&engine, dir.path());
        Self { dir, book, engine, producer }
    }

    fn writes(&mut self, line: &str) {
        writeln!(self.book, "{line}").expect("the recorder writes");
    }

    /// What the engine answers to a question of its user.
    fn asked(&self, question: &str) -> Value {
        asked(self.dir.path(), question)
    }

    /// Waits until the one order alive is so.
    fn wait_for_order(&self, field: &str, expected: &Value) {
        wait_for("the order", || {
            (&self.asked("orders")["orders"][0][field] == expected).then_some(())
        });
    }

    /// Waits until the feed is down, or up again.
    fn wait_for_feed_down(&self, active: bool) {
        wait_for("the feed", || {
            let told = &self.asked("status")["troubles"]["feed_down"]["active"];
            (told.as_bool().unwrap_or(false) == active).then_some(())
        });
    }

    fn end(self) {
        self.engine.signal("TERM");
        let ended = self.engine.wait();
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    }
}

fn asked(dir: &Path, question: &str) -> Value {
    let ended = run(dir, &[question, "--state", "state", "--format", "json"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    serde_json::from_str(&ended.stdout).expect("an answer is JSON")
}

#[test]
fn an_order_fills_when_the_growing_file_says_so() {
    let mut live = Live::start(3_600_000);
    live.producer.send(buy("needs-more", 44));
    live.wait_for_order("state", &json!("resting"));

    live.writes(&asks_44(2, "3.00"));
    live.wait_for_order("filled_contracts", &json!(3));
    live.writes(&asks_44(3, "9.00"));

    let answer = live.producer.answer();
    assert_eq!(answer["state"], "filled", "{answer}");
    assert_eq!(answer["filled_contracts"], 5);
    // Whoever comes to a resting bid trades at its price: ask and offset.
    assert_eq!(answer["average_price_dollars"], "0.4500", "{answer}");
    live.end();
}

#[test]
fn a_file_that_stops_growing_is_a_feed_that_is_down() {
    let mut live = Live::start(1_000);
    live.wait_for_feed_down(true);

    live.producer.send(buy("blind", 50));
    let answer = live.producer.answer();
    assert_eq!(answer["state"], "refused", "{answer}");
    assert_eq!(answer["refusal"]["limit"], "not_ready", "{answer}");
    live.end();
}

#[test]
fn a_line_after_the_silence_brings_the_book_back() {
    let mut live = Live::start(1_000);
    live.wait_for_feed_down(true);

    // Lines that are of no book count as well. The engine may look at any time, so they go on.
    wait_for("the feed to be up", || {
        live.writes("{\"recv_ts_ms\":1784031300000}");
        let told = &live.asked("status")["troubles"]["feed_down"]["active"];
        (*told == json!(false)).then_some(())
    });
    live.end();
}
