//! A core that trades in two markets of one event, and hands to tell it things.

use crate::ids::{OrderId, OrderKey, RunId, SignalId, SourceId, Ticker, TradeId};
use crate::kalshi::market::{FeeSchedule, Market, MarketTable, TickGrid};
use crate::message::{
    Accepted, Action, BookSide, CashThere, Command, ControlCommand, ExchangeStatus, FeedEvent,
    FetchCommand, FetchEvent, Fill, FollowCommand, GatewayEvent, HeldThere, NewOrder, OrderReport,
    Origin, SendStamps, Signal, TimeInForce,
};
use crate::oms::account::Holding;
use crate::oms::config::{Admission, FeedNeed, OmsConfig, OrderConfig};
use crate::oms::{Core, Input, Opening, Outbox};
use crate::order::Order;
use crate::recorder::record::{ExecutionResult, Record};
use crate::risk::{BreakerConfig, Limits};
use crate::units::{
    Contracts, Money, Nanos, Now, Position, Price, PriceDelta, Timestamp, WallTime,
};

pub(super) const A: &str = "KXA-1-A";
pub(super) const B: &str = "KXA-1-B";

pub(super) fn ticker(text: &str) -> Ticker {
    Ticker::new(text.as_bytes()).expect("a plain ticker")
}

pub(super) fn cents(cents: u32) -> Price {
    Price::from_cents(cents).expect("a price")
}

/// A core and everything it has said.
pub(super) struct Desk {
    pub(super) core: Core,
    pub(super) now: Now,
    pub(super) commands: Vec<Command>,
    pub(super) asks: Vec<FetchCommand>,
    pub(super) follows: Vec<FollowCommand>,
    pub(super) records: Vec<Record>,
    /// Fills of our orders, as the exchange lists them.
    pub(super) fills: Vec<Fill>,
    trades: u32,
}

impl Desk {
    /// Connected and caught up, at noon.
    pub(super) fn new(change: impl FnOnce(&mut OmsConfig)) -> Self {
        Self::funded(change, Vec::new())
    }

    /// As [`Self::new`], with cash that the exchange keeps by shard.
    pub(super) fn funded(
        change: impl FnOnce(&mut OmsConfig),
        shard_cash: Vec<(u8, Money)>,
    ) -> Self {
        let mut markets = MarketTable::new();
        for name in [A, B] {
            let (grid, fees) = (TickGrid::linear_cent(), FeeSchedule::QUADRATIC);
            markets.insert(ticker(name), grid, 0, fees, true).expect("room for two");
        }
        let limits = Limits { order_spacing_min: Nanos::ZERO, ..Limits::default() };
        let mut config = OmsConfig {
            run: RunId::new(7),
            limits,
            breaker: BreakerConfig::default(),
            orders: OrderConfig { read_lag: Nanos::ZERO, books_max: 0, ..OrderConfig::default() },
            admission: Admission::Listed,
            feed: FeedNeed::Required,
            orders_max: 16,
        };
        change(&mut config);
        let wall = WallTime::from_unix_ms(1_782_820_800_000);
        let cash = Money::from_cents(1_000_000);
        let opening = Opening { cash, as_of: wall, shard_cash, ..Opening::default() };
        let core = Core::new(config, markets, &opening);
        let now = Now { mono: Timestamp::from_ns(1_000), wall };
        let mut desk = Self {
            core,
            now,
            commands: Vec::new(),
            asks: Vec::new(),
            follows: Vec::new(),
            records: Vec::new(),
            fills: Vec::new(),
            trades: 0,
        };
        desk.tell(&Input::Gateway(GatewayEvent::Connections { ready: 4 }));
        desk.tell(&Input::Feed(FeedEvent::Up));
        desk.fetched(FetchEvent::BackfillDone);
        desk
    }

    pub(super) fn tell(&mut self, input: &Input) {
        let mut out = Outbox::default();
        self.core.handle(self.now, input, &mut out);
        self.commands.append(&mut out.commands);
        self.asks.append(&mut out.asks);
        self.follows.append(&mut out.follows);
        self.records.append(&mut out.records);
    }

