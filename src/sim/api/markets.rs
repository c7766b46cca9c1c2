//! Public reads: markets, books, series, the exchange's status and its costs.

use serde_json::{Value, json};

use crate::ids::Ticker;
use crate::message::BookSide;
use crate::sim::api::failure::ApiError;
use crate::sim::api::portfolio::event_of;
use crate::sim::api::query::Query;
use crate::sim::api::writes::json_response;
use crate::sim::exchange::{Exchange, ExchangeState, Level, MarketState, MarketStatus};
use crate::sim::text::{count, rfc3339};
use crate::sim::venue::ApiResponse;
use crate::units::{Money, Nanos, Price, WallTime};

/// Token costs that differ from the default, as recorded for the endpoints that exist here.
const COSTS: [(&str, &str, u32); 4] = [
    ("DELETE", "/trade-api/v2/portfolio/events/orders", 2),
    ("DELETE", "/trade-api/v2/portfolio/events/orders/:order_id", 2),
    ("DELETE", "/trade-api/v2/portfolio/events/orders/batched", 2),
    ("GET", "/trade-api/v2/portfolio/orders/:order_id", 2),
];

/// How long simulated markets stay open.
const OPEN_FOR: Nanos = Nanos::from_secs(365 * 86_400);

/// The public side of the exchange.
pub(crate) struct Board<'a> {
    pub(crate) exchange: &'a Exchange,
    pub(crate) opened: WallTime,
    pub(crate) now: WallTime,
}

