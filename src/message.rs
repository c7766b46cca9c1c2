//! What travels on the rings between stages: `Copy`, bounded, without heap.
//!
//! One enum per ring: [`Signal`] intake → oms, [`Command`] oms → gateway, [`GatewayEvent`]
//! gateway → oms, [`FeedEvent`] feed → oms, [`FetchCommand`]/[`FetchEvent`] oms ↔ the cold REST
//! service. What goes to the recorder is in `recorder/`. Sizes are asserted below: a message
//! that grows makes every ring slot grow with it.

mod answer;
mod books;
mod change;
mod news;
mod terms;
mod trouble;

pub use answer::{
    Accepted, CancelFailure, GatewayEvent, GroupStep, Loss, Reject, RejectKind, SendStamps, Unsent,
};
pub use books::{Blindness, BookNews, BookView, FollowCommand};
pub use change::{AmendOrder, DecreaseOrder};
pub use news::{GroupChange, GroupNews, MarketChange, MarketNews};
pub use terms::{Action, BookSide, Leg, Style, TimeInForce};
pub use trouble::{Trouble, TroubleNews, Turn};

use crate::ids::{
    ClientOrderId, MarketIx, OrderId, OrderKey, Reason, SignalId, SourceId, Ticker, TradeId,
};
use crate::risk::Approved;
use crate::units::{Contracts, Money, Position, Price, PriceDelta, Timestamp, WallTime};

/// A decoded, tradeable signal on its way to the oms (`execution-layer` §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signal {
    /// Who sent it.
    pub source: SourceId,
    /// Line number at that source, from 1.
    pub line: u64,
    /// The producer's id, or one derived from the content.
    pub id: SignalId,
    /// The market.
    pub ticker: Ticker,
    /// What to do.
    pub action: Action,
    /// Ask of the YES contract, when the producer gave it.
    pub yes_ask: Option<Price>,
    /// Ask of the NO contract, when the producer gave it.
    pub no_ask: Option<Price>,
    /// Expected gain per contract against the ask, before fees.
    pub edge: PriceDelta,
    /// The producer's confidence, 0 when absent.
    pub confidence: u16,
    /// How many contracts.
    pub contracts: Contracts,
    /// Most to pay per contract of the leg (buys), least to accept (sells).
    pub max_price: Option<Price>,
    /// Overrides the configured time in force.
    pub time_in_force: Option<TimeInForce>,
    /// Overrides the configured style of execution.
    pub style: Option<Style>,
    /// When the producer saw the market; without it the signal's age counts from `received`.
    pub produced_at: Option<WallTime>,
    /// Not to be executed after this time.
    pub expires_at: Option<WallTime>,
    /// Pipeline cycle, when the producer works in cycles.
    pub cycle: Option<u64>,
    /// When the signal's bytes were in user memory; for a file, when its turn came, and for a
    /// paced one its intended time. `tick_to_wire` starts here, and so includes a cycle's linger.
    pub received: Timestamp,
    /// When decoding was finished; never before `received`.
    pub decoded: Timestamp,
}

/// A new order as the exchange will see it, before or after approval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewOrder {
    /// The order's place in the oms.
    pub key: OrderKey,
    /// Its id at the exchange until the exchange gives one.
    pub client_order_id: ClientOrderId,
    /// The market.
    pub market: MarketIx,
    /// Side of the YES book.
    pub side: BookSide,
    /// Limit price of the YES leg, on the market's tick grid.
    pub price: Price,
    /// Quantity.
    pub quantity: Contracts,
    /// How long it lives.
    pub time_in_force: TimeInForce,
    /// Unix seconds at which the exchange itself ends a resting order.
    pub expiration_secs: Option<u64>,
    /// Only with immediate-or-cancel: never opens or grows a position.
    pub reduce_only: bool,
    /// Never takes: refused by the exchange when it would cross.
    pub post_only: bool,
    /// The best price against it, YES leg, as its signal saw it: what paper trading fills at.
    pub reference: Price,
    /// `Signal::received` of the signal behind it: where `tick_to_wire` starts.
    pub received: Timestamp,
    /// When the oms had approved it.
    pub approved: Timestamp,
}

#[cfg(test)]
impl NewOrder {
    /// One contract at 50, immediate or cancel: where a test is not about the terms.
    pub(crate) fn sample(key: OrderKey) -> Self {
        let price = Price::from_cents(50).unwrap();
        Self {
            key,
            client_order_id: ClientOrderId::new(crate::ids::RunId::new(1), u64::from(key.slot)),
            market: MarketIx(0),
            side: BookSide::Bid,
            price,
            quantity: Contracts::from_whole(1),
            time_in_force: TimeInForce::ImmediateOrCancel,
            expiration_secs: None,
            reduce_only: false,
            post_only: false,
            reference: price,
            received: Timestamp::ZERO,
            approved: Timestamp::ZERO,
        }
    }
}

/// A cancel request for one order known to the exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CancelOrder {
    /// The order's place in the oms.
    pub key: OrderKey,
    /// The exchange's id of it.
    pub order_id: OrderId,
    /// Its market (the exchange wants ticker and shard with the cancel).
    pub market: MarketIx,
}

