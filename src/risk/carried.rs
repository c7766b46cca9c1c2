//! What of risk's state and of the books outlives the process, as it stands in the journal.

use super::breaker::CarriedBreaker;
use super::day::Day;
use crate::ids::{Reason, Ticker, TradeId};
use crate::kalshi::market::Market;
use crate::units::{Money, Position, WallTime};

/// A halt: sticky, ended by a person only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Halt {
    /// Why, for whoever finds it.
    pub reason: Reason,
    /// Since when.
    pub since: WallTime,
}

/// The account's part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Carried {
    /// Counters of the day.
    pub day: Day,
    /// Markets settled at a loss in a row.
    pub consecutive_losses: u32,
    /// The halt, when there is one.
    pub halt: Option<Halt>,
    /// The breaker.
    pub breaker: CarriedBreaker,
    /// Differences between books and exchange that are not repaired.
    pub mismatches: u32,
    /// Orders in a row that broke the latency budget.
    pub latency_breaches: u32,
    /// When the last order or cancel went out: write tokens have come back since then at least.
    /// Known at the beginning of a run only.
    pub last_message: WallTime,
    /// Orders sent within the last minute: known at the beginning of a run only.
    pub recent_orders: u32,
    /// Orders rejected within the last minute: known at the beginning of a run only.
    pub recent_rejects: u32,
    /// When everything was last cancelled: for a while the exchange may take new orders with it.
    pub cancelled_all: WallTime,
}

/// One market's part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CarriedMarket {
    /// The market.
    pub ticker: Ticker,
    /// Why nothing is traded in it until a person resumes; `None` when trading goes on.
    pub stop: Option<Reason>,
    /// Executions on the bid's and the ask's side within the window: known at the beginning of a
    /// run only.
    pub repeats: [u8; 2],
}

/// What the oms wants kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// The account's part, whole.
    Account(Carried),
    /// One market's part.
    Market(CarriedMarket),
    /// A market's row in the table, whose orders come from now on.
    Listed(Market),
}

/// One piece of what a former run left, as it stands in the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Past {
    /// A market in which it was, and which had not settled.
    Market(PastMarket),
    /// A fill that it has booked and that may be told again.
    Trade(TradeId),
    /// From when on the exchange may have more to tell.
    Unheard {
        /// Fills.
        fills_from: WallTime,
        /// Settlements.
        settled_from: WallTime,
    },
}

/// What was held in a market and what it had come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PastMarket {
    /// The market.
    pub ticker: Ticker,
    /// What was held.
    pub position: Position,
    /// What that had cost, without fees.
    pub cost: Money,
    /// Profit of what was closed, without fees.
    pub realized: Money,
    /// Fees of its fills.
    pub fees: Money,
}
