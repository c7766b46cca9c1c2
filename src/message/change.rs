//! Changes of an order that rests: another price, or fewer contracts.
//!
//! Neither makes a new order: key, ids, side and life stay. An amendment is asked of every limit
//! like an order and travels with its approval; a decrease can only make the worst case smaller.

use crate::ids::{ClientOrderId, MarketIx, OrderId, OrderKey};
use crate::message::BookSide;
use crate::units::{Contracts, Price, Timestamp};

/// An order that rests, as it should be from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AmendOrder {
    /// The order's place in the oms.
    pub key: OrderKey,
    /// The exchange's id of it.
    pub order_id: OrderId,
    /// Ours: named with the amendment, so that it can meet no other order.
    pub client_order_id: ClientOrderId,
    /// Its market.
    pub market: MarketIx,
    /// Its side of the YES book, which stays.
    pub side: BookSide,
    /// The new limit, YES leg, on the market's tick grid.
    pub price: Price,
    /// The total it may fill, what has filled included.
    pub quantity: Contracts,
    /// When the oms had approved it.
    pub approved: Timestamp,
}

/// An order that rests is wanted for fewer contracts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecreaseOrder {
    /// The order's place in the oms.
    pub key: OrderKey,
    /// The exchange's id of it.
    pub order_id: OrderId,
    /// Its market (the exchange wants ticker and shard).
    pub market: MarketIx,
    /// By how much. Not "to how much": fills on their way would make that another total.
    pub by: Contracts,
    /// When the oms decided it.
    pub decided: Timestamp,
}
