//! What the exchange has, fetched by cold REST reads: at start, for one order, for missed fills.
//!
//! [`client`] makes one signed GET at a time without blocking; [`fetch`] answers the oms's
//! questions with it; [`snapshot`] reads everything the engine must know before it trades.
//! They decide nothing: they report evidence, or that there is none to be had now. [`diff`] says
//! what must be equal and what is done when it is not; the oms compares and repairs.

pub mod client;
pub mod diff;
pub mod fetch;
mod listing;
pub mod snapshot;
pub mod suspects;

#[cfg(test)]
mod scripted;
