//! Public reads: markets and their books.

use serde_json::{Value, json};

use crate::ids::Ticker;
use crate::message::BookSide;
use crate::sim::api::events::series_of;
use crate::sim::api::failure::ApiError;
use crate::sim::api::portfolio::event_of;
use crate::sim::api::query::Query;
use crate::sim::api::writes::json_response;
use crate::sim::exchange::{Exchange, Level, MarketState, Outcome};
use crate::sim::text::{count, rfc3339};
use crate::sim::venue::ApiResponse;
use crate::units::{Money, Nanos, Price, WallTime};

/// How long simulated markets stay open.
const OPEN_FOR: Nanos = Nanos::from_secs(365 * 86_400);

/// Values of the `status` filter.
const MARKET_FILTERS: [&str; 5] = ["unopened", "open", "paused", "closed", "settled"];

/// Most books in one answer.
const ORDERBOOKS_MAX: usize = 100;

/// The public side of the exchange.
pub(crate) struct Board<'a> {
    pub(crate) exchange: &'a Exchange,
    pub(crate) opened: WallTime,
    /// The time that reads of accounts show.
    pub(crate) as_of: WallTime,
}

impl Board<'_> {
    fn find(&self, ticker: &str) -> Result<&MarketState, ApiError> {
        let market = Ticker::new(ticker.as_bytes()).and_then(|it| self.exchange.find_market(&it));
        let market = market.map(|ix| &self.exchange.markets()[ix]);
        market.ok_or_else(|| ApiError::nested(404, "market_not_found"))
    }

    /// When a market closes.
    pub(super) fn closes(market: &MarketState) -> WallTime {
        market.closes.unwrap_or(market.created + OPEN_FOR)
    }

    /// `GET /markets`.
    pub(crate) fn markets(&self, query: &Query) -> Result<ApiResponse, ApiError> {
        let status = query.one_of("status", &MARKET_FILTERS)?;
        let combos_only = query.one_of("mve_filter", &["only", "exclude"])? == Some("only");
        let created = query.span("min_created_ts", "max_created_ts")?;
        let updated = query.span("min_updated_ts", "max_updated_ts")?;
        let closing = query.span("min_close_ts", "max_close_ts")?;
        let settled = query.span("min_settled_ts", "max_settled_ts")?;
        let by_settling = ["min_settled_ts", "max_settled_ts"];
        let by_settling = by_settling.iter().any(|name| query.text(name).is_some());
        let all = self.exchange.markets();
        let matching = (0..all.len()).rev().filter(|ix| {
            let market = &all[*ix];
            query.admits("tickers", market.ticker.as_str())
                && query.admits("event_ticker", event_of(&market.ticker))
                && query.admits("series_ticker", series_of(market))
                && status.is_none_or(|status| status == market.status.filter_name())
                && !combos_only
                && created.contains(market.created)
                && updated.contains(market.updated)
                && closing.contains(Self::closes(market))
                && (!by_settling || market.settled.is_some_and(|time| settled.contains(time)))
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

    pub(super) fn market_json(&self, market: &MarketState) -> Value {
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
        let (created, closes) = (rfc3339(market.created), rfc3339(Self::closes(market)));
        let mut json = json!({
            "can_close_early": true,
            "close_time": closes,
            "created_time": created,
            "custom_strike": { "Outcome": market.yes_sub_title.as_str() },
            "early_close_condition": "This market closes early when an operator closes it.",
            "event_ticker": event_of(&market.ticker),
            "exchange_index": market.exchange_index,
            "expected_expiration_time": closes,
            "expiration_time": closes,
            "expiration_value": "",
            "latest_expiration_time": closes,
            "market_type": "binary",
            "no_sub_title": "",
            "notional_value_dollars": "1.0000",
            "occurrence_datetime": closes,
            "open_time": market.opens.map_or_else(|| created.clone(), rfc3339),
            "previous_price_dollars": "0.0000",
            "previous_yes_ask_dollars": "0.0000",
            "previous_yes_bid_dollars": "0.0000",
            "price_level_structure": market.structure.as_str(),
            "price_ranges": ranges,
            "result": market.outcome.map_or("", Outcome::as_str),
            "rules_primary": "",
            "rules_secondary": "",
            "settlement_bounds_type": "default",
            "settlement_timer_seconds": 60,
            "status": market.status.as_str(),
            "strike_type": "custom",
            "ticker": market.ticker.as_str(),
            "title": market.ticker.as_str(),
            "updated_time": rfc3339(market.updated),
            "yes_sub_title": market.yes_sub_title.as_str(),
        });
        if let Some(outcome) = market.outcome {
            let value = Money::from_micros(i64::from(outcome.yes_micros()));
            json["settlement_value_dollars"] = value.dollars_display(4).into();
        }
        if let Some(time) = market.settled {
            json["settlement_ts"] = rfc3339(time).into();
        }
        if let Some(time) = market.fee_waiver_until {
            json["fee_waiver_expiration_time"] = rfc3339(time).into();
        }
        json
    }

    /// `GET /markets/{ticker}/orderbook`.
    pub(crate) fn orderbook(&self, ticker: &str, query: &Query) -> Result<ApiResponse, ApiError> {
        let market = self.find(ticker)?;
        let depth = match query.integer("depth")? {
            None | Some(0) => usize::MAX,
            Some(depth @ 1..=100) => usize::try_from(depth).unwrap_or(usize::MAX),
            Some(depth) => {
                return Err(query.invalid("depth", if depth < 0 { "gte" } else { "lte" }));
            }
        };
        Ok(json_response(200, &json!({ "orderbook_fp": book_json(market, depth) })))
    }

    /// `GET /markets/orderbooks`: the books of the markets that exist among those named.
    pub(crate) fn orderbooks(&self, query: &Query) -> Result<ApiResponse, ApiError> {
        let tickers: Vec<&str> = query.all("tickers").collect();
        if !(1..=ORDERBOOKS_MAX).contains(&tickers.len()) {
            return Err(query.invalid("tickers", if tickers.is_empty() { "min" } else { "max" }));
        }
        let known = tickers.iter().filter_map(|ticker| self.find(ticker).ok());
        let books: Vec<Value> = known
            .map(|market| {
                let ticker = market.ticker.as_str();
                json!({ "orderbook_fp": book_json(market, usize::MAX), "ticker": ticker })
            })
            .collect();
        Ok(json_response(200, &json!({ "orderbooks": books })))
    }
}

/// Both legs' bids.
fn book_json(market: &MarketState, depth: usize) -> Value {
    json!({
        "no_dollars": levels(market, BookSide::Ask, depth, Price::complement),
        "yes_dollars": levels(market, BookSide::Bid, depth, |price| price),
    })
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
