//! A byte pipe in memory between engine and exchange: two lanes with delay, and faults.
//!
//! The engine's end is a [`Transport`]; the exchange's is polled by the host. Bytes arrive in
//! order, cut at random places, each piece after a delay of its own. What can go wrong on a
//! network goes wrong here: partial flushes, requests that are lost before, on or after their
//! way, connections that break. Time is the virtual clock's; chance follows from a seed.

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::sync::{Arc, Mutex, MutexGuard};

use super::fault::{RequestFault, RequestKind};
use super::network::Network;
use crate::ids::ClientOrderId;
use crate::net::{Flush, LinkError, Received, Transport};
use crate::runtime::clock::{Clock, VirtualClock};
use crate::runtime::random::Random;
use crate::units::{Nanos, Timestamp};

/// How a healthy link behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkProfile {
    /// Shortest time one way.
    pub latency_min: Nanos,
    /// Longest time one way.
    pub latency_max: Nanos,
    /// Chance in a thousand that what was written arrives in more than one piece.
    pub split: u32,
    /// Chance in a thousand that the kernel takes only a part at once.
    pub partial: u32,
}

impl Default for LinkProfile {
    /// An exchange next door (reference §8: 4 ms for an order and its answer).
    fn default() -> Self {
        Self {
            latency_min: Nanos::from_us(800),
            latency_max: Nanos::from_us(3_500),
            split: 200,
            partial: 100,
        }
    }
}

/// One direction.
#[derive(Debug, Default)]
struct Lane {
    pieces: VecDeque<(Timestamp, Vec<u8>)>,
    last: Timestamp,
    /// When the reader learns that no more will come.
    end: Option<Timestamp>,
    /// Whether what is written from now on goes nowhere.
    dead: bool,
}

impl Lane {
    fn put(&mut self, at: Timestamp, bytes: &[u8]) {
        if self.dead || bytes.is_empty() {
            return;
        }
        self.last = self.last.max(at);
        self.pieces.push_back((self.last, bytes.to_vec()));
    }

    fn close(&mut self, at: Timestamp) {
        self.dead = true;
        if self.end.is_none() {
            self.end = Some(self.last.max(at));
        }
    }

    fn arrived(&self, now: Timestamp) -> bool {
        self.pieces.front().is_some_and(|(at, _)| *at <= now)
    }

    fn ended(&self, now: Timestamp) -> bool {
        self.pieces.is_empty() && self.end.is_some_and(|at| at <= now)
    }

    /// The next moment at which its reader sees something new.
    fn next(&self, now: Timestamp) -> Timestamp {
        let piece = self.pieces.front().map_or(Timestamp::NEVER, |(at, _)| *at);
        let end = self.end.filter(|at| *at > now).unwrap_or(Timestamp::NEVER);
        piece.min(end)
    }
}

/// What both ends share.
#[derive(Debug)]
struct Wire {
    random: Random,
    profile: LinkProfile,
    out: Lane,
    back: Lane,
    /// When the engine's calls begin to fail.
    broken: Option<Timestamp>,
    /// For the request under way: what the host has to do about it.
    fault: RequestFault,
    /// Additional delay of the engine's bytes under way.
    late: Nanos,
}

impl Wire {
    fn latency(&mut self) -> Nanos {
        let (low, high) = (self.profile.latency_min.ns(), self.profile.latency_max.ns());
        Nanos::from_ns(self.random.between(low, high))
    }

    /// Where to cut `len` bytes: after how many the first piece ends.
    fn cut(&mut self, len: usize) -> usize {
        if len < 2 || !self.random.chance(self.profile.split) {
            return len;
        }
        1 + usize::try_from(self.random.below(len as u64 - 1)).unwrap_or(0)
    }

    fn send(&mut self, to: Direction, now: Timestamp, extra: Nanos, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let (piece, more) = rest.split_at(self.cut(rest.len()));
            let at = now + extra + self.latency();
            match to {
                Direction::Out => self.out.put(at, piece),
                Direction::Back => self.back.put(at, piece),
            }
            rest = more;
        }
    }

    /// From `at` on the engine's calls fail, and nothing arrives at either end.
    fn break_at(&mut self, at: Timestamp) {
        self.broken = Some(self.broken.map_or(at, |before| before.min(at)));
        self.out.dead = true;
        self.back.dead = true;
        self.back.pieces.clear();
        self.out.close(at);
    }
}

