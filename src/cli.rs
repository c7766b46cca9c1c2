//! The command line: what can be asked of the program, and what each exit code means.
//!
//! Human text goes to standard error, data to standard output. Exit codes: 0 done, 1 failed while
//! running, 2 bad usage or configuration, 3 refused for safety.

mod act;
mod consent;
pub mod echo;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

#[cfg(feature = "sim")]
use crate::sim::api::Tier;
pub use act::{Failure, ask, check, config, export, log_to_stderr, report, run, wire_echo};
#[cfg(feature = "sim")]
pub use act::{paper_check, sim};

/// Executes trading signals on the Kalshi exchange: risk-checked, signed ahead, followed to the
/// last fill.
///
/// Paper trading is the default. `--mode sim` trades over real TLS against a simulated exchange
/// inside the process; nothing leaves the machine.
#[derive(Debug, Parser)]
#[command(name = "kalshi-exec", version, max_term_width = 100)]
#[command(after_help = "\
Try it:
  Trade recorded signals on a simulated exchange:
    kalshi-exec run --mode sim --signals examples/worldcup-signals.ndjson \\
                    --config examples/worldcup.toml
  Trade on paper what a program sends:
    kalshi-exec run --signals unix:/tmp/kalshi.sock
    python3 examples/python/send_signals.py /tmp/kalshi.sock
  See what an engine does, and stop it:
    kalshi-exec run --signals unix:/tmp/kalshi.sock --state state
    kalshi-exec status
    kalshi-exec halt prices look wrong
  See which limits hold, and why:
    kalshi-exec config --config examples/worldcup.toml
  Have an exchange to test your own client against:
    kalshi-exec sim --ready-file ready.json

Exit codes: 0 done, 1 failed while running, 2 bad usage or configuration, 3 refused for safety.")]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Execute signals
    Run(RunArgs),
    /// Run the simulated exchange alone
    #[cfg(feature = "sim")]
    Sim(SimArgs),
    /// Show the effective configuration, and where each value comes from
    Config(ShowArgs),
    /// Show whether live trading would start here, and what is in its way
    Check(CheckArgs),
    /// Show whether a running engine trades, and what it has done
    Status(ControlArgs),
    /// Stop a running engine from sending orders, until `resume`
    Halt(HaltArgs),
    /// Let a halted engine trade again
    Resume(ControlArgs),
    /// Cancel what rests at the exchange, and trade on
    CancelAll(ControlArgs),
    /// Show what a running engine holds
    Positions(ControlArgs),
    /// Show the orders of a running engine that are not at their end
    Orders(ControlArgs),
    /// Compare a running engine's books with the exchange's now
    Reconcile(ControlArgs),
    /// Show latency, execution quality and P&L of a finished run
    Report(ReportArgs),
    /// Write a journal's orders, fills and results as a table
    Export(ExportArgs),
    /// Compare paper fills, by model and on a book, with those of the simulated exchange
    #[cfg(feature = "sim")]
    PaperCheck(PaperCheckArgs),
    /// Say back what a WebSocket server says, for conformance suites
    #[command(hide = true)]
    WireEcho(WireEchoArgs),
}

/// Arguments of `paper-check`.
#[cfg(feature = "sim")]
#[derive(Debug, Args)]
pub struct PaperCheckArgs {
    /// The first seed of the exchange and of the orders
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// How many seeds
    #[arg(long, value_name = "COUNT", default_value_t = 5,
          value_parser = clap::value_parser!(u64).range(1..=1_000))]
    pub seeds: u64,
}

/// Arguments of `wire-echo`.
#[derive(Debug, Args)]
pub struct WireEchoArgs {
    /// The server: `ws://HOST:PORT[/PATH][?QUERY]`
    #[arg(long, value_name = "URL")]
    pub url: String,
    /// Run every case of an Autobahn fuzzing server there, reporting under this name
    #[arg(long, value_name = "AGENT")]
    pub autobahn: Option<String>,
}

/// Where orders go.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum ModeArg {
    /// Nowhere: fills are modelled
    Paper,
    /// To a simulated exchange over real TLS
    Sim,
    /// To the exchange's demo environment
    Demo,
    /// To the exchange, with real money
    Live,
}

