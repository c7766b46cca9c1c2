//! The engine's hot stages and the cold ones they need, joined as `engine/` joins them.

use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use kalshi_exec::feed::books::{Books, BooksConfig};
use kalshi_exec::feed::{Feed, FeedConfig};
use kalshi_exec::gateway::presign::{PresignConfig, PresignRing, SignDesk, SignerStage, presign};
use kalshi_exec::gateway::{Gateway, GatewayConfig, GatewayParts, GatewayRings};
use kalshi_exec::ids::{RunId, SourceId, Ticker};
use kalshi_exec::intake::{Intake, IntakeConfig, NewSource, Source};
use kalshi_exec::kalshi::auth::{Credentials, Signature, SigningKey};
use kalshi_exec::kalshi::encode::OrderTemplates;
use kalshi_exec::kalshi::market::{FeeSchedule, MarketTable, TickGrid};
use kalshi_exec::kalshi::paths::{BASE_PATH, WEBSOCKET_PATH};
use kalshi_exec::message::{ControlCommand, FetchCommand, FetchEvent};
use kalshi_exec::net::connect::DialConfig;
use kalshi_exec::net::dial::{Authorize, DialHandle, Dialler};
use kalshi_exec::net::endpoint::Endpoint;
use kalshi_exec::net::tls::{Roots, TlsConfig, TlsStream};
use kalshi_exec::oms::config::{Admission, FeedNeed, OmsConfig, OrderConfig};
use kalshi_exec::oms::{Core, Oms, OmsRings, Opening};
use kalshi_exec::order::ORDERS_MAX;
use kalshi_exec::recorder::journal::{JournalCare, MappedJournal, SEGMENT_BYTES, StateDir};
use kalshi_exec::risk::{BreakerConfig, Limits, MessageLimits};
use kalshi_exec::runtime::clock::{Clock, SystemClock};
use kalshi_exec::runtime::ring::{self, Consumer, Producer, ring};
use kalshi_exec::runtime::stage::{Stage, Together, Work};
use kalshi_exec::runtime::thread::{StageThread, Stop, ThreadPlan, spawn_stage};
use kalshi_exec::sim::keys::{KeyKinds, KeySet};
use kalshi_exec::units::{Contracts, Money, Nanos};

use super::exchange::Exchange;
use super::tally::{Counts, Tally};

type Handle = DialHandle<TlsStream>;
type Clocked = SystemClock;

/// The hot stages in the order of the compact topology.
pub(crate) type Hot = Together<
    Together<
        Intake<Clocked>,
        Together<
            Oms<MappedJournal, Clocked>,
            Gateway<TlsStream, Handle, PresignRing, Clocked, SignDesk>,
        >,
    >,
    Feed<TlsStream, Handle, Clocked>,
>;

/// What differs between programs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup {
    /// Whether the account's key is RSA-2048, the exchange's common kind, which takes a second
    /// to make, or Ed25519.
    pub(crate) keys: KeyKinds,
    /// The core of everything that is not hot.
    pub(crate) cold_core: Option<usize>,
    /// Least distance of two signals.
    pub(crate) every: Nanos,
}

/// A stage's ends of rings whose other ends nobody uses here, kept so that they stay open.
type Quiet = (Reads, Producer<ControlCommand>);

/// Answers backfills: on this exchange nothing is ever missed.
struct Reads {
    answers: Producer<FetchEvent>,
    asks: Consumer<FetchCommand>,
}

impl Stage for Reads {
    const NAME: &'static str = "reads";

    fn poll(&mut self) -> Work {
        match self.asks.pop() {
            Ok(FetchCommand::Backfill { .. }) => {
                assert!(self.answers.push(FetchEvent::BackfillDone).is_ok(), "the oms takes news");
                Work::Done
            }
            Ok(FetchCommand::Settlements { .. }) => {
                let told = self.answers.push(FetchEvent::SettlementsDone);
                assert!(told.is_ok(), "the oms takes news");
                Work::Done
            }
            // The account of this exchange is its orders' and nothing else: no evidence against it.
            Ok(FetchCommand::Account { .. }) => {
                let told = self.answers.push(FetchEvent::AccountFailed);
                assert!(told.is_ok(), "the oms takes news");
                Work::Done
            }
            Ok(FetchCommand::Market { .. }) => panic!("the stream of this run stays"),
            Ok(FetchCommand::Order { .. }) => panic!("every order of this run is answered"),
            Ok(FetchCommand::Quote { .. }) => panic!("every order of this run fills whole"),
            Err(_empty) => Work::Idle,
        }
    }
}

