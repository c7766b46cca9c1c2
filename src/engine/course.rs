//! The course of one run: start threads, wait until trading is possible, let signals in, wait for
//! their end or an interrupt, drain, stop, report.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::plant::{OWN_SOURCE, Plant};
use super::threads::Threads;
use super::{EngineError, RunOptions};
use crate::intake::Listener;
use crate::intake::SignalSource;
use crate::intake::{NewSource, Source};
use crate::message::ControlCommand;
use crate::recorder::journal::copy_run;
use crate::recorder::summary::Summary;
use crate::recorder::{Finished, Progress};
use crate::report;
use crate::runtime::clock::{Clock, SystemClock};
use crate::runtime::ring::Producer;
use crate::runtime::signals::Interrupts;
use crate::runtime::stage::Stage;
use crate::runtime::thread::{Stop, ThreadPlan, spawn, spawn_stage};
use crate::runtime::wait::pause;
use crate::units::{Nanos, Timestamp};

/// How often the course looks at what the threads have come to.
const LOOK_EVERY: Nanos = Nanos::from_us(500);

/// How long connections, feed and backfill may take before the exchange counts as unreachable:
/// three dial timeouts.
const READY_WAIT: Nanos = Nanos::from_secs(15);

/// How much longer than the oms's own bound a drain may take: it ends by itself before that.
const DRAIN_SLACK: Nanos = Nanos::from_secs(5);

/// Where signals come from, opened before anything else starts so that a wrong name is told at
/// once.
pub(super) enum Inlet {
    /// A file or standard input: its end ends the run.
    Finite(Source),
    /// Producers come and go: an interrupt ends the run.
    Listening(Listener),
}

impl Inlet {
    pub(super) fn open(options: &RunOptions) -> Result<Self, EngineError> {
        Ok(match &options.signals {
            SignalSource::File(path) => Self::Finite(Source::open(path)?),
            SignalSource::Stdin => Self::Finite(Source::stdin().map_err(|error| {
                EngineError::Usage(format!("cannot read standard input: {error}"))
            })?),
            SignalSource::Listen(endpoint) => Self::Listening(Listener::bind(endpoint)?),
        })
    }
}

/// A run about to start.
pub(super) struct Course<'a> {
    pub(super) options: &'a RunOptions,
    pub(super) interrupts: &'a Interrupts,
    pub(super) inlet: Inlet,
    pub(super) stop: Stop,
    /// Cold services that already run.
    pub(super) threads: Threads,
}

impl Course<'_> {
    /// Runs to the end. The summary is there even when trading had to stop early; the error says
    /// why the run could not be had at all.
    pub(super) fn follow<G: Stage + 'static, F: Stage + 'static>(
        mut self,
        plant: Plant,
        (gateway, feed): (G, F),
    ) -> Result<Summary, EngineError> {
        let Plant { run, clock, intake, oms, recorder, new_sources, control, .. } = plant;
        let machine = &self.options.config.machine;
        let progress = recorder.progress();
        // The recorder outlives the others: it takes what they leave.
        let recorder_stop = Stop::new();
        let cold = ThreadPlan { core: machine.cores.cold, ..ThreadPlan::cold("recorder") };
        let recorder = spawn_stage(cold, recorder, &recorder_stop)?;
        self.threads.start_hot((intake, oms, gateway, feed), machine, &self.stop)?;

        let seat = Seat { clock: &clock, progress: &progress, ready: &plant.ready };
        let listening = Arc::new(AtomicBool::new(false));
        let inlet = self.inlet;
        let went = wait_until_ready(&seat, self.interrupts, &self.stop).and_then(|()| {
            let finite = matches!(inlet, Inlet::Finite(_));
            let attach = plant.attach.clone();
            open_inlet(inlet, new_sources, attach, &listening, &mut self.threads)?;
            wait_for_end(&seat, finite, self.interrupts, &self.stop);
            Ok(())
        });
        // Release: pairs with the Acquire in `Listener::run`.
        listening.store(true, Ordering::Release);
        let bound = self.options.config.orders.drain_timeout + DRAIN_SLACK;
        drain(&seat, control, bound, &self.stop);
        self.stop.request();
        let hot = self.threads.join();
        recorder_stop.request();
        let finished = recorder.join()?.finish();
        went?;
        report_run(self.options, &plant.journal_dir, run, &finished)?;
        drop(plant.scratch);
        hot?;
        finished.journal?;
        Ok(finished.summary)
    }
}

