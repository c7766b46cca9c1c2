//! Requests as bytes: approved orders and cancels in, complete HTTP/1.1 requests out.
//!
//! A create request is one template with fixed-width slots: every value has its widest form's
//! room and what is left is spaces, which JSON allows between tokens, so `Content-Length` is a
//! constant and encoding is a copy and a few patches. There is one template for all markets, not
//! one each: it stays in the first-level cache, and only ticker and shard differ. Nothing here
//! allocates after [`OrderTemplates::new`], uses the formatting machinery or changes a value: a
//! price the exchange cannot take is sent as it is and refused there.

use crate::ids::{
    ClientOrderId, MarketIx, OrderGroupId, OrderKey, RunId, TICKER_BYTES_MAX, Ticker,
};
use crate::kalshi::auth::Presigned;
use crate::kalshi::market::MarketTable;
use crate::kalshi::paths;
use crate::message::{BookSide, CancelOrder, GroupStep, ListedMarket, NewOrder, TimeInForce};
use crate::risk::Approved;
use crate::units::{Contracts, Now, Price};

mod batch;
mod body;
mod change;
mod order_batch;

pub use batch::{CANCEL_BATCH_BYTES_MAX, CANCEL_BATCH_MAX};
pub use order_batch::{ORDER_BATCH_BYTES_MAX, ORDER_BATCH_MAX};

/// Longest request: an RSA-4096 signature, the longest host, key id and ticker.
pub const REQUEST_BYTES_MAX: usize = 2_560;

/// Longest host name DNS allows, with a port.
const HOST_BYTES_MAX: usize = 260;
/// Key ids are UUIDs; nothing promises that.
const KEY_ID_BYTES_MAX: usize = 128;
/// Base64 of an RSA-4096 signature.
const SIGNATURE_BYTES_MAX: usize = 684;

/// A quoted ticker and the spaces after it.
const TICKER_WIDTH: usize = TICKER_BYTES_MAX + 2;
/// `"42949672.95"`: the largest [`Contracts`].
const COUNT_WIDTH: usize = 13;
/// `"0.123456"`.
const PRICE_WIDTH: usize = 10;
/// `"immediate_or_cancel"`.
const TIME_IN_FORCE_WIDTH: usize = 21;
/// Unix milliseconds until the year 2286.
const TIMESTAMP_WIDTH: usize = 13;
/// Unix seconds until the year 2286.
const EXPIRATION_WIDTH: usize = 10;
const REHEARSAL_PRICE: Price = match Price::from_cents(50) {
    Some(price) => price,
    None => panic!("half a dollar is a price"),
};
/// `,"order_group_id":""`.
const GROUP_KEY_BYTES: usize = 20;
const EXPIRATION_KEY: &[u8; 19] = b",\"expiration_time\":";

/// Why requests cannot be built from the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// Host, base path or key id is empty, too long, or has bytes a header must not carry.
    #[error("build request templates: {what} is empty, too long or not plain text")]
    BadText {
        /// Which one.
        what: &'static str,
    },
    /// The signature length is zero or beyond RSA-4096.
    #[error("build request templates: signature length is out of range")]
    BadSignatureLength,
}

/// What a create request says of its market.
#[derive(Clone, Copy)]
struct MarketText {
    ticker: Ticker,
    exchange_index: u8,
    ticker_json: [u8; TICKER_WIDTH],
    shard: [u8; 3],
}

/// Where the slots of the create template start.
#[derive(Clone, Copy, Default)]
struct Slots {
    timestamp: usize,
    signature: usize,
    ticker: usize,
    client_order_id: usize,
    side: usize,
    count: usize,
    price: usize,
    time_in_force: usize,
    reduce_only: usize,
    post_only: usize,
    shard: usize,
    expiration: usize,
    group: usize,
    /// Where the body starts.
    body: usize,
}

/// Everything about requests that does not change from order to order.
pub struct OrderTemplates {
    create: Box<[u8]>,
    slots: Slots,
    /// With room for those that are listed later.
    markets: Vec<MarketText>,
    /// The member that names the order group, by shard; all of one length, or none at all.
    groups: Box<[(u8, Box<[u8]>)]>,
    /// What the template is built from.
    recipe: Recipe,
    status: Box<[u8]>,
    base_path: Box<str>,
    create_path: Box<str>,
    /// From the end of a cancel's request line to the timestamp's place.
    cancel_head: Box<[u8]>,
    signature_len: usize,
}

/// What every create request says alike.
struct Recipe {
    common: Box<str>,
    key_id: Box<str>,
}