/// Everything, the hot stages apart.
pub(crate) struct Plant {
    /// Whether orders can be sent.
    ready: Arc<AtomicU16>,
    /// What the recorder has seen.
    pub(crate) counts: Arc<Counts>,
    /// The other side.
    pub(crate) exchange: Exchange,
    /// What every thread of the plant listens to.
    pub(crate) stop: Stop,
    clock: Clocked,
    tally: StageThread<Tally>,
    care: StageThread<JournalCare<Clocked>>,
    signer: StageThread<SignerStage<Clocked>>,
    dialler: StageThread<Dialler<Clocked>>,
    reads: StageThread<Reads>,
    _control: Producer<ControlCommand>,
    _dir: tempfile::TempDir,
}

/// How long one part of a run may take on the slowest machine.
const PATIENCE: Nanos = Nanos::from_secs(120);

/// Markets in the table: a busy day's.
const MARKETS: usize = 64;

impl Plant {
    /// Starts everything cold; the hot stages are the caller's to poll.
    pub(crate) fn start(setup: Setup) -> (Self, Hot) {
        let dir = tempfile::tempdir().expect("a temporary directory can be made");
        let clock = SystemClock::start();
        let stop = Stop::new();
        let keys = KeySet::open(&dir.path().join("keys"), setup.keys).expect("keys can be made");
        let credentials = credentials(&keys);
        let markets = markets();
        let (producer, consumer) = UnixStream::pair().expect("a socket pair can be made");
        consumer.set_nonblocking(true).expect("a fresh socket takes options");
        let tickers = markets.all().iter().map(|market| market.ticker.to_string()).collect();
        let exchange = Exchange::start(
            (&dir.path().join("keys"), tickers),
            producer,
            setup.every,
            (clock.clone(), setup.cold_core, &stop),
        );
        let cold = |name| ThreadPlan { core: setup.cold_core, ..ThreadPlan::cold(name) };
        let start = "threads can be started";

        let tls = TlsConfig::new(&Roots::File(keys.ca_file.clone())).expect("our own authority");
        let mut dialler = Dialler::new(clock.clone(), DialConfig::new(tls), 1);
        let rest = endpoint("https", &exchange, BASE_PATH);
        let orders = dialler.https(rest.clone(), 16);
        let ws = endpoint("wss", &exchange, WEBSOCKET_PATH);
        let stream = dialler.websocket(ws, 16, authorize(&credentials));
        let dialler = spawn_stage(cold("dialler"), dialler, &stop).expect(start);

        let templates = templates(&rest, &credentials, &markets);
        let (ready_signatures, desk, signer) = presign(
            Arc::clone(credentials.key()),
            templates.create_path(),
            PresignConfig::default(),
        );
        let signer = SignerStage::new(signer, clock.clone());
        let signer = spawn_stage(cold("signer"), signer, &stop).expect(start);
        let parts = GatewayParts {
            clock: clock.clone(),
            connector: orders,
            presign: ready_signatures,
            cancel_signer: desk,
            key: Arc::clone(credentials.key()),
            templates,
        };
        let ready = Arc::new(AtomicU16::new(0));
        let joined = join(dir.path(), &clock, (markets, Source::Unix(consumer)), (parts, stream));
        let Joined { intake, oms, gateway, feed, records, keeper, quiet } = joined;
        let (reads, control) = quiet;
        let reads = spawn_stage(cold("reads"), reads, &stop).expect(start);
        let counts = Arc::new(Counts::default());
        let tally = Tally::new(records, Arc::clone(&counts));
        let tally = spawn_stage(cold("tally"), tally, &stop).expect(start);
        let (care, _health) = JournalCare::new(keeper, clock.clone());
        let care = spawn_stage(cold("journal"), care, &stop).expect(start);
        let oms = oms.with_beacon(Arc::clone(&ready));
        let hot = Together::new(Together::new(intake, Together::new(oms, gateway)), feed);
        let plant = Self {
            ready,
            counts,
            exchange,
            stop,
            clock,
            tally,
            care,
            signer,
            dialler,
            reads,
            _control: control,
            _dir: dir,
        };
        (plant, hot)
    }

