//! Proof of identity towards the exchange: the account's private key and signatures made with it.
//!
//! In goes a PEM file, out come base64 signatures over `timestamp + METHOD + path` (the body is
//! not covered, so signatures can be made before an order is known) and the header lines that
//! carry them. Keys and signatures are never printed, and the buffers they passed through are
//! wiped. Signing with Ed25519 does not allocate; RSA does, inside its big-number arithmetic.

use core::fmt;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, RSA_PSS_SHA256, RsaKeyPair};
use zeroize::{Zeroize as _, Zeroizing};

use super::key_form::{Block, Form, blocks, identify};

/// Header that names the API key.
pub const HEADER_KEY_ID: &str = "KALSHI-ACCESS-KEY";
/// Header with the time that was signed, in Unix milliseconds.
pub const HEADER_TIMESTAMP: &str = "KALSHI-ACCESS-TIMESTAMP";
/// Header with the signature.
pub const HEADER_SIGNATURE: &str = "KALSHI-ACCESS-SIGNATURE";

/// Largest modulus accepted: 4096 bits make a signature of 512 bytes.
const RSA_SIGNATURE_BYTES_MAX: usize = 512;
/// Smallest modulus accepted.
const RSA_BITS_MIN: usize = 2048;
/// Longest text signed: 20 digits, a method and a path with a 64-byte ticker or id fit thrice.
const MESSAGE_BYTES_MAX: usize = 512;
/// Largest key file read: an RSA-4096 key is 3 KiB.
const KEY_FILE_BYTES_MAX: u64 = 64 * 1024;

/// A key could not be used. Says what is wrong and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The file could not be read.
    #[error("read the key file {path}: {why}")]
    File {
        /// The file.
        path: String,
        /// The system's words.
        why: String,
    },
    /// Every user of the machine may read or change the file.
    #[error("the key file {path} is open to every user (mode {mode:03o}); run `chmod 600 {path}`")]
    Exposed {
        /// The file.
        path: String,
        /// Its permission bits.
        mode: u32,
    },
    /// No PEM block at all.
    #[error(
        "no PEM block found; the file must contain `-----BEGIN PRIVATE KEY-----` or \
         `-----BEGIN RSA PRIVATE KEY-----` as downloaded from the exchange"
    )]
    NotPem,
    /// A PEM block whose content is not a key.
    #[error("the PEM block `{label}` holds no readable private key; download or export it again")]
    Damaged {
        /// The block's label.
        label: String,
    },
    /// The key needs a passphrase.
    #[error("the private key is encrypted; decrypt it with `openssl pkey -in KEY -out PLAIN_KEY`")]
    Encrypted,
    /// The other half of the pair.
    #[error("this is a public key; give the private key shown when the API key was created")]
    PublicKey,
    /// A key the exchange does not take.
    #[error(
        "keys of type {algorithm} are not accepted by the exchange; create an Ed25519 or RSA-2048 \
         API key"
    )]
    Algorithm {
        /// What it is.
        algorithm: &'static str,
    },
    /// An OpenSSH file.
    #[error(
        "the key is in OpenSSH's own format; convert it with `ssh-keygen -p -m PKCS8 -f KEY` or \
         export it as PKCS#8"
    )]
    OpenSsh,
    /// An RSA key outside the accepted sizes.
    #[error(
        "the RSA key has {bits} bits; 2048 to 4096 are accepted: create an RSA-2048 or Ed25519 key"
    )]
    RsaSize {
        /// Its modulus length.
        bits: usize,
    },
    /// The key's numbers do not fit each other.
    #[error("the {kind} key is invalid ({why}); download or export it again")]
    Rejected {
        /// `Ed25519` or `RSA`.
        kind: &'static str,
        /// The crypto library's word.
        why: String,
    },
    /// The API key's id cannot stand in a header.
    #[error("the API key id must be 1 to 64 printable characters, as shown by the exchange")]
    KeyId,
}

/// A signature could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// Method and path are longer than any call of the exchange's.
    #[error("request path too long to sign")]
    TooLong,
    /// The system's random numbers or the key failed.
    #[error("signing failed")]
    Failed,
}

/// Which algorithm a key belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// Ed25519.
    Ed25519,
    /// RSA-PSS with SHA-256 and a 32-byte salt.
    Rsa {
        /// Length of the modulus.
        bits: usize,
    },
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ed25519 => f.write_str("Ed25519"),
            Self::Rsa { bits } => write!(f, "RSA-{bits}"),
        }
    }
}

enum Pair {
    Ed25519(Ed25519KeyPair),
    Rsa { pair: RsaKeyPair, random: SystemRandom },
}

/// The account's private key. Cannot be printed, copied or taken out again.
pub struct SigningKey {
    pair: Pair,
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.kind())
    }
}

