//! One signal's execution: what was asked, the orders sent for it, how it went.

use crate::ids::{ExecutionId, OrderKey, SourceId};
use crate::ids::{SignalId, Ticker};
use crate::message::{Action, Signal};
use crate::recorder::record::{ExecutionResult, Hop, Hops, Outcome, ResultError};
use crate::risk::Refusal;
use crate::units::{Contracts, Money, Nanos, Price, PriceDelta, Timestamp};

/// Follows one signal from approval to its result. Lives in the slot of its first order.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Execution {
    /// Names it.
    pub(super) id: ExecutionId,
    /// The order sent for it.
    pub(super) child: OrderKey,
    /// Where the answer goes.
    pub(super) source: SourceId,
    /// The signal.
    pub(super) signal_id: SignalId,
    /// What was asked; `None` in a slot never used.
    pub(super) action: Option<Action>,
    /// The price the signal saw, in its own leg.
    pub(super) expected: Option<Price>,
    /// The day whose counters it entered.
    pub(super) utc_day: u32,
    /// The signal's edge.
    pub(super) edge: PriceDelta,
    /// Cash still reserved for the order.
    pub(super) reserve: Money,
    /// When the signal's bytes were in memory.
    pub(super) received: Timestamp,
    /// Where the time went.
    pub(super) hops: Hops,
    /// Set when the exchange refused or something failed.
    pub(super) error: Option<ResultError>,
}

impl Execution {
    /// Starts an execution for an approved signal.
    #[must_use]
    pub(super) fn start(
        id: ExecutionId,
        child: OrderKey,
        signal: &Signal,
        expected: Option<Price>,
        reserve: Money,
        utc_day: u32,
    ) -> Self {
        let mut hops = Hops::default();
        hops.set(Hop::Decode, signal.decoded.since(signal.received));
        Self {
            id,
            child,
            source: signal.source,
            signal_id: signal.id,
            action: Some(signal.action),
            expected,
            utc_day,
            edge: signal.edge,
            reserve,
            received: signal.received,
            hops,
            error: None,
        }
    }

    /// Notes a hop and returns its span for the recorder.
    pub(super) const fn note(&mut self, hop: Hop, span: Nanos) -> Nanos {
        self.hops.set(hop, span);
        span
    }

    /// Whether a hop has been noted.
    #[must_use]
    pub(super) const fn has(&self, hop: Hop) -> bool {
        self.hops.spans[hop as usize].is_some()
    }
}

/// The answer to a signal that a limit refused.
#[must_use]
pub(super) fn refused(
    id: ExecutionId,
    signal: &Signal,
    expected: Option<Price>,
    refusal: Refusal,
) -> ExecutionResult {
    let mut hops = Hops::default();
    hops.set(Hop::Decode, signal.decoded.since(signal.received));
    ExecutionResult {
        source: signal.source,
        signal_id: signal.id,
        execution_id: id,
        ticker: signal.ticker,
        action: signal.action,
        outcome: Outcome::Refused(refusal),
        contracts: signal.contracts,
        filled: Contracts::ZERO,
        cost: Money::ZERO,
        fees: Money::ZERO,
        expected_price: expected,
        edge: signal.edge,
        retries: 0,
        error: None,
        orders: [None; crate::recorder::record::CHILDREN_MAX],
        hops,
    }
}

/// What an execution's result starts from, before its orders are added.
#[must_use]
pub(super) fn result(execution: &Execution, ticker: Ticker, action: Action) -> ExecutionResult {
    ExecutionResult {
        source: execution.source,
        signal_id: execution.signal_id,
        execution_id: execution.id,
        ticker,
        action,
        outcome: Outcome::NotTradeable,
        contracts: Contracts::ZERO,
        filled: Contracts::ZERO,
        cost: Money::ZERO,
        fees: Money::ZERO,
        expected_price: execution.expected,
        edge: execution.edge,
        retries: 0,
        error: execution.error,
        orders: [None; crate::recorder::record::CHILDREN_MAX],
        hops: execution.hops,
    }
}
