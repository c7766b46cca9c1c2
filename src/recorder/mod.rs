//! Recorder (stage 5 of 5, cold): what happened, kept and told.
//!
//! Reads the [`Record`] rings of intake, oms, gateway and feed; writes result lines to producers,
//! text to the console, counts and latencies to the report. It does not write the journal (the oms
//! does, see [`journal`]). Thread `recorder`; it may allocate and make system calls, and it never
//! blocks on a producer or on a disk. No latency budget: it only must keep
//! up, because records are never dropped and a full ring stalls who fills it.
//!
//! Invariant: a signal's `Received` is counted before its answer, so [`Recorder::in_flight`]
//! never says zero while an answer is due. For that the first input ring is intake's.

pub mod board;
pub mod console;
pub mod feed_links;
pub mod histograms;
pub mod journal;
mod mapping;
pub mod number;
pub mod pack;
pub mod record;
pub mod results;
pub mod sinks;
pub mod spool;
pub mod summary;
pub mod told;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crossbeam::channel::{Receiver, Sender};

use self::board::Board;
use self::console::Console;
use self::histograms::Histograms;
use self::journal::Health;
pub use self::record::Record;
use self::results::{malformed_line, result_line};
use self::sinks::{SinkCounts, Sinks};
use self::summary::{Run, Summary, Tally};
use self::told::{Heard, Told};
use crate::ids::SourceId;
use crate::runtime::clock::Clock;
use crate::runtime::stage::{Stage, Work};
use crate::units::{Nanos, Now, Timestamp};

/// Rounds of the last drain: the other stages have stopped, so two are enough. More means that
/// one has not, and waiting for it would be endless.
const STOP_ROUNDS_MAX: u32 = 16;

/// What the recorder must know of the run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecorderConfig {
    /// Id, mode and start.
    pub run: Run,
    /// `CYCLE_INTERVAL_MS`: the `[Stats]` line counts these.
    pub cycle_interval: Nanos,
    /// The `[Stats]` line comes every so many cycles; 0 for never. The plan's 60.
    pub stats_every_cycles: u64,
}

/// Where the recorder writes.
#[derive(Debug)]
pub struct Outlets {
    /// Result lines.
    pub sinks: Sinks,
    /// Text for people.
    pub console: Console,
    /// How the files of a [`journal::MappedJournal`] are; none in simulation.
    pub journal: Option<Receiver<Health>>,
}

/// What other threads may know while the recorder runs.
#[derive(Debug, Default)]
pub struct Progress {
    in_flight: AtomicU64,
    ended_sources: AtomicU64,
    first_source_ended: AtomicBool,
    drained: AtomicBool,
    journal_failing: AtomicBool,
}

impl Progress {
    /// Whether the oms has reported that nothing rests and nothing is in flight.
    #[must_use]
    pub fn drained(&self) -> bool {
        // Acquire: pairs with the Release in `Recorder::publish`.
        self.drained.load(Ordering::Acquire)
    }

    /// Whether the run's own source (file or standard input, [`SourceId`] 0) has ended. When it
    /// has, [`Self::in_flight`] counts everything it sent.
    #[must_use]
    pub fn first_source_ended(&self) -> bool {
        // Acquire: pairs with the Release in `Recorder::publish`.
        self.first_source_ended.load(Ordering::Acquire)
    }

    /// How many sources have ended.
    #[must_use]
    pub fn ended_sources(&self) -> u64 {
        // Acquire: pairs with the Release in `Recorder::publish`.
        self.ended_sources.load(Ordering::Acquire)
    }

    /// Signals that arrived and are not answered.
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        // Relaxed: published before the flags above, whose Acquire orders this load after them.
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Whether the journal's files make trouble (a full disk, first of all).
    #[must_use]
    pub fn journal_failing(&self) -> bool {
        // Relaxed: a lamp, nothing is ordered by it.
        self.journal_failing.load(Ordering::Relaxed)
    }
}

/// What is left when the recorder is done.
#[derive(Debug)]
pub struct Finished {
    /// Counts and money.
    pub summary: Summary,
    /// Latency.
    pub histograms: Histograms,
    /// Result lines that reached nobody.
    pub lost: SinkCounts,
}