    /// Whether orders can be sent.
    pub(crate) fn is_ready(&self) -> bool {
        // Acquire: pairs with the Release in `Oms::poll`.
        self.ready.load(Ordering::Acquire) > 0
    }

    /// Calls `wait` until `done`.
    ///
    /// # Panics
    /// When a thread of the plant has ended, or it takes longer than any machine should.
    pub(crate) fn until(&self, mut done: impl FnMut() -> bool, mut wait: impl FnMut()) {
        let bound = self.clock.mono() + PATIENCE;
        while !done() {
            assert!(!self.stop.is_requested(), "a thread of the plant has ended");
            let counts = &self.counts;
            assert!(self.clock.mono() < bound, "the run is stuck: {:?}", counts.seen());
            wait();
        }
    }

    /// Ends every thread and gives what was recorded.
    pub(crate) fn finish(self) -> Tally {
        self.stop.request();
        self.signer.join().expect("the signer does not panic");
        self.dialler.join().expect("the dialler does not panic");
        self.reads.join().expect("the reads do not panic");
        self.exchange.join();
        self.care.join().expect("the journal's care does not panic");
        self.tally.join().expect("the tally does not panic")
    }
}

type Parts = GatewayParts<Handle, PresignRing, Clocked, SignDesk>;

struct Joined {
    intake: Intake<Clocked>,
    oms: Oms<MappedJournal, Clocked>,
    gateway: Gateway<TlsStream, Handle, PresignRing, Clocked, SignDesk>,
    feed: Feed<TlsStream, Handle, Clocked>,
    records: Vec<Consumer<kalshi_exec::recorder::record::Record>>,
    keeper: kalshi_exec::recorder::journal::SegmentKeeper,
    quiet: Quiet,
}

/// Every ring of the run, with the sizes of the engine.
fn join(
    dir: &Path,
    clock: &Clocked,
    (markets, source): (MarketTable, Source),
    (parts, stream): (Parts, Handle),
) -> Joined {
    let run = RunId::new(0x5eed);
    let state = StateDir::open(&dir.join("state"), "bench").expect("a fresh directory");
    let opened = MappedJournal::open(&state, run, SEGMENT_BYTES).expect("the disk has room");
    let (signals_in, signals) = ring(ring::SIGNALS_MAX);
    let (commands_in, commands) = ring(ring::COMMANDS_MAX);
    let (events, gateway_events) = ring(ring::GATEWAY_EVENTS_MAX);
    let (feed_in, feed_events) = ring(ring::FEED_EVENTS_MAX);
    let (asks_in, asks) = ring(ring::FETCH_COMMANDS_MAX);
    let (fetch_in, fetch) = ring(ring::FETCH_EVENTS_MAX);
    let (control_in, control) = ring(ring::CONTROL_COMMANDS_MAX);
    let (book_news, books) = ring(ring::BOOK_NEWS_MAX);
    let (follows, wishes) = ring(ring::FOLLOWS_MAX);
    let (intake_records, from_intake) = ring(ring::RECORDS_MAX);
    let (oms_records, from_oms) = ring(ring::RECORDS_MAX);
    let (gateway_records, from_gateway) = ring(ring::RECORDS_MAX);
    let (mut new_sources, sources) = ring(1);
    let added = new_sources.push(NewSource::new(SourceId(0), source));
    assert!(added.is_ok(), "an empty ring has room");

    let config = IntakeConfig::default();
    let intake = Intake::new(config, clock.clone(), signals_in, intake_records, sources);
    let core = Core::new(oms_config(run), markets, &opening(clock));
    let rings = OmsRings {
        signals,
        gateway: gateway_events,
        feed: feed_events,
        fetch,
        control,
        commands: commands_in,
        asks: asks_in,
        books,
        follows,
        records: oms_records,
    };
    let oms = Oms::new(core, opened.journal, clock.clone(), rings);
    let rings = GatewayRings { commands, events, records: gateway_records };
    let gateway = Gateway::new(parts, rings, &gateway_config());
    let feed = Feed::new(FeedConfig::default(), stream, clock.clone(), feed_in).with_books(
        Books::new(BooksConfig::default()),
        wishes,
        book_news,
    );
    let records = vec![from_intake, from_oms, from_gateway];
    let quiet = (Reads { answers: fetch_in, asks }, control_in);
    Joined { intake, oms, gateway, feed, records, keeper: opened.keeper, quiet }
}

