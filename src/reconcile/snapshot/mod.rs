//! Everything the engine must know of the exchange before it trades, read once at start.
//!
//! A state machine polled like the other services: status, balance, positions, resting orders,
//! then markets: first those the account is already in, whatever their state, then the open ones
//! of the wanted series, and last how their series charge. A throttled read is made again a second
//! later; any other that fails ends the snapshot: nothing is traded on half a picture.

mod fees;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

pub use fees::SeriesFees;

use super::client::{Reply, RestClient, RestError, RestFailure};
use super::listing::{Listing, More};
use crate::ids::Ticker;
use crate::kalshi::market::{FeeSchedule, MarketTable};
use crate::kalshi::paths::{BALANCE, EXCHANGE_STATUS, MARKETS, ORDERS, POSITIONS, SERIES};
use crate::kalshi::portfolio::{
    Balance, ExchangeState, HeldPosition, ListedMarket, balance, exchange_status, markets_page,
    orders_page, positions_page, series, series_list,
};
use crate::message::OrderReport;
use crate::net::{Connector, Transport};
use crate::runtime::clock::Clock;
use crate::units::{Money, Nanos, Timestamp};

/// What the snapshot is to contain.
#[derive(Clone, Debug)]
pub struct SnapshotConfig {
    /// Series whose open markets are loaded; empty for all but combos, which would fill the table
    /// with markets nobody signals.
    pub series: Vec<String>,
    /// How series charge as far as it is known: the market listing does not say.
    pub fees: SeriesFees,
}

/// The exchange as it was at start.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Markets to trade in.
    pub markets: MarketTable,
    /// Cash over all shards.
    pub cash: Money,
    /// Cash per shard, when the exchange says so.
    pub shard_cash: Vec<(u8, Money)>,
    /// Positions that are not flat.
    pub positions: Vec<HeldPosition>,
    /// Orders on the book, ours and others' on the account.
    pub resting: Vec<OrderReport>,
    /// Whether every part of the exchange takes orders.
    pub trading_active: bool,
    /// The exchange's parts one by one.
    pub exchange: ExchangeState,
    /// Exchange clock minus ours in milliseconds, to about half a second, when it tells its time.
    pub clock_skew_ms: Option<i64>,
    /// Open markets that are not in the table: unspeakable, or the table was full.
    pub markets_left_out: usize,
    /// How the markets' series charge. A market of one that is not understood is closed.
    pub fees: SeriesFees,
}

/// How far the snapshot has come.
#[derive(Debug)]
#[must_use]
pub enum Progress {
    /// Waiting for an answer: come back later.
    Waiting,
    /// A read succeeded: what was read, and how many rows of it are known so far.
    Read {
        /// What.
        what: Part,
        /// Rows so far.
        rows: usize,
    },
    /// Complete; said once.
    Done(Box<Snapshot>),
    /// A read failed; said once. Start a new snapshot to try again.
    Failed(Box<RestError>),
}

/// The parts of a snapshot in the order they are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Whether it trades.
    Status,
    /// Cash.
    Balance,
    /// Positions.
    Positions,
    /// Resting orders.
    Orders,
    /// Markets the account is in.
    HeldMarkets,
    /// Open markets.
    OpenMarkets,
    /// How the markets' series charge.
    Fees,
}

/// What is being read. Every state but the ends has one GET to make or outstanding.
#[derive(Debug)]
enum Reading {
    Status,
    Balance,
    Positions(Listing),
    Orders(Listing),
    HeldMarkets { listing: Listing, rest: Vec<Ticker> },
    OpenMarkets { listing: Listing, rest: Vec<String> },
    Series { name: String, rest: Vec<String> },
    SeriesList,
    Over,
}

/// Wait after 429: the bucket refills within a second, and the exchange asks for no longer.
const THROTTLE_WAIT: Nanos = Nanos::from_secs(1);
/// Most such waits in one snapshot: a bucket that stays empty is somebody else's doing.
const THROTTLE_WAITS_MAX: u32 = 30;

