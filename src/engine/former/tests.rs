//! Former runs through real journal files: the oms stage writes them, is dropped as a kill would,
//! and the next run takes over.

use super::*;
use crate::ids::{MarketIx, OrderId, OrderKey, RunId, SourceId, TradeId};
use crate::kalshi::market::{FeeSchedule, MarketTable, TickGrid};
use crate::message::{
    Accepted, Action, Command, FeedEvent, Fill, Origin, Reject, RejectKind, SendStamps, Signal,
    Unsent,
};
use crate::oms::config::{Admission, FeedNeed, OmsConfig, OrderConfig};
use crate::oms::{Core, Oms, OmsEnds, OmsRingSlots, OmsRings, Opening};
use crate::recorder::journal::{Journal as _, MappedJournal, Opened, SegmentKeeper, StateDir};
use crate::recorder::record::{FillVoided, Outcome, Record, Restated};
use crate::risk::{BreakerConfig, BreakerState, Limit, Limits};
use crate::runtime::clock::{Clock as _, VirtualClock};
use crate::runtime::stage::{Stage as _, Work};
use crate::units::{Contracts, Now, Position, Price, PriceDelta, Timestamp};

mod changes;
mod past;

const MARKETS: [&str; 2] = ["KXNFL-26JAN11-BUF", "KXNBA-26JAN11-LAL"];
/// What every run's books say there is.
const CASH: Money = Money::from_cents(1_000_000);
/// Noon of a day.
const NOON: u64 = 1_767_268_800_000;
const REPEATS: Nanos = Nanos::from_secs(10);

/// An oms on a journal in a directory, and the other ends of its rings.
struct Rig {
    clock: VirtualClock,
    oms: Oms<MappedJournal, VirtualClock>,
    ends: OmsEnds,
    _keeper: SegmentKeeper,
    _state: StateDir,
    trades: u32,
}

fn config(run: u64) -> OmsConfig {
    OmsConfig {
        run: RunId::new(run),
        limits: Limits { order_spacing_min: Nanos::ZERO, ..Limits::default() },
        breaker: BreakerConfig::default(),
        orders: OrderConfig::default(),
        admission: Admission::Listed,
        feed: FeedNeed::Optional,
        orders_max: 64,
    }
}

fn ticker(market: usize) -> Ticker {
    Ticker::new(MARKETS[market].as_bytes()).unwrap()
}

impl Rig {
    /// What `Plant::build` does, with a clock that stands still.
    fn start(dir: &Path, run: u64, wall_ms: u64) -> (Self, Former) {
        Self::start_holding(dir, run, wall_ms, &[])
    }

    /// As [`Self::start`], where the exchange says that something is held.
    fn start_holding(
        dir: &Path,
        run: u64,
        wall_ms: u64,
        held: &[(Ticker, Holding)],
    ) -> (Self, Former) {
        let clock = VirtualClock::new(WallTime::from_unix_ms(wall_ms));
        let state = StateDir::open(dir, "test").unwrap();
        let former = Former::read(dir, clock.now().wall, REPEATS).unwrap();
        let run = RunId::new(run);
        let Opened { mut journal, keeper, .. } =
            MappedJournal::open(&state, run, 256 * 1024).unwrap();
        let now = clock.now();
        let started = Entry::RunStarted { run, config_digest: 0, seed: 0, mode: 1 };
        journal.append(now, &started).unwrap();
        let mut markets = MarketTable::new();
        for market in 0..MARKETS.len() {
            let grid = TickGrid::linear_cent();
            markets.insert(ticker(market), grid, 0, FeeSchedule::QUADRATIC, true).unwrap();
        }
        for market in markets.all() {
            journal.append(now, &Entry::Market(*market)).unwrap();
        }
        for entry in former.entries() {
            journal.append(now, &entry).unwrap();
        }
        let opening =
            Opening { cash: CASH, as_of: now.wall, holdings: held.to_vec(), ..Opening::default() };
        for (ticker, Holding { position, cost }) in held {
            let held = Entry::Opening { ticker: *ticker, position: *position, cost: *cost };
            journal.append(now, &held).unwrap();
        }
        let mut core = Core::new(config(run.bits()), markets, &opening);
        former.restore(now, &mut core);
        let (rings, ends) = OmsRings::make(OmsRingSlots::even(64, 1_024));
        let oms = Oms::new(core, journal, clock.clone(), rings);
        let mut rig = Self { clock, oms, ends, _keeper: keeper, _state: state, trades: 0 };
        rig.tell(GatewayEvent::Connections { ready: 2 });
        (rig, former)
    }

