//! Decoding what the stream says of our orders: the scanner, and what it replaces.
//!
//! Base rows: the same texts through `serde_json` into a tree, before anything is checked.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput};
use kalshi_exec::ids::{ClientOrderId, RunId};
use kalshi_exec::kalshi::stream::{Decoder, StreamMessage};
use kalshi_exec::units::Timestamp;

const RECEIVED: Timestamp = Timestamp::from_ns(1);

fn main() {
    let id = ClientOrderId::new(RunId::new(7), 1);
    let fill = format!(
        r#"{{"type":"fill","sid":13,"sending_ts_ms":1671899397012,"msg":{{"trade_id":"d91bc706-ee49-470d-82d8-11418bda6fed","order_id":"ee587a1c-8b87-4dcf-b721-9f6f790619fa","client_order_id":"{id}","market_ticker":"HIGHNY-22DEC23-B53.5","exchange_index":2,"is_taker":true,"side":"yes","yes_price_dollars":"0.7500","count_fp":"278.00","fee_cost":"0.010000","action":"buy","ts":1671899397,"ts_ms":1671899397000,"post_position_fp":"500.00","purchased_side":"yes","outcome_side":"yes","book_side":"bid","subaccount":3}}}}"#
    );
    let order = format!(
        r#"{{"type":"user_order","sid":22,"sending_ts_ms":1,"msg":{{"order_id":"ee587a1c-8b87-4dcf-b721-9f6f790619fa","user_id":"u","ticker":"FED-23DEC-T3.00","exchange_index":2,"status":"resting","side":"yes","is_yes":true,"outcome_side":"yes","book_side":"bid","yes_price_dollars":"0.3500","fill_count_fp":"3.00","remaining_count_fp":"7.00","initial_count_fp":"10.00","taker_fill_cost_dollars":"0.000000","client_order_id":"{id}","created_time":"2024-12-01T10:00:00Z","created_ts_ms":1733047200000,"last_update_reason":"Trade","subaccount_number":0}}}}"#
    );
    let mut decoder = Decoder::new();
    let decoded = decoder.decode(&fill, RECEIVED);
    assert!(matches!(decoded, Ok(StreamMessage::Fill(fill)) if fill.client_order_id == Some(id)));
    let decoded = decoder.decode(&order, RECEIVED);
    assert!(matches!(decoded, Ok(StreamMessage::Order(it)) if it.client_order_id == Some(id)));
    assert_eq!(decoder.counts().scanned, 2, "neither is left to the general parser");

    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("feed/decode");
    for (name, text) in [("fill", &fill), ("user_order", &order)] {
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(BenchmarkId::new("base_serde_json_tree", name), |bencher| {
            bencher.iter(|| serde_json::from_str::<serde_json::Value>(black_box(text)));
        });
        group.bench_function(BenchmarkId::new("scanner", name), |bencher| {
            bencher.iter(|| decoder.decode(black_box(text), RECEIVED));
        });
    }
    group.finish();
    criterion.final_summary();
}
