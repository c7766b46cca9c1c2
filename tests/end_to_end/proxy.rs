//! A link that goes wrong: a TCP proxy that delays, splits, stalls, cuts short and resets what it
//! carries, by chance from a seed.
//!
//! In: the address behind it and a seed. Out: an address to connect to, and how many connections
//! there were. It knows neither TLS nor HTTP: bytes are all it sees. No stall is longer than
//! [`STALL_MAX_MS`]; connections that are left end when the proxy is dropped.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use kalshi_exec::runtime::random::Random;
use socket2::SockRef;

/// Longest time that bytes are kept back: past the engine's wait for an answer (2 s).
const STALL_MAX_MS: u64 = 2_500;
/// Bytes read at once: small, so that TLS records come in pieces.
const PIECE: usize = 2_048;
/// How often an idle direction looks whether it is to end.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Where bytes come from, and where they go.
type Ends<'a> = (&'a TcpStream, &'a TcpStream);

/// What happens to a piece of bytes.
enum Fate {
    Pass,
    Delay(Duration),
    Split,
    /// A part arrives, then an orderly end.
    CutShort,
    /// A part arrives, then the connection is torn down.
    Reset,
}

impl Fate {
    /// How many connections it breaks.
    const fn harm(&self) -> u32 {
        matches!(self, Self::CutShort | Self::Reset) as u32
    }
}

/// What all connections share.
#[derive(Debug, Default)]
struct State {
    calm: AtomicBool,
    closing: AtomicBool,
    open: AtomicU32,
    most_open: AtomicU32,
    accepted: AtomicU32,
    harmed: AtomicU32,
}

/// A running proxy; its connections end when it is dropped.
#[derive(Debug)]
pub(crate) struct Proxy {
    /// Where to connect to.
    pub(crate) address: SocketAddr,
    state: Arc<State>,
}

impl Proxy {
    /// Listens on a free port and carries to `target`.
    pub(crate) fn start(target: SocketAddr, seed: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        let name = thread::Builder::new().name("proxy".to_owned());
        let accepting = move || {
            let mut random = Random::new(seed);
            for client in listener.incoming() {
                if shared.closing.load(Ordering::Acquire) {
                    return;
                }
                if let (Ok(client), Ok(server)) = (client, TcpStream::connect(target)) {
                    carry(client, server, random.next(), &shared);
                }
            }
        };
        name.spawn(accepting).expect("the system has a thread left");
        Self { address, state }
    }

    /// From now on everything is carried as it comes.
    pub(crate) fn calm(&self) {
        self.state.calm.store(true, Ordering::Release);
    }

    /// Connections that are open now.
    pub(crate) fn open(&self) -> u32 {
        self.state.open.load(Ordering::Acquire)
    }

    /// Most connections that were open at one time, all connections, and those it broke.
    pub(crate) fn counts(&self) -> (u32, u32, u32) {
        let load = |count: &AtomicU32| count.load(Ordering::Acquire);
        (load(&self.state.most_open), load(&self.state.accepted), load(&self.state.harmed))
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.state.closing.store(true, Ordering::Release);
        // Wakes the thread that accepts; that it may have ended is as good.
        drop(TcpStream::connect(self.address));
    }
}

/// Carries both ways until either side ends.
fn carry(client: TcpStream, server: TcpStream, seed: u64, state: &Arc<State>) {
    state.accepted.fetch_add(1, Ordering::AcqRel);
    let open = state.open.fetch_add(1, Ordering::AcqRel) + 1;
    state.most_open.fetch_max(open, Ordering::AcqRel);
    let mut random = Random::new(seed);
    let seeds = (random.next(), random.next());
    let state = Arc::clone(state);
    let carrying = move || {
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| pump((&client, &server), seeds.0, &state, &over));
            scope.spawn(|| pump((&server, &client), seeds.1, &state, &over));
        });
        // Both sockets close before the count says that they have.
        drop((client, server));
        state.open.fetch_sub(1, Ordering::AcqRel);
    };
    let name = thread::Builder::new().name("carrier".to_owned());
    name.spawn(carrying).expect("the system has a thread left");
}

/// Carries one way. Whichever way ends first ends both.
fn pump((mut from, mut to): Ends<'_>, seed: u64, state: &State, over: &AtomicBool) {
    let mut random = Random::new(seed);
    let mut bytes = [0; PIECE];
    from.set_read_timeout(Some(LOOK_EVERY)).expect("a timeout is not zero");
    while !over.load(Ordering::Acquire) && !state.closing.load(Ordering::Acquire) {
        let count = match from.read(&mut bytes) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if is_timeout(&error) => continue,
            Err(_) => break,
        };
        let fate = if state.calm.load(Ordering::Acquire) { Fate::Pass } else { fate(&mut random) };
        state.harmed.fetch_add(fate.harm(), Ordering::AcqRel);
        if matches!(fate, Fate::Reset) {
            end_without_lingering(from);
            end_without_lingering(to);
        }
        if !matches!(deliver(&fate, &bytes[..count], &mut to, &mut random), Ok(true)) {
            break;
        }
    }
    over.store(true, Ordering::Release);
}

/// Closing it sends a reset instead of an orderly end.
fn end_without_lingering(stream: &TcpStream) {
    SockRef::from(stream).set_linger(Some(Duration::ZERO)).expect("a socket that is open");
}

fn is_timeout(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut)
}

/// Of a thousand pieces forty wait a little, two for long, two hundred come in two parts, and with
/// four the connection breaks: at thirty orders a second, one every few seconds.
fn fate(random: &mut Random) -> Fate {
    match random.below(1_000) {
        0..2 => Fate::CutShort,
        2..4 => Fate::Reset,
        4..6 => Fate::Delay(Duration::from_millis(random.between(500, STALL_MAX_MS))),
        6..46 => Fate::Delay(Duration::from_millis(random.between(1, 60))),
        46..246 => Fate::Split,
        _ => Fate::Pass,
    }
}

/// Whether the connection goes on.
fn deliver(
    fate: &Fate,
    bytes: &[u8],
    to: &mut &TcpStream,
    random: &mut Random,
) -> std::io::Result<bool> {
    let len = u64::try_from(bytes.len()).expect("a piece is small");
    let (first, rest) = bytes.split_at(usize::try_from(random.below(len)).expect("in a piece"));
    match fate {
        Fate::Pass => to.write_all(bytes)?,
        Fate::Delay(span) => {
            thread::park_timeout(*span);
            to.write_all(bytes)?;
        }
        Fate::Split => {
            to.write_all(first)?;
            thread::park_timeout(Duration::from_millis(random.below(5)));
            to.write_all(rest)?;
        }
        Fate::CutShort | Fate::Reset => {
            to.write_all(first)?;
            return Ok(false);
        }
    }
    Ok(true)
}
