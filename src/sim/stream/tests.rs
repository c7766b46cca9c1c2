//! Sessions as a client sees them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::ids::Ticker;
use crate::message::BookSide;
use crate::sim::api::{SimVenue, SimVenueConfig};
use crate::sim::exchange::{MarketStatus, UserSeed};
use crate::sim::fixture::{
    ALICE, ORDERS, START, TICKER, call, order, parse, resting, taken, venue,
};
use crate::sim::venue::{ApiRequest, SessionId, UserId, Venue};
use crate::units::{Money, Nanos, parse_decimal};

fn frames(venue: &mut SimVenue) -> Vec<Value> {
    let mut out = Vec::new();
    while let Some((_, text)) = venue.poll_outgoing() {
        assert!(text.ends_with("}\n"), "{text}");
        out.push(parse(&text));
    }
    out
}

/// A session of everything that can happen to an account in the recorded market.
fn listener(venue: &mut SimVenue) -> Vec<Value> {
    let session = venue.open_session(START, ALICE);
    let subscribe = json!({ "id": 1, "cmd": "subscribe", "params": {
        "channels": ["orderbook_delta", "trade", "fill", "user_orders", "market_positions"],
        "market_tickers": [TICKER], "use_yes_price": false,
    }});
    venue.session_text(START, session, &subscribe.to_string());
    frames(venue)
}

#[test]
fn acknowledgements_come_before_data() {
    let got = listener(&mut venue());
    assert_eq!(got[0]["msg"], json!({ "channel": "orderbook_delta", "sid": 1 }));
    assert_eq!(got.len(), 6);
    assert!(got[..5].iter().all(|frame| frame["type"] == "subscribed"));
    assert_eq!(got[5]["msg"]["no_dollars_fp"], json!([["0.4800", "3.00"]]));
    assert_eq!(got[5]["seq"], 1);
}

