//! Servers for the tests of the wire: a certificate authority made on the spot, rustls on the
//! other side, one connection per server, a clock that does not run.

use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::net::tls::{Roots, TlsConfig};
use crate::runtime::clock::Clock;
use crate::units::{Nanos, Now, Timestamp, WallTime};

/// The server's end of a connection after its handshake.
pub(crate) type Peer = StreamOwned<ServerConnection, TcpStream>;

/// So that a failing test ends instead of hanging.
const PATIENCE: Duration = Duration::from_secs(10);

/// A certificate authority.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    der: Vec<u8>,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // Authorities are told apart by name before their keys are tried.
        let name: String = key.public_key_raw()[..8].iter().map(|b| format!("{b:02x}")).collect();
        params.distinguished_name.push(DnType::CommonName, name);
        let der = params.self_signed(&key).unwrap().der().to_vec();
        Self { issuer: Issuer::new(params, key), der }
    }

    /// A client configuration that trusts this authority alone.
    pub(crate) fn trust(&self) -> TlsConfig {
        TlsConfig::new(&Roots::Der(vec![self.der.clone()])).unwrap()
    }

    fn server_config(
        &self,
        name: &str,
        versions: &[&'static rustls::SupportedProtocolVersion],
    ) -> Arc<ServerConfig> {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        Arc::new(config)
    }

    /// Serves one connection on a loopback port; the thread's result is `None` when the handshake
    /// failed. Returns the URL.
    pub(crate) fn serve<R: Send + 'static>(
        &self,
        talk: impl FnOnce(Peer) -> R + Send + 'static,
    ) -> (JoinHandle<Option<R>>, String) {
        self.serve_as("127.0.0.1", talk)
    }

    /// As [`Self::serve`], with a certificate for `name`.
    pub(crate) fn serve_as<R: Send + 'static>(
        &self,
        name: &str,
        talk: impl FnOnce(Peer) -> R + Send + 'static,
    ) -> (JoinHandle<Option<R>>, String) {
        one_connection(self.server_config(name, rustls::ALL_VERSIONS), talk)
    }

    /// As [`Self::serve`], speaking TLS 1.2 only.
    pub(crate) fn serve_tls12<R: Send + 'static>(
        &self,
        talk: impl FnOnce(Peer) -> R + Send + 'static,
    ) -> (JoinHandle<Option<R>>, String) {
        one_connection(self.server_config("127.0.0.1", &[&rustls::version::TLS12]), talk)
    }
}

fn one_connection<R: Send + 'static>(
    config: Arc<ServerConfig>,
    talk: impl FnOnce(Peer) -> R + Send + 'static,
) -> (JoinHandle<Option<R>>, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let serve = move || {
        let (mut socket, _) = listener.accept().unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.set_write_timeout(Some(PATIENCE)).unwrap();
        let mut tls = ServerConnection::new(config).unwrap();
        while tls.is_handshaking() {
            tls.complete_io(&mut socket).ok()?;
        }
        // The tickets that follow a TLS 1.3 handshake.
        while tls.wants_write() {
            tls.write_tls(&mut socket).ok()?;
        }
        Some(talk(StreamOwned::new(tls, socket)))
    };
    (std::thread::Builder::new().name("server".to_owned()).spawn(serve).unwrap(), url)
}

/// Accepts connections (the kernel does) and never says a word.
pub(crate) fn silent_server() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    (listener, url)
}

/// A clock that stands still, or moves by a fixed step at every reading.
#[derive(Clone, Debug, Default)]
pub(crate) struct TestClock {
    now_ns: Arc<AtomicU64>,
    step: Nanos,
}

impl TestClock {
    /// Wall time when the monotonic clock shows zero.
    pub(crate) const WALL: WallTime = WallTime::from_unix_ms(1_703_123_456_789);

    pub(crate) fn stepping(step: Nanos) -> Self {
        Self { step, ..Self::default() }
    }

    pub(crate) fn advance(&self, by: Nanos) {
        // Relaxed: test threads share nothing else through the clock.
        self.now_ns.fetch_add(by.ns(), Ordering::Relaxed);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Now {
        // Relaxed: as above.
        let ns = self.now_ns.fetch_add(self.step.ns(), Ordering::Relaxed);
        Now { mono: Timestamp::from_ns(ns), wall: Self::WALL + Nanos::from_ns(ns) }
    }
}
