//! When to dial again. Successes and failures with their times in, the next permitted time out.
//! Pure: no clock, no random numbers of its own beyond a seed.
//!
//! The first failure is retried almost at once (most are a server recycling a connection), then
//! after 1, 2, 4 … up to 30 seconds, each stretched by up to a quarter so that many clients do
//! not return together. A success starts over. Independently, dials are rationed: a server that
//! accepts and hangs up at once must not be dialled in a loop.

use crate::runtime::random::Random;
use crate::units::{Nanos, Timestamp};

/// Delay after the first failure.
const QUICK: Nanos = Nanos::from_ms(100);
/// Delay after the second failure, doubled by each further one.
const STEP: Nanos = Nanos::from_secs(1);
/// Longest delay before jitter: with its quarter it reaches the 30 seconds promised.
const STEP_MAX: Nanos = Nanos::from_secs(24);
/// Doublings after which [`STEP_MAX`] is reached whatever the step.
const DOUBLINGS_MAX: u32 = 5;
/// Dials allowed within [`RATION_SPAN`]: a start fills every pool with room to spare.
const RATION: usize = 32;
/// Over which time dials are counted.
const RATION_SPAN: Nanos = Nanos::from_secs(10);

const _: () = assert!(STEP.ns() << DOUBLINGS_MAX >= STEP_MAX.ns(), "doubling reaches the cap");

/// One customer's patience with its server.
#[derive(Clone, Debug)]
pub struct Backoff {
    failures: u32,
    not_before: Timestamp,
    dials: [Option<Timestamp>; RATION],
    oldest: usize,
    random: Random,
}

impl Backoff {
    /// Longest delay between two dials.
    pub const DELAY_MAX: Nanos = Nanos::from_secs(30);

    /// Jitter follows from `seed`: the same seed waits the same.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self {
            failures: 0,
            not_before: Timestamp::ZERO,
            dials: [None; RATION],
            oldest: 0,
            random: Random::new(seed),
        }
    }

    /// Whether a dial may start at `now`.
    #[must_use]
    pub fn ready(&self, now: Timestamp) -> bool {
        now >= self.ready_at()
    }

    /// When the next dial may start.
    #[must_use]
    pub fn ready_at(&self) -> Timestamp {
        let rationed = self.dials[self.oldest].map_or(Timestamp::ZERO, |dial| dial + RATION_SPAN);
        self.not_before.max(rationed)
    }

    /// A dial starts.
    pub const fn dialled(&mut self, now: Timestamp) {
        self.dials[self.oldest] = Some(now);
        self.oldest = (self.oldest + 1) % RATION;
    }

    /// The dial succeeded.
    pub const fn succeeded(&mut self) {
        self.failures = 0;
        self.not_before = Timestamp::ZERO;
    }

    /// The dial failed at `now`.
    pub fn failed(&mut self, now: Timestamp) {
        let base = match self.failures {
            0 => QUICK,
            more => {
                let doubled = STEP.ns() << (more - 1).min(DOUBLINGS_MAX);
                Nanos::from_ns(doubled.min(STEP_MAX.ns()))
            }
        };
        self.failures = self.failures.saturating_add(1);
        let jitter = Nanos::from_ns(self.random.below(base.ns() / 4 + 1));
        self.not_before = now + base + jitter;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_ns(1_000_000_000_000);

    fn delays(seed: u64, count: usize) -> Vec<u64> {
        let mut backoff = Backoff::new(seed);
        let delay = |_| {
            backoff.failed(NOW);
            backoff.ready_at().since(NOW).ns()
        };
        (0..count).map(delay).collect()
    }

    #[test]
    fn delays_grow_from_quick_to_thirty_seconds_and_stay_bounded() {
        let base_ms = [100, 1_000, 2_000, 4_000, 8_000, 16_000, 24_000, 24_000, 24_000];
        for seed in 0..200 {
            for (delay_ns, base_ms) in delays(seed, base_ms.len()).into_iter().zip(base_ms) {
                let base_ns = base_ms * 1_000_000;
                assert!((base_ns..=base_ns + base_ns / 4).contains(&delay_ns), "seed {seed}");
                assert!(delay_ns <= Backoff::DELAY_MAX.ns());
            }
        }
    }

    #[test]
    fn a_seed_reproduces_its_delays_and_seeds_differ() {
        assert_eq!(delays(7, 20), delays(7, 20));
        assert_ne!(delays(7, 20), delays(8, 20));
    }

    #[test]
    fn failures_without_end_do_not_overflow() {
        let mut backoff = Backoff { failures: u32::MAX - 1, ..Backoff::new(1) };
        for _ in 0..3 {
            backoff.failed(NOW);
            assert!(backoff.ready_at().since(NOW) <= Backoff::DELAY_MAX);
        }
    }

    #[test]
    fn a_success_starts_over() {
        let mut backoff = Backoff::new(3);
        for _ in 0..5 {
            backoff.failed(NOW);
        }
        assert!(!backoff.ready(NOW + Nanos::from_secs(7)));

        backoff.succeeded();

        assert!(backoff.ready(NOW));
        backoff.failed(NOW);
        assert!(backoff.ready(NOW + Nanos::from_ms(125)));
    }

    #[test]
    fn a_server_that_accepts_and_hangs_up_is_not_dialled_in_a_loop() {
        let mut backoff = Backoff::new(3);
        let mut dials = 0;
        for ms in 0..60_000 {
            let now = NOW + Nanos::from_ms(ms);
            if backoff.ready(now) {
                backoff.dialled(now);
                backoff.succeeded();
                dials += 1;
            }
        }
        assert_eq!(dials, 6 * RATION);
    }
}
