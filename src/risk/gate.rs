//! The gate itself: every limit asked in order, the first no is the answer.

use super::limits::Limits;
use super::{Approved, Day, Limit, MarketExposure, Refusal, Throttle};
use crate::kalshi::market::Market;
use crate::message::{Action, BookSide, NewOrder};
use crate::units::{Contracts, Money, Now, Price, PriceDelta, WallTime};

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

/// An order and what the signal behind it said.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The order as it would be sent.
    pub order: &'a NewOrder,
    /// What the signal asked for.
    pub action: Action,
    /// The price the signal saw, on the YES book: its ask for bids, one minus NO's ask for asks.
    pub reference: Price,
    /// The signal's edge against its ask.
    pub edge: PriceDelta,
    /// When the producer saw the market.
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
    /// Whether this market is stopped until it is reconciled.
    pub market_stopped: bool,
    /// The market.
    pub market: &'a Market,
    /// What is alive and held in it.
    pub exposure: &'a MarketExposure,
    /// Worst case of its event now.
    pub event_worst: Contracts,
    /// The day's counters.
    pub day: &'a Day,
    /// Order rate.
    pub throttle: &'a Throttle,
    /// Orders alive in all markets.
    pub open_orders: u32,
    /// Cash as booked.
    pub cash: Money,
    /// Of which live orders may still take this.
    pub reserved: Money,
}

type Check = fn(&Question<'_>, &Facts<'_>) -> Result<(), Refusal>;

/// Every limit, cheapest first, in the order of [`Limit`].
const CHECKS: [Check; 18] = [
    halted,
    not_ready,
    market_stopped,
    market_active,
    signal_age,
    position_size,
    risk_per_trade,
    price_collar,
    minimum_edge,
    daily_trades,
    daily_volume,
    daily_loss,
    orders_per_minute,
    order_spacing,
    open_orders,
    open_orders_per_market,
    event_position,
    balance_and_holding,
];

/// Asks every limit. Changes nothing.
///
/// # Errors
/// The first [`Refusal`].
pub fn approve(question: &Question<'_>, facts: &Facts<'_>) -> Result<Approved<NewOrder>, Refusal> {
    for check in CHECKS {
        check(question, facts)?;
    }
    Ok(Approved::new(*question.order))
}

const fn refuse(limit: Limit, value: i64, bound: i64) -> Result<(), Refusal> {
    Err(Refusal { limit, value, bound })
}

fn at_most(limit: Limit, value: i64, bound: i64) -> Result<(), Refusal> {
    if value > bound { refuse(limit, value, bound) } else { Ok(()) }
}

fn halted(_: &Question<'_>, facts: &Facts<'_>) -> Result<(), Refusal> {
    match facts.readiness {
        Readiness::Halted => refuse(Limit::Halted, 1, 0),
        Readiness::Ready | Readiness::NotReady => Ok(()),
    }
}

fn not_ready(_: &Question<'_>, facts: &Facts<'_>) -> Result<(), Refusal> {
    match facts.readiness {
        Readiness::NotReady => refuse(Limit::NotReady, 1, 0),
        Readiness::Ready | Readiness::Halted => Ok(()),
    }
}

fn market_stopped(_: &Question<'_>, facts: &Facts<'_>) -> Result<(), Refusal> {
    if facts.market_stopped { refuse(Limit::MarketStopped, 1, 0) } else { Ok(()) }
}

fn market_active(_: &Question<'_>, facts: &Facts<'_>) -> Result<(), Refusal> {
    if facts.market.active { Ok(()) } else { refuse(Limit::MarketInactive, 1, 0) }
}

/// A producer's clock ahead of ours by more than the age limit is as wrong as an old signal.
fn signal_age(question: &Question<'_>, facts: &Facts<'_>) -> Result<(), Refusal> {
    let bound = signed(facts.limits.signal_age_max.ns());
    if let Some(produced_at) = question.produced_at {
        let age = signed(facts.now.wall.unix_ns()) - signed(produced_at.unix_ns());
        if age > bound || age < -bound {
            return refuse(Limit::SignalAge, age, bound);
        }
    }
    match question.expires_at {
        Some(expiry) if expiry <= facts.now.wall => {
            refuse(Limit::SignalAge, signed(facts.now.wall.since(expiry).ns()), 0)
        }
        _ => Ok(()),
    }
}

fn position_size(question: &Question<'_>, facts: &Facts<'_>) -> Result<(), Refusal> {
    let bound = i64::from(facts.limits.position_size_max.centis());
    let value = i64::from(question.order.quantity.centis());
    // An order for nothing is a defect upstream, not a free pass.
    if value == 0 {
        refuse(Limit::PositionSize, 0, bound)
    } else {
        at_most(Limit::PositionSize, value, bound)
    }
}

fn risk_per_trade(question: &Question<'_>, facts: &Facts<'_>) -> Result<(), Refusal> {
    let risk = question.cost() + question.fee;
    at_most(Limit::RiskPerTrade, risk.e8(), facts.limits.risk_per_trade_max.e8())
}

fn price_collar(question: &Question<'_>, facts: &Facts<'_>) -> Result<(), Refusal> {
    let price = question.order.price;
    let bound = facts.limits.price_collar.micros();
    let outside = price.micros() < Price::MICROS_PER_CENT
        || price.micros() > Price::MICROS_MAX - Price::MICROS_PER_CENT
        || !facts.market.grid.contains(price);
    if outside {
        return refuse(Limit::PriceCollar, i64::from(price.micros()), bound);
    }
    at_most(Limit::PriceCollar, (price - question.reference).abs().micros(), bound)
}

