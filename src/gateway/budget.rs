//! The account's write tokens, mirrored: what the exchange would still let through.
//!
//! A bucket that refills continuously (reference §5). Orders leave a reserve untouched so that
//! cancels always find tokens; cancels draw from everything. Only sends take tokens: asking
//! changes nothing. Pure: time is an argument. All shards share this one bucket, which is
//! stricter than the exchange (it gives each shard a budget of its own).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::units::{Nanos, Timestamp};

/// Parts of a token: one token per second refills one part per nanosecond.
const PARTS_PER_TOKEN: u64 = 1_000_000_000;

/// First pause of orders after a 429: the exchange says neither how long nor asks for longer, and
/// five refusals in a minute trip the breaker.
const THROTTLE_PAUSE_MIN: Nanos = Nanos::from_ms(500);
/// Longest pause without the exchange asking for one.
const THROTTLE_PAUSE_MAX: Nanos = Nanos::from_secs(8);
/// Longest pause that is granted: past it a person should look.
const RETRY_AFTER_MAX: Nanos = Nanos::from_secs(60);

/// Size and prices of the bucket. Defaults: the Basic tier and its published costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BudgetConfig {
    /// Tokens that come back per second.
    pub refill_per_sec: u32,
    /// Tokens of a full bucket.
    pub capacity: u32,
    /// Tokens of a new order.
    pub create_cost: u32,
    /// Tokens of a cancel, and of a cancel of everything.
    pub cancel_cost: u32,
    /// Tokens that orders leave to cancels. Reserve and create cost together must fit the
    /// capacity: no order is ever allowed otherwise.
    pub cancel_reserve: u32,
}

impl Default for BudgetConfig {
    fn default() -> Self {
        Self {
            refill_per_sec: 100,
            capacity: 100,
            create_cost: 10,
            cancel_cost: 2,
            cancel_reserve: 20,
        }
    }
}

/// The size of the account's bucket, told to a running gateway by whoever has asked for it again.
/// Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct TierNews {
    /// Refill in the upper half, capacity in the lower; zero when there is nothing new.
    cell: Arc<AtomicU64>,
}

impl TierNews {
    /// The bucket is of this size from now on.
    pub fn tell(&self, refill_per_sec: u32, capacity: u32) {
        let both = u64::from(refill_per_sec) << 32 | u64::from(capacity);
        // Relaxed: the value is all there is to see.
        self.cell.store(both, Ordering::Relaxed);
    }

    /// What was told since the last time.
    fn take(&self) -> Option<(u32, u32)> {
        // Relaxed: as above; a plain load keeps the usual case cheap.
        if self.cell.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let both = self.cell.swap(0, Ordering::Relaxed);
        let half = |bits: u64| u32::try_from(bits & u64::from(u32::MAX)).unwrap_or(u32::MAX);
        Some((half(both >> 32), half(both)))
    }
}

/// What tokens are spent on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spend {
    /// A new order.
    Create,
    /// A cancel, of one order or of all.
    Cancel,
    /// A step of an order group: costs what an order does and may use what cancels may.
    Group,
}

/// The bucket.
#[derive(Clone, Debug)]
pub struct Budget {
    level_parts: u64,
    refilled: Timestamp,
    config: BudgetConfig,
    /// The next pause after a 429.
    pause: Nanos,
    /// Orders wait until then, whatever is in the bucket.
    closed_until: Timestamp,
}

impl Budget {
    /// A full bucket at `now`.
    #[must_use]
    pub fn new(config: BudgetConfig, now: Timestamp) -> Self {
        Self {
            level_parts: parts(config.capacity),
            refilled: now,
            config,
            pause: THROTTLE_PAUSE_MIN,
            closed_until: Timestamp::ZERO,
        }
    }

