//! How the simulated exchange writes numbers, times and ids: as recorded from the real one.

use crate::units::{Contracts, Money, Price, WallTime};

/// A UUID in its hyphenated lower-case form.
pub(crate) fn uuid_text(bits: u128) -> String {
    uuid::Uuid::from_u128(bits).to_string()
}

/// Dollars with six decimals, as costs and fees are written.
pub(crate) fn dollars(money: Money) -> String {
    money.dollars_display(6)
}

/// The other leg's price.
pub(crate) fn no_price(yes: Price) -> String {
    yes.complement().to_string()
}

/// A count that may exceed [`Contracts`].
pub(crate) fn count(centis: u64) -> String {
    format!("{}.{:02}", centis / 100, centis % 100)
}

/// A signed count.
pub(crate) fn signed_count(centis: i64) -> String {
    let sign = if centis < 0 { "-" } else { "" };
    format!("{sign}{}", count(centis.unsigned_abs()))
}

/// `value / quantity` in dollars: four decimals where they suffice, else six.
pub(crate) fn average(value: Money, quantity: Contracts) -> Option<String> {
    (!quantity.is_zero()).then(|| mean(value, u64::from(quantity.centis())))
}

/// The same for a count that may exceed [`Contracts`] and is not zero.
pub(crate) fn mean(value: Money, centis: u64) -> String {
    // 1e-8 dollars over hundredths of a contract are micro-dollars per contract.
    let micros = value.e8() / i64::try_from(centis).unwrap_or(i64::MAX).max(1);
    let places = if micros % 100 == 0 { 4 } else { 6 };
    Money::from_micros(micros).dollars_display(places)
}

/// RFC 3339 in UTC with up to six decimals; trailing zeros are trimmed, as Go does.
pub(crate) fn rfc3339(time: WallTime) -> String {
    let days = i64::try_from(time.unix_secs() / 86_400).unwrap_or(0);
    let (year, month, day) = civil(days);
    let second = time.unix_secs() % 86_400;
    let micros = time.unix_ns() / 1_000 % 1_000_000;
    let fraction = format!(".{micros:06}");
    let fraction = fraction.trim_end_matches('0').trim_end_matches('.');
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}Z")
}

/// Days since 1970 to a proleptic Gregorian date.
fn civil(days: i64) -> (i32, u8, u8) {
    let date = time::Date::from_calendar_date(1970, time::Month::January, 1)
        .ok()
        .and_then(|epoch| epoch.checked_add(time::Duration::days(days)));
    date.map_or((1970, 1, 1), |date| (date.year(), u8::from(date.month()), date.day()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_recorded() {
        let time = WallTime::from_unix_ns(1_781_159_370_164_956_999);
        assert_eq!(rfc3339(time), "2026-06-11T06:29:30.164956Z");
        assert_eq!(rfc3339(WallTime::from_unix_ms(1_781_159_370_160)), "2026-06-11T06:29:30.16Z");
        assert_eq!(rfc3339(WallTime::from_unix_ms(951_782_400_000)), "2000-02-29T00:00:00Z");
    }

    #[test]
    fn averages_need_no_more_decimals_than_they_have() {
        let ten = Contracts::from_whole(10);
        assert_eq!(average(Money::from_cents(520), ten).as_deref(), Some("0.5200"));
        let third = Contracts::from_whole(3);
        assert_eq!(average(Money::from_cents(100), third).as_deref(), Some("0.333333"));
        assert_eq!(average(Money::ZERO, Contracts::ZERO), None);
    }
}
