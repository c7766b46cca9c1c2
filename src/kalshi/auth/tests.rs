//! Tests of keys and signatures.

use super::*;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::signature::KeyPair as _;
use rsa::pkcs1::DecodeRsaPrivateKey as _;
use rsa::pkcs8::DecodePrivateKey as _;
use sha2::Digest as _;

/// RFC 8032, test 1, as OpenSSL writes it (48 bytes of DER, PKCS#8 v1).
const ED25519: &str = "-----BEGIN PRIVATE KEY-----\n\
    MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n\
    -----END PRIVATE KEY-----\n";

macro_rules! key_file {
    ($name:literal) => {
        include_str!(concat!("../../../tests/keys/", $name, ".pem"))
    };
}

fn signed(key: &SigningKey, wall_ms: u64, method: &str, path: &str) -> String {
    let mut signature = Signature::default();
    key.sign(wall_ms, method, path, &mut signature).unwrap();
    signature.as_str().to_owned()
}

#[track_caller]
fn vector(method: &str, path: &str, expected: &str) {
    let key = SigningKey::from_pem(ED25519.as_bytes()).unwrap();
    assert_eq!(signed(&key, 1_703_123_456_789, method, path), expected, "{method} {path}");
}

#[test]
fn ed25519_signatures_match_the_reference_byte_for_byte() {
    vector(
        "GET",
        "/trade-api/v2/portfolio/balance",
        "caolQIFa1fF7caKRpD82JbF1w9tsbGMzaRudHdnCIwVEkhfFIlzIy4HeCQTeFteU9o8UTOmEvwbutRb9MEJbAA==",
    );
    vector(
        "POST",
        "/trade-api/v2/portfolio/events/orders",
        "0QpWibMOICW7GcsR2QVXSLi+4s2EwyYdYP2ypIV/6vEqQPr5hKsX+kHaxO6SOVuIR60F5Lms8Ds0mnn63IMMBA==",
    );
    vector(
        "GET",
        "/trade-api/ws/v2",
        "UxSfhWWEyZ1QqfOB6kwZsQObor0jGMZVIh+hDqydvkYD4gYeWXPuOB2+jmtHhWtK00AKZNNunN+JcxddbXtNDA==",
    );
}

#[test]
fn the_query_and_the_case_of_the_method_are_not_signed() {
    let key = SigningKey::from_pem(ED25519.as_bytes()).unwrap();
    let plain = signed(&key, 1_703_123_456_789, "GET", "/trade-api/v2/portfolio/orders");
    let query = "/trade-api/v2/portfolio/orders?limit=5&cursor=a?b";
    assert_eq!(signed(&key, 1_703_123_456_789, "get", query), plain);
    assert_ne!(signed(&key, 1_703_123_456_790, "GET", query), plain);
}

#[test]
fn ed25519_signatures_verify_elsewhere() {
    use ed25519_dalek::{Verifier as _, VerifyingKey};
    let random = SystemRandom::new();
    let document = Ed25519KeyPair::generate_pkcs8(&random).unwrap();
    let public = Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap();
    // PKCS#8 v2, and under a label that lies.
    let text = STANDARD.encode(document.as_ref());
    let pem = format!("-----BEGIN RSA PRIVATE KEY-----\r\n{text}\r\n-----END X-----\r\n");
    let key = SigningKey::from_pem(pem.as_bytes()).unwrap();

    let text = signed(&key, 0, "DELETE", "/a");

    assert_eq!((key.kind(), text.len()), (KeyKind::Ed25519, 88));
    let raw: [u8; 64] = STANDARD.decode(text).unwrap().try_into().unwrap();
    let public: [u8; 32] = public.public_key().as_ref().try_into().unwrap();
    let verifier = VerifyingKey::from_bytes(&public).unwrap();
    verifier.verify(b"0DELETE/a", &ed25519_dalek::Signature::from_bytes(&raw)).unwrap();
}

