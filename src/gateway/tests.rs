//! The stage against scripted connections under a virtual clock: one fact per test.

mod batches;
mod cancels;
mod changes;
mod connections;
mod order_batches;
mod orders;
mod properties;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use rtrb::RingBuffer;
use serde_json::Value;

use super::budget::Spend;
use super::cancel::{Cancel, sign_delete};
use super::pool::Use;
use super::presign::{OrderCall, Presigned, SignTag};
use super::*;
use crate::ids::{ClientOrderId, OrderId, OrderKey, RunId, Ticker};
use crate::kalshi::auth::Signature;
use crate::kalshi::market::{FeeSchedule, MarketTable, TickGrid};
use crate::kalshi::paths::BASE_PATH;
use crate::message::{CancelFailure, CancelOrder, Loss, NewOrder};
use crate::net::{DialError, Flush, LinkError, Received};
use crate::risk::Approved;
use crate::units::{Contracts, Price, WallTime};

const PEM: &[u8] = b"-----BEGIN PRIVATE KEY-----\n\
    MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n\
    -----END PRIVATE KEY-----\n";
const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";

/// How long an order waits for a connection.
const SUBMIT_WAIT: Nanos = Nanos::from_ms(50);

/// One scripted connection, as its peer and the kernel see it.
#[derive(Default)]
struct Wire {
    sealed: VecDeque<u8>,
    /// Bytes the kernel took and no test has read yet.
    left: Vec<u8>,
    /// Bytes the kernel ever took.
    history: Vec<u8>,
    /// What further flushes take in total; `None` is everything.
    takes: Option<usize>,
    seal_fails: bool,
    /// Flushes fail once they have taken what they take.
    flush_fails: bool,
    inbound: VecDeque<Vec<u8>>,
    closed: bool,
    reset: bool,
}

/// A request as it left.
#[derive(Debug)]
struct Sent {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Value,
}

impl Wire {
    fn respond(&mut self, raw: &str) {
        self.inbound.push_back(raw.as_bytes().to_vec());
    }

    fn answer(&mut self, status: u16, body: &str) {
        let length = body.len();
        self.respond(&format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n\r\n{body}"));
    }

    /// The one request that has left; panics when there is none, or more than one.
    fn request(&mut self) -> Sent {
        let mut headers = [httparse::EMPTY_HEADER; 16];
        let mut parsed = httparse::Request::new(&mut headers);
        let httparse::Status::Complete(head) = parsed.parse(&self.left).unwrap() else {
            panic!("incomplete head");
        };
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let headers: Vec<(String, String)> =
            parsed.headers.iter().map(|it| (it.name.to_owned(), text(it.value))).collect();
        let length = headers.iter().find(|(name, _)| name == "Content-Length");
        let length: usize = length.map_or(0, |(_, value)| value.parse().unwrap());
        assert_eq!(self.left.len(), head + length, "exactly one request is under way");
        let sent = Sent {
            method: parsed.method.unwrap().to_owned(),
            target: parsed.path.unwrap().to_owned(),
            headers,
            body: serde_json::from_slice(&self.left[head..]).unwrap_or(Value::Null),
        };
        self.left.clear();
        sent
    }
}

type SharedWire = Arc<Mutex<Wire>>;

struct Link(SharedWire);

impl Drop for Link {
    fn drop(&mut self) {
        self.0.lock().unwrap().closed = true;
    }
}

impl Transport for Link {
    fn seal(&mut self, plaintext: &[u8]) -> Result<(), LinkError> {
        let mut wire = self.0.lock().unwrap();
        if wire.seal_fails {
            return Err(LinkError::Tls);
        }
        assert!(wire.sealed.is_empty(), "nothing is sealed while a flush is pending");
        wire.sealed.extend(plaintext);
        Ok(())
    }

    fn flush(&mut self) -> Result<Flush, LinkError> {
        let wire = &mut *self.0.lock().unwrap();
        let count = wire.takes.unwrap_or(usize::MAX).min(wire.sealed.len());
        wire.takes = wire.takes.map(|takes| takes - count);
        let taken: Vec<u8> = wire.sealed.drain(..count).collect();
        wire.left.extend_from_slice(&taken);
        wire.history.extend(taken);
        if wire.flush_fails {
            return Err(LinkError::Socket(std::io::ErrorKind::BrokenPipe));
        }
        Ok(if wire.sealed.is_empty() { Flush::Done } else { Flush::Pending })
    }

