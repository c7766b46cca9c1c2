//! Stream messages: the exchange's documented examples, and the scanner against the parser.

use proptest::prelude::*;
use serde_json::{Value as Json, json};

mod books;

use super::*;
use crate::ids::{ClientOrderId, InlineText, RunId};
use crate::message::{BookSide, ExchangeStatus};
use crate::units::{Contracts, Money, Price, WallTime};

const RECEIVED: Timestamp = Timestamp::from_ns(77);

fn ours() -> ClientOrderId {
    ClientOrderId::new(RunId::new(0xabc), 7)
}

fn fill_json() -> Json {
    json!({"type":"fill","sid":13,"sending_ts_ms":1671899397012_u64,"msg":{
        "trade_id":"d91bc706-ee49-470d-82d8-11418bda6fed",
        "order_id":"ee587a1c-8b87-4dcf-b721-9f6f790619fa","client_order_id":ours().to_string(),
        "market_ticker":"HIGHNY-22DEC23-B53.5","exchange_index":2,"is_taker":true,"side":"yes",
        "yes_price_dollars":"0.7500","count_fp":"278.00","fee_cost":"0.010000","action":"buy",
        "ts":1671899397,"ts_ms":1671899397000_u64,"post_position_fp":"500.00",
        "purchased_side":"yes","outcome_side":"yes","book_side":"bid","subaccount":3}})
}

fn order_json() -> Json {
    json!({"type":"user_order","sid":22,"sending_ts_ms":1,"msg":{
        "order_id":"ee587a1c-8b87-4dcf-b721-9f6f790619fa","user_id":"u",
        "ticker":"FED-23DEC-T3.00","exchange_index":2,"status":"resting","side":"yes",
        "is_yes":true,"outcome_side":"yes","book_side":"bid","yes_price_dollars":"0.3500",
        "fill_count_fp":"3.00","remaining_count_fp":"7.00","initial_count_fp":"10.00",
        "taker_fill_cost_dollars":"0.000000","client_order_id":ours().to_string(),
        "created_time":"2024-12-01T10:00:00Z","created_ts_ms":1733047200000_u64,
        "last_update_reason":"Trade","subaccount_number":0}})
}

fn decode(text: &str) -> Result<StreamMessage, Undecodable> {
    Decoder::new().decode(text, RECEIVED)
}

/// Decodes and says whether the scanner did it.
fn decode_counted(message: &Json) -> (StreamMessage, DecodeCounts) {
    let mut decoder = Decoder::new();
    let decoded = decoder.decode(&format!("{message}\n"), RECEIVED).unwrap();
    (decoded, decoder.counts())
}

const SCANNED: DecodeCounts = DecodeCounts { scanned: 1, parsed: 0, undecodable: 0 };
const PARSED: DecodeCounts = DecodeCounts { scanned: 0, parsed: 1, undecodable: 0 };

fn expected_fill() -> Fill {
    Fill {
        trade_id: InlineText::new(b"d91bc706-ee49-470d-82d8-11418bda6fed").unwrap(),
        order_id: InlineText::new(b"ee587a1c-8b87-4dcf-b721-9f6f790619fa").unwrap(),
        client_order_id: Some(ours()),
        ticker: InlineText::new(b"HIGHNY-22DEC23-B53.5").unwrap(),
        side: BookSide::Bid,
        price: Price::from_cents(75).unwrap(),
        quantity: Contracts::from_whole(278),
        fee: Money::from_cents(1),
        is_taker: true,
        exchange_time: WallTime::from_unix_ms(1_671_899_397_000),
        received: RECEIVED,
        decoded: RECEIVED,
        origin: Origin::Stream,
    }
}

fn expected_order() -> OrderReport {
    OrderReport {
        order_id: InlineText::new(b"ee587a1c-8b87-4dcf-b721-9f6f790619fa").unwrap(),
        client_order_id: Some(ours()),
        ticker: InlineText::new(b"FED-23DEC-T3.00").unwrap(),
        side: BookSide::Bid,
        price: Price::from_cents(35).unwrap(),
        status: ExchangeStatus::Resting,
        filled: Contracts::from_whole(3),
        remaining: Contracts::from_whole(7),
        expired: false,
        received: RECEIVED,
        origin: Origin::Stream,
    }
}

