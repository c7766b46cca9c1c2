//! Signals over a Unix socket and over TCP: every producer gets its own answers, one per line it
//! sent, and a bad line costs nobody anything.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::account::json;
use crate::process::Running;
use crate::producer::{Producer, WIDE, signal};

const EACH: usize = 20;

fn id(answer: &Value) -> String {
    answer["signal_id"].as_str().expect("an answer names its signal").to_owned()
}

fn start(dir: &Path, endpoint: &str) -> Running {
    fs::write(dir.join("wide.toml"), WIDE).expect("the test's directory is writable");
    let args = ["run", "--signals", endpoint, "--config", "wide.toml", "--report", "report"];
    Running::start(dir, &args)
}

/// Two producers send in turns; each gets exactly its own answers.
#[track_caller]
fn producers_get_their_own(endpoint: &str) {
    let dir = tempfile::tempdir().expect("a directory");
    let engine = start(dir.path(), endpoint);
    let names = ["left", "right"];
    let mut producers = names.map(|_| Producer::connect(&engine, dir.path()));

    for number in 0..EACH {
        for (name, producer) in names.iter().zip(&mut producers) {
            producer.send(signal(&format!("{name}-{number}")));
        }
    }

    for (name, producer) in names.iter().zip(&mut producers) {
        let answers: BTreeSet<String> = (0..EACH).map(|_| id(&producer.answer())).collect();
        let expected: BTreeSet<String> = (0..EACH).map(|i| format!("{name}-{i}")).collect();
        assert_eq!(answers, expected);
    }
    engine.signal("TERM");
    let ended = engine.wait();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    producers.into_iter().for_each(Producer::no_more);
    let summary = json(&dir.path().join("report/summary.json"));
    assert_eq!(summary["signals"]["received"], 2 * EACH);
    assert_eq!(summary["signals"]["accepted"], 2 * EACH);
}

#[test]
fn producers_on_a_unix_socket_get_their_own_answers() {
    producers_get_their_own("unix:signals.sock");
}

#[test]
fn producers_on_tcp_get_their_own_answers() {
    producers_get_their_own("tcp:127.0.0.1:0");
}

/// Bad lines are answered with their number on that connection, and the connection stays up.
#[track_caller]
fn bad_lines_are_answered(endpoint: &str) {
    let dir = tempfile::tempdir().expect("a directory");
    let engine = start(dir.path(), endpoint);
    let mut careless = Producer::connect(&engine, dir.path());
    let mut careful = Producer::connect(&engine, dir.path());
    let malformed = |answer: &Value, line: u64, code: &str| {
        assert_eq!(answer["line"], line, "{answer}");
        assert_eq!(answer["state"], "malformed");
        assert_eq!(answer["error"]["code"], code, "{answer}");
    };

    careless.send("no JSON at all");
    malformed(&careless.answer(), 1, "bad_json");
    careless.send(signal("good-1"));
    assert_eq!(id(&careless.answer()), "good-1");
    let mut free = signal("free");
    free["kalshi"]["yes_ask"] = 0.into();
    careless.send(&free);
    malformed(&careless.answer(), 3, "bad_value");
    let mut nowhere = signal("nowhere");
    nowhere["kalshi"].as_object_mut().expect("an object").remove("ticker");
    careless.send(&nowhere);
    malformed(&careless.answer(), 4, "missing_field");
    careless.send("x".repeat(70 * 1024));
    malformed(&careless.answer(), 5, "line_too_long");
    careless.send(signal("good-2"));
    assert_eq!(id(&careless.answer()), "good-2");
    careful.send("{}");
    malformed(&careful.answer(), 1, "missing_field");
    careful.send(signal("good-3"));
    assert_eq!(id(&careful.answer()), "good-3");

    engine.signal("INT");
    assert_eq!(engine.wait().code, Some(0));
    careless.no_more();
    careful.no_more();
    let signals = json(&dir.path().join("report/summary.json"))["signals"].take();
    assert_eq!((&signals["malformed"], &signals["received"]), (&5.into(), &8.into()));
}

#[test]
fn bad_lines_on_a_unix_socket_cost_nobody_anything() {
    bad_lines_are_answered("unix:signals.sock");
}

#[test]
fn bad_lines_on_tcp_cost_nobody_anything() {
    bad_lines_are_answered("tcp:127.0.0.1:0");
}

#[test]
fn a_signal_sent_twice_is_executed_once() {
    let dir = tempfile::tempdir().unwrap();
    let engine = start(dir.path(), "unix:signals.sock");
    let mut first = Producer::connect(&engine, dir.path());
    let mut second = Producer::connect(&engine, dir.path());

    first.send(signal("once"));
    assert_ne!(first.answer()["state"], "refused");
    second.send(signal("once"));
    let again = second.answer();

    assert_eq!(again["state"], "refused");
    assert_eq!(again["refusal"]["limit"], "duplicate_signal");
}

#[test]
fn a_producer_that_leaves_mid_line_disturbs_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let engine = start(dir.path(), "unix:signals.sock");
    let mut stays = Producer::connect(&engine, dir.path());
    let mut leaves = Producer::connect(&engine, dir.path());

    leaves.send("{\"id\":\"half");
    drop(leaves);
    for number in 0..3 {
        let name = format!("whole-{number}");
        stays.send(signal(&name));
        assert_eq!(id(&stays.answer()), name);
    }

    engine.signal("TERM");
    assert_eq!(engine.wait().code, Some(0));
}
