//! Signatures made by other implementations are accepted, ours by theirs, and wrong ones are not.

use std::sync::LazyLock;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ed25519_dalek::{Signer as _, SigningKey, Verifier as _};
use ring::{
    rand::SystemRandom,
    signature::{Ed25519KeyPair, RSA_PSS_SHA256, RsaKeyPair},
};
use rsa::{
    RsaPrivateKey, RsaPublicKey,
    pkcs1::{EncodeRsaPrivateKey, EncodeRsaPublicKey},
    signature::{RandomizedSigner, SignatureEncoding},
};
use sha2::Sha256;

use super::*;

const SIGNED: Signed<'_> = Signed { method: "POST", path: "/trade-api/v2/portfolio/events/orders" };
const SIGNED_AT_MS: u64 = 1_703_123_456_789;
const USER: UserId = UserId(7);
/// Seed of RFC 8032's first test, which the exchange's documentation signs with.
const SEED: [u8; 32] = [
    0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a, 0xf4, 0x92, 0xec, 0x2c, 0xc4,
    0x44, 0x49, 0xc5, 0x69, 0x7b, 0x32, 0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60,
];

static RSA_KEY: LazyLock<RsaPrivateKey> =
    LazyLock::new(|| RsaPrivateKey::new(&mut rsa::rand_core::OsRng, 2048).unwrap());

fn ring_of(key: PublicKey) -> KeyRing {
    let mut ring = KeyRing::default();
    ring.register("key", key, USER);
    ring
}

fn ed25519() -> PublicKey {
    PublicKey::Ed25519(SigningKey::from_bytes(&SEED).verifying_key().to_bytes().into())
}

fn message() -> Vec<u8> {
    format!("{SIGNED_AT_MS}{}{}", SIGNED.method, SIGNED.path).into_bytes()
}

fn sign_ed25519(message: &[u8]) -> String {
    STANDARD.encode(SigningKey::from_bytes(&SEED).sign(message).to_bytes())
}

/// Authenticates [`SIGNED`] at [`SIGNED_AT_MS`] plus `skew_ms`.
fn check(key: PublicKey, signature: &str, skew_ms: i64) -> Result<UserId, Denial> {
    let timestamp = SIGNED_AT_MS.to_string();
    let credentials = Credentials {
        key_id: Some("key"),
        timestamp: Some(&timestamp),
        signature: Some(signature),
    };
    let now = WallTime::from_unix_ms(SIGNED_AT_MS.saturating_add_signed(skew_ms));
    authenticate(&ring_of(key), Window::default(), &credentials, SIGNED, now)
}

#[test]
fn documented_signature_is_accepted() {
    let documented = concat!(
        "0QpWibMOICW7GcsR2QVXSLi+4s2EwyYdYP2ypIV/6vEqQPr5hKsX+kHaxO6SOVuIR60F5Lms8Ds0mnn63IMM",
        "BA=="
    );
    assert_eq!(check(ed25519(), documented, 0), Ok(USER));
    assert_eq!(sign_ed25519(&message()), documented);
}

#[test]
fn ed25519_of_ring_satisfies_dalek() {
    let pair = Ed25519KeyPair::from_seed_unchecked(&SEED).unwrap();
    let signature = pair.sign(&message());
    let theirs = ed25519_dalek::Signature::from_slice(signature.as_ref()).unwrap();
    SigningKey::from_bytes(&SEED).verifying_key().verify(&message(), &theirs).unwrap();
    assert_eq!(check(ed25519(), &STANDARD.encode(signature), 0), Ok(USER));
}

#[test]
fn rsa_pss_of_both_implementations_is_accepted_by_both() {
    let public = RsaPublicKey::from(&*RSA_KEY);
    let registered = PublicKey::Rsa(public.to_pkcs1_der().unwrap().as_bytes().into());
    let theirs = rsa::pss::SigningKey::<Sha256>::new(RSA_KEY.clone())
        .sign_with_rng(&mut rsa::rand_core::OsRng, &message());
    assert_eq!(check(registered.clone(), &STANDARD.encode(theirs.to_bytes()), 0), Ok(USER));

    let pair = RsaKeyPair::from_der(RSA_KEY.to_pkcs1_der().unwrap().as_bytes()).unwrap();
    let mut ours = vec![0; pair.public().modulus_len()];
    pair.sign(&RSA_PSS_SHA256, &SystemRandom::new(), &message(), &mut ours).unwrap();
    let verifying = rsa::pss::VerifyingKey::<Sha256>::new(public);
    verifying.verify(&message(), &ours.as_slice().try_into().unwrap()).unwrap();
    assert_eq!(check(registered, &STANDARD.encode(ours), 0), Ok(USER));
}

#[test]
fn rsa_with_another_salt_length_is_refused() {
    let public = RsaPublicKey::from(&*RSA_KEY).to_pkcs1_der().unwrap();
    let registered = PublicKey::Rsa(public.as_bytes().into());
    let salted = rsa::pss::SigningKey::<Sha256>::new_with_salt_len(RSA_KEY.clone(), 222)
        .sign_with_rng(&mut rsa::rand_core::OsRng, &message());
    let outcome = check(registered, &STANDARD.encode(salted.to_bytes()), 0);
    assert_eq!(outcome, Err(Denial::WrongSignature));
}

