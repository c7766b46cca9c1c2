//! An exchange reduced to what limits are about: orders, fills, positions, cash, settlements. It
//! knows the truth at once and tells it when it is asked to: late, twice, out of order.

use kalshi_exec::ids::{ClientOrderId, OrderId, OrderKey, Reason, TradeId};
use kalshi_exec::kalshi::fees::{Charge, FeeAccumulator, Liquidity};
use kalshi_exec::kalshi::market::FeeSchedule;
use kalshi_exec::message::{
    Accepted, BestQuote, CancelFailure, CancelOrder, CashThere, ExchangeStatus, FeedEvent,
    FetchCommand, FetchEvent, Fill, GatewayEvent, HeldThere, Loss, MarketSettlement, NewOrder,
    OrderReport, Origin, Reject, RejectKind, SendStamps, TimeInForce, Unsent,
};
use kalshi_exec::oms::account::Holding;
use kalshi_exec::oms::{Input, Opening};
use kalshi_exec::risk::Skew;
use kalshi_exec::units::{Contracts, Money, Nanos, Now, Position, Price, Timestamp, WallTime};

use super::books::{Books, COUNT, MARKETS, SHARDS, ticker};

/// Why the exchange refuses: trouble, and what is none.
const REFUSALS: [RejectKind; 6] = [
    RejectKind::Other,
    RejectKind::Paused,
    RejectKind::MarketInactive,
    RejectKind::PostOnlyCross,
    RejectKind::InsufficientBalance,
    RejectKind::FillOrKill,
];

/// How long after it was handed to the gateway an order may still land: the signature is made
/// within the quarter of a second that the gateway holds an order, and taken for half a minute.
const LANDING_MAX: Nanos = Nanos::from_secs(30);

/// What the gateway can still say of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wire {
    Fresh,
    Written,
    Done,
}

/// One order as the exchange has it.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    pub(crate) terms: NewOrder,
    order_id: OrderId,
    wire: Wire,
    /// When it, or its repetition, was handed to the gateway.
    handed: Timestamp,
    /// Whether what the gateway has is a repetition.
    again: bool,
    landed: bool,
    /// What the last of its requests was refused with.
    refused: Option<RejectKind>,
    pub(crate) filled: Contracts,
    pub(crate) resting: Contracts,
    fees: FeeAccumulator,
}

impl Order {
    fn market(&self) -> usize {
        usize::from(self.terms.market.0)
    }

    /// Cash that it keeps from being used while it rests.
    fn locked(&self) -> Money {
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

/// See the module's page.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) orders: Vec<Order>,
    cancels: Vec<Cancel>,
    trades: Vec<Trade>,
    settlements: Vec<MarketSettlement>,
    pub(crate) settled: [bool; COUNT],
    pub(crate) books: Books,
    /// The exchange's time is this much after monotonic zero: nobody sets its clock.
    epoch: WallTime,
    /// What its answers say beyond its time.
    pub(crate) ahead_ms: i64,
    written: u64,
    /// Orders before this place belong to a run that is over.
    run_from: usize,
    /// Orders whose bytes are still on their way, though nobody waits for their answer.
    flying: Vec<usize>,
}

impl Exchange {
    pub(crate) fn new(epoch: WallTime) -> Self {
        Self {
            orders: Vec::new(),
            cancels: Vec::new(),
            trades: Vec::new(),
            settlements: Vec::new(),
            settled: [false; COUNT],
            books: Books::new(),
            epoch,
            ahead_ms: 0,
            written: 0,
            run_from: 0,
            flying: Vec::new(),
        }
    }

    /// Orders whose bytes have left since the run began.
    pub(crate) fn written(&self) -> u64 {
        self.written
    }

    /// The exchange's own time.
    pub(crate) fn time(&self, now: Timestamp) -> WallTime {
        self.epoch + now.since(Timestamp::ZERO)
    }

    /// What its answers say the time is.
    fn stamp(&self, now: Timestamp) -> WallTime {
        WallTime::from_unix_ms(self.time(now).unix_ms().saturating_add_signed(self.ahead_ms))
    }

    /// An order is on its way.
    pub(crate) fn submit(&mut self, now: Timestamp, terms: NewOrder) {
        self.orders.push(Order {
            terms,
            order_id: order_id(terms.client_order_id),
            wire: Wire::Fresh,
            handed: now,
            again: false,
            landed: false,
            refused: None,
            filled: Contracts::ZERO,
            resting: Contracts::ZERO,
            fees: FeeAccumulator::EMPTY,
        });
    }

