//! From arguments to what they ask for: configuration, engine, reports. Thin: each function
//! builds options, calls one library function, and names the exit code.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use tracing_subscriber::EnvFilter;

use super::{
    AnswerFormat, CheckArgs, CheckFormat, ConfigArgs, ControlArgs, ExportArgs, ExportFormat,
    ModeArg, PaceArg, ReportArgs, ReportFormat, RunArgs, SettingsFormat, ShowArgs, WireEchoArgs,
    consent, echo,
};
#[cfg(feature = "sim")]
use super::{PaperCheckArgs, SimArgs};
use crate::config::{Arguments, Config, Environment, Loaded, Mode};
use crate::control::{Request, client, text};
use crate::engine::{self, Consent, EngineError, RunOptions};
use crate::intake::{Pace, SignalSource};
use crate::oms::config::Foreign;
use crate::recorder::journal::{JournalError, JournalReader};
use crate::report::export::{self, ExportError, ExportFormat as Form};
use crate::report::{Format, Report, findings, settings};
use crate::runtime::signals::Interrupts;
#[cfg(feature = "sim")]
use crate::{paper::comparison, units::Nanos};

/// A message for people and the exit code that goes with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What is wrong, with which thing, and what to do.
    pub message: String,
    /// 1 failed while running, 2 bad usage or configuration, 3 refused for safety.
    pub code: u8,
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        Self { message: error.to_string(), code: error.exit_code() }
    }
}

fn usage(error: impl ToString) -> Failure {
    Failure { message: error.to_string(), code: 2 }
}

fn failed(error: impl ToString) -> Failure {
    Failure { message: error.to_string(), code: 1 }
}

/// Logs of cold threads go to standard error; `RUST_LOG` chooses how many.
pub fn log_to_stderr() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
}

/// `wire-echo`.
///
/// # Errors
/// [`Failure`] when there is no connection; how a case went is for its suite to say.
pub fn wire_echo(args: &WireEchoArgs) -> Result<(), Failure> {
    if !args.url.starts_with("ws://") {
        return Err(usage(format!("--url {}: only ws://HOST:PORT[/PATH][?QUERY]", args.url)));
    }
    match &args.autobahn {
        Some(agent) => {
            let cases = echo::autobahn(&args.url, agent).map_err(failed)?;
            tell(&format!("{cases} cases run as {agent}"));
        }
        None => match echo::echo(&args.url).map_err(failed)? {
            Some(end) => tell(&format!("the session ended: {end}")),
            None => tell("the connection ended without a close"),
        },
    }
    Ok(())
}

/// One line for whoever is at the terminal; nobody may be.
fn tell(line: &str) {
    drop(writeln!(std::io::stderr(), "{line}"));
}

/// `run`.
///
/// # Errors
/// [`Failure`] with the exit code.
pub fn run(args: &RunArgs, working_dir: &Path) -> Result<(), Failure> {
    let mut options = run_options(args, working_dir)?;
    if options.config.mode == Mode::Live && options.consent == Consent::None {
        // Before signals are taken over: who is asked may answer with Ctrl-C.
        engine::check_offline(&options)?;
        consent::ask(&options.config)?;
        options.consent = Consent::Given;
    }
    let interrupts = Interrupts::install().map_err(failed)?;
    engine::run(&options, &interrupts)?;
    Ok(())
}

fn run_options(args: &RunArgs, working_dir: &Path) -> Result<RunOptions, Failure> {
    let loaded = load(&args.config, working_dir)?;
    let limits_unset = loaded.limits_unset();
    let mut config = loaded.config;
    if args.cancel_foreign {
        config.orders.reconcile.foreign = Foreign::Cancel;
    }
    if args.exchange.is_some() && config.mode == Mode::Paper {
        return Err(usage("--exchange goes with --mode sim, demo or live, not with --mode paper"));
    }
    let book = book_of(args);
    if book.is_some() && config.mode != Mode::Paper {
        return Err(usage(format!(
            "--book goes with --mode paper, not with --mode {}",
            config.mode.as_str()
        )));
    }
    Ok(RunOptions {
        book,
        signals: SignalSource::parse(&args.signals).map_err(usage)?,
        results: args.results.clone(),
        report: args.report.clone(),
        state: args.state.clone(),
        exchange: args.exchange.clone(),
        consent: if args.i_understand_real_money { Consent::Given } else { Consent::None },
        limits_unset,
        config,
    })
}

#[cfg(feature = "sim")]
fn book_of(args: &RunArgs) -> Option<engine::PaperBook> {
    let file = args.book.clone()?;
    Some(if args.book_follow {
        engine::PaperBook::Followed(file)
    } else {
        engine::PaperBook::Replayed(engine::Recorded { file, speed: args.book_speed })
    })
}

/// The recorded exchange comes with the simulator.
#[cfg(not(feature = "sim"))]
const fn book_of(_args: &RunArgs) -> Option<engine::PaperBook> {
    None
}

/// The effective configuration of `args` in `working_dir`.
fn load(args: &ConfigArgs, working_dir: &Path) -> Result<Loaded, Failure> {
    let environment = Environment::capture(working_dir).map_err(usage)?;
    let mut given = Arguments::default();
    if let Some(mode) = args.mode {
        given = given.with("run.mode", "--mode", mode_of(mode).as_str());
    }
    if let Some(pace) = args.pace {
        given = given.with("run.pace", "--pace", pace_of(pace).as_str());
    }
    if let Some(seed) = args.seed {
        given = given.with("run.seed", "--seed", seed);
    }
    Config::load(args.config.as_deref(), &environment, &given).map_err(usage)
}

