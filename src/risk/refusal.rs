//! Why an order was refused: which limit, the value it would have reached, the bound.

use core::fmt;

use crate::units::Money;

/// Every limit that can refuse, in the order in which they are asked (`execution-layer` §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Limit {
    /// Manual halt, sticky.
    Halted = 0,
    /// The circuit breaker is open, or half-open and probed already.
    BreakerOpen = 1,
    /// More contracts than a half-open breaker lets probe.
    ProbeSize = 2,
    /// The engine is draining or not yet ready (link, backfill).
    NotReady = 3,
    /// The fill feed has been silent for too long.
    LinkHealth = 4,
    /// The exchange or trading on it is paused, or closed for maintenance.
    ExchangePaused = 5,
    /// The exchange's clock is too far from ours, or not known.
    ClockSkew = 6,
    /// Books and exchange differ.
    Mismatch = 7,
    /// Orders approved, written and answered do not add up.
    Conservation = 8,
    /// This market is stopped until it is reconciled.
    MarketStopped = 9,
    /// The same signal id was executed before.
    DuplicateSignal = 10,
    /// More than `MAX_SIGNALS_PER_CYCLE` in the signal's cycle.
    SignalsPerCycle = 11,
    /// The ticker is not in the market table.
    UnknownMarket = 12,
    /// The market's series is not allowed, or denied.
    SeriesNotAllowed = 13,
    /// The exchange does not have the market open for trading.
    MarketInactive = 14,
    /// The signal is older than allowed, or past its expiry.
    SignalAge = 15,
    /// Contracts per trade.
    PositionSize = 16,
    /// Cost plus fee of the trade at its limit price.
    RiskPerTrade = 17,
    /// Limit price too far from the signal's ask, out of 1c..99c, or off the grid.
    PriceCollar = 18,
    /// Edge after offset and taker fee.
    MinimumEdge = 19,
    /// Orders sent today.
    DailyTrades = 20,
    /// Contracts filled and in flight today.
    DailyVolume = 21,
    /// Realised loss plus fees today, and open positions at their worst when they count.
    DailyLoss = 22,
    /// Markets settled at a loss in a row.
    ConsecutiveLosses = 23,
    /// Orders rejected by the exchange within a minute.
    RejectsPerMinute = 24,
    /// Executions of one market and side within a short while.
    RepeatedExecution = 25,
    /// Orders per sliding minute.
    OrdersPerMinute = 26,
    /// Time since the last order.
    OrderSpacing = 27,
    /// Write tokens above the cancels' reserve.
    MessagesPerSecond = 28,
    /// Orders not yet terminal.
    OpenOrders = 29,
    /// Orders not yet terminal in this market.
    OpenOrdersPerMarket = 30,
    /// An own order that rests on the other side could trade with it.
    SelfCross = 31,
    /// Value of orders that may rest.
    RestingValue = 32,
    /// Worst-case contracts in this event, orders in flight included.
    EventPosition = 33,
    /// Worst-case exposure of the market's sport, orders in flight and fees included.
    SportExposure = 34,
    /// Cash left on the market's shard after reservations.
    Balance = 35,
    /// Selling more than is held, or nothing held to sell.
    NothingToSell = 36,
}

impl Limit {
    /// How many limits there are: the length of per-limit counters.
    pub const COUNT: usize = 37;

    /// All limits, in the order in which they are asked.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Halted,
        Self::BreakerOpen,
        Self::ProbeSize,
        Self::NotReady,
        Self::LinkHealth,
        Self::ExchangePaused,
        Self::ClockSkew,
        Self::Mismatch,
        Self::Conservation,
        Self::MarketStopped,
        Self::DuplicateSignal,
        Self::SignalsPerCycle,
        Self::UnknownMarket,
        Self::SeriesNotAllowed,
        Self::MarketInactive,
        Self::SignalAge,
        Self::PositionSize,
        Self::RiskPerTrade,
        Self::PriceCollar,
        Self::MinimumEdge,
        Self::DailyTrades,
        Self::DailyVolume,
        Self::DailyLoss,
        Self::ConsecutiveLosses,
        Self::RejectsPerMinute,
        Self::RepeatedExecution,
        Self::OrdersPerMinute,
        Self::OrderSpacing,
        Self::MessagesPerSecond,
        Self::OpenOrders,
        Self::OpenOrdersPerMarket,
        Self::SelfCross,
        Self::RestingValue,
        Self::EventPosition,
        Self::SportExposure,
        Self::Balance,
        Self::NothingToSell,
    ];

    /// The name used in results, summaries and counters.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Halted => "halted",
            Self::BreakerOpen => "circuit_breaker",
            Self::ProbeSize => "half_open_contracts",
            Self::NotReady => "not_ready",
            Self::LinkHealth => "link_health",
            Self::ExchangePaused => "exchange_paused",
            Self::ClockSkew => "clock_skew",
            Self::Mismatch => "reconciliation_mismatch",
            Self::Conservation => "conservation",
            Self::MarketStopped => "market_stopped",
            Self::DuplicateSignal => "duplicate_signal",
            Self::SignalsPerCycle => "max_signals_per_cycle",
            Self::UnknownMarket => "unknown_market",
            Self::SeriesNotAllowed => "series_not_allowed",
            Self::MarketInactive => "market_inactive",
            Self::SignalAge => "signal_age",
            Self::PositionSize => "max_position_size",
            Self::RiskPerTrade => "max_risk_per_trade",
            Self::PriceCollar => "price_collar",
            Self::MinimumEdge => "minimum_edge",
            Self::DailyTrades => "max_daily_trades",
            Self::DailyVolume => "max_daily_volume",
            Self::DailyLoss => "max_daily_loss",
            Self::ConsecutiveLosses => "max_consecutive_losses",
            Self::RejectsPerMinute => "max_rejects_per_minute",
            Self::RepeatedExecution => "repeated_execution",
            Self::OrdersPerMinute => "max_orders_per_minute",
            Self::OrderSpacing => "min_time_between_orders",
            Self::MessagesPerSecond => "messages_per_second",
            Self::OpenOrders => "max_open_orders",
            Self::OpenOrdersPerMarket => "max_open_orders_per_market",
            Self::SelfCross => "self_cross",
            Self::RestingValue => "max_resting_value",
            Self::EventPosition => "max_position_per_event",
            Self::SportExposure => "max_exposure_per_sport",
            Self::Balance => "available_balance",
            Self::NothingToSell => "nothing_to_sell",
        }
    }
}

