//! The simulated exchange behind its REST and WebSocket interfaces, without any transport.
//!
//! In: requests, session texts and times from a transport (the [`Venue`] trait). Out: JSON
//! answers and frames to send. Everything that happens to an account on any path is published to
//! every session of that account. Never sees a socket, a signature or a clock.

mod archive;
mod body;
mod candles;
mod charts;
mod events;
mod failure;
mod floor;
mod groups;
mod holdings;
mod limits;
mod markets;
mod past;
mod portfolio;
mod query;
mod queue;
mod route;
mod tape;
#[cfg(test)]
mod tests;
mod tier;
mod wallets;
mod writes;

pub use crate::sim::participants::QuoteMode;
pub use tier::{Bucket, Tier};

pub(crate) use events::{multiplier, series_of};
pub(crate) use markets::levels;
pub(crate) use portfolio::{event_of, outcome};

use std::collections::HashMap;

use serde_json::{Value, json};

use candles::Candles;
use failure::ApiError;
use limits::Buckets;
use past::Past;
use tape::Tape;
use wallets::Ledger;
use writes::json_response;

use crate::ids::Ticker;
use crate::sim::exchange::{
    BookSeed, BooksError, Exchange, ExchangeEvent, ExchangeState, FillRecord, LifecycleChange,
    LifecycleError, MarketStatus, Order, Reject, Rules, UserSeed, Wallet, default_markets,
};
use crate::sim::participants::Participants;
use crate::sim::stream::Stream;
use crate::sim::venue::{ApiRequest, ApiResponse, SessionId, UserId, Venue, VenueAction};
use crate::units::{Money, Nanos, Position, WallTime};

/// What the exchange answers when its engine refuses a request.
pub(crate) fn refusal(why: Reject) -> ApiResponse {
    ApiError::from(why).response()
}

/// What a simulated exchange starts with.
#[derive(Clone, Debug)]
pub struct SimVenueConfig {
    /// Markets and opening books.
    pub books: Vec<BookSeed>,
    /// Accounts; the n-th one is `UserId(n)`.
    pub users: Vec<UserSeed>,
    /// Source of ids and quotes.
    pub seed: u64,
    /// What the background does.
    pub quotes: QuoteMode,
    /// What accounts are told about their token buckets.
    pub tier: Tier,
    /// When it opens.
    pub opens: WallTime,
}

impl SimVenueConfig {
    /// The embedded markets with moving quotes, for these accounts.
    #[must_use]
    pub fn world_cup(users: Vec<UserSeed>, seed: u64, opens: WallTime) -> Self {
        let (quotes, tier) = (QuoteMode::Moving, Tier::Basic);
        Self { books: default_markets(), users, seed, quotes, tier, opens }
    }
}

/// A simulated exchange.
#[derive(Debug)]
pub struct SimVenue {
    exchange: Exchange,
    participants: Participants,
    stream: Stream,
    tape: Tape,
    candles: Candles,
    ledger: Ledger,
    past: Past,
    /// Ids and names of the keys that accounts have.
    keys: Vec<(UserId, String, &'static str)>,
    /// How far reads are behind while nothing else is said.
    read_lag: Nanos,
    tier: Tier,
    /// Accounts that were lifted to another tier.
    upgraded: HashMap<UserId, Tier>,
    /// What is left to spend, where that is enforced.
    buckets: Option<Buckets>,
    shards: Vec<u8>,
    opened: WallTime,
}

impl SimVenue {
    /// Opens the exchange.
    ///
    /// # Errors
    /// When a market is there twice.
    pub fn new(config: &SimVenueConfig) -> Result<Self, BooksError> {
        let exchange = Exchange::new(config.opens, &config.books, &config.users, config.seed)?;
        let mode = &config.quotes;
        let participants =
            Participants::new(mode, &exchange, &config.books, config.seed, config.opens);
        let stream = Stream::new(&exchange);
        let candles = Candles::new(&exchange, config.opens);
        let mut venue = Self {
            exchange,
            participants,
            stream,
            tape: Tape::default(),
            candles,
            ledger: Ledger::default(),
            past: Past::default(),
            keys: Vec::new(),
            read_lag: Nanos::ZERO,
            tier: config.tier,
            upgraded: HashMap::new(),
            buckets: None,
            shards: Vec::new(),
            opened: config.opens,
        };
        venue.shards = venue.board().shards();
        Ok(venue)
    }

    /// Makes requests pay from their account's token buckets, which are told about either way.
    #[must_use]
    pub fn with_limits(self) -> Self {
        Self { buckets: Some(Buckets::default()), ..self }
    }

