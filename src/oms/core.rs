//! The deterministic heart: (state, input, now) → outputs. No clock, no ring, no file.
//!
//! One writer owns orders, positions, limits and halts. Every input enters through
//! [`Core::handle`] with the time at which it is handled; what comes out is collected in an
//! [`Outbox`] for the stage to journal and pass on. The same inputs at the same times give the
//! same outputs, in production, in replay and in simulation.

use super::account::{Account, Holding, MarketPnl};
use super::admission::Shards;
use super::backfill::Gap;
use super::config::{Admission, FeedNeed, OmsConfig};
use super::costs::Costs;
use super::execution::{ExecutionKey, Executions, Lot};
use super::following::Following;
use super::guarding::ShardCash;
use super::index::{OrderIndex, TradeSet};
use super::newcomers::Newcomers;
use super::news::News;
use super::past::PastBooks;
use super::quotes::Quotes;
use super::reconciling::Reconciling;
use super::rereading::Rereading;
use super::settlement::Settlements;
use super::timers::Timers;
use super::watch::Watch;
use crate::ids::{MarketIx, OrderKey, Reason, Ticker};
use crate::kalshi::market::{FeeSchedule, MarketTable, TickGrid};
use crate::message::{
    BookNews, CancelOrder, Command, ControlCommand, FeedEvent, FetchCommand, FetchEvent,
    FollowCommand, GatewayEvent, NewOrder, Signal,
};
use crate::order::{IllegalTransition, OrderSlab};
use crate::recorder::record::Record;
use crate::risk::{
    Approved, Carried, CarriedMarket, Day, DayClock, Exposure, Guard, Halt, Kept, Listing, Past,
    Place, Readiness, Rests, SeriesRules, Skew, Stakes, Throttle,
};
use crate::units::{Money, Now, Timestamp, WallTime};

/// Whatever the oms can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// A signal to execute.
    Signal(Signal),
    /// News of an order or cancel on its way.
    Gateway(GatewayEvent),
    /// News from the WebSocket.
    Feed(FeedEvent),
    /// Answers to look-ups and backfills.
    Fetch(FetchEvent),
    /// What is seen of a followed book.
    Book(BookNews),
    /// A person or the system.
    Control(ControlCommand),
    /// [`Core::deadline`] has been reached.
    Timer,
}

/// What one input led to, in the order in which it must take effect: intents first.
#[derive(Debug, Default)]
pub struct Outbox {
    /// For the gateway.
    pub commands: Vec<Command>,
    /// For the REST service.
    pub asks: Vec<FetchCommand>,
    /// For the recorder.
    pub records: Vec<Record>,
    /// For the journal alone: what must outlive the process.
    pub kept: Vec<Kept>,
    /// For the feed: which books to follow. Nobody waits for it.
    pub follows: Vec<FollowCommand>,
}

impl Outbox {
    /// Room for what any one input can lead to, so that nothing is allocated later: a drain
    /// reports every market, everything else a handful.
    #[must_use]
    pub fn new(market_count: usize) -> Self {
        Self {
            commands: Vec::with_capacity(64),
            asks: Vec::with_capacity(64),
            records: Vec::with_capacity(2 * market_count + 256),
            kept: Vec::with_capacity(64),
            follows: Vec::with_capacity(128),
        }
    }

    /// How much there is that must be passed on.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.commands.len() + self.asks.len() + self.records.len()
    }

    /// Whether there is nothing.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.commands.is_empty() && self.asks.is_empty() && self.records.is_empty()
    }
}

/// The feed as trading needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FeedLink {
    /// Never was up in this run: nothing of ours can have been missed.
    NotYet,
    /// Lost: fills may be missed.
    Down,
    /// Back, and fills since the loss are being fetched.
    Backfilling,
    /// Up, nothing missed.
    Up,
}

/// Whether the run goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Trading.
    Open,
    /// No new orders; at this time at the latest it ends.
    Draining(Timestamp),
    /// Everything has been said.
    Drained,
}

/// What the engine knew of the account when it started.
#[derive(Clone, Debug, Default)]
pub struct Opening {
    /// Cash.
    pub cash: Money,
    /// Positions held and what they cost.
    pub holdings: Vec<(Ticker, Holding)>,
    /// When this was read: older fills are contained in it.
    pub as_of: WallTime,
    /// Cash by shard, where the exchange keeps it so; empty where it is one pot.
    pub shard_cash: Vec<(u8, Money)>,
    /// How far the exchange's clock was from ours.
    pub skew: Skew,
}

