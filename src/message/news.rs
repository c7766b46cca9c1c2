//! News of markets and order groups from the exchange's stream.

use crate::ids::{OrderGroupId, Ticker};
use crate::kalshi::market::{FeeSchedule, TickGrid};
use crate::units::WallTime;

/// What became of a market.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MarketChange {
    /// It takes orders again. What rested in it was cancelled.
    Activated,
    /// It takes no orders.
    Deactivated,
    /// It takes orders until then.
    Closes(WallTime),
    /// Its outcome is known.
    Determined,
    /// It has paid.
    Settled,
    /// Other prices are valid; what rests is carried over.
    Prices(TickGrid),
    /// It was listed, and opens then.
    Created(WallTime),
    /// What the stream does not tell of a market that is open: it was read.
    Terms {
        /// Its shard.
        exchange_index: u8,
        /// How its series charges; `None` when that is not understood.
        fees: Option<FeeSchedule>,
    },
}

/// Something happened to a market.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarketNews {
    /// The market.
    pub ticker: Ticker,
    /// What.
    pub change: MarketChange,
}

/// What became of an order group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum GroupChange {
    /// Its orders were cancelled and it takes no new ones.
    Triggered = 0,
    /// It takes orders again.
    Reset = 1,
    /// It is gone.
    Deleted = 2,
}

/// Something happened to an order group of the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupNews {
    /// The group.
    pub id: OrderGroupId,
    /// What.
    pub change: GroupChange,
}
