#![doc = include_str!("architecture.md")]

pub mod units;
pub mod config;
pub mod gateway;
pub mod ids;
pub mod message;
pub mod order;
pub mod paper;
pub mod risk;
pub mod recorder;
pub mod kalshi;
pub mod runtime;
pub mod net;
pub mod oms;
#[cfg(feature = "sim")]
pub mod sim;
