//! The section `[gateway]`: what is done about answers that never come, and the exchange's own
//! limit on what trades.

use super::layers::{Layers, base, key};
use super::{ConfigError, TokensBy};
use crate::kalshi::encode::ORDER_BATCH_MAX;
use crate::oms::config::OrderConfig;
use crate::risk::RESENDS_MAX;

/// Longest pause before an order is sent again: past it the market is another.
const RESEND_INTERVAL_MS_MAX: u64 = 1_000;
/// Oldest order that may be sent again: ids are unique among live and recent orders only.
const RESEND_AGE_MS_MAX: u64 = 30_000;

/// Write tokens per second, and in a full bucket, of the smallest tier.
pub(super) const BASIC_TOKENS: u32 = 100;

/// How orders are sent again, laid over what else holds for orders.
pub(super) fn resends(
    layers: &mut Layers<'_>,
    orders: OrderConfig,
) -> Result<OrderConfig, ConfigError> {
    Ok(OrderConfig {
        resends_max: layers.count(
            key("gateway.max_resends"),
            base(orders.resends_max),
            0..=u64::from(RESENDS_MAX),
        )?,
        resend_interval: layers.ms(
            key("gateway.resend_interval_ms"),
            base(orders.resend_interval),
            1..=RESEND_INTERVAL_MS_MAX,
        )?,
        resend_age_max: layers.ms(
            key("gateway.resend_age_ms"),
            base(orders.resend_age_max),
            0..=RESEND_AGE_MS_MAX,
        )?,
        ..orders
    })
}

/// Most orders in one request.
pub(super) fn batch_orders(layers: &mut Layers<'_>) -> Result<usize, ConfigError> {
    layers.count(key("gateway.batch_orders"), base(ORDER_BATCH_MAX), 1..=ORDER_BATCH_MAX as u64)
}

/// How long a receive polls the network card itself: longer holds a core for nothing.
const BUSY_POLL_US_MAX: u64 = 1_000;

/// Microseconds of busy polling; none leaves it to interrupts.
pub(super) fn busy_poll(layers: &mut Layers<'_>) -> Result<Option<u32>, ConfigError> {
    let us: u32 = layers.count(key("gateway.busy_poll_us"), base(0), 0..=BUSY_POLL_US_MAX)?;
    Ok((us > 0).then_some(us))
}

/// The limit of the order groups.
pub(super) fn group_contracts(layers: &mut Layers<'_>) -> Result<Option<u64>, ConfigError> {
    let unset = "what the limits let out within a minute";
    let contracts = layers.optional_count(key("gateway.group_contracts"), unset)?;
    Ok(contracts.map(|contracts| contracts as u64))
}

/// The account's tier says how many tokens there are, unless the configuration says other than
/// what the smallest tier has.
pub(super) const fn tokens_by(tokens_per_second: u32, tokens_max: u32) -> TokensBy {
    match (tokens_per_second, tokens_max) {
        (BASIC_TOKENS, BASIC_TOKENS) => TokensBy::Tier,
        _ => TokensBy::Config,
    }
}
