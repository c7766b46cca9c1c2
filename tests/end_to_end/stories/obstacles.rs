//! What every order would be told alike, and messages that run out: each is a named state, and
//! what rests can be cancelled all the same.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use kalshi_exec::control::{Request, client as control};
use kalshi_exec::sim::server::{Fault, FaultHook, ServerHandle};
use serde_json::Value;

use super::heard::Heard;
use super::{config, nothing_is_there_twice};
use crate::lost_answers::serve;
use crate::process::wait_for;
use crate::producer::{resting_signal, signal};
use crate::recovery::{Stage, came_and_went};

/// What is answered to orders of an account whose attestation has lapsed, as observed.
const LAPSED: &str = concat!(
    r#"{"error":{"code":"Your_location_attestation_for_API_trading_is_missing_or_expired."#,
    r#"_Please_verify_your_location_in_the_Kalshi_app_or_website,_and_then_retry.","#,
    r#""message":"Your location attestation for API trading is missing or expired."}}"#,
);

/// An engine that trades on an exchange that goes wrong on purpose.
fn stage_on(config: &str, faults: FaultHook) -> (Stage, ServerHandle) {
    let dir = tempfile::tempdir().expect("a directory");
    let server = serve(dir.path(), faults);
    (Stage::before(dir, None, config), server)
}

#[track_caller]
fn command(stage: &Stage, request: &Request) -> Value {
    control::ask(&stage.dir.path().join("state"), request).expect("it answers")
}

/// An order of the account is in this state.
#[track_caller]
fn an_order_is(stage: &Stage, status: &str) {
    wait_for(status, || {
        let orders = stage.client.list("/portfolio/orders", "orders");
        orders.iter().any(|order| order["status"] == status).then_some(())
    });
}

#[test]
fn story_23_a_location_that_is_not_attested_halts_and_is_not_tried_again() {
    let (lapsed, heard) = (Arc::new(AtomicBool::new(false)), Heard::default());
    let (is_lapsed, hearing) = (Arc::clone(&lapsed), heard.clone());
    let hook = FaultHook::new(move |request, _| {
        hearing.note(request);
        let is_order = request.method == "POST" && request.path.ends_with("/orders");
        match is_order && is_lapsed.load(Ordering::Acquire) {
            true => Fault::Status(403, LAPSED.to_owned()),
            false => Fault::None,
        }
    });
    let (mut stage, _exchange) = stage_on(&config(), hook);
    stage.producer.send(resting_signal("rests"));
    an_order_is(&stage, "resting");
    lapsed.store(true, Ordering::Release);

    stage.producer.send(signal("elsewhere"));
    let ends = [stage.producer.answer(), stage.producer.answer()];
    let end = |id: &str| ends.iter().find(|it| it["signal_id"] == id).expect("an answer").clone();
    assert_eq!(end("elsewhere")["state"], "rejected");
    assert_eq!(end("rests")["state"], "canceled", "a halt cancels what rests");

    stage.holds("region_attestation");
    let status = stage.status();
    let told = &status["troubles"]["region_attestation"];
    assert!(told["remedy"].as_str().is_some_and(|text| !text.is_empty()), "{told}");
    let halted = status["halted"].as_str().expect("a reason");
    assert!(halted.starts_with("region_attestation: "), "{halted}");
    an_order_is(&stage, "canceled");
    assert_eq!(stage.ask("meanwhile"), "halted");
    assert_eq!(heard.count("POST", "/orders"), 2, "nothing was tried again");

    lapsed.store(false, Ordering::Release);
    command(&stage, &Request::Resume);
    stage.is_well();
    assert_eq!(stage.ask("after"), "filled");
    nothing_is_there_twice(&stage, 2);
    let (summary, ended) = stage.end();
    came_and_went(&summary, &ended, "region_attestation");
}

/// Tokens for two orders, and for one more every ten seconds; twenty beside them are for cancels.
fn poor() -> String {
    let few = config()
        .replace("write_tokens_per_second = 1200", "write_tokens_per_second = 1")
        .replace("write_tokens_max = 3600", "write_tokens_max = 40");
    format!("{few}\n[gateway]\ngroup_contracts = 0\n")
}

/// One order rests, orders have used up every token that is theirs, and then `request` comes: what
/// rested is cancelled from the tokens that are kept for that.
#[track_caller]
fn is_not_starved(request: &Request) {
    let (mut stage, _exchange) = stage_on(&poor(), FaultHook::default());
    stage.producer.send(resting_signal("rests"));
    an_order_is(&stage, "resting");
    let mut refused = 0;
    for nth in 0..40 {
        refused += u32::from(stage.ask(&format!("flood-{nth}")) == "messages_per_second");
    }
    let sent = stage.client.list("/portfolio/orders", "orders").len();
    assert!(refused >= 30 && sent <= 3, "{sent} sent: the reserve is left alone");

    command(&stage, request);

    assert_eq!(stage.answer("rests"), "canceled");
    an_order_is(&stage, "canceled");
    // No order could have gone.
    command(&stage, &Request::Resume);
    assert_eq!(stage.ask("still"), "messages_per_second");
    stage.end();
}

#[test]
fn story_27_a_cancel_of_everything_is_not_starved_by_orders() {
    is_not_starved(&Request::CancelAll);
}

#[test]
fn story_27_a_halt_is_not_starved_by_orders() {
    is_not_starved(&Request::Halt { reason: "drill".to_owned() });
}