    fn settle(&mut self) {
        while self.oms.poll() == Work::Done {}
    }

    fn tell(&mut self, event: GatewayEvent) {
        self.ends.gateway.push(event).unwrap();
        self.settle();
    }

    fn order(&mut self, command: ControlCommand) {
        self.ends.control.push(command).unwrap();
        self.settle();
    }

    /// Sends a signal; the order that comes of it, if one does.
    fn signal(&mut self, id: &str, market: usize, action: Action) -> Option<NewOrder> {
        let now = self.clock.now();
        let signal = Signal {
            source: SourceId(0),
            line: 1,
            id: SignalId::new(id.as_bytes()).unwrap(),
            ticker: ticker(market),
            action,
            yes_ask: Price::from_cents(48),
            no_ask: Price::from_cents(53),
            edge: PriceDelta::from_cents(7),
            confidence: 0,
            contracts: Contracts::from_whole(10),
            max_price: None,
            time_in_force: None,
            style: None,
            produced_at: Some(now.wall),
            expires_at: None,
            cycle: None,
            received: now.mono,
            decoded: now.mono,
        };
        self.ends.signals.push(signal).unwrap();
        self.settle();
        let mut sent = None;
        while let Ok(command) = self.ends.commands.pop() {
            if let Command::Submit(order) = command {
                sent = Some(*order.get());
            }
        }
        sent
    }

    fn sent(&mut self, key: OrderKey) {
        let now = self.clock.mono();
        let stamps = SendStamps { taken: now, encoded: now, sealed: now, sent: now };
        self.tell(GatewayEvent::Sent { key, stamps });
    }

    fn rejected(&mut self, key: OrderKey) {
        let reject = Reject {
            status: 400,
            kind: RejectKind::Other,
            code: Reason::lossy("no"),
            message: Reason::lossy("no"),
        };
        self.tell(GatewayEvent::Rejected { key, reject });
    }

    fn accepted(&mut self, order: &NewOrder) {
        let accepted = Accepted {
            order_id: OrderId::lossy(&order.client_order_id.to_string()),
            filled: order.quantity,
            remaining: Contracts::ZERO,
            exchange_time: self.clock.now().wall,
        };
        self.tell(GatewayEvent::Accepted { key: order.key, accepted });
    }

    fn filled(&mut self, order: &NewOrder, cents: u32, fee: Money) {
        self.trades += 1;
        let now = self.clock.now();
        let fill = Fill {
            trade_id: TradeId::lossy(&format!("trade-{}-{}", order.key.slot, self.trades)),
            order_id: OrderId::lossy(&order.client_order_id.to_string()),
            client_order_id: Some(order.client_order_id),
            ticker: ticker(usize::from(order.market.0)),
            side: order.side,
            price: Price::from_cents(cents).unwrap(),
            quantity: order.quantity,
            fee,
            is_taker: true,
            exchange_time: now.wall,
            received: now.mono,
            decoded: now.mono,
            origin: Origin::Stream,
        };
        self.ends.feed.push(FeedEvent::Fill(fill)).unwrap();
        self.settle();
    }

    /// One order from signal to fill.
    fn trade(&mut self, id: &str, market: usize, action: Action, cents: u32) {
        self.clock.advance(Nanos::from_secs(11));
        let order = self.signal(id, market, action).unwrap();
        self.sent(order.key);
        self.accepted(&order);
        self.filled(&order, cents, Money::from_cents(18));
    }

    fn last_refusal(&mut self) -> Option<Limit> {
        let mut refusal = None;
        while let Ok(record) = self.ends.records.pop() {
            if let Record::Result(result) = record {
                refusal = match result.outcome {
                    Outcome::Refused(refusal) => Some(refusal.limit),
                    Outcome::Ended(_) | Outcome::NotTradeable => None,
                };
            }
        }
        refusal
    }

