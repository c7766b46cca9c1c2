//! Paper trading from the command line, and what the default limits say to the recorded signals.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::account::{Books, json, json_lines, scaled};
use crate::process::run;
use crate::producer::{SIGNALS, WIDE};

/// Signals in the recorded file, and those of them that want to trade.
const RECORDED: usize = 378;
const TRADEABLE: u64 = 186;

/// Runs the recorded signals on paper and gives the results, by signal.
#[track_caller]
fn paper(dir: &Path, name: &str, seed: &str, orders: &str) -> Vec<Value> {
    fs::write(dir.join("wide.toml"), format!("{WIDE}\n{orders}\n"))
        .expect("the test's directory is writable");
    let (report, results) = (format!("report-{name}"), format!("{name}.ndjson"));
    let args = [
        "run",
        "--signals",
        SIGNALS,
        "--config",
        "wide.toml",
        "--seed",
        seed,
        "--report",
        &report,
        "--results",
        &results,
    ];
    let ended = run(dir, &args);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(ended.stdout, "", "results went to their file");
    let mut results = json_lines(&dir.join(results));
    results.sort_by_key(|result| result["signal_id"].to_string());
    results
}

/// Results without what cannot be the same twice: the run's id, and times.
fn timeless(mut results: Vec<Value>) -> Vec<Value> {
    for result in &mut results {
        result["execution_id"].take();
        result["hops_ns"].take();
        for order in result["orders"].as_array_mut().into_iter().flatten() {
            order["client_order_id"].take();
        }
    }
    results
}

#[test]
fn cores_this_machine_lacks_are_a_configuration_error() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("cores.toml"), "[cores]\noms = 100000\n").unwrap();
    let args = ["run", "--signals", SIGNALS, "--config", "cores.toml", "--report", "report"];
    let ended = run(dir.path(), &args);
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    assert!(ended.stderr.contains("cores.oms = 100000: no such core"), "{}", ended.stderr);
    assert!(!dir.path().join("report").exists(), "refused before anything was made");
}

#[test]
fn one_seed_gives_one_result() {
    let dir = tempfile::tempdir().unwrap();

    // When a retry has its turn among the signals is a matter of time.
    let once = "[orders]\nmax_retries = 0";
    let first = timeless(paper(dir.path(), "first", "42", once));
    let again = timeless(paper(dir.path(), "again", "42", once));
    let other = timeless(paper(dir.path(), "other", "43", once));

    assert_eq!(first.len(), RECORDED);
    for (first, again) in first.iter().zip(&again) {
        assert_eq!(first, again);
    }
    assert_ne!(first, other, "the seed decides");
    let filled = first.iter().filter(|result| result["state"] == "filled").count();
    let partial = first.iter().filter(|result| result["filled_contracts"] != result["contracts"]);
    assert!(filled > 50, "{filled} of {} filled", first.len());
    assert!(partial.filter(|result| result["filled_contracts"] != 0).count() > 5);
}

#[test]
fn paper_cash_is_ten_thousand_dollars_and_every_cent_is_accounted_for() {
    let dir = tempfile::tempdir().unwrap();

    let results = paper(dir.path(), "run", "1", "");

    let summary = json(&dir.path().join("report-run/summary.json"));
    let books = Books::of_summary(&summary);
    let costs: i64 = books.costs.values().sum();
    let realized = scaled(&summary["realized_pnl_cents"].to_string(), 6);
    assert_eq!(books.cash + books.fees + costs, 1_000_000 * 1_000_000 + realized);
    let fees = results.iter().filter_map(|result| result.get("fees_cents"));
    assert_eq!(fees.map(|fee| scaled(&fee.to_string(), 6)).sum::<i64>(), books.fees);
    assert!(books.fees > 0, "somebody paid them");
    assert_eq!(summary["mode"], "paper");
    let answered: u64 = ["accepted", "not_tradeable", "malformed"]
        .map(|name| summary["signals"][name].as_u64().unwrap())
        .iter()
        .sum();
    let refused = summary["signals"]["refused"].as_object().unwrap().values();
    assert_eq!(answered + refused.map(|count| count.as_u64().unwrap()).sum::<u64>(), 378);
}

