//! Which order a message is about: our id names it, the exchange's id is learnt, and what
//! contradicts itself is looked up.
//!
//! Answers that describe another order have been seen (reference §3.1). Our own id in a fill or
//! report is trusted, because we made it; the exchange's id is what answers may get wrong. On a
//! contradiction the market stops, the id is forgotten and the order is looked up by ours.

use super::core::{Core, Outbox};
use crate::ids::{ClientOrderId, OrderId, OrderKey, Reason};
use crate::message::OrderReport;
use crate::units::Now;

/// Whether a message's order id is the one the order has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum Identity {
    /// It is, from now on at the latest.
    Agreed,
    /// It is not: one of the two messages was about another order.
    Disputed,
}

impl Core {
    /// The order a message is about: by our id when it carries it, else by the exchange's.
    pub(super) fn key_of(
        &self,
        client_order_id: Option<ClientOrderId>,
        order_id: &OrderId,
    ) -> Option<OrderKey> {
        let by_client = client_order_id.and_then(|id| self.orders.key_by_client_id(id));
        by_client.or_else(|| self.by_order_id.find(order_id))
    }

    /// Ties the exchange's id to an order, or finds that it contradicts what was said before.
    pub(super) fn identify(
        &mut self,
        now: Now,
        key: OrderKey,
        order_id: OrderId,
        out: &mut Outbox,
    ) -> Identity {
        let other = self.by_order_id.find(&order_id).filter(|other| *other != key);
        let other = other.filter(|other| self.orders.find(*other).is_some());
        let Some(order) = self.orders.find_mut(key) else { return Identity::Disputed };
        let known = !order.order_id().is_empty();
        if other.is_none() && order.identify(order_id) {
            if !known {
                self.by_order_id.insert(order_id, key);
            }
            return Identity::Agreed;
        }
        self.dispute(now, key, out);
        if let Some(other) = other {
            self.dispute(now, other, out);
        }
        Identity::Disputed
    }

    /// An order's id at the exchange is in doubt: nothing is traded in its market, and it is
    /// looked up by our own id.
    #[cold]
    fn dispute(&mut self, now: Now, key: OrderKey, out: &mut Outbox) {
        self.stop_market(key, Reason::lossy("an answer named another order id"), out);
        let Some(order) = self.orders.find_mut(key) else { return };
        order.disputed = true;
        if order.state().is_terminal() {
            return;
        }
        let before = order.order_id();
        order.rename(OrderId::EMPTY);
        if self.by_order_id.find(&before) == Some(key) {
            self.by_order_id.remove(&before);
        }
        self.doubt(now, key, out);
    }

    /// A look-up by our own id has found the order: its id is settled.
    pub(super) fn settle_identity(&mut self, key: OrderKey, report: &OrderReport) {
        let Some(order) = self.orders.find_mut(key) else { return };
        let before = order.order_id();
        if before == report.order_id {
            return;
        }
        order.rename(report.order_id);
        if self.by_order_id.find(&before) == Some(key) {
            self.by_order_id.remove(&before);
        }
        self.by_order_id.insert(report.order_id, key);
    }
}
