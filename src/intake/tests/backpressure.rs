//! Full rings: the intake holds, and loses nothing.

use super::*;

/// Drains one message at a time and counts everything.
fn through_narrow_rings(bytes: &str, signals: usize, records: usize) -> Output {
    let mut bench = Bench::with_rings(IntakeConfig::default(), signals, records);
    bench.add(0, Source::memory(bytes.as_bytes()));
    let mut output = Output::default();
    while output.ended().is_empty() {
        while bench.intake.poll() == Work::Done {}
        // Both rings are drained by one, never emptied, so that they stay nearly full.
        if let Ok(record) = bench.records.pop() {
            output.records.push(record);
        }
        if let Ok(signal) = bench.signals.pop() {
            output.signals.push(signal);
        }
    }
    bench.collect(&mut output);
    output
}

#[test]
fn nothing_is_lost_when_the_rings_are_full() {
    let mut text = String::new();
    for number in 0..200 {
        text += &line(&format!("plain{number}"));
        text += &cycle_line(&format!("ranked{number}"), &(number / 5).to_string(), "1");
        text += "{\"bad\":1}\n";
    }
    let whole = run(&text);
    for (signals, records) in [(1, 3), (1, 64), (64, 3), (2, 4)] {
        let narrow = through_narrow_rings(&text, signals, records);
        narrow.check_answered();
        assert_eq!(narrow.passed(), whole.passed(), "{signals} {records}");
        assert_eq!(narrow.records, whole.records, "{signals} {records}");
    }
}

#[test]
fn a_full_ring_stops_the_reading() {
    let mut bench = Bench::with_rings(IntakeConfig::default(), 2, 64);
    let text: String = (0..10).map(|number| line(&format!("s{number}"))).collect();
    bench.add(0, Source::memory(text.as_bytes()));
    while bench.intake.poll() == Work::Done {}
    assert_eq!(bench.signals.slots(), 2);
    let received = bench.records.slots();
    assert_eq!(bench.intake.poll(), Work::Idle);
    assert_eq!(bench.records.slots(), received, "no line was looked at");
}

#[test]
fn sources_beyond_the_bound_wait_for_a_place() {
    let mut bench = Bench::new(IntakeConfig::default());
    let forever = || Source::scheduled(vec![(Timestamp::NEVER, b"\n".to_vec())]);
    for id in 0..63 {
        bench.add(id, forever());
    }
    bench.settle();
    bench.add(63, Source::scheduled(vec![(Timestamp::from_ns(10), line("a").into_bytes())]));
    bench.settle();
    bench.add(64, Source::memory(line("b").as_bytes()));
    assert_eq!(bench.settle().passed(), Vec::<&str>::new(), "64 are here");
    bench.clock.set(10);
    let output = bench.settle();
    assert_eq!(output.passed(), ["a", "b"]);
    assert_eq!(output.ended(), [63, 64]);
}

#[test]
fn a_producer_that_never_pauses_does_not_starve_another() {
    let mut bench = Bench::new(IntakeConfig::default());
    let flood: String = (0..1_000).map(|number| line(&format!("flood{number}"))).collect();
    bench.add(1, Source::memory(flood.as_bytes()));
    bench.add(2, Source::memory(line("other").as_bytes()));
    let output = bench.settle();
    let place = output.passed().iter().position(|id| *id == "other").unwrap();
    assert!(place < 64, "came after {place} of the flood");
    assert_eq!(output.signals.len(), 1_001);
}
