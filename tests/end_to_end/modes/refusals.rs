//! Starts that are refused: exit code 3, the thing, the remedy, and nothing sent.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use kalshi_exec::sim::keys::{KeyKinds, KeySet};
use serde_json::Value;

use super::{PROFILE, prepare, ready, refused, run_in, run_live, write};
use crate::process::{Exchange, Running, place_rsa_key, wait_for};

/// An exchange, and what a run on it needs.
fn stage() -> (tempfile::TempDir, Exchange) {
    let dir = tempfile::tempdir().expect("a directory");
    let exchange = Exchange::start(dir.path());
    prepare(dir.path());
    (dir, exchange)
}

#[test]
fn live_without_a_persons_word_is_refused() {
    let (dir, _exchange) = stage();

    let ended = run_in(dir.path(), "live", &[], &[PROFILE]);

    refused(&ended, &["CONFIRM", "--i-understand-real-money", "person's word"]);
    assert!(!dir.path().join("state").exists(), "nothing was begun");
}

#[test]
fn live_with_limits_nobody_has_set_is_refused() {
    let (dir, _exchange) = stage();

    let ended = run_in(dir.path(), "live", &["--i-understand-real-money"], &[]);

    refused(&ended, &["nobody has set risk.max_position_size", "more", "TRADING_PROFILE="]);
}

#[test]
fn no_key_at_all_is_refused_with_the_names_of_the_variables() {
    let dir = tempfile::tempdir().unwrap();
    prepare(dir.path());
    let args = ["run", "--mode", "demo", "--signals", "signals.ndjson"];

    let ended = crate::process::run(dir.path(), &args);

    refused(&ended, &["KALSHI_API_KEY_ID", "KALSHI_PRIVATE_KEY_PATH", "exchange.api_key_id"]);
}

/// Runs live with this key file in place of the account's.
#[track_caller]
fn with_key(dir: &Path, pem: &Path, mode: u32, parts: &[&str]) {
    let place = dir.join("key.pem");
    fs::copy(pem, &place).expect("the key is there");
    fs::set_permissions(&place, Permissions::from_mode(mode)).expect("it is ours");
    let ended = run_live(dir, &[("KALSHI_PRIVATE_KEY_PATH", "key.pem")]);
    refused(&ended, parts);
}

#[test]
fn a_key_that_others_may_read_is_refused() {
    let (dir, _exchange) = stage();
    let ready = ready(dir.path());
    let own = Path::new(ready["private_key_file"].as_str().unwrap());
    for mode in [0o640, 0o604, 0o660, 0o622] {
        let said = format!("mode {mode:03o}");
        with_key(dir.path(), own, mode, &["key.pem", "other users", &said, "chmod 600 key.pem"]);
    }
}

#[test]
fn a_key_of_a_wrong_kind_is_named_for_what_it_is() {
    let (dir, _exchange) = stage();
    let keys = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/keys");
    for (file, parts) in [
        ("ec_pkcs8.pem", ["type EC", "create an Ed25519 or RSA-2048"]),
        ("ec_sec1.pem", ["type EC", "create an Ed25519 or RSA-2048"]),
        ("rsa_encrypted_pkcs8.pem", ["is encrypted", "openssl pkey"]),
        ("rsa_encrypted_pkcs1.pem", ["is encrypted", "openssl pkey"]),
        ("rsa_public.pem", ["is a public key", "give the private key"]),
        ("rsa_public_pkcs1.pem", ["is a public key", "give the private key"]),
        ("openssh.pem", ["OpenSSH", "ssh-keygen -p"]),
        ("rsa1024.pem", ["1024 bits", "create an RSA-2048"]),
    ] {
        with_key(dir.path(), &keys.join(file), 0o600, &parts);
    }
}

