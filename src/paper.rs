//! Paper trading (stages 3 and 4 in one): the gateway's and the feed's rings, no exchange behind.
//!
//! The fill model is the plan's: 85 % of orders fill, 15 % of those only in part (30–80 %), after
//! 10–50 ms; 10 % fill up to 2c worse and 5 % 1c better than the ask they were aimed at, but
//! never through their limit. Fees are the exchange's. A partial ends: what is left of it is
//! gone. Everything random comes from one seed, drawn in the order in which orders come: without
//! retries, whose turn depends on time, the same signals with the same seed fill the same.

#[cfg(feature = "sim")]
pub mod book;
#[cfg(feature = "sim")]
pub mod comparison;
#[cfg(feature = "sim")]
mod on_book;

#[cfg(feature = "sim")]
pub use on_book::BookPaper;

use crate::ids::{OrderId, OrderKey, Ticker, TradeId};
use crate::kalshi::fees::{Charge, FeeAccumulator, Liquidity};
use crate::kalshi::market::FeeSchedule;
use crate::message::{
    Accepted, BookSide, CancelFailure, CancelOrder, Command, ExchangeStatus, FeedEvent,
    FetchCommand, FetchEvent, Fill, GatewayEvent, NewOrder, OrderReport, Origin, SendStamps,
    TimeInForce, Unsent,
};
use crate::risk::KillSwitch;
use crate::runtime::clock::Clock;
use crate::runtime::random::Random;
use crate::runtime::ring::{Consumer, Producer};
use crate::runtime::stage::{Stage, Work};
use crate::units::{Contracts, Nanos, Now, Price, PriceDelta, Timestamp};

/// The plan's `PaperConfig`. Chances are in thousandths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PaperConfig {
    /// Chance that an order fills at all.
    pub fill_per_mille: u32,
    /// Chance that a filling order fills only in part.
    pub partial_per_mille: u32,
    /// Smallest part, in thousandths of the order.
    pub partial_min_per_mille: u32,
    /// Largest part, in thousandths of the order.
    pub partial_max_per_mille: u32,
    /// Shortest time to the answer.
    pub latency_min: Nanos,
    /// Longest time to the answer.
    pub latency_max: Nanos,
    /// Chance of a worse price.
    pub slippage_per_mille: u32,
    /// Worst slippage in cents.
    pub slippage_max_cents: u32,
    /// Chance of a price one cent better, when there was no slippage.
    pub improvement_per_mille: u32,
    /// Seed of everything random.
    pub seed: u64,
}

impl Default for PaperConfig {
    fn default() -> Self {
        Self {
            fill_per_mille: 850,
            partial_per_mille: 150,
            partial_min_per_mille: 300,
            partial_max_per_mille: 800,
            latency_min: Nanos::from_ms(10),
            latency_max: Nanos::from_ms(50),
            slippage_per_mille: 100,
            slippage_max_cents: 2,
            improvement_per_mille: 50,
            seed: 1,
        }
    }
}

/// The rings of paper trading.
#[derive(Debug)]
pub struct PaperRings {
    /// From the oms.
    pub commands: Consumer<Command>,
    /// To the oms, as the gateway.
    pub events: Producer<GatewayEvent>,
    /// To the oms, as the feed.
    pub feed: Producer<FeedEvent>,
    /// From the oms: questions about orders and fills.
    pub asks: Consumer<FetchCommand>,
    /// To the oms: nothing is ever missed on paper.
    pub fetch: Producer<FetchEvent>,
}

#[derive(Clone, Copy, Debug)]
struct Waiting {
    due: Timestamp,
    order: NewOrder,
    order_id: OrderId,
    /// What will fill, and at which price. Drawn when the order comes: orders come in the same
    /// order with the same seed, while answers overtake each other.
    filled: Contracts,
    price: Price,
}

/// See the module's page.
#[derive(Debug)]
pub struct Paper<C> {
    config: PaperConfig,
    clock: C,
    random: Random,
    rings: PaperRings,
    waiting: Vec<Waiting>,
    greeted: Greeting,
    kill_switch: KillSwitch,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Greeting {
    Due,
    Said,
}

impl<C: Clock> Paper<C> {
    /// Orders waiting for their answer at once; more are refused like a pool without connections.
    const WAITING_MAX: usize = 2_048;

    /// Joins the model with its rings.
    #[must_use]
    pub fn new(config: PaperConfig, clock: C, rings: PaperRings) -> Self {
        Self {
            random: Random::new(config.seed),
            config,
            clock,
            rings,
            waiting: Vec::with_capacity(Self::WAITING_MAX),
            greeted: Greeting::Due,
            kill_switch: KillSwitch::default(),
        }
    }

    /// Takes no order that `kill_switch` refuses.
    #[must_use]
    pub fn with_kill_switch(mut self, kill_switch: KillSwitch) -> Self {
        self.kill_switch = kill_switch;
        self
    }

