//! Approval of an amended order: every limit asked again, as if it were a new one in its place.
//!
//! The caller has taken the order as it is out of what the limits look at, so that it does not
//! stand in its own way; what may still fill at the old price stays reserved beside.

use super::gate::{Facts, Question, approve};
use super::{Approved, Refusal};
use crate::message::AmendOrder;
use crate::units::Contracts;

/// Asks every limit about what `amend` makes of an order of which `filled` is no longer open.
///
/// # Errors
/// The first [`Refusal`].
///
/// # Panics
/// When the question is about another order, price or quantity than the amendment.
pub fn approve_amendment(
    question: &Question<'_>,
    facts: &Facts<'_>,
    amend: AmendOrder,
    filled: Contracts,
) -> Result<Approved<AmendOrder>, Refusal> {
    let asked = question.order;
    assert!(asked.key == amend.key, "the limits are asked about this very order");
    assert!(asked.client_order_id == amend.client_order_id, "and under its own name");
    assert!((asked.market, asked.side) == (amend.market, amend.side), "where it is");
    assert!(asked.price == amend.price, "at the price it will have");
    assert!(asked.quantity + filled == amend.quantity, "for what it may still fill");
    approve(question, facts).map(|_| Approved::new(amend))
}
