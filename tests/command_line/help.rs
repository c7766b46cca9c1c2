//! The program teaches its own use.

use crate::process::run;
use crate::{check, directory, says};

#[test]
fn help_shows_examples_and_exit_codes() {
    let dir = directory();

    let help = run(dir.path(), &["--help"]);

    assert_eq!((help.code, help.stderr.as_str()), (Some(0), ""));
    let commands = [
        "run",
        "sim",
        "config",
        "status",
        "halt",
        "resume",
        "cancel-all",
        "positions",
        "orders",
        "report",
        "export",
    ];
    let examples = [
        "kalshi-exec run --mode sim --signals examples/worldcup-signals.ndjson",
        "--config examples/worldcup.toml",
        "kalshi-exec run --signals unix:/tmp/kalshi.sock",
        "python3 examples/python/send_signals.py /tmp/kalshi.sock",
        "kalshi-exec sim --ready-file ready.json",
        "kalshi-exec status",
        "kalshi-exec halt prices look wrong",
        "kalshi-exec config --config",
    ];
    let codes = ["0 done", "1 failed while running", "2 bad usage", "3 refused for safety"];
    for part in commands.iter().chain(&examples).chain(&codes) {
        assert!(help.stdout.contains(part), "{part:?} is not in:\n{}", help.stdout);
    }
    assert!(help.stdout.lines().all(|line| line.len() <= 100), "fits a terminal");
}

#[test]
fn help_of_each_command_names_its_options() {
    let dir = directory();
    let options: [(&str, &[&str]); 8] = [
        (
            "run",
            &["--mode", "--signals", "--results", "--config", "--report", "--exchange", "--book"],
        ),
        (
            "sim",
            &["--listen", "--ready-file", "--keys", "--markets", "--seed", "--replay", "--faults"],
        ),
        ("config", &["--config", "--format", "--mode", "command line > environment > .env"]),
        ("status", &["--state", "--format", "control.sock", "Exit codes"]),
        ("halt", &["REASON", "--state", "kill -USR1", "STATE/halt", "resume"]),
        ("report", &["--format", "text", "json", "html"]),
        ("export", &["--format", "csv", "ndjson"]),
        ("paper-check", &["--seed", "--seeds"]),
    ];
    for (command, parts) in options {
        let help = run(dir.path(), &[command, "--help"]);
        assert_eq!(help.code, Some(0), "{command}");
        for part in parts {
            assert!(help.stdout.contains(part), "{command}: {part}");
        }
    }
}

#[test]
fn paper_fills_are_shown_beside_an_exchanges() {
    let dir = directory();

    let table = run(dir.path(), &["paper-check", "--seeds", "1"]);

    assert_eq!(table.code, Some(0), "{}", table.stderr);
    let ways = ["model", "book", "exchange"].repeat(2);
    let lines: Vec<&str> = table.stdout.lines().skip(1).collect();
    assert_eq!(lines.len(), ways.len());
    for (line, way) in lines.iter().zip(ways) {
        assert_eq!(line.split_whitespace().nth(3), Some(way), "{line}");
    }
}

#[test]
fn the_version_is_the_packages() {
    let dir = directory();

    let version = run(dir.path(), &["--version"]);

    assert_eq!(version.code, Some(0));
    assert_eq!(version.stdout, format!("kalshi-exec {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn bad_usage_exits_2_and_points_to_the_help() {
    let dir = directory();
    let say = |args: &[&str], parts: &[&str]| says(dir.path(), args, 2, parts);

    say(&[], &["Usage: kalshi-exec <COMMAND>"]);
    say(&["trade"], &["trade", "--help"]);
    say(&["run", "--sinals", "x"], &["--sinals", "--signals"]);
    say(&["run", "--mode", "real"], &["real", "paper, sim, demo, live"]);
    say(&["run", "--pace", "fast"], &["fast", "none, cycle, recorded"]);
    say(&["run", "--seed", "many"], &["many", "--seed"]);
    say(&["export", "journal"], &["--format"]);
    say(&["report", ".", "--format", "pdf"], &["pdf", "text, json, html"]);
    say(&["sim", "--listen", "here"], &["here", "--listen"]);
}

#[test]
fn real_orders_without_an_account_are_refused_for_safety() {
    let dir = directory();
    let args = |mode| ["run", "--mode", mode, "--signals", "signals.ndjson"];

    for mode in ["live", "demo"] {
        let ended = run(dir.path(), &args(mode));
        check(&ended, 3, &["refused for safety", mode, "KALSHI_API_KEY_ID", "key file: none"]);
    }
}