    /// What must outlive the process, as the core has it now.
    fn state(&self) -> Carried {
        let core = self.oms.core();
        let mut carried = Carried {
            day: *core.day(),
            halt: core.halt_in_force().copied(),
            cancelled_all: core.cancelled_all(),
            ..Carried::default()
        };
        core.guard().carry(&mut carried);
        carried
    }
}

/// A morning: a loss, a win, an order that never left, rejects, and a market stopped for
/// repetition.
fn morning(rig: &mut Rig) {
    rig.trade("a", 0, Action::BuyYes, 48);
    rig.trade("b", 0, Action::BuyNo, 46);
    rig.trade("c", 1, Action::BuyYes, 48);
    rig.clock.advance(Nanos::from_secs(11));
    let unsent = rig.signal("d", 1, Action::BuyYes).unwrap();
    rig.tell(GatewayEvent::NotSent { key: unsent.key, why: Unsent::NoTokens });
    for id in ["e", "f"] {
        let order = rig.signal(id, 1, Action::BuyYes).unwrap();
        rig.sent(order.key);
        rig.rejected(order.key);
    }
    assert!(rig.oms.core().is_stopped(MarketIx(1)), "three executions within ten seconds");
}

#[test]
fn a_restart_keeps_counters_stops_and_ids_and_forgets_nothing_at_noon() {
    let dir = tempfile::tempdir().unwrap();
    let (mut first, former) = Rig::start(dir.path(), 1, NOON);
    assert_eq!((former.carried, former.signal_ids.len()), (None, 0));
    morning(&mut first);
    let before = first.state();
    assert_eq!((before.day.orders, before.day.loss() > Money::ZERO), (5, true), "one never left");
    // Killed: nothing is said, nothing is ended.
    drop(first);

    let (mut second, former) = Rig::start(dir.path(), 2, NOON + 60_000);
    assert_eq!((former.signal_ids.len(), second.state()), (6, before));
    assert_eq!(second.signal("g", 1, Action::BuyNo), None);
    assert_eq!(second.last_refusal(), Some(Limit::MarketStopped));
    assert!(second.signal("h", 0, Action::BuyYes).is_some());
    assert_eq!(second.state().day.orders, 6);
    assert_eq!(second.oms.core().guard().rejects(second.clock.mono()), 2);
}

#[test]
fn a_halt_outlives_restarts_and_midnights_until_a_person_resumes() {
    let dir = tempfile::tempdir().unwrap();
    let (mut first, _) = Rig::start(dir.path(), 1, NOON);
    first.trade("a", 0, Action::BuyYes, 48);
    first.order(ControlCommand::Halt { reason: Reason::lossy("drill") });
    let halted = first.state().halt.unwrap();
    drop(first);
    for (run, days) in [(2, 0), (3, 1), (4, 40)] {
        let (mut next, _) = Rig::start(dir.path(), run, NOON + days * 86_400_000 + 1_000);
        assert_eq!(next.state().halt, Some(halted), "reason and time");
        assert!(next.signal(&format!("s{run}"), 0, Action::BuyYes).is_none());
        assert_eq!(next.last_refusal(), Some(Limit::Halted));
    }
    let (mut last, _) = Rig::start(dir.path(), 5, NOON + 41 * 86_400_000);
    last.order(ControlCommand::Resume);
    assert!(last.signal("x", 0, Action::BuyYes).is_some());
    drop(last);
    let (resumed, _) = Rig::start(dir.path(), 6, NOON + 41 * 86_400_000 + 1_000);
    assert_eq!(resumed.state().halt, None);
}

#[test]
fn a_new_day_keeps_what_is_not_of_the_day() {
    let dir = tempfile::tempdir().unwrap();
    let (mut first, _) = Rig::start(dir.path(), 1, NOON);
    morning(&mut first);
    drop(first);
    let (second, former) = Rig::start(dir.path(), 2, NOON + 12 * 3_600_000);
    assert_eq!(second.state().day, Day::new(second.clock.now().wall));
    assert!(second.oms.core().is_stopped(MarketIx(1)), "a person has not looked yet");
    assert_eq!(former.signal_ids.len(), 6, "midnight makes no signal new");
}

