//! Books on the stream: the exchange's documented examples, as they are and damaged.

use serde_json::{Value as Json, json};

use super::{RECEIVED, decode};
use crate::ids::Ticker;
use crate::kalshi::stream::{
    BookDelta, BookLevel, BookSnapshot, Channel, DecodeCounts, Decoder, Envelope, MarketWish,
    SNAPSHOT_LEVELS_MAX, StreamMessage, TickerQuote, write_subscribe_market, write_update,
};
use crate::message::BookSide;
use crate::units::{Price, WallTime};

pub(super) fn snapshot_json() -> Json {
    json!({"type":"orderbook_snapshot","sid":2,"seq":2,"sending_ts_ms":1671899397012_u64,"msg":{
        "market_ticker":"FED-23DEC-T3.00","market_id":"9b0f6b43-5b68-4f9f-9f02-9a2d1b8ac1a1",
        "clock":4182057,"yes_dollars_fp":[["0.0800","300.00"],["0.2200","333.00"]],
        "no_dollars_fp":[["0.5400","20.00"],["0.5600","146.00"]]}})
}

pub(super) fn delta_json() -> Json {
    json!({"type":"orderbook_delta","sid":2,"seq":3,"sending_ts_ms":1671899397012_u64,"msg":{
        "market_ticker":"FED-23DEC-T3.00","market_id":"9b0f6b43-5b68-4f9f-9f02-9a2d1b8ac1a1",
        "clock":4182061,"price_dollars":"0.9600","delta_fp":"-54.00","side":"yes",
        "ts":"2022-11-22T20:44:01Z","ts_ms":1669149841000_u64}})
}

pub(super) fn ticker_json() -> Json {
    json!({"type":"ticker","sid":11,"sending_ts_ms":1671899397012_u64,"msg":{
        "market_id":"9b0f6b43-5b68-4f9f-9f02-9a2d1b8ac1a1","market_ticker":"FED-23DEC-T3.00",
        "price_dollars":"0.4800","yes_bid_dollars":"0.4500","yes_ask_dollars":"0.5300",
        "volume_fp":"33896.00","open_interest_fp":"20422.00","dollar_volume":16948,
        "dollar_open_interest":10211,"yes_bid_size_fp":"300.00","yes_ask_size_fp":"150.00",
        "last_trade_size_fp":"25.00","ts":1669149841,"ts_ms":1669149841000_u64,
        "time":"2022-11-22T20:44:01Z"}})
}

/// Levels in an order that does not depend on how they were written.
pub(super) fn sorted(levels: &[BookLevel]) -> Vec<BookLevel> {
    let mut sorted = levels.to_vec();
    sorted.sort_by_key(|level| (level.side == BookSide::Ask, level.price, level.centis));
    sorted
}

fn ticker() -> Ticker {
    Ticker::new(b"FED-23DEC-T3.00").unwrap()
}

fn cents(cents: u32) -> Option<Price> {
    Price::from_cents(cents)
}

/// Decodes a message written as the exchange writes it: its type first.
fn scanned(message: &Json) -> (StreamMessage, Decoder) {
    let rest = message.as_object().unwrap().iter().filter(|(key, _)| *key != "type");
    let rest: Vec<String> = rest.map(|(key, value)| format!("\"{key}\":{value}")).collect();
    let text = format!("{{\"type\":{},{}}}\n", message["type"], rest.join(","));
    let mut decoder = Decoder::new();
    let decoded = decoder.decode(&text, RECEIVED).unwrap();
    assert_eq!(decoder.counts(), DecodeCounts { scanned: 1, ..DecodeCounts::default() });
    (decoded, decoder)
}

#[test]
fn a_snapshot_is_scanned_with_its_levels() {
    let (message, decoder) = scanned(&snapshot_json());

    let expected = BookSnapshot { ticker: ticker(), clock: 4_182_057 };
    assert_eq!(message, StreamMessage::BookSnapshot(expected));
    let sent = Some(WallTime::from_unix_ms(1_671_899_397_012));
    assert_eq!(decoder.envelope(), Envelope { sid: Some(2), seq: Some(2), sent });
    let level = |side, price, centis| BookLevel { side, price: cents(price).unwrap(), centis };
    let expected = [
        level(BookSide::Bid, 8, 30_000),
        level(BookSide::Bid, 22, 33_300),
        level(BookSide::Ask, 54, 2_000),
        level(BookSide::Ask, 56, 14_600),
    ];
    assert_eq!(sorted(decoder.levels()), expected);
}

#[test]
fn an_empty_side_may_be_left_out() {
    let mut message = snapshot_json();
    message["msg"].as_object_mut().unwrap().remove("no_dollars_fp");
    let (_, decoder) = scanned(&message);
    assert_eq!(decoder.levels().len(), 2);
    message["msg"]["yes_dollars_fp"] = json!([]);
    let (_, decoder) = scanned(&message);
    assert_eq!(decoder.levels().len(), 0);
}

