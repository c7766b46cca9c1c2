//! WebSocket messages of the exchange: one text in, one [`StreamMessage`] out; commands as text.
//!
//! `fill` and `user_order` are read by a hand scanner in one pass, in any key order, without
//! allocation. Whatever it does not expect goes to a general parser, which may allocate and is
//! counted; both end in the same conversion (`report.rs`), so they cannot disagree in meaning.
//! Nothing here knows a socket, a subscription's state or a clock.

mod books;
mod news;

use core::fmt::Write as _;

use serde::Deserialize;

use crate::ids::Ticker;
use crate::kalshi::report::{
    EXPIRY_CANCEL, FieldError, FillRow, OrderRow, RawFill, RawOrder, Scalar, book_side, is_foreign,
    wall_time_from_ms,
};
use crate::kalshi::scan::Scanner;
use crate::message::{Fill, GroupNews, HeldThere, MarketNews, OrderReport, Origin};
use crate::units::{Timestamp, WallTime};

pub use books::{BookDelta, BookLevel, BookSnapshot, SNAPSHOT_LEVELS_MAX, TickerQuote};

/// A channel the engine subscribes to (its messages have another name: see the code).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Channel {
    /// Executions of our orders; messages are of type `fill`.
    Fill = 0,
    /// Changes of our orders; messages are of type `user_order`.
    UserOrders = 1,
    /// What becomes of markets; messages are of type `market_lifecycle_v2`.
    Markets = 2,
    /// The account's positions; messages are of type `market_position`.
    Positions = 3,
    /// The account's order groups; messages are of type `order_group_updates`.
    Groups = 4,
    /// Books of markets; messages are of type `orderbook_snapshot` and `orderbook_delta`.
    Books = 5,
    /// Best prices of markets; messages are of type `ticker`.
    Tickers = 6,
}

impl Channel {
    /// Channels without which fills may be missed.
    pub const NEEDED: [Self; 2] = [Self::Fill, Self::UserOrders];
    /// Channels that tell sooner what would be learnt anyway.
    pub const NEWS: [Self; 3] = [Self::Markets, Self::Positions, Self::Groups];
    /// Channels that are followed for markets in play.
    pub const QUOTES: [Self; 2] = [Self::Books, Self::Tickers];
    /// Every channel the engine listens to.
    pub const ALL: [Self; 7] = [
        Self::Fill,
        Self::UserOrders,
        Self::Markets,
        Self::Positions,
        Self::Groups,
        Self::Books,
        Self::Tickers,
    ];

    /// The exchange's spelling in commands and acknowledgements.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fill => "fill",
            Self::UserOrders => "user_orders",
            Self::Markets => "market_lifecycle_v2",
            Self::Positions => "market_positions",
            Self::Groups => "order_group_updates",
            Self::Books => "orderbook_delta",
            Self::Tickers => "ticker",
        }
    }

    fn parse(text: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|channel| channel.as_str().as_bytes() == text)
    }
}

/// What a message means to the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamMessage {
    /// One of our orders traded.
    Fill(Fill),
    /// One of our orders changed.
    Order(OrderReport),
    /// A channel is subscribed; its messages come from now on.
    Subscribed {
        /// Which.
        channel: Channel,
        /// The exchange's number of this subscription.
        sid: u64,
    },
    /// A subscription ended.
    Unsubscribed {
        /// Which.
        sid: u64,
    },
    /// A command succeeded.
    Ok,
    /// Something happened to a market.
    Market(MarketNews),
    /// The account's position in a market.
    Position(HeldThere),
    /// Something happened to an order group.
    Group(GroupNews),
    /// A command or a subscription failed.
    Error {
        /// The exchange's number of the reason (reference §4).
        code: u32,
        /// The command that failed, by our number of it.
        id: Option<u64>,
        /// The subscription, when it is about one.
        sid: Option<u64>,
    },
    /// A market's whole book: its levels are in the decoder.
    BookSnapshot(BookSnapshot),
    /// One level of a book has changed.
    BookDelta(BookDelta),
    /// A market's best prices.
    Ticker(TickerQuote),
    /// A snapshot or delta that could not be read: nobody knows any more what its book holds.
    UnreadableBook,
    /// News that could not be read: what it told will be learnt another way.
    Garbled,
    /// Nothing the engine acts on.
    Other,
}

