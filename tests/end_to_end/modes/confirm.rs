//! The word on a terminal. Python's `pty` makes one; a machine without Python skips and says so.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use super::{PROFILE, arguments, prepare, read};
use crate::process::Exchange;

/// Runs its arguments on a terminal of their own, types standard input there, and ends with
/// their exit code.
const ON_A_TERMINAL: &str =
    "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))";

/// Runs live on a terminal on which `typed` is typed; the exit code and what the screen showed.
/// `None` where there is no Python.
fn on_a_terminal(dir: &Path, typed: &str) -> Option<(Option<i32>, String)> {
    let screen = dir.join("screen");
    let mut python = Command::new("python3")
        .args(["-c", ON_A_TERMINAL, env!("CARGO_BIN_EXE_kalshi-exec")])
        .args(arguments("live", &[]))
        .current_dir(dir)
        .env(PROFILE.0, PROFILE.1)
        .stdin(Stdio::piped())
        .stdout(File::create(&screen).expect("the test's directory is writable"))
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let mut keyboard = python.stdin.take().expect("it is piped");
    keyboard.write_all(typed.as_bytes()).expect("the terminal takes it");
    let status = python.wait().expect("a child can be waited for");
    drop(keyboard);
    Some((status.code(), read(dir, "screen")))
}

fn stage() -> (tempfile::TempDir, Exchange) {
    let dir = tempfile::tempdir().expect("a directory");
    let exchange = Exchange::start(dir.path());
    prepare(dir.path());
    (dir, exchange)
}

/// Past the test harness, which would keep it to itself.
fn skipped() {
    let line = "SKIPPED: there is no python3 to make a terminal\n";
    std::io::stderr().write_all(line.as_bytes()).expect("standard error is open");
}

#[test]
fn confirm_on_a_terminal_starts_live_trading() {
    let (dir, _exchange) = stage();
    let Some((code, screen)) = on_a_terminal(dir.path(), "CONFIRM\n") else { return skipped() };

    assert_eq!(code, Some(0), "{screen}");
    assert!(screen.contains("LIVE TRADING WITH REAL MONEY"), "{screen}");
    assert!(read(dir.path(), "report/summary.json").contains("\"mode\": \"live\""));
}

#[test]
fn anything_else_on_a_terminal_is_refused() {
    for typed in ["confirm\n", "yes\n", "\n"] {
        let (dir, _exchange) = stage();
        let Some((code, screen)) = on_a_terminal(dir.path(), typed) else { return skipped() };

        assert_eq!(code, Some(3), "{screen}");
        assert!(screen.contains("was not confirmed"), "{screen}");
        assert!(!dir.path().join("state").exists(), "nothing was begun");
    }
}

#[test]
fn what_stands_in_the_way_is_told_before_the_word_is_asked() {
    let (dir, _exchange) = stage();
    std::fs::write(dir.path().join("ready.json"), "{}").unwrap();
    let Some((code, screen)) = on_a_terminal(dir.path(), "") else { return skipped() };

    assert_eq!(code, Some(3), "{screen}");
    assert!(!screen.contains("LIVE TRADING"), "{screen}");
}
