//! What markets have in common: events and series.
//!
//! A simulated exchange knows markets only; the event and the series of a market are the leading
//! parts of its ticker, and exist while a market names them.

use serde_json::{Value, json};

use crate::sim::api::failure::ApiError;
use crate::sim::api::markets::Board;
use crate::sim::api::portfolio::event_of;
use crate::sim::api::query::Query;
use crate::sim::api::writes::json_response;
use crate::sim::exchange::{FeeChange, MarketState};
use crate::sim::text::{count, rfc3339, uuid_text};
use crate::sim::venue::ApiResponse;

/// The series' ticker as text.
pub(crate) fn series_of(market: &MarketState) -> &str {
    core::str::from_utf8(market.ticker.series()).unwrap_or_default()
}

/// Markets with the same name at some level, in order of their first one.
struct Group<'a> {
    name: &'a str,
    markets: Vec<&'a MarketState>,
}

fn groups<'a>(
    markets: &'a [MarketState],
    name: impl Fn(&'a MarketState) -> &'a str,
) -> Vec<Group<'a>> {
    let mut groups: Vec<Group<'a>> = Vec::new();
    let mut places = std::collections::HashMap::new();
    for market in markets {
        let name = name(market);
        let place = *places.entry(name).or_insert(groups.len());
        if place == groups.len() {
            groups.push(Group { name, markets: Vec::new() });
        }
        groups[place].markets.push(market);
    }
    groups
}

