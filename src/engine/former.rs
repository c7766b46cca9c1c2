//! What former runs left in the journal: signals that must not be executed again, and risk's
//! state of the account and its markets.
//!
//! In: the journal's entries, oldest first. Out: [`Former`]. The oms writes its state down after
//! every input that changed it, except for orders, which their own entries count. A process may
//! have died between an input and what it changed: what the last input must have changed is
//! worked out here, so that no halt, no loss and no order is forgotten.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use super::EngineError;
use crate::ids::{Reason, RunId, SignalId, Ticker, TradeId};
use crate::kalshi::market::{FeeSchedule, MarketTable, TickGrid};
use crate::message::{
    BookSide, ControlCommand, FeedEvent, FetchEvent, Fill, GatewayEvent, MarketSettlement, NewOrder,
};
use crate::oms::account::{Account, Holding};
use crate::recorder::journal::{Entry, Header, JournalError, JournalReader};
use crate::risk::{Carried, CarriedBreaker, CarriedMarket, Day, Halt, is_trouble};
use crate::units::{Money, Nanos, WallTime};

/// Counted back from now, so that midnight makes nothing new.
const DAY: Nanos = Nanos::from_secs(86_400);

const MINUTE: Nanos = Nanos::from_secs(60);

/// See the module's page.
#[derive(Debug, Default)]
pub(super) struct Former {
    /// Ids of the last 24 hours' signals, oldest first.
    pub(super) signal_ids: Vec<SignalId>,
    /// The account's state; `None` when there was no run before.
    pub(super) carried: Option<Carried>,
    /// States of single markets.
    pub(super) markets: Vec<CarriedMarket>,
}

impl Former {
    /// Reads the journal in `dir`; a directory without one has no former runs. `repeats_window`
    /// is how long an execution counts as a repeat.
    pub(super) fn read(
        dir: &Path,
        now: WallTime,
        repeats_window: Nanos,
    ) -> Result<Self, EngineError> {
        let reader = match JournalReader::open(dir) {
            Err(JournalError::NotAJournal { .. }) => return Ok(Self::default()),
            reader => reader?,
        };
        let mut memory = Memory::new(now);
        for entry in reader {
            let (header, entry) = entry?;
            memory.take(&header, &entry);
        }
        Ok(memory.into_former(repeats_window))
    }

    /// What the new run's journal begins with, so that it can be replayed by itself.
    pub(super) fn entries(&self) -> impl Iterator<Item = Entry> + '_ {
        let account = self.carried.map(Entry::Risk);
        account.into_iter().chain(self.markets.iter().map(|market| Entry::MarketRisk(*market)))
    }
}

/// One order sent: when, where, on which side.
#[derive(Clone, Copy, Debug)]
struct Sent {
    at: WallTime,
    ticker: Ticker,
    side: BookSide,
}

/// The journal's entries, folded.
#[derive(Debug)]
struct Memory {
    now: WallTime,
    signal_ids: Vec<SignalId>,
    carried: Option<Carried>,
    stops: BTreeMap<Ticker, Reason>,
    sent: Vec<Sent>,
    rejects: Vec<WallTime>,
    /// When a person last looked: what was repeated before does not count.
    resumed: WallTime,
    books: Books,
}

impl Memory {
    fn new(now: WallTime) -> Self {
        Self {
            now,
            signal_ids: Vec::new(),
            carried: None,
            stops: BTreeMap::new(),
            sent: Vec::new(),
            rejects: Vec::new(),
            resumed: WallTime::default(),
            books: Books::of(RunId::default(), now),
        }
    }

    fn take(&mut self, header: &Header, entry: &Entry) {
        let at = header.now.wall;
        match entry {
            Entry::RunStarted { run, .. } => self.books = Books::of(*run, at),
            Entry::Market(market) => self.books.list(&market.ticker),
            Entry::Opening { ticker, position, cost } => {
                self.books.open(ticker, Holding { position: *position, cost: *cost });
            }
            Entry::Signal(signal) => {
                self.books.meet(&signal.ticker);
                if self.now.since(at) < DAY {
                    self.signal_ids.push(signal.id);
                }
            }
            Entry::Submit(order) => self.submit(at, order),
            Entry::Gateway(event) => self.gateway(at, event),
            Entry::Feed(FeedEvent::Fill(fill)) | Entry::Fetch(FetchEvent::Fill(fill)) => {
                self.books.book(fill);
            }
            Entry::Fetch(FetchEvent::Settled(said)) => self.books.settle(said),
            Entry::Control(command) => self.control(at, command),
            Entry::Risk(carried) => {
                self.carried = Some(*carried);
                self.books.forget_unkept();
            }
            Entry::MarketRisk(market) => match market.stop {
                Some(reason) => drop(self.stops.insert(market.ticker, reason)),
                None => drop(self.stops.remove(&market.ticker)),
            },
            Entry::Settings(_)
            | Entry::OpeningCash { .. }
            | Entry::Feed(_)
            | Entry::Fetch(_)
            | Entry::Timer
            // The same order: it has been counted.
            | Entry::Resend(_)
            | Entry::Cancel(_)
            | Entry::CancelAll
            | Entry::Ask(_)
            | Entry::Result(_)
            | Entry::RunEnded => {}
        }
    }

    /// The state as it stands, of a day that is not over at `at`.
    fn carried(&mut self, at: WallTime) -> &mut Carried {
        let carried = self.carried.get_or_insert_with(Carried::default);
        if carried.day.utc_day() < at.utc_day() {
            carried.day = Day::new(at);
        }
        carried
    }

