//! Money and positions as JSON numbers: whole ones as integers, others with their decimals.
//!
//! A JSON number with decimals goes through a float in every reader; below 10⁹ cents with six
//! decimals (fifteen digits) that loses nothing. No arithmetic is done on one.

use core::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::units::{Money, Position, parse_decimal};

/// Money in cents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cents(pub Money);

/// A net position in contracts: positive is YES, negative is NO.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Held(pub Position);

impl fmt::Display for Cents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0.cents_display())
    }
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.to_string();
        f.pad(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

impl Serialize for Cents {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        number(&self.to_string(), serializer)
    }
}

impl Serialize for Held {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        number(&self.to_string(), serializer)
    }
}

impl<'de> Deserialize<'de> for Cents {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // A cent is 10⁶ units of Money.
        scaled(deserializer, 6).map(|e8| Self(Money::from_e8(e8)))
    }
}

impl<'de> Deserialize<'de> for Held {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        scaled(deserializer, 2).map(|centis| Self(Position::from_centis(centis)))
    }
}

/// Serialises a decimal's text as a number.
fn number<S: Serializer>(text: &str, serializer: S) -> Result<S::Ok, S::Error> {
    match (text.parse::<i64>(), text.parse::<f64>()) {
        (Ok(whole), _) => serializer.serialize_i64(whole),
        (Err(_), Ok(decimal)) => serializer.serialize_f64(decimal),
        (Err(_), Err(_)) => serializer.serialize_str(text),
    }
}

/// Reads a number as an integer scaled by `10^places`.
fn scaled<'de, D: Deserializer<'de>>(deserializer: D, places: u32) -> Result<i64, D::Error> {
    let number = serde_json::Number::deserialize(deserializer)?;
    let text = match (number.as_i64(), number.as_f64()) {
        (Some(whole), _) => whole.to_string(),
        (None, Some(decimal)) => format!("{decimal:.*}", places as usize),
        (None, None) => number.to_string(),
    };
    parse_decimal(text.as_bytes(), places)
        .ok_or_else(|| D::Error::custom(format!("{number} is out of range")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cents_survive_json_with_all_their_decimals() {
        for e8 in [0, 1, -1, 1_000_000, 1_750_000, -98_018_600, 99_999_999_999_999, -123_456_789] {
            let cents = Cents(Money::from_e8(e8));
            let text = serde_json::to_string(&cents).unwrap();
            assert_eq!(serde_json::from_str::<Cents>(&text).unwrap(), cents, "{text}");
        }
        assert_eq!(serde_json::to_string(&Cents(Money::from_cents(1_325))).unwrap(), "1325");
        assert_eq!(serde_json::to_string(&Cents(Money::from_micros(-17_500))).unwrap(), "-1.75");
    }

    #[test]
    fn positions_are_plain_numbers() {
        let shown = |centis| serde_json::to_string(&Held(Position::from_centis(centis))).unwrap();
        assert_eq!([shown(2_500), shown(-300), shown(-5), shown(0)], ["25", "-3", "-0.05", "0"]);
        assert_eq!(shown(100_000), "1000");
        assert_eq!(serde_json::from_str::<Held>("-0.05").unwrap(), Held(Position::from_centis(-5)));
        assert!(serde_json::from_str::<Held>("1e300").is_err());
    }
}
