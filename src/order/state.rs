//! Order lifecycle: every legal transition, in one table.
//!
//! The exchange may report a fill on the WebSocket before the HTTP response that acknowledges
//! the order, repeat itself, and fill an order whose cancel is under way. What it may do is
//! legal here; what it may not is an [`IllegalTransition`], on which the oms stops the market
//! and reconciles. `tests/golden/order_transitions.txt` prints all pairs.

use core::fmt;

/// States of `execution-layer` §3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum State {
    /// Approved and on its way to the wire.
    Pending = 0,
    /// Handed to the kernel, not answered.
    Submitted = 1,
    /// On the book, nothing filled.
    Resting = 2,
    /// Partly filled, the rest alive.
    Partial = 3,
    /// A cancel was sent and not answered.
    CancelPending = 4,
    /// The answer is missing: the order may live, have filled, or never have landed.
    Unknown = 5,
    /// Completely filled.
    Filled = 6,
    /// Ended with something unfilled.
    Canceled = 7,
    /// The exchange never accepted it.
    Rejected = 8,
    /// Ended unfilled because its time was up.
    Expired = 9,
}

impl State {
    /// All states.
    pub const ALL: [Self; 10] = [
        Self::Pending,
        Self::Submitted,
        Self::Resting,
        Self::Partial,
        Self::CancelPending,
        Self::Unknown,
        Self::Filled,
        Self::Canceled,
        Self::Rejected,
        Self::Expired,
    ];

    /// Whether the order is finished. A late fill can still correct a `Canceled` one.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Filled | Self::Canceled | Self::Rejected | Self::Expired)
    }

    /// The name in results, journals and reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Submitted => "submitted",
            Self::Resting => "resting",
            Self::Partial => "partial",
            Self::CancelPending => "cancel_pending",
            Self::Unknown => "unknown",
            Self::Filled => "filled",
            Self::Canceled => "canceled",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What can happen to an order, already reduced to what the table needs to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Event {
    /// Its bytes were handed to the kernel.
    Sent = 0,
    /// Not one byte left.
    NotSent = 1,
    /// 201, and something of it lives on (or may: the fills decide).
    Acked = 2,
    /// 4xx on the create.
    Refused = 3,
    /// The create's answer is missing.
    Lost = 4,
    /// A new fill that leaves something open.
    FillSome = 5,
    /// A new fill that completes it.
    FillAll = 6,
    /// A cancel's bytes were handed to the kernel.
    CancelSent = 7,
    /// The cancel failed or its answer is missing; the order may still rest.
    CancelFailed = 8,
    /// Evidence from the exchange that it ended unfilled or partly filled.
    Ended = 9,
    /// Evidence that it ended because its time was up.
    TimedOut = 10,
    /// Evidence (a look-up) that it rests at the exchange.
    Found = 11,
    /// Evidence that it never reached the exchange.
    Absent = 12,
}

impl Event {
    /// All events.
    pub const ALL: [Self; 13] = [
        Self::Sent,
        Self::NotSent,
        Self::Acked,
        Self::Refused,
        Self::Lost,
        Self::FillSome,
        Self::FillAll,
        Self::CancelSent,
        Self::CancelFailed,
        Self::Ended,
        Self::TimedOut,
        Self::Found,
        Self::Absent,
    ];
}

/// The table. `Err` is never ignored: the market stops and is reconciled.
///
/// `Resting` stands for "alive": [`super::Order::apply`] writes it as `Partial` once something is
/// filled. `FillSome`/`FillAll` are about fills not seen before; duplicates never get here.
///
/// # Errors
/// [`IllegalTransition`] when `event` cannot happen to an order in state `from`.
#[rustfmt::skip]
pub const fn next(from: State, event: Event) -> Result<State, IllegalTransition> {
    use Event as E;
    use State as S;
    Ok(match (from, event) {
        // On the way out. Rings race: a fill or a report may overtake the news of the send.
        (S::Pending, E::Sent)                                       => S::Submitted,
        (S::Pending, E::NotSent | E::Refused)                       => S::Rejected,
        (S::Submitted | S::Unknown, E::Refused)                     => S::Rejected,
        (S::Unknown, E::NotSent)                                    => S::Rejected,
        (S::Submitted | S::Resting | S::Partial | S::CancelPending
            | S::Unknown | S::Filled | S::Canceled | S::Expired, E::Sent) => from,

        // Acknowledged or seen alive. A late acknowledgement changes nothing, and neither does a
        // replayed report of an order that has ended.
        (S::Pending | S::Submitted | S::Unknown, E::Acked | E::Found) => S::Resting,
        (S::Resting | S::Partial | S::CancelPending
            | S::Filled | S::Canceled | S::Expired, E::Acked | E::Found) => from,

        // The fate is unclear: the create's answer, the cancel's answer, or a 404 to the cancel.
        (S::Pending | S::Submitted | S::Resting | S::Partial
            | S::CancelPending | S::Unknown, E::Lost)               => S::Unknown,
        (S::Filled | S::Canceled | S::Expired, E::Lost)             => from,

        // Fills: before the acknowledgement, while a cancel is under way, after the cancel.
        (S::Pending | S::Submitted | S::Resting | S::Partial, E::FillSome) => S::Partial,
        (S::CancelPending | S::Unknown | S::Canceled | S::Expired, E::FillSome) => from,
        (S::Pending | S::Submitted | S::Resting | S::Partial | S::CancelPending
            | S::Unknown | S::Canceled | S::Expired, E::FillAll)    => S::Filled,

        // Cancelling. The order may have ended while the cancel waited for its turn.
        (S::Submitted | S::Resting | S::Partial
            | S::CancelPending, E::CancelSent)                      => S::CancelPending,
        (S::Unknown | S::Filled | S::Canceled | S::Expired, E::CancelSent) => from,
        (S::CancelPending, E::CancelFailed)                         => S::Resting,
        (S::Submitted | S::Resting | S::Partial | S::Unknown
            | S::Filled | S::Canceled | S::Expired, E::CancelFailed) => from,

        // Ended with something unfilled, on the exchange's word.
        (S::Pending | S::Submitted | S::Resting | S::Partial
            | S::CancelPending | S::Unknown, E::Ended)              => S::Canceled,
        (S::Pending | S::Submitted | S::Resting | S::Partial
            | S::CancelPending | S::Unknown, E::TimedOut)           => S::Expired,
        (S::Canceled | S::Expired | S::Rejected, E::Ended | E::TimedOut) => from,
        // A refused post-only order is also reported as cancelled, in either order.
        (S::Canceled, E::Refused)                                   => from,

        // Complete listings, over a time longer than reads lag writes, do not have it.
        (S::Unknown, E::Absent)                                     => S::Rejected,

        // Exhaustive by the golden file: a new state or event changes it.
        _ => return Err(IllegalTransition { from, event }),
    })
}

/// A step the exchange cannot make us take. Never ignored: the market stops and is reconciled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an order that is {from} cannot take {event:?}")]
pub struct IllegalTransition {
    /// The state it was in.
    pub from: State,
    /// What happened.
    pub event: Event,
}
