//! Candlesticks as requests ask for them: of a market, of several, of an event's.

use serde_json::{Value, json};

use crate::ids::Ticker;
use crate::sim::api::candles::{Before, Candles, Range};
use crate::sim::api::events::series_of;
use crate::sim::api::failure::ApiError;
use crate::sim::api::portfolio::event_of;
use crate::sim::api::query::Query;
use crate::sim::api::writes::json_response;
use crate::sim::exchange::Exchange;
use crate::sim::venue::ApiResponse;

/// Periods, in minutes.
const PERIODS: [i64; 3] = [1, 60, 1_440];

/// Most markets of one request.
const MARKETS_MAX: usize = 100;

/// Most candlesticks of one answer.
const CANDLES_MAX: usize = 10_000;

/// Markets with what is known of their past.
pub(super) struct Charts<'a> {
    pub(super) exchange: &'a Exchange,
    pub(super) candles: &'a Candles,
}

impl Charts<'_> {
    fn find(&self, ticker: &str) -> Option<usize> {
        Ticker::new(ticker.as_bytes()).and_then(|ticker| self.exchange.find_market(&ticker))
    }

    /// `GET /series/{series_ticker}/markets/{ticker}/candlesticks`.
    pub(super) fn market(
        &self,
        series: &str,
        ticker: &str,
        query: &Query,
    ) -> Result<ApiResponse, ApiError> {
        let range = range(query, is_period)?;
        let named = self.find(ticker);
        let market = named.filter(|ix| series_of(&self.exchange.markets()[*ix]) == series);
        let market = market.ok_or_else(|| ApiError::nested(404, "market_not_found"))?;
        let candles = self.candles.of(market, &range);
        Ok(json_response(200, &json!({ "candlesticks": candles, "ticker": ticker })))
    }

    /// `GET /markets/candlesticks`: of the markets that exist among those named.
    pub(super) fn markets(&self, query: &Query) -> Result<ApiResponse, ApiError> {
        let range = range(query, |minutes| minutes >= 1)?;
        let tickers = query.text("market_tickers");
        let tickers = tickers.ok_or_else(|| query.invalid("market_tickers", "required"))?;
        let tickers: Vec<&str> = tickers.split(',').collect();
        if tickers.len() > MARKETS_MAX {
            return Err(query.invalid("market_tickers", "max"));
        }
        let mut left = CANDLES_MAX;
        let mut markets: Vec<Value> = Vec::new();
        for ticker in tickers {
            let Some(market) = self.find(ticker) else { continue };
            let mut candles = self.candles.of(market, &range);
            candles.truncate(left);
            left -= candles.len();
            markets.push(json!({ "candlesticks": candles, "market_ticker": ticker }));
        }
        Ok(json_response(200, &json!({ "markets": markets })))
    }

    /// `GET /series/{series_ticker}/events/{ticker}/candlesticks`. No event here has so many
    /// markets that its end would have to be adjusted.
    pub(super) fn event(
        &self,
        series: &str,
        event: &str,
        query: &Query,
    ) -> Result<ApiResponse, ApiError> {
        let range = range(query, is_period)?;
        let all = self.exchange.markets().iter().enumerate();
        let (mut tickers, mut candles) = (Vec::new(), Vec::new());
        for (index, market) in all {
            if event_of(&market.ticker) == event && series_of(market) == series {
                tickers.push(market.ticker.as_str());
                candles.push(self.candles.of(index, &range));
            }
        }
        if tickers.is_empty() {
            return Err(ApiError::nested(400, "not_found"));
        }
        let body = json!({
            "adjusted_end_ts": range.to,
            "market_candlesticks": candles,
            "market_tickers": tickers,
        });
        Ok(json_response(200, &body))
    }
}

/// `GET /historical/markets/{ticker}/candlesticks`: no market is old enough.
pub(super) fn historical(query: &Query) -> Result<ApiResponse, ApiError> {
    range(query, is_period)?;
    Err(ApiError::not_found())
}

fn is_period(minutes: i64) -> bool {
    PERIODS.contains(&minutes)
}

fn range(query: &Query, allowed: impl Fn(i64) -> bool) -> Result<Range, ApiError> {
    let needed = |name| query.integer(name)?.ok_or_else(|| query.invalid(name, "required"));
    let (from, to) = (needed("start_ts")?, needed("end_ts")?);
    let minutes = needed("period_interval")?;
    if !allowed(minutes) {
        return Err(query.invalid("period_interval", "oneof"));
    }
    let before =
        if query.flag("include_latest_before_start")? { Before::Included } else { Before::LeftOut };
    Ok(Range { from, to, minutes, before })
}
