//! The section `[gateway]`: what is done about answers that never come.

use super::ConfigError;
use super::layers::{Layers, base, key};
use crate::oms::config::OrderConfig;
use crate::risk::RESENDS_MAX;

/// Longest pause before an order is sent again: past it the market is another.
const RESEND_INTERVAL_MS_MAX: u64 = 1_000;
/// Oldest order that may be sent again: ids are unique among live and recent orders only.
const RESEND_AGE_MS_MAX: u64 = 30_000;

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
