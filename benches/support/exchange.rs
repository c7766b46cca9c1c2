//! An exchange and a producer on one spinning thread: as little in the way as possible, so that
//! what is measured is the engine.
//!
//! In: TLS connections of the engine; how many signals to produce. Out: signal lines at fixed
//! distances, 201 for every order, then its fill and its report on the stream. It matches
//! nothing, checks no signature and says what the engine expects: it is for measuring, not for
//! testing what an exchange may do.

use std::io::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use kalshi_exec::runtime::clock::{Clock, SystemClock};
use kalshi_exec::runtime::thread::{StageThread, Stop, ThreadPlan, spawn};
use kalshi_exec::runtime::wait::Wait;
use kalshi_exec::units::{Nanos, Timestamp};
use rustls::ServerConfig;
use tungstenite::handshake::derive_accept_key;

use super::pages::{self, Wanted};
use super::tls::{Line, Peer, server_config};

/// Turns between two looks for new connections: they come at the start only.
const ACCEPT_EVERY: u64 = 64;

/// What both sides of the program share.
#[derive(Debug, Default)]
struct Counts {
    /// Signals to be produced in all.
    wanted: AtomicU64,
    /// Orders answered and filled.
    filled: AtomicU64,
}

/// The running exchange.
pub(crate) struct Exchange {
    address: SocketAddr,
    counts: Arc<Counts>,
    thread: StageThread<()>,
}

impl Exchange {
    /// Starts serving. `keys` is a key directory; lines go to `producer`.
    pub(crate) fn start(
        (keys, tickers): (&Path, Vec<String>),
        producer: UnixStream,
        every: Nanos,
        (clock, core, stop): (SystemClock, Option<usize>, &Stop),
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        listener.set_nonblocking(true).expect("a fresh socket takes options");
        let address = listener.local_addr().expect("a bound socket has an address");
        let counts = Arc::new(Counts::default());
        let world = World {
            listener,
            config: server_config(&keys.join("server.pem")),
            peers: Vec::new(),
            producer,
            tickers,
            every,
            clock,
            due: Timestamp::ZERO,
            produced: 0,
            counts: Arc::clone(&counts),
        };
        let plan = ThreadPlan { name: "exchange", core, wait: Wait::Spin };
        let thread = spawn(plan, stop, move |stop| world.run(stop)).expect("a thread can start");
        Self { address, counts, thread }
    }

    /// Where it listens.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Lets `count` more signals be produced.
    pub(crate) fn produce(&self, count: u64) {
        // Relaxed here and below: counters that order nothing else.
        self.counts.wanted.fetch_add(count, Ordering::Relaxed);
    }

    /// How many orders it has answered and filled.
    pub(crate) fn filled(&self) -> u64 {
        self.counts.filled.load(Ordering::Relaxed)
    }

    /// Waits for its end, after the stop was requested.
    pub(crate) fn join(self) {
        self.thread.join().expect("the exchange does not panic");
    }
}

/// What a connection is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    Requests,
    /// Upgraded, and whether the subscription was acknowledged.
    Stream {
        acknowledged: bool,
    },
}

/// The thread's state.
struct World {
    listener: TcpListener,
    config: Arc<ServerConfig>,
    peers: Vec<(Peer, Use)>,
    producer: UnixStream,
    tickers: Vec<String>,
    /// Least distance of two signals.
    every: Nanos,
    clock: SystemClock,
    /// When the next signal is due.
    due: Timestamp,
    produced: u64,
    counts: Arc<Counts>,
}

impl World {
    fn run(mut self, stop: &Stop) {
        let mut turn = 0_u64;
        while !stop.is_requested() {
            if turn.is_multiple_of(ACCEPT_EVERY)
                && let Ok((socket, _)) = self.listener.accept()
            {
                self.peers.push((Peer::new(socket, &self.config), Use::Requests));
            }
            for at in (0..self.peers.len()).rev() {
                match self.peers[at].0.poll() {
                    Line::Quiet => {}
                    Line::News => self.serve(at),
                    Line::Dead => drop(self.peers.swap_remove(at)),
                }
            }
            self.produce();
            turn += 1;
        }
    }

