//! Ports, sockets, state directories and exchanges that are taken, gone, or somebody else's.

use std::fs;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::path::Path;

use crate::process::{Ended, Exchange, Running, place_rsa_key, run, wait_for};
use crate::{check, directory, says, write};

#[test]
fn a_busy_port_is_named() {
    let dir = directory();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    place_rsa_key(dir.path());

    let sim = ["sim", "--listen", &address, "--keys", "keys"];
    says(dir.path(), &sim, 2, &[&address, "--listen", "port 0"]);
    let signals = format!("tcp:{address}");
    let run = ["run", "--signals", &signals];
    says(dir.path(), &run, 2, &[&signals, "in use", "choose another"]);
    let elsewhere = ["sim", "--listen", "192.0.2.1:0", "--keys", "keys"];
    says(dir.path(), &elsewhere, 2, &["192.0.2.1", "127.0.0.1", "--listen"]);
}

#[test]
fn a_busy_socket_path_is_named_and_a_left_over_one_is_replaced() {
    let dir = directory();
    let path = dir.path().join("k.sock");
    let run = |endpoint: &str, parts: &[&str]| {
        says(dir.path(), &["run", "--signals", endpoint], 2, parts);
    };

    let taken = UnixListener::bind(&path).unwrap();
    run("unix:k.sock", &["unix:k.sock", "in use", "choose another"]);
    drop(taken);
    assert!(path.exists(), "nobody listens there any more");
    let engine = Running::start(dir.path(), &["run", "--signals", "unix:k.sock"]);
    wait_for("the engine to listen", || engine.stderr().contains("unix:k.sock").then_some(()));
    engine.signal("TERM");
    assert_eq!(engine.wait().code, Some(0));
    assert!(!path.exists(), "it cleans up after itself");

    run("unix:signals.ndjson", &["unix:signals.ndjson", "no socket", "move it away"]);
    run("unix:no/such/k.sock", &["unix:no/such/k.sock", "choose a place"]);
}

#[test]
fn the_simulated_exchange_ends_when_asked_and_keeps_its_keys() {
    let dir = directory();
    place_rsa_key(dir.path());
    let ready = dir.path().join("ready.json");
    let started = || {
        let args = ["sim", "--ready-file", "ready.json", "--keys", "keys"];
        let exchange = Running::start(dir.path(), &args);
        wait_for("the ready file", || fs::read_to_string(&ready).ok());
        wait_for("the announcement", || exchange.stderr().contains("try: curl").then_some(()));
        exchange
    };
    let key_id = || {
        let text = fs::read_to_string(&ready).expect("the ready file stays");
        let ready: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
        ready["key_id"].clone()
    };

    let mut key_ids = Vec::new();
    for signal in ["INT", "TERM"] {
        let exchange = started();
        key_ids.push(key_id());
        exchange.signal(signal);
        check(&exchange.wait(), 0, &["simulated exchange ready"]);
    }

    assert_eq!(key_ids[0], key_ids[1]);
}

#[test]
fn an_exchange_that_is_down_is_named() {
    let dir = directory();
    let exchange = Exchange::start(dir.path());
    exchange.die();
    let args = ["run", "--signals", "signals.ndjson", "--mode", "sim", "--exchange", "ready.json"];

    says(dir.path(), &args, 1, &["exchange at 127.0.0.1:", "is it running"]);
}

#[test]
fn an_exchange_that_does_not_know_the_key_is_named() {
    let dir = directory();
    let _exchange = Exchange::start(dir.path());
    let ready = fs::read_to_string(dir.path().join("ready.json")).unwrap();
    let mut ready: serde_json::Value = serde_json::from_str(&ready).unwrap();
    ready["key_id"] = "5f0c9c4e-6d0f-8c1b-9a49-1f6f0d7c2b11".into();
    write(dir.path(), "other.json", &ready.to_string());
    let args = ["run", "--signals", "signals.ndjson", "--mode", "sim", "--exchange", "other.json"];

    says(dir.path(), &args, 1, &["exchange at 127.0.0.1:", "401", "belong together"]);
}

#[test]
fn an_exchange_goes_with_mode_sim_only() {
    let dir = directory();
    let args = ["run", "--signals", "signals.ndjson", "--exchange", "ready.json"];

    says(dir.path(), &args, 2, &["--exchange", "--mode sim", "--mode paper"]);
}

fn with_state(dir: &Path, more: &[&str]) -> Ended {
    let args = [&["run", "--signals", "signals.ndjson", "--state", "state"], more].concat();
    run(dir, &args)
}

#[test]
fn a_state_directory_serves_one_engine_at_a_time() {
    let dir = directory();
    let args = ["run", "--signals", "unix:k.sock", "--state", "state"];
    let first = Running::start(dir.path(), &args);
    wait_for("the engine to listen", || first.stderr().contains("listening").then_some(()));

    check(&with_state(dir.path(), &[]), 3, &["state", "another engine", "--state"]);

    first.signal("TERM");
    assert_eq!(first.wait().code, Some(0));
    assert_eq!(with_state(dir.path(), &[]).code, Some(0), "its lock ended with it");
}

#[test]
fn a_state_directory_belongs_to_one_account_and_mode() {
    let dir = directory();
    let other = directory();
    assert_eq!(with_state(dir.path(), &[]).code, Some(0));
    let refused = |more: &[&str], parts: &[&str]| check(&with_state(dir.path(), more), 3, parts);

    refused(&["--mode", "sim"], &["state", "belongs to paper", "--state"]);

    fs::remove_dir_all(dir.path().join("state")).unwrap();
    let _exchange = Exchange::start(dir.path());
    let _another = Exchange::start(other.path());
    let theirs = other.path().join("ready.json").to_str().unwrap().to_owned();
    assert_eq!(
        with_state(dir.path(), &["--mode", "sim", "--exchange", "ready.json"]).code,
        Some(0)
    );
    refused(&["--mode", "sim", "--exchange", &theirs], &["belongs to sim", "--state"]);
}

#[test]
fn runs_against_an_exchange_outside_keep_their_state_in_the_working_directory() {
    let dir = directory();
    let _exchange = Exchange::start(dir.path());
    let args = ["run", "--signals", "signals.ndjson", "--mode", "sim", "--exchange", "ready.json"];

    assert_eq!(run(dir.path(), &args).code, Some(0));

    assert!(dir.path().join("state/owner").exists());
}