    pub(super) fn fetched(&mut self, event: FetchEvent) {
        self.tell(&Input::Fetch(event));
    }

    /// Lets time pass, handing over what falls due.
    pub(super) fn pass(&mut self, span: Nanos) {
        let until = self.now.mono + span;
        while self.core.deadline() <= until {
            let step = self.core.deadline().since(self.now.mono);
            self.now = Now { mono: self.now.mono + step, wall: self.now.wall + step };
            self.tell(&Input::Timer);
        }
        let rest = until.since(self.now.mono);
        self.now = Now { mono: until, wall: self.now.wall + rest };
    }

    /// Has the account read as it is booked, but for these rows, and compared.
    pub(super) fn compare(&mut self, rows: &[FetchEvent]) {
        self.pass(Nanos::from_secs(2));
        self.tell(&Input::Control(ControlCommand::Reconcile));
        self.pass(Nanos::ZERO);
        let asked = matches!(self.asks.last(), Some(FetchCommand::Account { .. }));
        assert!(asked, "the account is read: {:?}", self.asks.last());
        for event in self.booked() {
            let told = |row: &FetchEvent| match (row, &event) {
                (FetchEvent::Held(ours), FetchEvent::Held(theirs)) => ours.ticker == theirs.ticker,
                (FetchEvent::Cash(_), FetchEvent::Cash(_)) => true,
                _ => false,
            };
            if !rows.iter().any(told) {
                self.fetched(event);
            }
        }
        for row in rows {
            self.fetched(*row);
        }
        self.fetched(FetchEvent::AccountRead);
        self.pass(Nanos::ZERO);
    }

    /// The account as the exchange would report it if the books were right.
    fn booked(&self) -> Vec<FetchEvent> {
        let held = |market: &Market| {
            let Holding { position, cost } = *self.core.account().holding(market.ix);
            let held = HeldThere { ticker: market.ticker, position, cost };
            (position != Position::FLAT).then_some(FetchEvent::Held(held))
        };
        let cash = CashThere { shard: None, cash: self.core.account().cash() };
        let held = self.core.markets().all().iter().filter_map(held);
        let fills = self.fills.iter().map(|fill| FetchEvent::Fill(*fill));
        held.chain([FetchEvent::Cash(cash)]).chain(fills).collect()
    }

    /// Two readings find a position that nothing explains.
    pub(super) fn mismatch(&mut self) {
        let (ticker, position) = (ticker(B), Position::from_centis(700));
        let held = FetchEvent::Held(HeldThere { ticker, position, cost: Money::from_cents(70) });
        self.compare(&[held]);
        self.compare(&[held]);
        assert_eq!(self.core.guard().mismatches(), 1);
    }

    /// A signal for ten contracts, seen at 48 and 53.
    pub(super) fn signal(&self, id: &str, action: Action, time_in_force: TimeInForce) -> Signal {
        Signal {
            source: SourceId(0),
            line: 1,
            id: SignalId::new(id.as_bytes()).expect("a plain id"),
            ticker: ticker(A),
            action,
            yes_ask: Price::from_cents(48),
            no_ask: Price::from_cents(53),
            edge: PriceDelta::from_cents(12),
            confidence: 0,
            contracts: Contracts::from_whole(10),
            max_price: None,
            time_in_force: Some(time_in_force),
            style: None,
            produced_at: Some(self.now.wall),
            expires_at: None,
            cycle: None,
            received: self.now.mono,
            decoded: self.now.mono,
        }
    }

    /// The last order handed to the gateway.
    #[track_caller]
    pub(super) fn last_order(&self) -> NewOrder {
        let submitted = self.commands.iter().rev().find_map(|command| match command {
            Command::Submit(approved) => Some(*approved.get()),
            _ => None,
        });
        submitted.expect("an order was sent")
    }

    /// The order's bytes are with the kernel.
    pub(super) fn sent(&mut self, order: &NewOrder) {
        let stamps = SendStamps { sent: self.now.mono, ..SendStamps::default() };
        self.tell(&Input::Gateway(GatewayEvent::Sent { key: order.key, stamps }));
    }

