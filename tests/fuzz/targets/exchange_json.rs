//! libFuzzer's entry to the checks of `checks/exchange_json.rs`.

#![no_main]

#[path = "../checks/exchange_json.rs"]
mod exchange_json;

libfuzzer_sys::fuzz_target!(|data: &[u8]| exchange_json::check(data));
