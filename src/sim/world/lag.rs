//! Reads lag writes: an answer about orders or fills, made to look as it did some time ago.
//!
//! The real exchange showed an order resting 360 ms after its cancel had been answered
//! (reference §3.4). In: the answer as of now. Out: without what happened since, worked out from
//! the exchange's own records.

use serde_json::{Value, json};

use super::host::TRADER;
use crate::kalshi::paths::{BASE_PATH, FILLS, ORDERS};
use crate::sim::api::SimVenue;
use crate::sim::exchange::Order;
use crate::sim::text::uuid_text;
use crate::sim::venue::ApiResponse;
use crate::units::{Contracts, Nanos, WallTime};

/// Makes an answer to `path` look as it did `lag` before `now`.
pub(super) fn age(
    answer: ApiResponse,
    path: &str,
    venue: &SimVenue,
    now: WallTime,
    lag: Nanos,
) -> ApiResponse {
    let below = path.strip_prefix(BASE_PATH).unwrap_or_default();
    if lag == Nanos::ZERO || answer.status != 200 {
        return answer;
    }
    let cutoff = WallTime::from_unix_ns(now.unix_ns().saturating_sub(lag.ns()));
    let past = Past { venue, cutoff };
    let mut body: Value = serde_json::from_str(&answer.body).unwrap_or_default();
    if below == FILLS {
        past.rewind_list(&mut body["fills"], |row| past.has_fill(row));
    } else if below == ORDERS {
        past.rewind_list(&mut body["orders"], |row| past.rewind_order(row));
    } else if below.starts_with(ORDERS) && !past.rewind_order(&mut body["order"]) {
        let body = json!({"error": {"code": "not_found", "message": "not found"}}).to_string();
        return ApiResponse { status: 404, body };
    } else if !below.starts_with(ORDERS) {
        return answer;
    }
    ApiResponse { status: 200, body: body.to_string() }
}

/// The account as it was.
struct Past<'a> {
    venue: &'a SimVenue,
    cutoff: WallTime,
}

impl Past<'_> {
    /// Keeps the rows that were there.
    fn rewind_list(&self, rows: &mut Value, mut was_there: impl FnMut(&mut Value) -> bool) {
        if let Some(rows) = rows.as_array_mut() {
            rows.retain_mut(|row| was_there(row));
        }
    }

    fn has_fill(&self, row: &Value) -> bool {
        let fills = self.venue.fills(TRADER);
        let known = fills.iter().filter(|fill| fill.time <= self.cutoff);
        known.map(|fill| uuid_text(fill.trade_id)).any(|id| row["trade_id"] == id)
    }

    /// Makes a row what it was; `false` when it was not there.
    fn rewind_order(&self, row: &mut Value) -> bool {
        let id = row["order_id"].as_str().and_then(|text| uuid::Uuid::parse_str(text).ok());
        let order = id.and_then(|id| self.venue.exchange().order(TRADER, id.as_u128()));
        let Some(order) = order.filter(|order| order.created <= self.cutoff) else {
            return false;
        };
        if order.updated > self.cutoff {
            let filled = self.filled(order);
            row["status"] = "resting".into();
            row["fill_count_fp"] = filled.to_string().into();
            row["remaining_count_fp"] = (order.initial - filled).to_string().into();
        }
        true
    }

    fn filled(&self, order: &Order) -> Contracts {
        let fills = self.venue.fills(TRADER);
        let known =
            fills.iter().filter(|fill| fill.order_id == order.id && fill.time <= self.cutoff);
        known.fold(Contracts::ZERO, |sum, fill| sum + fill.quantity)
    }
}