/// oms → gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Send a new order. Only `risk` can make the approval.
    Submit(Approved<NewOrder>),
    /// Send an order's bytes again under the same id: its answer was lost.
    Resend(Approved<NewOrder>),
    /// Cancel one order.
    Cancel(CancelOrder),
    /// Cancel everything that rests, on all shards.
    CancelAll,
    /// Change an order that rests. Only `risk` can make the approval.
    Amend(Approved<AmendOrder>),
    /// Take some of an order that rests away.
    Decrease(DecreaseOrder),
    /// Orders for this market come from now on.
    List(ListedMarket),
}

/// What a request must say of a market.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListedMarket {
    /// Its place in the table.
    pub market: MarketIx,
    /// Its ticker.
    pub ticker: Ticker,
    /// Its shard.
    pub exchange_index: u8,
}

/// One execution at the exchange, from the WebSocket or from REST.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fill {
    /// Key of deduplication.
    pub trade_id: TradeId,
    /// The exchange's order id.
    pub order_id: OrderId,
    /// Ours, when the message carries it (REST fills do not) and it is ours.
    pub client_order_id: Option<ClientOrderId>,
    /// The market.
    pub ticker: Ticker,
    /// Side of the YES book our order was on.
    pub side: BookSide,
    /// YES-leg price.
    pub price: Price,
    /// Quantity.
    pub quantity: Contracts,
    /// What the exchange charged for it.
    pub fee: Money,
    /// Whether we took liquidity.
    pub is_taker: bool,
    /// The exchange's time of the trade.
    pub exchange_time: WallTime,
    /// When the bytes were in user memory.
    pub received: Timestamp,
    /// When decoding was finished.
    pub decoded: Timestamp,
    /// Where it was learnt.
    pub origin: Origin,
}

/// Where a report was learnt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Origin {
    /// WebSocket.
    Stream = 0,
    /// REST look-up or backfill.
    Rest = 1,
}

/// State of an order as the exchange reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ExchangeStatus {
    /// On the book, perhaps partly filled.
    Resting = 0,
    /// Ended with something left unfilled.
    Canceled = 1,
    /// Completely filled.
    Executed = 2,
}

/// An order as the exchange reports it (`user_order`, `GET /portfolio/orders`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderReport {
    /// The exchange's id.
    pub order_id: OrderId,
    /// Ours, when it is ours.
    pub client_order_id: Option<ClientOrderId>,
    /// The market.
    pub ticker: Ticker,
    /// Side of the YES book.
    pub side: BookSide,
    /// YES-leg limit price.
    pub price: Price,
    /// State.
    pub status: ExchangeStatus,
    /// Cumulative quantity filled.
    pub filled: Contracts,
    /// Quantity still resting.
    pub remaining: Contracts,
    /// Whether the exchange says the order ended because its time was up.
    pub expired: bool,
    /// When the bytes were in user memory.
    pub received: Timestamp,
    /// Where it was learnt.
    pub origin: Origin,
}

/// feed → oms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeedEvent {
    /// Connected and subscribed to every channel asked for. Fills may have been missed before.
    Up,
    /// The connection is gone; fills may be missed from now on.
    Down,
    /// Told while down: what the exchange told since then may have been missed, although later
    /// things were told.
    Missed {
        /// By our clock.
        since: WallTime,
    },
    /// News of markets, positions or groups may have been missed; fills and orders were not.
    NewsMissed,
    /// One of our orders traded.
    Fill(Fill),
    /// One of our orders changed.
    Order(OrderReport),
    /// The stream was heard, whatever it said: told at most once a second while it is up.
    Alive,
    /// Something happened to a market.
    Market(MarketNews),
    /// The account's position in a market, as the exchange has it.
    Position(HeldThere),
    /// Something happened to an order group of the account.
    Group(GroupNews),
}

/// The best prices of a market, from whoever knows them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BestQuote {
    /// The market.
    pub ticker: Ticker,
    /// Best bid on the YES book; `None` when nobody bids.
    pub bid: Option<Price>,
    /// Best ask on the YES book; `None` when nobody asks.
    pub ask: Option<Price>,
    /// When the market was not older than this.
    pub as_of: WallTime,
}

/// A market in which we were is over, and what it paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarketSettlement {
    /// The market.
    pub ticker: Ticker,
    /// What one YES contract pays: a dollar, nothing, or what a scalar market came to. A NO
    /// contract pays the rest of the dollar.
    pub yes_pays: Money,
    /// YES contracts the exchange says were held.
    pub yes: Contracts,
    /// NO contracts the exchange says were held.
    pub no: Contracts,
    /// What the exchange says it paid, in whole cents.
    pub revenue: Money,
    /// When.
    pub settled_at: WallTime,
}

