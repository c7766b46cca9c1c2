//! One pure function per limit (`execution-layer` §4): the question and the facts in, a refusal
//! with value and bound out. None changes anything, none looks at another limit, and what is
//! missing, zero or stale refuses.

use super::{Child, Facts, Question, Readiness};
use crate::message::{Action, BookSide, NewOrder};
use crate::risk::breaker::BreakerState;
use crate::risk::exposure::Rests;
use crate::risk::guard::{FeedHeard, Skew, day_loss};
use crate::risk::limits::SignalTime;
use crate::risk::{Limit, Refusal};
use crate::units::{Price, PriceDelta};

type Answer = Result<(), Refusal>;

const fn refuse(limit: Limit, value: i64, bound: i64) -> Answer {
    Err(Refusal { limit, value, bound })
}

fn at_most(limit: Limit, value: i64, bound: i64) -> Answer {
    if value > bound { refuse(limit, value, bound) } else { Ok(()) }
}

/// Reaching the bound is too much.
fn below(limit: Limit, value: u32, bound: u32) -> Answer {
    if value >= bound { refuse(limit, value.into(), bound.into()) } else { Ok(()) }
}

pub(super) fn halted(_: &NewOrder, facts: &Facts<'_>) -> Answer {
    match facts.readiness {
        Readiness::Halted => refuse(Limit::Halted, 1, 0),
        Readiness::Ready | Readiness::NotReady => Ok(()),
    }
}

/// An open breaker lets nothing out; a half-open one lets one order out at a time.
pub(super) fn breaker_open(_: &NewOrder, facts: &Facts<'_>) -> Answer {
    let breaker = facts.guard.breaker();
    match breaker.state() {
        BreakerState::Closed => Ok(()),
        BreakerState::Open => refuse(Limit::BreakerOpen, 1, 0),
        BreakerState::HalfOpen if breaker.probe().is_some() => refuse(Limit::BreakerOpen, 2, 1),
        BreakerState::HalfOpen => Ok(()),
    }
}

pub(super) fn probe_size(order: &NewOrder, facts: &Facts<'_>) -> Answer {
    match facts.guard.probe_size() {
        None => Ok(()),
        Some(most) => {
            at_most(Limit::ProbeSize, order.quantity.centis().into(), most.centis().into())
        }
    }
}

pub(super) fn not_ready(_: &NewOrder, facts: &Facts<'_>) -> Answer {
    match facts.readiness {
        Readiness::NotReady => refuse(Limit::NotReady, 1, 0),
        Readiness::Ready | Readiness::Halted => Ok(()),
    }
}

/// Silence of a feed that has said that it lives.
pub(super) fn link_health(_: &NewOrder, facts: &Facts<'_>) -> Answer {
    let bound = signed(facts.limits.link_silence_max.ns());
    match facts.guard.heard() {
        FeedHeard::NotNeeded => Ok(()),
        FeedHeard::At(heard) => {
            at_most(Limit::LinkHealth, signed(facts.now.mono.since(heard).ns()), bound)
        }
    }
}

pub(super) fn exchange_paused(_: &NewOrder, facts: &Facts<'_>) -> Answer {
    if facts.guard.is_paused(facts.now.mono) { refuse(Limit::ExchangePaused, 1, 0) } else { Ok(()) }
}

pub(super) fn clock_skew(_: &NewOrder, facts: &Facts<'_>) -> Answer {
    let bound = signed(facts.limits.clock_skew_max.ns());
    match facts.guard.skew() {
        Skew::NotNeeded => Ok(()),
        Skew::Unknown => refuse(Limit::ClockSkew, Refusal::MISSING, bound),
        Skew::Measured(ns) => at_most(Limit::ClockSkew, ns.saturating_abs(), bound),
    }
}

pub(super) fn mismatch(_: &NewOrder, facts: &Facts<'_>) -> Answer {
    at_most(Limit::Mismatch, facts.guard.mismatches().into(), 0)
}