    /// Lets the tokens come back that time has brought.
    pub fn refill(&mut self, now: Timestamp) {
        let elapsed_ns = now.since(self.refilled).ns();
        let gained = elapsed_ns.saturating_mul(u64::from(self.config.refill_per_sec));
        self.level_parts = self.level_parts.saturating_add(gained).min(parts(self.config.capacity));
        self.refilled = self.refilled.max(now);
    }

    /// Takes over the size that was told, if any was. Tokens above it are gone.
    pub fn hear(&mut self, news: &TierNews) {
        let Some((refill_per_sec, capacity)) = news.take() else { return };
        self.config = BudgetConfig { refill_per_sec, capacity, ..self.config };
        let reserve_max = capacity.saturating_sub(self.config.create_cost);
        self.config.cancel_reserve = self.config.cancel_reserve.min(reserve_max);
        self.level_parts = self.level_parts.min(parts(capacity));
    }

    /// Whether there are tokens for `spend`.
    #[must_use]
    pub fn allows(&self, spend: Spend) -> bool {
        if spend == Spend::Create && self.refilled < self.closed_until {
            return false;
        }
        let needed = match spend {
            Spend::Create => {
                parts(self.config.create_cost).saturating_add(parts(self.config.cancel_reserve))
            }
            Spend::Cancel => parts(self.config.cancel_cost),
            Spend::Group => parts(self.config.create_cost),
        };
        self.level_parts >= needed
    }

    /// How many new orders the bucket pays for, the cancels' reserve left alone.
    #[must_use]
    pub fn creates(&self) -> usize {
        if self.refilled < self.closed_until {
            return 0;
        }
        let left = self.level_parts.saturating_sub(parts(self.config.cancel_reserve));
        usize::try_from(left / parts(self.config.create_cost.max(1))).unwrap_or(usize::MAX)
    }

    /// How many cancels the bucket pays for.
    #[must_use]
    pub fn cancels(&self) -> usize {
        let cost = parts(self.config.cancel_cost.max(1));
        usize::try_from(self.level_parts / cost).unwrap_or(usize::MAX)
    }

    /// Takes the tokens of a request that was sent.
    pub fn take(&mut self, spend: Spend) {
        let cost = match spend {
            Spend::Create | Spend::Group => self.config.create_cost,
            Spend::Cancel => self.config.cancel_cost,
        };
        self.level_parts = self.level_parts.saturating_sub(parts(cost));
    }

    /// The exchange said 429: its bucket is emptier than this one. Orders wait, longer with each
    /// 429 in a row and as long as `retry_after` asks; cancels may go on trying.
    pub fn handle_throttled(&mut self, now: Timestamp, retry_after: Option<Nanos>) {
        self.level_parts = self.level_parts.min(parts(self.config.cancel_reserve));
        let asked = retry_after.unwrap_or(Nanos::ZERO).min(RETRY_AFTER_MAX);
        self.closed_until = self.closed_until.max(now + self.pause.max(asked));
        self.pause = (self.pause + self.pause).min(THROTTLE_PAUSE_MAX);
    }

    /// The exchange has looked at a request: it was not too many.
    pub const fn handle_heard(&mut self) {
        self.pause = THROTTLE_PAUSE_MIN;
    }
}

fn parts(tokens: u32) -> u64 {
    u64::from(tokens) * PARTS_PER_TOKEN
}

