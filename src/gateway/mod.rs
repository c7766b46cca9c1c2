//! Gateway (stage 3 of 5). Reads `Command`s from the oms, writes `GatewayEvent`s back to it and
//! `Record`s to the recorder; in between, bytes on warm connections to the exchange.
//!
//! An approved order takes the warmest free connection, a signature made ahead, one copy of a
//! template, one seal, one send. Answers become events; what cannot be told apart from "may have
//! landed" is `Lost`, and `NotSent` is said only when provably not one byte left. An order that
//! only lacks a free connection, or whose connection died before its first byte, is held for a
//! moment; one that has grown old is not sent at all.
//! Once stopping, orders are refused and cancels passed on. Nothing here
//! decides to send something again later: that is the oms's part. Events are never dropped:
//! while their ring is full, no command is taken.
//!
//! Thread `gateway` (or fused with the oms). Never allocates after start except inside TLS;
//! never blocks, logs or takes more than it can answer for. Invariant: no connection ever has
//! two requests under way, so an answer is always the answer to the one before it.

mod answer;
mod batch;
pub mod budget;
pub mod cancel;
mod change;
mod connection;
mod groups;
mod held;
mod order_batch;
mod outbox;
pub mod pool;
pub mod presign;
mod signing;
mod submit;
mod upkeep;
mod withdraw;

use core::fmt;
use std::sync::Arc;

use rtrb::{Consumer, Producer};
use zeroize::Zeroizing;

use self::batch::Batches;
use self::budget::{Budget, BudgetConfig, TierNews};
use self::cancel::{CANCEL_ALLS_MAX, CANCELS_MAX, CancelQueue, CancelSigner, InlineCancelSigner};
use self::change::{CHANGES_MAX, Change, ChangeQueue};
use self::groups::Groups;
use self::held::{Attempt, HeldOrders, Taken};
use self::outbox::Outbox;
use self::pool::{Pool, PoolConfig};
use self::presign::Presign;
use crate::ids::{MarketIx, OrderGroupId};
use crate::kalshi::auth::SigningKey;
use crate::kalshi::encode::{
    CANCEL_BATCH_BYTES_MAX, CANCEL_BATCH_MAX, ORDER_BATCH_BYTES_MAX, ORDER_BATCH_MAX,
    OrderTemplates,
};
use crate::message::{CancelOrder, Command, GatewayEvent, Unsent};
use crate::net::{Connector, Transport};
use crate::recorder::record::Record;
use crate::risk::KillSwitch;
use crate::runtime::clock::Clock;
use crate::runtime::stage::{Stage, Work};
use crate::units::{Nanos, Now, Timestamp};

/// Commands taken per poll, so that answers are never starved by a burst.
const COMMANDS_MAX: usize = 4;
/// Idle time after which the encoder runs dry: caches go cold within some ten microseconds.
const REHEARSAL_EVERY: Nanos = Nanos::from_us(20);

/// The longest request.
const BYTES_MAX: usize = if CANCEL_BATCH_BYTES_MAX > ORDER_BATCH_BYTES_MAX {
    CANCEL_BATCH_BYTES_MAX
} else {
    ORDER_BATCH_BYTES_MAX
};

const _: () = assert!(ORDER_BATCH_MAX <= CANCEL_BATCH_MAX, "events are counted by the larger");

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
    /// An order waits this long, counted from its approval, for a free connection: about the
    /// time of the answers that free one.
    pub submit_wait: Nanos,
    /// An order approved longer ago than this is not sent: it was priced for another market.
    pub submit_age_max: Nanos,
    /// Most orders that wait together and go out in one request; below two each goes alone.
    pub batch_orders_max: usize,
}

