//! Files that are missing, wrong, or cannot be written.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use serde_json::{Value, json};

use crate::process::{Exchange, place_rsa_key, run};
use crate::{directory, says, write};

/// Runs the file of signals with more arguments, and expects exit code 2.
#[track_caller]
fn refuses(dir: &Path, more: &[&str], parts: &[&str]) {
    let args = [&["run", "--signals", "signals.ndjson"], more].concat();
    says(dir, &args, 2, parts);
}

#[test]
fn a_configuration_is_told_by_key_value_and_what_is_allowed() {
    let dir = directory();
    let config = |text: &str, parts: &[&str]| {
        write(dir.path(), "run.toml", text);
        refuses(dir.path(), &["--config", "run.toml"], parts);
    };

    config("[risk]\nmax_positon_size = 1", &["run.toml", "max_positon_size", "max_position_size"]);
    config("[rsik]\n", &["run.toml", "rsik", "risk"]);
    config(
        "[risk]\nmax_position_size = \"x\"",
        &["run.toml:2", "max_position_size", "\"x\"", "whole"],
    );
    config("[risk]\nmax_position_size = -1", &["risk.max_position_size", "-1", "0 to"]);
    config("[run]\nmode = \"real\"", &["run.mode", "real", "paper, sim, demo, live"]);
    config("[run\n", &["run.toml", "line 1"]);
    config("[risk]\nmax_open_orders = 1", &["max_open_orders_per_market = 2", "contradicts"]);
    refuses(dir.path(), &["--config", "none.toml"], &["none.toml", "default"]);
}

#[test]
fn a_configuration_of_the_environments_file_is_checked_too() {
    let dir = directory();
    write(dir.path(), ".env", "MAX_DAILY_TRADES=many\n");
    refuses(dir.path(), &[], &["MAX_DAILY_TRADES", "many", "whole number"]);

    write(dir.path(), ".env", "PAPER_TRADING=true\n");
    write(dir.path(), "live.toml", "[run]\nmode = \"live\"\n");
    refuses(dir.path(), &["--config", "live.toml"], &["PAPER_TRADING", "live", "unset"]);
}

#[test]
fn signals_are_told_by_where_they_should_be() {
    let dir = directory();
    let run = |signals: &str, parts: &[&str]| {
        says(dir.path(), &["run", "--signals", signals], 2, parts);
    };

    run("none.ndjson", &["none.ndjson", "--signals", "unix:PATH"]);
    run(".", &["directory", "--signals"]);
    run("unix:", &["unix:", "unix:PATH"]);
    run("tcp:127.0.0.1", &["tcp:127.0.0.1", "tcp:HOST:PORT"]);
    run("tcp:192.168.0.1:80", &["192.168.0.1", "loopback", "tcp:127.0.0.1:PORT"]);
}

#[test]
fn malformed_lines_are_answered_by_number_and_the_run_is_done() {
    let dir = directory();
    let good =
        r#"{"id":"a","should_trade":false,"action":"BUY_YES","kalshi":{"ticker":"KXA-1-B"}}"#;
    write(dir.path(), "signals.ndjson", &format!("{good}\nnot JSON\n{{}}\n"));

    let ended = run(dir.path(), &["run", "--signals", "signals.ndjson", "--results", "-"]);

    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let results: Vec<Value> =
        ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<_> = results.iter().map(|result| (&result["line"], &result["state"])).collect();
    let malformed = json!("malformed");
    assert_eq!(told[0], (&Value::Null, &json!("not_tradeable")));
    assert_eq!(told[1..], [(&json!(2), &malformed), (&json!(3), &malformed)]);
    assert!(ended.stderr.contains("2 malformed"), "{}", ended.stderr);
}

#[test]
fn places_that_cannot_be_written_are_found_before_anything_is_traded() {
    let dir = directory();
    write(dir.path(), "file", "");
    symlink("nowhere/at/all", dir.path().join("broken")).unwrap();

    refuses(dir.path(), &["--results", "no/such/results"], &["no/such/results", "choose a place"]);
    refuses(dir.path(), &["--results", "."], &["cannot write .", "choose a place"]);
    refuses(dir.path(), &["--report", "file"], &["cannot write file", "choose a place"]);
    refuses(dir.path(), &["--report", "file/below"], &["file/below", "choose a place"]);
    refuses(dir.path(), &["--report", "broken"], &["cannot write broken", "choose a place"]);
    refuses(dir.path(), &["--state", "file"], &["file", "--state"]);
    let sim = |file, parts: &[&str]| {
        says(dir.path(), &["sim", "--keys", "keys", "--ready-file", file], 2, parts);
    };
    place_rsa_key(dir.path());
    sim("no/such/ready.json", &["no/such/ready.json", "write"]);
}

