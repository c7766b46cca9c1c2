//! Spans and the two kinds of instants, in nanoseconds.
//!
//! In: numbers that `runtime/clock.rs` or a peer produced. Out: differences and deadlines.
//! Never reads a clock, and never mixes the monotonic clock with Unix time.

use core::ops::Add;

/// A span of time in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nanos {
    ns: u64,
}

impl Nanos {
    /// No time.
    pub const ZERO: Self = Self { ns: 0 };

    /// From nanoseconds.
    #[must_use]
    pub const fn from_ns(ns: u64) -> Self {
        Self { ns }
    }

    /// From microseconds.
    #[must_use]
    pub const fn from_us(us: u64) -> Self {
        Self { ns: us * 1_000 }
    }

    /// From milliseconds.
    #[must_use]
    pub const fn from_ms(ms: u64) -> Self {
        Self { ns: ms * 1_000_000 }
    }

    /// From seconds.
    #[must_use]
    pub const fn from_secs(secs: u64) -> Self {
        Self { ns: secs * 1_000_000_000 }
    }

    /// Nanoseconds.
    #[must_use]
    pub const fn ns(self) -> u64 {
        self.ns
    }

    /// Whole milliseconds.
    #[must_use]
    pub const fn ms(self) -> u64 {
        self.ns / 1_000_000
    }

    /// As the standard library's type, for blocking calls on cold threads.
    #[must_use]
    pub const fn to_duration(self) -> core::time::Duration {
        core::time::Duration::from_nanos(self.ns)
    }
}

impl Add for Nanos {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { ns: self.ns + other.ns }
    }
}

/// An instant on the engine's monotonic clock, in nanoseconds since the run's epoch.
///
/// Two instants can be subtracted but not added:
/// ```compile_fail
/// use kalshi_exec::units::Timestamp;
/// let _ = Timestamp::from_ns(1) + Timestamp::from_ns(2);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    ns: u64,
}

impl Timestamp {
    /// The run's epoch.
    pub const ZERO: Self = Self { ns: 0 };
    /// Later than anything: a deadline that never comes.
    pub const NEVER: Self = Self { ns: u64::MAX };

    /// From nanoseconds since the run's epoch.
    #[must_use]
    pub const fn from_ns(ns: u64) -> Self {
        Self { ns }
    }

    /// Nanoseconds since the run's epoch.
    #[must_use]
    pub const fn ns(self) -> u64 {
        self.ns
    }

    /// The span from `earlier` to `self`, zero when `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Nanos {
        Nanos { ns: self.ns.saturating_sub(earlier.ns) }
    }
}

impl Add<Nanos> for Timestamp {
    type Output = Self;

    fn add(self, span: Nanos) -> Self {
        Self { ns: self.ns.saturating_add(span.ns) }
    }
}

/// Unix time in nanoseconds: what producers and the exchange stamp.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WallTime {
    ns: u64,
}

impl WallTime {
    /// From Unix nanoseconds.
    #[must_use]
    pub const fn from_unix_ns(ns: u64) -> Self {
        Self { ns }
    }

    /// From Unix milliseconds.
    #[must_use]
    pub const fn from_unix_ms(ms: u64) -> Self {
        Self { ns: ms * 1_000_000 }
    }

    /// Unix nanoseconds.
    #[must_use]
    pub const fn unix_ns(self) -> u64 {
        self.ns
    }

    /// Unix milliseconds.
    #[must_use]
    pub const fn unix_ms(self) -> u64 {
        self.ns / 1_000_000
    }

    /// Unix seconds.
    #[must_use]
    pub const fn unix_secs(self) -> u64 {
        self.ns / 1_000_000_000
    }

    /// Days since 1970-01-01 UTC: the trading day of daily limits.
    #[must_use]
    pub const fn utc_day(self) -> u32 {
        // 64-bit nanoseconds end in the year 2554: at most 213 504 days, which always fit.
        (self.ns / 86_400_000_000_000) as u32
    }

    /// The span from `earlier` to `self`, zero when `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Nanos {
        Nanos { ns: self.ns.saturating_sub(earlier.ns) }
    }
}

impl Add<Nanos> for WallTime {
    type Output = Self;

    fn add(self, span: Nanos) -> Self {
        Self { ns: self.ns.saturating_add(span.ns) }
    }
}
