//! Demo and live over real sockets: the very code that trades real money, pointed at the
//! simulated exchange. Each check that a start must pass is failed once, and named.

mod check;
mod confirm;
mod refusals;
mod trading;

use std::fs;
use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::process::{Ended, Running};

/// Bounds that let a debug build on a busy machine trade what a signal asks for.
const CONFIG: &str = "
[risk]
minimum_edge_cents = -3
signal_age_ms = 60000
require_signal_time = false

[breaker]
latency_budget_ms = 60000

[orders]
read_lag_ms = 0
";

/// A profile chosen by somebody sets every bound.
const PROFILE: (&str, &str) = ("TRADING_PROFILE", "STANDARD");

/// Writes the configuration and one signal that buys ten contracts at the ask.
fn prepare(dir: &Path) {
    let signal = json!({
        "id": "one", "should_trade": true, "action": "BUY_YES",
        "kalshi": {"ticker": "KXWCGAME-26JUL14FRAESP-FRA", "yes_ask": 42, "no_ask": 59},
        "edge": {"cents": 7, "percent": 14.6}, "confidence": {"score": 75, "tier": "HIGH"},
        "position": {"contracts": 10, "risk_amount": 420},
    });
    write(dir, "signals.ndjson", &format!("{signal}\n"));
    write(dir, "run.toml", CONFIG);
}

fn write(dir: &Path, name: &str, text: &str) {
    fs::write(dir.join(name), text).expect("the test's directory is writable");
}

fn read(dir: &Path, name: &str) -> String {
    fs::read_to_string(dir.join(name)).expect("the file is there")
}

/// The ready file, as the exchange wrote it.
fn ready(dir: &Path) -> Value {
    serde_json::from_str(&read(dir, "ready.json")).expect("a ready file is JSON")
}

/// The arguments of a run in `mode` on the exchange in `dir`.
fn arguments<'a>(mode: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let run = ["run", "--mode", mode, "--exchange", "ready.json", "--config", "run.toml"];
    let places = ["--signals", "signals.ndjson", "--state", "state", "--report", "report"];
    [&run[..], &places[..], more].concat()
}

/// Runs in `mode`, to its end.
#[track_caller]
fn run_in(dir: &Path, mode: &str, more: &[&str], variables: &[(&str, &str)]) -> Ended {
    Running::spawn(dir, &arguments(mode, more), variables, Stdio::null()).wait()
}

/// Runs live with a person's word and a chosen profile, and variables over that.
#[track_caller]
fn run_live(dir: &Path, variables: &[(&str, &str)]) -> Ended {
    let variables = [&[PROFILE], variables].concat();
    run_in(dir, "live", &["--i-understand-real-money"], &variables)
}

/// Expects a start that was refused for safety, and `parts` in what it says.
#[track_caller]
fn refused(ended: &Ended, parts: &[&str]) {
    assert_eq!(ended.code, Some(3), "{}", ended.stderr);
    assert!(ended.stderr.contains("refused for safety"), "{}", ended.stderr);
    for part in parts {
        assert!(ended.stderr.contains(part), "{part:?} is not in:\n{}", ended.stderr);
    }
}
