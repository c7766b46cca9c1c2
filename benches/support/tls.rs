//! The exchange's end of one TLS connection: never blocks, spins for what comes.
//!
//! In: a socket. Out: plaintext gathered in a buffer, and plaintext put on the wire at once.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection};

/// What the exchange shows, from the file that the simulated exchange's key directory holds.
pub(crate) fn server_config(pem_file: &Path) -> Arc<ServerConfig> {
    let chain = CertificateDer::pem_file_iter(pem_file).expect("the key directory has made it");
    let chain = chain.collect::<Result<Vec<_>, _>>().expect("certificates in PEM");
    let key = PrivateKeyDer::from_pem_file(pem_file).expect("a key in PEM");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring speaks TLS 1.3 and 1.2")
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .expect("certificate and key belong together");
    Arc::new(config)
}

/// Whether the other end is still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// Nothing new.
    Quiet,
    /// Plaintext has come.
    News,
    /// Gone.
    Dead,
}

/// One accepted connection.
pub(crate) struct Peer {
    socket: TcpStream,
    tls: ServerConnection,
    /// Plaintext that nobody has consumed yet.
    pub(crate) plain: Vec<u8>,
}

impl Peer {
    /// Takes over an accepted socket; the handshake happens while it is polled.
    pub(crate) fn new(socket: TcpStream, config: &Arc<ServerConfig>) -> Self {
        socket.set_nonblocking(true).expect("a fresh socket takes options");
        socket.set_nodelay(true).expect("a fresh socket takes options");
        let tls = ServerConnection::new(Arc::clone(config)).expect("the configuration is sound");
        Self { socket, tls, plain: Vec::with_capacity(4_096) }
    }

    /// Takes in what has come.
    pub(crate) fn poll(&mut self) -> Line {
        match self.tls.read_tls(&mut self.socket) {
            Ok(0) => return Line::Dead,
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Line::Quiet,
            Err(_) => return Line::Dead,
        }
        if self.tls.process_new_packets().is_err() {
            return Line::Dead;
        }
        self.flush();
        let before = self.plain.len();
        let mut piece = [0; 4_096];
        while let Ok(count @ 1..) = self.tls.reader().read(&mut piece) {
            self.plain.extend_from_slice(&piece[..count]);
        }
        if self.plain.len() > before { Line::News } else { Line::Quiet }
    }

    /// Puts `plaintext` on the wire.
    pub(crate) fn send(&mut self, plaintext: &[u8]) {
        self.tls.writer().write_all(plaintext).expect("the buffer takes a message");
        self.flush();
    }

    /// A full socket buffer empties while we spin: the other end reads as fast as it can.
    fn flush(&mut self) {
        while self.tls.wants_write() {
            match self.tls.write_tls(&mut self.socket) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => return,
            }
        }
    }
}
