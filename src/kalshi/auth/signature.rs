//! One signature, inline: raw bytes in, header text out. Never printed, wiped when dropped.

use core::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A signature as the header wants it: standard base64. Whoever has it can act for the account
/// for some seconds, so it has no `Copy`, prints nothing and is wiped when dropped. (A move
/// leaves the old bytes in place; they are overwritten by whatever uses that memory next.)
pub struct Signature {
    len: u16,
    bytes: [u8; Self::BYTES_MAX],
}

impl Signature {
    /// Length for RSA-4096; RSA-2048 has 344, Ed25519 88.
    pub const BYTES_MAX: usize = 684;

    /// The base64 text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Only the base64 encoder writes here, so this cannot fail; the fallback is unreachable.
        core::str::from_utf8(self.as_bytes()).unwrap_or("")
    }

    /// The base64 text's bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// Whether no signature has been made into this.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(super) fn set(&mut self, raw: &[u8]) {
        let len = STANDARD
            .encode_slice(raw, &mut self.bytes)
            .expect("the largest key accepted makes a signature of exactly this size");
        self.len = u16::try_from(len).expect("684 fits");
    }

    pub(super) fn wipe(&mut self) {
        // Only what was used, and in wide stores: this runs once per order.
        let used = usize::from(self.len);
        self.bytes[..used].fill(0);
        zeroize::optimization_barrier(&self.bytes);
        self.len = 0;
    }
}

impl Default for Signature {
    fn default() -> Self {
        Self { len: 0, bytes: [0; Self::BYTES_MAX] }
    }
}

impl Drop for Signature {
    fn drop(&mut self) {
        self.wipe();
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signature({} bytes)", self.len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wiping_leaves_no_byte() {
        let mut signature = Signature::default();
        signature.set(&[0xff; 512]);
        assert_eq!(signature.as_bytes().len(), Signature::BYTES_MAX);
        signature.wipe();
        assert!(signature.is_empty());
        assert!(signature.bytes.iter().all(|&byte| byte == 0));
    }
}
