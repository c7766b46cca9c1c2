//! Answers of the cold REST reads → vocabulary: orders, fills, positions, balance, markets.
//!
//! In: a response body of 200. Out: rows, and the cursor of the next page. Tolerant to fields
//! that are new and to numbers where strings were; strict on what is needed: an error names the
//! row and the field. Never for the hot path: allocates freely.

mod public;
mod standing;
mod settled;
#[cfg(test)]
mod tests;

pub use public::{best_prices, series, series_list};
pub use settled::settlements_page;
pub use standing::{MarketStanding, market};

use serde::Deserialize;

use super::FieldError;
use super::market::{PriceRange, TickGrid};
use super::report::{FillRow, OrderRow, Scalar, is_foreign, need};
use crate::ids::{InlineText, Ticker};
use crate::message::{Fill, OrderReport, Origin};
use crate::units::{Money, Position, Price, Timestamp, parse_decimal};

/// An answer that is not what the exchange documents.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PortfolioError {
    /// Not JSON, or of another shape.
    #[error("read the answer: {why}")]
    Json {
        /// The parser's words.
        why: String,
    },
    /// A row lacks what is needed.
    #[error("read row {row} of the answer: field {field} is missing or unreadable")]
    Row {
        /// Which row of the page, from 0.
        row: usize,
        /// The exchange's name of the field.
        field: &'static str,
    },
    /// The answer itself lacks what is needed.
    #[error(transparent)]
    Field(#[from] FieldError),
}

/// One page of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<R> {
    /// Its rows in the exchange's order: newest first for orders and fills.
    pub rows: Vec<R>,
    /// Where the next page begins; `None` on the last.
    pub cursor: Option<String>,
    /// Rows about markets this engine cannot name or trade, and unreadable orders of others.
    pub skipped: usize,
}

/// A position as the exchange has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeldPosition {
    /// The market.
    pub ticker: Ticker,
    /// Signed quantity.
    pub position: Position,
    /// What the open position cost.
    pub cost: Money,
    /// Profit and loss locked in by closing parts of it.
    pub realized: Money,
    /// Fees paid in this market.
    pub fees: Money,
}

/// The account's cash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Balance {
    /// Over all shards.
    pub cash: Money,
    /// Per shard, when the exchange says so: an order can only use what its shard has.
    pub shards: Vec<(u8, Money)>,
}

/// A market as it is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListedMarket {
    /// Its ticker.
    pub ticker: Ticker,
    /// Valid prices.
    pub grid: TickGrid,
    /// Its shard; 0 when the exchange does not say.
    pub exchange_index: u8,
    /// Whether it trades now.
    pub active: bool,
}

/// Whether the exchange, or one of its shards, works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Activity {
    /// The shard; 0 for the exchange as a whole.
    pub exchange_index: u8,
    /// Takes any change of state at all.
    pub exchange_active: bool,
    /// Takes orders.
    pub trading_active: bool,
}

/// Answer of `GET /exchange/status`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExchangeState {
    /// The default shard.
    pub whole: Activity,
    /// Every shard, when the exchange says so.
    pub shards: Vec<Activity>,
}

impl ExchangeState {
    /// Whether every part of the exchange takes orders.
    #[must_use]
    pub fn trading_active(&self) -> bool {
        let works = |part: &Activity| part.exchange_active && part.trading_active;
        works(&self.whole) && self.shards.iter().all(works)
    }
}

/// Reads `GET /portfolio/orders`.
///
/// # Errors
/// [`PortfolioError`] names what is missing; a page without `cursor` is not a complete answer.
pub fn orders_page(body: &[u8], received: Timestamp) -> Result<Page<OrderReport>, PortfolioError> {
    #[derive(Deserialize)]
    struct Body {
        orders: Vec<OrderRow>,
        #[serde(default)]
        cursor: Scalar,
    }
    let Body { orders, cursor } = read(body)?;
    let cursor = next_cursor(cursor, Cursor::Required)?;
    page(&orders, cursor, |row| row.raw().build_or_skip(Origin::Rest, received))
}

/// Reads `GET /portfolio/orders/{order_id}`.
///
/// # Errors
/// [`PortfolioError`] names what is missing.
pub fn order(body: &[u8], received: Timestamp) -> Result<OrderReport, PortfolioError> {
    #[derive(Deserialize)]
    struct Body {
        order: OrderRow,
    }
    let Body { order } = read(body)?;
    Ok(order.raw().build(Origin::Rest, received)?)
}