#[test]
fn a_fill_is_told_on_every_channel_in_order() {
    let mut venue = venue();
    listener(&mut venue);
    call(&mut venue, "POST", ORDERS, &taken());
    let got = frames(&mut venue);
    let kinds: Vec<_> = got.iter().map(|frame| frame["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["orderbook_delta", "trade", "fill", "user_order", "market_position"]);
    let parts = |index: usize, keys: &[&str]| -> Value {
        keys.iter().map(|key| got[index]["msg"][*key].clone()).collect()
    };
    assert_eq!(got[0]["seq"], 2, "after the snapshot");
    let delta = parts(0, &["delta_fp", "side", "price_dollars"]);
    assert_eq!(delta, json!(["-1.00", "no", "0.4800"]));
    let fill = parts(2, &["client_order_id", "post_position_fp", "fee_cost"]);
    assert_eq!(fill, json!(["id-0.9900-immediate_or_cancel", "1.00", "0.017500"]));
    assert!(got[2].get("seq").is_none(), "fills are not numbered");
    let order = parts(3, &["status", "last_update_reason"]);
    assert_eq!(order, json!(["executed", "Trade"]));
    assert_eq!(got[4]["msg"]["position_cost_dollars"], "0.520000");
}

#[test]
fn pauses_are_told_to_everybody_and_cancel_on_reopening() {
    let mut venue = venue();
    call(&mut venue, "POST", ORDERS, &resting());
    let session = venue.open_session(START, UserId(1));
    let subscribe = r#"{"cmd":"subscribe","params":{"channels":["market_lifecycle_v2"]}}"#;
    venue.session_text(START, session, subscribe);
    frames(&mut venue);
    let ticker = Ticker::new(TICKER.as_bytes()).unwrap();
    venue.set_market_status(START, &ticker, MarketStatus::Inactive);
    assert_eq!(frames(&mut venue)[0]["msg"]["event_type"], "deactivated");
    assert_eq!(call(&mut venue, "POST", ORDERS, &taken()).0, 400);
    assert_eq!(venue.open_orders(ALICE).len(), 1);
    venue.set_market_status(START, &ticker, MarketStatus::Active);
    assert_eq!(frames(&mut venue)[0]["msg"]["event_type"], "activated");
    assert!(venue.open_orders(ALICE).is_empty());
}

#[test]
fn every_session_of_the_account_hears_of_it_and_no_other() {
    let mut venue = venue();
    let subscribe = r#"{"id":1,"cmd":"subscribe","params":{"channels":["fill"]}}"#;
    let sessions = [ALICE, ALICE, UserId(1)].map(|user| venue.open_session(START, user));
    for session in sessions {
        venue.session_text(START, session, subscribe);
    }
    frames(&mut venue);
    call(&mut venue, "POST", ORDERS, &taken());
    let mut heard = Vec::new();
    while let Some((session, _)) = venue.poll_outgoing() {
        heard.push(session);
    }
    assert_eq!(heard, sessions[..2]);
    venue.close_session(sessions[0]);
    call(&mut venue, "POST", ORDERS, &order("0.9800", "immediate_or_cancel"));
    assert_eq!(frames(&mut venue).len(), 1);
}

#[track_caller]
fn commanded(text: &str, expected: &str) {
    let mut venue = venue();
    let session = venue.open_session(START, ALICE);
    venue.session_text(START, session, r#"{"cmd":"subscribe","params":{"channels":["fill"]}}"#);
    venue.session_text(START, session, text);
    let mut got = frames(&mut venue).pop().unwrap();
    got.as_object_mut().unwrap().remove("sending_ts_ms").unwrap();
    assert_eq!(got, parse(expected), "{text}");
}

#[test]
fn faulty_commands_are_answered_with_their_codes() {
    let error = |code: u32, msg: &str| {
        json!({ "type": "error", "id": 3, "msg": { "code": code, "msg": msg } }).to_string()
    };
    commanded("{", r#"{"type":"error","msg":{"code":1,"msg":"Unable to process message"}}"#);
    commanded(r#"{"id":3,"cmd":"subscribe"}"#, &error(2, "Params required"));
    commanded(r#"{"id":3,"cmd":"subscribe","params":{}}"#, &error(3, "Channels required"));
    commanded(r#"{"id":3,"cmd":"dance"}"#, &error(5, "Unknown command"));
    let unsubscribe = |sids: &str| format!(r#"{{"id":3,"cmd":"unsubscribe","params":{sids}}}"#);
    commanded(&unsubscribe("{}"), &error(4, "Subscription IDs required"));
    commanded(&unsubscribe(r#"{"sids":[9]}"#), &error(7, "Unknown subscription ID"));
    let subscribe = |channel: &str| {
        format!(r#"{{"id":3,"cmd":"subscribe","params":{{"channels":["{channel}"]}}}}"#)
    };
    commanded(&subscribe("ticker_v2"), &error(8, "Unknown channel name"));
    commanded(&subscribe("orderbook_delta"), &error(14, "Market Ticker required"));
    let update =
        |params: &str| format!(r#"{{"id":3,"cmd":"update_subscription","params":{params}}}"#);
    commanded(&update("{}"), &error(12, "Exactly one subscription ID is required"));
    commanded(&update(r#"{"sid":1}"#), &error(15, "Action required"));
    let named = format!(r#"{{"sid":1,"action":"get_snapshot","market_ticker":"{TICKER}"}}"#);
    commanded(&update(&named), &error(13, "Unsupported action"));
    commanded(r#"{"id":3,"cmd":"list_subscriptions"}"#, {
        r#"{"type":"ok","id":3,"msg":[{"channel":"fill","sid":1}]}"#
    });
    commanded(&unsubscribe(r#"{"sids":[1]}"#), r#"{"type":"unsubscribed","id":3,"sid":1,"seq":1}"#);
}

#[test]
fn markets_are_added_with_a_number_and_snapshots_on_request() {
    let mut venue = SimVenue::new(&SimVenueConfig::world_cup(
        vec![UserSeed { user_id: "a".into(), cash: Money::from_cents(10_000) }],
        1,
        START,
    ))
    .unwrap();
    let tickers: Vec<String> = (venue.exchange().markets().iter().take(2))
        .map(|market| market.ticker.as_str().to_owned())
        .collect();
    let session = venue.open_session(START, ALICE);
    let mut say = |command: &str, params: Value| {
        let text = json!({ "id": 4, "cmd": command, "params": params }).to_string();
        venue.session_text(START, session, &text);
        frames(&mut venue)
    };
    let channels = json!(["orderbook_delta"]);
    say("subscribe", json!({ "channels": channels, "market_ticker": tickers[0] }));
    let got = say("subscribe", json!({ "channels": channels, "market_ticker": tickers[1] }));
    assert_eq!((&got[0]["type"], &got[0]["seq"]), (&json!("ok"), &json!(2)));
    assert_eq!(got[0]["msg"]["market_tickers"], json!(tickers));
    assert_eq!((&got[1]["type"], &got[1]["seq"]), (&json!("orderbook_snapshot"), &json!(3)));
    let ask = json!({ "sid": 1, "action": "get_snapshot", "market_ticker": tickers[0] });
    let got = say("update_subscription", ask);
    assert_eq!((&got[0]["id"], &got[0]["seq"]), (&json!(4), &json!(4)));
    let less = json!({ "sids": [1], "action": "delete_markets", "market_tickers": [tickers[0]] });
    let got = say("update_subscription", less);
    assert_eq!(got[0]["msg"]["market_tickers"], json!([tickers[1]]));
}

/// A client's copy of one book: what a snapshot said, changed by every delta since.
#[derive(Default)]
struct Replica {
    levels: BTreeMap<(String, String), i64>,
    seq: u64,
    deltas: u32,
    tickers: u32,
}

impl Replica {
    fn apply(&mut self, frame: &Value) {
        let msg = &frame["msg"];
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let centis = |value: &Value| parse_decimal(text(value).as_bytes(), 2).unwrap();
        if let Some(seq) = frame["seq"].as_u64() {
            self.seq += 1;
            assert_eq!(seq, self.seq, "no gap");
        }
        match frame["type"].as_str().unwrap() {
            "orderbook_snapshot" => {
                for (side, key) in [("yes", "yes_dollars_fp"), ("no", "no_dollars_fp")] {
                    for level in msg[key].as_array().unwrap() {
                        self.levels.insert((side.into(), text(&level[0])), centis(&level[1]));
                    }
                }
            }
            "orderbook_delta" => {
                let key = (text(&msg["side"]), text(&msg["price_dollars"]));
                let level = self.levels.entry(key).or_insert(0);
                *level += centis(&msg["delta_fp"]);
                assert!(*level >= 0, "no level goes negative");
                self.deltas += 1;
            }
            "ticker" => self.tickers += 1,
            _ => {}
        }
    }
}

#[test]
fn a_client_that_applies_deltas_has_the_exchanges_book() {
    let user = UserSeed { user_id: "a".into(), cash: Money::from_cents(1_000_000) };
    let mut venue = SimVenue::new(&SimVenueConfig::world_cup(vec![user], 3, START)).unwrap();
    let ticker = "KXWCGAME-26JUL14FRAESP-ESP";
    let session = venue.open_session(START, ALICE);
    let subscribe = json!({ "cmd": "subscribe", "params": {
        "channels": ["orderbook_delta", "ticker"], "market_ticker": ticker, "use_yes_price": true,
    }});
    venue.session_text(START, session, &subscribe.to_string());
    let mut replica = Replica::default();
    for step in 0..400 {
        let now = START + Nanos::from_ms(100 * step);
        venue.advance(now);
        if step % 7 == 0 {
            let mut order = order("0.3000", "good_till_canceled");
            order["ticker"] = json!(ticker);
            order["count"] = json!("1000.00");
            order["client_order_id"] = json!(format!("n{step}"));
            let body = order.to_string();
            let request =
                ApiRequest { method: "POST", path: ORDERS, query: "", body: body.as_bytes() };
            venue.handle(now, Some(ALICE), &request);
        }
        frames(&mut venue).iter().for_each(|frame| replica.apply(frame));
    }
    assert!(replica.deltas > 50, "{} deltas", replica.deltas);
    assert!(replica.tickers > 10, "{} tickers", replica.tickers);
    replica.levels.retain(|_, centis| *centis != 0);
    let market = venue.exchange().find_market(&Ticker::new(ticker.as_bytes()).unwrap()).unwrap();
    let state = &venue.exchange().markets()[market];
    let mut book = BTreeMap::new();
    for (side, name) in [(BookSide::Bid, "yes"), (BookSide::Ask, "no")] {
        for level in state.levels(side) {
            let key = (name.to_owned(), level.price.to_string());
            book.insert(key, level.centis.cast_signed());
        }
    }
    assert_eq!(replica.levels, book);
}

/// A minute of one account trading three markets against moving quotes, written down.
fn minute(seed: u64) -> String {
    let user = UserSeed { user_id: "a".into(), cash: Money::from_cents(50_000) };
    let mut venue = SimVenue::new(&SimVenueConfig::world_cup(vec![user], seed, START)).unwrap();
    let total = venue.total_cash_and_collateral();
    let session = venue.open_session(START, ALICE);
    let subscribe = r#"{"cmd":"subscribe","params":{"channels":["fill","user_orders","trade"]}}"#;
    venue.session_text(START, session, subscribe);
    let mut diary = String::new();
    for step in 0..240_u64 {
        let market = &venue.exchange().markets()[21 + (step % 3) as usize];
        let side = if step % 5 < 3 { BookSide::Bid } else { BookSide::Ask };
        let best = market.best(side).unwrap().price.to_string();
        let mut order = order(&best, "good_till_canceled");
        order["ticker"] = json!(market.ticker.as_str());
        order["side"] = json!(side.as_str());
        order["count"] = json!("20.00");
        order["client_order_id"] = json!(format!("n{step}"));
        order["expiration_time"] = json!(START.unix_secs() + step / 4 + 9);
        let body = order.to_string();
        let request = ApiRequest { method: "POST", path: ORDERS, query: "", body: body.as_bytes() };
        let answer = venue.handle(START + Nanos::from_ms(250 * step), Some(ALICE), &request);
        diary.push_str(&answer.body);
        while let Some((_, text)) = venue.poll_outgoing() {
            diary.push_str(&text);
        }
        assert_eq!(venue.total_cash_and_collateral(), total);
        assert!(venue.exchange().available(ALICE) >= Money::ZERO);
    }
    diary
}

#[test]
fn the_same_seed_and_calls_give_the_same_answers() {
    let diary = minute(5);
    assert_eq!(diary, minute(5));
    assert_ne!(diary, minute(6));
    assert!(diary.contains("\"is_taker\":false"), "moving quotes fill resting orders");
    assert!(diary.contains("ExpiryCancel"), "orders end when their time is up");
}

#[test]
fn a_subscription_that_ended_with_an_error_says_nothing_more_and_can_be_made_again() {
    let mut venue = venue();
    listener(&mut venue);
    let session = SessionId(1);
    venue.end_subscription(START, session, 1, 10);
    let got = frames(&mut venue);
    assert_eq!(got.len(), 1);
    assert_eq!(
        (&got[0]["type"], &got[0]["sid"], &got[0]["seq"]),
        (&json!("error"), &json!(1), &json!(2),)
    );
    assert_eq!(got[0]["msg"], json!({ "code": 10, "msg": "Channel error" }));

    call(&mut venue, "POST", ORDERS, &taken());
    let kinds: Vec<_> = frames(&mut venue).iter().map(|frame| frame["type"].clone()).collect();
    assert!(!kinds.contains(&json!("orderbook_delta")) && kinds.contains(&json!("fill")));

    let again = json!({ "id": 2, "cmd": "subscribe", "params": {
        "channels": ["orderbook_delta"], "market_tickers": [TICKER] } });
    venue.session_text(START, session, &again.to_string());
    let got = frames(&mut venue);
    assert_eq!(got[0]["msg"], json!({ "channel": "orderbook_delta", "sid": 6 }));
    assert_eq!(got[1]["type"], "orderbook_snapshot");
}
