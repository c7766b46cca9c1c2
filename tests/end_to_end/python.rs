//! The Python programs in `examples/` against the real thing. A machine without Python, or
//! without its `cryptography`, skips them and says so.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output};

use crate::account::json;
use crate::books::{name_rsa_key, trade};
use crate::process::{Exchange, Running};
use crate::producer::{Producer, SIGNALS, WIDE};

/// Whether Python runs `probe`; a machine where it does not is told of on standard error, past
/// the test harness, which would keep it to itself.
fn python_can(probe: &str) -> bool {
    let can = Command::new("python3").args(["-c", probe]).output();
    if can.is_ok_and(|output| output.status.success()) {
        return true;
    }
    let line = format!("SKIPPED: python3 cannot run `{probe}`\n");
    std::io::stderr().write_all(line.as_bytes()).expect("standard error is open");
    false
}

#[track_caller]
fn python(dir: &Path, script: &str, args: &[&str]) -> (Option<i32>, String, String) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/python").join(script);
    let Output { status, stdout, stderr } = Command::new("python3")
        .arg(script)
        .args(args)
        .current_dir(dir)
        .output()
        .expect("python3 has just run");
    let text = |bytes| String::from_utf8(bytes).expect("Python prints UTF-8");
    (status.code(), text(stdout), text(stderr))
}

/// Runs `check_books.py` against the exchange of `ready`.
fn check_books(dir: &Path, ready: &str, summary: &str) -> (Option<i32>, String, String) {
    python(dir, "check_books.py", &[ready, summary])
}

#[test]
fn python_finds_the_books_equal_and_finds_every_difference() {
    if !python_can("import cryptography") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let _exchange = Exchange::start(dir.path());
    assert_eq!(trade(dir.path(), "ready.json", "state").code, Some(0));
    name_rsa_key(dir.path());

    for ready in ["ready.json", "ready-rsa.json"] {
        let (code, stdout, stderr) = check_books(dir.path(), ready, "report/summary.json");
        assert_eq!(code, Some(0), "{stdout}{stderr}");
        assert!(stdout.contains(" 0 different"), "{stdout}");
    }
    every_difference_is_found(dir.path());
}

#[track_caller]
fn every_difference_is_found(dir: &Path) {
    let mut wrong = json(&dir.join("report/summary.json"));
    wrong["orders"]["partial"] = 99.into();
    wrong["positions"]["KXNEVER-26JAN01-X"] = 1.into();
    fs::write(dir.join("wrong.json"), wrong.to_string()).expect("the directory is writable");

    let (code, stdout, _) = check_books(dir, "ready.json", "wrong.json");
    assert_eq!(code, Some(1), "{stdout}");
    assert_eq!(stdout.lines().count(), 3, "{stdout}");
    for name in ["orders partial", "position KXNEVER-26JAN01-X", " 2 different"] {
        assert!(stdout.contains(name), "{name} is not in {stdout}");
    }
    assert_eq!(check_books(dir, "ready.json", "missing.json").0, Some(2));
}

#[test]
fn the_python_producer_gets_an_answer_to_each_signal() {
    if !python_can("import socket") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("wide.toml"), WIDE).unwrap();
    let args = ["run", "--signals", "unix:k.sock", "--config", "wide.toml", "--report", "report"];
    let engine = Running::start(dir.path(), &args);
    drop(Producer::connect(&engine, dir.path()));

    let (code, made_up, stderr) = python(dir.path(), "send_signals.py", &["k.sock"]);
    assert_eq!(code, Some(0), "{stderr}");
    let (code, recorded, stderr) = python(dir.path(), "send_signals.py", &["k.sock", SIGNALS]);
    assert_eq!(code, Some(0), "{stderr}");

    assert_eq!(made_up.lines().count(), 2, "{made_up}");
    assert!(made_up.lines().all(|line| line.contains(" of 10 filled")), "{made_up}");
    assert_eq!(recorded.lines().count(), 378);
    engine.signal("TERM");
    assert_eq!(engine.wait().code, Some(0));
    let signals = json(&dir.path().join("report/summary.json"))["signals"].take();
    assert_eq!((&signals["received"], &signals["malformed"]), (&380.into(), &0.into()));
}
