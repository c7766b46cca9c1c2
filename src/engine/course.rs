//! The course of one run: start threads, wait until trading is possible, let signals in, wait for
//! their end or an interrupt, drain, stop, report.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};

use super::emergency::Emergency;
use super::plant::{OWN_SOURCE, Plant};
use super::steering::Steering;
use super::threads::Threads;
use super::{EngineError, RunOptions, state_dir};
use crate::control::{CommandLine, HaltFile};
use crate::intake::Listener;
use crate::intake::SignalSource;
use crate::intake::{NewSource, Source};
use crate::message::ControlCommand;
use crate::oms::config::OrderConfig;
use crate::recorder::journal::{COPY_FILE, copy_run};
use crate::recorder::spool::SpoolThread;
use crate::recorder::summary::Summary;
use crate::recorder::{Finished, Progress};
use crate::report::{self, ReportError};
use crate::risk::KillSwitch;
use crate::runtime::clock::{Clock, SystemClock};
use crate::runtime::memory;
use crate::runtime::ring::Producer;
use crate::runtime::signals::Interrupts;
use crate::runtime::stage::Stage;
use crate::runtime::thread::{Stop, ThreadPanic, ThreadPlan, spawn, spawn_stage};
use crate::runtime::wait::pause;
use crate::units::{Nanos, Timestamp};

/// How often the course looks at what the threads have come to.
const LOOK_EVERY: Nanos = Nanos::from_us(500);

/// How long the first connection, feed and backfill may take before the exchange counts as
/// unreachable: three dial timeouts.
const READY_WAIT: Nanos = Nanos::from_secs(15);

/// How long signals wait for the rest of the connections: an order that finds none free is not
/// sent, and a cycle's signals come all at once.
const WARM_WAIT: Nanos = Nanos::from_secs(3);

/// How long repeats of an interrupt are taken for the first one: `timeout` signals its child and
/// then the child's group. No person is as quick.
const ECHO: Nanos = Nanos::from_ms(50);

/// How much longer than the oms's own bound a drain may take: it ends by itself before that.
const DRAIN_SLACK: Nanos = Nanos::from_secs(5);

/// How long the answers to the last signals may take once nothing is alive.
const SETTLE_WAIT: Nanos = Nanos::from_secs(1);

/// How long nothing may be unanswered before that is believed: the recorder, which counts, wakes
/// at least every 10 ms.
const SETTLED: Nanos = Nanos::from_ms(25);

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
    /// Order connections to have before the first signal.
    pub(super) connections: u16,
    pub(super) stop: Stop,
    /// Cold services that already run.
    pub(super) threads: Threads,
    /// What cancels when a thread has died; none where no order is real.
    pub(super) emergency: Option<Emergency>,
}

impl Course<'_> {
    /// Runs to the end. The summary is there even when trading had to stop early; the error says
    /// why the run could not be had at all.
    pub(super) fn follow<G: Stage + 'static, F: Stage + 'static>(
        self,
        plant: Plant,
        (gateway, feed): (G, F),
    ) -> Result<Summary, EngineError> {
        let Self { options, interrupts, inlet, connections, stop, mut threads, emergency } = self;
        let Plant { run, clock, intake, oms, recorder, care, new_sources, steering, .. } = plant;
        let machine = &options.config.machine;
        let progress = recorder.progress();
        let commands = steering.commands.clone();
        let about = (run, &clock, &plant.kill_switch);
        let steering = Steering::prepare(options, interrupts, about, steering)?;
        // These two outlive the others: they take what the others leave.
        let recorder_stop = Stop::new();
        let cold = |name| ThreadPlan { core: machine.cores.cold, ..ThreadPlan::cold(name) };
        let recorder = spawn_stage(cold("recorder"), recorder, &recorder_stop)?;
        let care = spawn_stage(cold("journal"), care, &recorder_stop)?;
        let mut hot = Threads::default();
        hot.start_hot((intake, oms, gateway, feed), machine, &stop)?;
        let waker = steering.start(cold("control"), &stop, &mut threads)?;

        // After every ring and buffer is made: what the hot path touches stays in memory.
        tracing::info!("{}", memory::lock_all());
        let seat = Seat {
            clock: &clock,
            progress: &progress,
            ready: &plant.ready,
            closing: &plant.closing,
            kill_switch: &plant.kill_switch,
        };
        let listening = Arc::new(AtomicBool::new(false));
        let connections = plant.halted.as_ref().map_or(connections, |reason| {
            tell(&format!("trading is halted since a former run: {reason}; resume it to trade"));
            // Nothing can be sent: connections are not waited for.
            0
        });
        let ready = wait_until_ready(&seat, connections, interrupts, &stop);
        let went = ready.and_then(|()| {
            let finite = matches!(inlet, Inlet::Finite(_));
            let attach = plant.attach.clone();
            open_inlet(inlet, new_sources, attach, &listening, &mut threads)?;
            let patience = finite.then(|| patience(&options.config.orders));
            wait_for_end(&seat, patience, interrupts, &stop);
            Ok(())
        });
        // Release: pairs with the Acquire in `Listener::run`.
        listening.store(true, Ordering::Release);
        let bound = options.config.orders.drain_timeout + DRAIN_SLACK;
        let mut impatience = Impatience::new(interrupts);
        drain(&seat, &commands, bound, &mut impatience, &stop);
        settle(&seat, &mut impatience, &stop);
        stop.request();
        let last = LastWord { options, stop: &stop, emergency: emergency.as_ref() };
        let hot = last.end(hot, threads, &waker);
        recorder_stop.request();
        let finished = recorder.join()?.finish();
        let kept = care.join()?.into_keeper().finish();
        plant.spools.into_iter().for_each(SpoolThread::finish);
        went?;
        report_run(options, &plant.journal_dir, run, &finished)?;
        drop(plant.scratch);
        hot?;
        kept?;
        match finished.summary.orders.unknown {
            0 => Ok(finished.summary),
            count => Err(EngineError::Unresolved { count }),
        }
    }
}