impl StreamMessage {
    /// Whether the exchange says that a subscription is dead: 10 channel error, 25 buffer overflow.
    #[must_use]
    pub const fn is_terminal_error(&self) -> bool {
        matches!(self, Self::Error { code: 10 | 25, .. })
    }
}

/// A message that should have meant something and could not be read: something may be missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Undecodable {
    /// Not the JSON object every message is.
    #[error("read the message: not the json expected")]
    Json,
    /// A needed field.
    #[error(transparent)]
    Field(#[from] FieldError),
}

/// How many messages went which way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DecodeCounts {
    /// Read by the scanner.
    pub scanned: u64,
    /// Read by the general parser.
    pub parsed: u64,
    /// Not readable.
    pub undecodable: u64,
}

/// What a message says besides its content.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Envelope {
    /// Which subscription it belongs to.
    pub sid: Option<u64>,
    /// Its number in that subscription, on channels that are numbered.
    pub seq: Option<u64>,
    /// When the exchange gave it to the network.
    pub sent: Option<WallTime>,
}

/// Decodes messages and counts how.
#[derive(Clone, Debug)]
pub struct Decoder {
    counts: DecodeCounts,
    envelope: Envelope,
    levels: Vec<BookLevel>,
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Decoder {
    /// Nothing decoded yet; allocates what the largest snapshot needs.
    #[must_use]
    pub fn new() -> Self {
        Self {
            counts: DecodeCounts::default(),
            envelope: Envelope::default(),
            levels: Vec::with_capacity(SNAPSHOT_LEVELS_MAX),
        }
    }

    /// What surrounded the last message; nothing when it was no message at all.
    #[must_use]
    pub const fn envelope(&self) -> Envelope {
        self.envelope
    }

    /// The levels of the last message, if it was a snapshot.
    #[must_use]
    pub fn levels(&self) -> &[BookLevel] {
        &self.levels
    }

    /// Reads one message whose bytes were in user memory at `received`.
    ///
    /// # Errors
    /// [`Undecodable`] when the message is none the exchange documents, or lacks what is needed.
    pub fn decode(
        &mut self,
        text: &str,
        received: Timestamp,
    ) -> Result<StreamMessage, Undecodable> {
        self.levels.clear();
        if let Some((envelope, message)) = scan(text.as_bytes(), received, &mut self.levels) {
            self.counts.scanned += 1;
            self.envelope = envelope;
            return Ok(message);
        }
        let (envelope, parsed) = parse(text, received, &mut self.levels);
        self.envelope = envelope;
        match parsed {
            Ok(_) => self.counts.parsed += 1,
            Err(_) => self.counts.undecodable += 1,
        }
        parsed
    }

    /// How many messages went which way so far.
    #[must_use]
    pub const fn counts(&self) -> DecodeCounts {
        self.counts
    }
}

/// The command that subscribes to `channels`; the exchange acknowledges each one by itself.
#[must_use]
pub fn subscribe_command(id: u32, channels: &[Channel]) -> String {
    let names: Vec<&str> = channels.iter().map(|channel| channel.as_str()).collect();
    let list = names.join("\",\"");
    format!("{{\"id\":{id},\"cmd\":\"subscribe\",\"params\":{{\"channels\":[\"{list}\"]}}}}")
}

/// The command that ends subscriptions.
#[must_use]
pub fn unsubscribe_command(id: u32, sids: &[u64]) -> String {
    let sids: Vec<String> = sids.iter().map(u64::to_string).collect();
    let list = sids.join(",");
    format!("{{\"id\":{id},\"cmd\":\"unsubscribe\",\"params\":{{\"sids\":[{list}]}}}}")
}

/// What is asked of a subscription for one market.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MarketWish {
    /// Cover it as well.
    Add,
    /// Cover it no longer.
    Delete,
    /// Tell its whole book again.
    Snapshot,
}

