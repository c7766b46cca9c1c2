//! Money, quantity and time. The only file that knows a scale factor.
//!
//! [`Price`] is micro-dollars, [`Contracts`] is hundredths of a contract, so their product is
//! exactly representable in [`Money`] (1e-8 dollars): no rounding anywhere in this file.
//! Rounding is a rule of the exchange and lives in `kalshi/fees.rs`.
//!
//! Two clocks, two types: [`Timestamp`] is monotonic and orders events inside one run,
//! [`WallTime`] is Unix time and is what the exchange and signal producers speak.

use core::fmt;
use core::ops::{Add, AddAssign, Mul, Neg, Sub, SubAssign};

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
        Money { e8: i64::from(self.micros) * i64::from(quantity.centis) }
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
        // 64-bit nanoseconds end in the year 2554: the day number always fits.
        #[expect(clippy::cast_possible_truncation, reason = "at most 213 504 days")]
        let day = (self.ns / 86_400_000_000_000) as u32;
        day
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

/// One reading of both clocks: the only way time enters the deterministic core.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// Monotonic instant, for ages and deadlines.
    pub mono: Timestamp,
    /// Unix time, for the trading day and for what leaves the process.
    pub wall: WallTime,
}

/// Parses an optionally signed decimal into an integer scaled by `10^places`.
///
/// Returns `None` on anything but `[-]digits[.digits]`, on more than `places` significant
/// decimals (trailing zeros beyond are accepted) and on overflow. Exponents are refused.
#[must_use]
pub fn parse_decimal(text: &[u8], places: u32) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    let mut value: i64 = 0;
    let mut decimals: Option<u32> = None;
    let mut seen = false;
    for &byte in digits {
        match (byte, decimals) {
            (b'.', None) if seen => decimals = Some(0),
            (b'0', Some(count)) if count >= places => {}
            (b'0'..=b'9', _) => {
                if decimals.is_some_and(|count| count >= places) {
                    return None;
                }
                value = value.checked_mul(10)?.checked_add(i64::from(byte - b'0'))?;
                decimals = decimals.map(|count| count + 1);
                seen = true;
            }
            _ => return None,
        }
    }
    if !seen || digits.last() == Some(&b'.') {
        return None;
    }
    let missing = places - decimals.unwrap_or(0).min(places);
    let scaled = value.checked_mul(10_i64.checked_pow(missing)?)?;
    Some(if negative { -scaled } else { scaled })
}

/// Writes `value / 10^scale` with at least `places_min` decimals and no further trailing zeros.
fn write_scaled(
    f: &mut fmt::Formatter<'_>,
    value: i64,
    scale: u32,
    places_min: u32,
) -> fmt::Result {
    if value < 0 {
        f.write_str("-")?;
    }
    let unit = 10_u64.pow(scale);
    let magnitude = value.unsigned_abs();
    let (whole, mut fraction) = (magnitude / unit, magnitude % unit);
    let mut places = scale;
    while places > places_min && fraction.is_multiple_of(10) {
        fraction /= 10;
        places -= 1;
    }
    if places == 0 {
        return write!(f, "{whole}");
    }
    write!(f, "{whole}.{fraction:0width$}", width = places as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn parses(text: &str, places: u32, expected: Option<i64>) {
        assert_eq!(parse_decimal(text.as_bytes(), places), expected, "{text:?}");
    }

    #[test]
    fn decimals_are_exact_or_refused() {
        parses("0.56", 4, Some(5600));
        parses("0.5600", 4, Some(5600));
        parses("0.560000", 4, Some(5600));
        parses("0.560001", 4, None);
        parses("-98.0186", 8, Some(-9_801_860_000));
        parses("7", 2, Some(700));
        parses("", 2, None);
        parses(".5", 2, None);
        parses("5.", 2, None);
        parses("1e3", 2, None);
        parses("NaN", 2, None);
        parses("1.2.3", 2, None);
        parses("99999999999999999999", 2, None);
    }

    #[test]
    fn prices_stay_inside_the_open_interval() {
        assert_eq!(Price::from_cents(0), None);
        assert_eq!(Price::from_cents(100), None);
        assert_eq!(Price::from_cents(u32::MAX), None);
        let highest = Price::from_cents(99).unwrap();
        assert_eq!(highest.offset(PriceDelta::from_cents(1)), None);
        assert_eq!(highest.offset(PriceDelta::from_cents(-98)), Price::from_cents(1));
    }

    #[test]
    fn display_matches_the_exchange() {
        assert_eq!(Price::from_cents(5).unwrap().to_string(), "0.0500");
        assert_eq!(Price::from_micros(512_345).unwrap().to_string(), "0.512345");
        assert_eq!(&Price::from_cents(5).unwrap().dollars_6dp(), b"0.050000");
        assert_eq!(Position::from_centis(-300).to_string(), "-3.00");
        assert_eq!(Money::from_e8(9_801_860_000).dollars_display(4), "98.0186");
        assert_eq!(Money::from_micros(-17_500).cents_display(), "-1.75");
        assert_eq!(Money::from_cents(-5).to_string(), "-$0.0500");
        assert_eq!(PriceDelta::from_micros(-17_500).to_string(), "-1.75c");
    }
}