    /// An order whose answer is missing goes out once more.
    pub(crate) fn submit_again(&mut self, now: Timestamp, terms: &NewOrder) {
        let at = self.place(terms.key);
        let order = &mut self.orders[at];
        assert_eq!(order.terms, *terms, "the same bytes");
        assert_eq!(order.wire, Wire::Done, "while the gateway still has it");
        (order.wire, order.again, order.handed) = (Wire::Fresh, true, now);
    }

    pub(crate) fn cancel(&mut self, order: CancelOrder) {
        self.cancels.push(Cancel { order, sent: false });
    }

    pub(crate) fn cancel_all(&mut self) {
        self.orders.iter_mut().for_each(|order| order.resting = Contracts::ZERO);
    }

    fn place(&self, key: OrderKey) -> usize {
        let ours = self.orders[self.run_from..].iter();
        let found = ours.rev().position(|order| order.terms.key == key);
        self.orders.len() - 1 - found.expect("the gateway speaks of orders it was given")
    }

    /// What the gateway says next of one of its orders or cancels; `None` when it has none.
    pub(crate) fn gateway(&mut self, now: Now, nth: u8, news: u8) -> Option<GatewayEvent> {
        let open: Vec<usize> = (self.run_from..self.orders.len())
            .filter(|at| self.orders[*at].wire != Wire::Done)
            .collect();
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
        let first = u64::from(!self.orders[at].again);
        match news % 8 {
            0 => {
                self.orders[at].wire = Wire::Done;
                let why = Unsent::NoConnection;
                match first {
                    0 => GatewayEvent::NotResent { key, why },
                    _ => GatewayEvent::NotSent { key, why },
                }
            }
            1 => {
                // Some bytes left: they make an order, now or later, or they do not.
                self.orders[at].wire = Wire::Done;
                self.written += first;
                match news {
                    128.. => self.land(now, at, news),
                    64.. => self.flying.push(at),
                    _ => {}
                }
                GatewayEvent::Lost { key, why: Loss::Disconnected }
            }
            step => {
                self.orders[at].wire = Wire::Written;
                self.written += first;
                match step {
                    // Nobody knows how long it takes; its answer will not come.
                    2 => self.flying.push(at),
                    _ => self.land(now, at, news),
                }
                let sent = now.mono;
                let stamps = SendStamps { taken: sent, encoded: sent, sealed: sent, sent };
                GatewayEvent::Sent { key, stamps }
            }
        }
    }

    /// The order reaches the book: refused, or traded in part, the rest resting or gone. What is
    /// there already is refused, for that or for another reason.
    fn land(&mut self, now: Now, at: usize, news: u8) {
        let market = usize::from(self.orders[at].terms.market.0);
        self.orders[at].refused = None;
        if self.orders[at].landed && !news.is_multiple_of(7) {
            self.orders[at].refused = Some(RejectKind::DuplicateOrder);
            return;
        }
        if self.settled[market] {
            self.orders[at].refused = Some(RejectKind::MarketInactive);
            return;
        }
        if news.is_multiple_of(7) {
            self.orders[at].refused = Some(REFUSALS[usize::from(news / 7) % REFUSALS.len()]);
            return;
        }
        let order = &mut self.orders[at];
        order.landed = true;
        order.resting = order.terms.quantity;
        // A post-only order never trades at once.
        let sixteenths = if order.terms.post_only { 0 } else { u32::from(news >> 4) };
        let part = order.terms.quantity.centis() / 16 * sixteenths;
        self.execute(now, at, Contracts::from_centis(part));
        let order = &mut self.orders[at];
        if order.terms.time_in_force != TimeInForce::GoodTillCanceled {
            order.resting = Contracts::ZERO;
        }
    }

    fn answer(&self, now: Now, at: usize, news: u8) -> GatewayEvent {
        let order = &self.orders[at];
        let key = order.terms.key;
        let under_way = self.flying.contains(&at);
        if news.is_multiple_of(6) || under_way {
            return GatewayEvent::Lost { key, why: Loss::Timeout };
        }
        if let Some(kind) = order.refused {
            let text = Reason::lossy("refused");
            let reject = Reject { status: 400, kind, code: text, message: text };
            return GatewayEvent::Rejected { key, reject };
        }
        let accepted = Accepted {
            order_id: order.order_id,
            filled: order.filled,
            remaining: order.resting,
            exchange_time: self.stamp(now.mono),
        };
        GatewayEvent::Accepted { key, accepted }
    }