pub(super) fn conservation(_: &NewOrder, facts: &Facts<'_>) -> Answer {
    let imbalance = facts.guard.imbalance();
    at_most(Limit::Conservation, signed(imbalance), 0)
}

pub(super) fn market_stopped(_: &NewOrder, facts: &Facts<'_>) -> Answer {
    if facts.market_stopped { refuse(Limit::MarketStopped, 1, 0) } else { Ok(()) }
}

pub(super) fn series_allowed(_: &NewOrder, facts: &Facts<'_>) -> Answer {
    if facts.listing.allowed { Ok(()) } else { refuse(Limit::SeriesNotAllowed, 1, 0) }
}

pub(super) fn market_active(_: &NewOrder, facts: &Facts<'_>) -> Answer {
    let paused = facts.guard.is_market_paused(facts.market.ix, facts.now.mono);
    if facts.market.active && !paused { Ok(()) } else { refuse(Limit::MarketInactive, 1, 0) }
}

/// A producer's clock ahead of ours by more than the age limit is as wrong as an old signal. Where
/// the producer tells no time, the signal is refused if it must, else it is as old as its bytes in
/// our memory: it never waits in here for longer than allowed, and how old it was when it came is
/// its producer's to answer for.
pub(super) fn signal_age(question: &Question<'_>, facts: &Facts<'_>) -> Answer {
    let bound = signed(facts.limits.signal_age_max.ns());
    let age = match question.produced_at {
        Some(at) => signed(facts.now.wall.unix_ns()) - signed(at.unix_ns()),
        None if facts.limits.signal_time == SignalTime::Required => {
            return refuse(Limit::SignalAge, Refusal::MISSING, bound);
        }
        None => signed(facts.now.mono.since(question.order.received).ns()),
    };
    if age > bound || age < -bound {
        return refuse(Limit::SignalAge, age, bound);
    }
    match question.expires_at {
        Some(expiry) if expiry <= facts.now.wall => {
            refuse(Limit::SignalAge, signed(facts.now.wall.since(expiry).ns()), 0)
        }
        _ => Ok(()),
    }
}

pub(super) fn position_size(question: &Question<'_>, facts: &Facts<'_>) -> Answer {
    let bound = i64::from(facts.limits.position_size_max.centis());
    let value = i64::from(question.order.quantity.centis());
    // An order for nothing is a defect upstream, not a free pass.
    if value == 0 {
        refuse(Limit::PositionSize, 0, bound)
    } else {
        at_most(Limit::PositionSize, value, bound)
    }
}

pub(super) fn risk_per_trade(question: &Question<'_>, facts: &Facts<'_>) -> Answer {
    let risk = question.cost() + question.fee;
    at_most(Limit::RiskPerTrade, risk.e8(), facts.limits.risk_per_trade_max.e8())
}

