//! The whole engine, the exchange, faulty links and a virtual clock on one thread, from one seed.
//!
//! The stages are production's, joined by production's rings; what differs is what is plugged in:
//! memory pipes for TLS, a virtual clock for time, signatures made on the spot. A step polls the
//! stages in a random order until none has anything to do, lets the exchange answer, checks the
//! [`invariants`], and moves time to the next event. Nothing here sleeps, waits or reads a clock,
//! so a seed reproduces a run to the byte of its journal.

mod build;
mod config;
pub mod fault;
pub mod host;
mod http;
pub mod invariants;
mod journal;
mod lag;
pub mod meddling;
pub mod network;
pub mod pipe;
pub mod signals;
mod stream;
pub mod tap;

pub use build::fresh_core;
pub use config::{WorldConfig, default_books};
pub use journal::WitnessedJournal;

use host::Host;
use invariants::Audit;
use network::{Network, PipeConnector};
use pipe::PipeEnd;
use tap::Tap;

use crate::feed::Feed;
use crate::gateway::Gateway;
use crate::gateway::presign::InlineSigner;
use crate::ids::SourceId;
use crate::intake::{Intake, NewSource, Source};
use crate::message::ControlCommand;
use crate::oms::Core;
use crate::oms::Oms;
use crate::reconcile::fetch::Fetch;
use crate::recorder::Recorder;
use crate::recorder::summary::Summary;
use crate::risk::Readiness;
use crate::runtime::clock::{Clock, VirtualClock};
use crate::runtime::random::Random;
use crate::runtime::ring::Producer;
use crate::runtime::stage::{Stage, Work};
use crate::sim::exchange::{MarketState, MarketStatus};
use crate::units::{Nanos, Now, Position, Timestamp};

/// Stages polled in a step.
const STAGES: usize = 6;
const STAGE_NAMES: [&str; STAGES] = ["intake", "oms", "gateway", "feed", "fetch", "recorder"];
/// Turns of polling within one moment. A full ring takes one turn per slot or two; beyond this
/// two stages keep each other busy for ever, which is a defect.
const TURNS_MAX: u32 = 50_000;
/// Longest step: stages with timers of their own are asked at least this often.
const STEP_MAX: Nanos = Nanos::from_ms(50);
/// Shortest step, for deadlines that have passed and are not acted upon yet.
const STEP_MIN: Nanos = Nanos::from_us(250);

/// See the module's page.
#[derive(Debug)]
pub struct World {
    clock: VirtualClock,
    network: Network,
    host: Host,
    journal: WitnessedJournal,
    intake: Intake<VirtualClock>,
    oms: Oms<WitnessedJournal, VirtualClock>,
    gateway: Gateway<PipeEnd, PipeConnector, InlineSigner, VirtualClock>,
    feed: Feed<PipeEnd, PipeConnector, VirtualClock>,
    fetch: Fetch<PipeEnd, PipeConnector, VirtualClock>,
    recorder: Recorder<VirtualClock>,
    tap: Tap,
    sources: Producer<NewSource>,
    sources_made: u32,
    control: Producer<ControlCommand>,
    audit: Audit,
    random: Random,
    /// Until when a stage is left out.
    naps: [Timestamp; STAGES],
    steps: u64,
}

impl World {
    /// The present.
    #[must_use]
    pub fn now(&self) -> Now {
        self.clock.now()
    }

    /// The exchange's side.
    #[must_use]
    pub const fn host(&self) -> &Host {
        &self.host
    }

    /// The exchange's side, to do things to it.
    pub const fn host_mut(&mut self) -> &mut Host {
        &mut self.host
    }

    /// What lies between.
    #[must_use]
    pub const fn network(&self) -> &Network {
        &self.network
    }

    /// The engine's books and orders.
    #[must_use]
    pub const fn core(&self) -> &Core {
        self.oms.core()
    }

    /// The journal.
    #[must_use]
    pub const fn journal(&self) -> &WitnessedJournal {
        &self.journal
    }

    /// What has been checked and heard so far.
    #[must_use]
    pub const fn audit(&self) -> &Audit {
        &self.audit
    }

    /// Everything the engine has told so far, in order of the telling.
    #[must_use]
    pub const fn tap(&self) -> &Tap {
        &self.tap
    }

    /// The run as the recorder counted it.
    #[must_use]
    pub fn summary(&self) -> Summary {
        self.recorder.summary()
    }

    /// Whether the oms has said that nothing rests and nothing is in flight.
    #[must_use]
    pub const fn drained(&self) -> bool {
        self.recorder.drained()
    }

    /// Lets a new producer send these bytes, piece by piece.
    ///
    /// # Panics
    /// When more producers arrive at one moment than the intake takes in.
    pub fn send(&mut self, pieces: Vec<(Timestamp, Vec<u8>)>) -> SourceId {
        let id = SourceId(self.sources_made);
        self.sources_made += 1;
        let source = NewSource::new(id, Source::scheduled(pieces));
        let pushed = self.sources.push(source);
        assert!(pushed.is_ok(), "a few producers at a time");
        id
    }

    /// Lets a new producer send one line now.
    pub fn send_line(&mut self, line: &str) -> SourceId {
        self.send(vec![(self.clock.mono(), format!("{line}\n").into_bytes())])
    }