impl Board<'_> {
    fn events_by_name(&self) -> Vec<Group<'_>> {
        groups(self.exchange.markets(), |market| event_of(&market.ticker))
    }

    fn event_group(&self, name: &str) -> Result<Group<'_>, ApiError> {
        let found = self.events_by_name().into_iter().find(|event| event.name == name);
        found.ok_or_else(ApiError::not_found)
    }

    /// `GET /events`.
    pub(crate) fn events(&self, query: &Query) -> Result<ApiResponse, ApiError> {
        let nested = query.flag("with_nested_markets")?;
        query.flag("with_milestones")?;
        let status = query.one_of("status", &["unopened", "open", "closed", "settled"])?;
        let closing = query.from("min_close_ts")?;
        let updated = query.from("min_updated_ts")?;
        let all = self.events_by_name();
        let matching = (0..all.len()).rev().filter(|ix| {
            let Group { name, markets } = &all[*ix];
            let any = |wanted: &dyn Fn(&MarketState) -> bool| markets.iter().any(|it| wanted(it));
            query.admits("series_ticker", series_of(markets[0]))
                && query.admits("tickers", name)
                && any(&|it| status.is_none_or(|status| status == it.status.filter_name()))
                && any(&|it| closing.contains(Self::closes(it)))
                && updated.contains(self.opened)
        });
        let page = query.page(matching, |ix| *ix as u64)?;
        let events: Vec<Value> =
            page.items.iter().map(|ix| self.event_json(&all[*ix], nested.into())).collect();
        Ok(json_response(200, &json!({ "cursor": page.cursor, "events": events })))
    }

    /// `GET /events/{event_ticker}`.
    pub(crate) fn event(&self, name: &str, query: &Query) -> Result<ApiResponse, ApiError> {
        let nested = query.flag("with_nested_markets")?;
        let without = query.flag("exclude_markets")?;
        let group = self.event_group(name)?;
        let beside = if nested || without { &[][..] } else { &group.markets };
        let markets: Vec<Value> = beside.iter().map(|market| self.market_json(market)).collect();
        let event = self.event_json(&group, (nested && !without).into());
        Ok(json_response(200, &json!({ "event": event, "markets": markets })))
    }

    /// `GET /events/{event_ticker}/metadata`.
    pub(crate) fn event_metadata(&self, name: &str) -> Result<ApiResponse, ApiError> {
        let group = self.event_group(name)?;
        let details: Vec<Value> = group
            .markets
            .iter()
            .map(|market| {
                let ticker = market.ticker.as_str();
                json!({ "color_code": "", "image_url": "", "market_ticker": ticker })
            })
            .collect();
        let body = json!({ "image_url": "", "market_details": details, "settlement_sources": [] });
        Ok(json_response(200, &body))
    }

    fn event_json(&self, group: &Group<'_>, nested: Part) -> Value {
        let first = group.markets[0];
        let mut json = json!({
            "category": "",
            "collateral_return_type": "",
            "event_ticker": group.name,
            "exchange_index": first.exchange_index,
            "last_updated_ts": rfc3339(self.opened),
            "mutually_exclusive": false,
            "series_ticker": series_of(first),
            "settlement_sources": [],
            "sub_title": "",
            "title": group.name,
        });
        if let Some(fees) = first.fee_override {
            json["fee_type_override"] = fees.fee_type.as_str().into();
            json["fee_multiplier_override"] = multiplier(fees.multiplier_ppm);
        }
        if nested == Part::Included {
            json["markets"] = group.markets.iter().map(|market| self.market_json(market)).collect();
        }
        json
    }

    /// `GET /series/{series_ticker}`: what its markets have in common, fees above all. A series
    /// that does not exist is a bad request: the description of this endpoint has no 404.
    pub(crate) fn series(&self, name: &str, query: &Query) -> Result<ApiResponse, ApiError> {
        let volume = query.flag("include_volume")?;
        let all = groups(self.exchange.markets(), series_of);
        let group = all.into_iter().find(|series| series.name == name);
        let group = group.ok_or_else(|| ApiError::nested(400, "not_found"))?;
        Ok(json_response(200, &json!({ "series": self.series_json(&group, volume.into()) })))
    }

    /// `GET /series`. Simulated series have neither category nor tags.
    pub(crate) fn series_list(&self, query: &Query) -> Result<ApiResponse, ApiError> {
        let volume = query.flag("include_volume")?;
        query.flag("include_product_metadata")?;
        let updated = query.from("min_updated_ts")?;
        let labelled = query.text("category").or_else(|| query.text("tags")).is_some();
        let all = if labelled || !updated.contains(self.opened) {
            Vec::new()
        } else {
            groups(self.exchange.markets(), series_of)
        };
        let list: Vec<Value> =
            all.iter().map(|series| self.series_json(series, volume.into())).collect();
        Ok(json_response(200, &json!({ "series": list })))
    }

    fn series_json(&self, group: &Group<'_>, volume: Part) -> Value {
        let first = group.markets[0];
        let mut json = json!({
            "additional_prohibitions": [],
            "categories": [],
            "category": "",
            "contract_terms_url": "",
            "contract_url": "",
            "exchange_index": first.exchange_index,
            "fee_multiplier": multiplier(first.fee_multiplier_ppm),
            "fee_type": first.fee_type.as_str(),
            "frequency": "custom",
            "last_updated_ts": rfc3339(self.opened),
            "settlement_sources": [],
            "tags": [],
            "ticker": group.name,
            "title": group.name,
        });
        if volume == Part::Included {
            let centis = group.markets.iter().map(|market| market.volume_centis).sum();
            json["volume_fp"] = count(centis).into();
        }
        json
    }

    /// `GET /series/fee_changes`: fees stay as they opened.
    pub(crate) fn series_fee_changes(query: &Query) -> Result<ApiResponse, ApiError> {
        query.flag("show_historical")?;
        Ok(json_response(200, &json!({ "series_fee_change_arr": [] })))
    }

    /// `GET /events/fee_changes`, newest first.
    pub(crate) fn event_fee_changes(&self, query: &Query) -> Result<ApiResponse, ApiError> {
        let changes = self.exchange.fee_changes().iter().enumerate().rev();
        let matching = changes.filter(|(_, change)| {
            let ticker = &self.exchange.markets()[change.market].ticker;
            query.admits("event_ticker", event_of(ticker))
        });
        let page = query.page(matching, |(place, _)| *place as u64)?;
        let change = |(_, change): &(usize, &FeeChange)| {
            let market = &self.exchange.markets()[change.market];
            json!({
                "id": uuid_text(change.id),
                "event_ticker": event_of(&market.ticker),
                "series_ticker": series_of(market),
                "fee_type_override": change.fees.map(|fees| fees.fee_type.as_str()),
                "fee_multiplier_override": change.fees.map(|fees| multiplier(fees.multiplier_ppm)),
                "scheduled_ts": rfc3339(change.time),
            })
        };
        let changes: Vec<Value> = page.items.iter().map(change).collect();
        let body = json!({ "cursor": page.cursor, "event_fee_changes": changes });
        Ok(json_response(200, &body))
    }
}

/// Millionths as a JSON number without rounding.
pub(crate) fn multiplier(ppm: u32) -> Value {
    if ppm.is_multiple_of(1_000_000) {
        return (ppm / 1_000_000).into();
    }
    let text = format!("{}.{:06}", ppm / 1_000_000, ppm % 1_000_000);
    serde_json::from_str(&text).expect("a decimal number is JSON")
}

/// Whether a part that clients must ask for is in the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Included,
    LeftOut,
}

impl From<bool> for Part {
    fn from(asked: bool) -> Self {
        if asked { Self::Included } else { Self::LeftOut }
    }
}
