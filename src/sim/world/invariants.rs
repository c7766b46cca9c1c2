//! What must hold after every step and at the end, whatever went wrong in between.
//!
//! In: the exchange's own ledger, what the engine told the recorder, the network's witness. Out:
//! violations, in words. Judges by the exchange's books, never by the engine's opinion of them.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::host::{Host, TRADER};
use super::network::Network;
use crate::ids::{ClientOrderId, SignalId, TradeId};
use crate::message::BookSide;
use crate::oms::Core;
use crate::recorder::record::{BookedFill, ExecutionResult, Outcome, Record};
use crate::risk::{Limits, RESENDS_MAX};
use crate::sim::exchange::Order;
use crate::sim::text::uuid_text;
use crate::units::{Contracts, Money};

/// Violations kept: the first ones tell, the rest are their echo.
const VIOLATIONS_MAX: usize = 20;

/// How far costs of equal positions may be apart, in 1e-8 dollars: what the exchange's six decimals
/// leave out on their way to the engine, and what divisions leave over after it.
const COST_APART_E8: u64 = 200;

/// Follows a run.
#[derive(Debug)]
pub struct Audit {
    limits: Limits,
    conserved: Money,
    fills: Vec<BookedFill>,
    trades: HashSet<TradeId>,
    answers: HashMap<SignalId, u32>,
    executed: HashMap<SignalId, u32>,
    received: u64,
    answered: u64,
    unknown_orders: u32,
    alerts: Vec<String>,
    violations: Vec<String>,
}

impl Audit {
    /// Of an exchange as it opens.
    #[must_use]
    pub fn new(limits: Limits, host: &Host) -> Self {
        Self {
            limits,
            conserved: host.venue().total_cash_and_collateral(),
            fills: Vec::new(),
            trades: HashSet::new(),
            answers: HashMap::new(),
            executed: HashMap::new(),
            received: 0,
            answered: 0,
            unknown_orders: 0,
            alerts: Vec::new(),
            violations: Vec::new(),
        }
    }

    /// What has been broken, in order.
    #[must_use]
    pub fn violations(&self) -> &[String] {
        &self.violations
    }

    /// Fills as the engine booked them.
    #[must_use]
    pub fn fills(&self) -> &[BookedFill] {
        &self.fills
    }

    /// What people were told of.
    #[must_use]
    pub fn alerts(&self) -> &[String] {
        &self.alerts
    }

    /// Final answers given.
    #[must_use]
    pub const fn answered(&self) -> u64 {
        self.answered
    }

    /// Takes note of what a stage told the recorder.
    pub fn hear(&mut self, record: &Record) {
        match record {
            Record::Received => self.received += 1,
            Record::Malformed { .. } => self.answered += 1,
            Record::Result(result) => {
                self.answered += 1;
                *self.answers.entry(result.signal_id).or_insert(0) += 1;
                self.check_result(result);
                if matches!(result.outcome, Outcome::Ended(_)) {
                    let times = self.executed.entry(result.signal_id).or_insert(0);
                    *times += 1;
                    if *times > 1 {
                        self.broken(format!("signal {} was executed twice", result.signal_id));
                    }
                }
            }
            Record::Fill(fill) => {
                if !self.trades.insert(fill.trade_id) {
                    self.broken(format!("trade {} was booked twice", fill.trade_id));
                }
                self.fills.push(*fill);
            }
            Record::Alert { ticker, reason } => self.alerts.push(format!("{ticker} {reason}")),
            Record::FillVoided(voided) => {
                self.trades.remove(&voided.trade_id);
                self.fills.retain(|fill| fill.trade_id != voided.trade_id);
            }
            Record::FinalAccount { unknown_orders, .. } => self.unknown_orders = *unknown_orders,
            Record::SourceEnded { .. }
            | Record::Span { .. }
            | Record::SentAhead
            | Record::Presign { .. }
            | Record::FeedLink(_)
            | Record::OrderSent { .. }
            | Record::OrderEnded { .. }
            | Record::Halted { .. }
            | Record::Resumed
            | Record::KillSwitch { .. }
            | Record::Told(_)
            | Record::Trouble(_)
            | Record::Draining
            | Record::Reconnected { .. }
            | Record::Restated(_)
            | Record::Settled { .. }
            | Record::FinalPnl { .. }
            | Record::FinalPosition { .. }
            | Record::Drained => {}
        }
    }