/// A ready file of an exchange that is not there, changed by `change`.
fn ready_file(dir: &Path, change: impl FnOnce(&mut Value)) {
    let mut ready = json!({
        "rest": "https://127.0.0.1:1/trade-api/v2", "ws": "wss://127.0.0.1:1/trade-api/ws/v2",
        "ca_file": "ca.pem", "key_id": "5f0c9c4e-6d0f-8c1b-9a49-1f6f0d7c2b11",
        "private_key_file": "key.pem",
    });
    change(&mut ready);
    write(dir, "ready.json", &ready.to_string());
}

#[test]
fn a_ready_file_is_told_by_file_and_field() {
    let dir = directory();
    let exchange = |parts: &[&str]| {
        refuses(dir.path(), &["--mode", "sim", "--exchange", "ready.json"], parts);
    };

    exchange(&["ready.json", "kalshi-exec sim --ready-file"]);
    write(dir.path(), "ready.json", "{");
    exchange(&["ready.json", "kalshi-exec sim --ready-file"]);
    for field in ["rest", "ws", "ca_file", "key_id", "private_key_file"] {
        ready_file(dir.path(), |ready| drop(ready.as_object_mut().unwrap().remove(field)));
        exchange(&["ready.json", &format!("`{field}`")]);
    }
    ready_file(dir.path(), |ready| ready["rest"] = json!("http://127.0.0.1:1"));
    exchange(&["ready.json", "`rest`", "https://"]);
}

#[test]
fn a_key_or_certificate_of_no_use_is_told_by_file_and_remedy() {
    let dir = directory();
    let exchange = Exchange::start(dir.path());
    exchange.die();
    fs::rename(dir.path().join("keys/ca.pem"), dir.path().join("ca.pem")).unwrap();
    let refused = |parts: &[&str]| {
        ready_file(dir.path(), |_| {});
        refuses(dir.path(), &["--mode", "sim", "--exchange", "ready.json"], parts);
    };
    let key = |name: &str| {
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/keys").join(name);
        fs::copy(from, dir.path().join("key.pem")).unwrap();
    };

    refused(&["private key", "key.pem", "No such file"]);
    write(dir.path(), "key.pem", "garbage");
    refused(&["private key", "key.pem", "-----BEGIN PRIVATE KEY-----"]);
    key("rsa_public.pem");
    refused(&["private key", "key.pem", "public key", "give the private key"]);
    key("rsa_encrypted_pkcs8.pem");
    refused(&["private key", "key.pem", "encrypted"]);
    key("ec_pkcs8.pem");
    refused(&["private key", "key.pem", "Ed25519"]);
    write(dir.path(), "ca.pem", "garbage");
    refused(&["certificate", "ca.pem"]);
    fs::remove_file(dir.path().join("ca.pem")).unwrap();
    refused(&["certificate", "ca.pem", "No such file"]);
}

#[test]
fn what_is_no_report_and_no_journal_is_told() {
    let dir = directory();
    write(dir.path(), "letter.txt", "Dear reader,\n");
    let say = |args: &[&str], parts: &[&str]| says(dir.path(), args, 2, parts);

    say(&["report", "none"], &["none", "run --report"]);
    say(&["report", "."], &["cannot read", "run --report"]);
    say(&["report", "letter.txt"], &["letter.txt", "run --report"]);
    say(&["export", "none", "--format", "csv"], &["none", "journal"]);
    say(&["export", ".", "--format", "csv"], &["cannot read", "journal"]);
    say(&["export", "letter.txt", "--format", "csv"], &["letter.txt", "journal"]);
    say(&["sim", "--markets", "none.csv", "--keys", "keys"], &["none.csv"]);
    write(dir.path(), "bad.csv", "KXA-1-B,no_cent\n");
    say(&["sim", "--markets", "bad.csv", "--keys", "keys"], &["bad.csv", "line 1"]);
}