    fn take(&mut self, now: Now, command: &Command) {
        match command {
            Command::Submit(approved) => self.submit(now, *approved.get()),
            // No answer is ever lost on paper.
            Command::Resend(order) => {
                let (key, why) = (order.get().key, Unsent::NoConnection);
                self.tell(GatewayEvent::NotResent { key, why });
            }
            Command::Cancel(cancel) => self.cancel(cancel),
            Command::CancelAll => self.cancel_all(),
            // Nothing rests on paper: an order is over with its answer.
            Command::Amend(amend) => self.tell(unchanged(amend.get().key)),
            Command::Decrease(decrease) => self.tell(unchanged(decrease.key)),
            // Its orders name their market by its place.
            Command::List(_) => {}
        }
    }

    fn submit(&mut self, now: Now, order: NewOrder) {
        let key = order.key;
        if let Some(why) = self.kill_switch.refuses(order.approved, order.market) {
            return self.tell(GatewayEvent::NotSent { key, why });
        }
        if self.waiting.len() >= Self::WAITING_MAX {
            return self.tell(GatewayEvent::NotSent { key, why: Unsent::NoConnection });
        }
        let stamps =
            SendStamps { taken: now.mono, encoded: now.mono, sealed: now.mono, sent: now.mono };
        self.tell(GatewayEvent::Sent { key, stamps });
        let order_id = OrderId::lossy(&format!("paper-{}", order.client_order_id.seq()));
        let latency =
            self.random.between(self.config.latency_min.ns(), self.config.latency_max.ns());
        let due = now.mono + Nanos::from_ns(latency);
        let filled = self.draw_quantity(&order);
        let price = self.draw_price(&order);
        self.waiting.push(Waiting { due, order, order_id, filled, price });
    }

    fn answer_due(&mut self, now: Now) -> Work {
        // Bounded by the orders waiting; each answer is three messages, and the rings have room
        // for all of them or the order keeps waiting.
        let mut work = Work::Idle;
        let mut index = 0;
        while let Some(waiting) = self.waiting.get(index).copied() {
            if waiting.due > now.mono || self.rings.feed.slots() < 2 || self.rings.events.is_full()
            {
                index += 1;
                continue;
            }
            self.waiting.swap_remove(index);
            self.answer(now, &waiting);
            work = Work::Done;
        }
        work
    }

    fn answer(&mut self, now: Now, waiting: &Waiting) {
        let Waiting { order, filled, .. } = waiting;
        let filled = *filled;
        let accepted = Accepted {
            order_id: waiting.order_id,
            filled,
            remaining: order.quantity.saturating_sub(filled),
            exchange_time: now.wall,
        };
        self.tell(GatewayEvent::Accepted { key: order.key, accepted });
        if !filled.is_zero() {
            let fill = fill(now, waiting);
            self.report(FeedEvent::Fill(fill));
        }
        if order.time_in_force == TimeInForce::GoodTillCanceled && filled < order.quantity {
            let report = ended(now, waiting, filled);
            self.report(FeedEvent::Order(report));
        }
    }

    fn draw_quantity(&mut self, order: &NewOrder) -> Contracts {
        let config = self.config;
        // A limit short of the market's best price meets nobody.
        let reaches = match order.side {
            BookSide::Bid => order.price >= order.reference,
            BookSide::Ask => order.price <= order.reference,
        };
        if !self.random.chance(config.fill_per_mille) || !(reaches || order.post_only) {
            return Contracts::ZERO;
        }
        if order.time_in_force == TimeInForce::FillOrKill
            || !self.random.chance(config.partial_per_mille)
        {
            return order.quantity;
        }
        let low = u64::from(config.partial_min_per_mille);
        let high = u64::from(config.partial_max_per_mille);
        let share = self.random.between(low, high);
        let centis = u64::from(order.quantity.centis()) * share / 1_000;
        // Whole contracts where the order has them, and never nothing: that would be no fill.
        let whole = centis / 100 * 100;
        let centis = if whole > 0 { whole } else { centis.max(1) };
        Contracts::from_centis(u32::try_from(centis).unwrap_or(u32::MAX)).min(order.quantity)
    }

    /// The plan's price: the ask it aimed at, now and then worse, now and then better, and never
    /// through the limit.
    fn draw_price(&mut self, order: &NewOrder) -> Price {
        if order.post_only {
            // It is met where it rests.
            return order.price;
        }
        let config = self.config;
        let towards = |cents: i64| match order.side {
            BookSide::Bid => PriceDelta::from_micros(cents * i64::from(Price::MICROS_PER_CENT)),
            BookSide::Ask => PriceDelta::from_micros(-cents * i64::from(Price::MICROS_PER_CENT)),
        };
        let aimed = order.reference;
        let moved = if self.random.chance(config.slippage_per_mille) {
            let cents = self.random.between(1, u64::from(config.slippage_max_cents.max(1)));
            aimed.offset(towards(i64::try_from(cents).unwrap_or(1)))
        } else if self.random.chance(config.improvement_per_mille) {
            aimed.offset(towards(-1))
        } else {
            Some(aimed)
        };
        let price = moved.unwrap_or(order.price);
        match order.side {
            BookSide::Bid => price.min(order.price),
            BookSide::Ask => price.max(order.price),
        }
    }

