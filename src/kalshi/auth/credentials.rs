//! An API key's two halves, and the header lines that prove them. For cold callers: allocates.

use core::fmt;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::{
    HEADER_KEY_ID, HEADER_SIGNATURE, HEADER_TIMESTAMP, KeyError, SignError, Signature, SigningKey,
};

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
        Self::check_id(key_id)?;
        Ok(Self { key_id: key_id.to_owned(), key })
    }

    /// Whether an id could stand in a header.
    ///
    /// # Errors
    /// [`KeyError::KeyId`] when it could not.
    pub fn check_id(key_id: &str) -> Result<(), KeyError> {
        let plain = key_id.bytes().all(|byte| byte.is_ascii_graphic());
        if key_id.is_empty() || key_id.len() > 64 || !plain {
            return Err(KeyError::KeyId);
        }
        Ok(())
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
