//! Orders of one run whose end its journal does not show.
//!
//! In: orders sent and results told. Out: how much may still be in flight, when the youngest was
//! sent, and from when on fills of theirs may be missing.

use std::collections::BTreeMap;

use crate::ids::ClientOrderId;
use crate::message::NewOrder;
use crate::recorder::record::ExecutionResult;
use crate::units::{Contracts, Nanos, Now, Timestamp, WallTime};

#[derive(Clone, Copy, Debug)]
struct Doubt {
    quantity: Contracts,
    at: Timestamp,
    /// The exchange's time of the newest fill known when it was sent: its own are no older.
    fills_from: WallTime,
}

/// See the module's page.
#[derive(Debug, Default)]
pub(super) struct Doubts {
    open: BTreeMap<ClientOrderId, Doubt>,
    last: Now,
}

impl Doubts {
    /// The journal's last word so far was at `now`.
    pub(super) const fn hear(&mut self, now: Now) {
        self.last = now;
    }

    pub(super) fn sent(&mut self, now: Now, order: &NewOrder, fills_from: WallTime) {
        let doubt = Doubt { quantity: order.quantity, at: now.mono, fills_from };
        self.open.insert(order.client_order_id, doubt);
    }

    /// An order has gone out once more: its bytes are signed anew, and may land as much later.
    pub(super) fn sent_again(&mut self, now: Now, order: &NewOrder) {
        if let Some(doubt) = self.open.get_mut(&order.client_order_id) {
            doubt.at = now.mono;
        }
    }

    /// A signal has its answer: the fates of its orders are known, but for those that it says are
    /// not.
    pub(super) fn told(&mut self, result: &ExecutionResult) {
        for child in result.orders.iter().flatten().filter(|child| child.state.is_terminal()) {
            self.open.remove(&child.client_order_id);
        }
    }

    /// The most that may still be in flight.
    pub(super) fn in_flight(&self) -> Contracts {
        self.open.values().fold(Contracts::ZERO, |sum, doubt| sum + doubt.quantity)
    }

    /// How long before the journal's last word the youngest was sent, and when that word was.
    pub(super) fn youngest(&self) -> Option<(Nanos, WallTime)> {
        let sent = self.open.values().map(|doubt| doubt.at).max()?;
        Some((self.last.mono.since(sent), self.last.wall))
    }

    /// From when on fills of theirs may be missing.
    pub(super) fn fills_from(&self) -> Option<WallTime> {
        self.open.values().map(|doubt| doubt.fills_from).min()
    }
}
