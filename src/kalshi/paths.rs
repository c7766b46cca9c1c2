//! Methods and paths of the exchange's REST interface: names only, no bytes are sent here.
//!
//! A path is what gets signed, so it never carries a query and never ends in a slash
//! (reference §2: a trailing slash is answered with a redirect).

use crate::ids::{OrderGroupId, OrderId};

/// Root of every REST path.
pub const BASE_PATH: &str = "/trade-api/v2";
/// Path of the WebSocket upgrade, from the root.
pub const WEBSOCKET_PATH: &str = "/trade-api/ws/v2";

/// Method of reads.
pub const GET: &str = "GET";
/// Method of order creation.
pub const POST: &str = "POST";
/// Method of changes.
pub const PUT: &str = "PUT";
/// Method of cancels.
pub const DELETE: &str = "DELETE";

/// Creates (POST) and cancels (DELETE) orders, below the base path.
pub const EVENT_ORDERS: &str = "/portfolio/events/orders";
/// Several orders at once, below the base path.
pub const BATCHED: &str = "/portfolio/events/orders/batched";
/// Changes price and size of an order, below the order.
pub const AMEND: &str = "/amend";
/// Takes some of an order away, below the order.
pub const DECREASE: &str = "/decrease";
/// Order groups, below the base path.
pub const ORDER_GROUPS: &str = "/portfolio/order_groups";
/// What calls cost, below the base path.
pub const ENDPOINT_COSTS: &str = "/account/endpoint_costs";
/// Lists orders, below the base path.
pub const ORDERS: &str = "/portfolio/orders";
/// Lists fills, below the base path.
pub const FILLS: &str = "/portfolio/fills";
/// Lists positions, below the base path.
pub const POSITIONS: &str = "/portfolio/positions";
/// Lists settlements, below the base path.
pub const SETTLEMENTS: &str = "/portfolio/settlements";
/// The account's cash, below the base path.
pub const BALANCE: &str = "/portfolio/balance";
/// The account's rate limits, below the base path.
pub const ACCOUNT_LIMITS: &str = "/account/limits";
/// Whether the exchange trades; needs no signature, below the base path.
pub const EXCHANGE_STATUS: &str = "/exchange/status";
/// Lists markets, below the base path.
pub const MARKETS: &str = "/markets";
/// A market's book, below the market.
pub const ORDERBOOK: &str = "/orderbook";
/// One series, below the base path.
pub const SERIES: &str = "/series";

/// Longest path built here: base, endpoint, and an order id of which every byte is escaped.
pub const PATH_BYTES_MAX: usize = 256;
/// Longest base path accepted, so that every path fits [`PATH_BYTES_MAX`].
pub const BASE_PATH_BYTES_MAX: usize = 64;

const _: () = assert!(
    BASE_PATH_BYTES_MAX + EVENT_ORDERS.len() + 1 + 3 * 40 + DECREASE.len() <= PATH_BYTES_MAX,
    "the longest path of one order fits",
);

/// A path built without allocation.
#[derive(Clone, Copy)]
pub struct PathText {
    len: usize,
    bytes: [u8; PATH_BYTES_MAX],
}

impl PathText {
    /// The path's bytes: ASCII.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// The path as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Built from ASCII only, so this cannot fail; the fallback is unreachable.
        core::str::from_utf8(self.as_bytes()).unwrap_or("")
    }

    fn push(&mut self, bytes: &[u8]) {
        self.bytes[self.len..self.len + bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
    }
}

impl AsRef<str> for PathText {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl core::fmt::Debug for PathText {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

/// Path that cancels one order, without its query.
///
/// # Panics
/// When `base_path` is longer than [`BASE_PATH_BYTES_MAX`].
#[must_use]
pub fn cancel_order(base_path: &str, order_id: &OrderId) -> PathText {
    assert!(base_path.len() <= BASE_PATH_BYTES_MAX, "the base path was checked at start");
    let mut path = PathText { len: 0, bytes: [0; PATH_BYTES_MAX] };
    path.push(base_path.as_bytes());
    path.push(EVENT_ORDERS.as_bytes());
    path.push(b"/");
    for &byte in order_id.as_bytes() {
        let (escaped, len) = escape(byte);
        path.push(&escaped[..len]);
    }
    path
}

/// Path that changes one order: the path that cancels it, then `/amend` or `/decrease`.
///
/// # Panics
/// As [`cancel_order`].
#[must_use]
pub fn change_order(base_path: &str, order_id: &OrderId, step: &str) -> PathText {
    let mut path = cancel_order(base_path, order_id);
    path.push(step.as_bytes());
    path
}

/// Path of a step of one order group: its id, then `/trigger` or `/reset`.
///
/// # Panics
/// When `base_path` is longer than [`BASE_PATH_BYTES_MAX`].
#[must_use]
pub fn order_group(base_path: &str, group: &OrderGroupId, step: &str) -> PathText {
    assert!(base_path.len() <= BASE_PATH_BYTES_MAX, "the base path was checked at start");
    let mut path = PathText { len: 0, bytes: [0; PATH_BYTES_MAX] };
    // A group's id was checked to be plain when it was made.
    for part in [base_path, ORDER_GROUPS, "/", group.as_str(), "/", step] {
        path.push(part.as_bytes());
    }
    path
}

/// One byte of a path segment or query value, percent-encoded where it must be, and how many of
/// the three bytes count.
#[must_use]
pub(crate) const fn escape(byte: u8) -> ([u8; 3], usize) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => ([byte, 0, 0], 1),
        _ => ([b'%', HEX[(byte >> 4) as usize], HEX[(byte & 15) as usize]], 3),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(order_id: &[u8], expected: &str) {
        let id = OrderId::new(order_id).unwrap();
        assert_eq!(cancel_order(BASE_PATH, &id).as_str(), expected);
    }

    #[test]
    fn cancel_paths_carry_the_id_and_cannot_escape_their_place() {
        check(
            b"2597b999-f887-4195-8bac-c3f97a1f2021",
            "/trade-api/v2/portfolio/events/orders/2597b999-f887-4195-8bac-c3f97a1f2021",
        );
        check(b"a/b?c%", "/trade-api/v2/portfolio/events/orders/a%2Fb%3Fc%25");
    }

    #[test]
    fn the_longest_cancel_path_fits() {
        let base = "/".repeat(BASE_PATH_BYTES_MAX);
        let path = cancel_order(&base, &OrderId::new(&[b'/'; 40]).unwrap());
        assert_eq!(path.as_bytes().len(), BASE_PATH_BYTES_MAX + EVENT_ORDERS.len() + 1 + 120);
    }
}