    fn submit(&mut self, at: WallTime, order: &NewOrder) {
        let day = &mut self.carried(at).day;
        day.orders += 1;
        day.volume += order.quantity;
        if self.now.since(at) < DAY
            && let Some(ticker) = self.books.ticker(order)
        {
            self.sent.push(Sent { at, ticker, side: order.side });
        }
    }

    fn gateway(&mut self, at: WallTime, event: &GatewayEvent) {
        if let GatewayEvent::Rejected { reject, .. } = event
            && is_trouble(reject.kind)
            && self.now.since(at) < MINUTE
        {
            self.rejects.push(at);
        }
    }

    fn control(&mut self, at: WallTime, command: &ControlCommand) {
        match command {
            ControlCommand::Halt { reason } => {
                let halt = Halt { reason: *reason, since: at };
                self.carried(at).halt.get_or_insert(halt);
            }
            ControlCommand::Resume => {
                let carried = self.carried(at);
                carried.halt = None;
                carried.breaker = CarriedBreaker::default();
                carried.consecutive_losses = 0;
                carried.mismatches = 0;
                self.stops.clear();
                self.rejects.clear();
                self.resumed = at;
            }
            ControlCommand::Drain | ControlCommand::CancelAll | ControlCommand::Reconcile => {}
        }
    }

    fn into_former(mut self, repeats_window: Nanos) -> Former {
        let now = self.now;
        let recent = |at: WallTime, span: Nanos| now.since(at) < span;
        let count = |times: usize| u32::try_from(times).unwrap_or(u32::MAX);
        let orders = count(self.sent.iter().filter(|sent| recent(sent.at, MINUTE)).count());
        let rejects = count(self.rejects.len());
        let (realized, fees) = self.books.unkept;
        if (realized, fees) != (Money::ZERO, Money::ZERO) {
            self.carried(now);
        }
        if let Some(carried) = &mut self.carried {
            carried.recent_orders = orders;
            carried.recent_rejects = rejects;
            carried.day.realized += realized;
            carried.day.fees += fees;
        }
        let mut markets: BTreeMap<Ticker, CarriedMarket> = BTreeMap::new();
        let none = |ticker| CarriedMarket { ticker, stop: None, repeats: [0; 2] };
        for (ticker, reason) in self.stops {
            markets.entry(ticker).or_insert_with(|| none(ticker)).stop = Some(reason);
        }
        let repeat = |sent: &&Sent| sent.at >= self.resumed && recent(sent.at, repeats_window);
        for sent in self.sent.iter().filter(repeat) {
            let market = markets.entry(sent.ticker).or_insert_with(|| none(sent.ticker));
            let repeats = &mut market.repeats[sent.side as usize];
            *repeats = repeats.saturating_add(1);
        }
        Former {
            signal_ids: self.signal_ids,
            carried: self.carried,
            markets: markets.into_values().collect(),
        }
    }
}

/// The books of one run, as far as a fill's profit needs them.
#[derive(Debug)]
struct Books {
    run: RunId,
    began: WallTime,
    markets: MarketTable,
    /// Whether the run was given its markets; else it admitted those that its signals named.
    listed: bool,
    account: Account,
    trades: HashSet<TradeId>,
    /// Profit and fees of fills after the last state that was kept.
    unkept: (Money, Money),
}

impl Books {
    fn of(run: RunId, began: WallTime) -> Self {
        Self {
            run,
            began,
            markets: MarketTable::new(),
            listed: false,
            account: Account::new(MarketTable::MARKETS_MAX, Money::ZERO),
            trades: HashSet::new(),
            unkept: (Money::ZERO, Money::ZERO),
        }
    }

    fn list(&mut self, ticker: &Ticker) {
        self.listed = true;
        self.insert(ticker);
    }

    fn meet(&mut self, ticker: &Ticker) {
        if !self.listed {
            self.insert(ticker);
        }
    }

    fn insert(&mut self, ticker: &Ticker) {
        let (grid, fees) = (TickGrid::linear_cent(), FeeSchedule::QUADRATIC);
        let _full: Option<crate::ids::MarketIx> = self.markets.insert(*ticker, grid, 0, fees, true);
    }

    fn open(&mut self, ticker: &Ticker, holding: Holding) {
        if let Some(market) = self.markets.find(ticker) {
            self.account.open_with(market.ix, holding);
        }
    }

    fn ticker(&self, order: &NewOrder) -> Option<Ticker> {
        self.markets.get(order.market).map(|market| market.ticker)
    }

    /// Books a fill once, as the run did. One that is older than the run and not of its orders was
    /// part of its opening.
    fn book(&mut self, fill: &Fill) {
        let ours = fill.client_order_id.is_some_and(|id| id.run() == self.run);
        if !ours && fill.exchange_time < self.began || !self.trades.insert(fill.trade_id) {
            return;
        }
        self.meet(&fill.ticker);
        let Some(market) = self.markets.find(&fill.ticker).map(|market| market.ix) else { return };
        let booked = self.account.book(market, fill.side, fill.price, fill.quantity, fill.fee);
        self.unkept.0 += booked.realized;
        self.unkept.1 += fill.fee;
    }

    /// Pays a market out, as the run did.
    fn settle(&mut self, said: &MarketSettlement) {
        let market = self.markets.find(&said.ticker).map(|market| market.ix);
        if let Some(market) = market.filter(|_| said.settled_at >= self.began) {
            self.unkept.0 += self.account.settle(market, said.yes_pays);
        }
    }

    const fn forget_unkept(&mut self) {
        self.unkept = (Money::ZERO, Money::ZERO);
    }
}

#[cfg(test)]
mod tests;
