//! Which request goes where. The one list of simulated endpoints.

use crate::sim::api::SimVenue;
use crate::sim::api::archive::{empty, none};
use crate::sim::api::charts::{Charts, historical};
use crate::sim::api::failure::ApiError;
use crate::sim::api::groups::GroupWrite;
use crate::sim::api::limits::endpoint_costs;
use crate::sim::api::markets::Board;
use crate::sim::api::portfolio::Reader;
use crate::sim::api::query::{PageRule, Query};
use crate::sim::api::tier::volume_progress;
use crate::sim::api::wallets::Ledger;
use crate::sim::api::writes::Writer;
use crate::sim::venue::{ApiRequest, ApiResponse, UserId};
use crate::units::WallTime;

/// Where every path begins.
const PREFIX: &str = "/trade-api/v2/";

/// What rewards can be asked for by.
const INCENTIVES: [(&str, &[&str]); 2] = [
    ("status", &["all", "active", "upcoming", "closed", "paid_out"]),
    ("type", &["all", "liquidity", "volume", "margin_maker_volume", "margin_taker_volume"]),
];

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
        if let Some(answer) = self.route_public(request, &segments) {
            return answer;
        }
        let user = caller.ok_or_else(ApiError::unsigned)?;
        match segments.as_slice() {
            ["account", "api_usage_level", "upgrade"] if request.method == "POST" => {
                self.upgrade(user)
            }
            ["portfolio", "events", "orders", rest @ ..] => {
                self.route_writes(now, user, request, rest)
            }
            ["portfolio", "orders", ..] if request.method != "GET" => Err(gone()),
            ["portfolio", rest @ ..] if request.method != "GET" => {
                self.route_settings(now, user, request, rest)
            }
            _ => self.route_private(user, request, &segments),
        }
    }

    fn route_public(
        &self,
        request: &ApiRequest<'_>,
        segments: &[&str],
    ) -> Option<Result<ApiResponse, ApiError>> {
        if request.method != "GET" {
            return None;
        }
        let query = |operation| Query::parse(operation, request.query);
        let board = self.board();
        let charts = Charts { exchange: &self.exchange, candles: &self.candles };
        Some(match segments {
            ["exchange", "status"] => Ok(board.status()),
            ["exchange", "schedule"] => Ok(board.schedule()),
            ["exchange", "user_data_timestamp"] => Ok(board.data_timestamp()),
            ["account", "endpoint_costs"] => Ok(endpoint_costs()),
            ["markets"] => board.markets(&query("GetMarkets")),
            ["markets", "trades"] => self.tape.page(&self.exchange, &query("GetTrades")),
            ["markets", "candlesticks"] => charts.markets(&query("BatchGetMarketCandlesticks")),
            ["markets", "orderbooks"] => board.orderbooks(&query("GetMarketOrderbooks")),
            ["markets", ticker] => board.market(ticker),
            ["markets", ticker, "orderbook"] => {
                board.orderbook(ticker, &query("GetMarketOrderbook"))
            }
            ["events", rest @ ..] => route_events(&board, request, rest),
            ["series"] => board.series_list(&query("GetSeriesList")),
            ["series", "fee_changes"] => Board::series_fee_changes(&query("GetSeriesFeeChanges")),
            ["series", series] => board.series(series, &query("GetSeries")),
            ["series", series, "markets", ticker, "candlesticks"] => {
                charts.market(series, ticker, &query("GetMarketCandlesticks"))
            }
            ["series", series, "events", event, "candlesticks"] => {
                charts.event(series, event, &query("GetMarketCandlesticksByEvent"))
            }
            ["historical", "cutoff"] => Ok(board.cutoff()),
            ["historical", "trades"] => empty(&query("GetTradesHistorical"), &["trades"]),
            ["historical", "markets"] => empty(&query("GetHistoricalMarkets"), &["markets"]),
            ["historical", "markets", _] => Err(ApiError::not_found()),
            ["historical", "markets", _, "candlesticks"] => {
                historical(&query("GetMarketCandlesticksHistorical"))
            }
            _ => return route_absent(request, segments),
        })
    }

    pub(super) fn board(&self) -> Board<'_> {
        Board { exchange: &self.exchange, opened: self.opened, as_of: self.past.cutoff() }
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
        match segments {
            ["account", "limits"] => Ok(self.limits_of(user)),
            ["api_keys"] => Ok(self.keys_of(user)),
            ["account", "api_usage_level", "volume_progress"] => Ok(volume_progress()),
            ["portfolio", rest @ ..] => {
                let reader = Reader { exchange: &self.exchange, past: &self.past, user };
                route_portfolio(&reader, &self.ledger, request, rest)
            }
            ["historical", list] => route_archive(request, list),
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
        let query = |operation| Query::parse(operation, request.query);
        match (request.method, rest) {
            ("POST", []) => writer.create(request.body),
            ("DELETE", []) => writer.cancel_all(&query("CancelAllOrders")),
            ("POST", ["batched"]) => writer.create_batch(request.body),
            ("DELETE", ["batched"]) => writer.cancel_batch(request.body),
            ("DELETE", [id]) => writer.cancel(id, &query("CancelOrderV2")),
            ("POST", [id, "amend"]) => writer.amend(id, &query("AmendOrderV2"), request.body),
            ("POST", [id, "decrease"]) => {
                writer.decrease(id, &query("DecreaseOrderV2"), request.body)
            }
            _ => Err(ApiError::not_found()),
        }
    }

    /// Groups, subaccounts and transfers: what is neither an order nor read only.
    fn route_settings(
        &mut self,
        now: WallTime,
        user: UserId,
        request: &ApiRequest<'_>,
        rest: &[&str],
    ) -> Result<ApiResponse, ApiError> {
        let (body, ledger) = (request.body, &mut self.ledger);
        let mut writer = Writer { exchange: &mut self.exchange, now, user };
        let query = Query::parse("UpdateOrderGroup", request.query);
        let mut group = |id: &str, change| writer.change_group(id, change, &query);
        match (request.method, rest) {
            ("DELETE", ["order_groups", id]) => group(id, GroupWrite::Delete),
            ("PUT", ["order_groups", id, "reset"]) => group(id, GroupWrite::Reset),
            ("PUT", ["order_groups", id, "trigger"]) => group(id, GroupWrite::Trigger),
            ("PUT", ["order_groups", id, "limit"]) => group(id, GroupWrite::Limit(body)),
            ("POST", ["order_groups", "create"]) => writer.create_group(body),
            ("POST", ["subaccounts"]) => writer.create_subaccount(body),
            ("POST", ["subaccounts", "transfer"]) => ledger.between_accounts(&mut writer, body),
            ("PUT", ["subaccounts", "netting"]) => ledger.set_netting(&writer, body),
            ("POST", ["intra_exchange_instance_transfer"]) => {
                ledger.between_shards(&mut writer, body)
            }
            _ => Err(ApiError::not_found()),
        }
    }
}

