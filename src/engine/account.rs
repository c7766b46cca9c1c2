//! The account a run trades: where its exchange is, whom to trust, which key signs.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{EngineError, RunOptions};
use crate::config::Mode;
use crate::kalshi::auth::{Credentials, SigningKey};
use crate::kalshi::hosts::Environment;
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

fn endpoint(url: &str) -> Result<Endpoint, EngineError> {
    Endpoint::parse(url).map_err(|error: EndpointError| EngineError::Credentials(error.to_string()))
}

/// What a run with real orders was told of its account, before any of it is opened. Where the
/// exchange is: `--exchange`, else `[exchange]`, else the mode's own hosts. Who trades: the
/// configured key, else the one that `--exchange` names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Given {
    /// The REST root.
    pub(super) rest: Endpoint,
    /// The WebSocket.
    pub(super) ws: Endpoint,
    /// Whom to trust.
    pub(super) roots: Roots,
    /// The API key's id.
    pub(super) key_id: Option<String>,
    /// The file of its private half.
    pub(super) key_file: Option<PathBuf>,
}

impl Given {
    /// What `options` say.
    pub(super) fn of(options: &RunOptions) -> Result<Self, EngineError> {
        let config = &options.config.exchange;
        let ready = options.exchange.as_deref().map(ReadyFile::read).transpose()?;
        let environment = match options.config.mode {
            Mode::Live => Environment::Live,
            Mode::Paper | Mode::Sim | Mode::Demo => Environment::Demo,
        };
        let place =
            |ready: Option<&String>, config: &Option<Endpoint>, own: &str| match (ready, config) {
                (Some(url), _) => endpoint(url),
                (None, Some(url)) => Ok(url.clone()),
                (None, None) => endpoint(own),
            };
        let ready = ready.as_ref();
        let ca = ready.map(|ready| &ready.ca_file).or(config.ca_file.as_ref());
        let key_id = config.api_key_id.clone();
        let key_file = config.private_key_path.clone();
        Ok(Self {
            rest: place(ready.map(|it| &it.rest), &config.rest_url, environment.rest_url())?,
            ws: place(ready.map(|it| &it.ws), &config.ws_url, environment.ws_url())?,
            roots: ca.map_or(Roots::Public, |path| Roots::File(path.clone())),
            key_id: key_id.or_else(|| ready.map(|it| it.key_id.clone())),
            key_file: key_file.or_else(|| ready.map(|it| it.private_key_file.clone())),
        })
    }

    /// The account, once what it needs has been opened.
    pub(super) fn account(
        self,
        tls: Option<TlsConfig>,
        key: Option<SigningKey>,
    ) -> Option<Account> {
        let credentials = Credentials::new(&self.key_id?, Arc::new(key?)).ok()?;
        Some(Account { rest: self.rest, ws: self.ws, dial: DialConfig::new(tls?), credentials })
    }

    /// Names an account and mode, so that a state directory is not used for another.
    pub(super) fn owner(mode: Mode, key_id: &str) -> String {
        format!("{} {key_id}", mode.as_str())
    }
}
