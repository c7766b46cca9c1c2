//! Faults by plan, over sockets: carried out as decided, replaced while the server runs.

use std::io::{self, Read, Write};

use tungstenite::Message;

use super::sessions::{open, text};
use super::*;
use crate::sim::faults::{FaultPlan, LiveFaults};

const FAULTS: &str = "/sim/faults";
const MARKETS: &str = "/trade-api/v2/markets";

fn with_plan(text: &str) -> Fixture {
    let plan = FaultPlan::parse(text).unwrap();
    let start = WallTime::from_unix_ms(START_MS);
    Fixture::start(KeyKinds::Ed25519Only, |config| {
        config.live_faults = LiveFaults::new(plan, start);
    })
}

fn send(fixture: &Fixture, text: &str) -> (u16, String) {
    read(fixture.agent().post(fixture.url(FAULTS)).send(text).unwrap()).unwrap()
}

#[test]
fn a_plan_strikes_what_it_names_and_nothing_else() {
    let fixture = with_plan("[[fault]]\nname = 'too_many_requests'\non = 'create'\ncount = 1");
    let agent = fixture.agent();
    assert_eq!(fixture.get(MARKETS, &[]).0, 200);
    let (status, body) = fixture.post(&agent).unwrap();
    assert_eq!((status, body.as_str()), (429, r#"{"error":"too many requests"}"#));
    assert_eq!(fixture.post(&agent).unwrap().0, 201);
}

#[test]
fn a_processed_order_is_hidden_by_a_page() {
    let text = "[[fault]]\nname = 'html_error'\non = 'create'\nphase = 'after'";
    let fixture = with_plan(text);
    let (status, body) = fixture.post(&fixture.agent()).unwrap();
    assert!(status == 502 && body.starts_with("<html>"), "{status} {body}");
    assert_eq!(fixture.log.entries().len(), 1, "the venue has taken it");
}

#[test]
fn a_slow_answer_comes_whole_in_its_pieces() {
    let fixture = with_plan("[[fault]]\nname = 'slow_read'\npiece_bytes = 20\ndelay_ms = 1");
    let (status, body) = fixture.get(MARKETS, &[]);
    assert_eq!(status, 200);
    assert_eq!(body, format!(r#"GET {MARKETS} query="" body="" caller=None"#));
}

#[test]
fn a_lost_connection_leaves_the_order_with_the_venue() {
    let fixture = with_plan("[[fault]]\nname = 'drop_after'\non = 'create'\ncount = 1");
    assert!(fixture.post(&fixture.agent()).is_err());
    fixture.log.wait_for(&format!(
        r#"POST {ORDERS} query="" body="{{\"ticker\":\"KX\"}}" caller=Some(3)"#
    ));
}

#[test]
fn faults_are_replaced_and_cleared_while_it_runs() {
    let fixture = Fixture::plain();
    let (status, body) = send(&fixture, "[[fault]]\nname = 'gone'\non = 'create'");
    assert_eq!(status, 200, "{body}");
    assert_eq!(fixture.post(&fixture.agent()).unwrap().0, 410);
    let told = "a new order: it is answered 410 before the exchange has seen it; always; \
                so far 1 of 1 matches";
    let told = format!(r#"{{"faults":["{told}"],"seed":1}}"#);
    assert_eq!(fixture.get(FAULTS, &[]).1, told);

    let cleared = fixture.agent().delete(fixture.url(FAULTS)).call().unwrap();
    assert_eq!(read(cleared).unwrap().1, r#"{"faults":[],"seed":0}"#);
    assert_eq!(fixture.post(&fixture.agent()).unwrap().0, 201);
}

#[test]
fn a_plan_that_cannot_be_read_changes_nothing() {
    let fixture = Fixture::plain();
    send(&fixture, "[[fault]]\nname = 'gone'\non = 'create'");
    let (status, body) = send(&fixture, "[[fault]]\nname = 'gnoe'");
    assert!(status == 400 && body.contains("allowed: delay"), "{status} {body}");
    assert_eq!(fixture.post(&fixture.agent()).unwrap().0, 410);
}

#[test]
fn a_skewed_exchange_refuses_signatures_of_the_right_time() {
    let fixture = Fixture::plain();
    assert_eq!(fixture.post(&fixture.agent()).unwrap().0, 201);
    send(&fixture, "[[fault]]\nname = 'clock_skew'\nskew_ms = 60000");
    let expired = |fixture: &Fixture| fixture.post(&fixture.agent()).unwrap().0 == 401;
    // The plan's acts are carried out by a timer of the server's.
    let mut tries = 0;
    while !expired(&fixture) {
        tries += 1;
        assert!(tries < 10_000, "the clock was never skewed");
    }
}

#[test]
fn operators_reach_the_venue() {
    let fixture = Fixture::plain();
    send(&fixture, "[[fault]]\nname = 'trading_pause'\nfor_ms = 100");
    fixture.log.wait_for("act State(TradingPaused)");
    fixture.clock.set_ms(START_MS + 100);
    fixture.log.wait_for("act State(Open)");
}

#[test]
fn a_cleared_plan_leaves_nothing_behind() {
    let fixture = Fixture::plain();
    let plan = "[[fault]]\nname = 'exchange_pause'\nfor_ms = 100\n[[fault]]\nname = 'read_lag'\n\
                [[fault]]\nname = 'cancel_all_tail'";
    send(&fixture, plan);
    fixture.log.wait_for("act CancelAllTail(1000)");
    fixture.agent().delete(fixture.url(FAULTS)).call().unwrap();
    // The answer comes after it has been done.
    let entries = fixture.log.entries();
    for act in ["act State(Open)", "act ReadLag(None)", "act CancelAllTail(0)"] {
        assert!(entries.iter().any(|entry| entry == act), "{act}: {entries:?}");
    }
}

#[test]
fn another_plan_ends_the_one_before_it() {
    let fixture = Fixture::plain();
    send(&fixture, "[[fault]]\nname = 'trading_pause'\nfor_ms = 100000");
    fixture.log.wait_for("act State(TradingPaused)");
    send(&fixture, "[[fault]]\nname = 'gone'\non = 'create'");
    assert_eq!(fixture.log.entries().last().unwrap(), "act State(Open)");
}

#[test]
fn every_connection_has_a_lifetime_of_its_own() {
    let fixture = Fixture::plain();
    let mut first = open(&fixture);
    send(&fixture, "[[fault]]\nname = 'connection_lifetime'\nlifetime_ms = 40");
    assert!(first.read().is_err(), "cut without a close frame");
    fixture.log.wait_for("close 1");

    let mut second = open(&fixture);
    assert!(second.read().is_err(), "so is one that came later");
    fixture.log.wait_for("close 2");

    fixture.agent().delete(fixture.url(FAULTS)).call().unwrap();
    let mut third = open(&fixture);
    third.send(Message::text("still there")).unwrap();
    assert_eq!(text(&mut third), "echo still there\n");
}

#[test]
fn a_cut_ends_what_is_open_and_nothing_later() {
    let fixture = Fixture::plain();
    let mut first = open(&fixture);
    send(&fixture, "[[fault]]\nname = 'cut'");
    assert!(first.read().is_err(), "cut without a close frame");
    let mut second = open(&fixture);
    second.send(Message::text("one")).unwrap();
    assert_eq!(text(&mut second), "echo one\n");
}

#[test]
fn a_late_text_is_passed_by_other_subscriptions_and_not_by_its_own() {
    let fixture =
        with_plan("[[fault]]\nname = 'delay_message'\nfirst = 2\ncount = 1\ndelay_ms = 500");
    let mut client = open(&fixture);
    for word in ["\"sid\":1, a", "\"sid\":1, b", "\"sid\":2, c"] {
        client.send(Message::text(word)).unwrap();
    }
    assert_eq!(text(&mut client), "echo \"sid\":2, c\n");
    fixture.clock.set_ms(START_MS + 500);
    let heard = [text(&mut client), text(&mut client)];
    assert_eq!(heard, ["echo \"sid\":1, a\n", "echo \"sid\":1, b\n"]);
}

#[test]
fn an_interim_answer_comes_before_the_answer() {
    let fixture = with_plan("[[fault]]\nname = 'interim'\ncount = 1");
    let mut stream = connect(&fixture);
    let asked = format!("GET {MARKETS} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    stream.write_all(asked.as_bytes()).unwrap();
    let mut answer = String::new();
    // Without a close_notify the end is an error, after everything has been read.
    let _: io::Result<usize> = stream.read_to_string(&mut answer);
    let (interim, rest) = answer.split_once("\r\n\r\n").unwrap();
    assert!(interim.starts_with("HTTP/1.1 103 "), "{answer}");
    assert!(rest.starts_with("HTTP/1.1 200 "), "{answer}");
    assert_eq!(fixture.get(MARKETS, &[]).0, 200);
}

#[test]
fn a_chunked_answer_says_so() {
    let fixture = with_plan("[[fault]]\nname = 'chunked'");
    let answer = fixture.agent().get(fixture.url(MARKETS)).call().unwrap();
    assert_eq!(answer.headers()["transfer-encoding"], "chunked");
    assert_eq!(read(answer).unwrap().1, format!(r#"GET {MARKETS} query="" body="" caller=None"#));
}

#[test]
fn the_next_text_passes_a_reordered_one() {
    let fixture = with_plan("[[fault]]\nname = 'reorder'\nfirst = 2\ncount = 1");
    let mut client = open(&fixture);
    for word in ["one", "two", "three"] {
        client.send(Message::text(word)).unwrap();
    }
    let heard: Vec<_> = (0..3).map(|_| text(&mut client)).collect();
    assert_eq!(heard, ["echo two\n", "echo one\n", "echo three\n"]);
}

#[test]
fn a_silent_stream_still_answers_pings() {
    let fixture = with_plan("[[fault]]\nname = 'silent_stream'\nfirst = 2\ncount = 1");
    let mut client = open(&fixture);
    client.send(Message::text("one")).unwrap();
    client.send(Message::Ping("still there?".into())).unwrap();
    assert_eq!(client.read().unwrap(), Message::Pong("still there?".into()));
}

#[test]
fn an_overflow_is_told_and_ends_the_session() {
    let fixture = with_plan("[[fault]]\nname = 'overflow'\nfirst = 2\ncount = 1");
    let mut client = open(&fixture);
    client.send(Message::text("one")).unwrap();
    assert!(text(&mut client).contains("\"code\":25"));
}
