//! Reads of one member: orders and fills.
//!
//! In: queries. Out: JSON in the recorded shapes. Lists come newest first.

use serde_json::{Value, json};

use crate::ids::Ticker;
use crate::kalshi::fees::Liquidity;
use crate::message::BookSide;
use crate::sim::api::failure::ApiError;
use crate::sim::api::past::Past;
use crate::sim::api::query::Query;
use crate::sim::api::writes::json_response;
use crate::sim::exchange::{Exchange, FillRecord, MarketState, Order};
use crate::sim::text::{dollars, no_price, rfc3339, uuid_text};
use crate::sim::venue::{ApiResponse, UserId};

/// Who reads.
pub(crate) struct Reader<'a> {
    pub(crate) exchange: &'a Exchange,
    /// What reads show of it.
    pub(crate) past: &'a Past,
    pub(crate) user: UserId,
}

/// `outcome_side` of a book side: a bid is positioned for YES, an ask for NO.
pub(crate) const fn outcome(side: BookSide) -> &'static str {
    match side {
        BookSide::Bid => "yes",
        BookSide::Ask => "no",
    }
}

impl Reader<'_> {
    pub(super) fn market(&self, market: usize) -> &MarketState {
        &self.exchange.markets()[market]
    }

    /// Whether the market passes `ticker`, `event_ticker` and `exchange_index`.
    fn selects(&self, query: &Query, market: usize) -> Result<bool, ApiError> {
        let market = self.market(market);
        let shard = query.integer("exchange_index")?;
        Ok(query.admits("ticker", market.ticker.as_str())
            && query.admits("event_ticker", event_of(&market.ticker))
            && shard.is_none_or(|shard| shard == i64::from(market.exchange_index)))
    }

    /// The markets a query is about, so that lists are filtered without failing half way.
    pub(super) fn selection(&self, query: &Query) -> Result<Vec<bool>, ApiError> {
        (0..self.exchange.markets().len()).map(|market| self.selects(query, market)).collect()
    }

    /// `GET /portfolio/orders`.
    pub(crate) fn orders(&self, query: &Query) -> Result<ApiResponse, ApiError> {
        let (span, selected) = (query.span("min_ts", "max_ts")?, self.selection(query)?);
        let subaccount = query.natural("subaccount")?;
        let status = query.one_of("status", &["resting", "canceled", "executed"])?;
        let shown = self.exchange.orders_of(self.user).rev();
        let matching = shown.filter_map(|order| self.past.order(&order)).filter(|order| {
            selected[order.market]
                && subaccount.is_none_or(|it| it == u32::from(order.subaccount))
                && span.contains(order.created)
                && status.is_none_or(|status| status == order.status.as_str())
        });
        let page = query.page(matching, |order| order.seq)?;
        let orders: Vec<Value> = page.items.iter().map(|order| self.order_json(order)).collect();
        Ok(json_response(200, &json!({ "cursor": page.cursor, "orders": orders })))
    }

    pub(super) fn find(&self, id: &str) -> Result<Order, ApiError> {
        let id = uuid::Uuid::parse_str(id).map_err(|_| ApiError::not_found())?;
        let order = self.exchange.order(self.user, id.as_u128());
        order.and_then(|order| self.past.order(order)).ok_or_else(ApiError::not_found)
    }

    /// `GET /portfolio/orders/{order_id}`.
    pub(crate) fn order(&self, id: &str) -> Result<ApiResponse, ApiError> {
        let order = self.order_json(&self.find(id)?);
        Ok(json_response(200, &json!({ "order": order })))
    }

    fn order_json(&self, order: &Order) -> Value {
        let market = self.market(order.market);
        // As recorded: an order is told in terms of YES, its outcome apart.
        let action = match order.side {
            BookSide::Bid => "buy",
            BookSide::Ask => "sell",
        };
        let mut json = json!({
            "action": action,
            "book_side": order.side.as_str(),
            "cancel_order_on_pause": order.terms.cancel_on_pause,
            "client_order_id": order.client_order_id.as_str(),
            "created_time": rfc3339(order.created),
            "exchange_index": market.exchange_index,
            "fill_count_fp": order.filled.to_string(),
            "initial_count_fp": order.initial.to_string(),
            "last_update_time": rfc3339(order.updated),
            "maker_fees_dollars": dollars(order.maker_fees),
            "maker_fill_cost_dollars": dollars(order.maker_cost),
            "no_price_dollars": no_price(order.price),
            "order_id": uuid_text(order.id),
            "outcome_side": outcome(order.side),
            "remaining_count_fp": order.remaining.to_string(),
            "self_trade_prevention_type": order.terms.self_trade_prevention.as_str(),
            "side": "yes",
            "status": order.status.as_str(),
            "subaccount_number": order.subaccount,
            "taker_fees_dollars": dollars(order.taker_fees),
            "taker_fill_cost_dollars": dollars(order.taker_cost),
            "ticker": market.ticker.as_str(),
            "type": "limit",
            "user_id": self.exchange.member(order.user).user_id,
            "yes_price_dollars": order.price.to_string(),
        });
        if let Some(group) = self.exchange.group_id(order) {
            json["order_group_id"] = Value::String(uuid_text(group));
        }
        if let Some(expires) = order.terms.expires {
            json["expiration_time"] = Value::String(rfc3339(expires));
        }
        json
    }

    /// `GET /portfolio/fills`.
    pub(crate) fn fills(&self, query: &Query) -> Result<ApiResponse, ApiError> {
        let (span, selected) = (query.span("min_ts", "max_ts")?, self.selection(query)?);
        let (order, subaccount) = (query.text("order_id"), query.natural("subaccount")?);
        let matching = self.exchange.fills_of(self.user).rev().filter(|fill| {
            selected[fill.market]
                && self.past.shows(fill.time)
                && subaccount.is_none_or(|it| it == u32::from(fill.subaccount))
                && span.contains(fill.time)
                && order.is_none_or(|order| order == uuid_text(fill.order_id))
        });
        let page = query.page(matching, |fill| fill.seq)?;
        let fills: Vec<Value> = page.items.iter().map(|fill| self.fill_json(fill)).collect();
        Ok(json_response(200, &json!({ "cursor": page.cursor, "fills": fills })))
    }

    fn fill_json(&self, fill: &FillRecord) -> Value {
        let market = self.market(fill.market);
        let (trade, side) = (uuid_text(fill.trade_id), outcome(fill.side));
        json!({
            "action": "buy",
            "book_side": fill.side.as_str(),
            "count_fp": fill.quantity.to_string(),
            "created_time": rfc3339(fill.time),
            "exchange_index": market.exchange_index,
            "fee_cost": dollars(fill.fee),
            "fill_id": trade,
            "is_taker": fill.liquidity == Liquidity::Taker,
            "market_ticker": market.ticker.as_str(),
            "no_price_dollars": no_price(fill.price),
            "order_id": uuid_text(fill.order_id),
            "outcome_side": side,
            "side": side,
            "subaccount_number": fill.subaccount,
            "ticker": market.ticker.as_str(),
            "trade_id": trade,
            "ts": fill.time.unix_secs(),
            "yes_price_dollars": fill.price.to_string(),
        })
    }
}

/// The event's ticker as text.
pub(crate) fn event_of(ticker: &Ticker) -> &str {
    core::str::from_utf8(ticker.event()).unwrap_or_default()
}