/// Writes the command that subscribes one of [`Channel::QUOTES`] for a first market. Prices of both
/// sides are YES prices, whatever the exchange's default is or will be.
pub fn write_subscribe_market(out: &mut String, id: u32, channel: Channel, ticker: &Ticker) {
    let wish = match channel {
        Channel::Tickers => "send_initial_snapshot",
        _ => "use_yes_price",
    };
    let (channel, ticker) = (channel.as_str(), ticker.as_str());
    out.clear();
    let written = write!(
        out,
        "{{\"id\":{id},\"cmd\":\"subscribe\",\"params\":{{\"channels\":[\"{channel}\"],\
         \"market_tickers\":[\"{ticker}\"],\"{wish}\":true}}}}"
    );
    debug_assert!(written.is_ok(), "Invariant: a string takes every text");
}

/// Writes the command that changes a subscription by one market.
pub fn write_update(out: &mut String, id: u32, sid: u64, wish: MarketWish, ticker: &Ticker) {
    let action = match wish {
        MarketWish::Add => "add_markets",
        MarketWish::Delete => "delete_markets",
        MarketWish::Snapshot => "get_snapshot",
    };
    out.clear();
    let written = write!(
        out,
        "{{\"id\":{id},\"cmd\":\"update_subscription\",\"params\":{{\"sids\":[{sid}],\
         \"market_tickers\":[\"{}\"],\"action\":\"{action}\"}}}}",
        ticker.as_str()
    );
    debug_assert!(written.is_ok(), "Invariant: a string takes every text");
}

// -- the hot shapes --

/// What a message carries, for the scanner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Fill,
    Order,
    Delta,
    Ticker,
    Snapshot,
}

impl Kind {
    const fn parse(text: &[u8]) -> Option<Self> {
        match text {
            b"fill" => Some(Self::Fill),
            b"user_order" => Some(Self::Order),
            b"orderbook_delta" => Some(Self::Delta),
            b"ticker" => Some(Self::Ticker),
            b"orderbook_snapshot" => Some(Self::Snapshot),
            _ => None,
        }
    }

    fn scan(
        self,
        scanner: &mut Scanner<'_>,
        received: Timestamp,
        levels: &mut Vec<BookLevel>,
    ) -> Option<StreamMessage> {
        match self {
            Self::Fill => scan_fill(scanner, received),
            Self::Order => scan_order(scanner, received),
            Self::Delta => books::scan_delta(scanner),
            Self::Ticker => books::scan_ticker(scanner),
            Self::Snapshot => books::scan_snapshot(scanner, levels),
        }
    }
}

/// Reads the hot shapes; `None` for anything else and anything unexpected.
fn scan(
    bytes: &[u8],
    received: Timestamp,
    levels: &mut Vec<BookLevel>,
) -> Option<(Envelope, StreamMessage)> {
    let mut scanner = Scanner::new(bytes);
    let mut kind = None;
    let mut message = None;
    let mut envelope = Envelope::default();
    // A `msg` that came before its `type`.
    let mut early = None;
    scanner.object(|scanner, key| match (key, kind) {
        (b"type", _) => set(&mut kind, scanner.value()?.text().and_then(Kind::parse)),
        (b"sid", _) => set(&mut envelope.sid, scanner.value()?.unsigned()),
        (b"seq", _) => set(&mut envelope.seq, scanner.value()?.unsigned()),
        (b"sending_ts_ms", _) => {
            set(&mut envelope.sent, scanner.value()?.unsigned().and_then(wall_time_from_ms))
        }
        (b"msg", Some(kind)) => set(&mut message, kind.scan(scanner, received, levels)),
        (b"msg", None) => {
            set(&mut early, Some(*scanner))?;
            scanner.object(|scanner, _| scanner.value().map(|_| ()))
        }
        _ => scanner.value().map(|_| ()),
    })?;
    if let Some(mut early) = early {
        set(&mut message, kind?.scan(&mut early, received, levels))?;
    }
    if scanner.at_end() { Some((envelope, message?)) } else { None }
}

