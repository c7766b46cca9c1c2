//! `[risk]` and `[breaker]`: bounds, the presets under them, and which of them cannot be meant
//! together.

use super::layers::{Layers, base, key};
use super::profile::Profile;
use super::ranges::{CENTURY_MS, DAY_MS, DAY_S};
use super::{ConfigError, Mode};
use crate::ids::TICKER_BYTES_MAX;
use crate::oms::config::OrderConfig;
use crate::risk::{BreakerConfig, Limits, OpenRisk, SeriesRules, SignalTime, SportRule};
use crate::units::{Contracts, Money, Nanos};

pub(super) fn limits(
    layers: &mut Layers<'_>,
    profile: Profile,
    mode: Mode,
) -> Result<Limits, ConfigError> {
    let (preset, standard) = (profile.limits(), Limits::default());
    let contracts = |pick: fn(&Limits) -> Contracts| profile.base(&preset, &standard, pick);
    let counts = |pick: fn(&Limits) -> u32| profile.base(&preset, &standard, pick);
    let any = 0..=u64::from(u32::MAX);
    let mut limits = preset;
    limits.position_size_max = layers.contracts(
        key("risk.max_position_size").or("MAX_POSITION_SIZE"),
        contracts(|limits| limits.position_size_max),
    )?;
    limits.daily_loss_max = layers.money(
        key(LOSS).or("MAX_DAILY_LOSS"),
        profile.base(&preset, &standard, |limits| limits.daily_loss_max),
    )?;
    // No trade risks more than the day may lose, also where nobody speaks of the trade.
    let risk = profile.base(&preset, &standard, |limits| limits.risk_per_trade_max);
    let risk = risk.at_most(limits.daily_loss_max, LOSS);
    limits.risk_per_trade_max = layers.money(key(RISK).or("MAX_RISK_PER_TRADE"), risk)?;
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
    limits.signal_time = signal_time(layers, mode)?;
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

/// Real money is not traded on signals of unknown age, unless somebody says so.
fn signal_time(layers: &mut Layers<'_>, mode: Mode) -> Result<SignalTime, ConfigError> {
    let is_live = mode == Mode::Live;
    let unset = if is_live { "true, because the mode is live" } else { "false; true in mode live" };
    let said = layers.optional_flag(key("risk.require_signal_time"), unset)?;
    Ok(if said.unwrap_or(is_live) { SignalTime::Required } else { SignalTime::Arrival })
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

/// What may be traded, and which sport it belongs to.
pub(super) fn series(layers: &mut Layers<'_>) -> Result<SeriesRules, ConfigError> {
    let SeriesRules { allow, deny, sports } = SeriesRules::default();
    let prefix = |word: &str| is_prefix(word).then(|| word.to_owned());
    let prefixes = "series, or beginnings of tickers, in quotes";
    let (allowed, denied) = ("risk.allowed_series", "risk.denied_series");
    let allow = layers.list(key(allowed), base(allow), prefix, (String::clone, prefixes))?;
    let deny = layers.list(key(denied), base(deny), prefix, (String::clone, prefixes))?;
    if allow.iter().any(|prefix| deny.contains(prefix)) {
        let why = "what is denied is never traded; name it in one of the two";
        return Err(layers.contradiction(allowed, denied, why));
    }
    let row = |word: &str| {
        let (prefix, sport) = word.split_once('=')?;
        let (prefix, sport) = (prefix.trim(), sport.trim());
        let row = SportRule { prefix: prefix.to_owned(), sport: sport.to_owned() };
        (is_prefix(prefix) && !sport.is_empty()).then_some(row)
    };
    let show = |row: &SportRule| format!("{}={}", row.prefix, row.sport);
    let rows = "SERIES=sport in quotes, e.g. \"KXNFL=football\"";
    let sports = layers.list(key("risk.sports"), base(sports), row, (show, rows))?;
    Ok(SeriesRules { allow, deny, sports })
}

/// What a ticker can begin with.
fn is_prefix(word: &str) -> bool {
    let plain =
        |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || b"-._".contains(&byte);
    !word.is_empty() && word.len() <= TICKER_BYTES_MAX && word.bytes().all(plain)
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
    let probe = profile.base(&preset, &standard, |breaker| breaker.half_open_contracts);
    let probe = probe.at_most(position_size_max, SIZE);
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

/// Two settings that contradict each other, their keys, and why.
type Pair = (bool, [&'static str; 2], &'static str);

const SIZE: &str = "risk.max_position_size";
const RISK: &str = "risk.max_risk_per_trade_cents";
const LOSS: &str = "risk.max_daily_loss_cents";
const PER_MINUTE: &str = "risk.max_orders_per_minute";
const SPACING: &str = "risk.min_time_between_orders_ms";

/// Bounds that cannot be meant together: one of them would refuse everything another allows.
/// `paper_cash` is what a paper run starts with.
pub(super) fn check(
    layers: &Layers<'_>,
    (limits, breaker, orders): (&Limits, &BreakerConfig, &OrderConfig),
    paper_cash: Option<Money>,
) -> Result<(), ConfigError> {
    let pairs = sizes(limits, breaker);
    let pairs =
        pairs.into_iter().chain(amounts(limits, paper_cash)).chain(rates(layers, limits, orders));
    match pairs.into_iter().find(|(contradicts, ..)| *contradicts) {
        Some((_, [first, second], why)) => Err(layers.contradiction(first, second, why)),
        None => Ok(()),
    }
}

fn sizes(limits: &Limits, breaker: &BreakerConfig) -> [Pair; 4] {
    [
        (
            limits.open_orders_per_market_max > limits.open_orders_max,
            ["risk.max_open_orders_per_market", "risk.max_open_orders"],
            "one market cannot have more open orders than all together",
        ),
        (
            limits.position_size_max > limits.position_per_event_max,
            [SIZE, "risk.max_position_per_event"],
            "a trade of the allowed size would never pass; the size is at most the event's",
        ),
        (
            limits.position_size_max > limits.daily_volume_max,
            [SIZE, "risk.max_daily_volume"],
            "a trade of the allowed size would never pass; the size is at most the day's volume",
        ),
        (
            breaker.half_open_contracts > limits.position_size_max,
            ["breaker.half_open_contracts", SIZE],
            "the order that probes is at most as large as any other",
        ),
    ]
}

fn amounts(limits: &Limits, paper_cash: Option<Money>) -> [Pair; 3] {
    [
        (
            limits.risk_per_trade_max > limits.daily_loss_max,
            [RISK, LOSS],
            "one trade could lose more than the whole day may; the risk is at most the day's loss",
        ),
        (
            limits.risk_per_trade_max > limits.resting_value_max,
            [RISK, "risk.max_resting_value_cents"],
            "a trade of the allowed risk could never rest; the risk is at most the resting value",
        ),
        (
            paper_cash.is_some_and(|cash| cash > Money::ZERO && limits.balance_min >= cash),
            ["risk.min_balance_cents", "paper.cash_cents"],
            "nothing could ever be bought; the balance is less than the cash",
        ),
    ]
}

fn rates(layers: &Layers<'_>, limits: &Limits, orders: &OrderConfig) -> [Pair; 2] {
    let after_the_first = u64::from(limits.orders_per_minute_max.saturating_sub(1));
    let takes = limits.order_spacing_min.ns().saturating_mul(after_the_first);
    // One of them alone is a wish; the other then bounds nothing, and harms nobody.
    let both = layers.is_chosen(PER_MINUTE) && layers.is_chosen(SPACING);
    [
        (
            orders.limit_offset > limits.price_collar,
            ["orders.limit_offset_cents", "risk.price_collar_cents"],
            "every limit price would be outside the collar; the offset is at most the collar",
        ),
        (
            both && after_the_first > 0 && takes >= Nanos::from_secs(60).ns(),
            [PER_MINUTE, SPACING],
            "so many orders never fit into a minute at that distance; lower one of the two",
        ),
    ]
}
