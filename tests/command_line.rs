//! What the program says when it is used wrongly: an exit code that scripts can rely on, and a
//! text that names the thing and the remedy.
//!
//! 0 done, 1 failed while running, 2 bad usage or configuration, 3 refused for safety. Where a
//! message is the system's own, only the parts that are ours are looked for.
#![cfg(feature = "sim")]

#[path = "command_line/config.rs"]
mod config;
#[path = "command_line/control.rs"]
mod control;
#[path = "command_line/files.rs"]
mod files;
#[path = "command_line/help.rs"]
mod help;
#[path = "command_line/places.rs"]
mod places;
#[path = "end_to_end/process.rs"]
mod process;

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use process::{Ended, run};

/// A directory with a signal file in it.
fn directory() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    write(dir.path(), "signals.ndjson", "");
    dir
}

fn write(dir: &Path, name: &str, text: &str) {
    fs::write(dir.join(name), text).expect("the test's directory is writable");
}

/// Runs the program, expects `code`, and every one of `parts` in what it says.
#[track_caller]
fn says(dir: &Path, args: &[&str], code: i32, parts: &[&str]) {
    check(&run(dir, args), code, parts);
}

#[track_caller]
fn check(ended: &Ended, code: i32, parts: &[&str]) {
    assert_eq!(ended.code, Some(code), "{}", ended.stderr);
    for part in parts {
        assert!(ended.stderr.contains(part), "{part:?} is not in:\n{}", ended.stderr);
    }
    assert_eq!(ended.stdout, "", "what goes wrong is no data");
}

impl process::Running {
    /// Starts the program with these variables and nothing to read.
    fn start_with(dir: &Path, args: &[&str], variables: &[(&str, &str)]) -> Self {
        Self::spawn(dir, args, variables, Stdio::null())
    }

    /// Starts the program with a standard input that stays open.
    fn start_fed(dir: &Path, args: &[&str]) -> Self {
        Self::spawn(dir, args, &[], Stdio::piped())
    }

    /// Writes to its standard input.
    fn feed(&mut self, text: &str) {
        let input = self.child.stdin.as_mut().expect("its input is open");
        input.write_all(text.as_bytes()).expect("it reads");
    }

    /// Ends its standard input.
    fn no_more_input(&mut self) {
        drop(self.child.stdin.take());
    }
}
