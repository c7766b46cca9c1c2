//! Numbers of a signal, from their text: exact, integer, never through a float.
//!
//! A producer in Python writes `1.6661`, `7`, `1e-05` or `6.999999999999999`; each has one
//! meaning here, whichever decoder found it.

/// Most digits that are kept of a mantissa: what `u64` always holds.
const DIGITS_MAX: u32 = 18;

/// Largest magnitude [`scaled`] returns: far above any edge, far below what sums could overflow.
pub(super) const SCALED_MAX: i64 = 1_000_000_000_000_000;

/// A JSON number times `10^places`, truncated towards zero. `None` when it is no number or its
/// magnitude exceeds [`SCALED_MAX`].
pub(super) fn scaled(text: &[u8], places: i32) -> Option<i64> {
    let (negative, text) = match text {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    let split = text.iter().position(|byte| matches!(byte, b'e' | b'E')).unwrap_or(text.len());
    let mantissa = Mantissa::read(&text[..split])?;
    let written = if split == text.len() { 0 } else { exponent(&text[split + 1..])? };
    let value = mantissa.scale(written.checked_add(places)?)?;
    Some(if negative { -value } else { value })
}

/// A whole number in `u64`; trailing zeros after a point are accepted (`48.0`, as pandas writes).
pub(super) fn whole(text: &[u8]) -> Option<u64> {
    let split = text.iter().position(|&byte| byte == b'.').unwrap_or(text.len());
    let (digits, fraction) = text.split_at(split);
    if digits.is_empty() || fraction.len() == 1 || fraction.iter().skip(1).any(|&b| b != b'0') {
        return None;
    }
    let mut value = 0_u64;
    for &byte in digits {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        value = value.checked_mul(10)?.checked_add(digit)?;
    }
    Some(value)
}

/// Digits without their point: `digits * 10^shift`.
#[derive(Clone, Copy, Debug, Default)]
struct Mantissa {
    digits: u64,
    shift: i32,
}

impl Mantissa {
    fn read(text: &[u8]) -> Option<Self> {
        let mut out = Self::default();
        let (mut count, mut point, mut seen) = (0_u32, false, false);
        for &byte in text {
            match byte {
                b'.' if seen && !point => point = true,
                b'0'..=b'9' => {
                    seen = true;
                    let kept = count < DIGITS_MAX;
                    if kept {
                        out.digits = out.digits * 10 + u64::from(byte - b'0');
                        count += u32::from(out.digits > 0);
                    }
                    // A digit kept behind the point shifts down, one dropped before it shifts up.
                    out.shift = match (point, kept) {
                        (true, true) => out.shift.checked_sub(1)?,
                        (false, false) => out.shift.checked_add(1)?,
                        _ => out.shift,
                    };
                }
                _ => return None,
            }
        }
        (seen && text.last() != Some(&b'.')).then_some(out)
    }

    fn scale(self, places: i32) -> Option<i64> {
        let shift = self.shift.checked_add(places)?;
        if self.digits == 0 {
            return Some(0);
        }
        let ten = 10_u64.checked_pow(shift.unsigned_abs());
        let value = match (shift >= 0, ten) {
            (true, ten) => self.digits.checked_mul(ten?)?,
            (false, Some(ten)) => self.digits / ten,
            (false, None) => 0,
        };
        i64::try_from(value).ok().filter(|&value| value <= SCALED_MAX)
    }
}

/// The part behind `e`. Saturates: an exponent past a million decides alone.
fn exponent(text: &[u8]) -> Option<i32> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let mut value = 0_i32;
    for &byte in digits {
        let digit = byte.is_ascii_digit().then(|| i32::from(byte - b'0'))?;
        value = (value * 10 + digit).min(1_000_000);
    }
    (!digits.is_empty()).then_some(if negative { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn micros(text: &str, expected: Option<i64>) {
        assert_eq!(scaled(text.as_bytes(), 4), expected, "{text:?}");
    }

    #[test]
    fn cents_are_exact_to_the_micro_dollar_and_cut_below() {
        micros("7", Some(70_000));
        micros("1.6661", Some(16_661));
        micros("-1.6661", Some(-16_661));
        micros("1.66619999", Some(16_661));
        micros("-1.66619999", Some(-16_661));
        micros("6.999999999999999", Some(69_999));
        micros("0.0000001", Some(0));
        micros("1.6661000000000000000000000000001", Some(16_661));
        micros("000000000000000000000000000007", Some(70_000));
        micros("1e-05", Some(0));
        micros("1.5E2", Some(1_500_000));
        micros("1e-99999999999", Some(0));
    }

    #[test]
    fn what_is_no_number_or_too_large_is_refused() {
        for text in ["", "-", ".", ".5", "5.", "1e", "1e+", "NaN", "1.2.3", "--1", "1e12", "1e99"] {
            micros(text, None);
        }
        micros("100000000000", Some(SCALED_MAX));
        micros("100000000001", None);
        micros("1000000000000000000000000000000", None);
    }

    #[test]
    fn whole_numbers_may_end_in_point_zero() {
        assert_eq!(whole(b"48"), Some(48));
        assert_eq!(whole(b"48.0"), Some(48));
        assert_eq!(whole(b"18446744073709551615"), Some(u64::MAX));
        for text in ["18446744073709551616", "48.5", "48.", "-1", "1e3", "", ".0"] {
            assert_eq!(whole(text.as_bytes()), None, "{text:?}");
        }
    }
}
