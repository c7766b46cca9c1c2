//! Orders that wait for a connection go out together, over real sockets: one request to the
//! exchange, an order and an answer for each signal.

use std::collections::BTreeSet;

use kalshi_exec::sim::server::{Fault, FaultHook};
use serde_json::json;

use super::heard::Heard;
use super::members::{Members, PLAIN};
use super::{config, nothing_is_there_twice};

const MANY: usize = 6;

/// Where orders go together.
const SHARED: &str = "/orders/batched";

/// Bursts that may go by without one: a machine that is busy elsewhere.
const ROUNDS_MAX: usize = 20;

/// The pool leaves one connection to orders.
fn narrow() -> String {
    let wide = config().replace("ack_timeout_ms", "connections = 2\nack_timeout_ms");
    format!("{wide}\n[gateway]\nbatch_orders = 8\n")
}

/// Six signals for two contracts each, in one breath, each bound to be filled.
fn burst(round: usize) -> String {
    let line = |nth: usize| {
        json!({
            "id": format!("s-{round}-{nth}"), "should_trade": true, "action": "BUY_YES",
            "kalshi": {"ticker": PLAIN, "yes_ask": 42, "no_ask": 60},
            "edge": {"cents": 7}, "confidence": {"score": 75}, "position": {"contracts": 2},
        })
        .to_string()
    };
    (0..MANY).map(line).collect::<Vec<_>>().join("\n")
}

/// Bursts until the exchange has heard of a shared request; an order for which no connection came
/// free in time was not sent, and its signal says so. Whatever was sent is there, and was filled.
#[track_caller]
fn shared_and_answered(heard: &Heard, hook: FaultHook) {
    let mut members = Members::with(&narrow(), hook);
    let (mut sent, mut rounds) = (0, 0);
    while heard.count("POST", SHARED) == 0 {
        rounds += 1;
        assert!(rounds <= ROUNDS_MAX, "orders never wait together: {heard:?}");
        members.stage.producer.send(burst(rounds));
        let mut answered = BTreeSet::new();
        for _ in 0..MANY {
            let answer = members.stage.producer.answer();
            let is_filled = answer["state"] == "filled" && answer["filled_contracts"] == 2;
            assert!(is_filled || answer["error"]["code"] == "no_connection", "{answer}");
            sent += usize::from(is_filled);
            answered.insert(answer["signal_id"].to_string());
        }
        assert_eq!(answered.len(), MANY, "one answer each: {answered:?}");
        members.stage.is_well();
    }
    let whole = i64::try_from(sent * 2).expect("a few");
    assert_eq!(members.stage.held(PLAIN), whole * 100);
    nothing_is_there_twice(&members.stage, sent);
    let (summary, _) = members.stage.end();
    assert_eq!(summary["orders"]["filled"], sent);
}

#[test]
fn orders_that_wait_share_a_request_and_each_is_answered() {
    let heard = Heard::default();
    shared_and_answered(&heard, heard.hook());
}

#[test]
fn a_shared_request_whose_answer_is_lost_leaves_each_order_there_once() {
    let heard = Heard::default();
    let hearing = heard.clone();
    let hook = FaultHook::new(move |request, _| {
        hearing.note(request);
        let is_first = request.path.ends_with(SHARED) && hearing.count("POST", SHARED) == 1;
        if is_first { Fault::DropAfter } else { Fault::None }
    });
    shared_and_answered(&heard, hook);
    assert_eq!(heard.count("POST", SHARED), 1, "sent again one by one: {heard:?}");
}
