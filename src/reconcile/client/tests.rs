//! The client against a scripted exchange under a virtual clock.

use super::*;
use crate::feed::scripted::{Peer, ScriptedConnector, VirtualClock};
use crate::reconcile::scripted::{Client, answer, client, response, take_request};

/// A client with a connection whose other end is held.
fn connected() -> (Client, Peer, ScriptedConnector, VirtualClock) {
    let (client, connector, clock) = client();
    let peer = connector.prepare();
    (client, peer, connector, clock)
}

fn why(result: Option<Result<Reply, RestError>>) -> RestFailure {
    result.expect("a result").expect_err("a failure").why
}

#[test]
fn a_request_is_signed_over_its_path_without_the_query() {
    let (mut client, peer, _, _) = connected();
    client.start("/portfolio/orders", "limit=5").unwrap();
    assert!(client.poll().is_none());

    let asked = take_request(&peer).unwrap();
    assert_eq!((asked.path.as_str(), asked.query.as_str()), ("/portfolio/orders", "limit=5"));
    assert_eq!(asked.header("Host"), Some("exchange.test"));
    assert_eq!(asked.header("KALSHI-ACCESS-KEY"), Some("key-1"));
    let ms = (VirtualClock::EPOCH_SECS * 1_000).to_string();
    assert_eq!(asked.header("KALSHI-ACCESS-TIMESTAMP"), Some(ms.as_str()));
    // The same call signed by the key itself: the query is not part of it.
    let lines = client
        .config
        .credentials
        .header_lines(VirtualClock::EPOCH_SECS * 1_000, "GET", "/trade-api/v2/portfolio/orders")
        .unwrap();
    assert!(lines.contains(asked.header("KALSHI-ACCESS-SIGNATURE").unwrap()));
}

#[test]
fn one_connection_serves_many_requests() {
    let (mut client, peer, connector, _) = connected();
    for body in ["{\"a\":1}", "{}"] {
        client.start("/exchange/status", "").unwrap();
        assert!(client.poll().is_none());
        assert!(take_request(&peer).is_some());
        answer(&peer, 200, body);
        assert_eq!(client.poll().unwrap().unwrap().body, body.as_bytes());
    }
    assert_eq!(connector.requests(), 1);
    assert!(client.poll().is_none(), "said once");
}

#[test]
fn an_answer_may_come_in_pieces_and_tells_the_time() {
    let (mut client, peer, _, clock) = connected();
    client.start("/exchange/status", "").unwrap();
    assert!(client.poll().is_none());
    clock.advance(Nanos::from_ms(3));
    let text = response(200, "Date: Thu, 11 Jun 2026 06:29:31 GMT\r\n", "{\"x\":true}");
    for byte in text.as_bytes() {
        peer.send(&[*byte]);
    }
    let reply = core::iter::repeat_with(|| client.poll()).take(10).flatten().next();
    let reply = reply.unwrap().unwrap();
    assert_eq!(reply.date.map(WallTime::unix_secs), Some(1_781_159_371));
    assert_eq!(reply.received.mono.since(reply.sent.mono), Nanos::from_ms(3));
}

#[test]
fn only_one_request_at_a_time() {
    let (mut client, ..) = connected();
    client.start("/a", "").unwrap();
    assert_eq!(client.start("/b", ""), Err(Busy));
}

#[test]
fn a_refusal_carries_status_and_words_and_keeps_the_connection() {
    let (mut client, peer, connector, _) = connected();
    client.start("/portfolio/orders/x", "").unwrap();
    assert!(client.poll().is_none());
    answer(&peer, 404, r#"{"error":{"code":"not_found","message":"not found"}}"#);
    let error = client.poll().unwrap().unwrap_err();
    assert_eq!(error.to_string(), "GET /portfolio/orders/x: status 404: not_found: not found");
    client.start("/exchange/status", "").unwrap();
    assert!(client.poll().is_none());
    assert_eq!(connector.requests(), 1);
}

#[test]
fn a_connection_closed_while_idle_is_replaced_once() {
    let (mut client, first, connector, _) = connected();
    let second = connector.prepare();
    first.wire().closed = true;
    client.start("/exchange/status", "").unwrap();
    while take_request(&second).is_none() {
        assert!(client.poll().is_none());
    }
    assert!(first.wire().dropped);
    second.wire().broken = Some(LinkError::Tls);
    assert_eq!(why(client.poll()), RestFailure::Link(LinkError::Tls), "not a third time");
    assert_eq!(connector.requests(), 2);
}

#[test]
fn an_answer_that_does_not_come_is_a_timeout_and_a_new_connection() {
    let (mut client, first, connector, clock) = connected();
    client.start("/portfolio/fills", "").unwrap();
    assert!(client.poll().is_none());
    clock.advance(Nanos::from_secs(5));
    assert_eq!(why(client.poll()), RestFailure::Timeout { after: Nanos::from_secs(5) });
    assert!(first.wire().dropped, "its late answer must not be taken for another's");

    let second = connector.prepare();
    client.start("/exchange/status", "").unwrap();
    assert!(client.poll().is_none());
    answer(&second, 200, "{}");
    assert!(client.poll().unwrap().is_ok());
}

#[test]
fn a_dial_that_takes_too_long_is_a_timeout_and_its_connection_used_later() {
    let (mut client, connector, clock) = client();
    client.start("/exchange/status", "").unwrap();
    assert!(client.poll().is_none());
    clock.advance(Nanos::from_secs(6));
    assert!(matches!(why(client.poll()), RestFailure::Timeout { .. }));

    let late = connector.prepare();
    client.start("/exchange/status", "").unwrap();
    assert!(client.poll().is_none());
    assert!(take_request(&late).is_some());
    assert_eq!(connector.requests(), 1);
}

#[test]
fn a_failed_dial_is_said_at_once() {
    let (mut client, connector, _) = client();
    connector.prepare_failure();
    client.start("/exchange/status", "").unwrap();
    assert!(matches!(why(client.poll()), RestFailure::Dial(_)));
}

#[test]
fn what_is_no_http_ends_the_connection() {
    let (mut client, peer, ..) = connected();
    client.start("/exchange/status", "").unwrap();
    assert!(client.poll().is_none());
    peer.send(b"SSH-2.0-x\r\n\r\n");
    assert!(matches!(why(client.poll()), RestFailure::Http(_)));
    assert!(peer.wire().dropped);
}

#[test]
fn an_answer_cut_short_is_no_answer() {
    let (mut client, peer, connector, _) = connected();
    connector.prepare();
    client.start("/exchange/status", "").unwrap();
    assert!(client.poll().is_none());
    peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"half\"");
    peer.wire().closed = true;
    assert_eq!(why(client.poll()), RestFailure::Http(HttpError::CutShort));
}

#[test]
fn a_connection_the_server_will_close_is_not_used_again() {
    let (mut client, peer, connector, _) = connected();
    client.start("/exchange/status", "").unwrap();
    assert!(client.poll().is_none());
    peer.send(response(200, "Connection: close\r\n", "{}").as_bytes());
    assert!(client.poll().unwrap().is_ok());
    assert!(peer.wire().dropped);
    assert_eq!(connector.requests(), 1);
}

#[test]
fn a_slow_socket_gets_the_request_later() {
    let (mut client, peer, ..) = connected();
    peer.wire().slow_flushes = 2;
    client.start("/exchange/status", "").unwrap();
    for _ in 0..2 {
        assert!(client.poll().is_none());
        assert!(take_request(&peer).is_none());
    }
    assert!(client.poll().is_none());
    assert!(take_request(&peer).is_some());
}
