//! Files: regular ones are paced, and end.

use std::io::Write;

use crate::intake::Pace;
use crate::units::{Nanos, Timestamp};

use super::*;

fn file(text: &str) -> Source {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    Source::open(file.path()).unwrap()
}

fn paced(pace: Pace, text: &str) -> Bench {
    let config = IntakeConfig { pace, cycle_interval: Nanos::from_ns(100), ..Default::default() };
    let mut bench = Bench::new(config);
    bench.add(0, file(text));
    bench
}

/// Sets the clock and returns what passed as `id@received`.
fn at(bench: &mut Bench, now: u64) -> Vec<String> {
    bench.clock.set(now);
    let output = bench.settle();
    output.signals.iter().map(|signal| format!("{}@{}", signal.id, signal.received.ns())).collect()
}

#[test]
fn an_unpaced_file_is_taken_at_once() {
    let mut text = String::new();
    for number in 0..2_000 {
        text += &line(&format!("s{number}"));
    }
    let mut bench = paced(Pace::None, &text);
    bench.clock.set(40);
    let output = bench.settle();
    output.check_answered();
    assert_eq!(output.signals.len(), 2_000);
    assert!(output.signals.iter().all(|signal| signal.received.ns() == 40));
    assert_eq!(output.ended(), [0]);
}

#[test]
fn a_paced_files_cycles_are_due_on_a_grid() {
    let text = [("a", "1"), ("b", "1"), ("c", "2"), ("d", "7"), ("e", "8")]
        .map(|(id, cycle)| cycle_line(id, cycle, "1"))
        .concat();
    let mut bench = paced(Pace::Cycle, &text);
    assert_eq!(at(&mut bench, 50), ["a@50", "b@50"]);
    assert_eq!(bench.intake.deadline(), Timestamp::from_ns(150));
    assert_eq!(at(&mut bench, 149), Vec::<String>::new());
    assert_eq!(at(&mut bench, 180), ["c@150"], "late, but the intended time stands");
    assert_eq!(at(&mut bench, 249), Vec::<String>::new());
    assert_eq!(at(&mut bench, 1_000), ["d@250", "e@350"], "catching up without drift");
}

#[test]
fn a_cycle_without_a_tradeable_signal_takes_its_time_too() {
    let text = [
        cycle_line("a", "1", "1"),
        cycle_line("b", "2", "1").replace("true", "false"),
        cycle_line("c", "3", "1"),
    ]
    .concat();
    let mut bench = paced(Pace::Cycle, &text);
    assert_eq!(at(&mut bench, 0), ["a@0"]);
    assert_eq!(at(&mut bench, 199), Vec::<String>::new());
    assert_eq!(at(&mut bench, 200), ["c@200"]);
}

#[test]
fn a_recording_is_played_at_its_own_distances() {
    let recorded =
        |id: &str, ts: &str| line(id).replace("{\"id\"", &format!("{{\"ts_ns\":{ts},\"id\""));
    let text = [
        recorded("a", "1000"),
        line("b"),
        recorded("c", "1300"),
        recorded("d", "1200"),
        recorded("e", "1301"),
    ]
    .concat();
    let mut bench = paced(Pace::Recorded, &text);
    assert_eq!(at(&mut bench, 5), ["a@5", "b@5"]);
    assert_eq!(bench.intake.deadline(), Timestamp::from_ns(305));
    assert_eq!(at(&mut bench, 304), Vec::<String>::new());
    assert_eq!(at(&mut bench, 310), ["c@305", "d@305", "e@306"]);
}

#[test]
fn a_recorded_cycle_is_due_with_its_last_line() {
    let recorded = |id: &str, cycle: &str, ts: &str| {
        cycle_line(id, cycle, "1").replace("{\"id\"", &format!("{{\"ts_ns\":{ts},\"id\""))
    };
    let text =
        [recorded("a", "1", "0"), recorded("b", "1", "40"), recorded("c", "2", "900")].concat();
    let mut bench = paced(Pace::Recorded, &text);
    assert_eq!(at(&mut bench, 0), Vec::<String>::new());
    assert_eq!(at(&mut bench, 45), Vec::<String>::new(), "the next cycle has not begun");
    assert_eq!(at(&mut bench, 900), ["a@40", "b@40", "c@900"]);
}

#[test]
fn a_missing_file_is_named() {
    let error = Source::open("/nonexistent/signals.ndjson".as_ref()).unwrap_err().to_string();
    assert!(error.contains("/nonexistent/signals.ndjson"), "{error}");
    let directory = tempfile::tempdir().unwrap();
    assert!(Source::open(directory.path()).is_err());
}

#[test]
fn the_example_file_is_sound() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/worldcup-signals.ndjson");
    let mut bench = Bench::new(IntakeConfig::default());
    bench.add(0, Source::open(path.as_ref()).unwrap());
    let output = bench.settle();
    output.check_answered();
    assert_eq!(output.malformed(), Vec::<String>::new());
    assert_eq!(output.refused_by(Limit::DuplicateSignal), 0);
    assert!(output.received() >= 378, "every observation is in it");
    assert!(output.signals.len() > 69, "{}", output.signals.len());
    assert_eq!(bench.intake.decode_fallbacks(), 0, "no line needs the full parser");
}
