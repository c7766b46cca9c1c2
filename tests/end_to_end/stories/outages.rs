//! Stories 15, 17, 18, 20 to 22 and 29: the exchange is away or paused, its lists are short or
//! late, its stream says nothing or the wrong thing.

use serde_json::{Value, json};

use super::members::{Members, PLAIN, TAPERED};
use super::{config, nothing_is_there_twice};
use crate::account::Books;
use crate::process::wait_for;
use crate::producer::resting_signal;
use crate::recovery::{Stage, came_and_went};

/// A signal, `rests`, whose order becomes the best bid at 41 cents.
fn resting(ticker: &str) -> Value {
    let mut signal = resting_signal("rests");
    signal["kalshi"] = json!({"ticker": ticker, "yes_ask": 41, "no_ask": 60});
    signal["max_price_dollars"] = json!("0.4100");
    signal
}

fn is_resting(stage: &Stage) -> Option<()> {
    let orders = stage.client.list("/portfolio/orders", "orders");
    orders.first().filter(|order| order["status"] == "resting").map(|_| ())
}

#[test]
fn story_15_an_order_that_rests_through_an_outage_is_followed_to_its_fill() {
    let mut members = Members::new(&config());
    members.stage.producer.send(resting(PLAIN));
    wait_for("the order to rest", || is_resting(&members.stage));

    members.stage.gate.shut();
    members.stage.holds("feed_down");
    members.stage.holds("order_link_down");
    // Half of it is filled while nobody hears of it.
    members.stranger_trades(PLAIN, "ask", "0.4100", "4.00");
    let (shut, target) = (&members.stage.gate, members.stage.target());
    shut.lead_to(target);
    members.stage.is_well();
    wait_for("the fill to be booked", || (members.stage.held(PLAIN) == 400).then_some(()));

    // The rest is filled afterwards: the order was never lost.
    members.stranger_trades(PLAIN, "ask", "0.4100", "6.00");

    assert_eq!(members.stage.answer("rests"), "filled");
    nothing_is_there_twice(&members.stage, 1);
    let (summary, ended) = members.stage.end();
    came_and_went(&summary, &ended, "feed_down");
    came_and_went(&summary, &ended, "order_link_down");
}

#[test]
fn story_15_an_exchange_that_answers_503_for_five_seconds_is_waited_for() {
    let mut stage = Stage::new();
    assert_eq!(stage.ask("before"), "filled");
    stage.faults("[[fault]]\nstory = 15\n");
    stage.holds("feed_down");
    stage.is_well();
    assert_eq!(stage.ask("after"), "filled");
    nothing_is_there_twice(&stage, 2);
    let (summary, ended) = stage.end();
    came_and_went(&summary, &ended, "feed_down");
}

#[test]
fn story_17_lists_cut_at_their_first_page_are_no_evidence() {
    let mut members = Members::new(&config());
    members.stage.producer.send(resting(PLAIN));
    wait_for("the order to rest", || is_resting(&members.stage));
    // Lists begin with the newest: a page full of somebody else's orders comes before ours.
    let theirs = |nth: u32| {
        json!({
            "ticker": TAPERED, "side": "bid", "count": "1.00", "price": "0.0010",
            "client_order_id": format!("by-hand-{nth}"), "time_in_force": "good_till_canceled",
            "self_trade_prevention_type": "taker_at_cross",
        })
    };
    for batch in 0..10 {
        let orders: Vec<Value> = (0..100).map(|nth| theirs(batch * 100 + nth)).collect();
        members.stage.client.place_all(&orders);
    }
    assert_eq!(members.stage.reconcile()["complete"], true, "two pages are read");

    members.stage.faults("[[fault]]\nstory = 17\n");

    let cut = members.stage.reconcile();
    assert!(cut["failures"].as_u64() >= Some(1), "a full page without a next one: {cut}");
    assert_eq!((&cut["mismatches"], &cut["repaired"]), (&0.into(), &0.into()), "{cut}");
    let status = members.stage.status();
    assert_eq!((&status["trading"], &status["open_orders"]), (&"open".into(), &1.into()));
    members.stage.faults("");
    assert_eq!(members.stage.reconcile()["complete"], true);
    members.stranger_trades(PLAIN, "ask", "0.4100", "10.00");
    assert_eq!(members.stage.answer("rests"), "filled", "it was never given up");
    nothing_is_there_twice(&members.stage, 1_001);
    let (summary, _, exchange) = members.stage.leave();
    // What the orders by hand lock: a thousand times a tenth of a cent.
    let cash = exchange.cash + 100_000_000;
    assert_eq!(Books::of_summary(&summary), Books { cash, ..exchange });
}

#[test]
fn story_18_reads_a_second_behind_stop_nothing() {
    let patient = config()
        .replace("read_lag_ms = 200", "read_lag_ms = 1500")
        .replace("absence_wait_ms = 1000", "absence_wait_ms = 4000");
    let mut stage = Stage::configured(&patient);
    stage.faults("[[fault]]\nstory = 18\n");
    for nth in 0..3 {
        assert_eq!(stage.ask(&format!("s-{nth}")), "filled");
        assert_eq!(stage.reconcile()["mismatches"], 0);
    }
    let status = stage.status();
    assert_eq!((&status["trading"], &status["halted"]), (&"open".into(), &Value::Null));
    wait_for("the lists to follow", || {
        (stage.client.list("/portfolio/orders", "orders").len() == 3).then_some(())
    });
    nothing_is_there_twice(&stage, 3);
    stage.end();
}

