//! Books folded from a journal: those of one run, and those that all evidence makes.
//!
//! In: openings, fills, settlements. Out: profit that no kept state knows yet ([`Books`]), and what
//! the next run takes over to ask the exchange about ([`Ledger`]).

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::ids::{MarketIx, RunId, Ticker, TradeId};
use crate::kalshi::market::{FeeSchedule, Market, MarketTable, TickGrid};
use crate::message::{Fill, MarketSettlement, NewOrder};
use crate::oms::account::{Account, Holding};
use crate::recorder::record::FillVoided;
use crate::risk::{Past, PastMarket};
use crate::units::{Money, Nanos, Position, WallTime};

/// A reading of fills begins this much before the newest known: fills of one second may have been
/// told in part, and in any order.
const FILLS_OVERLAP: Nanos = Nanos::from_secs(60);

/// The books of one run, as far as a fill's profit needs them.
#[derive(Debug)]
pub(super) struct Books {
    run: RunId,
    began: WallTime,
    markets: MarketTable,
    /// The run's own numbers of the markets it was given, at its start or later.
    named: HashMap<MarketIx, Ticker>,
    /// Whether the run was given its markets; else it admitted those that its signals named.
    listed: bool,
    account: Account,
    trades: HashSet<TradeId>,
    /// What settled markets pay: settlements are told more than once, and before fills sometimes.
    paid: HashMap<Ticker, Money>,
    /// Profit and fees of fills after the last state that was kept.
    unkept: (Money, Money),
}

impl Books {
    pub(super) fn of(run: RunId, began: WallTime) -> Self {
        Self {
            run,
            began,
            markets: MarketTable::new(),
            named: HashMap::new(),
            listed: false,
            account: Account::new(MarketTable::MARKETS_MAX, Money::ZERO),
            trades: HashSet::new(),
            paid: HashMap::new(),
            unkept: (Money::ZERO, Money::ZERO),
        }
    }

    pub(super) fn list(&mut self, market: &Market) {
        self.listed = true;
        self.named.insert(market.ix, market.ticker);
        self.insert(&market.ticker);
    }

    pub(super) fn meet(&mut self, ticker: &Ticker) {
        if !self.listed {
            self.insert(ticker);
        }
    }

    fn insert(&mut self, ticker: &Ticker) {
        let (grid, fees) = (TickGrid::linear_cent(), FeeSchedule::QUADRATIC);
        let _full: Option<MarketIx> = self.markets.insert(*ticker, grid, 0, fees, true);
    }

    pub(super) fn open(&mut self, ticker: &Ticker, holding: Holding) {
        if let Some(market) = self.markets.find(ticker) {
            self.account.open_with(market.ix, holding);
        }
    }

    pub(super) fn ticker(&self, order: &NewOrder) -> Option<Ticker> {
        if self.listed {
            return self.named.get(&order.market).copied();
        }
        self.markets.get(order.market).map(|market| market.ticker)
    }

    /// Whether a fill is older than the run and not of its orders: then it was part of its opening.
    pub(super) fn is_older(&self, fill: &Fill) -> bool {
        let named = fill.client_order_id.is_some_and(|id| id.run() == self.run);
        !named && fill.exchange_time < self.began
    }

    /// Books a fill once, as the run did.
    pub(super) fn book(&mut self, fill: &Fill) {
        if !self.trades.insert(fill.trade_id) {
            return;
        }
        self.meet(&fill.ticker);
        let Some(market) = self.markets.find(&fill.ticker).map(|market| market.ix) else { return };
        let booked = self.account.book(market, fill.side, fill.price, fill.quantity, fill.fee);
        self.unkept.0 += booked.realized;
        self.unkept.1 += fill.fee;
        if let Some(yes_pays) = self.paid.get(&fill.ticker) {
            self.unkept.0 += self.account.settle(market, *yes_pays);
        }
    }

    /// Undoes a booking, as the run did.
    pub(super) fn take_back(&mut self, voided: &FillVoided) {
        let Some(market) = self.markets.find(&voided.ticker).map(|market| market.ix) else {
            return;
        };
        undo(&mut self.account, market, voided);
    }