impl Board<'_> {
    /// `GET /exchange/status`.
    pub(crate) fn status(&self) -> ApiResponse {
        let state = self.exchange.state();
        let body = json!({
            "exchange_active": state != ExchangeState::ExchangePaused,
            "trading_active": state == ExchangeState::Open,
        });
        json_response(200, &body)
    }

    /// `GET /exchange/user_data_timestamp`: reads never lag here.
    pub(crate) fn data_timestamp(&self) -> ApiResponse {
        json_response(200, &json!({ "as_of_time": rfc3339(self.now) }))
    }

    /// `GET /account/endpoint_costs`.
    pub(crate) fn endpoint_costs() -> ApiResponse {
        let costs: Vec<Value> = COSTS
            .iter()
            .map(|(method, path, cost)| json!({ "cost": cost, "method": method, "path": path }))
            .collect();
        json_response(200, &json!({ "default_cost": 10, "endpoint_costs": costs }))
    }

    fn find(&self, ticker: &str) -> Result<&MarketState, ApiError> {
        let market = Ticker::new(ticker.as_bytes()).and_then(|it| self.exchange.find_market(&it));
        let market = market.map(|ix| &self.exchange.markets()[ix]);
        market.ok_or_else(|| ApiError::nested(404, "market_not_found"))
    }

    /// `GET /markets`.
    pub(crate) fn markets(&self, query: &Query) -> Result<ApiResponse, ApiError> {
        let status = match query.text("status") {
            None => None,
            Some("open") => Some(MarketStatus::Active),
            Some("paused") => Some(MarketStatus::Inactive),
            Some(_) => return Ok(json_response(200, &json!({ "cursor": "", "markets": [] }))),
        };
        let all = self.exchange.markets();
        let matching = (0..all.len()).rev().filter(|ix| {
            let ticker = &all[*ix].ticker;
            let series = core::str::from_utf8(ticker.series()).unwrap_or_default();
            query.admits("tickers", ticker.as_str())
                && query.admits("event_ticker", event_of(ticker))
                && query.admits("series_ticker", series)
                && status.is_none_or(|status| status == all[*ix].status)
        });
        let page = query.page(matching, |ix| *ix as u64)?;
        let markets: Vec<Value> = page.items.iter().map(|ix| self.market_json(&all[*ix])).collect();
        Ok(json_response(200, &json!({ "cursor": page.cursor, "markets": markets })))
    }

    /// `GET /markets/{ticker}`.
    pub(crate) fn market(&self, ticker: &str) -> Result<ApiResponse, ApiError> {
        let market = self.market_json(self.find(ticker)?);
        Ok(json_response(200, &json!({ "market": market })))
    }

    fn market_json(&self, market: &MarketState) -> Value {
        let mut json = self.rules_json(market);
        let (bid, ask) = (market.best(BookSide::Bid), market.best(BookSide::Ask));
        // An empty side is written as the bound of the price scale.
        let price = |level: Option<Level>, empty: &str| {
            level.map_or_else(|| empty.to_owned(), |level| level.price.to_string())
        };
        let other = |level: Option<Level>, empty: &str| {
            level.map_or_else(|| empty.to_owned(), |level| level.price.complement().to_string())
        };
        let size = |level: Option<Level>| count(level.map_or(0, |level| level.centis));
        let last = market.last_trade.map(|(price, _)| price.to_string());
        let numbers = json!({
            "last_price_dollars": last.as_deref().unwrap_or("0.0000"),
            "no_ask_dollars": other(bid, "1.0000"),
            "no_bid_dollars": other(ask, "0.0000"),
            "open_interest_fp": count(market.open_interest_centis),
            "volume_24h_fp": count(market.volume_centis),
            "volume_fp": count(market.volume_centis),
            "yes_ask_dollars": price(ask, "1.0000"),
            "yes_ask_size_fp": size(ask),
            "yes_bid_dollars": price(bid, "0.0000"),
            "yes_bid_size_fp": size(bid),
        });
        if let (Value::Object(json), Value::Object(numbers)) = (&mut json, numbers) {
            json.extend(numbers);
        }
        json
    }

    fn rules_json(&self, market: &MarketState) -> Value {
        let bound = |micros: u32| Money::from_micros(i64::from(micros)).dollars_display(4);
        let ranges: Vec<Value> = market
            .grid
            .ranges()
            .iter()
            .map(|range| {
                json!({
                    "end": bound(range.end_micros),
                    "start": bound(range.start_micros),
                    "step": bound(range.step_micros),
                })
            })
            .collect();
        let (opened, closes) = (rfc3339(self.opened), rfc3339(self.opened + OPEN_FOR));
        json!({
            "can_close_early": true,
            "close_time": closes,
            "created_time": opened,
            "event_ticker": event_of(&market.ticker),
            "exchange_index": market.exchange_index,
            "expiration_value": "",
            "latest_expiration_time": closes,
            "market_type": "binary",
            "no_sub_title": "",
            "notional_value_dollars": "1.0000",
            "open_time": opened,
            "previous_price_dollars": "0.0000",
            "previous_yes_ask_dollars": "0.0000",
            "previous_yes_bid_dollars": "0.0000",
            "price_level_structure": market.structure.as_str(),
            "price_ranges": ranges,
            "result": "",
            "rules_primary": "",
            "rules_secondary": "",
            "settlement_bounds_type": "default",
            "settlement_timer_seconds": 60,
            "status": market.status.as_str(),
            "ticker": market.ticker.as_str(),
            "title": market.ticker.as_str(),
            "updated_time": opened,
            "yes_sub_title": "",
        })
    }

    /// `GET /markets/{ticker}/orderbook`.
    pub(crate) fn orderbook(&self, ticker: &str, query: &Query) -> Result<ApiResponse, ApiError> {
        let market = self.find(ticker)?;
        let depth = match query.integer("depth")? {
            None | Some(0) => usize::MAX,
            Some(depth @ 1..=100) => usize::try_from(depth).unwrap_or(usize::MAX),
            Some(_) => {
                let msg = "Parameter validation failed for GetMarketOrderbook: Key: \
                           'GetMarketOrderbookParams.Depth' Error:Field validation for 'Depth' \
                           failed on the 'lte' tag";
                return Err(ApiError::Bare { msg: msg.to_owned() });
            }
        };
        let body = json!({ "orderbook_fp": {
            "no_dollars": levels(market, BookSide::Ask, depth, Price::complement),
            "yes_dollars": levels(market, BookSide::Bid, depth, |price| price),
        }});
        Ok(json_response(200, &body))
    }

    /// `GET /series/{series_ticker}`: what its markets have in common, fees above all.
    pub(crate) fn series(&self, series: &str) -> Result<ApiResponse, ApiError> {
        let markets = self.exchange.markets();
        let of_series = |market: &&MarketState| market.ticker.series() == series.as_bytes();
        let market = markets.iter().find(of_series).ok_or_else(ApiError::not_found)?;
        let body = json!({ "series": {
            "additional_prohibitions": [],
            "categories": [],
            "category": "",
            "contract_terms_url": "",
            "contract_url": "",
            "exchange_index": market.exchange_index,
            "fee_multiplier": 1,
            "fee_type": market.fee_type.as_str(),
            "frequency": "custom",
            "settlement_sources": [],
            "tags": [],
            "ticker": series,
            "title": series,
        }});
        Ok(json_response(200, &body))
    }
}

/// The best `depth` levels of one leg's bids, ascending: the best is last.
pub(crate) fn levels(
    market: &MarketState,
    side: BookSide,
    depth: usize,
    leg: impl Fn(Price) -> Price,
) -> Vec<[String; 2]> {
    let mut levels: Vec<_> = market
        .levels(side)
        .take(depth)
        .map(|level| [leg(level.price).to_string(), count(level.centis)])
        .collect();
    levels.reverse();
    levels
}
