//! Whom we trust and who we are: authorities, key id, key file. Files are read, nothing is sent.

use std::path::Path;

use super::subject;
use crate::engine::account::Given;
use crate::kalshi::auth::{Credentials, SigningKey, permissions_ok};
use crate::net::tls::{Roots, TlsConfig};
use crate::report::findings::Finding;
use crate::runtime::memory;

/// The authorities, ready for use.
pub(super) fn authorities(given: &Given) -> (Option<TlsConfig>, Finding) {
    let found = match &given.roots {
        Roots::Public => "the public ones, built in".to_owned(),
        Roots::File(path) => format!("those of {} and no others", path.display()),
        Roots::Der(list) => format!("{} given ones", list.len()),
    };
    match TlsConfig::new(&given.roots) {
        Ok(tls) => (Some(tls), Finding::ok(subject::AUTHORITIES, found)),
        Err(error) => {
            let remedy = "set exchange.ca_file to a PEM file of the authority, or leave it out";
            (None, Finding::refuse(subject::AUTHORITIES, error.to_string(), remedy))
        }
    }
}

/// Whether there is a key id. It is not shown: with the key it is what the account is.
pub(super) fn key_id(given: &Given) -> Finding {
    match &given.key_id {
        Some(id) => match Credentials::check_id(id) {
            Ok(()) => Finding::ok(subject::KEY_ID, "set, not shown"),
            Err(error) => Finding::refuse(subject::KEY_ID, error.to_string(), "correct it"),
        },
        None => Finding::refuse(
            subject::KEY_ID,
            "none is set",
            "set KALSHI_API_KEY_ID (environment or .env) or exchange.api_key_id to the id that \
             the exchange shows beside the key",
        ),
    }
}

/// The private key, when its file is fit for use.
pub(super) fn key_file(given: &Given) -> (Option<SigningKey>, Finding) {
    let Some(path) = &given.key_file else {
        let remedy = "set KALSHI_PRIVATE_KEY_PATH (environment or .env) or \
                      exchange.private_key_path to the file that the exchange gave with the key";
        return (None, Finding::refuse(subject::KEY_FILE, "none is set", remedy));
    };
    match read(path) {
        Ok(key) => {
            let found = format!("{} key in {}", key.kind(), path.display());
            (Some(key), Finding::ok(subject::KEY_FILE, found))
        }
        // The error carries its remedy.
        Err(found) => (None, Finding::refuse(subject::KEY_FILE, found, "")),
    }
}

fn read(path: &Path) -> Result<SigningKey, String> {
    permissions_ok(path).map_err(|error| error.to_string())?;
    SigningKey::from_file(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// Forbids core files of this process, which from here on may hold a key.
pub(super) fn core_dumps() -> Finding {
    match memory::forbid_core_dumps() {
        Ok(()) => Finding::ok(subject::CORE_DUMPS, "forbidden for this process"),
        Err(error) => Finding::refuse(
            subject::CORE_DUMPS,
            format!("cannot be forbidden: {error}"),
            "run where setrlimit and prctl are allowed: a core file would hold the key",
        ),
    }
}
