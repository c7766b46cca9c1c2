//! Time: the only place that reads it. Everything else gets it as an argument.
//!
//! [`SystemClock`] reads the processor's cycle counter where that is a trustworthy clock (about
//! 10 ns a reading) and the kernel's monotonic clock elsewhere (about 30 ns). Unix time is the
//! monotonic reading plus an offset that cold code refreshes with [`SystemClock::resync`]: a hot
//! stage never asks the kernel. [`VirtualClock`] stands still until told otherwise.
//!
//! The counter is read without a fence. A stamp taken right after a message arrived from another
//! core can therefore be some tens of nanoseconds early, even earlier than the sender's:
//! `Timestamp::since` gives zero then. On one thread readings never go back.
#![expect(clippy::disallowed_methods, reason = "this is the one file that reads time")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crossbeam::utils::CachePadded;

use crate::units::{Nanos, Now, Timestamp, WallTime};

mod cycles;

use cycles::CycleCounter;

/// A source of time that stages hold; virtual in simulation.
pub trait Clock: Clone + Send + 'static {
    /// Monotonic and wall time of one reading.
    fn now(&self) -> Now;

    /// The monotonic part alone, for span stamps.
    fn mono(&self) -> Timestamp {
        self.now().mono
    }
}

/// What a [`SystemClock`] counts with, for the log and the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockSource {
    /// The processor's cycle counter.
    CycleCounter {
        /// Its measured rate.
        khz: u64,
    },
    /// The kernel's monotonic clock.
    Kernel,
}

#[derive(Clone, Copy, Debug)]
enum Source {
    Cycles(CycleCounter),
    Kernel(Instant),
}

/// The machine's time. Clones share the epoch and the wall offset.
#[derive(Clone, Debug)]
pub struct SystemClock {
    source: Source,
    /// Unix time of the epoch. Written by cold code, so alone on its cache line.
    wall_at_epoch_ns: Arc<CachePadded<AtomicU64>>,
}

/// The wall offset moved by this much at a [`SystemClock::resync`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WallShift {
    /// Unix time was ahead of what the clock showed, or equal.
    Forward(Nanos),
    /// Unix time was behind.
    Back(Nanos),
}

impl SystemClock {
    /// Readings of the two clocks in a row: the pair with the shortest gap wins. Bounded, since
    /// a machine under load may never give a perfect one.
    const PAIRS_MAX: usize = 8;

    /// A clock whose epoch is now. The first call in a process measures the cycle counter's
    /// rate, which blocks for about 20 ms; later ones do not.
    #[must_use]
    pub fn start() -> Self {
        let source =
            CycleCounter::start().map_or_else(|| Source::Kernel(Instant::now()), Source::Cycles);
        Self::from_source(source)
    }

    /// A clock that does not use the cycle counter even where it could.
    #[must_use]
    pub fn start_kernel() -> Self {
        Self::from_source(Source::Kernel(Instant::now()))
    }

    fn from_source(source: Source) -> Self {
        let clock =
            Self { source, wall_at_epoch_ns: Arc::new(CachePadded::new(AtomicU64::new(0))) };
        clock.resync();
        clock
    }

    /// What this clock counts with.
    #[must_use]
    pub const fn source(&self) -> ClockSource {
        match &self.source {
            Source::Cycles(counter) => ClockSource::CycleCounter { khz: counter.khz() },
            Source::Kernel(_) => ClockSource::Kernel,
        }
    }

