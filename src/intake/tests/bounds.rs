//! The limits that refuse a signal before an order is made of it: just inside the bound, at it and
//! one past it; and what would get through without them.

use super::*;

/// `count` signals of one cycle.
fn cycle(count: u32) -> String {
    (0..count).map(|nth| cycle_line(&format!("s{nth}"), "1", "5")).collect()
}

fn taking(max_signals_per_cycle: u32, bytes: &str) -> Output {
    let config = IntakeConfig { max_signals_per_cycle, ..IntakeConfig::default() };
    let mut bench = Bench::new(config);
    bench.add(0, Source::memory(bytes.as_bytes()));
    let output = bench.settle();
    output.check_answered();
    output
}

#[test]
fn a_cycle_takes_its_bound_and_refuses_one_past_it() {
    for bound in [1, 3, 7] {
        for (count, refused) in [(bound - 1, 0), (bound, 0), (bound + 1, 1)] {
            let output = taking(bound, &cycle(count));
            assert_eq!(output.signals.len(), (count - refused) as usize, "{count} of {bound}");
            let told = (0..refused)
                .map(|_| format!("s{bound} max_signals_per_cycle {}/{bound}", bound + 1));
            assert_eq!(output.refused(), told.collect::<Vec<_>>());
        }
    }
    assert_eq!(taking(0, &cycle(1)).refused(), ["s0 max_signals_per_cycle 1/0"]);
}

#[test]
fn a_signal_id_is_executed_once_and_refused_one_past_that() {
    for (times, refused) in [(0, 0), (1, 0), (2, 1), (3, 2)] {
        let output = run(line("again").repeat(times));
        assert_eq!(output.signals.len(), times.min(1), "told {times} times");
        assert_eq!(output.refused(), vec!["again duplicate_signal 2/1"; refused]);
    }
}

/// What refuses a signal here, taken away: nothing else refuses it.
#[test]
fn without_any_one_limit_before_the_gate_its_signal_gets_through() {
    let twice = line("again").repeat(2);
    assert_eq!(run(&twice).refused_by(Limit::DuplicateSignal), 1);
    // Whoever has no memory of the first does not know the second.
    let apart: usize = twice.lines().map(|line| run(format!("{line}\n")).signals.len()).sum();
    assert_eq!(apart, 2);
    println!("refused: {} 2 against a bound of 1; without it: passed", Limit::DuplicateSignal);

    assert_eq!(taking(3, &cycle(4)).refused_by(Limit::SignalsPerCycle), 1);
    assert_eq!(taking(u32::MAX, &cycle(4)).signals.len(), 4);
    println!("refused: {} 4 against a bound of 3; without it: passed", Limit::SignalsPerCycle);
}
