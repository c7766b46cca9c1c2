//! Recorded market data, read once: snapshots, deltas and trades in the order of their lines.
//!
//! In: lines of JSON in four forms: WebSocket frames as they came; the same inside
//! `{"recv_ts_ms", "frame"}`; depth captures with `captured_at`, `ticker`, `yes_bids` and
//! `no_bids`; the fees of a series in `{"series"}`. Out: a [`Recording`], or an error that names
//! the line. Frames of other types only count: a gap in the numbers of a subscription is an
//! error. Prices and sizes never pass through a float.

use std::collections::BTreeMap;

use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::fees::SeriesFees;
use super::sequence::{Numbered, Origin, SequenceGap, Sequences, Unfollowable};
use crate::ids::Ticker;
use crate::kalshi::fees::FeeType;
use crate::message::BookSide;
use crate::sim::exchange::{BookChange, BookSeed, ExchangeEvent, LevelSeed, PriceStructure};
use crate::units::{Contracts, Nanos, Position, Price, WallTime};

/// Most markets in one recording: what one exchange simulates.
const MARKETS_MAX: usize = 4_096;

/// How far before its trade a delta is looked for: one trade takes few levels.
const DELTA_LOOK_BACK_MAX: usize = 8;

/// How long before its trade a delta may have been told.
const DELTA_LEAD_MAX: Nanos = Nanos::from_ms(20);

/// Structures from coarse to fine; every one admits whole cents.
const STRUCTURES: [PriceStructure; 5] = [
    PriceStructure::LinearCent,
    PriceStructure::TaperedDeciCent,
    PriceStructure::DeciCent,
    PriceStructure::CenterDeciEdgeCenti,
    PriceStructure::CenterCentiEdgeCenti,
];

/// One side of a recorded book: hundredths of a contract by YES-leg price.
pub type RecordedSide = BTreeMap<Price, u64>;

/// Something recorded about one market.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordedChange {
    /// The whole book: bids, then asks.
    Snapshot(RecordedSide, RecordedSide),
    /// One level changed by so many hundredths.
    Delta {
        /// Side of the YES book.
        side: BookSide,
        /// YES-leg price.
        price: Price,
        /// Change in hundredths.
        centis: i64,
    },
    /// A trade.
    Trade {
        /// Side of the order that took.
        taker_side: BookSide,
        /// YES-leg price.
        price: Price,
        /// How many contracts.
        quantity: Contracts,
    },
}

/// One line that says something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedEvent {
    /// The exchange's time where it is known, else when it was received.
    pub time: WallTime,
    /// Index in [`Recording::tickers`].
    pub market: usize,
    /// What.
    pub change: RecordedChange,
}

/// A recording.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recording {
    tickers: Vec<Ticker>,
    structures: Vec<PriceStructure>,
    fee_types: Vec<FeeType>,
    events: Vec<RecordedEvent>,
}

/// Why a recording cannot be used. Fits "failed to read the recording: {error}".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordingError {
    /// A line is not JSON, or lacks what its kind must have.
    #[error("line {line}: {what}")]
    Line {
        /// Line number from 1.
        line: usize,
        /// What is wrong with it.
        what: &'static str,
    },
    /// A level would hold less than nothing: lines are missing before this one.
    #[error("line {line}: the level at {price} would be negative; lines before it are missing")]
    Negative {
        /// Line number from 1.
        line: usize,
        /// YES-leg price of the level.
        price: Price,
    },
    /// Messages are missing before a line.
    #[error("{0}")]
    Gap(SequenceGap),
    /// Bids meet asks in a snapshot.
    #[error("line {line}: the book is crossed; was it recorded with use_yes_price?")]
    Crossed {
        /// Line number from 1.
        line: usize,
    },
    /// More markets than one exchange simulates.
    #[error("more than {MARKETS_MAX} markets")]
    TooMany,
    /// A market's prices fit no known grid.
    #[error("prices of {ticker} are on no known grid")]
    Grid {
        /// Which market.
        ticker: Ticker,
    },
    /// No snapshot at all.
    #[error("no orderbook_snapshot in it")]
    Empty,
}

