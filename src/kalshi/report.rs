//! Fills and orders as the exchange reports them, over REST and over the stream: raw fields in,
//! vocabulary out. The one place that gives those fields their meaning.
//!
//! Raw fields come from the hot scanner (`stream.rs`) or from serde ([`FillRow`], [`OrderRow`]);
//! both end in [`RawFill::build`] and [`RawOrder::build`]. Tolerant to fields that are new and to
//! numbers where strings were; strict on what is needed: an error names the field.

use core::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::ids::{ClientOrderId, InlineText, TICKER_BYTES_MAX};
use crate::message::{BookSide, ExchangeStatus, Fill, OrderReport, Origin};
use crate::units::{Contracts, Money, Price, Timestamp, WallTime};

/// A field the engine needs is absent or does not mean anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("read field {field}: missing or unreadable")]
pub struct FieldError {
    /// The exchange's name of the field.
    pub field: &'static str,
}

/// `value`, or an error that names `field`.
pub(super) fn need<T>(field: &'static str, value: Option<T>) -> Result<T, FieldError> {
    value.ok_or(FieldError { field })
}

/// Whether a ticker is longer than any the engine can trade: such rows are somebody else's
/// business on the same account and are skipped.
pub(super) const fn is_foreign(ticker: Option<&[u8]>) -> bool {
    matches!(ticker, Some(text) if text.len() > TICKER_BYTES_MAX)
}

/// Reads `book_side`.
pub(super) const fn book_side(text: &[u8]) -> Option<BookSide> {
    match text {
        b"bid" => Some(BookSide::Bid),
        b"ask" => Some(BookSide::Ask),
        _ => None,
    }
}

/// Unix milliseconds as the exchange sends them; `None` past the year 2554.
pub(super) fn wall_time_from_ms(ms: u64) -> Option<WallTime> {
    ms.checked_mul(1_000_000).map(WallTime::from_unix_ns)
}

/// What a fill's message says, still as text where it was text.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RawFill<'a> {
    pub(super) trade_id: Option<&'a [u8]>,
    pub(super) order_id: Option<&'a [u8]>,
    pub(super) client_order_id: Option<&'a [u8]>,
    pub(super) ticker: Option<&'a [u8]>,
    pub(super) side: Option<BookSide>,
    pub(super) price: Option<&'a [u8]>,
    pub(super) count: Option<&'a [u8]>,
    pub(super) fee: Option<&'a [u8]>,
    pub(super) is_taker: Option<bool>,
    pub(super) time: Option<WallTime>,
}

impl RawFill<'_> {
    /// Gives every field its meaning. `decoded` is stamped later by whoever has a clock.
    pub(super) fn build(&self, origin: Origin, received: Timestamp) -> Result<Fill, FieldError> {
        Ok(Fill {
            trade_id: need("trade_id", self.trade_id.and_then(InlineText::new))?,
            order_id: need("order_id", self.order_id.and_then(InlineText::new))?,
            client_order_id: self.client_order_id.and_then(ClientOrderId::parse),
            ticker: need("market_ticker", self.ticker.and_then(InlineText::new))?,
            side: need("book_side", self.side)?,
            price: need("yes_price_dollars", self.price.and_then(Price::parse_dollars))?,
            quantity: need("count_fp", self.count.and_then(Contracts::parse_fp))?,
            fee: need("fee_cost", self.fee.and_then(Money::parse_dollars))?,
            is_taker: need("is_taker", self.is_taker)?,
            exchange_time: need("ts_ms", self.time)?,
            received,
            decoded: received,
            origin,
        })
    }
}

/// What an order's message says, still as text where it was text.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RawOrder<'a> {
    pub(super) order_id: Option<&'a [u8]>,
    pub(super) client_order_id: Option<&'a [u8]>,
    pub(super) ticker: Option<&'a [u8]>,
    pub(super) side: Option<BookSide>,
    pub(super) price: Option<&'a [u8]>,
    pub(super) status: Option<&'a [u8]>,
    pub(super) filled: Option<&'a [u8]>,
    pub(super) remaining: Option<&'a [u8]>,
    pub(super) time_was_up: bool,
}

