//! The recorder's place: takes every record off the rings and counts.
//!
//! In: the three rings of records. Out: [`Counts`] that other threads may
//! read at any time, and at the end the histograms of what came after the last reset.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use kalshi_exec::order::State;
use kalshi_exec::recorder::histograms::Histograms;
use kalshi_exec::recorder::record::{ExecutionResult, Outcome, Record};
use kalshi_exec::runtime::ring::Consumer;
use kalshi_exec::runtime::stage::{Stage, Work};

/// What has been recorded so far.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    received: AtomicU64,
    sent: AtomicU64,
    filled_orders: AtomicU64,
    other_results: AtomicU64,
    fills: AtomicU64,
    presign_hits: AtomicU64,
    presign_misses: AtomicU64,
    reset: AtomicBool,
}

/// [`Counts`] at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Signal lines.
    pub(crate) received: u64,
    /// Orders whose bytes left.
    pub(crate) sent: u64,
    /// Results that say "filled".
    pub(crate) filled_orders: u64,
    /// All other results.
    pub(crate) other_results: u64,
    /// Fills booked.
    pub(crate) fills: u64,
    /// Orders sent with a signature made ahead.
    pub(crate) presign_hits: u64,
    /// Orders sent with one made on the spot.
    pub(crate) presign_misses: u64,
}

impl Seen {
    /// Signals with a final answer.
    pub(crate) const fn answered(&self) -> u64 {
        self.filled_orders + self.other_results
    }
}

impl Counts {
    /// All of them now.
    pub(crate) fn seen(&self) -> Seen {
        // Relaxed: counters that order nothing else.
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Seen {
            received: of(&self.received),
            sent: of(&self.sent),
            filled_orders: of(&self.filled_orders),
            other_results: of(&self.other_results),
            fills: of(&self.fills),
            presign_hits: of(&self.presign_hits),
            presign_misses: of(&self.presign_misses),
        }
    }

    /// Forgets all spans recorded so far, and counts from zero. Only while nothing is under way.
    pub(crate) fn reset(&self) {
        // Release, Acquire: pair with those in `Tally::poll`.
        self.reset.store(true, Ordering::Release);
        while self.reset.load(Ordering::Acquire) {
            std::hint::spin_loop();
        }
    }

    fn clear(&self) {
        let all = [
            &self.received,
            &self.sent,
            &self.filled_orders,
            &self.other_results,
            &self.fills,
            &self.presign_hits,
            &self.presign_misses,
        ];
        for count in all {
            count.store(0, Ordering::Relaxed);
        }
    }

    fn count(&self, record: &Record) {
        let count = match record {
            Record::Received => &self.received,
            Record::OrderSent { .. } => &self.sent,
            Record::Result(result) if result.outcome == Outcome::Ended(State::Filled) => {
                &self.filled_orders
            }
            Record::Result(other) => {
                report_other(other);
                &self.other_results
            }
            Record::Fill(_) => &self.fills,
            Record::Presign { hit: true } => &self.presign_hits,
            Record::Presign { hit: false } => &self.presign_misses,
            _ => return,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }
}

/// A run that goes wrong should say why: its assertions only see numbers.
#[expect(clippy::print_stderr, reason = "it is read by whoever looks at a failed test")]
fn report_other(result: &ExecutionResult) {
    eprintln!("signal {}: {:?}, {:?}", result.signal_id, result.outcome, result.error);
}

/// The stage.
pub(crate) struct Tally {
    inputs: Vec<Consumer<Record>>,
    /// Spans since the last reset.
    pub(crate) histograms: Histograms,
    counts: Arc<Counts>,
}

impl Tally {
    /// Counts what comes over `inputs`.
    pub(crate) fn new(inputs: Vec<Consumer<Record>>, counts: Arc<Counts>) -> Self {
        Self { inputs, histograms: Histograms::new(), counts }
    }

    fn take(&mut self) -> Work {
        let mut work = Work::Idle;
        for input in &mut self.inputs {
            while let Ok(record) = input.pop() {
                self.counts.count(&record);
                if let Record::Span { hop, span } = record {
                    self.histograms.record(hop, span);
                }
                work = Work::Done;
            }
        }
        work
    }
}

impl Stage for Tally {
    const NAME: &'static str = "tally";

    fn poll(&mut self) -> Work {
        // Acquire, Release: pair with those in `Counts::reset`.
        let asked = self.counts.reset.load(Ordering::Acquire);
        let work = self.take();
        if asked {
            self.counts.clear();
            self.histograms = Histograms::new();
            self.counts.reset.store(false, Ordering::Release);
        }
        work
    }

    fn on_stop(&mut self) {
        while self.take() == Work::Done {}
    }
}
