//! The order: one mutator, one transition table, one slab. Pure; names nothing below.

mod change;
mod record;
mod slab;
mod state;

pub use change::{Change, ChangeStage};
pub use record::{Ending, Order};
pub use slab::{ORDERS_MAX, OrderSlab};
pub use state::{Event, IllegalTransition, State, next};