#[test]
fn signals_of_today_are_not_executed_again_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("wide.toml"), WIDE).unwrap();
    let accepted = |name: &str| {
        let args = [
            "run",
            "--signals",
            SIGNALS,
            "--config",
            "wide.toml",
            "--state",
            "state",
            "--report",
            name,
        ];
        let ended = run(dir.path(), &args);
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        json(&dir.path().join(name).join("summary.json"))["signals"].take()
    };

    let first = accepted("first");
    let again = accepted("again");

    assert!(first["accepted"].as_u64() > Some(100), "{first}");
    assert_eq!(again["refused"]["duplicate_signal"], first["accepted"]);
}

#[test]
fn results_on_standard_output_are_data_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();

    let ended = run(dir.path(), &["run", "--signals", SIGNALS, "--results", "-"]);

    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let results: Vec<Value> =
        ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(results.len(), RECORDED);
    assert!(results.iter().all(|result| result["signal_id"].is_string()));
    assert!(!dir.path().join("state").exists(), "paper starts fresh and leaves nothing behind");
}

#[test]
fn default_limits_send_none_of_the_recorded_signals() {
    let dir = tempfile::tempdir().unwrap();
    let args = [
        "run",
        "--mode",
        "sim",
        "--signals",
        SIGNALS,
        "--results",
        "results.ndjson",
        "--report",
        "report",
    ];

    let ended = run(dir.path(), &args);

    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let summary = json(&dir.path().join("report/summary.json"));
    assert_eq!(summary["orders"]["sent"], 0);
    assert_eq!(summary["signals"]["accepted"], 0);
    assert_eq!(summary["cash_cents"], 1_000_000);
    assert_eq!(summary["positions"], json!({}));
    let refused: Vec<String> = json_lines(&dir.path().join("results.ndjson"))
        .iter()
        .filter(|result| result["state"] != "not_tradeable")
        .map(|result| result["refusal"]["limit"].as_str().expect("refused by a limit").to_owned())
        .collect();
    let known = ["minimum_edge", "max_signals_per_cycle"];
    assert!(refused.iter().all(|limit| known.contains(&limit.as_str())), "{refused:?}");
    assert_eq!(u64::try_from(refused.len()).unwrap(), TRADEABLE);
}

/// Signals of the one market that the example recording has.
const RECORDED_MARKET: &str = "KXWCGAME-26JUL14FRAESP-ESP";

#[test]
fn orders_fill_on_a_recorded_book_where_there_is_one() {
    let dir = tempfile::tempdir().unwrap();
    let recording = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/replay-session.jsonl");
    let signals =
        [(RECORDED_MARKET, 52), (RECORDED_MARKET, 40), ("KXWCGAME-26JUL14FRAESP-TIE", 52)]
            .iter()
            .zip(1..)
            .map(|((ticker, ask), id)| {
                json!({
                    "id": format!("sig-{id}"), "should_trade": true, "action": "BUY_YES",
                    "kalshi": {"ticker": ticker, "yes_ask": ask, "no_ask": 100 - ask + 1},
                    "edge": {"cents": 7, "percent": 14.6},
                    "confidence": {"score": 75, "tier": "HIGH"},
                    "position": {"contracts": 3, "risk_amount": 1200},
                })
                .to_string()
            });
    let signals: Vec<String> = signals.collect();
    fs::write(dir.path().join("signals.ndjson"), signals.join("\n")).unwrap();
    fs::write(dir.path().join("wide.toml"), WIDE).unwrap();
    let book = recording.to_str().unwrap();
    let args = [
        "run",
        "--signals",
        "signals.ndjson",
        "--config",
        "wide.toml",
        "--book",
        book,
        "--report",
        "report",
        "--results",
        "results.ndjson",
    ];

    let ended = run(dir.path(), &args);

    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let mut results = json_lines(&dir.path().join("results.ndjson"));
    results.sort_by_key(|result| result["signal_id"].to_string());
    let states: Vec<_> = results.iter().map(|result| result["state"].clone()).collect();
    assert_eq!(states[0], "filled", "{results:?}");
    assert_eq!(results[0]["filled_contracts"], 3);
    assert_ne!(states[1], "filled", "nobody asks 41 cents there: {results:?}");
    assert_eq!(states[2], "refused", "it has no book: {results:?}");
}
