//! Bounded look-up tables of the oms: orders by the exchange's id, trades already booked.
//!
//! Both are allocated once at twice their bound, so that inserting and removing never grows
//! them, and hash without a random seed: nothing here depends on the process.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};

use crate::ids::{OrderId, OrderKey, TradeId};

/// FNV-1a, 64 bits. Keys are the exchange's own UUIDs, so there is nobody to flood the table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

type Seedless = BuildHasherDefault<Fnv>;

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

/// Remembers the last trades booked, so that no fill counts twice.
#[derive(Debug)]
pub(super) struct TradeSet {
    seen: HashSet<TradeId, Seedless>,
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
            seen: HashSet::with_capacity_and_hasher(capacity * 2, Seedless::default()),
            order: VecDeque::with_capacity(capacity),
            capacity,
        }
    }

    /// Notes a trade. `false` when it was booked before.
    #[must_use]
    pub(super) fn insert(&mut self, trade_id: TradeId) -> bool {
        if !self.seen.insert(trade_id) {
            return false;
        }
        if self.order.len() == self.capacity
            && let Some(oldest) = self.order.pop_front()
        {
            self.seen.remove(&oldest);
        }
        self.order.push_back(trade_id);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trade(number: u32) -> TradeId {
        TradeId::new(format!("trade-{number}").as_bytes()).unwrap()
    }

    #[test]
    fn a_trade_counts_once_within_memory() {
        let mut trades = TradeSet::new(2);
        assert!(trades.insert(trade(1)));
        assert!(!trades.insert(trade(1)));
        assert!(trades.insert(trade(2)));
        assert!(trades.insert(trade(3)), "pushes the oldest out");
        assert!(!trades.insert(trade(2)));
        assert!(trades.insert(trade(1)), "beyond memory it is new again");
    }
}
