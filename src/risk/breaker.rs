//! The circuit breaker: closed, open, half-open (`execution-layer` §4).
//!
//! In: what tripped it, the time, how the probing order went, midnight. Out: whether orders may
//! leave, and how many contracts. It opens at once and for several causes at a time; after the
//! cooldown one order may probe, and only that order's end closes it. What a daily limit opened
//! waits for the next UTC day instead. Halts by a person are not here: nothing in here ends them.

use core::fmt;

use crate::ids::OrderKey;
use crate::units::{Nanos, Now, Timestamp, WallTime};

/// Whether orders may leave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum BreakerState {
    /// They may.
    #[default]
    Closed = 0,
    /// None may.
    Open = 1,
    /// One may, to see how it goes.
    HalfOpen = 2,
}

impl BreakerState {
    /// All states.
    pub const ALL: [Self; 3] = [Self::Closed, Self::Open, Self::HalfOpen];

    /// The name in status and alerts.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
        }
    }
}

/// What opened the breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Trip {
    /// The day's loss reached its bound. Ends with the day.
    DailyLoss = 0,
    /// So many markets in a row settled at a loss.
    ConsecutiveLosses = 1,
    /// So many orders rejected within a minute.
    Rejects = 2,
    /// Books and exchange disagree.
    Mismatch = 3,
    /// So many orders in a row broke the latency budget.
    Latency = 4,
    /// The order that probed was rejected or lost.
    FailedProbe = 5,
}

impl Trip {
    /// All causes.
    pub const ALL: [Self; 6] = [
        Self::DailyLoss,
        Self::ConsecutiveLosses,
        Self::Rejects,
        Self::Mismatch,
        Self::Latency,
        Self::FailedProbe,
    ];

    /// The name in status and alerts.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DailyLoss => "daily_loss",
            Self::ConsecutiveLosses => "consecutive_losses",
            Self::Rejects => "rejects_per_minute",
            Self::Mismatch => "mismatch",
            Self::Latency => "latency_budget",
            Self::FailedProbe => "failed_probe",
        }
    }
}

/// A set of causes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Trips(u8);

impl Trips {
    /// From bits as [`Self::bits`] gives them; `None` for bits that mean nothing.
    #[must_use]
    pub const fn from_bits(bits: u8) -> Option<Self> {
        if bits >> Trip::ALL.len() == 0 { Some(Self(bits)) } else { None }
    }

    /// One bit per cause.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// Whether `trip` is among them.
    #[must_use]
    pub const fn contains(self, trip: Trip) -> bool {
        self.0 & (1 << trip as u8) != 0
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    const fn with(self, trip: Trip) -> Self {
        Self(self.0 | 1 << trip as u8)
    }

    const fn without(self, trip: Trip) -> Self {
        Self(self.0 & !(1 << trip as u8))
    }
}

impl fmt::Display for Trips {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut between = "";
        for trip in Trip::ALL.into_iter().filter(|trip| self.contains(*trip)) {
            write!(f, "{between}{}", trip.as_str())?;
            between = ", ";
        }
        Ok(())
    }
}

/// How a probing order ended, as far as the breaker asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probe {
    /// The exchange took it and it ran its course.
    Succeeded,
    /// Rejected, or its answer was lost.
    Failed,
    /// It never left: nothing is known.
    NotSent,
}

/// What of the breaker outlives the process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CarriedBreaker {
    /// The state.
    pub state: BreakerState,
    /// Why.
    pub trips: Trips,
    /// Since when.
    pub since: WallTime,
}

/// See the module's page.
#[derive(Clone, Debug)]
pub struct Breaker {
    cooldown: Nanos,
    state: BreakerState,
    trips: Trips,
    since: WallTime,
    /// When an open breaker may be probed.
    probe_at: Timestamp,
    probe: Option<OrderKey>,
}

impl Breaker {
    /// A closed breaker that cools down for so long.
    #[must_use]
    pub const fn new(cooldown: Nanos) -> Self {
        Self {
            cooldown,
            state: BreakerState::Closed,
            trips: Trips(0),
            since: WallTime::from_unix_ns(0),
            probe_at: Timestamp::NEVER,
            probe: None,
        }
    }

    /// The state.
    #[must_use]
    pub const fn state(&self) -> BreakerState {
        self.state
    }

