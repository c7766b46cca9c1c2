//! Ends of ranges that several keys share, each with its reason.

use crate::intake::CYCLE_SIGNALS_MAX;

/// One day: longer waits are slips of the keyboard.
pub(super) const DAY_MS: u64 = 86_400_000;
/// The same in seconds.
pub(super) const DAY_S: u64 = DAY_MS / 1_000;
/// Signals of a recording may be old on purpose; beyond a century nanoseconds would overflow.
pub(super) const CENTURY_MS: u64 = 36_525 * DAY_MS;
/// Ten thousand million dollars: more would overflow sums of money.
pub(super) const CASH_CENTS_MAX: u64 = 1_000_000_000_000;
/// The intake keeps no more of one cycle.
pub(super) const SIGNALS_PER_CYCLE_MAX: u64 = CYCLE_SIGNALS_MAX as u64;
