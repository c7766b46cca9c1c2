//! Encoded requests against httparse, serde_json and a reference encoder.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::ids::OrderId;
use crate::kalshi::auth::{Signature, SigningKey};
use crate::kalshi::market::{FeeSchedule, TickGrid};
use crate::units::Timestamp;

const KEY_ID: &str = "a952bcbe-ec3b-4b5b-b8f9-11dae589608c";
const PEM: &[u8] = b"-----BEGIN PRIVATE KEY-----\n\
    MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n\
    -----END PRIVATE KEY-----\n";

fn table() -> MarketTable {
    let mut markets = MarketTable::new();
    for (ticker, shard) in [
        (&b"KXWCGAME-26JUL14FRAESP-ESP"[..], 0),
        (b"A", 3),
        (&[b'Z'; TICKER_BYTES_MAX], 255),
        (b"ODD&TICKER=1?#%/+", 12),
    ] {
        let ticker = Ticker::new(ticker).unwrap();
        let fees = FeeSchedule::QUADRATIC;
        markets.insert(ticker, TickGrid::linear_cent(), shard, fees, true).unwrap();
    }
    markets
}

fn templates() -> OrderTemplates {
    OrderTemplates::new("127.0.0.1:8443", paths::BASE_PATH, KEY_ID, 88, &table()).unwrap()
}

fn signed(method: &str, path: &str) -> Presigned {
    let wall_ms = 1_703_123_456_789;
    let mut signature = Signature::default();
    SigningKey::from_pem(PEM).unwrap().sign(wall_ms, method, path, &mut signature).unwrap();
    Presigned { wall_ms, signature }
}

fn order() -> NewOrder {
    NewOrder {
        key: OrderKey::default(),
        client_order_id: ClientOrderId::new(RunId::new(0xabc), 7),
        market: MarketIx(0),
        side: BookSide::Bid,
        price: Price::from_cents(56).unwrap(),
        quantity: Contracts::from_whole(10),
        time_in_force: TimeInForce::ImmediateOrCancel,
        expiration_secs: None,
        reduce_only: false,
        post_only: false,
        reference: Price::from_cents(56).unwrap(),
        received: Timestamp::ZERO,
        approved: Timestamp::ZERO,
    }
}

