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
use crate::order::State;
use crate::reconcile::diff::{
    Difference, Invariant, Mark, OrderHere, OrderThere, Pair, Repair, Subject, Suspects, Weight,
    compare,
};
use crate::recorder::record::Record;
use crate::recorder::told::ReconciliationTold;
use crate::units::{Contracts, Money, Nanos, Now, Position, Price, Timestamp, WallTime};

/// Markets, or slots of the order slab, compared by one input: some ten microseconds.
const PAGE: usize = 512;

/// Fills of this long ago are read again, so that one that was voided since is missed. The
/// exchange says nothing about how long it may take; a position that differs later still is found.
const VOID_WINDOW: Nanos = Nanos::from_secs(600);

/// Readings overlap by this: reads lag, and the exchange's filter has whole seconds.
const OVERLAP: Nanos = Nanos::from_secs(5);

/// Booked fills that are remembered with their terms, to be taken back: a day's at most limits.
const RECENT_MAX: usize = 4_096;

/// Least time between two readings: the balance has a bucket of one request a second.
const READINGS_APART: Nanos = Nanos::from_ms(1_100);

/// Time until a reading that failed is made again.
const RETRY: Nanos = Nanos::from_secs(5);

/// Time until trading that a difference has stopped is looked at again.
const MISMATCH_RECHECK: Nanos = Nanos::from_secs(5);

/// Failed readings in a row before a person is told.
const FAILURES_TOLD: u32 = 12;

const SHARDS: usize = 256;

/// How far a comparison is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
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
    exchange_time: WallTime,
    booked_at: Timestamp,
}

/// What the exchange reports of one market, and when something last happened to it here.
#[derive(Clone, Copy, Debug, Default)]
struct MarketRow {
    reading: u32,
    position: Position,
    cost: Money,
    /// The last reading during which one of its orders was neither resting nor over.
    moving: u32,
    touched: Timestamp,
}

/// What the exchange lists of one of our orders.
#[derive(Clone, Copy, Debug, Default)]
struct SlotRow {
    reading: u32,
    generation: u32,
    filled: Contracts,
}

/// What the exchange reports of one shard.
#[derive(Clone, Copy, Debug, Default)]
struct ShardRow {
    reading: u32,
    cash: Money,
    /// The last reading in which an order rested there.
    locked: u32,
}

/// See the module's page.
#[derive(Debug)]
pub(super) struct Reconciling {
    /// `None` where there is nothing to compare with.
    every: Option<Nanos>,
    stage: Stage,
    /// Counts readings; 0 is before the first.
    reading: u32,
    due: Timestamp,
    began: Now,
    /// Fills of the reading under way begin here.
    since: WallTime,
    /// Everything up to here has been read once.
    complete_until: WallTime,
    markets: Vec<MarketRow>,
    slots: Vec<SlotRow>,
    shards: Vec<ShardRow>,
    /// Cash of the account as a whole, where shards are not told apart.
    whole: ShardRow,
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
    rechecks: u32,
    failures: u32,
    told: ReconciliationTold,
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
        let booked_at = now;
        let recent =
            Recent { trade_id, market, side, price, quantity, fee, exchange_time, booked_at };
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

