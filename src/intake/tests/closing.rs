//! The end of a run: what was read is finished and answered, what was not is left alone.

use crate::intake::Pace;
use crate::units::Nanos;

use super::*;

fn close(bench: &Bench) {
    bench.closing.store(true, Ordering::Release);
}

/// A source that has `text` at once and more after a time that never comes.
fn connected(text: &str) -> Source {
    let later = line("later").into_bytes();
    Source::scheduled(vec![
        (Timestamp::ZERO, text.as_bytes().to_vec()),
        (Timestamp::from_ns(1), later),
    ])
}

#[test]
fn a_gathered_cycle_is_ranked_and_passed_on_when_the_run_closes() {
    let mut bench = Bench::new(IntakeConfig::default());
    let text: String = [("a", "1"), ("b", "4"), ("c", "3"), ("d", "2")]
        .map(|(id, edge)| cycle_line(id, "1", edge))
        .concat();
    bench.add(1, connected(&text));
    let before = bench.settle();
    assert_eq!((before.received(), before.signals.len()), (4, 0), "gathered, not passed on");

    close(&bench);
    bench.clock.set(1);
    let after = bench.settle();

    assert_eq!(after.passed(), ["b", "c", "d"]);
    assert_eq!(after.refused(), ["a max_signals_per_cycle 4/3"]);
    assert_eq!((after.received(), after.ended()), (0, vec![1]), "what came later is not read");
    assert_eq!(bench.intake.poll(), Work::Idle);
}

#[test]
fn lines_in_the_buffer_are_finished_when_the_run_closes() {
    let mut bench = Bench::with_rings(IntakeConfig::default(), 2, 256);
    let text = ["a", "b", "c", "d"].map(line).concat() + "{\"unfini";
    bench.add(1, connected(&text));
    while bench.intake.poll() == Work::Done {}
    close(&bench);

    let mut output = bench.settle();
    bench.collect(&mut output);
    let rest = bench.settle();
    output.signals.extend(rest.signals);
    output.records.extend(rest.records);

    assert_eq!(output.passed(), ["a", "b", "c", "d"]);
    assert_eq!(output.malformed(), ["5 cut_short: reading stopped 8 bytes into the line"]);
    assert_eq!(output.ended(), [1]);
    output.check_answered();
}

#[test]
fn a_source_that_comes_while_the_run_closes_is_not_read() {
    let mut bench = Bench::new(IntakeConfig::default());
    close(&bench);
    bench.add(1, connected(&line("a")));
    let output = bench.settle();
    assert_eq!((output.received(), output.ended()), (0, vec![1]));
}

#[test]
fn a_paced_files_lines_are_not_waited_for_when_the_run_closes() {
    for pace in [Pace::Cycle, Pace::Recorded] {
        let config =
            IntakeConfig { pace, cycle_interval: Nanos::from_secs(9), ..IntakeConfig::default() };
        let mut bench = Bench::new(config);
        let text = [("a", "1", 0_u64), ("b", "2", 7_000_000_000), ("c", "3", 9_000_000_000)]
            .map(|(id, cycle, ts)| {
                cycle_line(id, cycle, "1").replace("{\"id\"", &format!("{{\"ts_ns\":{ts},\"id\""))
            })
            .concat();
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        bench.add(0, Source::open(file.path()).unwrap());
        let mut output = bench.settle();
        assert!(output.signals.len() < 3, "{pace:?}: {:?}", output.passed());

        close(&bench);
        bench.clock.set(100);
        let after = bench.settle();

        assert!(after.signals.iter().all(|signal| signal.received.ns() <= 100), "{pace:?}");
        assert!(after.signals.iter().all(|signal| signal.received <= signal.decoded), "{pace:?}");
        output.signals.extend(after.signals);
        output.records.extend(after.records);
        assert_eq!(output.passed(), ["a", "b", "c"], "{pace:?}");
        assert_eq!(output.ended(), [0]);
        output.check_answered();
    }
}
