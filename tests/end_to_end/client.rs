//! The exchange's REST as another program sees it: HTTP by ureq, signatures by ed25519-dalek or
//! the rsa crate. Nothing of the engine's own protocol code is used.
//!
//! In: a ready file. Out: the account's orders, fills, positions and balance, as JSON.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ed25519_dalek::Signer as _;
use kalshi_exec::runtime::clock::{Clock as _, SystemClock};
use rsa::pkcs1::DecodeRsaPrivateKey as _;
use rsa::signature::{RandomizedSigner as _, SignatureEncoding as _};
use serde_json::Value;
use sha2::Sha256;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

/// Items asked for per page, few enough that the lists of these tests have several pages.
const PAGE: usize = 50;
/// Pages before a list counts as endless.
const PAGES_MAX: usize = 2_000;

/// Waits for read tokens before the account counts as closed: half a minute.
const WAITS_MAX: u32 = 120;
/// In which time the smallest tier's bucket gains some reads.
const REFILL: Duration = Duration::from_millis(250);

enum Key {
    Ed25519(Box<ed25519_dalek::SigningKey>),
    Rsa(Box<rsa::pss::BlindedSigningKey<Sha256>>),
}

/// A program that reads the account.
pub(crate) struct Client {
    agent: ureq::Agent,
    rest: String,
    key_id: String,
    key: Key,
    clock: SystemClock,
}

impl Client {
    /// Signs with the key that the ready file names, of whichever kind it is.
    pub(crate) fn new(ready_file: &Path) -> Self {
        let text = fs::read_to_string(ready_file).expect("there is a ready file");
        let ready: Value = serde_json::from_str(&text).expect("a ready file is JSON");
        let field = |name: &str| ready[name].as_str().expect("the field is there").to_owned();
        let ca = fs::read(field("ca_file")).expect("the ready file names a certificate");
        let ca = Certificate::from_pem(&ca).expect("it is a certificate");
        let tls = TlsConfig::builder().root_certs(RootCerts::new_with_certs(&[ca])).build();
        let config = ureq::Agent::config_builder()
            .tls_config(tls)
            .proxy(None)
            .http_status_as_error(false)
            .build();
        let pem = fs::read_to_string(field("private_key_file")).expect("there is a key");
        Self {
            agent: config.into(),
            rest: field("rest"),
            key_id: field("key_id"),
            key: key(&pem),
            clock: SystemClock::start(),
        }
    }

    /// One signed GET; waits where the account's read tokens are spent.
    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> Value {
        for _ in 0..WAITS_MAX {
            let (status, text) = self.ask(path);
            if status == 429 {
                thread::park_timeout(REFILL);
                continue;
            }
            assert_eq!(status, 200, "GET {path}: {text}");
            return serde_json::from_str(&text).expect("the answer is JSON");
        }
        panic!("GET {path}: no tokens in {WAITS_MAX} times {REFILL:?}")
    }

    fn ask(&self, path: &str) -> (u16, String) {
        let url = format!("{}{path}", self.rest);
        let mut request = self.agent.get(&url);
        for (name, value) in self.headers("GET", &url) {
            request = request.header(name, value);
        }
        let mut answer = request.call().expect("the exchange answers");
        let text = answer.body_mut().read_to_string().expect("the answer is text");
        (answer.status().as_u16(), text)
    }

    /// The three headers of a signed request.
    fn headers(&self, method: &str, url: &str) -> [(&'static str, String); 3] {
        let root = url.match_indices('/').nth(2).expect("scheme://host/").0;
        let signed_path = url[root..].split('?').next().expect("split gives one at least");
        let at = self.clock.now().wall.unix_ms();
        [
            ("KALSHI-ACCESS-KEY", self.key_id.clone()),
            ("KALSHI-ACCESS-TIMESTAMP", at.to_string()),
            ("KALSHI-ACCESS-SIGNATURE", self.sign(&format!("{at}{method}{signed_path}"))),
        ]
    }

    /// Places an order for this account.
    #[track_caller]
    pub(crate) fn place(&self, order: &Value) -> Value {
        self.create("/portfolio/events/orders", order)
    }

    /// Places some orders for this account at once.
    #[track_caller]
    pub(crate) fn place_all(&self, orders: &[Value]) -> Value {
        self.create("/portfolio/events/orders/batched", &serde_json::json!({ "orders": orders }))
    }

    /// Makes an order group for this account.
    #[track_caller]
    pub(crate) fn make_group(&self, group: &Value) -> Value {
        self.create("/portfolio/order_groups/create", group)
    }

    #[track_caller]
    fn create(&self, path: &str, order: &Value) -> Value {
        let url = format!("{}{path}", self.rest);
        let mut request = self.agent.post(&url);
        for (name, value) in self.headers("POST", &url) {
            request = request.header(name, value);
        }
        let mut answer = request.send(order.to_string()).expect("the exchange answers");
        let text = answer.body_mut().read_to_string().expect("the answer is text");
        assert_eq!(answer.status().as_u16(), 201, "{order}: {text}");
        serde_json::from_str(&text).expect("the answer is JSON")
    }

    /// One unsigned POST to a path of the server itself.
    #[track_caller]
    pub(crate) fn post(&self, path: &str, body: &str) {
        let root = self.rest.match_indices('/').nth(2).expect("scheme://host/").0;
        let url = format!("{}{path}", &self.rest[..root]);
        let answer = self.agent.post(&url).send(body).expect("the exchange answers");
        assert_eq!(answer.status().as_u16(), 200, "POST {path}");
    }

    /// Every item of a list, page by page.
    #[track_caller]
    pub(crate) fn list(&self, path: &str, items: &str) -> Vec<Value> {
        let mut all = Vec::new();
        let mut cursor = String::new();
        for _ in 0..PAGES_MAX {
            let mut page = self.get(&format!("{path}?limit={PAGE}&cursor={cursor}"));
            let next = page["cursor"].as_str().expect("a list has a cursor").to_owned();
            let Value::Array(items) = page[items].take() else { panic!("no {items} at {path}") };
            all.extend(items);
            if next.is_empty() {
                return all;
            }
            cursor = next;
        }
        panic!("{path} has no end")
    }

    fn sign(&self, message: &str) -> String {
        match &self.key {
            Key::Ed25519(key) => STANDARD.encode(key.sign(message.as_bytes()).to_bytes()),
            Key::Rsa(key) => {
                let signature = key.sign_with_rng(&mut rsa::rand_core::OsRng, message.as_bytes());
                STANDARD.encode(signature.to_bytes())
            }
        }
    }
}

/// The key of a PEM text: PKCS#1 is RSA, and the simulated exchange's other kind is an Ed25519
/// seed at the end of 48 bytes of PKCS#8.
fn key(pem: &str) -> Key {
    if pem.contains("RSA PRIVATE KEY") {
        let key = rsa::RsaPrivateKey::from_pkcs1_pem(pem).expect("a PKCS#1 key");
        return Key::Rsa(Box::new(rsa::pss::BlindedSigningKey::new(key)));
    }
    let base64: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let der = STANDARD.decode(base64).expect("PEM is base64");
    assert_eq!(der.len(), 48, "PKCS#8 of an Ed25519 key");
    let seed: [u8; 32] = der[16..].try_into().expect("32 bytes are left");
    Key::Ed25519(Box::new(ed25519_dalek::SigningKey::from_bytes(&seed)))
}
