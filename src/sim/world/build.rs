//! Puts a world together: the exchange, the network, and production's stages on their rings.

use std::sync::Arc;

use super::config::WorldConfig;
use super::host::{Host, TRADER};
use super::invariants::Audit;
use super::journal::WitnessedJournal;
use super::network::{LinkKind, Network, PipeConnector};
use super::tap::{Pair, Tap};
use super::{STAGES, World};
use crate::feed::Feed;
use crate::feed::books::Books;
use crate::gateway::cancel::InlineCancelSigner;
use crate::gateway::presign::InlineSigner;
use crate::gateway::{Gateway, GatewayParts, GatewayRings};
use crate::ids::{OrderGroupId, RunId};
use crate::intake::{Intake, IntakeConfig};
use crate::kalshi::auth::{Credentials, SigningKey};
use crate::kalshi::encode::OrderTemplates;
use crate::kalshi::fees::FeeType;
use crate::kalshi::market::MarketTable;
use crate::kalshi::paths::BASE_PATH;
use crate::oms::config::{Admission, FeedNeed, OmsConfig};
use crate::oms::{Core, Opening};
use crate::oms::{Oms, OmsRingSlots, OmsRings};
use crate::reconcile::client::{RestClient, RestConfig};
use crate::reconcile::fetch::Fetch;
use crate::recorder::console::Console;
use crate::recorder::journal::{Entry, Journal};
use crate::recorder::record::Record;
use crate::recorder::sinks::Sinks;
use crate::recorder::summary::Run;
use crate::recorder::{Outlets, Recorder, RecorderConfig};
use crate::risk::KillSwitch;
use crate::runtime::clock::{Clock, VirtualClock};
use crate::runtime::random::Random;
use crate::runtime::ring::{Consumer, Producer, ring};
use crate::sim::api::{SimVenue, SimVenueConfig, Tier};
use crate::sim::auth::{KeyRing, PublicKey};
use crate::sim::exchange::{MarketCommand, UserSeed};
use crate::sim::venue::{Venue, VenueAction};
use crate::units::{Money, Timestamp};

/// RFC 8032, test 1: a key pair everybody knows, for signatures that can be reproduced.
const KEY_PEM: &[u8] = b"-----BEGIN PRIVATE KEY-----\n\
    MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n\
    -----END PRIVATE KEY-----\n";
/// Its public half.
const PUBLIC_KEY: [u8; 32] = [
    0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1, 0x0a, 0xb7, 0xd5, 0x4b, 0xfe, 0xd3, 0xc9, 0x64, 0x07, 0x3a,
    0x0e, 0xe1, 0x72, 0xf3, 0xda, 0xa6, 0x23, 0x25, 0xaf, 0x02, 0x1a, 0x68, 0xf7, 0x07, 0x51, 0x1a,
];
const KEY_ID: &str = "00000000-0000-4000-8000-0000000000e1";
const HOST_NAME: &str = "world";
/// Base64 of an Ed25519 signature.
const SIGNATURE_LEN: usize = 88;
/// Order slots: a simulated run sends a few hundred orders.
const ORDERS_MAX: usize = 512;
/// Records one input of the oms can lead to all at once, at a drain; besides what rings hold.
const RECORD_SLOTS: usize = 256;

impl World {
    /// A world at rest: nothing is connected yet.
    ///
    /// # Panics
    /// When the books of the configuration name a market twice.
    #[must_use]
    pub fn new(config: &WorldConfig) -> Self {
        let mut random = Random::new(config.seed);
        let clock = VirtualClock::new(config.starts);
        let network = Network::new(random.next(), config.rates, config.rules.clone());
        let mut host = make_host(config, &network, &mut random);
        let shards: Vec<u8> = config.shard_cash().into_iter().map(|(shard, _)| shard).collect();
        let groups = match config.group_contracts {
            0 => Vec::new(),
            contracts => host.make_groups(config.starts, &shards, contracts),
        };
        let audit = Audit::new(config.limits, &host);
        let run = RunId::new(config.seed);
        let mut journal = WitnessedJournal::new(run, network.clone());
        let markets = market_table(config);
        begin_journal(&mut journal, &clock, config, run, &markets);
        let parts = Parts { config, clock: &clock, network: &network };

        let rings = Rings::new(config.ring_slots);
        let kill_switch = KillSwitch::default();
        let gateway = parts
            .gateway(&markets, &groups, rings.gateway)
            .with_kill_switch(kill_switch.clone())
            .with_groups(&groups);
        let feed = parts.feed(rings.feed);
        let fetch = parts.fetch(rings.fetch);
        let intake = Intake::new(
            IntakeConfig::default(),
            clock.clone(),
            rings.intake.0,
            rings.intake.1,
            rings.intake.2,
        );
        let core = fresh_core(config);
        let oms =
            Oms::new(core, journal.clone(), clock.clone(), rings.oms).with_kill_switch(kill_switch);
        let recorder = make_recorder(run, &clock, rings.recorder);
        Self {
            clock,
            network,
            host,
            journal,
            intake,
            oms,
            gateway,
            feed,
            fetch,
            recorder,
            tap: Tap::new(rings.tap),
            sources: rings.sources,
            sources_made: 0,
            control: rings.control,
            audit,
            random,
            naps: [Timestamp::ZERO; STAGES],
            steps: 0,
        }
    }
}