/// Most tickers in one `GET /markets?tickers=…`: keeps the request below 8 KiB.
const TICKERS_PER_PAGE_MAX: usize = 100;

/// The snapshot being made.
#[derive(Debug)]
pub struct Snapshotter<T, K, C> {
    client: RestClient<T, K, C>,
    config: SnapshotConfig,
    reading: Reading,
    /// Nothing is asked before this.
    wait_until: Timestamp,
    throttle_waits: u32,
    markets: MarketTable,
    exchange: Option<ExchangeState>,
    balance: Option<Balance>,
    positions: Vec<HeldPosition>,
    resting: Vec<OrderReport>,
    clock_skew_ms: Option<i64>,
    markets_left_out: usize,
}

impl<T: Transport, K: Connector<T>, C: Clock> Snapshotter<T, K, C> {
    /// Connects with the first [`Self::step`].
    pub fn new(client: RestClient<T, K, C>, config: SnapshotConfig) -> Self {
        Self {
            client,
            config,
            reading: Reading::Status,
            wait_until: Timestamp::ZERO,
            throttle_waits: 0,
            markets: MarketTable::new(),
            exchange: None,
            balance: None,
            positions: Vec::new(),
            resting: Vec::new(),
            clock_skew_ms: None,
            markets_left_out: 0,
        }
    }

    /// The client, to be used for what comes after the snapshot.
    pub fn into_client(self) -> RestClient<T, K, C> {
        self.client
    }

    /// Does what can be done now.
    pub fn step(&mut self) -> Progress {
        if matches!(self.reading, Reading::Over) || self.client.clock().mono() < self.wait_until {
            return Progress::Waiting;
        }
        if !self.client.is_busy() {
            let (path, query) = self.reading.request();
            let started = self.client.start(&path, &query);
            debug_assert!(started.is_ok(), "Invariant: an idle client takes a request");
        }
        let read = match self.client.poll() {
            None => return Progress::Waiting,
            Some(Err(error)) if self.is_unlisted(&error) => self.skip_series(),
            Some(Err(error)) if self.may_wait(&error) => {
                self.throttle_waits += 1;
                self.wait_until = self.client.clock().mono() + THROTTLE_WAIT;
                return Progress::Waiting;
            }
            Some(result) => result.and_then(|reply| self.read(&reply)),
        };
        match read {
            Ok(progress) => progress,
            Err(error) => {
                self.reading = Reading::Over;
                Progress::Failed(Box::new(error))
            }
        }
    }

    /// Whether the read was only too early: then it is made again.
    const fn may_wait(&self, error: &RestError) -> bool {
        matches!(error.why, RestFailure::Refused { status: 429, .. })
            && self.throttle_waits < THROTTLE_WAITS_MAX
    }

    fn read(&mut self, reply: &Reply) -> Result<Progress, RestError> {
        let reading = core::mem::replace(&mut self.reading, Reading::Over);
        let path = reading.request().0;
        let (what, rows) = self.take(reading, reply).map_err(|why| RestError { path, why })?;
        Ok(self.advance(what, rows))
    }

    fn advance(&mut self, what: Part, rows: usize) -> Progress {
        match self.finish() {
            Some(snapshot) => Progress::Done(Box::new(snapshot)),
            None => Progress::Read { what, rows },
        }
    }

