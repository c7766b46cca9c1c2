//! An exchange reduced to what limits are about: orders, fills, positions, cash. It knows the
//! truth at once and tells it when it is asked to.

use std::collections::BTreeMap;

use kalshi_exec::ids::{
    ClientOrderId, MarketIx, OrderId, Reason, RunId, SignalId, SourceId, Ticker, TradeId,
};
use kalshi_exec::kalshi::fees::{Charge, FeeAccumulator, Liquidity};
use kalshi_exec::kalshi::market::{FeeSchedule, MarketTable, TickGrid};
use kalshi_exec::message::{
    Accepted, Action, BookSide, CancelFailure, CancelOrder, ExchangeStatus, FeedEvent,
    FetchCommand, FetchEvent, Fill, GatewayEvent, Loss, NewOrder, OrderReport, Origin, Reject,
    RejectKind, SendStamps, Signal, TimeInForce, Unsent,
};
use kalshi_exec::oms::config::{Admission, FeedNeed, OmsConfig, OrderConfig};
use kalshi_exec::oms::{Input, Opening};
use kalshi_exec::risk::{BreakerConfig, Limits, MessageLimits};
use kalshi_exec::units::{
    Contracts, Money, Nanos, Now, Position, Price, PriceDelta, Timestamp, WallTime,
};

const TICKERS: [&str; 4] = ["KXNFL-A-1", "KXNFL-A-2", "KXNFL-B-1", "KXNBA-C-1"];
const CASH: Money = Money::from_cents(100_000);

/// Bounds tight enough to be met often.
pub(crate) fn config() -> OmsConfig {
    let limits = Limits {
        position_size_max: Contracts::from_whole(40),
        daily_loss_max: Money::from_cents(2_000),
        daily_trades_max: 9,
        daily_volume_max: Contracts::from_whole(130),
        position_per_event_max: Contracts::from_whole(60),
        orders_per_minute_max: 6,
        maintenance: None,
        open_orders_max: 5,
        open_orders_per_market_max: 2,
        resting_value_max: Money::from_cents(2_000),
        balance_min: Money::from_cents(95_000),
        sport_exposure_max_bp: 350,
        ..Limits::default()
    };
    let breaker = BreakerConfig {
        cooldown: Nanos::from_secs(5),
        rejects_per_minute_max: 4,
        consecutive_losses_max: 3,
        repeats_max: 2,
        latency_budget: Nanos::from_secs(600),
        ..BreakerConfig::default()
    };
    OmsConfig {
        run: RunId::new(7),
        limits,
        breaker,
        orders: OrderConfig {
            absence_wait: Nanos::from_secs(3),
            // The model writes every order once.
            resends_max: 0,
            ..OrderConfig::default()
        },
        admission: Admission::Listed,
        feed: FeedNeed::Optional,
        orders_max: 4_096,
    }
}

pub(crate) fn markets() -> MarketTable {
    let mut markets = MarketTable::new();
    for text in TICKERS {
        let ticker = Ticker::new(text.as_bytes()).expect("a plain ticker");
        let grid = TickGrid::linear_cent();
        markets.insert(ticker, grid, 0, FeeSchedule::QUADRATIC, true).expect("room");
    }
    markets
}

pub(crate) fn opening(as_of: WallTime) -> Opening {
    Opening { cash: CASH, as_of, ..Opening::default() }
}

