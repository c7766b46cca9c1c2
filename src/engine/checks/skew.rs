//! How far the exchange's clock is from ours, from `Date` headers. Pure: times in, a span out.
//!
//! A header says the whole second in which it was written, and that was between the request and
//! its answer: each bounds the difference from both sides, and several at different parts of a
//! second narrow it. The middle of the bounds is what halving the round trip gives.

use crate::units::WallTime;

/// What a whole second can hide.
const RESOLUTION_MS: i64 = 1_000;

/// Bounds of "the exchange's clock minus ours" in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine) struct SkewBounds {
    least_ms: i64,
    most_ms: i64,
}

impl SkewBounds {
    /// What one answer says: stamped `date` between `sent` and `received` by our clock.
    pub(in crate::engine) fn of_answer(date: WallTime, sent: WallTime, received: WallTime) -> Self {
        let ms = |time: WallTime| i64::try_from(time.unix_ms()).unwrap_or(i64::MAX);
        Self { least_ms: ms(date) - ms(received), most_ms: ms(date) + RESOLUTION_MS - ms(sent) }
    }

    /// What both say.
    pub(in crate::engine) fn and(self, other: Self) -> Self {
        Self {
            least_ms: self.least_ms.max(other.least_ms),
            most_ms: self.most_ms.min(other.most_ms),
        }
    }

    /// Whether what was put together can be true at one time.
    pub(in crate::engine) const fn is_possible(self) -> bool {
        self.least_ms <= self.most_ms
    }

    /// The best single number: positive when the exchange is ahead.
    pub(in crate::engine) const fn middle_ms(self) -> i64 {
        i64::midpoint(self.least_ms, self.most_ms)
    }

    /// How far the truth may be from [`Self::middle_ms`].
    pub(super) const fn error_ms(self) -> i64 {
        (self.most_ms - self.least_ms).unsigned_abs().div_ceil(2).cast_signed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> WallTime {
        WallTime::from_unix_ms(1_767_225_600_000 + ms)
    }

    /// What headers say of a clock that is `skew_ms` ahead, asked at these milliseconds with
    /// round trips of twice `way_ms`.
    fn measured(skew_ms: i64, asked: &[u64], way_ms: u64) -> SkewBounds {
        let one = |&sent: &u64| {
            let theirs = (sent + way_ms).checked_add_signed(skew_ms).unwrap();
            let date = at(theirs / 1_000 * 1_000);
            SkewBounds::of_answer(date, at(sent), at(sent + 2 * way_ms))
        };
        asked.iter().map(one).reduce(SkewBounds::and).unwrap()
    }

    #[test]
    fn the_truth_is_within_the_bounds_whatever_the_part_of_the_second() {
        for skew in [-30_000, -2_500, -1_999, -3, 0, 3, 999, 1_000, 2_001, 30_000] {
            for start in (40_000..41_000).step_by(37) {
                for way in [0, 1, 40, 400] {
                    let asked: Vec<u64> = (0..6).map(|n| start + n * (170 + 2 * way)).collect();
                    let found = measured(skew, &asked, way);
                    let off = (found.middle_ms() - skew).abs();
                    assert!(off <= found.error_ms() + 1, "{skew} {start} {way} {found:?}");
                }
            }
        }
    }

    #[test]
    fn several_answers_narrow_what_one_leaves_open() {
        let one = measured(1_700, &[40_000], 5);
        assert_eq!(one.error_ms(), 505);
        let six: Vec<u64> = (0..6).map(|n| 40_000 + n * 180).collect();
        let six = measured(1_700, &six, 5);
        assert!(six.error_ms() <= 96, "{six:?}");
        assert!((six.middle_ms() - 1_700).abs() <= six.error_ms(), "{six:?}");
    }
}
