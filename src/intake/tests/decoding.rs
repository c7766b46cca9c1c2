//! One line: every field's forms, every way to get it wrong.

use crate::ids::{SignalId, SourceId, Ticker};
use crate::intake::{Decoded, Intent, decode_line};
use crate::message::{Action, Signal, Style, TimeInForce};
use crate::recorder::record::Malformed;
use crate::units::{Contracts, Price, PriceDelta, Timestamp, WallTime};

/// The line of `execution-layer` §2.
const PLAN: &str = r#"{"id":"sig-000123","ts_ns":1767225600123456789,"cycle":17,
    "should_trade":true,"action":"BUY_YES",
    "kalshi":{"ticker":"KXNFL-26JAN11-BUF","yes_ask":48,"no_ask":53},
    "edge":{"cents":7,"percent":14.6},"confidence":{"score":75,"tier":"HIGH"},
    "position":{"contracts":25,"risk_amount":1200}}"#;

/// The plan's line with one piece of text replaced.
#[track_caller]
fn with(from: &str, to: &str) -> String {
    assert!(PLAN.contains(from), "{from} is not in the line");
    PLAN.replace(from, to)
}

#[track_caller]
fn refused(line: &str, kind: Malformed, detail: &str) {
    let fault = decode_line(line.as_bytes()).expect_err(line);
    assert_eq!((fault.kind, fault.detail.as_str()), (kind, detail), "{line}");
}

#[track_caller]
fn bad(from: &str, to: &str, detail: &str) {
    refused(&with(from, to), Malformed::BadValue, detail);
}

#[track_caller]
fn missing(from: &str, to: &str, field: &str) {
    refused(&with(from, to), Malformed::MissingField, field);
}

#[test]
fn the_plans_line_is_a_signal() {
    let decoded = decode_line(PLAN.as_bytes()).unwrap();
    let expected = Signal {
        source: SourceId::default(),
        line: 0,
        id: SignalId::new(b"sig-000123").unwrap(),
        ticker: Ticker::new(b"KXNFL-26JAN11-BUF").unwrap(),
        action: Action::BuyYes,
        yes_ask: Price::from_cents(48),
        no_ask: Price::from_cents(53),
        edge: PriceDelta::from_cents(7),
        confidence: 75,
        contracts: Contracts::from_whole(25),
        max_price: None,
        time_in_force: None,
        style: None,
        produced_at: Some(WallTime::from_unix_ns(1_767_225_600_123_456_789)),
        expires_at: None,
        cycle: Some(17),
        received: Timestamp::ZERO,
        decoded: Timestamp::ZERO,
    };
    assert_eq!(decoded, Decoded { signal: expected, intent: Intent::Trade });
}

#[test]
fn what_is_rehearsed_takes_the_way_of_a_signal() {
    let mut decoder = crate::intake::decode::Decoder::default();
    let decoded = decoder.member(crate::intake::REHEARSAL, None).unwrap();
    assert_eq!((decoded.intent, decoder.fallbacks), (Intent::Trade, 0));
}