    /// Reads Unix time from the kernel and moves every clone's wall time to it. For a cold
    /// thread, every second or so: it bounds how far the counter's rate error and the
    /// administrator's corrections can pull the two apart. Wall time may step back here;
    /// monotonic time is not touched.
    #[cold]
    pub fn resync(&self) -> WallShift {
        let mut best: Option<(u64, u64)> = None;
        for _ in 0..Self::PAIRS_MAX {
            let before = self.mono().ns();
            let wall = unix_now_ns();
            let after = self.mono().ns();
            let gap = after.saturating_sub(before);
            if best.is_none_or(|(shortest, _)| gap < shortest) {
                best = Some((gap, wall.saturating_sub(before + gap / 2)));
            }
        }
        let offset = best.map_or(0, |(_, offset)| offset);
        // Relaxed: the offset is one word that publishes nothing else.
        let former = self.wall_at_epoch_ns.swap(offset, Ordering::Relaxed);
        if offset >= former {
            WallShift::Forward(Nanos::from_ns(offset - former))
        } else {
            WallShift::Back(Nanos::from_ns(former - offset))
        }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Now {
        let mono = self.mono();
        // Relaxed: pairs with the swap in `resync`, which publishes nothing else.
        let offset = self.wall_at_epoch_ns.load(Ordering::Relaxed);
        Now { mono, wall: WallTime::from_unix_ns(offset.saturating_add(mono.ns())) }
    }

    fn mono(&self) -> Timestamp {
        match &self.source {
            Source::Cycles(counter) => Timestamp::from_ns(counter.elapsed_ns()),
            Source::Kernel(epoch) => Timestamp::from_ns(elapsed_ns(*epoch)),
        }
    }
}

/// Unix nanoseconds; zero on a machine whose clock is set before 1970.
fn unix_now_ns() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// Nanoseconds since `start` on the kernel's monotonic clock.
fn elapsed_ns(start: Instant) -> u64 {
    u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// Time that only moves when told. Clones share it.
///
/// ```
/// use kalshi_exec::runtime::clock::{Clock, VirtualClock};
/// use kalshi_exec::units::{Nanos, WallTime};
/// let clock = VirtualClock::new(WallTime::from_unix_ms(1_767_225_600_000));
/// clock.advance(Nanos::from_ms(5));
/// assert_eq!(clock.now().mono.ns(), 5_000_000);
/// assert_eq!(clock.now().wall.unix_ms(), 1_767_225_600_005);
/// ```
#[derive(Clone, Debug)]
pub struct VirtualClock {
    state: Arc<VirtualState>,
}

#[derive(Debug)]
struct VirtualState {
    mono_ns: AtomicU64,
    wall_at_epoch_ns: AtomicU64,
}

impl VirtualClock {
    /// Monotonic zero at Unix time `wall`.
    #[must_use]
    pub fn new(wall: WallTime) -> Self {
        Self {
            state: Arc::new(VirtualState {
                mono_ns: AtomicU64::new(0),
                wall_at_epoch_ns: AtomicU64::new(wall.unix_ns()),
            }),
        }
    }

    /// Lets time pass on both clocks.
    pub fn advance(&self, span: Nanos) {
        // Relaxed here and below: who shares a virtual clock across threads synchronises
        // otherwise; each word stands for itself.
        self.state.mono_ns.fetch_add(span.ns(), Ordering::Relaxed);
    }

    /// Lets time pass until `instant`; nothing when that is in the past.
    pub fn advance_to(&self, instant: Timestamp) {
        self.state.mono_ns.fetch_max(instant.ns(), Ordering::Relaxed);
    }

    /// Sets Unix time without moving the monotonic clock: what a step by the administrator or a
    /// skewed machine looks like. Times before the epoch's own are cut to it.
    pub fn set_wall(&self, wall: WallTime) {
        let mono = self.state.mono_ns.load(Ordering::Relaxed);
        let offset = wall.unix_ns().saturating_sub(mono);
        self.state.wall_at_epoch_ns.store(offset, Ordering::Relaxed);
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Now {
        let mono = self.state.mono_ns.load(Ordering::Relaxed);
        let offset = self.state.wall_at_epoch_ns.load(Ordering::Relaxed);
        Now {
            mono: Timestamp::from_ns(mono),
            wall: WallTime::from_unix_ns(offset.saturating_add(mono)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn never_goes_back(clock: &SystemClock) {
        let mut last = clock.mono();
        for _ in 0..100_000 {
            let next = clock.mono();
            assert!(next >= last, "{next:?} after {last:?}");
            last = next;
        }
        assert!(last > Timestamp::ZERO, "time stands still");
    }

    #[test]
    fn monotonic_time_never_goes_back() {
        never_goes_back(&SystemClock::start());
        never_goes_back(&SystemClock::start_kernel());
    }

    /// Spans of the fast clock must be those of the kernel's: measured from outside and from
    /// inside the same interval, so that being descheduled cannot fail the test.
    #[test]
    fn spans_agree_with_the_kernel_to_a_thousandth() {
        let clock = SystemClock::start();
        let outer = Instant::now();
        let first = clock.mono();
        let inner = Instant::now();
        while elapsed_ns(inner) < 30_000_000 {
            core::hint::spin_loop();
        }
        let shortest = elapsed_ns(inner);
        let span = clock.mono().since(first).ns();
        let longest = elapsed_ns(outer);

        assert!(span >= shortest - shortest / 1_000, "{span} is shorter than {shortest}");
        assert!(span <= longest + longest / 1_000, "{span} is longer than {longest}");
    }

    #[test]
    fn wall_time_is_unix_time() {
        let clock = SystemClock::start();
        clock.resync();
        let before = unix_now_ns();
        let shown = clock.now().wall.unix_ns();
        let after = unix_now_ns();
        let tolerance = 20_000_000;
        assert!(shown >= before - tolerance && shown <= after + tolerance);
    }

    #[test]
    fn clones_share_epoch_and_resync() {
        let clock = SystemClock::start();
        let clone = clock.clone();
        clock.wall_at_epoch_ns.store(7, Ordering::Relaxed);
        assert!(clone.now().wall.unix_ns() < 1_000_000_000_000, "the clone kept its own offset");
        assert!(matches!(clone.resync(), WallShift::Forward(_)));
        assert!(clock.now().wall.unix_ns() > 1_000_000_000_000_000_000);
    }

    #[test]
    fn virtual_time_moves_only_when_told() {
        let clock = VirtualClock::new(WallTime::from_unix_ms(1_000));
        let shared = clock.clone();
        assert_eq!(clock.now(), clock.now());

        shared.advance(Nanos::from_ms(2));
        clock.advance_to(Timestamp::from_ns(1));
        assert_eq!(clock.mono(), Timestamp::from_ns(2_000_000));

        shared.set_wall(WallTime::from_unix_ms(500));
        assert_eq!(clock.now().wall.unix_ms(), 500);
        assert_eq!(clock.mono(), Timestamp::from_ns(2_000_000), "a skew moved monotonic time");
    }
}