/// The stage.
#[derive(Debug)]
pub struct Recorder<C> {
    config: RecorderConfig,
    clock: C,
    inputs: Vec<rtrb::Consumer<Record>>,
    /// How many records of each input this round takes; kept to not allocate each time.
    ready: Vec<usize>,
    outlets: Outlets,
    tally: Tally,
    board: Board,
    histograms: Histograms,
    began: Timestamp,
    stats_at: Timestamp,
    ended: Vec<SourceId>,
    /// Ended sources whose writers are not let go yet.
    leaving: Vec<SourceId>,
    drained: bool,
    progress: Arc<Progress>,
    listener: Option<Sender<Heard>>,
}

impl<C: Clock> Recorder<C> {
    /// A recorder that reads `inputs`, intake's ring first.
    #[must_use]
    pub fn new(
        config: RecorderConfig,
        clock: C,
        inputs: Vec<rtrb::Consumer<Record>>,
        outlets: Outlets,
    ) -> Self {
        let began = clock.now().mono;
        let mut recorder = Self {
            ready: vec![0; inputs.len()],
            config,
            clock,
            inputs,
            outlets,
            tally: Tally::default(),
            board: Board::default(),
            histograms: Histograms::new(),
            began,
            stats_at: began,
            ended: Vec::new(),
            leaving: Vec::new(),
            drained: false,
            progress: Arc::new(Progress::default()),
            listener: None,
        };
        recorder.stats_at = recorder.next_stats(began);
        recorder
    }

    /// Passes on what the oms tells to those who asked.
    #[must_use]
    pub fn with_listener(mut self, listener: Sender<Heard>) -> Self {
        self.listener = Some(listener);
        self
    }

    /// A view for other threads.
    #[must_use]
    pub fn progress(&self) -> Arc<Progress> {
        Arc::clone(&self.progress)
    }

    /// Whether the oms has reported that nothing rests and nothing is in flight.
    #[must_use]
    pub const fn drained(&self) -> bool {
        self.drained
    }

    /// Sources that have ended, in the order they did.
    #[must_use]
    pub fn ended_sources(&self) -> &[SourceId] {
        &self.ended
    }

