//! The rings of one run, and the parts every mode has: journal, intake, oms, recorder.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16};

use crossbeam::channel::{self, Sender};

use super::former::Former;
use super::scratch::Scratch;
use super::steering::{CONTROL_RECORDS_MAX, SteeringRings};
use super::{EngineError, RunOptions, state_dir};
use crate::config::{Mode, WeeklyMaintenance};
use crate::control::CommandLine;
use crate::ids::{OrderGroupId, Reason, RunId, SourceId};
use crate::intake::NewSource;
use crate::intake::{Intake, IntakeConfig};
use crate::kalshi::market::MarketTable;
use crate::message::{
    BookNews, Command, ControlCommand, FeedEvent, FetchCommand, FetchEvent, FollowCommand,
    GatewayEvent, Question, Signal,
};
use crate::oms::config::{Admission, FeedNeed, OmsConfig};
use crate::oms::{Core, Oms, OmsRingSlots, OmsRings, Opening};
use crate::order::ORDERS_MAX;
use crate::recorder::console::{Banner, Console, Style};
use crate::recorder::journal::{
    Entry, Journal, JournalCare, MappedJournal, Opened, SEGMENT_BYTES, StateDir,
};
use crate::recorder::record::Record;
use crate::recorder::sinks::{Attachment, Sinks};
use crate::recorder::spool::{Spool, SpoolThread};
use crate::recorder::summary::Run;
use crate::recorder::{Outlets, Recorder, RecorderConfig};
use crate::risk::{KillSwitch, Limits, MessageLimits, SeriesRules};
use crate::runtime::clock::{Clock, SystemClock};
use crate::runtime::ring::{self, Consumer, Producer, ring};
use crate::runtime::thread::SpawnError;
use crate::units::Nanos;

/// Sources that may wait to be taken by the intake.
const NEW_SOURCES_MAX: usize = 64;

/// News of the feed's connections that may wait for the recorder: two a second for each.
const FEED_RECORDS_MAX: usize = 64;

/// What tells one mode's account from another's.
pub(super) struct Books<'a> {
    /// Markets that may be traded.
    pub(super) markets: MarketTable,
    /// What is held already.
    pub(super) opening: Opening,
    /// Whether other markets are admitted.
    pub(super) admission: Admission,
    /// Records of cold services that have started before.
    pub(super) cold_records: Vec<Consumer<Record>>,
    /// Names the account, so that a state directory is not used for another.
    pub(super) owner: &'a str,
    /// Order groups to delete after the run, by this process or, if it is killed, by the next.
    pub(super) groups: Vec<(u8, OrderGroupId)>,
}

/// The ends of rings that whoever plays the exchange's side holds.
pub(super) struct OuterRings {
    /// Orders and cancels.
    pub(super) commands: Consumer<Command>,
    /// News of them.
    pub(super) gateway: Producer<GatewayEvent>,
    /// The feed's.
    pub(super) feed: FeedRings,
    /// Look-ups.
    pub(super) asks: Consumer<FetchCommand>,
    /// Answers to them.
    pub(super) fetch: Producer<FetchEvent>,
    /// The gateway's records.
    pub(super) records: Producer<Record>,
}

/// What the feed holds.
pub(super) struct FeedRings {
    /// News from the stream.
    pub(super) events: Producer<FeedEvent>,
    /// Which books to follow.
    pub(super) wishes: Consumer<FollowCommand>,
    /// What is seen of them.
    pub(super) books: Producer<BookNews>,
    /// Its records.
    pub(super) records: Producer<Record>,
    /// How long its messages were under way.
    pub(super) spans: Producer<Record>,
}

/// The parts every mode has.
pub(super) struct Plant {
    pub(super) run: RunId,
    pub(super) clock: SystemClock,
    pub(super) intake: Intake<SystemClock>,
    pub(super) oms: Oms<MappedJournal, SystemClock>,
    pub(super) recorder: Recorder<SystemClock>,
    pub(super) care: JournalCare<SystemClock>,
    pub(super) new_sources: Producer<NewSource>,
    /// What the control service gets.
    pub(super) steering: SteeringRings,
    pub(super) attach: Sender<Attachment>,
    /// Order connections while trading is possible, else none.
    pub(super) ready: Arc<AtomicU16>,
    /// Why a former run was halted: nothing is sent until a person resumes.
    pub(super) halted: Option<Reason>,
    /// Keeps approved orders from leaving once thrown.
    pub(super) kill_switch: KillSwitch,
    /// Set when the intake is to read no more and to finish what it has.
    pub(super) closing: Arc<AtomicBool>,
    pub(super) journal_dir: PathBuf,
    /// Threads that write for the recorder.
    pub(super) spools: Vec<SpoolThread>,
    /// Dropped last: a fresh state directory goes with it.
    pub(super) scratch: Option<Scratch>,
}

