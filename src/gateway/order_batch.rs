//! New orders that wait together go out together: one request instead of one each.
//!
//! An order that finds a free connection goes at once and alone, so this serves bursts of more
//! orders than there are connections: those held would each wait for a round trip of the ones
//! before. It saves no tokens (each order costs what it does alone), and the exchange bills it to
//! the account's common bucket, which is the one mirrored here. Only orders of one shard go
//! together, and only for the first time: a repetition is one order's own affair. Each has a fate
//! of its own; an answer that is lost is lost for each of them, and each is then sent again alone
//! and in the same bytes.

use super::Gateway;
use super::answer::{self, Ending, Purpose};
use super::cancel::{CancelSigner, sign};
use super::held::{Attempt, Taken};
use super::pool::Use;
use super::presign::Presign;
use super::submit::Bytes;
use crate::ids::ClientOrderId;
use crate::kalshi::encode::ORDER_BATCH_MAX;
use crate::kalshi::errors;
use crate::kalshi::order_batch::{OrderBatch, OrderFate};
use crate::kalshi::paths::POST;
use crate::message::{GatewayEvent, SendStamps, Unsent};
use crate::net::{Connector, Transport};
use crate::runtime::clock::Clock;
use crate::runtime::stage::Work;
use crate::units::Now;

impl<T, K, P, C, S> Gateway<T, K, P, C, S>
where
    T: Transport,
    K: Connector<T>,
    P: Presign,
    C: Clock,
    S: CancelSigner,
{
    /// Sends the orders at the front of those held in one request, if connections are scarcer than
    /// they are and nothing stands in the way of any of them.
    pub(super) fn send_orders_together(&mut self, now: Now) -> Work {
        let count = self.orders_to_batch();
        if count < 2 || self.pool.for_orders() >= self.held.len() {
            return Work::Idle;
        }
        let signed = sign(&self.parts.key, now.wall.unix_ms(), POST, &self.batch_path);
        let Some(signed) = signed.filter(|signed| self.fits(signed)) else { return Work::Idle };
        let Some((place, orders)) = self.order_batches.free() else { return Work::Idle };
        for _ in 0..count {
            orders.extend(self.held.pop());
        }
        let (templates, path) = (&self.parts.templates, &self.batch_path);
        let approved = orders.iter().map(|taken| &taken.order);
        let length = templates.encode_order_batch(&mut self.request[..], path, approved, &signed);
        let encoded = self.parts.clock.mono();
        let stamps = SendStamps { taken: now.mono, encoded, ..SendStamps::default() };
        let purpose = Purpose::OrderBatch { place };
        match self.send(Use::Order, purpose, stamps, length, now) {
            Bytes::Left => {}
            Bytes::Stayed => self.take_batch_back(place),
        }
        Work::Done
    }

    /// How many orders at the front may go in one request.
    fn orders_to_batch(&self) -> usize {
        let free = self.pool.pick(Use::Order).is_some();
        if !free || !self.groups.take_orders() {
            return 0;
        }
        let now = self.parts.clock.mono();
        let Some(first) = self.held.front() else { return 0 };
        let shard = self.parts.templates.shard(first.order.get().market);
        let goes = |taken: &&Taken| {
            let order = taken.order.get();
            taken.attempt == Attempt::First
                && self.kill_switch.refuses(order.approved, order.market).is_none()
                && now.since(taken.since()) <= self.submit_age_max
                && self.parts.templates.shard(order.market) == shard
        };
        let most = self.batch_orders_max.min(ORDER_BATCH_MAX).min(self.budget.creates());
        self.held.iter().take_while(goes).take(most).count()
    }

    /// Tells of each order in a batch whose bytes are with the kernel.
    pub(super) fn orders_sent(&mut self, place: u8, stamps: SendStamps) {
        for nth in 0..self.order_batches.len(place) {
            let taken = *self.order_batches.get(place, nth);
            let stamps = SendStamps { taken: taken.at, ..stamps };
            self.outbox.push(GatewayEvent::Sent { key: taken.order.get().key, stamps });
        }
    }

    /// Not one byte of a batch has left: its orders wait again, in their turn.
    pub(super) fn take_batch_back(&mut self, place: u8) {
        while let Some(taken) = self.order_batches.pop(place) {
            if self.held.is_full() {
                self.outbox.push(answer::unsent(&taken, Unsent::WriteFailed));
            } else {
                self.held.push_front(taken);
            }
        }
    }

    /// No answer will come.
    #[cold]
    pub(super) fn end_orders(&mut self, place: u8, ending: Ending) {
        let Ending::Lost(why) = ending else { return self.take_batch_back(place) };
        while let Some(taken) = self.order_batches.pop(place) {
            self.outbox.push(GatewayEvent::Lost { key: taken.order.get().key, why });
        }
    }

    /// What the exchange said of each.
    pub(super) fn orders_answered(&mut self, place: u8, answer: &OrdersAnswer) {
        while let Some(taken) = self.order_batches.pop(place) {
            let order = taken.order.get();
            let key = order.key;
            self.outbox.push(match answer.of(order.client_order_id) {
                OrderFate::Accepted(accepted) => GatewayEvent::Accepted { key, accepted },
                OrderFate::Rejected(reject) => GatewayEvent::Rejected { key, reject },
                OrderFate::Lost(why) => GatewayEvent::Lost { key, why },
            });
        }
    }
}

/// What was answered to a batch of orders.
pub(super) enum OrdersAnswer {
    /// Something of each of them.
    Each(OrderBatch),
    /// The same of all of them.
    All(OrderFate),
}

impl OrdersAnswer {
    pub(super) fn read(status: u16, body: &[u8]) -> Self {
        match (status, answer::loss(status)) {
            (200..=299, _) => Self::Each(OrderBatch::read(body)),
            (_, Some(why)) => Self::All(OrderFate::Lost(why)),
            (_, None) => Self::All(OrderFate::Rejected(errors::reject(status, body))),
        }
    }

    fn of(&self, id: ClientOrderId) -> OrderFate {
        match self {
            Self::Each(batch) => batch.of(id),
            Self::All(fate) => *fate,
        }
    }
}
