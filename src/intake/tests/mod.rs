//! The stage as a whole, under a virtual clock: bytes in, signals and records out.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rtrb::{Consumer, Producer, RingBuffer};

use crate::ids::SourceId;
use crate::message::Signal;
use crate::recorder::record::{ExecutionResult, Outcome, Record};
use crate::risk::Limit;
use crate::runtime::clock::Clock;
use crate::runtime::stage::{Stage, Work};
use crate::units::{Now, Timestamp};

use super::{Intake, IntakeConfig, NewSource, Source};

mod backpressure;
mod bounds;
mod closing;
mod cycles;
mod decoding;
mod differential;
mod lines;
mod pacing;
mod sockets;

/// A clock that stands still until it is set.
#[derive(Clone, Debug, Default)]
struct TestClock(Arc<AtomicU64>);

impl TestClock {
    fn set(&self, ns: u64) {
        self.0.store(ns, Ordering::Relaxed);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Now {
        Now { mono: Timestamp::from_ns(self.0.load(Ordering::Relaxed)), ..Now::default() }
    }
}

/// The stage with both ends of its rings.
struct Bench {
    clock: TestClock,
    intake: Intake<TestClock>,
    sources: Producer<NewSource>,
    signals: Consumer<Signal>,
    records: Consumer<Record>,
    closing: Arc<AtomicBool>,
}

impl Bench {
    fn new(config: IntakeConfig) -> Self {
        Self::with_rings(config, 64, 256)
    }

    fn with_rings(config: IntakeConfig, signals: usize, records: usize) -> Self {
        let clock = TestClock::default();
        let (to_oms, signals) = RingBuffer::new(signals);
        let (to_recorder, records) = RingBuffer::new(records);
        let (sources, new_sources) = RingBuffer::new(64);
        let closing = Arc::new(AtomicBool::new(false));
        let mut intake = Intake::new(config, clock.clone(), to_oms, to_recorder, new_sources)
            .with_closing(Arc::clone(&closing));
        intake.on_start();
        Self { clock, intake, sources, signals, records, closing }
    }

    fn add(&mut self, id: u32, source: Source) {
        self.sources.push(NewSource::new(SourceId(id), source)).expect("room for a source");
    }

    /// Polls until there is nothing left to do, and collects what came out.
    fn settle(&mut self) -> Output {
        let mut output = Output::default();
        while self.intake.poll() == Work::Done {
            self.collect(&mut output);
        }
        output
    }

    fn collect(&mut self, output: &mut Output) {
        while let Ok(signal) = self.signals.pop() {
            output.signals.push(signal);
        }
        while let Ok(record) = self.records.pop() {
            output.records.push(record);
        }
    }
}

/// What came out of the stage.
#[derive(Clone, Debug, Default)]
struct Output {
    signals: Vec<Signal>,
    records: Vec<Record>,
}

impl Output {
    /// Ids of the signals passed on, in order.
    fn passed(&self) -> Vec<&str> {
        self.signals.iter().map(|signal| signal.id.as_str()).collect()
    }

    fn results(&self) -> impl Iterator<Item = &ExecutionResult> {
        self.records.iter().filter_map(|record| match record {
            Record::Result(result) => Some(result),
            _ => None,
        })
    }

    /// `id limit value/bound` of every refusal, in order.
    fn refused(&self) -> Vec<String> {
        let refusal = |result: &ExecutionResult| match result.outcome {
            Outcome::Refused(why) => {
                Some(format!("{} {} {}/{}", result.signal_id, why.limit, why.value, why.bound))
            }
            _ => None,
        };
        self.results().filter_map(refusal).collect()
    }

    fn refused_by(&self, limit: Limit) -> usize {
        let name = format!(" {limit} ");
        self.refused().iter().filter(|refusal| refusal.contains(&name)).count()
    }

    fn not_tradeable(&self) -> usize {
        self.results().filter(|result| result.outcome == Outcome::NotTradeable).count()
    }

    /// `line code: detail` of every malformed line, in order.
    fn malformed(&self) -> Vec<String> {
        let told = |record: &Record| match record {
            Record::Malformed { line, kind, detail, .. } => {
                Some(format!("{line} {}: {detail}", kind.as_str()))
            }
            _ => None,
        };
        self.records.iter().filter_map(told).collect()
    }

    fn received(&self) -> usize {
        self.records.iter().filter(|record| **record == Record::Received).count()
    }

    fn ended(&self) -> Vec<u32> {
        let source = |record: &Record| match record {
            Record::SourceEnded { source } => Some(source.0),
            _ => None,
        };
        self.records.iter().filter_map(source).collect()
    }

    /// Every line and member has one receipt and one answer or signal.
    #[track_caller]
    fn check_answered(&self) {
        let answers = self.results().count() + self.malformed().len() + self.signals.len();
        assert_eq!(self.received(), answers, "one answer per line");
    }
}

/// Runs finite bytes through a fresh stage with the defaults.
fn run(bytes: impl AsRef<[u8]>) -> Output {
    let mut bench = Bench::new(IntakeConfig::default());
    bench.add(0, Source::memory(bytes.as_ref()));
    let output = bench.settle();
    output.check_answered();
    assert_eq!(output.ended(), [0], "the source ends once");
    output
}

/// A tradeable line without a cycle.
fn line(id: &str) -> String {
    cycle_line(id, "null", "7")
}

/// A tradeable line of a cycle with an edge.
fn cycle_line(id: &str, cycle: &str, edge: &str) -> String {
    format!(
        "{{\"id\":\"{id}\",\"cycle\":{cycle},\"should_trade\":true,\"action\":\"BUY_YES\",\
         \"kalshi\":{{\"ticker\":\"KXNFL-26JAN11-BUF\",\"yes_ask\":48,\"no_ask\":53}},\
         \"edge\":{{\"cents\":{edge},\"percent\":14.6}},\
         \"confidence\":{{\"score\":75,\"tier\":\"HIGH\"}},\
         \"position\":{{\"contracts\":25,\"risk_amount\":1200}}}}\n"
    )
}