struct Parsed {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

fn parse(request: &[u8]) -> Parsed {
    let mut headers = [httparse::EMPTY_HEADER; 16];
    let mut parsed = httparse::Request::new(&mut headers);
    let httparse::Status::Complete(head) = parsed.parse(request).unwrap() else {
        panic!("incomplete head");
    };
    Parsed {
        method: parsed.method.unwrap().to_owned(),
        target: parsed.path.unwrap().to_owned(),
        headers: parsed
            .headers
            .iter()
            .map(|it| (it.name.to_owned(), String::from_utf8(it.value.to_vec()).unwrap()))
            .collect(),
        body: request[head..].to_vec(),
    }
}

fn encode(order: NewOrder) -> Parsed {
    let templates = templates();
    let mut out = [0; REQUEST_BYTES_MAX];
    let approved = Approved::unchecked_for_tests(order);
    let len = templates.encode_order(&mut out, &approved, &signed("POST", templates.create_path()));
    parse(&out[..len])
}

/// The same body the slow way.
fn reference(order: &NewOrder) -> Value {
    let markets = table();
    let market = markets.get(order.market).unwrap();
    let mut body = json!({
        "ticker": market.ticker.as_str(),
        "client_order_id": order.client_order_id.to_string(),
        "side": order.side.as_str(),
        "count": order.quantity.to_string(),
        "price": order.price.to_string(),
        "time_in_force": order.time_in_force.as_str(),
        "self_trade_prevention_type": "taker_at_cross",
        "post_only": order.post_only,
        "cancel_order_on_pause": true,
        "reduce_only": order.reduce_only,
        "exchange_index": market.exchange_index,
    });
    if let Some(secs) = order.expiration_secs {
        body["expiration_time"] = json!(secs);
    }
    body
}

#[track_caller]
fn check(order: NewOrder) {
    let parsed = encode(order);
    let body: Value = serde_json::from_slice(&parsed.body).unwrap();
    assert_eq!(body, reference(&order));
}

#[test]
fn a_create_request_is_complete() {
    let parsed = encode(order());

    assert_eq!(parsed.method, "POST");
    assert_eq!(parsed.target, "/trade-api/v2/portfolio/events/orders");
    let length = parsed.body.len().to_string();
    let expected = [
        ("Host", "127.0.0.1:8443"),
        ("User-Agent", "kalshi-exec"),
        ("Content-Type", "application/json"),
        ("Content-Length", length.as_str()),
        ("KALSHI-ACCESS-KEY", KEY_ID),
        ("KALSHI-ACCESS-TIMESTAMP", "1703123456789"),
        (
            "KALSHI-ACCESS-SIGNATURE",
            "0QpWibMOICW7GcsR2QVXSLi+4s2EwyYdYP2ypIV/6vEqQPr5hKsX+kHaxO6SOVuIR60F5Lms8Ds0mnn63IMM\
             BA==",
        ),
    ];
    let found: Vec<(&str, &str)> =
        parsed.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(found, expected);
    let body: Value = serde_json::from_slice(&parsed.body).unwrap();
    assert_eq!(
        body,
        json!({
            "ticker": "KXWCGAME-26JUL14FRAESP-ESP",
            "client_order_id": "6b786578-0000-8000-8abc-000000000007",
            "side": "bid",
            "count": "10.00",
            "price": "0.5600",
            "time_in_force": "immediate_or_cancel",
            "self_trade_prevention_type": "taker_at_cross",
            "post_only": false,
            "cancel_order_on_pause": true,
            "reduce_only": false,
            "exchange_index": 0,
        }),
    );
}

#[test]
fn every_form_of_order_says_what_was_approved() {
    let forces =
        [TimeInForce::ImmediateOrCancel, TimeInForce::GoodTillCanceled, TimeInForce::FillOrKill];
    for time_in_force in forces {
        for side in [BookSide::Bid, BookSide::Ask] {
            for market in 0..4 {
                check(NewOrder { time_in_force, side, market: MarketIx(market), ..order() });
            }
        }
    }
    check(NewOrder { reduce_only: true, ..order() });
    check(NewOrder { post_only: true, ..order() });
    for secs in [0, 9, 1_781_159_360, 9_999_999_999] {
        check(NewOrder {
            time_in_force: TimeInForce::GoodTillCanceled,
            expiration_secs: Some(secs),
            ..order()
        });
    }
}

#[test]
fn prices_and_counts_are_exact() {
    for micros in [100, 1_000, 10_000, 512_300, 999_900, 1, 512_345] {
        check(NewOrder { price: Price::from_micros(micros).unwrap(), ..order() });
    }
    for centis in [1, 5, 99, 100, 101, 2_500, 999_999, u32::MAX] {
        check(NewOrder { quantity: Contracts::from_centis(centis), ..order() });
    }
}

#[test]
fn requests_of_one_key_have_one_length() {
    let lengths: Vec<usize> = (0..4)
        .map(|market| encode(NewOrder { market: MarketIx(market), ..order() }).body.len())
        .collect();
    assert_eq!(lengths, [lengths[0]; 4]);
}

fn cancel(market: u16) -> CancelOrder {
    let order_id = OrderId::new(b"2597b999-f887-4195-8bac-c3f97a1f2021").unwrap();
    CancelOrder { key: OrderKey::default(), order_id, market: MarketIx(market) }
}

#[test]
fn a_cancel_names_order_market_and_shard() {
    let templates = templates();
    let cancel = cancel(0);
    let path = templates.cancel_path(&cancel);
    let signed = signed("DELETE", path.as_str());
    let mut out = [0; REQUEST_BYTES_MAX];

    let len = templates.encode_cancel(&mut out, &cancel, &signed);

    let parsed = parse(&out[..len]);
    assert_eq!(parsed.method, "DELETE");
    assert_eq!(
        parsed.target,
        "/trade-api/v2/portfolio/events/orders/2597b999-f887-4195-8bac-c3f97a1f2021\
         ?market_ticker=KXWCGAME-26JUL14FRAESP-ESP&exchange_index=0",
    );
    assert!(parsed.target.starts_with(path.as_str()), "the signature covers the path sent");
    let names: Vec<&str> = parsed.headers.iter().map(|(name, _)| name.as_str()).collect();
    let expected = [
        "Host",
        "User-Agent",
        "KALSHI-ACCESS-KEY",
        "KALSHI-ACCESS-TIMESTAMP",
        "KALSHI-ACCESS-SIGNATURE",
    ];
    assert_eq!(names, expected);
    assert_eq!(parsed.headers[3].1, "1703123456789");
    assert_eq!(parsed.headers[4].1.as_bytes(), signed.signature.as_bytes());
    assert!(parsed.body.is_empty());
}

#[test]
fn odd_tickers_cannot_change_the_query() {
    let templates = templates();
    let mut out = [0; REQUEST_BYTES_MAX];
    let len = templates.encode_cancel(&mut out, &cancel(3), &signed("DELETE", "/"));

    let query = parse(&out[..len]).target;
    let expected = "?market_ticker=ODD%26TICKER%3D1%3F%23%25%2F%2B&exchange_index=12";
    assert!(query.ends_with(expected), "{query}");
}

#[test]
fn cancel_all_and_warm_up_are_complete() {
    let templates = templates();
    let mut out = [0; REQUEST_BYTES_MAX];
    let len = templates.encode_cancel_all(&mut out, &signed("DELETE", templates.create_path()));
    let parsed = parse(&out[..len]);
    assert_eq!(parsed.method, "DELETE");
    assert_eq!(parsed.target, "/trade-api/v2/portfolio/events/orders");
    assert_eq!(parsed.headers.len(), 5);

    let parsed = parse(templates.status_request());
    assert_eq!(parsed.method, "GET");
    assert_eq!(parsed.target, "/trade-api/v2/exchange/status");
    assert!(parsed.headers.iter().all(|(name, _)| !name.starts_with("KALSHI")));
}

#[test]
fn texts_that_would_break_a_request_are_refused() {
    let bad = |host: &str, base: &str, key_id: &str, len| {
        OrderTemplates::new(host, base, key_id, len, &table()).unwrap_err()
    };
    let text = |what| TemplateError::BadText { what };
    assert_eq!(bad("", "/b", "k", 88), text("host"));
    assert_eq!(bad("h\r\nX: y", "/b", "k", 88), text("host"));
    assert_eq!(bad("h", &"/".repeat(65), "k", 88), text("base path"));
    assert_eq!(bad("h", "/b", "k k", 88), text("key id"));
    assert_eq!(bad("h", "/b", "k", 0), TemplateError::BadSignatureLength);
    assert_eq!(bad("h", "/b", "k", 685), TemplateError::BadSignatureLength);
}

#[test]
fn the_longest_requests_fit() {
    let host = "h".repeat(HOST_BYTES_MAX);
    let base = "/".repeat(paths::BASE_PATH_BYTES_MAX);
    let key_id = "k".repeat(KEY_ID_BYTES_MAX);
    let templates =
        OrderTemplates::new(&host, &base, &key_id, SIGNATURE_BYTES_MAX, &table()).unwrap();
    assert!(templates.create.len() <= REQUEST_BYTES_MAX);
    let cancel = paths::PATH_BYTES_MAX + 3 * TICKER_BYTES_MAX + templates.cancel_head.len();
    assert!(cancel + SIGNATURE_BYTES_MAX + 128 <= REQUEST_BYTES_MAX);
}

#[test]
fn a_rehearsal_has_no_signature_and_no_size() {
    let mut out = [0; REQUEST_BYTES_MAX];
    let templates = templates();
    templates.rehearse(&mut out, MarketIx(1), Now::default());
    let parsed = parse(&out[..templates.create.len()]);
    assert_eq!(parsed.headers[6], ("KALSHI-ACCESS-SIGNATURE".into(), String::new()));
    let body: Value = serde_json::from_slice(&parsed.body).unwrap();
    assert_eq!((&body["count"], &body["ticker"]), (&json!("0.00"), &json!("A")));
    templates.rehearse(&mut out, MarketIx(4), Now::default());
}

proptest! {
    #[test]
    fn any_order_equals_the_reference_encoding(
        micros in 1..Price::MICROS_MAX,
        centis in 1..=u32::MAX,
        seq in 0..1_u64 << 48,
        market in 0..4_u16,
        side in prop_oneof![Just(BookSide::Bid), Just(BookSide::Ask)],
        secs in proptest::option::of(0..10_000_000_000_u64),
        reduce_only in any::<bool>(),
        post_only in any::<bool>(),
    ) {
        check(NewOrder {
            client_order_id: ClientOrderId::new(RunId::new(seq), seq),
            market: MarketIx(market),
            side,
            price: Price::from_micros(micros).unwrap(),
            quantity: Contracts::from_centis(centis),
            expiration_secs: secs,
            reduce_only,
            post_only,
            ..order()
        });
    }
}
