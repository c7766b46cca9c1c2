//! Which request goes where. The one list of simulated endpoints.

use crate::sim::api::SimVenue;
use crate::sim::api::failure::ApiError;
use crate::sim::api::markets::Board;
use crate::sim::api::portfolio::Reader;
use crate::sim::api::query::Query;
use crate::sim::api::writes::Writer;
use crate::sim::venue::{ApiRequest, ApiResponse, UserId};
use crate::units::WallTime;

/// Where every path begins.
const PREFIX: &str = "/trade-api/v2/";

/// Replacement that a legacy order write is told about.
const V2_DOCUMENTATION: &str = "https://docs.kalshi.com/api-reference/orders/create-order-v2";

impl SimVenue {
    /// Answers one request.
    pub(super) fn route(
        &mut self,
        now: WallTime,
        caller: Option<UserId>,
        request: &ApiRequest<'_>,
    ) -> Result<ApiResponse, ApiError> {
        let path = request.path.strip_prefix(PREFIX).ok_or_else(ApiError::not_found)?;
        let segments: Vec<&str> = path.split('/').collect();
        if let Some(answer) = self.route_public(now, request, &segments) {
            return answer;
        }
        let user = caller.ok_or_else(ApiError::unsigned)?;
        match segments.as_slice() {
            ["portfolio", "events", "orders", rest @ ..] => {
                self.route_writes(now, user, request, rest)
            }
            ["portfolio", "orders", ..] if request.method != "GET" => Err(gone()),
            _ => self.route_private(user, request, &segments),
        }
    }

    fn route_public(
        &self,
        now: WallTime,
        request: &ApiRequest<'_>,
        segments: &[&str],
    ) -> Option<Result<ApiResponse, ApiError>> {
        if request.method != "GET" {
            return None;
        }
        let query = |operation| Query::parse(operation, request.query);
        let board = Board { exchange: &self.exchange, opened: self.opened, now };
        Some(match segments {
            ["exchange", "status"] => Ok(board.status()),
            ["exchange", "user_data_timestamp"] => Ok(board.data_timestamp()),
            ["account", "endpoint_costs"] => Ok(Board::endpoint_costs()),
            ["markets"] => board.markets(&query("GetMarkets")),
            ["markets", ticker] => board.market(ticker),
            ["markets", ticker, "orderbook"] => {
                board.orderbook(ticker, &query("GetMarketOrderbook"))
            }
            ["series", series] => board.series(series),
            _ => return None,
        })
    }

    fn route_private(
        &self,
        user: UserId,
        request: &ApiRequest<'_>,
        segments: &[&str],
    ) -> Result<ApiResponse, ApiError> {
        if request.method != "GET" {
            return Err(ApiError::not_found());
        }
        let query = |operation| Query::parse(operation, request.query);
        let reader = Reader { exchange: &self.exchange, user };
        match segments {
            ["account", "limits"] => Ok(self.tier.limits()),
            ["portfolio", "balance"] => Ok(reader.balance()),
            ["portfolio", "orders"] => reader.orders(&query("GetOrders")),
            ["portfolio", "orders", id] => reader.order(id),
            ["portfolio", "orders", id, "queue_position"] => reader.queue_position(id),
            ["portfolio", "fills"] => reader.fills(&query("GetFills")),
            ["portfolio", "positions"] => reader.positions(&query("GetPositions")),
            ["portfolio", "settlements"] => reader.settlements(&query("GetSettlements")),
            _ => Err(ApiError::not_found()),
        }
    }

    fn route_writes(
        &mut self,
        now: WallTime,
        user: UserId,
        request: &ApiRequest<'_>,
        rest: &[&str],
    ) -> Result<ApiResponse, ApiError> {
        let mut writer = Writer { exchange: &mut self.exchange, now, user };
        match (request.method, rest) {
            ("POST", []) => writer.create(request.body),
            ("DELETE", []) => writer.cancel_all(),
            ("POST", ["batched"]) => writer.create_batch(request.body),
            ("DELETE", ["batched"]) => writer.cancel_batch(request.body),
            ("DELETE", [id]) => writer.cancel(id, &Query::parse("CancelOrderV2", request.query)),
            ("POST", [id, "amend"]) => writer.amend(id, request.body),
            ("POST", [id, "decrease"]) => writer.decrease(id, request.body),
            _ => Err(ApiError::not_found()),
        }
    }
}

/// Order writes of the old API.
fn gone() -> ApiError {
    ApiError::Nested {
        status: 410,
        code: "deprecated_v1_order_endpoint",
        message: "Please switch to the V2 endpoints".to_owned(),
        details: Some(V2_DOCUMENTATION.to_owned()),
    }
}
