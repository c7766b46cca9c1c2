//! Prices of one contract and their differences, in micro-dollars.
//!
//! In: exact integers or the exchange's decimal strings. Out: a [`Price`] that is strictly
//! between $0 and $1, or nothing. Never rounds, never leaves the open interval.

use core::fmt;
use core::ops::{Add, Mul, Neg, Sub};

use super::{Contracts, Money, parse_decimal, write_scaled};

/// A price of one contract in micro-dollars. Invariant: strictly between $0 and $1.
///
/// ```
/// use kalshi_exec::units::Price;
/// let ask = Price::from_cents(53).unwrap();
/// assert_eq!(ask.complement(), Price::from_cents(47).unwrap());
/// assert_eq!(Price::parse_dollars(b"0.5300"), Some(ask));
/// assert_eq!(Price::from_cents(100), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Price {
    micros: u32,
}

impl Price {
    /// One dollar in micro-dollars: the unreachable upper bound.
    pub const MICROS_MAX: u32 = 1_000_000;
    /// Micro-dollars in one cent.
    pub const MICROS_PER_CENT: u32 = 10_000;

    /// Returns `None` unless `0 < micros < MICROS_MAX`.
    #[must_use]
    pub const fn from_micros(micros: u32) -> Option<Self> {
        if 0 < micros && micros < Self::MICROS_MAX { Some(Self { micros }) } else { None }
    }

    /// Returns `None` unless `1 <= cents <= 99`.
    #[must_use]
    pub const fn from_cents(cents: u32) -> Option<Self> {
        if cents >= 100 { None } else { Self::from_micros(cents * Self::MICROS_PER_CENT) }
    }

    /// Parses a decimal dollar string such as `0.5300` (at most 6 decimals).
    #[must_use]
    pub fn parse_dollars(text: &[u8]) -> Option<Self> {
        let micros = parse_decimal(text, 6)?;
        Self::from_micros(u32::try_from(micros).ok()?)
    }

    /// Micro-dollars.
    #[must_use]
    pub const fn micros(self) -> u32 {
        self.micros
    }

    /// Buying YES at `p` is selling NO at `1 - p`.
    #[must_use]
    pub const fn complement(self) -> Self {
        Self { micros: Self::MICROS_MAX - self.micros }
    }

    /// Moves the price by `delta`; `None` when that leaves the open interval ($0, $1).
    #[must_use]
    pub fn offset(self, delta: PriceDelta) -> Option<Self> {
        let moved = i64::from(self.micros) + delta.micros;
        Self::from_micros(u32::try_from(moved).ok()?)
    }

    /// Six-decimal dollars without allocation: `0.530000`.
    #[must_use]
    pub fn dollars_6dp(self) -> [u8; 8] {
        let mut out = *b"0.000000";
        let mut rest = self.micros;
        for slot in out.iter_mut().skip(2).rev() {
            *slot = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        out
    }
}

impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Whole 1e-4 dollars print as the exchange prints them; finer prices keep all 6 decimals.
        if self.micros.is_multiple_of(100) {
            write!(f, "0.{:04}", self.micros / 100)
        } else {
            write!(f, "0.{:06}", self.micros)
        }
    }
}

impl Sub for Price {
    type Output = PriceDelta;

    fn sub(self, other: Self) -> PriceDelta {
        PriceDelta { micros: i64::from(self.micros) - i64::from(other.micros) }
    }
}

impl Mul<Contracts> for Price {
    type Output = Money;

    fn mul(self, quantity: Contracts) -> Money {
        // Cannot overflow: see the constant assertion below.
        Money::from_e8(i64::from(self.micros) * i64::from(quantity.centis()))
    }
}

const _: () = assert!(
    (Price::MICROS_MAX as u128) * (u32::MAX as u128) < i64::MAX as u128,
    "Price * Contracts must fit Money",
);

/// A signed difference of prices, or an edge per contract, in micro-dollars.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PriceDelta {
    micros: i64,
}

impl PriceDelta {
    /// No difference.
    pub const ZERO: Self = Self { micros: 0 };

    /// From micro-dollars.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self { micros }
    }

    /// From whole cents.
    #[must_use]
    pub const fn from_cents(cents: i32) -> Self {
        Self { micros: cents as i64 * Price::MICROS_PER_CENT as i64 }
    }

    /// Micro-dollars.
    #[must_use]
    pub const fn micros(self) -> i64 {
        self.micros
    }

    /// The distance without its sign.
    #[must_use]
    pub const fn abs(self) -> Self {
        Self { micros: self.micros.abs() }
    }
}

impl Add for PriceDelta {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { micros: self.micros + other.micros }
    }
}

impl Sub for PriceDelta {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self { micros: self.micros - other.micros }
    }
}

impl Neg for PriceDelta {
    type Output = Self;

    fn neg(self) -> Self {
        Self { micros: -self.micros }
    }
}

impl fmt::Display for PriceDelta {
    /// Cents with up to four decimals: `-1.75c`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_scaled(f, self.micros, 4, 0)?;
        f.write_str("c")
    }
}