#[test]
fn an_open_breaker_stays_open_and_a_daily_one_closes_at_midnight() {
    let dir = tempfile::tempdir().unwrap();
    let (mut first, _) = Rig::start(dir.path(), 1, NOON);
    for nth in 0..5 {
        first.clock.advance(Nanos::from_secs(6));
        let action = if nth % 2 == 0 { Action::BuyYes } else { Action::BuyNo };
        let order = first.signal(&format!("r{nth}"), nth % 2, action).unwrap();
        first.sent(order.key);
        first.rejected(order.key);
    }
    assert_eq!(first.state().breaker.state, BreakerState::Open);
    drop(first);
    let (mut second, _) = Rig::start(dir.path(), 2, NOON + 31_000);
    assert!(second.signal("x", 0, Action::BuyYes).is_none());
    assert_eq!(second.last_refusal(), Some(Limit::BreakerOpen));
    assert_eq!(second.state().breaker.state, BreakerState::Open);
}

#[test]
fn rates_are_not_reset_by_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let (mut first, _) = Rig::start(dir.path(), 1, NOON);
    for nth in 0..10 {
        first.clock.advance(Nanos::from_secs(5));
        let (market, action) = (nth % 2, if nth % 4 < 2 { Action::BuyYes } else { Action::BuyNo });
        let order = first.signal(&format!("r{nth}"), market, action).unwrap();
        first.tell(GatewayEvent::NotSent { key: order.key, why: Unsent::NoConnection });
    }
    drop(first);
    let (mut second, _) = Rig::start(dir.path(), 2, NOON + 51_000);
    assert!(second.signal("x", 0, Action::BuyYes).is_none());
    assert_eq!(second.last_refusal(), Some(Limit::OrdersPerMinute));
}

#[test]
fn slow_orders_in_a_row_go_on_being_counted_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let slow = |rig: &mut Rig, nth: usize| {
        rig.clock.advance(Nanos::from_secs(11));
        let action = if nth.is_multiple_of(2) { Action::BuyYes } else { Action::BuyNo };
        let order = rig.signal(&format!("slow-{nth}"), nth / 2 % 2, action).unwrap();
        rig.clock.advance(Nanos::from_ms(51));
        rig.sent(order.key);
        rig.rejected(order.key);
    };
    let (mut first, _) = Rig::start(dir.path(), 1, NOON);
    (0..3).for_each(|nth| slow(&mut first, nth));
    let before = first.state();
    assert_eq!((before.latency_breaches, before.breaker.state), (3, BreakerState::Closed));
    drop(first);

    let (mut second, _) = Rig::start(dir.path(), 2, NOON + 3_600_000);
    assert_eq!(second.state(), before);
    slow(&mut second, 3);
    assert_eq!(second.state().breaker.state, BreakerState::Closed);
    slow(&mut second, 4);
    assert_eq!(second.state().breaker.state, BreakerState::Open, "the fifth in a row");
}

#[test]
fn write_tokens_are_only_those_that_came_back_since_the_last_run() {
    let dir = tempfile::tempdir().unwrap();
    let (mut first, _) = Rig::start(dir.path(), 1, NOON);
    assert!(first.signal("a", 0, Action::BuyYes).is_some(), "a first run's bucket is full");
    let died = first.clock.now().wall.unix_ms();
    drop(first);

    let (mut second, _) = Rig::start(dir.path(), 2, died + 299);
    assert!(second.signal("b", 1, Action::BuyYes).is_none());
    assert_eq!(second.last_refusal(), Some(Limit::MessagesPerSecond), "twenty are the cancels'");
    second.clock.advance(Nanos::from_ms(1));
    assert!(second.signal("c", 1, Action::BuyYes).is_some());
}

/// Its bytes were signed anew: they may land as much later as it went out later.
#[test]
fn an_order_that_went_out_again_is_waited_for_from_then_on() {
    let absence_wait = Nanos::from_secs(35);
    let known_at = |again: bool| {
        let mut memory = Memory::new(WallTime::from_unix_ms(NOON));
        let mut take = |secs: u64, entry: &Entry| {
            let mono = Timestamp::from_ns(secs * 1_000_000_000);
            let wall = WallTime::from_unix_ms(NOON + secs * 1_000);
            let header = Header { run: RunId::new(1), seq: secs, now: Now { mono, wall } };
            memory.take(&header, entry);
        };
        let run = RunId::new(1);
        take(1, &Entry::RunStarted { run, config_digest: 0, seed: 0, mode: 1 });
        let order = NewOrder::sample(OrderKey { slot: 0, generation: 0 });
        take(2, &Entry::Submit(order));
        take(11, &if again { Entry::Resend(order) } else { Entry::Timer });
        memory.into_former(REPEATS).orders_known_at(absence_wait).unwrap()
    };
    assert_eq!(known_at(false), WallTime::from_unix_ms(NOON + 37_000));
    assert_eq!(known_at(true), WallTime::from_unix_ms(NOON + 46_000));
}

