//! A making order is amended when its market moves, over real sockets: by the exchange's count it
//! stays the one order that it was, whatever becomes of the answer.

use serde_json::{Value, json};

use super::heard::Heard;
use super::members::{Members, PLAIN};
use super::{config, nothing_is_there_twice};
use crate::process::wait_for;

/// Where the exchange is asked to move an order.
const AMEND: &str = "/amend";

/// Ten YES, resting one cent below what is offered for as long as that is worth it.
fn making(id: &str) -> Value {
    json!({
        "id": id, "should_trade": true, "action": "BUY_YES", "style": "make",
        "kalshi": {"ticker": PLAIN, "yes_ask": 42, "no_ask": 60},
        "edge": {"cents": 12}, "confidence": {"score": 75}, "position": {"contracts": 10},
    })
}

/// The account's only resting order, once it rests at `price` for `count`.
#[track_caller]
fn rests(members: &Members, price: &str, count: &str) -> Value {
    wait_for("the order to rest there", || {
        let there = members.stage.client.get("/portfolio/orders?status=resting");
        let orders = there["orders"].as_array()?;
        let [order] = orders.as_slice() else { return None };
        let is_so = order["yes_price_dollars"] == price && order["remaining_count_fp"] == count;
        is_so.then(|| order.clone())
    })
}

/// A making order rests at 41 when somebody takes all that is offered at 42: it moves there by one
/// amendment or several, and is filled there.
#[track_caller]
fn amended_and_filled(faults: &str) -> usize {
    let amending = "max_retries = 0\nrepeg = 'amend'\nrepeg_interval_ms = 100";
    let heard = Heard::default();
    let config = config().replace("max_retries = 0", amending);
    let mut members = Members::with(&config, heard.hook());
    members.stage.producer.send(making("made"));
    let before = rests(&members, "0.4100", "10.00");
    members.stage.faults(faults);

    members.stranger_trades(PLAIN, "bid", "0.4200", "500.00");
    let after = rests(&members, "0.4200", "10.00");
    assert_eq!(after["order_id"], before["order_id"], "it is the same order");
    members.stage.is_well();
    members.stranger_trades(PLAIN, "ask", "0.4200", "10.00");

    assert_eq!(members.stage.answer("made"), "filled");
    assert_eq!(members.stage.held(PLAIN), 1_000);
    assert_eq!(members.stage.reconcile()["mismatches"], 0);
    nothing_is_there_twice(&members.stage, 1);
    // The engine's one, and the stranger's two.
    assert_eq!((heard.count("POST", "/orders"), heard.count("DELETE", "")), (1 + 2, 0));
    let (summary, _) = members.stage.end();
    assert_eq!((&summary["orders"]["sent"], &summary["orders"]["unknown"]), (&json!(1), &json!(0)));
    // Ten at 42 cents, and makers pay nothing here.
    assert_eq!((&summary["cash_cents"], &summary["fees_cents"]), (&json!(999_580), &json!(0)));
    heard.count("POST", AMEND)
}

#[test]
fn a_making_order_is_amended_and_filled_as_one_order() {
    assert_eq!(amended_and_filled(""), 1);
}

#[test]
fn an_amend_whose_answer_is_lost_is_looked_up_and_not_asked_again() {
    let faults = "[[fault]]\nname = 'lost_response'\non = 'amend'\ncount = 1\n
        [[fault]]\nname = 'lost_message'\non = 'user_order'\n";
    assert_eq!(amended_and_filled(faults), 1);
}

#[test]
fn an_amend_behind_a_gateway_error_is_looked_up_and_not_asked_again() {
    let faults = "[[fault]]\nname = 'server_error'\non = 'amend'\nstatus = 502\nphase = 'after'\n
        count = 1\n[[fault]]\nname = 'lost_message'\non = 'user_order'\n";
    assert_eq!(amended_and_filled(faults), 1);
}

#[test]
fn an_amend_that_never_arrived_is_asked_again_once_it_cannot_arrive_any_more() {
    let faults = "[[fault]]\nname = 'drop_before'\non = 'amend'\ncount = 1\n";
    assert_eq!(amended_and_filled(faults), 2);
}