impl Plant {
    /// Opens the journal and makes rings and stages.
    pub(super) fn build(
        options: &RunOptions,
        clock: &SystemClock,
        mut books: Books<'_>,
    ) -> Result<(Self, OuterRings), EngineError> {
        let run = RunId::new(uuid::Uuid::new_v4().as_u64_pair().0);
        let (dir, scratch) = place_of_state(options)?;
        let state = StateDir::open(&dir, books.owner)?;
        let former = Former::read(&dir, clock.now().wall, options.config.breaker.repeats_window)?;
        let Opened { mut journal, keeper, cut: _ } =
            MappedJournal::open(&state, run, SEGMENT_BYTES)?;
        write_start(&mut journal, clock, options, run, &books)?;
        for entry in former.entries() {
            journal.append(clock.now(), &entry)?;
        }

        let Rings {
            intake: (signals_in, intake_records, sources),
            oms: rings,
            outer,
            mut recorder,
            new_sources,
            control: (control, questions_in, questions, control_records),
        } = Rings::make();
        recorder.append(&mut books.cold_records);
        let (attach, attachments) = channel::unbounded();
        let (told, heard) = channel::unbounded();
        let closing = Arc::new(AtomicBool::new(false));
        let mut intake =
            Intake::new(intake_config(options), clock.clone(), signals_in, intake_records, sources)
                .with_closing(Arc::clone(&closing));
        let config = oms_config(options, run, &books);
        let core = core(config, books, options.config.series.clone(), &former, clock);
        let halted = core.halted().copied();
        for id in former.signal_ids {
            intake.remember(id);
        }
        let ready = Arc::new(AtomicU16::new(0));
        let kill_switch = KillSwitch::default();
        let oms = Oms::new(core, journal, clock.clone(), rings)
            .with_beacon(Arc::clone(&ready))
            .with_kill_switch(kill_switch.clone())
            .with_questions(questions);
        let (care, health) = JournalCare::new(keeper, clock.clone());
        let mut spools = Vec::new();
        let outlets = Outlets {
            sinks: Sinks::new(results_file(options, &mut spools)?, attachments),
            console: console(options, &mut spools)?,
            journal: Some(health),
        };
        let config = recorder_config(options, run, clock);
        let recorder = Recorder::new(config, clock.clone(), recorder, outlets).with_listener(told);
        let plant = Self {
            run,
            clock: clock.clone(),
            intake,
            oms,
            recorder,
            care,
            new_sources,
            steering: SteeringRings {
                commands: CommandLine::new(control),
                questions: questions_in,
                heard,
                records: control_records,
            },
            attach,
            ready,
            halted,
            kill_switch,
            closing,
            journal_dir: dir,
            spools,
            scratch,
        };
        Ok((plant, outer))
    }
}

/// The core as the former runs left it.
fn core(
    config: OmsConfig,
    books: Books<'_>,
    series: SeriesRules,
    former: &Former,
    clock: &SystemClock,
) -> Core {
    let mut core = Core::with_rules(config, books.markets, &books.opening, series);
    former.restore(clock.now(), &mut core);
    core
}

/// Every ring of a run, each with one writer and one reader.
struct Rings {
    intake: (Producer<Signal>, Producer<Record>, Consumer<NewSource>),
    oms: OmsRings,
    outer: OuterRings,
    recorder: Vec<Consumer<Record>>,
    new_sources: Producer<NewSource>,
    /// Commands in, questions in and out, records in.
    control: (Producer<ControlCommand>, Producer<Question>, Consumer<Question>, Producer<Record>),
}

impl Rings {
    fn make() -> Self {
        let (oms, ends) = OmsRings::make(OmsRingSlots::default());
        let (intake_records, from_intake) = ring(ring::RECORDS_MAX);
        let (gateway_records, from_gateway) = ring(ring::RECORDS_MAX);
        let (feed_records, from_feed) = ring(FEED_RECORDS_MAX);
        let (feed_spans, spans_of_feed) = ring(ring::FEED_SPANS_MAX);
        let (control_records, from_control) = ring(CONTROL_RECORDS_MAX);
        let (questions_in, questions) = ring(ring::QUESTIONS_MAX);
        let (new_sources, sources) = ring(NEW_SOURCES_MAX);
        Self {
            intake: (ends.signals, intake_records, sources),
            oms,
            outer: OuterRings {
                commands: ends.commands,
                gateway: ends.gateway,
                feed: FeedRings {
                    events: ends.feed,
                    wishes: ends.follows,
                    books: ends.books,
                    records: feed_records,
                    spans: feed_spans,
                },
                asks: ends.asks,
                fetch: ends.fetch,
                records: gateway_records,
            },
            recorder: vec![
                from_intake,
                ends.records,
                from_gateway,
                from_feed,
                spans_of_feed,
                from_control,
            ],
            new_sources,
            control: (ends.control, questions_in, questions, control_records),
        }
    }
}