    /// Why it is not closed.
    #[must_use]
    pub const fn trips(&self) -> Trips {
        self.trips
    }

    /// Since when it is in its state.
    #[must_use]
    pub const fn since(&self) -> WallTime {
        self.since
    }

    /// The order that probes now.
    #[must_use]
    pub const fn probe(&self) -> Option<OrderKey> {
        self.probe
    }

    /// Whether an order may stay on the book: an open breaker has cancelled what rests, and a
    /// half-open one waits for its probe alone.
    #[must_use]
    pub fn lets_rest(&self, key: OrderKey) -> bool {
        match self.state {
            BreakerState::Closed => true,
            BreakerState::Open => false,
            BreakerState::HalfOpen => self.probe == Some(key),
        }
    }

    /// Opens it. An open breaker learns another cause and cools down anew.
    pub fn trip(&mut self, now: Now, trip: Trip) {
        self.trips = self.trips.with(trip);
        self.enter(BreakerState::Open, now);
        self.probe_at = now.mono + self.cooldown;
        self.probe = None;
    }

    /// Lets time pass: an open breaker that has cooled down may be probed, unless a daily limit
    /// opened it.
    pub fn tick(&mut self, now: Now) {
        let cooled = self.state == BreakerState::Open && self.probe_at <= now.mono;
        if cooled && !self.trips.contains(Trip::DailyLoss) {
            self.enter(BreakerState::HalfOpen, now);
        }
    }

    /// A new UTC day: what the former day's limit opened closes, other causes stay.
    pub fn roll_day(&mut self, now: Now) {
        if !self.trips.contains(Trip::DailyLoss) {
            return;
        }
        self.trips = self.trips.without(Trip::DailyLoss);
        if self.trips.is_empty() {
            self.close(now);
        }
    }

    /// An order leaves while half-open: it is the probe.
    pub const fn note_sent(&mut self, key: OrderKey) {
        if matches!(self.state, BreakerState::HalfOpen) && self.probe.is_none() {
            self.probe = Some(key);
        }
    }

    /// The probing order has ended.
    pub fn judge(&mut self, now: Now, outcome: Probe) {
        self.probe = None;
        match outcome {
            Probe::Succeeded => self.close(now),
            Probe::Failed => self.trip(now, Trip::FailedProbe),
            Probe::NotSent => {}
        }
    }

    /// A person has decided to go on.
    pub fn close(&mut self, now: Now) {
        if self.state != BreakerState::Closed {
            self.enter(BreakerState::Closed, now);
        }
        self.trips = Trips::default();
        self.probe_at = Timestamp::NEVER;
        self.probe = None;
    }

    /// What must survive the process.
    #[must_use]
    pub const fn carried(&self) -> CarriedBreaker {
        CarriedBreaker { state: self.state, trips: self.trips, since: self.since }
    }

    /// Takes over what a former run left. Of a cooldown the time without an engine counts; a probe
    /// whose end nobody saw is made again after a whole cooldown.
    pub fn restore(&mut self, now: Now, former: &CarriedBreaker) {
        // The whole cooldown begins now, for a run after this one too.
        let since = match former.state {
            BreakerState::Open => former.since,
            BreakerState::Closed | BreakerState::HalfOpen => now.wall,
        };
        let left = self.cooldown.ns().saturating_sub(now.wall.since(since).ns());
        if former.state != BreakerState::Closed {
            self.state = BreakerState::Open;
            self.trips = former.trips;
            self.since = since;
            self.probe_at = now.mono + Nanos::from_ns(left);
        }
    }

