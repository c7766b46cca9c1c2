//! Reports: what a run came to, as text, JSON and HTML.
//!
//! In: a [`Summary`] and [`Histograms`], from the recorder, from a report directory, or rebuilt
//! from a journal. Out: text, or the files of `--report DIR`. Never talks to a running engine.

mod chart;
pub mod export;
pub mod findings;
mod from_journal;
mod html;
pub mod settings;

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::ids::RunId;
use crate::recorder::console::summary_text;
use crate::recorder::histograms::{Histograms, LatencyTable};
use crate::recorder::journal::{COPY_FILE, JournalError, copy_run};
use crate::recorder::summary::Summary;
use crate::units::{Nanos, WallTime};

pub use html::page;

/// The counts, in a report directory.
const SUMMARY_FILE: &str = "summary.json";
/// The latency table, in a report directory.
const LATENCY_FILE: &str = "latency.txt";
/// The page, in a report directory.
const PAGE_FILE: &str = "report.html";

/// A report could not be read or written. Each fits "failed to …".
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// A file cannot be used.
    #[error("{doing} {path}: {source}")]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// `summary.json` is not one of ours.
    #[error("read {path}: {source}")]
    Summary {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// The journal cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// No such format.
    #[error("choose format {0:?}: text, json and html are known")]
    Format(String),
}

/// How a report is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Aligned text for a terminal.
    #[default]
    Text,
    /// `summary.json`.
    Json,
    /// One self-contained page with plots.
    Html,
}

impl FromStr for Format {
    type Err = ReportError;

    fn from_str(text: &str) -> Result<Self, ReportError> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            "html" => Ok(Self::Html),
            other => Err(ReportError::Format(other.to_owned())),
        }
    }
}

/// A run as it is reported.
#[derive(Clone, Debug)]
pub struct Report {
    /// Counts and money.
    pub summary: Summary,
    /// Latency.
    pub histograms: Histograms,
}

impl Report {
    /// Reads a report directory, a journal file, or a state directory (its last run).
    ///
    /// # Errors
    /// [`ReportError`] when there is neither a report nor a journal, or it cannot be read.
    pub fn load(path: &Path) -> Result<Self, ReportError> {
        let file = path.join(SUMMARY_FILE);
        let text = match fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) =>
            {
                return Ok(from_journal::last_run(path)?);
            }
            Err(source) => return Err(ReportError::Io { doing: "read", path: file, source }),
        };
        let summary = serde_json::from_str(&text)
            .map_err(|source| ReportError::Summary { path: file, source })?;
        let histograms = Histograms::read_logs(path).map_err(|source| ReportError::Io {
            doing: "read latency logs in",
            path: path.to_path_buf(),
            source,
        })?;
        Ok(Self { summary, histograms })
    }

    /// The report in a format.
    #[must_use]
    pub fn render(&self, format: Format) -> String {
        match format {
            Format::Text => self.text(),
            Format::Json => json(&self.summary),
            Format::Html => page(&self.summary, &self.histograms),
        }
    }

    fn text(&self) -> String {
        let Summary { run_id, mode, started, duration_ms, .. } = &self.summary;
        let head = format!("Run {run_id}, {mode}, from {started}, {duration_ms} ms\n\n");
        format!("{head}{}\n{}", summary_text(&self.summary), LatencyTable(&self.histograms))
    }
}

/// Writes `summary.json`, `latency.txt`, one `<hop>.hlog` per hop and `report.html` into `dir`,
/// which is created when it does not exist.
///
/// # Errors
/// [`ReportError::Io`] when a file cannot be written.
pub fn write_report(
    dir: &Path,
    summary: &Summary,
    histograms: &Histograms,
) -> Result<(), ReportError> {
    let failed = |path: &Path| {
        let path = path.to_path_buf();
        move |source| ReportError::Io { doing: "write report", path, source }
    };
    fs::create_dir_all(dir).map_err(failed(dir))?;
    let files = [
        (SUMMARY_FILE, json(summary)),
        (LATENCY_FILE, LatencyTable(histograms).to_string()),
        (PAGE_FILE, page(summary, histograms)),
    ];
    for (name, text) in files {
        let path = dir.join(name);
        fs::write(&path, text).map_err(failed(&path))?;
    }
    let (start, length) = (start_of(summary), Nanos::from_ms(summary.duration_ms));
    histograms.write_logs(dir, start, length).map_err(failed(dir))
}

/// Copies one run's entries out of the journal at `from` into the report in `dir`. Returns how
/// many there were.
///
/// # Errors
/// [`ReportError`] when the journal cannot be read or the copy not be written.
pub fn copy_journal(from: &Path, run: RunId, dir: &Path) -> Result<u64, ReportError> {
    let path = dir.join(COPY_FILE);
    let failed = |source| ReportError::Io { doing: "write", path: path.clone(), source };
    fs::create_dir_all(dir).map_err(failed)?;
    let mut out = BufWriter::new(File::create(&path).map_err(failed)?);
    let count = copy_run(from, run, &mut out)?;
    out.flush().map_err(failed)?;
    Ok(count)
}

