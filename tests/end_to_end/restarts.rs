//! One state directory, several processes: what stopped trading and what was counted outlives
//! them, however they end.

use std::fs;

use crate::process::{Running, run};
use crate::producer::{Producer, signal};

/// Three orders a day on paper, all of which fill.
const DAY: &str = "
[risk]
max_daily_trades = 3
max_orders_per_minute = 1000
min_time_between_orders_ms = 0

[breaker]
max_repeats = 1000
repeats_window_s = 1
latency_budget_ms = 60000

[orders]
max_retries = 0

[paper]
fill_per_mille = 1000
partial_per_mille = 0
";

fn start(dir: &std::path::Path, socket: &str) -> (Running, Producer) {
    let signals = format!("unix:{socket}");
    let args = ["run", "--signals", &signals, "--config", "day.toml", "--state", "state"];
    let engine = Running::start(dir, &args);
    let producer = Producer::connect(&engine, dir);
    (engine, producer)
}

/// For each signal the limit that refused it, or the state its order ended in.
#[track_caller]
fn ask<const N: usize>(producer: &mut Producer, ids: [&str; N]) -> [String; N] {
    ids.map(|id| {
        producer.send(signal(id));
        let answer = producer.answer();
        assert_eq!(answer["signal_id"], id);
        let refused = answer["refusal"]["limit"].as_str();
        refused.or_else(|| answer["state"].as_str()).expect("one of the two").to_owned()
    })
}

/// Tells the running engine.
#[track_caller]
fn tell(dir: &std::path::Path, command: &[&str]) {
    let ended = run(dir, &[command, &["--state", "state"]].concat());
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
}

fn kill(engine: Running) {
    engine.signal("KILL");
    engine.wait();
}

#[test]
fn a_halt_and_the_days_orders_outlive_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    fs::write(dir.join("day.toml"), DAY).unwrap();
    let (engine, mut producer) = start(dir, "first.sock");
    assert_eq!(ask(&mut producer, ["a", "b"]), ["filled", "filled"]);
    tell(dir, &["halt", "drill"]);
    kill(engine);

    let (engine, mut producer) = start(dir, "second.sock");
    assert_eq!(ask(&mut producer, ["c"]), ["halted"]);
    assert!(engine.stderr().contains("halted since a former run: drill"), "{}", engine.stderr());
    tell(dir, &["resume"]);
    let expected = ["filled", "max_daily_trades", "duplicate_signal"];
    assert_eq!(ask(&mut producer, ["d", "e", "a"]), expected);
    kill(engine);

    let (engine, mut producer) = start(dir, "third.sock");
    assert_eq!(ask(&mut producer, ["f"]), ["max_daily_trades"], "resumed, and the day goes on");
    kill(engine);
}
