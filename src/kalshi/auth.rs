//! Proof of identity towards the exchange: the account's private key and signatures made with it.
//!
//! In goes a PEM file, out come base64 signatures over `timestamp + METHOD + path` (the body is
//! not covered, so signatures can be made before an order is known) and the header lines that
//! carry them. Keys and signatures are never printed, and the buffers they passed through are
//! wiped. Signing with Ed25519 does not allocate; RSA does, inside its big-number arithmetic.

mod credentials;
mod error;
mod form;
mod message;
mod signature;

use core::fmt;
use std::io::Read as _;
use std::path::Path;

use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, RSA_PSS_SHA256, RsaKeyPair};
use zeroize::Zeroizing;

use self::form::{Block, Form, blocks, identify};
use self::message::Message;

pub use self::credentials::Credentials;
pub use self::error::KeyError;
pub use self::signature::Signature;

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
/// Largest key file read: an RSA-4096 key is 3 KiB.
const KEY_FILE_BYTES_MAX: u64 = 64 * 1024;

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

/// Refuses a key file that anybody but its owner may read or write.
///
/// # Errors
/// [`KeyError::Exposed`] with the remedy, [`KeyError::File`] when the file cannot be examined.
pub fn permissions_ok(path: &Path) -> Result<(), KeyError> {
    use std::os::unix::fs::PermissionsExt as _;
    let name = || path.display().to_string();
    let metadata = std::fs::metadata(path)
        .map_err(|error| KeyError::File { path: name(), why: error.to_string() })?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o066 != 0 {
        return Err(KeyError::Exposed { path: name(), mode });
    }
    Ok(())
}

/// A signature made ahead of its call, and the time it speaks of.
#[derive(Debug)]
pub struct Presigned {
    /// The time signed: goes into the timestamp header as it is.
    pub wall_ms: u64,
    /// The signature.
    pub signature: Signature,
}

#[cfg(test)]
mod tests;
