//! Configuration: one TOML file with documented defaults, the plan's environment variables over
//! it, the command line over both. Read once, turned into domain types, then never again.
//!
//! Every error names the key, the value and what is allowed. Precedence, strongest first: command
//! line, environment, `.env` in the working directory, the file, the profile, the defaults.

mod environment;
mod error;
mod raw;

use std::path::{Path, PathBuf};

pub use environment::Environment;
pub use error::ConfigError;

use crate::intake::Pace;
use crate::oms::config::OrderConfig;
use crate::paper::PaperConfig;
use crate::risk::Limits;
use crate::runtime::topology::{CorePlan, Topology};
use crate::runtime::wait::Wait;
use crate::units::Nanos;

/// Where orders go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Nowhere: fills are modelled.
    Paper,
    /// To a simulated exchange, in this process or another.
    Sim,
    /// To the exchange's demo environment.
    Demo,
    /// To the exchange, with real money.
    Live,
}

impl Mode {
    /// The name on the command line, in files and reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Paper => "paper",
            Self::Sim => "sim",
            Self::Demo => "demo",
            Self::Live => "live",
        }
    }

    /// Reads the name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Paper, Self::Sim, Self::Demo, Self::Live]
            .into_iter()
            .find(|mode| mode.as_str() == text)
    }
}

/// Presets of the limits (`TRADING_PROFILE`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// Half of every bound of the standard profile, twice its minimum edge.
    Conservative,
    /// The defaults.
    Standard,
    /// Twice every bound of the standard profile; minimum edge and price collar unchanged.
    Aggressive,
}

impl Profile {
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
            Self::Conservative => scaled(standard, 1, 2),
            Self::Aggressive => scaled(standard, 2, 1),
        }
    }
}

fn scaled(standard: Limits, times: u32, by: u32) -> Limits {
    use crate::units::{Contracts, Money, PriceDelta};
    let contracts = |value: Contracts| Contracts::from_centis(value.centis() * times / by);
    let money = |value: Money| Money::from_e8(value.e8() * i64::from(times) / i64::from(by));
    let edge_times = if times < by { i64::from(by / times) } else { 1 };
    Limits {
        position_size_max: contracts(standard.position_size_max),
        risk_per_trade_max: money(standard.risk_per_trade_max),
        daily_loss_max: money(standard.daily_loss_max),
        daily_trades_max: standard.daily_trades_max * times / by,
        daily_volume_max: contracts(standard.daily_volume_max),
        position_per_event_max: contracts(standard.position_per_event_max),
        orders_per_minute_max: standard.orders_per_minute_max * times / by,
        edge_min: PriceDelta::from_micros(standard.edge_min.micros() * edge_times),
        ..standard
    }
}

/// Connections and answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WireConfig {
    /// Warm connections for orders.
    pub connections: u16,
    /// How long an answer may take before the order's fate is unknown.
    pub ack_timeout: Nanos,
    /// How old a signature made ahead may be.
    pub signature_age_max: Nanos,
    /// Signatures kept ready.
    pub signatures_ready: u16,
    /// Write tokens per second of the account's tier.
    pub write_tokens_per_second: u32,
    /// Write tokens the bucket holds.
    pub write_tokens_max: u32,
    /// Write tokens that only cancels may use.
    pub cancel_reserve_tokens: u32,
    /// Silence after which the feed counts as dead.
    pub feed_silence_max: Nanos,
}

/// Threads and cores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MachineConfig {
    /// How stages share threads; by the number of cores when `None`.
    pub topology: Option<Topology>,
    /// What hot threads do when idle; by the number of cores when `None`.
    pub wait: Option<Wait>,
    /// Which core each thread is held to.
    pub cores: CorePlan,
}

/// The simulated exchange inside the process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimConfig {
    /// Books to open with; the built-in World Cup books when `None`.
    pub markets: Option<PathBuf>,
    /// Whether quotes move by themselves.
    pub moving_quotes: bool,
    /// Cash the account starts with, in cents.
    pub cash_cents: i64,
}

/// Everything the engine is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Where orders go.
    pub mode: Mode,
    /// The preset behind the limits.
    pub profile: Profile,
    /// How a file of signals is paced.
    pub pace: Pace,
    /// One pipeline cycle.
    pub cycle_interval: Nanos,
    /// Signals taken of one cycle.
    pub signals_per_cycle_max: u32,
    /// How long a cycle on a socket waits for more of its signals.
    pub cycle_linger: Nanos,
    /// Seed of everything random.
    pub seed: u64,
    /// The bounds.
    pub limits: Limits,
    /// How orders are made and followed.
    pub orders: OrderConfig,
    /// Paper fills.
    pub paper: PaperConfig,
    /// Cash on paper, in cents.
    pub paper_cash_cents: i64,
    /// Connections and answers.
    pub wire: WireConfig,
    /// Threads and cores.
    pub machine: MachineConfig,
    /// The simulated exchange inside the process.
    pub sim: SimConfig,
    /// The account's key id, for demo and live.
    pub api_key_id: Option<String>,
    /// The account's private key file, for demo and live.
    pub private_key_path: Option<PathBuf>,
}

