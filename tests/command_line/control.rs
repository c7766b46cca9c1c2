//! Steering a running engine from outside: over its socket, with a file, with a signal.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use crate::process::{Ended, Running, run, wait_for};
use crate::{check, directory, says, write};

/// Limits that let the signals below through; orders rest until they are cancelled.
const CONFIG: &str = "
[risk]
minimum_edge_cents = -3
max_orders_per_minute = 1000
min_time_between_orders_ms = 0
[orders]
fill_timeout_ms = 3600000
";

/// A signal that fills at once, or rests below the market.
fn signal(id: &str, more: &Value) -> String {
    let mut signal = json!({
        "id": id, "should_trade": true, "action": "BUY_YES",
        "kalshi": {"ticker": "KXWCGAME-26JUL14FRAESP-FRA", "yes_ask": 42, "no_ask": 59},
        "edge": {"cents": 7, "percent": 14.6}, "confidence": {"score": 75, "tier": "HIGH"},
        "position": {"contracts": 10, "risk_amount": 420},
    });
    for (key, value) in more.as_object().into_iter().flatten() {
        signal[key] = value.clone();
    }
    format!("{signal}\n")
}

fn resting() -> Value {
    json!({"time_in_force": "good_till_canceled", "max_price_dollars": "0.3800"})
}

/// An engine on a simulated exchange of its own, with `state/` and an open standard input.
fn engine(dir: &Path) -> Running {
    engine_in(dir, "sim")
}

/// An engine in any mode. Only paper can go on with the state of a former run here: every
/// simulated exchange inside a run has an account of its own.
fn engine_in(dir: &Path, mode: &str) -> Running {
    write(dir, "run.toml", CONFIG);
    let args = [
        "run",
        "--mode",
        mode,
        "--signals",
        "-",
        "--config",
        "run.toml",
        "--state",
        "state",
        "--results",
        "results.ndjson",
        "--report",
        "report",
    ];
    let engine = Running::start_fed(dir, &args);
    wait_for("the engine to read", || engine.stderr().contains("reading signals").then_some(()));
    engine
}

/// Ends the input and waits for the end of the run.
fn end(mut engine: Running) -> Ended {
    engine.no_more_input();
    engine.wait()
}

/// A command's answer as JSON.
#[track_caller]
fn ask(dir: &Path, args: &[&str]) -> Value {
    let ended = run(dir, &[args, &["--state", "state", "--format", "json"]].concat());
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{args:?}");
    serde_json::from_str(&ended.stdout).expect("an answer is JSON")
}

/// Waits until `status` says so.
fn status_says(dir: &Path, key: &str, expected: &Value) {
    wait_for("the status", || (&ask(dir, &["status"])[key] == expected).then_some(()));
}

/// Waits until the only order alive is in this state.
fn wait_for_order(dir: &Path, state: &str) {
    let says = || (ask(dir, &["orders"])["orders"][0]["state"] == state).then_some(());
    wait_for("the order", says);
}

/// The results of signals so far, by id.
fn state_of(dir: &Path, id: &str) -> Option<String> {
    let text = fs::read_to_string(dir.join("results.ndjson")).unwrap_or_default();
    let results = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut ours = results.filter(|result| result["signal_id"] == id);
    Some(ours.next()?["state"].as_str()?.to_owned())
}

#[track_caller]
fn ends_as(dir: &Path, id: &str, expected: &str) {
    let state = wait_for("the signal's answer", || state_of(dir, id));
    assert_eq!(state, expected, "{id}");
}

/// Whether the fields of `answer` are what they should be.
#[track_caller]
fn has(answer: &Value, fields: &Value) {
    for (name, expected) in fields.as_object().into_iter().flatten() {
        assert_eq!(&answer[name], expected, "{name} of {answer}");
    }
}

#[test]
fn a_running_engine_tells_its_state_positions_and_orders() {
    let dir = directory();
    let mut engine = engine(dir.path());
    engine.feed(&signal("fills", &Value::Null));
    ends_as(dir.path(), "fills", "filled");
    engine.feed(&signal("rests", &resting()));
    wait_for_order(dir.path(), "resting");

    let status = ask(dir.path(), &["status"]);
    has(&status, &json!({"trading": "open", "halted": null, "mode": "sim", "open_orders": 1}));
    has(&status["day"], &json!({"orders": 2, "contracts": 20}));
    has(&status["signals"], &json!({"received": 2, "accepted": 1}));
    let ticker = "KXWCGAME-26JUL14FRAESP-FRA";
    let position = json!({"ticker": ticker, "position": 10, "worst_case": 20, "open_orders": 1});
    has(&ask(dir.path(), &["positions"])["positions"][0], &position);
    let order = json!({
        "ticker": ticker, "side": "bid", "state": "resting", "price_dollars": "0.3800",
        "contracts": 10, "filled_contracts": 0,
    });
    has(&ask(dir.path(), &["orders"])["orders"][0], &order);

    // It would rest for as long as it may.
    ask(dir.path(), &["cancel-all"]);
    assert_eq!(end(engine).code, Some(0));
    assert!(!dir.path().join("state/control.sock").exists(), "it cleans up after itself");
}

