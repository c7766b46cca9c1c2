//! An order that rests for more than is still wanted is decreased, over real sockets, and keeps its
//! place in the queue.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use kalshi_exec::control::{Request, client as control};
use kalshi_exec::sim::server::{Fault, FaultHook, FrameFault};
use kalshi_exec::sim::venue::ApiRequest;
use serde_json::{Value, json};

use super::heard::Heard;
use super::members::{Members, PLAIN};
use super::{config, nothing_is_there_twice};
use crate::process::wait_for;

/// Where the exchange is asked to make an order smaller.
const DECREASE: &str = "/decrease";

/// Ten YES at 41 and never dearer: the best bid.
fn resting(id: &str) -> Value {
    json!({
        "id": id, "should_trade": true, "action": "BUY_YES",
        "time_in_force": "good_till_canceled", "max_price_dollars": "0.4100",
        "kalshi": {"ticker": PLAIN, "yes_ask": 41, "no_ask": 60},
        "edge": {"cents": 12}, "confidence": {"score": 75}, "position": {"contracts": 10},
    })
}

/// An exchange that denies four contracts: its stream is silent about them until `tell` is set, and
/// the first cancel's answer says that all ten were taken off the book.
fn denying(heard: &Heard, tell: &Arc<AtomicBool>) -> FaultHook {
    let (heard, tell) = (heard.clone(), Arc::clone(tell));
    let asked = move |request: &ApiRequest<'_>, _| {
        heard.note(request);
        let is_first = request.method == "DELETE" && heard.count("DELETE", "") == 1;
        let Some((_, id)) = request.path.rsplit_once('/').filter(|_| is_first) else {
            return Fault::None;
        };
        let answer = json!({"order_id": id, "reduced_by": "10.00", "ts_ms": 1_784_031_300_000_u64});
        Fault::StatusAfter(200, answer.to_string())
    };
    FaultHook::new(asked).with_frames(move |_, text| {
        let told = ["fill", "user_order", "market_position"];
        let speaks = told.iter().any(|kind| text.contains(&format!("\"type\":\"{kind}\"")));
        match speaks && !tell.load(Ordering::Acquire) {
            true => FrameFault::Lose,
            false => FrameFault::None,
        }
    })
}

/// Reads are so far behind that no look-up tells of the four before the order is cancelled.
const BEHIND: &str = "[[fault]]\nname = 'read_lag'\nat_ms = 0\nlag_ms = 5000\nfor_ms = 60000\n";

#[test]
fn an_order_that_rests_for_more_than_is_wanted_is_decreased_and_keeps_its_place() {
    let slow = config()
        .replace("fill_timeout_ms = 3600000", "fill_timeout_ms = 4000\npartial_wait_ms = 100")
        .replace("read_lag_ms = 200", "read_lag_ms = 6000")
        .replace("max_retries = 0", "max_retries = 1");
    let (heard, tell) = (Heard::default(), Arc::new(AtomicBool::new(false)));
    let mut members = Members::with(&slow, denying(&heard, &tell));
    members.stage.faults(BEHIND);
    members.stage.producer.send(resting("denied"));
    wait_for("the order to rest", || {
        let orders = ask(&members, &Request::Orders).to_string();
        orders.contains("resting").then_some(())
    });
    members.stranger_trades(PLAIN, "ask", "0.4100", "4.00");

    // Its successor rests for all ten until a look-up finds the four.
    let heard_of = |what: &str, end: &str, count: usize| {
        wait_for(what, || (heard.count("POST", end) == count).then_some(()));
    };
    heard_of("the successor", "/orders", 3);
    heard_of("its decrease", DECREASE, 1);
    tell.store(true, Ordering::Release);
    members.stranger_trades(PLAIN, "ask", "0.4100", "6.00");

    let answer = members.stage.producer.answer();
    assert_eq!((&answer["state"], &answer["filled_contracts"]), (&json!("filled"), &json!(10)));
    assert_eq!(answer["orders"][1]["contracts"], 6, "what was taken off it is not counted");
    assert_eq!(heard.count("DELETE", ""), 1, "of the first order; the second kept its place");
    assert_eq!(members.stage.held(PLAIN), 1_000, "ten were wanted, not fourteen");
    members.stage.faults("");
    members.stage.is_well();
    assert_eq!(members.stage.reconcile()["mismatches"], 0);
    nothing_is_there_twice(&members.stage, 2);
    members.stage.end();
}

fn ask(members: &Members, request: &Request) -> Value {
    control::ask(&members.stage.dir.path().join("state"), request).expect("it answers")
}
