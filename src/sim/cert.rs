//! The simulated exchange's certificates: a certificate authority and one server certificate.
//!
//! Nothing goes in; one PEM text comes out, and back in at the next start. Satisfies strict
//! verifiers (basic constraints, key usage, subject and authority key identifiers). The
//! authority's private key is dropped once it has signed, so that trusting it stays harmless.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, date_time_ymd,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use tokio_rustls::rustls::{Error as TlsError, ServerConfig, crypto::ring::default_provider};

/// The names that the server certificate is valid for.
const NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// The stored text is not what [`issue`] made.
#[derive(Debug, thiserror::Error)]
pub(super) enum IdentityError {
    /// Not PEM, or a part is missing.
    #[error("it must hold two certificates and a private key in PEM: {0}")]
    Pem(#[from] rustls_pki_types::pem::Error),
    /// The chain is incomplete.
    #[error("it must hold the server's and the authority's certificate")]
    Chain,
    /// Certificate and key do not belong together.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// What the server shows and what clients must trust.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    /// The authority's certificate in PEM.
    pub(super) ca_pem: String,
    /// Ready for accepting connections: TLS 1.2 and 1.3, HTTP/1.1.
    pub(super) tls: Arc<ServerConfig>,
}

impl Identity {
    /// Reads what [`issue`] made.
    pub(super) fn from_pem(text: &str) -> Result<Self, IdentityError> {
        let chain =
            CertificateDer::pem_slice_iter(text.as_bytes()).collect::<Result<Vec<_>, _>>()?;
        let key = PrivateKeyDer::from_pem_slice(text.as_bytes())?;
        let [_, authority] = chain.as_slice() else {
            return Err(IdentityError::Chain);
        };
        let ca_pem = pem("CERTIFICATE", authority);
        let mut tls = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { ca_pem, tls: Arc::new(tls) })
    }
}

/// Makes an authority and a server certificate: the server's certificate, the authority's, and
/// the server's private key, in PEM, in this order.
pub(super) fn issue() -> Result<String, rcgen::Error> {
    let authority = CertifiedIssuer::self_signed(authority_params()?, KeyPair::generate()?)?;
    let key = KeyPair::generate()?;
    let server = server_params()?.signed_by(&key, &authority)?;
    Ok(format!("{}{}{}", server.pem(), authority.pem(), key.serialize_pem()))
}

fn authority_params() -> Result<CertificateParams, rcgen::Error> {
    let mut params = params("kalshi-exec simulated exchange authority", &[])?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params)
}

fn server_params() -> Result<CertificateParams, rcgen::Error> {
    let mut params = params("kalshi-exec simulated exchange", &NAMES)?;
    params.is_ca = IsCa::ExplicitNoCa;
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    Ok(params)
}

/// The validity is fixed, so that a virtual clock or a host with a wrong one can still connect.
fn params(common_name: &str, names: &[&str]) -> Result<CertificateParams, rcgen::Error> {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2120, 1, 1);
    Ok(params)
}

/// `der` as a PEM block.
pub(super) fn pem(label: &str, der: &[u8]) -> String {
    let mut text = format!("-----BEGIN {label}-----\n");
    let encoded = STANDARD.encode(der);
    let mut rest = encoded.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(64));
        text.push_str(line);
        text.push('\n');
        rest = after;
    }
    text.push_str(&format!("-----END {label}-----\n"));
    text
}