/// Folds the first `count` entries of a journal.
fn fold(entries: &[(Header, Entry)], count: usize, at: WallTime) -> Former {
    let mut memory = Memory::new(at);
    for (header, entry) in &entries[..count] {
        memory.take(header, entry);
    }
    memory.into_former(REPEATS)
}

/// What a run has undone or restated is undone and restated for the next.
#[test]
fn the_next_run_takes_over_what_was_undone_and_restated() {
    let dir = tempfile::tempdir().unwrap();
    let (mut first, _) = Rig::start(dir.path(), 1, NOON);
    first.trade("a", 0, Action::BuyYes, 48);
    first.trade("b", 0, Action::BuyYes, 46);
    let entries: Vec<(Header, Entry)> =
        JournalReader::open(dir.path()).unwrap().map(Result::unwrap).collect();
    let fill = entries.iter().rev().find_map(|(_, entry)| match entry {
        Entry::Feed(FeedEvent::Fill(fill)) => Some(*fill),
        _ => None,
    });
    let Fill { trade_id, ticker, side, price, quantity, fee, .. } = fill.expect("two fills");
    let voided = Entry::Voided(FillVoided { trade_id, ticker, side, price, quantity, fee });
    let (position, cost) = (Position::from_centis(1_000), Money::from_cents(470));
    let realized = Money::from_cents(-10);
    let restated = Entry::Restated(Restated { ticker, position, cost, realized });
    let header = entries.last().expect("a journal").0;
    let journal = [entries, vec![(header, voided), (header, restated)]].concat();

    let former = fold(&journal, journal.len(), header.now.wall);

    let market = former.past.iter().find_map(|past| match past {
        Past::Market(market) => Some(*market),
        Past::Trade(_) | Past::Unheard { .. } => None,
    });
    let market = market.expect("something is held");
    assert_eq!((market.position, market.cost), (position, cost));
    // Undone at the average of both, then restated: 480 + 460 - 460 paid, 470 left.
    assert_eq!(market.cost - market.realized, Money::from_cents(480));
    assert_eq!(market.fees, Money::from_cents(18), "the fee of one is back");
    assert!(former.past.contains(&Past::Trade(trade_id)), "it is not booked again");
}

/// Killed between any two entries, the next run begins with the state before the last input or
/// with the state after it, and with every halt that was asked for.
#[test]
fn killed_at_any_entry_nothing_is_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let (mut rig, _) = Rig::start(dir.path(), 1, NOON);
    // States with the number of the first entry that is not part of them.
    let mut states: Vec<Carried> = vec![rig.state()];
    let mut day: Vec<(&str, usize, Action, u32)> = vec![
        ("a", 0, Action::BuyYes, 48),
        ("b", 0, Action::BuyNo, 46),
        ("c", 1, Action::BuyNo, 46),
        ("d", 1, Action::BuyYes, 49),
    ];
    day.reverse();
    while let Some((id, market, action, cents)) = day.pop() {
        rig.clock.advance(Nanos::from_secs(11));
        let order = rig.signal(id, market, action).unwrap();
        states.push(rig.state());
        rig.sent(order.key);
        states.push(rig.state());
        rig.accepted(&order);
        states.push(rig.state());
        rig.filled(&order, cents, Money::from_cents(18));
        states.push(rig.state());
    }
    rig.order(ControlCommand::Halt { reason: Reason::lossy("drill") });
    states.push(rig.state());
    let end = rig.clock.now().wall;
    drop(rig);

    let entries: Vec<(Header, Entry)> =
        JournalReader::open(dir.path()).unwrap().map(Result::unwrap).collect();
    // States only go on: each prefix gives one of them, and never an earlier one again.
    let (mut reached, mut halted) = (0, false);
    for count in 1..=entries.len() {
        halted |= matches!(entries[count - 1].1, Entry::Control(ControlCommand::Halt { .. }));
        let mut carried = fold(&entries, count, end).carried.unwrap_or(states[0]);
        (carried.recent_orders, carried.recent_rejects) = (0, 0);
        carried.last_message = WallTime::default();
        assert_eq!(carried.halt.is_some(), halted, "after {count} entries");
        let found = states[reached..].iter().position(|state| *state == carried);
        reached += found.unwrap_or_else(|| panic!("after {count} entries: {carried:?}"));
    }
    assert_eq!(states[reached], *states.last().unwrap(), "the whole journal gives the last state");
}