/// A signal that nothing but the account's state stands against.
pub(crate) fn signal(
    now: Now,
    (market, action, contracts, cents): (u8, u8, u8, u8),
    resting: bool,
) -> Signal {
    // Most open a position: there is something to leave then.
    let action = match action {
        0..3 => Action::BuyYes,
        3..6 => Action::BuyNo,
        6 => Action::SellYes,
        _ => Action::SellNo,
    };
    let cents = u32::from(cents);
    Signal {
        source: SourceId(0),
        line: 1,
        id: SignalId::new(format!("s-{}", now.mono.ns()).as_bytes()).expect("a plain id"),
        ticker: Ticker::new(TICKERS[usize::from(market)].as_bytes()).expect("a plain ticker"),
        action,
        yes_ask: Price::from_cents(cents),
        no_ask: Price::from_cents(100 - cents),
        edge: PriceDelta::from_cents(20),
        confidence: 0,
        contracts: Contracts::from_whole(u32::from(contracts)),
        max_price: None,
        time_in_force: Some(if resting {
            TimeInForce::GoodTillCanceled
        } else {
            TimeInForce::ImmediateOrCancel
        }),
        style: None,
        produced_at: None,
        expires_at: None,
        cycle: None,
        received: now.mono,
        decoded: now.mono,
    }
}

/// What the gateway can still say of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wire {
    Fresh,
    Written,
    Done,
}

#[derive(Clone, Debug)]
struct Order {
    terms: NewOrder,
    order_id: OrderId,
    wire: Wire,
    landed: bool,
    refused: bool,
    filled: Contracts,
    resting: Contracts,
    fees: FeeAccumulator,
}

impl Order {
    fn reserve(&self) -> Money {
        self.terms.side.own_price(self.terms.price) * self.resting
    }
}

#[derive(Clone, Copy, Debug)]
struct Cancel {
    order: CancelOrder,
    sent: bool,
}

#[derive(Clone, Copy, Debug)]
struct Trade {
    fill: Fill,
    told: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Held {
    centis: i64,
    cost: i64,
}

/// See the module's page.
#[derive(Debug)]
pub(crate) struct Model {
    orders: Vec<Order>,
    cancels: Vec<Cancel>,
    trades: Vec<Trade>,
    held: [Held; TICKERS.len()],
    cash: Money,
    bankroll_max: Money,
    written: u64,
    day: u32,
    sent_today: u32,
    filled_today: u64,
    submits: Vec<Timestamp>,
    tokens: (u64, Timestamp),
    /// Whether fills were ever told in another order than they happened.
    reordered: bool,
}

impl Model {
    pub(crate) fn new() -> Self {
        Self {
            orders: Vec::new(),
            cancels: Vec::new(),
            trades: Vec::new(),
            held: [Held::default(); TICKERS.len()],
            cash: CASH,
            bankroll_max: CASH,
            written: 0,
            day: 0,
            sent_today: 0,
            filled_today: 0,
            submits: Vec::new(),
            tokens: (0, Timestamp::ZERO),
            reordered: false,
        }
    }

    pub(crate) fn written(&self) -> u64 {
        self.written
    }

    pub(crate) fn cash(&self) -> Money {
        self.cash
    }

    pub(crate) fn position(&self, market: MarketIx) -> Position {
        Position::from_centis(self.held[usize::from(market.0)].centis)
    }

    /// An order comes, and is judged by what is true now.
    pub(crate) fn submit(&mut self, now: Now, terms: NewOrder, config: &OmsConfig) {
        let limits = &config.limits;
        self.roll(now);
        self.sent_today += 1;
        assert!(self.sent_today <= limits.daily_trades_max, "{} orders today", self.sent_today);
        assert!(terms.quantity <= limits.position_size_max, "{terms:?}");
        let recent = |sent: &&Timestamp| now.mono.since(**sent) < Nanos::from_secs(60);
        let minute = self.submits.iter().filter(recent).count();
        assert!(minute < limits.orders_per_minute_max as usize, "{minute} in the last minute");
        if let Some(last) = self.submits.last() {
            assert!(now.mono.since(*last) >= limits.order_spacing_min, "too close");
        }
        self.submits.push(now.mono);
        let crosses = |order: &&Order| {
            let same = order.terms.market == terms.market && order.terms.side != terms.side;
            let (bid, ask) = match terms.side {
                BookSide::Bid => (terms.price, order.terms.price),
                BookSide::Ask => (order.terms.price, terms.price),
            };
            same && !order.resting.is_zero() && bid >= ask
        };
        assert!(!self.orders.iter().any(|order| crosses(&order)), "crosses its own: {terms:?}");
        let messages = &limits.messages;
        let needed = messages.order_cost + messages.cancel_reserve;
        let level = self.tokens(now.mono, messages);
        assert!(level >= u64::from(needed) * 1_000_000_000, "the cancels' tokens are used");
        self.tokens.0 = level - u64::from(messages.order_cost) * 1_000_000_000;
        let id = terms.client_order_id.to_string();
        self.orders.push(Order {
            terms,
            order_id: OrderId::lossy(&format!("x-{}", &id[20..])),
            wire: Wire::Fresh,
            landed: false,
            refused: false,
            filled: Contracts::ZERO,
            resting: Contracts::ZERO,
            fees: FeeAccumulator::EMPTY,
        });
    }

