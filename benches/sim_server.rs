//! Orders per second that the simulated exchange takes over TLS, as its clients meet it.
//!
//! Each connection keeps a number of requests under way; client and server share the machine, so
//! two cores carry both ends' TLS and both ends' HTTP. Every order is signed, checked, rests and
//! is told to a WebSocket-less account. `--test` makes a short run. Asserts that every order was
//! accepted; prints rates, which are read, never asserted.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread::Builder;

use kalshi_exec::kalshi::auth::{Credentials, SigningKey};
use kalshi_exec::runtime::clock::{Clock, SystemClock};
use kalshi_exec::sim::api::{QuoteMode, SimVenue, SimVenueConfig};
use kalshi_exec::sim::exchange::{UserSeed, parse_books};
use kalshi_exec::sim::keys::{KeyKinds, KeySet};
use kalshi_exec::sim::server::{ServerConfig, ServerHandle, serve};
use kalshi_exec::units::{Money, Nanos};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use rustls_pki_types::{CertificateDer, ServerName, pem::PemObject as _};

const TICKER: &str = "KXBENCH-26JUL01-A";
const BOOKS: &str = "KXBENCH-26JUL01-A,linear_cent,quadratic,0,,0.40:1000,0.55:1000\n";
const PATH: &str = "/trade-api/v2/portfolio/events/orders";
/// A signature is good for seconds; the client's cost of signing is not what is measured.
const SIGNED_FOR: Nanos = Nanos::from_secs(1);
const ANSWER_BYTES_MAX: usize = 4_096;

/// One row of the table.
#[derive(Clone, Copy, Debug)]
struct Load {
    connections: usize,
    /// Requests under way on each.
    depth: usize,
    workers: usize,
}

const LOADS: [Load; 5] = [
    Load { connections: 1, depth: 1, workers: 1 },
    Load { connections: 4, depth: 1, workers: 1 },
    Load { connections: 4, depth: 16, workers: 1 },
    Load { connections: 4, depth: 16, workers: 2 },
    Load { connections: 16, depth: 4, workers: 2 },
];

fn main() {
    let short = std::env::args().any(|argument| argument == "--test");
    let orders = if short { 256 } else { 20_000 };
    println!("connections  depth  workers   orders/s");
    for load in LOADS {
        let rate = run(load, orders);
        let Load { connections, depth, workers } = load;
        println!("{connections:>11}  {depth:>5}  {workers:>7}  {rate:>9}");
    }
}

/// Places about `orders` orders and returns how many a second it took.
fn run(load: Load, orders: usize) -> u64 {
    let directory = tempfile::tempdir().expect("a directory for keys");
    let keys = KeySet::open(directory.path(), KeyKinds::Ed25519Only).expect("keys can be made");
    let clock = SystemClock::start();
    let server = start(keys, &clock, load.workers);
    let client = Client::new(&server, clock.clone());
    let per_connection = orders.div_ceil(load.connections * load.depth) * load.depth;
    let started = clock.now().mono;
    let clients: Vec<_> = (0..load.connections)
        .map(|number| {
            let client = client.clone();
            Builder::new()
                .name(format!("client-{number}"))
                .spawn(move || client.place(number, per_connection, load.depth))
                .expect("a thread can be started")
        })
        .collect();
    let accepted: usize =
        clients.into_iter().map(|client| client.join().expect("clients do not panic")).sum();
    let took = clock.now().mono.since(started);
    server.stop().expect("the server has not died");
    assert_eq!(accepted, per_connection * load.connections, "every order is accepted");
    accepted as u64 * 1_000_000_000 / took.ns().max(1)
}

fn start(keys: KeySet, clock: &SystemClock, workers: usize) -> ServerHandle {
    let cash = Money::from_cents(100_000_000);
    let user = UserSeed { user_id: "5eed0000-0000-4000-8000-000000000001".to_owned(), cash };
    let mut config = SimVenueConfig::world_cup(vec![user], 1, clock.now().wall);
    config.books = parse_books(BOOKS).expect("the book above");
    config.quotes = QuoteMode::Still;
    let venue = SimVenue::new(&config).expect("one market, one account");
    let user = venue.user(0).expect("one account");
    let mut config = ServerConfig::new(keys, user, venue, clock.clone());
    config.workers = workers;
    serve(config).expect("a free port on loopback")
}

