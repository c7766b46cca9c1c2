//! Order rate: a sliding minute and a least spacing, on the monotonic clock.
//!
//! Asking changes nothing; only [`Throttle::note_sent`] does. A refusal therefore never uses up
//! the rate of an order that could have been sent.

use crate::units::{Nanos, Timestamp};

const MINUTE: Nanos = Nanos::from_secs(60);

/// Remembers the last `per_minute_max` sends in a ring.
#[derive(Clone, Debug)]
pub struct Throttle {
    sends: Vec<Timestamp>,
    count: u64,
}

impl Throttle {
    /// Allocates for `per_minute_max` sends per minute, at least one.
    #[must_use]
    pub fn new(per_minute_max: u32) -> Self {
        let slots = usize::try_from(per_minute_max).unwrap_or(1).max(1);
        Self { sends: vec![Timestamp::ZERO; slots], count: 0 }
    }

    /// Whether one more order now would be more than `per_minute_max` within 60 seconds.
    #[must_use]
    pub fn minute_is_full(&self, now: Timestamp) -> bool {
        let slots = self.sends.len() as u64;
        if self.count < slots {
            return false;
        }
        // The slot about to be overwritten holds the send `per_minute_max` orders ago.
        now.since(self.sends[self.index(self.count)]) < MINUTE
    }

    /// How many were sent within 60 seconds, as far as they are remembered.
    #[must_use]
    pub fn within_minute(&self, now: Timestamp) -> u32 {
        let slots = self.sends.len() as u64;
        let oldest = self.count.saturating_sub(slots);
        let recent = |nth: &u64| now.since(self.sends[self.index(*nth)]) < MINUTE;
        let count = (oldest..self.count).rev().take_while(recent).count();
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// Forgets every send.
    pub const fn forget(&mut self) {
        self.count = 0;
    }

    /// Time since the last send; `None` before the first.
    #[must_use]
    pub fn since_last(&self, now: Timestamp) -> Option<Nanos> {
        let last = self.count.checked_sub(1)?;
        Some(now.since(self.sends[self.index(last)]))
    }

    /// An order goes out now.
    pub fn note_sent(&mut self, now: Timestamp) {
        let index = self.index(self.count);
        self.sends[index] = now;
        self.count += 1;
    }

    fn index(&self, count: u64) -> usize {
        usize::try_from(count % self.sends.len() as u64).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at_ms(ms: u64) -> Timestamp {
        Timestamp::from_ns(ms * 1_000_000)
    }

    #[test]
    fn the_minute_slides() {
        let mut throttle = Throttle::new(3);
        for ms in [0, 10_000, 20_000] {
            assert!(!throttle.minute_is_full(at_ms(ms)));
            throttle.note_sent(at_ms(ms));
        }
        assert!(throttle.minute_is_full(at_ms(59_999)));
        assert!(!throttle.minute_is_full(at_ms(60_000)));
        throttle.note_sent(at_ms(60_000));
        assert!(throttle.minute_is_full(at_ms(69_999)));
        assert!(!throttle.minute_is_full(at_ms(70_000)));
    }

    #[test]
    fn asking_uses_nothing_up() {
        let mut throttle = Throttle::new(1);
        for _ in 0..100 {
            assert!(!throttle.minute_is_full(at_ms(0)));
        }
        assert_eq!(throttle.since_last(at_ms(5)), None);
        throttle.note_sent(at_ms(0));
        assert_eq!(throttle.since_last(at_ms(5)), Some(Nanos::from_ms(5)));
    }
}