/// Fills `slot` once; `None` when there is no value, or a second one.
fn set<T>(slot: &mut Option<T>, value: Option<T>) -> Option<()> {
    let is_first = slot.is_none();
    *slot = Some(value?);
    is_first.then_some(())
}

fn scan_fill(scanner: &mut Scanner<'_>, received: Timestamp) -> Option<StreamMessage> {
    let mut raw = RawFill::default();
    scanner.object(|scanner, key| {
        let value = scanner.value()?;
        match key {
            b"trade_id" => set(&mut raw.trade_id, value.text()),
            b"order_id" => set(&mut raw.order_id, value.text()),
            b"client_order_id" => set(&mut raw.client_order_id, value.text()),
            b"market_ticker" => set(&mut raw.ticker, value.text()),
            b"book_side" => set(&mut raw.side, value.text().and_then(book_side)),
            b"yes_price_dollars" => set(&mut raw.price, value.text()),
            b"count_fp" => set(&mut raw.count, value.text()),
            b"fee_cost" => set(&mut raw.fee, value.text()),
            b"is_taker" => set(&mut raw.is_taker, value.flag()),
            b"ts_ms" => set(&mut raw.time, value.unsigned().and_then(wall_time_from_ms)),
            _ => Some(()),
        }
    })?;
    raw.build(Origin::Stream, received).ok().map(StreamMessage::Fill)
}

fn scan_order(scanner: &mut Scanner<'_>, received: Timestamp) -> Option<StreamMessage> {
    let mut raw = RawOrder::default();
    let mut reason = None;
    scanner.object(|scanner, key| {
        let value = scanner.value()?;
        match key {
            b"order_id" => set(&mut raw.order_id, value.text()),
            b"client_order_id" => set(&mut raw.client_order_id, value.text()),
            b"ticker" => set(&mut raw.ticker, value.text()),
            b"book_side" => set(&mut raw.side, value.text().and_then(book_side)),
            b"yes_price_dollars" => set(&mut raw.price, value.text()),
            b"status" => set(&mut raw.status, value.text()),
            b"fill_count_fp" => set(&mut raw.filled, value.text()),
            b"remaining_count_fp" => set(&mut raw.remaining, value.text()),
            b"last_update_reason" => set(&mut reason, value.text()),
            _ => Some(()),
        }
    })?;
    if reason.is_none() && raw.status == Some(b"canceled") {
        // Other fields may tell why it ended; they are not for the hot path.
        return None;
    }
    raw.time_was_up = reason == Some(EXPIRY_CANCEL);
    raw.build(Origin::Stream, received).ok().map(StreamMessage::Order)
}

// -- every other shape --

#[derive(Default, Deserialize)]
#[serde(default)]
struct EnvelopeRow {
    #[serde(rename = "type")]
    kind: Scalar,
    id: Scalar,
    sid: Scalar,
    seq: Scalar,
    sending_ts_ms: Scalar,
}

impl EnvelopeRow {
    fn envelope(&self) -> Envelope {
        Envelope {
            sid: self.sid.unsigned(),
            seq: self.seq.unsigned(),
            sent: self.sending_ts_ms.unsigned().and_then(wall_time_from_ms),
        }
    }
}

