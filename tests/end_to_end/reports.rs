//! What a run leaves can be looked at afterwards: `report` and `export`.

use std::path::Path;

use serde_json::Value;

use crate::account::{json, json_lines};
use crate::process::{Ended, run};
use crate::producer::{CONFIG, SIGNALS};

/// A run in simulation with a report, a state directory and a results file.
fn traded() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    let args = [
        "run",
        "--mode",
        "sim",
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
    let ended = run(dir.path(), &args);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    dir
}

#[track_caller]
fn output(dir: &Path, args: &[&str]) -> String {
    let Ended { code, stdout, stderr } = run(dir, args);
    assert_eq!(code, Some(0), "{stderr}");
    assert_eq!(stderr, "", "nothing went wrong");
    stdout
}

#[test]
fn a_report_directory_is_shown_in_three_forms() {
    let dir = traded();
    let report = |format| output(dir.path(), &["report", "report", "--format", format]);
    let summary = json(&dir.path().join("report/summary.json"));

    assert_eq!(serde_json::from_str::<Value>(&report("json")).unwrap(), summary);
    let text = report("text");
    let sent = format!("{} sent", summary["orders"]["sent"]);
    for part in ["tick_to_wire", "Cash", "Fees", &sent] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    let page = report("html");
    assert!(page.starts_with("<!"), "a page");
    assert!(page.contains("<svg") && page.contains("tick_to_wire"), "with plots");
    assert_eq!(output(dir.path(), &["report", "report"]), text, "text is the default");
}

#[test]
fn a_journal_alone_gives_the_same_counts() {
    let dir = traded();
    let summary = json(&dir.path().join("report/summary.json"));

    for journal in ["state", "report/journal.kxj"] {
        let text = output(dir.path(), &["report", journal, "--format", "json"]);
        let rebuilt: Value = serde_json::from_str(&text).unwrap();
        for field in ["run_id", "orders", "contracts_filled", "cash_cents", "fees_cents"] {
            assert_eq!(rebuilt[field], summary[field], "{field} of {journal}");
        }
        assert_eq!(rebuilt["positions"], summary["positions"]);
        // Signals that never came to the oms are not in its journal.
        assert_eq!(rebuilt["signals"]["accepted"], summary["signals"]["accepted"]);
    }
}

#[test]
fn a_journal_is_exported_as_a_table_of_orders_fills_and_results() {
    let dir = traded();
    let summary = json(&dir.path().join("report/summary.json"));
    let results = json_lines(&dir.path().join("results.ndjson"));

    let ndjson = output(dir.path(), &["export", "state", "--format", "ndjson"]);
    let csv = output(dir.path(), &["export", "state", "--format", "csv"]);
    let copy = output(dir.path(), &["export", "report/journal.kxj", "--format", "csv"]);

    let rows: Vec<Value> = ndjson.lines().map(|row| serde_json::from_str(row).unwrap()).collect();
    let count = |kind: &str| rows.iter().filter(|row| row["kind"] == kind).count();
    let mut lines = csv.lines();
    let head = lines.next().unwrap();
    assert!(head.starts_with("seq,time,"), "{head}");
    assert_eq!(lines.count(), rows.len());
    assert_eq!(copy, csv, "the report's copy is the journal of the run");
    let fills = u64::try_from(count("fill")).unwrap();
    let orders = &summary["orders"];
    assert!(Some(fills) >= orders["filled"].as_u64(), "{fills} fills, {orders}");
    let children = |result: &Value| result["orders"].as_array().map_or(0, Vec::len);
    assert_eq!(count("order"), results.iter().map(children).sum::<usize>(), "retries are orders");
    let ended = results.iter().filter(|result| result["orders"] != Value::Array(Vec::new()));
    assert!(count("result") >= ended.count());
}
