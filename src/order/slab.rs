//! Fixed-capacity home of all orders, live and recently ended.
//!
//! The `seq`-th order of a run lives in slot `seq % capacity`, so finding an order by its client
//! order id is one index and one comparison: no hashing, no growth. Ended orders stay until
//! their slot is needed, so that late fills and duplicate reports still find them.

use super::Order;
use crate::ids::{ClientOrderId, OrderId, OrderKey, RunId};

/// Default capacity: a day's orders at the exchange's Basic write rate for 2½ minutes; far above
/// any open-orders limit, so a slot is only ever reused long after its order ended.
pub const ORDERS_MAX: usize = 16_384;

/// See the module's page.
#[derive(Debug)]
pub struct OrderSlab {
    run: RunId,
    slots: Vec<Option<Order>>,
    next_seq: u64,
    live: u32,
}

impl OrderSlab {
    /// Allocates all slots at once; `capacity` is at least 1.
    ///
    /// # Panics
    /// When `capacity` is zero or does not fit 32 bits.
    #[must_use]
    pub fn new(run: RunId, capacity: usize) -> Self {
        assert!(capacity > 0, "a slab has at least one slot");
        assert!(u32::try_from(capacity).is_ok(), "slots are numbered in 32 bits");
        Self { run, slots: vec![None; capacity], next_seq: 1, live: 0 }
    }

    /// Where the next order will live and what it will be called, or `None` when every slot
    /// within reach holds a live order.
    #[must_use]
    pub fn reserve(&self) -> Option<(OrderKey, ClientOrderId)> {
        // Looking at each slot once bounds the search; one step is the rule.
        let seqs = self.next_seq..self.next_seq + self.slots.len() as u64;
        seqs.map(|seq| (self.key_of(seq), seq))
            .find(|(key, _)| {
                let slot = &self.slots[key.slot as usize];
                slot.as_ref().is_none_or(|order| order.state().is_terminal())
            })
            .map(|(key, seq)| (key, ClientOrderId::new(self.run, seq)))
    }

    /// Puts an order into the place [`Self::reserve`] gave it. Returns the exchange's id of the
    /// ended order that made room.
    ///
    /// # Panics
    /// When the place holds a live order: reserve and insert belong together.
    pub fn insert(&mut self, order: Order) -> Option<OrderId> {
        let seq = order.terms().client_order_id.seq();
        let former = self.put(order);
        self.next_seq = seq + 1;
        former
    }

    fn put(&mut self, order: Order) -> Option<OrderId> {
        let slot = &mut self.slots[order.key().slot as usize];
        assert!(
            slot.as_ref().is_none_or(|former| former.state().is_terminal()),
            "a live order is never displaced"
        );
        let former = slot.as_ref().map(Order::order_id).filter(|id| !id.is_empty());
        *slot = Some(order);
        self.live += 1;
        former
    }

    /// Puts an order that was made elsewhere into the place [`Self::reserve`] gave under the id
    /// `place`, which no order gets any more. Returns the exchange's id of the ended order that
    /// made room.
    ///
    /// # Panics
    /// When the place holds a live order: reserve and adopt belong together.
    pub fn adopt(&mut self, order: Order, place: ClientOrderId) -> Option<OrderId> {
        let former = self.put(order);
        self.next_seq = place.seq() + 1;
        former
    }

    /// The order with this key, unless its slot has been reused.
    #[must_use]
    pub fn find(&self, key: OrderKey) -> Option<&Order> {
        self.slots.get(key.slot as usize)?.as_ref().filter(|order| order.key() == key)
    }

    /// Like [`Self::find`], mutable.
    #[must_use]
    pub fn find_mut(&mut self, key: OrderKey) -> Option<&mut Order> {
        self.slots.get_mut(key.slot as usize)?.as_mut().filter(|order| order.key() == key)
    }