#[test]
fn a_fill_is_scanned() {
    assert_eq!(decode_counted(&fill_json()), (StreamMessage::Fill(expected_fill()), SCANNED));
}

#[test]
fn an_order_is_scanned() {
    assert_eq!(decode_counted(&order_json()), (StreamMessage::Order(expected_order()), SCANNED));
}

#[test]
fn an_order_id_that_is_not_ours_is_none() {
    let mut message = fill_json();
    message["msg"]["client_order_id"] = json!("my-order-1");
    let StreamMessage::Fill(fill) = decode_counted(&message).0 else { panic!("a fill") };
    assert_eq!(fill.client_order_id, None);
    message["msg"].as_object_mut().unwrap().remove("client_order_id");
    assert_eq!(decode_counted(&message), (StreamMessage::Fill(fill), SCANNED));
}

#[test]
fn the_side_falls_back_to_older_fields() {
    let sides = |book: Json, outcome: Json, action: Json, side: Json| {
        let mut message = fill_json();
        for (key, value) in
            [("book_side", book), ("outcome_side", outcome), ("action", action), ("side", side)]
        {
            message["msg"][key] = value;
        }
        match decode(&message.to_string()) {
            Ok(StreamMessage::Fill(fill)) => Some(fill.side),
            Ok(_) => panic!("a fill"),
            Err(_) => None,
        }
    };
    let none = || Json::Null;

    assert_eq!(sides(json!("ask"), json!("yes"), none(), none()), Some(BookSide::Ask));
    assert_eq!(sides(none(), json!("no"), json!("buy"), json!("yes")), Some(BookSide::Ask));
    assert_eq!(sides(none(), none(), json!("buy"), json!("no")), Some(BookSide::Ask));
    assert_eq!(sides(none(), none(), json!("sell"), json!("no")), Some(BookSide::Bid));
    assert_eq!(sides(none(), none(), json!("sell"), json!("yes")), Some(BookSide::Ask));
    assert_eq!(sides(json!("up"), json!("yes"), none(), none()), None);
    assert_eq!(sides(none(), none(), none(), json!("yes")), None);
}

#[test]
fn numbers_where_strings_were_are_parsed() {
    let mut message = fill_json();
    message["msg"]["yes_price_dollars"] = json!(0.75);
    message["msg"]["count_fp"] = json!(278);
    message["msg"]["fee_cost"] = json!(0.01);
    message["msg"]["ts_ms"] = json!("1671899397000");
    assert_eq!(decode_counted(&message), (StreamMessage::Fill(expected_fill()), PARSED));
}

#[test]
fn escapes_and_nested_values_are_parsed() {
    let text = fill_json().to_string().replace("HIGHNY", "\\u0048IGHNY");
    assert_eq!(decode(&text), Ok(StreamMessage::Fill(expected_fill())));
    let mut message = fill_json();
    message["msg"]["new"] = json!({"deep": [1, {"er": null}]});
    message["fresh"] = json!([]);
    assert_eq!(decode_counted(&message), (StreamMessage::Fill(expected_fill()), PARSED));
}

#[test]
fn a_missing_field_is_named() {
    for field in ["trade_id", "order_id", "yes_price_dollars", "count_fp", "fee_cost", "is_taker"] {
        let mut message = fill_json();
        message["msg"].as_object_mut().unwrap().remove(field);
        let error = decode(&message.to_string()).unwrap_err();
        assert!(matches!(error, Undecodable::Field(at) if at.field == field), "{error:?}");
    }
}

#[test]
fn an_order_ends_as_expired_only_by_the_exchanges_word() {
    let with = |status: &str, reason: Json| {
        let mut message = order_json();
        message["msg"]["status"] = json!(status);
        message["msg"]["last_update_reason"] = reason;
        let StreamMessage::Order(order) = decode_counted(&message).0 else { panic!("an order") };
        (order.status, order.expired)
    };
    assert_eq!(with("canceled", json!("ExpiryCancel")), (ExchangeStatus::Canceled, true));
    assert_eq!(with("canceled", json!("Decrease")), (ExchangeStatus::Canceled, false));
    assert_eq!(with("canceled", Json::Null), (ExchangeStatus::Canceled, false));
    assert_eq!(with("executed", json!("Trade")), (ExchangeStatus::Executed, false));
}

