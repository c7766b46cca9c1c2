//! When the exchange is closed for maintenance: a weekly window in New York's time.
//!
//! In: Unix time. Out: whether the window is open then. New York's clock is Unix time less five
//! hours, or four while daylight saving time holds: from 2:00 on March's second Sunday to 2:00 on
//! November's first (15 U.S.C. § 260a). Pure arithmetic on whole minutes.

use crate::units::WallTime;

const MINUTES_PER_DAY: u64 = 1_440;
const NANOS_PER_MINUTE: u64 = 60_000_000_000;

/// A window of one weekday, in minutes after New York's midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// 0 is Sunday, 4 is Thursday.
    pub weekday: u8,
    /// First minute of it.
    pub from_minute: u16,
    /// First minute after it.
    pub until_minute: u16,
}

impl Schedule {
    /// The exchange's: Thursday from 03:00 to 05:00.
    pub const THURSDAY: Self = Self { weekday: 4, from_minute: 180, until_minute: 300 };

    /// Whether the exchange is closed in this minute.
    #[must_use]
    pub fn holds(&self, minute: Minute) -> bool {
        let local = minute.in_new_york();
        let (day, of_day) = (local / MINUTES_PER_DAY, local % MINUTES_PER_DAY);
        let inside = u64::from(self.from_minute) <= of_day && of_day < u64::from(self.until_minute);
        inside && weekday(day) == u64::from(self.weekday)
    }
}

/// A minute since 1970-01-01 00:00 UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Minute(u64);

impl Minute {
    /// The minute of `time`.
    #[must_use]
    pub const fn of(time: WallTime) -> Self {
        Self(time.unix_ns() / NANOS_PER_MINUTE)
    }

    /// Minutes since 1970-01-01 on New York's clock. Times of the first day, when that would be
    /// negative, count as midnight.
    const fn in_new_york(self) -> u64 {
        // Both switches happen at 2:00 local time: 7:00 UTC in spring, 6:00 UTC in autumn.
        let year = year_of(self.0 / MINUTES_PER_DAY);
        let spring = nth_sunday(year, 3, 2) * MINUTES_PER_DAY + 7 * 60;
        let autumn = nth_sunday(year, 11, 1) * MINUTES_PER_DAY + 6 * 60;
        let summer = spring <= self.0 && self.0 < autumn;
        self.0.saturating_sub(if summer { 4 * 60 } else { 5 * 60 })
    }
}

/// 0 is Sunday: 1970-01-01 was a Thursday.
const fn weekday(day: u64) -> u64 {
    (day + 4) % 7
}

/// The `nth` Sunday of a month, in days since 1970-01-01.
const fn nth_sunday(year: u64, month: u64, nth: u64) -> u64 {
    let first = days_from_civil(year, month);
    first + (7 - weekday(first)) % 7 + (nth - 1) * 7
}

/// The first of a month, in days since 1970-01-01 (Howard Hinnant's `days_from_civil`).
const fn days_from_civil(year: u64, month: u64) -> u64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year / 400, year % 400);
    let from_march = (month + 9) % 12;
    let of_year = (153 * from_march + 2) / 5;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The year of a day since 1970-01-01.
const fn year_of(day: u64) -> u64 {
    let shifted = day + 719_468;
    let of_era = shifted % 146_097;
    let of_cycle = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * of_cycle + of_cycle / 4 - of_cycle / 100);
    // Years of this calendar begin in March: January and February belong to the next.
    let january = (5 * of_year + 2) / 153 >= 10;
    shifted / 146_097 * 400 + of_cycle + january as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Unix seconds of dates were taken from a calendar, not from this file.
    #[track_caller]
    fn closed(unix_secs: u64, expected: bool) {
        assert_eq!(holds(unix_secs), expected, "{unix_secs}");
    }

    fn holds(unix_secs: u64) -> bool {
        let minute = Minute::of(WallTime::from_unix_ms(unix_secs * 1_000));
        Schedule::THURSDAY.holds(minute)
    }

    #[test]
    fn the_window_is_thursday_three_to_five_in_new_york_all_year() {
        // Winter, Thursday 2026-01-15: 08:00 to 10:00 UTC.
        closed(1_768_463_999, false);
        closed(1_768_464_000, true);
        closed(1_768_471_199, true);
        closed(1_768_471_200, false);
        // Summer, Thursday 2026-07-16: 07:00 to 09:00 UTC.
        closed(1_784_185_199, false);
        closed(1_784_185_200, true);
        closed(1_784_192_399, true);
        closed(1_784_192_400, false);
    }

    #[test]
    fn other_days_are_open() {
        for day in 1..7 {
            closed(1_768_464_000 + day * 86_400, false);
        }
        closed(1_768_464_000 + 7 * 86_400, true);
    }

    #[test]
    fn the_switches_of_2026_and_2027_are_where_the_law_puts_them() {
        let days = |year, month, nth| nth_sunday(year, month, nth);
        // 2026-03-08, 2026-11-01, 2027-03-14, 2027-11-07, counted from 1970-01-01.
        assert_eq!(days(2026, 3, 2), 20_520);
        assert_eq!(days(2026, 11, 1), 20_758);
        assert_eq!(days(2027, 3, 2), 20_891);
        assert_eq!(days(2027, 11, 1), 21_129);
    }

    /// The Thursdays before and after each switch of 2026 and 2027, when it is 03:00 in New York
    /// then, and which hour that is in UTC. The seconds are the zone database's.
    const THURSDAYS: [(&str, u64, u64); 8] = [
        ("2026-03-05, winter", 1_772_697_600, 8),
        ("2026-03-12, summer", 1_773_298_800, 7),
        ("2026-10-29, summer", 1_793_257_200, 7),
        ("2026-11-05, winter", 1_793_865_600, 8),
        ("2027-03-11, winter", 1_804_752_000, 8),
        ("2027-03-18, summer", 1_805_353_200, 7),
        ("2027-11-04, summer", 1_825_311_600, 7),
        ("2027-11-11, winter", 1_825_920_000, 8),
    ];

    #[test]
    fn the_window_keeps_new_yorks_clock_across_every_switch() {
        let (hour, day) = (3_600, 86_400);
        for (date, opens, utc_hour) in THURSDAYS {
            assert_eq!(opens % day, utc_hour * hour, "{date}");
            // Closed at its first and last second, open at the ones beside them, and open where
            // the other season's clock would have it closed.
            closed(opens - 1, false);
            closed(opens, true);
            closed(opens + 2 * hour - 1, true);
            closed(opens + 2 * hour, false);
            let minutes_closed =
                (opens - 12 * hour..opens + 12 * hour).step_by(60).filter(|secs| holds(*secs));
            assert_eq!(minutes_closed.count(), 120, "{date} is closed for two hours");
        }
    }

    #[test]
    fn every_day_is_in_its_year() {
        let mut day = 0;
        for year in 1970..2200_u64 {
            let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            let length = if leap { 366 } else { 365 };
            assert_eq!(days_from_civil(year, 1), day, "{year}");
            assert_eq!(year_of(day), year, "first of January");
            assert_eq!(year_of(day + 58), year, "last of February");
            assert_eq!(year_of(day + length - 1), year, "last of December");
            day += length;
        }
    }
}