impl Default for GatewayConfig {
    fn default() -> Self {
        Self {
            pool: PoolConfig::default(),
            budget: BudgetConfig::default(),
            ack_timeout: Nanos::from_secs(2),
            cancel_wait: Nanos::from_secs(1),
            submit_wait: Nanos::from_ms(50),
            submit_age_max: Nanos::from_ms(250),
            batch_orders_max: ORDER_BATCH_MAX,
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
    tier: TierNews,
    cancels: CancelQueue,
    changes: ChangeQueue,
    held: HeldOrders,
    groups: Groups,
    kill_switch: KillSwitch,
    commands: Consumer<Command>,
    outbox: Outbox,
    records: Producer<Record>,
    signatures: SignatureCounts,
    /// The orders of batches of cancels under way.
    batches: Batches<CancelOrder>,
    /// The orders of batches of new orders under way.
    order_batches: Batches<Taken>,
    batch_path: String,
    /// The last request, signature included: wiped when dropped.
    request: Box<Zeroizing<[u8; BYTES_MAX]>>,
    ack_timeout: Nanos,
    submit_wait: Nanos,
    submit_age_max: Nanos,
    batch_orders_max: usize,
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
        // and change that waits; one count of connections, and what one command may cause at most.
        // A connection may carry a batch.
        let under_way = pool.places() * CANCEL_BATCH_MAX;
        let events_max = 2 * under_way + 2 * (CANCELS_MAX + CANCEL_ALLS_MAX + CHANGES_MAX) + 4;
        let batches = Batches::new(pool.places(), CANCEL_BATCH_MAX);
        let order_batches = Batches::new(pool.places(), ORDER_BATCH_MAX);
        let batch_path = parts.templates.batch_path();
        Self {
            parts,
            pool,
            budget: Budget::new(config.budget, now),
            tier: TierNews::default(),
            cancels: CancelQueue::new(config.cancel_wait),
            changes: ChangeQueue::new(),
            batches,
            order_batches,
            batch_path,
            held: HeldOrders::new(),
            groups: Groups::default(),
            kill_switch: KillSwitch::default(),
            commands: rings.commands,
            outbox: Outbox::new(rings.events, events_max),
            records: rings.records,
            signatures: SignatureCounts::default(),
            request: Box::new(Zeroizing::new([0; BYTES_MAX])),
            ack_timeout: config.ack_timeout,
            submit_wait: config.submit_wait,
            submit_age_max: config.submit_age_max,
            batch_orders_max: config.batch_orders_max,
            announced: 0,
            cursor: 0,
            last_market: MarketIx(0),
            rehearsed: now,
        }
    }

    /// Sends no order that `kill_switch` refuses.
    #[must_use]
    pub fn with_kill_switch(mut self, kill_switch: KillSwitch) -> Self {
        self.kill_switch = kill_switch;
        self
    }

    /// Hears of a change of the account's tier from `tier`.
    #[must_use]
    pub fn with_tier(mut self, tier: TierNews) -> Self {
        self.tier = tier;
        self
    }

    /// Triggers and resets these order groups with the kill switch: one per shard.
    #[must_use]
    pub fn with_groups(mut self, made: &[(u8, OrderGroupId)]) -> Self {
        self.groups = Groups::new(made);
        self
    }

    /// When time alone next changes something: for schedulers that do not spin.
    #[must_use]
    pub fn deadline(&self) -> Timestamp {
        let pool = self.pool.deadline(self.parts.clock.mono());
        let held = self.held.deadline(self.submit_wait);
        let queues = self.cancels.deadline().min(held).min(self.changes.deadline(self.submit_wait));
        pool.min(queues).min(self.groups.deadline())
    }

    fn take_commands(&mut self, now: Now) -> Work {
        let mut work = Work::Idle;
        for _ in 0..COMMANDS_MAX {
            if !self.outbox.is_empty() || self.must_hold_back() {
                break;
            }
            let Ok(command) = self.commands.pop() else { break };
            match command {
                Command::Submit(order) => self.take_order(order, Attempt::First, now),
                Command::Resend(order) => self.take_order(order, Attempt::Again, now),
                Command::Cancel(cancel) => self.take_cancel(cancel, now),
                Command::CancelAll => self.take_cancel_all(now),
                Command::Amend(amend) => self.take_change(Change::Amend(amend)),
                Command::Decrease(decrease) => self.take_change(Change::Decrease(decrease)),
                Command::List(listed) => self.parts.templates.list(&listed),
            }
            work = Work::Done;
        }
        work
    }

    /// Whether the next command is an order and there is no room to hold it. Ends with the wait
    /// of the order held longest, so cancels behind it are late by that at most.
    fn must_hold_back(&self) -> bool {
        let next = self.commands.peek();
        self.held.is_full() && matches!(next, Ok(Command::Submit(_) | Command::Resend(_)))
    }

    fn not_sent(&mut self, taken: &Taken, why: Unsent) {
        self.outbox.push(answer::unsent(taken, why));
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
        self.budget.hear(&self.tier);
        self.budget.refill(now.mono);
        let work = self
            .outbox
            .drain()
            .or(self.take_commands(now))
            .or(self.serve_connections(now))
            .or(self.serve_cancels(now))
            .or(self.serve_groups(now))
            .or(self.serve_changes(now))
            .or(self.serve_held(now))
            .or(self.tend_pool(now));
        self.record_signatures();
        if work == Work::Idle {
            self.parts.presign.refresh(now.wall.unix_ms());
            self.rehearse(now);
        }
        work
    }

    /// No order leaves any more, whatever made the run stop; cancels still do, as far as
    /// connections are free.
    fn on_stop(&mut self) {
        self.outbox.handle_stop();
        let now = self.parts.clock.now();
        self.budget.refill(now.mono);
        while let Some(taken) = self.held.pop() {
            self.not_sent(&taken, Unsent::Stopping);
        }
        while let Some(waiting) = self.changes.pop() {
            self.outbox.push(change::unsent(&waiting, Unsent::Stopping));
        }
        // Bounded by the ring: upstream has stopped, so nothing is added any more.
        while let Ok(command) = self.commands.pop() {
            let taken = |order, attempt| Taken { order, at: now.mono, attempt };
            match command {
                Command::Submit(order) => {
                    self.not_sent(&taken(order, Attempt::First), Unsent::Stopping);
                }
                Command::Resend(order) => {
                    self.not_sent(&taken(order, Attempt::Again), Unsent::Stopping);
                }
                Command::Cancel(cancel) => self.take_cancel(cancel, now),
                Command::CancelAll => self.take_cancel_all(now),
                Command::Amend(amend) => {
                    self.outbox.push(change::unsent(&Change::Amend(amend), Unsent::Stopping));
                }
                Command::Decrease(decrease) => {
                    self.outbox.push(change::unsent(&Change::Decrease(decrease), Unsent::Stopping));
                }
                Command::List(listed) => self.parts.templates.list(&listed),
            }
            let _work: Work = self.serve_connections(now).or(self.serve_cancels(now));
        }
        self.record_signatures();
    }
}

#[cfg(test)]
mod tests;