    /// Writes the next line when its time has come and the order before it was filled: a stalled
    /// machine must not run the pool out of connections.
    fn produce(&mut self) {
        let now = self.clock.now();
        let open = self.produced > self.counts.filled.load(Ordering::Relaxed);
        let wanted = self.counts.wanted.load(Ordering::Relaxed);
        if open || now.mono < self.due || self.produced >= wanted {
            return;
        }
        let tickers = self.tickers.len() as u64;
        let ticker = usize::try_from(self.produced % tickers).expect("fewer than tickers");
        let line = pages::signal(self.produced, &self.tickers[ticker], now.wall.unix_ns());
        self.producer.write_all(line.as_bytes()).expect("intake reads");
        self.produced += 1;
        // Kept in step with the timetable, but never made up for after a pause.
        let next = self.due + self.every;
        self.due = if next > now.mono { next } else { now.mono + self.every };
    }

    fn serve(&mut self, at: usize) {
        match self.peers[at].1 {
            Use::Requests => while self.request(at) {},
            Use::Stream { acknowledged } => {
                let peer = &mut self.peers[at].0;
                peer.plain.clear();
                if !acknowledged {
                    self.peers[at].1 = Use::Stream { acknowledged: true };
                    for text in pages::SUBSCRIBED {
                        self.peers[at].0.send(&pages::frame(text));
                    }
                }
            }
        }
    }

    /// Answers one request; whether there was a whole one.
    fn request(&mut self, at: usize) -> bool {
        let plain = std::mem::take(&mut self.peers[at].0.plain);
        let text = std::str::from_utf8(&plain).expect("requests are text");
        let Some((head, rest)) = text.split_once("\r\n\r\n") else {
            self.peers[at].0.plain = plain;
            return false;
        };
        let length = header(head, "content-length").map_or(0, |text| text.parse().unwrap_or(0));
        let Some(body) = rest.get(..length) else {
            self.peers[at].0.plain = plain;
            return false;
        };
        if let Some(key) = header(head, "sec-websocket-key") {
            self.upgrade(at, key);
        } else if head.starts_with("POST ") {
            self.create(at, body);
        } else {
            let body = r#"{"exchange_active":true,"trading_active":true}"#;
            self.peers[at].0.send(pages::answer("200 OK", body).as_bytes());
        }
        let used = head.len() + 4 + length;
        self.peers[at].0.plain.extend_from_slice(&plain[used..]);
        true
    }

    fn upgrade(&mut self, at: usize, key: &str) {
        let accept = derive_accept_key(key.as_bytes());
        let head = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {accept}\r\n\r\n"
        );
        self.peers[at].0.send(head.as_bytes());
        self.peers[at].1 = Use::Stream { acknowledged: false };
    }

    /// The answer first, then the news of it: the common order of things.
    fn create(&mut self, at: usize, body: &str) {
        let wanted = Wanted::read(body).expect("an order has all its fields");
        let wall_ms = self.clock.now().wall.unix_ms();
        let number = self.counts.filled.load(Ordering::Relaxed);
        self.peers[at].0.send(wanted.created(number, wall_ms).as_bytes());
        let mut news = pages::frame(&wanted.fill(number, wall_ms));
        news.extend(pages::frame(&wanted.report(number, wall_ms)));
        let streams = self.peers.iter_mut().filter(|(_, it)| *it != Use::Requests);
        for (peer, _) in streams {
            peer.send(&news);
        }
        self.counts.filled.store(number + 1, Ordering::Relaxed);
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let lines = head.lines().filter_map(|line| line.split_once(':'));
    let mut named = lines.filter(|(key, _)| key.eq_ignore_ascii_case(name));
    named.next().map(|(_, value)| value.trim())
}