const _: () = assert!(
    (u32::MAX as u128) * (PARTS_PER_TOKEN as u128) <= u64::MAX as u128,
    "any number of tokens has its parts in 64 bits",
);

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Timestamp {
        Timestamp::ZERO + Nanos::from_ms(ms)
    }

    fn full() -> Budget {
        Budget::new(BudgetConfig::default(), at(0))
    }

    /// How many more of `spend` go out before the bucket says no.
    fn burst(budget: &mut Budget, spend: Spend) -> u32 {
        let mut count = 0;
        while budget.allows(spend) {
            budget.take(spend);
            count += 1;
        }
        count
    }

    #[test]
    fn orders_leave_the_reserve_and_cancels_use_it_up() {
        let mut budget = full();
        assert_eq!(burst(&mut budget, Spend::Create), 8);
        assert_eq!(burst(&mut budget, Spend::Cancel), 10);
        assert_eq!(burst(&mut budget, Spend::Create), 0);
    }

    #[test]
    fn tokens_come_back_with_time_up_to_the_capacity() {
        let mut budget = full();
        burst(&mut budget, Spend::Cancel);
        budget.refill(at(19));
        assert_eq!(burst(&mut budget, Spend::Cancel), 0);
        budget.refill(at(20));
        assert_eq!(burst(&mut budget, Spend::Cancel), 1);
        budget.refill(at(319));
        assert!(!budget.allows(Spend::Create));
        budget.refill(at(320));
        assert_eq!(burst(&mut budget, Spend::Create), 1);
        budget.refill(at(1_000_000_000));
        assert_eq!(burst(&mut budget, Spend::Create), 8);
    }

    #[test]
    fn a_tier_that_changes_is_heard_once() {
        let (mut budget, news) = (full(), TierNews::default());
        budget.hear(&news);
        assert_eq!(burst(&mut budget.clone(), Spend::Create), 8, "nothing was told");
        news.tell(1_200, 3_600);
        budget.hear(&news);
        budget.refill(at(10_000));
        assert_eq!(burst(&mut budget.clone(), Spend::Create), 358, "20 of 3600 are the reserve");
        assert_eq!(news.take(), None);
        news.tell(10, 15);
        budget.hear(&news);
        assert_eq!(burst(&mut budget, Spend::Create), 1, "no tier is too small for an order");
    }

    #[test]
    fn fractions_of_tokens_are_not_lost() {
        let mut budget = full();
        burst(&mut budget, Spend::Cancel);
        for step in 1..=20_000 {
            budget.refill(Timestamp::ZERO + Nanos::from_us(step));
        }
        assert_eq!(burst(&mut budget, Spend::Cancel), 1);
    }

    #[test]
    fn asking_changes_nothing() {
        let budget = full();
        for _ in 0..1_000 {
            assert!(budget.allows(Spend::Create));
        }
    }

    #[test]
    fn after_a_429_orders_wait_and_cancels_do_not() {
        let mut budget = full();
        budget.handle_throttled(at(0), None);
        assert!(!budget.allows(Spend::Create));
        assert!(budget.allows(Spend::Cancel));
        budget.refill(at(499));
        assert!(!budget.allows(Spend::Create), "tokens are there, and the exchange is busy");
        budget.refill(at(500));
        assert!(budget.allows(Spend::Create));
    }

    #[test]
    fn pauses_grow_with_each_429_in_a_row_and_end_with_an_answer() {
        let mut budget = full();
        let mut now = at(0);
        let mut pauses = Vec::new();
        for _ in 0..7 {
            budget.handle_throttled(now, None);
            pauses.push(budget.closed_until.since(now).ms());
            now = budget.closed_until;
        }
        assert_eq!(pauses, [500, 1_000, 2_000, 4_000, 8_000, 8_000, 8_000]);
        budget.handle_heard();
        budget.handle_throttled(now, None);
        assert_eq!(budget.closed_until.since(now).ms(), 500);
    }

    #[test]
    fn a_pause_that_is_asked_for_is_kept_within_reason() {
        for (asked, kept) in [(3, 3), (0, 0), (3_600, 60)] {
            let mut budget = full();
            budget.handle_throttled(at(0), Some(Nanos::from_secs(asked)));
            let pause = budget.closed_until.since(at(0));
            assert_eq!(pause, Nanos::from_secs(kept).max(THROTTLE_PAUSE_MIN));
        }
    }

    #[test]
    fn time_that_stands_still_or_goes_back_brings_nothing() {
        let mut budget = Budget::new(BudgetConfig::default(), at(500));
        burst(&mut budget, Spend::Cancel);
        budget.refill(at(400));
        budget.refill(at(500));
        assert!(!budget.allows(Spend::Cancel));
    }
}