    /// Takes one answer and moves on to the next read.
    fn take(&mut self, reading: Reading, reply: &Reply) -> Result<(Part, usize), RestFailure> {
        match reading {
            Reading::Status => {
                self.exchange = Some(exchange_status(&reply.body)?);
                self.clock_skew_ms = clock_skew_ms(reply);
                self.reading = Reading::Balance;
                Ok((Part::Status, 1))
            }
            Reading::Balance => {
                self.balance = Some(balance(&reply.body)?);
                let filters = [("count_filter", "position"), ("settlement_status", "unsettled")];
                self.reading = Reading::Positions(Listing::new(POSITIONS, &filters));
                Ok((Part::Balance, 1))
            }
            Reading::Positions(listing) => self.take_positions(listing, reply),
            Reading::Orders(listing) => self.take_orders(listing, reply),
            Reading::HeldMarkets { listing, rest } => self.take_held_markets(listing, rest, reply),
            Reading::OpenMarkets { listing, rest } => self.take_open_markets(listing, rest, reply),
            Reading::Series { name, rest } => {
                self.config.fees.note(name, series(&reply.body)?);
                self.reading = next_fees(rest);
                Ok((Part::Fees, self.config.fees.len()))
            }
            Reading::SeriesList => {
                for (name, fees) in series_list(&reply.body)? {
                    self.config.fees.note(name, fees);
                }
                Ok((Part::Fees, self.config.fees.len()))
            }
            Reading::Over => Ok((Part::OpenMarkets, self.markets.all().len())),
        }
    }

    /// Whether the exchange does not know a series.
    fn is_unlisted(&self, error: &RestError) -> bool {
        matches!(error.why, RestFailure::Refused { status: 404, .. })
            && matches!(self.reading, Reading::Series { .. })
    }

    /// What is not listed is not understood either.
    fn skip_series(&mut self) -> Result<Progress, RestError> {
        if let Reading::Series { name, rest } = core::mem::replace(&mut self.reading, Reading::Over)
        {
            self.config.fees.note(name, None);
            self.reading = next_fees(rest);
        }
        Ok(self.advance(Part::Fees, self.config.fees.len()))
    }

    /// On to how the markets in the table charge, as far as that is not known.
    fn missing_fees(&self) -> Reading {
        let missing = self.config.fees.missing(&self.markets);
        if missing.len() > fees::READS_MAX { Reading::SeriesList } else { next_fees(missing) }
    }

    fn take_positions(
        &mut self,
        mut listing: Listing,
        reply: &Reply,
    ) -> Result<(Part, usize), RestFailure> {
        let page = positions_page(&reply.body)?;
        let open = |row: &HeldPosition| row.position.centis() != 0;
        self.positions.extend(page.rows.into_iter().filter(open));
        self.reading = match listing.advance(page.cursor)? {
            More::Yes => Reading::Positions(listing),
            More::No => Reading::Orders(Listing::new(ORDERS, &[("status", "resting")])),
        };
        Ok((Part::Positions, self.positions.len()))
    }

    fn take_orders(
        &mut self,
        mut listing: Listing,
        reply: &Reply,
    ) -> Result<(Part, usize), RestFailure> {
        let page = orders_page(&reply.body, reply.received.mono)?;
        self.resting.extend(page.rows);
        self.reading = match listing.advance(page.cursor)? {
            More::Yes => Reading::Orders(listing),
            More::No => {
                let held = self.positions.iter().map(|position| position.ticker);
                let tickers: BTreeSet<Ticker> =
                    held.chain(self.resting.iter().map(|order| order.ticker)).collect();
                self.next_held(tickers.into_iter().collect())
            }
        };
        Ok((Part::Orders, self.resting.len()))
    }

    fn take_held_markets(
        &mut self,
        mut listing: Listing,
        rest: Vec<Ticker>,
        reply: &Reply,
    ) -> Result<(Part, usize), RestFailure> {
        let page = markets_page(&reply.body)?;
        self.markets_left_out += page.skipped;
        self.insert(&page.rows);
        self.reading = match listing.advance(page.cursor)? {
            More::Yes => Reading::HeldMarkets { listing, rest },
            More::No => self.next_held(rest),
        };
        Ok((Part::HeldMarkets, self.markets.all().len()))
    }

    fn take_open_markets(
        &mut self,
        mut listing: Listing,
        rest: Vec<String>,
        reply: &Reply,
    ) -> Result<(Part, usize), RestFailure> {
        let page = markets_page(&reply.body)?;
        self.markets_left_out += page.skipped;
        let room = self.insert(&page.rows);
        self.reading = match (listing.advance(page.cursor)?, room) {
            (_, Room::Full) => self.missing_fees(),
            (More::Yes, Room::Left) => Reading::OpenMarkets { listing, rest },
            (More::No, Room::Left) => next_series(rest).unwrap_or_else(|| self.missing_fees()),
        };
        Ok((Part::OpenMarkets, self.markets.all().len()))
    }

