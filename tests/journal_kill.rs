//! A `kill -9` costs the journal nothing: what an append promised is there afterwards.
//!
//! The test starts itself as the process that is killed. It has a binary of its own because a
//! process that starts another holds the locks of all its threads for a moment longer.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use kalshi_exec::ids::RunId;
use kalshi_exec::recorder::journal::{
    Entry, Journal, JournalReader, MappedJournal, Opened, SEGMENT_BYTES, StateDir,
};
use kalshi_exec::units::{Money, Now};

/// Set in the process that is to be killed.
const VICTIM_DIR: &str = "KALSHI_EXEC_JOURNAL_KILL_DIR";
const ENTRIES: i64 = 5_000;

fn entry(number: i64) -> Entry {
    Entry::OpeningCash { cash: Money::from_cents(number) }
}

/// Appends, says so, and waits for its end.
fn be_killed(dir: &Path) {
    let state = StateDir::open(dir, "paper").expect("a fresh directory");
    let opened = MappedJournal::open(&state, RunId::new(1), SEGMENT_BYTES).expect("a journal");
    let mut journal = opened.journal;
    for number in 0..ENTRIES {
        journal.append(Now::default(), &entry(number)).expect("room for all of them");
    }
    std::io::stdout().write_all(b"\nappended\n").expect("a pipe");
    // Ends when the parent does, should it die before the kill.
    std::io::stdin().read_to_end(&mut Vec::new()).expect("a pipe");
    std::process::abort();
}

#[test]
fn entries_survive_kill_9() {
    if let Some(dir) = std::env::var_os(VICTIM_DIR) {
        be_killed(Path::new(&dir));
    }
    let dir = tempfile::tempdir().unwrap();
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "entries_survive_kill_9", "--nocapture"])
        .env(VICTIM_DIR, dir.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let said = BufReader::new(victim.stdout.take().unwrap())
        .lines()
        .any(|line| line.unwrap() == "appended");
    assert!(said, "the victim has appended everything");

    let locked = StateDir::open(dir.path(), "paper");
    victim.kill().unwrap();
    assert!(!victim.wait().unwrap().success());

    assert!(locked.is_err(), "the victim held the directory while it lived");
    let read = || -> Vec<Entry> {
        JournalReader::open(dir.path()).unwrap().map(|item| item.unwrap().1).collect()
    };
    let expected: Vec<Entry> = (0..ENTRIES).map(entry).collect();
    assert_eq!(read(), expected);

    let state = StateDir::open(dir.path(), "paper").expect("the lock died with its holder");
    let Opened { mut journal, cut, .. } =
        MappedJournal::open(&state, RunId::new(2), SEGMENT_BYTES).unwrap();
    assert_eq!(cut, None);
    journal.append(Now::default(), &Entry::RunEnded).unwrap();
    let after = read();
    assert_eq!((after.len(), after.last()), (expected.len() + 1, Some(&Entry::RunEnded)));
}