/// `config`.
///
/// # Errors
/// [`Failure`] with the exit code.
pub fn config(args: &ShowArgs, working_dir: &Path) -> Result<(), Failure> {
    let settings = load(&args.config, working_dir)?.settings;
    let text = match args.format {
        SettingsFormat::Table => settings::table(&settings),
        SettingsFormat::Toml => settings::toml(&settings),
        SettingsFormat::Json => settings::json(&settings),
    };
    print(text.as_bytes())
}

const fn mode_of(mode: ModeArg) -> Mode {
    match mode {
        ModeArg::Paper => Mode::Paper,
        ModeArg::Sim => Mode::Sim,
        ModeArg::Demo => Mode::Demo,
        ModeArg::Live => Mode::Live,
    }
}

const fn pace_of(pace: PaceArg) -> Pace {
    match pace {
        PaceArg::None => Pace::None,
        PaceArg::Cycle => Pace::Cycle,
        PaceArg::Recorded => Pace::Recorded,
    }
}

/// `check`.
///
/// # Errors
/// [`Failure`] with the exit code.
pub fn check(args: &CheckArgs, working_dir: &Path) -> Result<(), Failure> {
    let loaded = load(&args.config, working_dir)?;
    let limits_unset = loaded.limits_unset();
    let mut config = loaded.config;
    if config.mode != Mode::Demo {
        config.mode = Mode::Live;
    }
    let found = engine::check(&RunOptions {
        config,
        signals: SignalSource::Stdin,
        results: None,
        report: None,
        state: args.state.clone(),
        exchange: args.exchange.clone(),
        book: None,
        consent: Consent::None,
        limits_unset,
    });
    let text = match args.format {
        CheckFormat::Table => findings::table(&found),
        CheckFormat::Json => findings::json(&found),
    };
    print(text.as_bytes())?;
    if findings::is_refused(&found) {
        return Err(Failure { message: "live trading would be refused".to_owned(), code: 3 });
    }
    Ok(())
}

/// `sim`.
///
/// # Errors
/// [`Failure`] with the exit code.
#[cfg(feature = "sim")]
pub fn sim(args: &SimArgs) -> Result<(), Failure> {
    let interrupts = Interrupts::install().map_err(failed)?;
    let recorded =
        |file: &PathBuf| engine::Recorded { file: file.clone(), speed: args.replay_speed };
    let quotes = match (args.still_quotes, args.takers) {
        (true, _) => engine::QuoteMode::Still,
        (false, true) => engine::QuoteMode::Trading,
        (false, false) => engine::QuoteMode::Moving,
    };
    let options = engine::SimOptions {
        listen: args.listen,
        ready_file: args.ready_file.clone(),
        keys: args.keys.clone(),
        markets: args.markets.clone(),
        seed: args.seed,
        cash_cents: args.cash,
        tier: args.tier,
        read_lag: Nanos::from_ms(args.read_lag_ms),
        quotes,
        replay: args.replay.as_ref().map(recorded),
        faults: args.faults.clone(),
    };
    engine::serve(&options, &interrupts)?;
    Ok(())
}

/// `status`, `halt`, `resume`, `cancel-all`, `positions`, `orders`.
///
/// # Errors
/// [`Failure`] with the exit code.
pub fn ask(args: &ControlArgs, request: &Request) -> Result<(), Failure> {
    let answer = client::ask(&args.state, request)
        .map_err(|error| Failure { message: error.to_string(), code: error.exit_code() })?;
    let text = match args.format {
        AnswerFormat::Text => text::render(request, &answer),
        AnswerFormat::Json => format!("{answer}\n"),
    };
    print(text.as_bytes())
}

/// `report`.
///
/// # Errors
/// [`Failure`] with the exit code.
pub fn report(args: &ReportArgs) -> Result<(), Failure> {
    let report = Report::load(&args.dir).map_err(|error| {
        usage(format!("cannot {error}; give the directory of run --report, or a journal"))
    })?;
    let format = match args.format {
        ReportFormat::Text => Format::Text,
        ReportFormat::Json => Format::Json,
        ReportFormat::Html => Format::Html,
    };
    print(report.render(format).as_bytes())
}

/// `paper-check`.
///
/// # Errors
/// [`Failure`] with the exit code.
#[cfg(feature = "sim")]
pub fn paper_check(args: &PaperCheckArgs) -> Result<(), Failure> {
    print(format!("{}\n", comparison::HEADING).as_bytes())?;
    for seed in args.seed..args.seed.saturating_add(args.seeds) {
        for row in comparison::compare(seed) {
            print(format!("{row}\n").as_bytes())?;
        }
    }
    Ok(())
}

/// `export`.
///
/// # Errors
/// [`Failure`] with the exit code.
pub fn export(args: &ExportArgs) -> Result<(), Failure> {
    let path: PathBuf = args.journal.clone();
    let reader = JournalReader::open(&path).map_err(|error| no_export(&error.into()))?;
    let format = match args.format {
        ExportFormat::Csv => Form::Csv,
        ExportFormat::Ndjson => Form::Ndjson,
    };
    let mut out = Vec::new();
    export::export(reader, format, &mut out).map_err(|error| no_export(&error))?;
    print(&out)
}

/// Naming something else than a journal is bad usage; a damaged journal is not the user's doing.
fn no_export(error: &ExportError) -> Failure {
    let message =
        format!("cannot {error}; give a journal, or a directory of run --report or --state");
    match error {
        ExportError::Journal(JournalError::NotAJournal { .. } | JournalError::Io { .. }) => {
            Failure { message, code: 2 }
        }
        _ => Failure { message, code: 1 },
    }
}

fn print(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        // Whoever reads may stop reading: `report | head` is no failure.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(failed),
    }
}
