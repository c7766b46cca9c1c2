//! REST: signatures, answers, headers, faults.

use std::{io::Write, sync::mpsc};

use super::*;

const BALANCE: &str = "/trade-api/v2/portfolio/balance";
const STATUS: &str = "/trade-api/v2/exchange/status";

#[test]
fn market_data_needs_no_signature() {
    let fixture = Fixture::plain();
    let path = "/trade-api/v2/markets";
    let (status, body) = fixture.get(&format!("{path}?limit=1&cursor=a%20b"), &[]);
    assert_eq!(status, 200);
    assert_eq!(body, format!(r#"GET {path} query="limit=1&cursor=a%20b" body="" caller=None"#));
}

#[test]
fn signed_orders_reach_the_venue_with_either_key() {
    let fixture = Fixture::start(KeyKinds::Both, |_| {});
    let ready = fixture.server.ready();
    for signer in [Signer::ed25519(ready), Signer::rsa(ready)] {
        let mut request = fixture.agent().post(fixture.url(ORDERS));
        for (name, value) in fixture.signed_by(&signer, "POST", ORDERS) {
            request = request.header(name, value);
        }
        let (status, body) = read(request.send("{}").unwrap()).unwrap();
        assert_eq!(status, 201);
        assert_eq!(body, format!(r#"POST {ORDERS} query="" body="{{}}" caller=Some(3)"#));
    }
}

#[test]
fn query_is_not_signed() {
    let fixture = Fixture::plain();
    let headers = fixture.signed("GET", BALANCE);
    let (status, body) = fixture.get(&format!("{BALANCE}?subaccount=0"), &headers);
    assert_eq!(status, 200, "{body}");
    assert!(body.contains(r#"query="subaccount=0""#), "{body}");
}

#[test]
fn refused_signatures_get_the_recorded_bodies() {
    let fixture = Fixture::plain();
    let good = fixture.signed("GET", BALANCE);
    let refused = |headers: &[(&str, String)], error: &str| {
        let body = format!(r#"{{"error":{{{error}}}}}"#);
        assert_eq!(fixture.get(BALANCE, headers), (401, body));
    };
    let missing = concat!(
        r#""code":"signature_is_missing_from_headers","#,
        r#""message":"signature is missing from headers""#
    );
    let mistaken = r#""code":"authentication_error","message":"authentication_error","details":"#;
    let expired = r#""code":"header_timestamp_expired","message":"header timestamp expired""#;

    refused(&[], missing);
    refused(&[good[0].clone(), good[2].clone()], missing);
    let mut unknown = good.clone();
    unknown[0].1 = "00000000-0000-0000-0000-000000000000".into();
    refused(&unknown, &format!(r#"{mistaken}"NOT_FOUND""#));
    let other = fixture.signed("GET", STATUS);
    refused(&other, &format!(r#"{mistaken}"INCORRECT_API_KEY_SIGNATURE""#));
    fixture.clock.set_ms(START_MS + 30_000);
    refused(&good, expired);

    assert_eq!(fixture.log.entries(), [""; 0], "the venue has seen none of it");
}

#[test]
fn market_data_with_a_wrong_signature_is_refused() {
    let fixture = Fixture::plain();
    let (status, _) = fixture.get(STATUS, &fixture.signed("POST", STATUS));
    assert_eq!(status, 401);
}

#[test]
fn answers_carry_json_and_the_clock_of_the_exchange() {
    let fixture = Fixture::plain();
    fixture.clock.set_ms(784_111_777_000);
    let response = fixture.agent().get(fixture.url(STATUS)).call().unwrap();
    assert_eq!(response.headers()["date"], "Sun, 06 Nov 1994 08:49:37 GMT");
    assert_eq!(response.headers()["content-type"], "application/json");
}

#[test]
fn answers_without_body_have_no_type() {
    let fixture = Fixture::plain();
    let mut request = fixture.agent().delete(fixture.url(ORDERS));
    for (name, value) in fixture.signed("DELETE", ORDERS) {
        request = request.header(name, value);
    }
    let response = request.call().unwrap();
    assert_eq!(response.status(), 204);
    assert!(response.headers().get("content-type").is_none());
}

#[test]
fn trailing_slashes_are_redirected() {
    let fixture = Fixture::plain();
    let response = fixture.agent().get(fixture.url("/trade-api/v2/markets/?limit=1")).call();
    let response = response.unwrap();
    assert_eq!(response.status(), 301);
    assert_eq!(response.headers()["location"], "/trade-api/v2/markets?limit=1");
    assert_eq!(fixture.log.entries(), [""; 0]);
}

#[test]
fn a_lost_request_never_reaches_the_venue() {
    let fixture = Fixture::with_fault(Fault::DropBefore);
    let agent = fixture.agent();
    fixture.post(&agent).unwrap_err();
    assert_eq!(fixture.log.entries(), [""; 0]);
    assert_eq!(fixture.post(&agent).unwrap().0, 201, "the next connection works");
}

#[test]
fn a_lost_answer_leaves_the_order_at_the_venue() {
    let fixture = Fixture::with_fault(Fault::DropAfter);
    fixture.post(&fixture.agent()).unwrap_err();
    assert_eq!(fixture.log.entries().len(), 1);
}

#[test]
fn injected_statuses_replace_the_answer() {
    let busy = r#"{"error":"too many requests"}"#.to_owned();
    let before = Fixture::with_fault(Fault::Status(429, busy.clone()));
    assert_eq!(before.post(&before.agent()).unwrap(), (429, busy));
    assert_eq!(before.log.entries(), [""; 0]);

    let after = Fixture::with_fault(Fault::StatusAfter(503, String::new()));
    assert_eq!(after.post(&after.agent()).unwrap(), (503, String::new()));
    assert_eq!(after.log.entries().len(), 1);
}

#[test]
fn late_requests_and_answers_still_come() {
    for fault in [Fault::DelayBefore(Nanos::from_ms(5)), Fault::DelayAfter(Nanos::from_ms(5))] {
        let fixture = Fixture::with_fault(fault);
        assert_eq!(fixture.post(&fixture.agent()).unwrap().0, 201);
    }
}

#[test]
fn a_late_order_arrives_even_when_its_sender_has_left() {
    let (arrived, arrival) = mpsc::channel();
    let hook = FaultHook::new(move |_, _| {
        arrived.send(()).unwrap();
        Fault::DelayBefore(Nanos::from_ms(50))
    });
    let fixture = Fixture::start(KeyKinds::Ed25519Only, |config| config.faults = hook);
    let mut stream = connect(&fixture);
    let mut request = format!("POST {ORDERS} HTTP/1.1\r\nhost: localhost\r\n");
    for (name, value) in fixture.signed("POST", ORDERS) {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str("content-length: 2\r\n\r\n{}");
    stream.write_all(request.as_bytes()).unwrap();
    stream.flush().unwrap();
    arrival.recv_timeout(PATIENCE).unwrap();
    drop(stream);
    let late = format!(r#"POST {ORDERS} query="" body="{{}}" caller=Some(3)"#);
    fixture.log.wait_for(&late);
}

#[test]
fn proxies_answer_with_pages() {
    let page = "<html><body>502 Bad Gateway</body></html>".to_owned();
    let fixture = Fixture::with_fault(Fault::Status(502, page.clone()));
    let response = fixture.agent().post(fixture.url(ORDERS)).send("{}").unwrap();
    assert_eq!(response.headers()["content-type"], "text/html");
    assert_eq!(read(response).unwrap(), (502, page));
}

#[test]
fn a_closing_answer_says_so() {
    let fixture = Fixture::with_fault(Fault::CloseAfter);
    let response = fixture.agent().post(fixture.url(ORDERS)).send("{}").unwrap();
    assert_eq!(response.headers()["connection"], "close");
}

#[test]
fn requests_are_counted_over_all_connections() {
    let counts = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&counts);
    let hook = FaultHook::new(move |request, count| {
        seen.lock().unwrap().push((request.method.to_owned(), count));
        Fault::None
    });
    let fixture = Fixture::start(KeyKinds::Ed25519Only, |config| config.faults = hook);
    for _ in 0..3 {
        fixture.get(STATUS, &[]);
    }
    let get = |count| ("GET".to_owned(), count);
    assert_eq!(*counts.lock().unwrap(), [get(1), get(2), get(3)]);
}

#[test]
fn oversized_bodies_are_refused() {
    let fixture = Fixture::plain();
    let body = vec![b' '; (4 << 20) + 1];
    let mut request = fixture.agent().post(fixture.url(ORDERS));
    for (name, value) in fixture.signed("POST", ORDERS) {
        request = request.header(name, value);
    }
    // The server may answer and close before it has taken the whole body.
    if let Ok(response) = request.send(&body[..]) {
        assert_eq!(response.status(), 413);
    }
    assert_eq!(fixture.log.entries(), [""; 0]);
}