/// See the module's page.
#[derive(Debug)]
pub struct Core {
    pub(super) config: OmsConfig,
    pub(super) markets: MarketTable,
    pub(super) orders: OrderSlab,
    pub(super) executions: Executions,
    /// What is kept beside each order, by its slot.
    pub(super) lots: Vec<Lot>,
    /// Executions that look at the market's prices: those that make, and those that wait.
    pub(super) attentive: Vec<ExecutionKey>,
    pub(super) quotes: Quotes,
    pub(super) following: Following,
    pub(super) exposure: Exposure,
    pub(super) account: Account,
    pub(super) day: Day,
    pub(super) day_clock: DayClock,
    pub(super) throttle: Throttle,
    pub(super) timers: Timers<OrderKey>,
    pub(super) waits: Timers<ExecutionKey>,
    pub(super) trades: TradeSet,
    pub(super) by_order_id: OrderIndex,
    pub(super) stopped: Vec<bool>,
    pub(super) halt: Option<Halt>,
    pub(super) guard: Guard,
    pub(super) rules: SeriesRules,
    /// What the rules say, by market.
    pub(super) listings: Vec<Listing>,
    pub(super) shard_cash: ShardCash,
    /// What the journal has of the state that outlives the process.
    pub(super) carried: Carried,
    pub(super) feed: FeedLink,
    pub(super) connections: u16,
    pub(super) phase: Phase,
    pub(super) execution_seq: u32,
    pub(super) opened_at: WallTime,
    pub(super) last_fill: WallTime,
    pub(super) gap: Gap,
    pub(super) settlements: Settlements,
    pub(super) reconciling: Reconciling,
    pub(super) rereading: Rereading,
    pub(super) shards: Shards,
    pub(super) newcomers: Newcomers,
    pub(super) past: PastBooks,
    /// Until when the last cancel of everything may still take orders with it.
    pub(super) aftermath_until: Timestamp,
    /// When that was asked for or answered.
    pub(super) cancelled_all: WallTime,
    pub(super) watch: Watch,
    pub(super) news: News,
    pub(super) stakes: Stakes,
    pub(super) costs: Costs,
}

impl Core {
    /// Markets a paper run can meet; their tables are allocated at start.
    const ADMITTED_MAX: usize = 1_024;

    /// Allocates everything. `markets` is the table loaded at start; every series may be traded.
    #[must_use]
    pub fn new(config: OmsConfig, markets: MarketTable, opening: &Opening) -> Self {
        Self::with_rules(config, markets, opening, SeriesRules::default())
    }

    /// Allocates everything, with rules for what may be traded and what belongs to which sport.
    #[must_use]
    pub fn with_rules(
        config: OmsConfig,
        markets: MarketTable,
        opening: &Opening,
        rules: SeriesRules,
    ) -> Self {
        let (market_count, event_count) = match config.admission {
            Admission::Listed => (
                markets.all().len() + MarketTable::SPARE_MARKETS_MAX,
                markets.event_count() + MarketTable::SPARE_MARKETS_MAX,
            ),
            Admission::Any => (Self::ADMITTED_MAX, Self::ADMITTED_MAX),
        };
        let mut core = Self {
            orders: OrderSlab::new(config.run, config.orders_max),
            executions: Executions::new(config.orders_max),
            lots: vec![Lot::default(); config.orders_max],
            attentive: Vec::with_capacity(config.orders_max),
            quotes: Quotes::new(market_count),
            following: Following::new(config.orders.books_max),
            exposure: Exposure::new(market_count, event_count, rules.sport_count()),
            guard: Guard::new(&config.limits, config.breaker, market_count, config.orders_max),
            listings: Vec::with_capacity(market_count),
            rules,
            shard_cash: ShardCash::new(&opening.shard_cash),
            carried: Carried::default(),
            account: Account::new(market_count, opening.cash),
            day: Day::new(opening.as_of),
            day_clock: DayClock::default(),
            throttle: Throttle::new(config.limits.orders_per_minute_max),
            timers: Timers::new(config.orders_max * 4),
            waits: Timers::new(config.orders_max * 4),
            trades: TradeSet::new(TradeSet::TRADES_MAX),
            by_order_id: OrderIndex::new(config.orders_max),
            stopped: vec![false; market_count],
            halt: None,
            feed: FeedLink::NotYet,
            connections: 0,
            phase: Phase::Open,
            execution_seq: 0,
            opened_at: opening.as_of,
            last_fill: opening.as_of,
            gap: Gap::since(opening.as_of),
            settlements: Settlements::since(opening.as_of, market_count),
            news: News::new(market_count),
            reconciling: Reconciling::new(
                opening.as_of,
                config.orders.reconcile.every,
                market_count,
                config.orders_max,
            ),
            rereading: Rereading::new(),
            shards: Shards::of(&markets),
            newcomers: Newcomers::new(),
            past: PastBooks::none(market_count, opening.as_of),
            aftermath_until: Timestamp::ZERO,
            cancelled_all: WallTime::default(),
            watch: Watch::new(),
            stakes: Stakes::new(market_count),
            costs: Costs::new(market_count),
            markets,
            config,
        };
        core.markets.reserve(market_count - core.markets.all().len().min(market_count));
        core.list_markets();
        for (ticker, holding) in &opening.holdings {
            let Some(market) = core.markets.find(ticker).map(|market| market.ix) else { continue };
            core.account.open_with(market, *holding);
            core.costs.note_opening(market, holding);
            core.hold(market, holding);
        }
        core.guard.note_skew(opening.skew);
        core.carried.day = core.day;
        core
    }

