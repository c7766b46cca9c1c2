//! Fills against a book: orders join the queues of a replayed recording, and trade as it would
//! have met them.
//!
//! In: orders and cancels, each after its latency, and the time. Out: what a gateway and a feed
//! would say. The exchange's own rules decide: queue position, fees, collateral, price grid; no
//! order trades more than was visible at its price, and none changes what was recorded. Same
//! recording, orders, times and seed, same fills. A simulator: it allocates, and its latency is
//! not the engine's.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use crossbeam::channel::{Receiver, TryRecvError};

use crate::ids::{MarketIx, OrderId, OrderKey, Ticker, TradeId};
use crate::kalshi::errors;
use crate::kalshi::fees::{FeeType, Liquidity};
use crate::kalshi::market::MarketTable;
use crate::message::{
    Accepted, AmendOrder, BestQuote, BookSide, CancelFailure, CancelOrder, DecreaseOrder,
    ExchangeStatus, FeedEvent, Fill, GatewayEvent, NewOrder, OrderReport, Origin, SendStamps,
};
use crate::runtime::random::Random;
use crate::sim::exchange::{
    Amendment, BookSeed, BooksError, ClientText, Decrease, Exchange, ExchangeEvent, Expiry,
    FillRecord, NewOrder as Placed, Order, OrderStatus, OrderTerms, Receipt, Reject,
    SelfTradePrevention, UpdateReason, UserSeed,
};
use crate::sim::replay::{NewLine, Recording, Replay};
use crate::sim::venue::UserId;
use crate::units::{Money, Nanos, Now, Timestamp, WallTime};

/// Events played in one step.
const FOLLOW_MAX: usize = 256;

/// The only account.
const TRADER: UserId = UserId(0);

/// What a book is made of.
#[derive(Clone, Debug)]
pub struct BookConfig {
    /// What was recorded.
    pub recording: Arc<Recording>,
    /// How many times faster than it was.
    pub speed: u32,
    /// What comes after it, while it is still being written.
    pub follow: Option<Following>,
    /// Cash to begin with.
    pub cash: Money,
    /// Shortest time from an order's sending to the exchange.
    pub latency_min: Nanos,
    /// Longest.
    pub latency_max: Nanos,
    /// Seed of the latencies.
    pub seed: u64,
}

/// A recording that is still being written.
#[derive(Clone, Debug)]
pub struct Following {
    /// Its lines as they come.
    pub lines: Receiver<NewLine>,
    /// Longest time without one: then nobody knows the books any more.
    pub silence_max: Nanos,
}

/// Whether the recorder of a followed book is heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Recorder {
    /// Last at this time.
    Heard(Timestamp),
    /// Not for too long.
    Silent,
}

/// Something to tell the oms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// As the gateway.
    Gateway(GatewayEvent),
    /// As the feed.
    Feed(FeedEvent),
}

/// On its way to the exchange.
#[derive(Clone, Copy, Debug)]
enum Request {
    Submit(NewOrder),
    Cancel(CancelOrder),
    CancelAll,
    Change(Change),
}

/// What is to become of an order that rests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Another price.
    Amend(AmendOrder),
    /// Fewer contracts.
    Decrease(DecreaseOrder),
}

impl Change {
    /// The order's place in the oms.
    #[must_use]
    pub const fn key(&self) -> OrderKey {
        match self {
            Self::Amend(amend) => amend.key,
            Self::Decrease(decrease) => decrease.key,
        }
    }

    /// The market whose stop holds it back.
    #[must_use]
    pub const fn market(&self) -> MarketIx {
        match self {
            Self::Amend(amend) => amend.market,
            Self::Decrease(decrease) => decrease.market,
        }
    }

    /// When it was decided.
    #[must_use]
    pub const fn since(&self) -> Timestamp {
        match self {
            Self::Amend(amend) => amend.approved,
            Self::Decrease(decrease) => decrease.decided,
        }
    }
}

