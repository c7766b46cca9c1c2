//! Order writes of the V2 API: create, cancel, batches, amend, decrease, cancel-all.
//!
//! In: paths, queries and bodies. Out: requests to the exchange and its receipts as JSON, fields
//! in the order in which they were recorded.

use serde::Serialize;
use serde_json::{Value, json};

use crate::ids::Ticker;
use crate::message::{BookSide, TimeInForce};
use crate::sim::api::body::{Body, camel, parse};
use crate::sim::api::failure::ApiError;
use crate::sim::api::groups::group_id;
use crate::sim::api::query::Query;
use crate::sim::exchange::{
    Amendment, ClientText, Decrease, Exchange, Expiry, NewOrder, OrderTerms, Receipt,
    SelfTradePrevention,
};
use crate::sim::text::{average, uuid_text};
use crate::sim::venue::{ApiResponse, UserId};
use crate::units::{Contracts, Price, WallTime};

/// Most orders in one batch. The exchange says only that it scales with the write budget.
const BATCH_MAX: usize = 1_000;

/// Who writes, when and where.
pub(crate) struct Writer<'a> {
    pub(crate) exchange: &'a mut Exchange,
    pub(crate) now: WallTime,
    pub(crate) user: UserId,
}

/// Answer to a create; optional fields are there only when something traded.
#[derive(Serialize)]
struct Created {
    #[serde(skip_serializing_if = "Option::is_none")]
    average_fee_paid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    average_fill_price: Option<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    client_order_id: String,
    fill_count: String,
    order_id: String,
    remaining_count: String,
    ts_ms: u64,
}

impl Created {
    fn new(receipt: &Receipt, now: WallTime) -> Self {
        let order = &receipt.order;
        Self {
            average_fee_paid: average(receipt.fees, receipt.filled),
            average_fill_price: average(receipt.value, receipt.filled),
            client_order_id: order.client_order_id.as_str().to_owned(),
            fill_count: receipt.filled.to_string(),
            order_id: uuid_text(order.id),
            remaining_count: order.remaining.to_string(),
            ts_ms: now.unix_ms(),
        }
    }
}