impl core::fmt::Debug for OrderTemplates {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("OrderTemplates")
            .field("create_bytes", &self.create.len())
            .field("markets", &self.markets.len())
            .finish_non_exhaustive()
    }
}

impl OrderTemplates {
    /// Builds the templates. `host` is the `Host` header's value, `signature_len` the length of
    /// the key's signatures in base64, which is constant for a key.
    ///
    /// # Errors
    /// [`TemplateError`] when the texts cannot stand in a request.
    pub fn new(
        host: &str,
        base_path: &str,
        key_id: &str,
        signature_len: usize,
        markets: &MarketTable,
    ) -> Result<Self, TemplateError> {
        check("host", host, HOST_BYTES_MAX)?;
        check("base path", base_path, paths::BASE_PATH_BYTES_MAX)?;
        check("key id", key_id, KEY_ID_BYTES_MAX)?;
        if signature_len == 0 || signature_len > SIGNATURE_BYTES_MAX {
            return Err(TemplateError::BadSignatureLength);
        }
        let create_path = format!("{base_path}{}", paths::EVENT_ORDERS);
        let common = format!("Host: {host}\r\nUser-Agent: kalshi-exec\r\n");
        let (create, slots) = create_template(&create_path, &common, key_id, signature_len, 0);
        let status_path = format!("{base_path}{}", paths::EXCHANGE_STATUS);
        let status = format!("GET {status_path} HTTP/1.1\r\n{common}\r\n");
        let cancel_head = format!(
            " HTTP/1.1\r\n{common}KALSHI-ACCESS-KEY: {key_id}\r\nKALSHI-ACCESS-TIMESTAMP: "
        );
        debug_assert!(
            create.len() <= REQUEST_BYTES_MAX,
            "Invariant: the widths bound the template"
        );
        Ok(Self {
            create,
            slots,
            markets: market_texts(markets),
            groups: Box::default(),
            recipe: Recipe { common: common.into(), key_id: key_id.into() },
            status: status.into_bytes().into_boxed_slice(),
            base_path: base_path.into(),
            create_path: create_path.into(),
            cancel_head: cancel_head.into_bytes().into_boxed_slice(),
            signature_len,
        })
    }

    /// Puts every order into the group of its market's shard. A market on a shard without one
    /// cannot be traded in: its orders would be in no group.
    ///
    /// # Panics
    /// When a market of the table is on a shard without a group.
    #[must_use]
    pub fn with_groups(mut self, groups: &[(u8, OrderGroupId)]) -> Self {
        if groups.is_empty() {
            return self;
        }
        let covered = |it: &MarketText| groups.iter().any(|(shard, _)| *shard == it.exchange_index);
        assert!(self.markets.iter().all(covered), "a group was made on every shard of the table");
        let width = groups.iter().map(|(_, id)| id.as_bytes().len()).max().unwrap_or(0);
        let member = |id: &OrderGroupId| {
            let mut text = format!(",\"order_group_id\":\"{id}\"").into_bytes();
            text.resize(GROUP_KEY_BYTES + width, b' ');
            text.into_boxed_slice()
        };
        self.groups = groups.iter().map(|(shard, id)| (*shard, member(id))).collect();
        let Recipe { common, key_id } = &self.recipe;
        let (path, member_len) = (&self.create_path, GROUP_KEY_BYTES + width);
        let (create, slots) = create_template(path, common, key_id, self.signature_len, member_len);
        debug_assert!(create.len() <= REQUEST_BYTES_MAX, "Invariant: the widths bound it");
        (self.create, self.slots) = (create, slots);
        self
    }

    /// Takes a market in, or what is new of one that is there. Rows between are markets that
    /// nobody trades in.
    pub fn list(&mut self, listed: &ListedMarket) {
        let place = usize::from(listed.market.0);
        let text = market_text(listed.ticker, listed.exchange_index);
        while self.markets.len() <= place {
            self.markets.push(text);
        }
        self.markets[place] = text;
    }

    /// Path of create (POST) and cancel-all (DELETE): what their signatures cover.
    #[must_use]
    pub fn create_path(&self) -> &str {
        &self.create_path
    }

    /// Path of one cancel (DELETE): what its signature covers.
    #[must_use]
    pub fn cancel_path(&self, cancel: &CancelOrder) -> paths::PathText {
        paths::cancel_order(&self.base_path, &cancel.order_id)
    }

    /// Path of a step of an order group (PUT): what its signature covers.
    #[must_use]
    pub fn group_path(&self, group: &OrderGroupId, step: GroupStep) -> paths::PathText {
        paths::order_group(&self.base_path, group, step.as_str())
    }

