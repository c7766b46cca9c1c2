//! The configured bounds (`execution-layer` §4), with the plan's defaults.

use super::calendar::Schedule;
use crate::units::{Contracts, Money, Nanos, PriceDelta};

/// Whether open positions count against the day's loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenRisk {
    /// Only what was realised, and fees.
    Ignored,
    /// As if every open position and every live order were lost.
    Counted,
}

/// What becomes of a signal whose producer does not say when it saw the market.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignalTime {
    /// It is as old as its bytes in our memory.
    Arrival,
    /// It is refused: how old it is cannot be known.
    Required,
}

/// The account's write tokens (reference §5): what the exchange lets through per second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageLimits {
    /// Tokens that come back per second.
    pub refill_per_sec: u32,
    /// Tokens of a full bucket.
    pub capacity: u32,
    /// Tokens of a new order or an amend.
    pub order_cost: u32,
    /// Tokens of a cancel.
    pub cancel_cost: u32,
    /// Tokens that orders leave to cancels.
    pub cancel_reserve: u32,
}

impl Default for MessageLimits {
    /// The Basic tier and its published costs.
    fn default() -> Self {
        Self {
            refill_per_sec: 100,
            capacity: 100,
            order_cost: 10,
            cancel_cost: 2,
            cancel_reserve: 20,
        }
    }
}

/// Bounds of every limit. Built once from the configuration, then read only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Contracts per trade.
    pub position_size_max: Contracts,
    /// Cost plus worst fee of one trade.
    pub risk_per_trade_max: Money,
    /// Realised loss plus fees in one UTC day.
    pub daily_loss_max: Money,
    /// Orders sent in one UTC day.
    pub daily_trades_max: u32,
    /// Contracts filled or in flight in one UTC day.
    pub daily_volume_max: Contracts,
    /// Worst-case contracts in one event, orders in flight included.
    pub position_per_event_max: Contracts,
    /// Orders in any 60 seconds.
    pub orders_per_minute_max: u32,
    /// Least time between two orders.
    pub order_spacing_min: Nanos,
    /// Furthest a limit price may be from the signal's ask.
    pub price_collar: PriceDelta,
    /// Least edge left after offset and taker fee.
    pub edge_min: PriceDelta,
    /// Oldest signal that is still executed, by the producer's clock.
    pub signal_age_max: Nanos,
    /// Whether a signal must say when it was made.
    pub signal_time: SignalTime,
    /// Orders alive at once.
    pub open_orders_max: u32,
    /// Orders alive at once in one market.
    pub open_orders_per_market_max: u32,
    /// Cash that must be left on the market's shard after the trade's worst case.
    pub balance_min: Money,
    /// Whether open positions count against `daily_loss_max`.
    pub open_risk: OpenRisk,
    /// Worst-case exposure of one sport, in hundredths of a percent of the bankroll.
    pub sport_exposure_max_bp: u32,
    /// Value of all orders that may rest.
    pub resting_value_max: Money,
    /// Write tokens of the account.
    pub messages: MessageLimits,
    /// Longest silence of the fill feed that still counts as fresh.
    pub link_silence_max: Nanos,
    /// How far the exchange's clock may be from ours.
    pub clock_skew_max: Nanos,
    /// When the exchange is closed for maintenance; `None` where it never is (paper, simulator).
    pub maintenance: Option<Schedule>,
}

impl Limits {
    /// The largest `orders_per_minute_max`: the throttle remembers that many sends.
    pub const ORDERS_PER_MINUTE_CEILING: u32 = 1_000_000;
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            position_size_max: Contracts::from_whole(100),
            risk_per_trade_max: Money::from_cents(50_000),
            daily_loss_max: Money::from_cents(100_000),
            daily_trades_max: 50,
            daily_volume_max: Contracts::from_whole(5_000),
            position_per_event_max: Contracts::from_whole(500),
            orders_per_minute_max: 10,
            order_spacing_min: Nanos::from_ms(100),
            price_collar: PriceDelta::from_cents(5),
            edge_min: PriceDelta::from_cents(1),
            signal_age_max: Nanos::from_ms(500),
            signal_time: SignalTime::Arrival,
            open_orders_max: 20,
            open_orders_per_market_max: 2,
            balance_min: Money::from_cents(10_000),
            open_risk: OpenRisk::Ignored,
            sport_exposure_max_bp: 2_000,
            resting_value_max: Money::from_cents(100_000),
            messages: MessageLimits::default(),
            link_silence_max: Nanos::from_secs(15),
            clock_skew_max: Nanos::from_secs(2),
            maintenance: Some(Schedule::THURSDAY),
        }
    }
}
