//! Answers to creates and cancels: a response body in, what it proves about the order out.
//!
//! The exchange's note of May 2026 says that a body may describe another order, and 2xx bodies
//! without an order id have been seen: an answer whose ids do not match proves nothing and is
//! [`Loss::Misbehaved`], never a success. Flat bodies are scanned in one pass; anything else
//! goes to serde_json, which may allocate. Errors (4xx) are read in `errors.rs`.

use std::borrow::Cow;

use crate::ids::{ClientOrderId, OrderId};
use crate::kalshi::flat::{Members, NotFlat, Value};
use crate::message::{Accepted, Loss};
use crate::units::{Contracts, WallTime};

/// The fields that matter, in either answer.
#[derive(Debug, Default, PartialEq, Eq)]
struct Fields<'a> {
    order_id: Option<Cow<'a, [u8]>>,
    client_order_id: Option<Cow<'a, [u8]>>,
    fill_count: Option<Cow<'a, [u8]>>,
    remaining_count: Option<Cow<'a, [u8]>>,
    reduced_by: Option<Cow<'a, [u8]>>,
    ts_ms: Option<u64>,
}

/// Reads the answer (2xx) to a create of `expected`.
///
/// # Errors
/// [`Loss::Misbehaved`] when the body is unreadable, has no order id or no quantities, or
/// speaks of another order.
pub fn created(body: &[u8], expected: ClientOrderId) -> Result<Accepted, Loss> {
    let fields = read(body)?;
    let client_order_id = fields.client_order_id.as_deref().and_then(ClientOrderId::parse);
    if client_order_id != Some(expected) {
        return Err(Loss::Misbehaved);
    }
    let order_id = fields.order_id.as_deref().and_then(OrderId::new);
    let filled = fields.fill_count.as_deref().and_then(Contracts::parse_fp);
    let remaining = fields.remaining_count.as_deref().and_then(Contracts::parse_fp);
    match (order_id, filled, remaining) {
        (Some(order_id), Some(filled), Some(remaining)) => {
            Ok(Accepted { order_id, filled, remaining, exchange_time: fields.time() })
        }
        _ => Err(Loss::Misbehaved),
    }
}

/// Reads the answer (200) to a cancel of `expected`: how much was cancelled.
///
/// # Errors
/// [`Loss::Misbehaved`] as [`created`].
pub fn cancelled(body: &[u8], expected: &OrderId) -> Result<Contracts, Loss> {
    let fields = read(body)?;
    if fields.order_id.as_deref() != Some(expected.as_bytes()) {
        return Err(Loss::Misbehaved);
    }
    fields.reduced_by.as_deref().and_then(Contracts::parse_fp).ok_or(Loss::Misbehaved)
}

impl Fields<'_> {
    /// Matching-engine time; the epoch when it was not told, or is beyond representation.
    fn time(&self) -> WallTime {
        let ns = self.ts_ms.and_then(|ms| ms.checked_mul(1_000_000));
        WallTime::from_unix_ns(ns.unwrap_or(0))
    }
}

fn read(body: &[u8]) -> Result<Fields<'_>, Loss> {
    scan(body).or_else(|NotFlat| fallback(body))
}

fn scan(body: &[u8]) -> Result<Fields<'_>, NotFlat> {
    let mut fields = Fields::default();
    let mut members = Members::new(body)?;
    while let Some((key, value)) = members.next()? {
        let field = match key {
            b"order_id" => &mut fields.order_id,
            b"client_order_id" => &mut fields.client_order_id,
            b"fill_count" => &mut fields.fill_count,
            b"remaining_count" => &mut fields.remaining_count,
            b"reduced_by" => &mut fields.reduced_by,
            b"ts_ms" => {
                let Value::Number(digits) = value else { return Err(NotFlat) };
                let text = core::str::from_utf8(digits).map_err(|_| NotFlat)?;
                let before = fields.ts_ms.replace(text.parse().map_err(|_| NotFlat)?);
                once(before.is_none())?;
                continue;
            }
            _ => {
                once(!matches!(value, Value::Object(_) | Value::Array | Value::Escaped(_)))?;
                continue;
            }
        };
        once(field.is_none())?;
        *field = match value {
            // Quantities were numbers once; the token reads the same as the text.
            Value::Text(text) | Value::Number(text) => Some(Cow::Borrowed(text)),
            _ => return Err(NotFlat),
        };
    }
    Ok(fields)
}