/// What a run does when a thread of it has died.
struct LastWord<'a> {
    options: &'a RunOptions,
    stop: &'a Stop,
    emergency: Option<&'a Emergency>,
}

impl LastWord<'_> {
    /// Ends the hot threads, which send nothing from then on, has the last word if one of the
    /// threads died, and ends the cold ones.
    fn end(&self, hot: Threads, cold: Threads, waker: &mio::Waker) -> Result<(), ThreadPanic> {
        if let Err(error) = waker.wake() {
            tracing::debug!(%error, "the control thread will notice by itself");
        }
        let hot = hot.join();
        if self.stop.is_panic() {
            if let Some(emergency) = self.emergency {
                match emergency.cancel_all() {
                    Ok(()) => tell("a thread died: everything that rested was cancelled"),
                    Err(error) => tell(&format!("a thread died, and {error}")),
                }
            }
            self.stay_halted(hot.as_ref().err());
        }
        let cold = cold.join();
        hot.and(cold)
    }

    /// What died may die again: the next start waits for a person.
    fn stay_halted(&self, panic: Option<&ThreadPanic>) {
        let Some(dir) = state_dir(self.options) else { return };
        let reason = panic.map_or_else(|| "a cold thread panicked".to_owned(), ToString::to_string);
        if let Err(error) = HaltFile::leave(&dir, &reason) {
            tell(&format!("no halt file could be left in {}: {error}", dir.display()));
        }
    }
}

/// How long after its last signal a run may wait for its orders: until those that rest have been
/// cancelled, those that are unclear have been looked up as often as they are, and those that
/// are nowhere count as never landed.
const fn patience(orders: &OrderConfig) -> Nanos {
    let look_ups = orders.lookup_interval.ns() * orders.lookups_max as u64;
    let resting = orders.fill_timeout.ns() + orders.partial_wait.ns();
    Nanos::from_ns(resting + orders.absence_wait.ns() + look_ups)
}

/// What the course watches.
struct Seat<'a> {
    clock: &'a SystemClock,
    progress: &'a Progress,
    ready: &'a AtomicU16,
    closing: &'a AtomicBool,
    kill_switch: &'a KillSwitch,
}

