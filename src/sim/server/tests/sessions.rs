//! WebSocket: upgrade, texts, heartbeat, overflow, cuts.

use tungstenite::{
    Error, HandshakeError, Message, WebSocket, client::IntoClientRequest,
    handshake::client::Request, protocol::frame::coding::CloseCode,
};

use super::*;

pub(super) type Client = WebSocket<rustls::StreamOwned<rustls::ClientConnection, TcpStream>>;

fn request(fixture: &Fixture, headers: &[(&'static str, String)]) -> Request {
    let mut request = fixture.server.ready().ws.as_str().into_client_request().unwrap();
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    request
}

/// An upgraded client that has read the venue's greeting.
pub(super) fn open(fixture: &Fixture) -> Client {
    let request = request(fixture, &fixture.signed("GET", WS_PATH));
    let (mut client, response) = tungstenite::client(request, connect(fixture)).unwrap();
    assert_eq!(response.status(), 101);
    assert_eq!(text(&mut client), "hello 3\n");
    client
}

/// The next text; pings are skipped.
pub(super) fn text(client: &mut Client) -> String {
    loop {
        match client.read().unwrap() {
            Message::Text(text) => return text.to_string(),
            Message::Ping(_) => {}
            other => panic!("{other:?} instead of a text"),
        }
    }
}

#[test]
fn texts_travel_both_ways_and_end_with_a_newline() {
    let fixture = Fixture::plain();
    let mut client = open(&fixture);
    client.send(Message::text(r#"{"id":1,"cmd":"subscribe"}"#)).unwrap();
    assert_eq!(text(&mut client), "echo {\"id\":1,\"cmd\":\"subscribe\"}\n");
    client.send(Message::text("two")).unwrap();
    assert_eq!(text(&mut client), "echo two\n");
}

#[test]
fn what_an_order_causes_is_told_to_sessions() {
    let fixture = Fixture::plain();
    let mut client = open(&fixture);
    assert_eq!(fixture.post(&fixture.agent()).unwrap().0, 201);
    assert_eq!(text(&mut client), "seen POST\n");
}

#[test]
fn order_of_texts_is_kept_over_many_batches() {
    let fixture = Fixture::plain();
    let mut client = open(&fixture);
    client.send(Message::text("flood 1000")).unwrap();
    for n in 0..1000 {
        assert_eq!(text(&mut client), format!("flood {n}\n"));
    }
}

#[test]
fn upgrade_without_a_good_signature_is_refused() {
    let fixture = Fixture::plain();
    let wrong = fixture.signed("GET", "/trade-api/v2/exchange/status");
    for headers in [&[][..], &wrong[..]] {
        let refused = tungstenite::client(request(&fixture, headers), connect(&fixture));
        match refused {
            Err(HandshakeError::Failure(Error::Http(response))) => {
                assert_eq!(response.status(), 401);
            }
            other => panic!("{other:?} instead of a refusal"),
        }
    }
    let (status, body) = fixture.get(WS_PATH, &wrong);
    assert_eq!(status, 401);
    assert!(body.contains("INCORRECT_API_KEY_SIGNATURE"), "{body}");
    assert_eq!(fixture.log.entries(), [""; 0]);
}

#[test]
fn upgrades_fail_on_demand() {
    let hook = FaultHook::new(|request, count| match (request.path, count) {
        (WS_PATH, 1) => Fault::Status(502, String::new()),
        (WS_PATH, 2) => Fault::DropBefore,
        _ => Fault::None,
    });
    let fixture = Fixture::start(KeyKinds::Ed25519Only, |config| config.faults = hook);
    fixture.get("/trade-api/v2/exchange/status", &[]);
    let dial = || {
        let request = request(&fixture, &fixture.signed("GET", WS_PATH));
        tungstenite::client(request, connect(&fixture)).map(drop).map_err(Box::new)
    };
    match *dial().unwrap_err() {
        HandshakeError::Failure(Error::Http(response)) => assert_eq!(response.status(), 502),
        other => panic!("{other:?} instead of 502"),
    }
    let cut = *dial().unwrap_err();
    assert!(matches!(cut, HandshakeError::Failure(Error::Io(_) | Error::Protocol(_))), "{cut:?}");
    open(&fixture);
}

#[test]
fn frames_are_lost_and_repeated_on_demand() {
    let hook = FaultHook::default().with_frames(|_, text| match text {
        "flood 1" => FrameFault::Lose,
        "flood 2" => FrameFault::Repeat,
        _ => FrameFault::None,
    });
    let fixture = Fixture::start(KeyKinds::Ed25519Only, |config| config.faults = hook);
    let mut client = open(&fixture);
    client.send(Message::text("flood 4")).unwrap();
    for n in [0, 2, 2, 3] {
        assert_eq!(text(&mut client), format!("flood {n}\n"));
    }
}

#[test]
fn signed_request_that_is_no_upgrade_is_bad() {
    let fixture = Fixture::plain();
    assert_eq!(fixture.get(WS_PATH, &fixture.signed("GET", WS_PATH)).0, 400);
}

#[test]
fn pings_of_clients_are_answered() {
    let fixture = Fixture::plain();
    let mut client = open(&fixture);
    client.send(Message::Ping("are you there".into())).unwrap();
    assert_eq!(client.read().unwrap(), Message::Pong("are you there".into()));
}

#[test]
fn server_pings_with_heartbeats() {
    let usual = Fixture::start(KeyKinds::Ed25519Only, |config| {
        assert_eq!(config.heartbeat, Nanos::from_secs(10), "as the exchange does");
    });
    drop(usual);
    let fixture = Fixture::start(KeyKinds::Ed25519Only, |config| {
        config.heartbeat = Nanos::from_ms(20);
    });
    let mut client = open(&fixture);
    for _ in 0..2 {
        assert_eq!(client.read().unwrap(), Message::Ping("heartbeat".into()));
    }
}

#[test]
fn closing_is_told_to_the_venue() {
    let fixture = Fixture::plain();
    let mut client = open(&fixture);
    client.close(None).unwrap();
    assert!(matches!(client.read(), Ok(Message::Close(_))));
    fixture.log.wait_for("close 1");

    drop(open(&fixture));
    fixture.log.wait_for("close 2");
}

#[test]
fn a_slow_reader_is_told_and_cut_off() {
    let fixture = Fixture::start(KeyKinds::Ed25519Only, |config| config.session_queue_max = 4);
    let mut client = open(&fixture);
    client.send(Message::text("flood 100")).unwrap();
    for n in 0..4 {
        assert_eq!(text(&mut client), format!("flood {n}\n"));
    }
    let last = text(&mut client);
    let last: serde_json::Value = serde_json::from_str(&last).unwrap();
    assert_eq!(last["msg"]["code"], 25);
    match client.read().unwrap() {
        Message::Close(Some(frame)) => assert_eq!(frame.code, CloseCode::Policy),
        other => panic!("{other:?} instead of a close"),
    }
    fixture.log.wait_for("close 1");
}

#[test]
fn dropped_sessions_end_without_a_close_and_may_come_back() {
    let fixture = Fixture::plain();
    let mut clients = [open(&fixture), open(&fixture)];
    fixture.server.drop_sessions();
    for client in &mut clients {
        let end = client.read();
        assert!(matches!(end, Err(Error::Io(_) | Error::Protocol(_))), "{end:?}");
    }
    fixture.log.wait_for("close 1");
    fixture.log.wait_for("close 2");
    open(&fixture);
    assert_eq!(fixture.post(&fixture.agent()).unwrap().0, 201);
}

#[test]
fn time_passes_for_the_venue_at_its_deadline() {
    let fixture = Fixture::start(KeyKinds::Ed25519Only, |config| {
        config.venue.deadline = Some(WallTime::from_unix_ms(START_MS + 60_000));
    });
    let mut client = open(&fixture);
    client.send(Message::text("not yet")).unwrap();
    assert_eq!(text(&mut client), "echo not yet\n");
    fixture.clock.set_ms(START_MS + 60_000);
    assert_eq!(text(&mut client), format!("at {}\n", START_MS + 60_000));
}
