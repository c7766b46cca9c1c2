//! What a run with a lost link leaves to read: how long it was until orders could go again, and how
//! often a signature was ready.

use std::fs;
use std::path::Path;

use super::Stage;
use crate::account::json;
use crate::process::run;

#[test]
fn the_report_tells_of_reconnects_and_of_signatures_made_ahead() {
    let mut stage = Stage::new();
    for nth in 0..3 {
        assert_eq!(stage.ask(&format!("before-{nth}")), "filled");
    }
    stage.gate.shut();
    stage.holds("order_link_down");
    stage.gate.lead_to(stage.target());
    stage.is_well();
    for nth in 0..3 {
        assert_eq!(stage.ask(&format!("after-{nth}")), "filled");
    }
    stage.engine.signal("INT");
    let Stage { dir, engine, .. } = stage;
    let ended = engine.wait();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);

    let count = reconnects(dir.path());
    page_tells(dir.path(), count);
    let text = run(dir.path(), &["report", "report", "--format", "text"]);
    assert_eq!(text.code, Some(0), "{}", text.stderr);
    for told in ["Reconnects", "6 ahead, 0 inline (100 % ahead)"] {
        assert!(text.stdout.contains(told), "{told} is not in {}", text.stdout);
    }
}

/// How often a link came back by the summary, which has every signature made ahead.
#[track_caller]
fn reconnects(dir: &Path) -> u64 {
    let summary = json(&dir.join("report/summary.json"));
    let count = summary["reconnect"]["count"].as_u64().expect("a count");
    assert!(count >= 1 && summary["reconnect"]["max"].as_u64() > Some(0), "{summary:#}");
    assert_eq!(summary["presign"], serde_json::json!({ "hits": 6, "misses": 0 }));
    count
}

#[track_caller]
fn page_tells(dir: &Path, count: u64) {
    let page = fs::read_to_string(dir.join("report/report.html")).expect("a report");
    let row = format!("<td>ready to trade after a lost link</td><td>{count}</td><td>");
    let (_, spans) = page.split_once(&row).expect("a row of reconnects");
    let median = spans.split_once("</td>").expect("a cell").0;
    assert!(median.ends_with('s') && !median.starts_with('0'), "{median}");
    for card in ["<b>6 / 6</b><span>signed ahead</span>", "<b>100 %</b><span>hit rate</span>"] {
        assert!(page.contains(card), "{card} is not on the page");
    }
}
