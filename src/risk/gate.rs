//! The gate itself: every limit asked in order, the first no is the answer.

mod checks;

use super::limits::Limits;
use super::series::Listing;
use super::{
    Approved, BreakerState, Day, Exposure, Guard, Limit, MarketExposure, Refusal, Throttle,
};
use crate::kalshi::market::Market;
use crate::message::{Action, NewOrder};
use crate::units::{Money, Now, Price, PriceDelta, WallTime};

/// Whether the engine may send at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// Links are up and books are known.
    Ready,
    /// Not yet, not now, or no more (link down, backfill under way, draining).
    NotReady,
    /// Stopped by a person or a fault.
    Halted,
}

/// Which order of its signal this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Child {
    /// The first: a new execution.
    First,
    /// A later one, for what the former left unfilled.
    Later,
}

/// An order and what the signal behind it said.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The order as it would be sent.
    pub order: &'a NewOrder,
    /// Which order of its signal it is.
    pub child: Child,
    /// What the signal asked for.
    pub action: Action,
    /// The price the signal saw, on the YES book: its ask for bids, one minus NO's ask for asks.
    pub reference: Price,
    /// The signal's edge against its ask.
    pub edge: PriceDelta,
    /// When the market was seen, by the producer or, for later orders, by us; `None` when the
    /// producer does not say: then the signal's arrival counts.
    pub produced_at: Option<WallTime>,
    /// Not to be executed later.
    pub expires_at: Option<WallTime>,
    /// Worst taker fee of the whole order at its limit.
    pub fee: Money,
}

impl Question<'_> {
    /// What the order takes from cash if it fills whole at its limit, without fee: the price of
    /// the acquired leg. Leaving a position takes nothing.
    #[must_use]
    pub fn cost(&self) -> Money {
        if self.action.is_buy() {
            self.order.side.own_price(self.order.price) * self.order.quantity
        } else {
            Money::ZERO
        }
    }

    /// What must be held back while the order lives: price and fee as if it opened a position,
    /// also when it leaves one. Another order may be booked as leaving that position first, and
    /// then this one's fills are what opened: only the sum over all fills does not depend on the
    /// order in which they become known.
    #[must_use]
    pub fn reserve(&self) -> Money {
        self.order.side.own_price(self.order.price) * self.order.quantity + self.fee
    }
}

/// What the limits look at.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The bounds.
    pub limits: &'a Limits,
    /// The time.
    pub now: Now,
    /// Whether the engine may send at all.
    pub readiness: Readiness,
    /// Breaker, rates, links and clocks.
    pub guard: &'a Guard,
    /// Whether this market is stopped until it is reconciled.
    pub market_stopped: bool,
    /// The market.
    pub market: &'a Market,
    /// What the series rules say of it.
    pub listing: Listing,
    /// What is alive and held, everywhere.
    pub exposure: &'a Exposure,
    /// The day's counters.
    pub day: &'a Day,
    /// Order rate.
    pub throttle: &'a Throttle,
    /// Orders alive in all markets.
    pub open_orders: u32,
    /// Cash as booked.
    pub cash: Money,
    /// Cash on the market's shard, where the exchange keeps it by shard.
    pub shard_cash: Option<Money>,
}

impl Facts<'_> {
    /// What is alive and held in the order's market.
    #[must_use]
    pub fn own(&self) -> &MarketExposure {
        self.exposure.market(self.market.ix)
    }
}

/// One limit: changes nothing, says no with numbers.
pub(super) type Check = fn(&Question<'_>, &Facts<'_>) -> Result<(), Refusal>;

/// A limit that asks whether anything may be sent, whatever the signal behind it said.
type StateCheck = fn(&NewOrder, &Facts<'_>) -> Result<(), Refusal>;

/// A limit's name and its function.
type Row = (Limit, Check);

/// The same for what a repetition is asked as well.
type StateRow = (Limit, StateCheck);

// Every limit once, cheapest first, in the order of [`Limit`]. Four short tables instead of a long
// one: loops of this length are unrolled, and a call that is known is not an indirect one.

/// Whether anything may be sent at all, and in this market: repetitions are asked this, too.
const STATES: [StateRow; 12] = [
    (Limit::Halted, checks::halted),
    (Limit::BreakerOpen, checks::breaker_open),
    (Limit::ProbeSize, checks::probe_size),
    (Limit::NotReady, checks::not_ready),
    (Limit::LinkHealth, checks::link_health),
    (Limit::ExchangePaused, checks::exchange_paused),
    (Limit::ClockSkew, checks::clock_skew),
    (Limit::Mismatch, checks::mismatch),
    (Limit::Conservation, checks::conservation),
    (Limit::MarketStopped, checks::market_stopped),
    (Limit::SeriesNotAllowed, checks::series_allowed),
    (Limit::MarketInactive, checks::market_active),
];

/// What the order says.
const TERMS: [Row; 5] = [
    (Limit::SignalAge, checks::signal_age),
    (Limit::PositionSize, checks::position_size),
    (Limit::RiskPerTrade, checks::risk_per_trade),
    (Limit::PriceCollar, checks::price_collar),
    (Limit::MinimumEdge, checks::minimum_edge),
];

/// What the day, the losses and the rates leave.
const RATES: [Row; 9] = [
    (Limit::DailyTrades, checks::daily_trades),
    (Limit::DailyVolume, checks::daily_volume),
    (Limit::DailyLoss, checks::daily_loss),
    (Limit::ConsecutiveLosses, checks::consecutive_losses),
    (Limit::RejectsPerMinute, checks::rejects_per_minute),
    (Limit::RepeatedExecution, checks::repeated_execution),
    (Limit::OrdersPerMinute, checks::orders_per_minute),
    (Limit::OrderSpacing, checks::order_spacing),
    (Limit::MessagesPerSecond, |question, facts| {
        checks::messages_per_second(question.order, facts)
    }),
];

/// What is alive and held already.
const STAKES: [Row; 8] = [
    (Limit::OpenOrders, checks::open_orders),
    (Limit::OpenOrdersPerMarket, checks::open_orders_per_market),
    (Limit::SelfCross, checks::self_cross),
    (Limit::RestingValue, checks::resting_value),
    (Limit::EventPosition, checks::event_position),
    (Limit::SportExposure, checks::sport_exposure),
    (Limit::Balance, checks::balance),
    (Limit::NothingToSell, checks::nothing_to_sell),
];

/// Asks every limit. Changes nothing.
///
/// # Errors
/// The first [`Refusal`].
pub fn approve(question: &Question<'_>, facts: &Facts<'_>) -> Result<Approved<NewOrder>, Refusal> {
    for (_, check) in STATES {
        check(question.order, facts)?;
    }
    for (_, check) in TERMS {
        check(question, facts)?;
    }
    for (_, check) in RATES {
        check(question, facts)?;
    }
    for (_, check) in STAKES {
        check(question, facts)?;
    }
    Ok(Approved::new(*question.order))
}

/// Asks whether an order may be written once more, after its answer was lost: what stands in the
/// way of any order now, and write tokens. What it says and stakes was asked when it was new. A
/// half-open breaker probes with a new order. Changes nothing.
///
/// # Errors
/// The first [`Refusal`].
pub fn allow_again(order: &NewOrder, facts: &Facts<'_>) -> Result<(), Refusal> {
    if facts.guard.breaker().state() != BreakerState::Closed {
        return Err(Refusal { limit: Limit::BreakerOpen, value: 1, bound: 0 });
    }
    for (_, check) in STATES {
        check(order, facts)?;
    }
    checks::messages_per_second(order, facts)
}

#[cfg(test)]
mod tests;