    /// The shard of a market of the table.
    #[must_use]
    pub fn shard(&self, market: MarketIx) -> u8 {
        self.markets[usize::from(market.0)].exchange_index
    }

    /// Length that every signature must have.
    #[must_use]
    pub const fn signature_len(&self) -> usize {
        self.signature_len
    }

    /// The unsigned `GET /exchange/status` that warms a connection.
    #[must_use]
    pub fn status_request(&self) -> &[u8] {
        &self.status
    }

    /// Encodes a create request into `out` and returns its length.
    ///
    /// # Panics
    /// When `out` is shorter than [`REQUEST_BYTES_MAX`], the market is not of the table the
    /// templates were built from, or the signature has another length than announced.
    pub fn encode_order(
        &self,
        out: &mut [u8],
        order: &Approved<NewOrder>,
        signed: &Presigned,
    ) -> usize {
        self.fill(out, order.get(), signed.wall_ms, signed.signature.as_bytes())
    }

    /// Encodes an order that does not exist into `out`, to keep code and template in the caches
    /// while nothing else does, and returns its length. It has no signature: nobody would take
    /// it.
    ///
    /// # Panics
    /// When `out` is shorter than [`REQUEST_BYTES_MAX`].
    pub fn rehearse(&self, out: &mut [u8], market: MarketIx, now: Now) -> usize {
        if usize::from(market.0) >= self.markets.len() {
            return 0;
        }
        let order = NewOrder {
            key: OrderKey::default(),
            client_order_id: ClientOrderId::new(RunId::new(0), 0),
            market,
            side: BookSide::Bid,
            price: REHEARSAL_PRICE,
            quantity: Contracts::ZERO,
            time_in_force: TimeInForce::ImmediateOrCancel,
            expiration_secs: None,
            reduce_only: true,
            post_only: true,
            reference: REHEARSAL_PRICE,
            received: now.mono,
            approved: now.mono,
        };
        let at = self.slots.signature;
        let blank = &self.create[at..at + self.signature_len];
        let length = self.fill(out, &order, now.wall.unix_ms(), blank);
        core::hint::black_box(&out[..length]);
        length
    }

    fn fill(&self, out: &mut [u8], order: &NewOrder, wall_ms: u64, signature: &[u8]) -> usize {
        let market = &self.markets[usize::from(order.market.0)];
        let out = &mut out[..self.create.len()];
        let at = self.slots;
        out.copy_from_slice(&self.create);
        put(out, at.timestamp, &decimal::<TIMESTAMP_WIDTH>(wall_ms));
        out[at.signature..at.signature + self.signature_len].copy_from_slice(signature);
        put(out, at.ticker, &market.ticker_json);
        put(out, at.client_order_id, &client_order_id(order.client_order_id));
        put(out, at.side, side(order.side));
        put(out, at.count, &count(order.quantity));
        put(out, at.price, &price(order.price));
        put(out, at.time_in_force, time_in_force(order.time_in_force));
        put(out, at.post_only, if order.post_only { b"true " } else { b"false" });
        put(out, at.reduce_only, if order.reduce_only { b"true " } else { b"false" });
        put(out, at.shard, &market.shard);
        let group = self.groups.iter().find(|(shard, _)| *shard == market.exchange_index);
        if let Some((_, member)) = group {
            out[at.group..at.group + member.len()].copy_from_slice(member);
        }
        if let Some(secs) = order.expiration_secs {
            put_expiration(&mut out[at.expiration..], secs);
        }
        out.len()
    }

    /// Encodes a cancel into `out` and returns its length.
    ///
    /// # Panics
    /// As [`Self::encode_order`].
    pub fn encode_cancel(&self, out: &mut [u8], cancel: &CancelOrder, signed: &Presigned) -> usize {
        let MarketIx(ix) = cancel.market;
        let market = &self.markets[usize::from(ix)];
        let mut cursor = Cursor { out, len: 0 };
        cursor.push(b"DELETE ");
        cursor.push(self.cancel_path(cancel).as_bytes());
        cursor.push(b"?market_ticker=");
        for &byte in market.ticker.as_bytes() {
            let (escaped, len) = paths::escape(byte);
            cursor.push(&escaped[..len]);
        }
        cursor.push(b"&exchange_index=");
        cursor.push(market.shard.trim_ascii_end());
        self.finish_cancel(cursor, signed)
    }

    /// Encodes the cancel of everything, on all shards, into `out` and returns its length.
    ///
    /// # Panics
    /// As [`Self::encode_order`].
    pub fn encode_cancel_all(&self, out: &mut [u8], signed: &Presigned) -> usize {
        let mut cursor = Cursor { out, len: 0 };
        cursor.push(b"DELETE ");
        cursor.push(self.create_path.as_bytes());
        self.finish_cancel(cursor, signed)
    }

