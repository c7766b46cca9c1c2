//! Tests of the dialler against real loopback servers.

use super::*;
use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Verifier as _, VerifyingKey};
use tungstenite::handshake::derive_accept_key;
use tungstenite::handshake::server::{ErrorResponse, Request as HttpRequest, Response};
use tungstenite::protocol::Role;
use tungstenite::{Message, WebSocket};

use crate::kalshi::auth::{
    Credentials, HEADER_KEY_ID, HEADER_SIGNATURE, HEADER_TIMESTAMP, SigningKey,
};
use crate::net::resolver::Resolver;
use crate::net::tls::testing::{Authority, Peer, TestClock, silent_server};
use crate::net::{Flush, Received};
use crate::units::Nanos;

const PATH: &str = "/trade-api/ws/v2";
/// RFC 8032, test 1.
const PEM: &str = "-----BEGIN PRIVATE KEY-----\n\
    MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n\
    -----END PRIVATE KEY-----\n";
const PUBLIC: [u8; 32] = [
    0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1, 0x0a, 0xb7, 0xd5, 0x4b, 0xfe, 0xd3, 0xc9, 0x64, 0x07, 0x3a,
    0x0e, 0xe1, 0x72, 0xf3, 0xda, 0xa6, 0x23, 0x25, 0xaf, 0x02, 0x1a, 0x68, 0xf7, 0x07, 0x51, 0x1a,
];

struct Bench {
    clock: TestClock,
    dialler: Dialler<TestClock>,
}

impl Bench {
    fn new(authority: &Authority) -> Self {
        let clock = TestClock::default();
        let config = DialConfig::new(authority.trust());
        Self { dialler: Dialler::new(clock.clone(), config, 1), clock }
    }

    fn https(&mut self, url: &str) -> DialHandle<TlsStream> {
        self.dialler.https(Endpoint::parse(url).unwrap(), 4)
    }

    fn websocket(&mut self, https_url: &str) -> DialHandle<TlsStream> {
        let url = format!("{}{PATH}", https_url.replace("https", "wss"));
        let key = Arc::new(SigningKey::from_pem(PEM.as_bytes()).unwrap());
        let credentials = Credentials::new("key-1", key).unwrap();
        let authorize = move |wall: WallTime, path: &str| {
            let lines = credentials.header_lines(wall.unix_ms(), "GET", path);
            lines.map_err(|error| error.to_string())
        };
        self.dialler.websocket(Endpoint::parse(&url).unwrap(), 1, Box::new(authorize))
    }

    /// Asks once, dials once, and takes the result.
    fn dial(&mut self, handle: &mut DialHandle<TlsStream>) -> Result<TlsStream, DialError> {
        handle.request();
        assert_eq!(self.dialler.poll(), Work::Done);
        handle.poll().unwrap()
    }
}

/// A connection as blocking reader and writer, for other people's WebSocket client.
struct Blocking(TlsStream);

impl Blocking {
    fn new(stream: TlsStream) -> Self {
        stream.wait_at_most(Some(Duration::from_secs(10))).unwrap();
        Self(stream)
    }
}

impl Read for Blocking {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        match self.0.receive(out).unwrap() {
            Received::Bytes(len) => Ok(len),
            Received::Nothing => Err(std::io::ErrorKind::WouldBlock.into()),
            Received::Closed => Ok(0),
        }
    }
}

