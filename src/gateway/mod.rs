//! Gateway (stage 3 of 5). Reads `Command`s from the oms, writes `GatewayEvent`s back to it and
//! `Record`s to the recorder; in between, bytes on warm connections to the exchange.
//!
//! An approved order takes the warmest free connection, a signature made ahead, one copy of a
//! template, one seal, one send. Answers become events; what cannot be told apart from "may have
//! landed" is `Lost`, and `NotSent` is said only when provably not one byte left. Nothing here
//! decides to send something again later: that is the oms's part. Events are never dropped:
//! while their ring is full, no command is taken.
//!
//! Thread `gateway` (or fused with the oms). Never allocates after start except inside TLS;
//! never blocks, logs or takes more than it can answer for. Invariant: no connection ever has
//! two requests under way, so an answer is always the answer to the one before it.

mod answer;
pub mod budget;
pub mod cancel;
mod connection;
mod outbox;
pub mod pool;
pub mod presign;

use core::fmt;
use std::sync::Arc;

use rtrb::{Consumer, Producer};

use self::answer::{Ending, Purpose};
use self::budget::{Budget, BudgetConfig, Spend};
use self::cancel::{
    CANCEL_ALLS_MAX, CANCELS_MAX, Cancel, CancelQueue, CancelSigner, InlineCancelSigner,
    sign_delete,
};
use self::connection::{Progress, Request, SendOutcome};
use self::outbox::Outbox;
use self::pool::{Pool, PoolConfig, Use};
use self::presign::{Presign, Presigned};
use crate::ids::{MarketIx, OrderKey};
use crate::kalshi::auth::{Signature, SigningKey};
use crate::kalshi::encode::{OrderTemplates, REQUEST_BYTES_MAX};
use crate::kalshi::paths::POST;
use crate::message::{
    CancelFailure, CancelOrder, Command, GatewayEvent, Loss, NewOrder, SendStamps, Unsent,
};
use crate::net::{Connector, Transport};
use crate::recorder::record::Record;
use crate::risk::Approved;
use crate::runtime::clock::Clock;
use crate::runtime::stage::{Stage, Work};
use crate::units::{Nanos, Now, Timestamp};

/// Commands taken per poll, so that answers are never starved by a burst.
const COMMANDS_MAX: usize = 4;
/// Connections tried for one order: the first, and one more when not a byte had left.
const SENDS_MAX: usize = 2;
/// Idle time after which the encoder runs dry: caches go cold within some ten microseconds.
const REHEARSAL_EVERY: Nanos = Nanos::from_us(20);
/// Dial results taken per poll.
const DIALLED_MAX: usize = 4;

/// Times and sizes of the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GatewayConfig {
    /// The connections.
    pub pool: PoolConfig,
    /// The account's write tokens.
    pub budget: BudgetConfig,
    /// An answer is given up after this long, and its connection with it.
    pub ack_timeout: Nanos,
    /// A cancel waits this long for signature, connection and tokens.
    pub cancel_wait: Nanos,
}

impl Default for GatewayConfig {
    fn default() -> Self {
        Self {
            pool: PoolConfig::default(),
            budget: BudgetConfig::default(),
            ack_timeout: Nanos::from_secs(2),
            cancel_wait: Nanos::from_secs(1),
        }
    }
}

/// The gateway's ends of its rings.
#[derive(Debug)]
pub struct GatewayRings {
    /// From the oms.
    pub commands: Consumer<Command>,
    /// To the oms.
    pub events: Producer<GatewayEvent>,
    /// To the recorder.
    pub records: Producer<Record>,
}

/// What differs between live, simulated and tested gateways.
#[derive(Debug)]
pub struct GatewayParts<K, P, C, S = InlineCancelSigner> {
    /// Time.
    pub clock: C,
    /// Makes connections.
    pub connector: K,
    /// Signatures of new orders, made ahead.
    pub presign: P,
    /// Signatures of cancels.
    pub cancel_signer: S,
    /// Signs on the spot what has no signature made ahead.
    pub key: Arc<SigningKey>,
    /// Requests.
    pub templates: OrderTemplates,
}

/// Stage 3.
pub struct Gateway<T, K, P, C, S = InlineCancelSigner> {
    parts: GatewayParts<K, P, C, S>,
    pool: Pool<T>,
    budget: Budget,
    cancels: CancelQueue,
    commands: Consumer<Command>,
    outbox: Outbox,
    records: Producer<Record>,
    signatures: SignatureCounts,
    request: Box<[u8; REQUEST_BYTES_MAX]>,
    ack_timeout: Nanos,
    /// The number of ready connections that the oms knows of.
    announced: u16,
    /// The idle connection to look at next.
    cursor: usize,
    /// The market of the last order.
    last_market: MarketIx,
    rehearsed: Timestamp,
}

