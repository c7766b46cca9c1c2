//! Decoding one signal line: the scanner that producers' lines take, and what it replaces.
//!
//! Base row: `serde_json` into a tree, before anything is checked. `fallback` is a line whose
//! key has an escape, which the scanner leaves to the full parser.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use kalshi_exec::intake::{Intent, decode_line};

/// A producer's line as the plan has it.
const LINE: &str = r#"{"id":"sig-000123","ts_ns":1767225600123456789,"cycle":17,"should_trade":true,"action":"BUY_YES","kalshi":{"ticker":"KXNFL-26JAN11-BUF","yes_ask":48,"no_ask":53},"edge":{"cents":7,"percent":14.6},"confidence":{"score":75,"tier":"HIGH"},"position":{"contracts":25,"risk_amount":1200}}"#;

fn main() {
    let escaped = LINE.replace("\"cycle\"", "\"\\u0063ycle\"");
    // A bench that measures the wrong thing is worse than none.
    let decoded = decode_line(LINE.as_bytes()).expect("the plan's line is a signal");
    assert_eq!(decoded.intent, Intent::Trade);
    assert_eq!(decoded.signal.cycle, Some(17));
    assert_eq!(decode_line(escaped.as_bytes()), Ok(decoded));
    let tree: serde_json::Value = serde_json::from_str(LINE).expect("the line is JSON");
    assert_eq!(tree["kalshi"]["yes_ask"], 48);

    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("intake/decode_line");
    group.throughput(Throughput::Bytes(LINE.len() as u64));
    group.bench_function("base_serde_json_tree", |bencher| {
        bencher.iter(|| serde_json::from_str::<serde_json::Value>(black_box(LINE)));
    });
    group.bench_function("fallback", |bencher| {
        bencher.iter(|| decode_line(black_box(escaped.as_bytes())));
    });
    group.bench_function("scanner", |bencher| {
        bencher.iter(|| decode_line(black_box(LINE.as_bytes())));
    });
    group.finish();
    criterion.final_summary();
}
