//! Who sent a request: checks the three `KALSHI-ACCESS-*` headers against registered public keys.
//!
//! Pure: headers, method, path and time in; an account or a 401 out. The bodies are the ones
//! recorded from the exchange (`auth__*.json`). Never sees a private key, a socket or a clock.

use std::collections::HashMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::signature::{ED25519, RSA_PSS_2048_8192_SHA256, UnparsedPublicKey};

use super::venue::{ApiResponse, UserId};
use crate::units::{Nanos, WallTime};

/// Header with the key id.
pub const KEY_HEADER: &str = "kalshi-access-key";
/// Header with the time of signing in Unix milliseconds.
pub const TIMESTAMP_HEADER: &str = "kalshi-access-timestamp";
/// Header with the base64 signature.
pub const SIGNATURE_HEADER: &str = "kalshi-access-signature";
/// Path of the WebSocket upgrade.
pub const WS_PATH: &str = "/trade-api/ws/v2";
/// Root of every REST path.
pub const REST_ROOT: &str = "/trade-api/v2";

/// A registered public key; its kind picks the algorithm, as on the exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PublicKey {
    /// Raw Ed25519, 32 bytes.
    Ed25519(Box<[u8]>),
    /// RSA of 2048 bits or more as PKCS#1 `RSAPublicKey` DER; PSS, SHA-256, salt 32.
    Rsa(Box<[u8]>),
}

impl PublicKey {
    fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let outcome = match self {
            Self::Ed25519(raw) => UnparsedPublicKey::new(&ED25519, raw).verify(message, signature),
            Self::Rsa(der) => {
                UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, der).verify(message, signature)
            }
        };
        outcome.is_ok()
    }
}

/// The keys that accounts have registered, by key id.
#[derive(Clone, Debug, Default)]
pub struct KeyRing {
    keys: HashMap<String, (PublicKey, UserId)>,
}

impl KeyRing {
    /// Registers `key` for `user`; a key id that was there before is replaced.
    pub fn register(&mut self, key_id: impl Into<String>, key: PublicKey, user: UserId) {
        self.keys.insert(key_id.into(), (key, user));
    }

    /// Forgets a key: it is unknown from now on. Tells whether it was there.
    pub fn revoke(&mut self, key_id: &str) -> bool {
        self.keys.remove(key_id).is_some()
    }
}

/// How far a signature's timestamp may be from the exchange's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Oldest acceptable age.
    pub past: Nanos,
    /// Furthest acceptable future.
    pub future: Nanos,
}

impl Default for Window {
    /// Undocumented by the exchange; seen: 10 s past accepted, 30 s past refused, future lenient.
    fn default() -> Self {
        Self { past: Nanos::from_secs(15), future: Nanos::from_secs(60) }
    }
}

/// The three headers as sent.
#[derive(Clone, Copy, Debug, Default)]
pub struct Credentials<'a> {
    /// `KALSHI-ACCESS-KEY`.
    pub key_id: Option<&'a str>,
    /// `KALSHI-ACCESS-TIMESTAMP`.
    pub timestamp: Option<&'a str>,
    /// `KALSHI-ACCESS-SIGNATURE`.
    pub signature: Option<&'a str>,
}

impl Credentials<'_> {
    /// Whether none of the three headers was sent.
    #[must_use]
    pub const fn are_absent(&self) -> bool {
        self.key_id.is_none() && self.timestamp.is_none() && self.signature.is_none()
    }
}

/// What a signature covers besides the time.
#[derive(Clone, Copy, Debug)]
pub struct Signed<'a> {
    /// Upper-case HTTP method.
    pub method: &'a str,
    /// Full path from the root, without query.
    pub path: &'a str,
}

/// Why a request is answered with 401.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denial {
    /// One of the three headers is missing.
    #[error("a signature header is missing")]
    MissingHeader,
    /// The timestamp is no number or outside the [`Window`].
    #[error("header timestamp expired")]
    Expired,
    /// Nobody registered this key id.
    #[error("unknown key id")]
    UnknownKey,
    /// The signature is not one of this message by this key.
    #[error("incorrect signature")]
    WrongSignature,
}

impl Denial {
    /// The answer as recorded from the exchange.
    #[must_use]
    pub fn response(self) -> ApiResponse {
        let (code, message, details) = match self {
            Self::MissingHeader => {
                ("signature_is_missing_from_headers", "signature is missing from headers", "")
            }
            Self::Expired => ("header_timestamp_expired", "header timestamp expired", ""),
            Self::UnknownKey => ("authentication_error", "authentication_error", "NOT_FOUND"),
            Self::WrongSignature => {
                ("authentication_error", "authentication_error", "INCORRECT_API_KEY_SIGNATURE")
            }
        };
        let mut error = format!(r#""code":"{code}","message":"{message}""#);
        if !details.is_empty() {
            error.push_str(&format!(r#","details":"{details}""#));
        }
        ApiResponse { status: 401, body: format!(r#"{{"error":{{{error}}}}}"#) }
    }
}

/// Finds out which account signed a request.
///
/// # Errors
/// [`Denial`] when nobody did, or not recently.
pub fn authenticate(
    ring: &KeyRing,
    window: Window,
    credentials: &Credentials<'_>,
    signed: Signed<'_>,
    now: WallTime,
) -> Result<UserId, Denial> {
    let Credentials {
        key_id: Some(key_id),
        timestamp: Some(timestamp),
        signature: Some(signature),
    } = credentials
    else {
        return Err(Denial::MissingHeader);
    };
    let signed_at_ms: u64 = timestamp.parse().map_err(|_| Denial::Expired)?;
    let oldest_ms = now.unix_ms().saturating_sub(window.past.ms());
    let newest_ms = now.unix_ms() + window.future.ms();
    if !(oldest_ms..=newest_ms).contains(&signed_at_ms) {
        return Err(Denial::Expired);
    }
    let (key, user) = ring.keys.get(*key_id).ok_or(Denial::UnknownKey)?;
    let signature = STANDARD.decode(signature).map_err(|_| Denial::WrongSignature)?;
    // The header's own text is signed, not the number it stands for.
    let message = format!("{timestamp}{}{}", signed.method, signed.path);
    if key.verifies(message.as_bytes(), &signature) {
        Ok(*user)
    } else {
        Err(Denial::WrongSignature)
    }
}

/// Whether the exchange serves this without a signature: market data, as the API's description
/// marks it.
#[must_use]
pub fn is_public(signed: Signed<'_>) -> bool {
    const ROOTS: [&str; 14] = [
        "exchange",
        "markets",
        "events",
        "series",
        "milestones",
        "structured_targets",
        "multivariate_event_collections",
        "incentive_programs",
        "live_data",
        "search",
        "account/endpoint_costs",
        "historical/cutoff",
        "historical/markets",
        "historical/trades",
    ];
    let Some(path) = signed.path.strip_prefix(REST_ROOT).and_then(|rest| rest.strip_prefix('/'))
    else {
        return false;
    };
    let under = |root: &str| {
        path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    signed.method == "GET" && ROOTS.into_iter().any(under)
}

#[cfg(test)]
mod tests;
