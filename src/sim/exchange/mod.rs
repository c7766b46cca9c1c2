//! The simulated exchange: markets, accounts and the rules between them, without any transport.
//!
//! In: requests whose fields are understood, with the time. Out: receipts or a [`Reject`], and a
//! queue of [`ExchangeEvent`]s in the order in which things happened. Deterministic: same seed,
//! same calls, same times, same results. Never reads a clock, never speaks JSON.
//!
//! Invariants (test `random_flow_conserves_everything`): cash of all accounts + fees collected +
//! a dollar per open pair is constant; positions of a market sum to zero; a book is never
//! crossed; no member's available cash is negative.

mod account;
mod book;
mod changing;
mod event;
mod groups;
mod history;
mod lane;
mod lifecycle;
mod listing;
mod market;
mod matching;
mod member;
mod order;
mod place_table;
mod placing;
mod quotes;
mod random;
mod rehearsal;
mod reject;
mod seed;
mod settling;
#[cfg(test)]
mod tests;
mod voiding;
mod wallets;

use std::collections::{BTreeSet, HashMap};

pub use account::FillRecord;
pub(crate) use account::Holding;
pub use book::Level;
pub use changing::{Amendment, Decrease, Expiry};
pub use event::{BookChange, ExchangeEvent, LifecycleChange, TradePrint};
pub use groups::{GROUP_WINDOW, GroupChange, GroupState, NewGroup, OrderGroup};
pub(crate) use history::PassingTrade;
pub use lifecycle::{LifecycleError, MarketCommand, Rules};
pub use listing::FeeChange;
pub use market::{FeeOverride, MarketState, MarketStatus, Subtitle};
pub use order::{
    ClientText, NewOrder, Order, OrderStatus, OrderTerms, SelfTradePrevention, UpdateReason,
};
pub use placing::Receipt;
pub(crate) use quotes::Quotes;
pub(crate) use random::Random;
pub use reject::Reject;
pub use seed::{
    BookSeed, BooksError, LevelSeed, PriceStructure, UserSeed, default_markets, parse_books,
};
pub use settling::{Outcome, Settlement};
pub use wallets::{Membership, Wallet};

use account::{Account, Role};
use book::OrderIx;
use groups::Groups;
use lifecycle::Timer;
use member::{Fills, Member};
use order::OrderStore;

use crate::ids::Ticker;
use crate::message::BookSide;
use crate::sim::venue::UserId;
use crate::units::{Contracts, Money, Position, Price, WallTime};

/// Whether the exchange takes requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExchangeState {
    /// Everything works.
    Open,
    /// No new or changed orders; cancels work.
    TradingPaused,
    /// Nothing works.
    ExchangePaused,
}

/// The exchange.
#[derive(Debug)]
pub struct Exchange {
    markets: Vec<MarketState>,
    by_ticker: HashMap<Ticker, usize>,
    /// Members by [`UserId`], then the background.
    members: Vec<Member>,
    background: UserId,
    orders: OrderStore,
    fills: Fills,
    /// Resting orders that end by themselves, soonest first.
    expiries: BTreeSet<(WallTime, u64, OrderIx)>,
    /// What else happens by itself, soonest first.
    timers: BTreeSet<(WallTime, u64, Timer)>,
    /// Timers set so far.
    timers_set: u64,
    groups: Groups,
    rules: Rules,
    /// Markets listed since it opened.
    listed: usize,
    fee_changes: Vec<FeeChange>,
    /// When accounts last cancelled everything.
    cancel_alls: HashMap<(UserId, Option<u8>), WallTime>,
    /// Decides what a cancel-all takes with it, apart from the ids.
    tails: Random,
    ids: Random,
    /// Orders accepted so far.
    arrivals: u64,
    /// Places given out in queues so far.
    places: u64,
    trades: u64,
    fees: Money,
    state: ExchangeState,
    events: Vec<ExchangeEvent>,
}

