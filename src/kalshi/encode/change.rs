//! Requests that change an order that rests: amend and decrease.

use super::body::close_body;
use super::{Cursor, OrderTemplates, client_order_id, count, price, side};
use crate::kalshi::auth::Presigned;
use crate::kalshi::paths;
use crate::message::{AmendOrder, DecreaseOrder};
use crate::risk::Approved;

impl OrderTemplates {
    /// Path of one amendment (POST): what its signature covers.
    #[must_use]
    pub fn amend_path(&self, amend: &AmendOrder) -> paths::PathText {
        paths::change_order(&self.base_path, &amend.order_id, paths::AMEND)
    }

    /// Path of one decrease (POST): what its signature covers.
    #[must_use]
    pub fn decrease_path(&self, decrease: &DecreaseOrder) -> paths::PathText {
        paths::change_order(&self.base_path, &decrease.order_id, paths::DECREASE)
    }

    /// Encodes an amendment into `out` and returns its length. The order keeps its client id and
    /// its expiration: neither is named anew.
    ///
    /// # Panics
    /// As [`Self::encode_order`].
    pub fn encode_amend(
        &self,
        out: &mut [u8],
        amend: &Approved<AmendOrder>,
        signed: &Presigned,
    ) -> usize {
        let amend = amend.get();
        let market = &self.markets[usize::from(amend.market.0)];
        let mut cursor = Cursor { out, len: 0 };
        let path = self.amend_path(amend);
        let at = self.open_body(&mut cursor, b"POST ", path.as_bytes(), signed);
        cursor.push(b"{\"ticker\":");
        cursor.push(market.ticker_json.trim_ascii_end());
        cursor.push(b",\"client_order_id\":\"");
        cursor.push(&client_order_id(amend.client_order_id));
        cursor.push(b"\",\"side\":");
        cursor.push(side(amend.side));
        cursor.push(b",\"price\":");
        cursor.push(price(amend.price).trim_ascii_end());
        cursor.push(b",\"count\":");
        cursor.push(count(amend.quantity).trim_ascii_end());
        cursor.push(b",\"exchange_index\":");
        cursor.push(market.shard.trim_ascii_end());
        cursor.push(b"}");
        close_body(cursor, &at)
    }

    /// Encodes a decrease into `out` and returns its length.
    ///
    /// # Panics
    /// As [`Self::encode_order`].
    pub fn encode_decrease(
        &self,
        out: &mut [u8],
        decrease: &DecreaseOrder,
        signed: &Presigned,
    ) -> usize {
        let market = &self.markets[usize::from(decrease.market.0)];
        let mut cursor = Cursor { out, len: 0 };
        let path = self.decrease_path(decrease);
        let at = self.open_body(&mut cursor, b"POST ", path.as_bytes(), signed);
        cursor.push(b"{\"reduce_by\":");
        cursor.push(count(decrease.by).trim_ascii_end());
        cursor.push(b",\"market_ticker\":");
        cursor.push(market.ticker_json.trim_ascii_end());
        cursor.push(b",\"exchange_index\":");
        cursor.push(market.shard.trim_ascii_end());
        cursor.push(b"}");
        close_body(cursor, &at)
    }
}
