//! What a member has beside its orders: groups, subaccounts, shards, buckets, settlements.

use serde_json::{Value, json};

use crate::ids::Ticker;
use crate::sim::exchange::{MarketCommand, Outcome};
use crate::sim::fixture::{ALICE, ORDERS, START, TICKER, call, get, parse, resting, taken, venue};
use crate::sim::venue::{ApiRequest, Venue, VenueAction};
use crate::units::Nanos;

const PORTFOLIO: &str = "/trade-api/v2/portfolio";

#[test]
fn a_triggered_group_takes_no_orders_until_it_is_reset() {
    let mut venue = venue();
    let path = format!("{PORTFOLIO}/order_groups/create");
    let (status, group) = call(&mut venue, "POST", &path, &json!({ "contracts_limit": 1 }));
    assert_eq!(status, 201);
    let id = group["order_group_id"].as_str().unwrap().to_owned();
    let mut order = resting();
    order["order_group_id"] = id.clone().into();
    assert_eq!(call(&mut venue, "POST", ORDERS, &order).0, 201);
    let read = |venue: &mut _| get(venue, &format!("portfolio/order_groups/{id}"));
    assert_eq!(read(&mut venue)["orders"].as_array().unwrap().len(), 1);

    let path = format!("{PORTFOLIO}/order_groups/{id}");
    let put = |venue: &mut _, what: &str| call(venue, "PUT", &format!("{path}/{what}"), &json!({}));
    assert_eq!(put(&mut venue, "trigger"), (200, json!({})));
    assert_eq!(read(&mut venue)["orders"], json!([]));
    order["client_order_id"] = "second".into();
    let (status, body) = call(&mut venue, "POST", ORDERS, &order);
    assert_eq!((status, &body["error"]["code"]), (400, &json!("exceeded_order_group_risk_limit")));

    assert_eq!(put(&mut venue, "reset").0, 200);
    assert_eq!(call(&mut venue, "POST", ORDERS, &order).0, 201);
    assert_eq!(call(&mut venue, "DELETE", &path, &Value::Null).0, 200);
    assert_eq!(call(&mut venue, "GET", &path, &Value::Null).0, 404);
    assert_eq!(get(&mut venue, "portfolio/orders?status=resting")["orders"], json!([]));
}

#[test]
fn an_order_is_paid_by_its_own_account_on_its_own_shard() {
    let mut venue = venue();
    let path = format!("{PORTFOLIO}/subaccounts");
    assert_eq!(call(&mut venue, "POST", &path, &Value::Null).1["subaccount_number"], 1);
    let mut order = taken();
    order["subaccount"] = 1.into();
    let (status, body) = call(&mut venue, "POST", ORDERS, &order);
    assert_eq!((status, &body["error"]["code"]), (400, &json!("insufficient_balance")));

    let move_it = json!({
        "client_transfer_id": "5eed0000-0000-4000-8000-00000000000a",
        "from_subaccount": 0, "to_subaccount": 1, "amount_cents": 100,
    });
    let path = format!("{path}/transfer");
    assert_eq!(call(&mut venue, "POST", &path, &move_it), (200, json!({})));
    let (status, body) = call(&mut venue, "POST", &path, &move_it);
    assert_eq!((status, &body["error"]["code"]), (400, &json!("transfer_already_exists")));
    assert_eq!(call(&mut venue, "POST", ORDERS, &order).0, 201);
    assert_eq!(get(&mut venue, "portfolio/positions")["market_positions"], json!([]));
    let held = get(&mut venue, "portfolio/positions?subaccount=1");
    assert_eq!(held["market_positions"][0]["position_fp"], "1.00");
    assert_eq!(get(&mut venue, "portfolio/fills")["fills"][0]["subaccount_number"], 1);
}

#[test]
fn an_empty_bucket_answers_with_a_bare_word() {
    let mut venue = venue().with_limits();
    for number in 0..10 {
        let mut order = resting();
        order["client_order_id"] = number.to_string().into();
        order["exchange_index"] = 0.into();
        assert_eq!(call(&mut venue, "POST", ORDERS, &order).0, 201, "{number}");
    }
    let mut last = resting();
    last["client_order_id"] = "last".into();
    assert_eq!(
        call(&mut venue, "POST", ORDERS, &last),
        (429, json!({ "error": "too many requests" }))
    );
    // Market data without a signature is not paid for.
    let path = "/trade-api/v2/markets";
    let request = ApiRequest { method: "GET", path, query: "", body: b"" };
    assert!((0..100).all(|_| venue.handle(START, None, &request).status == 200));
}

#[test]
fn who_has_traded_is_lifted_to_the_next_tier() {
    let mut venue = venue();
    let path = "/trade-api/v2/account/api_usage_level/upgrade";
    assert_eq!(call(&mut venue, "POST", path, &Value::Null).0, 403);
    call(&mut venue, "POST", ORDERS, &resting());
    assert_eq!(call(&mut venue, "POST", path, &Value::Null), (201, Value::Null));
    let limits = get(&mut venue, "account/limits");
    assert_eq!(limits["usage_tier"], "advanced");
    assert_eq!(limits["grants"][0]["level"], "advanced");
}

#[test]
fn a_settled_position_is_a_settlement() {
    let mut venue = venue();
    call(&mut venue, "POST", ORDERS, &taken());
    let ticker = Ticker::new(TICKER.as_bytes());
    for command in [MarketCommand::Close, MarketCommand::Determine(Outcome::Yes)] {
        venue.act(START, &VenueAction::Market { market: ticker, command });
    }
    let later = START + Nanos::from_secs(61);
    let mut read = |path: &str| {
        let path = format!("/trade-api/v2/{path}");
        let request = ApiRequest { method: "GET", path: &path, query: "", body: b"" };
        parse(&venue.handle(later, Some(ALICE), &request).body)
    };
    let settled = read("portfolio/settlements")["settlements"][0].clone();
    assert_eq!((&settled["revenue"], &settled["value"]), (&json!(100), &json!(100)));
    assert_eq!(settled["yes_total_cost_dollars"], "0.520000");
    assert_eq!(read(&format!("markets/{TICKER}"))["market"]["status"], "finalized");
    // 100.00 − 0.52 − 0.0175 + 1.00
    assert_eq!(read("portfolio/balance")["balance_dollars"], "100.4625");
}
