//! The answer to a batch of cancels: a body of 200 in, what became of each order out.
//!
//! Cold: batches are for many orders at once. An order of which the answer says nothing that can
//! be understood may still rest.

use serde::Deserialize;
use serde_json::Value;

use super::errors;
use crate::ids::OrderId;
use crate::message::{CancelFailure, Loss, RejectKind};
use crate::units::Contracts;

#[derive(Deserialize)]
struct Answer {
    orders: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    order_id: Option<String>,
    reduced_by: Option<String>,
    #[serde(default)]
    error: Value,
}

/// What the answer says of one order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchItem {
    /// So much of it was cancelled.
    Cancelled(Contracts),
    /// It was not there: filled, cancelled or never known.
    NotFound,
    /// It may still rest.
    Failed(CancelFailure),
}

/// An answer, ready to be asked about orders.
#[derive(Debug)]
pub struct CancelBatch {
    items: Vec<Item>,
}

impl core::fmt::Debug for Item {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{:?}", self.order_id)
    }
}

impl CancelBatch {
    /// Reads a body; one that cannot be read says nothing of any order.
    #[must_use]
    pub fn read(body: &[u8]) -> Self {
        let answer: Option<Answer> = serde_json::from_slice(body).ok();
        Self { items: answer.map_or_else(Vec::new, |answer| answer.orders) }
    }

    /// What it says of one order.
    #[must_use]
    pub fn of(&self, order_id: &OrderId) -> BatchItem {
        let unsaid = BatchItem::Failed(CancelFailure::Lost(Loss::Misbehaved));
        let is_it = |item: &&Item| item.order_id.as_deref() == Some(order_id.as_str());
        let Some(item) = self.items.iter().find(is_it) else { return unsaid };
        if !item.error.is_null() {
            let body = serde_json::json!({ "error": item.error }).to_string();
            return match errors::reject(400, body.as_bytes()).kind {
                RejectKind::NotFound => BatchItem::NotFound,
                kind => BatchItem::Failed(CancelFailure::Rejected(kind)),
            };
        }
        let reduced = item.reduced_by.as_deref().and_then(|it| Contracts::parse_fp(it.as_bytes()));
        reduced.map_or(unsaid, BatchItem::Cancelled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = br#"{"orders":[
        {"order_id":"a","client_order_id":null,"reduced_by":"10.00","ts_ms":1,"error":null},
        {"order_id":"b","reduced_by":null,"error":{"code":"not_found","message":"not found"}},
        {"order_id":"c","error":{"code":"trading_is_paused","message":"m"}},
        {"order_id":"d"}]}"#;

    #[track_caller]
    fn says(body: &[u8], id: &str, expected: BatchItem) {
        assert_eq!(CancelBatch::read(body).of(&OrderId::lossy(id)), expected, "{id}");
    }

    #[test]
    fn each_order_has_its_own_fate() {
        let lost = BatchItem::Failed(CancelFailure::Lost(Loss::Misbehaved));
        says(BODY, "a", BatchItem::Cancelled(Contracts::from_whole(10)));
        says(BODY, "b", BatchItem::NotFound);
        says(BODY, "c", BatchItem::Failed(CancelFailure::Rejected(RejectKind::Paused)));
        says(BODY, "d", lost);
        says(BODY, "e", lost);
        for body in [&b""[..], b"{}", b"<html>", br#"{"orders":{}}"#] {
            says(body, "a", lost);
        }
    }
}
