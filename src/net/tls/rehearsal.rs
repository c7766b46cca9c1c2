//! Sealing and sending what nobody gets, so that the code and tables of both stay in the caches.
//!
//! In: plaintext. Out: nothing. It has a key of its own that nothing else knows or uses, and a
//! TCP connection from this process to itself: the connection's keys, record numbers and socket
//! are never touched. What is sent is zeros, as many as were sealed.

use core::fmt;
use core::hint::black_box;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::LazyLock;

use rustls::crypto::cipher::{AeadKey, Iv, MessageEncrypter, OutboundChunks, OutboundPlainMessage};
use rustls::crypto::ring::cipher_suite::TLS13_AES_256_GCM_SHA384;
use rustls::{ClientConnection, ContentType, ProtocolVersion, SupportedCipherSuite};

use super::scope::scope;

/// A key size that rustls lets others make.
const KEY_BYTES: usize = 32;

/// Rehearsals per send. Sending takes the kernel some microseconds, in which an order would have
/// to wait; a twentieth of the time is little enough.
const SEALS_PER_SEND: u64 = 5;
/// Most bytes sent: an order has less.
const SEND_BYTES_MAX: usize = 2_048;

/// Seals with a throw-away key, sends to nobody.
pub(super) struct Rehearsal {
    encrypter: Box<dyn MessageEncrypter>,
    seq: u64,
}

/// Both ends of the one connection that all rehearsals share; none where loopback cannot be had.
static WIRE: LazyLock<Option<(TcpStream, TcpStream)>> = LazyLock::new(|| wire().ok());

impl fmt::Debug for Rehearsal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rehearsal")
    }
}

impl Rehearsal {
    /// Uses the suite of `tls`, or the one nearest to it whose keys can be made here: AES with
    /// 256 bits runs the same code as with 128, TLS 1.2 seals with the same functions as 1.3.
    pub(super) fn new(tls: &ClientConnection) -> Option<Self> {
        let near = TLS13_AES_256_GCM_SHA384.tls13()?;
        let suite = match tls.negotiated_cipher_suite() {
            Some(SupportedCipherSuite::Tls13(suite)) if suite.aead_alg.key_len() == KEY_BYTES => {
                suite
            }
            _ => near,
        };
        let (key, iv) = (AeadKey::from([0; KEY_BYTES]), Iv::from([0; 12]));
        // Made here, where nothing is in a hurry.
        LazyLock::force(&WIRE);
        Some(Self { encrypter: suite.aead_alg.encrypter(key, iv), seq: 0 })
    }

    /// Seals `plaintext` and forgets it.
    pub(super) fn seal(&mut self, plaintext: &[u8]) {
        let message = OutboundPlainMessage {
            typ: ContentType::ApplicationData,
            version: ProtocolVersion::TLSv1_2,
            payload: OutboundChunks::Single(plaintext),
        };
        self.seq = self.seq.wrapping_add(1);
        drop(black_box(scope(|| self.encrypter.encrypt(message, self.seq))));
        if self.seq.is_multiple_of(SEALS_PER_SEND) {
            send(plaintext.len());
        }
    }
}

fn send(length: usize) {
    let Some((mut here, mut there)) = WIRE.as_ref().map(|(here, there)| (here, there)) else {
        return;
    };
    let mut bytes = [0; SEND_BYTES_MAX];
    // What came of the last one is taken out first, so that there is always room.
    let taken = there.read(&mut bytes);
    let sent = here.write(&bytes[..length.min(SEND_BYTES_MAX)]);
    black_box((taken.is_ok(), sent.is_ok()));
}

/// A connection of this process with itself that never blocks.
fn wire() -> std::io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let here = TcpStream::connect(listener.local_addr()?)?;
    let (there, _) = listener.accept()?;
    here.set_nodelay(true)?;
    here.set_nonblocking(true)?;
    there.set_nonblocking(true)?;
    Ok((here, there))
}
