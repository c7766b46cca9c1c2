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
    /// The slot about to be overwritten. Kept, because the remainder of a count by a number that
    /// is not known before the start is a division, and orders ask three times (`risk_check`).
    next: usize,
    count: u64,
}

impl Throttle {
    /// Allocates for `per_minute_max` sends per minute, at least one.
    #[must_use]
    pub fn new(per_minute_max: u32) -> Self {
        let slots = usize::try_from(per_minute_max).unwrap_or(1).max(1);
        Self { sends: vec![Timestamp::ZERO; slots], next: 0, count: 0 }
    }

    /// Whether one more order now would be more than `per_minute_max` within 60 seconds.
    #[must_use]
    pub fn minute_is_full(&self, now: Timestamp) -> bool {
        // The slot about to be overwritten holds the send `per_minute_max` orders ago.
        self.count >= self.sends.len() as u64 && now.since(self.sends[self.next]) < MINUTE
    }

    /// How many were sent within 60 seconds, as far as they are remembered.
    #[must_use]
    pub fn within_minute(&self, now: Timestamp) -> u32 {
        let (later, earlier) = self.sends.split_at(self.next);
        let newest_first = later.iter().rev().chain(earlier.iter().rev());
        let known = usize::try_from(self.count).unwrap_or(usize::MAX);
        let recent = |sent: &&Timestamp| now.since(**sent) < MINUTE;
        u32::try_from(newest_first.take(known).take_while(recent).count()).unwrap_or(u32::MAX)
    }

    /// Forgets every send.
    pub const fn forget(&mut self) {
        self.count = 0;
    }

    /// Time since the last send; `None` before the first.
    #[must_use]
    pub fn since_last(&self, now: Timestamp) -> Option<Nanos> {
        if self.count == 0 {
            return None;
        }
        let last = self.next.checked_sub(1).unwrap_or(self.sends.len() - 1);
        Some(now.since(self.sends[last]))
    }

    /// An order goes out now.
    pub fn note_sent(&mut self, now: Timestamp) {
        self.sends[self.next] = now;
        self.next = if self.next + 1 == self.sends.len() { 0 } else { self.next + 1 };
        self.count += 1;
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
    fn as_many_are_counted_as_there_were_until_they_are_forgotten() {
        let mut throttle = Throttle::new(3);
        for (nth, ms) in (1_u32..).zip([0, 1, 2]) {
            throttle.note_sent(at_ms(ms));
            assert_eq!(throttle.within_minute(at_ms(ms)), nth);
        }
        throttle.note_sent(at_ms(40_000));
        assert_eq!(throttle.within_minute(at_ms(40_000)), 3, "no more are remembered");
        assert_eq!(throttle.within_minute(at_ms(60_001)), 2, "the oldest is a minute old");
        throttle.forget();
        assert_eq!(throttle.within_minute(at_ms(40_000)), 0);
        throttle.note_sent(at_ms(50_000));
        assert_eq!(throttle.within_minute(at_ms(50_000)), 1);
        assert_eq!(throttle.since_last(at_ms(50_001)), Some(Nanos::from_ms(1)));
        assert!(!throttle.minute_is_full(at_ms(50_000)));
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
