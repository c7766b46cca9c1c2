//! What the limits remember besides positions and the day: the breaker and what trips it, losses
//! in a row, rejects, repeats, messages, links, clocks, pauses, and the runaway guard.
//!
//! In: what happened, with its time. Out: facts for the gate, and what must be kept. One writer,
//! the oms; nothing is allocated after the start. Asking never changes anything here.

use super::breaker::{Breaker, BreakerState, Probe, Trip};
use super::breaker_config::BreakerConfig;
use super::calendar::Minute;
use super::carried::Carried;
use super::day::Day;
use super::ledger::Ledger;
use super::limits::{Limits, OpenRisk};
use super::messages::Messages;
use super::repeats::Repeats;
use super::throttle::Throttle;
use crate::ids::{MarketIx, OrderKey};
use crate::message::{BookSide, CancelFailure, RejectKind};
use crate::units::{Money, Nanos, Now, Timestamp};

/// How long orders wait after the exchange has said that it is paused: nothing else tells of the
/// end of a pause for certain.
const PAUSE_HOLD: Nanos = Nanos::from_secs(30);

/// What is known of the exchange's clock against ours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Skew {
    /// There is no exchange with a clock (paper).
    #[default]
    NotNeeded,
    /// There is, and nothing is known.
    Unknown,
    /// The exchange is ahead by so many nanoseconds, or behind when negative.
    Measured(i64),
}

impl Skew {
    /// What an answer proves: sent at `sent` and here at `now` by our clock, stamped in between
    /// by the exchange's. What lies within the round trip proves nothing, and counts as none.
    #[must_use]
    pub fn of_answer(sent_ns: u64, now_ns: u64, exchange_ns: u64) -> Self {
        let signed = |ns: u64| i64::try_from(ns).unwrap_or(i64::MAX);
        let (ahead, behind) =
            (exchange_ns.saturating_sub(now_ns), sent_ns.saturating_sub(exchange_ns));
        Self::Measured(if ahead > 0 { signed(ahead) } else { -signed(behind) })
    }
}

/// When the fill feed was last heard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FeedHeard {
    /// Fills come from something that cannot fall silent (paper), or the feed was never up: then
    /// the engine is not ready.
    #[default]
    NotNeeded,
    /// Then, by its own word, which it repeats as long as it lives.
    At(Timestamp),
}

/// A market's settlement as the limits see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// The market.
    pub market: MarketIx,
    /// What the settlement itself realised: revenue less the cost of what was held, without fees
    /// that fills have paid before.
    pub realized: Money,
    /// The settlement's own fee.
    pub fee: Money,
    /// What the market made from its first fill to its settlement, all fees deducted: below zero
    /// is a loss.
    pub result: Money,
}

/// Whether a reject speaks of trouble. A repeated id is the order itself, found again; an order
/// that had to rest or to fill whole and could not is an everyday end.
#[must_use]
pub const fn is_trouble(kind: RejectKind) -> bool {
    !matches!(kind, RejectKind::DuplicateOrder | RejectKind::PostOnlyCross | RejectKind::FillOrKill)
}

/// The same of a change that came to nothing: only the exchange's own word is a reject, and an
/// order that has filled or ended meanwhile is an everyday end of one.
#[must_use]
pub const fn is_trouble_of_change(why: CancelFailure) -> bool {
    match why {
        CancelFailure::Rejected(RejectKind::NotFound) => false,
        CancelFailure::Rejected(kind) => is_trouble(kind),
        CancelFailure::Unsent(_) | CancelFailure::Lost(_) => false,
    }
}

/// See the module's page.
#[derive(Clone, Debug)]
pub struct Guard {
    config: BreakerConfig,
    breaker: Breaker,
    losses: u32,
    latency_breaches: u32,
    mismatches: u32,
    rejects: Throttle,
    repeats: Repeats,
    messages: Messages,
    ledger: Ledger,
    /// The same for changes of orders: each is a write with an answer of its own.
    changes: Ledger,
    skew: Skew,
    heard: FeedHeard,
    paused_until: Timestamp,
    /// Until when each market is left alone.
    markets_paused_until: Vec<Timestamp>,
    minute: Minute,
    in_maintenance: bool,
}