/// How a file of signals is paced.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum PaceArg {
    /// As fast as they are taken
    None,
    /// One cycle per CYCLE_INTERVAL_MS
    Cycle,
    /// By the differences of their `ts_ns`
    Recorded,
}

/// Arguments that stand for keys of the configuration, and its file.
#[derive(Debug, Args)]
pub struct ConfigArgs {
    /// Configuration file (TOML); examples/defaults.toml has every key
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Where orders go [default: paper, or what the configuration says]
    #[arg(long, value_enum)]
    pub mode: Option<ModeArg>,
    /// How fast a file is played [default: none, or what the configuration says]
    #[arg(long, value_enum)]
    pub pace: Option<PaceArg>,
    /// Seed of everything random
    #[arg(long)]
    pub seed: Option<u64>,
}

/// Arguments of `run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// What stands for the configuration
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Where signals come from: a file, - for standard input, unix:PATH or tcp:HOST:PORT
    #[arg(long, default_value = "-", value_name = "FILE|-|unix:PATH|tcp:HOST:PORT")]
    pub signals: String,
    /// Where results go besides the connection that sent the signal; - is standard output
    #[arg(long, value_name = "FILE|-")]
    pub results: Option<PathBuf>,
    /// Directory for summary.json, latency.txt, histograms, report.html and the journal
    #[arg(long, value_name = "DIR")]
    pub report: Option<PathBuf>,
    /// Directory of the journal; a run continues the one it finds there
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
    /// Ready file of the exchange to trade on, as `kalshi-exec sim` writes it (not with --mode
    /// paper)
    #[arg(long, value_name = "FILE")]
    pub exchange: Option<PathBuf>,
    /// Trade real money without asking for CONFIRM on a terminal: for services (with --mode live)
    #[arg(long)]
    pub i_understand_real_money: bool,
    /// Cancel orders of others that rest on the account, whenever books are compared
    #[arg(long)]
    pub cancel_foreign: bool,
    /// Fill paper orders on these recorded books (lines of JSON, .gz too) instead of by chance
    #[cfg(feature = "sim")]
    #[arg(long, value_name = "FILE")]
    pub book: Option<PathBuf>,
    /// The books are still being written: start at the end of FILE and go on with what is added
    #[cfg(feature = "sim")]
    #[arg(long, requires = "book", conflicts_with = "book_speed")]
    pub book_follow: bool,
    /// How many times faster than recorded the books go
    #[cfg(feature = "sim")]
    #[arg(long, default_value_t = 1, value_name = "TIMES", requires = "book")]
    pub book_speed: u32,
}

/// Arguments of `sim`.
#[cfg(feature = "sim")]
#[derive(Debug, Args)]
pub struct SimArgs {
    /// Address to listen on; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:0", value_name = "HOST:PORT")]
    pub listen: std::net::SocketAddr,
    /// Where to write addresses and keys once connections are accepted
    #[arg(long, value_name = "FILE")]
    pub ready_file: Option<PathBuf>,
    /// Directory of keys and certificates, made on first start
    #[arg(long, default_value = "state/sim-keys", value_name = "DIR")]
    pub keys: PathBuf,
    /// Markets and opening books [default: the built-in World Cup books]
    #[arg(long, value_name = "FILE")]
    pub markets: Option<PathBuf>,
    /// Seed of quotes and ids
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Cash the account starts with, in cents
    #[arg(long, default_value_t = 1_000_000, value_name = "CENTS")]
    pub cash: i64,
    /// Keep the opening quotes as they are
    #[arg(long)]
    pub still_quotes: bool,
    /// Enforce the token buckets of this usage tier: basic, advanced, expert, premier, paragon,
    /// prime or prestige [default: the account is told it is basic, and may do what it likes]
    #[arg(long, value_name = "NAME", value_parser = tier)]
    pub tier: Option<Tier>,
    /// How far reads of the account are behind its writes
    #[arg(long, default_value_t = 0, value_name = "MS")]
    pub read_lag_ms: u64,
    /// Let others take what rests, now and then, from the seed
    #[arg(long, conflicts_with = "still_quotes")]
    pub takers: bool,
    /// Play recorded market data (lines of JSON, .gz too) instead of markets and quotes
    #[arg(long, value_name = "FILE", conflicts_with_all = ["markets", "still_quotes", "takers"])]
    pub replay: Option<PathBuf>,
    /// How many times faster than it was recorded
    #[arg(long, default_value_t = 1, value_name = "TIMES", requires = "replay")]
    pub replay_speed: u32,
    /// What goes wrong on purpose (TOML); POST /sim/faults replaces it while it runs
    #[arg(long, value_name = "FILE")]
    pub faults: Option<PathBuf>,
}

