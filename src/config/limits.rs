//! `[risk]` and `[breaker]`: bounds, the presets under them, and which of them cannot be meant
//! together.

use super::ConfigError;
use super::layers::{Layers, key};
use super::profile::Profile;
use super::ranges::{CENTURY_MS, DAY_MS, DAY_S};
use crate::oms::config::OrderConfig;
use crate::risk::{BreakerConfig, Limits, OpenRisk};
use crate::units::{Contracts, Nanos};

pub(super) fn limits(layers: &mut Layers<'_>, profile: Profile) -> Result<Limits, ConfigError> {
    let (preset, standard) = (profile.limits(), Limits::default());
    let contracts = |pick: fn(&Limits) -> Contracts| profile.base(&preset, &standard, pick);
    let counts = |pick: fn(&Limits) -> u32| profile.base(&preset, &standard, pick);
    let any = 0..=u64::from(u32::MAX);
    let mut limits = preset;
    limits.position_size_max = layers.contracts(
        key("risk.max_position_size").or("MAX_POSITION_SIZE"),
        contracts(|limits| limits.position_size_max),
    )?;
    limits.risk_per_trade_max = layers.money(
        key("risk.max_risk_per_trade_cents").or("MAX_RISK_PER_TRADE"),
        profile.base(&preset, &standard, |limits| limits.risk_per_trade_max),
    )?;
    limits.daily_loss_max = layers.money(
        key("risk.max_daily_loss_cents").or("MAX_DAILY_LOSS"),
        profile.base(&preset, &standard, |limits| limits.daily_loss_max),
    )?;
    limits.daily_trades_max = layers.count(
        key("risk.max_daily_trades").or("MAX_DAILY_TRADES"),
        counts(|limits| limits.daily_trades_max),
        any.clone(),
    )?;
    limits.daily_volume_max = layers
        .contracts(key("risk.max_daily_volume"), contracts(|limits| limits.daily_volume_max))?;
    limits.position_per_event_max = layers.contracts(
        key("risk.max_position_per_event"),
        contracts(|limits| limits.position_per_event_max),
    )?;
    limits.orders_per_minute_max = layers.count(
        key("risk.max_orders_per_minute"),
        counts(|limits| limits.orders_per_minute_max),
        0..=u64::from(Limits::ORDERS_PER_MINUTE_CEILING),
    )?;
    limits.order_spacing_min = layers.ms(
        key("risk.min_time_between_orders_ms"),
        profile.base(&preset, &standard, |limits| limits.order_spacing_min),
        0..=DAY_MS,
    )?;
    limits.price_collar = layers.distance(
        key("risk.price_collar_cents"),
        profile.base(&preset, &standard, |limits| limits.price_collar),
    )?;
    limits.edge_min = layers.delta(
        key("risk.minimum_edge_cents"),
        profile.base(&preset, &standard, |limits| limits.edge_min),
    )?;
    limits.signal_age_max = layers.ms(
        key("risk.signal_age_ms"),
        profile.base(&preset, &standard, |limits| limits.signal_age_max),
        0..=CENTURY_MS,
    )?;
    limits.open_orders_max = layers.count(
        key("risk.max_open_orders"),
        counts(|limits| limits.open_orders_max),
        any.clone(),
    )?;
    limits.open_orders_per_market_max = layers.count(
        key("risk.max_open_orders_per_market"),
        counts(|limits| limits.open_orders_per_market_max),
        any,
    )?;
    limits.balance_min = layers.money(
        key("risk.min_balance_cents"),
        profile.base(&preset, &standard, |limits| limits.balance_min),
    )?;
    exposure(layers, profile, &mut limits)?;
    Ok(limits)
}

