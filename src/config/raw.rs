//! The file as written: every key optional, unknown keys refused, units in the names.

mod bounds;

use std::path::{Path, PathBuf};

use serde::Deserialize;

use self::bounds::{CASH_CENTS_MAX, CENTURY_MS, DAY_MS, SIGNALS_PER_CYCLE_MAX, span, within};
use super::{
    Config, ConfigError, Environment, MachineConfig, Mode, Profile, SimConfig, WireConfig,
};
use crate::intake::Pace;
use crate::message::{Style, TimeInForce};
use crate::oms::config::OrderConfig;
use crate::paper::PaperConfig;
use crate::risk::Limits;
use crate::runtime::topology::CorePlan;
use crate::units::{Contracts, Money, Nanos, PriceDelta, parse_decimal};

/// Cents as written: an integer or a decimal, kept exact.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Cents {
    Whole(i64),
    Decimal(f64),
}

impl Cents {
    fn text(&self) -> String {
        match self {
            Self::Whole(cents) => cents.to_string(),
            // The shortest text that reads back as the same number is what was written.
            Self::Decimal(cents) => cents.to_string(),
        }
    }

    /// Scaled by `10^places`, or an error naming `key`.
    fn scaled(&self, key: &str, places: u32) -> Result<i64, ConfigError> {
        parse_decimal(self.text().as_bytes(), places).ok_or_else(|| {
            let allowed = format!("an amount in cents with at most {places} decimals");
            ConfigError::not_allowed(key, self.text(), &allowed)
        })
    }

    fn not_negative(&self, key: &str, places: u32) -> Result<i64, ConfigError> {
        let scaled = self.scaled(key, places)?;
        if scaled < 0 {
            return Err(ConfigError::not_allowed(key, self.text(), "0 or more cents"));
        }
        Ok(scaled)
    }

    fn money(&self, key: &str) -> Result<Money, ConfigError> {
        Ok(Money::from_e8(self.not_negative(key, 6)?))
    }

    /// A distance of prices: not negative.
    fn distance(&self, key: &str) -> Result<PriceDelta, ConfigError> {
        Ok(PriceDelta::from_micros(self.not_negative(key, 4)?))
    }

