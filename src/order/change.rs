//! A change of a resting order that the exchange has been asked for and has not confirmed.
//!
//! Until it has, the order may be as it was or as it should be: whoever counts exposure counts the
//! worse of the two. A missing answer leaves it so until a look-up tells.

use crate::units::{Contracts, Price, Timestamp};

/// What is known of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeStage {
    /// Its answer may still come.
    Asked,
    /// Its answer is missing since then.
    Lost(Timestamp),
}

/// The terms an order may have by now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// Limit price of the YES leg.
    pub price: Price,
    /// Quantity, what has filled included.
    pub quantity: Contracts,
    /// When it was asked for.
    pub asked: Timestamp,
    /// What is known of it.
    pub stage: ChangeStage,
}