/// What is at stake in all, and what links and clocks must be like.
fn exposure(
    layers: &mut Layers<'_>,
    profile: Profile,
    limits: &mut Limits,
) -> Result<(), ConfigError> {
    let (preset, standard) = (profile.limits(), Limits::default());
    let spans = |pick: fn(&Limits) -> Nanos| profile.base(&preset, &standard, pick);
    let counted = |limits: &Limits| limits.open_risk == OpenRisk::Counted;
    let counted = profile.base(&preset, &standard, counted);
    limits.open_risk = if layers.flag(key("risk.count_open_risk"), counted)? {
        OpenRisk::Counted
    } else {
        OpenRisk::Ignored
    };
    let percent = profile.base(&preset, &standard, |limits| limits.sport_exposure_max_bp / 100);
    let percent: u32 =
        layers.count(key("risk.max_exposure_per_sport_percent"), percent, 0..=100)?;
    limits.sport_exposure_max_bp = percent * 100;
    limits.resting_value_max = layers.money(
        key("risk.max_resting_value_cents"),
        profile.base(&preset, &standard, |limits| limits.resting_value_max),
    )?;
    limits.link_silence_max = layers.ms(
        key("risk.max_feed_silence_ms"),
        spans(|limits| limits.link_silence_max),
        1_000..=DAY_MS,
    )?;
    limits.clock_skew_max = layers.ms(
        key("risk.max_clock_skew_ms"),
        spans(|limits| limits.clock_skew_max),
        1..=DAY_MS,
    )?;
    Ok(())
}

/// The probe of a breaker is no larger than a trade, also where nobody speaks of the probe.
pub(super) fn breaker(
    layers: &mut Layers<'_>,
    profile: Profile,
    position_size_max: Contracts,
) -> Result<BreakerConfig, ConfigError> {
    let (preset, standard) = (profile.breaker(), BreakerConfig::default());
    let counts = |pick: fn(&BreakerConfig) -> u32| profile.base(&preset, &standard, pick);
    let spans = |pick: fn(&BreakerConfig) -> Nanos| profile.base(&preset, &standard, pick);
    let mut probe = profile.base(&preset, &standard, |breaker| breaker.half_open_contracts);
    probe.value = probe.value.min(position_size_max);
    Ok(BreakerConfig {
        cooldown: layers.secs(
            key("breaker.cooldown_s"),
            spans(|breaker| breaker.cooldown),
            1..=DAY_S,
        )?,
        half_open_contracts: layers.contracts(key("breaker.half_open_contracts"), probe)?,
        consecutive_losses_max: layers.count(
            key("breaker.max_consecutive_losses"),
            counts(|breaker| breaker.consecutive_losses_max),
            1..=1_000,
        )?,
        rejects_per_minute_max: layers.count(
            key("breaker.max_rejects_per_minute"),
            counts(|breaker| breaker.rejects_per_minute_max),
            1..=u64::from(BreakerConfig::REJECTS_PER_MINUTE_CEILING),
        )?,
        repeats_max: layers.count(
            key("breaker.max_repeats"),
            counts(|breaker| breaker.repeats_max),
            1..=u64::from(BreakerConfig::REPEATS_CEILING),
        )?,
        repeats_window: layers.secs(
            key("breaker.repeats_window_s"),
            spans(|breaker| breaker.repeats_window),
            1..=3_600,
        )?,
        latency_budget: layers.ms(
            key("breaker.latency_budget_ms"),
            spans(|breaker| breaker.latency_budget),
            1..=60_000,
        )?,
        latency_breaches_max: layers.count(
            key("breaker.max_latency_breaches"),
            counts(|breaker| breaker.latency_breaches_max),
            1..=1_000,
        )?,
    })
}

/// Bounds that cannot be meant together: one of them would refuse everything another allows.
pub(super) fn check(
    layers: &Layers<'_>,
    limits: &Limits,
    breaker: &BreakerConfig,
    orders: &OrderConfig,
) -> Result<(), ConfigError> {
    let size = "risk.max_position_size";
    let pairs = [
        (
            limits.open_orders_per_market_max > limits.open_orders_max,
            ["risk.max_open_orders_per_market", "risk.max_open_orders"],
            "one market cannot have more open orders than all together",
        ),
        (
            limits.position_size_max > limits.position_per_event_max,
            [size, "risk.max_position_per_event"],
            "a trade of the allowed size would never pass; the size is at most the event's",
        ),
        (
            limits.position_size_max > limits.daily_volume_max,
            [size, "risk.max_daily_volume"],
            "a trade of the allowed size would never pass; the size is at most the day's volume",
        ),
        (
            breaker.half_open_contracts > limits.position_size_max,
            ["breaker.half_open_contracts", size],
            "the order that probes is at most as large as any other",
        ),
        (
            orders.limit_offset > limits.price_collar,
            ["orders.limit_offset_cents", "risk.price_collar_cents"],
            "every limit price would be outside the collar; the offset is at most the collar",
        ),
    ];
    match pairs.into_iter().find(|(contradicts, ..)| *contradicts) {
        Some((_, [first, second], why)) => Err(layers.contradiction(first, second, why)),
        None => Ok(()),
    }
}
