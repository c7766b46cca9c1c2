//! libFuzzer's entry to the checks of `checks/ndjson.rs`.

#![no_main]

#[path = "../checks/ndjson.rs"]
mod ndjson;

libfuzzer_sys::fuzz_target!(|data: &[u8]| ndjson::check(data));
