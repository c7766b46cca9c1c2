//! The exchange as a whole: whether it is open, when, and how far back its lists reach.

use serde_json::{Value, json};

use crate::sim::api::markets::Board;
use crate::sim::api::writes::json_response;
use crate::sim::exchange::ExchangeState;
use crate::sim::text::rfc3339;
use crate::sim::venue::ApiResponse;
use crate::units::Nanos;

/// How long the schedule is good for.
const SCHEDULED: Nanos = Nanos::from_secs(365 * 86_400);

impl Board<'_> {
    /// `GET /exchange/status`.
    pub(crate) fn status(&self) -> ApiResponse {
        let state = self.exchange.state();
        let (active, trading) =
            (state != ExchangeState::ExchangePaused, state == ExchangeState::Open);
        let shards: Vec<Value> = self
            .shards()
            .into_iter()
            .map(|shard| {
                json!({
                    "description": if shard == 0 { "Default" } else { "Shard" },
                    "exchange_active": active,
                    "exchange_index": shard,
                    "intra_exchange_transfers_active": active,
                    "trading_active": trading,
                })
            })
            .collect();
        let body = json!({
            "exchange_active": active,
            "exchange_index_statuses": shards,
            "intra_exchange_transfers_active": active,
            "trading_active": trading,
        });
        json_response(200, &body)
    }

    /// The shards that have markets, and shard 0.
    pub(crate) fn shards(&self) -> Vec<u8> {
        let markets = self.exchange.markets().iter().map(|market| market.exchange_index);
        let mut shards: Vec<u8> = markets.chain([0]).collect();
        shards.sort_unstable();
        shards.dedup();
        shards
    }

    /// `GET /exchange/user_data_timestamp`.
    pub(crate) fn data_timestamp(&self) -> ApiResponse {
        json_response(200, &json!({ "as_of_time": rfc3339(self.as_of) }))
    }

    /// `GET /exchange/schedule`: always open. Pauses are faults here, not a schedule.
    pub(crate) fn schedule(&self) -> ApiResponse {
        let day = json!([{ "close_time": "00:00", "open_time": "00:00" }]);
        let hours = json!({
            "end_time": rfc3339(self.opened + SCHEDULED),
            "friday": day,
            "monday": day,
            "saturday": day,
            "start_time": rfc3339(self.opened),
            "sunday": day,
            "thursday": day,
            "tuesday": day,
            "wednesday": day,
        });
        let schedule = json!({ "maintenance_windows": [], "standard_hours": [hours] });
        json_response(200, &json!({ "schedule": schedule }))
    }

    /// `GET /historical/cutoff`: nothing is moved away, so all of it is since the opening.
    pub(crate) fn cutoff(&self) -> ApiResponse {
        let opened = rfc3339(self.opened);
        let body = json!({
            "market_positions_last_updated_ts": opened,
            "market_settled_ts": opened,
            "orders_updated_ts": opened,
            "trades_created_ts": opened,
        });
        json_response(200, &body)
    }
}