/// A recorded exchange with one trader.
#[derive(Debug)]
pub struct BookFills {
    exchange: Exchange,
    replay: Replay,
    config: BookConfig,
    random: Random,
    /// By arrival at the exchange, then by sending.
    under_way: BTreeMap<(WallTime, u64), Request>,
    sent: u64,
    /// Accepted orders by the exchange's id.
    orders: HashMap<u128, NewOrder>,
    by_key: HashMap<OrderKey, u128>,
    told: VecDeque<Told>,
    /// Unknown before the first look.
    recorder: Option<Recorder>,
}

impl BookFills {
    /// A recording that starts at `opens`.
    ///
    /// # Errors
    /// [`BooksError`], which a recording that was read does not cause.
    pub fn new(config: BookConfig, opens: WallTime) -> Result<Self, BooksError> {
        let trader = UserSeed { user_id: "paper".to_owned(), cash: config.cash };
        let seeds = config.recording.seeds();
        let exchange = Exchange::new(opens, &seeds, &[trader], config.seed)?;
        let recording = Arc::clone(&config.recording);
        let replay = Replay::new(recording, &exchange, opens, config.speed);
        Ok(Self {
            exchange,
            replay,
            random: Random::new(config.seed),
            config,
            under_way: BTreeMap::new(),
            sent: 0,
            orders: HashMap::new(),
            by_key: HashMap::new(),
            told: VecDeque::new(),
            recorder: None,
        })
    }

    /// The recording's markets in the order of their places.
    ///
    /// # Errors
    /// [`BooksError::TooMany`] when the table cannot hold them.
    ///
    /// # Panics
    /// Never: multiplier 1 is within every bound of the fees.
    pub fn markets(recording: &Recording) -> Result<MarketTable, BooksError> {
        let mut table = MarketTable::new();
        for BookSeed { ticker, structure, exchange_index, fee_type, .. } in recording.seeds() {
            let fees = fee_type.schedule(FeeType::MULTIPLIER_ONE_PPM);
            let fees = fees.expect("multiplier 1 is within every bound");
            let place = table.insert(ticker, structure.grid(), exchange_index, fees, true);
            place.ok_or(BooksError::TooMany)?;
        }
        Ok(table)
    }

    /// Sends an order.
    pub fn submit(&mut self, now: Now, order: NewOrder) {
        let stamps =
            SendStamps { taken: now.mono, encoded: now.mono, sealed: now.mono, sent: now.mono };
        self.tell(GatewayEvent::Sent { key: order.key, stamps });
        self.send(now, Request::Submit(order));
    }

    /// Sends a cancel.
    pub fn cancel(&mut self, now: Now, cancel: CancelOrder) {
        self.tell(GatewayEvent::CancelSent { key: cancel.key });
        self.send(now, Request::Cancel(cancel));
    }

    /// Sends a cancel of everything.
    pub fn cancel_all(&mut self, now: Now) {
        self.send(now, Request::CancelAll);
    }

    /// Sends a change of an order that rests.
    pub fn change(&mut self, now: Now, change: Change) {
        self.tell(GatewayEvent::ChangeSent { key: change.key() });
        self.send(now, Request::Change(change));
    }

    /// Requests that have not reached the exchange.
    #[must_use]
    pub fn under_way(&self) -> usize {
        self.under_way.len()
    }

    /// Lets time pass: the recording goes on, requests arrive.
    pub fn advance(&mut self, now: Now) {
        while let Some(entry) = self.under_way.first_entry().filter(|it| it.key().0 <= now.wall) {
            let (time, _) = *entry.key();
            let request = entry.remove();
            self.replay.advance(&mut self.exchange, time);
            self.listen(now.mono);
            self.arrive(now, time, request);
        }
        self.replay.advance(&mut self.exchange, now.wall);
        self.follow(now);
        self.exchange.advance(now.wall);
        self.listen(now.mono);
    }

    /// Plays what has been added to the recording, at the time at which it is learnt. When
    /// nothing can be added any more, or nothing was for too long, the books are no longer known.
    fn follow(&mut self, now: Now) {
        let Some(Following { lines, silence_max }) = &self.config.follow else { return };
        let silence_max = *silence_max;
        let mut ended = false;
        let mut heard = self.recorder.is_none();
        for _ in 0..FOLLOW_MAX {
            match lines.try_recv() {
                Ok(line) => {
                    heard = true;
                    if let NewLine::Event(event) = line {
                        self.replay.follow(&mut self.exchange, now.wall, &event);
                    }
                }
                Err(error) => {
                    ended = error == TryRecvError::Disconnected;
                    break;
                }
            }
        }
        if heard {
            self.hear(now.mono);
        }
        if ended {
            self.config.follow = None;
            self.fall_silent();
        } else if let Some(Recorder::Heard(at)) = self.recorder
            && now.mono.since(at) > silence_max
        {
            self.fall_silent();
        }
    }

