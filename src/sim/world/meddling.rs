//! What others do to the engine's account behind its back: orders by hand or of another engine,
//! fills told and never made.
//!
//! In: what a person or another program would do. Out: the exchange's state changed, or a frame on
//! every stream that the exchange's books do not bear out.

use serde_json::json;

use super::host::{Host, TRADER};
use crate::ids::{ClientOrderId, OrderId, Ticker, TradeId};
use crate::kalshi::paths::{BASE_PATH, EVENT_ORDERS};
use crate::message::BookSide;
use crate::sim::venue::{ApiRequest, Venue};
use crate::units::{Contracts, Money, Now, Price, WallTime};

/// An order that the engine has not made.
#[derive(Clone, Copy, Debug)]
pub struct HandMade {
    /// The market.
    pub ticker: Ticker,
    /// Side of the YES book.
    pub side: BookSide,
    /// YES-leg price.
    pub price: Price,
    /// Quantity.
    pub contracts: Contracts,
    /// An id under our mark, or none.
    pub client_order_id: Option<ClientOrderId>,
}

impl Host {
    /// What others have ordered on the engine's account, and what it was told wrongly, in all: by
    /// so much its limits may be passed without its doing.
    #[must_use]
    pub const fn meddled(&self) -> Contracts {
        self.meddled
    }

    /// Somebody with the account's key places an order that rests until it is met. Returns the
    /// exchange's id of it, or nothing when it is refused.
    pub fn account_trades(&mut self, now: WallTime, order: &HandMade) -> Option<OrderId> {
        let mut body = json!({
            "ticker": order.ticker.as_str(), "side": order.side.as_str(),
            "count": order.contracts.to_string(), "price": order.price.to_string(),
            "time_in_force": "good_till_canceled",
            "self_trade_prevention_type": "taker_at_cross",
        });
        if let Some(id) = order.client_order_id {
            body["client_order_id"] = id.to_string().into();
        }
        let body = body.to_string();
        let path = format!("{BASE_PATH}{EVENT_ORDERS}");
        let request = ApiRequest { method: "POST", path: &path, query: "", body: body.as_bytes() };
        let answer = self.venue_mut().handle(now, Some(TRADER), &request);
        let said: serde_json::Value = serde_json::from_str(&answer.body).unwrap_or_default();
        self.meddled += order.contracts;
        said["order_id"].as_str().and_then(|id| OrderId::new(id.as_bytes()))
    }

    /// Every stream tells of a fill that the exchange voids before it is in anybody's books.
    pub fn tell_of_a_voided_fill(
        &mut self,
        now: Now,
        order: &HandMade,
        order_id: &OrderId,
    ) -> TradeId {
        self.meddled += order.contracts;
        let number = now.mono.ns();
        let trade = format!("00000000-0000-4000-8000-{:012x}", number & 0xffff_ffff_ffff);
        let mut msg = json!({
            "trade_id": trade, "order_id": order_id.as_str(),
            "market_ticker": order.ticker.as_str(), "is_taker": false,
            "yes_price_dollars": order.price.to_string(), "count_fp": order.contracts.to_string(),
            "fee_cost": "0.010000", "ts_ms": now.wall.unix_ms(),
            "book_side": order.side.as_str(),
        });
        if let Some(id) = order.client_order_id {
            msg["client_order_id"] = id.to_string().into();
        }
        let frame =
            json!({"type": "fill", "sid": 1, "sending_ts_ms": now.wall.unix_ms(), "msg": msg});
        self.tell_streams(now.mono, &frame.to_string());
        TradeId::lossy(&trade)
    }

    /// Money of the account goes to another of the same member, or comes back from there.
    ///
    /// # Panics
    /// When it is not there.
    pub fn withdraw(&mut self, now: WallTime, cents: i64) {
        if self.venue().exchange().account_count(TRADER) < 2 {
            self.asked(now, "POST", "/portfolio/subaccounts", "{}");
        }
        let (from, to) = if cents < 0 { (1, 0) } else { (0, 1) };
        let body = json!({
            "client_transfer_id": uuid::Uuid::from_u128(now.unix_ns().into()).to_string(),
            "from_subaccount": from, "to_subaccount": to, "amount_cents": cents.abs(),
        });
        self.asked(now, "POST", "/portfolio/subaccounts/transfer", &body.to_string());
    }

    /// Money of the account moves from the first shard to another.
    ///
    /// # Panics
    /// When it is not there.
    pub fn move_money(&mut self, shard: u8, amount: Money) {
        let moved = self.venue_mut().fund_shard(TRADER, shard, amount);
        assert!(moved.is_ok(), "the money is there");
    }

    /// Somebody makes an order group on the account. Returns the exchange's id of it.
    ///
    /// # Panics
    /// When the exchange refuses it.
    pub fn makes_group(&mut self, now: WallTime) -> String {
        let path = "/portfolio/order_groups/create";
        let answer = self.asked(now, "POST", path, "{\"contracts_limit\":100}");
        answer["order_group_id"].as_str().unwrap_or_default().to_owned()
    }

    /// Somebody triggers or resets an order group of the account.
    ///
    /// # Panics
    /// When there is no such group.
    pub fn changes_group(&mut self, now: WallTime, group: &str, change: &str) {
        self.asked(now, "PUT", &format!("/portfolio/order_groups/{group}/{change}"), "{}");
    }

    fn asked(&mut self, now: WallTime, method: &str, path: &str, body: &str) -> serde_json::Value {
        let path = format!("{BASE_PATH}{path}");
        let request = ApiRequest { method, path: &path, query: "", body: body.as_bytes() };
        let answer = self.venue_mut().handle(now, Some(TRADER), &request);
        assert!(answer.status < 300, "{path}: {}", answer.body);
        serde_json::from_str(&answer.body).unwrap_or_default()
    }
}
