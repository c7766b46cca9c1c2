//! The stories.

use serde_json::Value;

use super::{HASTY, Stage, address, came_and_went};
use crate::lost_answers::serve;
use crate::process::wait_for;
use crate::producer::{WIDE, resting_signal, signal};
use kalshi_exec::sim::server::FaultHook;

#[test]
fn an_exchange_that_vanishes_in_mid_trade_is_waited_for() {
    let mut stage = Stage::new();
    assert_eq!(stage.ask("before"), "filled");
    // The order lands, and its answer is on the way when the link breaks.
    let late = "[[fault]]\nname = \"delay\"\non = \"create\"\nphase = \"after\"\ndelay_ms = 400\n";
    stage.faults(late);
    stage.producer.send(signal("caught"));
    wait_for("the order to land", || {
        (stage.client.list("/portfolio/orders", "orders").len() == 2).then_some(())
    });

    stage.gate.shut();

    stage.holds("order_link_down");
    stage.holds("feed_down");
    assert_eq!(stage.status()["trading"], "not_ready");
    stage.faults("");
    stage.gate.lead_to(stage.target());
    stage.is_well();
    assert_eq!(stage.answer("caught"), "filled", "looked up, not sent again");
    assert_eq!(stage.ask("after"), "filled");
    let (summary, ended) = stage.end();
    assert_eq!(summary["contracts_filled"], 30);
    assert!(summary["reconnect"]["count"].as_u64() >= Some(1), "{summary:#}");
    assert!(summary["reconnect"]["max"].as_u64() > Some(0), "{summary:#}");
    assert!(ended.stderr.contains("Reconnects"), "{}", ended.stderr);
    came_and_went(&summary, &ended, "order_link_down");
    came_and_went(&summary, &ended, "feed_down");
}

#[test]
fn an_exchange_that_is_killed_and_started_again_is_traded_on() {
    // This exchange forgets what it knew, order groups included; the real one does not.
    let mut stage = Stage::with("\n[gateway]\ngroup_contracts = 0\n");
    let target = stage.target();
    stage.restart_exchange(|stage| {
        stage.holds("order_link_down");
        stage.holds("feed_down");
    });
    assert_eq!(stage.target(), target);
    stage.is_well();

    assert_eq!(stage.ask("after"), "filled");

    let (summary, ended) = stage.end();
    came_and_went(&summary, &ended, "order_link_down");
    came_and_went(&summary, &ended, "unreachable");
}

#[test]
fn a_certificate_that_changed_is_not_trusted() {
    let mut stage = Stage::new();
    // Another server with another authority at the same address.
    let strangers = tempfile::tempdir().unwrap();
    let stranger = serve(strangers.path(), FaultHook::default());
    let theirs = serde_json::to_value(stranger.ready()).unwrap();

    stage.gate.lead_to(address(&theirs));

    stage.holds("tls_failed");
    let told = stage.status()["troubles"]["tls_failed"].clone();
    assert!(told["detail"].as_str().unwrap().contains("invalid peer certificate"), "{told}");
    assert!(told["remedy"].as_str().unwrap().contains("exchange.ca_file"), "{told}");
    assert_eq!(stage.ask("meanwhile"), "not_ready");
    stage.gate.lead_to(stage.target());
    stage.is_well();
    assert_eq!(stage.ask("after"), "filled");
    let (summary, ended) = stage.end();
    came_and_went(&summary, &ended, "tls_failed");
}

/// The exchange's clock is so far from ours for a while.
#[track_caller]
fn clock_stepped(ms: i64) {
    let mut stage = Stage::new();
    let skew = format!("[[fault]]\nname = \"clock_skew\"\nat_ms = 0\nskew_ms = {ms}\n");
    stage.faults(&skew);
    stage.holds("clock_skew");
    assert_eq!(stage.ask("meanwhile"), "clock_skew");

    stage.faults("");

    stage.is_well();
    assert_eq!(stage.ask("after"), "filled");
    let (summary, ended) = stage.end();
    assert_eq!(summary["orders"]["sent"], 1);
    came_and_went(&summary, &ended, "clock_skew");
}

#[test]
fn a_clock_stepped_thirty_seconds_back_stops_orders_until_it_is_right() {
    clock_stepped(30_000);
}

#[test]
fn a_clock_stepped_thirty_seconds_ahead_stops_orders_until_it_is_right() {
    clock_stepped(-30_000);
}