/// The oms's core as a world of this configuration starts it: what a journal is replayed on.
///
/// # Panics
/// When the books of the configuration name a market twice.
#[must_use]
pub fn fresh_core(config: &WorldConfig) -> Core {
    let oms = OmsConfig {
        run: RunId::new(config.seed),
        limits: config.limits,
        breaker: config.breaker,
        orders: config.orders,
        admission: Admission::Listed,
        feed: FeedNeed::Required,
        orders_max: ORDERS_MAX,
    };
    let shard_cash = config.shard_cash();
    let opening =
        Opening { cash: config.cash, as_of: config.starts, shard_cash, ..Opening::default() };
    Core::new(oms, market_table(config), &opening)
}

/// What the feed holds.
struct FeedRings {
    events: Producer<crate::message::FeedEvent>,
    wishes: Consumer<crate::message::FollowCommand>,
    books: Producer<crate::message::BookNews>,
    records: Producer<Record>,
    spans: Producer<Record>,
}

/// Every ring, sorted by who holds its ends.
struct Rings {
    intake:
        (Producer<crate::message::Signal>, Producer<Record>, Consumer<crate::intake::NewSource>),
    oms: OmsRings,
    gateway: GatewayRings,
    feed: FeedRings,
    fetch: (Consumer<crate::message::FetchCommand>, Producer<crate::message::FetchEvent>),
    tap: Vec<Pair>,
    recorder: Vec<Consumer<Record>>,
    sources: Producer<crate::intake::NewSource>,
    control: Producer<crate::message::ControlCommand>,
}

impl Rings {
    fn new(slots: usize) -> Self {
        let (oms, ends) = OmsRings::make(OmsRingSlots::even(slots, RECORD_SLOTS));
        let (sources_in, sources) = ring(64);
        let (intake_records, from_intake) = ring(RECORD_SLOTS);
        let (gateway_records, from_gateway) = ring(RECORD_SLOTS);
        let (feed_records, from_feed) = ring(RECORD_SLOTS);
        let mut tap = Vec::new();
        let mut recorder = Vec::new();
        let (feed_spans, spans_of_feed) = ring(RECORD_SLOTS);
        for from in [from_intake, ends.records, from_gateway, from_feed, spans_of_feed] {
            let (to, heard) = ring(RECORD_SLOTS);
            tap.push(Pair { from, to });
            recorder.push(heard);
        }
        Self {
            intake: (ends.signals, intake_records, sources),
            oms,
            gateway: GatewayRings {
                commands: ends.commands,
                events: ends.gateway,
                records: gateway_records,
            },
            feed: FeedRings {
                events: ends.feed,
                wishes: ends.follows,
                books: ends.books,
                records: feed_records,
                spans: feed_spans,
            },
            fetch: (ends.asks, ends.fetch),
            tap,
            recorder,
            sources: sources_in,
            control: ends.control,
        }
    }
}

/// What the stages that talk to the exchange are made from.
struct Parts<'a> {
    config: &'a WorldConfig,
    clock: &'a VirtualClock,
    network: &'a Network,
}

