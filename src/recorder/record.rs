//! What the hot stages tell the recorder: facts, `Copy`, no strings.
//!
//! Every hot stage has its own ring of [`Record`]s into the recorder. The journal is not fed
//! from here: the oms writes it itself before it acts (see `recorder/journal.rs`).

use crate::ids::{
    ClientOrderId, ExecutionId, OrderId, Reason, SignalId, SourceId, Ticker, TradeId,
};
use crate::message::{Action, BookSide, TroubleNews};
use crate::order::State;
use crate::recorder::feed_links::FeedLinkTold;
use crate::recorder::told::Told;
use crate::risk::Refusal;
use crate::units::{Contracts, Money, Nanos, Position, Price, PriceDelta, Timestamp};

/// The hops of the latency report (`execution-layer` §9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Hop {
    /// Signal bytes in memory → signal decoded.
    Decode = 0,
    /// Signal taken by the oms → order approved.
    Risk = 1,
    /// Order taken by the gateway → request bytes complete.
    Encode = 2,
    /// Request bytes → TLS records.
    Seal = 3,
    /// TLS records → `send` returned.
    Send = 4,
    /// Signal bytes in memory → `send` returned.
    TickToWire = 5,
    /// `send` returned → response decoded.
    Ack = 6,
    /// Fill bytes in memory → fill decoded.
    FillDecode = 7,
    /// Fill decoded → positions updated.
    FillApply = 8,
    /// Signal bytes in memory → first fill applied.
    SignalToFill = 9,
    /// Message given to the network by the exchange → its bytes in memory, by two clocks.
    FeedLatency = 10,
}

impl Hop {
    /// How many hops there are.
    pub const COUNT: usize = 11;

    /// All hops, in the order of the flow.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Decode,
        Self::Risk,
        Self::Encode,
        Self::Seal,
        Self::Send,
        Self::TickToWire,
        Self::Ack,
        Self::FillDecode,
        Self::FillApply,
        Self::SignalToFill,
        Self::FeedLatency,
    ];

    /// The name in reports and file names.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Decode => "decode",
            Self::Risk => "risk",
            Self::Encode => "encode",
            Self::Seal => "seal",
            Self::Send => "send",
            Self::TickToWire => "tick_to_wire",
            Self::Ack => "ack",
            Self::FillDecode => "fill_decode",
            Self::FillApply => "fill_apply",
            Self::SignalToFill => "signal_to_fill",
            Self::FeedLatency => "feed_latency",
        }
    }
}

/// Spans of one execution by hop; `None` where the hop did not happen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hops {
    /// Indexed by [`Hop`].
    pub spans: [Option<Nanos>; Hop::COUNT],
}

impl Hops {
    /// Notes one hop's span.
    pub const fn set(&mut self, hop: Hop, span: Nanos) {
        self.spans[hop as usize] = Some(span);
    }
}

/// Why a line of input is not a signal (`execution-layer` §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Malformed {
    /// Not JSON.
    Json = 0,
    /// Not UTF-8.
    Utf8 = 1,
    /// A required field is absent; the detail names it.
    MissingField = 2,
    /// A field has a value that is not allowed; the detail names field and value.
    BadValue = 3,
    /// The line is longer than 64 KiB.
    LineTooLong = 4,
    /// The source ended in the middle of a line.
    CutShort = 5,
}

impl Malformed {
    /// The error code in results.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Json => "bad_json",
            Self::Utf8 => "bad_utf8",
            Self::MissingField => "missing_field",
            Self::BadValue => "bad_value",
            Self::LineTooLong => "line_too_long",
            Self::CutShort => "cut_short",
        }
    }
}

/// Most child orders one execution can have: the first and its retries (`orders.retries_max`).
pub const CHILDREN_MAX: usize = 8;

/// One child order in an [`ExecutionResult`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChildResult {
    /// Our id.
    pub client_order_id: ClientOrderId,
    /// The exchange's id, empty when it never gave one.
    pub order_id: OrderId,
    /// Final state.
    pub state: State,
    /// Limit price of the leg the signal spoke of.
    pub limit_price: Price,
    /// Quantity ordered.
    pub contracts: Contracts,
    /// Quantity filled.
    pub filled: Contracts,
}

/// How an execution ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A limit refused it; no order was sent.
    Refused(Refusal),
    /// `should_trade` was false.
    NotTradeable,
    /// Orders were sent; this is the last child's state.
    Ended(State),
}

/// An error to show with a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResultError {
    /// Machine-readable.
    pub code: Reason,
    /// For people.
    pub message: Reason,
}

/// The one final answer to a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExecutionResult {
    /// Where the answer goes.
    pub source: SourceId,
    /// The signal.
    pub signal_id: SignalId,
    /// Its execution.
    pub execution_id: ExecutionId,
    /// The market.
    pub ticker: Ticker,
    /// What was asked.
    pub action: Action,
    /// How it ended.
    pub outcome: Outcome,
    /// Quantity asked.
    pub contracts: Contracts,
    /// Quantity filled over all children.
    pub filled: Contracts,
    /// What was paid for it without fees (of the leg the signal spoke of; negative for sells).
    pub cost: Money,
    /// Fees.
    pub fees: Money,
    /// The signal's ask (buys) or bid (sells) of its leg: what slippage is measured against.
    pub expected_price: Option<Price>,
    /// The signal's edge.
    pub edge: PriceDelta,
    /// Re-priced children after the first.
    pub retries: u8,
    /// Set when the exchange refused or something failed.
    pub error: Option<ResultError>,
    /// Children, in the order sent; `None` past the last.
    pub orders: [Option<ChildResult>; CHILDREN_MAX],
    /// Where the time went.
    pub hops: Hops,
}

