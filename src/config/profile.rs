//! Presets of the limits (`TRADING_PROFILE`): what each key starts from before anybody says more.

use super::layers::Base;
use super::setting::Origin;
use crate::risk::{BreakerConfig, Limits};
use crate::units::{Contracts, Money, PriceDelta};

/// Presets of the limits (`TRADING_PROFILE`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// Half of every size, amount and rate of the standard profile, twice its minimum edge; the
    /// breaker opens after three losses and stays open twice as long.
    Conservative,
    /// The defaults.
    Standard,
    /// Twice every size, amount and rate of the standard profile, ten losses in a row; minimum
    /// edge, price collar and what the breaker thinks of faults are unchanged.
    Aggressive,
}

impl Profile {
    /// The names, as messages list them.
    pub(super) const NAMES: &str = "CONSERVATIVE, STANDARD, AGGRESSIVE";

    /// The name in files and the environment.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Conservative => "CONSERVATIVE",
            Self::Standard => "STANDARD",
            Self::Aggressive => "AGGRESSIVE",
        }
    }

    /// Reads the name, in any case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Conservative, Self::Standard, Self::Aggressive]
            .into_iter()
            .find(|profile| profile.as_str().eq_ignore_ascii_case(text))
    }

    /// The limits this preset starts from.
    #[must_use]
    pub fn limits(self) -> Limits {
        let standard = Limits::default();
        match self {
            Self::Standard => standard,
            Self::Conservative => scaled(
                Limits {
                    edge_min: PriceDelta::from_micros(standard.edge_min.micros() * 2),
                    ..standard
                },
                |value| value / 2,
            ),
            Self::Aggressive => scaled(standard, |value| value * 2),
        }
    }

    /// The breaker this preset starts from.
    #[must_use]
    pub fn breaker(self) -> BreakerConfig {
        let standard = BreakerConfig::default();
        match self {
            Self::Standard => standard,
            Self::Conservative => BreakerConfig {
                cooldown: standard.cooldown + standard.cooldown,
                half_open_contracts: Contracts::from_whole(5),
                consecutive_losses_max: 3,
                ..standard
            },
            Self::Aggressive => BreakerConfig {
                half_open_contracts: Contracts::from_whole(20),
                consecutive_losses_max: 10,
                ..standard
            },
        }
    }

    /// What one key starts from, with whether it is the preset that says so.
    pub(super) fn base<C, T: PartialEq>(
        self,
        preset: &C,
        standard: &C,
        pick: impl Fn(&C) -> T,
    ) -> Base<T> {
        let value = pick(preset);
        let own = value != pick(standard);
        let origin = if own { Origin::Profile(self.as_str()) } else { Origin::Default };
        Base { value, origin }
    }
}

/// Sizes, amounts and rates go together; edges, prices, ages and what rests at once stay.
fn scaled(from: Limits, by: impl Fn(i64) -> i64) -> Limits {
    let narrow = |value: u32| u32::try_from(by(i64::from(value))).unwrap_or(u32::MAX);
    let contracts = |value: Contracts| Contracts::from_centis(narrow(value.centis()));
    let money = |value: Money| Money::from_e8(by(value.e8()));
    Limits {
        position_size_max: contracts(from.position_size_max),
        risk_per_trade_max: money(from.risk_per_trade_max),
        daily_loss_max: money(from.daily_loss_max),
        daily_trades_max: narrow(from.daily_trades_max),
        daily_volume_max: contracts(from.daily_volume_max),
        position_per_event_max: contracts(from.position_per_event_max),
        orders_per_minute_max: narrow(from.orders_per_minute_max),
        ..from
    }
}