    /// Takes over what a former run left, before the first input.
    pub fn restore(
        &mut self,
        now: Now,
        carried: &Carried,
        markets: &[CarriedMarket],
        past: &[Past],
    ) {
        self.restore_risk(now, carried, markets);
        self.restore_past(past);
    }

    /// Takes one input. `out` is appended to, never read.
    pub fn handle(&mut self, now: Now, input: &Input, out: &mut Outbox) {
        let before = self.begin(now, input, out);
        match input {
            Input::Signal(signal) => self.on_signal(now, signal, out),
            Input::Gateway(event) => self.on_gateway(now, event, out),
            Input::Feed(event) => self.on_feed(now, event, out),
            Input::Fetch(event) => self.on_fetch(now, event, out),
            Input::Book(news) => self.on_book(now, news, out),
            Input::Control(command) => self.on_control(now, command, out),
            Input::Timer => self.on_timer(now, out),
        }
        self.watch_conditions(now, input, out);
        self.finish_drain_if_quiet(now, out);
        self.conclude(now, input, &before, out);
    }

    /// When [`Input::Timer`] is due.
    #[must_use]
    pub fn deadline(&self) -> Timestamp {
        let drain = match self.phase {
            Phase::Draining(at) => at,
            Phase::Open | Phase::Drained => Timestamp::NEVER,
        };
        self.timers
            .next()
            .min(self.waits.next())
            .min(drain)
            .min(self.gap.due)
            .min(self.settlements.due())
            .min(self.reconciling.due())
            .min(self.news.due())
            .min(self.following.due())
            .min(self.rereading.due())
            .min(self.newcomers.due())
    }

    /// The account's books.
    #[must_use]
    pub const fn account(&self) -> &Account {
        &self.account
    }

    /// The orders.
    #[must_use]
    pub const fn orders(&self) -> &OrderSlab {
        &self.orders
    }

    /// Worst-case exposure.
    #[must_use]
    pub const fn exposure(&self) -> &Exposure {
        &self.exposure
    }

    /// The markets.
    #[must_use]
    pub const fn markets(&self) -> &MarketTable {
        &self.markets
    }

    /// How many markets this run can meet.
    #[must_use]
    pub const fn market_capacity(&self) -> usize {
        self.stopped.len()
    }

    /// What a market has come to so far, its position valued halfway between the best prices
    /// known.
    #[must_use]
    pub fn pnl(&self, market: MarketIx) -> MarketPnl {
        self.account.pnl(market, self.quotes.market(market).middle_micros())
    }

    /// Counters of the day.
    #[must_use]
    pub const fn day(&self) -> &Day {
        &self.day
    }

    /// The breaker and what trips it, rates, links and clocks.
    #[must_use]
    pub const fn guard(&self) -> &Guard {
        &self.guard
    }

    /// The halt, when there is one.
    #[must_use]
    pub const fn halt_in_force(&self) -> Option<&Halt> {
        self.halt.as_ref()
    }

