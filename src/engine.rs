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
mod course;
mod emergency;
mod error;
mod former;
mod on_exchange;
mod on_paper;
mod opening;
mod plant;
mod scratch;
#[cfg(feature = "sim")]
mod sim_exchange;
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
    pub book: Option<Recorded>,
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
        Mode::Demo | Mode::Live => Err(EngineError::Refused(format!(
            "mode {} is not served by this version: it lacks the start-up checks that real \
             accounts need (clock, key file, reconciliation); use --mode paper or --mode sim",
            options.config.mode.as_str()
        ))),
    }
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
    let outlives = options.exchange.is_some();
    options.state.clone().or_else(|| outlives.then(|| Path::new(STATE_DIR).to_owned()))
}
