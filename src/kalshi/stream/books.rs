//! Books of markets on the stream: `orderbook_snapshot`, `orderbook_delta` and `ticker`.
//!
//! In: a message's text. Out: what it means, both sides in YES prices, because the subscription
//! asks for `use_yes_price`; a snapshot's levels go into a buffer that the decoder owns. Scanner
//! and general parser end in the same conversion. Knows no sequence and no book.

use serde::Deserialize;

use super::{Carrying, StreamMessage, Undecodable, read, set};
use crate::ids::{InlineText, Ticker};
use crate::kalshi::report::{FieldError, Scalar, is_foreign, need, wall_time_from_ms};
use crate::kalshi::scan::Scanner;
use crate::message::BookSide;
use crate::units::{Price, WallTime, parse_decimal};

/// Most levels in a snapshot: the finest grid has 9 999 prices, and each is on one side.
pub const SNAPSHOT_LEVELS_MAX: usize = 9_999;

/// What rests at one price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BookLevel {
    /// Which side of the YES book.
    pub side: BookSide,
    /// YES price.
    pub price: Price,
    /// Hundredths of a contract: one level can hold more than an order.
    pub centis: u64,
}

/// A market's whole book; its levels are in the decoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BookSnapshot {
    /// The market.
    pub ticker: Ticker,
    /// The exchange's clock of the newest change in it.
    pub clock: u64,
}

/// One level has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BookDelta {
    /// The market.
    pub ticker: Ticker,
    /// The exchange's clock of the change.
    pub clock: u64,
    /// Which side of the YES book.
    pub side: BookSide,
    /// YES price.
    pub price: Price,
    /// By how many hundredths of a contract.
    pub centis: i64,
    /// When, where the exchange says so.
    pub time: Option<WallTime>,
}

/// A market's best prices as the `ticker` channel has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TickerQuote {
    /// The market.
    pub ticker: Ticker,
    /// Best bid on the YES book.
    pub bid: Option<Price>,
    /// Best ask on the YES book.
    pub ask: Option<Price>,
    /// When, where the exchange says so.
    pub time: Option<WallTime>,
}

// -- what both readers end in --

/// A price and a count, as text.
type RawLevel<'a> = (&'a [u8], &'a [u8]);

fn level(side: BookSide, (price, count): RawLevel<'_>) -> Option<BookLevel> {
    let centis = u64::try_from(parse_decimal(count, 2)?).ok()?;
    Some(BookLevel { side, price: Price::parse_dollars(price)?, centis })
}

/// The outcome whose offers are on a side: YES offers bid on the YES book.
const fn side_of(outcome: &[u8]) -> Option<BookSide> {
    match outcome {
        b"yes" => Some(BookSide::Bid),
        b"no" => Some(BookSide::Ask),
        _ => None,
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct RawDelta<'a> {
    ticker: Option<&'a [u8]>,
    clock: Option<u64>,
    side: Option<&'a [u8]>,
    price: Option<&'a [u8]>,
    delta: Option<&'a [u8]>,
    time: Option<WallTime>,
}

impl RawDelta<'_> {
    fn build(&self) -> Result<StreamMessage, FieldError> {
        if is_foreign(self.ticker) {
            return Ok(StreamMessage::Other);
        }
        Ok(StreamMessage::BookDelta(BookDelta {
            ticker: need("market_ticker", self.ticker.and_then(InlineText::new))?,
            clock: self.clock.unwrap_or(0),
            side: need("side", self.side.and_then(side_of))?,
            price: need("price_dollars", self.price.and_then(Price::parse_dollars))?,
            centis: need("delta_fp", self.delta.and_then(|text| parse_decimal(text, 2)))?,
            time: self.time,
        }))
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct RawTicker<'a> {
    ticker: Option<&'a [u8]>,
    bid: Option<&'a [u8]>,
    ask: Option<&'a [u8]>,
    time: Option<WallTime>,
}

impl RawTicker<'_> {
    fn build(&self) -> Result<StreamMessage, FieldError> {
        if is_foreign(self.ticker) {
            return Ok(StreamMessage::Other);
        }
        Ok(StreamMessage::Ticker(TickerQuote {
            ticker: need("market_ticker", self.ticker.and_then(InlineText::new))?,
            bid: need("yes_bid_dollars", self.bid.and_then(best_price))?,
            ask: need("yes_ask_dollars", self.ask.and_then(best_price))?,
            time: self.time,
        }))
    }
}

/// A best price, or an empty side: that is told as nothing or as a whole dollar.
fn best_price(text: &[u8]) -> Option<Option<Price>> {
    match parse_decimal(text, 6)? {
        0 => Some(None),
        whole if whole == i64::from(Price::MICROS_MAX) => Some(None),
        micros => Price::from_micros(u32::try_from(micros).ok()?).map(Some),
    }
}

fn snapshot_of(ticker: Option<&[u8]>, clock: Option<u64>) -> Result<StreamMessage, FieldError> {
    if is_foreign(ticker) {
        return Ok(StreamMessage::Other);
    }
    let ticker = need("market_ticker", ticker.and_then(InlineText::new))?;
    Ok(StreamMessage::BookSnapshot(BookSnapshot { ticker, clock: clock.unwrap_or(0) }))
}

/// Keeps a level, as long as there may be one more.
fn keep(levels: &mut Vec<BookLevel>, level: Option<BookLevel>) -> Option<()> {
    // A buffer of this size never grows: a book with more levels has a price twice.
    (levels.len() < SNAPSHOT_LEVELS_MAX).then_some(())?;
    levels.push(level?);
    Some(())
}

// -- the scanner --

