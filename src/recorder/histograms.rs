//! Latency per hop: one histogram each with fixed bounds, percentiles, and V2 log files.
//!
//! In: spans. Out: count, p50, p99, p99.9 and max in nanoseconds; `<hop>.hlog` interval logs that
//! any HdrHistogram tool reads; a table for people. Never a mean: it hides what we sell.

use core::fmt;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::interval_log::{
    IntervalLogIterator, IntervalLogWriterBuilder, IntervalLogWriterError, LogEntry,
};
use hdrhistogram::serialization::{Deserializer, V2DeflateSerializer};
use serde::{Deserialize, Serialize};

use super::record::Hop;
use crate::units::{Nanos, WallTime};

/// Longest span told apart from longer ones: twice the longest order timeout.
pub const SPAN_MAX: Nanos = Nanos::from_secs(60);
/// Relative error of one part in a thousand.
const SIGNIFICANT_DIGITS: u8 = 3;

/// What is told of one hop, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Percentiles {
    /// How many spans.
    pub count: u64,
    /// Median.
    pub p50: u64,
    /// 99 %.
    pub p99: u64,
    /// 99.9 %.
    pub p999: u64,
    /// The longest.
    pub max: u64,
}

/// One histogram per [`Hop`].
#[derive(Clone, Debug)]
pub struct Histograms {
    by_hop: Vec<Histogram<u64>>,
}

impl Default for Histograms {
    fn default() -> Self {
        Self::new()
    }
}

impl Histograms {
    /// Empty histograms.
    #[must_use]
    pub fn new() -> Self {
        Self { by_hop: Hop::ALL.iter().map(|_| empty()).collect() }
    }

    /// Counts one span; one beyond [`SPAN_MAX`] counts as [`SPAN_MAX`].
    pub fn record(&mut self, hop: Hop, span: Nanos) {
        self.by_hop[hop as usize].saturating_record(span.ns());
    }

    /// The histogram of one hop.
    #[must_use]
    pub fn of(&self, hop: Hop) -> &Histogram<u64> {
        &self.by_hop[hop as usize]
    }

    /// Percentiles of one hop, all zero when it never happened.
    #[must_use]
    pub fn percentiles(&self, hop: Hop) -> Percentiles {
        percentiles(self.of(hop))
    }

    /// Writes one `<hop>.hlog` per hop into `dir`: one interval, from `start`, `length` long.
    ///
    /// # Errors
    /// The system's error.
    pub fn write_logs(&self, dir: &Path, start: WallTime, length: Nanos) -> io::Result<()> {
        for hop in Hop::ALL {
            let file = File::create(dir.join(log_name(hop)))?;
            let mut out = BufWriter::new(file);
            self.write_log(hop, start, length, &mut out)?;
            out.flush()?;
        }
        Ok(())
    }

    /// Writes one hop's interval log.
    ///
    /// # Errors
    /// The system's error.
    pub fn write_log(
        &self,
        hop: Hop,
        start: WallTime,
        length: Nanos,
        out: &mut impl Write,
    ) -> io::Result<()> {
        let since_epoch = Nanos::from_ns(start.unix_ns()).to_duration();
        let mut serializer = V2DeflateSerializer::new();
        // The first line is what the Java tools look for.
        let mut log = IntervalLogWriterBuilder::new()
            .add_comment("[Histogram log format version 1.3]")
            .add_comment(hop.as_str())
            .with_start_time(SystemTime::UNIX_EPOCH + since_epoch)
            .begin_log_with(out, &mut serializer)?;
        log.write_histogram(self.of(hop), since_epoch, length.to_duration(), None).map_err(
            |error| match error {
                IntervalLogWriterError::IoError(error) => error,
                IntervalLogWriterError::SerializeError(error) => io::Error::other(error),
            },
        )
    }

