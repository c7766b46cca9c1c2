//! Start, stop, addresses, connections that die.

use std::io::{self, Read, Write};

use tungstenite::{Message, client::IntoClientRequest};

use super::*;

fn config(listen: SocketAddr) -> (TestConfig, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let keys = KeySet::open(directory.path(), KeyKinds::Ed25519Only).unwrap();
    let clock = SetClock(Arc::new(AtomicU64::new(START_MS)));
    let config = ServerConfig::new(keys, USER, EchoVenue::default(), clock);
    (ServerConfig { listen, ..config }, directory)
}

/// Sends an unsigned GET and reads until its answer is complete.
fn exchange_status(stream: &mut (impl Read + Write)) -> io::Result<String> {
    let request = b"GET /trade-api/v2/exchange/status HTTP/1.1\r\nHost: localhost\r\n\r\n";
    stream.write_all(request)?;
    let mut answer = Vec::new();
    while !answer.ends_with(b"caller=None") {
        let mut part = [0; 1024];
        let count = stream.read(&mut part)?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        answer.extend_from_slice(&part[..count]);
    }
    Ok(String::from_utf8(answer).unwrap())
}

#[test]
fn a_busy_port_is_named_with_the_remedy() {
    let fixture = Fixture::plain();
    let (config, _keys) = config(fixture.server.address());
    let error = serve(config).unwrap_err().to_string();
    assert!(error.contains(&fixture.server.address().to_string()), "{error}");
    assert!(error.contains("choose another with --listen or port 0"), "{error}");
}

#[test]
fn only_this_host_is_served() {
    let (config, _keys) = config("192.0.2.1:8443".parse().unwrap());
    let error = serve(config).unwrap_err();
    assert!(matches!(error, ServeError::NotLocal { .. }), "{error}");
}

#[test]
fn ready_file_names_an_address_that_clients_can_reach() {
    let (config, _keys) = config("0.0.0.0:0".parse().unwrap());
    let server = serve(config).unwrap();
    let port = server.address().port();
    let ready = server.ready();
    assert_ne!(port, 0);
    assert_eq!(ready.rest, format!("https://127.0.0.1:{port}/trade-api/v2"));
    assert_eq!(ready.ws, format!("wss://127.0.0.1:{port}/trade-api/ws/v2"));
    assert!(ready.ca_file.is_absolute());
    server.stop().unwrap();
}

#[test]
fn a_connection_serves_one_request_after_another() {
    let fixture = Fixture::plain();
    let mut stream = connect(&fixture);
    for _ in 0..3 {
        let answer = exchange_status(&mut stream).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    }
}

#[test]
fn dropped_connections_die_and_new_ones_live() {
    let fixture = Fixture::plain();
    let mut stream = connect(&fixture);
    exchange_status(&mut stream).unwrap();
    fixture.server.drop_connections();
    let end = stream.read(&mut [0; 64]);
    assert!(!matches!(end, Ok(1..)), "{end:?}");
    exchange_status(&mut connect(&fixture)).unwrap();
}

#[test]
fn stopping_says_goodbye_and_frees_the_port() {
    let fixture = Fixture::plain();
    let mut idle = connect(&fixture);
    exchange_status(&mut idle).unwrap();
    let mut request = fixture.server.ready().ws.as_str().into_client_request().unwrap();
    for (name, value) in fixture.signed("GET", WS_PATH) {
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    let (mut client, _) = tungstenite::client(request, connect(&fixture)).unwrap();
    assert!(matches!(client.read(), Ok(Message::Text(_))));

    let reader = Builder::new().spawn(move || client.read()).unwrap();
    let address = fixture.server.address();
    fixture.server.stop().unwrap();

    let goodbye = reader.join().unwrap();
    assert!(matches!(goodbye, Ok(Message::Close(Some(_)))), "{goodbye:?}");
    assert!(matches!(idle.read(&mut [0; 64]), Ok(0)), "closed in an orderly way");
    assert!(TcpStream::connect(address).is_err());
    assert_eq!(fixture.log.entries().last().unwrap(), "close 1");
}

#[test]
fn stopping_does_not_wait_for_ever() {
    let hook = FaultHook::new(|_, _| Fault::DelayAfter(Nanos::from_secs(3_600)));
    let fixture = Fixture::start(KeyKinds::Ed25519Only, |config| config.faults = hook);
    let mut stream = connect(&fixture);
    let reader = Builder::new().spawn(move || exchange_status(&mut stream)).unwrap();
    let status = r#"GET /trade-api/v2/exchange/status query="" body="" caller=None"#;
    fixture.log.wait_for(status);
    fixture.server.stop().unwrap();
    assert!(reader.join().unwrap().is_err());
}

#[test]
fn a_waiting_handle_ends_when_its_control_says_so() {
    let fixture = Fixture::plain();
    let control = fixture.server.control();
    let Fixture { server, _keys, .. } = fixture;
    let waiting = Builder::new().spawn(move || server.join()).unwrap();
    control.stop();
    waiting.join().unwrap().unwrap();
}

#[test]
fn more_workers_serve_the_same() {
    let (config, _keys) = config((Ipv4Addr::LOCALHOST, 0).into());
    let server = serve(ServerConfig { workers: 2, ..config }).unwrap();
    assert!(TcpStream::connect(server.address()).is_ok());
    server.stop().unwrap();
}