/// `orderbook_delta`.
pub(super) fn scan_delta(scanner: &mut Scanner<'_>) -> Option<StreamMessage> {
    let mut raw = RawDelta::default();
    scanner.object(|scanner, key| {
        let value = scanner.value()?;
        match key {
            b"market_ticker" => set(&mut raw.ticker, value.text()),
            b"clock" => set(&mut raw.clock, value.unsigned()),
            b"side" => set(&mut raw.side, value.text()),
            b"price_dollars" => set(&mut raw.price, value.text()),
            b"delta_fp" => set(&mut raw.delta, value.text()),
            b"ts_ms" => set(&mut raw.time, value.unsigned().and_then(wall_time_from_ms)),
            _ => Some(()),
        }
    })?;
    raw.build().ok()
}

/// `ticker`.
pub(super) fn scan_ticker(scanner: &mut Scanner<'_>) -> Option<StreamMessage> {
    let mut raw = RawTicker::default();
    scanner.object(|scanner, key| {
        let value = scanner.value()?;
        match key {
            b"market_ticker" => set(&mut raw.ticker, value.text()),
            b"yes_bid_dollars" => set(&mut raw.bid, value.text()),
            b"yes_ask_dollars" => set(&mut raw.ask, value.text()),
            b"ts_ms" => set(&mut raw.time, value.unsigned().and_then(wall_time_from_ms)),
            _ => Some(()),
        }
    })?;
    raw.build().ok()
}

/// `orderbook_snapshot`; its levels go into `levels`.
pub(super) fn scan_snapshot(
    scanner: &mut Scanner<'_>,
    levels: &mut Vec<BookLevel>,
) -> Option<StreamMessage> {
    let (mut ticker, mut clock, mut yes, mut no) = (None, None, None, None);
    scanner.object(|scanner, key| match key {
        b"market_ticker" => set(&mut ticker, scanner.value()?.text()),
        b"clock" => set(&mut clock, scanner.value()?.unsigned()),
        b"yes_dollars_fp" => set(&mut yes, scan_side(scanner, BookSide::Bid, levels)),
        b"no_dollars_fp" => set(&mut no, scan_side(scanner, BookSide::Ask, levels)),
        _ => scanner.value().map(|_| ()),
    })?;
    snapshot_of(ticker, clock).ok()
}

fn scan_side(scanner: &mut Scanner<'_>, side: BookSide, levels: &mut Vec<BookLevel>) -> Option<()> {
    scanner.array(|scanner| {
        let raw = scan_pair(scanner)?;
        keep(levels, level(side, raw))
    })
}

/// An array of exactly two texts.
fn scan_pair<'a>(scanner: &mut Scanner<'a>) -> Option<RawLevel<'a>> {
    let (mut price, mut count) = (None, None);
    scanner.array(|scanner| {
        let text = scanner.value()?.text();
        if price.is_none() { set(&mut price, text) } else { set(&mut count, text) }
    })?;
    Some((price?, count?))
}

// -- the general parser --

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct DeltaRow {
    market_ticker: Scalar,
    clock: Scalar,
    side: Scalar,
    price_dollars: Scalar,
    delta_fp: Scalar,
    ts_ms: Scalar,
}

/// `orderbook_delta`.
pub(super) fn delta(text: &str) -> Result<StreamMessage, Undecodable> {
    let Carrying { msg } = read::<Carrying<DeltaRow>>(text)?;
    let raw = RawDelta {
        ticker: msg.market_ticker.bytes(),
        clock: msg.clock.unsigned(),
        side: msg.side.bytes(),
        price: msg.price_dollars.bytes(),
        delta: msg.delta_fp.bytes(),
        time: msg.ts_ms.unsigned().and_then(wall_time_from_ms),
    };
    Ok(raw.build()?)
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct TickerRow {
    market_ticker: Scalar,
    yes_bid_dollars: Scalar,
    yes_ask_dollars: Scalar,
    ts_ms: Scalar,
}

/// `ticker`.
pub(super) fn ticker(text: &str) -> Result<StreamMessage, Undecodable> {
    let Carrying { msg } = read::<Carrying<TickerRow>>(text)?;
    let raw = RawTicker {
        ticker: msg.market_ticker.bytes(),
        bid: msg.yes_bid_dollars.bytes(),
        ask: msg.yes_ask_dollars.bytes(),
        time: msg.ts_ms.unsigned().and_then(wall_time_from_ms),
    };
    Ok(raw.build()?)
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct SnapshotRow {
    market_ticker: Scalar,
    clock: Scalar,
    yes_dollars_fp: Option<Vec<(Scalar, Scalar)>>,
    no_dollars_fp: Option<Vec<(Scalar, Scalar)>>,
}

/// `orderbook_snapshot`; its levels go into `levels`.
pub(super) fn snapshot(
    text: &str,
    levels: &mut Vec<BookLevel>,
) -> Result<StreamMessage, Undecodable> {
    let Carrying { msg } = read::<Carrying<SnapshotRow>>(text)?;
    let mut take = |field, side, rows: Option<Vec<(Scalar, Scalar)>>| -> Result<(), FieldError> {
        for (price, count) in rows.unwrap_or_default() {
            let raw = price.bytes().zip(count.bytes());
            need(field, keep(levels, raw.and_then(|raw| level(side, raw))))?;
        }
        Ok(())
    };
    take("yes_dollars_fp", BookSide::Bid, msg.yes_dollars_fp)?;
    take("no_dollars_fp", BookSide::Ask, msg.no_dollars_fp)?;
    Ok(snapshot_of(msg.market_ticker.bytes(), msg.clock.unsigned())?)
}
