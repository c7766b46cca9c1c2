#![doc = include_str!("architecture.md")]

pub mod ids;
pub mod kalshi;
pub mod message;
pub mod net;
pub mod order;
pub mod recorder;
pub mod report;
pub mod risk;
pub mod runtime;
#[cfg(feature = "sim")]
pub mod sim;
pub mod units;