    fn tokens(&mut self, now: Timestamp, messages: &MessageLimits) -> u64 {
        let gained = now.since(self.tokens.1).ns() * u64::from(messages.refill_per_sec);
        let full = u64::from(messages.capacity) * 1_000_000_000;
        self.tokens = ((self.tokens.0 + gained).min(full), now);
        self.tokens.0
    }

    fn roll(&mut self, now: Now) {
        if now.wall.utc_day() > self.day {
            self.day = now.wall.utc_day();
            self.sent_today = 0;
            self.filled_today = 0;
        }
    }

    pub(crate) fn cancel(&mut self, now: Timestamp, order: CancelOrder, config: &OmsConfig) {
        let messages = &config.limits.messages;
        let level = self.tokens(now, messages);
        self.tokens.0 = level.saturating_sub(u64::from(messages.cancel_cost) * 1_000_000_000);
        self.cancels.push(Cancel { order, sent: false });
    }

    pub(crate) fn cancel_all(&mut self, now: Timestamp, config: &OmsConfig) {
        let messages = &config.limits.messages;
        let level = self.tokens(now, messages);
        self.tokens.0 = level.saturating_sub(u64::from(messages.cancel_cost) * 1_000_000_000);
        for order in &mut self.orders {
            order.resting = Contracts::ZERO;
        }
    }

    /// What the gateway says next of one of its orders or cancels; `None` when it has none.
    pub(crate) fn gateway(&mut self, now: Now, nth: u8, news: u8) -> Option<GatewayEvent> {
        self.roll(now);
        let open: Vec<usize> =
            (0..self.orders.len()).filter(|at| self.orders[*at].wire != Wire::Done).collect();
        let choices = open.len() + self.cancels.len();
        let choice = usize::from(nth).checked_rem(choices)?;
        match open.get(choice) {
            Some(at) => Some(self.gateway_order(now, *at, news)),
            None => Some(self.gateway_cancel(choice - open.len(), news)),
        }
    }

    fn gateway_order(&mut self, now: Now, at: usize, news: u8) -> GatewayEvent {
        let key = self.orders[at].terms.key;
        if self.orders[at].wire == Wire::Written {
            self.orders[at].wire = Wire::Done;
            return self.answer(now, at, news);
        }
        match news % 8 {
            0 => {
                self.orders[at].wire = Wire::Done;
                self.sent_today = self.sent_today.saturating_sub(1);
                GatewayEvent::NotSent { key, why: Unsent::NoConnection }
            }
            1 => {
                // Some bytes left: they make an order or they do not.
                self.orders[at].wire = Wire::Done;
                self.written += 1;
                if news >= 128 {
                    self.land(now, at, news);
                }
                GatewayEvent::Lost { key, why: Loss::Disconnected }
            }
            _ => {
                self.orders[at].wire = Wire::Written;
                self.written += 1;
                self.land(now, at, news);
                let sent = now.mono;
                let stamps = SendStamps { taken: sent, encoded: sent, sealed: sent, sent };
                GatewayEvent::Sent { key, stamps }
            }
        }
    }