#[derive(Clone, Copy)]
enum Direction {
    Out,
    Back,
}

type Shared = Arc<Mutex<Wire>>;

fn lock(wire: &Shared) -> MutexGuard<'_, Wire> {
    wire.lock().expect("the world has one thread, and a panic ends it")
}

/// Makes a pipe.
#[must_use]
pub fn pipe(
    network: &Network,
    clock: &VirtualClock,
    profile: LinkProfile,
    seed: u64,
) -> (PipeEnd, HostEnd) {
    let wire = Arc::new(Mutex::new(Wire {
        random: Random::new(seed),
        profile,
        out: Lane::default(),
        back: Lane::default(),
        broken: None,
        fault: RequestFault::None,
        late: Nanos::ZERO,
    }));
    let engine = PipeEnd {
        wire: Arc::clone(&wire),
        clock: clock.clone(),
        network: network.clone(),
        sealed: Vec::new(),
        taken: 0,
        request: RequestFault::None,
        leaving: Vec::new(),
    };
    (engine, HostEnd { wire })
}

/// The engine's end.
#[derive(Debug)]
pub struct PipeEnd {
    wire: Shared,
    clock: VirtualClock,
    network: Network,
    /// Sealed, not with the kernel.
    sealed: Vec<u8>,
    taken: u64,
    /// What becomes of the request that is being written.
    request: RequestFault,
    /// The new orders in it and the digests of their bytes, until its first byte leaves.
    leaving: Vec<(ClientOrderId, u32)>,
}

impl PipeEnd {
    /// The kernel takes `count` of the sealed bytes, and they are on their way.
    fn take(&mut self, count: usize) {
        let now = self.clock.mono();
        let bytes: Vec<u8> = self.sealed.drain(..count).collect();
        if count > 0 {
            for (id, body) in self.leaving.drain(..) {
                self.network.order_leaves(id, body);
            }
        }
        self.taken += bytes.len() as u64;
        let gone = matches!(self.request, RequestFault::Lost | RequestFault::Vanished);
        let mut wire = lock(&self.wire);
        if !gone {
            let late = wire.late;
            wire.send(Direction::Out, now, late, &bytes);
        }
    }

    /// What the fault of this request does once all of it has left.
    fn after_leaving(&self) {
        let now = self.clock.mono();
        let mut wire = lock(&self.wire);
        match self.request {
            RequestFault::Lost => {
                let at = now + wire.latency() + wire.latency();
                wire.break_at(at);
            }
            RequestFault::Vanished => wire.out.dead = true,
            _ => {}
        }
    }

    fn broken(&self) -> bool {
        let now = self.clock.mono();
        lock(&self.wire).broken.is_some_and(|at| at <= now)
    }

    fn reset(&self) -> LinkError {
        let now = self.clock.mono();
        lock(&self.wire).break_at(now);
        LinkError::Socket(ErrorKind::ConnectionReset)
    }

    /// How much the kernel takes now.
    fn share(&self) -> usize {
        let mut wire = lock(&self.wire);
        let partial = wire.profile.partial;
        if self.sealed.is_empty() || !wire.random.chance(partial) {
            return self.sealed.len();
        }
        usize::try_from(wire.random.below(self.sealed.len() as u64)).unwrap_or(0)
    }
}

