//! Oms (stage 2 of 5): signals, answers and fills in; approved orders, look-ups and results out.

pub mod account;
mod admission;
mod amend;
mod answers;
mod backfill;
mod changes;
mod comparing;
pub mod config;
mod core;
mod costs;
mod deadlines;
mod endings;
mod entry;
mod execution;
mod following;
mod guarding;
mod identity;
mod index;
pub mod obstacle;
mod newcomers;
mod news;
mod outsiders;
mod past;
mod peg;
pub mod plan;
mod quotes;
mod reconciling;
mod repairs;
mod reports;
mod rereading;
mod resends;
mod rings;
mod settlement;
mod stage;
mod succession;
mod telling;
#[cfg(test)]
mod tests;
mod timers;
mod watch;

pub use self::core::{Core, Input, Opening, Outbox};
pub use self::rings::{OmsEnds, OmsRingSlots, OmsRings};
pub use self::stage::Oms;