    /// The order reaches the book: refused, or traded in part, the rest resting or gone.
    fn land(&mut self, now: Now, at: usize, news: u8) {
        if news.is_multiple_of(11) {
            self.orders[at].refused = true;
            return;
        }
        let order = &mut self.orders[at];
        order.landed = true;
        order.resting = order.terms.quantity;
        let part = order.terms.quantity.centis() / 16 * u32::from(news >> 4);
        self.execute(now, at, Contracts::from_centis(part));
        let order = &mut self.orders[at];
        if order.terms.time_in_force != TimeInForce::GoodTillCanceled {
            order.resting = Contracts::ZERO;
        }
    }

    fn answer(&self, now: Now, at: usize, news: u8) -> GatewayEvent {
        let order = &self.orders[at];
        let key = order.terms.key;
        if news.is_multiple_of(6) {
            return GatewayEvent::Lost { key, why: Loss::Timeout };
        }
        if order.refused {
            let text = Reason::lossy("refused");
            let kind = RejectKind::Other;
            let reject = Reject { status: 400, kind, code: text, message: text };
            return GatewayEvent::Rejected { key, reject };
        }
        let accepted = Accepted {
            order_id: order.order_id,
            filled: order.filled,
            remaining: order.resting,
            exchange_time: now.wall,
        };
        GatewayEvent::Accepted { key, accepted }
    }

    fn gateway_cancel(&mut self, at: usize, news: u8) -> GatewayEvent {
        let Cancel { order: CancelOrder { key, .. }, sent } = self.cancels[at];
        if !sent && !news.is_multiple_of(7) {
            self.cancels[at].sent = true;
            return GatewayEvent::CancelSent { key };
        }
        self.cancels.remove(at);
        if !sent {
            let why = CancelFailure::Unsent(Unsent::NoTokens);
            return GatewayEvent::CancelFailed { key, why };
        }
        let order = self.orders.iter_mut().find(|order| order.terms.key == key);
        let order = order.expect("cancels are for orders that were sent");
        let reduced_by = std::mem::replace(&mut order.resting, Contracts::ZERO);
        if news.is_multiple_of(5) {
            return GatewayEvent::CancelFailed { key, why: CancelFailure::Lost(Loss::Timeout) };
        }
        if reduced_by.is_zero() {
            return GatewayEvent::CancelNotFound { key };
        }
        GatewayEvent::CancelAccepted { key, reduced_by }
    }

    /// Somebody trades with an order that rests.
    pub(crate) fn trade(&mut self, now: Now, nth: u8, part: u8) {
        self.roll(now);
        let resting: Vec<usize> =
            (0..self.orders.len()).filter(|at| !self.orders[*at].resting.is_zero()).collect();
        let Some(choice) = usize::from(nth).checked_rem(resting.len()) else { return };
        let at = resting[choice];
        let centis = u64::from(self.orders[at].resting.centis()) * u64::from(part) / 100;
        self.execute(now, at, Contracts::from_centis(u32::try_from(centis).expect("a part")));
    }

    fn execute(&mut self, now: Now, at: usize, quantity: Contracts) {
        if quantity.is_zero() {
            return;
        }
        let order = &mut self.orders[at];
        order.resting -= quantity;
        order.filled += quantity;
        let (terms, order_id) = (order.terms, order.order_id);
        let held = &mut self.held[usize::from(terms.market.0)];
        let revenue = trade(held, terms.side, terms.price, quantity);
        let charge = Charge {
            liquidity: Liquidity::Taker,
            yes_price: terms.price,
            quantity,
            revenue: -(terms.side.own_price(terms.price) * quantity),
        };
        let fee = order.fees.charge(&FeeSchedule::QUADRATIC, &charge);
        self.cash = self.cash + revenue - fee;
        self.filled_today += u64::from(quantity.centis());
        self.trades.push(Trade {
            fill: Fill {
                trade_id: TradeId::lossy(&format!("t-{}", self.trades.len())),
                order_id,
                client_order_id: Some(terms.client_order_id),
                ticker: ticker(terms.market),
                side: terms.side,
                price: terms.price,
                quantity,
                fee,
                is_taker: true,
                exchange_time: now.wall,
                received: now.mono,
                decoded: now.mono,
                origin: Origin::Stream,
            },
            told: false,
        });
    }

