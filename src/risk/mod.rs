//! The gate: one pure function per limit, and the proof that all of them were asked.
//!
//! In: an order, the books it would change, the configured limits, the time. Out:
//! [`Approved`] or the first [`Refusal`], cheapest limit first. Checking never changes state;
//! only sending does. A limit whose input is missing refuses.

mod approved;
mod refusal;

pub use approved::Approved;
pub use refusal::{Limit, Refusal};
