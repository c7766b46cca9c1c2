//! Trading over the wire: connect, learn the account's books, then gateway, feed, signer,
//! dialler and REST service around the common parts.

use std::sync::Arc;

use super::account::{Account, Given};
use super::clock_watch::ClockWatch;
use super::course::{Course, Inlet};
use super::emergency::Emergency;
use super::former::Former;
use super::opening::{Reader, Rest};
use super::plant::{Books, FeedRings, OuterRings, Plant};
use super::preparation::{Groups, prepare};
use super::refresh::TierRefresh;
use super::threads::Threads;
use super::{EngineError, RunOptions, dial_watch, state_dir};
use crate::config::{TokensBy, WireConfig};
use crate::control::CommandLine;
use crate::feed::{self, Feed, FeedConfig, LINKS_MAX};
use crate::gateway::budget::TierNews;
use crate::gateway::presign::{PresignConfig, PresignRing, SignDesk, SignerStage, presign};
use crate::gateway::{Gateway, GatewayConfig, GatewayParts, GatewayRings};
use crate::kalshi::auth::Signature;
use crate::kalshi::encode::OrderTemplates;
use crate::kalshi::market::MarketTable;
use crate::net::dial::{DialHandle, Dialler};
use crate::net::socket::try_busy_poll;
use crate::net::tls::TlsStream;
use crate::oms::Opening;
use crate::oms::config::Admission;
use crate::reconcile::client::{RestClient, RestConfig};
use crate::reconcile::fetch::Fetch;
use crate::recorder::record::Record;
use crate::recorder::summary::Summary;
use crate::runtime::clock::{Clock as _, SystemClock};
use crate::runtime::memory;
use crate::runtime::ring::{Consumer, ring};
use crate::runtime::signals::Interrupts;
use crate::runtime::stage::Stage;
use crate::runtime::thread::Stop;

/// The feed over real sockets.
pub(super) type LiveFeed = Feed<TlsStream, DialHandle<TlsStream>, SystemClock>;

/// Connections a dialler may hold ready for one customer.
const PENDING_MAX: usize = 16;

/// News of dials that may wait for the recorder: each customer's begins and ends, several times.
const DIAL_RECORDS_MAX: usize = 64;

/// Trades on the exchange that `account` describes.
pub(super) fn run(
    options: &RunOptions,
    interrupts: &Interrupts,
    account: &Account,
) -> Result<Summary, EngineError> {
    run_with(options, interrupts, account, |feed| feed)
}