    /// Takes over what a position cost, as the run did.
    pub(super) fn restate(&mut self, ticker: &Ticker, cost: Money) {
        if let Some(market) = self.markets.find(ticker).map(|market| market.ix) {
            self.account.restate(market, cost);
        }
    }

    /// Pays a market out once, as the run did; what fills after it is paid out with it.
    pub(super) fn settle(&mut self, said: &MarketSettlement) {
        let market = self.markets.find(&said.ticker).map(|market| market.ix);
        let Some(market) = market.filter(|_| said.settled_at >= self.began) else { return };
        if self.paid.insert(said.ticker, said.yes_pays).is_none() {
            self.unkept.0 += self.account.settle(market, said.yes_pays);
        }
    }

    /// When the run began.
    pub(super) const fn began(&self) -> WallTime {
        self.began
    }

    /// Profit and fees after the last state that was kept.
    pub(super) const fn unkept(&self) -> (Money, Money) {
        self.unkept
    }

    pub(super) fn count_unkept(&mut self, realized: Money, fees: Money) {
        self.unkept.0 += realized;
        self.unkept.1 += fees;
    }

    pub(super) const fn forget_unkept(&mut self) {
        self.unkept = (Money::ZERO, Money::ZERO);
    }

    fn holding(&self, ticker: &Ticker) -> Holding {
        let market = self.markets.find(ticker);
        market.map_or_else(Holding::default, |market| *self.account.holding(market.ix))
    }
}

fn undo(account: &mut Account, market: MarketIx, voided: &FillVoided) {
    let FillVoided { side, price, quantity, fee, .. } = *voided;
    account.book(market, side.opposite(), price, quantity, -fee);
}

/// The books that every fill and settlement of every run makes, whatever any opening said. Where a
/// run has asked the exchange for all it could have missed and they still differ from its own, the
/// run is right: somebody else's doing explains the rest.
#[derive(Debug)]
pub(super) struct Ledger {
    markets: MarketTable,
    account: Account,
    /// Trades with their times at the exchange.
    trades: HashMap<TradeId, WallTime>,
    /// What settled markets pay.
    settled: HashMap<Ticker, Money>,
    began: Option<WallTime>,
    /// Whether a run has been given its books.
    opened: bool,
    newest_fill: WallTime,
    newest_settlement: WallTime,
    fills_read: bool,
}

impl Default for Ledger {
    fn default() -> Self {
        Self {
            markets: MarketTable::new(),
            account: Account::new(MarketTable::MARKETS_MAX, Money::ZERO),
            trades: HashMap::new(),
            settled: HashMap::new(),
            began: None,
            opened: false,
            newest_fill: WallTime::default(),
            newest_settlement: WallTime::default(),
            fills_read: false,
        }
    }
}

impl Ledger {
    /// A run begins.
    pub(super) fn begin(&mut self, at: WallTime) {
        self.opened = self.began.is_some();
        self.began.get_or_insert(at);
        self.fills_read = false;
    }

    /// What the first run was given; later openings add nothing to the evidence.
    pub(super) fn open(&mut self, ticker: &Ticker, holding: Holding) {
        if !self.opened
            && let Some(market) = self.market(ticker)
        {
            self.account.open_with(market, holding);
        }
    }

    /// What a run whose own journal is gone left. Where it is not gone, this is known.
    pub(super) fn take_over(&mut self, past: &Past) {
        match past {
            Past::Market(former) if !self.opened => {
                let Some(market) = self.market(&former.ticker) else { return };
                let holding = Holding { position: former.position, cost: former.cost };
                self.account.open_with(market, holding);
                self.account.earn(market, former.realized, former.fees);
            }
            Past::Unheard { fills_from, settled_from } if !self.opened => {
                self.newest_fill = self.newest_fill.max(*fills_from);
                self.newest_settlement = self.newest_settlement.max(*settled_from);
            }
            Past::Trade(trade) => drop(self.trades.entry(*trade).or_insert(self.newest_fill)),
            Past::Market(_) | Past::Unheard { .. } => {}
        }
    }

