//! The stage, polled on one thread under a clock that the test moves.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use crossbeam::channel::{Receiver, Sender, unbounded};

use super::journal::{Entry, Health, Journal, JournalCare, MappedJournal, Opened, StateDir};
use super::pack::sample::Dice;
use super::record::{ExecutionResult, Hop, Outcome};
use super::sinks::Attachment;
use super::*;
use crate::ids::RunId;
use crate::order::State;
use crate::units::WallTime;

#[derive(Clone, Default)]
struct TestClock(Arc<Mutex<Now>>);

impl TestClock {
    fn advance(&self, span: Nanos) {
        let mut now = self.0.lock().unwrap();
        now.mono = now.mono + span;
        now.wall = now.wall + span;
    }
}

impl Clock for TestClock {
    fn now(&self) -> Now {
        *self.0.lock().unwrap()
    }
}

/// A writer whose end the test can see.
#[derive(Clone, Default)]
struct Wire(Arc<Mutex<Vec<u8>>>);

impl Wire {
    fn lines(&self) -> Vec<String> {
        String::from_utf8(self.0.lock().unwrap().clone())
            .unwrap()
            .lines()
            .map(String::from)
            .collect()
    }

    fn is_closed(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Bench {
    recorder: Recorder<TestClock>,
    clock: TestClock,
    intake: rtrb::Producer<Record>,
    oms: rtrb::Producer<Record>,
    attach: Sender<Attachment>,
    file: Wire,
    screen: Wire,
}

fn bench(journal: Option<Receiver<Health>>) -> Bench {
    bench_at(TestClock::default(), journal)
}

fn bench_at(clock: TestClock, journal: Option<Receiver<Health>>) -> Bench {
    let (intake, from_intake) = rtrb::RingBuffer::new(64);
    let (oms, from_oms) = rtrb::RingBuffer::new(64);
    let (attach, attachments) = unbounded();
    let (file, screen) = (Wire::default(), Wire::default());
    let outlets = Outlets {
        sinks: Sinks::new(Some(Box::new(file.clone())), attachments),
        console: Console::new(Box::new(screen.clone()), console::Style::Plain),
        journal,
    };
    let config = RecorderConfig {
        run: Run {
            id: RunId::new(1),
            mode: "paper".to_owned(),
            started: WallTime::from_unix_ms(0),
        },
        cycle_interval: Nanos::from_secs(1),
        stats_every_cycles: 60,
    };
    let recorder = Recorder::new(config, clock.clone(), vec![from_intake, from_oms], outlets);
    Bench { recorder, clock, intake, oms, attach, file, screen }
}

fn answer(source: u32) -> Record {
    Record::Result(ExecutionResult {
        source: SourceId(source),
        outcome: Outcome::Ended(State::Filled),
        cost: crate::units::Money::ZERO,
        fees: crate::units::Money::ZERO,
        ..Dice::new(4).any()
    })
}

#[test]
fn an_idle_recorder_says_so() {
    let mut bench = bench(None);
    assert_eq!(bench.recorder.poll(), Work::Idle);
    bench.oms.push(Record::Resumed).unwrap();
    assert_eq!(bench.recorder.poll(), Work::Done);
    assert_eq!(bench.recorder.poll(), Work::Idle);
}

#[test]
fn the_run_is_over_when_the_source_ended_and_everything_is_answered() {
    let mut bench = bench(None);
    let progress = bench.recorder.progress();
    bench.intake.push(Record::Received).unwrap();
    bench.intake.push(Record::SourceEnded { source: SourceId(0) }).unwrap();
    let _work = bench.recorder.poll();
    assert!(progress.first_source_ended());
    assert_eq!((progress.in_flight(), progress.ended_sources(), progress.drained()), (1, 1, false));
    assert_eq!(bench.recorder.ended_sources(), [SourceId(0)]);

    bench.oms.push(answer(0)).unwrap();
    bench.oms.push(Record::Drained).unwrap();
    let _work = bench.recorder.poll();
    assert_eq!((progress.in_flight(), progress.drained()), (0, true));
    assert!(bench.recorder.drained());
    assert_eq!(bench.file.lines().len(), 1);
}

#[test]
fn a_producer_hears_its_answers_and_then_the_end() {
    let mut bench = bench(None);
    let producer = Wire::default();
    bench.attach.send((SourceId(1), Box::new(producer.clone()))).unwrap();
    bench.intake.push(Record::Received).unwrap();
    bench.intake.push(Record::SourceEnded { source: SourceId(1) }).unwrap();
    let _work = bench.recorder.poll();
    assert!(!producer.is_closed(), "an answer is due");

    bench.oms.push(answer(1)).unwrap();
    bench.oms.push(answer(2)).unwrap();
    let _work = bench.recorder.poll();
    assert_eq!(producer.lines().len(), 1);
    assert!(producer.is_closed());
    assert_eq!(bench.file.lines().len(), 2);
}

#[test]
fn spans_become_percentiles_and_stats_come_on_time() {
    let mut bench = bench(None);
    bench.oms.push(Record::Span { hop: Hop::Risk, span: Nanos::from_ns(400) }).unwrap();
    bench.clock.advance(Nanos::from_secs(60));
    let _work = bench.recorder.poll();
    let _work = bench.recorder.poll();
    assert_eq!(bench.screen.lines(), ["[Stats] Cycles: 60 | Signals: 0 | Trades: 0"]);

    bench.oms.push(Record::Span { hop: Hop::Risk, span: Nanos::from_ns(400) }).unwrap();
    let finished = bench.recorder.finish();
    assert_eq!(finished.summary.hops["risk"].count, 2, "what was in the ring at the end counts");
    assert_eq!(finished.summary.hops["risk"].p50, 400);
    assert_eq!(finished.summary.duration_ms, 60_000);
}

/// A journal of small segments in `dir`, and its care under a clock of its own.
fn cared_for(dir: &std::path::Path) -> (MappedJournal, JournalCare<TestClock>, Bench) {
    let state = StateDir::open(dir, "paper").unwrap();
    let Opened { journal, keeper, .. } =
        MappedJournal::open(&state, RunId::new(1), 8 * journal::FRAME_BYTES_MAX).unwrap();
    let clock = TestClock::default();
    let (care, news) = JournalCare::new(keeper, clock.clone());
    (journal, care, bench_at(clock, Some(news)))
}

#[test]
fn the_journal_goes_on_as_long_as_it_is_cared_for() {
    let dir = tempfile::tempdir().unwrap();
    let (mut journal, mut care, mut bench) = cared_for(dir.path());
    let mut dice = Dice::new(1);
    for _ in 0..200 {
        let entry = Entry::Signal(dice.any());
        journal.append(bench.clock.now(), &entry).unwrap();
        bench.clock.advance(Nanos::from_secs(2));
        let _work = care.poll();
        let _work = bench.recorder.poll();
    }
    assert!(!bench.recorder.progress().journal_failing());
    drop(journal);
    assert!(care.into_keeper().finish().is_ok());
    assert_eq!(journal::JournalReader::open(dir.path()).unwrap().count(), 200);
}

#[test]
fn a_journal_without_room_is_told_once() {
    let dir = tempfile::tempdir().unwrap();
    let (mut journal, mut care, mut bench) = cared_for(dir.path());
    // The next segment's name is taken: it cannot be made, as on a full disk.
    std::fs::write(dir.path().join("journal-00000003.kxj"), "").unwrap();
    let mut dice = Dice::new(1);
    let halted = (0..200).any(|_| {
        bench.clock.advance(Nanos::from_secs(2));
        let _work = care.poll();
        let _work = bench.recorder.poll();
        let entry = Entry::Signal(dice.any());
        journal.append(bench.clock.now(), &entry).is_err()
    });

    assert!(halted, "the oms is told when its segment is full");
    assert!(bench.recorder.progress().journal_failing());
    assert_eq!(bench.screen.lines().iter().filter(|line| line.contains("RECORDER")).count(), 1);
}

#[test]
fn records_are_taken_while_the_journal_waits_for_its_disk() {
    let dir = tempfile::tempdir().unwrap();
    // Nobody polls the care: its thread is in a system call.
    let (_journal, _care, mut bench) = cared_for(dir.path());
    bench.intake.push(Record::Received).unwrap();
    assert_eq!(bench.recorder.poll(), Work::Done);
    assert_eq!(bench.recorder.in_flight(), 1);
}