impl Config {
    /// Reads `file` (the defaults when `None`) and lays the environment over it.
    ///
    /// # Errors
    /// [`ConfigError`] naming the key, the value and what is allowed.
    pub fn load(file: Option<&Path>, environment: &Environment) -> Result<Self, ConfigError> {
        let raw = match file {
            Some(path) => raw::read(path)?,
            None => raw::Raw::default(),
        };
        raw.resolve(environment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::{Contracts, Money, PriceDelta};

    fn parse(text: &str, environment: &[(&str, &str)]) -> Result<Config, ConfigError> {
        raw::parse(text, Path::new("test.toml"))?.resolve(&Environment::from_pairs(environment))
    }

    #[track_caller]
    fn fails(text: &str, environment: &[(&str, &str)], parts: &[&str]) {
        let message = parse(text, environment).unwrap_err().to_string();
        for part in parts {
            assert!(message.contains(part), "{message:?} lacks {part:?}");
        }
    }

    #[test]
    fn nothing_configured_is_the_plans_defaults_on_paper() {
        let config = parse("", &[]).unwrap();
        assert_eq!(config.mode, Mode::Paper);
        assert_eq!(config.limits, Limits::default());
        assert_eq!(config.orders, OrderConfig::default());
    }

    #[test]
    fn the_file_sets_limits_and_the_environment_wins() {
        let text = "[risk]\nmax_position_size = 40\nminimum_edge_cents = -3\n\
                    max_daily_loss_cents = 2500.5\n";
        let config = parse(text, &[("MAX_POSITION_SIZE", "7")]).unwrap();
        assert_eq!(config.limits.position_size_max, Contracts::from_whole(7));
        assert_eq!(config.limits.edge_min, PriceDelta::from_cents(-3));
        assert_eq!(config.limits.daily_loss_max, Money::from_e8(2_500_500_000));
    }

    #[test]
    fn profiles_are_presets_the_file_overrides() {
        let config = parse("[risk]\nmax_daily_trades = 9", &[("TRADING_PROFILE", "conservative")]);
        let limits = config.unwrap().limits;
        assert_eq!(limits.position_size_max, Contracts::from_whole(50));
        assert_eq!(limits.edge_min, PriceDelta::from_cents(2));
        assert_eq!(limits.daily_trades_max, 9);
    }

    #[test]
    fn errors_name_the_key_the_value_and_what_is_allowed() {
        fails(
            "[risk]\nmax_positon_size = 1",
            &[],
            &["test.toml", "max_positon_size", "max_position_size"],
        );
        fails("[risk]\nmax_position_size = \"x\"", &[], &["test.toml", "max_position_size"]);
        fails("[risk]\nmax_position_size = -1", &[], &["risk.max_position_size", "-1", "0"]);
        fails("[run]\nmode = \"sin\"", &[], &["run.mode", "sin", "paper, sim, demo, live"]);
        fails("", &[("MAX_DAILY_TRADES", "many")], &["MAX_DAILY_TRADES", "many"]);
        fails("", &[("TRADING_PROFILE", "BRAVE")], &["TRADING_PROFILE", "BRAVE", "STANDARD"]);
        fails("[orders]\ntime_in_force = \"day\"", &[], &["orders.time_in_force", "day"]);
        fails("[orders]\nstyle = \"steal\"", &[], &["orders.style", "steal", "auto"]);
        fails("[orders]\nmax_retries = 8", &[], &["orders.max_retries", "8"]);
    }

    #[test]
    fn contradictions_are_refused() {
        fails(
            "[risk]\nmax_open_orders = 1\nmax_open_orders_per_market = 2",
            &[],
            &["max_open_orders_per_market", "max_open_orders"],
        );
        fails(
            "[paper]\nlatency_min_ms = 9\nlatency_max_ms = 3",
            &[],
            &["paper.latency_min_ms", "paper.latency_max_ms"],
        );
        fails("[run]\nmode = \"live\"", &[("PAPER_TRADING", "true")], &["PAPER_TRADING", "live"]);
        for reserve in [100, 101] {
            fails(
                &format!("[wire]\nwrite_tokens_max = 100\ncancel_reserve_tokens = {reserve}"),
                &[],
                &[&format!("wire.cancel_reserve_tokens = {reserve}"), "write_tokens_max = 100"],
            );
        }
        let least = "[wire]\nwrite_tokens_max = 100\ncancel_reserve_tokens = 99";
        assert_eq!(parse(least, &[]).unwrap().wire.cancel_reserve_tokens, 99);
    }

    /// `section.key` accepts the ends of its range and names it beyond them.
    #[track_caller]
    fn ranges(key: &str, least: i64, most: i64) {
        let (section, name) = key.split_once('.').unwrap();
        let text = |value: i64| format!("[{section}]\n{name} = {value}");
        for value in [least, most] {
            let outcome = parse(&text(value), &[]).map(|_| ()).map_err(|error| error.to_string());
            assert_eq!(outcome, Ok(()), "{key} = {value}");
        }
        let allowed = format!("{least} to {most}");
        // A number below zero is already refused as the wrong type where zero is the least.
        let below = (least > 0).then_some(least - 1);
        for value in below.into_iter().chain([most + 1]) {
            fails(&text(value), &[], &[&format!("{key} = {value}"), &allowed]);
        }
    }

    #[test]
    fn numbers_out_of_range_are_refused_with_the_range() {
        const DAY: i64 = 86_400_000;
        ranges("run.cycle_interval_ms", 1, DAY);
        ranges("run.cycle_linger_ms", 0, DAY);
        ranges("run.max_signals_per_cycle", 1, 256);
        ranges("risk.min_time_between_orders_ms", 0, DAY);
        ranges("risk.signal_age_ms", 0, 36_525 * DAY);
        ranges("orders.fill_timeout_ms", 0, DAY);
        ranges("orders.partial_wait_ms", 0, DAY);
        ranges("orders.drain_timeout_ms", 0, DAY);
        ranges("paper.cash_cents", 0, 1_000_000_000_000);
        ranges("wire.connections", 1, 16);
        ranges("wire.ack_timeout_ms", 1, 60_000);
        ranges("wire.signature_age_ms", 1, 10_000);
        ranges("wire.signatures_ready", 1, 1_024);
        ranges("wire.feed_silence_ms", 1_000, DAY);
        ranges("sim.cash_cents", 0, 1_000_000_000_000);
        fails("", &[("CYCLE_INTERVAL_MS", "0")], &["CYCLE_INTERVAL_MS = 0", "1 to 86400000"]);
        for count in ["0", "257", "4294967297"] {
            let key = format!("MAX_SIGNALS_PER_CYCLE = {count}");
            fails("", &[("MAX_SIGNALS_PER_CYCLE", count)], &[&key, "1 to 256"]);
        }
    }

    #[test]
    fn amounts_below_zero_are_refused_except_the_edge() {
        for key in [
            "risk.price_collar_cents",
            "orders.limit_offset_cents",
            "risk.max_risk_per_trade_cents",
            "risk.max_daily_loss_cents",
            "risk.min_balance_cents",
            "paper.cash_cents",
            "sim.cash_cents",
        ] {
            let (section, name) = key.split_once('.').unwrap();
            let text = |value: &str| format!("[{section}]\n{name} = {value}");
            fails(&text("-1"), &[], &[&format!("{key} = -1"), "0"]);
            assert!(parse(&text("0"), &[]).is_ok(), "{key} = 0");
        }
        fails(
            "[risk]\nmin_balance_cents = -0.5",
            &[],
            &["risk.min_balance_cents = -0.5", "0 or more"],
        );
        let edge = parse("[risk]\nminimum_edge_cents = -1.5", &[]).unwrap().limits.edge_min;
        assert_eq!(edge, PriceDelta::from_micros(-15_000));
    }

    fn defaults_file() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/defaults.toml")
    }

    #[test]
    fn the_file_of_defaults_changes_nothing() {
        let none = Environment::default();
        let written = Config::load(Some(&defaults_file()), &none).unwrap();
        assert_eq!(written, Config::load(None, &none).unwrap());
    }

    /// The names a refused key is told are allowed.
    fn keys_of(section: &str) -> Vec<String> {
        let text = if section.is_empty() { String::new() } else { format!("[{section}]\n") };
        let error = parse(&format!("{text}no_such_key = 1"), &[]).unwrap_err().to_string();
        let (_, allowed) = error.split_once("expected one of").unwrap_or_else(|| {
            error.split_once("expected").expect("an unknown key is told the known ones")
        });
        allowed.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    }

    #[test]
    fn the_file_of_defaults_names_every_key() {
        let text = std::fs::read_to_string(defaults_file()).unwrap();
        for section in keys_of("") {
            let start = text.find(&format!("[{section}]\n")).expect(&section);
            let part = text[start..].split("\n[").next().unwrap();
            let keys = keys_of(&section);
            assert!(!keys.is_empty(), "{section}");
            for key in keys {
                let told = |line: &str| {
                    line.starts_with(&format!("{key} = ")) || line.contains(&format!(" {key}: "))
                };
                assert!(part.lines().any(told), "{section}.{key} is missing");
            }
        }
    }
}
