//! The simulated exchange as this program starts it: inside a run, or alone.

use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::account::Account;
use super::scratch::Scratch;
use super::{EngineError, Recorded, RunOptions, on_exchange};
use crate::recorder::summary::Summary;
use crate::runtime::clock::{Clock, SystemClock};
use crate::runtime::signals::Interrupts;
use crate::runtime::wait::pause;
use crate::sim::api::{QuoteMode, SimVenue, SimVenueConfig, Tier};
use crate::sim::exchange::{BookSeed, UserSeed, default_markets, parse_books};
use crate::sim::faults::{FaultPlan, LiveFaults};
use crate::sim::keys::{KeyKinds, KeySet};
use crate::sim::replay::{self, Recording};
use crate::sim::server::{ServeError, ServerConfig, ServerHandle};
use crate::units::{Money, Nanos};

/// The account's name at the simulated exchange.
const USER_ID: &str = "5eed0000-0000-4000-8000-000000000001";

/// Markets that are named at the start; a request lists all.
const MARKETS_NAMED: usize = 3;

/// What `sim` is told.
#[derive(Clone, Debug)]
pub struct SimOptions {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where to write addresses and keys.
    pub ready_file: Option<PathBuf>,
    /// Directory of keys and certificates.
    pub keys: PathBuf,
    /// Books to open with; the built-in ones when `None`.
    pub markets: Option<PathBuf>,
    /// Seed of quotes and ids.
    pub seed: u64,
    /// Cash the account starts with, in cents.
    pub cash_cents: i64,
    /// The usage tier whose token buckets are enforced; none when `None`.
    pub tier: Option<Tier>,
    /// How far reads of the account are behind its writes.
    pub read_lag: Nanos,
    /// What the others do.
    pub quotes: QuoteMode,
    /// Recorded market data to play instead of markets and quotes.
    pub replay: Option<Recorded>,
    /// Faults file.
    pub faults: Option<PathBuf>,
}

/// Runs the simulated exchange until interrupted.
///
/// # Errors
/// [`EngineError`]: the address is taken, the markets or keys cannot be read, the ready file
/// cannot be written.
pub fn serve(options: &SimOptions, interrupts: &Interrupts) -> Result<(), EngineError> {
    let (server, markets) = start(options, KeyKinds::Both)?;
    announce(&server, options, &markets)?;
    while !interrupts.is_asked() {
        pause(Nanos::from_ms(20));
    }
    server.stop().map_err(|error| usage(&error))
}

/// Trades against an exchange inside the process, gone with it.
pub(super) fn run_inside(
    options: &RunOptions,
    interrupts: &Interrupts,
) -> Result<Summary, EngineError> {
    let scratch = Scratch::new()?;
    let sim = &options.config.sim;
    let (server, _) = start(
        &SimOptions {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            ready_file: None,
            keys: scratch.join("keys"),
            markets: sim.markets.clone(),
            seed: options.config.seed,
            cash_cents: sim.cash_cents,
            tier: None,
            // This exchange's reads never lag its writes.
            read_lag: Nanos::ZERO,
            quotes: if sim.moving_quotes { QuoteMode::Moving } else { QuoteMode::Still },
            replay: None,
            faults: None,
        },
        KeyKinds::Ed25519Only,
    )?;
    let account = Account::from_ready(server.ready())?;
    let mut options = options.clone();
    options.config.orders.read_lag = Nanos::ZERO;
    let went = on_exchange::run(&options, interrupts, &account);
    server.stop().map_err(|error| usage(&error))?;
    went
}