impl Transport for PipeEnd {
    fn seal(&mut self, plaintext: &[u8]) -> Result<(), LinkError> {
        if self.broken() {
            return Err(LinkError::Socket(ErrorKind::BrokenPipe));
        }
        self.sealed.extend_from_slice(plaintext);
        if let Some(kind) = RequestKind::of(plaintext) {
            self.request = self.network.fault_of(kind);
            self.leaving = if kind == RequestKind::Create { orders(plaintext) } else { vec![] };
            let mut wire = lock(&self.wire);
            wire.fault = self.request;
            wire.late = match self.request {
                RequestFault::Late(late) => late,
                _ => Nanos::ZERO,
            };
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<Flush, LinkError> {
        if self.broken() {
            return Err(LinkError::Socket(ErrorKind::BrokenPipe));
        }
        match self.request {
            RequestFault::NothingLeaves => return Err(self.reset()),
            RequestFault::CutShort => {
                self.take(self.sealed.len() / 2);
                return Err(self.reset());
            }
            _ => {}
        }
        self.take(self.share());
        if !self.sealed.is_empty() {
            return Ok(Flush::Pending);
        }
        self.after_leaving();
        Ok(Flush::Done)
    }

    fn receive(&mut self, out: &mut [u8]) -> Result<Received, LinkError> {
        if self.broken() {
            return Err(LinkError::Socket(ErrorKind::ConnectionReset));
        }
        let now = self.clock.mono();
        let mut wire = lock(&self.wire);
        if !wire.back.arrived(now) {
            let over = wire.back.ended(now);
            return Ok(if over { Received::Closed } else { Received::Nothing });
        }
        let Some((at, mut piece)) = wire.back.pieces.pop_front() else {
            return Ok(Received::Nothing);
        };
        let count = piece.len().min(out.len());
        out[..count].copy_from_slice(&piece[..count]);
        let rest = piece.split_off(count);
        if !rest.is_empty() {
            wire.back.pieces.push_front((at, rest));
        }
        Ok(Received::Bytes(count))
    }

    fn bytes_out(&self) -> u64 {
        self.taken
    }
}

impl Drop for PipeEnd {
    /// What the kernel has taken still goes its way; then the peer sees the end.
    fn drop(&mut self) {
        let now = self.clock.mono();
        if let Ok(mut wire) = self.wire.lock() {
            let at = now + wire.latency();
            wire.out.close(at);
            wire.back.dead = true;
            wire.back.pieces.clear();
        }
    }
}

/// The new orders in a request, alone or several, and what tells their bytes apart: an order is
/// an object without objects in it.
fn orders(request: &[u8]) -> Vec<(ClientOrderId, u32)> {
    let head = request.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap_or(0);
    let objects = request[head..].split(|&byte| byte == b'}');
    let order = |object: &[u8]| {
        let at = object.iter().rposition(|&byte| byte == b'{')?;
        Some((client_order_id(object)?, crc32fast::hash(&object[at..])))
    };
    objects.filter_map(order).collect()
}

/// The id in an order's JSON.
fn client_order_id(request: &[u8]) -> Option<ClientOrderId> {
    const MARK: &[u8] = b"\"client_order_id\":\"";
    let at = request.windows(MARK.len()).position(|window| window == MARK)? + MARK.len();
    ClientOrderId::parse(request.get(at..at + ClientOrderId::TEXT_BYTES)?)
}

/// The exchange's end.
#[derive(Debug)]
pub struct HostEnd {
    wire: Shared,
}

impl HostEnd {
    /// Takes what has arrived.
    pub fn receive(&self, now: Timestamp, into: &mut Vec<u8>) {
        let mut wire = lock(&self.wire);
        while wire.out.arrived(now) {
            if let Some((_, piece)) = wire.out.pieces.pop_front() {
                into.extend_from_slice(&piece);
            }
        }
    }

    /// Whether nothing will come any more.
    #[must_use]
    pub fn is_over(&self, now: Timestamp) -> bool {
        lock(&self.wire).out.ended(now)
    }

    /// Sends bytes, `extra` later than the link's own delay.
    pub fn send(&self, now: Timestamp, extra: Nanos, bytes: &[u8]) {
        lock(&self.wire).send(Direction::Back, now, extra, bytes);
    }

    /// Closes in an orderly way, after everything sent.
    pub fn close(&self, now: Timestamp) {
        let mut wire = lock(&self.wire);
        let at = now + wire.latency();
        wire.back.close(at);
    }

    /// Breaks the connection: the engine's calls fail once the news has arrived.
    pub fn reset(&self, now: Timestamp) {
        let mut wire = lock(&self.wire);
        let at = now + wire.latency();
        wire.break_at(at);
    }

    /// What is to become of the request just received; asked once per request.
    #[must_use]
    pub fn take_fault(&self) -> RequestFault {
        core::mem::replace(&mut lock(&self.wire).fault, RequestFault::None)
    }

    /// The next moment at which either end sees something new.
    #[must_use]
    pub fn next(&self, now: Timestamp) -> Timestamp {
        let wire = lock(&self.wire);
        let broken = wire.broken.filter(|at| *at > now).unwrap_or(Timestamp::NEVER);
        wire.out.next(now).min(wire.back.next(now)).min(broken)
    }
}