impl RawOrder<'_> {
    /// Whether the client order id is one of the engine's.
    pub(super) fn is_ours(&self) -> bool {
        self.client_order_id.is_some_and(|id| ClientOrderId::parse(id).is_some())
    }

    /// As [`Self::build`], but an order that is not ours and cannot be read is `None`: what a
    /// person does on the same account must not stop the engine.
    pub(super) fn build_or_skip(
        &self,
        origin: Origin,
        received: Timestamp,
    ) -> Result<Option<OrderReport>, FieldError> {
        match self.build(origin, received) {
            Err(_) if !self.is_ours() => Ok(None),
            built => built.map(Some),
        }
    }

    /// Gives every field its meaning.
    pub(super) fn build(
        &self,
        origin: Origin,
        received: Timestamp,
    ) -> Result<OrderReport, FieldError> {
        let status = match self.status {
            Some(b"resting") => ExchangeStatus::Resting,
            Some(b"canceled") => ExchangeStatus::Canceled,
            Some(b"executed") => ExchangeStatus::Executed,
            _ => return Err(FieldError { field: "status" }),
        };
        Ok(OrderReport {
            order_id: need("order_id", self.order_id.and_then(InlineText::new))?,
            client_order_id: self.client_order_id.and_then(ClientOrderId::parse),
            ticker: need("ticker", self.ticker.and_then(InlineText::new))?,
            side: need("book_side", self.side)?,
            price: need("yes_price_dollars", self.price.and_then(Price::parse_dollars))?,
            status,
            filled: need("fill_count_fp", self.filled.and_then(Contracts::parse_fp))?,
            remaining: need("remaining_count_fp", self.remaining.and_then(Contracts::parse_fp))?,
            expired: self.time_was_up && status == ExchangeStatus::Canceled,
            received,
            origin,
        })
    }
}

/// A JSON scalar as text, whatever its type; nothing for `null` and nested values.
///
/// The exchange has moved fields between numbers and strings before; both read the same here.
/// A fraction that came as a number is printed in its shortest form, which is what was sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Scalar(Option<String>);

impl Scalar {
    pub(super) fn bytes(&self) -> Option<&[u8]> {
        self.0.as_deref().map(str::as_bytes)
    }

    pub(super) fn unsigned(&self) -> Option<u64> {
        self.0.as_deref()?.parse().ok()
    }

    pub(super) fn flag(&self) -> Option<bool> {
        self.0.as_deref()?.parse().ok()
    }

    pub(super) fn into_string(self) -> Option<String> {
        self.0
    }

    /// An RFC 3339 time.
    pub(super) fn wall_time(&self) -> Option<WallTime> {
        let parsed = OffsetDateTime::parse(self.0.as_deref()?, &Rfc3339).ok()?;
        Some(WallTime::from_unix_ns(u64::try_from(parsed.unix_timestamp_nanos()).ok()?))
    }
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScalarVisitor)
    }
}

struct ScalarVisitor;

impl<'de> Visitor<'de> for ScalarVisitor {
    type Value = Scalar;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_str<E>(self, text: &str) -> Result<Scalar, E> {
        Ok(Scalar(Some(text.to_owned())))
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Scalar, E> {
        Ok(Scalar(Some(flag.to_string())))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Scalar, E> {
        Ok(Scalar(Some(number.to_string())))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Scalar, E> {
        Ok(Scalar(Some(number.to_string())))
    }

    // Text to text: the shortest form is the one sent for whatever has up to fifteen digits, and
    // nothing is ever calculated with it.
    fn visit_f64<E>(self, number: f64) -> Result<Scalar, E> {
        Ok(Scalar(Some(number.to_string())))
    }

    fn visit_unit<E>(self) -> Result<Scalar, E> {
        Ok(Scalar(None))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Scalar, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Scalar(None))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Scalar, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Scalar(None))
    }
}

/// The fields that say on which side of the YES book an order is: today's, and the two
/// generations before it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct SideFields {
    book_side: Scalar,
    outcome_side: Scalar,
    action: Scalar,
    side: Scalar,
}