#[test]
fn a_halt_cancels_what_rests_refuses_what_comes_and_stays_until_a_resume() {
    let dir = directory();
    let mut engine = engine(dir.path());
    engine.feed(&signal("rests", &resting()));
    wait_for_order(dir.path(), "resting");

    let halt = ask(dir.path(), &["halt", "prices", "look", "wrong"]);
    assert_eq!(halt["halted"], "prices look wrong");
    let latency_ns = halt["latency_ns"].as_u64().expect("it was measured");
    ends_as(dir.path(), "rests", "canceled");
    engine.feed(&signal("late", &Value::Null));
    ends_as(dir.path(), "late", "refused");
    let halted = json!({"trading": "halted", "halted": "prices look wrong"});
    has(&ask(dir.path(), &["status"]), &halted);

    assert_eq!(ask(dir.path(), &["resume"])["halted"], Value::Null);
    engine.feed(&signal("again", &Value::Null));
    ends_as(dir.path(), "again", "filled");

    assert_eq!(end(engine).code, Some(0));
    let text = fs::read_to_string(dir.path().join("report/summary.json")).unwrap();
    let summary: Value = serde_json::from_str(&text).unwrap();
    has(&summary["kill_switch"], &json!({"count": 1, "last_ns": latency_ns}));
}

#[test]
fn cancel_all_cancels_what_rests_and_trading_goes_on() {
    let dir = directory();
    let mut engine = engine(dir.path());
    engine.feed(&signal("rests", &resting()));
    wait_for_order(dir.path(), "resting");

    assert_eq!(ask(dir.path(), &["cancel-all"])["open_orders"], 1);

    ends_as(dir.path(), "rests", "canceled");
    assert_eq!(ask(dir.path(), &["status"])["trading"], "open");
    engine.feed(&signal("fills", &Value::Null));
    ends_as(dir.path(), "fills", "filled");
    assert_eq!(end(engine).code, Some(0));
}

#[test]
fn a_halt_file_halts_and_bars_the_resume_until_it_is_gone() {
    let dir = directory();
    let engine = engine(dir.path());
    let file = dir.path().join("state/halt");

    fs::write(&file, "the model drifts\n").unwrap();
    status_says(dir.path(), "halted", &json!("halt file: the model drifts"));
    says(dir.path(), &["resume", "--state", "state"], 3, &["state/halt", "remove it first"]);
    fs::remove_file(&file).unwrap();
    ask(dir.path(), &["resume"]);

    assert_eq!(ask(dir.path(), &["status"])["trading"], "open");
    assert_eq!(end(engine).code, Some(0));
}

#[test]
fn an_engine_that_finds_a_halt_file_starts_halted() {
    let dir = directory();
    fs::create_dir(dir.path().join("state")).unwrap();
    write(dir.path(), "state/halt", "not before nine");
    let mut engine = engine(dir.path());

    assert_eq!(ask(dir.path(), &["status"])["halted"], "halt file: not before nine");
    engine.feed(&signal("early", &Value::Null));
    ends_as(dir.path(), "early", "refused");

    assert_eq!(end(engine).code, Some(0));
}

#[test]
fn a_halt_survives_restarts_until_a_person_resumes() {
    let dir = directory();
    let first = engine_in(dir.path(), "paper");
    ask(dir.path(), &["halt", "enough"]);
    first.signal("TERM");
    assert_eq!(first.wait().code, Some(0));

    let mut second = engine_in(dir.path(), "paper");
    has(&ask(dir.path(), &["status"]), &json!({"trading": "halted", "halted": "enough"}));
    second.feed(&signal("early", &Value::Null));
    ends_as(dir.path(), "early", "refused");
    second.signal("KILL");
    assert_eq!(second.wait().code, None);

    let third = engine_in(dir.path(), "paper");
    has(&ask(dir.path(), &["status"]), &json!({"trading": "halted", "halted": "enough"}));
    assert_eq!(ask(dir.path(), &["resume"])["halted"], Value::Null);
    assert_eq!(end(third).code, Some(0));

    let fourth = engine_in(dir.path(), "paper");
    has(&ask(dir.path(), &["status"]), &json!({"trading": "open", "halted": null}));
    assert_eq!(end(fourth).code, Some(0));
}