#[test]
fn story_20_a_stream_with_pings_and_no_news_costs_no_fill() {
    let mut members = Members::new(&config());
    members.stage.faults("[[fault]]\nname = 'silent_stream'\n");
    members.stage.producer.send(resting(PLAIN));
    wait_for("the order to rest", || is_resting(&members.stage));
    members.stranger_trades(PLAIN, "ask", "0.4100", "10.00");
    // What the stream keeps to itself, comparing with the exchange finds.
    members.stage.reconcile();
    assert_eq!(members.stage.answer("rests"), "filled");
    members.stage.faults("");
    nothing_is_there_twice(&members.stage, 1);
    members.stage.end();
}

#[test]
fn story_21_a_stream_without_user_orders_that_is_reset_and_refused_comes_back() {
    let mut stage = Stage::new();
    stage.faults("[[fault]]\nstory = 21\n");
    assert_eq!(stage.ask("before"), "filled", "fills and answers are enough");
    stage.holds("feed_down");
    stage.is_well();
    assert_eq!(stage.ask("after"), "filled");
    nothing_is_there_twice(&stage, 2);
    let (summary, ended) = stage.end();
    came_and_went(&summary, &ended, "feed_down");
    assert!(summary["reconnect"]["count"].as_u64() >= Some(1), "{summary}");
}

/// A channel that orders need is ended by the exchange with this error.
#[track_caller]
fn subscription_ends(channel: &str, code: u32) {
    let fault = format!(
        "[[fault]]\nname = 'subscription_error'\non = '{channel}'\ncode = {code}\ncount = 1\n"
    );
    let mut stage = Stage::new();
    stage.faults(&fault);
    // The message that would have told of it is the error.
    assert_eq!(stage.ask("first"), "filled");
    stage.is_well();
    assert_eq!(stage.ask("second"), "filled");
    nothing_is_there_twice(&stage, 2);
    stage.end();
}

#[test]
fn story_22_error_10_on_the_fill_channel_is_asked_again() {
    subscription_ends("fill", 10);
}

#[test]
fn story_22_error_25_on_the_order_channel_is_asked_again() {
    subscription_ends("user_order", 25);
}

#[test]
fn story_22_a_session_that_ends_by_overflow_is_opened_again() {
    let mut stage = Stage::new();
    stage.faults("[[fault]]\nstory = 22\n[[fault]]\nname = 'overflow'\ncount = 1\n");
    assert_eq!(stage.ask("first"), "filled");
    wait_for("the session's end to be noticed", || {
        (stage.status()["troubles"]["feed_down"]["count"].as_u64() >= Some(1)).then_some(())
    });
    stage.is_well();
    assert_eq!(stage.ask("second"), "filled");
    nothing_is_there_twice(&stage, 2);
    let (summary, ended) = stage.end();
    came_and_went(&summary, &ended, "feed_down");
}

#[test]
fn story_29_a_market_that_pauses_returns_and_closes_is_followed() {
    let mut members = Members::new(&config());
    let signal = |id: &str| {
        let mut signal = crate::producer::signal(id);
        signal["kalshi"] = json!({"ticker": PLAIN, "yes_ask": 42, "no_ask": 60});
        signal
    };
    let ask = |members: &mut Members, id: &str| {
        members.stage.producer.send(signal(id));
        members.stage.answer(id)
    };
    members.stage.faults("[[fault]]\nname = 'market_pause'\nat_ms = 0\nfor_ms = 1500\n");
    let is = |members: &Members, status: &str| {
        let market = members.stage.client.get(&format!("/markets/{PLAIN}"));
        (market["market"]["status"] == status).then_some(())
    };
    wait_for("the pause", || is(&members, "inactive"));
    // Either the engine has heard of it, or the exchange refuses.
    let first = ask(&mut members, "paused");
    assert!(["market_inactive", "rejected"].contains(&first.as_str()), "{first}");
    wait_for("the market to be active again", || is(&members, "active"));
    // Re-activation has taken everything off the book: somebody offers again.
    members.stranger_trades(PLAIN, "ask", "0.4200", "30.00");
    members.stage.is_well();
    wait_for("an order to be filled", || {
        let id = format!("after-{}", members.stage.status()["signals"]["received"]);
        (ask(&mut members, &id) == "filled").then_some(())
    });

    members.stage.faults("[[fault]]\nname = 'close'\nat_ms = 0\n");
    wait_for("the close to be followed", || {
        let id = format!("closed-{}", members.stage.status()["signals"]["received"]);
        (ask(&mut members, &id) == "market_inactive").then_some(())
    });
    let (summary, _) = members.stage.end();
    assert_eq!(summary["orders"]["unknown"], 0, "{summary}");
}

#[test]
fn story_29_a_market_listed_while_it_runs_is_taken_in() {
    const NEW: &str = "KXCROSS-26JUL02-A";
    let mut members = Members::new(&config());
    let ask = |members: &mut Members, id: &str| {
        let mut signal = crate::producer::signal(id);
        signal["kalshi"] = json!({"ticker": NEW, "yes_ask": 42, "no_ask": 60});
        members.stage.producer.send(signal);
        members.stage.answer(id)
    };
    assert_eq!(ask(&mut members, "before"), "unknown_market");

    let listed = format!("[[fault]]\nname = 'list_market'\nat_ms = 0\nmarket = '{NEW}'\n");
    members.stage.faults(&listed);
    wait_for("the market to be listed", || {
        let markets = members.stage.client.get("/markets?limit=1000").to_string();
        markets.contains(NEW).then_some(())
    });
    members.stranger_trades(NEW, "ask", "0.4200", "30.00");
    wait_for("an order to be filled there", || {
        let id = format!("after-{}", members.stage.status()["signals"]["received"]);
        (ask(&mut members, &id) == "filled").then_some(())
    });

    assert_eq!(members.stage.held(NEW), 1_000);
    let (summary, _) = members.stage.end();
    assert_eq!(summary["orders"]["unknown"], 0, "{summary}");
}
