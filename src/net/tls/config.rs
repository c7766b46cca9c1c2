//! Whom to trust: certificate authorities in, a shared client configuration out.
//!
//! Ring is the only crypto provider; TLS 1.3 is preferred, 1.2 accepted, nothing older. No ALPN:
//! the exchange's REST and WebSocket are both reached by HTTP/1.1. Sessions are resumed from
//! memory, which saves the certificate exchange on reconnects; no early data, it can be replayed.

use core::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

/// Which certificate authorities are trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Roots {
    /// The public ones, as built in.
    Public,
    /// Those in this PEM file and no others: the simulated exchange's.
    File(PathBuf),
    /// These certificates and no others.
    Der(Vec<Vec<u8>>),
}

/// The authorities could not be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlsConfigError {
    /// The file could not be read as PEM.
    #[error("read certificate authorities from {path}: {why}")]
    File {
        /// The file.
        path: String,
        /// What was wrong.
        why: String,
    },
    /// It contains no certificate.
    #[error("{origin} contains no CERTIFICATE block: nobody would be trusted")]
    Empty {
        /// File name, or how else they were given.
        origin: String,
    },
    /// A certificate is unusable.
    #[error("certificate authority in {origin} is unusable: {why}")]
    Certificate {
        /// File name, or how else it was given.
        origin: String,
        /// What was wrong.
        why: String,
    },
    /// The crypto library refused the protocol versions.
    #[error("set up tls: {why}")]
    Setup {
        /// Its words.
        why: String,
    },
}

/// What all connections to one exchange share. Cheap to clone.
#[derive(Clone)]
pub struct TlsConfig(Arc<ClientConfig>);

impl fmt::Debug for TlsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsConfig")
    }
}

impl TlsConfig {
    /// Reads the authorities and prepares everything that connections share.
    ///
    /// # Errors
    /// [`TlsConfigError`] names the file or certificate at fault.
    pub fn new(roots: &Roots) -> Result<Self, TlsConfigError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map_err(|error| TlsConfigError::Setup { why: error.to_string() })?
            .with_root_certificates(store(roots)?)
            .with_no_client_auth();
        Ok(Self(Arc::new(config)))
    }

    pub(super) fn shared(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.0)
    }
}

fn store(roots: &Roots) -> Result<RootCertStore, TlsConfigError> {
    match roots {
        Roots::Public => Ok(RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() }),
        Roots::File(path) => {
            let origin = path.display().to_string();
            let failed = |error: rustls::pki_types::pem::Error| TlsConfigError::File {
                path: origin.clone(),
                why: error.to_string(),
            };
            let certificates: Result<Vec<_>, _> =
                CertificateDer::pem_file_iter(path).map_err(failed)?.collect();
            gather(certificates.map_err(failed)?, &origin)
        }
        Roots::Der(certificates) => {
            let certificates = certificates.iter().cloned().map(CertificateDer::from);
            gather(certificates.collect(), "the given list")
        }
    }
}

fn gather(
    certificates: Vec<CertificateDer<'static>>,
    origin: &str,
) -> Result<RootCertStore, TlsConfigError> {
    if certificates.is_empty() {
        return Err(TlsConfigError::Empty { origin: origin.to_owned() });
    }
    let mut store = RootCertStore::empty();
    for certificate in certificates {
        store.add(certificate).map_err(|error| TlsConfigError::Certificate {
            origin: origin.to_owned(),
            why: error.to_string(),
        })?;
    }
    Ok(store)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_public_authorities_are_built_in() {
        assert!(store(&Roots::Public).unwrap().len() > 100);
        TlsConfig::new(&Roots::Public).unwrap();
    }

    #[test]
    fn trusting_nobody_is_an_error_that_names_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ca.pem");
        let error = TlsConfig::new(&Roots::File(path.clone())).unwrap_err();
        assert!(error.to_string().contains("ca.pem"), "{error}");
        std::fs::write(&path, "no certificate").unwrap();
        let error = TlsConfig::new(&Roots::File(path)).unwrap_err();
        assert!(matches!(&error, TlsConfigError::Empty { origin } if origin.contains("ca.pem")));
        assert!(TlsConfig::new(&Roots::Der(vec![])).is_err());
        let error = TlsConfig::new(&Roots::Der(vec![vec![1, 2, 3]])).unwrap_err();
        assert!(matches!(error, TlsConfigError::Certificate { .. }));
    }
}