/// How long it takes from a person's word to the halt, with the figures under `--nocapture`; what
/// is asserted is that each of them halts, is answered with its own time, and is counted.
#[test]
fn two_hundred_halts_are_each_carried_out_and_timed() {
    const HALTS: u64 = 200;
    let dir = directory();
    let engine = engine_in(dir.path(), "paper");
    let path = dir.path().join("state/control.sock");
    let stream = std::os::unix::net::UnixStream::connect(path).unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(stream.try_clone().unwrap()));
    let mut answer = |line: &str| -> Value {
        writeln!(&stream, "{line}").unwrap();
        serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap()
    };

    let mut spans = Vec::new();
    for nth in 0..HALTS {
        let told = answer(&format!(r#"{{"command":"halt","reason":"drill {nth}"}}"#));
        assert_eq!((&told["ok"], &told["halted"]), (&json!(true), &json!(format!("drill {nth}"))));
        spans.push(told["latency_ns"].as_u64().unwrap());
        assert_eq!(answer(r#"{"command":"resume"}"#)["ok"], true);
    }

    // The recorder counts, and may be late.
    let times = wait_for("the count of halts", || {
        let times = answer(r#"{"command":"status"}"#)["kill_switch"].clone();
        (times["count"] == HALTS).then_some(times)
    });
    assert_eq!(times["last_ns"].as_u64(), spans.last().copied());
    assert_eq!(times["max_ns"].as_u64(), spans.iter().max().copied());
    spans.sort_unstable();
    let at = |percent: usize| spans[(spans.len() - 1) * percent / 100];
    println!("kill switch, ns: p50 {}, p99 {}, max {}", at(50), at(99), at(100));
    let ended = end(engine);
    check(&ended, 0, &["Kill switch", "200 halts"]);
}

#[test]
fn sigusr1_halts_and_the_process_lives() {
    let dir = directory();
    let engine = engine(dir.path());

    engine.signal("USR1");

    status_says(dir.path(), "halted", &json!("signal SIGUSR1"));
    ask(dir.path(), &["resume"]);
    assert_eq!(ask(dir.path(), &["status"])["trading"], "open");
    assert_eq!(end(engine).code, Some(0));
}

#[test]
fn answers_for_people_say_the_same() {
    let dir = directory();
    let mut engine = engine(dir.path());
    engine.feed(&signal("fills", &Value::Null));
    ends_as(dir.path(), "fills", "filled");
    let text = |args: &[&str]| {
        let ended = run(dir.path(), &[args, &["--state", "state"]].concat());
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{args:?}");
        ended.stdout
    };

    assert!(text(&["status"]).starts_with("Trading   open\n"));
    assert!(text(&["positions"]).contains("KXWCGAME-26JUL14FRAESP-FRA  10"));
    assert_eq!(text(&["orders"]), "no order is alive\n");
    let halted = text(&["halt", "enough"]);
    assert!(halted.starts_with("halted after ") && halted.contains(" us: enough\n"), "{halted}");
    assert!(text(&["status"]).starts_with("Trading   HALTED: enough\n"));
    assert_eq!(text(&["resume"]), "trading again\n");

    assert_eq!(end(engine).code, Some(0));
}

#[test]
fn without_an_engine_the_state_directory_is_named() {
    let dir = directory();
    let commands: [&[&str]; 6] =
        [&["status"], &["halt", "x"], &["resume"], &["cancel-all"], &["positions"], &["orders"]];
    for command in commands {
        says(dir.path(), command, 1, &["no engine", "state", "run --state DIR"]);
        let elsewhere = [command, &["--state", "no/such"]].concat();
        says(dir.path(), &elsewhere, 1, &["no engine", "no/such"]);
    }
    says(dir.path(), &["halt"], 2, &["REASON", "--help"]);
    says(dir.path(), &["halt", "--state", "state", ""], 1, &["no engine"]);
}

#[test]
fn a_socket_left_over_from_a_crash_is_no_engine_and_no_obstacle() {
    let dir = directory();
    let crashed = engine_in(dir.path(), "paper");
    crashed.signal("KILL");
    assert_eq!(crashed.wait().code, None);
    assert!(dir.path().join("state/control.sock").exists());

    says(dir.path(), &["status", "--state", "state"], 1, &["no engine"]);

    let engine = engine_in(dir.path(), "paper");
    assert_eq!(ask(dir.path(), &["status"])["trading"], "open");
    assert_eq!(end(engine).code, Some(0));
}

#[test]
fn the_socket_speaks_json_lines_to_any_program() {
    let dir = directory();
    let engine = engine(dir.path());
    let path = dir.path().join("state/control.sock");
    let stream = std::os::unix::net::UnixStream::connect(path).unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(stream.try_clone().unwrap()));
    let mut answer = |line: &str| -> Value {
        writeln!(&stream, "{line}").unwrap();
        serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap()
    };

    assert_eq!(answer(r#"{"command":"status"}"#)["trading"], "open");
    assert_eq!(answer("stop")["error"]["code"], "bad_request");
    assert_eq!(answer(r#"{"command":"positions"}"#)["positions"], json!([]));

    check(&end(engine), 0, &["Final statistics"]);
}
