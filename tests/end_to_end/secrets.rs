//! Secrets of a run that trades: nothing that it writes, says or could leave behind in a core file
//! holds the private key or a signature.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::account::json;
use crate::process::{Exchange, Running};
use crate::producer::{Producer, WIDE, signal};

/// Every file below `dir`, but those of the exchange and of the engine's configuration.
fn files(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).expect("a directory").flatten() {
        let path = entry.path();
        if path.is_dir() {
            if !path.ends_with("keys") {
                files(&path, found);
            }
        } else if path.is_file() {
            found.push(path);
        }
    }
}

/// What must be nowhere: the key as it stands in its file, and as bytes.
fn secrets(key_file: &Path) -> Vec<Vec<u8>> {
    let pem = fs::read_to_string(key_file).expect("the key is there");
    let base64: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let der = STANDARD.decode(&base64).expect("PEM is base64");
    let seed = &der[16..48];
    let hex: String = seed.iter().map(|byte| format!("{byte:02x}")).collect();
    let debug = format!("{seed:?}");
    let mut all = vec![base64.into_bytes(), hex.into_bytes(), debug.into_bytes()];
    all.push(seed.to_vec());
    all.push(STANDARD.encode(seed).trim_end_matches('=').as_bytes().to_vec());
    all
}

/// Whether a text holds what may be an Ed25519 signature in base64: 86 of its letters, no more, and
/// `==`. Histograms are longer.
fn holds_a_signature(bytes: &[u8]) -> bool {
    let letter = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    let ends = bytes.windows(2).enumerate().filter(|(_, pair)| *pair == b"==");
    let before = |end: usize| end.checked_sub(87).is_some_and(|at| letter(&bytes[at]));
    let all = |end: usize| end >= 86 && bytes[end - 86..end].iter().all(letter);
    ends.into_iter().any(|(end, _)| all(end) && !before(end))
}

#[track_caller]
fn holds_no_secret(path: &Path, secrets: &[Vec<u8>]) {
    let bytes = fs::read(path).expect("the file is there");
    for secret in secrets {
        let found = bytes.windows(secret.len()).any(|window| window == secret.as_slice());
        assert!(!found, "the key is in {}", path.display());
    }
    assert!(!holds_a_signature(&bytes), "a signature is in {}", path.display());
    let header = b"KALSHI-ACCESS-SIGNATURE";
    let found = bytes.windows(header.len()).any(|window| window.eq_ignore_ascii_case(header));
    assert!(!found, "a signed header is in {}", path.display());
}

fn engine(dir: &Path) -> Running {
    fs::write(dir.join("run.toml"), WIDE).expect("the test's directory is writable");
    let args = [
        "run",
        "--mode",
        "live",
        "--i-understand-real-money",
        "--exchange",
        "ready.json",
        "--config",
        "run.toml",
        "--signals",
        "unix:signals.sock",
        "--results",
        "results.ndjson",
        "--report",
        "report",
        "--state",
        "state",
    ];
    // Everything the program can be made to say.
    let variables = [("TRADING_PROFILE", "STANDARD"), ("RUST_LOG", "trace")];
    Running::spawn(dir, &args, &variables, std::process::Stdio::null())
}

#[test]
fn nothing_a_run_writes_holds_the_key_or_a_signature() {
    let dir = tempfile::tempdir().unwrap();
    let _exchange = Exchange::start(dir.path());
    let ready = json(&dir.path().join("ready.json"));
    let secrets = secrets(Path::new(ready["private_key_file"].as_str().unwrap()));
    let engine = engine(dir.path());
    let mut producer = Producer::connect(&engine, dir.path());
    for nth in 0..20 {
        producer.send(signal(&format!("s-{nth}")));
        assert_eq!(producer.answer()["orders"].as_array().unwrap().len(), 1);
    }

    engine.signal("INT");
    let ended = engine.wait();

    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let mut written = Vec::new();
    files(dir.path(), &mut written);
    let names: Vec<String> = written.iter().map(|path| path.display().to_string()).collect();
    for name in ["summary.json", "report.html", "results.ndjson", ".kxj", "stderr-"] {
        assert!(names.iter().any(|path| path.contains(name)), "{name} is not among {names:?}");
    }
    for path in &written {
        holds_no_secret(path, &secrets);
    }
    // In steady state no order waits for its signature.
    let summary = json(&dir.path().join("report/summary.json"));
    assert_eq!(summary["presign"], serde_json::json!({ "hits": 20, "misses": 0 }));
    assert!(ended.stderr.contains("20 ahead, 0 inline (100 % ahead)"), "{}", ended.stderr);
}

