//! `check`: a line per thing, what would be refused, and the exit code that goes with it.

use serde_json::Value;

use super::{PROFILE, prepare, write};
use crate::process::{Ended, Exchange, Running};

fn check(dir: &std::path::Path, more: &[&str], variables: &[(&str, &str)]) -> Ended {
    let args = [&["check", "--config", "run.toml"], more].concat();
    Running::spawn(dir, &args, variables, std::process::Stdio::null()).wait()
}

/// The verdict on each subject.
fn verdicts(ended: &Ended) -> std::collections::BTreeMap<String, String> {
    let value: Value = serde_json::from_str(&ended.stdout).expect("it is JSON");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let of = |finding: &Value| (text(&finding["subject"]), text(&finding["verdict"]));
    value["findings"].as_array().expect("a list").iter().map(of).collect()
}

#[test]
fn what_would_start_is_said_to_and_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let _exchange = Exchange::start(dir.path());
    prepare(dir.path());

    let ended = check(dir.path(), &["--exchange", "ready.json"], &[PROFILE]);

    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    for line in ["limits ", "key file ", "clock ", "state directory ", "clock source "] {
        assert!(ended.stdout.contains(line), "{line} is not in:\n{}", ended.stdout);
    }
    assert!(ended.stdout.contains("live trading would start"), "{}", ended.stdout);
    assert!(!dir.path().join("state").exists(), "nothing was made");
}

#[test]
fn what_would_be_refused_is_refused_with_the_remedy() {
    let dir = tempfile::tempdir().unwrap();
    let _exchange = Exchange::start(dir.path());
    prepare(dir.path());
    let more = ["--exchange", "ready.json", "--format", "json"];

    let ended = check(dir.path(), &more, &[("KALSHI_PRIVATE_KEY_PATH", "no.pem")]);

    assert_eq!(ended.code, Some(3), "{}", ended.stderr);
    let verdicts = verdicts(&ended);
    assert_eq!(verdicts["limits"], "refuse");
    assert_eq!(verdicts["key file"], "refuse");
    assert_eq!(verdicts["API key id"], "ok");
    assert!(ended.stdout.contains("TRADING_PROFILE"), "{}", ended.stdout);
}

#[test]
fn an_exchange_that_does_not_answer_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let exchange = Exchange::start(dir.path());
    exchange.die();
    prepare(dir.path());
    write(dir.path(), "run.toml", "");
    let more = ["--exchange", "ready.json", "--format", "json"];

    let ended = check(dir.path(), &more, &[PROFILE]);

    assert_eq!(ended.code, Some(3), "{}", ended.stderr);
    assert_eq!(verdicts(&ended)["clock"], "refuse");
    assert!(ended.stdout.contains("cannot be asked for the time"), "{}", ended.stdout);
}
