//! What rests of one account: its places in the queues, and what it is worth.

use serde_json::{Value, json};

use crate::sim::api::failure::ApiError;
use crate::sim::api::portfolio::{Reader, event_of};
use crate::sim::api::query::Query;
use crate::sim::api::writes::json_response;
use crate::sim::exchange::{Order, OrderStatus};
use crate::sim::text::{count, uuid_text};
use crate::sim::venue::ApiResponse;
use crate::units::Money;

impl Reader<'_> {
    fn resting(&self) -> impl Iterator<Item = Order> {
        let orders = self.exchange.orders_of(self.user);
        let shown = orders.filter_map(|order| self.past.order(&order));
        shown.filter(|order| order.status == OrderStatus::Resting)
    }

    /// `GET /portfolio/orders/{order_id}/queue_position`.
    pub(crate) fn queue_position(&self, id: &str) -> Result<ApiResponse, ApiError> {
        let order = self.find(id)?;
        if order.status != OrderStatus::Resting {
            return Err(ApiError::not_found());
        }
        let ahead = count(self.ahead_of(&order));
        Ok(json_response(200, &json!({ "queue_position_fp": ahead })))
    }

    /// Contracts ahead of an order as shown; nothing is ahead of one that has ended since.
    fn ahead_of(&self, order: &Order) -> u64 {
        let present = self.exchange.order(self.user, order.id);
        let resting = present.filter(|order| order.status == OrderStatus::Resting);
        resting.map_or(0, |order| self.exchange.queue_position(order))
    }

    /// `GET /portfolio/orders/queue_positions`.
    pub(crate) fn queue_positions(&self, query: &Query) -> Result<ApiResponse, ApiError> {
        let subaccount = query.natural("subaccount")?.unwrap_or(0);
        let positions: Vec<Value> = self
            .resting()
            .filter(|order| {
                let ticker = self.market(order.market).ticker;
                subaccount == u32::from(order.subaccount)
                    && query.admits("market_tickers", ticker.as_str())
                    && query.admits("event_ticker", event_of(&ticker))
            })
            .map(|order| {
                json!({
                    "market_ticker": self.market(order.market).ticker.as_str(),
                    "order_id": uuid_text(order.id),
                    "queue_position_fp": count(self.ahead_of(&order)),
                })
            })
            .collect();
        Ok(json_response(200, &json!({ "queue_positions": positions })))
    }

    /// `GET /portfolio/summary/total_resting_order_value`: what resting orders would cost.
    pub(crate) fn resting_value(&self) -> ApiResponse {
        let mut shards = std::collections::BTreeMap::from([(0, Money::ZERO)]);
        for order in self.resting() {
            let shard = self.market(order.market).exchange_index;
            *shards.entry(shard).or_insert(Money::ZERO) += order.own_price() * order.remaining;
        }
        let total = shards.values().fold(Money::ZERO, |sum, value| sum + *value);
        let breakdown: Vec<Value> = shards
            .iter()
            .map(|(shard, value)| {
                json!({ "balance": value.dollars_display(4), "exchange_index": shard })
            })
            .collect();
        let body = json!({
            "resting_order_value_breakdown": breakdown,
            "total_resting_order_value": total.cents_truncated(),
        });
        json_response(200, &body)
    }
}
