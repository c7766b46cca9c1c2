//! A recording that is still being written: what it says so far, and then what is added.
//!
//! In: a growing file of plain lines. Out: the books as they stand at its end, then lines, each
//! as soon as it is complete. A line that cannot be used ends it: books that missed
//! something are not books.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;

use crossbeam::channel::{Receiver, Sender, TrySendError, bounded};

use super::file::ReplayFileError;
use super::recording::{RecordedEvent, Recording, RecordingReader};
use crate::runtime::stage::{Stage, Work};

/// Events that wait for whoever trades on them: seconds of the busiest markets.
const WAITING_MAX: usize = 65_536;

/// Lines read in one step.
const LINES_MAX: usize = 256;

/// A line that was added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NewLine {
    /// It says something of a book.
    Event(RecordedEvent),
    /// It says nothing of one, but somebody still writes.
    Other,
}

/// Follows a file on a cold thread.
#[derive(Debug)]
pub struct Follower {
    lines: BufReader<File>,
    reader: RecordingReader,
    /// The line that is not complete yet.
    partial: String,
    number: usize,
    sender: Option<Sender<NewLine>>,
    /// What has been read and not handed over.
    waiting: Option<NewLine>,
}

/// The books of a growing file: as they were at its end, and what comes.
#[derive(Debug)]
pub struct Followed {
    /// One snapshot per market.
    pub so_far: Recording,
    /// Every later line; it ends with the first one that cannot be used.
    pub lines: Receiver<NewLine>,
}

impl Follower {
    /// Reads what there is.
    ///
    /// # Errors
    /// [`ReplayFileError`]: no file, an unusable line, or no snapshot yet.
    pub fn open(path: &Path) -> Result<(Self, Followed), ReplayFileError> {
        let (sender, new_lines) = bounded(WAITING_MAX);
        let mut follower = Self {
            lines: BufReader::new(File::open(path)?),
            reader: RecordingReader::default(),
            partial: String::new(),
            number: 0,
            sender: Some(sender),
            waiting: None,
        };
        while follower.next_line()? {
            follower.reader.drain_events();
        }
        let so_far = follower.reader.so_far()?;
        Ok((follower, Followed { so_far, lines: new_lines }))
    }

    /// Reads one line if it is complete.
    fn next_line(&mut self) -> Result<bool, ReplayFileError> {
        let read = self.lines.read_line(&mut self.partial)?;
        if read == 0 || !self.partial.ends_with('\n') {
            return Ok(false);
        }
        self.number += 1;
        let line = core::mem::take(&mut self.partial);
        self.reader.line(self.number, &line)?;
        Ok(true)
    }

    /// Reads on for a bounded while.
    fn read_on(&mut self) -> Result<Work, ReplayFileError> {
        let mut work = Work::Idle;
        for _ in 0..LINES_MAX {
            if !self.pass_on() || !self.next_line()? {
                break;
            }
            let mut events = self.reader.drain_events();
            debug_assert!(events.len() <= 1, "Invariant: one line is one event");
            self.waiting = Some(events.pop().map_or(NewLine::Other, NewLine::Event));
            work = Work::Done;
        }
        self.pass_on();
        Ok(work)
    }

    /// Hands over what has been read. Whether all of it had room.
    fn pass_on(&mut self) -> bool {
        let Some(sender) = &self.sender else { return false };
        let Some(line) = self.waiting.take() else { return true };
        match sender.try_send(line) {
            Ok(()) => true,
            Err(TrySendError::Full(line)) => {
                self.waiting = Some(line);
                false
            }
            Err(TrySendError::Disconnected(_)) => {
                self.sender = None;
                false
            }
        }
    }
}

impl Stage for Follower {
    const NAME: &'static str = "book";