    /// Encodes a step of an order group into `out` and returns its length. `path` is
    /// [`Self::group_path`]'s.
    ///
    /// # Panics
    /// As [`Self::encode_order`].
    pub fn encode_group(
        &self,
        out: &mut [u8],
        path: &paths::PathText,
        exchange_index: u8,
        signed: &Presigned,
    ) -> usize {
        let mut cursor = Cursor { out, len: 0 };
        cursor.push(b"PUT ");
        cursor.push(path.as_bytes());
        cursor.push(b"?exchange_index=");
        cursor.push(shard_text(exchange_index).trim_ascii_end());
        self.finish_cancel(cursor, signed)
    }

    fn finish_cancel(&self, mut cursor: Cursor<'_>, signed: &Presigned) -> usize {
        assert!(
            signed.signature.as_bytes().len() == self.signature_len,
            "signatures of one key have one length",
        );
        cursor.push(&self.cancel_head);
        cursor.push(&decimal::<TIMESTAMP_WIDTH>(signed.wall_ms));
        cursor.push(b"\r\nKALSHI-ACCESS-SIGNATURE: ");
        cursor.push(signed.signature.as_bytes());
        cursor.push(b"\r\n\r\n");
        cursor.len
    }
}

/// Bytes written one after the other.
struct Cursor<'a> {
    out: &'a mut [u8],
    len: usize,
}

impl Cursor<'_> {
    fn push(&mut self, bytes: &[u8]) {
        self.out[self.len..self.len + bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
    }
}

fn check(what: &'static str, text: &str, bytes_max: usize) -> Result<(), TemplateError> {
    let plain = text.bytes().all(|byte| matches!(byte, 0x21..=0x7e));
    if text.is_empty() || text.len() > bytes_max || !plain {
        return Err(TemplateError::BadText { what });
    }
    Ok(())
}

/// The create request with spaces in its slots.
fn create_template(
    path: &str,
    common: &str,
    key_id: &str,
    signature_len: usize,
    group_len: usize,
) -> (Box<[u8]>, Slots) {
    let mut slots = Slots::default();
    let mut body = Vec::new();
    let mut slot = |before: &str, width: usize| {
        body.extend_from_slice(before.as_bytes());
        let start = body.len();
        body.resize(start + width, b' ');
        start
    };
    slots.ticker = slot("{\"ticker\":", TICKER_WIDTH);
    slots.client_order_id = slot(",\"client_order_id\":\"", ClientOrderId::TEXT_BYTES);
    slots.side = slot("\",\"side\":", 5);
    slots.count = slot(",\"count\":", COUNT_WIDTH);
    slots.price = slot(",\"price\":", PRICE_WIDTH);
    slots.time_in_force = slot(",\"time_in_force\":", TIME_IN_FORCE_WIDTH);
    slots.post_only = slot(",\"self_trade_prevention_type\":\"taker_at_cross\",\"post_only\":", 5);
    slots.reduce_only = slot(",\"cancel_order_on_pause\":true,\"reduce_only\":", 5);
    slots.shard = slot(",\"exchange_index\":", 3);
    slots.expiration = slot("", EXPIRATION_KEY.len() + EXPIRATION_WIDTH);
    slots.group = slot("", group_len);
    slot("}", 0);

    let mut bytes = format!(
        "POST {path} HTTP/1.1\r\n{common}Content-Type: application/json\r\nContent-Length: {}\r\n\
         KALSHI-ACCESS-KEY: {key_id}\r\nKALSHI-ACCESS-TIMESTAMP: ",
        body.len(),
    )
    .into_bytes();
    slots.timestamp = bytes.len();
    bytes.resize(bytes.len() + TIMESTAMP_WIDTH, b' ');
    bytes.extend_from_slice(b"\r\nKALSHI-ACCESS-SIGNATURE: ");
    slots.signature = bytes.len();
    bytes.resize(bytes.len() + signature_len, b' ');
    bytes.extend_from_slice(b"\r\n\r\n");
    let head = bytes.len();
    slots.body = head;
    for start in [
        &mut slots.ticker,
        &mut slots.client_order_id,
        &mut slots.side,
        &mut slots.count,
        &mut slots.price,
        &mut slots.time_in_force,
        &mut slots.reduce_only,
        &mut slots.post_only,
        &mut slots.shard,
        &mut slots.expiration,
        &mut slots.group,
    ] {
        *start += head;
    }
    bytes.extend_from_slice(&body);
    (bytes.into_boxed_slice(), slots)
}