/// What a limit's numbers count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Things. Shown as they are.
    Count,
    /// Hundredths of a contract. Shown in contracts.
    Contracts,
    /// 1e-8 dollars. Shown in cents.
    Money,
    /// Micro-dollars. Shown in cents.
    Price,
    /// Nanoseconds. Shown in milliseconds.
    Time,
}

impl Limit {
    /// The unit of this limit's value and bound.
    #[must_use]
    pub const fn unit(self) -> Unit {
        match self {
            Self::Halted
            | Self::BreakerOpen
            | Self::NotReady
            | Self::ExchangePaused
            | Self::Mismatch
            | Self::Conservation
            | Self::MarketStopped
            | Self::DuplicateSignal
            | Self::SignalsPerCycle
            | Self::UnknownMarket
            | Self::SeriesNotAllowed
            | Self::MarketInactive
            | Self::DailyTrades
            | Self::ConsecutiveLosses
            | Self::RejectsPerMinute
            | Self::RepeatedExecution
            | Self::OrdersPerMinute
            | Self::MessagesPerSecond
            | Self::OpenOrders
            | Self::OpenOrdersPerMarket => Unit::Count,
            Self::ProbeSize
            | Self::PositionSize
            | Self::DailyVolume
            | Self::EventPosition
            | Self::NothingToSell => Unit::Contracts,
            Self::RiskPerTrade
            | Self::DailyLoss
            | Self::RestingValue
            | Self::SportExposure
            | Self::Balance => Unit::Money,
            Self::PriceCollar | Self::MinimumEdge | Self::SelfCross => Unit::Price,
            Self::LinkHealth | Self::ClockSkew | Self::SignalAge | Self::OrderSpacing => Unit::Time,
        }
    }
}

/// A limit said no. `Copy`, no strings: it travels through rings and indexes counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("{limit}: {} against a bound of {}", self.named(self.value), self.shown(self.bound))]
pub struct Refusal {
    /// Which limit.
    pub limit: Limit,
    /// What the order would have made of it, in [`Limit::unit`].
    pub value: i64,
    /// What is allowed, in [`Limit::unit`].
    pub bound: i64,
}

impl Refusal {
    /// The value of a limit whose input is missing: further off than any that is there.
    pub const MISSING: i64 = i64::MAX;

    /// A number of this refusal in the unit people use (contracts, cents, milliseconds): a valid
    /// JSON number, or `null` for one that is missing.
    #[must_use]
    pub fn shown(&self, number: i64) -> String {
        if number == Self::MISSING {
            return "null".to_owned();
        }
        match self.limit.unit() {
            Unit::Count => number.to_string(),
            // One cent is to a micro-dollar what a contract is to 1e-4 of one, and what a
            // millisecond is to a nanosecond is what a cent is to 1e-8 dollars.
            Unit::Contracts => Money::from_e8(number.saturating_mul(10_000)).cents_display(),
            Unit::Money | Unit::Time => Money::from_e8(number).cents_display(),
            Unit::Price => Money::from_e8(number.saturating_mul(100)).cents_display(),
        }
    }
}

impl Refusal {
    fn named(&self, number: i64) -> String {
        if number == Self::MISSING { "missing".to_owned() } else { self.shown(number) }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_shown_in_the_units_people_use() {
        let shown = |limit, value| Refusal { limit, value, bound: 0 }.shown(value);
        assert_eq!(shown(Limit::PositionSize, 12_550), "125.5");
        assert_eq!(shown(Limit::RiskPerTrade, 50_000_000_000), "50000");
        assert_eq!(shown(Limit::MinimumEdge, -17_500), "-1.75");
        assert_eq!(shown(Limit::SignalAge, 600_000_000), "600");
        assert_eq!(shown(Limit::OpenOrders, 21), "21");
        assert_eq!(shown(Limit::SignalAge, Refusal::MISSING), "null");
        let value = Refusal::MISSING;
        let refusal = Refusal { limit: Limit::SignalAge, value, bound: 500_000_000 };
        assert_eq!(refusal.to_string(), "signal_age: missing against a bound of 500");
    }

    #[test]
    fn limits_index_counters_in_the_order_they_are_asked() {
        for (index, limit) in Limit::ALL.iter().enumerate() {
            assert_eq!(*limit as usize, index, "{limit}");
        }
    }
}
