//! Refusals: status and body of a 4xx in, a typed [`Reject`] out.
//!
//! Three JSON shapes, a bare text and pages of proxies are on the wire (reference §3.0). Codes
//! may be whole sentences or carry ids at their end, so they are matched by prefix, in any case
//! of letters. Never fails: what is not understood is [`RejectKind::Other`] with its words kept.

use crate::ids::Reason;
use crate::kalshi::flat::{Members, NotFlat, Value};
use crate::message::{Reject, RejectKind, Trouble};

/// Code prefixes and what they mean. The first that matches counts.
#[rustfmt::skip]
const KINDS: &[(&str, RejectKind)] = &[
    ("order_already_exists",          RejectKind::DuplicateOrder),
    ("insufficient_balance",          RejectKind::InsufficientBalance),
    ("available_balance_too_low",     RejectKind::InsufficientBalance),
    ("invalid_price",                 RejectKind::InvalidPrice),
    ("post_only_cross",               RejectKind::PostOnlyCross),
    ("fill_or_kill_insufficient",     RejectKind::FillOrKill),
    ("trading_is_paused",             RejectKind::Paused),
    ("exchange_is_paused",            RejectKind::Paused),
    ("trading_paused",                RejectKind::Paused),
    ("exchange_paused",               RejectKind::Paused),
    // The exchange's status `inactive` is a paused market (reference §7).
    ("market_not_active",             RejectKind::MarketInactive),
    ("market_inactive",               RejectKind::MarketInactive),
    ("market_already_closed",         RejectKind::MarketInactive),
    ("market_closed",                 RejectKind::MarketInactive),
    ("market_not_found",              RejectKind::NotFound),
    ("not_found",                     RejectKind::NotFound),
    ("user_not_found",                RejectKind::Unauthorized),
    ("header_timestamp_expired",      RejectKind::Unauthorized),
    ("authentication_error",          RejectKind::Unauthorized),
    ("signature_is_missing",          RejectKind::Unauthorized),
    ("your_location_attestation",     RejectKind::Region),
    ("exceeded_order_group_risk_limit", RejectKind::GroupTriggered),
    ("too_many_requests",             RejectKind::TooManyRequests),
    ("too many requests",             RejectKind::TooManyRequests),
    ("deprecated_v1_order_endpoint",  RejectKind::Gone),
    ("missing_parameters",            RejectKind::InvalidRequest),
    ("invalid_parameters",            RejectKind::InvalidRequest),
    ("bad_request",                   RejectKind::InvalidRequest),
    ("invalid_order",                 RejectKind::InvalidRequest),
    ("order_id_and_client_order_id_mismatch", RejectKind::InvalidRequest),
    ("order_side_mismatch",           RejectKind::InvalidRequest),
    ("order_ticker_mismatch",         RejectKind::InvalidRequest),
];

/// Our names for answers without a code.
const CODE_VALIDATION: &str = "parameter_validation";
const CODE_NOT_JSON: &str = "not_json";
const CODE_NONE: &str = "no_code";

/// Bytes kept of message and details together: what a [`Reason`] holds.
const MESSAGE_BYTES_MAX: usize = 96;

/// The texts of an error body, as they stand there.
#[derive(Clone, Copy, Debug, Default)]
struct Texts<'a> {
    code: &'a [u8],
    message: &'a [u8],
    details: &'a [u8],
}

/// Reads the refusal behind a 4xx.
#[cold]
#[must_use]
pub fn reject(status: u16, body: &[u8]) -> Reject {
    let texts = match texts(body) {
        Ok(texts) if texts.code.is_empty() => Texts { code: CODE_NONE.as_bytes(), ..texts },
        Ok(texts) => texts,
        Err(NotFlat) => {
            Texts { code: CODE_NOT_JSON.as_bytes(), message: body.trim_ascii(), details: b"" }
        }
    };
    let kind = kind(status, &texts);
    Reject {
        status,
        kind,
        code: reason(texts.code, b""),
        message: reason(texts.message, texts.details),
    }
}