impl Parts<'_> {
    fn connector(&self, kind: LinkKind) -> PipeConnector {
        PipeConnector::new(self.network.clone(), self.clock.clone(), kind, self.config.link)
    }

    fn gateway(
        &self,
        markets: &MarketTable,
        groups: &[(u8, OrderGroupId)],
        rings: GatewayRings,
    ) -> Gateway<super::PipeEnd, PipeConnector, InlineSigner, VirtualClock> {
        let key = key();
        let templates = OrderTemplates::new(HOST_NAME, BASE_PATH, KEY_ID, SIGNATURE_LEN, markets);
        let templates = templates.expect("the texts above can stand in a request");
        let templates = templates.with_groups(groups);
        let presign = InlineSigner::new(Arc::clone(&key), templates.create_path());
        let parts = GatewayParts {
            clock: self.clock.clone(),
            connector: self.connector(LinkKind::Orders),
            presign,
            cancel_signer: InlineCancelSigner::new(Arc::clone(&key)),
            key,
            templates,
        };
        Gateway::new(parts, rings, &self.config.gateway)
    }

    fn feed(&self, rings: FeedRings) -> Feed<super::PipeEnd, PipeConnector, VirtualClock> {
        let connector = || self.connector(LinkKind::Stream);
        let books = Books::new(self.config.books_seen);
        let feed = Feed::new(self.config.feed, connector(), self.clock.clone(), rings.events)
            .with_books(books, rings.wishes, rings.books)
            .with_records(rings.records)
            .with_spans(rings.spans);
        if self.config.feed_connections > 1 { feed.with_second(connector()) } else { feed }
    }

    fn fetch(
        &self,
        (asks, events): (
            Consumer<crate::message::FetchCommand>,
            Producer<crate::message::FetchEvent>,
        ),
    ) -> Fetch<super::PipeEnd, PipeConnector, VirtualClock> {
        let credentials = Credentials::new(KEY_ID, key()).expect("the key id is plain text");
        let mut config = RestConfig::new(HOST_NAME.to_owned(), BASE_PATH.to_owned(), credentials);
        config.response_bytes_max = 1 << 20;
        let client = RestClient::new(config, self.connector(LinkKind::Reads), self.clock.clone());
        Fetch::new(client, asks, events)
    }
}

fn key() -> Arc<SigningKey> {
    Arc::new(SigningKey::from_pem(KEY_PEM).expect("the key above is a key"))
}

fn make_host(config: &WorldConfig, network: &Network, random: &mut Random) -> Host {
    let member = |user_id: &str, cash| UserSeed { user_id: user_id.to_owned(), cash };
    let user = member("f50604b8-0000-4000-8000-0000000000e1", config.cash);
    let stranger = member("f50604b8-0000-4000-8000-0000000000e2", Money::from_cents(10_000_000));
    let venue = SimVenue::new(&SimVenueConfig {
        books: config.books.clone(),
        users: vec![user, stranger],
        seed: random.next(),
        quotes: config.quotes.clone(),
        tier: Tier::Basic,
        opens: config.starts,
    });
    let mut venue = venue.expect("every market is there once");
    for (shard, cash) in config.shard_cash() {
        if shard != 0 && cash > Money::ZERO {
            let funded = venue.fund_shard(TRADER, shard, cash);
            assert!(funded.is_ok(), "the shares add up to the cash there is");
        }
    }
    for &market in &config.unopened {
        let (market, command) = (Some(market), MarketCommand::Deactivate);
        venue.act(config.starts, &VenueAction::Market { market, command });
    }
    let mut keys = KeyRing::default();
    keys.register(KEY_ID, PublicKey::Ed25519(Box::new(PUBLIC_KEY)), TRADER);
    Host::new(venue, network.clone(), keys, config.read_lag, random.next())
}

fn market_table(config: &WorldConfig) -> MarketTable {
    let mut markets = MarketTable::new();
    for book in &config.books {
        let fees = book.fee_type.schedule(FeeType::MULTIPLIER_ONE_PPM);
        let fees = fees.expect("a multiplier of one is not absurd");
        let grid = book.structure.grid();
        let is_open = !config.unopened.contains(&book.ticker);
        let inserted = markets.insert(book.ticker, grid, book.exchange_index, fees, is_open);
        assert!(inserted.is_some(), "a few markets fit");
    }
    markets
}

/// As the composition root begins it.
fn begin_journal(
    journal: &mut WitnessedJournal,
    clock: &VirtualClock,
    config: &WorldConfig,
    run: RunId,
    markets: &MarketTable,
) {
    let started = Entry::RunStarted { run, config_digest: 0, seed: config.seed, mode: 1 };
    let table = markets.all().iter().map(|market| Entry::Market(*market));
    let cash = Entry::OpeningCash { cash: config.cash };
    for entry in core::iter::once(started).chain(table).chain([cash]) {
        let kept = journal.append(clock.now(), &entry);
        assert!(kept.is_ok(), "an empty journal has room");
    }
}

fn make_recorder(
    run: RunId,
    clock: &VirtualClock,
    inputs: Vec<Consumer<Record>>,
) -> Recorder<VirtualClock> {
    let (_, attachments) = crossbeam::channel::unbounded();
    let outlets =
        Outlets { sinks: Sinks::new(None, attachments), console: Console::silent(), journal: None };
    let run = Run { id: run, mode: "sim".to_owned(), started: clock.now().wall };
    let config = RecorderConfig { run, ..RecorderConfig::default() };
    Recorder::new(config, clock.clone(), inputs, outlets)
}
