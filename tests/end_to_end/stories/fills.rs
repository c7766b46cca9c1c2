//! Stories 8 to 14, and 16: fills that come early, twice, late, never, or are taken back.

use serde_json::json;

use super::members::{Members, PLAIN};
use super::{Told, config, nothing_is_there_twice, tell};
use crate::account::Books;
use crate::process::wait_for;
use crate::producer::{resting_signal, signal};
use crate::recovery::Stage;

#[test]
fn story_08_a_fill_that_comes_before_its_answer_is_booked_once() {
    let ends = &["filled", "filled"];
    tell(&Told { story: 8, more: "", ends, orders: 2, alerts: &[] });
}

/// A signal in the market that the stranger trades in; it rests at 41 cents.
fn resting(id: &str) -> serde_json::Value {
    let mut signal = resting_signal(id);
    signal["kalshi"] = json!({"ticker": PLAIN, "yes_ask": 41, "no_ask": 60});
    signal["max_price_dollars"] = json!("0.4100");
    signal
}

#[test]
fn story_08_a_cancel_that_loses_to_a_fill_is_answered_404_and_the_fill_is_booked() {
    let hasty = config().replace("fill_timeout_ms = 3600000", "fill_timeout_ms = 700");
    let mut members = Members::new(&hasty);
    // The cancel is on its way for a second; the stream tells nothing of the fill meanwhile.
    members.stage.faults(
        "[[fault]]\nname = 'delay'\non = 'cancel'\ndelay_ms = 900\ncount = 1\n
         [[fault]]\nname = 'lost_message'\non = 'fill'\n
         [[fault]]\nname = 'lost_message'\non = 'user_order'\n",
    );
    members.stage.producer.send(resting("raced"));
    wait_for("the cancel to be on its way", || {
        let state = members.stage.dir.path().join("state");
        let orders = kalshi_exec::control::Request::Orders;
        let told = kalshi_exec::control::client::ask(&state, &orders).ok()?;
        told["orders"].to_string().contains("cancel_pending").then_some(())
    });

    members.stranger_trades(PLAIN, "ask", "0.4100", "10.00");

    assert_eq!(members.stage.answer("raced"), "filled");
    assert_eq!(members.stage.held(PLAIN), 1_000);
    members.stage.faults("");
    members.stage.is_well();
    nothing_is_there_twice(&members.stage, 1);
    members.stage.end();
}

#[test]
fn story_09_fills_told_twice_are_booked_once() {
    let ends = &["filled", "filled", "filled"];
    let told = Told { story: 9, more: "", ends, orders: 3, alerts: &[] };
    assert_eq!(tell(&told).0["contracts_filled"], 30);
}

#[test]
fn story_11_a_fill_lost_on_a_healthy_stream_is_looked_up() {
    let mut members = Members::new(&config());
    // Nothing but the stream would tell of it: the order rests.
    members.stage.faults("[[fault]]\nstory = 11\n");
    members.stage.producer.send(resting("lost"));
    wait_for("the order to rest", || {
        let orders = members.stage.client.list("/portfolio/orders", "orders");
        orders.first().filter(|order| order["status"] == "resting").map(|_| ())
    });

    members.stranger_trades(PLAIN, "ask", "0.4100", "10.00");

    assert_eq!(members.stage.answer("lost"), "filled");
    assert_eq!(members.stage.held(PLAIN), 1_000);
    nothing_is_there_twice(&members.stage, 1);
    members.stage.end();
}

/// Fills before a kill are booked once by the run after it, which invents none.
#[track_caller]
fn outlives_a_kill(faults: &str) {
    let mut stage = Stage::new();
    stage.faults(faults);
    assert_eq!(stage.ask("before"), "filled");
    let ticker = signal("before")["kalshi"]["ticker"].as_str().expect("a ticker").to_owned();

    stage.restart_engine();

    assert_eq!(stage.held(&ticker), 1_000, "neither forgotten nor booked again");
    assert_eq!(stage.ask("before"), "duplicate_signal");
    assert_eq!(stage.ask("after"), "filled");
    assert_eq!(stage.held(&ticker), 2_000);
    assert_eq!(stage.reconcile()["mismatches"], 0);
    nothing_is_there_twice(&stage, 2);
    stage.end();
}

#[test]
fn story_12_a_cursor_that_begins_again_books_no_fill_twice() {
    // Every list begins with what it has told already, as after a cursor that is none.
    outlives_a_kill("[[fault]]\nname = 'duplicate'\non = 'fill'\n");
}

#[test]
fn story_16_a_warm_restart_keeps_the_position_and_orders_nothing() {
    outlives_a_kill("");
}

#[test]
fn story_13_last_words_that_are_repeated_revive_nothing() {
    let ends = &["filled", "filled", "filled"];
    let (summary, _) = tell(&Told { story: 13, more: "", ends, orders: 3, alerts: &[] });
    assert_eq!(summary["orders"]["filled"], 3);
}

#[test]
fn story_14_a_voided_fill_is_taken_back() {
    let mut stage = Stage::new();
    assert_eq!(stage.ask("kept"), "filled");
    stage.is_well();
    assert_eq!(stage.ask("voided"), "filled");
    let ticker = signal("kept")["kalshi"]["ticker"].as_str().expect("a ticker").to_owned();
    assert_eq!(stage.held(&ticker), 2_000);
    // The story's own moments are for a run that goes on trading; here its fill is the last one.
    stage.faults("[[fault]]\nname = 'void_fill'\nat_ms = 0\n");
    wait_for("the position to follow", || {
        stage.reconcile();
        (stage.held(&ticker) == 1_000).then_some(())
    });
    assert_eq!(stage.reconcile()["mismatches"], 0, "explained is no mismatch");
    assert_eq!(stage.ask("after"), "filled");
    let (summary, _, exchange) = stage.leave();
    let ours = Books::of_summary(&summary);
    // The exchange lists the order as canceled now. Its signal was answered as it was known then.
    assert_eq!((ours.filled, exchange.filled, exchange.canceled), (3, 2, 1));
    assert_eq!(Books { filled: 2, canceled: 1, ..ours }, exchange);
}