    /// Makes reads of accounts show what was the case `lag` ago.
    #[must_use]
    pub fn with_read_lag(mut self, lag: Nanos) -> Self {
        self.read_lag = lag;
        self.set_read_lag(self.opened, lag);
        self
    }

    /// Lets an account read of one of its keys. Who may sign is decided before a venue is asked.
    #[must_use]
    pub fn with_key(mut self, user: UserId, id: &str, name: &'static str) -> Self {
        self.keys.push((user, id.to_owned(), name));
        self
    }

    /// `GET /api_keys`.
    fn keys_of(&self, user: UserId) -> ApiResponse {
        let own = self.keys.iter().filter(|(owner, ..)| *owner == user);
        let keys: Vec<Value> = own
            .map(|(_, id, name)| {
                json!({ "api_key_id": id, "name": name, "scopes": ["read", "write"] })
            })
            .collect();
        json_response(200, &json!({ "api_keys": keys }))
    }

    /// The same from `now` on.
    fn set_read_lag(&mut self, now: WallTime, lag: Nanos) {
        self.past = Past::begin(&self.exchange, now, lag);
    }

    /// The account at a place of the configuration's list.
    #[must_use]
    pub fn user(&self, place: usize) -> Option<UserId> {
        let user = UserId(u32::try_from(place).ok()?);
        self.exchange.is_member(user).then_some(user)
    }

    /// The usage tier that accounts begin with.
    #[must_use]
    pub const fn tier(&self) -> Tier {
        self.tier
    }

    fn tier_of(&self, user: UserId) -> Tier {
        self.upgraded.get(&user).copied().unwrap_or(self.tier)
    }

    /// `GET /account/limits`.
    fn limits_of(&self, user: UserId) -> ApiResponse {
        self.tier_of(user).limits(self.upgraded.contains_key(&user).into())
    }

    /// `POST /account/api_usage_level/upgrade`: who has placed an order becomes advanced.
    fn upgrade(&mut self, user: UserId) -> Result<ApiResponse, ApiError> {
        if self.exchange.orders_of(user).next().is_none() {
            let details = "at least one of the last 100 orders must have been created by API";
            return Err(ApiError::detailed(403, "forbidden", details));
        }
        if self.tier_of(user) == Tier::Basic {
            self.upgraded.insert(user, Tier::Advanced);
        }
        Ok(ApiResponse { status: 201, body: String::new() })
    }

    fn charge(
        &mut self,
        now: WallTime,
        user: Option<UserId>,
        request: &ApiRequest<'_>,
    ) -> Result<(), ApiError> {
        let Some(user) = user else { return Ok(()) };
        let account = (user, self.tier_of(user));
        let Some(buckets) = &mut self.buckets else { return Ok(()) };
        buckets.charge(now, account, request, &self.shards)
    }

    /// The engine room, for looking.
    #[must_use]
    pub const fn exchange(&self) -> &Exchange {
        &self.exchange
    }

    /// Moves a member's money from the default shard to another, where orders are paid from what
    /// lies there alone.
    ///
    /// # Errors
    /// As [`Exchange::transfer`].
    pub fn fund_shard(
        &mut self,
        user: UserId,
        exchange_index: u8,
        amount: Money,
    ) -> Result<(), Reject> {
        let wallet = |exchange_index| Wallet { subaccount: 0, exchange_index };
        self.exchange.transfer(user, wallet(0), wallet(exchange_index), amount)
    }

    /// Cash of an account, what its orders lock included.
    #[must_use]
    pub fn cash(&self, user: UserId) -> Money {
        self.exchange.cash(user)
    }

    /// An account's position in a market.
    #[must_use]
    pub fn position(&self, user: UserId, ticker: &Ticker) -> Position {
        self.exchange.position(user, ticker)
    }

    /// What an account's position in a market has cost, without fees.
    #[must_use]
    pub fn position_cost(&self, user: UserId, ticker: &Ticker) -> Money {
        self.exchange.position_cost(user, ticker)
    }

    /// An account's resting orders, oldest first.
    #[must_use]
    pub fn open_orders(&self, user: UserId) -> Vec<Order> {
        self.exchange.open_orders(user)
    }

    /// An account's fills, oldest first.
    #[must_use]
    pub fn fills(&self, user: UserId) -> Vec<FillRecord> {
        self.exchange.fills(user)
    }

    /// Constant over the exchange's life; see [`Exchange::total_cash_and_collateral`].
    #[must_use]
    pub fn total_cash_and_collateral(&self) -> Money {
        self.exchange.total_cash_and_collateral()
    }

    /// Pauses or reopens the exchange.
    pub fn set_state(&mut self, now: WallTime, state: ExchangeState) {
        self.exchange.set_state(now, state);
        self.publish(now);
    }

