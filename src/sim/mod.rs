//! Standing in for the world: a simulated exchange with Kalshi's rules, served over real sockets
//! or polled on one thread under a virtual clock.
#![doc = include_str!("testing_your_client.md")]

pub mod auth;
mod cert;
pub mod keys;
pub mod server;
pub mod api;
pub mod exchange;
pub mod faults;
pub(crate) mod participants;
pub mod replay;
#[cfg(test)]
mod fixture;
mod stream;
mod text;
pub mod venue;
pub mod world;

pub use crate::net::ready;
