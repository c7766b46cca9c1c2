//! A REST exchange for tests: parses requests off a scripted connection, answers from a closure.

use std::collections::VecDeque;

use crate::feed::scripted::{Peer, ScriptedConnector, VirtualClock};
use crate::kalshi::auth::{Credentials, SigningKey};
use crate::reconcile::client::{RestClient, RestConfig};

use crate::feed::scripted::ScriptedTransport;

/// A client on scripted parts.
pub(super) type Client = RestClient<ScriptedTransport, ScriptedConnector, VirtualClock>;

/// The test key of reference §2.
const PEM: &str = "-----BEGIN PRIVATE KEY-----\n\
    MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n\
    -----END PRIVATE KEY-----\n";

/// A client with its connector and its clock.
pub(super) fn client() -> (Client, ScriptedConnector, VirtualClock) {
    let key = SigningKey::from_pem(PEM.as_bytes()).expect("the reference's key");
    let credentials = Credentials::new("key-1", key.into()).expect("a plain id");
    let config = RestConfig {
        response_bytes_max: 1 << 20,
        ..RestConfig::new("exchange.test".into(), "/trade-api/v2".into(), credentials)
    };
    let (connector, clock) = (ScriptedConnector::default(), VirtualClock::default());
    (RestClient::new(config, connector.clone(), clock.clone()), connector, clock)
}

/// A request as the exchange sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    /// Path below the base path.
    pub(super) path: String,
    pub(super) query: String,
    pub(super) headers: Vec<(String, String)>,
}

impl Asked {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// Takes one complete request off the connection.
pub(super) fn take_request(peer: &Peer) -> Option<Asked> {
    let mut wire = peer.wire();
    let text = String::from_utf8(wire.outgoing.clone()).expect("requests are ASCII");
    let (head, rest) = text.split_once("\r\n\r\n")?;
    wire.outgoing = rest.as_bytes().to_vec();
    let mut lines = head.split("\r\n");
    let mut words = lines.next()?.split(' ');
    assert_eq!(words.next(), Some("GET"));
    let target = words.next()?.strip_prefix("/trade-api/v2").expect("below the base path");
    assert_eq!(words.next(), Some("HTTP/1.1"));
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let header = |line: &str| {
        let (name, value) = line.split_once(": ").expect("a header");
        (name.to_owned(), value.to_owned())
    };
    Some(Asked {
        path: path.to_owned(),
        query: query.to_owned(),
        headers: lines.map(header).collect(),
    })
}

/// Answers one request.
pub(super) fn answer(peer: &Peer, status: u16, body: &str) {
    peer.send(response(status, "", body).as_bytes());
}

/// The text of an answer, with more header lines.
pub(super) fn response(status: u16, headers: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n{headers}\r\n{body}")
}

/// Canned answers in the order they are to be given, each for the request that is expected.
#[derive(Debug, Default)]
pub(super) struct Script {
    steps: VecDeque<(String, u16, String)>,
}

impl Script {
    /// Expects a GET of `target` (path and query) and answers it with `body`.
    pub(super) fn then(mut self, target: &str, status: u16, body: impl Into<String>) -> Self {
        self.steps.push_back((target.to_owned(), status, body.into()));
        self
    }

    /// Answers the request that has arrived, if one has.
    #[track_caller]
    pub(super) fn serve(&mut self, peer: &Peer) {
        while let Some(asked) = take_request(peer) {
            let (target, status, body) = self.steps.pop_front().expect("no request more");
            let found = match asked.query.as_str() {
                "" => asked.path,
                query => format!("{}?{query}", asked.path),
            };
            assert_eq!(found, target);
            answer(peer, status, &body);
        }
    }

    #[track_caller]
    pub(super) fn assert_done(&self) {
        assert_eq!(self.steps.len(), 0, "requests that were not made: {:?}", self.steps);
    }
}