    fn poll(&mut self) -> Work {
        if self.sender.is_none() {
            return Work::Idle;
        }
        self.read_on().unwrap_or_else(|error| {
            tracing::error!(%error, "the followed book ends here");
            self.sender = None;
            Work::Idle
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;
    use crate::sim::replay::RecordedChange;

    const SNAPSHOT: &str = r#"{"type":"orderbook_snapshot","msg":{"market_ticker":"KX-A","ts_ms":1000,"yes_dollars_fp":[["0.4700","10.00"]],"no_dollars_fp":[]}}"#;

    fn delta(ms: u32, centis: &str) -> String {
        format!(
            r#"{{"type":"orderbook_delta","msg":{{"market_ticker":"KX-A","ts_ms":{ms},"side":"yes","price_dollars":"0.4700","delta_fp":"{centis}"}}}}"#
        )
    }

    struct Growing {
        file: tempfile::NamedTempFile,
        follower: Follower,
        followed: Followed,
    }

    impl Growing {
        fn new(text: &str) -> Self {
            let mut file = tempfile::NamedTempFile::new().unwrap();
            file.write_all(text.as_bytes()).unwrap();
            let (follower, followed) = Follower::open(file.path()).unwrap();
            Self { file, follower, followed }
        }

        fn add(&mut self, text: &str) -> Vec<RecordedEvent> {
            self.file.write_all(text.as_bytes()).unwrap();
            while self.follower.poll() == Work::Done {}
            let event = |line| match line {
                NewLine::Event(event) => Some(event),
                NewLine::Other => None,
            };
            self.followed.lines.try_iter().filter_map(event).collect()
        }
    }

    #[test]
    fn what_is_there_is_one_snapshot_and_what_comes_are_events() {
        let mut growing = Growing::new(&format!("{SNAPSHOT}\n{}\n", delta(1_500, "-4.00")));
        let [event] = growing.followed.so_far.events() else { panic!("one market, one snapshot") };
        let RecordedChange::Snapshot(bids, asks) = &event.change else { panic!("a snapshot") };
        assert_eq!((bids.values().sum::<u64>(), asks.len()), (600, 0));

        let added = growing.add(&format!("{}\n", delta(2_000, "1.00")));

        assert_eq!(added.len(), 1);
        assert_eq!(added[0].time.unix_ms(), 2_000);
    }

    #[test]
    fn a_line_counts_once_it_is_complete() {
        let mut growing = Growing::new(&format!("{SNAPSHOT}\n"));
        let line = delta(2_000, "1.00");
        let (start, end) = line.split_at(40);
        assert_eq!(growing.add(start), []);
        assert_eq!(growing.add(end), []);
        assert_eq!(growing.add("\n").len(), 1);
    }

    #[test]
    fn a_line_that_cannot_follow_ends_the_book() {
        let mut growing = Growing::new(&format!("{SNAPSHOT}\n"));
        assert_eq!(growing.add(&format!("{}\n", delta(2_000, "-99.00"))), []);
        assert_eq!(growing.add(&format!("{}\n", delta(3_000, "1.00"))), []);
        assert!(growing.followed.lines.try_recv().is_err_and(|error| error.is_disconnected()));
    }

    #[test]
    fn a_line_that_is_no_event_still_shows_that_somebody_writes() {
        let mut growing = Growing::new(&format!("{SNAPSHOT}\n"));
        growing.file.write_all(b"{\"recv_ts_ms\":2000}\n").unwrap();
        while growing.follower.poll() == Work::Done {}
        assert_eq!(growing.followed.lines.try_recv(), Ok(NewLine::Other));
    }

    #[test]
    fn a_lost_delta_ends_the_book() {
        let numbered = |line: &str, seq: u32| {
            line.replacen(r#","msg""#, &format!(r#","sid":1,"seq":{seq},"msg""#), 1)
        };
        let mut growing = Growing::new(&format!("{}\n", numbered(SNAPSHOT, 1)));
        assert_eq!(growing.add(&format!("{}\n", numbered(&delta(2_000, "1.00"), 2))).len(), 1);
        assert_eq!(growing.add(&format!("{}\n", numbered(&delta(3_000, "1.00"), 4))), []);
        assert!(growing.followed.lines.try_recv().is_err_and(|error| error.is_disconnected()));
    }

    #[test]
    fn a_file_without_a_snapshot_is_no_book() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = Follower::open(file.path()).unwrap_err();
        assert_eq!(error.to_string(), "replay it: no orderbook_snapshot in it");
    }
}