    /// Whether nothing is traded in a market until a person resumes.
    #[must_use]
    pub fn is_stopped(&self, market: MarketIx) -> bool {
        self.stopped[usize::from(market.0)]
    }

    /// When everything was last cancelled.
    #[must_use]
    pub const fn cancelled_all(&self) -> WallTime {
        self.cancelled_all
    }

    /// Why trading is halted, when it is.
    #[must_use]
    pub const fn halted(&self) -> Option<&Reason> {
        match &self.halt {
            Some(halt) => Some(&halt.reason),
            None => None,
        }
    }

    /// Order connections that are up.
    #[must_use]
    pub const fn connections(&self) -> u16 {
        self.connections
    }

    /// Whether an order would be refused for the engine's own state.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        if self.halt.is_some() {
            return Readiness::Halted;
        }
        let fed = self.feed == FeedLink::Up
            || (self.config.feed == FeedNeed::Optional && self.feed != FeedLink::Backfilling);
        if self.phase == Phase::Open && self.connections > 0 && fed {
            Readiness::Ready
        } else {
            Readiness::NotReady
        }
    }

    /// Stops everything: no order until a person resumes, and what rests is cancelled. The first
    /// reason stands.
    pub fn halt(&mut self, now: Now, reason: Reason, out: &mut Outbox) {
        if self.halt.is_none() {
            self.halt = Some(Halt { reason, since: now.wall });
            out.records.push(Record::Halted { reason });
        }
        self.end_executions(out);
        out.commands.push(Command::CancelAll);
    }

    /// The market of a ticker, admitted on first sight where the mode allows.
    pub(super) fn market_of(&mut self, ticker: &Ticker) -> Option<MarketIx> {
        if let Some(market) = self.markets.find(ticker) {
            return Some(market.ix);
        }
        let room = self.markets.all().len() < Self::ADMITTED_MAX;
        if self.config.admission == Admission::Listed || !room {
            return None;
        }
        let (grid, fees) = (TickGrid::linear_cent(), FeeSchedule::QUADRATIC);
        let market = self.markets.insert(*ticker, grid, 0, fees, true);
        self.list_markets();
        market
    }

    /// Where an order's exposure sits.
    pub(super) fn place_of(&self, terms: &NewOrder) -> Option<Place> {
        let rests = Rests::with(terms.time_in_force);
        self.place_in(terms.market, terms.side, rests)
    }

    /// Sets when the oms next looks at an order.
    pub(super) fn arm(&mut self, key: OrderKey, at: Timestamp) {
        let Some(order) = self.orders.find_mut(key) else { return };
        order.deadline = at;
        let orders = &self.orders;
        self.timers
            .arm(at, key, |key, at| orders.find(key).is_some_and(|order| order.deadline == at));
    }

    /// A step the exchange cannot make us take: the market stops and the order is looked up.
    #[cold]
    pub(super) fn illegal(
        &mut self,
        now: Now,
        key: OrderKey,
        step: IllegalTransition,
        out: &mut Outbox,
    ) {
        let text = format!("illegal step: {step}");
        self.stop_market(key, Reason::lossy(&text), out);
        self.arm(key, now.mono + self.config.orders.lookup_interval);
    }

    /// Stops one market until a person resumes.
    #[cold]
    pub(super) fn stop_market(&mut self, key: OrderKey, reason: Reason, out: &mut Outbox) {
        let Some(market) = self.orders.find(key).map(|order| order.terms().market) else { return };
        self.stop(market, reason, out);
    }

    /// Asks for an order's cancel, or looks it up when its id at the exchange is not known.
    pub(super) fn cancel(&mut self, now: Now, key: OrderKey, out: &mut Outbox) {
        let Some(order) = self.orders.find_mut(key) else { return };
        let (order_id, market) = (order.order_id(), order.terms().market);
        order.cancels = order.cancels.saturating_add(1);
        if order_id.is_empty() || order.cancels > self.config.orders.cancels_max {
            return self.look_up_and_rearm(now, key, out);
        }
        out.commands.push(Command::Cancel(CancelOrder { key, order_id, market }));
        self.arm(key, now.mono + self.config.orders.fills_wait);
    }

    /// Hands an approved order to the gateway.
    pub(super) fn submit(&mut self, approved: Approved<NewOrder>, out: &mut Outbox) {
        self.guard.note_approved(approved.get().key);
        out.commands.push(Command::Submit(approved));
    }
}
