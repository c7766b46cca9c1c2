//! Answers compared with what the real exchange was recorded to say.

use serde_json::{Value, json};

use crate::message::BookSide;
use crate::sim::api::{QuoteMode, SimVenue, SimVenueConfig};
use crate::sim::exchange::UserSeed;
use crate::sim::fixture::{
    ALICE, ORDERS, START, TICKER, call, get, order, parse, resting, taken, venue,
};
use crate::sim::venue::{ApiRequest, Venue};
use crate::units::{Money, Nanos, WallTime};

mod members;

#[track_caller]
fn refused(change: impl FnOnce(&mut Value), status: u16, expected: &Value) {
    let mut venue = venue();
    let mut request = resting();
    change(&mut request);
    let (got, answer) = call(&mut venue, "POST", ORDERS, &request);
    assert_eq!((got, &answer), (status, expected));
    assert!(venue.open_orders(ALICE).is_empty());
}

fn error(code: &str, message: &str) -> Value {
    json!({ "error": { "code": code, "message": message } })
}

fn error_with(code: &str, message: &str, details: &str) -> Value {
    json!({ "error": { "code": code, "message": message, "details": details } })
}

fn put(field: &'static str, value: Value) -> impl FnOnce(&mut Value) {
    move |request| request[field] = value
}

#[test]
fn a_taker_is_answered_as_recorded() {
    let mut venue = venue();
    let body = taken().to_string();
    let request = ApiRequest { method: "POST", path: ORDERS, query: "", body: body.as_bytes() };
    let answer = venue.handle(START, Some(ALICE), &request);
    let id = crate::sim::text::uuid_text(venue.fills(ALICE)[0].order_id);
    let expected = format!(
        "{{\"average_fee_paid\":\"0.0175\",\"average_fill_price\":\"0.5200\",\
         \"client_order_id\":\"id-0.9900-immediate_or_cancel\",\"fill_count\":\"1.00\",\
         \"order_id\":\"{id}\",\"remaining_count\":\"0.00\",\"ts_ms\":1781159370164}}"
    );
    assert_eq!((answer.status, answer.body), (201, expected));
}

#[test]
fn a_resting_order_is_answered_without_averages_and_listed_as_recorded() {
    let mut venue = venue();
    let (status, created) = call(&mut venue, "POST", ORDERS, &resting());
    assert_eq!(status, 201);
    assert!(created.get("average_fill_price").is_none());
    let id = created["order_id"].as_str().unwrap();

    let expected = json!({ "order": {
        "action": "buy", "book_side": "bid", "cancel_order_on_pause": false,
        "client_order_id": "id-0.0100-good_till_canceled",
        "created_time": "2026-06-11T06:29:30.164956Z", "exchange_index": 0,
        "fill_count_fp": "0.00", "initial_count_fp": "1.00",
        "last_update_time": "2026-06-11T06:29:30.164956Z", "maker_fees_dollars": "0.000000",
        "maker_fill_cost_dollars": "0.000000", "no_price_dollars": "0.9900", "order_id": id,
        "outcome_side": "yes", "remaining_count_fp": "1.00",
        "self_trade_prevention_type": "taker_at_cross", "side": "yes", "status": "resting",
        "subaccount_number": 0, "taker_fees_dollars": "0.000000",
        "taker_fill_cost_dollars": "0.000000", "ticker": TICKER, "type": "limit",
        "user_id": "f50604b8-d25a-4b0c-b3c9-ce5b48ffcad0", "yes_price_dollars": "0.0100",
    }});
    assert_eq!(get(&mut venue, &format!("portfolio/orders/{id}")), expected);
}

/// As the recorded list of orders has its ask (`portfolio__orders_list`).
#[test]
fn an_ask_is_told_as_selling_yes_with_the_outcome_no() {
    let mut venue = venue();
    let mut ask = resting();
    (ask["side"], ask["price"]) = (json!("ask"), json!("0.9900"));
    let (_, created) = call(&mut venue, "POST", ORDERS, &ask);
    let id = created["order_id"].as_str().unwrap();
    let order = get(&mut venue, &format!("portfolio/orders/{id}"))["order"].take();
    let told = ["action", "side", "book_side", "outcome_side"].map(|name| order[name].clone());
    assert_eq!(told, ["sell", "yes", "ask", "no"]);
}