fn market_texts(markets: &MarketTable) -> Vec<MarketText> {
    let mut texts = Vec::with_capacity(markets.all().len() + MarketTable::SPARE_MARKETS_MAX);
    texts.extend(markets.all().iter().map(|it| market_text(it.ticker, it.exchange_index)));
    texts
}

fn market_text(ticker: Ticker, exchange_index: u8) -> MarketText {
    let mut ticker_json = [b' '; TICKER_WIDTH];
    let text = ticker.as_bytes();
    ticker_json[0] = b'"';
    ticker_json[1..=text.len()].copy_from_slice(text);
    ticker_json[text.len() + 1] = b'"';
    MarketText { ticker, exchange_index, ticker_json, shard: shard_text(exchange_index) }
}

/// A shard's number and the spaces after it.
fn shard_text(exchange_index: u8) -> [u8; 3] {
    let digits = decimal::<3>(u64::from(exchange_index));
    let zeros = digits.iter().take(2).take_while(|&&digit| digit == b'0').count();
    let mut text = [b' '; 3];
    text[..3 - zeros].copy_from_slice(&digits[zeros..]);
    text
}

/// Writes the optional member; without it the slot's spaces stay.
fn put_expiration(slot: &mut [u8], secs: u64) {
    put(slot, 0, EXPIRATION_KEY);
    let text = decimal::<EXPIRATION_WIDTH>(secs);
    // JSON numbers have no leading zeros.
    let zeros = text.iter().take_while(|&&digit| digit == b'0').count();
    let digits = &text[zeros.min(EXPIRATION_WIDTH - 1)..];
    slot[EXPIRATION_KEY.len()..][..digits.len()].copy_from_slice(digits);
}

/// Writes fixed-width bytes at a slot: the width is known, so this is a few moves.
fn put<const N: usize>(out: &mut [u8], at: usize, bytes: &[u8; N]) {
    out[at..at + N].copy_from_slice(bytes);
}

/// `value` in `N` digits with leading zeros. Larger values saturate at all nines.
fn decimal<const N: usize>(value: u64) -> [u8; N] {
    let mut rest = value.min(const { nines(N) });
    let mut out = [b'0'; N];
    for slot in out.iter_mut().rev() {
        *slot = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    out
}

/// The largest number of so many digits.
const fn nines(digits: usize) -> u64 {
    let mut value = 0;
    let mut done = 0;
    while done < digits {
        value = value * 10 + 9;
        done += 1;
    }
    value
}

fn client_order_id(id: ClientOrderId) -> [u8; ClientOrderId::TEXT_BYTES] {
    let mut out = [0; ClientOrderId::TEXT_BYTES];
    id.write(&mut out);
    out
}

const fn side(side: BookSide) -> &'static [u8; 5] {
    match side {
        BookSide::Bid => b"\"bid\"",
        BookSide::Ask => b"\"ask\"",
    }
}

const fn time_in_force(time_in_force: TimeInForce) -> &'static [u8; TIME_IN_FORCE_WIDTH] {
    match time_in_force {
        TimeInForce::ImmediateOrCancel => b"\"immediate_or_cancel\"",
        TimeInForce::GoodTillCanceled => b"\"good_till_canceled\" ",
        TimeInForce::FillOrKill => b"\"fill_or_kill\"       ",
    }
}

/// Dollars in quotes with 4 decimals. The exchange takes no finer prices and no market has
/// them; one would go out with all its 6 decimals and be refused, never be rounded.
fn price(price: Price) -> [u8; PRICE_WIDTH] {
    let digits = price.dollars_6dp();
    let mut out = *b"\"0.000000\"";
    out[1..9].copy_from_slice(&digits);
    if digits[6..] == *b"00" {
        out[7..].copy_from_slice(b"\"  ");
    }
    out
}

/// Contracts in quotes with 2 decimals.
fn count(quantity: Contracts) -> [u8; COUNT_WIDTH] {
    let digits = decimal::<10>(u64::from(quantity.centis()));
    let zeros = digits[..7].iter().take_while(|&&digit| digit == b'0').count();
    let whole = 8 - zeros;
    let mut out = [b' '; COUNT_WIDTH];
    out[0] = b'"';
    out[1..=whole].copy_from_slice(&digits[zeros..8]);
    out[whole + 1] = b'.';
    out[whole + 2..whole + 4].copy_from_slice(&digits[8..]);
    out[whole + 4] = b'"';
    out
}

#[cfg(test)]
mod tests;