/// Reads `GET /portfolio/fills`. The fills' `decoded` stamp is left at `received`.
///
/// # Errors
/// [`PortfolioError`] names what is missing; a page without `cursor` is not a complete answer.
pub fn fills_page(body: &[u8], received: Timestamp) -> Result<Page<Fill>, PortfolioError> {
    #[derive(Deserialize)]
    struct Body {
        fills: Vec<FillRow>,
        #[serde(default)]
        cursor: Scalar,
    }
    let Body { fills, cursor } = read(body)?;
    let cursor = next_cursor(cursor, Cursor::Required)?;
    page(&fills, cursor, |row| {
        let raw = row.raw();
        if is_foreign(raw.ticker) {
            return Ok(None);
        }
        raw.build(Origin::Rest, received).map(Some)
    })
}

/// Reads `GET /portfolio/positions`.
///
/// # Errors
/// [`PortfolioError`] names what is missing.
pub fn positions_page(body: &[u8]) -> Result<Page<HeldPosition>, PortfolioError> {
    #[derive(Deserialize)]
    struct Body {
        market_positions: Vec<PositionRow>,
        #[serde(default)]
        cursor: Scalar,
    }
    let Body { market_positions, cursor } = read(body)?;
    // The exchange documents this cursor as optional.
    let cursor = next_cursor(cursor, Cursor::Optional)?;
    page(&market_positions, cursor, PositionRow::build)
}

/// Reads `GET /portfolio/balance`.
///
/// # Errors
/// [`PortfolioError`] names what is missing.
pub fn balance(body: &[u8]) -> Result<Balance, PortfolioError> {
    #[derive(Deserialize)]
    #[serde(default)]
    #[derive(Default)]
    struct Body {
        balance_dollars: Scalar,
        balance: Scalar,
        balance_breakdown: Vec<ShardBalance>,
    }
    #[derive(Deserialize)]
    struct ShardBalance {
        balance: Scalar,
        exchange_index: Scalar,
    }
    let body: Body = read(body)?;
    // `balance` is in cents, truncated: only for answers without the exact field.
    let cents = || body.balance.bytes().and_then(|text| parse_decimal(text, 0));
    let exact = body.balance_dollars.bytes().and_then(Money::parse_dollars);
    let cash = exact.or_else(|| cents().and_then(cents_to_money));
    let shard = |row: &ShardBalance| {
        let cash = row.balance.bytes().and_then(Money::parse_dollars);
        let index = row.exchange_index.unsigned().and_then(|index| u8::try_from(index).ok());
        Ok((need("balance_breakdown.exchange_index", index)?, need("balance_breakdown", cash)?))
    };
    let shards: Result<Vec<_>, FieldError> = body.balance_breakdown.iter().map(shard).collect();
    Ok(Balance { cash: need("balance_dollars", cash)?, shards: shards? })
}

/// Reads `GET /markets`. Markets whose prices or ticker this engine cannot express are skipped
/// and counted: what is not in the table cannot be traded.
///
/// # Errors
/// [`PortfolioError`] when the page itself is not readable.
pub fn markets_page(body: &[u8]) -> Result<Page<ListedMarket>, PortfolioError> {
    #[derive(Deserialize)]
    struct Body {
        markets: Vec<MarketRow>,
        #[serde(default)]
        cursor: Scalar,
    }
    let Body { markets, cursor } = read(body)?;
    let cursor = next_cursor(cursor, Cursor::Optional)?;
    page(&markets, cursor, |row| Ok(row.build()))
}

/// Reads `GET /exchange/status`.
///
/// # Errors
/// [`PortfolioError`] names what is missing.
pub fn exchange_status(body: &[u8]) -> Result<ExchangeState, PortfolioError> {
    #[derive(Deserialize)]
    struct Body {
        #[serde(flatten)]
        whole: ActivityRow,
        #[serde(default)]
        exchange_index_statuses: Option<Vec<ActivityRow>>,
    }
    let Body { whole, exchange_index_statuses } = read(body)?;
    let whole = whole.build()?;
    let shards: Result<Vec<_>, FieldError> =
        exchange_index_statuses.unwrap_or_default().iter().map(ActivityRow::build).collect();
    Ok(ExchangeState { whole, shards: shards? })
}

fn read<'a, B: Deserialize<'a>>(body: &'a [u8]) -> Result<B, PortfolioError> {
    serde_json::from_slice(body).map_err(|error| PortfolioError::Json { why: error.to_string() })
}

/// Whether a page without a cursor is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cursor {
    Required,
    Optional,
}

