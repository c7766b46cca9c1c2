//! The kill switch: what stands between approval and the wire.
//!
//! A stop must also reach orders that were approved before it and still lie between the oms and
//! the wire, whatever queue they wait in. It has two levels. A halt throws the switch: no order
//! leaves, whatever it is, and the exchange's own kill switch follows. Any thread may throw it;
//! only the oms resets it, when an operator resumes: that the halt is sticky is the oms's state,
//! not this. An opening circuit breaker holds back what was approved until then and nothing else:
//! what the breaker lets out later, its probe, was approved later. The gateway looks at both
//! before each order. Cancels look at neither.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::message::Unsent;
use crate::units::Timestamp;

/// A handle on the one switch of a run; clones are the same switch.
#[derive(Clone, Debug, Default)]
pub struct KillSwitch {
    thrown: Arc<AtomicBool>,
    /// When the oms last carried out a halt, in nanoseconds; 0 before the first.
    halted_ns: Arc<AtomicU64>,
    /// Orders approved before this many nanoseconds do not leave any more.
    held_before_ns: Arc<AtomicU64>,
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

    /// Why an order approved at `approved` may not leave; `None` when it may.
    #[must_use]
    pub fn refuses(&self, approved: Timestamp) -> Option<Unsent> {
        if self.is_thrown() {
            return Some(Unsent::Halted);
        }
        // Acquire: pairs with the Release in `hold`.
        let held = approved.ns() < self.held_before_ns.load(Ordering::Acquire);
        held.then_some(Unsent::HeldBack)
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

    #[test]
    fn what_was_approved_before_a_stop_never_leaves_and_what_comes_after_may() {
        let switch = KillSwitch::default();
        assert_eq!(switch.refuses(Timestamp::ZERO), None);
        switch.hold(Timestamp::from_ns(10));
        assert_eq!(switch.refuses(Timestamp::from_ns(10)), Some(Unsent::HeldBack));
        assert_eq!(switch.refuses(Timestamp::from_ns(11)), None);
        assert!(!switch.is_thrown(), "the exchange's order groups go on");

        switch.throw();
        assert_eq!(switch.refuses(Timestamp::from_ns(11)), Some(Unsent::Halted));
        switch.reset();
        assert_eq!(switch.refuses(Timestamp::from_ns(10)), Some(Unsent::HeldBack));
    }
}
