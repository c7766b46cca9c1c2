//! Reads of one account: orders, fills, positions, balance, settlements.
//!
//! In: queries. Out: JSON in the recorded shapes. Lists come newest first.

use serde_json::{Value, json};

use crate::ids::Ticker;
use crate::kalshi::fees::Liquidity;
use crate::message::BookSide;
use crate::sim::api::failure::ApiError;
use crate::sim::api::query::Query;
use crate::sim::api::writes::json_response;
use crate::sim::exchange::{Exchange, FillRecord, MarketState, Order};
use crate::sim::text::{count, dollars, no_price, rfc3339, uuid_text};
use crate::sim::venue::{ApiResponse, UserId};
use crate::units::{Contracts, Money, Position, WallTime};

/// Who reads.
pub(crate) struct Reader<'a> {
    pub(crate) exchange: &'a Exchange,
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
    fn selection(&self, query: &Query) -> Result<Vec<bool>, ApiError> {
        (0..self.exchange.markets().len()).map(|market| self.selects(query, market)).collect()
    }

    /// `GET /portfolio/orders`.
    pub(crate) fn orders(&self, query: &Query) -> Result<ApiResponse, ApiError> {
        let (span, selected) = (query.span("min_ts", "max_ts")?, self.selection(query)?);
        let status = query.one_of("status", &["resting", "canceled", "executed"])?;
        let matching = self.exchange.orders_of(self.user).rev().filter(|order| {
            selected[order.market]
                && span.contains(order.created)
                && status.is_none_or(|status| status == order.status.as_str())
        });
        let page = query.page(matching, |order| order.seq)?;
        let orders: Vec<Value> = page.items.iter().map(|order| self.order_json(order)).collect();
        Ok(json_response(200, &json!({ "cursor": page.cursor, "orders": orders })))
    }

    pub(super) fn find(&self, id: &str) -> Result<&Order, ApiError> {
        let id = uuid::Uuid::parse_str(id).map_err(|_| ApiError::not_found())?;
        self.exchange.order(self.user, id.as_u128()).ok_or_else(ApiError::not_found)
    }

    /// `GET /portfolio/orders/{order_id}`.
    pub(crate) fn order(&self, id: &str) -> Result<ApiResponse, ApiError> {
        let order = self.order_json(self.find(id)?);
        Ok(json_response(200, &json!({ "order": order })))
    }

    fn order_json(&self, order: &Order) -> Value {
        let market = self.market(order.market);
        let side = outcome(order.side);
        let mut json = json!({
            "action": "buy",
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
            "outcome_side": side,
            "remaining_count_fp": order.remaining.to_string(),
            "self_trade_prevention_type": order.terms.self_trade_prevention.as_str(),
            "side": side,
            "status": order.status.as_str(),
            "subaccount_number": 0,
            "taker_fees_dollars": dollars(order.taker_fees),
            "taker_fill_cost_dollars": dollars(order.taker_cost),
            "ticker": market.ticker.as_str(),
            "type": "limit",
            "user_id": self.exchange.member(order.user).user_id,
            "yes_price_dollars": order.price.to_string(),
        });
        if let Some(expires) = order.terms.expires {
            json["expiration_time"] = Value::String(rfc3339(expires));
        }
        json
    }

    /// `GET /portfolio/fills`.
    pub(crate) fn fills(&self, query: &Query) -> Result<ApiResponse, ApiError> {
        let (span, selected) = (query.span("min_ts", "max_ts")?, self.selection(query)?);
        let order = query.text("order_id");
        let matching = self.exchange.member(self.user).fills.iter().rev().filter(|fill| {
            selected[fill.market]
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
            "subaccount_number": 0,
            "ticker": market.ticker.as_str(),
            "trade_id": trade,
            "ts": fill.time.unix_secs(),
            "yes_price_dollars": fill.price.to_string(),
        })
    }

    /// `GET /portfolio/positions`: markets in which the account ever traded.
    pub(crate) fn positions(&self, query: &Query) -> Result<ApiResponse, ApiError> {
        let selected = self.selection(query)?;
        let open_only =
            query.admits("count_filter", "position") && query.text("count_filter").is_some();
        let settled = query.text("settlement_status") == Some("settled");
        let account = self.exchange.account(self.user);
        // Descending, as paging wants it.
        let matching = (0..account.holdings.len()).rev().filter(|market| {
            let holding = &account.holdings[*market];
            selected[*market]
                && !settled
                && holding.volume_centis > 0
                && (!open_only || holding.position != Position::FLAT)
        });
        let page = query.page(matching, |market| *market as u64)?;
        let markets: Vec<Value> =
            page.items.iter().map(|market| self.market_position(*market)).collect();
        let events = self.event_positions(&page.items);
        let body = json!({
            "cursor": page.cursor,
            "event_positions": events,
            "market_positions": markets,
        });
        Ok(json_response(200, &body))
    }

    fn market_position(&self, market: usize) -> Value {
        let holding = &self.exchange.account(self.user).holdings[market];
        let state = self.market(market);
        json!({
            "exchange_index": state.exchange_index,
            "fees_paid_dollars": dollars(holding.fees),
            "last_updated_ts": rfc3339(holding.updated),
            "market_exposure_dollars": dollars(holding.cost),
            "position_fp": holding.position.to_string(),
            "realized_pnl_dollars": dollars(holding.realized),
            "ticker": state.ticker.as_str(),
            "total_traded_dollars": dollars(holding.traded),
        })
    }

    fn event_positions(&self, markets: &[usize]) -> Vec<Value> {
        let mut events: Vec<&str> =
            markets.iter().map(|market| event_of(&self.market(*market).ticker)).collect();
        events.dedup();
        events.into_iter().map(|event| self.event_position(event, markets)).collect()
    }

    fn event_position(&self, event: &str, markets: &[usize]) -> Value {
        let account = self.exchange.account(self.user);
        let holdings = markets
            .iter()
            .filter(|market| event_of(&self.market(**market).ticker) == event)
            .map(|market| &account.holdings[*market]);
        let zero = (Money::ZERO, Money::ZERO, Money::ZERO, Money::ZERO, 0);
        let (cost, fees, realized, traded, volume) = holdings.fold(zero, |sum, holding| {
            (
                sum.0 + holding.cost,
                sum.1 + holding.fees,
                sum.2 + holding.realized,
                sum.3 + holding.traded,
                sum.4 + holding.volume_centis,
            )
        });
        json!({
            "event_exposure_dollars": dollars(cost),
            "event_ticker": event,
            "fees_paid_dollars": dollars(fees),
            "realized_pnl_dollars": dollars(realized),
            "total_cost_dollars": dollars(traded),
            "total_cost_shares_fp": count(volume),
        })
    }

    /// `GET /portfolio/balance`. Collateral is shared by all shards here; it is shown on shard 0.
    pub(crate) fn balance(&self) -> ApiResponse {
        let account = self.exchange.account(self.user);
        let available = account.available();
        let text = available.dollars_display(4);
        let body = json!({
            "balance": available.cents_truncated(),
            "balance_breakdown": [{ "balance": text, "exchange_index": 0 }],
            "balance_dollars": text,
            "portfolio_value": self.portfolio_value().cents_truncated(),
            "updated_ts": account.updated.max(WallTime::default()).unix_secs(),
        });
        json_response(200, &body)
    }

    /// Positions at their markets' last price, or the best bid of their leg before any trade.
    fn portfolio_value(&self) -> Money {
        let holdings = self.exchange.account(self.user).holdings.iter();
        holdings.zip(self.exchange.markets()).fold(Money::ZERO, |sum, (holding, market)| {
            let side =
                if holding.position < Position::FLAT { BookSide::Ask } else { BookSide::Bid };
            let last = market.last_trade.map(|(price, _)| price);
            let mark = last.or_else(|| market.best(side).map(|level| level.price));
            let size: Contracts = holding.position.size();
            sum + mark.map_or(Money::ZERO, |price| side.own_price(price) * size)
        })
    }

    /// `GET /portfolio/settlements`: markets do not settle here.
    pub(crate) fn settlements(&self, query: &Query) -> Result<ApiResponse, ApiError> {
        query.limit()?;
        Ok(json_response(200, &json!({ "cursor": "", "settlements": [] })))
    }
}

/// The event's ticker as text.
pub(crate) fn event_of(ticker: &Ticker) -> &str {
    core::str::from_utf8(ticker.event()).unwrap_or_default()
}
