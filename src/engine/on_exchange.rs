//! Trading over the wire: connect, learn the account's books, then gateway, feed, signer,
//! dialler and REST service around the common parts.

use std::sync::Arc;

use super::account::Account;
use super::course::{Course, Inlet};
use super::plant::{Books, OuterRings, Plant};
use super::threads::Threads;
use super::{EngineError, RunOptions};
use crate::config::WireConfig;
use crate::feed::{Feed, FeedConfig};
use crate::gateway::presign::{PresignConfig, PresignRing, SignDesk, Signer, presign};
use crate::gateway::{Gateway, GatewayConfig, GatewayParts, GatewayRings};
use crate::kalshi::encode::OrderTemplates;
use crate::kalshi::market::MarketTable;
use crate::net::dial::{DialHandle, Dialler};
use crate::net::endpoint::Endpoint;
use crate::net::tls::TlsStream;
use crate::oms::Opening;
use crate::oms::account::Holding;
use crate::oms::config::Admission;
use crate::reconcile::client::{RestClient, RestConfig};
use crate::reconcile::fetch::Fetch;
use crate::reconcile::snapshot::{Snapshot, SnapshotLoader};
use crate::recorder::summary::Summary;
use crate::runtime::clock::{Clock, SystemClock};
use crate::runtime::signals::Interrupts;
use crate::runtime::stage::{Stage, Work};
use crate::runtime::thread::Stop;
use crate::runtime::wait::pause;
use crate::units::Nanos;

type Rest = RestClient<TlsStream, DialHandle<TlsStream>, SystemClock>;

/// Connections a dialler may hold ready for one customer.
const PENDING_MAX: usize = 16;

/// Trades on the exchange that `account` describes.
pub(super) fn run(
    options: &RunOptions,
    interrupts: &Interrupts,
    account: &Account,
) -> Result<Summary, EngineError> {
    let clock = SystemClock::start();
    let inlet = Inlet::open(options)?;
    let stop = Stop::new();
    let mut threads = Threads::default();
    let cold = options.config.machine.cores.cold;

    let mut dialler = Dialler::new(clock.clone(), account.dial.clone(), options.config.seed);
    let orders = dialler.https(account.rest.clone(), PENDING_MAX);
    let reads = dialler.https(account.rest.clone(), PENDING_MAX);
    let stream = dialler.websocket(account.ws.clone(), PENDING_MAX, authorize(account));
    threads.start_cold("dialler", cold, dialler, &stop)?;

    let mut rest = rest_client(account, reads, &clock);
    let snapshot = match load(&mut rest, &account.rest, &clock, interrupts) {
        Ok(snapshot) => snapshot,
        Err(error) => {
            stop.request();
            threads.join()?;
            return Err(error);
        }
    };
    let templates = templates(account, &snapshot.markets)?;
    let owner = format!("{} {}", options.config.mode.as_str(), account.credentials.key_id());
    let books = books(snapshot, &clock, &owner);
    let (plant, outer) = Plant::build(options, &clock, books)?;
    let OuterRings { commands, gateway: events, feed: feed_events, asks, fetch, records } = outer;

    let (ready, desk, signer) = presign(
        Arc::clone(account.credentials.key()),
        templates.create_path(),
        presign_config(&options.config.wire),
    );
    threads.start_cold("signer", cold, SignerStage { signer, clock: clock.clone() }, &stop)?;
    threads.start_cold("fetch", cold, Fetch::new(rest, asks, fetch), &stop)?;
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
        Gateway::new(parts, rings, &gateway_config(&options.config.wire));
    let feed = Feed::new(feed_config(&options.config.wire), stream, clock, feed_events);
    let course = Course { options, interrupts, inlet, stop, threads };
    course.follow(plant, (gateway, feed))
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

/// Everything the engine must know before it trades, read once.
fn load(
    rest: &mut Rest,
    exchange: &Endpoint,
    clock: &SystemClock,
    interrupts: &Interrupts,
) -> Result<Snapshot, EngineError> {
    let failed = |why: String| EngineError::Exchange { exchange: exchange.address(), why };
    let mut loader = SnapshotLoader::new();
    let until = clock.mono() + Nanos::from_secs(60);
    loop {
        match loader.step(rest) {
            Some(Ok(snapshot)) if snapshot.trading_active => return Ok(snapshot),
            Some(Ok(_)) => {
                return Err(failed("trading is paused there; try again when it is open".to_owned()));
            }
            Some(Err(error)) => return Err(failed(error.to_string())),
            None => {}
        }
        if interrupts.is_asked() {
            return Err(failed("interrupted before the account was read".to_owned()));
        }
        if clock.mono() >= until {
            return Err(failed("the account could not be read within 60 s".to_owned()));
        }
        pause(Nanos::from_us(200));
    }
}

fn books<'a>(snapshot: Snapshot, clock: &SystemClock, owner: &'a str) -> Books<'a> {
    let holdings = snapshot.positions.iter().map(|(ticker, position, cost)| {
        (*ticker, Holding { position: *position, cost: *cost })
    });
    let opening = Opening {
        cash: snapshot.cash,
        holdings: holdings.collect(),
        as_of: clock.now().wall,
    };
    Books { markets: snapshot.markets, opening, admission: Admission::Listed, owner }
}

fn templates(account: &Account, markets: &MarketTable) -> Result<OrderTemplates, EngineError> {
    OrderTemplates::new(
        &account.rest.authority(),
        account.rest.base_path(),
        account.credentials.key_id(),
        account.credentials.key().signature_len(),
        markets,
    )
    .map_err(|error| EngineError::Credentials(error.to_string()))
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
    config.pool.connections = usize::from(wire.connections);
    config.budget.per_second = wire.write_tokens_per_second;
    config.budget.capacity = wire.write_tokens_max;
    config.budget.cancel_reserve = wire.cancel_reserve_tokens;
    config.ack_timeout = wire.ack_timeout;
    config
}

fn feed_config(wire: &WireConfig) -> FeedConfig {
    let mut config = FeedConfig::default();
    config.session.silence_max = wire.feed_silence_max;
    config
}

/// The signer as a stage: it signs for the time at which it is polled.
struct SignerStage {
    signer: Signer,
    clock: SystemClock,
}

impl Stage for SignerStage {
    const NAME: &'static str = "signer";

    fn poll(&mut self) -> Work {
        self.signer.poll(self.clock.now().wall.unix_ms())
    }
}
