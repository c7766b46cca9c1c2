//! What a member has beside its orders: groups, subaccounts, shards, buckets, settlements.

use serde_json::{Value, json};

use crate::ids::Ticker;
use crate::sim::api::SimVenue;
use crate::sim::exchange::{MarketCommand, Outcome, Subtitle};
use crate::sim::fixture::{ALICE, ORDERS, START, TICKER, call, get, parse, resting, taken, venue};
use crate::sim::venue::{ApiRequest, Venue, VenueAction};
use crate::units::Nanos;

const PORTFOLIO: &str = "/trade-api/v2/portfolio";

/// A group with a limit of one contract, and its id.
fn group(venue: &mut SimVenue) -> String {
    let path = format!("{PORTFOLIO}/order_groups/create");
    let (status, group) = call(venue, "POST", &path, &json!({ "contracts_limit": 1 }));
    assert_eq!(status, 201);
    group["order_group_id"].as_str().unwrap().to_owned()
}

/// Places a resting order in a group.
fn place(venue: &mut SimVenue, group: &str, client_id: &str) -> (u16, Value) {
    let mut order = resting();
    order["order_group_id"] = group.into();
    order["client_order_id"] = client_id.into();
    call(venue, "POST", ORDERS, &order)
}

/// Does something to a group.
fn put(venue: &mut SimVenue, group: &str, what: &str) -> u16 {
    call(venue, "PUT", &format!("{PORTFOLIO}/order_groups/{group}/{what}"), &json!({})).0
}

#[test]
fn a_triggered_group_takes_no_orders_until_it_is_reset() {
    let mut venue = venue();
    let id = group(&mut venue);
    assert_eq!(place(&mut venue, &id, "first").0, 201);
    let path = format!("portfolio/order_groups/{id}");
    assert_eq!(get(&mut venue, &path)["orders"].as_array().unwrap().len(), 1);

    assert_eq!(put(&mut venue, &id, "trigger"), 200);
    assert_eq!(get(&mut venue, &path)["orders"], json!([]));
    let (status, body) = place(&mut venue, &id, "second");
    assert_eq!((status, &body["error"]["code"]), (400, &json!("exceeded_order_group_risk_limit")));

    assert_eq!(put(&mut venue, &id, "reset"), 200);
    assert_eq!(place(&mut venue, &id, "third").0, 201);
}

#[test]
fn a_deleted_group_takes_its_orders_with_it() {
    let mut venue = venue();
    let id = group(&mut venue);
    assert_eq!(place(&mut venue, &id, "first").0, 201);
    let path = format!("{PORTFOLIO}/order_groups/{id}");
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

#[test]
fn a_changed_market_is_found_by_the_time_of_its_change() {
    let mut venue = venue();
    let later = START + Nanos::from_secs(10);
    let market = Ticker::new(TICKER.as_bytes()).unwrap();
    let yes_sub_title = Subtitle::lossy("above 3");
    let all = venue.exchange().markets().len();
    let listed = Ticker::new(b"KXDELTA-26JUL01-A").unwrap();
    for action in [VenueAction::Retitle { market, yes_sub_title }, VenueAction::ListMarket(listed)]
    {
        venue.act(later, &action);
    }
    let mut found = |query: &str| {
        let path = "/trade-api/v2/markets";
        let request = ApiRequest { method: "GET", path, query, body: b"" };
        let answer = parse(&venue.handle(later, None, &request).body);
        let markets = answer["markets"].as_array().unwrap().clone();
        let ticker = |it: &Value| it["ticker"].as_str().unwrap().to_owned();
        markets.iter().map(ticker).collect::<Vec<_>>()
    };
    let since = later.unix_secs();
    let changed = found(&format!("min_updated_ts={}", since - 1));
    assert_eq!(changed, [listed.as_str(), TICKER]);
    assert_eq!(found(&format!("min_created_ts={}", since - 1)), [listed.as_str()]);
    assert_eq!(found(&format!("max_updated_ts={}&limit=1000", since - 1)).len(), all - 1);
}