    /// Reads back what [`Self::write_logs`] wrote; a hop without a file is empty.
    ///
    /// # Errors
    /// The system's error; `InvalidData` when a file is no interval log.
    pub fn read_logs(dir: &Path) -> io::Result<Self> {
        let mut all = Self::new();
        for hop in Hop::ALL {
            match fs::read(dir.join(log_name(hop))) {
                Ok(bytes) => all.by_hop[hop as usize] = read_log(&bytes)?,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(all)
    }
}

/// File name of a hop's log.
#[must_use]
pub fn log_name(hop: Hop) -> String {
    format!("{}.hlog", hop.as_str())
}

/// The sum of all intervals of a log.
fn read_log(bytes: &[u8]) -> io::Result<Histogram<u64>> {
    let bad = |_error| io::Error::from(io::ErrorKind::InvalidData);
    let mut sum = empty();
    for item in IntervalLogIterator::new(bytes) {
        let LogEntry::Interval(interval) = item.map_err(|_| io::ErrorKind::InvalidData)? else {
            continue;
        };
        let encoded = STANDARD
            .decode(interval.encoded_histogram())
            .map_err(|_| io::ErrorKind::InvalidData)?;
        let histogram: Histogram<u64> =
            Deserializer::new().deserialize(&mut encoded.as_slice()).map_err(bad)?;
        sum.add(histogram).map_err(|_| io::ErrorKind::InvalidData)?;
    }
    Ok(sum)
}

/// Spans of one kind that is no hop of an order.
#[derive(Clone, Debug)]
pub struct SpanHistogram(Histogram<u64>);

impl Default for SpanHistogram {
    fn default() -> Self {
        Self(empty())
    }
}

impl SpanHistogram {
    /// Counts one span; one beyond [`SPAN_MAX`] counts as [`SPAN_MAX`].
    pub fn record(&mut self, span: Nanos) {
        self.0.saturating_record(span.ns());
    }

    /// Percentiles, all zero when there was none.
    #[must_use]
    pub fn percentiles(&self) -> Percentiles {
        percentiles(&self.0)
    }
}

fn percentiles(histogram: &Histogram<u64>) -> Percentiles {
    Percentiles {
        count: histogram.len(),
        p50: histogram.value_at_quantile(0.5),
        p99: histogram.value_at_quantile(0.99),
        p999: histogram.value_at_quantile(0.999),
        max: histogram.max(),
    }
}

fn empty() -> Histogram<u64> {
    Histogram::new_with_bounds(1, SPAN_MAX.ns(), SIGNIFICANT_DIGITS)
        .expect("1 ns to 60 s with 3 digits are bounds the crate accepts")
}

/// The per-hop table for people: one row per hop that happened.
#[derive(Debug)]
pub struct LatencyTable<'a>(pub &'a Histograms);

impl fmt::Display for LatencyTable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = ["p50", "p99", "p99.9", "max"];
        write!(f, "{:<16}{:>10}", "hop", "count")?;
        for column in head {
            write!(f, "{column:>12}")?;
        }
        writeln!(f)?;
        for hop in Hop::ALL {
            let of = self.0.percentiles(hop);
            if of.count == 0 {
                writeln!(f, "{:<16}{:>10}", hop.as_str(), "-")?;
                continue;
            }
            write!(f, "{:<16}{:>10}", hop.as_str(), of.count)?;
            for ns in [of.p50, of.p99, of.p999, of.max] {
                write!(f, "{:>12}", Span(ns).to_string())?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

/// A span with the unit that keeps it short: `812 ns`, `4.18 us`, `52.1 ms`.
#[derive(Clone, Copy, Debug)]
pub struct Span(pub u64);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ns = self.0;
        let (unit_ns, unit) = match ns {
            0..1_000 => return write!(f, "{ns} ns"),
            1_000..1_000_000 => (1_000, "us"),
            1_000_000..1_000_000_000 => (1_000_000, "ms"),
            _ => (1_000_000_000, "s"),
        };
        let whole = ns / unit_ns;
        let thousandths = ns % unit_ns * 1_000 / unit_ns;
        match whole {
            0..10 => write!(f, "{whole}.{:02} {unit}", thousandths / 10),
            10..100 => write!(f, "{whole}.{} {unit}", thousandths / 100),
            _ => write!(f, "{whole} {unit}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled() -> Histograms {
        let mut histograms = Histograms::new();
        for ns in 1..=1_000 {
            histograms.record(Hop::Ack, Nanos::from_us(ns));
        }
        histograms
    }

    #[test]
    fn percentiles_are_those_of_the_spans() {
        let of = filled().percentiles(Hop::Ack);
        assert_eq!(of.count, 1_000);
        let near = |value: u64, us: u64| value.abs_diff(us * 1_000) <= us;
        assert!(near(of.p50, 500), "{of:?}");
        assert!(near(of.p99, 990), "{of:?}");
        assert!(near(of.p999, 999), "{of:?}");
        assert!(near(of.max, 1_000), "{of:?}");
        assert_eq!(filled().percentiles(Hop::Risk), Percentiles::default());
    }

    #[test]
    fn spans_beyond_the_bounds_are_counted() {
        let mut histograms = Histograms::new();
        histograms.record(Hop::Ack, Nanos::ZERO);
        histograms.record(Hop::Ack, Nanos::from_secs(3_600));
        let of = histograms.percentiles(Hop::Ack);
        assert_eq!(of.count, 2);
        assert!(of.max >= SPAN_MAX.ns(), "{of:?}");
    }

    #[test]
    fn logs_read_back_as_what_was_written() {
        let dir = tempfile::tempdir().unwrap();
        let written = filled();
        written
            .write_logs(dir.path(), WallTime::from_unix_ms(1_767_225_600_123), Nanos::from_secs(9))
            .unwrap();

        let text = fs::read_to_string(dir.path().join("ack.hlog")).unwrap();
        assert!(text.starts_with("#[Histogram log format version 1.3]\n"), "{text}");
        assert!(text.contains("#[StartTime: 1767225600.123 "), "{text}");

        let read = Histograms::read_logs(dir.path()).unwrap();
        for hop in Hop::ALL {
            assert_eq!(read.percentiles(hop), written.percentiles(hop), "{}", hop.as_str());
        }
    }

    #[test]
    fn a_file_that_is_no_log_is_told() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("ack.hlog"), "1.0,1.0,1.0,!!\n").unwrap();
        assert_eq!(
            Histograms::read_logs(dir.path()).unwrap_err().kind(),
            io::ErrorKind::InvalidData
        );
    }

    #[test]
    fn spans_are_short_and_keep_three_digits() {
        let shown = |ns| Span(ns).to_string();
        assert_eq!(shown(812), "812 ns");
        assert_eq!(shown(4_180), "4.18 us");
        assert_eq!(shown(41_800), "41.8 us");
        assert_eq!(shown(52_000_000), "52.0 ms");
        assert_eq!(shown(2_050_000_000), "2.05 s");
    }

    #[test]
    fn the_table_has_a_row_per_hop() {
        let table = LatencyTable(&filled()).to_string();
        assert_eq!(table.lines().count(), Hop::COUNT + 1);
        let widths: Vec<usize> =
            table.lines().filter(|line| line.len() > 30).map(str::len).collect();
        assert!(widths.iter().all(|&width| width == widths[0]), "{table}");
    }
}
