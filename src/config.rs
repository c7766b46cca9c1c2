//! Configuration: one TOML file with documented defaults, the plan's environment variables over
//! it, the command line over both. Read once, turned into domain types, then never again.
//!
//! Every error names the key, the value, its place and what is allowed. Precedence, strongest
//! first: command line, environment, `.env` in the working directory, the file, the profile, the
//! defaults. Each value comes with where it came from ([`Setting`]).

mod environment;
mod error;
mod file;
mod layers;
mod gateway;
mod limits;
mod profile;
mod ranges;
mod sections;
mod setting;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

pub use environment::Environment;
pub use error::ConfigError;
pub use layers::Arguments;
pub use profile::Profile;
pub use setting::{Origin, Setting, Shown};

use file::File;
use layers::Layers;

use crate::feed::books::BooksConfig;
use crate::intake::Pace;
use crate::net::endpoint::Endpoint;
use crate::oms::config::OrderConfig;
use crate::paper::PaperConfig;
use crate::risk::{BreakerConfig, Limits, SeriesRules};
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
    /// Who says how many tokens there are.
    pub tokens_by: TokensBy,
    /// Write tokens of a new order.
    pub order_tokens: u32,
    /// Write tokens of a cancel.
    pub cancel_tokens: u32,
    /// Most orders that wait together and go out in one request.
    pub batch_orders: usize,
    /// Microseconds for which a receive polls the network card itself.
    pub busy_poll_us: Option<u32>,
    /// Silence after which the feed counts as dead.
    pub feed_silence_max: Nanos,
    /// Connections to the exchange's stream.
    pub feed_connections: usize,
    /// How often the exchange's clock is looked at.
    pub clock_check: Nanos,
}

/// Who says how many write tokens there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokensBy {
    /// The account's tier, as the exchange tells it at start.
    Tier,
    /// The configuration.
    Config,
}

impl WireConfig {
    /// Write tokens that one order costs.
    pub const ORDER_TOKENS: u32 = 10;

    /// Write tokens that one cancel costs.
    pub const CANCEL_TOKENS: u32 = 2;
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

/// Where the exchange is and who trades there, for demo and live.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExchangeConfig {
    /// The REST root; the mode's own when `None`.
    pub rest_url: Option<Endpoint>,
    /// The WebSocket; the mode's own when `None`.
    pub ws_url: Option<Endpoint>,
    /// The only certificate authorities to trust; the public ones when `None`.
    pub ca_file: Option<PathBuf>,
    /// The API key's id.
    pub api_key_id: Option<String>,
    /// The file of the API key's private half.
    pub private_key_path: Option<PathBuf>,
    /// Whether the exchange's weekly window is left alone.
    pub weekly_maintenance: WeeklyMaintenance,
}

/// The weekly window in which the exchange does not trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WeeklyMaintenance {
    /// No order is sent in it.
    Kept,
    /// There is none: a stand-in for the exchange.
    None,
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
    /// What may be traded, and which sport it belongs to.
    pub series: SeriesRules,
    /// What opens the circuit breaker.
    pub breaker: BreakerConfig,
    /// How orders are made and followed.
    pub orders: OrderConfig,
    /// Paper fills.
    pub paper: PaperConfig,
    /// Cash on paper, in cents.
    pub paper_cash_cents: i64,
    /// Connections and answers.
    pub wire: WireConfig,
    /// How books of markets in play are followed; `None` when they are not.
    pub books: Option<BooksConfig>,
    /// Contracts that the exchange lets an order group trade within 15 s; none without groups,
    /// what the engine's own limits let out in a minute when `None`.
    pub group_contracts: Option<u64>,
    /// Threads and cores.
    pub machine: MachineConfig,
    /// The simulated exchange inside the process.
    pub sim: SimConfig,
    /// The exchange and the account, for demo and live.
    pub exchange: ExchangeConfig,
}

/// A configuration, and where each of its values came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// Everything the engine is told.
    pub config: Config,
    /// The same, key by key.
    pub settings: Vec<Setting>,
}

impl Loaded {
    /// The bounds that nobody has set: no layer names them, and nobody has chosen a profile, which
    /// sets all of them. Trading real money within bounds nobody has thought of is refused.
    #[must_use]
    pub fn limits_unset(&self) -> Vec<&'static str> {
        let unset =
            |setting: &&Setting| matches!(setting.origin, Origin::Default | Origin::Follows(_));
        let by_nobody = |key: &str| self.settings.iter().any(|it| it.key == key && unset(&it));
        if !by_nobody("run.profile") {
            return Vec::new();
        }
        let bound = |setting: &&Setting| {
            let section = setting.key.split_once('.').map(|(section, _)| section);
            matches!(section, Some("risk" | "breaker")) && matches!(setting.value, Shown::Number(_))
        };
        self.settings.iter().filter(bound).filter(unset).map(|setting| setting.key).collect()
    }
}

impl Config {
    /// Reads `path` (the defaults when `None`) and lays environment and arguments over it.
    ///
    /// # Errors
    /// [`ConfigError`] naming the key, the value and what is allowed.
    pub fn load(
        path: Option<&Path>,
        environment: &Environment,
        arguments: &Arguments,
    ) -> Result<Loaded, ConfigError> {
        let file = path.map(File::read).transpose()?;
        Self::resolve(file.as_ref(), environment, arguments)
    }

    fn resolve(
        file: Option<&File>,
        environment: &Environment,
        arguments: &Arguments,
    ) -> Result<Loaded, ConfigError> {
        if let Some(file) = file {
            file.refuse_unknown(&Self::keys()?)?;
        }
        let mut layers = Layers::new(file, environment, arguments);
        let config = sections::config(&mut layers)?;
        Ok(Loaded { config, settings: layers.into_settings() })
    }

    /// Every key of the file, by section.
    fn keys() -> Result<Vec<&'static str>, ConfigError> {
        let (environment, arguments) = (Environment::default(), Arguments::default());
        let mut layers = Layers::new(None, &environment, &arguments);
        sections::config(&mut layers)?;
        Ok(layers.into_settings().iter().map(|setting| setting.key).collect())
    }
}