#[test]
fn a_cancel_works_once() {
    let mut venue = venue();
    let (_, created) = call(&mut venue, "POST", ORDERS, &resting());
    let path = format!("{ORDERS}/{}", created["order_id"].as_str().unwrap());
    let (status, body) = call(&mut venue, "DELETE", &path, &Value::Null);
    let expected = json!({
        "order_id": created["order_id"], "reduced_by": "1.00", "ts_ms": 1_781_159_370_164_u64,
    });
    assert_eq!((status, body), (200, expected));
    let not_found = (404, parse(r#"{"error":{"code":"not_found","message":"not found"}}"#));
    assert_eq!(call(&mut venue, "DELETE", &path, &Value::Null), not_found);
    let unknown = format!("{ORDERS}/00000000-0000-0000-0000-000000000000");
    assert_eq!(call(&mut venue, "DELETE", &unknown, &Value::Null), not_found);
}

#[test]
fn numbers_instead_of_strings_are_refused_in_the_decoders_words() {
    let details = "json: cannot unmarshal number into Go struct field \
                   CreateOrderV2Request.count of type string";
    let flat = json!({ "code": "bad_request", "message": "bad request", "details": details });
    refused(put("count", json!(1)), 400, &flat);
}

#[test]
fn refusals_have_the_recorded_bodies() {
    let invalid_price = error("invalid_price", "invalid price");
    refused(put("price", json!("0.5150")), 400, &invalid_price);
    refused(put("price", json!("1.0000")), 400, &invalid_price);
    for wrong in ["0.51000", "0.5", "0.510000", "51", "0.51 "] {
        refused(put("price", json!(wrong)), 400, &invalid_price);
    }
    let poor = error("insufficient_balance", "insufficient balance");
    let all = |it: &mut Value| (it["count"], it["price"]) = (json!("10099.00"), json!("0.9900"));
    refused(all, 400, &poor);
    let details = "Key: 'CreateOrderV2Request.SelfTradePreventionType' Error:Field validation \
                   for 'SelfTradePreventionType' failed on the 'required' tag";
    let missing = error_with("missing_parameters", "missing parameters", details);
    refused(put("self_trade_prevention_type", Value::Null), 400, &missing);
    let unknown = error("market_not_found", "market not found");
    refused(put("ticker", json!("KXNOT-THERE")), 404, &unknown);
    refused(put("exchange_index", json!(3)), 404, &unknown);
    let cross = error_with("invalid_order", "invalid order", "post only cross");
    let post = |it: &mut Value| (it["post_only"], it["price"]) = (json!(true), json!("0.9900"));
    refused(post, 400, &cross);
    let kill = |it: &mut Value| it["time_in_force"] = json!("fill_or_kill");
    let code = "fill_or_kill_insufficient_resting_volume";
    refused(kill, 409, &error(code, "fill or kill insufficient resting volume"));
    let reduce = "reduce_only requires immediate_or_cancel";
    let invalid = error_with("invalid_parameters", "invalid parameters", reduce);
    refused(put("reduce_only", json!(true)), 400, &invalid);
}

#[test]
fn a_repeated_client_order_id_is_a_conflict() {
    let mut venue = venue();
    call(&mut venue, "POST", ORDERS, &resting());
    let again = call(&mut venue, "POST", ORDERS, &resting());
    assert_eq!(again, (409, error("order_already_exists", "order already exists")));
}

#[test]
fn private_endpoints_need_a_signature_and_public_ones_do_not() {
    let mut venue = venue();
    let mut status = |path: &str| {
        let request = ApiRequest { method: "GET", path, query: "", body: b"" };
        let answer = venue.handle(START, None, &request);
        (answer.status, answer.body)
    };
    let code = "signature_is_missing_from_headers";
    let unsigned = error(code, "signature is missing from headers");
    let (got, body) = status("/trade-api/v2/portfolio/balance");
    assert_eq!((got, parse(&body)), (401, unsigned));
    assert_eq!(status("/trade-api/v2/account/limits").0, 401);
    assert_eq!(status("/trade-api/v2/markets").0, 200);
    let (got, body) = status("/trade-api/v2/exchange/status");
    let body = parse(&body);
    assert_eq!((got, &body["exchange_active"]), (200, &Value::Bool(true)));
    assert_eq!(body["trading_active"], true);
}

#[test]
fn legacy_order_writes_are_gone() {
    let mut venue = venue();
    let (status, body) = call(&mut venue, "POST", "/trade-api/v2/portfolio/orders", &resting());
    assert_eq!((status, &body["error"]["code"]), (410, &json!("deprecated_v1_order_endpoint")));
    assert_eq!(call(&mut venue, "GET", "/trade-api/v2/nowhere", &Value::Null).0, 404);
}

#[test]
fn the_account_is_told_as_recorded() {
    let mut venue = venue();
    call(&mut venue, "POST", ORDERS, &taken());
    let balance = json!({
        "balance": 9946, "balance_breakdown": [{ "balance": "99.4625", "exchange_index": 0 }],
        "balance_dollars": "99.4625", "portfolio_value": 52, "updated_ts": 1_781_159_370,
    });
    assert_eq!(get(&mut venue, "portfolio/balance"), balance);
    let fill = get(&mut venue, "portfolio/fills?limit=10")["fills"][0].clone();
    let expected = json!({
        "action": "buy", "book_side": "bid", "count_fp": "1.00",
        "created_time": "2026-06-11T06:29:30.164956Z", "exchange_index": 0,
        "fee_cost": "0.017500", "fill_id": fill["trade_id"], "is_taker": true,
        "market_ticker": TICKER, "no_price_dollars": "0.4800", "order_id": fill["order_id"],
        "outcome_side": "yes", "side": "yes", "subaccount_number": 0, "ticker": TICKER,
        "trade_id": fill["trade_id"], "ts": 1_781_159_370, "yes_price_dollars": "0.5200",
    });
    assert_eq!(fill, expected);
    let positions = get(&mut venue, "portfolio/positions");
    let market = json!({
        "exchange_index": 0, "fees_paid_dollars": "0.017500",
        "last_updated_ts": "2026-06-11T06:29:30.164956Z",
        "market_exposure_dollars": "0.520000", "position_fp": "1.00",
        "realized_pnl_dollars": "0.000000", "ticker": TICKER, "total_traded_dollars": "0.520000",
    });
    assert_eq!(positions["market_positions"][0], market);
    let event = json!({
        "event_exposure_dollars": "0.520000", "event_ticker": "KXWTA-26JUN11JIMLEP",
        "fees_paid_dollars": "0.017500", "realized_pnl_dollars": "0.000000",
        "total_cost_dollars": "0.520000", "total_cost_shares_fp": "1.00",
    });
    assert_eq!(positions["event_positions"], json!([event]));
    let book = get(&mut venue, &format!("markets/{TICKER}/orderbook"));
    let expected = parse(
        r#"{"orderbook_fp":{"no_dollars":[["0.4800","2.00"]],"yes_dollars":[["0.4700","3.00"]]}}"#,
    );
    assert_eq!(book, expected);
}

#[test]
fn orders_are_listed_newest_first_in_pages() {
    let mut venue = venue();
    for price in 1..=5 {
        let order = order(&format!("0.0{price}00"), "good_till_canceled");
        assert_eq!(call(&mut venue, "POST", ORDERS, &order).0, 201);
    }
    let first = get(&mut venue, "portfolio/orders?limit=3&status=resting");
    let prices = |page: &Value| -> Vec<String> {
        let orders = page["orders"].as_array().unwrap().iter();
        orders.map(|order| order["yes_price_dollars"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(prices(&first), ["0.0500", "0.0400", "0.0300"]);
    let cursor = first["cursor"].as_str().unwrap();
    let last = get(&mut venue, &format!("portfolio/orders?limit=3&cursor={cursor}"));
    assert_eq!(prices(&last), ["0.0200", "0.0100"]);
    assert_eq!(last["cursor"], "");
    let other = get(&mut venue, "portfolio/orders?ticker=OTHER");
    assert!(prices(&other).is_empty());
    assert_eq!(call(&mut venue, "DELETE", ORDERS, &Value::Null), (204, Value::Null));
    assert!(prices(&get(&mut venue, "portfolio/orders?status=resting")).is_empty());
}

#[test]
fn batches_answer_item_by_item() {
    let mut venue = venue();
    let mut bad = taken();
    bad["price"] = json!("0.5150");
    let batch = json!({ "orders": [resting(), bad] });
    let (status, body) = call(&mut venue, "POST", &format!("{ORDERS}/batched"), &batch);
    assert_eq!(status, 201);
    assert_eq!(body["orders"][0]["error"], Value::Null);
    assert_eq!(body["orders"][1]["error"]["code"], "invalid_price");
    let id = &body["orders"][0]["order_id"];
    let cancel = json!({ "orders": [{ "order_id": id }, { "order_id": id }] });
    let (status, body) = call(&mut venue, "DELETE", &format!("{ORDERS}/batched"), &cancel);
    assert_eq!(status, 200);
    assert_eq!(body["orders"][0]["reduced_by"], "1.00");
    assert_eq!(body["orders"][1]["error"]["code"], "not_found");
}

#[test]
fn amendments_count_what_has_been_filled() {
    let mut venue = venue();
    let mut five = order("0.5200", "good_till_canceled");
    five["count"] = json!("5.00");
    let (_, created) = call(&mut venue, "POST", ORDERS, &five);
    assert_eq!(created["fill_count"], "3.00");
    let path = format!("{ORDERS}/{}", created["order_id"].as_str().unwrap());
    let change = json!({ "ticker": TICKER, "side": "bid", "price": "0.5100", "count": "4.00" });
    let (status, body) = call(&mut venue, "POST", &format!("{path}/amend"), &change);
    assert_eq!((status, &body["remaining_count"]), (200, &json!("1.00")));
    let decrease = json!({ "reduce_to": "0.50" });
    let (status, body) = call(&mut venue, "POST", &format!("{path}/decrease"), &decrease);
    assert_eq!((status, &body["remaining_count"]), (200, &json!("0.50")));
}

#[test]
fn reads_may_lag_writes() {
    let lag = Nanos::from_ms(400);
    let mut venue = venue().with_read_lag(lag);
    let mut at = |now: WallTime, method: &str, path: &str, body: &Value| {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let path = format!("/trade-api/v2/{path}");
        let request = ApiRequest { method, path: &path, query: "", body: body.as_bytes() };
        let answer = venue.handle(now, Some(ALICE), &request);
        (answer.status, serde_json::from_str::<Value>(&answer.body).unwrap_or_default())
    };
    let writes = "portfolio/events/orders";
    let placed = START + Nanos::from_ms(1_000);
    let (_, created) = at(placed, "POST", writes, &resting());
    let order = format!("portfolio/orders/{}", created["order_id"].as_str().unwrap());
    at(placed, "POST", writes, &taken());

    let seen = |at: &mut dyn FnMut(WallTime, &str) -> (u16, Value), now| {
        (
            at(now, &order).0,
            at(now, "portfolio/fills").1["fills"].as_array().unwrap().len(),
            at(now, "portfolio/positions").1["market_positions"].as_array().unwrap().len(),
            at(now, "portfolio/balance").1["balance"].clone(),
        )
    };
    let mut read = |now: WallTime, path: &str| at(now, "GET", path, &Value::Null);
    assert_eq!(seen(&mut read, placed + Nanos::from_ms(399)), (404, 0, 0, json!(10_000)));
    assert_eq!(seen(&mut read, placed + lag), (200, 1, 1, json!(9_945)));

    let ended = placed + Nanos::from_ms(1_000);
    let id = created["order_id"].as_str().unwrap();
    assert_eq!(at(ended, "DELETE", &format!("{writes}/{id}"), &Value::Null).0, 200);
    let mut status = |now| at(now, "GET", &order, &Value::Null).1["order"]["status"].clone();
    assert_eq!(status(ended + Nanos::from_ms(360)), "resting");
    assert_eq!(status(ended + lag), "canceled");
}

/// With takers in the background an order that rests in front of it fills, whole and in parts,
/// the same way every time; without them it does not.
#[test]
fn what_rests_is_taken_where_there_are_takers() {
    let made = |quotes: QuoteMode| {
        let users = vec![UserSeed { user_id: "a".into(), cash: Money::from_cents(10_000_000) }];
        let config = SimVenueConfig { quotes, ..SimVenueConfig::world_cup(users, 7, START) };
        let mut venue = SimVenue::new(&config).unwrap();
        for market in 0..venue.exchange().markets().len() {
            let state = &venue.exchange().markets()[market];
            // The account's money is on this shard.
            if state.exchange_index != 0 {
                continue;
            }
            let front = state.best(BookSide::Bid).unwrap().price;
            let request = json!({
                "ticker": state.ticker.as_str(), "side": "bid", "count": "40.00",
                "price": front.to_string(), "time_in_force": "good_till_canceled",
                "self_trade_prevention_type": "maker",
            });
            assert_eq!(call(&mut venue, "POST", ORDERS, &request).0, 201);
        }
        for second in 1..=1_800 {
            venue.advance(START + Nanos::from_secs(second));
        }
        venue.fills(ALICE).iter().map(|fill| (fill.time, fill.quantity)).collect::<Vec<_>>()
    };

    let taken = made(QuoteMode::Trading);

    assert!(taken.len() > 10, "{} fills in half an hour", taken.len());
    assert_eq!(taken, made(QuoteMode::Trading));
    assert!(made(QuoteMode::Still).is_empty());
}
