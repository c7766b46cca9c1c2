//! Why an order was refused: which limit, the value it would have reached, the bound.

use core::fmt;

/// Every limit that can refuse, in the order in which they are asked (`execution-layer` §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Limit {
    /// Manual halt, sticky.
    Halted = 0,
    /// The engine is draining or not yet ready (link, backfill).
    NotReady = 1,
    /// This market is stopped until it is reconciled.
    MarketStopped = 2,
    /// The same signal id was executed before.
    DuplicateSignal = 3,
    /// More than `MAX_SIGNALS_PER_CYCLE` in the signal's cycle.
    SignalsPerCycle = 4,
    /// The ticker is not in the market table.
    UnknownMarket = 5,
    /// The signal is older than allowed, or past its expiry.
    SignalAge = 6,
    /// Contracts per trade.
    PositionSize = 7,
    /// Cost plus fee of the trade at its limit price.
    RiskPerTrade = 8,
    /// Limit price too far from the signal's ask, out of 1c..99c, or off the grid.
    PriceCollar = 9,
    /// Edge after offset and taker fee.
    MinimumEdge = 10,
    /// Orders sent today.
    DailyTrades = 11,
    /// Contracts filled and in flight today.
    DailyVolume = 12,
    /// Realised loss plus fees today.
    DailyLoss = 13,
    /// Orders per sliding minute.
    OrdersPerMinute = 14,
    /// Time since the last order.
    OrderSpacing = 15,
    /// Orders not yet terminal.
    OpenOrders = 16,
    /// Orders not yet terminal in this market.
    OpenOrdersPerMarket = 17,
    /// Worst-case contracts in this event, orders in flight included.
    EventPosition = 18,
    /// Cash left after reservations.
    Balance = 19,
    /// Selling more than is held, or nothing held to sell.
    NothingToSell = 20,
}

impl Limit {
    /// How many limits there are: the length of per-limit counters.
    pub const COUNT: usize = 21;

    /// All limits, in the order in which they are asked.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Halted,
        Self::NotReady,
        Self::MarketStopped,
        Self::DuplicateSignal,
        Self::SignalsPerCycle,
        Self::UnknownMarket,
        Self::SignalAge,
        Self::PositionSize,
        Self::RiskPerTrade,
        Self::PriceCollar,
        Self::MinimumEdge,
        Self::DailyTrades,
        Self::DailyVolume,
        Self::DailyLoss,
        Self::OrdersPerMinute,
        Self::OrderSpacing,
        Self::OpenOrders,
        Self::OpenOrdersPerMarket,
        Self::EventPosition,
        Self::Balance,
        Self::NothingToSell,
    ];

    /// The name used in results, summaries and counters.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Halted => "halted",
            Self::NotReady => "not_ready",
            Self::MarketStopped => "market_stopped",
            Self::DuplicateSignal => "duplicate_signal",
            Self::SignalsPerCycle => "max_signals_per_cycle",
            Self::UnknownMarket => "unknown_market",
            Self::SignalAge => "signal_age",
            Self::PositionSize => "max_position_size",
            Self::RiskPerTrade => "max_risk_per_trade",
            Self::PriceCollar => "price_collar",
            Self::MinimumEdge => "minimum_edge",
            Self::DailyTrades => "max_daily_trades",
            Self::DailyVolume => "max_daily_volume",
            Self::DailyLoss => "max_daily_loss",
            Self::OrdersPerMinute => "max_orders_per_minute",
            Self::OrderSpacing => "min_time_between_orders",
            Self::OpenOrders => "max_open_orders",
            Self::OpenOrdersPerMarket => "max_open_orders_per_market",
            Self::EventPosition => "max_position_per_event",
            Self::Balance => "available_balance",
            Self::NothingToSell => "nothing_to_sell",
        }
    }
}

/// A limit said no. `Copy`, no strings: it travels through rings and indexes counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("{limit}: {value} against a bound of {bound}")]
pub struct Refusal {
    /// Which limit.
    pub limit: Limit,
    /// What the order would have made of it, in the limit's unit (see [`Limit`] and README).
    pub value: i64,
    /// What is allowed.
    pub bound: i64,
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
    fn limits_index_counters_in_the_order_they_are_asked() {
        for (index, limit) in Limit::ALL.iter().enumerate() {
            assert_eq!(*limit as usize, index, "{limit}");
        }
    }
}