impl Recording {
    /// Reads a recording.
    ///
    /// # Errors
    /// The first line that cannot be used, with the reason.
    pub fn parse(text: &str) -> Result<Self, RecordingError> {
        let mut reader = RecordingReader::default();
        for (index, line) in text.lines().enumerate() {
            if !line.trim().is_empty() {
                reader.line(index + 1, line)?;
            }
        }
        reader.finish()
    }

    /// What an exchange published from its opening on.
    ///
    /// # Errors
    /// [`RecordingError`] when it had no market.
    pub(crate) fn taped(
        opens: WallTime,
        books: &[BookSeed],
        events: impl IntoIterator<Item = ExchangeEvent>,
    ) -> Result<Self, RecordingError> {
        let mut reader = RecordingReader::default();
        for book in books {
            let side = |levels: &[LevelSeed], side: BookSide| -> RecordedSide {
                let level = |level: &LevelSeed| {
                    (side.own_price(level.price), u64::from(level.quantity.centis()))
                };
                levels.iter().map(level).collect()
            };
            let both = [side(&book.yes_bids, BookSide::Bid), side(&book.no_bids, BookSide::Ask)];
            reader.snapshot(0, Some(opens), book.ticker, both)?;
            let fees = reader.fees.insert(book.ticker.series(), book.fee_type);
            fees.map_err(|what| RecordingError::Line { line: 0, what })?;
        }
        for event in events {
            match event {
                ExchangeEvent::Book(BookChange {
                    market, side, price, delta_centis, time, ..
                }) => {
                    let change = RecordedChange::Delta { side, price, centis: delta_centis };
                    reader.push(Some(time), market, change);
                }
                ExchangeEvent::Trade(print) => {
                    let (taker_side, price, quantity) =
                        (print.taker_side, print.price, print.quantity);
                    let change = RecordedChange::Trade { taker_side, price, quantity };
                    reader.push(Some(print.time), print.market, change);
                }
                _ => {}
            }
        }
        reader.finish()
    }

    /// Markets in the order of their first snapshot.
    #[must_use]
    pub fn tickers(&self) -> &[Ticker] {
        &self.tickers
    }

    /// Everything in its order.
    #[must_use]
    pub fn events(&self) -> &[RecordedEvent] {
        &self.events
    }

    /// Its markets with empty books: the replay fills them.
    #[must_use]
    pub fn seeds(&self) -> Vec<BookSeed> {
        let markets = self.tickers.iter().zip(&self.structures).zip(&self.fee_types);
        let seed =
            |((ticker, structure), fee_type): ((&Ticker, &PriceStructure), &FeeType)| BookSeed {
                ticker: *ticker,
                structure: *structure,
                fee_type: *fee_type,
                exchange_index: 0,
                yes_bids: Vec::new(),
                no_bids: Vec::new(),
            };
        markets.map(seed).collect()
    }
}

/// Reads a recording line by line.
#[derive(Debug, Default)]
pub(super) struct RecordingReader {
    recording: Recording,
    by_ticker: BTreeMap<Ticker, usize>,
    /// The books as they stand, to find lines that cannot follow.
    books: Vec<[RecordedSide; 2]>,
    sequences: Sequences,
    fees: SeriesFees,
    /// Where each market's last snapshot came from.
    origins: Vec<Option<Origin>>,
    /// Which structures still fit each market.
    fitting: Vec<Vec<PriceStructure>>,
    /// Events before the first time that is known.
    timeless: usize,
    latest: Option<WallTime>,
}

