//! The design, whole: what is decided where, and why, stands beside the code it is about.
//!
#![doc = include_str!("architecture.md")]

pub mod cli;
pub mod config;
pub mod engine;
pub mod units;
pub mod ids;
pub mod message;
pub mod order;
pub mod risk;
pub mod intake;
pub mod oms;
pub mod gateway;
pub mod feed;
pub mod recorder;
pub mod reconcile;
pub mod kalshi;
pub mod proto;
pub mod runtime;
pub mod net;
pub mod report;
pub mod control;
#[cfg(feature = "sim")]
pub mod sim;
pub mod paper;
