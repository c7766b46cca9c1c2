//! Stories 1 to 7: the answer to an order is lost, late or about something else, and the stream
//! does not help.

use kalshi_exec::control;
use serde_json::json;

use super::{DEAF, Told, config, nothing_is_there_twice, tell};
use crate::producer::resting_signal;
use crate::recovery::Stage;

/// Two signals, the first of which meets the fault: both are filled, once.
#[track_caller]
fn filled_once(story: u32) {
    let ends = &["filled", "filled"];
    let (summary, _) = tell(&Told { story, more: DEAF, ends, orders: 2, alerts: &[] });
    assert_eq!(summary["contracts_filled"], 20);
    assert_eq!(summary["orders"]["unknown"], 0);
}

#[test]
fn story_01_an_order_whose_answer_never_comes_is_there_once() {
    filled_once(1);
}

#[test]
fn story_02_an_order_that_outlived_its_connection_is_there_once() {
    filled_once(2);
}

#[test]
fn story_03_an_order_behind_a_gateway_error_is_there_once() {
    filled_once(3);
}

#[test]
fn story_04_an_order_that_lands_late_lands_once() {
    filled_once(4);
}

#[test]
fn story_04_a_resting_order_that_lands_after_its_expiry_is_refused_by_the_exchange() {
    let hasty = config()
        .replace("fill_timeout_ms = 3600000", "fill_timeout_ms = 500\npartial_wait_ms = 100")
        .replace("absence_wait_ms = 1000", "absence_wait_ms = 8000");
    let mut stage = Stage::configured(&hasty);
    // Expiries are whole seconds, two beyond what we wait.
    stage.faults("[[fault]]\nname = 'delay'\non = 'create'\ndelay_ms = 5000\n");
    stage.producer.send(resting_signal("late"));
    assert_eq!(stage.answer("late"), "rejected");
    stage.faults("");
    stage.is_well();
    nothing_is_there_twice(&stage, 0);
    assert_eq!(stage.ask("after"), "filled");
    let (summary, _) = stage.end();
    assert_eq!(summary["positions"].as_object().map(serde_json::Map::len), Some(1), "{summary}");
}

#[test]
fn story_05_a_success_without_an_order_id_is_looked_up() {
    filled_once(5);
}

#[test]
fn story_06_an_order_that_fills_at_once_is_not_ordered_again() {
    let mut stage = Stage::new();
    stage.faults(DEAF);
    assert_eq!(stage.ask("at-once"), "filled");
    let resting = stage.client.get("/portfolio/orders?status=resting");
    assert_eq!(resting["orders"], json!([]), "no list of what rests has ever had it");
    // A comparison finds nothing amiss, and nothing is ordered for what it does not list.
    let compared = stage.reconcile();
    assert_eq!((&compared["complete"], &compared["mismatches"]), (&true.into(), &0.into()));
    nothing_is_there_twice(&stage, 1);
    stage.end();
}

#[test]
fn story_07_an_answer_about_another_order_is_not_believed() {
    let mut stage = Stage::new();
    stage.faults("[[fault]]\nstory = 7\n");
    assert_eq!(stage.ask("mixed-up"), "filled", "our own id finds it");
    // Two ids for one order: the market waits for a person.
    assert_eq!(stage.ask("meanwhile"), "market_stopped");
    nothing_is_there_twice(&stage, 1);
    let state = stage.dir.path().join("state");
    control::client::ask(&state, &control::Request::Resume).expect("it resumes");
    assert_eq!(stage.ask("after"), "filled");
    nothing_is_there_twice(&stage, 2);
    let (summary, _) = stage.end();
    assert_eq!(summary["orders"]["unknown"], 0);
}