impl RecordingReader {
    /// Takes the next line.
    pub(super) fn line(&mut self, line: usize, text: &str) -> Result<(), RecordingError> {
        let wrong = |what| RecordingError::Line { line, what };
        let value: Value = serde_json::from_str(text).map_err(|_| wrong("is not JSON"))?;
        if value.get("captured_at").is_some() {
            return self.capture(line, &value);
        }
        if let Some(series) = value.get("series") {
            return self.fees.take(series).map_err(wrong);
        }
        let frame = value.get("frame").unwrap_or(&value);
        let received = value.get("recv_ts_ms").and_then(Value::as_u64);
        let kind = frame.get("type").and_then(Value::as_str).unwrap_or_default();
        let origin = self.count(line, frame, kind)?;
        let Some(msg) = frame.get("msg") else { return Ok(()) };
        let time = time_of(msg).or_else(|| received.map(WallTime::from_unix_ms));
        if !matches!(kind, "orderbook_snapshot" | "orderbook_delta" | "trade") {
            return Ok(());
        }
        let ticker = ticker(msg, "market_ticker").ok_or_else(|| wrong("has no market_ticker"))?;
        match kind {
            "orderbook_snapshot" => {
                let sides = ("yes_dollars_fp", "no_dollars_fp");
                let book = levels(msg, sides).ok_or_else(|| wrong("has unreadable levels"))?;
                self.snapshot(line, time, ticker, book)?;
                self.come_from(&ticker, origin);
                Ok(())
            }
            "orderbook_delta" => {
                let delta = delta(msg).ok_or_else(|| wrong("has an unreadable delta"))?;
                let market = self.by_ticker.get(&ticker);
                let then = market.and_then(|market| self.origins[*market]);
                self.sequences.follows(then, origin).map_err(|why| unfollowable(line, why))?;
                self.delta(line, time, &ticker, delta)
            }
            _ => {
                let trade = trade(msg).ok_or_else(|| wrong("has an unreadable trade"))?;
                if let Some(market) = self.by_ticker.get(&ticker).copied() {
                    self.push(time, market, trade);
                }
                Ok(())
            }
        }
    }

    /// Counts a frame of any kind.
    fn count(
        &mut self,
        line: usize,
        frame: &Value,
        kind: &str,
    ) -> Result<Option<Origin>, RecordingError> {
        let kind = match kind {
            "orderbook_snapshot" => Numbered::Snapshot,
            _ => Numbered::Other,
        };
        self.sequences.count(line, frame, kind).map_err(|why| unfollowable(line, why))
    }

    /// Notes where the book of a market is from.
    fn come_from(&mut self, ticker: &Ticker, origin: Option<Origin>) {
        if let Some(market) = self.by_ticker.get(ticker) {
            self.origins[*market] = origin;
        }
    }

    fn capture(&mut self, line: usize, value: &Value) -> Result<(), RecordingError> {
        let wrong = |what| RecordingError::Line { line, what };
        let time = value.get("captured_at").and_then(Value::as_str).and_then(rfc3339);
        let time = time.ok_or_else(|| wrong("has no readable captured_at"))?;
        let ticker = ticker(value, "ticker").ok_or_else(|| wrong("has no ticker"))?;
        let book = levels(value, ("yes_bids", "no_bids"));
        let book = book.ok_or_else(|| wrong("has unreadable levels"))?;
        self.snapshot(line, Some(time), ticker, book)?;
        self.come_from(&ticker, None);
        Ok(())
    }

    fn snapshot(
        &mut self,
        line: usize,
        time: Option<WallTime>,
        ticker: Ticker,
        [bids, asks]: [RecordedSide; 2],
    ) -> Result<(), RecordingError> {
        if let (Some((bid, _)), Some((ask, _))) = (bids.last_key_value(), asks.first_key_value())
            && bid >= ask
        {
            return Err(RecordingError::Crossed { line });
        }
        let market = self.market(ticker)?;
        for price in bids.keys().chain(asks.keys()) {
            self.fitting[market].retain(|structure| structure.grid().contains(*price));
        }
        self.books[market] = [bids.clone(), asks.clone()];
        self.push(time, market, RecordedChange::Snapshot(bids, asks));
        Ok(())
    }