/// Leaves to the general parser what does not hold here.
const fn once(holds: bool) -> Result<(), NotFlat> {
    if holds { Ok(()) } else { Err(NotFlat) }
}

#[cold]
fn fallback(body: &[u8]) -> Result<Fields<'_>, Loss> {
    #[derive(serde::Deserialize)]
    struct Answer {
        order_id: Option<String>,
        client_order_id: Option<String>,
        fill_count: Option<String>,
        remaining_count: Option<String>,
        reduced_by: Option<String>,
        ts_ms: Option<u64>,
    }
    let answer: Answer = serde_json::from_slice(body).map_err(|_| Loss::Misbehaved)?;
    let bytes = |text: Option<String>| text.map(|text| Cow::Owned(text.into_bytes()));
    Ok(Fields {
        order_id: bytes(answer.order_id),
        client_order_id: bytes(answer.client_order_id),
        fill_count: bytes(answer.fill_count),
        remaining_count: bytes(answer.remaining_count),
        reduced_by: bytes(answer.reduced_by),
        ts_ms: answer.ts_ms,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ids::RunId;

    const MAKER: &str = concat!(
        r#"{"client_order_id":"CID","fill_count":"0.00","#,
        r#""order_id":"2597b999-f887-4195-8bac-c3f97a1f2021","remaining_count":"1.00","#,
        r#""ts_ms":1781159360866}"#,
    );
    const TAKER: &str = concat!(
        r#"{"average_fee_paid":"0.0175","average_fill_price":"0.5200","client_order_id":"CID","#,
        r#""fill_count":"1.00","order_id":"97ec18b7-10d3-4557-9de0-8598aad625f0","#,
        r#""remaining_count":"0.00","ts_ms":1781159370164}"#,
    );
    const CANCEL: &str = concat!(
        r#"{"order_id":"2597b999-f887-4195-8bac-c3f97a1f2021","reduced_by":"1.00","#,
        r#""ts_ms":1781159364112}"#,
    );

    fn ours() -> ClientOrderId {
        ClientOrderId::new(RunId::new(7), 42)
    }

    fn body(template: &str) -> String {
        template.replace("CID", &ours().to_string())
    }

    fn accepted(order_id: &str, filled: u32, remaining: u32, ts_ms: u64) -> Accepted {
        Accepted {
            order_id: OrderId::new(order_id.as_bytes()).unwrap(),
            filled: Contracts::from_centis(filled),
            remaining: Contracts::from_centis(remaining),
            exchange_time: WallTime::from_unix_ms(ts_ms),
        }
    }

    #[track_caller]
    fn creates(text: &str, expected: Result<Accepted, Loss>) {
        assert_eq!(created(body(text).as_bytes(), ours()), expected, "{text}");
    }

    #[test]
    fn recorded_answers_are_read_without_the_general_parser() {
        for text in [MAKER, TAKER, CANCEL] {
            assert!(scan(body(text).as_bytes()).is_ok(), "{text}");
        }
        let id = "2597b999-f887-4195-8bac-c3f97a1f2021";
        creates(MAKER, Ok(accepted(id, 0, 100, 1_781_159_360_866)));
        let id = "97ec18b7-10d3-4557-9de0-8598aad625f0";
        creates(TAKER, Ok(accepted(id, 100, 0, 1_781_159_370_164)));
    }

    #[test]
    fn shapes_that_changed_are_still_read() {
        let expected = Ok(accepted("o-1", 1050, 0, 5));
        creates(
            concat!(
                r#"{"new":{"a":[1,"}"]},"order_id":"o-1","ts_ms":5,"client_order_id":"CID","#,
                r#""remaining_count":"0.00","fill_count":"10.50"}"#,
            ),
            expected,
        );
        creates(
            concat!(
                r#"{ "order_id":"o\u002d1","client_order_id":"CID","fill_count":"10.5","#,
                r#""remaining_count":"0","ts_ms":5,"average_fill_price":null}"#,
            ),
            expected,
        );
        creates(
            concat!(
                r#"{"order_id":"o-1","client_order_id":"CID","fill_count":10.50,"#,
                r#""remaining_count":0,"ts_ms":5}"#,
            ),
            expected,
        );
        creates(
            concat!(
                r#"{"order_id":"o-1","client_order_id":"CID","fill_count":"10.50","#,
                r#""remaining_count":"0.00"}"#,
            ),
            Ok(accepted("o-1", 1050, 0, 0)),
        );
    }

    #[test]
    fn an_answer_without_matching_ids_proves_nothing() {
        let lost = Err(Loss::Misbehaved);
        creates(&MAKER.replace("CID", &ClientOrderId::new(RunId::new(7), 43).to_string()), lost);
        creates(&MAKER.replace("CID", "4a75a66e-ca85-4187-93cd-aac5e01ad982"), lost);
        creates(&MAKER.replace("client_order_id", "other"), lost);
        creates(&MAKER.replace("\"order_id\"", "\"orderid\""), lost);
        creates(&MAKER.replace("2597b999-f887-4195-8bac-c3f97a1f2021", ""), lost);
        creates(&MAKER.replace("fill_count", "filled"), lost);
        creates(&MAKER.replace("\"0.00\"", "\"-1.00\""), lost);
        creates(&MAKER.replace('}', ",\"order_id\":\"another\"}"), lost);
        creates("", lost);
        creates("{}", lost);
        creates("null", lost);
        creates("<html><body>502 Bad Gateway</body></html>", lost);
        for cut in 0..body(MAKER).len() {
            creates(&body(MAKER)[..cut], lost);
        }
    }

    #[test]
    fn a_cancel_must_speak_of_its_order() {
        let id = OrderId::new(b"2597b999-f887-4195-8bac-c3f97a1f2021").unwrap();
        assert_eq!(cancelled(CANCEL.as_bytes(), &id), Ok(Contracts::from_whole(1)));
        let other = OrderId::new(b"97ec18b7-10d3-4557-9de0-8598aad625f0").unwrap();
        assert_eq!(cancelled(CANCEL.as_bytes(), &other), Err(Loss::Misbehaved));
        assert_eq!(cancelled(b"{}", &id), Err(Loss::Misbehaved));
        let without = CANCEL.replace("reduced_by", "x");
        assert_eq!(cancelled(without.as_bytes(), &id), Err(Loss::Misbehaved));
    }

    proptest! {
        #[test]
        fn the_scanner_agrees_with_serde_json(
            members in proptest::collection::vec(
                (
                    prop_oneof![
                        Just("order_id"), Just("client_order_id"), Just("fill_count"),
                        Just("remaining_count"), Just("reduced_by"), Just("extra"),
                    ],
                    prop_oneof![
                        Just("\"1.00\"".to_owned()), Just("null".to_owned()),
                        "\"[a-z0-9-]{0,8}\"", "\\{\"a\":[0-9]\\}",
                    ],
                ),
                0..6,
            ),
            ts_ms in proptest::option::of(any::<u64>()),
        ) {
            let mut text: Vec<String> =
                members.iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
            text.extend(ts_ms.map(|ms| format!("\"ts_ms\":{ms}")));
            let text = format!("{{{}}}", text.join(","));

            if let Ok(fields) = scan(text.as_bytes()) {
                prop_assert_eq!(fallback(text.as_bytes()), Ok(fields));
            }
        }
    }
}