#[track_caller]
fn rsa_verifies(pem: &str, theirs: &rsa::RsaPrivateKey, base64_len: usize, bits: usize) {
    let key = SigningKey::from_pem(pem.as_bytes()).unwrap();

    let path = "/trade-api/v2/portfolio/events/orders";
    let first = signed(&key, u64::MAX, "POST", path);
    let second = signed(&key, u64::MAX, "POST", path);

    assert_eq!((key.kind(), first.len()), (KeyKind::Rsa { bits }, base64_len));
    assert_ne!(first, second, "the salt is random");
    let digest = sha2::Sha256::digest(format!("18446744073709551615POST{path}"));
    let scheme = rsa::Pss::new_with_salt::<sha2::Sha256>(32);
    let raw = STANDARD.decode(first).unwrap();
    theirs.to_public_key().verify(scheme, &digest, &raw).unwrap();
}

#[test]
fn rsa_signatures_verify_elsewhere() {
    let pkcs1 = rsa::RsaPrivateKey::from_pkcs1_pem(key_file!("rsa2048_pkcs1")).unwrap();
    rsa_verifies(key_file!("rsa2048_pkcs1"), &pkcs1, 344, 2048);
    rsa_verifies(key_file!("rsa2048_pkcs8"), &pkcs1, 344, 2048);
    let large = rsa::RsaPrivateKey::from_pkcs8_pem(key_file!("rsa4096")).unwrap();
    rsa_verifies(key_file!("rsa4096"), &large, 684, 4096);
}

#[test]
fn the_label_does_not_decide_what_an_rsa_key_is() {
    let pkcs8_as_pkcs1 = key_file!("rsa2048_pkcs8").replace("PRIVATE KEY", "RSA PRIVATE KEY");
    let pkcs1_as_pkcs8 = key_file!("rsa2048_pkcs1").replace("RSA PRIVATE KEY", "PRIVATE KEY");
    for pem in [pkcs8_as_pkcs1, pkcs1_as_pkcs8] {
        let key = SigningKey::from_pem(pem.as_bytes()).unwrap();
        assert_eq!(key.kind(), KeyKind::Rsa { bits: 2048 });
    }
}

#[track_caller]
fn refused(pem: &str, expected: &KeyError) {
    let error = SigningKey::from_pem(pem.as_bytes()).unwrap_err();
    assert_eq!(&error, expected);
}

#[test]
fn unusable_keys_are_named_for_what_they_are() {
    refused(key_file!("rsa_encrypted_pkcs8"), &KeyError::Encrypted);
    refused(key_file!("rsa_encrypted_pkcs1"), &KeyError::Encrypted);
    refused(key_file!("rsa_public"), &KeyError::PublicKey);
    refused(key_file!("rsa_public_pkcs1"), &KeyError::PublicKey);
    refused(key_file!("ec_sec1"), &KeyError::Algorithm { algorithm: "EC" });
    refused(key_file!("ec_pkcs8"), &KeyError::Algorithm { algorithm: "EC" });
    refused(key_file!("openssh"), &KeyError::OpenSsh);
    refused(key_file!("rsa1024"), &KeyError::RsaSize { bits: 1024 });
    refused("", &KeyError::NotPem);
    refused("KALSHI_API_KEY=abc", &KeyError::NotPem);
    refused("-----BEGIN PRIVATE KEY-----\nAAAA", &KeyError::NotPem);
    let damaged = KeyError::Damaged { label: "PRIVATE KEY".to_owned() };
    refused("-----BEGIN PRIVATE KEY-----\n\n-----END PRIVATE KEY-----", &damaged);
    refused("-----BEGIN PRIVATE KEY-----\n?*\n-----END PRIVATE KEY-----", &damaged);
    refused("-----BEGIN PRIVATE KEY-----\nMAMCAQA=\n-----END PRIVATE KEY-----", &damaged);
}