/// As [`run`], with something around the feed: for tests of what happens when a stage dies.
pub(super) fn run_with<F: Stage + 'static>(
    options: &RunOptions,
    interrupts: &Interrupts,
    account: &Account,
    around: impl FnOnce(LiveFeed) -> F,
) -> Result<Summary, EngineError> {
    forbid_core_dumps();
    let account = &tuned(account, options);
    let clock = SystemClock::start();
    let inlet = Inlet::open(options)?;
    let stop = Stop::new();
    let mut threads = Threads::default();
    let cold = options.config.machine.cores.cold;

    let (dialler, dialled) = dialler(account, &clock, options);
    let Dialled { orders, reads, streams, records: from_dialler } = dialled;
    threads.start_cold("dialler", cold, dialler, &stop)?;

    let rest = rest_client(account, reads, &clock);
    let former = former(options, &clock)?;
    let reader = Reader {
        exchange: &account.rest,
        clock: &clock,
        interrupts,
        read_lag: options.config.orders.read_lag,
        orders_known_at: former.orders_known_at(options.config.orders.absence_wait),
    };
    let begun = reader.read(rest).and_then(|(rest, snapshot, opening)| {
        let prepared = prepare(options, (account, &clock), &snapshot.markets, &former.groups)?;
        Ok((rest, snapshot, opening, prepared))
    });
    let (rest, snapshot, opening, (options, groups)) = match begun {
        Ok(begun) => begun,
        Err(error) => return end_early(error, &stop, threads),
    };
    let options = &options;
    let templates = templates(account, &snapshot.markets)?.with_groups(&groups.by_shard);
    let emergency = emergency(account, &clock)?;
    let owner = Given::owner(options.config.mode, account.credentials.key_id());
    let books = books(snapshot.markets, opening, from_dialler, (&owner, &groups));
    let (plant, outer) = Plant::build(options, &clock, books)?;
    let OuterRings { commands, gateway: events, asks, fetch, records, .. } = outer;

    let (ready, desk, signer) = presign(
        Arc::clone(account.credentials.key()),
        templates.create_path(),
        presign_config(&options.config.wire),
    );
    threads.start_cold("signer", cold, SignerStage::new(signer, clock.clone()), &stop)?;
    let steering = plant.steering.commands.clone();
    let every = options.config.wire.clock_check;
    let watch = ClockWatch::new(account, templates.status_request(), &clock, steering, every);
    threads.start_cold("clock", cold, watch, &stop)?;
    threads.start_cold("fetch", cold, Fetch::new(rest, asks, fetch), &stop)?;
    let steering = plant.steering.commands.clone();
    let tier = refresh(options, account, (&clock, steering), &stop, &mut threads)?;
    let parts = GatewayParts {
        clock: clock.clone(),
        connector: orders,
        presign: ready,
        cancel_signer: desk,
        key: Arc::clone(account.credentials.key()),
        templates,
    };
    let rings = GatewayRings { commands, events, records };
    let gateway: Gateway<TlsStream, DialHandle<TlsStream>, PresignRing, SystemClock, SignDesk> =
        Gateway::new(parts, rings, &gateway_config(&options.config.wire))
            .with_kill_switch(plant.kill_switch.clone())
            .with_groups(&groups.by_shard)
            .with_tier(tier);
    let feed = feed(options, streams, &clock, outer.feed);
    let connections = options.config.wire.connections;
    let emergency = Some(emergency);
    let course = Course { options, interrupts, inlet, connections, stop, threads, emergency };
    // The groups go at the end, after the stages that put orders into them.
    course.follow(plant, (gateway, around(feed)))
}

/// The account, its sockets as the configuration wants them. Busy polling that is not to be had is
/// told once and done without: the engine is slower then, and as right.
fn tuned(account: &Account, options: &RunOptions) -> Account {
    let mut account = account.clone();
    let Some(us) = options.config.wire.busy_poll_us else { return account };
    match try_busy_poll(us) {
        Ok(()) => account.dial.socket.busy_poll_us = Some(us),
        Err(why) => tracing::warn!(
            "gateway.busy_poll_us is ignored: {why}; grant CAP_NET_ADMIN, or raise \
             net.core.busy_read to {us} and leave the key at 0"
        ),
    }
    account
}

/// What the run begins with.
fn books<'a>(
    markets: MarketTable,
    opening: Opening,
    from_dialler: Consumer<Record>,
    (owner, groups): (&'a str, &Groups),
) -> Books<'a> {
    Books {
        markets,
        opening,
        admission: Admission::Listed,
        cold_records: vec![from_dialler],
        owner,
        groups: groups.to_delete().collect(),
    }
}

/// To the exchange's stream, the second where two are wanted.
type Streams = (DialHandle<TlsStream>, Option<DialHandle<TlsStream>>);

/// What a run holds of its dialler.
struct Dialled {
    orders: DialHandle<TlsStream>,
    reads: DialHandle<TlsStream>,
    streams: Streams,
    records: Consumer<Record>,
}

/// The dialler of a run, which tells what becomes of its dials.
fn dialler(
    account: &Account,
    clock: &SystemClock,
    options: &RunOptions,
) -> (Dialler<SystemClock>, Dialled) {
    let (told, records) = ring(DIAL_RECORDS_MAX);
    let mut dialler = Dialler::new(clock.clone(), account.dial.clone(), options.config.seed)
        .with_report(dial_watch::report_to(told));
    let orders = dialler.https(account.rest.clone(), PENDING_MAX);
    let reads = dialler.https(account.rest.clone(), PENDING_MAX);
    let mut stream = || dialler.websocket(account.ws.clone(), PENDING_MAX, authorize(account));
    let first = stream();
    let second = (options.config.wire.feed_connections == LINKS_MAX).then(stream);
    (dialler, Dialled { orders, reads, streams: (first, second), records })
}

/// Keys and signatures are in memory from here on: they must not end up in a core file.
fn forbid_core_dumps() {
    if let Err(error) = memory::forbid_core_dumps() {
        tracing::warn!("core dumps could not be forbidden: {error}");
    }
}

