//! Shared by the tests of the REST and the WebSocket side: one recorded market, one caller.

use serde_json::{Value, json};

use crate::ids::Ticker;
use crate::kalshi::fees::FeeType;
use crate::sim::api::{QuoteMode, SimVenue, SimVenueConfig, Tier};
use crate::sim::exchange::{BookSeed, LevelSeed, PriceStructure, UserSeed};
use crate::sim::venue::{ApiRequest, UserId, Venue};
use crate::units::{Contracts, Money, Price, WallTime};

pub(crate) const ALICE: UserId = UserId(0);
pub(crate) const START: WallTime = WallTime::from_unix_ns(1_781_159_370_164_956_000);
pub(crate) const TICKER: &str = "KXWTA-26JUN11JIMLEP-LEP";
pub(crate) const ORDERS: &str = "/trade-api/v2/portfolio/events/orders";

/// One market as recorded: three bid at 47, three NO bid at 48.
pub(crate) fn venue() -> SimVenue {
    let level = |cents| LevelSeed {
        price: Price::from_cents(cents).unwrap(),
        quantity: Contracts::from_whole(3),
    };
    let book = BookSeed {
        ticker: Ticker::new(TICKER.as_bytes()).unwrap(),
        structure: PriceStructure::LinearCent,
        fee_type: FeeType::Quadratic,
        exchange_index: 0,
        yes_bids: vec![level(47)],
        no_bids: vec![level(48)],
    };
    let user = |id: &str| UserSeed { user_id: id.to_owned(), cash: Money::from_cents(10_000) };
    let config = SimVenueConfig {
        books: vec![book],
        users: vec![user("f50604b8-d25a-4b0c-b3c9-ce5b48ffcad0"), user("b")],
        seed: 1,
        quotes: QuoteMode::Still,
        tier: Tier::Basic,
        opens: START,
    };
    SimVenue::new(&config).unwrap()
}

pub(crate) fn call(venue: &mut SimVenue, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let request = ApiRequest { method, path, query, body: body.as_bytes() };
    let answer = venue.handle(START, Some(ALICE), &request);
    let body = if answer.body.is_empty() { Value::Null } else { parse(&answer.body) };
    (answer.status, body)
}

pub(crate) fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

pub(crate) fn get(venue: &mut SimVenue, path: &str) -> Value {
    let (status, body) = call(venue, "GET", &format!("/trade-api/v2/{path}"), &Value::Null);
    assert_eq!(status, 200, "{body}");
    body
}

pub(crate) fn order(price: &str, tif: &str) -> Value {
    json!({
        "client_order_id": format!("id-{price}-{tif}"), "count": "1.00", "price": price,
        "self_trade_prevention_type": "taker_at_cross", "side": "bid", "ticker": TICKER,
        "time_in_force": tif,
    })
}

pub(crate) fn taken() -> Value {
    order("0.9900", "immediate_or_cancel")
}

pub(crate) fn resting() -> Value {
    order("0.0100", "good_till_canceled")
}