/// What a refusal is a sign of, when it is one.
#[cold]
#[must_use]
pub fn trouble(status: u16, code: &str) -> Option<Trouble> {
    let code = code.as_bytes();
    match kind(status, &Texts { code, ..Texts::default() }) {
        RejectKind::Paused => Some(Trouble::ExchangePaused),
        RejectKind::MarketInactive => Some(Trouble::MarketPaused),
        RejectKind::Gone => Some(Trouble::EndpointGone),
        RejectKind::TooManyRequests => Some(Trouble::RateLimited),
        RejectKind::Region => Some(Trouble::RegionAttestation),
        RejectKind::Unauthorized if starts_with(code, b"header_timestamp_expired") => {
            Some(Trouble::ClockSkew)
        }
        RejectKind::Unauthorized => Some(Trouble::KeyRefused),
        RejectKind::DuplicateOrder
        | RejectKind::InsufficientBalance
        | RejectKind::InvalidPrice
        | RejectKind::PostOnlyCross
        | RejectKind::FillOrKill
        | RejectKind::NotFound
        | RejectKind::InvalidRequest
        | RejectKind::GroupTriggered
        | RejectKind::Other => None,
    }
}

fn texts(body: &[u8]) -> Result<Texts<'_>, NotFlat> {
    let mut texts = Texts::default();
    let mut members = Members::new(body)?;
    while let Some((key, value)) = members.next()? {
        match (key, value) {
            (b"error", Value::Object(inner)) => return flat_texts(inner),
            (b"error", Value::Text(text) | Value::Escaped(text)) => {
                texts = Texts { code: text, message: text, details: b"" };
            }
            (b"msg", Value::Text(text) | Value::Escaped(text)) => {
                texts.code = CODE_VALIDATION.as_bytes();
                texts.message = text;
            }
            _ => note(&mut texts, key, value),
        }
    }
    Ok(texts)
}

/// Texts of the object inside `error`.
fn flat_texts(object: &[u8]) -> Result<Texts<'_>, NotFlat> {
    let mut texts = Texts::default();
    let mut members = Members::new(object)?;
    while let Some((key, value)) = members.next()? {
        note(&mut texts, key, value);
    }
    Ok(texts)
}

const fn note<'a>(texts: &mut Texts<'a>, key: &[u8], value: Value<'a>) {
    let (Value::Text(text) | Value::Escaped(text)) = value else { return };
    match key {
        b"code" => texts.code = text,
        b"message" => texts.message = text,
        b"details" => texts.details = text,
        _ => {}
    }
}

fn kind(status: u16, texts: &Texts<'_>) -> RejectKind {
    let by_code = KINDS.iter().find(|(prefix, _)| starts_with(texts.code, prefix.as_bytes()));
    match (status, by_code) {
        (429, _) => RejectKind::TooManyRequests,
        (410, _) => RejectKind::Gone,
        (_, Some((_, RejectKind::InvalidRequest))) if mentions_post_only(texts) => {
            RejectKind::PostOnlyCross
        }
        (_, Some((_, kind))) => *kind,
        (401 | 403, None) => RejectKind::Unauthorized,
        (404, None) => RejectKind::NotFound,
        (_, None) if texts.code == CODE_VALIDATION.as_bytes() => RejectKind::InvalidRequest,
        (_, None) => RejectKind::Other,
    }
}

/// `invalid_order` says only in its details that a post-only order would have crossed.
fn mentions_post_only(texts: &Texts<'_>) -> bool {
    starts_with(texts.details, b"post only cross") || starts_with(texts.message, b"post only cross")
}