/// Things that an exchange has and this one has none of.
fn route_absent(
    request: &ApiRequest<'_>,
    segments: &[&str],
) -> Option<Result<ApiResponse, ApiError>> {
    let query = |operation, rule| Query::parse(operation, request.query).paged(rule);
    Some(match segments {
        ["multivariate_event_collections"] => {
            let query = query("GetMultivariateEventCollections", PageRule::EVENTS);
            let status: &[&str] = &["unopened", "open", "closed"];
            none(&query, "multivariate_contracts", &[("status", status)])
        }
        ["incentive_programs"] => {
            let query = query("GetIncentivePrograms", PageRule::INCENTIVES);
            none(&query, "incentive_programs", &INCENTIVES)
        }
        ["milestones"] => none(&query("GetMilestones", PageRule::TRANSFERS), "milestones", &[]),
        ["multivariate_event_collections" | "milestones", _] => Err(ApiError::not_found()),
        _ => return None,
    })
}

fn route_events(
    board: &Board<'_>,
    request: &ApiRequest<'_>,
    rest: &[&str],
) -> Result<ApiResponse, ApiError> {
    let query = |operation| Query::parse(operation, request.query).paged(PageRule::EVENTS);
    match rest {
        [] => board.events(&query("GetEvents")),
        ["multivariate"] => empty(&query("GetMultivariateEvents"), &["events"]),
        ["fee_changes"] => {
            let query = query("GetEventFeeChanges").paged(PageRule::PORTFOLIO);
            board.event_fee_changes(&query)
        }
        [event] => board.event(event, &query("GetEvent")),
        [event, "metadata"] => board.event_metadata(event),
        _ => Err(ApiError::not_found()),
    }
}

fn route_portfolio(
    reader: &Reader<'_>,
    ledger: &Ledger,
    request: &ApiRequest<'_>,
    rest: &[&str],
) -> Result<ApiResponse, ApiError> {
    let query = |operation| Query::parse(operation, request.query).paged(PageRule::PORTFOLIO);
    let transfers = |operation| query(operation).paged(PageRule::TRANSFERS);
    match rest {
        ["balance"] => reader.balance(&query("GetBalance")),
        ["orders"] => reader.orders(&query("GetOrders")),
        ["orders", "queue_positions"] => reader.queue_positions(&query("GetOrderQueuePositions")),
        ["orders", id] => reader.order(id),
        ["orders", id, "queue_position"] => reader.queue_position(id),
        ["fills"] => reader.fills(&query("GetFills")),
        ["positions"] => reader.positions(&query("GetPositions")),
        ["settlements"] => reader.settlements(&query("GetSettlements")),
        ["summary", "total_resting_order_value"] => Ok(reader.resting_value()),
        ["order_groups"] => reader.groups(&query("GetOrderGroups")),
        ["order_groups", id] => reader.group(id, &query("GetOrderGroup")),
        ["subaccounts", "balances"] => Ok(reader.account_balances()),
        ["subaccounts", "netting"] => Ok(ledger.netting(reader)),
        ["subaccounts", "transfers"] => {
            ledger.account_transfers(reader.user, &query("GetSubaccountTransfers"))
        }
        ["intra_exchange_instance_transfers"] => {
            let query = transfers("GetIntraExchangeInstanceTransfers");
            ledger.shard_transfers(reader.user, &query)
        }
        ["intra_exchange_instance_transfers", id] => ledger.shard_transfer(reader.user, id),
        ["deposits"] => empty(&transfers("GetDeposits"), &["deposits"]),
        ["withdrawals"] => empty(&transfers("GetWithdrawals"), &["withdrawals"]),
        _ => Err(ApiError::not_found()),
    }
}

fn route_archive(request: &ApiRequest<'_>, list: &str) -> Result<ApiResponse, ApiError> {
    let query = |operation| Query::parse(operation, request.query).paged(PageRule::PORTFOLIO);
    match list {
        "orders" => empty(&query("GetHistoricalOrders"), &["orders"]),
        "fills" => empty(&query("GetFillsHistorical"), &["fills"]),
        "positions" => {
            empty(&query("GetHistoricalPositions"), &["event_positions", "market_positions"])
        }
        _ => Err(ApiError::not_found()),
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
