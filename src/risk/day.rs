//! Counters of one UTC day: orders sent, contracts, realised profit, fees.

use crate::units::{Contracts, Money, Now, WallTime};

/// See the module's page. Rolls over at UTC midnight.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Day {
    utc_day: u32,
    /// Orders handed to the gateway.
    pub orders: u32,
    /// Contracts filled or in flight.
    pub volume: Contracts,
    /// Realised profit of closed positions, without fees.
    pub realized: Money,
    /// Fees charged.
    pub fees: Money,
}

/// The clock that days are counted by: a step of the wall clock, there and back again, must not
/// give one UTC day its bounds twice.
///
/// From the first look on, time passes as the monotonic clock says; where the wall clock says
/// less, that counts. A clock set forward while the engine runs brings no new day before its time,
/// a clock set back makes one late, and late means that bounds hold longer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DayClock {
    first: Option<Now>,
}

impl DayClock {
    /// What time it is at `now`, as far as days are concerned.
    pub fn time(&mut self, now: Now) -> WallTime {
        let first = *self.first.get_or_insert(now);
        now.wall.min(first.wall + now.mono.since(first.mono))
    }
}

impl Day {
    /// An empty day.
    #[must_use]
    pub fn new(now: WallTime) -> Self {
        Self { utc_day: now.utc_day(), ..Self::default() }
    }

    /// Profit so far, fees deducted; below zero when the day has lost.
    #[must_use]
    pub fn profit(&self) -> Money {
        self.realized - self.fees
    }

    /// Starts a new day when midnight has passed. What is in flight counts for both days: the
    /// caller passes it, so that a late fill never makes the counter go below zero.
    pub fn roll(&mut self, now: WallTime, in_flight: Contracts) {
        if now.utc_day() > self.utc_day {
            *self = Self { volume: in_flight, ..Self::new(now) };
        }
    }

    /// A day as it stood in the journal.
    #[must_use]
    pub const fn on(utc_day: u32) -> Self {
        Self {
            utc_day,
            orders: 0,
            volume: Contracts::ZERO,
            realized: Money::ZERO,
            fees: Money::ZERO,
        }
    }

    /// Which day it is, counted from 1970-01-01.
    #[must_use]
    pub const fn utc_day(&self) -> u32 {
        self.utc_day
    }

    /// What the day has lost so far: zero when it has won.
    #[must_use]
    pub fn loss(&self) -> Money {
        (self.fees - self.realized).max(Money::ZERO)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Nanos;

    #[test]
    fn the_day_rolls_at_utc_midnight_and_keeps_what_is_in_flight() {
        let before = WallTime::from_unix_ms(86_400_000 - 1);
        let mut day = Day::new(before);
        day.orders = 7;
        day.volume = Contracts::from_whole(70);
        day.roll(before, Contracts::from_whole(5));
        assert_eq!(day.orders, 7);

        day.roll(before + Nanos::from_ms(1), Contracts::from_whole(5));
        assert_eq!((day.orders, day.volume), (0, Contracts::from_whole(5)));
    }

    #[test]
    fn fees_are_losses() {
        let mut day = Day::new(WallTime::default());
        day.fees = Money::from_cents(10);
        assert_eq!(day.loss(), Money::from_cents(10));
        day.realized = Money::from_cents(50);
        assert_eq!(day.loss(), Money::ZERO);
    }
}
