//! The server over real loopback sockets, in front of a venue that echoes.
//!
//! Clients are ureq, tungstenite and, where present, Python's strict TLS verifier.

use std::{
    collections::{BTreeSet, VecDeque},
    fs,
    net::TcpStream,
    path::Path,
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::{
    rand::SystemRandom,
    signature::{Ed25519KeyPair, RSA_PSS_SHA256, RsaKeyPair},
};
use rustls_pki_types::{CertificateDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, pem::PemObject};
use tempfile::TempDir;

use super::*;
use crate::{
    sim::{
        auth::WS_PATH,
        keys::KeyKinds,
        venue::{ApiRequest, ApiResponse, SessionId, VenueAction},
    },
    units::{Now, Timestamp, WallTime},
};

mod lifecycle;
mod requests;
mod sessions;
mod strict;
mod troubles;

/// Longer than anything here takes; only a failing test ever waits for it.
const PATIENCE: Duration = Duration::from_secs(20);
const START_MS: u64 = 1_784_000_000_000;
const USER: UserId = UserId(3);
const ORDERS: &str = "/trade-api/v2/portfolio/events/orders";

/// A wall clock that tests set.
#[derive(Clone, Debug)]
struct SetClock(Arc<AtomicU64>);

impl SetClock {
    fn set_ms(&self, ms: u64) {
        self.0.store(ms, Ordering::SeqCst);
    }

    fn ms(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

impl Clock for SetClock {
    fn now(&self) -> Now {
        Now { mono: Timestamp::ZERO, wall: WallTime::from_unix_ms(self.ms()) }
    }
}

/// What has reached the venue.
#[derive(Clone, Debug, Default)]
struct Log(Arc<(Mutex<Vec<String>>, Condvar)>);

impl Log {
    fn push(&self, entry: String) {
        self.0.0.lock().unwrap().push(entry);
        self.0.1.notify_all();
    }

    fn entries(&self) -> Vec<String> {
        self.0.0.lock().unwrap().clone()
    }

    #[track_caller]
    fn wait_for(&self, entry: &str) {
        let entries = self.0.0.lock().unwrap();
        let absent = |entries: &mut Vec<String>| !entries.iter().any(|found| found == entry);
        let (entries, outcome) = self.0.1.wait_timeout_while(entries, PATIENCE, absent).unwrap();
        assert!(!outcome.timed_out(), "{entry} is not in {entries:?}");
    }
}

/// Answers requests and texts with what it was told; ticks all sessions at its deadline.
#[derive(Debug, Default)]
struct EchoVenue {
    log: Log,
    sessions: BTreeSet<SessionId>,
    outgoing: VecDeque<(SessionId, String)>,
    opened: u64,
    deadline: Option<WallTime>,
}

impl Venue for EchoVenue {
    fn handle(
        &mut self,
        _now: WallTime,
        caller: Option<UserId>,
        request: &ApiRequest<'_>,
    ) -> ApiResponse {
        let ApiRequest { method, path, query, body } = *request;
        let body = str::from_utf8(body).unwrap();
        let caller = caller.map(|user| user.0);
        let seen = format!("{method} {path} query={query:?} body={body:?} caller={caller:?}");
        self.log.push(seen.clone());
        let all = self.sessions.iter().map(|id| (*id, format!("seen {method}")));
        self.outgoing.extend(all);
        match method {
            "DELETE" => ApiResponse { status: 204, body: String::new() },
            "POST" => ApiResponse { status: 201, body: seen },
            _ => ApiResponse { status: 200, body: seen },
        }
    }

    fn open_session(&mut self, _now: WallTime, user: UserId) -> SessionId {
        self.opened += 1;
        let id = SessionId(self.opened);
        self.sessions.insert(id);
        self.log.push(format!("open {}", id.0));
        self.outgoing.push_back((id, format!("hello {}", user.0)));
        id
    }

    fn session_text(&mut self, _now: WallTime, session: SessionId, text: &str) {
        self.log.push(format!("text {} {text}", session.0));
        match text.strip_prefix("flood ") {
            Some(count) => {
                let count: u32 = count.parse().unwrap();
                self.outgoing.extend((0..count).map(|n| (session, format!("flood {n}"))));
            }
            None => self.outgoing.push_back((session, format!("echo {text}\n"))),
        }
    }

    fn close_session(&mut self, session: SessionId) {
        assert!(self.sessions.remove(&session), "closed once");
        self.log.push(format!("close {}", session.0));
    }

    fn poll_outgoing(&mut self) -> Option<(SessionId, String)> {
        self.outgoing.pop_front()
    }

    fn advance(&mut self, now: WallTime) {
        self.deadline = None;
        self.outgoing.extend(self.sessions.iter().map(|id| (*id, format!("at {}", now.unix_ms()))));
    }

    fn deadline(&self) -> Option<WallTime> {
        self.deadline
    }

    fn act(&mut self, _now: WallTime, action: &VenueAction) {
        self.log.push(format!("act {action:?}"));
    }
}

/// A running server, its venue's log and its clock.
struct Fixture {
    server: ServerHandle,
    log: Log,
    clock: SetClock,
    /// Holds the keys; removed at the end.
    _keys: TempDir,
}

type TestConfig = ServerConfig<EchoVenue, SetClock>;

impl Fixture {
    fn start(kinds: KeyKinds, change: impl FnOnce(&mut TestConfig)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let keys = KeySet::open(directory.path(), kinds).unwrap();
        let log = Log::default();
        let clock = SetClock(Arc::new(AtomicU64::new(START_MS)));
        let venue = EchoVenue { log: log.clone(), ..EchoVenue::default() };
        let mut config = ServerConfig::new(keys, USER, venue, clock.clone());
        change(&mut config);
        Self { server: serve(config).unwrap(), log, clock, _keys: directory }
    }

    fn plain() -> Self {
        Self::start(KeyKinds::Ed25519Only, |_| {})
    }

    fn with_fault(fault: Fault) -> Self {
        let hook = FaultHook::new(move |request, count| {
            if request.method == "POST" && count == 1 { fault.clone() } else { Fault::None }
        });
        Self::start(KeyKinds::Ed25519Only, |config| config.faults = hook)
    }

    /// A client that keeps connections alive and follows nothing.
    fn agent(&self) -> ureq::Agent {
        let ca = fs::read(&self.server.ready().ca_file).unwrap();
        let ca = ureq::tls::Certificate::from_pem(&ca).unwrap();
        let roots = ureq::tls::RootCerts::Specific(Arc::new(vec![ca]));
        ureq::Agent::config_builder()
            .tls_config(ureq::tls::TlsConfig::builder().root_certs(roots).build())
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_global(Some(PATIENCE))
            .build()
            .into()
    }

    fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.server.address())
    }

    /// The signature headers of `method` and `path` at the clock's time.
    fn signed(&self, method: &str, path: &str) -> [(&'static str, String); 3] {
        self.signed_by(&Signer::ed25519(self.server.ready()), method, path)
    }

    fn signed_by(&self, signer: &Signer, method: &str, path: &str) -> [(&'static str, String); 3] {
        let timestamp = self.clock.ms().to_string();
        let message = format!("{timestamp}{method}{path}");
        [
            ("KALSHI-ACCESS-KEY", signer.key_id.clone()),
            ("KALSHI-ACCESS-SIGNATURE", (signer.sign)(message.as_bytes())),
            ("KALSHI-ACCESS-TIMESTAMP", timestamp),
        ]
    }

    /// A signed order through `agent`: status and body, or that there was no answer.
    fn post(&self, agent: &ureq::Agent) -> Result<(u16, String), ureq::Error> {
        let mut request = agent.post(self.url(ORDERS));
        for (name, value) in self.signed("POST", ORDERS) {
            request = request.header(name, value);
        }
        read(request.send(r#"{"ticker":"KX"}"#)?)
    }

    /// A GET with these headers.
    fn get(&self, path: &str, headers: &[(&str, String)]) -> (u16, String) {
        let mut request = self.agent().get(self.url(path));
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        read(request.call().unwrap()).unwrap()
    }
}

fn read(mut response: http::Response<ureq::Body>) -> Result<(u16, String), ureq::Error> {
    Ok((response.status().as_u16(), response.body_mut().read_to_string()?))
}

/// From a message to its signature in base64.
type Sign = dyn Fn(&[u8]) -> String;

/// Signs as the engine does, with the private key from a ready file.
struct Signer {
    key_id: String,
    sign: Box<Sign>,
}

impl Signer {
    fn ed25519(ready: &ReadyFile) -> Self {
        let der = PrivatePkcs8KeyDer::from_pem_file(&ready.private_key_file).unwrap();
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der.secret_pkcs8_der()).unwrap();
        let sign = move |message: &[u8]| STANDARD.encode(pair.sign(message));
        Self { key_id: ready.key_id.clone(), sign: Box::new(sign) }
    }

    fn rsa(ready: &ReadyFile) -> Self {
        let file: &Path = ready.rsa_private_key_file.as_ref().unwrap();
        let der = PrivatePkcs1KeyDer::from_pem_file(file).unwrap();
        let pair = RsaKeyPair::from_der(der.secret_pkcs1_der()).unwrap();
        let sign = move |message: &[u8]| {
            let mut signature = vec![0; pair.public().modulus_len()];
            let random = SystemRandom::new();
            pair.sign(&RSA_PSS_SHA256, &random, message, &mut signature).unwrap();
            STANDARD.encode(signature)
        };
        Self { key_id: ready.rsa_key_id.clone().unwrap(), sign: Box::new(sign) }
    }
}

/// A TLS connection that trusts the server's authority.
fn connect(fixture: &Fixture) -> rustls::StreamOwned<rustls::ClientConnection, TcpStream> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(&fixture.server.ready().ca_file).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = "localhost".try_into().unwrap();
    let tls = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
    let stream = TcpStream::connect(fixture.server.address()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    rustls::StreamOwned::new(tls, stream)
}
