//! What opens the circuit breaker and how it closes again (`execution-layer` §4): bounds only.
//!
//! Built once from the configuration, then read only. Losses of money have their bounds in
//! [`Limits`](super::Limits); whether the breaker is open is not known here.

use crate::units::{Contracts, Nanos};

/// Bounds of the breaker. Reaching a count trips it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerConfig {
    /// How long it stays open before one order may probe.
    pub cooldown: Nanos,
    /// Contracts of the probing order at most.
    pub half_open_contracts: Contracts,
    /// Markets settled at a loss in a row.
    pub consecutive_losses_max: u32,
    /// Orders rejected by the exchange in any 60 seconds.
    pub rejects_per_minute_max: u32,
    /// Orders in one market on one side within `repeats_window`; trips that market alone.
    pub repeats_max: u32,
    /// See `repeats_max`.
    pub repeats_window: Nanos,
    /// Longest time from a signal's bytes in memory to its order's bytes with the kernel.
    pub latency_budget: Nanos,
    /// Orders in a row that broke the latency budget.
    pub latency_breaches_max: u32,
}

impl BreakerConfig {
    /// The largest `rejects_per_minute_max`: the breaker remembers that many rejects.
    pub const REJECTS_PER_MINUTE_CEILING: u32 = 1_000;

    /// The largest `repeats_max`: the breaker remembers that many orders a market and side.
    pub const REPEATS_CEILING: u32 = 1_000;
}

impl Default for BreakerConfig {
    fn default() -> Self {
        Self {
            cooldown: Nanos::from_secs(60),
            half_open_contracts: Contracts::from_whole(10),
            consecutive_losses_max: 5,
            rejects_per_minute_max: 5,
            repeats_max: 3,
            repeats_window: Nanos::from_secs(10),
            latency_budget: Nanos::from_ms(50),
            latency_breaches_max: 5,
        }
    }
}