#[test]
fn an_endpoint_that_is_gone_halts_and_is_not_asked_again() {
    let mut stage = Stage::new();
    stage.faults("[[fault]]\nname = \"gone\"\non = \"create\"\n");
    assert_eq!(stage.ask("gone"), "rejected");
    stage.holds("endpoint_gone");
    let halted = stage.status()["halted"].as_str().unwrap().to_owned();
    assert!(halted.starts_with("endpoint_gone: "), "{halted}");
    assert_eq!(stage.ask("meanwhile"), "halted");

    stage.faults("");
    let state = stage.dir.path().join("state");
    super::control::ask(&state, &super::Request::Resume).unwrap();

    stage.is_well();
    assert_eq!(stage.ask("after"), "filled");
    let (summary, ended) = stage.end();
    assert_eq!(summary["orders"]["sent"], 2);
    came_and_went(&summary, &ended, "endpoint_gone");
}

#[test]
fn five_seconds_of_429_are_sat_out() {
    let mut stage = Stage::new();
    stage.faults("[[fault]]\nname = \"too_many_requests\"\non = \"create\"\nuntil_ms = 5000\n");
    stage.producer.send(signal("limited"));
    stage.holds("rate_limited");
    let ended = stage.answer("limited");
    assert!(["rejected", "filled"].contains(&ended.as_str()), "{ended}");

    // Each refusal is waited out, for as long as the exchange's buckets take to refill.
    let taken = (0..5).any(|nth| {
        stage.is_well();
        stage.ask(&format!("after-{nth}")) == "filled"
    });
    assert!(taken, "{}", stage.status());
    let (summary, ended) = stage.end();
    came_and_went(&summary, &ended, "rate_limited");
}

#[test]
fn a_paused_exchange_is_named_and_nothing_is_sent_meanwhile() {
    let mut stage = Stage::new();
    stage.faults("[[fault]]\nname = \"trading_pause\"\nat_ms = 0\nfor_ms = 600000\n");
    wait_for("the pause", || {
        (stage.client.get("/exchange/status")["trading_active"] == false).then_some(())
    });
    assert_eq!(stage.ask("first"), "rejected");
    stage.holds("exchange_paused");
    assert_eq!(stage.ask("second"), "exchange_paused");
    let (summary, _) = stage.end();
    assert_eq!(summary["orders"]["sent"], 1);
    assert_eq!(summary["troubles"]["exchange_paused"]["active"], true);
}

#[test]
fn what_a_shutdown_could_not_cancel_is_said() {
    let mut stage = Stage::new();
    stage.producer.send(resting_signal("rest"));
    let id = wait_for("the order to rest", || {
        let orders = stage.client.list("/portfolio/orders", "orders");
        let order = orders.first().filter(|order| order["status"] == "resting")?;
        order["client_order_id"].as_str().map(str::to_owned)
    });
    stage.gate.shut();
    stage.holds("order_link_down");

    stage.engine.signal("TERM");

    let ended = stage.engine.wait();
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains("the fate of 1 orders is unknown"), "{}", ended.stderr);
    let summary = crate::account::json(&stage.dir.path().join("report/summary.json"));
    let left: Vec<&Value> = summary["shutdown"]["left"].as_array().unwrap().iter().collect();
    assert_eq!(left, [&Value::from(id.as_str())], "{}", summary["shutdown"]);
    assert!(ended.stderr.contains(&id), "{}", ended.stderr);
}

/// The first signal's shutdown stands still; `second` ends it.
#[track_caller]
fn ended_at_once_by(second: &str) {
    // It would wait for the exchange longer than any test.
    let patient = format!("{WIDE}{HASTY}");
    let patient = patient.replace("drain_timeout_ms = 3000", "drain_timeout_ms = 300000");
    let mut stage = Stage::configured(&patient);
    stage.producer.send(resting_signal("rest"));
    wait_for("the order to rest", || {
        let orders = stage.client.list("/portfolio/orders", "orders");
        orders.first().filter(|order| order["status"] == "resting").map(|_| ())
    });
    stage.gate.shut();
    stage.holds("order_link_down");

    stage.engine.signal("INT");
    wait_for("the shutdown to have begun", || {
        stage.engine.stderr().contains("interrupt again to end at once").then_some(())
    });

    // One more is enough, and the first moment is late enough.
    stage.engine.signal(second);
    let code = wait_for("the process to end", || {
        stage.engine.child.try_wait().expect("a child can be waited for").map(|it| it.code())
    });
    assert_eq!(code, Some(1));
    assert!(!stage.dir.path().join("report/summary.json").exists(), "at once");
}

