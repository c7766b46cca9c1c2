//! What the oms is told at start.

use crate::ids::RunId;
use crate::message::{Style, TimeInForce};
use crate::recorder::record::CHILDREN_MAX;
use crate::risk::{BreakerConfig, Limits, RESENDS_MAX};
use crate::units::{Nanos, PriceDelta};

/// How orders are made and followed (`execution-layer` §3, the plan's `OrderConfig`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderConfig {
    /// How far past the signal's ask the limit goes.
    pub limit_offset: PriceDelta,
    /// How signals are executed unless they say otherwise.
    pub style: Style,
    /// Time in force of taking orders unless the signal says otherwise.
    pub time_in_force: TimeInForce,
    /// How long an order may rest before it is cancelled.
    pub fill_timeout: Nanos,
    /// How much longer when it is partly filled.
    pub partial_wait: Nanos,
    /// Orders after the first for what stayed unfilled, each at a better price.
    pub retries_max: u8,
    /// How much further each retry's limit goes than the one before.
    pub retry_step: PriceDelta,
    /// Furthest a retry's limit may be past the first order's.
    pub improvement_max: PriceDelta,
    /// How far the market may have moved against the signal for a retry to be made.
    pub slippage_max: PriceDelta,
    /// How a making order is moved.
    pub repeg: Repeg,
    /// Times a making order may be moved.
    pub repegs_max: u8,
    /// Least distance a making order is moved by: less is not worth its place in the queue.
    pub repeg_step: PriceDelta,
    /// Least time a making order stays where it is.
    pub repeg_interval: Nanos,
    /// How long to wait for fills the exchange has announced before asking for them.
    pub fills_wait: Nanos,
    /// Times an order's bytes are sent again, under the same id, when its answer was lost. None
    /// leaves it to look-ups alone.
    pub resends_max: u8,
    /// Time from the loss of an answer to the repetition.
    pub resend_interval: Nanos,
    /// An order approved longer ago than this is not sent again: the exchange promises ids to be
    /// unique among live and recent orders only (reference §3.1), and the market moves on.
    pub resend_age_max: Nanos,
    /// First look-up of an order whose fate is unclear, and the least time between look-ups.
    pub lookup_interval: Nanos,
    /// How long complete listings must lack an order before it counts as never landed. Longer
    /// than a signature is taken (under 30 s, reference §2): what is under way until then is
    /// refused when it arrives.
    pub absence_wait: Nanos,
    /// How far the exchange's reads may lag what they report: 0.4 to 1 s were seen.
    pub read_lag: Nanos,
    /// Look-ups before the market stops and a person is told.
    pub lookups_max: u16,
    /// How long after a cancel of everything orders that would rest are refused: the exchange may
    /// still cancel orders of the following minute (reference §3.1).
    pub aftermath: Nanos,
    /// Cancels of one order before its fate is looked up instead.
    pub cancels_max: u8,
    /// How long a drain waits for orders to end.
    pub drain_timeout: Nanos,
    /// Most markets in play whose books are followed on the stream; none where there is none.
    pub books_max: u16,
    /// How books and exchange are compared.
    pub reconcile: ReconcileConfig,
}

impl OrderConfig {
    /// Most orders that can follow an execution's first: a result has room for that many.
    pub const FOLLOWERS_MAX: u8 = 7;
    /// Most books that can be followed: what the feed has room for.
    pub const BOOKS_MAX: u16 = 64;
}

const _: () = assert!(
    OrderConfig::FOLLOWERS_MAX as usize + 1 == CHILDREN_MAX,
    "every order of an execution is in its result",
);

impl Default for OrderConfig {
    fn default() -> Self {
        Self {
            limit_offset: PriceDelta::from_cents(1),
            style: Style::Take,
            time_in_force: TimeInForce::ImmediateOrCancel,
            fill_timeout: Nanos::from_secs(30),
            partial_wait: Nanos::from_secs(5),
            retries_max: 3,
            retry_step: PriceDelta::from_cents(1),
            improvement_max: PriceDelta::from_cents(3),
            slippage_max: PriceDelta::from_cents(2),
            repeg: Repeg::Replace,
            repegs_max: 5,
            repeg_step: PriceDelta::from_cents(1),
            repeg_interval: Nanos::from_secs(1),
            fills_wait: Nanos::from_secs(1),
            resends_max: RESENDS_MAX,
            resend_interval: Nanos::from_ms(100),
            resend_age_max: Nanos::from_secs(10),
            lookup_interval: Nanos::from_ms(500),
            absence_wait: Nanos::from_secs(35),
            read_lag: Nanos::from_secs(1),
            lookups_max: 20,
            aftermath: Nanos::from_secs(60),
            cancels_max: 3,
            drain_timeout: Nanos::from_secs(10),
            books_max: Self::BOOKS_MAX,
            reconcile: ReconcileConfig::default(),
        }
    }
}

/// How a making order gets to another price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeg {
    /// It is cancelled, and a new one goes there once it has ended.
    Replace,
    /// The exchange is asked to move it.
    Amend,
}

impl Repeg {
    /// The name in files.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Replace => "replace",
            Self::Amend => "amend",
        }
    }

    /// Reads the name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Replace, Self::Amend].into_iter().find(|it| it.as_str() == text)
    }
}

/// What becomes of orders that rest under our mark and that nobody here knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Orphans {
    /// They are followed to their end.
    Adopt,
    /// They are cancelled: nobody waits for them any more.
    Cancel,
}

impl Orphans {
    /// The name in files.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Adopt => "adopt",
            Self::Cancel => "cancel",
        }
    }

    /// Reads the name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Adopt, Self::Cancel].into_iter().find(|it| it.as_str() == text)
    }
}

/// What becomes of orders of others on the same account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Foreign {
    /// Nothing: they are none of ours.
    Leave,
    /// They are cancelled.
    Cancel,
}

/// How books and exchange are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReconcileConfig {
    /// Time between two comparisons while nothing differs; `None` where there is no exchange to
    /// compare with (paper).
    pub every: Option<Nanos>,
    /// What becomes of orders of ours that nobody knows.
    pub orphans: Orphans,
    /// What becomes of orders of others.
    pub foreign: Foreign,
}

impl Default for ReconcileConfig {
    fn default() -> Self {
        let (orphans, foreign) = (Orphans::Cancel, Foreign::Leave);
        Self { every: Some(Nanos::from_secs(60)), orphans, foreign }
    }
}

/// Which tickers may be traded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Only those of the market table: the exchange listed them.
    Listed,
    /// Any, on whole cents with standard fees: paper trading has no exchange to list them.
    Any,
}

/// Whether trading needs the fill feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeedNeed {
    /// No order while it is down.
    Required,
    /// Fills come another way (paper, look-ups).
    Optional,
}

/// Everything the oms is told at start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OmsConfig {
    /// This start of the engine.
    pub run: RunId,
    /// The bounds.
    pub limits: Limits,
    /// What trips the circuit breaker.
    pub breaker: BreakerConfig,
    /// How orders are made and followed.
    pub orders: OrderConfig,
    /// Which tickers may be traded.
    pub admission: Admission,
    /// Whether trading needs the fill feed.
    pub feed: FeedNeed,
    /// Slots of the order slab.
    pub orders_max: usize,
}