#[test]
fn a_key_that_is_not_the_accounts_is_refused_by_the_exchange() {
    let (dir, _exchange) = stage();
    let stranger = "5f0c9c4e-6d0f-8c1b-9a49-1f6f0d7c2b11";

    let ended = run_live(dir.path(), &[("KALSHI_API_KEY_ID", stranger)]);

    refused(&ended, &["401", "key id and key file belong together"]);
    assert!(!ended.stderr.contains(stranger), "the id is nobody's business");
}

/// An exchange with these faults.
fn faulty(dir: &Path, faults: &str) -> Running {
    place_rsa_key(dir);
    write(dir, "faults.toml", faults);
    let args = ["sim", "--ready-file", "ready.json", "--keys", "keys", "--faults", "faults.toml"];
    let process = Running::start(dir, &args);
    wait_for("the exchange's ready file", || dir.join("ready.json").exists().then_some(()));
    prepare(dir);
    process
}

/// A clock so far from the exchange's is refused, on whichever side.
#[track_caller]
fn off_by(skew_ms: i64, side: &str) {
    let dir = tempfile::tempdir().expect("a directory");
    let skew = format!("[[fault]]\nname = \"clock_skew\"\nat_ms = 0\nskew_ms = {skew_ms}\n");
    let _exchange = faulty(dir.path(), &skew);

    let ended = run_live(dir.path(), &[]);

    refused(&ended, &["clock: ", side, "the exchange's", "timedatectl set-ntp true", "2000 ms"]);
}

#[test]
fn a_clock_three_seconds_behind_is_refused() {
    off_by(3_000, "behind");
}

#[test]
fn a_clock_thirty_seconds_ahead_is_refused() {
    off_by(-30_000, "ahead of");
}

#[test]
fn an_account_that_cannot_be_read_is_not_traded() {
    let dir = tempfile::tempdir().unwrap();
    let faults = "[[fault]]\nname = \"server_error\"\non = \"read\"\nstatus = 503\n";
    let _exchange = faulty(dir.path(), faults);

    let ended = run_live(dir.path(), &[]);

    refused(&ended, &["cannot start against the exchange at 127.0.0.1:", "503"]);
}

#[test]
fn a_paused_exchange_is_not_begun_with() {
    let dir = tempfile::tempdir().unwrap();
    let faults = "[[fault]]\nname = \"trading_pause\"\nat_ms = 0\nfor_ms = 600000\n";
    let _exchange = faulty(dir.path(), faults);

    let ended = run_live(dir.path(), &[]);

    refused(&ended, &["trading is paused"]);
}

#[test]
fn a_state_directory_of_another_mode_is_refused() {
    let (dir, _exchange) = stage();
    let sim = run_in(dir.path(), "sim", &[], &[]);
    assert_eq!(sim.code, Some(0), "{}", sim.stderr);

    let ended = run_live(dir.path(), &[]);

    refused(&ended, &["state belongs to another account or mode (sim)", "--state of its own"]);
}

#[test]
fn an_authority_that_is_not_ours_is_refused() {
    let (dir, _exchange) = stage();
    let strangers = KeySet::open(&dir.path().join("strangers"), KeyKinds::Ed25519Only).unwrap();
    let mut ready = ready(dir.path());
    ready["ca_file"] = Value::from(strangers.ca_file.to_str().unwrap());
    write(dir.path(), "ready.json", &ready.to_string());

    let ended = run_live(dir.path(), &[]);

    refused(&ended, &["tls handshake with 127.0.0.1", "exchange.ca_file"]);
}

#[test]
fn a_name_that_does_not_resolve_is_refused() {
    let (dir, _exchange) = stage();
    let mut ready = ready(dir.path());
    // Too long for a label of the domain name system: fails without asking anybody.
    let host = format!("{}.invalid", "a".repeat(64));
    ready["rest"] = Value::from(format!("https://{host}/v2"));
    write(dir.path(), "ready.json", &ready.to_string());

    let ended = run_live(dir.path(), &[]);

    refused(&ended, &[&format!("resolve {host}"), "resolver"]);
}
