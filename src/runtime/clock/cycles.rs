//! The processor's cycle counter as a monotonic clock.
//!
//! In: the counter and, once per process, the kernel's clock to measure its rate. Out:
//! nanoseconds by one multiplication and a shift. Refuses to exist where the counter can stop,
//! change its rate or differ between cores; never guesses a rate.
#![expect(unsafe_code, reason = "the cycle counter is read by intrinsics")]
#![expect(clippy::disallowed_methods, reason = "the rate is measured against the kernel's clock")]

use std::sync::OnceLock;
use std::time::Instant;

use super::elapsed_ns;
use crate::runtime::wait::pause;
use crate::units::Nanos;

/// A running counter: where it began and how much each tick is worth.
#[derive(Clone, Copy, Debug)]
pub(super) struct CycleCounter {
    start_ticks: u64,
    rate: Rate,
}

/// Nanoseconds per tick in units of 2^-32: precise to a part in 10^9 at any sane frequency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rate {
    ns_per_tick_q32: u64,
}

/// One simultaneous reading of both clocks, as well as it can be had.
#[derive(Clone, Copy, Debug)]
struct Reading {
    ticks: u64,
    ns: u64,
}

/// How long the rate is measured: readings are good to about 100 ns, so 20 ms give 5 parts per
/// million or 5 us of wall-clock drift per second, which `resync` takes out.
const CALIBRATION: Nanos = Nanos::from_ms(20);

/// Readings per anchor, of which the tightest is kept: interrupts spoil some.
const TRIES_MAX: usize = 32;

/// The two halves of the measurement may differ by this much, in parts per million. More means
/// that the machine was disturbed or the counter does not tick evenly: not a clock then.
const HALVES_DIFFER_PPM_MAX: u64 = 500;

impl CycleCounter {
    /// Starts counting, or returns `None` on a machine whose counter is no clock.
    pub(super) fn start() -> Option<Self> {
        static RATE: OnceLock<Option<Rate>> = OnceLock::new();
        let rate = (*RATE.get_or_init(calibrate))?;
        Some(Self { start_ticks: ticks(), rate })
    }

    /// Nanoseconds since the start.
    pub(super) fn elapsed_ns(&self) -> u64 {
        // Another core's counter may trail by a few ticks: zero then, not 2^64.
        self.rate.to_ns(ticks().saturating_sub(self.start_ticks))
    }

    /// The measured rate.
    pub(super) const fn khz(&self) -> u64 {
        (1_000_000 << 32) / self.rate.ns_per_tick_q32
    }
}

impl Rate {
    /// Slowest and fastest counters that exist, with room: outside of it the measurement is wrong.
    const NS_PER_TICK_Q32_RANGE: core::ops::RangeInclusive<u64> = (1 << 32) / 10..=(1 << 32) * 20;

    fn between(first: Reading, last: Reading) -> Option<Self> {
        let ticks = last.ticks.checked_sub(first.ticks)?;
        let ns = last.ns.checked_sub(first.ns)?;
        let q32 = (u128::from(ns) << 32).checked_div(u128::from(ticks))?;
        let ns_per_tick_q32 = u64::try_from(q32).ok()?;
        Self::NS_PER_TICK_Q32_RANGE.contains(&ns_per_tick_q32).then_some(Self { ns_per_tick_q32 })
    }

    fn differs_ppm(self, other: Self) -> u64 {
        let difference = self.ns_per_tick_q32.abs_diff(other.ns_per_tick_q32);
        difference.saturating_mul(1_000_000) / self.ns_per_tick_q32
    }

    #[expect(clippy::cast_possible_truncation, reason = "500 years of nanoseconds fit 64 bits")]
    const fn to_ns(self, ticks: u64) -> u64 {
        ((ticks as u128 * self.ns_per_tick_q32 as u128) >> 32) as u64
    }
}

/// Measures the counter's rate in two halves, which must agree.
fn calibrate() -> Option<Rate> {
    if !is_trustworthy() {
        return None;
    }
    let epoch = Instant::now();
    let half = Nanos::from_ns(CALIBRATION.ns() / 2);
    let first = read_both(epoch);
    pause(half);
    let middle = read_both(epoch);
    pause(half);
    let last = read_both(epoch);
    let (early, late) = (Rate::between(first, middle)?, Rate::between(middle, last)?);
    if early.differs_ppm(late) > HALVES_DIFFER_PPM_MAX {
        return None;
    }
    Rate::between(first, last)
}

/// Reads the counter between two readings of the kernel's clock; the tightest of some tries.
fn read_both(epoch: Instant) -> Reading {
    let mut best = Reading { ticks: 0, ns: 0 };
    let mut gap_min = u64::MAX;
    for _ in 0..TRIES_MAX {
        let before = elapsed_ns(epoch);
        let ticks = ticks();
        let after = elapsed_ns(epoch);
        let gap = after.saturating_sub(before);
        if gap < gap_min {
            gap_min = gap;
            best = Reading { ticks, ns: before + gap / 2 };
        }
    }
    best
}

/// Whether the counter ticks evenly in every power state, and the kernel found it in step on all
/// cores (it drops `tsc` from its list of clocks when not).
#[cfg(target_arch = "x86_64")]
fn is_trustworthy() -> bool {
    const AVAILABLE: &str = "/sys/devices/system/clocksource/clocksource0/available_clocksource";
    invariant_by_cpuid()
        && std::fs::read_to_string(AVAILABLE)
            .is_ok_and(|clocks| clocks.split_whitespace().any(|clock| clock == "tsc"))
}

#[cfg(target_arch = "x86_64")]
fn invariant_by_cpuid() -> bool {
    use core::arch::x86_64::__cpuid;
    const ADVANCED_POWER: u32 = 0x8000_0007;
    const INVARIANT_TSC: u32 = 1 << 8;
    let highest = __cpuid(0x8000_0000).eax;
    highest >= ADVANCED_POWER && __cpuid(ADVANCED_POWER).edx & INVARIANT_TSC != 0
}

#[cfg(target_arch = "x86_64")]
fn ticks() -> u64 {
    // SAFETY: reading the counter has no preconditions; where the kernel forbids it to user
    // space the clock's list has no `tsc`, and this is not reached.
    unsafe { core::arch::x86_64::_rdtsc() }
}

#[cfg(not(target_arch = "x86_64"))]
fn is_trustworthy() -> bool {
    false
}

#[cfg(not(target_arch = "x86_64"))]
fn ticks() -> u64 {
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_become_nanoseconds_without_overflow_in_a_century() {
        let three_ghz = Rate::between(
            Reading { ticks: 1_000, ns: 5 },
            Reading { ticks: 1_000 + 60_000_000, ns: 5 + 20_000_000 },
        )
        .unwrap();
        let century_ns = 100 * 365 * 86_400 * 1_000_000_000_u64;
        let shown = three_ghz.to_ns(3 * century_ns);
        assert!(century_ns - shown < century_ns / 1_000_000_000, "{shown}");
        assert_eq!(CycleCounter { start_ticks: 0, rate: three_ghz }.khz(), 3_000_000);
    }

    #[test]
    fn impossible_rates_are_refused() {
        let at = |ticks, ns| Reading { ticks, ns };
        assert_eq!(Rate::between(at(0, 0), at(0, 1_000)), None, "stopped");
        assert_eq!(Rate::between(at(9, 0), at(3, 1_000)), None, "backwards");
        assert_eq!(Rate::between(at(0, 0), at(1_000_000_000, 1_000)), None, "too fast");
        assert_eq!(Rate::between(at(0, 0), at(10, 1_000)), None, "too slow");
    }
}