#[test]
fn fine_prices_and_sizes_come_as_strings() {
    let line = with(r#""yes_ask":48"#, r#""yes_ask":0,"yes_ask_dollars":"0.004825""#);
    let line = line.replace(r#""contracts":25"#, r#""contracts_fp":"0.05""#);
    let signal = decode_line(line.as_bytes()).unwrap().signal;
    assert_eq!(signal.yes_ask, Price::from_micros(4_825));
    assert_eq!(signal.contracts, Contracts::from_centis(5));
    bad(r#""yes_ask":48"#, r#""yes_ask_dollars":"0.4800001""#, "kalshi.yes_ask_dollars: 0.4800001");
    bad(r#""yes_ask":48"#, r#""yes_ask_dollars":"1.0000""#, "kalshi.yes_ask_dollars: 1.0000");
    bad(r#""no_ask":53"#, r#""no_ask_dollars":"0""#, "kalshi.no_ask_dollars: 0");
    bad(r#""contracts":25"#, r#""contracts_fp":"0.00""#, "position.contracts_fp: 0.00");
    bad(r#""contracts":25"#, r#""contracts_fp":"0.001""#, "position.contracts_fp: 0.001");
}

#[test]
fn optional_fields_are_read_and_null_is_absent() {
    let line = with(
        r#""cycle":17"#,
        r#""cycle":null,"time_in_force":"fill_or_kill","style":"make","max_price_dollars":"0.5500",
           "expires_ns":1767225600999999999,"event_id":"e-1","sport":null"#,
    );
    let signal = decode_line(line.as_bytes()).unwrap().signal;
    assert_eq!(signal.cycle, None);
    assert_eq!(signal.time_in_force, Some(TimeInForce::FillOrKill));
    assert_eq!(signal.style, Some(Style::Make));
    assert_eq!(signal.max_price, Price::from_cents(55));
    assert_eq!(signal.expires_at, Some(WallTime::from_unix_ns(1_767_225_600_999_999_999)));
    bad(r#""cycle":17"#, r#""time_in_force":"IOC""#, "time_in_force: IOC");
    bad(r#""cycle":17"#, r#""style":"steal""#, "style: steal");
    bad(r#""cycle":17"#, r#""max_price_dollars":"1""#, "max_price_dollars: 1");
    bad(r#""cycle":17"#, r#""expires_ns":"soon""#, "expires_ns: soon");
    bad(r#""cycle":17"#, r#""cycle":-1"#, "cycle: -1");
    bad(r#""cycle":17"#, r#""ts_ns":1.5"#, "ts_ns: 1.5");
}

#[test]
fn edges_are_exact_to_the_micro_dollar() {
    for (text, micros) in
        [("1.6661", 16_661), ("-0.5", -5_000), ("1.66619", 16_661), ("2e-1", 2_000)]
    {
        let line = with(r#""cents":7"#, &format!("\"cents\":{text}"));
        let edge = decode_line(line.as_bytes()).unwrap().signal.edge;
        assert_eq!(edge, PriceDelta::from_micros(micros), "{text}");
    }
    bad(r#""cents":7"#, r#""cents":"7""#, "edge.cents: 7");
    bad(r#""cents":7"#, r#""cents":1e300"#, "edge.cents: 1e300");
}

#[test]
fn required_fields_are_named_when_they_are_missing() {
    missing(r#""should_trade":true,"#, "", "should_trade");
    missing(r#""action":"BUY_YES","#, "", "action");
    missing(r#""ticker":"KXNFL-26JAN11-BUF","#, "", "kalshi.ticker");
    missing(r#"{"ticker":"KXNFL-26JAN11-BUF","yes_ask":48,"no_ask":53}"#, "null", "kalshi.ticker");
    missing(r#""yes_ask":48,"#, "", "kalshi.yes_ask");
    missing(r#""cents":7,"#, "", "edge.cents");
    missing(r#""contracts":25,"#, "", "position.contracts");
    missing(r#""contracts":25"#, r#""contracts":null"#, "position.contracts");
    refused("{}", Malformed::MissingField, "should_trade");
}

#[test]
fn each_action_needs_the_ask_of_its_side_of_the_book() {
    for (action, needs) in [
        ("BUY_YES", "yes_ask"),
        ("SELL_NO", "yes_ask"),
        ("BUY_NO", "no_ask"),
        ("SELL_YES", "no_ask"),
    ] {
        let line = with("BUY_YES", action);
        assert_eq!(decode_line(line.as_bytes()).unwrap().signal.action.as_str(), action);
        let line = line.replace(&format!("\"{needs}\""), "\"other\"");
        refused(&line, Malformed::MissingField, &format!("kalshi.{needs}"));
    }
}

#[test]
fn values_out_of_range_are_named() {
    for cents in ["0", "100", "-1", "48.5", "\"48\"", "4294967296", "true", "[48]"] {
        let detail = format!("kalshi.yes_ask: {}", cents.trim_matches('"'));
        bad(r#""yes_ask":48"#, &format!("\"yes_ask\":{cents}"), &detail);
    }
    for size in ["0", "-5", "2.5", "\"25\"", "99999999", "1e2"] {
        let detail = format!("position.contracts: {}", size.trim_matches('"'));
        bad(r#""contracts":25"#, &format!("\"contracts\":{size}"), &detail);
    }
    bad("BUY_YES", "HOLD", "action: HOLD");
    bad(r#""should_trade":true"#, r#""should_trade":1"#, "should_trade: 1");
    bad(r#""score":75"#, r#""score":-1"#, "confidence.score: -1");
    bad(r#"{"score":75,"tier":"HIGH"}"#, "75", "confidence: 75");
    bad(r#"{"contracts":25,"risk_amount":1200}"#, "[25]", "position: [25]");
    let long = "A".repeat(65);
    bad("KXNFL-26JAN11-BUF", &long, &format!("kalshi.ticker: {}...", "A".repeat(32)));
    bad("KXNFL-26JAN11-BUF", "KX NFL", "kalshi.ticker: KX NFL");
    bad("sig-000123", &long, &format!("id: {}...", "A".repeat(32)));
    assert!(decode_line(with("KXNFL-26JAN11-BUF", &"A".repeat(64)).as_bytes()).is_ok());
}

#[test]
fn what_is_no_json_says_where_and_what() {
    let line = with(r#""cents":7"#, r#""cents":NaN"#);
    let at = line.find("NaN").unwrap() + 1;
    refused(&line, Malformed::Json, &format!("unexpected at byte {at}: NaN"));
    for token in ["Infinity", "-Infinity"] {
        let line = with(r#""cents":7"#, &format!("\"cents\":{token}"));
        let fault = decode_line(line.as_bytes()).unwrap_err();
        assert_eq!(fault.kind, Malformed::Json);
        assert!(fault.detail.as_str().contains("Infinity"), "{fault}");
    }
    for line in ["x", "{", "{\"a\":1}}", "{\"a\":01}", "{'a':1}", "{\"a\":1,}", "\u{feff}{}"] {
        assert_eq!(decode_line(line.as_bytes()).unwrap_err().kind, Malformed::Json, "{line}");
    }
    refused("[1, 2]", Malformed::BadValue, "line: [1, 2]");
    refused("null", Malformed::BadValue, "line: null");
    let fault = decode_line(b"{\"id\":\"\xff\"}").unwrap_err();
    assert_eq!(fault.kind, Malformed::Utf8);
    let fault = decode_line(b"{\"other\":\"\xc3\"}").unwrap_err();
    assert_eq!(fault.kind, Malformed::Utf8);
}

#[test]
fn unknown_fields_and_repeated_keys_read_as_in_python() {
    let line = with(
        r#""edge":{"cents":7"#,
        r#""edge":{"cents":1},"x":{"edge":{"cents":NaNish},"deep":[[{"y":"\"}"}]]},
           "edge":{"cents":9"#,
    );
    refused(
        &line,
        Malformed::Json,
        &format!("unexpected at byte {}: NaNish", line.find("NaNish").unwrap() + 1),
    );
    let line = line.replace("NaNish", "5");
    assert_eq!(decode_line(line.as_bytes()).unwrap().signal.edge, PriceDelta::from_cents(9));
    // The later object replaces the earlier one whole, it does not add to it.
    missing(r#""confidence""#, r#""kalshi":{"yes_ask":48},"confidence""#, "kalshi.ticker");
}

#[test]
fn escapes_are_resolved_by_the_full_parser() {
    let line = with(r#""action":"BUY_YES""#, r#""\u0061ction":"BUY\u005fYES""#);
    let decoded = decode_line(line.as_bytes()).unwrap();
    assert_eq!(decoded, decode_line(PLAN.as_bytes()).unwrap());
    bad("sig-000123", r"sig\ud800", r"id: ?sig?ud800?");
}

#[test]
fn a_missing_id_is_derived_from_the_content() {
    let nameless = with(r#""id":"sig-000123","#, "");
    let id = |line: &str| decode_line(line.as_bytes()).unwrap().signal.id;
    let derived = id(&nameless);
    assert_eq!(derived.as_bytes().len(), 21);
    assert!(derived.as_str().starts_with("auto-"), "{derived}");
    assert_eq!(id(&format!(" {nameless} \r")), derived);
    assert_ne!(id(&nameless.replace("48", "49")), derived);
    assert!(id(&with("sig-000123", "")).as_str().starts_with("auto-"));
    // FNV-1a 64 of these bytes, computed independently.
    let text = r#"{"should_trade":false,"action":"BUY_YES","kalshi":{"ticker":"A"}}"#;
    assert_eq!(id(text).as_str(), "auto-126018cf1972454f");
}

#[test]
fn a_signal_not_to_be_traded_needs_market_and_action_only() {
    let text = r#"{"id":"a","should_trade":false,"action":"BUY_NO","kalshi":{"ticker":"A",
        "yes_ask":0,"no_ask":100},"edge":null,"position":{"contracts":0}}"#;
    let decoded = decode_line(text.as_bytes()).unwrap();
    assert_eq!(decoded.intent, Intent::Pass);
    assert_eq!(decoded.signal.contracts, Contracts::ZERO);
    refused(r#"{"should_trade":false,"kalshi":{"ticker":"A"}}"#, Malformed::MissingField, "action");
}
