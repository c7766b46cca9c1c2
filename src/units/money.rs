//! Amounts of money in 1e-8 dollars: wide enough for price times quantity without rounding.
//!
//! In: exact integers or decimal dollar strings. Out: cents and dollars for people and JSON.
//! Never rounds up; what is cut for display says so.

use core::fmt;
use core::ops::{Add, AddAssign, Neg, Sub, SubAssign};

use super::{parse_decimal, write_scaled};

/// An amount of money in 1e-8 dollars, signed.
///
/// ```
/// use kalshi_exec::units::{Contracts, Money, Price};
/// let cost = Price::from_cents(53).unwrap() * Contracts::from_whole(25);
/// assert_eq!(cost, Money::from_cents(1325));
/// assert_eq!(cost.cents_display(), "1325");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Money {
    e8: i64,
}

impl Money {
    /// Nothing.
    pub const ZERO: Self = Self { e8: 0 };
    /// Units in one cent.
    pub const E8_PER_CENT: i64 = 1_000_000;
    /// Units in one micro-dollar.
    pub const E8_PER_MICRO: i64 = 100;
    /// Units in one dollar.
    pub const E8_PER_DOLLAR: i64 = 100_000_000;

    /// From 1e-8 dollars.
    #[must_use]
    pub const fn from_e8(e8: i64) -> Self {
        Self { e8 }
    }

    /// From micro-dollars.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self { e8: micros * Self::E8_PER_MICRO }
    }

    /// From whole cents.
    #[must_use]
    pub const fn from_cents(cents: i64) -> Self {
        Self { e8: cents * Self::E8_PER_CENT }
    }

    /// Parses a decimal dollar string with at most 8 decimals, e.g. `-98.0186`.
    #[must_use]
    pub fn parse_dollars(text: &[u8]) -> Option<Self> {
        Some(Self { e8: parse_decimal(text, 8)? })
    }

    /// 1e-8 dollars.
    #[must_use]
    pub const fn e8(self) -> i64 {
        self.e8
    }

    /// Whole cents, towards zero: what the exchange's integer `balance` field shows.
    #[must_use]
    pub const fn cents_truncated(self) -> i64 {
        self.e8 / Self::E8_PER_CENT
    }

    /// Cents as a decimal without trailing zeros, e.g. `1325` or `-1.75`: a valid JSON number.
    #[must_use]
    pub fn cents_display(self) -> String {
        struct Cents(i64);
        impl fmt::Display for Cents {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_scaled(f, self.0, 6, 0)
            }
        }
        Cents(self.e8).to_string()
    }

    /// Dollars with exactly `places` decimals (at most 8), truncated towards zero, as the
    /// exchange prints them: `98.0186`.
    #[must_use]
    pub fn dollars_display(self, places: u32) -> String {
        let cut = 10_i64.pow(8_u32.saturating_sub(places));
        struct Dollars(i64, u32);
        impl fmt::Display for Dollars {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_scaled(f, self.0, self.1, self.1)
            }
        }
        Dollars(self.e8 / cut, places.min(8)).to_string()
    }
}

impl Add for Money {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { e8: self.e8 + other.e8 }
    }
}

impl AddAssign for Money {
    fn add_assign(&mut self, other: Self) {
        self.e8 += other.e8;
    }
}

impl Sub for Money {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self { e8: self.e8 - other.e8 }
    }
}

impl SubAssign for Money {
    fn sub_assign(&mut self, other: Self) {
        self.e8 -= other.e8;
    }
}

impl Neg for Money {
    type Output = Self;

    fn neg(self) -> Self {
        Self { e8: -self.e8 }
    }
}

impl fmt::Display for Money {
    /// Dollars with 4 to 8 decimals: `$13.2500`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.e8 < 0 {
            f.write_str("-")?;
        }
        f.write_str("$")?;
        write_scaled(f, self.e8.saturating_abs(), 8, 4)
    }
}
