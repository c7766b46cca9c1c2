#![doc = include_str!("architecture.md")]

pub mod feed;
pub mod gateway;
pub mod ids;
pub mod kalshi;
pub mod message;
pub mod net;
pub mod order;
pub mod proto;
pub mod reconcile;
pub mod recorder;
pub mod risk;
pub mod runtime;
#[cfg(feature = "sim")]
pub mod sim;
pub mod units;