impl SigningKey {
    /// Reads the first usable private key of a PEM text: Ed25519 in PKCS#8 (v1 or v2), RSA in
    /// PKCS#1 or PKCS#8. What it is is decided by the key, not by the label.
    ///
    /// # Errors
    /// [`KeyError`] says what the text holds instead and what to do about it.
    pub fn from_pem(pem: &[u8]) -> Result<Self, KeyError> {
        // Explanatory text around the blocks may be in any encoding; the blocks are ASCII.
        let text = Zeroizing::new(String::from_utf8_lossy(pem).into_owned());
        let mut worst = KeyError::NotPem;
        for block in blocks(&text) {
            match Self::from_block(&block) {
                Ok(key) => return Ok(key),
                // The first block that is a key of some sort explains more than its neighbours.
                Err(error) if matches!(worst, KeyError::NotPem | KeyError::Damaged { .. }) => {
                    worst = error;
                }
                Err(_) => {}
            }
        }
        Err(worst)
    }

    /// Reads a key file.
    ///
    /// # Errors
    /// [`KeyError::File`] names the file when it cannot be read, others as [`Self::from_pem`].
    pub fn from_file(path: &Path) -> Result<Self, KeyError> {
        let failed = |why: String| KeyError::File { path: path.display().to_string(), why };
        let file = std::fs::File::open(path).map_err(|error| failed(error.to_string()))?;
        // Full capacity at once: a growing buffer would leave copies of the key behind.
        let capacity = usize::try_from(KEY_FILE_BYTES_MAX).unwrap_or(usize::MAX) + 1;
        let mut pem = Zeroizing::new(Vec::with_capacity(capacity));
        file.take(KEY_FILE_BYTES_MAX + 1)
            .read_to_end(&mut pem)
            .map_err(|error| failed(error.to_string()))?;
        if pem.len() >= capacity {
            return Err(failed(format!("larger than {KEY_FILE_BYTES_MAX} bytes, not a key")));
        }
        Self::from_pem(&pem)
    }

    fn from_block(block: &Block) -> Result<Self, KeyError> {
        let damaged = || KeyError::Damaged { label: block.label.clone() };
        if block.enciphered {
            return Err(KeyError::Encrypted);
        }
        if block.label.contains("OPENSSH") {
            return Err(KeyError::OpenSsh);
        }
        let der = block.der.as_ref().ok_or_else(damaged)?;
        let rejected = |kind| {
            move |why: ring::error::KeyRejected| KeyError::Rejected { kind, why: why.to_string() }
        };
        match identify(der) {
            Form::Ed25519 => Ed25519KeyPair::from_pkcs8_maybe_unchecked(der)
                .map(|pair| Self { pair: Pair::Ed25519(pair) })
                .map_err(rejected("Ed25519")),
            Form::RsaPkcs8 { bits } | Form::RsaPkcs1 { bits }
                if !(RSA_BITS_MIN..=RSA_SIGNATURE_BYTES_MAX * 8).contains(&bits) =>
            {
                Err(KeyError::RsaSize { bits })
            }
            Form::RsaPkcs8 { .. } => {
                RsaKeyPair::from_pkcs8(der).map(Self::rsa).map_err(rejected("RSA"))
            }
            Form::RsaPkcs1 { .. } => {
                RsaKeyPair::from_der(der).map(Self::rsa).map_err(rejected("RSA"))
            }
            Form::OtherKey { algorithm } => Err(KeyError::Algorithm { algorithm }),
            Form::Public => Err(KeyError::PublicKey),
            Form::Encrypted => Err(KeyError::Encrypted),
            Form::Unknown => Err(damaged()),
        }
    }

    fn rsa(pair: RsaKeyPair) -> Self {
        Self { pair: Pair::Rsa { pair, random: SystemRandom::new() } }
    }

    /// Which algorithm the key belongs to.
    #[must_use]
    pub fn kind(&self) -> KeyKind {
        match &self.pair {
            Pair::Ed25519(_) => KeyKind::Ed25519,
            Pair::Rsa { pair, .. } => KeyKind::Rsa { bits: pair.public().modulus_len() * 8 },
        }
    }

