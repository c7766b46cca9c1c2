//! gateway → oms: what became of what was sent, and why what was not sent was not.

use crate::ids::{OrderId, OrderKey, Reason};
use crate::units::{Contracts, Timestamp, WallTime};

/// Why an answer did not come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Loss {
    /// No answer within the acknowledgement timeout.
    Timeout = 0,
    /// The connection ended after at least one byte had left.
    Disconnected = 1,
    /// The exchange answered 5xx.
    ServerError = 2,
    /// The answer was unreadable, or spoke of another order.
    Misbehaved = 3,
}

/// Why a request never left this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Unsent {
    /// No warm connection was free.
    NoConnection = 0,
    /// The connection failed before its first byte was written.
    WriteFailed = 1,
    /// No signature was at hand and none could be made.
    NoSignature = 2,
    /// The account's write tokens are used up.
    NoTokens = 3,
    /// Its intent could not be written to the journal.
    NotJournaled = 4,
    /// It had waited too long since its approval.
    Stale = 5,
    /// The gateway was stopping.
    Stopping = 6,
    /// The kill switch was thrown after its approval.
    Halted = 7,
    /// The exchange has not confirmed yet that its order group takes orders again.
    GroupTriggered = 8,
    /// Trading stopped after its approval: the circuit breaker opened, or a halt that has ended
    /// since.
    HeldBack = 9,
}

/// What can be asked of an order group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum GroupStep {
    /// Take orders again.
    #[default]
    Reset = 0,
    /// Cancel everything in it and take nothing more.
    Trigger = 1,
}

impl GroupStep {
    /// The exchange's name of it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reset => "reset",
            Self::Trigger => "trigger",
        }
    }
}

/// Times of one order's way out, for the per-hop histograms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SendStamps {
    /// The gateway took the order from its ring.
    pub taken: Timestamp,
    /// The request's bytes were complete.
    pub encoded: Timestamp,
    /// The bytes were TLS records.
    pub sealed: Timestamp,
    /// `send` had returned.
    pub sent: Timestamp,
}

/// What the exchange said of a new order (201).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The exchange's id.
    pub order_id: OrderId,
    /// How much traded at once.
    pub filled: Contracts,
    /// What is left after that (not to be trusted for immediate-or-cancel, see reference §3.1).
    pub remaining: Contracts,
    /// Matching-engine time.
    pub exchange_time: WallTime,
}

/// An exchange error, reduced to what travels (`kalshi/errors.rs` maps bodies to it).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reject {
    /// HTTP status.
    pub status: u16,
    /// Typed reason.
    pub kind: RejectKind,
    /// The exchange's `code`, or a name of ours when it sent none.
    pub code: Reason,
    /// The exchange's message and details.
    pub message: Reason,
}

/// Typed reasons behind the exchange's error codes (reference §3.0).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum RejectKind {
    /// 409 `order_already_exists`: an order with this client id has landed before.
    DuplicateOrder = 0,
    /// Collateral check failed.
    InsufficientBalance = 1,
    /// Off the tick grid or out of band.
    InvalidPrice = 2,
    /// A post-only order would have crossed.
    PostOnlyCross = 3,
    /// Fill-or-kill without enough volume.
    FillOrKill = 4,
    /// Exchange, trading or market is paused.
    Paused = 5,
    /// The market is closed or inactive.
    MarketInactive = 6,
    /// Unknown market or order.
    NotFound = 7,
    /// Key, signature, timestamp or permission.
    Unauthorized = 8,
    /// 429.
    TooManyRequests = 9,
    /// The request itself was malformed: a bug of ours.
    InvalidRequest = 10,
    /// 410: the endpoint is gone.
    Gone = 11,
    /// A 4xx this version does not know.
    Other = 12,
    /// The account's location is not attested, or no longer (reference §2): a person must do it.
    Region = 13,
    /// The order's group has been triggered and takes nothing until it is reset.
    GroupTriggered = 14,
}

/// gateway → oms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GatewayEvent {
    /// All bytes of the order were handed to the kernel.
    Sent {
        /// The order.
        key: OrderKey,
        /// Times of its way out.
        stamps: SendStamps,
    },
    /// Not one byte of the order left: it cannot exist at the exchange.
    NotSent {
        /// The order.
        key: OrderKey,
        /// What stopped it.
        why: Unsent,
    },
    /// Not one byte of an order's repetition left: its fate is as unclear as before.
    NotResent {
        /// The order.
        key: OrderKey,
        /// What stopped it.
        why: Unsent,
    },
    /// 201 with matching ids.
    Accepted {
        /// The order.
        key: OrderKey,
        /// What the exchange said.
        accepted: Accepted,
    },
    /// A 4xx: the exchange refused the order.
    Rejected {
        /// The order.
        key: OrderKey,
        /// What the exchange said.
        reject: Reject,
    },
    /// The order's fate is not known.
    Lost {
        /// The order.
        key: OrderKey,
        /// How the answer got lost.
        why: Loss,
    },
    /// All bytes of the cancel were handed to the kernel.
    CancelSent {
        /// The order.
        key: OrderKey,
    },
    /// 200: `reduced_by` contracts were cancelled.
    CancelAccepted {
        /// The order.
        key: OrderKey,
        /// How much of the order that ended.
        reduced_by: Contracts,
    },
    /// 404: already filled, already cancelled or never known; it cannot be told which.
    CancelNotFound {
        /// The order.
        key: OrderKey,
    },
    /// Refused, lost or never sent: the order may still rest.
    CancelFailed {
        /// The order.
        key: OrderKey,
        /// What became of it.
        why: CancelFailure,
    },
    /// Answer to [`Command::CancelAll`](super::Command::CancelAll).
    CancelAllDone {
        /// Whether every shard confirmed.
        ok: bool,
    },
    /// A step of the order group on one shard was confirmed, or was not.
    Group {
        /// The shard.
        shard: u8,
        /// Which step.
        step: GroupStep,
        /// Whether the exchange has confirmed it.
        ok: bool,
    },
    /// All bytes of an amendment or a decrease were handed to the kernel.
    ChangeSent {
        /// The order.
        key: OrderKey,
    },
    /// 200: the order is as it should be now.
    Changed {
        /// The order.
        key: OrderKey,
        /// What still rests, where the exchange says so; none means that the order is over.
        remaining: Option<Contracts>,
    },
    /// Refused, lost or never sent: the order is as it was, unless the answer was lost.
    ChangeFailed {
        /// The order.
        key: OrderKey,
        /// What became of it.
        why: CancelFailure,
    },
    /// How many warm connections the pool holds now.
    Connections {
        /// Ready for an order.
        ready: u16,
    },
}

/// Why a cancel or a change of an order did not take effect as far as we know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CancelFailure {
    /// It never left.
    Unsent(Unsent),
    /// No answer.
    Lost(Loss),
    /// The exchange refused it.
    Rejected(RejectKind),
}
