//! The answer to a batch of new orders: a body of 201 in, what became of each order out.
//!
//! Cold: batches are for bursts. An order of which the answer says nothing that can be understood
//! may have landed.

use serde::Deserialize;
use serde_json::Value;

use super::errors;
use crate::ids::{ClientOrderId, OrderId};
use crate::message::{Accepted, Loss, Reject, RejectKind};
use crate::units::{Contracts, WallTime};

/// The items' errors carry no status; their codes tell more than it would.
const ITEM_STATUS: u16 = 400;

#[derive(Deserialize)]
struct Answer {
    orders: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    order_id: Option<String>,
    client_order_id: Option<String>,
    fill_count: Option<String>,
    remaining_count: Option<String>,
    ts_ms: Option<u64>,
    #[serde(default)]
    error: Value,
}

/// What the answer says of one order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderFate {
    /// The exchange has it.
    Accepted(Accepted),
    /// The exchange refused it.
    Rejected(Reject),
    /// Nothing that proves anything.
    Lost(Loss),
}

/// An answer, ready to be asked about orders.
pub struct OrderBatch {
    items: Vec<Item>,
}

impl core::fmt::Debug for OrderBatch {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "OrderBatch({} orders)", self.items.len())
    }
}

impl OrderBatch {
    /// Reads a body; one that cannot be read says nothing of any order.
    #[must_use]
    pub fn read(body: &[u8]) -> Self {
        let answer: Option<Answer> = serde_json::from_slice(body).ok();
        Self { items: answer.map_or_else(Vec::new, |answer| answer.orders) }
    }

    /// What it says of one order. Two items with its id contradict each other.
    #[must_use]
    pub fn of(&self, id: ClientOrderId) -> OrderFate {
        let text = id.to_string();
        let is_it = |item: &&Item| item.client_order_id.as_deref() == Some(text.as_str());
        let mut items = self.items.iter().filter(is_it);
        let (Some(item), None) = (items.next(), items.next()) else {
            return OrderFate::Lost(Loss::Misbehaved);
        };
        item.fate().unwrap_or(OrderFate::Lost(Loss::Misbehaved))
    }
}

impl Item {
    fn fate(&self) -> Option<OrderFate> {
        if !self.error.is_null() {
            let body = serde_json::json!({ "error": self.error }).to_string();
            let reject = errors::reject(ITEM_STATUS, body.as_bytes());
            // An item has no status to tell a refusal from a failure of the exchange: what is not
            // known to be a refusal says nothing of the order.
            return Some(match reject.kind {
                RejectKind::Other => OrderFate::Lost(Loss::ServerError),
                _ => OrderFate::Rejected(reject),
            });
        }
        let count = |text: &Option<String>| Contracts::parse_fp(text.as_ref()?.as_bytes());
        let ns = self.ts_ms.and_then(|ms| ms.checked_mul(1_000_000));
        Some(OrderFate::Accepted(Accepted {
            order_id: OrderId::new(self.order_id.as_ref()?.as_bytes())?,
            filled: count(&self.fill_count)?,
            remaining: count(&self.remaining_count)?,
            exchange_time: WallTime::from_unix_ns(ns.unwrap_or(0)),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::RunId;

    fn id(seq: u64) -> ClientOrderId {
        ClientOrderId::new(RunId::new(7), seq)
    }

    fn body() -> String {
        let [a, b, c, d] = [1, 2, 3, 4].map(id);
        format!(
            r#"{{"orders":[
            {{"order_id":"x","client_order_id":"{a}","fill_count":"4.00","remaining_count":"6.00",
              "average_fill_price":null,"average_fee_paid":null,"ts_ms":5,"error":null}},
            {{"order_id":"","client_order_id":"{b}","fill_count":null,"remaining_count":null,
              "ts_ms":null,"error":{{"code":"order_already_exists","message":"m"}}}},
            {{"order_id":"","client_order_id":"{c}","error":null}},
            {{"order_id":"y","client_order_id":"{d}","fill_count":"0.00","remaining_count":"1.00"}},
            {{"order_id":"z","client_order_id":"{d}","fill_count":"0.00","remaining_count":"1.00"}}
            ]}}"#
        )
    }

    #[test]
    fn an_error_that_is_no_known_refusal_says_nothing_of_the_order() {
        for code in ["EXCHANGE_UNAVAILABLE", "internal_server_error", "service_unavailable", ""] {
            let id = id(1);
            let error = format!(r#"{{"code":"{code}","message":"m"}}"#);
            let item = format!(r#"{{"client_order_id":"{id}","error":{error}}}"#);
            let batch = OrderBatch::read(format!(r#"{{"orders":[{item}]}}"#).as_bytes());
            assert_eq!(batch.of(id), OrderFate::Lost(Loss::ServerError), "{code}");
        }
    }

    #[test]
    fn each_order_has_its_own_fate() {
        let batch = OrderBatch::read(body().as_bytes());
        let expected = Accepted {
            order_id: OrderId::lossy("x"),
            filled: Contracts::from_whole(4),
            remaining: Contracts::from_whole(6),
            exchange_time: WallTime::from_unix_ms(5),
        };
        assert_eq!(batch.of(id(1)), OrderFate::Accepted(expected));
        let OrderFate::Rejected(reject) = batch.of(id(2)) else { panic!("it was refused") };
        assert_eq!(reject.kind, RejectKind::DuplicateOrder);
    }

    #[test]
    fn what_is_missing_or_said_twice_proves_nothing() {
        let lost = OrderFate::Lost(Loss::Misbehaved);
        let batch = OrderBatch::read(body().as_bytes());
        for seq in [3, 4, 5] {
            assert_eq!(batch.of(id(seq)), lost, "{seq}");
        }
        for body in [&b""[..], b"{}", b"<html>", br#"{"orders":{}}"#] {
            assert_eq!(OrderBatch::read(body).of(id(1)), lost);
        }
    }
}
