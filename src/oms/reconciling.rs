//! Comparing the books with the exchange's: when, of what, and what follows from it.
//!
//! The exchange's side comes in as inputs (`FetchEvent::OpenOrder`, `Held`, `Cash`, fills, then
//! `AccountRead`), is kept beside our own and compared a page at a time, each page an input of its
//! own: the comparison is journaled and replays like everything else, and a signal never waits for
//! more than a page. What may be compared and when it counts is in [`crate::reconcile::diff`];
//! what is done about it in `repairs.rs`.

use super::core::{Core, Outbox, Phase};
use crate::ids::{MarketIx, Reason, Ticker, TradeId};
use crate::message::{BookSide, CashThere, FetchCommand, Fill, HeldThere, OrderReport};
use crate::reconcile::diff::{Invariant, Mark, OrderThere, Pair, Repair, compare};
use crate::reconcile::suspects::Suspects;
use crate::recorder::record::Record;
use crate::recorder::told::ReconciliationTold;
use crate::units::{Contracts, Money, Nanos, Now, Position, Price, Timestamp, WallTime};

/// Fills of this long ago are read again, so that one that was voided since is missed. The
/// exchange says nothing about how long it may take; a position that differs later still is found.
const VOID_WINDOW: Nanos = Nanos::from_secs(600);

/// Readings overlap by this: reads lag, and the exchange's filter has whole seconds.
const OVERLAP: Nanos = Nanos::from_secs(5);

/// Booked fills that are remembered with their terms, to be taken back: a day's at most limits.
const RECENT_MAX: usize = 4_096;

/// Least time between two readings: the balance has a bucket of one request a second.
pub(super) const READINGS_APART: Nanos = Nanos::from_ms(1_100);

/// Time until a reading that failed is made again.
const RETRY: Nanos = Nanos::from_secs(5);

/// Time until trading that a difference has stopped is looked at again.
const MISMATCH_RECHECK: Nanos = Nanos::from_secs(5);

/// Readings that follow at once on one that left out a market in which something was happening.
/// A market that is traded all the time would have the account read all the time.
const SKIPPED_LOOKS_MAX: u32 = 5;

/// Failed readings in a row before a person is told.
const FAILURES_TOLD: u32 = 12;

const SHARDS: usize = 256;

/// How far a comparison is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// None under way.
    Idle,
    /// The exchange's side is being read.
    Reading,
    /// Orders are compared; this slot is next.
    Orders(usize),
    /// Positions are compared; this market is next.
    Markets(usize),
}

/// A fill as booked, for the case that it is voided.
#[derive(Clone, Copy, Debug)]
pub(super) struct Recent {
    pub(super) trade_id: TradeId,
    pub(super) market: MarketIx,
    pub(super) side: BookSide,
    pub(super) price: Price,
    pub(super) quantity: Contracts,
    pub(super) fee: Money,
    pub(super) exchange_time: WallTime,
    pub(super) booked_at: Timestamp,
    /// Whether readings lack it.
    pub(super) missing: bool,
}

/// What the exchange reports of one market, and when something last happened to it here.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct MarketRow {
    pub(super) reading: u32,
    pub(super) position: Position,
    pub(super) cost: Money,
    /// The last reading during which one of its orders was neither resting nor over.
    pub(super) moving: u32,
    pub(super) touched: Timestamp,
}

/// What the exchange lists of one of our orders.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct SlotRow {
    pub(super) reading: u32,
    pub(super) generation: u32,
    pub(super) filled: Contracts,
}

/// What the exchange reports of one shard.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ShardRow {
    pub(super) reading: u32,
    pub(super) cash: Money,
    /// The last reading in which an order rested there.
    pub(super) locked: u32,
}

