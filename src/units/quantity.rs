//! How many contracts: unsigned quantities of orders and fills, signed positions.
//!
//! In: integers or the exchange's fixed-point counts. Out: hundredths of a contract, which is
//! the exchange's own granularity. Never negative where a quantity is meant; never rounds.

use core::fmt;
use core::ops::{Add, AddAssign, Sub, SubAssign};

use super::{Money, parse_decimal, write_scaled};

/// A quantity of contracts in hundredths. Never negative.
///
/// ```
/// use kalshi_exec::units::Contracts;
/// assert_eq!(Contracts::parse_fp(b"25"), Some(Contracts::from_whole(25)));
/// assert_eq!(Contracts::parse_fp(b"0.05").unwrap().centis(), 5);
/// assert_eq!(Contracts::from_whole(25).to_string(), "25.00");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Contracts {
    centis: u32,
}

impl Contracts {
    /// None.
    pub const ZERO: Self = Self { centis: 0 };

    /// From hundredths of a contract.
    #[must_use]
    pub const fn from_centis(centis: u32) -> Self {
        Self { centis }
    }

    /// From whole contracts.
    ///
    /// # Panics
    /// When `whole` exceeds 42 949 672; use [`Self::parse_fp`] for outside input.
    #[must_use]
    pub const fn from_whole(whole: u32) -> Self {
        Self { centis: whole * 100 }
    }

    /// Parses a fixed-point count such as `10.00` (at most 2 decimals, not negative).
    #[must_use]
    pub fn parse_fp(text: &[u8]) -> Option<Self> {
        let centis = parse_decimal(text, 2)?;
        Some(Self { centis: u32::try_from(centis).ok()? })
    }

    /// Hundredths of a contract.
    #[must_use]
    pub const fn centis(self) -> u32 {
        self.centis
    }

    /// Whether there is nothing.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.centis == 0
    }

    /// `self - other`, or zero when `other` is larger.
    #[must_use]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self { centis: self.centis.saturating_sub(other.centis) }
    }

    /// `self - other`, or `None` when `other` is larger.
    #[must_use]
    pub const fn checked_sub(self, other: Self) -> Option<Self> {
        match self.centis.checked_sub(other.centis) {
            Some(centis) => Some(Self { centis }),
            None => None,
        }
    }

    /// `self + other`, or `None` past the representable maximum.
    #[must_use]
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        match self.centis.checked_add(other.centis) {
            Some(centis) => Some(Self { centis }),
            None => None,
        }
    }
}

impl Add for Contracts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { centis: self.centis + other.centis }
    }
}

impl AddAssign for Contracts {
    fn add_assign(&mut self, other: Self) {
        self.centis += other.centis;
    }
}

impl Sub for Contracts {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self { centis: self.centis - other.centis }
    }
}

impl SubAssign for Contracts {
    fn sub_assign(&mut self, other: Self) {
        self.centis -= other.centis;
    }
}

impl fmt::Display for Contracts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02}", self.centis / 100, self.centis % 100)
    }
}

/// A signed net position in one market: positive is YES, negative is NO, in hundredths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    centis: i64,
}

impl Position {
    /// Flat.
    pub const FLAT: Self = Self { centis: 0 };

    /// From signed hundredths of a contract.
    #[must_use]
    pub const fn from_centis(centis: i64) -> Self {
        Self { centis }
    }

    /// Parses `position_fp`, e.g. `-3.00`.
    #[must_use]
    pub fn parse_fp(text: &[u8]) -> Option<Self> {
        Some(Self { centis: parse_decimal(text, 2)? })
    }

    /// Signed hundredths of a contract.
    #[must_use]
    pub const fn centis(self) -> i64 {
        self.centis
    }

    /// What it is worth when a YES contract is worth `yes`, and a NO contract the rest of the
    /// dollar.
    #[must_use]
    pub fn worth(self, yes: Money) -> Money {
        let own = if self.centis < 0 { Money::from_cents(100) - yes } else { yes };
        // Exact for whole cents and micro-dollars: both are hundreds of 1e-8 dollars.
        Money::from_e8(own.e8() / 100 * i64::from(self.size().centis()))
    }

    /// How many contracts are held, whichever side. Saturates at the largest [`Contracts`].
    #[must_use]
    pub fn size(self) -> Contracts {
        Contracts::from_centis(u32::try_from(self.centis.unsigned_abs()).unwrap_or(u32::MAX))
    }

    /// The position after trading `quantity` on `side` of the YES book.
    #[must_use]
    pub fn after(self, side: crate::message::BookSide, quantity: Contracts) -> Self {
        let signed = i64::from(quantity.centis);
        match side {
            crate::message::BookSide::Bid => Self { centis: self.centis + signed },
            crate::message::BookSide::Ask => Self { centis: self.centis - signed },
        }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_scaled(f, self.centis, 2, 2)
    }
}