    /// One signal buys no more than it asked for, however many orders it took.
    fn check_result(&mut self, result: &ExecutionResult) {
        let (id, filled, wanted) = (result.signal_id, result.filled, result.contracts);
        self.expect(filled <= wanted, || format!("{id} filled {filled} of {wanted}"));
        let children = result.orders.iter().flatten();
        let sum = children.fold(Contracts::ZERO, |sum, child| sum + child.filled);
        self.expect(sum == filled, || format!("{id} filled {filled}, its orders {sum}"));
    }

    /// Notes a violation that somebody else has seen.
    pub fn report(&mut self, what: &str) {
        self.broken(what.to_owned());
    }

    fn broken(&mut self, what: String) {
        if self.violations.len() < VIOLATIONS_MAX && !self.violations.contains(&what) {
            self.violations.push(what);
        }
    }

    fn expect(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.broken(what());
        }
    }

    /// After every step: limits by the exchange's own ledger, and what was written to the wire.
    pub fn check_step(&mut self, host: &Host, network: &Network) {
        for misdeed in network.misdeeds() {
            self.broken(misdeed);
        }
        self.check_orders(host);
        self.check_positions(host);
        self.check_money(host);
    }

    fn check_orders(&mut self, host: &Host) {
        let limits = self.limits;
        let mut creates = 0;
        for (id, times) in host.all_creates() {
            creates += 1;
            let bound = 1 + u32::from(RESENDS_MAX);
            self.expect(times <= bound, || format!("{id} reached the exchange {times} times"));
        }
        let bound = limits.daily_trades_max;
        self.expect(creates <= bound, || format!("{creates} orders in a day, allowed {bound}"));

        let mut open = host.venue().open_orders(TRADER);
        // Of others' orders the engine has to hear first.
        open.retain(|order| is_made(host, order.client_order_id.as_bytes()));
        let (count, bound) = (open.len(), limits.open_orders_max as usize);
        self.expect(count <= bound, || format!("{count} open orders, allowed {bound}"));
        let mut by_market: BTreeMap<usize, u32> = BTreeMap::new();
        for order in open {
            *by_market.entry(order.market).or_insert(0) += 1;
        }
        let bound = limits.open_orders_per_market_max;
        for (market, count) in by_market {
            self.expect(count <= bound, || format!("{count} open orders in market {market}"));
        }
    }

    fn check_positions(&mut self, host: &Host) {
        let mut events: BTreeMap<Vec<u8>, u64> = BTreeMap::new();
        let open = host.venue().open_orders(TRADER);
        for (index, market) in host.venue().exchange().markets().iter().enumerate() {
            let position = host.venue().position(TRADER, &market.ticker);
            let resting = |side: BookSide| {
                let orders = open.iter().filter(|it| it.market == index && it.side == side);
                orders.fold(Contracts::ZERO, |sum, order| sum + order.remaining)
            };
            let if_filled = |side| position.after(side, resting(side)).size();
            let worst = if_filled(BookSide::Bid).max(if_filled(BookSide::Ask));
            *events.entry(market.ticker.event().to_vec()).or_insert(0) += u64::from(worst.centis());
        }
        let meddled = u64::from(host.meddled().centis());
        let bound = u64::from(self.limits.position_per_event_max.centis()) + meddled;
        for (event, worst) in events {
            let event = String::from_utf8_lossy(&event).into_owned();
            self.expect(worst <= bound, || format!("{worst} centis in {event}, allowed {bound}"));
        }
    }

    fn check_money(&mut self, host: &Host) {
        let venue = host.venue();
        let available = venue.exchange().available(TRADER);
        // A contract and its fee cost less than two dollars.
        let meddled = Money::from_cents(2 * i64::from(host.meddled().centis()));
        let bound = self.limits.balance_min - meddled;
        self.expect(available >= bound, || format!("{available:?} left, {bound:?} must be"));
        let volume: u64 =
            venue.fills(TRADER).iter().map(|it| u64::from(it.quantity.centis())).sum();
        let meddled = u64::from(host.meddled().centis());
        let bound = u64::from(self.limits.daily_volume_max.centis()) + meddled;
        self.expect(volume <= bound, || format!("{volume} centis traded, allowed {bound}"));
        let (total, conserved) = (venue.total_cash_and_collateral(), self.conserved);
        self.expect(total == conserved, || format!("the exchange made money: {total:?}"));
    }

    /// Once nothing moves any more: the engine's books are the exchange's, and every signal has
    /// had its one answer.
    pub fn check_quiet(&mut self, core: &Core, host: &Host) {
        self.check_fills(host);
        for market in core.markets().all() {
            let ours = core.account().holding(market.ix).position;
            let theirs = host.venue().position(TRADER, &market.ticker);
            let ticker = market.ticker;
            self.expect(ours == theirs, || {
                format!("{ticker}: the engine holds {ours:?}, the exchange says {theirs:?}")
            });
            // The exchange tells costs in micro-dollars.
            let ours = core.account().holding(market.ix).cost;
            let theirs = host.venue().position_cost(TRADER, &ticker);
            self.expect(ours.e8().abs_diff(theirs.e8()) < COST_APART_E8, || {
                format!("{ticker}: cost {ours}, the exchange says {theirs}")
            });
        }
        let (ours, theirs) = (core.account().cash(), host.venue().cash(TRADER));
        self.expect(ours == theirs, || format!("cash {ours:?}, the exchange says {theirs:?}"));
        self.check_ended(core, host);
        let (received, answered) = (self.received, self.answered);
        self.expect(received == answered, || format!("{received} signals, {answered} answers"));
        self.check_exposure(core);
    }

    /// Every fill of an order of the engine's own is booked as it was, and nothing is booked that
    /// the exchange does not have. What others' orders do moves the books, and is told of none.
    fn check_fills(&mut self, host: &Host) {
        let theirs = host.venue().fills(TRADER);
        let known: HashMap<_, _> =
            self.fills.iter().map(|fill| (fill.trade_id.to_string(), *fill)).collect();
        let mut found = 0;
        for fill in &theirs {
            let id = uuid_text(fill.trade_id);
            let booked = known.get(&id).map(|it| (it.side, it.price, it.quantity, it.fee));
            let expected = (fill.side, fill.price, fill.quantity, fill.fee);
            found += usize::from(booked.is_some());
            let is_ours = is_made(host, fill.client_order_id.as_bytes()) || booked.is_some();
            self.expect(!is_ours || booked == Some(expected), || {
                format!("trade {id} of {expected:?} is booked as {booked:?}")
            });
        }
        let booked = self.fills.len();
        self.expect(booked == found, || format!("{booked} fills booked, {found} at the exchange"));
    }

    fn check_ended(&mut self, core: &Core, host: &Host) {
        let (live, unknown) = (core.orders().live(), self.unknown_orders);
        self.expect(live == unknown, || format!("{live} orders alive, {unknown} told as unknown"));
        let resting = host.venue().open_orders(TRADER);
        let marked = |order: &&Order| is_marked(order.client_order_id.as_bytes());
        let resting = resting.iter().filter(marked).count();
        let accounted = usize::try_from(unknown).unwrap_or(0);
        self.expect(resting <= accounted, || format!("{resting} orders left on the book"));
    }

    /// What ended no longer counts against any limit.
    fn check_exposure(&mut self, core: &Core) {
        if core.orders().live() > 0 {
            return;
        }
        let exposure = core.exposure();
        let (reserved, flying) = (exposure.reserved(), exposure.in_flight());
        self.expect(reserved == Money::ZERO, || format!("{reserved:?} reserved for nothing"));
        self.expect(flying.is_zero(), || format!("{flying:?} in flight with no order alive"));
        for market in core.markets().all() {
            let at = *exposure.market(market.ix);
            let position = core.account().holding(market.ix).position;
            let clean = at.bids.is_zero() && at.asks.is_zero() && at.open_orders == 0;
            self.expect(clean && at.position == position, || {
                format!("{}: exposure {at:?}, position {position:?}", market.ticker)
            });
        }
    }
}

/// Whether an id is one of an engine's of ours.
fn is_marked(client_order_id: &[u8]) -> bool {
    ClientOrderId::parse(client_order_id).is_some()
}

/// Whether the engine of this world has made an order.
fn is_made(host: &Host, client_order_id: &[u8]) -> bool {
    ClientOrderId::parse(client_order_id).is_some_and(|id| host.creates(id) > 0)
}