#[derive(Deserialize)]
struct Carrying<M> {
    msg: M,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Acknowledgement {
    channel: Scalar,
    sid: Scalar,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ErrorMessage {
    code: Scalar,
}

/// Reads any message with the general parser.
#[cold]
fn parse(
    text: &str,
    received: Timestamp,
    levels: &mut Vec<BookLevel>,
) -> (Envelope, Result<StreamMessage, Undecodable>) {
    levels.clear();
    match read::<EnvelopeRow>(text) {
        Err(error) => (Envelope::default(), Err(error)),
        Ok(row) => (row.envelope(), parse_content(&row, text, received, levels)),
    }
}

fn parse_content(
    envelope: &EnvelopeRow,
    text: &str,
    received: Timestamp,
    levels: &mut Vec<BookLevel>,
) -> Result<StreamMessage, Undecodable> {
    let kind = envelope.kind.bytes().ok_or(FieldError { field: "type" })?;
    match kind {
        b"fill" => parse_fill(text, received),
        b"user_order" => parse_order(text, received),
        b"subscribed" => parse_subscribed(text),
        b"unsubscribed" => {
            let sid = envelope.sid.unsigned().ok_or(FieldError { field: "sid" })?;
            Ok(StreamMessage::Unsubscribed { sid })
        }
        b"ok" => Ok(StreamMessage::Ok),
        b"market_lifecycle_v2" => Ok(news::lifecycle(text).unwrap_or(StreamMessage::Garbled)),
        b"market_position" => Ok(news::position(text).unwrap_or(StreamMessage::Garbled)),
        b"orderbook_snapshot" => {
            Ok(books::snapshot(text, levels).unwrap_or(StreamMessage::UnreadableBook))
        }
        b"orderbook_delta" => Ok(books::delta(text).unwrap_or(StreamMessage::UnreadableBook)),
        b"ticker" => Ok(books::ticker(text).unwrap_or(StreamMessage::Garbled)),
        b"order_group_updates" => Ok(news::group(text).unwrap_or(StreamMessage::Garbled)),
        b"error" => {
            let Carrying { msg } = read::<Carrying<ErrorMessage>>(text)?;
            let code = msg.code.unsigned().and_then(|code| u32::try_from(code).ok());
            let code = code.ok_or(FieldError { field: "code" })?;
            let (id, sid) = (envelope.id.unsigned(), envelope.sid.unsigned());
            Ok(StreamMessage::Error { code, id, sid })
        }
        _ => Ok(StreamMessage::Other),
    }
}

fn read<'a, M: Deserialize<'a>>(text: &'a str) -> Result<M, Undecodable> {
    serde_json::from_str(text).map_err(|_| Undecodable::Json)
}

fn parse_fill(text: &str, received: Timestamp) -> Result<StreamMessage, Undecodable> {
    let Carrying { msg } = read::<Carrying<FillRow>>(text)?;
    let raw = msg.raw();
    if is_foreign(raw.ticker) {
        return Ok(StreamMessage::Other);
    }
    Ok(StreamMessage::Fill(raw.build(Origin::Stream, received)?))
}

fn parse_order(text: &str, received: Timestamp) -> Result<StreamMessage, Undecodable> {
    let Carrying { msg } = read::<Carrying<OrderRow>>(text)?;
    let raw = msg.raw();
    // `unknown` is a documented status and says nothing.
    if raw.status == Some(b"unknown") {
        return Ok(StreamMessage::Other);
    }
    let report = raw.build_or_skip(Origin::Stream, received)?;
    Ok(report.map_or(StreamMessage::Other, StreamMessage::Order))
}

fn parse_subscribed(text: &str) -> Result<StreamMessage, Undecodable> {
    let Carrying { msg } = read::<Carrying<Acknowledgement>>(text)?;
    let sid = msg.sid.unsigned().ok_or(FieldError { field: "sid" })?;
    let channel = msg.channel.bytes().and_then(Channel::parse);
    Ok(channel.map_or(StreamMessage::Other, |channel| StreamMessage::Subscribed { channel, sid }))
}

#[cfg(test)]
mod tests;