/// See the module's page.
#[derive(Debug)]
pub(super) struct Reconciling {
    /// `None` where there is nothing to compare with.
    pub(super) every: Option<Nanos>,
    pub(super) stage: Stage,
    /// Counts readings; 0 is before the first.
    pub(super) reading: u32,
    pub(super) due: Timestamp,
    pub(super) began: Now,
    /// Fills of the reading under way begin here.
    pub(super) since: WallTime,
    /// Everything up to here has been read once.
    pub(super) complete_until: WallTime,
    pub(super) markets: Vec<MarketRow>,
    pub(super) slots: Vec<SlotRow>,
    pub(super) shards: Vec<ShardRow>,
    /// Cash of the account as a whole, where shards are not told apart.
    pub(super) whole: ShardRow,
    pub(super) last_touched: Timestamp,
    pub(super) recent: std::collections::VecDeque<Recent>,
    pub(super) suspects: Suspects,
    /// What this reading has found so far.
    pub(super) tally: Tally,
    /// Whether orders that locked cash may have rested when the opening books were read: then the
    /// first cash that can be compared is taken over.
    pub(super) base_open: bool,
    /// Whether a person went on after a mismatch: what lasts is taken over.
    pub(super) follow: bool,
    pub(super) rechecks: u32,
    /// Readings in a row that were made for what the one before left out.
    pub(super) skipped_looks: u32,
    pub(super) failures: u32,
    pub(super) told: ReconciliationTold,
}

/// Counts of one reading.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    /// Differences by invariant.
    pub(super) found: [u16; Invariant::ALL.len()],
    /// Confirmed ones that only a person or time can mend.
    pub(super) mismatches: u32,
    /// What was repaired.
    pub(super) repaired: u32,
    /// Differences that may be gone with the next reading.
    pub(super) open: u32,
    /// Markets that were left out: something happened there.
    pub(super) skipped: u32,
}

impl Reconciling {
    pub(super) fn new(
        opened_at: WallTime,
        every: Option<Nanos>,
        market_count: usize,
        slot_count: usize,
    ) -> Self {
        Self {
            every,
            stage: Stage::Idle,
            reading: 0,
            due: Timestamp::NEVER,
            began: Now::default(),
            since: opened_at,
            complete_until: opened_at,
            markets: vec![MarketRow::default(); market_count],
            slots: vec![SlotRow::default(); slot_count],
            shards: vec![ShardRow::default(); SHARDS],
            whole: ShardRow::default(),
            last_touched: Timestamp::ZERO,
            recent: std::collections::VecDeque::with_capacity(RECENT_MAX),
            suspects: Suspects::new(),
            tally: Tally::default(),
            base_open: false,
            follow: false,
            rechecks: 0,
            skipped_looks: 0,
            failures: 0,
            told: ReconciliationTold::default(),
        }
    }

    /// When to go on.
    pub(super) const fn due(&self) -> Timestamp {
        self.due
    }

    /// The exchange should be read at `at`, at the latest.
    pub(super) fn want(&mut self, at: Timestamp) {
        if self.stage == Stage::Idle && self.every.is_some() {
            self.due = self.due.min(at);
        }
    }

    /// Something has happened in a market: what is read of it may be older for a while.
    pub(super) fn touch(&mut self, market: MarketIx, now: Timestamp) {
        self.markets[usize::from(market.0)].touched = now;
        self.last_touched = now;
    }

    /// Remembers a fill that was booked.
    pub(super) fn remember(&mut self, market: MarketIx, fill: &Fill, now: Timestamp) {
        if self.recent.len() == RECENT_MAX {
            self.recent.pop_front();
        }
        let Fill { trade_id, side, price, quantity, fee, exchange_time, .. } = *fill;
        let recent = Recent {
            trade_id,
            market,
            side,
            price,
            quantity,
            fee,
            exchange_time,
            booked_at: now,
            missing: false,
        };
        self.recent.push_back(recent);
    }

    /// The reading under way, by number; `None` while there is none.
    pub(super) fn reading_under_way(&self) -> Option<u32> {
        (self.stage == Stage::Reading).then_some(self.reading)
    }