#[test]
fn a_second_signal_ends_a_shutdown_that_the_exchange_does_not_answer() {
    ended_at_once_by("INT");
}

#[test]
fn a_second_signal_of_the_other_kind_ends_a_shutdown_as_well() {
    ended_at_once_by("TERM");
}

#[test]
fn what_a_shutdown_cancelled_is_said() {
    let mut stage = Stage::new();
    stage.producer.send(resting_signal("rest"));
    wait_for("the order to rest", || {
        let orders = stage.client.list("/portfolio/orders", "orders");
        orders.first().filter(|order| order["status"] == "resting").map(|_| ())
    });
    let (summary, ended) = stage.end();
    assert_eq!(summary["shutdown"]["canceled"], 1);
    assert_eq!(summary["shutdown"]["left"], Value::Array(Vec::new()));
    assert!(ended.stderr.contains("1 canceled"), "{}", ended.stderr);
}

/// Two connections to the exchange's stream.
const TWO_STREAMS: &str = "\n[feed]\nconnections = 2\n";

/// Waits until so many connections to the stream are up.
#[track_caller]
fn streams_up(stage: &Stage, count: usize) -> Value {
    wait_for("connections to the stream", || {
        let feed = stage.status()["feed"].clone();
        let links = feed.as_array()?;
        (links.iter().filter(|link| link["up"] == true).count() == count).then_some(feed)
    })
}

#[test]
fn two_streams_tell_everything_once() {
    let mut stage = Stage::with(TWO_STREAMS);
    streams_up(&stage, 2);
    for nth in 0..3 {
        assert_eq!(stage.ask(&format!("s-{nth}")), "filled");
    }
    wait_for("the other telling", || {
        let feed = stage.status()["feed"].clone();
        let told = |link: usize| feed[link]["repetitions"].as_u64().unwrap_or(0);
        (told(0) + told(1) >= 6).then_some(())
    });
    let (summary, ended) = stage.end();
    assert_eq!(summary["contracts_filled"], 30);
    assert_eq!(summary["feed"].as_array().map(Vec::len), Some(2), "{summary}");
    assert_eq!(summary["troubles"], serde_json::json!({}), "{summary}");
    assert_eq!(ended.stderr.matches("Stream").count(), 2, "{}", ended.stderr);
}

#[test]
fn an_exchange_that_is_killed_and_started_again_is_traded_on_over_two_streams() {
    // This exchange forgets what it knew, order groups included; the real one does not.
    let mut stage = Stage::with(&format!("\n[gateway]\ngroup_contracts = 0\n{TWO_STREAMS}"));
    streams_up(&stage, 2);
    stage.restart_exchange(|stage| {
        stage.holds("feed_down");
        streams_up(stage, 0);
    });
    stage.is_well();
    streams_up(&stage, 2);

    assert_eq!(stage.ask("after"), "filled");

    let (summary, ended) = stage.end();
    came_and_went(&summary, &ended, "feed_down");
    came_and_went(&summary, &ended, "unreachable");
    let links = summary["feed"].as_array().unwrap();
    assert!(links.iter().all(|link| link["ups"] == 2), "{summary}");
}

#[test]
fn a_stream_reset_and_refused_with_502_is_backfilled_before_trading() {
    let mut stage = Stage::new();
    assert_eq!(stage.ask("before"), "filled");
    let refused =
        "[[fault]]\nname = 'server_error'\non = 'upgrade'\nstatus = 502\nuntil_ms = 6000\n";
    stage.faults(&format!("{refused}[[fault]]\nname = 'cut'\nat_ms = 0\n"));

    stage.holds("feed_down");
    assert_eq!(stage.ask("meanwhile"), "not_ready");
    stage.is_well();

    // From one second on, each pause twice the last: a few dials in six seconds.
    let dials = stage.status()["feed"][0]["dial_failures"].as_u64();
    assert!((2..=8).contains(&dials.unwrap_or(0)), "{dials:?}");
    assert_eq!(stage.ask("after"), "filled");
    let (summary, ended) = stage.end();
    came_and_went(&summary, &ended, "feed_down");
    assert_eq!(summary["feed"][0]["ups"], 2, "{summary}");
}
