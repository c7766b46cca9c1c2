//! The cancel of several orders in one request.

use super::body::close_body;
use super::{Cursor, OrderTemplates};
use crate::kalshi::auth::Presigned;
use crate::kalshi::paths;
use crate::message::CancelOrder;

/// Most cancels in one request: a full house of open orders, by default.
pub const CANCEL_BATCH_MAX: usize = 20;

/// Room for the longest such request: the head of any other, and for each order two quoted texts
/// of which every byte fits, their names and a shard.
pub const CANCEL_BATCH_BYTES_MAX: usize = super::REQUEST_BYTES_MAX + CANCEL_BATCH_MAX * ITEM_BYTES;

const ITEM_BYTES: usize = 192;

impl OrderTemplates {
    /// Path of a batch of cancels (DELETE): what its signature covers.
    #[must_use]
    pub fn batch_path(&self) -> String {
        format!("{}{}", self.base_path, paths::BATCHED)
    }

    /// Encodes the cancel of `orders` into `out` and returns its length. `path` is
    /// [`Self::batch_path`]'s.
    ///
    /// # Panics
    /// When `out` is shorter than [`CANCEL_BATCH_BYTES_MAX`], there are more than
    /// [`CANCEL_BATCH_MAX`] orders, or otherwise as [`Self::encode_order`].
    pub fn encode_cancel_batch<'a>(
        &self,
        out: &mut [u8],
        path: &str,
        orders: impl Iterator<Item = &'a CancelOrder>,
        signed: &Presigned,
    ) -> usize {
        let mut cursor = Cursor { out, len: 0 };
        let at = self.open_body(&mut cursor, b"DELETE ", path.as_bytes(), signed);
        for (nth, order) in orders.enumerate() {
            assert!(nth < CANCEL_BATCH_MAX, "the caller knows the bound");
            cursor.push(if nth == 0 { b"{\"orders\":[" } else { b"," });
            self.push_cancel(&mut cursor, order);
        }
        cursor.push(b"]}");
        close_body(cursor, &at)
    }

    fn push_cancel(&self, cursor: &mut Cursor<'_>, order: &CancelOrder) {
        let market = &self.markets[usize::from(order.market.0)];
        cursor.push(b"{\"order_id\":\"");
        // An id with a quote in it would be none of ours: it could not have been read.
        cursor.push(order.order_id.as_bytes());
        cursor.push(b"\",\"market_ticker\":");
        cursor.push(market.ticker_json.trim_ascii_end());
        cursor.push(b",\"exchange_index\":");
        cursor.push(market.shard.trim_ascii_end());
        cursor.push(b"}");
    }
}