    /// Tells the `nth` fill, by the stream or by a read, whether or not it was told before.
    pub(crate) fn fill(&mut self, nth: u8, by_read: bool) -> Option<Input> {
        let at = usize::from(nth).checked_rem(self.trades.len())?;
        self.reordered |= self.trades[..at].iter().any(|trade| !trade.told);
        self.trades[at].told = true;
        let mut fill = self.trades[at].fill;
        if by_read {
            // The exchange's reads do not carry our id.
            fill.client_order_id = None;
            fill.origin = Origin::Rest;
            return Some(Input::Fetch(FetchEvent::Fill(fill)));
        }
        Some(Input::Feed(FeedEvent::Fill(fill)))
    }

    /// The first fill that was never told.
    pub(crate) fn untold_fill(&mut self) -> Option<Input> {
        let trade = self.trades.iter_mut().find(|trade| !trade.told)?;
        trade.told = true;
        Some(Input::Feed(FeedEvent::Fill(trade.fill)))
    }

    /// What the REST service says to a question.
    pub(crate) fn fetch(&mut self, ask: &FetchCommand, fails: bool) -> Vec<FetchEvent> {
        match ask {
            FetchCommand::Order { key, .. } if fails => vec![FetchEvent::OrderFailed { key: *key }],
            FetchCommand::Order { key, client_order_id, .. } => {
                let report = self.report(*client_order_id);
                let Some(report) = report else {
                    return vec![FetchEvent::OrderAbsent { key: *key }];
                };
                let mut events = self.fills_of(&report.order_id);
                events.push(FetchEvent::Order { key: *key, report });
                events
            }
            FetchCommand::Backfill { .. } if fails => vec![FetchEvent::BackfillFailed],
            FetchCommand::Backfill { .. } => vec![FetchEvent::BackfillDone],
            FetchCommand::Quote { ticker } => vec![FetchEvent::QuoteFailed { ticker: *ticker }],
            FetchCommand::Settlements { .. } if fails => vec![FetchEvent::SettlementsFailed],
            FetchCommand::Settlements { .. } => vec![FetchEvent::SettlementsDone],
            // Books and exchange are compared elsewhere: no reading, no evidence.
            FetchCommand::Account { .. } => vec![FetchEvent::AccountFailed],
        }
    }

    fn fills_of(&mut self, order_id: &OrderId) -> Vec<FetchEvent> {
        let mut events = Vec::new();
        for at in 0..self.trades.len() {
            if self.trades[at].fill.order_id == *order_id {
                self.reordered |= self.trades[..at].iter().any(|trade| !trade.told);
                self.trades[at].told = true;
                let fill = self.trades[at].fill;
                events.push(FetchEvent::Fill(Fill { client_order_id: None, ..fill }));
            }
        }
        events
    }

    fn report(&self, id: ClientOrderId) -> Option<OrderReport> {
        let order = self.orders.iter().find(|order| order.terms.client_order_id == id)?;
        let status = if !order.resting.is_zero() {
            ExchangeStatus::Resting
        } else if order.filled == order.terms.quantity {
            ExchangeStatus::Executed
        } else {
            ExchangeStatus::Canceled
        };
        order.landed.then_some(OrderReport {
            order_id: order.order_id,
            client_order_id: Some(id),
            ticker: ticker(order.terms.market),
            side: order.terms.side,
            price: order.terms.price,
            status,
            filled: order.filled,
            remaining: order.resting,
            expired: false,
            received: Timestamp::ZERO,
            origin: Origin::Rest,
        })
    }

