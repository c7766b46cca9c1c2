//! Ranking within a cycle, and every way a cycle can be over.

use crate::units::{Nanos, Timestamp};

use super::*;

fn lines(entries: &[(&str, &str, &str)]) -> String {
    entries.iter().map(|(id, cycle, edge)| cycle_line(id, cycle, edge)).collect()
}

#[test]
fn the_best_edges_of_a_cycle_go_on_in_order_of_edge() {
    let output = run(lines(&[
        ("a", "1", "2"),
        ("b", "1", "5.5"),
        ("c", "1", "-1"),
        ("d", "1", "5.5001"),
        ("e", "1", "2"),
        ("f", "1", "1.99"),
    ]));
    assert_eq!(output.passed(), ["d", "b", "a"]);
    assert_eq!(
        output.refused(),
        [
            "e max_signals_per_cycle 4/3",
            "f max_signals_per_cycle 5/3",
            "c max_signals_per_cycle 6/3",
        ]
    );
}

#[test]
fn a_cycle_is_over_when_another_begins_and_signals_without_one_pass() {
    let mut bench = Bench::new(IntakeConfig::default());
    let bytes = lines(&[("a", "1", "1"), ("x", "null", "9"), ("b", "1", "2"), ("c", "2", "1")]);
    bench.add(
        0,
        Source::scheduled(vec![
            (Timestamp::ZERO, bytes.into_bytes()),
            (Timestamp::from_ns(1_000), lines(&[("d", "2", "3")]).into_bytes()),
        ]),
    );
    let output = bench.settle();
    assert_eq!(output.passed(), ["x", "b", "a"], "cycle 2 is still open");
    bench.clock.set(1_000);
    assert_eq!(bench.settle().passed(), ["d", "c"], "the source's end closes it");
}

#[test]
fn a_batch_is_a_whole_cycle() {
    let member = |id: &str, edge: &str| cycle_line(id, "null", edge).trim_end().to_owned();
    let batch = format!(
        "{{\"signals\":[{},{},{},{}],\"cycle\":3}}\n",
        member("a", "1"),
        member("b", "4"),
        member("c", "3"),
        member("d", "2"),
    );
    let mut bench = Bench::new(IntakeConfig::default());
    let never = (Timestamp::NEVER, b"\n".to_vec());
    bench.add(0, Source::scheduled(vec![(Timestamp::ZERO, batch.into_bytes()), never]));
    let output = bench.settle();
    assert_eq!(output.passed(), ["b", "c", "d"], "without waiting for the next cycle");
    assert_eq!(output.refused(), ["a max_signals_per_cycle 4/3"]);
}

#[test]
fn a_quiet_source_has_finished_its_cycle() {
    let config = IntakeConfig { cycle_linger: Nanos::from_ns(100), ..IntakeConfig::default() };
    let mut bench = Bench::new(config);
    bench.add(
        0,
        Source::scheduled(vec![
            (Timestamp::from_ns(10), lines(&[("a", "1", "1")]).into_bytes()),
            (Timestamp::from_ns(90), lines(&[("b", "1", "2")]).into_bytes()),
            (Timestamp::NEVER, b"\n".to_vec()),
        ]),
    );
    for (now, passed) in [(0, &[][..]), (10, &[]), (90, &[]), (189, &[]), (190, &["b", "a"])] {
        bench.clock.set(now);
        assert_eq!(bench.settle().passed(), passed, "at {now}");
        if now == 90 {
            assert_eq!(bench.intake.deadline(), Timestamp::from_ns(190));
        }
    }
}

#[test]
fn a_ranked_signal_counts_from_its_bytes_so_that_lingering_shows() {
    let config = IntakeConfig { cycle_linger: Nanos::from_ns(100), ..IntakeConfig::default() };
    let mut bench = Bench::new(config);
    bench.add(
        0,
        Source::scheduled(vec![
            (Timestamp::from_ns(10), lines(&[("a", "1", "1")]).into_bytes()),
            (Timestamp::NEVER, b"\n".to_vec()),
        ]),
    );
    bench.clock.set(10);
    bench.settle();
    bench.clock.set(125);
    let signal = bench.settle().signals[0];
    assert_eq!((signal.received.ns(), signal.decoded.ns()), (10, 10));
}

#[test]
fn late_lines_of_a_closed_cycle_share_its_bound() {
    let output = run(lines(&[
        ("a", "1", "1"),
        ("b", "1", "2"),
        ("c", "2", "1"),
        ("d", "1", "9"),
        ("e", "1", "8"),
        ("f", "2", "1"),
    ]));
    assert_eq!(output.passed(), ["b", "a", "c", "d", "f"]);
    assert_eq!(output.refused(), ["e max_signals_per_cycle 4/3"]);
}

#[test]
fn the_counts_of_64_closed_cycles_are_kept() {
    let mut text = String::new();
    for cycle in 0..65 {
        for place in 0..3 {
            text += &cycle_line(&format!("s{cycle}-{place}"), &cycle.to_string(), "1");
        }
    }
    text += &cycle_line("late", "1", "1");
    text += &cycle_line("forgotten", "0", "1");
    let output = run(text);
    assert_eq!(output.refused(), ["late max_signals_per_cycle 4/3"]);
    assert_eq!(output.signals.len(), 65 * 3 + 1);
}

#[test]
fn a_flooded_cycle_keeps_its_best_and_answers_everyone() {
    let mut text = String::new();
    for number in 0..300 {
        // Edges climb, so that the best come last.
        text += &cycle_line(&format!("s{number:03}"), "1", &format!("{number}"));
    }
    let output = run(text);
    assert_eq!(output.passed(), ["s299", "s298", "s297"]);
    assert_eq!(output.refused_by(Limit::SignalsPerCycle), 297);
    assert_eq!(output.refused()[0], "s000 max_signals_per_cycle 257/3");
}

#[test]
fn cycles_of_two_producers_are_two_cycles() {
    let mut bench = Bench::new(IntakeConfig::default());
    let four = |name: &str| -> String {
        (0..4).map(|place| cycle_line(&format!("{name}{place}"), "1", "1")).collect()
    };
    bench.add(1, Source::memory(four("a").as_bytes()));
    bench.add(2, Source::memory(four("b").as_bytes()));
    let output = bench.settle();
    output.check_answered();
    assert_eq!(output.signals.len(), 6);
    assert_eq!(output.refused_by(Limit::SignalsPerCycle), 2);
}

#[test]
fn a_cycle_without_a_tradeable_signal_still_ends_the_former() {
    let idle = cycle_line("b", "2", "1").replace("true", "false");
    let mut bench = Bench::new(IntakeConfig::default());
    let bytes = [cycle_line("a", "1", "1"), idle].concat();
    bench.add(
        0,
        Source::scheduled(vec![
            (Timestamp::ZERO, bytes.into_bytes()),
            (Timestamp::NEVER, b"\n".to_vec()),
        ]),
    );
    let output = bench.settle();
    assert_eq!((output.passed(), output.not_tradeable()), (vec!["a"], 1));
}