impl Writer<'_> {
    /// `POST /portfolio/events/orders`.
    pub(crate) fn create(&mut self, body: &[u8]) -> Result<ApiResponse, ApiError> {
        let value = parse(body)?;
        let created = self.create_one(&value)?;
        Ok(json_response(201, &created))
    }

    fn create_one(&mut self, value: &Value) -> Result<Created, ApiError> {
        let new = self.read_order(&Body::new("CreateOrderV2Request", value)?)?;
        let receipt = self.exchange.submit(self.now, self.user, &new)?;
        Ok(Created::new(&receipt, self.now))
    }

    /// `POST /portfolio/events/orders/batched`.
    pub(crate) fn create_batch(&mut self, body: &[u8]) -> Result<ApiResponse, ApiError> {
        let value = parse(body)?;
        let items = batch("BatchCreateOrdersV2Request", &value)?;
        let answers: Vec<Value> = items.iter().map(|item| self.create_item(item)).collect();
        Ok(json_response(201, &json!({ "orders": answers })))
    }

    fn create_item(&mut self, item: &Value) -> Value {
        match self.create_one(item) {
            Ok(created) => json!({
                "order_id": created.order_id,
                "client_order_id": created.client_order_id,
                "fill_count": created.fill_count,
                "remaining_count": created.remaining_count,
                "average_fill_price": created.average_fill_price,
                "average_fee_paid": created.average_fee_paid,
                "ts_ms": created.ts_ms,
                "error": null,
            }),
            Err(error) => json!({
                "order_id": "",
                "client_order_id": item.get("client_order_id"),
                "fill_count": null,
                "remaining_count": null,
                "average_fill_price": null,
                "average_fee_paid": null,
                "ts_ms": null,
                "error": error.object(),
            }),
        }
    }

    /// `DELETE /portfolio/events/orders/{order_id}`.
    pub(crate) fn cancel(&mut self, id: &str, query: &Query) -> Result<ApiResponse, ApiError> {
        let place = Place {
            subaccount: query.integer("subaccount")?,
            index: query.integer("exchange_index")?,
            ticker: query.text("market_ticker"),
        };
        let receipt = self.cancel_one(id, place)?;
        let answer = Canceled {
            order_id: uuid_text(receipt.order.id),
            reduced_by: receipt.reduced_by.to_string(),
            ts_ms: self.now.unix_ms(),
        };
        Ok(json_response(200, &answer))
    }

    fn cancel_one(&mut self, id: &str, place: Place<'_>) -> Result<Receipt, ApiError> {
        let id = self.route(id, place)?;
        Ok(self.exchange.cancel(self.now, self.user, id)?)
    }

    /// Finds an order in its account on the shard that the request goes to: the named one, or the
    /// market's, or shard 0. An order elsewhere is not found.
    fn route(&self, id: &str, place: Place<'_>) -> Result<u128, ApiError> {
        let id = uuid::Uuid::parse_str(id).map_err(|_| ApiError::not_found())?.as_u128();
        let order = self.exchange.order(self.user, id).ok_or_else(ApiError::not_found)?;
        let home = i64::from(self.exchange.markets()[order.market].exchange_index);
        let shard = match (place.index.filter(|index| *index >= 0), place.ticker) {
            (Some(index), _) => index,
            (None, Some(ticker)) => {
                let market = find_market(self.exchange, ticker)?;
                i64::from(self.exchange.markets()[market].exchange_index)
            }
            (None, None) => 0,
        };
        let account = place.subaccount.unwrap_or(0);
        let found = shard == home && account == i64::from(order.subaccount);
        if found { Ok(id) } else { Err(ApiError::not_found()) }
    }

    /// `DELETE /portfolio/events/orders`: everything on all shards,
    /// in one account or, when none is named, in all of them.
    pub(crate) fn cancel_all(&mut self, query: &Query) -> Result<ApiResponse, ApiError> {
        let subaccount = match query.natural("subaccount")? {
            None => None,
            Some(number) => Some(self.subaccount(Some(i64::from(number)))?),
        };
        self.exchange.cancel_all(self.now, self.user, subaccount)?;
        Ok(ApiResponse { status: 204, body: String::new() })
    }

    /// `DELETE /portfolio/events/orders/batched`.
    pub(crate) fn cancel_batch(&mut self, body: &[u8]) -> Result<ApiResponse, ApiError> {
        let value = parse(body)?;
        let items = batch("BatchCancelOrdersV2Request", &value)?;
        let answers =
            items.iter().map(|item| self.cancel_item(item)).collect::<Result<Vec<_>, _>>()?;
        Ok(json_response(200, &json!({ "orders": answers })))
    }

    fn cancel_item(&mut self, item: &Value) -> Result<Value, ApiError> {
        let body = Body::new("BatchCancelOrdersV2RequestOrder", item)?;
        let id = body.required("order_id")?;
        let answer = self.cancel_one(id, Place::of(&body, body.integer("subaccount")?)?);
        Ok(match answer {
            Ok(receipt) => json!({
                "order_id": id,
                "client_order_id": receipt.order.client_order_id.as_str(),
                "reduced_by": receipt.reduced_by.to_string(),
                "ts_ms": self.now.unix_ms(),
                "error": null,
            }),
            Err(error) => json!({
                "order_id": id,
                "client_order_id": null,
                "reduced_by": "0.00",
                "ts_ms": null,
                "error": error.object(),
            }),
        })
    }

    /// `POST /portfolio/events/orders/{order_id}/decrease`.
    pub(crate) fn decrease(
        &mut self,
        id: &str,
        query: &Query,
        body: &[u8],
    ) -> Result<ApiResponse, ApiError> {
        let value = parse(body)?;
        let body = Body::new("DecreaseOrderV2Request", &value)?;
        let amounts = (body.text("reduce_by")?, body.text("reduce_to")?);
        let decrease = match amounts {
            (Some(by), None) => Decrease::By(read_count(&body, "reduce_by", by)?),
            (None, Some(to)) => Decrease::To(read_count(&body, "reduce_to", to)?),
            (None, None) | (Some(_), Some(_)) => {
                let details = "exactly one of reduce_by or reduce_to must be provided";
                return Err(ApiError::detailed(400, "invalid_parameters", details));
            }
        };
        let id = self.route(id, Place::of(&body, query.integer("subaccount")?)?)?;
        let receipt = self.exchange.decrease(self.now, self.user, id, decrease)?;
        let answer = json!({
            "client_order_id": receipt.order.client_order_id.as_str(),
            "order_id": uuid_text(id),
            "remaining_count": receipt.order.remaining.to_string(),
            "ts_ms": self.now.unix_ms(),
        });
        Ok(json_response(200, &answer))
    }

    /// `POST /portfolio/events/orders/{order_id}/amend`.
    pub(crate) fn amend(
        &mut self,
        id: &str,
        query: &Query,
        body: &[u8],
    ) -> Result<ApiResponse, ApiError> {
        let value = parse(body)?;
        let body = Body::new("AmendOrderV2Request", &value)?;
        let ticker = body.required("ticker")?;
        let change = Amendment {
            market: find_market(self.exchange, ticker)?,
            side: read_side(&body)?,
            price: read_price(&body)?,
            total: read_count(&body, "count", body.required("count")?)?,
            client_order_id: read_client_id(&body, "client_order_id")?,
            updated_client_order_id: read_client_id(&body, "updated_client_order_id")?,
            expiry: match body.integer("expiration_time")? {
                None => Expiry::Keep,
                Some(0) => Expiry::Clear,
                Some(seconds) => Expiry::Set(read_time(&body, seconds)?),
            },
        };
        let place = Place::of(&body, query.integer("subaccount")?)?;
        let id = self.route(id, Place { ticker: Some(ticker), ..place })?;
        let before = self.exchange.order(self.user, id).map(|order| order.remaining);
        let receipt = self.exchange.amend(self.now, self.user, id, &change)?;
        let changed = before != Some(receipt.order.remaining) || !receipt.filled.is_zero();
        let answer = json!({
            "average_fee_paid": average(receipt.fees, receipt.filled),
            "average_fill_price": average(receipt.value, receipt.filled),
            "client_order_id": receipt.order.client_order_id.as_str(),
            "fill_count": changed.then(|| receipt.filled.to_string()),
            "order_id": uuid_text(id),
            "remaining_count": changed.then(|| receipt.order.remaining.to_string()),
            "ts_ms": self.now.unix_ms(),
        });
        Ok(json_response(200, &answer))
    }

    fn read_order(&self, body: &Body<'_>) -> Result<NewOrder, ApiError> {
        let ticker = body.required("ticker")?;
        let side = read_side(body)?;
        let quantity = body.required("count")?;
        let price = body.required("price")?;
        let terms = read_terms(body)?;
        let client_order_id = read_client_id(body, "client_order_id")?;
        let subaccount = self.read_subaccount(body, "subaccount")?;
        let group = match body.text("order_group_id")?.filter(|group| !group.is_empty()) {
            None => None,
            Some(text) => Some(self.find_group(text)?),
        };
        let market = find_market(self.exchange, ticker)?;
        let home = i64::from(self.exchange.markets()[market].exchange_index);
        if body.integer("exchange_index")?.is_some_and(|index| index >= 0 && index != home) {
            return Err(ApiError::nested(404, "market_not_found"));
        }
        let quantity = read_count(body, "count", quantity)?;
        let price = requested_price(price)?;
        Ok(NewOrder { market, side, price, quantity, client_order_id, subaccount, group, terms })
    }

    fn find_group(&self, text: &str) -> Result<u128, ApiError> {
        let id = group_id(text).ok().filter(|id| self.exchange.group(self.user, *id).is_some());
        id.ok_or_else(|| ApiError::detailed(404, "not_found", "order group not found"))
    }
}