#[test]
fn what_a_position_opened_with_counts_when_it_is_closed() {
    let mut memory = Memory::new(WallTime::from_unix_ms(NOON));
    let now = Now { mono: Timestamp::ZERO, wall: WallTime::from_unix_ms(NOON) };
    let header = Header { run: RunId::new(1), seq: 1, now };
    let started = Entry::RunStarted { run: RunId::new(1), config_digest: 0, seed: 0, mode: 1 };
    memory.take(&header, &started);
    let mut markets = MarketTable::new();
    markets.insert(ticker(0), TickGrid::linear_cent(), 0, FeeSchedule::QUADRATIC, true).unwrap();
    memory.take(&header, &Entry::Market(markets.all()[0]));
    let (position, cost) = (Position::from_centis(1_000), Money::from_cents(600));
    memory.take(&header, &Entry::Opening { ticker: ticker(0), position, cost });
    let fill = Fill {
        trade_id: TradeId::lossy("t"),
        order_id: OrderId::lossy("o"),
        client_order_id: None,
        ticker: ticker(0),
        side: BookSide::Ask,
        price: Price::from_cents(50).unwrap(),
        quantity: Contracts::from_whole(10),
        fee: Money::from_cents(2),
        is_taker: true,
        exchange_time: now.wall,
        received: now.mono,
        decoded: now.mono,
        origin: Origin::Stream,
    };
    // Told twice, by the stream and by a look-up.
    memory.take(&header, &Entry::Feed(FeedEvent::Fill(fill)));
    memory.take(&header, &Entry::Fetch(FetchEvent::Fill(fill)));
    let day = memory.into_former(REPEATS).carried.unwrap().day;
    assert_eq!((day.realized, day.fees), (Money::from_cents(-100), Money::from_cents(2)));
}

#[test]
fn a_cancel_of_everything_is_remembered_as_long_as_it_may_take_orders_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let (mut first, _) = Rig::start(dir.path(), 1, NOON);
    first.order(ControlCommand::Halt { reason: Reason::lossy("drill") });
    // Killed before the exchange has answered, twenty seconds before the next start.
    drop(first);

    let (second, former) = Rig::start(dir.path(), 2, NOON + 20_000);
    assert_eq!(former.carried.unwrap().cancelled_all.unix_ms() / 1_000, NOON / 1_000);
    let core = second.oms.core();
    assert!(core.in_aftermath(second.clock.now()));
    second.clock.advance(Nanos::from_secs(39));
    assert!(core.in_aftermath(second.clock.now()));
    second.clock.advance(Nanos::from_secs(2));
    assert!(!core.in_aftermath(second.clock.now()), "a minute is over");
    drop(second);

    let (third, _) = Rig::start(dir.path(), 3, NOON + 62_000);
    assert!(!third.oms.core().in_aftermath(third.clock.now()));
}

#[test]
fn groups_of_every_former_run_are_remembered_once() {
    let group = |text: &str| OrderGroupId::lossy(text);
    let header = |seq| Header { run: RunId::new(seq), seq, now: Now::default() };
    let started =
        |run| Entry::RunStarted { run: RunId::new(run), config_digest: 0, seed: 0, mode: 1 };
    let entries = [
        (header(1), started(1)),
        (header(2), Entry::Group { shard: 0, group: group("old") }),
        (header(3), started(2)),
        (header(4), Entry::Group { shard: 0, group: group("new") }),
        (header(5), Entry::Group { shard: 0, group: group("old") }),
        (header(6), Entry::Group { shard: 3, group: group("new") }),
    ];
    let former = Former::fold(&entries, WallTime::from_unix_ms(NOON), REPEATS);
    let expected = [(0, group("old")), (0, group("new")), (3, group("new"))];
    assert_eq!(former.groups, expected);
}
