//! The kill switch: one flag between approval and the wire.
//!
//! A halt must also reach orders that were approved before it and still lie between the oms and
//! the wire, whatever queue they wait in. Any thread may throw the switch; the gateway looks at
//! it before each order and sends none while it is thrown. Cancels do not look at it. Only the
//! oms resets it, when an operator resumes: that the halt is sticky is the oms's state, not this.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A handle on the one switch of a run; clones are the same switch.
#[derive(Clone, Debug, Default)]
pub struct KillSwitch {
    thrown: Arc<AtomicBool>,
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

    /// Whether no order may leave.
    #[must_use]
    pub fn is_thrown(&self) -> bool {
        // Acquire: pairs with the Release of whoever threw it.
        self.thrown.load(Ordering::Acquire)
    }
}