    /// The key of one of this run's orders; `None` for other runs' ids.
    #[must_use]
    pub fn key_by_client_id(&self, id: ClientOrderId) -> Option<OrderKey> {
        if id.run() != self.run {
            return None;
        }
        let key = self.key_of(id.seq());
        self.find(key).map(Order::key)
    }

    /// How many orders are not terminal.
    #[must_use]
    pub const fn live(&self) -> u32 {
        self.live
    }

    /// To be called when an order became terminal.
    pub const fn retire(&mut self) {
        debug_assert!(self.live > 0, "Invariant: only live orders end");
        self.live -= 1;
    }

    /// Every order, ended ones included, by slot. Linear: for looking, not for orders.
    pub fn iter(&self) -> impl Iterator<Item = &Order> {
        self.slots.iter().flatten()
    }

    /// The slots, for those who look at a part of them at a time.
    #[must_use]
    pub fn slots(&self) -> &[Option<Order>] {
        &self.slots
    }

    /// Every order that is not terminal, oldest slot first. Linear: for draining, not for orders.
    pub fn live_orders(&self) -> impl Iterator<Item = &Order> {
        self.iter().filter(|order| !order.state().is_terminal())
    }

    /// How many slots there are.
    #[must_use]
    pub const fn capacity(&self) -> usize {
        self.slots.len()
    }

    /// The key of the order in a slot, while it is not terminal.
    #[must_use]
    pub fn live_at(&self, slot: usize) -> Option<OrderKey> {
        let order = self.slots.get(slot)?.as_ref()?;
        (!order.state().is_terminal()).then(|| order.key())
    }

    fn key_of(&self, seq: u64) -> OrderKey {
        let capacity = self.slots.len() as u64;
        let narrow = |value: u64| u32::try_from(value).unwrap_or(u32::MAX);
        OrderKey { slot: narrow(seq % capacity), generation: narrow(seq / capacity) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::MarketIx;
    use crate::message::{BookSide, NewOrder, TimeInForce};
    use crate::order::Event;
    use crate::units::{Contracts, Price, Timestamp};

    fn add(slab: &mut OrderSlab) -> Option<OrderKey> {
        let (key, client_order_id) = slab.reserve()?;
        slab.insert(Order::new(NewOrder {
            key,
            client_order_id,
            market: MarketIx(0),
            side: BookSide::Bid,
            price: Price::from_cents(50).unwrap(),
            quantity: Contracts::from_whole(1),
            time_in_force: TimeInForce::ImmediateOrCancel,
            expiration_secs: None,
            reduce_only: false,
            post_only: false,
            reference: Price::from_cents(50).unwrap(),
            received: Timestamp::ZERO,
            approved: Timestamp::ZERO,
        }));
        Some(key)
    }

    #[test]
    fn live_orders_are_never_displaced_and_ended_ones_make_room() {
        let mut slab = OrderSlab::new(RunId::new(1), 4);
        let keys: Vec<_> = (0..4).map(|_| add(&mut slab).unwrap()).collect();
        assert_eq!(add(&mut slab), None, "full of live orders");

        slab.find_mut(keys[2]).unwrap().apply(Event::NotSent).unwrap();
        slab.retire();
        let reused = add(&mut slab).unwrap();

        assert_eq!(reused.slot, keys[2].slot);
        assert_ne!(reused, keys[2]);
        assert!(slab.find(keys[2]).is_none(), "the old key does not find the new order");
        assert_eq!(slab.live(), 4);
    }

    #[test]
    fn client_ids_find_their_order_and_foreign_ones_do_not() {
        let mut slab = OrderSlab::new(RunId::new(1), 4);
        let key = add(&mut slab).unwrap();
        let id = slab.find(key).unwrap().terms().client_order_id;
        assert_eq!(slab.key_by_client_id(id), Some(key));
        assert_eq!(slab.key_by_client_id(ClientOrderId::new(RunId::new(2), id.seq())), None);
    }
}