fn json(summary: &Summary) -> String {
    // Numbers, strings and maps with string keys: nothing that JSON cannot say.
    let mut text = serde_json::to_string_pretty(summary).unwrap_or_default();
    text.push('\n');
    text
}

/// The start as a time again; the epoch when the text is none.
fn start_of(summary: &Summary) -> WallTime {
    OffsetDateTime::parse(&summary.started, &Rfc3339)
        .ok()
        .and_then(|time| u64::try_from(time.unix_timestamp_nanos()).ok())
        .map_or_else(WallTime::default, WallTime::from_unix_ns)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::recorder::journal::{Entry, Journal, MappedJournal, Opened, StateDir};
    use crate::recorder::number::{Cents, Held};
    use crate::recorder::record::Hop;
    use crate::units::{Money, Now, Position};

    pub(super) fn sample() -> Report {
        let mut histograms = Histograms::new();
        for step in 1..=10_000 {
            histograms.record(Hop::TickToWire, Nanos::from_ns(3_000 + step % 977 * 11));
            histograms.record(Hop::Ack, Nanos::from_us(4_200 + step % 131 * 7));
        }
        let hops = Hop::ALL.iter().map(|hop| (hop.as_str().into(), histograms.percentiles(*hop)));
        let summary = Summary {
            run_id: "0000000abc".into(),
            mode: "paper".into(),
            started: "2026-01-01T00:00:00.5Z".into(),
            duration_ms: 60_000,
            cash_cents: Some(Cents(Money::from_micros(9_995_012_500))),
            positions: BTreeMap::from([("KX<A>-1-B".into(), Held(Position::from_centis(-1_050)))]),
            hops: hops.collect(),
            ..Summary::default()
        };
        Report { summary, histograms }
    }

    #[test]
    fn a_report_directory_reads_back_as_what_was_written() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("deep/report");
        let Report { summary, histograms } = sample();
        write_report(&target, &summary, &histograms).unwrap();

        let mut names: Vec<String> = fs::read_dir(&target)
            .unwrap()
            .map(|item| item.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names.len(), Hop::COUNT + 3);
        for name in [SUMMARY_FILE, LATENCY_FILE, PAGE_FILE, "tick_to_wire.hlog"] {
            assert!(names.contains(&name.to_owned()), "{name} is missing of {names:?}");
        }
        let again = Report::load(&target).unwrap();
        assert_eq!(again.summary, summary);
        assert_eq!(again.histograms.percentiles(Hop::Ack), histograms.percentiles(Hop::Ack));
        assert_eq!(
            again.render(Format::Json),
            fs::read_to_string(target.join(SUMMARY_FILE)).unwrap()
        );
    }

    #[test]
    fn a_run_is_copied_out_of_a_journal_and_reported_from_the_copy() {
        let dir = tempfile::tempdir().unwrap();
        let (state, target) = (dir.path().join("state"), dir.path().join("report"));
        for run in [1, 2] {
            let held = StateDir::open(&state, "sim").unwrap();
            let Opened { mut journal, keeper, .. } =
                MappedJournal::open(&held, RunId::new(run), 1 << 16).unwrap();
            let started =
                Entry::RunStarted { run: RunId::new(run), config_digest: 0, seed: 0, mode: 1 };
            for entry in [started, Entry::Timer, Entry::RunEnded] {
                journal.append(Now::default(), &entry).unwrap();
            }
            drop(journal);
            keeper.finish().unwrap();
        }
        assert_eq!(copy_journal(&state, RunId::new(1), &target).unwrap(), 3);
        assert_eq!(Report::load(&target).unwrap().summary.run_id, "0000000001");
        assert_eq!(Report::load(&state).unwrap().summary.run_id, "0000000002");
    }

    #[test]
    fn text_names_run_and_hops() {
        let text = sample().render(Format::Text);
        assert!(text.starts_with("Run 0000000abc, paper, from 2026-01-01T00:00:00.5Z"), "{text}");
        assert!(text.contains("-10.5 KX<A>-1-B"), "{text}");
        assert!(text.contains("\ntick_to_wire         10000"), "{text}");
    }

    #[test]
    fn what_is_no_report_is_told() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(Report::load(dir.path()), Err(ReportError::Journal(_))));
        assert!(matches!(Report::load(&dir.path().join("none")), Err(ReportError::Journal(_))));
        fs::write(dir.path().join(SUMMARY_FILE), "{").unwrap();
        assert!(matches!(Report::load(dir.path()), Err(ReportError::Summary { .. })));
        assert!(matches!("pdf".parse::<Format>(), Err(ReportError::Format(_))));
    }
}
