//! Sealing what is never sent, so that the code and tables of sealing stay in the caches.
//!
//! In: plaintext. Out: nothing. It has a key of its own that nothing else knows or uses; the
//! connection's keys and record numbers are never touched.

use core::fmt;
use core::hint::black_box;

use rustls::crypto::cipher::{AeadKey, Iv, MessageEncrypter, OutboundChunks, OutboundPlainMessage};
use rustls::crypto::ring::cipher_suite::TLS13_AES_256_GCM_SHA384;
use rustls::{ClientConnection, ContentType, ProtocolVersion, SupportedCipherSuite};

use super::scope::scope;

/// A key size that rustls lets others make.
const KEY_BYTES: usize = 32;

/// Seals with a throw-away key.
pub(super) struct Rehearsal {
    encrypter: Box<dyn MessageEncrypter>,
    seq: u64,
}

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
    }
}