    /// Signs one call: `method` in any case, `path` from the root with or without query.
    ///
    /// ```
    /// use kalshi_exec::kalshi::auth::{Signature, SigningKey};
    /// # let pem = "-----BEGIN PRIVATE KEY-----\n\
    /// #     MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n\
    /// #     -----END PRIVATE KEY-----\n";
    /// let key = SigningKey::from_pem(pem.as_bytes()).unwrap();
    /// let mut signature = Signature::default();
    /// key.sign(1703123456789, "GET", "/trade-api/v2/portfolio/balance", &mut signature).unwrap();
    /// assert_eq!(signature.as_str().len(), 88);
    /// ```
    ///
    /// # Errors
    /// [`SignError`]; `out` is then empty.
    pub fn sign(
        &self,
        wall_ms: u64,
        method: &str,
        path: &str,
        out: &mut Signature,
    ) -> Result<(), SignError> {
        out.wipe();
        let mut message = Message::new();
        message.decimal(wall_ms);
        message.upper(method);
        message.bytes(path.split_once('?').map_or(path, |(path, _)| path).as_bytes());
        let message = message.finish().ok_or(SignError::TooLong)?;
        match &self.pair {
            Pair::Ed25519(pair) => out.set(pair.sign(message).as_ref()),
            Pair::Rsa { pair, random } => {
                let mut raw = Zeroizing::new([0; RSA_SIGNATURE_BYTES_MAX]);
                let raw = &mut raw[..pair.public().modulus_len()];
                pair.sign(&RSA_PSS_SHA256, random, message, raw).map_err(|_| SignError::Failed)?;
                out.set(raw);
            }
        }
        Ok(())
    }
}

/// Refuses a key file that every user of the machine may read or write.
///
/// # Errors
/// [`KeyError::Exposed`] with the remedy, [`KeyError::File`] when the file cannot be examined.
pub fn permissions_ok(path: &Path) -> Result<(), KeyError> {
    use std::os::unix::fs::PermissionsExt as _;
    let name = || path.display().to_string();
    let metadata = std::fs::metadata(path)
        .map_err(|error| KeyError::File { path: name(), why: error.to_string() })?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o006 != 0 {
        return Err(KeyError::Exposed { path: name(), mode });
    }
    Ok(())
}

/// The text that is signed, on the stack.
struct Message {
    bytes: [u8; MESSAGE_BYTES_MAX],
    /// Grows past the end when the text does not fit: [`Self::finish`] then refuses.
    len: usize,
}

impl Message {
    const fn new() -> Self {
        Self { bytes: [0; MESSAGE_BYTES_MAX], len: 0 }
    }

    fn bytes(&mut self, text: &[u8]) {
        let end = self.len.saturating_add(text.len());
        if let Some(slot) = self.bytes.get_mut(self.len..end) {
            slot.copy_from_slice(text);
        }
        self.len = end;
    }

    fn upper(&mut self, text: &str) {
        for byte in text.bytes() {
            self.bytes(&[byte.to_ascii_uppercase()]);
        }
    }

    fn decimal(&mut self, value: u64) {
        let mut digits = [0; 20];
        let mut at = digits.len();
        let mut rest = value;
        loop {
            at -= 1;
            digits[at] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        self.bytes(&digits[at..]);
    }

    fn finish(&self) -> Option<&[u8]> {
        self.bytes.get(..self.len)
    }
}

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

    fn set(&mut self, raw: &[u8]) {
        let len = STANDARD
            .encode_slice(raw, &mut self.bytes)
            .expect("the largest key accepted makes a signature of exactly this size");
        self.len = u16::try_from(len).expect("684 fits");
    }

    fn wipe(&mut self) {
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

/// An API key: its public id and its private half.
#[derive(Clone)]
pub struct Credentials {
    key_id: String,
    key: Arc<SigningKey>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({})", self.key.kind())
    }
}

impl Credentials {
    /// Pairs an id with its key.
    ///
    /// # Errors
    /// [`KeyError::KeyId`] when the id could not stand in a header.
    pub fn new(key_id: &str, key: Arc<SigningKey>) -> Result<Self, KeyError> {
        let plain = key_id.bytes().all(|byte| byte.is_ascii_graphic());
        if key_id.is_empty() || key_id.len() > 64 || !plain {
            return Err(KeyError::KeyId);
        }
        Ok(Self { key_id: key_id.to_owned(), key })
    }

    /// The API key's id, as shown by the exchange.
    #[must_use]
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// The private key.
    #[must_use]
    pub const fn key(&self) -> &Arc<SigningKey> {
        &self.key
    }

    /// The three header lines of one call, each ending in CR LF. For cold callers: allocates.
    ///
    /// # Errors
    /// [`SignError`] as [`SigningKey::sign`].
    pub fn header_lines(
        &self,
        wall_ms: u64,
        method: &str,
        path: &str,
    ) -> Result<Zeroizing<String>, SignError> {
        let mut signature = Signature::default();
        self.key.sign(wall_ms, method, path, &mut signature)?;
        let (id, text) = (&self.key_id, signature.as_str());
        let mut lines = Zeroizing::new(String::with_capacity(192 + id.len() + text.len()));
        fmt::write(
            &mut *lines,
            format_args!(
                "{HEADER_KEY_ID}: {id}\r\n{HEADER_TIMESTAMP}: {wall_ms}\r\n\
                 {HEADER_SIGNATURE}: {text}\r\n"
            ),
        )
        .map_err(|_| SignError::Failed)?;
        Ok(lines)
    }
}

#[cfg(test)]
mod tests;