impl Exchange {
    /// An exchange at `now` with its opening books quoted by the background account.
    ///
    /// # Errors
    /// [`BooksError::Duplicate`], which [`parse_books`] does not let through;
    /// [`BooksError::TooManyAccounts`].
    pub fn new(
        now: WallTime,
        books: &[BookSeed],
        users: &[UserSeed],
        seed: u64,
    ) -> Result<Self, BooksError> {
        let mut ids = Random::new(seed);
        let mut markets = Vec::with_capacity(books.len());
        let mut by_ticker = HashMap::new();
        for book in books {
            if by_ticker.insert(book.ticker, markets.len()).is_some() {
                return Err(BooksError::Duplicate { ticker: book.ticker });
            }
            markets.push(MarketState::new(book, ids.uuid(), now));
        }
        let shards: Vec<u8> = books.iter().map(|book| book.exchange_index).collect();
        let member = |user: &UserSeed| {
            let mut member = Member::new(user.user_id.clone(), Role::Member, &shards);
            member.accounts[0].balances[0].cash = user.cash;
            member
        };
        let mut members: Vec<_> = users.iter().map(member).collect();
        let place = u32::try_from(members.len());
        let background = UserId(place.map_err(|_| BooksError::TooManyAccounts)?);
        let name = uuid::Uuid::from_u128(ids.uuid()).to_string();
        let mut everybody = Member::new(name, Role::Background, &shards);
        everybody.accounts.push(Account::new(Role::Background, &shards));
        members.push(everybody);
        let mut exchange = Self {
            markets,
            by_ticker,
            members,
            background,
            orders: OrderStore::default(),
            fills: Fills::default(),
            expiries: BTreeSet::new(),
            timers: BTreeSet::new(),
            timers_set: 0,
            groups: Groups::default(),
            rules: Rules::default(),
            listed: 0,
            fee_changes: Vec::new(),
            cancel_alls: HashMap::new(),
            tails: Random::new(seed ^ 0x7461_696c),
            ids,
            arrivals: 0,
            places: 0,
            trades: 0,
            fees: Money::ZERO,
            state: ExchangeState::Open,
            events: Vec::new(),
        };
        exchange.open_books(now, books);
        exchange.events.clear();
        Ok(exchange)
    }

    fn open_books(&mut self, now: WallTime, books: &[BookSeed]) {
        for (market, book) in books.iter().enumerate() {
            let bids = book.yes_bids.iter().map(|level| (BookSide::Bid, level.price, level));
            let asks =
                book.no_bids.iter().map(|level| (BookSide::Ask, level.price.complement(), level));
            for (side, price, level) in bids.chain(asks) {
                self.quote(now, market, side, price, level.quantity);
            }
        }
    }

    /// The account that stands for everybody else.
    #[must_use]
    pub const fn background(&self) -> UserId {
        self.background
    }

    /// Whether `user` is a member (the background is not).
    #[must_use]
    pub fn is_member(&self, user: UserId) -> bool {
        user < self.background()
    }

    /// All markets, by index.
    #[must_use]
    pub fn markets(&self) -> &[MarketState] {
        &self.markets
    }

    /// The index of a market.
    #[must_use]
    pub fn find_market(&self, ticker: &Ticker) -> Option<usize> {
        self.by_ticker.get(ticker).copied()
    }

    /// What the exchange takes at the moment.
    #[must_use]
    pub const fn state(&self) -> ExchangeState {
        self.state
    }

    /// Takes what happened since the last call, in order.
    pub fn take_events(&mut self) -> Vec<ExchangeEvent> {
        core::mem::take(&mut self.events)
    }