impl SideFields {
    fn resolve(&self) -> Option<BookSide> {
        if let Some(text) = self.book_side.bytes() {
            return book_side(text);
        }
        if let Some(text) = self.outcome_side.bytes() {
            return match text {
                b"yes" => Some(BookSide::Bid),
                b"no" => Some(BookSide::Ask),
                _ => None,
            };
        }
        match (self.action.bytes()?, self.side.bytes()?) {
            (b"buy", b"yes") | (b"sell", b"no") => Some(BookSide::Bid),
            (b"buy", b"no") | (b"sell", b"yes") => Some(BookSide::Ask),
            _ => None,
        }
    }
}

/// A fill as serde reads it, from the stream or from `GET /portfolio/fills`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct FillRow {
    trade_id: Scalar,
    fill_id: Scalar,
    order_id: Scalar,
    client_order_id: Scalar,
    market_ticker: Scalar,
    ticker: Scalar,
    #[serde(flatten)]
    side: SideFields,
    yes_price_dollars: Scalar,
    count_fp: Scalar,
    fee_cost: Scalar,
    is_taker: Scalar,
    ts_ms: Scalar,
    created_time: Scalar,
    ts: Scalar,
}

impl FillRow {
    pub(super) fn raw(&self) -> RawFill<'_> {
        // Milliseconds first; the time text has microseconds but REST alone has it; seconds last.
        let ms = || self.ts_ms.unsigned().and_then(wall_time_from_ms);
        let secs = || {
            let ns = self.ts.unsigned()?.checked_mul(1_000_000_000)?;
            Some(WallTime::from_unix_ns(ns))
        };
        RawFill {
            trade_id: self.trade_id.bytes().or_else(|| self.fill_id.bytes()),
            order_id: self.order_id.bytes(),
            client_order_id: self.client_order_id.bytes(),
            ticker: self.market_ticker.bytes().or_else(|| self.ticker.bytes()),
            side: self.side.resolve(),
            price: self.yes_price_dollars.bytes(),
            count: self.count_fp.bytes(),
            fee: self.fee_cost.bytes(),
            is_taker: self.is_taker.flag(),
            time: ms().or_else(|| self.created_time.wall_time()).or_else(secs),
        }
    }
}

/// An order as serde reads it, from the stream or from `GET /portfolio/orders`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct OrderRow {
    order_id: Scalar,
    client_order_id: Scalar,
    ticker: Scalar,
    #[serde(flatten)]
    side: SideFields,
    yes_price_dollars: Scalar,
    status: Scalar,
    fill_count_fp: Scalar,
    remaining_count_fp: Scalar,
    last_update_reason: Scalar,
    expiration_time: Scalar,
    last_update_time: Scalar,
}

impl OrderRow {
    pub(super) fn raw(&self) -> RawOrder<'_> {
        RawOrder {
            order_id: self.order_id.bytes(),
            client_order_id: self.client_order_id.bytes(),
            ticker: self.ticker.bytes(),
            side: self.side.resolve(),
            price: self.yes_price_dollars.bytes(),
            status: self.status.bytes(),
            filled: self.fill_count_fp.bytes(),
            remaining: self.remaining_count_fp.bytes(),
            time_was_up: self.time_was_up(),
        }
    }

    /// The stream gives the reason of the last update. REST does not: there an order that was
    /// cancelled at or after its own expiration time is taken to have expired.
    fn time_was_up(&self) -> bool {
        match self.last_update_reason.bytes() {
            Some(reason) => reason == EXPIRY_CANCEL,
            None => match (self.expiration_time.wall_time(), self.last_update_time.wall_time()) {
                (Some(expiration), Some(updated)) => updated >= expiration,
                _ => false,
            },
        }
    }
}

/// `last_update_reason` of an order whose time was up.
pub(super) const EXPIRY_CANCEL: &[u8] = b"ExpiryCancel";