/// What is left of the edge per contract when the order fills at its limit and pays the taker
/// fee. Leaving a position is not an arbitrage and needs no edge.
fn minimum_edge(question: &Question<'_>, facts: &Facts<'_>) -> Result<(), Refusal> {
    if !question.action.is_buy() {
        return Ok(());
    }
    let quantity = i64::from(question.order.quantity.centis());
    // Money per hundredth of a contract is micro-dollars per contract; rounded up, against us.
    let fee = PriceDelta::from_micros(ceil_div(question.fee.e8(), quantity));
    let given_away = match question.order.side {
        BookSide::Bid => question.order.price - question.reference,
        BookSide::Ask => question.reference - question.order.price,
    };
    let left = question.edge - given_away - fee;
    if left < facts.limits.edge_min {
        return refuse(Limit::MinimumEdge, left.micros(), facts.limits.edge_min.micros());
    }
    Ok(())
}

fn daily_trades(_: &Question<'_>, facts: &Facts<'_>) -> Result<(), Refusal> {
    let bound = i64::from(facts.limits.daily_trades_max);
    at_most(Limit::DailyTrades, i64::from(facts.day.orders) + 1, bound)
}

fn daily_volume(question: &Question<'_>, facts: &Facts<'_>) -> Result<(), Refusal> {
    let value = i64::from(facts.day.volume.centis()) + i64::from(question.order.quantity.centis());
    at_most(Limit::DailyVolume, value, i64::from(facts.limits.daily_volume_max.centis()))
}

/// Reaching the limit stops trading, as in the plan: the bound itself is already too much.
fn daily_loss(_: &Question<'_>, facts: &Facts<'_>) -> Result<(), Refusal> {
    let (loss, bound) = (facts.day.loss().e8(), facts.limits.daily_loss_max.e8());
    if loss >= bound { refuse(Limit::DailyLoss, loss, bound) } else { Ok(()) }
}

fn orders_per_minute(_: &Question<'_>, facts: &Facts<'_>) -> Result<(), Refusal> {
    let bound = i64::from(facts.limits.orders_per_minute_max);
    if bound == 0 || facts.throttle.minute_is_full(facts.now.mono) {
        return refuse(Limit::OrdersPerMinute, bound + 1, bound);
    }
    Ok(())
}

fn order_spacing(_: &Question<'_>, facts: &Facts<'_>) -> Result<(), Refusal> {
    let bound = facts.limits.order_spacing_min;
    match facts.throttle.since_last(facts.now.mono) {
        Some(span) if span < bound => {
            refuse(Limit::OrderSpacing, signed(span.ns()), signed(bound.ns()))
        }
        _ => Ok(()),
    }
}

fn open_orders(_: &Question<'_>, facts: &Facts<'_>) -> Result<(), Refusal> {
    let bound = i64::from(facts.limits.open_orders_max);
    at_most(Limit::OpenOrders, i64::from(facts.open_orders) + 1, bound)
}

fn open_orders_per_market(_: &Question<'_>, facts: &Facts<'_>) -> Result<(), Refusal> {
    let bound = i64::from(facts.limits.open_orders_per_market_max);
    at_most(Limit::OpenOrdersPerMarket, i64::from(facts.exposure.open_orders) + 1, bound)
}

fn event_position(question: &Question<'_>, facts: &Facts<'_>) -> Result<(), Refusal> {
    let order = question.order;
    let others = facts.event_worst.saturating_sub(facts.exposure.worst_case());
    let with_order = facts.exposure.worst_case_with(order.side, order.quantity);
    let value = i64::from(others.centis()) + i64::from(with_order.centis());
    let bound = i64::from(facts.limits.position_per_event_max.centis());
    // What can only make a position smaller may always pass, also above the bound. That the worst
    // case grows no worse is not enough: it counts a fill twice until its order is known.
    if facts.exposure.only_reduces(order.side, order.quantity) {
        return Ok(());
    }
    at_most(Limit::EventPosition, value, bound)
}

fn balance_and_holding(question: &Question<'_>, facts: &Facts<'_>) -> Result<(), Refusal> {
    if question.action.is_buy() {
        let left = facts.cash - facts.reserved - question.cost() - question.fee;
        let bound = facts.limits.balance_min;
        return if left < bound { refuse(Limit::Balance, left.e8(), bound.e8()) } else { Ok(()) };
    }
    // Only what is held and not already being sold can be sold.
    let held = facts.exposure.position.centis();
    let (held, selling) = match question.action {
        Action::SellNo => (-held, facts.exposure.bids),
        Action::SellYes | Action::BuyYes | Action::BuyNo => (held, facts.exposure.asks),
    };
    let free = (held - i64::from(selling.centis())).max(0);
    at_most(Limit::NothingToSell, i64::from(question.order.quantity.centis()), free)
}

/// Nanoseconds of clocks and spans fit 63 bits until the year 2262.
fn signed(ns: u64) -> i64 {
    i64::try_from(ns).unwrap_or(i64::MAX)
}

const fn ceil_div(value: i64, by: i64) -> i64 {
    if by <= 0 { i64::MAX } else { value.div_euclid(by) + (value.rem_euclid(by) != 0) as i64 }
}

#[cfg(test)]
mod tests;
