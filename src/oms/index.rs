//! Bounded look-up tables of the oms: orders by the exchange's id, trades already booked.
//!
//! Both are allocated once at twice their bound, so that inserting and removing never grows
//! them, and hash without a random seed: nothing here depends on the process.

use std::collections::{HashMap, VecDeque};

use crate::ids::{OrderId, OrderKey, Seedless, TradeId};

/// Finds orders by the exchange's id.
#[derive(Debug)]
pub(super) struct OrderIndex {
    keys: HashMap<OrderId, OrderKey, Seedless>,
}

impl OrderIndex {
    /// Room for every slot of the order slab.
    #[must_use]
    pub(super) fn new(capacity: usize) -> Self {
        Self { keys: HashMap::with_capacity_and_hasher(capacity * 2, Seedless::default()) }
    }

    /// Notes an order's id.
    pub(super) fn insert(&mut self, order_id: OrderId, key: OrderKey) {
        self.keys.insert(order_id, key);
    }

    /// Forgets an order whose slot is being reused.
    pub(super) fn remove(&mut self, order_id: &OrderId) {
        self.keys.remove(order_id);
    }

    /// The order with this id.
    #[must_use]
    pub(super) fn find(&self, order_id: &OrderId) -> Option<OrderKey> {
        self.keys.get(order_id).copied()
    }
}

/// Whether a trade has been met before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Novelty {
    /// Never.
    New,
    /// It was booked when its order could not be told; the order has yet to learn of it.
    Unclaimed,
    /// Booked for good.
    Known,
}

/// Whether the order of a fill is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// One of ours.
    Order,
    /// Somebody else's, or ours under an id that we have not been told yet.
    Nobody,
}

/// Remembers the last trades booked, so that no fill counts twice: neither in the account nor in
/// its order.
#[derive(Debug)]
pub(super) struct TradeSet {
    /// Whose it is, and the last reading of the account that listed it.
    seen: HashMap<TradeId, (Owner, u32), Seedless>,
    order: VecDeque<TradeId>,
    capacity: usize,
}

impl TradeSet {
    /// Trades remembered by default: several days at any rate the limits allow.
    pub(super) const TRADES_MAX: usize = 65_536;

    /// Remembers `capacity` trades, at least one.
    #[must_use]
    pub(super) fn new(capacity: usize) -> Self {
        let capacity = capacity.max(1);
        Self {
            seen: HashMap::with_capacity_and_hasher(capacity * 2, Seedless::default()),
            order: VecDeque::with_capacity(capacity),
            capacity,
        }
    }

    /// Notes a trade and whether its order is known. Says what was known of it before.
    #[must_use]
    pub(super) fn note(&mut self, trade_id: TradeId, owner: Owner) -> Novelty {
        if let Some(before) = self.seen.get_mut(&trade_id) {
            if before.0 == Owner::Nobody && owner == Owner::Order {
                before.0 = Owner::Order;
                return Novelty::Unclaimed;
            }
            return Novelty::Known;
        }
        self.seen.insert(trade_id, (owner, 0));
        if self.order.len() == self.capacity
            && let Some(oldest) = self.order.pop_front()
        {
            self.seen.remove(&oldest);
        }
        self.order.push_back(trade_id);
        Novelty::New
    }

    /// Notes that a reading of the account has listed a trade.
    pub(super) fn mark(&mut self, trade_id: &TradeId, reading: u32) {
        if let Some((_, listed)) = self.seen.get_mut(trade_id) {
            *listed = reading;
        }
    }

    /// The last reading that has listed a trade; 0 when none has.
    #[must_use]
    pub(super) fn marked(&self, trade_id: &TradeId) -> u32 {
        self.seen.get(trade_id).map_or(0, |(_, listed)| *listed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trade(number: u32) -> TradeId {
        TradeId::new(format!("trade-{number}").as_bytes()).unwrap()
    }

    #[test]
    fn ids_that_count_up_spread_over_the_table() {
        use std::hash::BuildHasher as _;
        let hash = |number: u32| {
            let id = format!("{number:08x}-10d3-4557-9de0-8598aad625f0");
            Seedless::default().hash_one(TradeId::new(id.as_bytes()).unwrap())
        };
        let mut places = [0_u32; 256];
        let mut tags = [0_u32; 128];
        for number in 0..25_600 {
            places[usize::try_from(hash(number) % 256).unwrap()] += 1;
            tags[usize::try_from(hash(number) >> 57).unwrap()] += 1;
        }
        // A hundred and two hundred each; five standard deviations to either side.
        assert!(places.iter().all(|count| (50..=150).contains(count)), "{places:?}");
        assert!(tags.iter().all(|count| (130..=270).contains(count)), "{tags:?}");
    }

    #[test]
    fn a_trade_counts_once_within_memory() {
        let mut trades = TradeSet::new(2);
        let mut note = |number| trades.note(trade(number), Owner::Order);
        assert_eq!(note(1), Novelty::New);
        assert_eq!(note(1), Novelty::Known);
        assert_eq!(note(2), Novelty::New);
        assert_eq!(note(3), Novelty::New, "pushes the oldest out");
        assert_eq!(note(2), Novelty::Known);
        assert_eq!(note(1), Novelty::New, "beyond memory it is new again");
    }

    #[test]
    fn a_trade_booked_without_its_order_is_claimed_once() {
        let mut trades = TradeSet::new(4);
        assert_eq!(trades.note(trade(1), Owner::Nobody), Novelty::New);
        assert_eq!(trades.note(trade(1), Owner::Nobody), Novelty::Known);
        assert_eq!(trades.note(trade(1), Owner::Order), Novelty::Unclaimed);
        assert_eq!(trades.note(trade(1), Owner::Order), Novelty::Known);
        assert_eq!(trades.note(trade(1), Owner::Nobody), Novelty::Known);
    }
}
