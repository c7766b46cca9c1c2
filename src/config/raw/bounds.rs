//! What a number in the configuration may be: in comes the number and its key, out comes the
//! number or the error that names key, value and range. Never clamps.

use core::fmt::Display;
use core::ops::RangeInclusive;

use super::super::ConfigError;
use crate::intake::CYCLE_SIGNALS_MAX;
use crate::units::Nanos;

/// One day: longer waits are slips of the keyboard.
pub(super) const DAY_MS: u64 = 86_400_000;
/// Signals of a recording may be old on purpose; beyond a century nanoseconds would overflow.
pub(super) const CENTURY_MS: u64 = 36_525 * DAY_MS;
/// Ten thousand million dollars: more would overflow sums of money.
pub(super) const CASH_CENTS_MAX: i64 = 1_000_000_000_000;
/// The intake keeps no more of one cycle.
pub(super) const SIGNALS_PER_CYCLE_MAX: u64 = CYCLE_SIGNALS_MAX as u64;

/// `value` when it lies in `range`.
pub(super) fn within<T: Copy + Display + PartialOrd>(
    key: &str,
    value: T,
    range: &RangeInclusive<T>,
) -> Result<T, ConfigError> {
    if range.contains(&value) {
        return Ok(value);
    }
    Err(ConfigError::not_allowed(key, value, &format!("{} to {}", range.start(), range.end())))
}

/// A span written in milliseconds, `default` when it is not written.
pub(super) fn span(
    key: &str,
    written_ms: Option<u64>,
    default: Nanos,
    range: &RangeInclusive<u64>,
) -> Result<Nanos, ConfigError> {
    written_ms.map_or(Ok(default), |ms| within(key, ms, range).map(Nanos::from_ms))
}