    fn market(&mut self, ticker: &Ticker) -> Option<MarketIx> {
        self.markets.insert(*ticker, TickGrid::linear_cent(), 0, FeeSchedule::QUADRATIC, true)
    }

    /// The exchange's time of the newest fill known.
    pub(super) const fn newest_fill(&self) -> WallTime {
        self.newest_fill
    }

    /// Books a fill and returns what it realised; `None` when it was known.
    pub(super) fn book(&mut self, fill: &Fill) -> Option<Money> {
        if self.trades.insert(fill.trade_id, fill.exchange_time).is_some() {
            return None;
        }
        self.newest_fill = self.newest_fill.max(fill.exchange_time);
        let market = self.market(&fill.ticker)?;
        let booked = self.account.book(market, fill.side, fill.price, fill.quantity, fill.fee);
        let paid = self.settled.get(&fill.ticker);
        let paid_out = paid.map_or(Money::ZERO, |pays| self.account.settle(market, *pays));
        Some(booked.realized + paid_out)
    }

    /// Undoes a booking that a run has undone. Its trade stays known.
    pub(super) fn take_back(&mut self, voided: &FillVoided) {
        if self.trades.contains_key(&voided.trade_id)
            && let Some(market) = self.market(&voided.ticker)
        {
            undo(&mut self.account, market, voided);
        }
    }

    /// Takes over what a position cost, as a run has.
    pub(super) fn restate(&mut self, ticker: &Ticker, cost: Money) {
        if let Some(market) = self.market(ticker) {
            self.account.restate(market, cost);
        }
    }

    /// Pays a market out once and returns what that realised; `None` when it was known.
    pub(super) fn settle(&mut self, said: &MarketSettlement) -> Option<Money> {
        self.newest_settlement = self.newest_settlement.max(said.settled_at);
        if self.settled.insert(said.ticker, said.yes_pays).is_some() {
            return None;
        }
        let market = self.market(&said.ticker)?;
        Some(self.account.settle(market, said.yes_pays))
    }

    /// The run has read every fill that could be missing.
    pub(super) const fn fills_are_read(&mut self) {
        self.fills_read = true;
    }

    /// The run has read every settlement that could be missing. Now its own books are the better.
    pub(super) fn settlements_are_read(&mut self, books: &Books) {
        if !self.fills_read {
            return;
        }
        for market in self.markets.all() {
            self.account.open_with(market.ix, books.holding(&market.ticker));
        }
    }

    /// What the next run takes over. `fills_from` is when the first fill may have happened that no
    /// run has heard of.
    pub(super) fn into_past(self, fills_from: Option<WallTime>) -> Vec<Past> {
        let Some(began) = self.began else { return Vec::new() };
        let newest = self.newest_fill.max(began);
        let from = fills_from.map_or(newest, |from| from.max(began).min(newest));
        let from = WallTime::from_unix_ns(from.unix_ns().saturating_sub(FILLS_OVERLAP.ns()));
        let settled_from = self.newest_settlement.max(began);
        let mut past = vec![Past::Unheard { fills_from: from, settled_from }];
        let open = self.markets.all().iter().filter(|it| !self.settled.contains_key(&it.ticker));
        past.extend(open.filter_map(|market| {
            let pnl = self.account.pnl(market.ix, None);
            let untouched = pnl.position == Position::FLAT
                && (pnl.realized, pnl.fees) == (Money::ZERO, Money::ZERO);
            (!untouched).then_some(Past::Market(PastMarket {
                ticker: market.ticker,
                position: pnl.position,
                cost: pnl.cost,
                realized: pnl.realized,
                fees: pnl.fees,
            }))
        }));
        // In an order of their own, so that equal journals give equal runs.
        let recent: BTreeMap<Vec<u8>, TradeId> = self
            .trades
            .iter()
            .filter(|(_, at)| **at >= from)
            .map(|(trade, _)| (trade.as_bytes().to_vec(), *trade))
            .collect();
        past.extend(recent.into_values().map(Past::Trade));
        past
    }
}