#[test]
fn what_cannot_be_ours_or_says_nothing_is_other() {
    let mut message = order_json();
    message["msg"]["status"] = json!("unknown");
    assert_eq!(decode(&message.to_string()), Ok(StreamMessage::Other));
    let mut message = fill_json();
    message["msg"]["market_ticker"] = json!("K".repeat(65));
    assert_eq!(decode(&message.to_string()), Ok(StreamMessage::Other));
    let lifecycle = r#"{"type":"market_lifecycle_v2","sid":13,"seq":3,"msg":{"event_type":"metadata_updated"}}"#;
    assert_eq!(decode(lifecycle), Ok(StreamMessage::Other));
}

#[test]
fn an_unreadable_order_matters_only_when_it_is_ours() {
    let mut message = order_json();
    message["msg"]["yes_price_dollars"] = json!("1.0000");
    let error = decode(&message.to_string()).unwrap_err();
    assert_eq!(error, Undecodable::Field(FieldError { field: "yes_price_dollars" }));
    message["msg"]["client_order_id"] = json!("by-hand");
    assert_eq!(decode(&message.to_string()), Ok(StreamMessage::Other));
}

#[test]
fn answers_to_commands_are_read() {
    let check = |text: &str, expected| assert_eq!(decode(text), Ok(expected), "{text}");
    check(
        r#"{"type":"subscribed","id":1,"msg":{"channel":"fill","sid":13}}"#,
        StreamMessage::Subscribed { channel: Channel::Fill, sid: 13 },
    );
    check(
        r#"{"type":"subscribed","id":1,"msg":{"channel":"user_orders","sid":2}}"#,
        StreamMessage::Subscribed { channel: Channel::UserOrders, sid: 2 },
    );
    check(
        r#"{"type":"subscribed","id":1,"msg":{"channel":"orderbook_delta","sid":1}}"#,
        StreamMessage::Subscribed { channel: Channel::Books, sid: 1 },
    );
    check(
        r#"{"type":"subscribed","id":1,"msg":{"channel":"trade","sid":2}}"#,
        StreamMessage::Other,
    );
    check(
        r#"{"id":102,"sid":2,"seq":7,"type":"unsubscribed","sending_ts_ms":5}"#,
        StreamMessage::Unsubscribed { sid: 2 },
    );
    check(r#"{"id":3,"type":"ok","msg":[{"channel":"fill","sid":1}]}"#, StreamMessage::Ok);
    check(
        r#"{"id":123,"type":"error","msg":{"code":25,"msg":"Subscription buffer overflow"}}"#,
        StreamMessage::Error { code: 25, id: Some(123), sid: None },
    );
    assert!(StreamMessage::Error { code: 10, id: None, sid: None }.is_terminal_error());
    assert!(!StreamMessage::Error { code: 7, id: None, sid: None }.is_terminal_error());
}

#[test]
fn garbage_is_undecodable_and_counted() {
    let mut decoder = Decoder::new();
    for text in ["", "{", "{\"type\":\"fill\"}", "{\"type\":\"fill\",\"msg\":1}"] {
        assert_eq!(decoder.decode(text, RECEIVED), Err(Undecodable::Json), "{text}");
    }
    let no_type = Err(Undecodable::Field(FieldError { field: "type" }));
    assert_eq!(decoder.decode("{}", RECEIVED), no_type);
    assert_eq!(decoder.decode("[]", RECEIVED), no_type);
    let huge = fill_json().to_string().replace("1671899397000", "18446744073709551615");
    assert!(decoder.decode(&huge, RECEIVED).is_ok(), "a time in seconds is left");
    assert_eq!(decoder.counts(), DecodeCounts { scanned: 0, parsed: 1, undecodable: 6 });
}

#[test]
fn commands_are_what_the_exchange_documents() {
    let text = subscribe_command(3, &Channel::NEEDED);
    assert_eq!(text, r#"{"id":3,"cmd":"subscribe","params":{"channels":["fill","user_orders"]}}"#);
    assert_eq!(
        unsubscribe_command(2, &[1, 2]),
        r#"{"id":2,"cmd":"unsubscribe","params":{"sids":[1,2]}}"#
    );
}

/// Values a field of a message may have: sound, odd and wrong ones.
fn any_value() -> impl Strategy<Value = Json> {
    prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<u64>().prop_map(Json::from),
        (0_u32..1_000_000)
            .prop_map(|micros| json!(format!("0.{micros:06}").parse::<f64>().unwrap())),
        (0_u32..1_000).prop_map(|mils| json!(format!("0.{mils:03}0"))),
        (0_u32..1_000_000).prop_map(|centis| json!(format!(
            "{}.{:02}",
            centis / 100,
            centis % 100
        ))),
        prop::sample::select(vec![
            "bid",
            "ask",
            "yes",
            "no",
            "buy",
            "sell",
            "fill",
            "user_order",
            "orderbook_delta",
            "ticker",
            "-3.00",
            "0.0000",
            "1.0000",
            "resting",
            "canceled",
            "executed",
            "unknown",
            "ExpiryCancel",
            "a-b",
            "\u{e4}",
            "q\"q"
        ])
        .prop_map(Json::from),
        prop::collection::vec(any::<u8>(), 0..3).prop_map(Json::from),
        prop::collection::vec(("0\\.[0-9]{4}", "-?[0-9]{1,3}\\.[0-9]{2}"), 0..4)
            .prop_map(|levels| json!(levels)),
    ]
}

/// A message with some fields replaced, written with its members in any order.
fn mutated(base: fn() -> Json) -> impl Strategy<Value = String> {
    let keys: Vec<String> = base()["msg"].as_object().unwrap().keys().cloned().collect();
    let changes = prop::collection::vec((prop::sample::select(keys), any_value()), 0..3);
    let order = prop::collection::vec(any::<u64>(), 40);
    (changes, order, prop::sample::select(vec!["", " ", "\n"])).prop_map(
        move |(changes, order, gap)| {
            let mut message = base();
            for (key, value) in changes {
                message["msg"][key] = value;
            }
            write_shuffled(&message, &order, gap)
        },
    )
}

fn write_shuffled(value: &Json, order: &[u64], gap: &str) -> String {
    let Json::Object(members) = value else { return value.to_string() };
    let mut members: Vec<_> = members.iter().zip(order).collect();
    members.sort_by_key(|(_, rank)| **rank);
    let parts: Vec<String> = members
        .iter()
        .map(|((key, value), _)| {
            format!("{gap}\"{key}\":{gap}{}", write_shuffled(value, &order[1..], gap))
        })
        .collect();
    format!("{{{}{gap}}}", parts.join(","))
}

proptest! {
    #[test]
    fn scanner_and_parser_agree(
        text in prop_oneof![
            mutated(fill_json),
            mutated(order_json),
            mutated(books::delta_json),
            mutated(books::ticker_json),
            mutated(books::snapshot_json),
        ],
    ) {
        let (mut fast, mut slow) = (Vec::new(), Vec::new());
        if let Some((envelope, message)) = scan(text.as_bytes(), RECEIVED, &mut fast) {
            let parsed = parse(&text, RECEIVED, &mut slow);
            prop_assert_eq!(parsed, (envelope, Ok(message)), "{}", text);
            prop_assert_eq!(books::sorted(&fast), books::sorted(&slow), "{}", text);
        }
    }

    #[test]
    fn key_order_does_not_matter(
        order in prop::collection::vec(any::<u64>(), 40),
    ) {
        let fill = write_shuffled(&fill_json(), &order, "");
        prop_assert_eq!(decode(&fill), Ok(StreamMessage::Fill(expected_fill())));
        let report = write_shuffled(&order_json(), &order, " ");
        prop_assert_eq!(decode(&report), Ok(StreamMessage::Order(expected_order())));
    }

    #[test]
    fn no_text_panics(text in ".{0,200}") {
        let mut decoder = Decoder::new();
        let decoded = decoder.decode(&text, RECEIVED);
        prop_assert!(decoded.is_err() || decoder.counts().undecodable == 0);
    }
}