    /// The next batch of markets the account is in, or on to the open ones.
    fn next_held(&self, mut tickers: Vec<Ticker>) -> Reading {
        if tickers.is_empty() {
            let mut series = self.config.series.clone();
            series.reverse();
            return match series.pop() {
                None => Reading::OpenMarkets { listing: all_open(), rest: series },
                Some(first) => Reading::OpenMarkets { listing: open_in(&first), rest: series },
            };
        }
        let rest = tickers.split_off(tickers.len().min(TICKERS_PER_PAGE_MAX));
        let names: Vec<&str> = tickers.iter().map(Ticker::as_str).collect();
        let listing = Listing::new(MARKETS, &[("tickers", &names.join(","))]);
        Reading::HeldMarkets { listing, rest }
    }

    fn insert(&mut self, rows: &[ListedMarket]) -> Room {
        let mut room = Room::Left;
        for row in rows {
            // Replaced by what the series says before the table is handed over.
            let fees = FeeSchedule::QUADRATIC;
            let (grid, index) = (row.grid, row.exchange_index);
            if self.markets.insert(row.ticker, grid, index, fees, row.active).is_none() {
                self.markets_left_out += 1;
                room = Room::Full;
            }
        }
        room
    }

    /// The snapshot, when nothing is left to read.
    fn finish(&mut self) -> Option<Snapshot> {
        if !matches!(self.reading, Reading::Over) {
            return None;
        }
        let exchange = self.exchange.take()?;
        let balance = self.balance.take()?;
        self.config.fees.apply(&mut self.markets);
        Some(Snapshot {
            fees: core::mem::take(&mut self.config.fees),
            markets: core::mem::take(&mut self.markets),
            cash: balance.cash,
            shard_cash: balance.shards,
            positions: core::mem::take(&mut self.positions),
            resting: core::mem::take(&mut self.resting),
            trading_active: exchange.trading_active(),
            exchange,
            clock_skew_ms: self.clock_skew_ms,
            markets_left_out: self.markets_left_out,
        })
    }
}

/// Whether the market table takes more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Room {
    Left,
    Full,
}

impl Reading {
    fn request(&self) -> (String, String) {
        let plain = |path: &str| (path.to_owned(), String::new());
        match self {
            Self::Status | Self::Over => plain(EXCHANGE_STATUS),
            Self::Balance => plain(BALANCE),
            Self::Series { name, .. } => plain(&format!("{SERIES}/{name}")),
            Self::SeriesList => plain(SERIES),
            Self::Positions(listing)
            | Self::Orders(listing)
            | Self::HeldMarkets { listing, .. }
            | Self::OpenMarkets { listing, .. } => (listing.path().to_owned(), listing.query()),
        }
    }
}

fn next_series(mut rest: Vec<String>) -> Option<Reading> {
    let series = rest.pop()?;
    Some(Reading::OpenMarkets { listing: open_in(&series), rest })
}

fn next_fees(mut rest: Vec<String>) -> Reading {
    match rest.pop() {
        None => Reading::Over,
        Some(name) => Reading::Series { name, rest },
    }
}

fn open_in(series: &str) -> Listing {
    Listing::new(MARKETS, &[("status", "open"), ("series_ticker", series)])
}

fn all_open() -> Listing {
    Listing::new(MARKETS, &[("status", "open"), ("mve_filter", "exclude")])
}

/// Exchange clock minus ours. The header has whole seconds, so its middle is compared with the
/// middle of the round trip.
fn clock_skew_ms(reply: &Reply) -> Option<i64> {
    let theirs = i64::try_from(reply.date?.unix_ms()).ok()? + 500;
    let ours = reply.sent.wall.unix_ms().midpoint(reply.received.wall.unix_ms());
    Some(theirs - i64::try_from(ours).ok()?)
}