impl Guard {
    /// Allocates for so many markets and orders.
    #[must_use]
    pub fn new(
        limits: &Limits,
        config: BreakerConfig,
        market_count: usize,
        orders_max: usize,
    ) -> Self {
        Self {
            breaker: Breaker::new(config.cooldown),
            losses: 0,
            latency_breaches: 0,
            mismatches: 0,
            rejects: Throttle::new(config.rejects_per_minute_max),
            repeats: Repeats::new(market_count, config.repeats_max, config.repeats_window),
            messages: Messages::new(limits.messages),
            ledger: Ledger::new(orders_max),
            changes: Ledger::new(orders_max),
            skew: Skew::NotNeeded,
            heard: FeedHeard::NotNeeded,
            paused_until: Timestamp::ZERO,
            markets_paused_until: vec![Timestamp::ZERO; market_count],
            minute: Minute::default(),
            in_maintenance: false,
            config,
        }
    }

    /// The bounds.
    #[must_use]
    pub const fn config(&self) -> &BreakerConfig {
        &self.config
    }

    /// Changes a bound as no run can.
    #[cfg(test)]
    pub(super) const fn config_mut(&mut self) -> &mut BreakerConfig {
        &mut self.config
    }

    /// Trips the breaker for no reason of its own.
    #[cfg(test)]
    pub(super) fn trip(&mut self, now: Now, trip: Trip) {
        self.breaker.trip(now, trip);
    }

    /// The circuit breaker.
    #[must_use]
    pub const fn breaker(&self) -> &Breaker {
        &self.breaker
    }

    /// Markets settled at a loss in a row.
    #[must_use]
    pub const fn consecutive_losses(&self) -> u32 {
        self.losses
    }

    /// Differences between books and exchange that are not repaired.
    #[must_use]
    pub const fn mismatches(&self) -> u32 {
        self.mismatches
    }

    /// Rejects of the last minute, as far as they are remembered.
    #[must_use]
    pub fn rejects(&self, now: Timestamp) -> u32 {
        self.rejects.within_minute(now)
    }

    /// Whether the last minute has had as many rejects as trip the breaker.
    #[must_use]
    pub fn is_rejected_too_often(&self, now: Timestamp) -> bool {
        self.config.rejects_per_minute_max == 0 || self.rejects.minute_is_full(now)
    }

    /// Whether a market and side was executed as often as allowed within the window.
    #[must_use]
    pub fn is_repeated_too_often(&self, market: MarketIx, side: BookSide, now: Timestamp) -> bool {
        self.config.repeats_max == 0 || self.repeats.is_full(market, side, now)
    }

    /// The account's write tokens.
    #[must_use]
    pub const fn messages(&self) -> &Messages {
        &self.messages
    }

    /// The runaway guard.
    #[must_use]
    pub const fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The exchange's clock.
    #[must_use]
    pub const fn skew(&self) -> Skew {
        self.skew
    }

    /// When the fill feed was last heard.
    #[must_use]
    pub const fn heard(&self) -> FeedHeard {
        self.heard
    }

    /// Whether the exchange has said that it takes no orders, or is known to be closed.
    #[must_use]
    pub fn is_paused(&self, now: Timestamp) -> bool {
        self.in_maintenance || now < self.paused_until
    }

    /// Whether the exchange has said, a moment ago, that it takes no orders.
    #[must_use]
    pub fn is_exchange_paused(&self, now: Timestamp) -> bool {
        now < self.paused_until
    }

    /// Whether it is the time of the weekly window.
    #[must_use]
    pub const fn is_in_maintenance(&self) -> bool {
        self.in_maintenance
    }

    /// Whether the exchange has said of a market that it takes no orders.
    #[must_use]
    pub fn is_market_paused(&self, market: MarketIx, now: Timestamp) -> bool {
        now < self.markets_paused_until[usize::from(market.0)]
    }

    /// Lets time pass. Cheap: the calendar is asked once a minute.
    pub fn tick(&mut self, now: Now, limits: &Limits) {
        self.breaker.tick(now);
        let minute = Minute::of(now.wall);
        if minute != self.minute {
            self.minute = minute;
            self.in_maintenance = limits.maintenance.is_some_and(|schedule| schedule.holds(minute));
        }
    }