    fn gateway_cancel(&mut self, at: usize, news: u8) -> GatewayEvent {
        let Cancel { order: CancelOrder { key, order_id, .. }, sent } = self.cancels[at];
        if !sent && !news.is_multiple_of(7) {
            self.cancels[at].sent = true;
            return GatewayEvent::CancelSent { key };
        }
        self.cancels.remove(at);
        if !sent {
            let why = CancelFailure::Unsent(Unsent::NoTokens);
            return GatewayEvent::CancelFailed { key, why };
        }
        let named = self.orders.iter().position(|order| order.order_id == order_id);
        let place = named.expect("cancels name an order of the exchange");
        let reduced_by = std::mem::replace(&mut self.orders[place].resting, Contracts::ZERO);
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
        let market = usize::from(terms.market.0);
        let trade = (terms.side, terms.price, quantity);
        let liquidity = if terms.post_only { Liquidity::Maker } else { Liquidity::Taker };
        let charge = Charge {
            liquidity,
            yes_price: terms.price,
            quantity,
            revenue: -(terms.side.own_price(terms.price) * quantity),
        };
        let fee = order.fees.charge(&FeeSchedule::QUADRATIC, &charge);
        self.books.fill(market, trade, fee);
        self.trades.push(Trade {
            fill: Fill {
                trade_id: TradeId::lossy(&format!("t-{}", self.trades.len())),
                order_id,
                client_order_id: Some(terms.client_order_id),
                ticker: ticker(market),
                side: terms.side,
                price: terms.price,
                quantity,
                fee,
                is_taker: !terms.post_only,
                exchange_time: self.time(now.mono),
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
        self.trades[at].told = true;
        let fill = self.trades[at].fill;
        if by_read {
            return Some(Input::Fetch(FetchEvent::Fill(read(&fill))));
        }
        Some(Input::Feed(FeedEvent::Fill(fill)))
    }

    /// The first fill that was never told.
    pub(crate) fn untold_fill(&mut self) -> Option<Input> {
        let trade = self.trades.iter_mut().find(|trade| !trade.told)?;
        trade.told = true;
        Some(Input::Feed(FeedEvent::Fill(trade.fill)))
    }

    /// A market is over: what rests there is gone, and what is held is paid out.
    pub(crate) fn settle(&mut self, now: Now, market: usize, yes_pays: Money) {
        if std::mem::replace(&mut self.settled[market], true) {
            return;
        }
        for order in &mut self.orders {
            if order.market() == market {
                order.resting = Contracts::ZERO;
            }
        }
        let held = Position::from_centis(self.books.held[market].centis);
        let (yes, no) = match held.centis() {
            1.. => (held.size(), Contracts::ZERO),
            _ => (Contracts::ZERO, held.size()),
        };
        self.books.settle(market, yes_pays);
        let settled_at = self.time(now.mono);
        let (ticker, revenue) = (ticker(market), Money::ZERO);
        let settlement = MarketSettlement { ticker, yes_pays, yes, no, revenue, settled_at };
        self.settlements.push(settlement);
    }

    /// What the REST service says to a question.
    pub(crate) fn fetch(&mut self, now: Now, ask: &FetchCommand, what: u8) -> Vec<FetchEvent> {
        let fails = what.is_multiple_of(3);
        match ask {
            FetchCommand::Order { key, .. } if fails => vec![FetchEvent::OrderFailed { key: *key }],
            FetchCommand::Order { key, client_order_id, .. } => {
                let report = self.report(*client_order_id);
                let Some(report) = report else {
                    return vec![FetchEvent::OrderAbsent { key: *key }];
                };
                let mut events = self.fills(|fill| fill.order_id == report.order_id);
                events.push(FetchEvent::Order { key: *key, report });
                events
            }
            FetchCommand::Backfill { .. } if fails => vec![FetchEvent::BackfillFailed],
            FetchCommand::Backfill { since } => {
                let mut events = self.fills(|fill| fill.exchange_time >= *since);
                events.push(FetchEvent::BackfillDone);
                events
            }
            FetchCommand::Quote { ticker } if fails => {
                vec![FetchEvent::QuoteFailed { ticker: *ticker }]
            }
            FetchCommand::Quote { ticker } => {
                let bid = 15 + u32::from(what) % 60;
                let (bid, ask) = (Price::from_cents(bid), Price::from_cents(bid + 2));
                vec![FetchEvent::Quote(BestQuote { ticker: *ticker, bid, ask, as_of: now.wall })]
            }
            FetchCommand::Market { .. } => vec![FetchEvent::MarketFailed],
            FetchCommand::Account { .. } if fails => vec![FetchEvent::AccountFailed],
            FetchCommand::Account { since } => self.account(*since),
            FetchCommand::Settlements { .. } if fails => vec![FetchEvent::SettlementsFailed],
            FetchCommand::Settlements { since } => {
                let told = self.settlements.iter().filter(|said| said.settled_at >= *since);
                let mut events: Vec<_> = told.map(|said| FetchEvent::Settled(*said)).collect();
                events.push(FetchEvent::SettlementsDone);
                events
            }
        }
    }

    /// The whole account: cash that no order locks, positions, what rests, fills.
    fn account(&mut self, since: WallTime) -> Vec<FetchEvent> {
        let shard = |at: usize| u8::try_from(at).expect("two shards");
        let locked = |at: usize| {
            let there = self.orders.iter().filter(|it| MARKETS[it.market()].shard == at);
            there.fold(Money::ZERO, |sum, it| sum + it.locked())
        };
        let cash = (0..SHARDS).map(|at| {
            let cash = self.books.cash[at] - locked(at);
            FetchEvent::Cash(CashThere { shard: Some(shard(at)), cash })
        });
        let held = (0..COUNT).filter(|at| self.books.held[*at].centis != 0).map(|at| {
            let Holding { position, cost } = self.books.holding(at);
            FetchEvent::Held(HeldThere { ticker: ticker(at), position, cost })
        });
        let resting = self.orders.iter().filter(|order| !order.resting.is_zero());
        let resting = resting.filter_map(|it| self.report(it.terms.client_order_id));
        let mut rows: Vec<FetchEvent> =
            cash.chain(held).chain(resting.map(FetchEvent::OpenOrder)).collect();
        rows.extend(self.fills(|fill| fill.exchange_time >= since));
        rows.push(FetchEvent::AccountRead);
        rows
    }

    fn fills(&mut self, which: impl Fn(&Fill) -> bool) -> Vec<FetchEvent> {
        let found = self.trades.iter_mut().filter(|trade| which(&trade.fill));
        let tell = |trade: &mut Trade| {
            trade.told = true;
            FetchEvent::Fill(read(&trade.fill))
        };
        found.map(tell).collect()
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
            ticker: ticker(usize::from(order.terms.market.0)),
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

    /// The engine dies: of what had not been written some is on its way all the same.
    pub(crate) fn crash(&mut self, news: u8) {
        for at in self.run_from..self.orders.len() {
            if self.orders[at].wire == Wire::Fresh && at % 3 == usize::from(news) % 3 {
                self.flying.push(at);
            }
            self.orders[at].wire = Wire::Done;
        }
        self.cancels.clear();
    }

    /// When the last of what is still on its way has landed or never will.
    pub(crate) fn landed_by(&self) -> Timestamp {
        let sent = self.flying.iter().map(|at| self.orders[*at].handed + LANDING_MAX);
        sent.max().unwrap_or(Timestamp::ZERO)
    }

    /// One of those on their way lands, or does not any more.
    pub(crate) fn land_late(&mut self, now: Now, nth: u8, news: u8) {
        let Some(choice) = usize::from(nth).checked_rem(self.flying.len()) else { return };
        let at = self.flying.swap_remove(choice);
        if now.mono <= self.orders[at].handed + LANDING_MAX {
            self.land(now, at, news);
        }
    }

    /// What was on its way lands.
    pub(crate) fn land_flying(&mut self, now: Now, news: u8) {
        while !self.flying.is_empty() {
            self.land_late(now, 0, news);
        }
    }

    /// What rests ends by its own expiration.
    pub(crate) fn expire(&mut self) {
        self.orders.iter_mut().for_each(|order| order.resting = Contracts::ZERO);
    }

    /// The account is read.
    pub(crate) fn open(&mut self, now: Now) -> Opening {
        self.expire();
        (self.run_from, self.written) = (self.orders.len(), 0);
        let holdings = (0..COUNT).filter(|market| self.books.held[*market].centis != 0);
        let shard = |at: usize| u8::try_from(at).expect("two shards");
        Opening {
            cash: self.books.total(),
            holdings: holdings.map(|at| (ticker(at), self.books.holding(at))).collect(),
            as_of: WallTime::from_unix_ms(now.wall.unix_ms() - 1_000),
            shard_cash: (0..SHARDS).map(|at| (shard(at), self.books.cash[at])).collect(),
            skew: Skew::Measured(0),
        }
    }
}

/// The exchange's reads do not carry our id.
fn read(fill: &Fill) -> Fill {
    Fill { client_order_id: None, origin: Origin::Rest, ..*fill }
}

/// The exchange's id of an order.
pub(crate) fn order_id(id: ClientOrderId) -> OrderId {
    OrderId::lossy(&format!("x-{}", &id.to_string()[1..]))
}