/// Where a request looks for an order.
#[derive(Clone, Copy, Debug)]
struct Place<'a> {
    subaccount: Option<i64>,
    index: Option<i64>,
    ticker: Option<&'a str>,
}

impl<'a> Place<'a> {
    fn of(body: &Body<'a>, subaccount: Option<i64>) -> Result<Self, ApiError> {
        let index = body.integer("exchange_index")?;
        Ok(Self { subaccount, index, ticker: body.text("market_ticker")? })
    }
}

fn read_terms(body: &Body<'_>) -> Result<OrderTerms, ApiError> {
    let time_in_force = body.required("time_in_force")?;
    let prevention = body.required("self_trade_prevention_type")?;
    Ok(OrderTerms {
        time_in_force: TimeInForce::parse(time_in_force.as_bytes())
            .ok_or_else(|| ApiError::invalid(body.request(), "TimeInForce", "oneof"))?,
        self_trade_prevention: match prevention {
            "taker_at_cross" => SelfTradePrevention::TakerAtCross,
            "maker" => SelfTradePrevention::Maker,
            _ => return Err(ApiError::invalid(body.request(), "SelfTradePreventionType", "oneof")),
        },
        post_only: body.flag("post_only")?,
        reduce_only: body.flag("reduce_only")?,
        cancel_on_pause: body.flag("cancel_order_on_pause")?,
        expires: match body.integer("expiration_time")? {
            None => None,
            Some(seconds) => Some(read_time(body, seconds)?),
        },
    })
}

