//! Messages per second: the account's write tokens as the oms sees them.
//!
//! A bucket that refills continuously (reference §5). Orders leave a reserve that only cancels may
//! use. Asking changes nothing; only [`Messages::note_sent`] takes tokens. The gateway holds the
//! bucket that decides at the wire; this one refuses before an order is made that would have to
//! wait there.

use super::limits::MessageLimits;
use crate::units::{Now, Timestamp, WallTime};

/// Parts of a token: one token per second refills one part per nanosecond.
const PARTS_PER_TOKEN: u64 = 1_000_000_000;

/// What tokens are spent on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageKind {
    /// A new order or an amend.
    Order,
    /// A cancel, of one order or of all.
    Cancel,
}

/// The bucket.
#[derive(Clone, Debug)]
pub struct Messages {
    limits: MessageLimits,
    level_parts: u64,
    as_of: Timestamp,
}

impl Messages {
    /// A full bucket.
    #[must_use]
    pub fn new(limits: MessageLimits) -> Self {
        Self { limits, level_parts: parts(limits.capacity), as_of: Timestamp::ZERO }
    }

    /// Tokens that an order may use now, in whole tokens: what is left above the reserve.
    #[must_use]
    pub fn for_orders(&self, now: Timestamp) -> u64 {
        self.level(now).saturating_sub(parts(self.limits.cancel_reserve)) / PARTS_PER_TOKEN
    }

    /// The bucket is of this size from now on. Tokens above it are gone; the cancels' reserve stays
    /// as far as it leaves room for an order.
    pub fn resize(&mut self, now: Timestamp, refill_per_sec: u32, capacity: u32) {
        let level = self.level(now);
        let reserve_max = capacity.saturating_sub(self.limits.order_cost);
        let cancel_reserve = self.limits.cancel_reserve.min(reserve_max);
        self.limits = MessageLimits { refill_per_sec, capacity, cancel_reserve, ..self.limits };
        (self.level_parts, self.as_of) = (level.min(parts(capacity)), self.as_of.max(now));
    }

    /// Takes the tokens of a message.
    pub fn note_sent(&mut self, now: Timestamp, kind: MessageKind) {
        let cost = match kind {
            MessageKind::Order => self.limits.order_cost,
            MessageKind::Cancel => self.limits.cancel_cost,
        };
        self.level_parts = self.level(now).saturating_sub(parts(cost));
        self.as_of = self.as_of.max(now);
    }

    /// What a former run, whose last message was at `last`, has left at least: the bucket counts as
    /// empty then, and has been filled since.
    pub fn restore(&mut self, now: Now, last: WallTime) {
        let gained = now.wall.since(last).ns().saturating_mul(self.limits.refill_per_sec.into());
        self.level_parts = gained.min(parts(self.limits.capacity));
        self.as_of = now.mono;
    }

    fn level(&self, now: Timestamp) -> u64 {
        let gained = now.since(self.as_of).ns().saturating_mul(self.limits.refill_per_sec.into());
        self.level_parts.saturating_add(gained).min(parts(self.limits.capacity))
    }
}

fn parts(tokens: u32) -> u64 {
    u64::from(tokens) * PARTS_PER_TOKEN
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Nanos;

    #[test]
    fn after_a_restart_only_what_has_come_back_since_the_last_message_is_there() {
        let last = WallTime::from_unix_ms(1_767_225_600_000);
        let left = |wall| {
            let mut bucket = Messages::new(MessageLimits::default());
            let now = Now { mono: Timestamp::from_ns(5), wall };
            bucket.restore(now, last);
            bucket.for_orders(now.mono)
        };
        assert_eq!(left(last), 0);
        assert_eq!(left(last + Nanos::from_ms(200)), 0, "20 came back, and are the cancels'");
        assert_eq!(left(last + Nanos::from_ms(250)), 5);
        assert_eq!(left(last + Nanos::from_secs(60)), 80, "no more than there is room for");
        assert_eq!(left(WallTime::from_unix_ms(last.unix_ms() - 1)), 0, "a clock set back");
    }

    #[test]
    fn a_tier_that_is_lost_or_earned_counts_at_once() {
        let mut bucket = Messages::new(MessageLimits::default());
        let now = Timestamp::from_ns(1);
        assert_eq!(bucket.for_orders(now), 80);
        bucket.resize(now, 10, 30);
        assert_eq!(bucket.for_orders(now), 10, "what is above the new size is gone");
        bucket.resize(now, 10, 25);
        assert_eq!(bucket.for_orders(now), 10, "an order fits, at the cost of the reserve");
        bucket.resize(now, 1_000, 3_600);
        assert_eq!(bucket.for_orders(now), 10, "nothing is given for nothing");
        assert_eq!(bucket.for_orders(now + Nanos::from_secs(1)), 1_010);
    }

    #[test]
    fn orders_leave_the_reserve_to_cancels_and_tokens_come_back() {
        let mut bucket = Messages::new(MessageLimits::default());
        let now = Timestamp::from_ns(1);
        for _ in 0..8 {
            assert!(bucket.for_orders(now) >= 10);
            bucket.note_sent(now, MessageKind::Order);
        }
        assert_eq!(bucket.for_orders(now), 0, "20 of 100 are the reserve");
        for _ in 0..10 {
            bucket.note_sent(now, MessageKind::Cancel);
        }
        let later = now + Nanos::from_ms(250);
        assert_eq!(bucket.for_orders(later), 5, "25 came back, 20 stay with the cancels");
        assert_eq!(bucket.for_orders(later), 5, "asking uses nothing up");
    }
}