/// A fill as booked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BookedFill {
    /// Execution it belongs to.
    pub execution_id: ExecutionId,
    /// The exchange's trade id.
    pub trade_id: TradeId,
    /// Our order.
    pub client_order_id: ClientOrderId,
    /// The market.
    pub ticker: Ticker,
    /// Side of the YES book.
    pub side: BookSide,
    /// YES-leg price.
    pub price: Price,
    /// Quantity.
    pub quantity: Contracts,
    /// Fee charged.
    pub fee: Money,
    /// Whether we took liquidity.
    pub is_taker: bool,
}

/// A fill that was booked and is not at the exchange any more: its booking was undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FillVoided {
    /// The exchange's trade id.
    pub trade_id: TradeId,
    /// The market.
    pub ticker: Ticker,
    /// Side of the YES book.
    pub side: BookSide,
    /// YES-leg price.
    pub price: Price,
    /// Quantity.
    pub quantity: Contracts,
    /// The fee that came back.
    pub fee: Money,
}

/// The exchange's split of a total between the cost of a position and realised profit was taken
/// over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Restated {
    /// The market.
    pub ticker: Ticker,
    /// What is held.
    pub position: Position,
    /// What it has cost, from here on.
    pub cost: Money,
    /// By how much realised profit grew.
    pub realized: Money,
}

/// Hot stage → recorder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "ring slots are preallocated; no box on the hot path"
)]
pub enum Record {
    /// intake: a line (or a member of a batch) arrived, whatever became of it.
    Received,
    /// intake: a line was not a signal.
    Malformed {
        /// Who sent it.
        source: SourceId,
        /// Line number at that source, from 1.
        line: u64,
        /// What is wrong.
        kind: Malformed,
        /// Field and value.
        detail: Reason,
    },
    /// intake or oms: the final answer to a signal.
    Result(ExecutionResult),
    /// intake: a source has ended and everything it sent has been passed on.
    SourceEnded {
        /// Which.
        source: SourceId,
    },
    /// any: one measured span.
    Span {
        /// Which.
        hop: Hop,
        /// How long.
        span: Nanos,
    },
    /// feed: by the exchange's clock a message was sent after it was here by ours; its latency
    /// counts as none.
    SentAhead,
    /// gateway: an order went out with a signature made ahead (`true`) or inline (`false`).
    Presign {
        /// Made ahead.
        hit: bool,
    },
    /// oms: an order's bytes are with the kernel.
    OrderSent {
        /// Which order.
        client_order_id: ClientOrderId,
        /// When `send` had returned.
        at: Timestamp,
    },
    /// oms: an order became terminal, or unknown for good.
    OrderEnded {
        /// Which order.
        client_order_id: ClientOrderId,
        /// Its last state.
        state: State,
        /// How much of it traded.
        filled: Contracts,
    },
    /// oms: a fill was booked.
    Fill(BookedFill),
    /// oms: a fill that was booked is not at the exchange any more; its booking was undone.
    FillVoided(FillVoided),
    /// oms: what a position cost was taken over from the exchange.
    Restated(Restated),
    /// oms: trading stopped.
    Halted {
        /// Why.
        reason: Reason,
    },
    /// oms: trading resumed.
    Resumed,
    /// control: how long a command to halt took from its arrival to the oms having halted.
    KillSwitch {
        /// How long.
        span: Nanos,
    },
    /// oms: a piece of an answer to a person.
    Told(Told),
    /// oms: something a person should know (a market stopped, an illegal transition…).
    Alert {
        /// Where; empty when it concerns no market.
        ticker: Ticker,
        /// What.
        reason: Reason,
    },
    /// oms, feed or dialler: a condition with a name begins or is over.
    Trouble(TroubleNews),
    /// feed: one of its connections, as it stands.
    FeedLink(FeedLinkTold),
    /// oms: the run is ending; from here on what rests is cancelled.
    Draining,
    /// oms: links were lost, and orders may go out again.
    Reconnected {
        /// From the loss until then.
        span: Nanos,
    },
    /// oms: a market in which we were is over.
    Settled {
        /// The market.
        ticker: Ticker,
        /// What was held.
        position: Position,
        /// What a YES contract paid.
        yes_pays: Money,
        /// What the market made in this run, all fees deducted.
        result: Money,
    },
    /// oms, at the end: what one market has come to.
    FinalPnl {
        /// The market.
        ticker: Ticker,
        /// Profit of what was closed or settled, without fees.
        realized: Money,
        /// Profit of the open position halfway between the best prices known, without fees;
        /// `None` when none are.
        unrealized: Option<Money>,
        /// Fees.
        fees: Money,
    },
    /// oms, at the end: what is held in one market.
    FinalPosition {
        /// The market.
        ticker: Ticker,
        /// Net position.
        position: Position,
        /// What it cost.
        cost: Money,
    },
    /// oms, at the end: the account.
    FinalAccount {
        /// Cash.
        cash: Money,
        /// Fees paid.
        fees: Money,
        /// Profit or loss of closed positions.
        realized: Money,
        /// Orders whose fate was never learnt.
        unknown_orders: u32,
    },
    /// oms, last of all: nothing rests, nothing is in flight (or the drain's bound has passed).
    Drained,
}

const _: () = assert!(size_of::<Record>() <= 1_536, "recorder ring slot");
