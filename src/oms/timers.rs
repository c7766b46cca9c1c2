//! Deadlines of orders and executions: the earliest first, without allocation.
//!
//! A deadline that counts is the one in the owner's record; entries here that no longer agree with
//! it are stale and dropped when they come up, so re-arming costs one push and no search.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::units::Timestamp;

/// A heap of (deadline, owner) with a fixed capacity.
#[derive(Debug)]
pub(super) struct Timers<K> {
    heap: BinaryHeap<Reverse<(Timestamp, K)>>,
    capacity: usize,
}

impl<K: Copy + Ord> Timers<K> {
    /// Allocates room for `capacity` entries, stale ones included.
    #[must_use]
    pub(super) fn new(capacity: usize) -> Self {
        Self { heap: BinaryHeap::with_capacity(capacity), capacity }
    }

    /// Adds a deadline. `is_current` tells which entries still matter, for the rare clean-up
    /// that keeps the heap within its capacity.
    pub(super) fn arm(&mut self, at: Timestamp, key: K, is_current: impl Fn(K, Timestamp) -> bool) {
        if at == Timestamp::NEVER {
            return;
        }
        if self.heap.len() >= self.capacity {
            self.heap.retain(|Reverse((at, key))| is_current(*key, *at));
        }
        self.heap.push(Reverse((at, key)));
    }

    /// The earliest deadline, possibly a stale one.
    #[must_use]
    pub(super) fn next(&self) -> Timestamp {
        self.heap.peek().map_or(Timestamp::NEVER, |Reverse((at, _))| *at)
    }

    /// Takes the earliest entry that is due, stale or not.
    pub(super) fn pop_due(&mut self, now: Timestamp) -> Option<(Timestamp, K)> {
        if self.next() > now {
            return None;
        }
        self.heap.pop().map(|Reverse(entry)| entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::OrderKey;

    const fn key(slot: u32) -> OrderKey {
        OrderKey { slot, generation: 0 }
    }

    #[test]
    fn deadlines_come_up_in_order_and_not_before_their_time() {
        let mut timers = Timers::new(4);
        for (ns, slot) in [(30, 3), (10, 1), (20, 2)] {
            timers.arm(Timestamp::from_ns(ns), key(slot), |_, _| true);
        }
        assert_eq!(timers.next(), Timestamp::from_ns(10));
        assert_eq!(timers.pop_due(Timestamp::from_ns(9)), None);
        assert_eq!(timers.pop_due(Timestamp::from_ns(20)).map(|(_, key)| key.slot), Some(1));
        assert_eq!(timers.pop_due(Timestamp::from_ns(20)).map(|(_, key)| key.slot), Some(2));
        assert_eq!(timers.pop_due(Timestamp::from_ns(20)), None);
    }

    #[test]
    fn stale_entries_make_room() {
        let mut timers = Timers::new(2);
        for ns in 0..10 {
            timers.arm(Timestamp::from_ns(ns), key(0), |_, at| at.ns() >= 8);
        }
        assert!(timers.next().ns() >= 8);
    }
}