    fn receive(&mut self, out: &mut [u8]) -> Result<Received, LinkError> {
        let mut wire = self.0.lock().unwrap();
        match wire.inbound.pop_front() {
            Some(mut bytes) => {
                let rest = bytes.split_off(bytes.len().min(out.len()));
                out[..bytes.len()].copy_from_slice(&bytes);
                if !rest.is_empty() {
                    wire.inbound.push_front(rest);
                }
                Ok(Received::Bytes(bytes.len()))
            }
            None if wire.reset => Err(LinkError::Socket(std::io::ErrorKind::ConnectionReset)),
            None if wire.closed => Ok(Received::Closed),
            None => Ok(Received::Nothing),
        }
    }

    fn bytes_out(&self) -> u64 {
        self.0.lock().unwrap().history.len() as u64
    }
}

/// What the scripted connector shares with its test.
#[derive(Default)]
struct Dials {
    asked: usize,
    fails: bool,
    wires: Vec<SharedWire>,
}

struct Dialler(Arc<Mutex<Dials>>);

impl Connector<Link> for Dialler {
    fn request(&mut self) {
        self.0.lock().unwrap().asked += 1;
    }

    fn poll(&mut self) -> Option<Result<Link, DialError>> {
        let mut dials = self.0.lock().unwrap();
        dials.asked = dials.asked.checked_sub(1)?;
        if dials.fails {
            return Some(Err(DialError::Connect { address: "x".into(), why: "y".into() }));
        }
        let wire = SharedWire::default();
        dials.wires.push(Arc::clone(&wire));
        Some(Ok(Link(wire)))
    }
}

#[derive(Clone)]
struct VirtualClock(Arc<AtomicU64>);

impl Clock for VirtualClock {
    fn now(&self) -> Now {
        let ns = self.0.load(Ordering::Relaxed);
        let wall = WallTime::from_unix_ns(1_781_159_360_000_000_000 + ns);
        Now { mono: Timestamp::from_ns(ns), wall }
    }
}

/// Has as many signatures as the test puts in.
struct Ahead(Arc<Mutex<VecDeque<Presigned>>>);

impl Presign for Ahead {
    fn take(&mut self, _wall_ms: u64) -> Option<Presigned> {
        self.0.lock().unwrap().pop_front()
    }

    fn refresh(&mut self, _wall_ms: u64) {}
}

struct World {
    gateway: Gateway<Link, Dialler, Ahead, VirtualClock>,
    clock: VirtualClock,
    dials: Arc<Mutex<Dials>>,
    ahead: Arc<Mutex<VecDeque<Presigned>>>,
    commands: Producer<Command>,
    events: Consumer<GatewayEvent>,
    records: Consumer<Record>,
}

fn signing_key() -> Arc<SigningKey> {
    Arc::new(SigningKey::from_pem(PEM).unwrap())
}

fn config(connections: u16) -> GatewayConfig {
    let pool = PoolConfig { connections, ..PoolConfig::default() };
    GatewayConfig { pool, ..GatewayConfig::default() }
}

impl World {
    fn new(config: &GatewayConfig) -> Self {
        Self::with_event_ring(config, 1_024)
    }

    fn with_event_ring(config: &GatewayConfig, events_max: usize) -> Self {
        let clock = VirtualClock(Arc::default());
        let dials = Arc::default();
        let ahead = Arc::default();
        let mut markets = MarketTable::new();
        let ticker = Ticker::new(b"KXNFL-26JAN11-BUF").unwrap();
        markets.insert(ticker, TickGrid::linear_cent(), 3, FeeSchedule::QUADRATIC, true).unwrap();
        let parts = GatewayParts {
            clock: clock.clone(),
            connector: Dialler(Arc::clone(&dials)),
            presign: Ahead(Arc::clone(&ahead)),
            cancel_signer: InlineCancelSigner::new(signing_key()),
            key: signing_key(),
            templates: OrderTemplates::new("localhost", BASE_PATH, "key", 88, &markets).unwrap(),
        };
        let (commands, commands_out) = RingBuffer::new(256);
        let (events_in, events) = RingBuffer::new(events_max);
        let (records_in, records) = RingBuffer::new(64);
        let rings = GatewayRings { commands: commands_out, events: events_in, records: records_in };
        let gateway = Gateway::new(parts, rings, config);
        Self { gateway, clock, dials, ahead, commands, events, records }
    }

    /// A pool of `count` connections that have all answered their first request.
    fn warm(count: u16) -> Self {
        Self::warmed(&config(count))
    }

    fn warmed(config: &GatewayConfig) -> Self {
        let mut world = Self::new(config);
        world.poll();
        world.poll();
        world.answer_warm_ups();
        world.poll();
        let ready = config.pool.connections;
        assert_eq!(world.events().last(), Some(&GatewayEvent::Connections { ready }));
        world
    }

    fn poll(&mut self) {
        // Idle connections are looked at in turns; this gives each its turn.
        for _ in 0..=self.gateway.pool.places() {
            let _work: Work = self.gateway.poll();
        }
    }