impl Write for Blocking {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.seal(bytes).unwrap();
        while self.0.flush().unwrap() == Flush::Pending {}
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// As the exchange does: all three headers, and a signature over what was asked for.
fn authorised(request: &HttpRequest) -> bool {
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    let (Some("key-1"), Some(wall_ms), Some(signature)) =
        (header(HEADER_KEY_ID), header(HEADER_TIMESTAMP), header(HEADER_SIGNATURE))
    else {
        return false;
    };
    let raw: [u8; 64] = STANDARD.decode(signature).unwrap().try_into().unwrap();
    let message = format!("{wall_ms}GET{}", request.uri().path());
    let signature = ed25519_dalek::Signature::from_bytes(&raw);
    let fresh = wall_ms.parse() == Ok(TestClock::WALL.unix_ms());
    fresh
        && VerifyingKey::from_bytes(&PUBLIC).unwrap().verify(message.as_bytes(), &signature).is_ok()
}

#[expect(clippy::result_large_err, reason = "the callback's type is tungstenite's")]
fn check(request: &HttpRequest, response: Response) -> Result<Response, ErrorResponse> {
    if request.uri().path() == PATH && authorised(request) {
        return Ok(response);
    }
    let body = "{\"error\":{\"code\":\"authentication_error\"}}".to_owned();
    Err(Response::builder().status(401).body(Some(body)).unwrap())
}

fn read_head(peer: &mut Peer) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        peer.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

fn accept_of(head: &str) -> String {
    let (_, rest) = head.split_once("Sec-WebSocket-Key: ").unwrap();
    derive_accept_key(rest.split_once("\r\n").unwrap().0.as_bytes())
}

/// Dials a server that answers an upgrade with what `answer` makes of the expected accept key.
#[track_caller]
fn answered(answer: impl FnOnce(&str) -> String + Send + 'static) -> Result<TlsStream, DialError> {
    let authority = Authority::new();
    let (server, url) = authority.serve(move |mut peer| {
        let head = read_head(&mut peer);
        peer.write_all(answer(&accept_of(&head)).as_bytes()).unwrap();
        peer.conn.send_close_notify();
        // A client that had enough may be gone already.
        peer.flush().ok();
    });
    let mut bench = Bench::new(&authority);
    let mut handle = bench.websocket(&url);
    let result = bench.dial(&mut handle);
    server.join().unwrap().unwrap();
    result
}

#[track_caller]
fn refused_with(status: u16, words: &str, result: Result<TlsStream, DialError>) {
    match result.unwrap_err() {
        DialError::Upgrade { status: got, body } => {
            assert_eq!(got, status, "{body}");
            assert!(body.contains(words), "{body}");
        }
        other => panic!("{other}"),
    }
}

#[test]
fn a_requested_connection_arrives_ready() {
    let authority = Authority::new();
    let (server, url) = authority.serve(|mut peer| {
        let mut got = [0; 5];
        peer.read_exact(&mut got).map(|()| got).unwrap()
    });
    let mut bench = Bench::new(&authority);
    let mut handle = bench.https(&url);
    assert_eq!(bench.dialler.poll(), Work::Idle, "nobody asked");
    assert!(handle.poll().is_none());

    let mut stream = bench.dial(&mut handle).unwrap();

    assert_eq!(bench.dialler.poll(), Work::Idle, "one was asked for");
    assert_eq!(stream.receive(&mut [0; 8]), Ok(Received::Nothing));
    stream.seal(b"hello").unwrap();
    assert_eq!(stream.flush(), Ok(Flush::Done));
    assert_eq!(server.join().unwrap(), Some(*b"hello"));
}

#[test]
fn a_websocket_is_upgraded_signed_and_usable() {
    let authority = Authority::new();
    let (server, url) = authority.serve(|peer| {
        let mut socket = tungstenite::accept_hdr(peer, check).unwrap();
        socket.send(Message::text("first")).unwrap();
        let heard = socket.read().unwrap();
        socket.send(heard).unwrap();
    });
    let mut bench = Bench::new(&authority);
    let mut handle = bench.websocket(&url);

    let stream = bench.dial(&mut handle).unwrap();

    let mut socket = WebSocket::from_raw_socket(Blocking::new(stream), Role::Client, None);
    assert_eq!(socket.read().unwrap(), Message::text("first"));
    socket.send(Message::text("echo")).unwrap();
    assert_eq!(socket.read().unwrap(), Message::text("echo"));
    server.join().unwrap().unwrap();
}

#[test]
fn a_refused_upgrade_tells_status_and_first_words() {
    let authority = Authority::new();
    let (server, url) = authority.serve(|peer| tungstenite::accept_hdr(peer, check).is_err());
    let mut bench = Bench::new(&authority);
    let url = format!("{}{PATH}", url.replace("https", "wss"));
    let unsigned = |_: WallTime, _: &str| Ok(Zeroizing::new(String::new()));
    let endpoint = Endpoint::parse(&url).unwrap();
    let mut handle = bench.dialler.websocket(endpoint, 1, Box::new(unsigned));

    refused_with(401, "authentication_error", bench.dial(&mut handle));

    assert_eq!(server.join().unwrap(), Some(true));
}

#[test]
fn frames_right_behind_the_answer_are_kept() {
    let result = answered(|accept| {
        // One TLS record: the head, and an unmasked text frame "hi".
        format!(
            "HTTP/1.1 101 Switching Protocols\r\nupgrade: WebSocket\r\nconnection: Upgrade\r\n\
             sec-websocket-accept: {accept}\r\n\r\n\u{1}\u{2}hi"
        )
    });
    let mut stream = result.unwrap();
    let mut got = [0; 64];
    assert_eq!(stream.receive(&mut got), Ok(Received::Bytes(4)));
    assert_eq!(&got[..4], b"\x01\x02hi");
}

#[test]
fn interim_answers_are_passed_over() {
    let result = answered(|accept| {
        format!(
            "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 101 Switching\r\n\
             Upgrade: websocket\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
        )
    });
    result.unwrap();
}

#[test]
fn answers_that_only_look_like_an_upgrade_are_refused() {
    let wrong = answered(|_| {
        let accept = derive_accept_key(b"another key");
        format!("HTTP/1.1 101 OK\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {accept}\r\n\r\n")
    });
    refused_with(101, "Sec-WebSocket-Accept", wrong);
    let missing = answered(|accept| {
        format!("HTTP/1.1 101 OK\r\nUpgrade: h2c\r\nSec-WebSocket-Accept: {accept}\r\n\r\n")
    });
    refused_with(101, "does not upgrade", missing);
    let compressed = answered(|accept| {
        format!(
            "HTTP/1.1 101 OK\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {accept}\r\n\
             Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
        )
    });
    refused_with(101, "extension", compressed);
    let proxy = answered(|_| format!("HTTP/1.1 502 Bad Gateway\r\n\r\n<html>{}", "x".repeat(900)));
    match proxy.unwrap_err() {
        DialError::Upgrade { status: 502, body } => assert_eq!(body.len(), 256),
        other => panic!("{other}"),
    }
}

#[test]
fn answers_that_are_none_are_named() {
    let garbage = answered(|_| "SSH-2.0-OpenSSH_9.9\r\n".to_owned()).unwrap_err().to_string();
    assert!(garbage.contains("not an HTTP answer"), "{garbage}");
    let nothing = answered(|_| String::new()).unwrap_err().to_string();
    assert!(nothing.contains("hung up"), "{nothing}");
    let endless = answered(|_| format!("HTTP/1.1 101 OK\r\nX: {}", "y".repeat(20_000)));
    assert!(endless.unwrap_err().to_string().contains("too long"));
}

#[test]
fn an_upgrade_that_cannot_be_authorised_says_why() {
    let authority = Authority::new();
    let (server, url) = authority.serve(|mut peer| peer.read(&mut [0; 8]).unwrap_or(0));
    let mut bench = Bench::new(&authority);
    let failing = |_: WallTime, _: &str| Err("no key".to_owned());
    let endpoint = Endpoint::parse(&url).unwrap();
    let mut handle = bench.dialler.websocket(endpoint, 1, Box::new(failing));
    let error = bench.dial(&mut handle).unwrap_err();
    assert!(error.to_string().contains("no key"), "{error}");
    assert_eq!(server.join().unwrap(), Some(0), "nothing was sent");
}

/// A port on which nobody listens.
fn closed_port() -> String {
    let (listener, url) = silent_server();
    drop(listener);
    url
}

#[test]
fn failures_are_reported_once_each_and_slow_the_next_dial() {
    let mut bench = Bench::new(&Authority::new());
    let mut handle = bench.https(&closed_port());

    assert!(matches!(bench.dial(&mut handle), Err(DialError::Connect { .. })));
    assert!(handle.poll().is_none());
    handle.request();
    assert_eq!(bench.dialler.poll(), Work::Idle, "too early");
    bench.clock.advance(Nanos::from_ms(125));
    assert_eq!(bench.dialler.poll(), Work::Done, "the first retry is quick");
    assert!(handle.poll().unwrap().is_err());

    handle.request();
    bench.clock.advance(Nanos::from_ms(900));
    assert_eq!(bench.dialler.poll(), Work::Idle, "the second is not");
    bench.clock.advance(Nanos::from_ms(350));
    assert_eq!(bench.dialler.poll(), Work::Done);
}

#[test]
fn one_customers_trouble_is_not_anothers() {
    let authority = Authority::new();
    let (server, url) = authority.serve(|_| {});
    let mut bench = Bench::new(&authority);
    let mut unlucky = bench.https(&closed_port());
    let mut lucky = bench.https(&url);
    unlucky.request();
    unlucky.request();
    lucky.request();

    assert_eq!(bench.dialler.poll(), Work::Done);
    assert_eq!(bench.dialler.poll(), Work::Done);
    assert_eq!(bench.dialler.poll(), Work::Idle);

    assert!(unlucky.poll().unwrap().is_err());
    assert!(lucky.poll().unwrap().is_ok());
    server.join().unwrap().unwrap();
}

#[test]
fn requests_beyond_the_ring_are_not_forgotten() {
    let mut bench = Bench::new(&Authority::new());
    let mut handle = bench.https(&closed_port());
    for _ in 0..10 {
        handle.request();
    }
    let mut failures = 0;
    for _ in 0..100 {
        bench.clock.advance(Nanos::from_secs(31));
        let worked = bench.dialler.poll();
        let result = handle.poll();
        assert_eq!(worked == Work::Done, result.is_some());
        failures += u32::from(matches!(result, Some(Err(_))));
    }
    assert_eq!(failures, 10);
}

#[test]
fn nobody_is_dialled_for_a_customer_who_left() {
    let mut bench = Bench::new(&Authority::new());
    let mut handle = bench.https(&closed_port());
    handle.request();
    drop(handle);
    assert_eq!(bench.dialler.poll(), Work::Idle);
}

#[test]
fn known_addresses_serve_while_names_cannot_be_resolved() {
    let (listener, _) = silent_server();
    let mut bench = Bench::new(&Authority::new());
    bench.dialler.config.timeout = Nanos::from_ms(50);
    // Too long for a label of the domain name system: never resolves, asks nobody.
    let mut handle = bench.https(&format!("https://{}.invalid", "a".repeat(64)));
    assert!(matches!(bench.dial(&mut handle), Err(DialError::Resolve { .. })));

    bench.dialler.customers[0].addresses = vec![listener.local_addr().unwrap()];
    bench.clock.advance(Nanos::from_secs(1));

    assert!(matches!(bench.dial(&mut handle), Err(DialError::Tls { .. })), "it got that far");
    listener.accept().unwrap();
}

#[test]
fn a_name_that_fails_and_comes_back_is_told_of_and_dialled() {
    let authority = Authority::new();
    let (server, url) = authority.serve_as("exchange.example", |_| {});
    let target = Endpoint::parse(&url).unwrap().address().parse().unwrap();
    let mut bench = Bench::new(&authority);
    let (asked, told) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    // Nobody knows the name the first time.
    let asking = Arc::clone(&asked);
    bench.dialler.config.resolver = Resolver::new(move |_, _| {
        let first = asking.fetch_add(1, Ordering::Relaxed) == 0;
        if first { Err(std::io::Error::other("try again")) } else { Ok(vec![target]) }
    });
    let telling = Arc::clone(&told);
    bench.dialler.report = Some(Box::new(move |news| {
        let failed = matches!(news.outcome, Err(DialError::Resolve { .. }));
        telling.fetch_add(u32::from(failed), Ordering::Relaxed);
    }));
    let mut handle = bench.https("https://exchange.example");

    let first = bench.dial(&mut handle);
    bench.clock.advance(Nanos::from_secs(1));
    let second = bench.dial(&mut handle);

    assert!(matches!(first, Err(DialError::Resolve { .. })), "{first:?}");
    assert!(second.is_ok(), "{second:?}");
    assert_eq!((asked.load(Ordering::Relaxed), told.load(Ordering::Relaxed)), (2, 1));
    server.join().unwrap().unwrap();
}

/// A connection breaks while the system's resolver hangs: what was known serves, the condition is
/// told, and its late answer ends it.
#[test]
fn a_redial_while_the_resolver_hangs_goes_where_the_name_led_before() {
    let authority = Authority::new();
    let (first, url) = authority.serve_as("exchange.example", |_| {});
    let target: SocketAddr = Endpoint::parse(&url).unwrap().address().parse().unwrap();
    let mut bench = Bench::new(&authority);
    let (answer, answers) = std::sync::mpsc::channel::<Vec<SocketAddr>>();
    let answers = std::sync::Mutex::new(answers);
    bench.dialler.config.resolver = Resolver::new(move |_, _| {
        let answers = answers.lock().expect("one look-up at a time");
        answers.recv().map_err(std::io::Error::other)
    });
    let unresolved = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&unresolved);
    bench.dialler.report = Some(Box::new(move |news| {
        count.fetch_add(u32::from(news.unresolved.is_some()), Ordering::Relaxed);
    }));
    let mut handle = bench.https("https://exchange.example");
    answer.send(vec![target]).unwrap();
    assert!(bench.dial(&mut handle).is_ok());
    first.join().unwrap().unwrap();
    assert_eq!(unresolved.load(Ordering::Relaxed), 0);

    // The exchange has moved; the resolver says nothing.
    let (second, url) = authority.serve_as("exchange.example", |_| {});
    let moved: SocketAddr = Endpoint::parse(&url).unwrap().address().parse().unwrap();
    bench.clock.advance(Nanos::from_secs(60));
    let refused = bench.dial(&mut handle);
    assert!(matches!(refused, Err(DialError::Connect { .. })), "the old place: {refused:?}");
    assert_eq!(unresolved.load(Ordering::Relaxed), 1, "and the name is told of");

    answer.send(vec![moved]).unwrap();
    let mut redialled = Err(DialError::Resolve { host: String::new(), why: String::new() });
    for _ in 0..1_000 {
        bench.clock.advance(Nanos::from_secs(60));
        redialled = bench.dial(&mut handle);
        if redialled.is_ok() {
            break;
        }
        thread::park_timeout(Duration::from_millis(1));
    }
    assert!(redialled.is_ok(), "{redialled:?}");
    second.join().unwrap().unwrap();
}
