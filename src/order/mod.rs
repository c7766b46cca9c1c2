//! The order: one mutator, one transition table, one slab. Pure; names nothing below.

mod state;

pub use state::{Event, IllegalTransition, State};