    /// Tells the oms to do something.
    ///
    /// # Panics
    /// When more is asked at one moment than a person could type.
    pub fn command(&mut self, command: ControlCommand) {
        let pushed = self.control.push(command);
        assert!(pushed.is_ok(), "people type slowly");
    }

    /// Polls every stage until none has anything to do, lets the exchange act, checks what must
    /// hold, and moves time to the next event.
    pub fn step(&mut self) {
        self.steps += 1;
        let now = self.clock.now();
        for nap in &mut self.naps {
            let stall = self.network.stall();
            *nap = if stall == Nanos::ZERO { *nap } else { now.mono + stall };
        }
        self.poll_stages(now.mono);
        self.host.poll(now);
        self.audit.check_step(&self.host, &self.network);
        self.clock.advance_to(self.next_event(now));
    }

    /// Steps until `done`, at most for `bound` of virtual time. Whether it came to that.
    pub fn run_until(&mut self, bound: Nanos, done: impl Fn(&Self) -> bool) -> bool {
        let until = self.clock.mono() + bound;
        while !done(self) {
            if self.clock.mono() >= until {
                return false;
            }
            self.step();
        }
        true
    }

    /// Steps for so long.
    pub fn run_for(&mut self, span: Nanos) {
        self.run_until(span, |_| false);
    }

    /// Connects and subscribes.
    ///
    /// # Panics
    /// When trading is not possible within a minute.
    pub fn open(&mut self) {
        let ready = |world: &Self| world.core().readiness() == Readiness::Ready;
        let opened = self.run_until(Nanos::from_secs(60), ready);
        assert!(opened, "connections and feed are up within a minute");
    }

    /// Whether every producer has sent everything.
    #[must_use]
    pub fn has_heard_all(&self) -> bool {
        self.recorder.ended_sources().len() == self.sources_made as usize
    }

    /// Whether every signal is answered, every order over and the feed caught up.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.recorder.in_flight() == 0
            && self.has_heard_all()
            && self.core().orders().live() == 0
            && self.core().readiness() != Readiness::NotReady
            && self.has_settled()
    }

    /// Whether the engine has booked what markets that are over have paid.
    fn has_settled(&self) -> bool {
        let core = self.core();
        let over = |market: &&MarketState| market.status == MarketStatus::Finalized;
        let markets = self.host.venue().exchange().markets();
        markets.iter().filter(over).all(|market| {
            let ours = core.markets().find(&market.ticker);
            ours.is_none_or(|ours| core.account().holding(ours.ix).position == Position::FLAT)
        })
    }

    /// Lets faults end, everything settle, and the run drain; then checks that the engine's books
    /// are the exchange's. The violations of the whole run are the answer.
    pub fn finish(&mut self) -> Vec<String> {
        self.run_until(Nanos::from_secs(300), Self::has_heard_all);
        self.run_until(Nanos::from_secs(20), Self::is_quiet);
        self.network.heal();
        let settled = self.run_until(Nanos::from_secs(600), Self::is_quiet);
        // Reads that lag and frames held back have their say before the end; and then two readings
        // of the account, one that is still in trouble besides.
        self.run_for(Nanos::from_secs(5));
        self.command(ControlCommand::Reconcile);
        self.run_for(Nanos::from_secs(20));
        let settled = self.run_until(Nanos::from_secs(600), Self::is_quiet) && settled;
        self.drain();
        let mut violations = self.audit.violations().to_vec();
        if !settled {
            violations.push("the run did not come to rest within ten minutes".to_owned());
        }
        violations
    }

    /// Drains, and checks the books.
    pub fn drain(&mut self) {
        self.command(ControlCommand::Drain);
        let drained = self.run_until(Nanos::from_secs(60), Self::drained);
        if !drained {
            self.audit.report("the drain did not end within a minute");
        }
        self.audit.check_quiet(self.oms.core(), &self.host);
    }

    fn poll_stages(&mut self, now: Timestamp) {
        let mut busy = Vec::new();
        for _ in 0..TURNS_MAX {
            let first = usize::try_from(self.random.below(STAGES as u64)).unwrap_or(0);
            busy.clear();
            for turn in 0..STAGES {
                let stage = (first + turn) % STAGES;
                if self.poll_stage(stage, now) == Work::Done {
                    busy.push(STAGE_NAMES[stage]);
                }
            }
            if busy.is_empty() {
                return;
            }
        }
        self.audit.report(&format!("stages kept busy without end: {busy:?}"));
    }

    fn poll_stage(&mut self, stage: usize, now: Timestamp) -> Work {
        if self.naps[stage] > now {
            return Work::Idle;
        }
        match stage {
            0 => self.intake.poll(),
            1 => self.oms.poll(),
            2 => self.gateway.poll(),
            3 => self.feed.poll(),
            4 => self.fetch.poll(),
            _ => self.tap.poll(&mut self.audit).or(self.recorder.poll()),
        }
    }

    fn next_event(&self, now: Now) -> Timestamp {
        let due = self
            .host
            .next(now)
            .min(self.network.next_dial())
            .min(self.oms.deadline())
            .min(self.intake.deadline())
            .min(self.gateway.deadline());
        let awake = self.naps.iter().copied().filter(|nap| *nap > now.mono);
        let due = awake.fold(due, Timestamp::min);
        let soonest = if due <= now.mono { now.mono + STEP_MIN } else { due };
        soonest.min(now.mono + STEP_MAX)
    }
}