#[test]
fn what_looks_for_signatures_finds_one() {
    let signature = STANDARD.encode([7_u8; 64]);
    assert!(holds_a_signature(format!("sig={signature}\n").as_bytes()));
    assert!(holds_a_signature(signature.as_bytes()));
    assert!(!holds_a_signature(format!("A{signature}").as_bytes()), "longer than one");
    assert!(!holds_a_signature(b"KXWCGAME-26JUL14FRAESP-FRA == 8c35ecb3"));
}

#[test]
fn a_running_engine_leaves_no_core_file() {
    let dir = tempfile::tempdir().unwrap();
    let _exchange = Exchange::start(dir.path());
    let engine = engine(dir.path());
    drop(Producer::connect(&engine, dir.path()));

    let limits = fs::read_to_string(format!("/proc/{}/limits", engine.child.id()));
    // Where the process may not be inspected, its files belong to root alone.
    match limits {
        Ok(limits) => {
            let line = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
            let words: Vec<&str> = line.split_whitespace().collect();
            assert_eq!(words[4..6], ["0", "0"], "{line}");
        }
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::PermissionDenied),
    }
}

#[test]
fn what_the_system_shows_of_a_running_engine_holds_no_key_that_came_from_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let _exchange = Exchange::start(dir.path());
    let ready = json(&dir.path().join("ready.json"));
    let secrets = secrets(Path::new(ready["private_key_file"].as_str().unwrap()));
    let engine = engine(dir.path());
    let mut producer = Producer::connect(&engine, dir.path());
    producer.send(signal("traded"));
    assert_eq!(producer.answer()["state"], "filled");

    for name in ["environ", "cmdline", "comm"] {
        let path = format!("/proc/{}/{name}", engine.child.id());
        match fs::read(&path) {
            // Where it may be looked at, what was given to it is seen, and nothing more.
            Ok(bytes) => {
                let shown = bytes.windows(b"live".len()).any(|window| window == b"live");
                assert!(shown || name != "cmdline", "{path} is read");
                holds_no_secret(Path::new(&path), &secrets);
            }
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::PermissionDenied, "{path}"),
        }
    }
}

/// A server that answers everything with what was asked of it, signed headers included.
fn parrot() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("a bound socket has an address");
    let echoing = move || {
        for mut stream in listener.incoming().flatten() {
            let mut bytes = [0; 4_096];
            let count = stream.read(&mut bytes).unwrap_or(0);
            // The peer may be gone, which is as good.
            drop(stream.write_all(&bytes[..count]));
        }
    };
    let name = std::thread::Builder::new().name("parrot".to_owned());
    name.spawn(echoing).expect("the system has a thread left");
    address
}

#[test]
fn a_server_that_is_not_the_exchange_learns_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let _exchange = Exchange::start(dir.path());
    let mut ready = json(&dir.path().join("ready.json"));
    let address = parrot();
    for name in ["rest", "ws"] {
        let scheme = if name == "rest" { "https" } else { "wss" };
        ready[name] = Value::from(format!("{scheme}://{address}/v2"));
    }
    fs::write(dir.path().join("ready.json"), ready.to_string()).unwrap();

    let ended = engine(dir.path()).wait();

    assert_eq!(ended.code, Some(3), "{}", ended.stderr);
    assert!(ended.stderr.contains("tls handshake"), "{}", ended.stderr);
    assert!(!ended.stderr.contains("KALSHI-ACCESS"), "{}", ended.stderr);
}
