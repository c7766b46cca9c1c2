//! Money, quantity and time. The only place (with `units/`) that knows a scale factor.
//!
//! [`Price`] is micro-dollars, [`Contracts`] is hundredths of a contract, so their product is
//! exactly representable in [`Money`] (1e-8 dollars): no rounding anywhere in here.
//! Rounding is a rule of the exchange and lives in `kalshi/fees.rs`.
//!
//! Two clocks, two types: [`Timestamp`] is monotonic and orders events inside one run,
//! [`WallTime`] is Unix time and is what the exchange and signal producers speak.

use core::fmt;

mod money;
mod price;
mod quantity;
mod time;

pub use money::Money;
pub use price::{Price, PriceDelta};
pub use quantity::{Contracts, Position};
pub use time::{Nanos, Timestamp, WallTime};

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