    /// Signals that arrived and are not answered.
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        self.tally.in_flight()
    }

    /// Whether result lines wait for a writer.
    #[must_use]
    pub fn is_behind(&self) -> bool {
        self.outlets.sinks.is_behind()
    }

    /// The run as counted so far.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let length = self.clock.now().mono.since(self.began);
        let told = self.board.told(self.clock.now().mono);
        Summary {
            troubles: told,
            reconnect: self.board.reconnects(),
            ..self.tally.summary(&self.config.run, length, &self.histograms)
        }
    }

    /// Latency so far.
    #[must_use]
    pub const fn histograms(&self) -> &Histograms {
        &self.histograms
    }

    /// Takes what is left and says how the run went.
    #[must_use]
    pub fn finish(mut self) -> Finished {
        self.on_stop();
        let summary = self.summary();
        self.outlets.console.finish(&summary, &self.histograms);
        Finished { summary, histograms: self.histograms, lost: self.outlets.sinks.close() }
    }

    /// Notes how much there is, intake's ring last: an answer that is seen now was published
    /// after its signal's `Received`, which therefore is seen too.
    fn look(&mut self) -> Work {
        let mut work = Work::Idle;
        for (ready, input) in self.ready.iter_mut().zip(&self.inputs).rev() {
            *ready = input.slots();
            if *ready > 0 {
                work = Work::Done;
            }
        }
        work
    }

    fn take(&mut self, now: Now) {
        for index in 0..self.inputs.len() {
            for _ in 0..self.ready[index] {
                let Ok(record) = self.inputs[index].pop() else { break };
                self.handle(now, &record);
            }
        }
    }

    fn handle(&mut self, now: Now, record: &Record) {
        self.tally.count(record);
        self.outlets.console.record(now.wall, record);
        match record {
            Record::Span { hop, span } => self.histograms.record(*hop, *span),
            Record::Result(result) => {
                self.outlets.sinks.line(result.source, &result_line(result));
            }
            Record::Malformed { source, line, kind, detail } => {
                self.outlets.sinks.line(*source, &malformed_line(*line, *kind, detail));
            }
            Record::SourceEnded { source } => {
                self.ended.push(*source);
                self.leaving.push(*source);
            }
            Record::Drained => self.drained = true,
            Record::Told(told) => self.pass_on(*told),
            Record::Trouble(news) => {
                if let Some(line) = self.board.note(now, news) {
                    self.outlets.console.alert(now.wall, &line);
                }
            }
            Record::Reconnected { span } => self.board.note_reconnect(*span),
            Record::Received
            | Record::SentAhead
            | Record::Presign { .. }
            | Record::FeedLink(_)
            | Record::OrderSent { .. }
            | Record::OrderEnded { .. }
            | Record::Fill(_)
            | Record::FillVoided(_)
            | Record::Restated(_)
            | Record::Halted { .. }
            | Record::Resumed
            | Record::KillSwitch { .. }
            | Record::Draining
            | Record::Alert { .. }
            | Record::Settled { .. }
            | Record::FinalPnl { .. }
            | Record::FinalPosition { .. }
            | Record::FinalAccount { .. } => {}
        }
    }

    /// What the oms knows and what is counted here make one answer. Who asked may be gone.
    fn pass_on(&self, told: Told) {
        let Some(listener) = &self.listener else { return };
        if matches!(told, Told::Status(_)) {
            drop(listener.send(Heard::Counted(Box::new(self.summary()))));
        }
        drop(listener.send(Heard::Told(told)));
    }

    /// Writes result lines, and lets writers of ended sources go once every signal is answered:
    /// whose signals are still open cannot be told apart, so the last answer decides for all.
    fn write_lines(&mut self, now: Now) {
        let before = self.outlets.sinks.counts();
        self.outlets.sinks.flush();
        let after = self.outlets.sinks.counts();
        if after != before {
            let lines = after.dropped_lines - before.dropped_lines;
            let text = format!("a reader of results is gone or too slow, {lines} lines lost");
            self.outlets.console.trouble(now.wall, &text);
        }
        if self.tally.in_flight() == 0 && !self.leaving.is_empty() {
            let sinks = &mut self.outlets.sinks;
            self.leaving.retain(|source| !sinks.release(*source));
        }
    }

    /// Passes on what was heard of the journal's files.
    fn tell_health(&mut self, now: Now) {
        let Outlets { journal: Some(news), console, .. } = &mut self.outlets else { return };
        for health in news.try_iter() {
            // Relaxed: a lamp, nothing is ordered by it.
            self.progress.journal_failing.store(health.is_some(), Ordering::Relaxed);
            let text = health.map_or_else(
                || "the journal is well again".to_owned(),
                |trouble| format!("failed to {trouble}"),
            );
            console.trouble(now.wall, &text);
        }
    }

    fn publish(&self) {
        let progress = &self.progress;
        // Relaxed: ordered before the flags by their Release.
        progress.in_flight.store(self.tally.in_flight(), Ordering::Relaxed);
        let ended = u64::try_from(self.ended.len()).unwrap_or(u64::MAX);
        // Release, all three: pair with the Acquires in `Progress`.
        progress.ended_sources.store(ended, Ordering::Release);
        let first = self.ended.contains(&SourceId(0));
        progress.first_source_ended.store(first, Ordering::Release);
        progress.drained.store(self.drained, Ordering::Release);
    }

    fn say_stats(&mut self, now: Now) {
        if now.mono < self.stats_at {
            return;
        }
        let cycle_ns = self.config.cycle_interval.ns().max(1);
        let cycles = now.mono.since(self.began).ns() / cycle_ns;
        let tally = &self.tally;
        self.outlets.console.stats(cycles, tally.received(), tally.trades());
        self.stats_at = self.next_stats(now.mono);
    }

    fn next_stats(&self, now: Timestamp) -> Timestamp {
        let ns = self.config.cycle_interval.ns().saturating_mul(self.config.stats_every_cycles);
        if ns == 0 { Timestamp::NEVER } else { now + Nanos::from_ns(ns) }
    }
}

impl<C: Clock> Stage for Recorder<C> {
    const NAME: &'static str = "recorder";

    fn poll(&mut self) -> Work {
        let now = self.clock.now();
        let work = self.look();
        // After looking: a producer attaches before it sends, so whoever is answered below is in.
        self.outlets.sinks.attach_new();
        self.take(now);
        self.write_lines(now);
        self.say_stats(now);
        self.publish();
        self.tell_health(now);
        work
    }

    fn on_stop(&mut self) {
        for _ in 0..STOP_ROUNDS_MAX {
            if self.look() == Work::Idle {
                break;
            }
            let now = self.clock.now();
            self.outlets.sinks.attach_new();
            self.take(now);
        }
        self.write_lines(self.clock.now());
        self.publish();
    }
}
