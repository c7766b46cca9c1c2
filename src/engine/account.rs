//! The account a run trades: where its exchange is, whom to trust, which key signs.

use std::path::Path;
use std::sync::Arc;

use super::EngineError;
use crate::kalshi::auth::{Credentials, SigningKey};
use crate::net::connect::DialConfig;
use crate::net::endpoint::{Endpoint, EndpointError};
use crate::net::ready::ReadyFile;
use crate::net::tls::{Roots, TlsConfig};

/// Everything needed to connect and sign.
#[derive(Clone, Debug)]
pub(super) struct Account {
    /// The REST root.
    pub(super) rest: Endpoint,
    /// The WebSocket.
    pub(super) ws: Endpoint,
    /// How connections are made.
    pub(super) dial: DialConfig,
    /// Who trades.
    pub(super) credentials: Credentials,
}

impl Account {
    /// The account a ready file describes.
    pub(super) fn from_ready_file(path: &Path) -> Result<Self, EngineError> {
        Self::from_ready(&ReadyFile::read(path)?)
    }

    /// The account a ready exchange has told of.
    pub(super) fn from_ready(ready: &ReadyFile) -> Result<Self, EngineError> {
        let endpoint = |url: &str| {
            Endpoint::parse(url)
                .map_err(|error: EndpointError| EngineError::Credentials(error.to_string()))
        };
        let bad = |what: &str, path: &Path, error: &dyn std::fmt::Display| {
            EngineError::Credentials(format!(
                "the ready file's {what} {} is of no use: {error}",
                path.display()
            ))
        };
        let (ca, key_file) = (&ready.ca_file, &ready.private_key_file);
        let tls = TlsConfig::new(&Roots::File(ca.clone()))
            .map_err(|error| bad("certificate", ca, &error))?;
        let key = SigningKey::from_file(key_file)
            .map_err(|error| bad("private key", key_file, &error))?;
        let credentials = Credentials::new(&ready.key_id, Arc::new(key))
            .map_err(|error| bad("key id for", key_file, &error))?;
        Ok(Self {
            rest: endpoint(&ready.rest)?,
            ws: endpoint(&ready.ws)?,
            dial: DialConfig::new(tls),
            credentials,
        })
    }
}