    /// What the last complete comparison came to.
    pub(super) fn told(&self, now: Timestamp) -> ReconciliationTold {
        let under_way = self.stage != Stage::Idle || self.due <= now;
        ReconciliationTold { under_way, ..self.told }
    }

    /// Counts a difference.
    pub(super) fn count(&mut self, invariant: Invariant) {
        let found = &mut self.tally.found[invariant as usize - 1];
        *found = found.saturating_add(1);
    }

    pub(super) fn position(&self, market: usize) -> (Position, Money) {
        let row = &self.markets[market];
        if row.reading == self.reading { (row.position, row.cost) } else { Default::default() }
    }
}

impl Core {
    /// Compares as soon as the reading under way allows.
    pub(super) fn reconcile_now(&mut self, now: Now) {
        self.reconciling.rechecks = 0;
        self.reconciling.want(now.mono);
    }

    /// Reads, or goes on comparing, when it is time.
    pub(super) fn poll_reconciling(&mut self, now: Now, out: &mut Outbox) {
        if now.mono < self.reconciling.due {
            return;
        }
        match self.reconciling.stage {
            Stage::Idle if self.phase == Phase::Drained => self.reconciling.due = Timestamp::NEVER,
            Stage::Idle => self.begin_reading(now, out),
            Stage::Reading => self.reconciling.due = Timestamp::NEVER,
            Stage::Orders(from) => self.compare_orders(now, from, out),
            Stage::Markets(from) => self.compare_markets(now, from, out),
        }
    }

    fn begin_reading(&mut self, now: Now, out: &mut Outbox) {
        let state = &mut self.reconciling;
        let back = |time: WallTime, span: Nanos| {
            WallTime::from_unix_ns(time.unix_ns().saturating_sub(span.ns()))
        };
        let window = back(now.wall, VOID_WINDOW).min(back(state.complete_until, OVERLAP));
        state.since = window.max(self.opened_at);
        state.reading += 1;
        state.began = now;
        state.tally = Tally::default();
        state.stage = Stage::Reading;
        state.due = Timestamp::NEVER;
        out.asks.push(FetchCommand::Account { since: state.since });
    }

    /// A row of the reading: an order that rests, whoever's.
    pub(super) fn on_open_order(&mut self, now: Now, report: &OrderReport, out: &mut Outbox) {
        let reading = self.reconciling.reading;
        match self.markets.find(&report.ticker) {
            Some(market) => {
                self.reconciling.shards[usize::from(market.exchange_index)].locked = reading;
            }
            // On which shard is not known.
            None => self.reconciling.shards.iter_mut().for_each(|row| row.locked = reading),
        }
        self.reconciling.whole.locked = reading;
        if let Some(key) = self.key_of(report.client_order_id, &report.order_id) {
            let (generation, filled) = (key.generation, report.filled);
            self.reconciling.slots[key.slot as usize] = SlotRow { reading, generation, filled };
            return;
        }
        let mark = if report.client_order_id.is_some() { Mark::Ours } else { Mark::Foreign };
        let there = Some(OrderThere { mark, filled: report.filled });
        if let Some(difference) = compare(&Pair::Order { here: None, there }) {
            self.unknown_order(now, report, &difference, out);
        }
    }

    /// A row of the reading: a position.
    pub(super) fn on_held(&mut self, now: Now, held: &HeldThere, out: &mut Outbox) {
        let known = self.markets.find(&held.ticker).map(|market| market.ix);
        let market = known.or_else(|| self.admit_outsider(now, held.ticker, out));
        let Some(market) = market else { return };
        let reading = self.reconciling.reading;
        let row = &mut self.reconciling.markets[usize::from(market.0)];
        (row.reading, row.position, row.cost) = (reading, held.position, held.cost);
    }