    /// A difference of prices: either sign.
    fn delta(&self, key: &str) -> Result<PriceDelta, ConfigError> {
        Ok(PriceDelta::from_micros(self.scaled(key, 4)?))
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Raw {
    run: RawRun,
    risk: RawRisk,
    orders: RawOrders,
    paper: RawPaper,
    wire: RawWire,
    machine: RawMachine,
    cores: RawCores,
    sim: RawSim,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawRun {
    mode: Option<String>,
    profile: Option<String>,
    pace: Option<String>,
    cycle_interval_ms: Option<u64>,
    max_signals_per_cycle: Option<u32>,
    cycle_linger_ms: Option<u64>,
    seed: Option<u64>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawRisk {
    max_position_size: Option<i64>,
    max_risk_per_trade_cents: Option<Cents>,
    max_daily_loss_cents: Option<Cents>,
    max_daily_trades: Option<u32>,
    max_daily_volume: Option<i64>,
    max_position_per_event: Option<i64>,
    max_orders_per_minute: Option<u32>,
    min_time_between_orders_ms: Option<u64>,
    price_collar_cents: Option<Cents>,
    minimum_edge_cents: Option<Cents>,
    signal_age_ms: Option<u64>,
    max_open_orders: Option<u32>,
    max_open_orders_per_market: Option<u32>,
    min_balance_cents: Option<Cents>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawOrders {
    style: Option<String>,
    limit_offset_cents: Option<Cents>,
    max_retries: Option<u8>,
    retry_step_cents: Option<Cents>,
    max_price_improvement_cents: Option<Cents>,
    max_slippage_cents: Option<Cents>,
    max_repegs: Option<u8>,
    repeg_step_cents: Option<Cents>,
    repeg_interval_ms: Option<u64>,
    time_in_force: Option<String>,
    fill_timeout_ms: Option<u64>,
    partial_wait_ms: Option<u64>,
    drain_timeout_ms: Option<u64>,
    read_lag_ms: Option<u64>,
    absence_wait_ms: Option<u64>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawPaper {
    cash_cents: Option<i64>,
    fill_per_mille: Option<u32>,
    partial_per_mille: Option<u32>,
    slippage_per_mille: Option<u32>,
    improvement_per_mille: Option<u32>,
    latency_min_ms: Option<u64>,
    latency_max_ms: Option<u64>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawWire {
    connections: Option<u16>,
    ack_timeout_ms: Option<u64>,
    signature_age_ms: Option<u64>,
    signatures_ready: Option<u16>,
    write_tokens_per_second: Option<u32>,
    write_tokens_max: Option<u32>,
    cancel_reserve_tokens: Option<u32>,
    feed_silence_ms: Option<u64>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawMachine {
    topology: Option<String>,
    wait: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawCores {
    intake: Option<usize>,
    oms: Option<usize>,
    gateway: Option<usize>,
    feed: Option<usize>,
    cold: Option<usize>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawSim {
    markets: Option<PathBuf>,
    moving_quotes: Option<bool>,
    cash_cents: Option<i64>,
}

pub(super) fn read(path: &Path) -> Result<Raw, ConfigError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
    parse(&text, path)
}

pub(super) fn parse(text: &str, path: &Path) -> Result<Raw, ConfigError> {
    toml::from_str(text).map_err(|error| ConfigError::Syntax {
        path: path.to_owned(),
        detail: error.to_string().trim_end().to_owned(),
    })
}

/// A name from a fixed set.
fn named<T>(
    key: &str,
    text: Option<&str>,
    parse: impl Fn(&str) -> Option<T>,
    allowed: &str,
) -> Result<Option<T>, ConfigError> {
    let read = |text: &str| {
        parse(text).ok_or_else(|| ConfigError::not_allowed(key, text, &format!("one of {allowed}")))
    };
    text.map(read).transpose()
}

fn contracts(key: &str, whole: i64) -> Result<Contracts, ConfigError> {
    let centis = whole.checked_mul(100).and_then(|centis| u32::try_from(centis).ok());
    centis
        .map(Contracts::from_centis)
        .ok_or_else(|| ConfigError::not_allowed(key, whole, "whole contracts from 0 to 42949672"))
}

const PROFILES: &str = "CONSERVATIVE, STANDARD, AGGRESSIVE";

impl Raw {
    pub(super) fn resolve(self, environment: &Environment) -> Result<Config, ConfigError> {
        let run = &self.run;
        let mode = mode_of(run.mode.as_deref(), environment)?;
        let profile = match environment.text("TRADING_PROFILE") {
            Some(name) => named("TRADING_PROFILE", Some(name), Profile::parse, PROFILES)?,
            None => named("run.profile", run.profile.as_deref(), Profile::parse, PROFILES)?,
        }
        .unwrap_or(Profile::Standard);
        let pace = named(
            "run.pace",
            run.pace.as_deref(),
            |text| text.parse::<Pace>().ok(),
            "none, cycle, recorded",
        )?;
        let seed = run.seed.unwrap_or(1);
        let limits = self.risk.limits(profile.limits(), environment)?;
        let orders = self.orders.resolve()?;
        Ok(Config {
            mode,
            profile,
            pace: pace.unwrap_or(Pace::None),
            cycle_interval: run.interval(environment)?,
            signals_per_cycle_max: run.per_cycle(environment)?,
            cycle_linger: span(
                "run.cycle_linger_ms",
                run.cycle_linger_ms,
                Nanos::from_ms(2),
                &(0..=DAY_MS),
            )?,
            seed,
            limits,
            orders,
            paper: self.paper.resolve(&orders, seed)?,
            paper_cash_cents: cash("paper.cash_cents", self.paper.cash_cents)?,
            wire: self.wire.resolve()?,
            machine: self.machine.resolve(&self.cores)?,
            sim: SimConfig {
                cash_cents: cash("sim.cash_cents", self.sim.cash_cents)?,
                markets: self.sim.markets,
                moving_quotes: self.sim.moving_quotes.unwrap_or(true),
            },
            api_key_id: environment.text("KALSHI_API_KEY_ID").map(str::to_owned),
            private_key_path: environment.text("KALSHI_PRIVATE_KEY_PATH").map(PathBuf::from),
        })
    }
}

fn cash(key: &str, written: Option<i64>) -> Result<i64, ConfigError> {
    within(key, written.unwrap_or(1_000_000), &(0..=CASH_CENTS_MAX))
}

impl RawRun {
    fn interval(&self, environment: &Environment) -> Result<Nanos, ConfigError> {
        let (key, written) = match environment.number("CYCLE_INTERVAL_MS")? {
            Some(ms) => ("CYCLE_INTERVAL_MS", Some(ms)),
            None => ("run.cycle_interval_ms", self.cycle_interval_ms),
        };
        span(key, written, Nanos::from_ms(1_000), &(1..=DAY_MS))
    }

    fn per_cycle(&self, environment: &Environment) -> Result<u32, ConfigError> {
        let (key, written) = match environment.number("MAX_SIGNALS_PER_CYCLE")? {
            Some(count) => ("MAX_SIGNALS_PER_CYCLE", Some(count)),
            None => ("run.max_signals_per_cycle", self.max_signals_per_cycle.map(u64::from)),
        };
        within(key, written.unwrap_or(3), &(1..=SIGNALS_PER_CYCLE_MAX)).map(narrow)
    }
}

/// `PAPER_TRADING=true` over a file that says live is a contradiction worth stopping for.
fn mode_of(text: Option<&str>, environment: &Environment) -> Result<Mode, ConfigError> {
    let mode = named("run.mode", text, Mode::parse, "paper, sim, demo, live")?;
    match (environment.text("PAPER_TRADING"), mode) {
        (None, mode) => Ok(mode.unwrap_or(Mode::Paper)),
        (Some(flag), mode) if flag.eq_ignore_ascii_case("true") => match mode {
            Some(Mode::Live | Mode::Demo) => Err(ConfigError::Contradiction {
                first: format!("PAPER_TRADING = {flag}"),
                second: format!("run.mode = {}", text.unwrap_or_default()),
                why: "unset PAPER_TRADING or choose run.mode = \"paper\"".to_owned(),
            }),
            _ => Ok(mode.unwrap_or(Mode::Paper)),
        },
        (Some(flag), mode) if flag.eq_ignore_ascii_case("false") => Ok(mode.unwrap_or(Mode::Live)),
        (Some(flag), _) => Err(ConfigError::not_allowed("PAPER_TRADING", flag, "true or false")),
    }
}

fn narrow(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

impl RawRisk {
    fn limits(&self, base: Limits, environment: &Environment) -> Result<Limits, ConfigError> {
        let mut limits = base;
        let whole = [
            ("risk.max_position_size", self.max_position_size, &mut limits.position_size_max),
            ("risk.max_daily_volume", self.max_daily_volume, &mut limits.daily_volume_max),
            (
                "risk.max_position_per_event",
                self.max_position_per_event,
                &mut limits.position_per_event_max,
            ),
        ];
        for (key, value, slot) in whole {
            if let Some(value) = value {
                *slot = contracts(key, value)?;
            }
        }
        let amounts = [
            (
                "risk.max_risk_per_trade_cents",
                &self.max_risk_per_trade_cents,
                &mut limits.risk_per_trade_max,
            ),
            ("risk.max_daily_loss_cents", &self.max_daily_loss_cents, &mut limits.daily_loss_max),
            ("risk.min_balance_cents", &self.min_balance_cents, &mut limits.balance_min),
        ];
        for (key, value, slot) in amounts {
            if let Some(value) = value {
                *slot = value.money(key)?;
            }
        }
        if let Some(value) = &self.price_collar_cents {
            limits.price_collar = value.distance("risk.price_collar_cents")?;
        }
        if let Some(value) = &self.minimum_edge_cents {
            limits.edge_min = value.delta("risk.minimum_edge_cents")?;
        }
        self.counts(&mut limits);
        self.times(&mut limits)?;
        overrides(&mut limits, environment)?;
        check(&limits)?;
        Ok(limits)
    }

    fn counts(&self, limits: &mut Limits) {
        let counts = [
            (self.max_daily_trades, &mut limits.daily_trades_max),
            (self.max_orders_per_minute, &mut limits.orders_per_minute_max),
            (self.max_open_orders, &mut limits.open_orders_max),
            (self.max_open_orders_per_market, &mut limits.open_orders_per_market_max),
        ];
        for (value, slot) in counts {
            *slot = value.unwrap_or(*slot);
        }
    }

    fn times(&self, limits: &mut Limits) -> Result<(), ConfigError> {
        limits.order_spacing_min = span(
            "risk.min_time_between_orders_ms",
            self.min_time_between_orders_ms,
            limits.order_spacing_min,
            &(0..=DAY_MS),
        )?;
        limits.signal_age_max = span(
            "risk.signal_age_ms",
            self.signal_age_ms,
            limits.signal_age_max,
            &(0..=CENTURY_MS),
        )?;
        Ok(())
    }
}

/// The plan's variables: sizes in contracts, money in cents.
fn overrides(limits: &mut Limits, environment: &Environment) -> Result<(), ConfigError> {
    let signed = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    let cents = |name: &str| -> Result<Option<Money>, ConfigError> {
        let Some(value) = environment.number(name)? else { return Ok(None) };
        let e8 = signed(value).checked_mul(Money::E8_PER_CENT);
        let wrong = || ConfigError::not_allowed(name, value, "an amount in cents");
        Ok(Some(Money::from_e8(e8.ok_or_else(wrong)?)))
    };
    if let Some(value) = environment.number("MAX_POSITION_SIZE")? {
        limits.position_size_max = contracts("MAX_POSITION_SIZE", signed(value))?;
    }
    if let Some(value) = cents("MAX_RISK_PER_TRADE")? {
        limits.risk_per_trade_max = value;
    }
    if let Some(value) = cents("MAX_DAILY_LOSS")? {
        limits.daily_loss_max = value;
    }
    if let Some(value) = environment.number("MAX_DAILY_TRADES")? {
        limits.daily_trades_max = narrow(value);
    }
    Ok(())
}

fn check(limits: &Limits) -> Result<(), ConfigError> {
    if limits.orders_per_minute_max > Limits::ORDERS_PER_MINUTE_CEILING {
        return Err(ConfigError::not_allowed(
            "risk.max_orders_per_minute",
            limits.orders_per_minute_max,
            "at most 1000000",
        ));
    }
    if limits.open_orders_per_market_max > limits.open_orders_max {
        return Err(ConfigError::Contradiction {
            first: format!(
                "risk.max_open_orders_per_market = {}",
                limits.open_orders_per_market_max
            ),
            second: format!("risk.max_open_orders = {}", limits.open_orders_max),
            why: "one market cannot have more open orders than all together".to_owned(),
        });
    }
    Ok(())
}

impl RawOrders {
    fn resolve(&self) -> Result<OrderConfig, ConfigError> {
        let mut orders = OrderConfig::default();
        self.distances(&mut orders)?;
        let parse = |text: &str| Style::parse(text.as_bytes());
        let style = named("orders.style", self.style.as_deref(), parse, "take, make, auto")?;
        orders.style = style.unwrap_or(orders.style);
        let followers = [
            ("orders.max_retries", self.max_retries, &mut orders.retries_max),
            ("orders.max_repegs", self.max_repegs, &mut orders.repegs_max),
        ];
        for (key, value, slot) in followers {
            *slot = within(key, value.unwrap_or(*slot), &(0..=OrderConfig::FOLLOWERS_MAX))?;
        }
        let parse = |text: &str| TimeInForce::parse(text.as_bytes());
        let allowed = "immediate_or_cancel, good_till_canceled, fill_or_kill";
        let chosen = named("orders.time_in_force", self.time_in_force.as_deref(), parse, allowed)?;
        orders.time_in_force = chosen.unwrap_or(orders.time_in_force);
        let times = [
            ("orders.fill_timeout_ms", self.fill_timeout_ms, &mut orders.fill_timeout),
            ("orders.repeg_interval_ms", self.repeg_interval_ms, &mut orders.repeg_interval),
            ("orders.partial_wait_ms", self.partial_wait_ms, &mut orders.partial_wait),
            ("orders.drain_timeout_ms", self.drain_timeout_ms, &mut orders.drain_timeout),
            ("orders.read_lag_ms", self.read_lag_ms, &mut orders.read_lag),
            ("orders.absence_wait_ms", self.absence_wait_ms, &mut orders.absence_wait),
        ];
        for (key, value, slot) in times {
            *slot = span(key, value, *slot, &(0..=DAY_MS))?;
        }
        Ok(orders)
    }
}

impl RawOrders {
    fn distances(&self, orders: &mut OrderConfig) -> Result<(), ConfigError> {
        let distances = [
            ("orders.limit_offset_cents", &self.limit_offset_cents, &mut orders.limit_offset),
            ("orders.retry_step_cents", &self.retry_step_cents, &mut orders.retry_step),
            (
                "orders.max_price_improvement_cents",
                &self.max_price_improvement_cents,
                &mut orders.improvement_max,
            ),
            ("orders.max_slippage_cents", &self.max_slippage_cents, &mut orders.slippage_max),
            ("orders.repeg_step_cents", &self.repeg_step_cents, &mut orders.repeg_step),
        ];
        for (key, value, slot) in distances {
            if let Some(value) = value {
                *slot = value.distance(key)?;
            }
        }
        Ok(())
    }
}

impl RawPaper {
    fn resolve(&self, orders: &OrderConfig, seed: u64) -> Result<PaperConfig, ConfigError> {
        let mut paper =
            PaperConfig { limit_offset: orders.limit_offset, seed, ..PaperConfig::default() };
        let chances = [
            ("paper.fill_per_mille", self.fill_per_mille, &mut paper.fill_per_mille),
            ("paper.partial_per_mille", self.partial_per_mille, &mut paper.partial_per_mille),
            ("paper.slippage_per_mille", self.slippage_per_mille, &mut paper.slippage_per_mille),
            (
                "paper.improvement_per_mille",
                self.improvement_per_mille,
                &mut paper.improvement_per_mille,
            ),
        ];
        for (key, value, slot) in chances {
            match value {
                Some(value) if value > 1_000 => {
                    return Err(ConfigError::not_allowed(key, value, "0 to 1000 thousandths"));
                }
                Some(value) => *slot = value,
                None => {}
            }
        }
        let any = 0..=DAY_MS;
        paper.latency_min =
            span("paper.latency_min_ms", self.latency_min_ms, paper.latency_min, &any)?;
        paper.latency_max =
            span("paper.latency_max_ms", self.latency_max_ms, paper.latency_max, &any)?;
        if paper.latency_min > paper.latency_max {
            return Err(ConfigError::Contradiction {
                first: format!("paper.latency_min_ms = {}", paper.latency_min.ms()),
                second: format!("paper.latency_max_ms = {}", paper.latency_max.ms()),
                why: "the shortest latency is longer than the longest".to_owned(),
            });
        }
        Ok(paper)
    }
}

impl RawWire {
    fn resolve(&self) -> Result<WireConfig, ConfigError> {
        let ms = Nanos::from_ms;
        let wire = WireConfig {
            connections: within("wire.connections", self.connections.unwrap_or(4), &(1..=16))?,
            ack_timeout: span(
                "wire.ack_timeout_ms",
                self.ack_timeout_ms,
                ms(2_000),
                &(1..=60_000),
            )?,
            signature_age_max: span(
                "wire.signature_age_ms",
                self.signature_age_ms,
                ms(1_000),
                &(1..=10_000),
            )?,
            signatures_ready: within(
                "wire.signatures_ready",
                self.signatures_ready.unwrap_or(32),
                &(1..=1_024),
            )?,
            write_tokens_per_second: self.write_tokens_per_second.unwrap_or(100),
            write_tokens_max: self.write_tokens_max.unwrap_or(100),
            cancel_reserve_tokens: self.cancel_reserve_tokens.unwrap_or(20),
            feed_silence_max: span(
                "wire.feed_silence_ms",
                self.feed_silence_ms,
                ms(15_000),
                &(1_000..=DAY_MS),
            )?,
        };
        if wire.cancel_reserve_tokens >= wire.write_tokens_max {
            return Err(ConfigError::Contradiction {
                first: format!("wire.cancel_reserve_tokens = {}", wire.cancel_reserve_tokens),
                second: format!("wire.write_tokens_max = {}", wire.write_tokens_max),
                why: "a reserve as large as the bucket leaves no tokens for orders".to_owned(),
            });
        }
        Ok(wire)
    }
}

impl RawMachine {
    fn resolve(&self, cores: &RawCores) -> Result<MachineConfig, ConfigError> {
        let topologies = "compact, fused, dedicated";
        let waits = "spin, spin_yield, park";
        Ok(MachineConfig {
            topology: named(
                "machine.topology",
                self.topology.as_deref(),
                |text| text.parse().ok(),
                topologies,
            )?,
            wait: named("machine.wait", self.wait.as_deref(), |text| text.parse().ok(), waits)?,
            cores: CorePlan {
                intake: cores.intake,
                oms: cores.oms,
                gateway: cores.gateway,
                feed: cores.feed,
                cold: cores.cold,
            },
        })
    }
}