fn starts_with(text: &[u8], prefix: &[u8]) -> bool {
    text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

/// `first`, and `second` behind a colon when there is one, cut to what fits.
fn reason(first: &[u8], second: &[u8]) -> Reason {
    let mut bytes = [b'?'; MESSAGE_BYTES_MAX];
    let separator: &[u8] = if first.is_empty() || second.is_empty() { b"" } else { b": " };
    let mut len = 0;
    let all = first.iter().chain(separator).chain(second);
    for (slot, &byte) in bytes.iter_mut().zip(all) {
        // Line ends and bytes outside of ASCII would not survive in logs and journals.
        *slot = match byte {
            b'\r' | b'\n' | b'\t' => b' ',
            0x20..=0x7e => byte,
            _ => b'?',
        };
        len += 1;
    }
    Reason::lossy(core::str::from_utf8(&bytes[..len]).unwrap_or(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(status: u16, body: &str, kind: RejectKind, code: &str, message: &str) {
        let found = reject(status, body.as_bytes());
        let expected =
            Reject { status, kind, code: Reason::lossy(code), message: Reason::lossy(message) };
        assert_eq!(found, expected, "{body}");
    }

    #[test]
    fn the_nested_shape_is_read() {
        let body = concat!(
            r#"{"error":{"code":"order_already_exists","message":"order already exists","#,
            r#""service":"exchange"}}"#,
        );
        check(
            409,
            body,
            RejectKind::DuplicateOrder,
            "order_already_exists",
            "order already exists",
        );
        let body = concat!(
            r#"{"error":{"code":"insufficient_balance","message":"insufficient balance","#,
            r#""service":"exchange"}}"#,
        );
        check(
            400,
            body,
            RejectKind::InsufficientBalance,
            "insufficient_balance",
            "insufficient balance",
        );
        let body =
            r#"{"error":{"code":"invalid_price","message":"invalid price","service":"exchange"}}"#;
        check(400, body, RejectKind::InvalidPrice, "invalid_price", "invalid price");
        let body = concat!(
            r#"{"error":{"code":"invalid_order","message":"invalid order","#,
            r#""details":"post only cross"}}"#,
        );
        check(
            400,
            body,
            RejectKind::PostOnlyCross,
            "invalid_order",
            "invalid order: post only cross",
        );
        let body = r#"{"error":{"code":"not_found","message":"not found"}}"#;
        check(404, body, RejectKind::NotFound, "not_found", "not found");
        let body = concat!(
            r#"{"error":{"code":"authentication_error","message":"authentication_error","#,
            r#""details":"INCORRECT_API_KEY_SIGNATURE"}}"#,
        );
        let message = "authentication_error: INCORRECT_API_KEY_SIGNATURE";
        check(401, body, RejectKind::Unauthorized, "authentication_error", message);
    }

    #[test]
    fn the_flat_shape_is_read() {
        let body = concat!(
            r#"{"code":"bad_request","message":"bad request","details":"json: cannot unmarshal "#,
            r#"number into Go struct field CreateOrderV2Request.count of type string"}"#,
        );
        let message = "bad request: json: cannot unmarshal number into Go struct field \
                       CreateOrderV2Request.count of type string";
        check(400, body, RejectKind::InvalidRequest, "bad_request", message);
    }

    #[test]
    fn the_bare_message_is_read() {
        let body = concat!(
            r#"{"msg":"Parameter validation failed for GetMarkets: "#,
            r#"Key: 'GetMarketsParams.Limit'"}"#,
        );
        let message = "Parameter validation failed for GetMarkets: Key: 'GetMarketsParams.Limit'";
        check(400, body, RejectKind::InvalidRequest, CODE_VALIDATION, message);
    }

    #[test]
    fn a_bare_error_text_is_read() {
        let body = r#"{"error":"too many requests"}"#;
        check(429, body, RejectKind::TooManyRequests, "too many requests", "too many requests");
    }

    #[test]
    fn pages_of_proxies_keep_their_words() {
        let body = "<html>\r\n<head><title>403 Forbidden</title></head>\r\n</html>\r\n";
        let text = "<html>  <head><title>403 Forbidden</title></head>  </html>";
        check(403, body, RejectKind::Unauthorized, CODE_NOT_JSON, text);
        check(400, "", RejectKind::Other, CODE_NOT_JSON, "");
        check(400, "{}", RejectKind::Other, CODE_NONE, "");
        check(
            400,
            "{\"error\":{\"code\":\"x\"",
            RejectKind::Other,
            CODE_NOT_JSON,
            "{?error?:{?code?:?x?",
        );
    }

    #[track_caller]
    fn maps(status: u16, code: &str, expected: RejectKind) {
        let body = format!("{{\"error\":{{\"code\":\"{code}\",\"message\":\"m\"}}}}");
        assert_eq!(reject(status, body.as_bytes()).kind, expected, "{status} {code}");
    }

    #[test]
    fn codes_are_matched_by_prefix_whatever_the_status() {
        maps(400, "available_balance_too_low", RejectKind::InsufficientBalance);
        maps(409, "fill_or_kill_insufficient_resting_volume", RejectKind::FillOrKill);
        maps(409, "trading_is_paused", RejectKind::Paused);
        maps(400, "exchange_is_paused", RejectKind::Paused);
        maps(400, "MARKET_NOT_ACTIVE", RejectKind::MarketInactive);
        maps(400, "market_inactive", RejectKind::MarketInactive);
        maps(404, "market_not_found", RejectKind::NotFound);
        maps(400, "EXCEEDED_ORDER_GROUP_RISK_LIMIT", RejectKind::GroupTriggered);
        maps(404, "user_not_found:_8c35ecb3-328f-4f52-8c7c-0f4b9862f8d1", RejectKind::Unauthorized);
        maps(401, "header_timestamp_expired", RejectKind::Unauthorized);
        maps(401, "signature_is_missing_from_headers", RejectKind::Unauthorized);
        maps(400, "missing_parameters", RejectKind::InvalidRequest);
        maps(400, "invalid_order_size", RejectKind::InvalidRequest);
        maps(400, "order_id_and_client_order_id_mismatch", RejectKind::InvalidRequest);
        maps(410, "deprecated_v1_order_endpoint", RejectKind::Gone);
        maps(
            403,
            "Your_location_attestation_for_API_trading_is_missing_or_expired._Please_verify_your_\
             location_in_the_Kalshi_app_or_website,_and_then_retry.",
            RejectKind::Region,
        );
    }

    #[test]
    fn unknown_codes_fall_back_to_the_status() {
        maps(401, "novel", RejectKind::Unauthorized);
        maps(403, "novel", RejectKind::Unauthorized);
        maps(404, "novel", RejectKind::NotFound);
        maps(410, "novel", RejectKind::Gone);
        maps(429, "novel", RejectKind::TooManyRequests);
        maps(400, "novel", RejectKind::Other);
        maps(409, "novel", RejectKind::Other);
        maps(418, "", RejectKind::Other);
    }

    #[test]
    fn escapes_and_foreign_letters_do_not_hide_the_code() {
        let body = r#"{"error":{"message":"say \"hé\"","code":"invalid_price"}}"#;
        let found = reject(400, body.as_bytes());
        assert_eq!(found.kind, RejectKind::InvalidPrice);
        assert!(found.message.as_str().starts_with("say ??h"));
    }

    #[track_caller]
    fn is_sign(status: u16, code: &str, of: Option<Trouble>) {
        assert_eq!(trouble(status, code), of, "{status} {code}");
    }

    #[test]
    fn refusals_are_signs_of_what_is_behind_them() {
        let sentence = "Your_location_attestation_for_API_trading_is_missing_or_expired._Please";
        is_sign(403, sentence, Some(Trouble::RegionAttestation));
        is_sign(401, "header_timestamp_expired", Some(Trouble::ClockSkew));
        is_sign(401, "authentication_error", Some(Trouble::KeyRefused));
        is_sign(403, CODE_NONE, Some(Trouble::KeyRefused));
        is_sign(410, "deprecated_v1_order_endpoint", Some(Trouble::EndpointGone));
        is_sign(410, "", Some(Trouble::EndpointGone));
        is_sign(409, "trading_is_paused", Some(Trouble::ExchangePaused));
        is_sign(400, "MARKET_NOT_ACTIVE", Some(Trouble::MarketPaused));
        is_sign(429, "", Some(Trouble::RateLimited));
        is_sign(400, "invalid_price", None);
        is_sign(503, CODE_NOT_JSON, None);
    }
}