    fn enter(&mut self, state: BreakerState, now: Now) {
        if self.state != state || state == BreakerState::Open {
            self.since = now.wall;
        }
        self.state = state;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COOLDOWN: Nanos = Nanos::from_secs(60);
    const KEY: OrderKey = OrderKey { slot: 3, generation: 1 };

    fn at(secs: u64) -> Now {
        Now {
            mono: Timestamp::from_ns(secs * 1_000_000_000),
            wall: WallTime::from_unix_ms(1_767_225_600_000 + secs * 1_000),
        }
    }

    fn tripped(trip: Trip) -> Breaker {
        let mut breaker = Breaker::new(COOLDOWN);
        breaker.trip(at(0), trip);
        breaker
    }

    #[test]
    fn half_open_is_reached_after_the_cooldown_and_left_by_a_good_probe() {
        let mut breaker = tripped(Trip::Rejects);
        breaker.tick(at(59));
        assert_eq!(breaker.state(), BreakerState::Open);
        breaker.tick(at(60));
        assert_eq!(breaker.state(), BreakerState::HalfOpen);
        breaker.note_sent(KEY);
        assert_eq!(breaker.probe(), Some(KEY));
        breaker.judge(at(61), Probe::Succeeded);
        assert_eq!((breaker.state(), breaker.trips()), (BreakerState::Closed, Trips::default()));
    }

    #[test]
    fn a_failed_probe_opens_for_another_cooldown() {
        let mut breaker = tripped(Trip::Rejects);
        breaker.tick(at(60));
        breaker.note_sent(KEY);
        breaker.judge(at(61), Probe::Failed);
        assert_eq!(breaker.state(), BreakerState::Open);
        breaker.tick(at(120));
        assert_eq!(breaker.state(), BreakerState::Open);
        breaker.tick(at(121));
        assert_eq!(breaker.state(), BreakerState::HalfOpen);
    }

    #[test]
    fn a_probe_that_never_left_says_nothing() {
        let mut breaker = tripped(Trip::Rejects);
        breaker.tick(at(60));
        breaker.note_sent(KEY);
        breaker.judge(at(61), Probe::NotSent);
        assert_eq!((breaker.state(), breaker.probe()), (BreakerState::HalfOpen, None));
    }

    #[test]
    fn midnight_closes_what_a_daily_limit_opened_and_nothing_else() {
        let mut daily = tripped(Trip::DailyLoss);
        daily.tick(at(10_000));
        assert_eq!(daily.state(), BreakerState::Open, "no probe against a day's limit");
        daily.roll_day(at(10_001));
        assert_eq!(daily.state(), BreakerState::Closed);

        for trip in Trip::ALL.into_iter().filter(|trip| *trip != Trip::DailyLoss) {
            let mut other = tripped(trip);
            other.roll_day(at(1));
            assert_eq!(other.state(), BreakerState::Open, "{trip:?}");
            other.trip(at(2), Trip::DailyLoss);
            other.roll_day(at(3));
            assert_eq!(other.state(), BreakerState::Open, "{trip:?} and a daily limit");
            assert!(other.trips().contains(trip));
        }
    }

    #[test]
    fn a_restart_keeps_what_is_left_of_the_cooldown() {
        let carried = tripped(Trip::Latency).carried();
        let mut next = Breaker::new(COOLDOWN);
        // Twenty seconds later, on another process's monotonic clock.
        let now = Now { mono: Timestamp::from_ns(5), wall: at(20).wall };
        next.restore(now, &carried);
        assert_eq!(next.trips(), carried.trips);
        let later =
            |secs| Now { mono: now.mono + Nanos::from_secs(secs), wall: at(20 + secs).wall };
        next.tick(later(39));
        assert_eq!(next.state(), BreakerState::Open);
        next.tick(later(40));
        assert_eq!(next.state(), BreakerState::HalfOpen);
    }

    #[test]
    fn a_restart_during_a_probe_cools_down_again() {
        let mut breaker = tripped(Trip::Latency);
        breaker.tick(at(60));
        breaker.note_sent(KEY);
        let mut next = Breaker::new(COOLDOWN);
        next.restore(at(61), &breaker.carried());
        assert_eq!(next.state(), BreakerState::Open);
        next.tick(at(120));
        assert_eq!(next.state(), BreakerState::Open);
        next.tick(at(121));
        assert_eq!(next.state(), BreakerState::HalfOpen);
    }

    #[test]
    fn a_second_restart_does_not_cut_short_the_cooldown_after_a_probe() {
        let mut breaker = tripped(Trip::Latency);
        breaker.tick(at(60));
        breaker.note_sent(KEY);
        let mut next = Breaker::new(COOLDOWN);
        next.restore(at(100), &breaker.carried());
        let mut last = Breaker::new(COOLDOWN);
        last.restore(at(130), &next.carried());
        last.tick(at(159));
        assert_eq!(last.state(), BreakerState::Open);
        last.tick(at(160));
        assert_eq!(last.state(), BreakerState::HalfOpen);
    }
}
