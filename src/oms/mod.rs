//! Oms (stage 2 of 5): signals, answers and fills in; approved orders, look-ups and results out.

pub mod account;
mod answers;
mod backfill;
pub mod config;
mod core;
mod deadlines;
mod endings;
mod entry;
mod execution;
mod guarding;
mod identity;
mod index;
pub mod plan;
mod reports;
mod stage;
mod telling;
mod timers;

pub use self::core::{Core, Input, Opening, Outbox};
pub use self::stage::{Oms, OmsRings};