    fn advance(&mut self, span: Nanos) {
        self.clock.0.fetch_add(span.ns(), Ordering::Relaxed);
        self.poll();
    }

    fn command(&mut self, command: Command) {
        self.commands.push(command).unwrap();
        self.poll();
    }

    /// Submits an order approved this very moment.
    fn submit(&mut self, order: NewOrder) {
        let order = NewOrder { approved: self.clock.mono(), ..order };
        self.command(Command::Submit(Approved::unchecked_for_tests(order)));
    }

    fn events(&mut self) -> Vec<GatewayEvent> {
        core::iter::from_fn(|| self.events.pop().ok()).collect()
    }

    /// Events that are about requests.
    fn outcomes(&mut self) -> Vec<GatewayEvent> {
        let mut events = self.events();
        events.retain(|it| !matches!(it, GatewayEvent::Connections { .. }));
        events
    }

    fn dialled(&self) -> usize {
        self.dials.lock().unwrap().wires.len()
    }

    fn wire(&self, place: usize) -> SharedWire {
        Arc::clone(&self.dials.lock().unwrap().wires[place])
    }

    /// Wires with a request that no test has read.
    fn busy(&self) -> Vec<SharedWire> {
        let wires = &self.dials.lock().unwrap().wires;
        wires.iter().filter(|it| !it.lock().unwrap().left.is_empty()).cloned().collect()
    }

    /// The one wire with an unread request.
    #[track_caller]
    fn busy_wire(&self) -> SharedWire {
        let busy = self.busy();
        assert_eq!(busy.len(), 1, "one connection has a request under way");
        Arc::clone(&busy[0])
    }

    /// The one request under way, read or not, is answered.
    fn busy_wire_answers(&mut self, status: u16, body: &str) {
        let wire = self.busy().pop().unwrap_or_else(|| self.last_used());
        wire.lock().unwrap().answer(status, body);
        self.poll();
    }

    /// The connection with the request under way is reset.
    fn last_wire_resets(&mut self) {
        self.last_used().lock().unwrap().reset = true;
        self.poll();
    }

    /// The connection that has carried the most.
    fn last_used(&self) -> SharedWire {
        let wires = &self.dials.lock().unwrap().wires;
        let longest = wires.iter().max_by_key(|it| it.lock().unwrap().history.len());
        Arc::clone(longest.expect("something was dialled"))
    }

    /// Answers every keep-alive under way; returns how many there were.
    fn answer_warm_ups(&mut self) -> usize {
        let mut count = 0;
        for wire in self.busy() {
            let mut wire = wire.lock().unwrap();
            if wire.left.starts_with(b"GET ") && !wire.closed {
                assert_eq!(wire.request().target, "/trade-api/v2/exchange/status");
                wire.respond(OK);
                count += 1;
            }
        }
        count
    }
}

fn key(slot: u32) -> OrderKey {
    OrderKey { slot, generation: 7 }
}

fn order(slot: u32) -> NewOrder {
    let price = Price::from_cents(56).unwrap();
    NewOrder {
        client_order_id: ClientOrderId::new(RunId::new(0xabc), u64::from(slot)),
        price,
        quantity: Contracts::from_whole(10),
        reference: price,
        ..NewOrder::sample(key(slot))
    }
}

/// The body of a 201 for `order`.
fn created(order: &NewOrder) -> String {
    format!(
        "{{\"client_order_id\":\"{}\",\"fill_count\":\"4.00\",\"order_id\":\"o-{}\",\
         \"remaining_count\":\"6.00\",\"ts_ms\":1781159360866}}",
        order.client_order_id, order.key.slot,
    )
}

fn cancel(slot: u32) -> CancelOrder {
    let order_id = OrderId::new(format!("o-{slot}").as_bytes()).unwrap();
    CancelOrder { key: key(slot), order_id, market: MarketIx(0) }
}

fn lost(slot: u32, why: Loss) -> GatewayEvent {
    GatewayEvent::Lost { key: key(slot), why }
}

fn not_sent(slot: u32, why: Unsent) -> GatewayEvent {
    GatewayEvent::NotSent { key: key(slot), why }
}

/// Whether an event is the last word on an order's request.
fn is_about(event: &GatewayEvent, slot: u32) -> bool {
    match event {
        GatewayEvent::Accepted { key: of, .. }
        | GatewayEvent::Rejected { key: of, .. }
        | GatewayEvent::Lost { key: of, .. } => *of == key(slot),
        _ => false,
    }
}

fn is_sent(event: &GatewayEvent, slot: u32) -> bool {
    matches!(event, GatewayEvent::Sent { key: sent, .. } if *sent == key(slot))
}