/// What former runs left, as far as it matters before the books are read.
fn former(options: &RunOptions, clock: &SystemClock) -> Result<Former, EngineError> {
    let Some(dir) = state_dir(options).filter(|dir| dir.is_dir()) else {
        return Ok(Former::default());
    };
    Former::read(&dir, clock.now().wall, options.config.breaker.repeats_window)
}

/// Ends what has been started, for a run that does not begin.
fn end_early<T>(error: EngineError, stop: &Stop, threads: Threads) -> Result<T, EngineError> {
    stop.request();
    threads.join()?;
    Err(error)
}

/// Asks for the tier again now and then, where the tier says how many tokens there are.
fn refresh(
    options: &RunOptions,
    account: &Account,
    (clock, commands): (&SystemClock, CommandLine),
    stop: &Stop,
    threads: &mut Threads,
) -> Result<TierNews, EngineError> {
    let news = TierNews::default();
    if options.config.wire.tokens_by == TokensBy::Tier {
        let stage = TierRefresh::new(account, clock, news.clone(), commands);
        threads.start_cold("tier", options.config.machine.cores.cold, stage, stop)?;
    }
    Ok(news)
}

fn emergency(account: &Account, clock: &SystemClock) -> Result<Emergency, EngineError> {
    let templates = templates(account, &MarketTable::new())?;
    Ok(Emergency::new(account, templates, clock.clone()))
}

fn authorize(account: &Account) -> crate::net::dial::Authorize {
    let credentials = account.credentials.clone();
    Box::new(move |wall, path| {
        credentials.header_lines(wall.unix_ms(), "GET", path).map_err(|error| error.to_string())
    })
}

fn rest_client(account: &Account, reads: DialHandle<TlsStream>, clock: &SystemClock) -> Rest {
    let config = RestConfig::new(
        account.rest.authority(),
        account.rest.base_path().to_owned(),
        account.credentials.clone(),
    );
    RestClient::new(config, reads, clock.clone())
}

fn templates(account: &Account, markets: &MarketTable) -> Result<OrderTemplates, EngineError> {
    // Signatures of one key all have one length; making one is the way to know it.
    let bad = |error: &dyn std::fmt::Display| EngineError::Credentials(error.to_string());
    let mut sample = Signature::default();
    account.credentials.key().sign(0, "GET", "/", &mut sample).map_err(|error| bad(&error))?;
    OrderTemplates::new(
        &account.rest.authority(),
        account.rest.base_path(),
        account.credentials.key_id(),
        sample.as_bytes().len(),
        markets,
    )
    .map_err(|error| bad(&error))
}

fn presign_config(wire: &WireConfig) -> PresignConfig {
    PresignConfig {
        depth: usize::from(wire.signatures_ready),
        age_max: wire.signature_age_max,
        ..PresignConfig::default()
    }
}

fn gateway_config(wire: &WireConfig) -> GatewayConfig {
    let mut config = GatewayConfig::default();
    config.pool.connections = wire.connections;
    config.budget.refill_per_sec = wire.write_tokens_per_second;
    config.budget.capacity = wire.write_tokens_max;
    config.budget.cancel_reserve = wire.cancel_reserve_tokens;
    config.budget.create_cost = wire.order_tokens;
    config.budget.cancel_cost = wire.cancel_tokens;
    config.ack_timeout = wire.ack_timeout;
    config.batch_orders_max = wire.batch_orders;
    config
}

fn feed(
    options: &RunOptions,
    (first, second): Streams,
    clock: &SystemClock,
    rings: FeedRings,
) -> LiveFeed {
    let books = feed::books::Books::new(options.config.books.unwrap_or_default());
    let config = feed_config(&options.config.wire);
    let feed = Feed::new(config, first, clock.clone(), rings.events)
        .with_books(books, rings.wishes, rings.books)
        .with_records(rings.records)
        .with_spans(rings.spans);
    match second {
        Some(second) => feed.with_second(second),
        None => feed,
    }
}

fn feed_config(wire: &WireConfig) -> FeedConfig {
    let mut config = FeedConfig::default();
    config.session.silence_max = wire.feed_silence_max;
    config
}