#[test]
fn a_key_with_a_flipped_bit_never_panics_and_never_passes_for_another_kind() {
    let der = blocks(key_file!("rsa2048_pkcs1")).remove(0).der.unwrap();
    for at in (0..der.len()).step_by(37) {
        let mut bad = der.to_vec();
        bad[at] ^= 0x10;
        let text = STANDARD.encode(&bad);
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n");
        if let Ok(key) = SigningKey::from_pem(pem.as_bytes()) {
            assert_eq!(key.kind(), KeyKind::Rsa { bits: 2048 }, "byte {at}");
        }
        assert!(SigningKey::from_pem(&pem.as_bytes()[..at]).is_err());
    }
}

#[test]
fn every_refusal_tells_the_remedy_and_no_secret() {
    let error = SigningKey::from_pem(key_file!("rsa_encrypted_pkcs8").as_bytes()).unwrap_err();
    assert!(error.to_string().contains("openssl pkey"), "{error}");
    let key = SigningKey::from_pem(ED25519.as_bytes()).unwrap();
    assert_eq!(format!("{key:?}"), "SigningKey(Ed25519)");
    let mut signature = Signature::default();
    key.sign(1, "GET", "/", &mut signature).unwrap();
    assert_eq!(format!("{signature:?}"), "Signature(88 bytes)");
    let credentials = Credentials::new("id", Arc::new(key)).unwrap();
    assert_eq!(format!("{credentials:?}"), "Credentials(Ed25519)");
}

#[test]
fn key_files_are_named_in_errors() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("missing.pem");
    let error = SigningKey::from_file(&missing).unwrap_err().to_string();
    assert!(error.contains("missing.pem"), "{error}");
    let error = SigningKey::from_file(dir.path()).unwrap_err().to_string();
    assert!(error.contains(&dir.path().display().to_string()), "{error}");

    let path = dir.path().join("key.pem");
    std::fs::write(&path, ED25519).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let exposed = permissions_ok(&path).unwrap_err();
    assert!(matches!(exposed, KeyError::Exposed { mode: 0o644, .. }));
    assert!(exposed.to_string().contains("chmod 600"), "{exposed}");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    permissions_ok(&path).unwrap();
    assert_eq!(SigningKey::from_file(&path).unwrap().kind(), KeyKind::Ed25519);

    std::fs::write(&path, vec![b'-'; 70_000]).unwrap();
    assert!(matches!(SigningKey::from_file(&path), Err(KeyError::File { .. })));
}

#[test]
fn a_path_that_does_not_fit_is_refused_and_leaves_nothing() {
    let key = SigningKey::from_pem(ED25519.as_bytes()).unwrap();
    let mut signature = Signature::default();
    key.sign(1, "GET", "/", &mut signature).unwrap();
    let longest = "x".repeat(message::MESSAGE_BYTES_MAX - 4);
    key.sign(1, "GET", &longest, &mut signature).unwrap();
    let error = key.sign(1, "GET", &format!("{longest}x"), &mut signature);
    assert_eq!(error, Err(SignError::TooLong));
    assert!(signature.is_empty());
}

#[test]
fn header_lines_carry_the_signature_and_refuse_ids_that_break_lines() {
    let key = Arc::new(SigningKey::from_pem(ED25519.as_bytes()).unwrap());
    let credentials = Credentials::new("0f3a-77", Arc::clone(&key)).unwrap();

    let lines = credentials.header_lines(1_703_123_456_789, "GET", "/trade-api/ws/v2").unwrap();

    let text = signed(&key, 1_703_123_456_789, "GET", "/trade-api/ws/v2");
    assert_eq!(
        lines.as_str(),
        format!(
            "KALSHI-ACCESS-KEY: 0f3a-77\r\nKALSHI-ACCESS-TIMESTAMP: 1703123456789\r\n\
             KALSHI-ACCESS-SIGNATURE: {text}\r\n"
        )
    );
    for bad in ["", "a b", "a\r\nX: y", "é", &"a".repeat(65)] {
        assert_eq!(Credentials::new(bad, Arc::clone(&key)).unwrap_err(), KeyError::KeyId);
    }
}