    /// Pauses or reopens a market; does nothing when there is no such market.
    pub fn set_market_status(&mut self, now: WallTime, ticker: &Ticker, status: MarketStatus) {
        if let Some(market) = self.exchange.find_market(ticker) {
            self.exchange.set_market_status(now, market, status);
            self.publish(now);
        }
    }

    /// The market of a name, or all of them.
    fn named(&self, market: Option<Ticker>) -> Vec<usize> {
        let markets = self.exchange.markets().iter().enumerate();
        let named = markets.filter(|(_, it)| market.is_none_or(|ticker| it.ticker == ticker));
        named.map(|(index, _)| index).collect()
    }

    fn publish(&mut self, now: WallTime) {
        self.publish_for(now, None);
    }

    /// Tells what happened, `writer`'s request included.
    fn publish_for(&mut self, now: WallTime, writer: Option<UserId>) {
        let events = self.exchange.take_events();
        self.tape.record(&events);
        self.candles.record(&self.exchange, now, &events);
        self.past.record(&self.exchange, now, &events, writer);
        let listed = |event: &ExchangeEvent| {
            matches!(event, ExchangeEvent::Lifecycle { change: LifecycleChange::Created, .. })
        };
        if events.iter().any(listed) {
            self.shards = self.board().shards();
        }
        self.stream.publish(now, &self.exchange, &events);
    }
}

impl Venue for SimVenue {
    fn handle(
        &mut self,
        now: WallTime,
        caller: Option<UserId>,
        request: &ApiRequest<'_>,
    ) -> ApiResponse {
        self.advance(now);
        let member = caller.filter(|user| self.exchange.is_member(*user));
        let paid = self.charge(now, member, request);
        self.past.tick(now);
        let answer = paid.and_then(|()| self.route(now, member, request));
        self.publish_for(now, member.filter(|_| request.method != "GET"));
        answer.unwrap_or_else(|error| error.response())
    }

    fn open_session(&mut self, now: WallTime, user: UserId) -> SessionId {
        self.advance(now);
        self.stream.open(user)
    }

    fn session_text(&mut self, now: WallTime, session: SessionId, text: &str) {
        self.advance(now);
        self.stream.command(now, &self.exchange, session, text);
    }

    fn close_session(&mut self, session: SessionId) {
        self.stream.close(session);
    }

    fn poll_outgoing(&mut self) -> Option<(SessionId, String)> {
        self.stream.poll()
    }

    fn advance(&mut self, now: WallTime) {
        // Every quote lets the orders expire that end before it; then those until now.
        self.participants.advance(&mut self.exchange, now);
        self.exchange.advance(now);
        self.publish(now);
    }

    fn end_subscription(&mut self, now: WallTime, session: SessionId, sid: u64, code: u32) {
        self.stream.end(now, session, sid, code);
    }

    fn act(&mut self, now: WallTime, action: &VenueAction) {
        self.advance(now);
        match *action {
            VenueAction::State(state) => self.exchange.set_state(now, state),
            VenueAction::Market { market, command } => {
                for index in self.named(market) {
                    // What does not fit a market changes nothing in it.
                    let _: Result<(), LifecycleError> = self.exchange.command(now, index, command);
                }
            }
            VenueAction::CancelAllTail(cancel_all_tail_per_mille) => {
                let rules = Rules { cancel_all_tail_per_mille, ..self.exchange.rules() };
                self.exchange.set_rules(rules);
            }
            VenueAction::ReadLag(lag) => self.set_read_lag(now, lag.unwrap_or(self.read_lag)),
            VenueAction::ListMarket(ticker) => {
                // One that is there already stays as it is.
                self.exchange.list_market(now, ticker);
            }
            VenueAction::EventFees { market, fees } => {
                if let Some(market) = self.exchange.find_market(&market) {
                    self.exchange.override_fees(now, market, fees);
                }
            }
            VenueAction::Retitle { market, yes_sub_title } => {
                if let Some(market) = self.exchange.find_market(&market) {
                    self.exchange.retitle(now, market, yes_sub_title);
                }
            }
            VenueAction::VoidFill { market } => {
                for index in self.named(market) {
                    self.exchange.void_fill(now, index);
                }
            }
            VenueAction::WaiveFees { market, until } => {
                for index in self.named(market) {
                    self.exchange.waive_fees(now, index, until);
                }
            }
        }
        self.publish(now);
    }

    fn deadline(&self) -> Option<WallTime> {
        let others = self.participants.deadline();
        [self.exchange.next_deadline(), others].into_iter().flatten().min()
    }
}