    fn delta(
        &mut self,
        line: usize,
        time: Option<WallTime>,
        ticker: &Ticker,
        (side, price, centis): (BookSide, Price, i64),
    ) -> Result<(), RecordingError> {
        // Without a snapshot nobody knows what the change is a change of.
        let Some(market) = self.by_ticker.get(ticker).copied() else { return Ok(()) };
        self.fitting[market].retain(|structure| structure.grid().contains(price));
        let book = &mut self.books[market][usize::from(side == BookSide::Ask)];
        let level = book.entry(price).or_insert(0);
        *level =
            level.checked_add_signed(centis).ok_or(RecordingError::Negative { line, price })?;
        if *level == 0 {
            book.remove(&price);
        }
        self.push(time, market, RecordedChange::Delta { side, price, centis });
        Ok(())
    }

    fn market(&mut self, ticker: Ticker) -> Result<usize, RecordingError> {
        let next = self.recording.tickers.len();
        let market = *self.by_ticker.entry(ticker).or_insert(next);
        if market == next {
            if next == MARKETS_MAX {
                return Err(RecordingError::TooMany);
            }
            self.recording.tickers.push(ticker);
            self.books.push([RecordedSide::new(), RecordedSide::new()]);
            self.origins.push(None);
            self.fitting.push(STRUCTURES.to_vec());
        }
        Ok(market)
    }

    /// A line without a time happened when the one before it did; time never goes back.
    fn push(&mut self, time: Option<WallTime>, market: usize, change: RecordedChange) {
        let time = match (time, self.latest) {
            (Some(time), Some(latest)) => Some(time.max(latest)),
            (time, latest) => time.or(latest),
        };
        self.latest = time;
        if time.is_none() {
            self.timeless += 1;
        }
        let time = time.unwrap_or_default();
        let event = RecordedEvent { time, market, change };
        let events = &mut self.recording.events;
        match delta_of(events, &event) {
            Some(place) => events.insert(place, event),
            None => events.push(event),
        }
    }

    /// Takes what the lines since the last call said.
    pub(super) fn drain_events(&mut self) -> Vec<RecordedEvent> {
        core::mem::take(&mut self.recording.events)
    }

    /// The books as they stand: one snapshot per market.
    pub(super) fn so_far(&self) -> Result<Recording, RecordingError> {
        let time = self.latest.unwrap_or_default();
        let snapshot = |(market, [bids, asks]): (usize, &[RecordedSide; 2])| {
            let change = RecordedChange::Snapshot(bids.clone(), asks.clone());
            RecordedEvent { time, market, change }
        };
        let events = self.books.iter().enumerate().map(snapshot).collect();
        let tickers = self.recording.tickers.clone();
        let recording = Recording { tickers, events, ..Recording::default() };
        recording.with_markets(&self.fitting, &self.fees)
    }

    fn finish(mut self) -> Result<Recording, RecordingError> {
        let events = &mut self.recording.events;
        if let Some(first) = events.get(self.timeless).map(|event| event.time) {
            for event in &mut events[..self.timeless] {
                event.time = first;
            }
        }
        self.recording.with_markets(&self.fitting, &self.fees)
    }
}

impl Recording {
    /// Gives each market the coarsest structure that fits it, and its series' fees.
    fn with_markets(
        mut self,
        fitting: &[Vec<PriceStructure>],
        fees: &SeriesFees,
    ) -> Result<Self, RecordingError> {
        if self.tickers.is_empty() {
            return Err(RecordingError::Empty);
        }
        for (ticker, fitting) in self.tickers.iter().zip(fitting) {
            let structure = fitting.first().ok_or(RecordingError::Grid { ticker: *ticker })?;
            self.structures.push(*structure);
            self.fee_types.push(fees.of(ticker));
        }
        Ok(self)
    }
}

