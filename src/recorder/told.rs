//! What the oms tells a person who asks, and how it reaches who answers them.
//!
//! In: [`Told`] among the oms's records, a page at a time. Out: [`Heard`] on a channel to the
//! control service, the counts of the recorder added. Telling changes nothing and is not journaled.

use crate::ids::{ClientOrderId, OrderId, Ticker};
use crate::message::BookSide;
use crate::order::State;
use crate::reconcile::diff::Invariant;
use crate::recorder::summary::Summary;
use crate::risk::{BreakerState, Halt};
use crate::units::{Contracts, Money, Nanos, Position, Price, WallTime};

/// Most positions or orders in one page, so that one question is a bounded amount of work.
pub const PAGE_MAX: usize = 64;

/// Whether orders may go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trading {
    /// Yes.
    Open,
    /// Not before a person resumes.
    Halted,
    /// A link is down or still catching up.
    NotReady,
    /// The run is ending.
    Draining,
}

impl Trading {
    /// The word in answers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Halted => "halted",
            Self::NotReady => "not_ready",
            Self::Draining => "draining",
        }
    }
}

/// The engine at a glance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatusTold {
    /// Whether orders may go out.
    pub trading: Trading,
    /// Why not and since when, when it was halted.
    pub halted: Option<Halt>,
    /// The circuit breaker.
    pub breaker: BreakerState,
    /// Markets settled at a loss in a row.
    pub consecutive_losses: u32,
    /// Order connections that are up.
    pub connections: u16,
    /// Orders not yet at their end.
    pub open_orders: u32,
    /// Markets stopped until a person resumes.
    pub stopped_markets: u32,
    /// Cash.
    pub cash: Money,
    /// Cash held back for orders not yet at their end.
    pub reserved: Money,
    /// Orders of the day.
    pub day_orders: u32,
    /// Contracts of the day, in flight included.
    pub day_volume: Contracts,
    /// What the day has lost.
    pub day_loss: Money,
}

/// One market in which something is held, alive, or stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PositionTold {
    /// The market.
    pub ticker: Ticker,
    /// Net position.
    pub position: Position,
    /// What it cost.
    pub cost: Money,
    /// The position if everything alive filled on its worse side.
    pub worst_case: Contracts,
    /// Orders alive in it.
    pub open_orders: u32,
    /// Whether it is stopped until a person resumes.
    pub stopped: bool,
}

/// One order not yet at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderTold {
    /// Our id.
    pub client_order_id: ClientOrderId,
    /// The exchange's id, empty until known.
    pub order_id: OrderId,
    /// The market.
    pub ticker: Ticker,
    /// Side of the YES book.
    pub side: BookSide,
    /// YES-leg limit price.
    pub price: Price,
    /// Where it is in its life.
    pub state: State,
    /// Quantity ordered.
    pub quantity: Contracts,
    /// Quantity filled.
    pub filled: Contracts,
    /// Since its approval.
    pub age: Nanos,
}

/// How books and exchange compared the last time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReconciliationTold {
    /// Comparisons completed in this run.
    pub readings: u32,
    /// When the exchange was asked for the last of them.
    pub read_at: Option<WallTime>,
    /// Differences it found, by invariant.
    pub found: [u16; Invariant::ALL.len()],
    /// Of those, what has lasted and stops trading.
    pub mismatches: u32,
    /// What was repaired.
    pub repaired: u32,
    /// What may be gone with the next one.
    pub open: u32,
    /// Readings that could not be completed.
    pub failures: u32,
    /// Whether another one is under way.
    pub under_way: bool,
}

/// One piece of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// The whole answer to a question about the state.
    Status(StatusTold),
    /// One position.
    Position(PositionTold),
    /// One order.
    Order(OrderTold),
    /// How books and exchange compare.
    Reconciliation(ReconciliationTold),
    /// The page is complete; ask again from here for the next one.
    PageEnd {
        /// `None` after the last page.
        next: Option<u32>,
    },
}

/// What the control service hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// What the oms told.
    Told(Told),
    /// The run as counted so far, before [`Told::Status`].
    Counted(Box<Summary>),
}
