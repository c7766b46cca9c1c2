#![doc = include_str!("architecture.md")]

pub mod ids;
pub mod intake;
pub mod kalshi;
pub mod message;
pub mod net;
pub mod order;
pub mod recorder;
pub mod risk;
pub mod runtime;
#[cfg(feature = "sim")]
pub mod sim;
pub mod units;
