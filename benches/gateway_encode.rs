//! One create request as bytes: the patched template, and what it replaces.
//!
//! Base row: the same request through `serde_json` and `format!`. Requests carry an RSA-2048
//! signature's 344 characters, as most accounts' do.

use std::hint::black_box;

use criterion::Criterion;
use kalshi_exec::gateway::presign::Presigned;
use kalshi_exec::ids::{ClientOrderId, MarketIx, OrderKey, RunId, Ticker};
use kalshi_exec::kalshi::auth::{Signature, SigningKey};
use kalshi_exec::kalshi::encode::{OrderTemplates, REQUEST_BYTES_MAX};
use kalshi_exec::kalshi::market::{FeeSchedule, MarketTable, TickGrid};
use kalshi_exec::kalshi::paths::BASE_PATH;
use kalshi_exec::message::{BookSide, NewOrder, TimeInForce};
use kalshi_exec::risk::Approved;
use kalshi_exec::sim::keys::{KeyKinds, KeySet};
use kalshi_exec::units::{Contracts, Price, Timestamp};
use serde_json::{Value, json};

const HOST: &str = "api.elections.kalshi.com";
const KEY_ID: &str = "a952bcbe-ec3b-4b5b-b8f9-11dae589608c";
const TICKER: &str = "KXNFLGAME-26NOV22-BUF";
const WALL_MS: u64 = 1_781_159_370_164;

fn main() {
    let dir = tempfile::tempdir().expect("a temporary directory can be made");
    let keys = KeySet::open(dir.path(), KeyKinds::Both).expect("keys can be made");
    let rsa = keys.rsa.expect("both kinds were asked for");
    let key = SigningKey::from_file(&rsa.private_key_file).expect("a key we have just made");
    let mut signature = Signature::default();
    key.sign(WALL_MS, "POST", BASE_PATH, &mut signature).expect("the key signs");
    let text = signature.as_bytes().to_vec();
    let signed = Presigned { wall_ms: WALL_MS, signature };

    let mut markets = MarketTable::new();
    let ticker = Ticker::new(TICKER.as_bytes()).expect("a plain ticker");
    let grid = TickGrid::linear_cent();
    markets.insert(ticker, grid, 0, FeeSchedule::QUADRATIC, true).expect("room");
    let templates =
        OrderTemplates::new(HOST, BASE_PATH, KEY_ID, text.len(), &markets).expect("plain texts");
    let order = order();
    let approved = Approved::unchecked_for_tests(order);
    let mut out = vec![0; REQUEST_BYTES_MAX];

    let length = templates.encode_order(&mut out, &approved, &signed);
    let template = body(&out[..length]);
    let base = base(&order, core::str::from_utf8(&text).expect("base64"));
    assert_eq!(template, body(base.as_bytes()), "both say the same");

    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("gateway/encode_order");
    group.bench_function("base_serde_json_format", |bencher| {
        let text = core::str::from_utf8(&text).expect("base64");
        bencher.iter(|| self::base(black_box(&order), black_box(text)));
    });
    group.bench_function("template", |bencher| {
        bencher.iter(|| templates.encode_order(black_box(&mut out), black_box(&approved), &signed));
    });
    group.finish();
    criterion.final_summary();
}

fn order() -> NewOrder {
    NewOrder {
        key: OrderKey { slot: 1, generation: 0 },
        client_order_id: ClientOrderId::new(RunId::new(7), 1),
        market: MarketIx(0),
        side: BookSide::Bid,
        price: Price::from_cents(49).expect("a price"),
        quantity: Contracts::from_whole(25),
        time_in_force: TimeInForce::ImmediateOrCancel,
        expiration_secs: None,
        reduce_only: false,
        post_only: false,
        reference: Price::from_cents(49).expect("a price"),
        received: Timestamp::ZERO,
        approved: Timestamp::ZERO,
    }
}

/// The request as a program without a template would make it.
fn base(order: &NewOrder, signature: &str) -> String {
    let body = json!({
        "ticker": TICKER, "client_order_id": order.client_order_id.to_string(), "side": "bid",
        "count": format!("{}.{:02}", order.quantity.centis() / 100, order.quantity.centis() % 100),
        "price": format!("0.{:04}", order.price.micros() / 100),
        "time_in_force": "immediate_or_cancel", "self_trade_prevention_type": "taker_at_cross",
        "post_only": order.post_only, "cancel_order_on_pause": true, "reduce_only": order.reduce_only,
        "exchange_index": 0,
    })
    .to_string();
    format!(
        "POST {BASE_PATH}/portfolio/events/orders HTTP/1.1\r\nHost: {HOST}\r\n\
         User-Agent: kalshi-exec\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         KALSHI-ACCESS-KEY: {KEY_ID}\r\nKALSHI-ACCESS-TIMESTAMP: {WALL_MS}\r\n\
         KALSHI-ACCESS-SIGNATURE: {signature}\r\n\r\n{body}",
        body.len(),
    )
}

fn body(request: &[u8]) -> Value {
    let text = core::str::from_utf8(request).expect("requests are text");
    let (_, body) = text.split_once("\r\n\r\n").expect("a head ends");
    serde_json::from_str(body).expect("a body is JSON")
}