#[test]
fn a_signature_covers_time_method_and_path() {
    let wrong = [
        "1703123456788POST/trade-api/v2/portfolio/events/orders",
        "1703123456789GET/trade-api/v2/portfolio/events/orders",
        "1703123456789POST/trade-api/v2/portfolio/events/orders?exchange_index=0",
        "1703123456789POST/portfolio/events/orders",
    ];
    for text in wrong {
        let outcome = check(ed25519(), &sign_ed25519(text.as_bytes()), 0);
        assert_eq!(outcome, Err(Denial::WrongSignature), "{text}");
    }
    assert_eq!(check(ed25519(), "not base64!", 0), Err(Denial::WrongSignature));
    assert_eq!(check(ed25519(), "", 0), Err(Denial::WrongSignature));
}

#[test]
fn window_ends_at_its_bounds() {
    let signature = sign_ed25519(&message());
    assert_eq!(check(ed25519(), &signature, 15_000), Ok(USER));
    assert_eq!(check(ed25519(), &signature, 15_001), Err(Denial::Expired));
    assert_eq!(check(ed25519(), &signature, -60_000), Ok(USER));
    assert_eq!(check(ed25519(), &signature, -60_001), Err(Denial::Expired));
}

#[test]
fn timestamps_that_are_no_milliseconds_are_expired() {
    for timestamp in ["", "soon", "-1", "1.5", "99999999999999999999999", "18446744073709551615"] {
        let credentials = Credentials {
            key_id: Some("key"),
            timestamp: Some(timestamp),
            signature: Some("c2ln"),
        };
        let now = WallTime::from_unix_ms(SIGNED_AT_MS);
        let ring = ring_of(ed25519());
        let outcome = authenticate(&ring, Window::default(), &credentials, SIGNED, now);
        assert_eq!(outcome, Err(Denial::Expired), "{timestamp:?}");
    }
}

#[test]
fn each_header_is_needed_and_the_key_must_be_known() {
    let timestamp = SIGNED_AT_MS.to_string();
    let signature = sign_ed25519(&message());
    let whole = Credentials {
        key_id: Some("key"),
        timestamp: Some(&timestamp),
        signature: Some(&signature),
    };
    let now = WallTime::from_unix_ms(SIGNED_AT_MS);
    let mut ring = ring_of(ed25519());
    let outcome = |ring: &KeyRing, sent| authenticate(ring, Window::default(), &sent, SIGNED, now);
    let missing = Err(Denial::MissingHeader);
    assert_eq!(outcome(&ring, Credentials { key_id: None, ..whole }), missing);
    assert_eq!(outcome(&ring, Credentials { timestamp: None, ..whole }), missing);
    assert_eq!(outcome(&ring, Credentials { signature: None, ..whole }), missing);
    assert_eq!(outcome(&ring, whole), Ok(USER));
    assert!(ring.revoke("key"));
    assert_eq!(outcome(&ring, whole), Err(Denial::UnknownKey));
}

#[test]
fn denials_have_the_recorded_bodies() {
    let recorded = [
        (
            Denial::MissingHeader,
            concat!(
                r#""code":"signature_is_missing_from_headers","#,
                r#""message":"signature is missing from headers""#
            ),
        ),
        (
            Denial::Expired,
            r#""code":"header_timestamp_expired","message":"header timestamp expired""#,
        ),
        (
            Denial::UnknownKey,
            concat!(
                r#""code":"authentication_error","message":"authentication_error","#,
                r#""details":"NOT_FOUND""#
            ),
        ),
        (
            Denial::WrongSignature,
            concat!(
                r#""code":"authentication_error","message":"authentication_error","#,
                r#""details":"INCORRECT_API_KEY_SIGNATURE""#
            ),
        ),
    ];
    for (denial, error) in recorded {
        let body = format!(r#"{{"error":{{{error}}}}}"#);
        assert_eq!(denial.response(), ApiResponse { status: 401, body });
    }
}

#[test]
fn only_market_data_is_public() {
    let public = |method, path: &str| is_public(Signed { method, path });
    for path in [
        "/trade-api/v2/markets",
        "/trade-api/v2/markets/KX-1/orderbook",
        "/trade-api/v2/exchange/status",
        "/trade-api/v2/series/fee_changes",
        "/trade-api/v2/account/endpoint_costs",
        "/trade-api/v2/historical/trades",
    ] {
        assert!(public("GET", path), "{path}");
        assert!(!public("POST", path), "{path}");
    }
    for path in [
        "/trade-api/v2/portfolio/balance",
        "/trade-api/v2/account/limits",
        "/trade-api/v2/historical/orders",
        "/trade-api/v2/marketsfoo",
        "/trade-api/v2",
        "/trade-api/ws/v2",
        "/markets",
    ] {
        assert!(!public("GET", path), "{path}");
    }
}