    /// A new UTC day has begun.
    pub fn roll_day(&mut self, now: Now) {
        self.breaker.roll_day(now);
    }

    /// A market has settled: the day's profit, the losses in a row, and what they trip.
    pub fn record_settlement(
        &mut self,
        day: &mut Day,
        now: Now,
        limits: &Limits,
        settlement: &Settlement,
    ) {
        day.realized += settlement.realized;
        day.fees += settlement.fee;
        if settlement.result < Money::ZERO {
            self.losses = self.losses.saturating_add(1);
            if self.losses >= self.config.consecutive_losses_max {
                self.breaker.trip(now, Trip::ConsecutiveLosses);
            }
        } else {
            self.losses = 0;
        }
        self.watch_loss(day, now, limits);
    }

    /// Trips when the day has lost too much. What open positions may still lose keeps new ones from
    /// being opened, but trips nothing: it has not been lost.
    pub fn watch_loss(&mut self, day: &Day, now: Now, limits: &Limits) {
        let known = self.breaker.trips().contains(Trip::DailyLoss);
        if day.loss() >= limits.daily_loss_max && !known {
            self.breaker.trip(now, Trip::DailyLoss);
        }
    }

    /// The exchange has rejected an order.
    pub fn note_reject(&mut self, now: Now) {
        self.rejects.note_sent(now.mono);
        if self.is_rejected_too_often(now.mono) {
            self.breaker.trip(now, Trip::Rejects);
        }
    }

    /// The exchange has said that it, or trading on it, is paused.
    pub fn note_paused(&mut self, now: Now) {
        self.paused_until = now.mono + PAUSE_HOLD;
    }

    /// The exchange has said that a market takes no orders now.
    pub fn note_market_paused(&mut self, market: MarketIx, now: Timestamp) {
        self.markets_paused_until[usize::from(market.0)] = now + PAUSE_HOLD;
    }

    /// An order has taken so long from its signal to the wire.
    pub fn note_latency(&mut self, now: Now, span: Nanos) {
        if span <= self.config.latency_budget {
            self.latency_breaches = 0;
            return;
        }
        self.latency_breaches = self.latency_breaches.saturating_add(1);
        if self.latency_breaches >= self.config.latency_breaches_max {
            self.latency_breaches = 0;
            self.breaker.trip(now, Trip::Latency);
        }
    }

    /// A reconciliation has found so many differences that last; none ends the matter.
    pub fn note_mismatches(&mut self, now: Now, count: u32) {
        self.mismatches = count;
        if count > 0 {
            self.breaker.trip(now, Trip::Mismatch);
        }
    }

    /// A signal's execution begins. `true` when it is one too many and its market must stop.
    #[must_use]
    pub fn note_execution(&mut self, market: MarketIx, side: BookSide, now: Timestamp) -> bool {
        self.repeats.note_sent(market, side, now);
        self.is_repeated_too_often(market, side, now)
    }

    /// An order goes to the gateway.
    pub fn note_approved(&mut self, key: OrderKey) {
        self.ledger.note_approved(key);
        self.breaker.note_sent(key);
    }

    /// A change of an order goes to the gateway.
    pub fn note_change_approved(&mut self, key: OrderKey) {
        self.changes.note_approved(key);
    }

    /// The probing order has ended.
    pub fn judge_probe(&mut self, now: Now, outcome: Probe) {
        if outcome == Probe::Succeeded && self.losses >= self.config.consecutive_losses_max {
            self.losses = 0;
        }
        self.breaker.judge(now, outcome);
    }

    /// The bucket of write tokens, to take from.
    pub const fn messages_mut(&mut self) -> &mut Messages {
        &mut self.messages
    }

    /// How far orders and changes of orders fail to add up.
    #[must_use]
    pub const fn imbalance(&self) -> u64 {
        self.ledger.flow().imbalance().saturating_add(self.changes.flow().imbalance())
    }

    /// The runaway guard over changes of orders.
    #[must_use]
    pub const fn changes(&self) -> &Ledger {
        &self.changes
    }

    /// The runaway guard over changes of orders, to tell it what the gateway said.
    pub const fn changes_mut(&mut self) -> &mut Ledger {
        &mut self.changes
    }