fn wait_until_ready(
    seat: &Seat<'_>,
    connections: u16,
    interrupts: &Interrupts,
    stop: &Stop,
) -> Result<(), EngineError> {
    let began = seat.clock.mono();
    loop {
        // Acquire: pairs with the Release in `Oms::poll`.
        let ready = seat.ready.load(Ordering::Acquire);
        let waited = seat.clock.mono().since(began);
        let enough = ready >= connections || (ready > 0 && waited >= WARM_WAIT);
        // A halted engine will not be ready; it answers its signals all the same.
        let enough = enough || seat.kill_switch.is_thrown();
        if enough || interrupts.is_asked() || stop.is_requested() {
            return Ok(());
        }
        if waited >= READY_WAIT {
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
            if matches!(source, Source::Stdin(_)) {
                tell("reading signals from standard input, one JSON object per line");
            }
            let pushed = new_sources.push(NewSource::new(OWN_SOURCE, source));
            assert!(pushed.is_ok(), "the first source finds its ring empty");
        }
        Inlet::Listening(listener) => {
            if let Ok(endpoint) = listener.endpoint() {
                tell(&format!("listening for signals on {endpoint}"));
            }
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

/// One line for whoever is at the terminal; nobody may be.
fn tell(line: &str) {
    drop(writeln!(std::io::stderr(), "{line}"));
}

/// Waits for an interrupt, a dead thread, or the answer to the last signal of a finite source,
/// which may be `patience` late. Without a patience the source has no end.
fn wait_for_end(seat: &Seat<'_>, patience: Option<Nanos>, interrupts: &Interrupts, stop: &Stop) {
    let mut resync_at = Timestamp::ZERO;
    let mut until = Timestamp::NEVER;
    loop {
        if let Some(patience) = patience
            && seat.progress.first_source_ended()
        {
            until = until.min(seat.clock.mono() + patience);
            if seat.progress.in_flight() == 0 || seat.clock.mono() >= until {
                return;
            }
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

/// Asks the oms to end what is alive, lets the intake finish what it has read, and waits for the
/// oms's word that nothing is alive.
///
/// The intake closes once the oms is asked: the oms looks at commands before signals, so that what
/// was gathered is refused and does not become orders.
fn drain(
    seat: &Seat<'_>,
    commands: &CommandLine,
    bound: Nanos,
    impatience: &mut Impatience<'_>,
    stop: &Stop,
) {
    let until = seat.clock.mono() + bound;
    let mut waits = || {
        impatience.look(seat.clock.mono());
        seat.clock.mono() < until && !stop.is_panic()
    };
    while commands.send(ControlCommand::Drain).is_err() && waits() {
        pause(LOOK_EVERY);
    }
    // Release: pairs with the Acquire in `Intake::poll`.
    seat.closing.store(true, Ordering::Release);
    while !seat.progress.drained() && waits() {
        pause(LOOK_EVERY);
    }
}

/// Lets the second interrupt end the process at once.
struct Impatience<'a> {
    interrupts: &'a Interrupts,
    /// When the first one was seen.
    asked: Option<Timestamp>,
    armed: bool,
}

impl<'a> Impatience<'a> {
    const fn new(interrupts: &'a Interrupts) -> Self {
        Self { interrupts, asked: None, armed: false }
    }

    /// To be called all through a shutdown, which may have begun without an interrupt.
    fn look(&mut self, now: Timestamp) {
        if self.armed || !self.interrupts.is_asked() {
            return;
        }
        if self.asked.is_none() {
            tell("interrupted: cancelling what rests");
        }
        let asked = *self.asked.get_or_insert(now);
        if now.since(asked) >= ECHO {
            self.armed = true;
            self.interrupts.end_at_once_next();
            tell("interrupt again to end at once, with orders as they are");
        }
    }
}

/// Waits until every signal received has been answered, and has stayed so for long enough that
/// none is on its way to being counted.
fn settle(seat: &Seat<'_>, impatience: &mut Impatience<'_>, stop: &Stop) {
    let until = seat.clock.mono() + SETTLE_WAIT;
    let mut unanswered_at = seat.clock.mono();
    loop {
        let now = seat.clock.mono();
        impatience.look(now);
        if seat.progress.in_flight() > 0 {
            unanswered_at = now;
        }
        if now.since(unanswered_at) >= SETTLED || now >= until || stop.is_panic() {
            return;
        }
        pause(LOOK_EVERY);
    }
}

/// Makes sure that the report has a place before anything is traded.
pub(super) fn prepare_report(options: &RunOptions) -> Result<(), EngineError> {
    let Some(dir) = &options.report else { return Ok(()) };
    let usable = std::fs::create_dir_all(dir).and_then(|()| tempfile::tempfile_in(dir));
    usable.map(drop).map_err(|source| EngineError::Write { path: dir.clone(), source })
}

fn report_run(
    options: &RunOptions,
    journal: &std::path::Path,
    run: crate::ids::RunId,
    finished: &Finished,
) -> Result<(), EngineError> {
    let Some(dir) = &options.report else { return Ok(()) };
    let copied = dir.join(COPY_FILE);
    let failed = |source| {
        EngineError::Report(ReportError::Io { doing: "write", path: copied.clone(), source })
    };
    report::write_report(dir, &finished.summary, &finished.histograms)?;
    let mut copy = Vec::new();
    copy_run(journal, run, &mut copy)?;
    std::fs::write(&copied, copy).map_err(failed)
}