/// The last page has an empty cursor.
fn next_cursor(cursor: Scalar, rule: Cursor) -> Result<Option<String>, FieldError> {
    match (cursor.into_string(), rule) {
        (Some(text), _) => Ok((!text.is_empty()).then_some(text)),
        (None, Cursor::Optional) => Ok(None),
        (None, Cursor::Required) => Err(FieldError { field: "cursor" }),
    }
}

/// Converts rows; `None` is a row to skip.
fn page<R, V>(
    rows: &[R],
    cursor: Option<String>,
    build: impl Fn(&R) -> Result<Option<V>, FieldError>,
) -> Result<Page<V>, PortfolioError> {
    let mut out = Vec::with_capacity(rows.len());
    for (row, raw) in rows.iter().enumerate() {
        out.extend(build(raw).map_err(|error| PortfolioError::Row { row, field: error.field })?);
    }
    let skipped = rows.len() - out.len();
    Ok(Page { rows: out, cursor, skipped })
}

fn cents_to_money(cents: i64) -> Option<Money> {
    cents.checked_mul(Money::E8_PER_CENT).map(Money::from_e8)
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct PositionRow {
    ticker: Scalar,
    position_fp: Scalar,
    market_exposure_dollars: Scalar,
    realized_pnl_dollars: Scalar,
    fees_paid_dollars: Scalar,
}

impl PositionRow {
    fn build(&self) -> Result<Option<HeldPosition>, FieldError> {
        if is_foreign(self.ticker.bytes()) {
            return Ok(None);
        }
        let money =
            |field, value: &Scalar| need(field, value.bytes().and_then(Money::parse_dollars));
        let position = self.position_fp.bytes().and_then(Position::parse_fp);
        Ok(Some(HeldPosition {
            ticker: need("ticker", self.ticker.bytes().and_then(InlineText::new))?,
            position: need("position_fp", position)?,
            cost: money("market_exposure_dollars", &self.market_exposure_dollars)?,
            realized: money("realized_pnl_dollars", &self.realized_pnl_dollars)?,
            fees: money("fees_paid_dollars", &self.fees_paid_dollars)?,
        }))
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct MarketRow {
    ticker: Scalar,
    status: Scalar,
    price_ranges: Option<Vec<RangeRow>>,
    exchange_index: Scalar,
}

/// One band of valid prices, as listings and the stream tell it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::kalshi) struct RangeRow {
    start: Scalar,
    end: Scalar,
    step: Scalar,
}

/// The grid that bands make, when the engine can express it.
pub(in crate::kalshi) fn grid_of(bands: &[RangeRow]) -> Option<TickGrid> {
    let ranges: Vec<PriceRange> = bands.iter().map(RangeRow::build).collect::<Option<_>>()?;
    TickGrid::new(&ranges)
}

impl MarketRow {
    fn shard(&self) -> Option<u8> {
        match self.exchange_index.bytes() {
            // Answers from before the exchange was sharded.
            None => Some(0),
            Some(_) => self.exchange_index.unsigned().and_then(|index| u8::try_from(index).ok()),
        }
    }

    fn build(&self) -> Option<ListedMarket> {
        let exchange_index = self.shard()?;
        Some(ListedMarket {
            ticker: Ticker::new(self.ticker.bytes()?)?,
            grid: grid_of(self.price_ranges.as_ref()?)?,
            exchange_index,
            active: self.status.bytes() == Some(b"active"),
        })
    }
}

impl RangeRow {
    fn build(&self) -> Option<PriceRange> {
        let micros = |value: &Scalar| {
            let micros = parse_decimal(value.bytes()?, 6)?;
            u32::try_from(micros).ok().filter(|micros| *micros <= Price::MICROS_MAX)
        };
        Some(PriceRange {
            start_micros: micros(&self.start)?,
            end_micros: micros(&self.end)?,
            step_micros: micros(&self.step)?,
        })
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ActivityRow {
    exchange_index: Scalar,
    exchange_active: Scalar,
    trading_active: Scalar,
}

impl ActivityRow {
    fn build(&self) -> Result<Activity, FieldError> {
        let index = match self.exchange_index.bytes() {
            None => Some(0),
            Some(_) => self.exchange_index.unsigned().and_then(|index| u8::try_from(index).ok()),
        };
        Ok(Activity {
            exchange_index: need("exchange_index", index)?,
            exchange_active: need("exchange_active", self.exchange_active.flag())?,
            trading_active: need("trading_active", self.trading_active.flag())?,
        })
    }
}