    /// The runaway guard, to tell it what the gateway said.
    pub const fn ledger_mut(&mut self) -> &mut Ledger {
        &mut self.ledger
    }

    /// What an answer, or a reading before the run, says of the exchange's clock.
    pub const fn note_skew(&mut self, skew: Skew) {
        self.skew = skew;
    }

    /// The fill feed was heard, or is needed from now on.
    pub const fn note_heard(&mut self, heard: FeedHeard) {
        self.heard = heard;
    }

    /// A person has looked and goes on. The day's counters stay, and so does what they trip.
    pub fn resume(&mut self, now: Now) {
        self.breaker.close(now);
        self.losses = 0;
        self.latency_breaches = 0;
        self.mismatches = 0;
        self.rejects.forget();
        self.repeats.forget();
        self.paused_until = Timestamp::ZERO;
        self.markets_paused_until.fill(Timestamp::ZERO);
        if let Skew::Measured(_) = self.skew {
            self.skew = Skew::Measured(0);
        }
    }

    /// Fills in what must survive the process.
    pub const fn carry(&self, carried: &mut Carried) {
        carried.consecutive_losses = self.losses;
        carried.breaker = self.breaker.carried();
        carried.mismatches = self.mismatches;
        carried.latency_breaches = self.latency_breaches;
    }

    /// Takes over what a former run left.
    pub fn restore(&mut self, now: Now, carried: &Carried) {
        self.breaker.restore(now, &carried.breaker);
        self.losses = carried.consecutive_losses;
        self.mismatches = carried.mismatches;
        self.latency_breaches = carried.latency_breaches;
        self.messages.restore(now, carried.last_message);
        // Their times were another clock's: they count from now, which is never too short.
        for _ in 0..carried.recent_rejects.min(self.config.rejects_per_minute_max) {
            self.rejects.note_sent(now.mono);
        }
    }

    /// Takes over how often a market was traded just before.
    pub fn restore_repeats(&mut self, market: MarketIx, repeats: [u8; 2], now: Timestamp) {
        for (side, count) in [BookSide::Bid, BookSide::Ask].into_iter().zip(repeats) {
            for _ in 0..count {
                self.repeats.note_sent(market, side, now);
            }
        }
    }

    /// How many contracts an order may have at most while the breaker is half-open.
    #[must_use]
    pub const fn probe_size(&self) -> Option<crate::units::Contracts> {
        match self.breaker.state() {
            BreakerState::HalfOpen => Some(self.config.half_open_contracts),
            BreakerState::Closed | BreakerState::Open => None,
        }
    }
}

