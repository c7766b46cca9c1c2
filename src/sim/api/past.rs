//! Reads that lag writes: what an account's records looked like a while ago (reference §3.4).
//!
//! In: what happens, with its time, and the lag. Out: orders, books and balances as they were.
//! Keeps no more than the newest state that is old enough to be shown and the ones after it.
//! Without a lag nothing is kept and the present is shown.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

use crate::sim::api::holdings::Line;
use crate::sim::exchange::{Exchange, ExchangeEvent, Order, OrderStatus, Wallet};
use crate::sim::venue::UserId;
use crate::units::{Money, Nanos, WallTime};

/// States of things, each since a time, oldest first.
#[derive(Debug)]
struct History<K, V> {
    states: HashMap<K, VecDeque<(WallTime, V)>>,
}

impl<K, V> Default for History<K, V> {
    fn default() -> Self {
        Self { states: HashMap::new() }
    }
}

impl<K: Eq + Hash, V: Clone + PartialEq> History<K, V> {
    /// Notes a new state and drops the ones that will not be shown again.
    fn note(&mut self, since: WallTime, cutoff: WallTime, key: K, state: V) {
        let states = self.states.entry(key).or_default();
        if states.back().is_some_and(|(_, newest)| *newest == state) {
            return;
        }
        states.push_back((since, state));
        while states.get(1).is_some_and(|(since, _)| *since <= cutoff) {
            states.pop_front();
        }
    }

    /// What was the case at `cutoff`: not known, not there yet, or a state.
    fn at(&self, cutoff: WallTime, key: &K) -> Known<&V> {
        let Some(states) = self.states.get(key) else { return Known::Unchanged };
        let shown = states.iter().rev().find(|(since, _)| *since <= cutoff);
        shown.map_or(Known::Absent, |(_, state)| Known::State(state))
    }
}

/// What a history says of a thing.
enum Known<V> {
    /// It has not changed for long: the present will do.
    Unchanged,
    /// It was not there yet.
    Absent,
    /// It was this.
    State(V),
}

/// A member's money by place, and when it last changed.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Purse {
    balances: Vec<(Wallet, Money)>,
    updated: WallTime,
}

/// What accounts looked like a while ago.
#[derive(Debug, Default)]
pub(crate) struct Past {
    lag: Nanos,
    cutoff: WallTime,
    orders: History<u128, Order>,
    /// Orders that have ended, soonest first: their history ends with them.
    ended: VecDeque<(WallTime, u128)>,
    lines: History<(UserId, u8, usize), Line>,
    purses: History<UserId, Purse>,
}

impl Past {
    /// Begins to lag: the present is what is known of the past.
    pub(super) fn begin(exchange: &Exchange, now: WallTime, lag: Nanos) -> Self {
        let mut past = Self { lag, ..Self::default() };
        past.tick(now);
        if past.is_present() {
            return past;
        }
        for user in (0..exchange.background().0).map(UserId) {
            for order in exchange.open_orders(user) {
                past.orders.note(now, past.cutoff, order.id, order);
            }
            for (number, account) in (0_u8..).zip(&exchange.member(user).accounts) {
                for (market, holding) in account.holdings.iter().enumerate() {
                    let line = Line::from(holding);
                    past.lines.note(WallTime::default(), past.cutoff, (user, number, market), line);
                }
            }
            let purse = purse(exchange, user);
            past.purses.note(WallTime::default(), past.cutoff, user, purse);
        }
        past
    }

    /// Whether reads show the present.
    const fn is_present(&self) -> bool {
        self.lag.ns() == 0
    }

    /// Time has come this far.
    pub(super) fn tick(&mut self, now: WallTime) {
        self.cutoff = WallTime::from_unix_ns(now.unix_ns().saturating_sub(self.lag.ns()));
        while self.ended.front().is_some_and(|(since, _)| *since <= self.cutoff) {
            if let Some((_, id)) = self.ended.pop_front() {
                self.orders.states.remove(&id);
            }
        }
    }

    /// The time that reads show.
    pub(super) const fn cutoff(&self) -> WallTime {
        self.cutoff
    }

    /// Notes what happened, and what `writer`'s request did to its money.
    pub(super) fn record(
        &mut self,
        exchange: &Exchange,
        now: WallTime,
        events: &[ExchangeEvent],
        writer: Option<UserId>,
    ) {
        if self.is_present() {
            return;
        }
        let cutoff = self.cutoff;
        let mut touched: Vec<UserId> = writer.into_iter().collect();
        for event in events {
            match event {
                ExchangeEvent::Order(order) => {
                    touched.push(order.user);
                    self.orders.note(now, cutoff, order.id, *order);
                    if order.status != OrderStatus::Resting {
                        self.ended.push_back((now, order.id));
                    }
                }
                ExchangeEvent::Position { user, subaccount, market } => {
                    touched.push(*user);
                    let account = &exchange.member(*user).accounts[usize::from(*subaccount)];
                    let line = Line::from(&account.holdings[*market]);
                    self.lines.note(now, cutoff, (*user, *subaccount, *market), line);
                }
                _ => {}
            }
        }
        touched.sort_unstable();
        touched.dedup();
        for user in touched {
            self.purses.note(now, cutoff, user, purse(exchange, user));
        }
    }

    /// An order as it was; `None` when it was not there yet.
    pub(super) fn order(&self, order: &Order) -> Option<Order> {
        match self.orders.at(self.cutoff, &order.id) {
            Known::Unchanged => Some(*order),
            Known::Absent => None,
            Known::State(state) => Some(*state),
        }
    }

    /// Whether something that does not change any more was there.
    pub(super) fn shows(&self, time: WallTime) -> bool {
        self.is_present() || time <= self.cutoff
    }

    /// One market's line in an account's books as it was.
    pub(super) fn line(&self, account: (UserId, u8), market: usize, now: Line) -> Line {
        match self.lines.at(self.cutoff, &(account.0, account.1, market)) {
            Known::Unchanged => now,
            Known::Absent => Line::default(),
            Known::State(line) => *line,
        }
    }

    /// A member's money in one place as it was.
    pub(super) fn balance(&self, exchange: &Exchange, user: UserId, wallet: Wallet) -> Money {
        let Known::State(purse) = self.purses.at(self.cutoff, &user) else {
            return exchange.balance(user, wallet);
        };
        let found = purse.balances.iter().find(|(place, _)| *place == wallet);
        found.map_or(Money::ZERO, |(_, balance)| *balance)
    }

    /// When a member's primary account last changed, as it was known.
    pub(super) fn updated(&self, exchange: &Exchange, user: UserId) -> WallTime {
        match self.purses.at(self.cutoff, &user) {
            Known::State(purse) => purse.updated,
            Known::Unchanged | Known::Absent => exchange.account(user).updated,
        }
    }
}

fn purse(exchange: &Exchange, user: UserId) -> Purse {
    let places = (0..exchange.account_count(user)).flat_map(|subaccount| {
        (0..exchange.shard_count()).map(move |exchange_index| Wallet { subaccount, exchange_index })
    });
    let balances = places.map(|wallet| (wallet, exchange.balance(user, wallet))).collect();
    Purse { balances, updated: exchange.account(user).updated }
}