    /// Notes a new line; after a silence the books are known again, since no line between is
    /// missing.
    fn hear(&mut self, mono: Timestamp) {
        if self.recorder.replace(Recorder::Heard(mono)) == Some(Recorder::Silent) {
            self.told.push_back(Told::Feed(FeedEvent::Up));
        }
    }

    fn fall_silent(&mut self) {
        if self.recorder.replace(Recorder::Silent) != Some(Recorder::Silent) {
            self.told.push_back(Told::Feed(FeedEvent::Down));
        }
    }

    /// The best prices of a market, if it was recorded.
    #[must_use]
    pub fn quote(&self, ticker: &Ticker, as_of: WallTime) -> Option<BestQuote> {
        let market = &self.exchange.markets()[self.exchange.find_market(ticker)?];
        let best = |side| market.best(side).map(|level| level.price);
        let (bid, ask) = (best(BookSide::Bid), best(BookSide::Ask));
        Some(BestQuote { ticker: *ticker, bid, ask, as_of })
    }

    /// The next thing to tell, in order.
    pub fn poll(&mut self) -> Option<Told> {
        self.told.pop_front()
    }

    fn send(&mut self, now: Now, request: Request) {
        let (least, most) = (self.config.latency_min.ns(), self.config.latency_max.ns());
        let latency = Nanos::from_ns(self.random.between(least, most));
        self.sent += 1;
        self.under_way.insert((now.wall + latency, self.sent), request);
    }

    fn arrive(&mut self, now: Now, time: WallTime, request: Request) {
        match request {
            Request::Submit(order) => self.place(now, time, &order),
            Request::Cancel(cancel) => self.take_back(time, &cancel),
            Request::CancelAll => {
                let ok = self.exchange.cancel_all(time, TRADER, None).is_ok();
                self.listen(now.mono);
                self.tell(GatewayEvent::CancelAllDone { ok });
            }
            Request::Change(change) => self.make_change(time, &change),
        }
        self.listen(now.mono);
    }

    fn place(&mut self, now: Now, time: WallTime, order: &NewOrder) {
        let key = order.key;
        match self.exchange.submit(time, TRADER, &placed(order)) {
            Ok(receipt) => {
                self.orders.insert(receipt.order.id, *order);
                self.by_key.insert(key, receipt.order.id);
                let accepted = accepted(&receipt, time);
                self.tell(GatewayEvent::Accepted { key, accepted });
                self.listen(now.mono);
            }
            Err(why) => self.tell(GatewayEvent::Rejected { key, reject: refusal(why) }),
        }
    }

    fn take_back(&mut self, time: WallTime, cancel: &CancelOrder) {
        let key = cancel.key;
        let id = self.by_key.get(&key).copied();
        let gone = id.map(|id| self.exchange.cancel(time, TRADER, id));
        self.tell(match gone {
            Some(Ok(receipt)) => {
                GatewayEvent::CancelAccepted { key, reduced_by: receipt.reduced_by }
            }
            Some(Err(Reject::NotFound)) | None => GatewayEvent::CancelNotFound { key },
            Some(Err(why)) => {
                let why = CancelFailure::Rejected(refusal(why).kind);
                GatewayEvent::CancelFailed { key, why }
            }
        });
    }

    fn make_change(&mut self, time: WallTime, change: &Change) {
        let key = change.key();
        let made =
            self.by_key.get(&key).copied().ok_or(Reject::NotFound).and_then(|id| match change {
                Change::Amend(amend) => self.exchange.amend(time, TRADER, id, &amended(amend)),
                Change::Decrease(decrease) => {
                    self.exchange.decrease(time, TRADER, id, Decrease::By(decrease.by))
                }
            });
        self.tell(match made {
            Ok(receipt) => GatewayEvent::Changed { key, remaining: Some(receipt.order.remaining) },
            Err(why) => {
                let why = CancelFailure::Rejected(refusal(why).kind);
                GatewayEvent::ChangeFailed { key, why }
            }
        });
    }