/// What all connections share.
#[derive(Clone)]
struct Client {
    address: SocketAddr,
    tls: Arc<ClientConfig>,
    credentials: Arc<Credentials>,
    clock: SystemClock,
}

impl Client {
    fn new(server: &ServerHandle, clock: SystemClock) -> Self {
        let ready = server.ready();
        let mut roots = RootCertStore::empty();
        let authority = CertificateDer::from_pem_file(&ready.ca_file).expect("a certificate");
        roots.add(authority).expect("an authority");
        let tls = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        let key = SigningKey::from_file(&ready.private_key_file).expect("a key");
        let credentials = Credentials::new(&ready.key_id, Arc::new(key)).expect("a plain id");
        let (tls, credentials) = (Arc::new(tls), Arc::new(credentials));
        Self { address: server.address(), tls, credentials, clock }
    }

    /// Places `count` orders, `depth` at a time. Returns how many were accepted.
    fn place(&self, number: usize, count: usize, depth: usize) -> usize {
        let name = ServerName::try_from("localhost").expect("a name");
        let session = ClientConnection::new(Arc::clone(&self.tls), name).expect("a session");
        let socket = TcpStream::connect(self.address).expect("the server listens");
        socket.set_nodelay(true).expect("a TCP option");
        let mut stream = StreamOwned::new(session, socket);
        let (mut accepted, mut placed) = (0, 0);
        let (mut headers, mut signed) = (self.sign(), self.clock.now().mono);
        let mut rest = Vec::with_capacity(ANSWER_BYTES_MAX * depth);
        while placed < count {
            if self.clock.now().mono.since(signed) > SIGNED_FOR {
                (headers, signed) = (self.sign(), self.clock.now().mono);
            }
            let mut batch = String::new();
            for place in placed..placed + depth {
                batch.push_str(&request(&headers, &format!("{number}-{place}")));
            }
            stream.write_all(batch.as_bytes()).expect("the server reads");
            for _ in 0..depth {
                accepted += usize::from(answer(&mut stream, &mut rest) == 201);
            }
            placed += depth;
        }
        accepted
    }

    fn sign(&self) -> String {
        let now = self.clock.now().wall.unix_ms();
        self.credentials.header_lines(now, "POST", PATH).expect("a key that signs").to_string()
    }
}

fn request(headers: &str, id: &str) -> String {
    let body = format!(
        "{{\"ticker\":\"{TICKER}\",\"client_order_id\":\"{id}\",\"side\":\"bid\",\
         \"count\":\"1.00\",\"price\":\"0.0100\",\"time_in_force\":\"good_till_canceled\",\
         \"self_trade_prevention_type\":\"taker_at_cross\",\"exchange_index\":0}}"
    );
    let length = body.len();
    format!(
        "POST {PATH} HTTP/1.1\r\nhost: localhost\r\n{headers}content-type: application/json\r\n\
         content-length: {length}\r\n\r\n{body}"
    )
}

/// Reads one answer; `rest` keeps what came with it of the next. Returns the status.
fn answer(stream: &mut StreamOwned<ClientConnection, TcpStream>, rest: &mut Vec<u8>) -> u16 {
    let mut chunk = [0; ANSWER_BYTES_MAX];
    loop {
        if let Some((status, end)) = parse(rest) {
            rest.drain(..end);
            return status;
        }
        let read = stream.read(&mut chunk).expect("the server answers");
        assert!(read > 0, "the server hung up");
        rest.extend_from_slice(&chunk[..read]);
    }
}

/// Status and length of a whole answer.
fn parse(bytes: &[u8]) -> Option<(u16, usize)> {
    let mut headers = [httparse::EMPTY_HEADER; 16];
    let mut head = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(start) = head.parse(bytes).expect("an HTTP answer") else {
        return None;
    };
    let length = head.headers.iter().find(|it| it.name.eq_ignore_ascii_case("content-length"));
    let length: usize = str::from_utf8(length?.value).ok()?.parse().ok()?;
    let end = start + length;
    (bytes.len() >= end).then_some((head.code?, end))
}
