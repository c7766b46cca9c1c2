//! Story 30: `reduce_only` goes with immediate orders alone; the exchange refuses it on one that
//! may rest. Both ways out of a position are written as the exchange takes them.

use std::sync::{Arc, Mutex, PoisonError};

use kalshi_exec::sim::server::{Fault, FaultHook};
use serde_json::{Value, json};

use super::members::{Members, PLAIN};
use super::{config, nothing_is_there_twice};
use crate::lost_answers::is_create;
use crate::process::wait_for;

/// Sells so many of the YES that are held, at this price or better.
fn sell(id: &str, contracts: u32, time_in_force: &str, asks: (u32, u32)) -> Value {
    json!({
        "id": id, "should_trade": true, "action": "SELL_YES", "time_in_force": time_in_force,
        "kalshi": {"ticker": PLAIN, "yes_ask": asks.0, "no_ask": asks.1},
        "edge": {"cents": 7}, "confidence": {"score": 75}, "position": {"contracts": contracts},
    })
}

#[test]
fn story_30_a_sale_that_would_rest_is_not_reduce_only_and_an_immediate_one_is() {
    let bodies: Arc<Mutex<Vec<Value>>> = Arc::default();
    let written = Arc::clone(&bodies);
    let hook = FaultHook::new(move |request, _| {
        if is_create(request) {
            let body = serde_json::from_slice(request.body).expect("an order is JSON");
            written.lock().unwrap_or_else(PoisonError::into_inner).push(body);
        }
        Fault::None
    });
    let mut members = Members::with(&config(), hook);
    let mut bought = sell("bought", 10, "immediate_or_cancel", (42, 60));
    bought["action"] = json!("BUY_YES");
    members.stage.producer.send(bought);
    assert_eq!(members.stage.answer("bought"), "filled");

    // Wants 41 while 40 is bid: rests, for no more than is held.
    members.stage.producer.send(sell("rests", 6, "good_till_canceled", (42, 58)));
    wait_for("the sale to rest", || {
        let there = members.stage.client.get("/portfolio/orders?status=resting");
        there["orders"].as_array().filter(|orders| orders.len() == 1).map(|_| ())
    });
    members.stage.producer.send(sell("leaves", 4, "immediate_or_cancel", (42, 60)));
    assert_eq!(members.stage.answer("leaves"), "filled");
    members.stranger_trades(PLAIN, "bid", "0.4100", "6.00");
    assert_eq!(members.stage.answer("rests"), "filled");

    assert_eq!(members.stage.held(PLAIN), 0);
    let bodies = bodies.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let flags: Vec<_> = bodies
        .iter()
        // The stranger gives its orders no ids.
        .filter(|body| body["client_order_id"].is_string())
        .map(|body| (body["time_in_force"].as_str(), body["reduce_only"].as_bool() == Some(true)))
        .collect();
    let (now, rests) = (Some("immediate_or_cancel"), Some("good_till_canceled"));
    assert_eq!(flags, [(now, false), (rests, false), (now, true)], "{bodies:#?}");
    nothing_is_there_twice(&members.stage, 3);
    members.stage.end();
}