    fn position(&self, market: usize) -> (Position, Money) {
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

    /// Whether what was read of something cannot be older than what happened to it here.
    fn is_settled(&self, touched: Timestamp) -> bool {
        touched + self.config.orders.read_lag <= self.reconciling.began.mono
    }

    fn compare_orders(&mut self, now: Now, from: usize, out: &mut Outbox) {
        let until = (from + PAGE).min(self.orders.capacity());
        for slot in from..until {
            self.compare_order(now, slot, out);
        }
        let state = &mut self.reconciling;
        state.due = now.mono;
        state.stage =
            if until == state.slots.len() { Stage::Markets(0) } else { Stage::Orders(until) };
    }

    fn compare_order(&mut self, now: Now, slot: usize, out: &mut Outbox) {
        let Some(order) = self.orders.slots()[slot].as_ref() else { return };
        let (key, market) = (order.key(), order.terms().market);
        let row = self.reconciling.slots[slot];
        let reading = self.reconciling.reading;
        let is_listed = row.reading == reading && row.generation == key.generation;
        let is_over = order.state().is_terminal();
        if is_over && !is_listed {
            return;
        }
        let rests = matches!(order.state(), State::Resting | State::Partial);
        if !is_over && (!rests || order.ending().is_some()) {
            self.reconciling.markets[usize::from(market.0)].moving = reading;
            return;
        }
        let here = Some(OrderHere { is_over, filled: order.filled() });
        let there = is_listed.then_some(OrderThere { mark: Mark::Ours, filled: row.filled });
        let subject = Subject::Order(order.order_id());
        let touched = self.reconciling.markets[usize::from(market.0)].touched;
        if !self.is_settled(touched) {
            return self.reconciling.suspects.keep(|it| *it == subject);
        }
        let Some(difference) = compare(&Pair::Order { here, there }) else { return };
        if self.weigh((subject, difference), touched) != Weight::Suspected {
            self.mend_order(now, key, &difference, out);
        }
    }

    fn compare_markets(&mut self, now: Now, from: usize, out: &mut Outbox) {
        let count = self.markets.all().len();
        let until = (from + PAGE).min(count);
        for market in from..until {
            self.compare_position(now, market, out);
        }
        if until < count {
            self.reconciling.stage = Stage::Markets(until);
            self.reconciling.due = now.mono;
            return;
        }
        self.compare_fills(now, out);
        self.compare_cash(now, out);
        self.conclude_reading(now, out);
    }

    fn compare_position(&mut self, now: Now, index: usize, out: &mut Outbox) {
        let market = self.markets.all()[index].ix;
        let row = self.reconciling.markets[index];
        let subject = Subject::Market(market);
        if row.moving == self.reconciling.reading || !self.is_settled(row.touched) {
            return self.reconciling.suspects.keep(|it| *it == subject);
        }
        let (here, there) =
            (self.account.holding(market).position, self.reconciling.position(index));
        let pair = Pair::Position { here, there: there.0 };
        let Some(difference) = compare(&pair) else { return };
        // It may have settled: then the settlement explains it.
        self.settlements.begin(now.mono);
        let weight = self.weigh((subject, difference), row.touched);
        self.position_differs(now, market, (there, weight), out);
    }

    /// Booked fills that the exchange does not list any more.
    fn compare_fills(&mut self, now: Now, out: &mut Outbox) {
        let from = self.reconciling.since + OVERLAP;
        for index in (0..self.reconciling.recent.len()).rev() {
            let recent = self.reconciling.recent[index];
            let is_listed = self.trades.marked(&recent.trade_id) == self.reconciling.reading;
            if recent.exchange_time < from || is_listed || !self.is_settled(recent.booked_at) {
                continue;
            }
            let pair = Pair::Fill { here: Some(recent.quantity), there: None };
            let Some(difference) = compare(&pair) else { continue };
            let subject = Subject::Trade(recent.trade_id);
            if self.weigh((subject, difference), recent.booked_at) != Weight::Suspected {
                self.reconciling.recent.remove(index);
                self.reconciling.suspects.mend();
                self.take_back(now, &recent, out);
            }
        }
    }

    /// Cash, where nothing locks any on either side and everything else is equal.
    fn compare_cash(&mut self, now: Now, out: &mut Outbox) {
        let state = &self.reconciling;
        let explained = state.suspects.has_other_than(Invariant::Cash);
        if explained || !self.is_settled(state.last_touched) || self.orders.live() > 0 {
            return self.reconciling.suspects.keep(|it| matches!(it, Subject::Cash(_)));
        }
        let reading = state.reading;
        if state.whole.reading == reading && state.whole.locked != reading {
            let (here, there) = (self.account.cash(), state.whole.cash);
            self.compare_cash_in(now, None, (here, there), out);
        }
        for shard in 0..SHARDS {
            let row = self.reconciling.shards[shard];
            let Ok(shard) = u8::try_from(shard) else { continue };
            let Some(here) = self.shard_cash.on(shard) else { continue };
            if row.locked == reading || self.reconciling.whole.reading == reading {
                continue;
            }
            let there = if row.reading == reading { row.cash } else { Money::ZERO };
            self.compare_cash_in(now, Some(shard), (here, there), out);
        }
        let is_unlocked = self.reconciling.whole.locked != reading;
        if is_unlocked && !self.reconciling.suspects.has(Invariant::Cash) {
            self.reconciling.base_open = false;
        }
    }

    fn compare_cash_in(
        &mut self,
        now: Now,
        shard: Option<u8>,
        (here, there): (Money, Money),
        out: &mut Outbox,
    ) {
        let Some(difference) = compare(&Pair::Cash { here, there }) else { return };
        let touched = self.reconciling.last_touched;
        let weight = self.weigh((Subject::Cash(shard), difference), touched);
        self.cash_differs(now, (shard, here, there), weight, out);
    }

    /// Counts a difference, and says whether something is done about it now.
    fn weigh(&mut self, what: (Subject, Difference), touched: Timestamp) -> Weight {
        let began = self.reconciling.began.mono;
        let lag = self.config.orders.read_lag;
        self.reconciling.count(what.1.invariant);
        let weight = self.reconciling.suspects.see(what, (began, touched), lag);
        if weight == Weight::Suspected {
            self.reconciling.tally.open += 1;
        }
        weight
    }

    /// The comparison is complete: what lasts stops trading, what does not frees it.
    fn conclude_reading(&mut self, now: Now, out: &mut Outbox) {
        let state = &mut self.reconciling;
        let every = state.every.unwrap_or(RETRY);
        state.suspects.turn();
        let kept = state.suspects.all().iter();
        let lasting =
            kept.filter(|it| it.confirmed && it.difference.invariant.repair() == Repair::Person);
        let count = u32::try_from(lasting.count()).unwrap_or(u32::MAX);
        state.tally.mismatches = count;
        state.complete_until = state.began.wall;
        state.stage = Stage::Idle;
        let pause = if count > 0 {
            MISMATCH_RECHECK
        } else if state.tally.found.iter().any(|found| *found > 0) {
            let apart = READINGS_APART.max(self.config.orders.read_lag);
            state.rechecks = (state.rechecks + 1).min(16);
            Nanos::from_ns(apart.ns() << state.rechecks.saturating_sub(4))
        } else {
            state.rechecks = 0;
            state.follow = false;
            every
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
