//! Several new orders in one request, each in the very bytes it would have alone.

use super::body::close_body;
use super::{Cursor, OrderTemplates, REQUEST_BYTES_MAX};
use crate::kalshi::auth::Presigned;
use crate::message::NewOrder;
use crate::risk::Approved;

/// Most orders in one request: the exchange publishes no number, only that it grows with the
/// account's tokens. A bucket of the smallest tier holds eight beside the cancels' reserve.
pub const ORDER_BATCH_MAX: usize = 8;

/// Room for the longest such request: the head of any other and every order's body.
pub const ORDER_BATCH_BYTES_MAX: usize = REQUEST_BYTES_MAX + ORDER_BATCH_MAX * ORDER_BYTES;

/// The widest body of one order: its slots, their names, and the longest group.
const ORDER_BYTES: usize = 640;

impl OrderTemplates {
    /// Encodes `orders` into `out` and returns the request's length. `path` is
    /// [`Self::batch_path`]'s.
    ///
    /// # Panics
    /// When `out` is shorter than [`ORDER_BATCH_BYTES_MAX`], there are more than
    /// [`ORDER_BATCH_MAX`] orders, or otherwise as [`Self::encode_order`].
    pub fn encode_order_batch<'a>(
        &self,
        out: &mut [u8],
        path: &str,
        orders: impl Iterator<Item = &'a Approved<NewOrder>>,
        signed: &Presigned,
    ) -> usize {
        let mut alone = [0; REQUEST_BYTES_MAX];
        let blank = &self.create[self.slots.signature..][..self.signature_len];
        let mut cursor = Cursor { out, len: 0 };
        let at = self.open_body(&mut cursor, b"POST ", path.as_bytes(), signed);
        for (nth, order) in orders.enumerate() {
            assert!(nth < ORDER_BATCH_MAX, "the caller knows the bound");
            cursor.push(if nth == 0 { b"{\"orders\":[" } else { b"," });
            let length = self.fill(&mut alone, order.get(), signed.wall_ms, blank);
            cursor.push(&alone[self.slots.body..length]);
        }
        cursor.push(b"]}");
        close_body(cursor, &at)
    }
}