    /// As [`Self::take_events`], and keeps the memory.
    pub fn drain_events(&mut self) -> std::vec::Drain<'_, ExchangeEvent> {
        self.events.drain(..)
    }

    /// Cash of all of a member's accounts, what their orders lock included.
    #[must_use]
    pub fn cash(&self, user: UserId) -> Money {
        self.member(user).cash()
    }

    /// Cash of all of a member's accounts that no order locks.
    #[must_use]
    pub fn available(&self, user: UserId) -> Money {
        self.member(user).available()
    }

    /// The primary account's position in a market; flat in unknown markets.
    #[must_use]
    pub fn position(&self, user: UserId, ticker: &Ticker) -> Position {
        let market = self.find_market(ticker);
        market.map_or(Position::FLAT, |market| self.account(user).holdings[market].position)
    }

    /// What an account's position in a market has cost, without fees.
    #[must_use]
    pub fn position_cost(&self, user: UserId, ticker: &Ticker) -> Money {
        let market = self.find_market(ticker);
        market.map_or(Money::ZERO, |market| self.account(user).holdings[market].cost)
    }

    /// An account's resting orders, oldest first.
    #[must_use]
    pub fn open_orders(&self, user: UserId) -> Vec<Order> {
        self.orders_of(user).filter(|order| order.status == OrderStatus::Resting).collect()
    }

    /// An account's fills, oldest first.
    #[must_use]
    pub fn fills(&self, user: UserId) -> Vec<FillRecord> {
        self.fills_of(user).copied().collect()
    }

    /// An account's fills, oldest first.
    pub(crate) fn fills_of(
        &self,
        user: UserId,
    ) -> impl DoubleEndedIterator<Item = &FillRecord> + use<'_> {
        self.fills.of(self.member(user))
    }

    /// Constant over the exchange's life: all cash, all fees, and a dollar for every open pair.
    #[must_use]
    pub fn total_cash_and_collateral(&self) -> Money {
        let cash: i64 = self.members.iter().map(|member| member.cash().e8()).sum();
        let dollar_per_centi = Money::E8_PER_DOLLAR / 100;
        let pairs: i64 = self
            .markets
            .iter()
            .map(|market| market.open_interest_centis.cast_signed() * dollar_per_centi)
            .sum();
        Money::from_e8(cash + pairs) + self.fees
    }

    /// All readable orders of an account, oldest first.
    pub(crate) fn orders_of(
        &self,
        user: UserId,
    ) -> impl DoubleEndedIterator<Item = Order> + use<'_> {
        self.member(user).order_ids().filter_map(|id| self.orders.find(id).copied())
    }

    /// One of an account's readable orders.
    pub(crate) fn order(&self, user: UserId, id: u128) -> Option<&Order> {
        self.orders.find(id).filter(|order| order.user == user)
    }

    /// Contracts ahead of a resting order at prices as good or better, in hundredths.
    pub(crate) fn queue_position(&self, order: &Order) -> u64 {
        let ahead = self.markets[order.market].book.queue_ahead(order.side, order.priority());
        ahead.map(|ix| u64::from(self.orders.get(ix).remaining.centis())).sum()
    }

    pub(crate) fn member(&self, user: UserId) -> &Member {
        &self.members[user.0 as usize]
    }

    /// A member's primary account.
    pub(crate) fn account(&self, user: UserId) -> &Account {
        &self.member(user).accounts[0]
    }

    /// The account that pays for an order.
    fn account_of(&self, order: &Order) -> &Account {
        &self.members[order.user.0 as usize].accounts[usize::from(order.subaccount)]
    }

    fn account_of_mut(&mut self, order: &Order) -> &mut Account {
        account_mut(&mut self.members, order)
    }

    /// What the background rests on a side, best first: order id, price, quantity.
    pub(crate) fn background_at(
        &self,
        market: usize,
        side: BookSide,
    ) -> impl Iterator<Item = (u128, Price, Contracts)> {
        let orders = self.markets[market].book.queue(side).map(|ix| self.orders.get(ix));
        let background = orders.filter(|order| order.user == self.background);
        background.map(|order| (order.id, order.price, order.remaining))
    }
}

/// The account that pays for an order.
fn account_mut<'a>(members: &'a mut [Member], order: &Order) -> &'a mut Account {
    &mut members[order.user.0 as usize].accounts[usize::from(order.subaccount)]
}