fn oms_config(options: &RunOptions, run: RunId, books: &Books<'_>) -> OmsConfig {
    let wire = &options.config.wire;
    let messages = MessageLimits {
        refill_per_sec: wire.write_tokens_per_second,
        capacity: wire.write_tokens_max,
        cancel_reserve: wire.cancel_reserve_tokens,
        order_cost: wire.order_tokens,
        cancel_cost: wire.cancel_tokens,
    };
    let real = matches!(options.config.mode, Mode::Demo | Mode::Live);
    let kept = options.config.exchange.weekly_maintenance == WeeklyMaintenance::Kept;
    // Nothing is maintained on paper, in the simulator, nor in what a ready file stands in for.
    let maintained = real && kept && options.exchange.is_none();
    let maintenance = options.config.limits.maintenance.filter(|_| maintained);
    let mut orders = options.config.orders;
    if options.config.books.is_none() {
        orders.books_max = 0;
    }
    if options.config.mode == Mode::Paper {
        orders.reconcile.every = None;
        // There is no stream to see them on.
        orders.books_max = 0;
        // Cancelled is cancelled on paper.
        orders.aftermath = Nanos::ZERO;
    }
    OmsConfig {
        run,
        limits: Limits { messages, maintenance, ..options.config.limits },
        breaker: options.config.breaker,
        orders,
        admission: books.admission,
        feed: FeedNeed::Required,
        orders_max: ORDERS_MAX,
    }
}

fn place_of_state(options: &RunOptions) -> Result<(PathBuf, Option<Scratch>), EngineError> {
    match state_dir(options) {
        Some(dir) => Ok((dir, None)),
        None => {
            let scratch = Scratch::new()?;
            Ok((scratch.join("state"), Some(scratch)))
        }
    }
}

/// A journal begins with everything that decisions depend on besides inputs.
fn write_start(
    journal: &mut MappedJournal,
    clock: &SystemClock,
    options: &RunOptions,
    run: RunId,
    books: &Books<'_>,
) -> Result<(), EngineError> {
    let now = clock.now();
    let settings = format!("{:?}", options.config);
    let started = Entry::RunStarted {
        run,
        config_digest: u64::from(crc32fast::hash(settings.as_bytes())),
        seed: options.config.seed,
        mode: options.config.mode as u8,
    };
    journal.append(now, &started)?;
    for market in books.markets.all() {
        journal.append(now, &Entry::Market(*market))?;
    }
    for &(shard, group) in &books.groups {
        journal.append(now, &Entry::Group { shard, group })?;
    }
    journal.append(now, &Entry::OpeningCash { cash: books.opening.cash })?;
    for (ticker, holding) in &books.opening.holdings {
        let (position, cost) = (holding.position, holding.cost);
        journal.append(now, &Entry::Opening { ticker: *ticker, position, cost })?;
    }
    Ok(())
}

const fn intake_config(options: &RunOptions) -> IntakeConfig {
    IntakeConfig {
        max_signals_per_cycle: options.config.signals_per_cycle_max,
        cycle_linger: options.config.cycle_linger,
        pace: options.config.pace,
        cycle_interval: options.config.cycle_interval,
    }
}

fn recorder_config(options: &RunOptions, run: RunId, clock: &SystemClock) -> RecorderConfig {
    RecorderConfig {
        run: Run {
            id: run,
            mode: options.config.mode.as_str().to_owned(),
            started: clock.now().wall,
        },
        cycle_interval: options.config.cycle_interval,
        stats_every_cycles: 60,
    }
}

fn console(options: &RunOptions, spools: &mut Vec<SpoolThread>) -> Result<Console, EngineError> {
    let mut console =
        Console::new(spooled("console", std::io::stderr(), spools)?, Style::of_stderr());
    console.banner(&Banner {
        mode: options.config.mode.as_str().to_owned(),
        profile: options.config.profile.as_str().to_owned(),
        cycle_interval_ms: options.config.cycle_interval.ms(),
    });
    Ok(console)
}

/// A stream that nobody may be reading, behind a thread of its own.
fn spooled(
    name: &'static str,
    out: impl Write + Send + 'static,
    spools: &mut Vec<SpoolThread>,
) -> Result<Box<dyn Write + Send>, EngineError> {
    let started = Spool::start(name, Box::new(out));
    let (spool, thread) = started.map_err(|source| SpawnError::Spawn { name, source })?;
    spools.push(thread);
    Ok(Box::new(spool))
}

fn results_file(
    options: &RunOptions,
    spools: &mut Vec<SpoolThread>,
) -> Result<Option<Box<dyn Write + Send>>, EngineError> {
    let Some(path) = &options.results else { return Ok(None) };
    if path == Path::new("-") {
        return spooled("results", std::io::stdout(), spools).map(Some);
    }
    let file =
        File::create(path).map_err(|source| EngineError::Write { path: path.clone(), source })?;
    Ok(Some(Box::new(file)))
}

/// The run's own source: a file or standard input.
pub(super) const OWN_SOURCE: SourceId = SourceId(0);