pub(super) fn price_collar(question: &Question<'_>, facts: &Facts<'_>) -> Answer {
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
pub(super) fn minimum_edge(question: &Question<'_>, facts: &Facts<'_>) -> Answer {
    if !question.action.is_buy() {
        return Ok(());
    }
    let quantity = i64::from(question.order.quantity.centis());
    let given_away = match question.order.side {
        BookSide::Bid => question.order.price - question.reference,
        BookSide::Ask => question.reference - question.order.price,
    };
    // Money per hundredth of a contract is micro-dollars per contract. The fee per contract counts
    // rounded up, against us: it fits what is left for it as soon as all of it fits all of that.
    let before_fee = question.edge - given_away;
    let left_for_fee = (before_fee - facts.limits.edge_min).micros();
    if quantity > 0 && question.fee.e8() <= left_for_fee.saturating_mul(quantity) {
        return Ok(());
    }
    let fee = PriceDelta::from_micros(ceil_div(question.fee.e8(), quantity));
    let left = before_fee - fee;
    refuse(Limit::MinimumEdge, left.micros(), facts.limits.edge_min.micros())
}

pub(super) fn daily_trades(_: &Question<'_>, facts: &Facts<'_>) -> Answer {
    let bound = i64::from(facts.limits.daily_trades_max);
    at_most(Limit::DailyTrades, i64::from(facts.day.orders) + 1, bound)
}

pub(super) fn daily_volume(question: &Question<'_>, facts: &Facts<'_>) -> Answer {
    let value = i64::from(facts.day.volume.centis()) + i64::from(question.order.quantity.centis());
    at_most(Limit::DailyVolume, value, i64::from(facts.limits.daily_volume_max.centis()))
}

/// Reaching the limit stops trading, as in the plan: the bound itself is already too much. Where
/// open positions count, an order that opens more of them counts too; one that leaves a position
/// is asked for what was realised only.
pub(super) fn daily_loss(question: &Question<'_>, facts: &Facts<'_>) -> Answer {
    let bound = facts.limits.daily_loss_max.e8();
    let realized = facts.day.loss().e8();
    if realized >= bound {
        return refuse(Limit::DailyLoss, realized, bound);
    }
    if !question.action.is_buy() {
        return Ok(());
    }
    let open = facts.exposure.invested() + facts.exposure.reserved() + question.reserve();
    at_most(Limit::DailyLoss, day_loss(facts.day, facts.limits, open).e8(), bound)
}

/// A half-open breaker's probe is how the row is ended.
pub(super) fn consecutive_losses(_: &Question<'_>, facts: &Facts<'_>) -> Answer {
    if facts.guard.breaker().state() == BreakerState::HalfOpen {
        return Ok(());
    }
    let (losses, bound) =
        (facts.guard.consecutive_losses(), facts.guard.config().consecutive_losses_max);
    below(Limit::ConsecutiveLosses, losses, bound)
}

pub(super) fn rejects_per_minute(_: &Question<'_>, facts: &Facts<'_>) -> Answer {
    let bound = i64::from(facts.guard.config().rejects_per_minute_max);
    if facts.guard.is_rejected_too_often(facts.now.mono) {
        let value = i64::from(facts.guard.rejects(facts.now.mono)).max(bound);
        return refuse(Limit::RejectsPerMinute, value, bound);
    }
    Ok(())
}

/// Only new executions count: how often one of them is priced anew has a bound of its own.
pub(super) fn repeated_execution(question: &Question<'_>, facts: &Facts<'_>) -> Answer {
    if question.child == Child::Later {
        return Ok(());
    }
    let order = question.order;
    let bound = i64::from(facts.guard.config().repeats_max);
    if facts.guard.is_repeated_too_often(order.market, order.side, facts.now.mono) {
        return refuse(Limit::RepeatedExecution, bound + 1, bound);
    }
    Ok(())
}

pub(super) fn orders_per_minute(_: &Question<'_>, facts: &Facts<'_>) -> Answer {
    let bound = i64::from(facts.limits.orders_per_minute_max);
    if bound == 0 || facts.throttle.minute_is_full(facts.now.mono) {
        return refuse(Limit::OrdersPerMinute, bound + 1, bound);
    }
    Ok(())
}

pub(super) fn order_spacing(_: &Question<'_>, facts: &Facts<'_>) -> Answer {
    let bound = facts.limits.order_spacing_min;
    match facts.throttle.since_last(facts.now.mono) {
        Some(span) if span < bound => {
            refuse(Limit::OrderSpacing, signed(span.ns()), signed(bound.ns()))
        }
        _ => Ok(()),
    }
}

/// The value is what an order takes, the bound what is there for it.
pub(super) fn messages_per_second(_: &NewOrder, facts: &Facts<'_>) -> Answer {
    let cost = i64::from(facts.limits.messages.order_cost);
    let there = signed(facts.guard.messages().for_orders(facts.now.mono));
    at_most(Limit::MessagesPerSecond, cost, there)
}

pub(super) fn open_orders(_: &Question<'_>, facts: &Facts<'_>) -> Answer {
    let bound = i64::from(facts.limits.open_orders_max);
    at_most(Limit::OpenOrders, i64::from(facts.open_orders) + 1, bound)
}

pub(super) fn open_orders_per_market(_: &Question<'_>, facts: &Facts<'_>) -> Answer {
    let bound = i64::from(facts.limits.open_orders_per_market_max);
    at_most(Limit::OpenOrdersPerMarket, i64::from(facts.own().open_orders) + 1, bound)
}

/// The value is the price of ours that it could meet, the bound its own price.
pub(super) fn self_cross(question: &Question<'_>, facts: &Facts<'_>) -> Answer {
    let order = question.order;
    match facts.own().crossed(order.side, order.price) {
        None => Ok(()),
        Some(ours) => {
            refuse(Limit::SelfCross, i64::from(ours.micros()), i64::from(order.price.micros()))
        }
    }
}

pub(super) fn resting_value(question: &Question<'_>, facts: &Facts<'_>) -> Answer {
    if Rests::with(question.order.time_in_force) == Rests::No {
        return Ok(());
    }
    let value = facts.exposure.resting() + question.reserve();
    at_most(Limit::RestingValue, value.e8(), facts.limits.resting_value_max.e8())
}

pub(super) fn event_position(question: &Question<'_>, facts: &Facts<'_>) -> Answer {
    let (order, own) = (question.order, facts.own());
    let others = facts.exposure.event(facts.market.event).saturating_sub(own.worst_case());
    let with_order = own.worst_case_with(order.side, order.quantity);
    let value = i64::from(others.centis()) + i64::from(with_order.centis());
    let bound = i64::from(facts.limits.position_per_event_max.centis());
    // What can only make a position smaller may always pass, also above the bound. That the worst
    // case grows no worse is not enough: it counts a fill twice until its order is known.
    if own.only_reduces(order.side, order.quantity) {
        return Ok(());
    }
    at_most(Limit::EventPosition, value, bound)
}

/// The bankroll is cash and positions at cost. Live orders count as if both sides filled. Only what
/// leaves a position passes above the bound: turning one over may cost more than it frees.
pub(super) fn sport_exposure(question: &Question<'_>, facts: &Facts<'_>) -> Answer {
    let order = question.order;
    if facts.own().only_closes(order.side, order.quantity) {
        return Ok(());
    }
    let value = facts.exposure.sport(facts.listing.sport) + question.reserve();
    let bankroll = facts.cash + facts.exposure.invested();
    // Divided first: a bankroll in 1e-8 dollars times 10 000 need not fit. Rounded down.
    let bound = bankroll.e8() / 10_000 * i64::from(facts.limits.sport_exposure_max_bp);
    at_most(Limit::SportExposure, value.e8(), bound)
}

pub(super) fn balance(question: &Question<'_>, facts: &Facts<'_>) -> Answer {
    if !question.action.is_buy() {
        return Ok(());
    }
    let takes = question.cost() + question.fee;
    let mut left = facts.cash - facts.exposure.reserved() - takes;
    if let Some(on_shard) = facts.shard_cash {
        let reserved = facts.exposure.reserved_on(facts.market.exchange_index);
        left = left.min(on_shard - reserved - takes);
    }
    let bound = facts.limits.balance_min;
    if left < bound { refuse(Limit::Balance, left.e8(), bound.e8()) } else { Ok(()) }
}

/// Only what is held and not already being sold can be sold.
pub(super) fn nothing_to_sell(question: &Question<'_>, facts: &Facts<'_>) -> Answer {
    if question.action.is_buy() {
        return Ok(());
    }
    let own = facts.own();
    let held = own.position.centis();
    let (held, selling) = match question.action {
        Action::SellNo => (-held, own.bids),
        Action::SellYes | Action::BuyYes | Action::BuyNo => (held, own.asks),
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