/// What the day has lost, with open positions at their worst when they count.
#[must_use]
pub fn day_loss(day: &Day, limits: &Limits, open_worst: Money) -> Money {
    match limits.open_risk {
        OpenRisk::Ignored => day.loss(),
        // A gain made today may be lost again before it is too much.
        OpenRisk::Counted => (open_worst - day.profit()).max(Money::ZERO),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::WallTime;

    fn at(secs: u64) -> Now {
        Now {
            mono: Timestamp::from_ns(secs * 1_000_000_000),
            wall: WallTime::from_unix_ms(1_767_225_600_000 + secs * 1_000),
        }
    }

    fn guard() -> Guard {
        Guard::new(&Limits::default(), BreakerConfig::default(), 2, 4)
    }

    fn settled(cents: i64) -> Settlement {
        Settlement {
            market: MarketIx(0),
            realized: Money::from_cents(cents),
            fee: Money::ZERO,
            result: Money::from_cents(cents),
        }
    }

    #[test]
    fn losses_in_a_row_trip_at_their_bound_and_a_win_ends_the_row() {
        let (limits, mut day) = (Limits::default(), Day::default());
        let mut guard = guard();
        for _ in 0..4 {
            guard.record_settlement(&mut day, at(0), &limits, &settled(-1));
        }
        guard.record_settlement(&mut day, at(0), &limits, &settled(0));
        assert_eq!(guard.consecutive_losses(), 0);
        for _ in 0..4 {
            guard.record_settlement(&mut day, at(0), &limits, &settled(-1));
        }
        assert_eq!(guard.breaker().state(), BreakerState::Closed);
        guard.record_settlement(&mut day, at(0), &limits, &settled(-1));
        assert_eq!(guard.breaker().state(), BreakerState::Open);
        assert!(guard.breaker().trips().contains(Trip::ConsecutiveLosses));
        assert_eq!(day.loss(), Money::from_cents(9));
    }

    #[test]
    fn a_loss_of_the_day_trips_at_its_bound() {
        let (limits, mut day) = (Limits::default(), Day::default());
        let mut guard = guard();
        guard.record_settlement(&mut day, at(0), &limits, &settled(-99_999));
        assert_eq!(guard.breaker().state(), BreakerState::Closed);
        guard.record_settlement(&mut day, at(0), &limits, &settled(-1));
        assert!(guard.breaker().trips().contains(Trip::DailyLoss));
    }

    #[test]
    fn open_positions_count_when_they_are_told_to() {
        let (mut limits, mut day) = (Limits::default(), Day::default());
        let worst = Money::from_cents(100);
        day.realized = Money::from_cents(30);
        assert_eq!(day_loss(&day, &limits, worst), Money::ZERO);
        limits.open_risk = OpenRisk::Counted;
        assert_eq!(day_loss(&day, &limits, worst), Money::from_cents(70));
        day.realized = Money::from_cents(-30);
        assert_eq!(day_loss(&day, &limits, worst), Money::from_cents(130));
        day.realized = Money::from_cents(300);
        assert_eq!(day_loss(&day, &limits, worst), Money::ZERO);
    }

    #[test]
    fn rejects_of_one_minute_trip_and_older_ones_do_not() {
        let mut guard = guard();
        for secs in [0, 20, 30, 40, 61] {
            guard.note_reject(at(secs));
        }
        assert_eq!(guard.breaker().state(), BreakerState::Closed);
        guard.note_reject(at(62));
        assert!(guard.breaker().trips().contains(Trip::Rejects));
    }

    #[test]
    fn slow_orders_trip_only_in_a_row() {
        let mut guard = guard();
        let (good, slow) = (Nanos::from_ms(50), Nanos::from_ms(51));
        for span in [slow, slow, slow, slow, good, slow, slow, slow, slow] {
            guard.note_latency(at(0), span);
        }
        assert_eq!(guard.breaker().state(), BreakerState::Closed);
        guard.note_latency(at(0), slow);
        assert!(guard.breaker().trips().contains(Trip::Latency));
    }

    #[test]
    fn the_third_execution_of_a_market_and_side_is_told() {
        let mut guard = guard();
        let mut note = |side, secs| guard.note_execution(MarketIx(1), side, at(secs).mono);
        assert!(!note(BookSide::Bid, 0));
        assert!(!note(BookSide::Bid, 1));
        assert!(!note(BookSide::Ask, 2));
        assert!(!note(BookSide::Bid, 10));
        assert!(note(BookSide::Bid, 10));
    }

    #[test]
    fn skew_is_what_the_round_trip_cannot_explain() {
        assert_eq!(Skew::of_answer(100, 200, 150), Skew::Measured(0));
        assert_eq!(Skew::of_answer(100, 200, 230), Skew::Measured(30));
        assert_eq!(Skew::of_answer(100, 200, 60), Skew::Measured(-40));
    }

    #[test]
    fn what_is_carried_is_restored_and_a_resume_clears_it() {
        let (limits, mut day) = (Limits::default(), Day::default());
        let mut guard = guard();
        for _ in 0..5 {
            guard.record_settlement(&mut day, at(0), &limits, &settled(-1));
        }
        guard.note_mismatches(at(0), 2);
        let mut carried = Carried { recent_rejects: 4, ..Carried::default() };
        guard.carry(&mut carried);

        let mut next = self::guard();
        next.restore(at(1), &carried);
        assert_eq!((next.consecutive_losses(), next.mismatches()), (5, 2));
        assert_eq!(next.rejects(at(1).mono), 4);
        assert_eq!(next.breaker().trips(), guard.breaker().trips());

        next.resume(at(2));
        assert_eq!((next.consecutive_losses(), next.mismatches()), (0, 0));
        assert_eq!((next.breaker().state(), next.rejects(at(2).mono)), (BreakerState::Closed, 0));
    }
}