    fn cancel(&mut self, cancel: &CancelOrder) {
        let key: OrderKey = cancel.key;
        let place = self.waiting.iter().position(|waiting| waiting.order.key == key);
        self.tell(GatewayEvent::CancelSent { key });
        match place.map(|index| self.waiting.swap_remove(index)) {
            Some(waiting) => {
                self.tell(GatewayEvent::CancelAccepted { key, reduced_by: waiting.order.quantity })
            }
            None => self.tell(GatewayEvent::CancelNotFound { key }),
        }
    }

    /// Orders on paper end by themselves within milliseconds; what waits is ended at once.
    fn cancel_all(&mut self) {
        while let Some(waiting) = self.waiting.pop() {
            let reduced_by = waiting.order.quantity;
            self.tell(GatewayEvent::CancelAccepted { key: waiting.order.key, reduced_by });
        }
        self.tell(GatewayEvent::CancelAllDone { ok: true });
    }

    /// Every order was answered and every fill reported: there is nothing to make up for.
    fn answer_asks(&mut self) -> Work {
        if self.rings.fetch.is_full() {
            return Work::Idle;
        }
        let answer = match self.rings.asks.pop() {
            Ok(FetchCommand::Backfill { .. }) => FetchEvent::BackfillDone,
            Ok(FetchCommand::Order { key, .. }) => FetchEvent::OrderAbsent { key },
            // Nothing is known of the market but what signals say, and none is ever over.
            Ok(FetchCommand::Quote { ticker }) => FetchEvent::QuoteFailed { ticker },
            Ok(FetchCommand::Market { .. }) => FetchEvent::MarketRead,
            Ok(FetchCommand::Settlements { .. }) => FetchEvent::SettlementsDone,
            // There is no other side to compare with.
            Ok(FetchCommand::Account { .. }) => FetchEvent::AccountFailed,
            Err(_empty) => return Work::Idle,
        };
        let kept = self.rings.fetch.push(answer);
        debug_assert!(kept.is_ok(), "Invariant: the ring had room");
        Work::Done
    }

    /// The oms takes events faster than orders can be made, so the ring has room.
    fn tell(&mut self, event: GatewayEvent) {
        let kept = self.rings.events.push(event);
        assert!(kept.is_ok(), "gateway events are never dropped");
    }

    fn report(&mut self, event: FeedEvent) {
        let kept = self.rings.feed.push(event);
        assert!(kept.is_ok(), "feed events are never dropped");
    }
}

const fn unchanged(key: OrderKey) -> GatewayEvent {
    GatewayEvent::ChangeFailed { key, why: CancelFailure::Unsent(Unsent::NoConnection) }
}

fn fill(now: Now, waiting: &Waiting) -> Fill {
    let &Waiting { ref order, filled: quantity, price, .. } = waiting;
    let revenue = -(order.side.own_price(price) * quantity);
    let liquidity = if order.post_only { Liquidity::Maker } else { Liquidity::Taker };
    let charge = Charge { liquidity, yes_price: price, quantity, revenue };
    let fee = FeeAccumulator::default().charge(&FeeSchedule::QUADRATIC, &charge);
    Fill {
        trade_id: TradeId::lossy(&format!("paper-trade-{}", order.client_order_id.seq())),
        order_id: waiting.order_id,
        client_order_id: Some(order.client_order_id),
        ticker: Ticker::EMPTY,
        side: order.side,
        price,
        quantity,
        fee,
        is_taker: !order.post_only,
        exchange_time: now.wall,
        received: now.mono,
        decoded: now.mono,
        origin: Origin::Stream,
    }
}

fn ended(now: Now, waiting: &Waiting, filled: Contracts) -> OrderReport {
    let order = &waiting.order;
    OrderReport {
        order_id: waiting.order_id,
        client_order_id: Some(order.client_order_id),
        ticker: Ticker::EMPTY,
        side: order.side,
        price: order.price,
        status: ExchangeStatus::Canceled,
        filled,
        remaining: Contracts::ZERO,
        expired: true,
        received: now.mono,
        origin: Origin::Stream,
    }
}

impl<C: Clock> Stage for Paper<C> {
    const NAME: &'static str = "paper";

    fn poll(&mut self) -> Work {
        if self.greeted == Greeting::Due {
            self.greeted = Greeting::Said;
            self.tell(GatewayEvent::Connections { ready: 1 });
            self.report(FeedEvent::Up);
        }
        let now = self.clock.now();
        let work = self.answer_due(now).or(self.answer_asks());
        // Every command leads to at most two events; cancel-all to one per waiting order.
        if self.rings.events.slots() < self.waiting.len() + 2 {
            return work;
        }
        match self.rings.commands.pop() {
            Ok(command) => {
                self.take(now, &command);
                Work::Done
            }
            Err(_empty) => work,
        }
    }
}

#[cfg(test)]
mod tests;