#[cfg(feature = "sim")]
fn tier(text: &str) -> Result<Tier, String> {
    let names = Tier::ALL.map(Tier::as_str).join(", ");
    Tier::parse(text).ok_or_else(|| format!("one of {names}"))
}

/// Arguments of `config`.
#[derive(Debug, Args)]
#[command(after_help = "\
A value comes from the strongest layer that says something:
  command line > environment > .env in the working directory > --config FILE > profile > default

Examples:
  kalshi-exec config
  MAX_POSITION_SIZE=20 kalshi-exec config --config run.toml
  TRADING_PROFILE=CONSERVATIVE kalshi-exec config --format toml > run.toml")]
pub struct ShowArgs {
    /// What stands for the configuration
    #[command(flatten)]
    pub config: ConfigArgs,
    /// What to write
    #[arg(long, value_enum, default_value = "table")]
    pub format: SettingsFormat,
}

/// Forms of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SettingsFormat {
    /// A table for the terminal
    Table,
    /// A file that --config takes
    Toml,
    /// One JSON object
    Json,
}

/// Arguments of `check`.
#[derive(Debug, Args)]
#[command(after_help = "\
Looks at the host (cores, memory, interrupts, clock source, network), the configuration, the key,
the clock against the exchange's, and the state directory. Sends no order.

Exit codes: 0 live trading would start, 3 it would be refused.")]
pub struct CheckArgs {
    /// What stands for the configuration; live unless --mode demo
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Ready file of an exchange to look at instead of the mode's own
    #[arg(long, value_name = "FILE")]
    pub exchange: Option<PathBuf>,
    /// State directory of the engine
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
    /// What to write
    #[arg(long, value_enum, default_value = "table")]
    pub format: CheckFormat,
}

/// Forms of what `check` finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CheckFormat {
    /// A table for the terminal
    Table,
    /// One JSON object
    Json,
}

/// Arguments of the commands that talk to a running engine.
#[derive(Debug, Args)]
#[command(after_help = "\
The engine is found by its state directory, where it listens on control.sock (for its user only).
Give the directory that `run --state` was given.

Exit codes: 0 done, 1 no engine runs there or it does not answer, 3 refused for safety.")]
pub struct ControlArgs {
    /// State directory of the engine
    #[arg(long, value_name = "DIR", default_value = "state")]
    pub state: PathBuf,
    /// What to write
    #[arg(long, value_enum, default_value = "text")]
    pub format: AnswerFormat,
}

/// Arguments of `halt`.
#[derive(Debug, Args)]
#[command(after_help = "\
From when this returns no order leaves; what rests at the exchange is being cancelled. The halt
stays, also over restarts, until `resume`.

Where this program is not at hand, these halt as well:
  kill -USR1 PID        the engine's process
  touch STATE/halt      a file of that name; its text is the reason; remove it before `resume`

Example:
  kalshi-exec halt --state state prices look wrong")]
pub struct HaltArgs {
    /// Where the engine is
    #[command(flatten)]
    pub control: ControlArgs,
    /// Why, for whoever finds it halted
    #[arg(required = true, value_name = "REASON")]
    pub reason: Vec<String>,
}

/// Forms of an engine's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum AnswerFormat {
    /// Text for the terminal
    Text,
    /// The answer as the engine gives it
    Json,
}

/// Arguments of `report`.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// A directory written by `run --report`
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    /// What to write
    #[arg(long, value_enum, default_value = "text")]
    pub format: ReportFormat,
}

/// Forms of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// A page for the terminal
    Text,
    /// summary.json
    Json,
    /// A page with plots
    Html,
}

/// Arguments of `export`.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// The journal: a file, or a directory of segments
    #[arg(value_name = "JOURNAL")]
    pub journal: PathBuf,
    /// What to write
    #[arg(long, value_enum)]
    pub format: ExportFormat,
}

/// Forms of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// A table with a header line
    Csv,
    /// One JSON object a line
    Ndjson,
}