/// The running server, and which markets it has in a few words.
fn start(options: &SimOptions, kinds: KeyKinds) -> Result<(ServerHandle, String), EngineError> {
    let clock = SystemClock::start();
    // Before the keys: making those can take seconds.
    let (books, quotes) = background(options)?;
    let faults = faults(options.faults.as_deref())?;
    let keys = KeySet::open(&options.keys, kinds)
        .map_err(|error| EngineError::Credentials(error.to_string()))?;
    let cash = Money::from_cents(options.cash_cents);
    let user = UserSeed { user_id: USER_ID.to_owned(), cash };
    let mut config = SimVenueConfig::world_cup(vec![user], options.seed, clock.now().wall);
    let markets = summary(&books);
    config.books = books;
    config.tier = options.tier.unwrap_or_default();
    config.quotes = quotes;
    let venue = SimVenue::new(&config).map_err(|error| EngineError::Usage(error.to_string()))?;
    let venue = if options.tier.is_some() { venue.with_limits() } else { venue };
    let venue = venue.with_read_lag(options.read_lag);
    let user = venue.user(0).ok_or_else(|| EngineError::Usage("no account".to_owned()))?;
    let venue = venue.with_key(user, &keys.ed25519.key_id, "ed25519");
    let venue = match &keys.rsa {
        Some(key) => venue.with_key(user, &key.key_id, "rsa"),
        None => venue,
    };
    let mut server = ServerConfig::new(keys, user, venue, clock);
    server.listen = options.listen;
    if let Some(plan) = faults {
        server.live_faults = LiveFaults::new(plan, server.clock.now().wall);
    }
    let server = crate::sim::server::serve(server).map_err(|error| usage(&error))?;
    Ok((server, markets))
}

/// The markets, and what moves them.
fn background(options: &SimOptions) -> Result<(Vec<BookSeed>, QuoteMode), EngineError> {
    let Some(Recorded { file, speed }) = &options.replay else {
        return Ok((books(options.markets.as_deref())?, options.quotes.clone()));
    };
    let (recording, speed) = (open_recording(file)?, *speed);
    Ok((recording.seeds(), QuoteMode::Replay { recording, speed }))
}

/// Reads a recording of market data.
pub(super) fn open_recording(file: &Path) -> Result<Arc<Recording>, EngineError> {
    let read = replay::open(file).map(Arc::new);
    read.map_err(|error| {
        EngineError::Usage(format!("recording {}: failed to {error}", file.display()))
    })
}

/// How many markets there are, and the first ones by name.
fn summary(books: &[BookSeed]) -> String {
    let named = books.iter().take(MARKETS_NAMED).map(|book| book.ticker.as_str());
    let more = if books.len() > MARKETS_NAMED { ", …" } else { "" };
    format!("{}: {}{more}", books.len(), named.collect::<Vec<_>>().join(", "))
}

fn faults(file: Option<&Path>) -> Result<Option<FaultPlan>, EngineError> {
    let Some(path) = file else { return Ok(None) };
    let wrong = |why: String| EngineError::Usage(format!("faults file {}: {why}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    FaultPlan::parse(&text).map(Some).map_err(|error| wrong(error.to_string()))
}

fn books(file: Option<&Path>) -> Result<Vec<BookSeed>, EngineError> {
    let Some(path) = file else { return Ok(default_markets()) };
    let wrong = |why: String| EngineError::Usage(format!("markets file {}: {why}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    parse_books(&text).map_err(|error| wrong(error.to_string()))
}

fn usage(error: &ServeError) -> EngineError {
    EngineError::Usage(format!("cannot {error}"))
}

/// Says where it is, what it trades and how to try it; the ready file comes first, because
/// programs wait for that.
fn announce(server: &ServerHandle, options: &SimOptions, markets: &str) -> Result<(), EngineError> {
    let ready = server.ready();
    if let Some(path) = &options.ready_file {
        ready.write(path)?;
    }
    let text = format!(
        "simulated exchange ready\n  rest     {}\n  ws       {}\n  ca       {}\n  key id   {}\n  \
         key      {}\n  markets  {markets}\ntry: curl --cacert {} '{}/markets?limit=3'\n",
        ready.rest,
        ready.ws,
        ready.ca_file.display(),
        ready.key_id,
        ready.private_key_file.display(),
        ready.ca_file.display(),
        ready.rest,
    );
    // Nobody may be listening to standard error; the exchange runs all the same.
    drop(std::io::stderr().write_all(text.as_bytes()));
    Ok(())
}
