//! libFuzzer's entry to the checks of `checks/websocket.rs`.

#![no_main]

#[path = "../checks/websocket.rs"]
mod websocket;

libfuzzer_sys::fuzz_target!(|data: &[u8]| websocket::check(data));