fn credentials(keys: &KeySet) -> Credentials {
    let account = keys.rsa.as_ref().unwrap_or(&keys.ed25519);
    let key = SigningKey::from_file(&account.private_key_file).expect("a key we have just made");
    Credentials::new(&account.key_id, Arc::new(key)).expect("an id we have just made")
}

fn authorize(credentials: &Credentials) -> Authorize {
    let credentials = credentials.clone();
    Box::new(move |wall, path| {
        credentials.header_lines(wall.unix_ms(), "GET", path).map_err(|error| error.to_string())
    })
}

fn endpoint(scheme: &str, exchange: &Exchange, path: &str) -> Endpoint {
    Endpoint::parse(&format!("{scheme}://{}{path}", exchange.address())).expect("a plain address")
}

fn templates(rest: &Endpoint, credentials: &Credentials, markets: &MarketTable) -> OrderTemplates {
    let mut sample = Signature::default();
    credentials.key().sign(0, "GET", "/", &mut sample).expect("the key signs");
    OrderTemplates::new(
        &rest.authority(),
        rest.base_path(),
        credentials.key_id(),
        sample.as_bytes().len(),
        markets,
    )
    .expect("plain texts")
}

fn markets() -> MarketTable {
    let mut markets = MarketTable::new();
    for number in 0..MARKETS {
        let ticker = format!("KXBENCH-26NOV{:02}GAME-T{number:02}", number / 4);
        let ticker = Ticker::new(ticker.as_bytes()).expect("a plain ticker");
        let grid = TickGrid::linear_cent();
        markets.insert(ticker, grid, 0, FeeSchedule::QUADRATIC, true).expect("the table has room");
    }
    markets
}

fn opening(clock: &Clocked) -> Opening {
    let cash = Money::from_cents(100_000_000_000);
    Opening { cash, as_of: clock.now().wall, ..Opening::default() }
}

/// Bounds that no run of a bench reaches.
fn oms_config(run: RunId) -> OmsConfig {
    let many = Contracts::from_whole(40_000_000);
    let limits = Limits {
        daily_loss_max: Money::from_cents(100_000_000_000),
        daily_trades_max: u32::MAX,
        daily_volume_max: many,
        position_per_event_max: many,
        orders_per_minute_max: 100_000,
        order_spacing_min: Nanos::ZERO,
        signal_age_max: Nanos::from_secs(10),
        messages: MessageLimits {
            refill_per_sec: 1_000_000,
            capacity: 1_000_000_000,
            ..MessageLimits::default()
        },
        sport_exposure_max_bp: 10_000,
        ..Limits::default()
    };
    let breaker = BreakerConfig { repeats_window: Nanos::ZERO, ..BreakerConfig::default() };
    OmsConfig {
        run,
        limits,
        breaker,
        // This exchange's reads never lag.
        orders: OrderConfig { read_lag: Nanos::ZERO, ..OrderConfig::default() },
        admission: Admission::Listed,
        feed: FeedNeed::Required,
        orders_max: ORDERS_MAX,
    }
}

fn gateway_config() -> GatewayConfig {
    let mut config = GatewayConfig::default();
    config.budget.refill_per_sec = 1_000_000;
    config.budget.capacity = 1_000_000;
    config
}