    /// The exchange takes an order, of which so much trades at once.
    pub(super) fn accept(&mut self, order: &NewOrder, filled: Contracts) {
        self.sent(order);
        let key = order.key;
        let accepted = Accepted {
            order_id: order_id(order),
            filled,
            remaining: order.quantity.saturating_sub(filled),
            exchange_time: self.now.wall,
        };
        self.tell(&Input::Gateway(GatewayEvent::Accepted { key, accepted }));
    }

    /// A look-up finds an order with so much filled and so much resting, at its limit.
    pub(super) fn found(
        &mut self,
        order: &NewOrder,
        status: ExchangeStatus,
        (filled, remaining): (u32, u32),
    ) {
        let report = OrderReport {
            order_id: order_id(order),
            client_order_id: Some(order.client_order_id),
            ticker: ticker(A),
            side: order.side,
            price: order.price,
            status,
            filled: Contracts::from_whole(filled),
            remaining: Contracts::from_whole(remaining),
            expired: false,
            received: self.now.mono,
            origin: Origin::Rest,
        };
        self.fetched(FetchEvent::Order { key: order.key, report });
    }

    /// A fill of an order at its limit, with a fee of a cent.
    pub(super) fn fill(&mut self, order: &NewOrder, whole: u32) -> Fill {
        let fill = Fill {
            order_id: order_id(order),
            client_order_id: Some(order.client_order_id),
            ..self.stranger(A, order.side, order.price, whole)
        };
        self.fills.push(Fill { client_order_id: None, origin: Origin::Rest, ..fill });
        self.tell(&Input::Feed(FeedEvent::Fill(fill)));
        fill
    }

    /// A fill on this account that no order of ours explains.
    pub(super) fn stranger(
        &mut self,
        name: &str,
        side: BookSide,
        price: Price,
        whole: u32,
    ) -> Fill {
        self.trades += 1;
        Fill {
            trade_id: TradeId::lossy(&format!("trade-{}", self.trades)),
            order_id: OrderId::lossy("stranger"),
            client_order_id: None,
            ticker: ticker(name),
            side,
            price,
            quantity: Contracts::from_whole(whole),
            fee: Money::from_cents(1),
            is_taker: true,
            exchange_time: self.now.wall,
            received: self.now.mono,
            decoded: self.now.mono,
            origin: Origin::Stream,
        }
    }

    /// Ten contracts bought whole at 49.
    pub(super) fn buy_ten(&mut self, id: &str) {
        let signal = self.signal(id, Action::BuyYes, TimeInForce::ImmediateOrCancel);
        self.tell(&Input::Signal(signal));
        let order = self.last_order();
        self.accept(&order, order.quantity);
        self.fill(&order, 10);
    }

    pub(super) fn results(&self) -> Vec<ExecutionResult> {
        let result = |record: &Record| match record {
            Record::Result(result) => Some(*result),
            _ => None,
        };
        self.records.iter().filter_map(result).collect()
    }

    pub(super) fn alerts(&self) -> Vec<String> {
        let alert = |record: &Record| match record {
            Record::Alert { reason, .. } => Some(reason.to_string()),
            _ => None,
        };
        self.records.iter().filter_map(alert).collect()
    }

    /// Orders handed to the gateway.
    pub(super) fn submits(&self) -> usize {
        self.commands.iter().filter(|command| matches!(command, Command::Submit(_))).count()
    }

    pub(super) fn cancels(&self) -> usize {
        self.commands.iter().filter(|command| matches!(command, Command::Cancel(_))).count()
    }

    #[track_caller]
    pub(super) fn order(&self, key: OrderKey) -> Order {
        *self.core.orders().find(key).expect("it is remembered")
    }
}

/// The exchange's id of an order.
pub(super) fn order_id(order: &NewOrder) -> OrderId {
    OrderId::lossy(&format!("o-{}", order.client_order_id.seq()))
}