/// Signatures used that the recorder has not been told of yet.
#[derive(Clone, Copy, Debug, Default)]
struct SignatureCounts {
    hits: u32,
    misses: u32,
}

impl<T, K, P, C, S> fmt::Debug for Gateway<T, K, P, C, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway").field("ready", &self.announced).finish_non_exhaustive()
    }
}

impl<T, K, P, C, S> Gateway<T, K, P, C, S>
where
    T: Transport,
    K: Connector<T>,
    P: Presign,
    C: Clock,
    S: CancelSigner,
{
    /// A gateway without connections; the first polls ask for them.
    #[must_use]
    pub fn new(
        parts: GatewayParts<K, P, C, S>,
        rings: GatewayRings,
        config: &GatewayConfig,
    ) -> Self {
        let now = parts.clock.mono();
        let pool = Pool::new(config.pool);
        // Sent and answered for each request under way; the same, once sent, for each cancel
        // that waits; one count of connections, and what one command may cause at most.
        let events_max = 2 * pool.places() + 2 * (CANCELS_MAX + CANCEL_ALLS_MAX) + 4;
        Self {
            parts,
            pool,
            budget: Budget::new(config.budget, now),
            cancels: CancelQueue::new(config.cancel_wait),
            commands: rings.commands,
            outbox: Outbox::new(rings.events, events_max),
            records: rings.records,
            signatures: SignatureCounts::default(),
            request: Box::new([0; REQUEST_BYTES_MAX]),
            ack_timeout: config.ack_timeout,
            announced: 0,
            cursor: 0,
            last_market: MarketIx(0),
            rehearsed: now,
        }
    }

    /// When time alone next changes something: for schedulers that do not spin.
    #[must_use]
    pub fn deadline(&self) -> Timestamp {
        self.pool.deadline(self.parts.clock.mono()).min(self.cancels.deadline())
    }

    fn take_commands(&mut self, now: Now) -> Work {
        let mut work = Work::Idle;
        for _ in 0..COMMANDS_MAX {
            if !self.outbox.is_empty() {
                break;
            }
            let Ok(command) = self.commands.pop() else { break };
            match command {
                Command::Submit(order) => self.submit(&order, now),
                Command::Cancel(cancel) => self.take_cancel(cancel, now),
                Command::CancelAll => self.take_cancel_all(now),
            }
            work = Work::Done;
        }
        work
    }

    /// Sends an order, or says why not. The refusals come cheapest first and use nothing up.
    fn submit(&mut self, order: &Approved<NewOrder>, now: Now) {
        let taken = self.parts.clock.mono();
        let &NewOrder { key, client_order_id, market, .. } = order.get();
        self.last_market = market;
        if !self.budget.allows(Spend::Create) {
            return self.not_sent(key, Unsent::NoTokens);
        }
        if self.pool.pick(Use::Order).is_none() {
            return self.not_sent(key, Unsent::NoConnection);
        }
        let Some(signed) = self.create_signature(now) else {
            return self.not_sent(key, Unsent::NoSignature);
        };
        let length = self.parts.templates.encode_order(&mut self.request[..], order, &signed);
        let encoded = self.parts.clock.mono();
        let purpose = Purpose::Order { key, client_order_id };
        let stamps = SendStamps { taken, encoded, ..SendStamps::default() };
        self.send(Use::Order, purpose, stamps, length, now);
    }

    /// A signature made ahead, or one made on the spot.
    fn create_signature(&mut self, now: Now) -> Option<Presigned> {
        let wall_ms = now.wall.unix_ms();
        let ahead = self.parts.presign.take(wall_ms);
        let signed = if let Some(signed) = ahead {
            self.signatures.hits += 1;
            signed
        } else {
            self.signatures.misses += 1;
            let mut signature = Signature::default();
            let path = self.parts.templates.create_path();
            self.parts.key.sign(wall_ms, POST, path, &mut signature).ok()?;
            Presigned { wall_ms, signature }
        };
        self.fits(&signed).then_some(signed)
    }

    /// Whether a signature is of the length the requests have room for.
    fn fits(&self, signed: &Presigned) -> bool {
        signed.signature.as_bytes().len() == self.parts.templates.signature_len()
    }

    /// Sends the first `length` bytes of the request buffer on the warmest connection, or on
    /// the next one when not a byte has left on the first.
    fn send(&mut self, wanted: Use, purpose: Purpose, stamps: SendStamps, length: usize, now: Now) {
        for _ in 0..SENDS_MAX {
            let Some(place) = self.pool.pick(wanted) else { break };
            let deadline = now.mono + self.ack_timeout;
            let request = Request { purpose, bytes: &self.request[..length], stamps, deadline };
            let clock = &self.parts.clock;
            let outcome = self.pool.connection(place).send(&request, || clock.mono());
            let event = match outcome {
                SendOutcome::NothingLeft => continue,
                SendOutcome::Sent(stamps) => answer::sent(&purpose, stamps),
                SendOutcome::Pending => None,
                SendOutcome::Lost => answer::ended(&purpose, Ending::Lost(Loss::Disconnected)),
            };
            self.budget.take(match wanted {
                Use::Order => Spend::Create,
                Use::Cancel => Spend::Cancel,
            });
            return self.emit(event);
        }
        self.emit(answer::ended(&purpose, Ending::NothingLeft));
    }

    fn take_cancel(&mut self, cancel: CancelOrder, now: Now) {
        if self.cancels.push(cancel, now.mono).is_err() {
            let why = CancelFailure::Unsent(Unsent::NoConnection);
            self.outbox.push(GatewayEvent::CancelFailed { key: cancel.key, why });
        }
    }

    fn take_cancel_all(&mut self, now: Now) {
        let path = self.parts.templates.create_path();
        let signed = sign_delete(&self.parts.key, now.wall.unix_ms(), path);
        let queued = signed
            .filter(|signed| self.fits(signed))
            .is_some_and(|signed| self.cancels.push_all(signed, now.mono).is_ok());
        if !queued {
            self.outbox.push(GatewayEvent::CancelAllDone { ok: false });
        }
    }

    /// Sends what waits and can go, gives up what has waited too long.
    fn serve_cancels(&mut self, now: Now) -> Work {
        let mut work = Work::Idle;
        let templates = &self.parts.templates;
        self.cancels.sign(&mut self.parts.cancel_signer, now.wall.unix_ms(), |cancel| {
            templates.cancel_path(cancel)
        });
        while self.send_cancel(now) == Work::Done {
            work = Work::Done;
        }
        let unsent =
            if self.budget.allows(Spend::Cancel) { Unsent::NoConnection } else { Unsent::NoTokens };
        while let Some((cancel, why)) = self.cancels.pop_overdue(now.mono, unsent) {
            self.outbox.push(match cancel {
                Cancel::One(CancelOrder { key, .. }) => {
                    GatewayEvent::CancelFailed { key, why: CancelFailure::Unsent(why) }
                }
                Cancel::All => GatewayEvent::CancelAllDone { ok: false },
            });
            work = Work::Done;
        }
        work
    }

    /// Sends the first cancel that is signed, if a connection is free and tokens are left.
    fn send_cancel(&mut self, now: Now) -> Work {
        let Some((at, cancel, signed)) = self.cancels.next() else { return Work::Idle };
        if !self.budget.allows(Spend::Cancel) || self.pool.pick(Use::Cancel).is_none() {
            return Work::Idle;
        }
        if !self.fits(signed) {
            self.cancels.remove(at);
            return self.refuse_cancel(cancel);
        }
        let out = &mut self.request[..];
        let templates = &self.parts.templates;
        let (purpose, length) = match cancel {
            Cancel::One(one) => (
                Purpose::Cancel { key: one.key, order_id: one.order_id },
                templates.encode_cancel(out, &one, signed),
            ),
            Cancel::All => (Purpose::CancelAll, templates.encode_cancel_all(out, signed)),
        };
        self.cancels.remove(at);
        self.send(Use::Cancel, purpose, SendStamps::default(), length, now);
        Work::Done
    }

    #[cold]
    fn refuse_cancel(&mut self, cancel: Cancel) -> Work {
        self.outbox.push(match cancel {
            Cancel::One(CancelOrder { key, .. }) => {
                let why = CancelFailure::Unsent(Unsent::NoSignature);
                GatewayEvent::CancelFailed { key, why }
            }
            Cancel::All => GatewayEvent::CancelAllDone { ok: false },
        });
        Work::Done
    }

    /// Looks at every connection with something under way and at one of the others.
    fn serve_connections(&mut self, now: Now) -> Work {
        let mut work = Work::Idle;
        self.cursor = (self.cursor + 1) % self.pool.places();
        for place in 0..self.pool.places() {
            if place == self.cursor || self.pool.connection(place).purpose().is_some() {
                work = work.or(self.serve_connection(place, now));
            }
        }
        work
    }

    fn serve_connection(&mut self, place: usize, now: Now) -> Work {
        let connection = self.pool.connection(place);
        let was_ready = connection.is_ready();
        let event = match connection.poll(now) {
            Progress::Nothing => return Work::Idle,
            Progress::Written { purpose, stamps } => answer::sent(&purpose, stamps),
            Progress::Answered { purpose } => self.take_answer(place, &purpose, now),
            Progress::Ended { purpose, ending } => answer::ended(&purpose, ending),
            Progress::Closed => None,
        };
        if !was_ready {
            self.pool.handle_first_progress(place, now.mono);
        }
        self.emit(event);
        Work::Done
    }

    /// Reads the answer that has come on a connection and frees the connection.
    fn take_answer(&mut self, place: usize, purpose: &Purpose, now: Now) -> Option<GatewayEvent> {
        let connection = self.pool.connection(place);
        let response = connection.response()?;
        let event = answer::answered(purpose, response.status, response.body);
        if response.status == 429 && purpose.is_trading() {
            self.budget.handle_throttled();
        }
        connection.settle(now.mono);
        // Looked at again next: a close right behind the answer is seen before it hurts.
        self.cursor = (place + self.pool.places() - 1) % self.pool.places();
        event
    }

    /// Makes, warms and replaces connections.
    fn tend_pool(&mut self, now: Now) -> Work {
        let mut work = Work::Idle;
        for _ in 0..DIALLED_MAX {
            let Some(dialled) = self.parts.connector.poll() else { break };
            match dialled {
                Ok(link) => {
                    if let Some(place) = self.pool.handle_dialled(link, now.mono) {
                        self.warm(place, now);
                    }
                }
                Err(_) => self.pool.handle_dial_failed(now.mono),
            }
            work = Work::Done;
        }
        if self.pool.retire(now.mono) {
            work = Work::Done;
        }
        while self.pool.wants_dial(now.mono) {
            self.parts.connector.request();
        }
        if let Some(place) = self.pool.wants_warming(now.mono) {
            self.warm(place, now);
            work = Work::Done;
        }
        self.announce();
        work
    }

    fn warm(&mut self, place: usize, now: Now) {
        let request = Request {
            purpose: Purpose::Warm,
            bytes: self.parts.templates.status_request(),
            stamps: SendStamps::default(),
            deadline: now.mono + self.ack_timeout,
        };
        let connection = self.pool.connection(place);
        let was_ready = connection.is_ready();
        match connection.send(&request, || now.mono) {
            SendOutcome::NothingLeft | SendOutcome::Lost if !was_ready => {
                self.pool.handle_first_progress(place, now.mono);
            }
            // A link that had proved itself may be replaced at once; the next poll does.
            SendOutcome::NothingLeft
            | SendOutcome::Lost
            | SendOutcome::Sent(_)
            | SendOutcome::Pending => {}
        }
    }

    fn announce(&mut self) {
        let ready = self.pool.ready();
        if ready != self.announced && self.outbox.is_empty() {
            self.announced = ready;
            self.outbox.push(GatewayEvent::Connections { ready });
        }
    }

    /// Keeps what an order needs in the caches while none comes.
    fn rehearse(&mut self, now: Now) {
        if now.mono < self.rehearsed + REHEARSAL_EVERY {
            return;
        }
        self.rehearsed = now.mono;
        let market = self.last_market;
        self.parts.templates.rehearse(&mut self.request[..], market, now);
    }

    fn not_sent(&mut self, key: OrderKey, why: Unsent) {
        self.outbox.push(GatewayEvent::NotSent { key, why });
    }

    fn emit(&mut self, event: Option<GatewayEvent>) {
        if let Some(event) = event {
            self.outbox.push(event);
        }
    }

    /// Tells the recorder of signatures used, as far as its ring has room: counts are kept, not
    /// dropped.
    fn record_signatures(&mut self) {
        while self.signatures.hits > 0 && self.records.push(Record::Presign { hit: true }).is_ok() {
            self.signatures.hits -= 1;
        }
        while self.signatures.misses > 0
            && self.records.push(Record::Presign { hit: false }).is_ok()
        {
            self.signatures.misses -= 1;
        }
    }
}

impl<T, K, P, C, S> Stage for Gateway<T, K, P, C, S>
where
    T: Transport,
    K: Connector<T>,
    P: Presign,
    C: Clock,
    S: CancelSigner,
{
    const NAME: &'static str = "gateway";

    fn on_start(&mut self) {
        self.request.fill(0);
    }

    fn poll(&mut self) -> Work {
        let now = self.parts.clock.now();
        self.budget.refill(now.mono);
        let work = self
            .outbox
            .drain()
            .or(self.take_commands(now))
            .or(self.serve_connections(now))
            .or(self.serve_cancels(now))
            .or(self.tend_pool(now));
        self.record_signatures();
        if work == Work::Idle {
            self.parts.presign.refresh(now.wall.unix_ms());
            self.rehearse(now);
        }
        work
    }

    fn on_stop(&mut self) {
        // Bounded by the ring: upstream has stopped, so nothing is added any more.
        while !self.commands.is_empty() && self.outbox.is_empty() {
            let _work: Work = self.poll();
        }
        self.record_signatures();
    }
}

#[cfg(test)]
mod tests;