    /// What must be true at the exchange at every moment.
    pub(crate) fn check(&mut self, config: &OmsConfig) {
        let limits = &config.limits;
        let resting: Vec<&Order> =
            self.orders.iter().filter(|order| !order.resting.is_zero()).collect();
        assert!(resting.len() <= limits.open_orders_max as usize, "{} rest", resting.len());
        let mut events: BTreeMap<Vec<u8>, u64> = BTreeMap::new();
        let mut sports: BTreeMap<Vec<u8>, Money> = BTreeMap::new();
        for (index, held) in self.held.iter().enumerate() {
            let own = || resting.iter().filter(|it| usize::from(it.terms.market.0) == index);
            let count = own().count();
            assert!(count <= limits.open_orders_per_market_max as usize, "{count} in one market");
            let alive = |side| {
                let orders = own().filter(|order| order.terms.side == side);
                orders.map(|order| i64::from(order.resting.centis())).sum::<i64>()
            };
            let (up, down) =
                (held.centis + alive(BookSide::Bid), held.centis - alive(BookSide::Ask));
            let name = ticker(MarketIx(u16::try_from(index).expect("four markets")));
            *events.entry(name.event().to_vec()).or_default() +=
                up.unsigned_abs().max(down.unsigned_abs());
            let reserved = own().fold(Money::ZERO, |sum, order| sum + order.reserve());
            let sport = sports.entry(name.series().to_vec()).or_insert(Money::ZERO);
            *sport = *sport + Money::from_e8(held.cost) + reserved;
        }
        let bound = u64::from(limits.position_per_event_max.centis());
        assert!(events.values().all(|worst| *worst <= bound), "{events:?}, allowed {bound}");
        let value = resting.iter().filter(|order| order.terms.expiration_secs.is_some());
        let value = value.fold(Money::ZERO, |sum, order| sum + order.reserve());
        assert!(value <= limits.resting_value_max, "{value:?} rests");
        assert!(self.cash >= limits.balance_min, "{:?} left", self.cash);
        let volume = u64::from(limits.daily_volume_max.centis());
        assert!(self.filled_today <= volume, "{} centis today", self.filled_today);
        let invested = self.held.iter().map(|held| held.cost).sum::<i64>();
        self.bankroll_max = self.bankroll_max.max(self.cash + Money::from_e8(invested));
        let share = i64::from(limits.sport_exposure_max_bp);
        let bound = Money::from_e8(self.bankroll_max.e8() / 10_000 * share);
        let kept = self.reordered || sports.values().all(|worst| *worst <= bound);
        assert!(kept, "{sports:?}, allowed {bound:?}");
    }
}

fn ticker(market: MarketIx) -> Ticker {
    Ticker::new(TICKERS[usize::from(market.0)].as_bytes()).expect("a plain ticker")
}

/// Trades on one side and returns the cash that moves, without fees.
fn trade(held: &mut Held, side: BookSide, price: Price, quantity: Contracts) -> Money {
    let signed = match side {
        BookSide::Bid => i64::from(quantity.centis()),
        BookSide::Ask => -i64::from(quantity.centis()),
    };
    let opposes = held.centis.signum() == -signed.signum();
    let closing = if opposes { signed.abs().min(held.centis.abs()) } else { 0 };
    let released = if closing == 0 { 0 } else { held.cost * closing / held.centis.abs() };
    let centis = |count: i64| Contracts::from_centis(u32::try_from(count).expect("not negative"));
    let spent = side.own_price(price) * centis(signed.abs() - closing);
    let proceeds = side.opposite().own_price(price) * centis(closing);
    held.centis += signed;
    held.cost += spent.e8() - released;
    proceeds - spent
}
