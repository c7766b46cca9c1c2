//! The kill switch: what stands between approval and the wire.
//!
//! A stop must also reach orders that were approved before it and still lie between the oms and the
//! wire, whatever queue they wait in. A halt throws the switch: no order leaves, whatever it is,
//! and the exchange's own kill switch follows. Any thread may throw it; only the oms resets it,
//! when an operator resumes: that the halt is sticky is the oms's state, not this. An opening
//! circuit breaker holds back what was approved until then and nothing else: what the breaker lets
//! out later, its probe, was approved later. A market that stops does the same to its own orders.
//! The gateway looks at all of it before each order. Cancels look at none of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::ids::MarketIx;
use crate::kalshi::market::MarketTable;
use crate::message::Unsent;
use crate::units::Timestamp;

/// A handle on the one switch of a run; clones are the same switch.
#[derive(Clone, Debug)]
pub struct KillSwitch {
    thrown: Arc<AtomicBool>,
    /// When the oms last carried out a halt, in nanoseconds; 0 before the first.
    halted_ns: Arc<AtomicU64>,
    /// Orders approved before this many nanoseconds do not leave any more.
    held_before_ns: Arc<AtomicU64>,
    /// The latest of `markets_held_before_ns`: what was approved since then is held in no market,
    /// and nobody has to look for its own.
    some_held_before_ns: Arc<AtomicU64>,
    /// The same as `held_before_ns` for each market that a run can have: markets may be admitted
    /// while others read.
    markets_held_before_ns: Arc<[AtomicU64]>,
}

impl Default for KillSwitch {
    fn default() -> Self {
        Self {
            thrown: Arc::default(),
            halted_ns: Arc::default(),
            held_before_ns: Arc::default(),
            some_held_before_ns: Arc::default(),
            markets_held_before_ns: (0..MarketTable::MARKETS_MAX)
                .map(|_| AtomicU64::new(0))
                .collect(),
        }
    }
}

impl KillSwitch {
    /// From now on no new order leaves.
    pub fn throw(&self) {
        // Release: pairs with the Acquire in `is_thrown`.
        self.thrown.store(true, Ordering::Release);
    }

    /// Orders may leave again, unless they were approved before. Only for the oms.
    pub(crate) fn reset(&self) {
        self.thrown.store(false, Ordering::Release);
    }

    /// The oms has halted, or has been told to once more. Only for the oms.
    pub(crate) fn confirm(&self, at: Timestamp) {
        self.throw();
        // Release: pairs with the Acquire in `halted_at`.
        self.halted_ns.store(at.ns(), Ordering::Release);
    }

    /// Trading has stopped: what was approved until `at` does not leave any more, nor does its
    /// repetition. Nothing takes this back. Only for the oms, whose clock approvals go by.
    pub(crate) fn hold(&self, at: Timestamp) {
        // Release: pairs with the Acquire in `refuses`.
        self.held_before_ns.store(at.ns().saturating_add(1), Ordering::Release);
    }

    /// A market has stopped: what was approved for it before `before` does not leave any more, nor
    /// does its repetition. Nothing takes this back. Only for the oms.
    pub(crate) fn hold_market(&self, market: MarketIx, before: Timestamp) {
        // One that is not in the table is refused anyway.
        if let Some(held) = self.markets_held_before_ns.get(usize::from(market.0)) {
            // Release, both, and this one first: pair with the Acquires in `is_held_in`.
            held.fetch_max(before.ns(), Ordering::Release);
            self.some_held_before_ns.fetch_max(before.ns(), Ordering::Release);
        }
    }

    /// Why an order approved at `approved` for `market` may not leave; `None` when it may.
    #[must_use]
    pub fn refuses(&self, approved: Timestamp, market: MarketIx) -> Option<Unsent> {
        if self.is_thrown() {
            return Some(Unsent::Halted);
        }
        // Acquire: pairs with the Release in `hold`.
        let held = approved.ns() < self.held_before_ns.load(Ordering::Acquire);
        (held || self.is_held_in(approved, market)).then_some(Unsent::HeldBack)
    }

    fn is_held_in(&self, approved: Timestamp, market: MarketIx) -> bool {
        // Acquire, both: pair with the Releases in `hold_market`.
        if approved.ns() >= self.some_held_before_ns.load(Ordering::Acquire) {
            return false;
        }
        let held = self.markets_held_before_ns.get(usize::from(market.0));
        held.is_none_or(|before| approved.ns() < before.load(Ordering::Acquire))
    }

    /// When the oms last carried out a halt: what the latency of a command is measured to.
    #[must_use]
    pub fn halted_at(&self) -> Timestamp {
        // Acquire: pairs with the Release in `confirm`.
        Timestamp::from_ns(self.halted_ns.load(Ordering::Acquire))
    }

    /// Whether no order may leave.
    #[must_use]
    pub fn is_thrown(&self) -> bool {
        // Acquire: pairs with the Release of whoever threw it.
        self.thrown.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: MarketIx = MarketIx(0);
    const B: MarketIx = MarketIx(1);

    #[test]
    fn what_was_approved_before_a_stop_never_leaves_and_what_comes_after_may() {
        let switch = KillSwitch::default();
        assert_eq!(switch.refuses(Timestamp::ZERO, A), None);
        switch.hold(Timestamp::from_ns(10));
        assert_eq!(switch.refuses(Timestamp::from_ns(10), A), Some(Unsent::HeldBack));
        assert_eq!(switch.refuses(Timestamp::from_ns(11), A), None);
        assert!(!switch.is_thrown(), "the exchange's order groups go on");

        switch.throw();
        assert_eq!(switch.refuses(Timestamp::from_ns(11), A), Some(Unsent::Halted));
        switch.reset();
        assert_eq!(switch.refuses(Timestamp::from_ns(10), A), Some(Unsent::HeldBack));
    }

    #[test]
    fn a_stopped_market_holds_back_its_own_orders_and_no_others() {
        let switch = KillSwitch::default();
        let at = Timestamp::from_ns;
        switch.hold_market(A, at(10));
        switch.hold_market(B, at(5));
        assert_eq!(switch.refuses(at(9), A), Some(Unsent::HeldBack), "B stopped later");
        switch.hold_market(B, at(20));
        assert_eq!(switch.refuses(at(9), A), Some(Unsent::HeldBack));
        assert_eq!(switch.refuses(at(10), A), None);
        assert_eq!(switch.refuses(at(19), B), Some(Unsent::HeldBack));
        assert_eq!(switch.refuses(at(20), B), None);
        assert_eq!(switch.refuses(at(9), MarketIx(2)), None);
        assert_eq!(switch.refuses(at(9), MarketIx(u16::MAX)), Some(Unsent::HeldBack), "unknown");
    }
}
