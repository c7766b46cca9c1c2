//! Composition root: which stages, rings and threads make a run, and what differs by mode.
//!
//! ```text
//!  sources ──► intake ──► oms ──► gateway | paper        hot threads, by topology
//!                ▲         ▲ └──► fetch (cold REST)
//!                │         └───── feed
//!                └ results ◄ recorder (this thread) ◄──── records of every stage
//!  signer, dialler, fetch, listener, control: cold threads
//! ```
//!
//! Paper, sim, demo and live differ only in what is plugged in here.

mod account;
mod checks;
mod clock_watch;
mod course;
mod diagnosis;
mod dial_watch;
mod emergency;
mod errand;
mod error;
pub mod former;
mod on_exchange;
mod on_kalshi;
mod on_paper;
mod opening;
mod plant;
mod preparation;
mod refresh;
mod scratch;
#[cfg(feature = "sim")]
mod sim_exchange;
mod single;
mod steering;
mod threads;

use std::path::{Path, PathBuf};

#[cfg(feature = "sim")]
pub use crate::sim::api::QuoteMode;
pub use error::EngineError;
#[cfg(feature = "sim")]
pub use sim_exchange::{SimOptions, serve};

use account::Account;

use crate::config::{Config, Mode};
use crate::intake::SignalSource;
use crate::recorder::summary::Summary;
use crate::report::findings::Finding;
use crate::runtime::signals::Interrupts;

/// What one run is to do.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// The effective configuration.
    pub config: Config,
    /// Where signals come from.
    pub signals: SignalSource,
    /// Where results go besides their producers; `-` is standard output.
    pub results: Option<PathBuf>,
    /// Where reports go.
    pub report: Option<PathBuf>,
    /// Where the journal lives; a fresh place that is removed afterwards when `None` and nothing
    /// outlives the process.
    pub state: Option<PathBuf>,
    /// The ready file of an exchange outside this process.
    pub exchange: Option<PathBuf>,
    /// Recorded books to fill paper orders on, instead of by the model.
    pub book: Option<PaperBook>,
    /// Whether a person has agreed to trade real money.
    pub consent: Consent,
    /// Bounds that nobody has set: with real money they are no bounds.
    pub limits_unset: Vec<&'static str>,
}

/// A person's word that real money may be traded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consent {
    /// Not given.
    None,
    /// Given: on a terminal, or with `--i-understand-real-money`.
    Given,
}

/// Books that paper orders fill on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PaperBook {
    /// A finished recording, from its beginning.
    Replayed(Recorded),
    /// A recording that is still being written, from its end.
    Followed(PathBuf),
}

/// Recorded market data, and how it is played.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// The recording.
    pub file: PathBuf,
    /// How many times faster than it was.
    pub speed: u32,
}

/// State of runs against an exchange that outlives the process, unless told otherwise.
const STATE_DIR: &str = "state";

/// Runs until the signals end or somebody interrupts.
///
/// # Errors
/// [`EngineError`]: bad input before anything starts, or what stopped the run.
pub fn run(options: &RunOptions, interrupts: &Interrupts) -> Result<Summary, EngineError> {
    threads::check_cores(&options.config.machine)?;
    course::prepare_report(options)?;
    match options.config.mode {
        Mode::Paper => on_paper::run(options, interrupts),
        Mode::Sim => on_sim(options, interrupts),
        Mode::Demo | Mode::Live => on_kalshi::run(options, interrupts),
    }
}

/// What can be found out about a run with real orders without asking the exchange, before a
/// person is asked for a word.
///
/// # Errors
/// [`EngineError::Refused`] with everything that stands in its way.
pub fn check_offline(options: &RunOptions) -> Result<(), EngineError> {
    checks::refuse_if_any(options.config.mode, &checks::offline(options).0)
}

/// Looks at the host and at everything that a start with real orders would look at. Changes
/// nothing and sends no order; the exchange is asked for the time.
#[must_use]
pub fn check(options: &RunOptions) -> Vec<Finding> {
    checks::everything(options)
}

/// On a simulated exchange: the one of the ready file, or one inside the process.
fn on_sim(options: &RunOptions, interrupts: &Interrupts) -> Result<Summary, EngineError> {
    if let Some(path) = &options.exchange {
        let account = Account::from_ready_file(path)?;
        return on_exchange::run(options, interrupts, &account);
    }
    #[cfg(feature = "sim")]
    {
        sim_exchange::run_inside(options, interrupts)
    }
    #[cfg(not(feature = "sim"))]
    {
        Err(EngineError::Usage(
            "this build has no simulated exchange inside: name one with --exchange, or build \
             with --features sim"
                .to_owned(),
        ))
    }
}

/// The state directory of a run, when it outlives it.
fn state_dir(options: &RunOptions) -> Option<PathBuf> {
    let real = matches!(options.config.mode, Mode::Demo | Mode::Live);
    let outlives = real || options.exchange.is_some();
    options.state.clone().or_else(|| outlives.then(|| Path::new(STATE_DIR).to_owned()))
}
