//! The exchange's JSON: no body and no message makes a decoder panic, and what is JSON means the
//! same however it is written.
//!
//! In: a byte that names the decoder, then a body. Fails when the order of keys, spaces or
//! escapes changes what an answer means: the fast readers and the general parser must agree.

use kalshi_exec::ids::{ClientOrderId, OrderId, RunId};
use kalshi_exec::kalshi::{decode, errors, portfolio, stream};
use kalshi_exec::units::Timestamp;

/// When everything is received.
const NOW: Timestamp = Timestamp::from_ns(1_000);

/// Checks one input.
pub(crate) fn check(data: &[u8]) {
    let [which, body @ ..] = data else { return };
    let decoder = DECODERS[usize::from(*which) % DECODERS.len()];
    let meant = decoder(body);
    if let Some(rewritten) = rewritten(body) {
        assert_eq!(meant, decoder(&rewritten), "{}", String::from_utf8_lossy(&rewritten));
    }
}

/// What a decoder understood, or `None` when it refused; refusals may word themselves otherwise.
type Decoder = fn(&[u8]) -> Option<String>;

const DECODERS: &[Decoder] = &[
    |body| told(decode::created(body, client_order_id())),
    |body| told(decode::cancelled(body, &order_id())),
    |body| {
        // Texts of a refusal are kept as they stand there, escapes included.
        let reject = errors::reject(409, body);
        reject.code.as_str().is_empty().then(|| format!("{:?}", reject.kind))
    },
    streamed,
    |body| told(portfolio::orders_page(body, NOW)),
    |body| told(portfolio::order(body, NOW)),
    |body| told(portfolio::fills_page(body, NOW)),
    |body| told(portfolio::positions_page(body)),
    |body| told(portfolio::balance(body)),
    |body| told(portfolio::markets_page(body)),
    |body| told(portfolio::exchange_status(body)),
    |body| told(portfolio::settlements_page(body)),
    |body| told(portfolio::best_prices(body)),
    |body| told(portfolio::series_list(body)),
];

/// A stream message with what surrounds it, and a book's levels whichever side came first.
fn streamed(body: &[u8]) -> Option<String> {
    let mut decoder = stream::Decoder::new();
    let message = decoder.decode(core::str::from_utf8(body).ok()?, NOW).ok()?;
    let mut levels: Vec<String> = decoder.levels().iter().map(|it| format!("{it:?}")).collect();
    levels.sort();
    // Nothing is believed of a book that could not be read, however far reading came.
    let is_read = message != stream::StreamMessage::UnreadableBook;
    let levels = is_read.then_some(levels);
    Some(format!("{message:?} {:?} {levels:?}", decoder.envelope()))
}

fn told<T: core::fmt::Debug, E>(result: Result<T, E>) -> Option<String> {
    result.ok().map(|value| format!("{value:?}"))
}

fn client_order_id() -> ClientOrderId {
    ClientOrderId::new(RunId::new(7), 1)
}

fn order_id() -> OrderId {
    OrderId::new(b"2597b999-0000-4000-8000-000000000001").expect("short enough")
}

/// The same JSON with its keys sorted and without spaces; `None` when it is no JSON, or when a
/// key is there twice or a number would not survive: then nobody knows what is meant.
fn rewritten(body: &[u8]) -> Option<Vec<u8>> {
    let value: serde_json::Value = serde_json::from_slice(body).ok()?;
    let again = serde_json::to_vec(&value).ok()?;
    (structure(body) == structure(&again) && numbers_survive(&value)).then_some(again)
}

/// How many colons there are outside of strings: a key that is there twice loses one.
fn structure(text: &[u8]) -> usize {
    let (mut quoted, mut escaped, mut colons) = (false, false, 0);
    for byte in text {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b':' if !quoted => colons += 1,
            _ => {}
        }
    }
    colons
}

/// Whole numbers are written back digit by digit, others may not be.
fn numbers_survive(value: &serde_json::Value) -> bool {
    use serde_json::Value;
    match value {
        Value::Number(number) => !number.is_f64(),
        Value::Array(values) => values.iter().all(numbers_survive),
        Value::Object(members) => members.values().all(numbers_survive),
        Value::Null | Value::Bool(_) | Value::String(_) => true,
    }
}