/// What the course watches.
struct Seat<'a> {
    clock: &'a SystemClock,
    progress: &'a Progress,
    ready: &'a AtomicBool,
}

fn wait_until_ready(
    seat: &Seat<'_>,
    interrupts: &Interrupts,
    stop: &Stop,
) -> Result<(), EngineError> {
    let until = seat.clock.mono() + READY_WAIT;
    // Acquire: pairs with the Release in `Oms::poll`.
    while !seat.ready.load(Ordering::Acquire) {
        if interrupts.is_asked() || stop.is_requested() {
            return Ok(());
        }
        if seat.clock.mono() >= until {
            return Err(EngineError::Exchange {
                exchange: "the address of the ready file".to_owned(),
                why: format!(
                    "no order connection and fill feed within {} s; is it still running?",
                    READY_WAIT.ms() / 1_000
                ),
            });
        }
        pause(LOOK_EVERY);
    }
    Ok(())
}

fn open_inlet(
    inlet: Inlet,
    mut new_sources: Producer<NewSource>,
    attach: crossbeam::channel::Sender<crate::recorder::sinks::Attachment>,
    stop_listening: &Arc<AtomicBool>,
    threads: &mut Threads,
) -> Result<(), EngineError> {
    match inlet {
        Inlet::Finite(source) => {
            let pushed = new_sources.push(NewSource::new(OWN_SOURCE, source));
            assert!(pushed.is_ok(), "the first source finds its ring empty");
        }
        Inlet::Listening(listener) => {
            let stop = Arc::clone(stop_listening);
            let thread = spawn(ThreadPlan::cold("listener"), &Stop::new(), move |_| {
                let attached = |source, stream| {
                    // The recorder lives longer than the listener, so somebody takes it.
                    drop(attach.send((source, Box::new(stream))));
                };
                if let Err(error) = listener.run(&stop, new_sources, attached) {
                    tracing::error!("the signal listener ended: {error}");
                }
            })?;
            threads.add(thread);
        }
    }
    Ok(())
}

/// Waits for an interrupt, a dead thread, or the answer to the last signal of a finite source.
fn wait_for_end(seat: &Seat<'_>, finite: bool, interrupts: &Interrupts, stop: &Stop) {
    let mut resync_at = Timestamp::ZERO;
    loop {
        let ended = finite && seat.progress.first_source_ended();
        if ended && seat.progress.in_flight() == 0 {
            return;
        }
        if interrupts.is_asked() || stop.is_requested() {
            return;
        }
        if seat.clock.mono() >= resync_at {
            seat.clock.resync();
            resync_at = seat.clock.mono() + Nanos::from_secs(1);
        }
        pause(LOOK_EVERY);
    }
}

/// Asks the oms to end what is alive and waits for its word that nothing is.
fn drain(seat: &Seat<'_>, mut control: Producer<ControlCommand>, bound: Nanos, stop: &Stop) {
    let until = seat.clock.mono() + bound;
    let mut asked = control.push(ControlCommand::Drain).is_ok();
    while !seat.progress.drained() && seat.clock.mono() < until && !stop.is_panic() {
        if !asked {
            asked = control.push(ControlCommand::Drain).is_ok();
        }
        pause(LOOK_EVERY);
    }
}

fn report_run(
    options: &RunOptions,
    journal: &std::path::Path,
    run: crate::ids::RunId,
    finished: &Finished,
) -> Result<(), EngineError> {
    let Some(dir) = &options.report else { return Ok(()) };
    let failed = |source| EngineError::Write { path: dir.clone(), source };
    std::fs::create_dir_all(dir).map_err(failed)?;
    report::write_report(dir, &finished.summary, &finished.histograms)?;
    let mut copy = Vec::new();
    copy_run(journal, run, &mut copy)?;
    let mut file = std::fs::File::create(dir.join("journal.kxj")).map_err(failed)?;
    file.write_all(&copy).map_err(failed)
}
