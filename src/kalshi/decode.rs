//! Answers to creates, cancels and changes: a response body in, what it proves about the order out.
//!
//! The exchange's note of May 2026 says that a body may describe another order, and 2xx bodies
//! without an order id have been seen: an answer whose ids do not match proves nothing and is
//! [`Loss::Misbehaved`], never a success. Flat bodies are scanned in one pass; anything else
//! goes to serde_json, which may allocate. Errors (4xx) are read in `errors.rs`.

use crate::ids::{ClientOrderId, OrderId};
use crate::kalshi::flat::{Members, NotFlat, Value};
use crate::message::{Accepted, Loss};
use crate::units::{Contracts, WallTime};

/// The fields that matter, in any of these answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Fields<'a> {
    order_id: Option<&'a [u8]>,
    client_order_id: Option<&'a [u8]>,
    fill_count: Option<&'a [u8]>,
    remaining_count: Option<&'a [u8]>,
    reduced_by: Option<&'a [u8]>,
    ts_ms: Option<u64>,
}

/// Reads the answer (2xx) to a create of `expected`.
///
/// # Errors
/// [`Loss::Misbehaved`] when the body is unreadable, has no order id or no quantities, or
/// speaks of another order.
pub fn created(body: &[u8], expected: ClientOrderId) -> Result<Accepted, Loss> {
    let mut echo = [0; ClientOrderId::TEXT_BYTES];
    expected.write(&mut echo);
    read(body, |fields| {
        if fields.client_order_id != Some(&echo) {
            return None;
        }
        Some(Accepted {
            order_id: fields.order_id.and_then(OrderId::new)?,
            filled: fields.fill_count.and_then(Contracts::parse_fp)?,
            remaining: fields.remaining_count.and_then(Contracts::parse_fp)?,
            exchange_time: fields.time(),
        })
    })
}

/// Reads the answer (200) to a cancel of `expected`: how much was cancelled.
///
/// # Errors
/// [`Loss::Misbehaved`] as [`created`].
pub fn cancelled(body: &[u8], expected: &OrderId) -> Result<Contracts, Loss> {
    read(body, |fields| {
        let ours = fields.order_id == Some(expected.as_bytes());
        fields.reduced_by.filter(|_| ours).and_then(Contracts::parse_fp)
    })
}

/// Reads the answer (200) to an amendment or a decrease of `expected`: what still rests, where it
/// says so. An amendment that left the size as it was need not (AmendOrderV2Response).
///
/// # Errors
/// [`Loss::Misbehaved`] as [`created`].
pub fn changed(body: &[u8], expected: &OrderId) -> Result<Option<Contracts>, Loss> {
    read(body, |fields| {
        let ours = fields.order_id == Some(expected.as_bytes());
        match fields.remaining_count {
            _ if !ours => None,
            None => Some(None),
            Some(text) => Contracts::parse_fp(text).map(Some),
        }
    })
}

impl Fields<'_> {
    /// Matching-engine time; the epoch when it was not told, or is beyond representation.
    fn time(&self) -> WallTime {
        let ns = self.ts_ms.and_then(|ms| ms.checked_mul(1_000_000));
        WallTime::from_unix_ns(ns.unwrap_or(0))
    }
}

/// What `judge` makes of the body's fields; `None` and an unreadable body prove nothing.
fn read<R>(body: &[u8], judge: impl FnOnce(&Fields<'_>) -> Option<R>) -> Result<R, Loss> {
    let judged = match scan(body) {
        Ok(fields) => judge(&fields),
        Err(NotFlat) => fallback(body).and_then(|answer| judge(&answer.fields())),
    };
    judged.ok_or(Loss::Misbehaved)
}

fn scan(body: &[u8]) -> Result<Fields<'_>, NotFlat> {
    let mut fields = Fields::default();
    let mut members = Members::new(body)?;
    let mut seen = 0_u8;
    while let Some((key, value)) = members.next()? {
        let (bit, field) = match key {
            b"order_id" => (1, &mut fields.order_id),
            b"client_order_id" => (2, &mut fields.client_order_id),
            b"fill_count" => (4, &mut fields.fill_count),
            b"remaining_count" => (8, &mut fields.remaining_count),
            b"reduced_by" => (16, &mut fields.reduced_by),
            b"ts_ms" => {
                let before = fields.ts_ms.replace(unsigned(value)?);
                holds(before.is_none())?;
                continue;
            }
            _ => {
                holds(!matches!(value, Value::Object(_) | Value::Array | Value::Escaped(_)))?;
                continue;
            }
        };
        holds(seen & bit == 0)?;
        seen |= bit;
        *field = match value {
            // Quantities were numbers once; the token reads the same as the text.
            Value::Text(text) | Value::Number(text) => Some(text),
            // What an amendment has not changed; as good as not there.
            Value::Null => None,
            _ => return Err(NotFlat),
        };
    }
    Ok(fields)
}

fn unsigned(value: Value<'_>) -> Result<u64, NotFlat> {
    let Value::Number(token) = value else { return Err(NotFlat) };
    // Nineteen digits cannot overflow; a sign, a point or an exponent is left to others.
    holds(token.len() <= 19 && token.iter().all(u8::is_ascii_digit))?;
    Ok(token.iter().fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0')))
}

/// Leaves to the general parser what does not hold here.
const fn holds(condition: bool) -> Result<(), NotFlat> {
    if condition { Ok(()) } else { Err(NotFlat) }
}

/// The fields with memory of their own.
#[derive(Debug, Default, serde::Deserialize)]
struct Answer {
    order_id: Option<String>,
    client_order_id: Option<String>,
    fill_count: Option<String>,
    remaining_count: Option<String>,
    reduced_by: Option<String>,
    ts_ms: Option<u64>,
}

impl Answer {
    fn fields(&self) -> Fields<'_> {
        Fields {
            order_id: self.order_id.as_deref().map(str::as_bytes),
            client_order_id: self.client_order_id.as_deref().map(str::as_bytes),
            fill_count: self.fill_count.as_deref().map(str::as_bytes),
            remaining_count: self.remaining_count.as_deref().map(str::as_bytes),
            reduced_by: self.reduced_by.as_deref().map(str::as_bytes),
            ts_ms: self.ts_ms,
        }
    }
}

#[cold]
fn fallback(body: &[u8]) -> Option<Answer> {
    serde_json::from_slice(body).ok()
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
                let answer = fallback(text.as_bytes()).unwrap_or_default();
                prop_assert_eq!(answer.fields(), fields, "{}", text);
            }
        }
    }
}