const fn unfollowable(line: usize, why: Unfollowable) -> RecordingError {
    match why {
        Unfollowable::Gap(gap) => RecordingError::Gap(gap),
        Unfollowable::TooManySubscriptions => {
            RecordingError::Line { line, what: "begins more subscriptions than a recorder makes" }
        }
    }
}

/// Where the delta of a trade stands that came before it. Two channels tell of one trade in
/// either order; here the trade comes first, so that the queue is served before its level shrinks.
fn delta_of(events: &[RecordedEvent], trade: &RecordedEvent) -> Option<usize> {
    let RecordedChange::Trade { taker_side, price, quantity } = trade.change else { return None };
    let taken = RecordedChange::Delta {
        side: taker_side.opposite(),
        price,
        centis: -i64::from(quantity.centis()),
    };
    let near = events.iter().enumerate().rev().take(DELTA_LOOK_BACK_MAX);
    let same_moment = |event: &RecordedEvent| trade.time.since(event.time) <= DELTA_LEAD_MAX;
    near.take_while(|(_, event)| same_moment(event))
        .find(|(_, event)| event.market == trade.market && event.change == taken)
        .map(|(place, _)| place)
}

fn ticker(value: &Value, field: &str) -> Option<Ticker> {
    Ticker::new(value.get(field)?.as_str()?.as_bytes())
}

/// The exchange's time: milliseconds, RFC 3339 text, or whole seconds.
fn time_of(msg: &Value) -> Option<WallTime> {
    if let Some(ms) = msg.get("ts_ms").and_then(Value::as_u64) {
        return Some(WallTime::from_unix_ms(ms));
    }
    let ts = msg.get("ts")?;
    let seconds = ts.as_u64().and_then(|seconds| seconds.checked_mul(1_000));
    seconds.map(WallTime::from_unix_ms).or_else(|| rfc3339(ts.as_str()?))
}

fn rfc3339(text: &str) -> Option<WallTime> {
    let time = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    u64::try_from(time.unix_timestamp_nanos()).ok().map(WallTime::from_unix_ns)
}

/// Text of a number, whether it was written as text or as a number.
fn decimal(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn price(value: &Value) -> Option<Price> {
    Price::parse_dollars(decimal(value)?.as_bytes())
}

fn count(value: &Value) -> Option<Contracts> {
    Contracts::parse_fp(decimal(value)?.as_bytes())
}

/// Bids, and asks at YES-leg prices.
fn levels(msg: &Value, (yes, no): (&str, &str)) -> Option<[RecordedSide; 2]> {
    let side = |field: &str, side: BookSide| -> Option<RecordedSide> {
        let Some(levels) = msg.get(field) else { return Some(RecordedSide::new()) };
        let level = |level: &Value| {
            let pair = level.as_array()?;
            let (price, count) = (price(pair.first()?)?, count(pair.get(1)?)?);
            Some((side.own_price(price), u64::from(count.centis())))
        };
        levels.as_array()?.iter().map(level).collect()
    };
    Some([side(yes, BookSide::Bid)?, side(no, BookSide::Ask)?])
}

fn delta(msg: &Value) -> Option<(BookSide, Price, i64)> {
    let side = leg(msg.get("side")?.as_str()?)?;
    let price = side.own_price(price(msg.get("price_dollars")?)?);
    let centis = Position::parse_fp(decimal(msg.get("delta_fp")?)?.as_bytes())?.centis();
    Some((side, price, centis))
}

fn trade(msg: &Value) -> Option<RecordedChange> {
    let side = msg.get("taker_outcome_side").or_else(|| msg.get("taker_side"))?;
    let taker_side = leg(side.as_str()?)?;
    let price = price(msg.get("yes_price_dollars")?)?;
    let quantity = count(msg.get("count_fp")?)?;
    Some(RecordedChange::Trade { taker_side, price, quantity })
}

/// A bid for NO is an ask for YES.
fn leg(text: &str) -> Option<BookSide> {
    match text {
        "yes" => Some(BookSide::Bid),
        "no" => Some(BookSide::Ask),
        _ => None,
    }
}
