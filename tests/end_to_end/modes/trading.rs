//! What passes every check trades: orders, fills and books as in the simulator's own mode.

use super::{PROFILE, prepare, read, ready, run_in, run_live, write};
use crate::account::json;
use crate::process::{Ended, Exchange};

#[track_caller]
fn traded(dir: &std::path::Path, ended: &Ended, mode: &str) {
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let summary = json(&dir.join("report/summary.json"));
    assert_eq!((&summary["orders"]["filled"], &summary["mode"]), (&1.into(), &mode.into()));
    let owner = read(dir, "state/owner");
    let ready = ready(dir);
    assert_eq!(owner.trim_end(), format!("{mode} {}", ready["key_id"].as_str().expect("an id")));
}

#[test]
fn live_trades_once_every_check_has_passed() {
    let dir = tempfile::tempdir().unwrap();
    let _exchange = Exchange::start(dir.path());
    prepare(dir.path());

    let ended = run_live(dir.path(), &[]);

    traded(dir.path(), &ended, "live");
    assert!(ended.stderr.contains("WARNING: live trading, real money"), "{}", ended.stderr);
}

#[test]
fn live_refuses_a_signal_that_does_not_say_when_it_was_made() {
    let dir = tempfile::tempdir().unwrap();
    let _exchange = Exchange::start(dir.path());
    prepare(dir.path());
    write(dir.path(), "run.toml", &super::CONFIG.replace("require_signal_time = false\n", ""));

    let ended = run_live(dir.path(), &[]);

    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let summary = json(&dir.path().join("report/summary.json"));
    assert_eq!(summary["signals"]["refused"]["signal_age"], 1);
    assert_eq!(summary["orders"]["sent"], 0);
}

#[test]
fn live_takes_limits_that_are_all_written_down_for_a_profile() {
    let dir = tempfile::tempdir().unwrap();
    let _exchange = Exchange::start(dir.path());
    prepare(dir.path());
    // The file that comes with the program says every key.
    let all = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/defaults.toml");
    let all = std::fs::read_to_string(all).unwrap();
    let said = all
        .replace("profile = \"STANDARD\"", "")
        .replace("[risk]\n", "[risk]\nrequire_signal_time = false\n")
        .replace("minimum_edge_cents = 1 ", "minimum_edge_cents = -3 ");
    assert!(!said.contains("STANDARD\""), "the profile is taken out");
    write(
        dir.path(),
        "run.toml",
        &said.replace("latency_budget_ms = 50 ", "latency_budget_ms = 60000 "),
    );

    let ended = run_in(dir.path(), "live", &["--i-understand-real-money"], &[]);

    traded(dir.path(), &ended, "live");
}

#[test]
fn demo_needs_no_word_and_warns_of_limits_nobody_has_set() {
    let dir = tempfile::tempdir().unwrap();
    let _exchange = Exchange::start(dir.path());
    prepare(dir.path());

    let ended = run_in(dir.path(), "demo", &[], &[]);

    traded(dir.path(), &ended, "demo");
    assert!(ended.stderr.contains("nobody has set risk.max_position_size"), "{}", ended.stderr);
}

#[test]
fn hosts_authority_and_key_may_come_from_file_environment_and_dot_env() {
    let dir = tempfile::tempdir().unwrap();
    let _exchange = Exchange::start(dir.path());
    prepare(dir.path());
    let ready = ready(dir.path());
    let text = |name: &str| ready[name].as_str().unwrap().to_owned();
    let exchange = format!(
        "{}\n[exchange]\nrest_url = {}\nws_url = {}\nca_file = {}\n\
         weekly_maintenance = false\n",
        super::CONFIG,
        ready["rest"],
        ready["ws"],
        ready["ca_file"]
    );
    write(dir.path(), "run.toml", &exchange);
    write(dir.path(), ".env", &format!("KALSHI_API_KEY_ID={}\n", text("key_id")));
    let key = text("private_key_file");
    let args = [
        "run",
        "--mode",
        "live",
        "--config",
        "run.toml",
        "--signals",
        "signals.ndjson",
        "--report",
        "report",
        "--i-understand-real-money",
    ];
    let variables = [PROFILE, ("KALSHI_PRIVATE_KEY_PATH", key.as_str())];

    let stdin = std::process::Stdio::null();
    let ended = crate::process::Running::spawn(dir.path(), &args, &variables, stdin).wait();

    traded(dir.path(), &ended, "live");
}
