//! Sequence numbers of a recording: every message of a subscription is there, or it is no
//! recording.
//!
//! In: `sid` and `seq` of each numbered message in the order of their lines, and which market a
//! snapshot or delta is of. Out: a [`SequenceGap`] where a message is missing. A snapshot, or a
//! subscription that counts from 1 again, starts over; its other markets are unknown until their
//! own snapshots. Messages without numbers are never judged.

use std::collections::BTreeMap;

use serde_json::Value;

/// Most subscriptions in one recording: a recorder makes a handful, and their ids start again
/// with each connection.
const SUBSCRIPTIONS_MAX: usize = 4_096;

/// Messages are missing between two of one subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SequenceGap {
    /// Line number from 1 of the message that does not follow.
    pub line: usize,
    /// Which subscription.
    pub sid: u64,
    /// Number it should have.
    pub expected: u64,
    /// Number it has.
    pub found: u64,
}

impl core::fmt::Display for SequenceGap {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Self { line, sid, expected, found } = self;
        write!(
            f,
            "line {line}: sid {sid} should go on with seq {expected} and has {found}; messages are \
             missing, and the books after them would be wrong: end the recording before this line \
             or record again from a snapshot"
        )
    }
}

/// What a message is to the books.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Numbered {
    /// A market's whole book.
    Snapshot,
    /// Anything else that counts.
    Other,
}

/// One subscription.
#[derive(Clone, Copy, Debug)]
struct Course {
    last: u64,
    /// How often it started over.
    epoch: u32,
    /// Where it last did.
    broken: Option<SequenceGap>,
}

/// From which course of a subscription a market's book is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    sid: u64,
    epoch: u32,
}

/// The courses of all subscriptions.
#[derive(Debug, Default)]
pub(super) struct Sequences {
    by_sid: BTreeMap<u64, Course>,
}

/// Why a message cannot be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unfollowable {
    Gap(SequenceGap),
    TooManySubscriptions,
}

impl Sequences {
    /// Counts a frame. `None` when it has no number.
    pub(super) fn count(
        &mut self,
        line: usize,
        frame: &Value,
        kind: Numbered,
    ) -> Result<Option<Origin>, Unfollowable> {
        let number = |field: &str| frame.get(field).and_then(Value::as_u64);
        let (Some(sid), Some(found)) = (number("sid"), number("seq")) else { return Ok(None) };
        let Some(course) = self.by_sid.get_mut(&sid) else {
            if self.by_sid.len() == SUBSCRIPTIONS_MAX {
                return Err(Unfollowable::TooManySubscriptions);
            }
            self.by_sid.insert(sid, Course { last: found, epoch: 0, broken: None });
            return Ok(Some(Origin { sid, epoch: 0 }));
        };
        let expected = course.last.saturating_add(1);
        if found != expected {
            let gap = SequenceGap { line, sid, expected, found };
            if found != 1 && kind != Numbered::Snapshot {
                return Err(Unfollowable::Gap(gap));
            }
            course.epoch = course.epoch.wrapping_add(1);
            course.broken = Some(gap);
        }
        course.last = found;
        Ok(Some(Origin { sid, epoch: course.epoch }))
    }

    /// Whether a delta of `now` may change a book of `then`: where its subscription started over
    /// since, what is between them is unknown.
    pub(super) fn follows(
        &self,
        then: Option<Origin>,
        now: Option<Origin>,
    ) -> Result<(), Unfollowable> {
        let (Some(then), Some(now)) = (then, now) else { return Ok(()) };
        let broken = self.by_sid.get(&now.sid).and_then(|course| course.broken);
        match broken {
            Some(gap) if then.sid == now.sid && then != now => Err(Unfollowable::Gap(gap)),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::sim::replay::{Recording, RecordingError};

    fn snapshot(market: &str, seq: u64) -> String {
        format!(
            r#"{{"type":"orderbook_snapshot","sid":1,"seq":{seq},"msg":{{"market_ticker":"{market}","ts_ms":1000,"yes_dollars_fp":[["0.4700","10.00"]]}}}}"#
        )
    }

    fn delta(market: &str, seq: u64) -> String {
        format!(
            r#"{{"type":"orderbook_delta","sid":1,"seq":{seq},"msg":{{"market_ticker":"{market}","ts_ms":2000,"side":"yes","price_dollars":"0.4700","delta_fp":"1.00"}}}}"#
        )
    }

    fn parse(lines: &[String]) -> Result<Recording, RecordingError> {
        Recording::parse(&lines.join("\n"))
    }

    #[track_caller]
    fn refusal(lines: &[String]) -> (usize, u64, u64, u64) {
        match parse(lines) {
            Err(RecordingError::Gap(gap)) => (gap.line, gap.sid, gap.expected, gap.found),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_example_is_refused_when_one_of_its_deltas_is_missing() {
        let home = Path::new(env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(home.join("examples/replay-session.jsonl")).unwrap();
        let mut lines: Vec<&str> = text.lines().collect();
        assert!(Recording::parse(&lines.join("\n")).is_ok());
        let of_book = |line: &&str| line.contains(r#""sid":1,"#);
        let place = lines.iter().position(|line| line.contains(r#""seq":100,"#) && of_book(line));
        lines.remove(place.expect("the session has more than a hundred deltas"));

        let error = Recording::parse(&lines.join("\n")).unwrap_err().to_string();

        assert!(error.contains("sid 1 should go on with seq 100 and has 101"), "{error}");
        assert!(error.contains("record again"), "{error}");
    }

    #[test]
    fn acknowledgements_count_and_lines_without_numbers_do_not() {
        let ok = r#"{"type":"ok","id":6,"sid":1,"seq":2}"#.to_owned();
        let fill = r#"{"type":"fill","sid":1,"msg":{}}"#.to_owned();
        let lines = [snapshot("KX-A", 1), ok, fill, delta("KX-A", 3)];
        assert_eq!(parse(&lines).unwrap().events().len(), 2);
        let without = [lines[0].clone(), lines[3].clone()];
        assert_eq!(refusal(&without), (2, 1, 2, 3));
    }

    #[test]
    fn a_snapshot_restarts_its_market_and_no_other() {
        let lines =
            [snapshot("KX-A", 1), snapshot("KX-B", 2), snapshot("KX-A", 7), delta("KX-A", 8)];
        assert_eq!(parse(&lines).unwrap().events().len(), 4);
        let mut lines = lines.to_vec();
        lines.push(delta("KX-B", 9));
        assert_eq!(refusal(&lines), (3, 1, 3, 7), "what KX-B missed is unknown");
    }

    #[test]
    fn a_new_connection_counts_from_one_again() {
        let lines = [snapshot("KX-A", 1), delta("KX-A", 2), snapshot("KX-A", 1), delta("KX-A", 2)];
        assert_eq!(parse(&lines).unwrap().events().len(), 4);
        let lines = [snapshot("KX-A", 1), delta("KX-A", 2), delta("KX-A", 1)];
        assert_eq!(refusal(&lines), (3, 1, 3, 1), "a delta is no beginning");
    }
}
