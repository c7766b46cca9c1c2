//! What happened at the exchange, in order: what WebSocket subscriptions are fed from.

use crate::message::BookSide;
use crate::sim::exchange::account::FillRecord;
use crate::sim::exchange::groups::GroupChange;
use crate::sim::exchange::market::FeeOverride;
use crate::sim::exchange::order::{ClientText, Order};
use crate::sim::exchange::seed::PriceStructure;
use crate::sim::exchange::settling::{Outcome, Settlement};
use crate::sim::venue::UserId;
use crate::units::{Contracts, Price, WallTime};

/// One change of one price level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BookChange {
    /// Index of the market.
    pub market: usize,
    /// Side of the YES book.
    pub side: BookSide,
    /// YES-leg price.
    pub price: Price,
    /// Change of the level's sum in hundredths of a contract.
    pub delta_centis: i64,
    /// The market's clock at this change.
    pub clock: u64,
    /// Whose order caused it.
    pub user: UserId,
    /// Which of the owner's accounts.
    pub subaccount: u8,
    /// That order's caller-given id.
    pub client_order_id: ClientText,
    /// When.
    pub time: WallTime,
}

/// A trade as everybody sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TradePrint {
    /// Bits of its UUID.
    pub trade_id: u128,
    /// Index of the market.
    pub market: usize,
    /// YES-leg price.
    pub price: Price,
    /// How many contracts.
    pub quantity: Contracts,
    /// Side of the order that took.
    pub taker_side: BookSide,
    /// When.
    pub time: WallTime,
}

/// What was done to a market. Opening and closing by the clock are not among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LifecycleChange {
    /// It is new.
    Created,
    /// It says something else about what YES means.
    Retitled,
    /// It was opened or re-activated.
    Activated,
    /// It was paused.
    Deactivated,
    /// It closes at another time.
    CloseDateUpdated(WallTime),
    /// It came out.
    Determined(Outcome),
    /// It was paid out.
    Settled,
    /// It has other valid prices.
    Restructured(PriceStructure),
}

/// Something that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExchangeEvent {
    /// A price level changed.
    Book(BookChange),
    /// A trade was printed.
    Trade(TradePrint),
    /// An account's order traded.
    Fill {
        /// Whose.
        user: UserId,
        /// What.
        fill: FillRecord,
    },
    /// An account's order changed; this is its state afterwards.
    Order(Order),
    /// Something was done to a market.
    Lifecycle {
        /// Index of the market.
        market: usize,
        /// What.
        change: LifecycleChange,
        /// When.
        time: WallTime,
    },
    /// There is a new event.
    EventCreated {
        /// Index of its first market.
        market: usize,
    },
    /// An event's fees are others.
    EventFees {
        /// Index of one of its markets.
        market: usize,
        /// What they are; the series' again when `None`.
        fees: Option<FeeOverride>,
    },
    /// Something happened to an order group.
    Group {
        /// Whose.
        user: UserId,
        /// Bits of the group's UUID.
        id: u128,
        /// What.
        change: GroupChange,
        /// When.
        time: WallTime,
    },
    /// A member was paid out.
    Settlement {
        /// Who.
        user: UserId,
        /// What.
        settlement: Settlement,
    },
    /// An account's position changed.
    Position {
        /// Whose.
        user: UserId,
        /// Which of its accounts.
        subaccount: u8,
        /// Index of the market.
        market: usize,
    },
}