#[test]
fn levels_of_one_message_do_not_stay_for_the_next() {
    let (_, mut decoder) = scanned(&snapshot_json());
    decoder.decode(&delta_json().to_string(), RECEIVED).unwrap();
    assert_eq!(decoder.levels(), []);
}

#[test]
fn a_delta_is_scanned() {
    let (message, decoder) = scanned(&delta_json());

    let expected = BookDelta {
        ticker: ticker(),
        clock: 4_182_061,
        side: BookSide::Bid,
        price: cents(96).unwrap(),
        centis: -5_400,
        time: Some(WallTime::from_unix_ms(1_669_149_841_000)),
    };
    assert_eq!(message, StreamMessage::BookDelta(expected));
    assert_eq!(decoder.envelope().seq, Some(3));
}

#[test]
fn a_ticker_is_scanned_and_an_empty_side_is_none() {
    let quote = |bid: &str, ask: &str| {
        let mut message = ticker_json();
        message["msg"]["yes_bid_dollars"] = json!(bid);
        message["msg"]["yes_ask_dollars"] = json!(ask);
        let StreamMessage::Ticker(TickerQuote { bid, ask, .. }) = scanned(&message).0 else {
            panic!("a ticker");
        };
        (bid, ask)
    };
    assert_eq!(quote("0.4500", "0.5300"), (cents(45), cents(53)));
    assert_eq!(quote("0.0000", "1.0000"), (None, None));
    assert_eq!(quote("0.0000", "0.0000"), (None, None));
}

#[test]
fn a_book_message_that_cannot_be_read_is_no_silence() {
    let damaged = |mut message: Json, field: &str, value: Json| {
        message["msg"][field] = value;
        decode(&message.to_string())
    };
    let unreadable = Ok(StreamMessage::UnreadableBook);
    assert_eq!(damaged(delta_json(), "side", json!("up")), unreadable);
    assert_eq!(damaged(delta_json(), "price_dollars", json!("1.0000")), unreadable);
    assert_eq!(damaged(delta_json(), "delta_fp", json!(null)), unreadable);
    assert_eq!(damaged(snapshot_json(), "yes_dollars_fp", json!([["0.08"]])), unreadable);
    assert_eq!(damaged(snapshot_json(), "no_dollars_fp", json!([["0.08", "-1"]])), unreadable);
    assert_eq!(damaged(ticker_json(), "yes_bid_dollars", json!("x")), Ok(StreamMessage::Garbled));
}

#[test]
fn what_surrounds_an_unreadable_message_is_known() {
    let mut message = delta_json();
    message["msg"]["side"] = json!("up");
    let mut decoder = Decoder::new();
    decoder.decode(&message.to_string(), RECEIVED).unwrap();
    assert_eq!(decoder.envelope().seq, Some(3));
    decoder.decode("{", RECEIVED).unwrap_err();
    assert_eq!(decoder.envelope(), Envelope::default());
}

#[test]
fn a_snapshot_has_no_more_levels_than_there_are_prices() {
    let levels = |count: usize| {
        let mut message = snapshot_json();
        message["msg"]["yes_dollars_fp"] = json!(vec![["0.0800", "1.00"]; count]);
        message["msg"].as_object_mut().unwrap().remove("no_dollars_fp");
        decode(&message.to_string())
    };
    assert!(matches!(levels(SNAPSHOT_LEVELS_MAX), Ok(StreamMessage::BookSnapshot(_))));
    assert_eq!(levels(SNAPSHOT_LEVELS_MAX + 1), Ok(StreamMessage::UnreadableBook));
}

#[test]
fn commands_for_markets_are_what_the_exchange_documents() {
    let mut out = String::new();
    write_subscribe_market(&mut out, 1_000, Channel::Books, &ticker());
    assert_eq!(
        out,
        r#"{"id":1000,"cmd":"subscribe","params":{"channels":["orderbook_delta"],"market_tickers":["FED-23DEC-T3.00"],"use_yes_price":true}}"#
    );
    write_subscribe_market(&mut out, 1_001, Channel::Tickers, &ticker());
    assert_eq!(
        out,
        r#"{"id":1001,"cmd":"subscribe","params":{"channels":["ticker"],"market_tickers":["FED-23DEC-T3.00"],"send_initial_snapshot":true}}"#
    );
    let mut update = |wish, action: &str| {
        write_update(&mut out, 124, 456, wish, &ticker());
        let expected = format!(
            r#"{{"id":124,"cmd":"update_subscription","params":{{"sids":[456],"market_tickers":["FED-23DEC-T3.00"],"action":"{action}"}}}}"#
        );
        assert_eq!(out, expected);
    };
    update(MarketWish::Add, "add_markets");
    update(MarketWish::Delete, "delete_markets");
    update(MarketWish::Snapshot, "get_snapshot");
}