    /// Passes on what the exchange tells about the trader's orders.
    fn listen(&mut self, mono: Timestamp) {
        for event in self.exchange.drain_events() {
            let told = match event {
                ExchangeEvent::Fill { fill, .. } => {
                    let order = self.orders.get(&fill.order_id);
                    order.map(|order| FeedEvent::Fill(fill_message(&fill, order, mono)))
                }
                ExchangeEvent::Order(changed) => {
                    let order = self.orders.get(&changed.id);
                    order.map(|order| FeedEvent::Order(report(&changed, order, mono)))
                }
                _ => None,
            };
            self.told.extend(told.map(Told::Feed));
        }
    }

    fn tell(&mut self, event: GatewayEvent) {
        self.told.push_back(Told::Gateway(event));
    }
}

/// The order as the exchange takes it.
fn placed(order: &NewOrder) -> Placed {
    let seconds = |seconds: u64| WallTime::from_unix_ns(seconds.saturating_mul(1_000_000_000));
    Placed {
        market: usize::from(order.market.0),
        side: order.side,
        price: order.price,
        quantity: order.quantity,
        client_order_id: ClientText::EMPTY,
        subaccount: 0,
        group: None,
        terms: OrderTerms {
            time_in_force: order.time_in_force,
            self_trade_prevention: SelfTradePrevention::TakerAtCross,
            post_only: order.post_only,
            reduce_only: order.reduce_only,
            expires: order.expiration_secs.map(seconds),
            ..OrderTerms::RESTING
        },
    }
}

/// The order at its new place; its names and its end stay.
fn amended(amend: &AmendOrder) -> Amendment {
    Amendment {
        market: usize::from(amend.market.0),
        side: amend.side,
        price: amend.price,
        total: amend.quantity,
        client_order_id: ClientText::EMPTY,
        updated_client_order_id: ClientText::EMPTY,
        expiry: Expiry::Keep,
    }
}

fn order_id(id: u128) -> OrderId {
    OrderId::lossy(&uuid::Uuid::from_u128(id).to_string())
}

fn accepted(receipt: &Receipt, time: WallTime) -> Accepted {
    Accepted {
        order_id: order_id(receipt.order.id),
        filled: receipt.filled,
        remaining: receipt.order.remaining,
        exchange_time: time,
    }
}

/// What a gateway makes of the exchange's words for a refusal.
fn refusal(why: Reject) -> crate::message::Reject {
    let answer = crate::sim::api::refusal(why);
    errors::reject(answer.status, answer.body.as_bytes())
}

fn fill_message(fill: &FillRecord, order: &NewOrder, mono: Timestamp) -> Fill {
    Fill {
        trade_id: TradeId::lossy(&uuid::Uuid::from_u128(fill.trade_id).to_string()),
        order_id: order_id(fill.order_id),
        client_order_id: Some(order.client_order_id),
        ticker: Ticker::EMPTY,
        side: fill.side,
        price: fill.price,
        quantity: fill.quantity,
        fee: fill.fee,
        is_taker: fill.liquidity == Liquidity::Taker,
        exchange_time: fill.time,
        received: mono,
        decoded: mono,
        origin: Origin::Stream,
    }
}

fn report(changed: &Order, order: &NewOrder, mono: Timestamp) -> OrderReport {
    OrderReport {
        order_id: order_id(changed.id),
        client_order_id: Some(order.client_order_id),
        ticker: Ticker::EMPTY,
        side: changed.side,
        price: changed.price,
        status: match changed.status {
            OrderStatus::Resting => ExchangeStatus::Resting,
            OrderStatus::Canceled => ExchangeStatus::Canceled,
            OrderStatus::Executed => ExchangeStatus::Executed,
        },
        filled: changed.filled,
        remaining: changed.remaining,
        expired: changed.reason == UpdateReason::ExpiryCancel,
        received: mono,
        origin: Origin::Stream,
    }
}
