//! Story 10: YES and NO are one book. Each action is filled as a taker and as a maker against
//! somebody who takes, through flat and back; the exchange tells sales as trades of the other side.

use serde_json::{Value, json};

use super::members::{Members, PLAIN, TAPERED};
use super::{config, nothing_is_there_twice};
use crate::account::scaled;
use crate::process::wait_for;

/// A signal that saw these asks, for ten contracts.
fn signal(id: &str, ticker: &str, action: &str, asks: (&str, &str), tif: &str) -> Value {
    json!({
        "id": id, "should_trade": true, "action": action, "time_in_force": tif,
        "kalshi": {"ticker": ticker, "yes_ask_dollars": asks.0, "no_ask_dollars": asks.1},
        "edge": {"cents": 7}, "confidence": {"score": 75}, "position": {"contracts": 10},
    })
}

/// What the exchange says is held.
fn held_there(members: &Members, ticker: &str) -> i64 {
    let all = members.stage.client.list("/portfolio/positions", "market_positions");
    let one = all.iter().find(|it| it["ticker"] == ticker);
    one.map_or(0, |it| scaled(it["position_fp"].as_str().expect("a count"), 2))
}

#[track_caller]
fn both_hold(members: &Members, ticker: &str, whole: i64) {
    assert_eq!(members.stage.held(ticker), whole * 100, "here");
    assert_eq!(held_there(members, ticker), whole * 100, "there");
}

/// The engine takes what is offered and what is bid, with each action.
#[track_caller]
fn takes_either_leg(ticker: &str, asks: (&str, &str)) {
    let mut members = Members::new(&config());
    for (nth, (action, after)) in [
        ("BUY_YES", 10),
        ("SELL_YES", 0),
        ("BUY_NO", -10),
        ("BUY_NO", -20),
        ("SELL_NO", -10),
        ("BUY_YES", 0),
        ("BUY_YES", 10),
    ]
    .into_iter()
    .enumerate()
    {
        let id = format!("taker-{nth}");
        members.stage.producer.send(signal(&id, ticker, action, asks, "immediate_or_cancel"));
        assert_eq!(members.stage.answer(&id), "filled", "{action}");
        both_hold(&members, ticker, after);
    }
    assert_eq!(members.stage.reconcile()["mismatches"], 0);
    nothing_is_there_twice(&members.stage, 7);
    let (summary, _) = members.stage.end();
    assert_eq!(summary["contracts_filled"], 70);
}

#[test]
fn story_10_a_taker_of_either_leg_has_the_exchanges_books() {
    takes_either_leg(PLAIN, ("0.42", "0.60"));
}

#[test]
fn story_10_a_taker_below_a_cent_has_the_exchanges_books() {
    takes_either_leg(TAPERED, ("0.048", "0.959"));
}

/// The engine rests with each action, best on its side, and the stranger takes it in two parts.
#[track_caller]
fn makes_on_either_leg(ticker: &str, at: &str, (bid, ask): ((&str, &str), (&str, &str))) {
    let mut members = Members::new(&config());
    for (nth, (action, asks, taker, after)) in [
        ("BUY_YES", bid, "ask", 10),
        ("SELL_YES", ask, "bid", 0),
        ("BUY_NO", ask, "bid", -10),
        ("SELL_NO", bid, "ask", 0),
        ("BUY_NO", ask, "bid", -10),
        ("BUY_YES", bid, "ask", 0),
    ]
    .into_iter()
    .enumerate()
    {
        let id = format!("maker-{nth}");
        members.stage.producer.send(signal(&id, ticker, action, asks, "good_till_canceled"));
        wait_for("the order to rest", || {
            let there = members.stage.client.get("/portfolio/orders?status=resting");
            there["orders"].as_array().filter(|it| it.len() == 1).map(|_| ())
        });
        for part in ["3.50", "6.50"] {
            members.stranger_trades(ticker, taker, at, part);
        }
        assert_eq!(members.stage.answer(&id), "filled", "{action}");
        both_hold(&members, ticker, after);
    }
    let fills = members.stage.client.list("/portfolio/fills", "fills");
    assert_eq!(fills.len(), 12);
    assert!(fills.iter().all(|fill| fill["is_taker"] == false), "{fills:#?}");
    assert_eq!(members.stage.reconcile()["mismatches"], 0);
    nothing_is_there_twice(&members.stage, 6);
    members.stage.end();
}

#[test]
fn story_10_a_maker_on_either_leg_has_the_exchanges_books() {
    makes_on_either_leg(PLAIN, "0.41", (("0.40", "0.60"), ("0.42", "0.58")));
}

#[test]
fn story_10_a_maker_below_a_cent_pays_the_makers_fee_on_either_leg() {
    makes_on_either_leg(TAPERED, "0.044", (("0.034", "0.959"), ("0.054", "0.946")));
}
