//! The kill switch: one flag between approval and the wire.
//!
//! A halt must also reach orders that were approved before it and still lie between the oms and
//! the wire, whatever queue they wait in. Any thread may throw the switch; the gateway looks at
//! it before each order and sends none while it is thrown. Cancels do not look at it. Only the
//! oms resets it, when an operator resumes: that the halt is sticky is the oms's state, not this.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::units::Timestamp;

/// A handle on the one switch of a run; clones are the same switch.
#[derive(Clone, Debug, Default)]
pub struct KillSwitch {
    thrown: Arc<AtomicBool>,
    /// When the oms last carried out a halt, in nanoseconds; 0 before the first.
    halted_ns: Arc<AtomicU64>,
}

impl KillSwitch {
    /// From now on no new order leaves.
    pub fn throw(&self) {
        // Release: pairs with the Acquire in `is_thrown`.
        self.thrown.store(true, Ordering::Release);
    }

    /// Orders may leave again. Only for the oms.
    pub(crate) fn reset(&self) {
        self.thrown.store(false, Ordering::Release);
    }

    /// The oms has halted, or has been told to once more. Only for the oms.
    pub(crate) fn confirm(&self, at: Timestamp) {
        self.throw();
        // Release: pairs with the Acquire in `halted_at`.
        self.halted_ns.store(at.ns(), Ordering::Release);
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
