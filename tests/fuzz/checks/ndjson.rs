//! Signals: whatever a producer sends, each line gets one answer, and cutting changes nothing.
//!
//! In: a byte that says how to cut, and what a producer might write. Fails when a stream cut in
//! pieces gives other signals than the whole, or when a line is neither passed on nor answered.

use kalshi_exec::ids::SourceId;
use kalshi_exec::intake::{Intake, IntakeConfig, NewSource, Source, decode_line};
use kalshi_exec::message::Signal;
use kalshi_exec::recorder::record::Record;
use kalshi_exec::runtime::clock::Clock;
use kalshi_exec::runtime::stage::{Stage, Work};
use kalshi_exec::units::{Now, Timestamp};
use rtrb::RingBuffer;

/// Most polls an input can need: each does a step, and a step takes a byte or answers a line.
const POLLS_MAX: usize = 1 << 20;

/// Checks one input.
pub(crate) fn check(data: &[u8]) {
    let [cut, bytes @ ..] = data else { return };
    assert!(decode_line(bytes).is_err() || bytes.contains(&b'{'), "a signal out of nothing");
    let whole = run(bytes, bytes.len().max(1));
    let pieces = run(bytes, usize::from(*cut) % 61 + 1);
    assert_eq!(whole, pieces, "the way of cutting shows");
    assert_eq!(whole.received, whole.passed.len() + whole.answered, "a line without its answer");
}

/// What came of a stream.
#[derive(Debug, Default, PartialEq, Eq)]
struct Outcome {
    passed: Vec<String>,
    received: usize,
    answered: usize,
    malformed: Vec<u64>,
}

/// Time stands where it is set: past every linger, so that cycles close.
#[derive(Clone, Debug)]
struct Late;

impl Clock for Late {
    fn now(&self) -> Now {
        Now { mono: Timestamp::from_ns(1_000_000_000), ..Now::default() }
    }
}

fn run(bytes: &[u8], piece: usize) -> Outcome {
    let (to_oms, mut signals) = RingBuffer::<Signal>::new(64);
    let (to_recorder, mut records) = RingBuffer::new(256);
    let (mut sources, new_sources) = RingBuffer::new(1);
    let mut intake = Intake::new(IntakeConfig::default(), Late, to_oms, to_recorder, new_sources);
    let pieces = bytes.chunks(piece).map(|piece| (Timestamp::ZERO, piece.to_vec())).collect();
    let source = NewSource::new(SourceId(1), Source::scheduled(pieces));
    assert!(sources.push(source).is_ok(), "the ring is empty");
    let mut outcome = Outcome::default();
    for _ in 0..POLLS_MAX {
        let _work: Work = intake.poll();
        while let Ok(signal) = signals.pop() {
            outcome.passed.push(format!("{signal:?}"));
        }
        while let Ok(record) = records.pop() {
            match record {
                Record::Received => outcome.received += 1,
                Record::Result(_) => outcome.answered += 1,
                Record::Malformed { line, .. } => {
                    outcome.malformed.push(line);
                    outcome.answered += 1;
                }
                Record::SourceEnded { .. } => return outcome,
                _ => {}
            }
        }
    }
    panic!("the stream does not end");
}