    /// A row of the reading: cash.
    pub(super) fn on_cash(&mut self, cash: &CashThere) {
        let state = &mut self.reconciling;
        let row = match cash.shard {
            Some(shard) => &mut state.shards[usize::from(shard)],
            None => &mut state.whole,
        };
        (row.reading, row.cash) = (state.reading, cash.cash);
    }

    /// A fill came while the account was read, booked before or not.
    pub(super) fn on_fill_read(&mut self, trade_id: TradeId, is_new: bool) {
        let Some(reading) = self.reconciling.reading_under_way() else { return };
        self.trades.mark(&trade_id, reading);
        if is_new {
            self.reconciling.count(Invariant::FillsBooked);
            self.reconciling.tally.repaired += 1;
        }
    }

    /// The exchange's side is complete.
    pub(super) fn on_account_read(&mut self, now: Now) {
        let state = &mut self.reconciling;
        if state.stage != Stage::Reading {
            return;
        }
        if state.reading == 1 {
            state.base_open = state.whole.locked == 1;
        }
        state.failures = 0;
        state.stage = Stage::Orders(0);
        state.due = now.mono;
    }

    /// It could not be read whole: no evidence.
    pub(super) fn on_account_failed(&mut self, now: Now, out: &mut Outbox) {
        let state = &mut self.reconciling;
        if state.stage != Stage::Reading {
            return;
        }
        state.suspects.forget_reading();
        state.stage = Stage::Idle;
        state.due = now.mono + RETRY;
        state.failures += 1;
        state.told.failures += 1;
        if state.failures == FAILURES_TOLD {
            let reason = Reason::lossy("the account cannot be read to compare it with the books");
            out.records.push(Record::Alert { ticker: Ticker::EMPTY, reason });
        }
    }

    /// The comparison is complete: what lasts stops trading, what does not frees it.
    pub(super) fn conclude_reading(&mut self, now: Now, out: &mut Outbox) {
        let state = &mut self.reconciling;
        let every = state.every.unwrap_or(RETRY);
        state.suspects.turn();
        let kept = state.suspects.all().iter();
        // A cost that could be explained has been taken over and is no suspect any more.
        let lasts = |repair| matches!(repair, Repair::Person | Repair::Restate);
        let lasting = kept.filter(|it| it.confirmed && lasts(it.difference.invariant.repair()));
        let count = u32::try_from(lasting.count()).unwrap_or(u32::MAX);
        state.tally.mismatches = count;
        state.complete_until = state.began.wall;
        state.stage = Stage::Idle;
        let apart = READINGS_APART.max(self.config.orders.read_lag);
        let is_looked_at_soon = state.tally.skipped > 0 && state.skipped_looks < SKIPPED_LOOKS_MAX;
        state.skipped_looks = if is_looked_at_soon { state.skipped_looks + 1 } else { 0 };
        let pause = if count > 0 {
            MISMATCH_RECHECK
        } else if state.tally.found.iter().any(|found| *found > 0) {
            state.rechecks = (state.rechecks + 1).min(16);
            Nanos::from_ns(apart.ns() << state.rechecks.saturating_sub(4))
        } else {
            state.rechecks = 0;
            state.follow = false;
            if is_looked_at_soon { apart } else { every }
        };
        state.due = now.mono + pause.min(every.max(READINGS_APART));
        let (tally, since) = (state.tally, state.began.wall);
        state.told = ReconciliationTold {
            readings: state.told.readings + 1,
            found: tally.found,
            mismatches: count,
            repaired: tally.repaired,
            open: tally.open,
            read_at: Some(since),
            failures: state.told.failures,
            under_way: false,
        };
        if self.guard.mismatches() != count {
            if count == 0 {
                let reason = Reason::lossy("books and exchange agree again");
                out.records.push(Record::Alert { ticker: Ticker::EMPTY, reason });
            }
            self.guard.note_mismatches(now, count);
        }
    }
}