/// Answer to a cancel.
#[derive(Serialize)]
struct Canceled {
    order_id: String,
    reduced_by: String,
    ts_ms: u64,
}

/// A JSON answer.
pub(crate) fn json_response(status: u16, body: &impl Serialize) -> ApiResponse {
    let body = serde_json::to_string(body).expect("answers have string keys and no odd numbers");
    ApiResponse { status, body }
}

fn batch<'a>(request: &'static str, value: &'a Value) -> Result<&'a [Value], ApiError> {
    let body = Body::new(request, value)?;
    let items = body.array("orders")?;
    if items.len() > BATCH_MAX {
        return Err(ApiError::invalid(request, "Orders", "lte"));
    }
    Ok(items)
}

fn find_market(exchange: &Exchange, ticker: &str) -> Result<usize, ApiError> {
    let ticker = Ticker::new(ticker.as_bytes());
    let market = ticker.and_then(|ticker| exchange.find_market(&ticker));
    market.ok_or_else(|| ApiError::nested(404, "market_not_found"))
}

fn read_side(body: &Body<'_>) -> Result<BookSide, ApiError> {
    match body.required("side")? {
        "bid" => Ok(BookSide::Bid),
        "ask" => Ok(BookSide::Ask),
        _ => Err(ApiError::invalid(body.request(), "Side", "oneof")),
    }
}

fn read_price(body: &Body<'_>) -> Result<Price, ApiError> {
    requested_price(body.required("price")?)
}

/// Requests have two to four decimals; only answers have more.
fn requested_price(text: &str) -> Result<Price, ApiError> {
    let decimals = text.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    let price = Price::parse_dollars(text.as_bytes()).filter(|_| (2..=4).contains(&decimals));
    price.ok_or_else(|| ApiError::nested(400, "invalid_price"))
}

fn read_count(body: &Body<'_>, field: &str, text: &str) -> Result<Contracts, ApiError> {
    Contracts::parse_fp(text.as_bytes())
        .ok_or_else(|| ApiError::invalid(body.request(), &camel(field), "fixedpointcount"))
}

fn read_client_id(body: &Body<'_>, field: &str) -> Result<ClientText, ApiError> {
    let Some(text) = body.text(field)?.filter(|text| !text.is_empty()) else {
        return Ok(ClientText::EMPTY);
    };
    let read = ClientText::new(text.as_bytes());
    read.ok_or_else(|| ApiError::invalid(body.request(), &camel(field), "max"))
}

/// A Unix time in seconds, before the year 2554.
fn read_time(body: &Body<'_>, seconds: i64) -> Result<WallTime, ApiError> {
    let ns = u64::try_from(seconds).ok().and_then(|seconds| seconds.checked_mul(1_000_000_000));
    ns.map(WallTime::from_unix_ns)
        .ok_or_else(|| ApiError::invalid(body.request(), "ExpirationTime", "gte"))
}