/// oms → cold REST service (`reconcile/fetch`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchCommand {
    /// Find this order at the exchange by its client order id (listing its market's orders:
    /// the exchange has no look-up by client id), then report its fills.
    Order {
        /// The order.
        key: OrderKey,
        /// Our id, to find it by.
        client_order_id: ClientOrderId,
        /// The exchange's id, empty when it never gave one.
        order_id: OrderId,
        /// Its market.
        ticker: Ticker,
    },
    /// Report every fill since this time, then [`FetchEvent::BackfillDone`].
    Backfill {
        /// Start of the gap.
        since: WallTime,
    },
    /// Report the best prices of a market.
    Quote {
        /// The market.
        ticker: Ticker,
    },
    /// Report how a market stands, then [`FetchEvent::MarketRead`].
    Market {
        /// The market.
        ticker: Ticker,
    },
    /// Report every settlement since this time, then [`FetchEvent::SettlementsDone`].
    Settlements {
        /// The oldest to report.
        since: WallTime,
    },
    /// Report cash, positions, open orders and every fill since this time, then
    /// [`FetchEvent::AccountRead`].
    Account {
        /// The oldest fill to report.
        since: WallTime,
    },
}

/// A position as the exchange has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeldThere {
    /// The market.
    pub ticker: Ticker,
    /// Net position.
    pub position: Position,
    /// What the open position cost, without fees.
    pub cost: Money,
}

/// Cash as the exchange has it: what no order locks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CashThere {
    /// Where; `None` for the account as a whole, where the exchange does not tell shards apart.
    pub shard: Option<u8>,
    /// How much.
    pub cash: Money,
}

/// Cold REST service → oms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchEvent {
    /// A fill found by a look-up or a backfill; precedes the report or completion it belongs to.
    Fill(Fill),
    /// The order as the exchange has it. All its fills were reported before.
    Order {
        /// The order.
        key: OrderKey,
        /// What the exchange has.
        report: OrderReport,
    },
    /// A complete listing did not contain the order. Reads lag writes: one absence is no proof.
    OrderAbsent {
        /// The order.
        key: OrderKey,
    },
    /// The look-up could not be made; ask again later.
    OrderFailed {
        /// The order.
        key: OrderKey,
    },
    /// Every fill since the requested time has been reported.
    BackfillDone,
    /// The backfill could not be completed; ask again later.
    BackfillFailed,
    /// The best prices of a market.
    Quote(BestQuote),
    /// They could not be read.
    QuoteFailed {
        /// The market.
        ticker: Ticker,
    },
    /// How a market stands, told as what would have made it so; precedes the completion it belongs
    /// to.
    Market(MarketNews),
    /// How a market stands has been reported.
    MarketRead,
    /// It could not be read.
    MarketFailed,
    /// A market has settled; precedes the completion it belongs to.
    Settled(MarketSettlement),
    /// Every settlement since the requested time has been reported.
    SettlementsDone,
    /// The settlements could not be read; ask again later.
    SettlementsFailed,
    /// A reconciliation has compared books and exchange.
    Mismatches {
        /// Differences that last and are not repaired; none ends the matter.
        count: u32,
    },
    /// Of a reading of the account: an order that rests, ours or not.
    OpenOrder(OrderReport),
    /// Of a reading of the account: a position that is not flat.
    Held(HeldThere),
    /// Of a reading of the account: cash.
    Cash(CashThere),
    /// The account has been read whole: what was not reported since it was asked for is not there.
    AccountRead,
    /// The account could not be read whole, which is no evidence of anything; ask again later.
    AccountFailed,
}

/// Control surface and operating system → oms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ControlCommand {
    /// Stop everything, cancel what rests, stay stopped.
    Halt {
        /// Why, for the operator who finds it stopped.
        reason: Reason,
    },
    /// Trade again after a halt.
    Resume,
    /// No new orders, cancel what rests, then report
    /// [`Drained`](crate::recorder::record::Record::Drained).
    Drain,
    /// Cancel what rests, and trade on.
    CancelAll,
    /// Compare the books with the exchange's now.
    Reconcile,
    /// The exchange's clock was looked at.
    Clock {
        /// It is so far ahead of ours, or behind when negative.
        ahead_ms: i64,
    },
    /// The account's bucket of write tokens is of this size from now on.
    Tier {
        /// Tokens that come back per second.
        refill_per_sec: u32,
        /// Tokens of a full bucket.
        capacity: u32,
    },
}

/// What a person can ask the oms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    /// The engine at a glance.
    Status,
    /// What is held.
    Positions,
    /// What is alive.
    Orders,
    /// How books and exchange compare.
    Reconciliation,
}

/// Control surface → oms: answered with [`Told`](crate::recorder::told::Told), changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question {
    /// About what.
    pub topic: Topic,
    /// Where the page begins: 0, then what the page before named.
    pub from: u32,
}

// A ring slot is as large as its largest message: growth is a decision, not an accident.
const _: () = assert!(size_of::<Signal>() <= 320, "intake ring slot");
const _: () = assert!(size_of::<Command>() <= 128, "gateway command slot");
const _: () = assert!(size_of::<GatewayEvent>() <= 256, "gateway event slot");
const _: () = assert!(size_of::<FeedEvent>() <= 320, "feed event slot");
const _: () = assert!(size_of::<FetchEvent>() <= 320, "fetch event slot");
