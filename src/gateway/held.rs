//! New orders that only lack a free connection: held for a moment, in the order they came.
//!
//! Signals of one cycle come in bursts of more orders than there are connections; an answer,
//! and with it a free connection, is a round trip away. Only the front is ever looked at.

use std::collections::VecDeque;

use crate::message::NewOrder;
use crate::risk::Approved;
use crate::units::{Nanos, Timestamp};

/// Orders that may be held: a burst four times the default pool. More could not go out within
/// the wait anyway, and while they stay in the ring the oms sees them pending all the same.
pub(super) const HELD_MAX: usize = 16;

/// Whether an order goes out for the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attempt {
    First,
    /// Its bytes may have left before.
    Again,
}

/// An order taken from the ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) order: Approved<NewOrder>,
    /// When it was taken.
    pub(super) at: Timestamp,
    pub(super) attempt: Attempt,
}

impl Taken {
    /// Since when it waits: an order since it was approved, a repetition since it was asked for.
    pub(super) const fn since(&self) -> Timestamp {
        match self.attempt {
            Attempt::First => self.order.get().approved,
            Attempt::Again => self.at,
        }
    }
}

/// First come, first served.
#[derive(Debug)]
pub(super) struct HeldOrders {
    waiting: VecDeque<Taken>,
}

impl HeldOrders {
    pub(super) fn new() -> Self {
        Self { waiting: VecDeque::with_capacity(HELD_MAX) }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Taken> {
        self.waiting.iter()
    }

    pub(super) fn is_full(&self) -> bool {
        self.waiting.len() >= HELD_MAX
    }

    /// The caller has looked at [`Self::is_full`].
    pub(super) fn push(&mut self, taken: Taken) {
        debug_assert!(!self.is_full(), "orders stay in the ring while there is no room");
        self.waiting.push_back(taken);
    }

    /// Takes an order back whose bytes have not left after all; it is the next one again.
    pub(super) fn push_front(&mut self, taken: Taken) {
        debug_assert!(!self.is_full(), "the caller has looked");
        self.waiting.push_front(taken);
    }

    pub(super) fn front(&self) -> Option<Taken> {
        self.waiting.front().copied()
    }

    pub(super) fn pop(&mut self) -> Option<Taken> {
        self.waiting.pop_front()
    }

    /// When the first of them has waited for `wait`: approved first, held first.
    pub(super) fn deadline(&self, wait: Nanos) -> Timestamp {
        let front = self.waiting.front();
        front.map_or(Timestamp::NEVER, |taken| taken.since() + wait)
    }
}
