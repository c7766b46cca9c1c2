//! Any order of events against a model exchange: no limit is ever exceeded by what is true there.
//!
//! The oms stage with its journal is driven with random signals, acknowledgements, fills, cancels,
//! rejects, lost answers, timeouts, settlements, halts, links that go, restarts and clock steps.
//! The exchange keeps its own books and clock; it decides what happens, and tells the engine late,
//! twice, out of order or not at all. Limits are judged by the exchange's books and by what was
//! told, worked out without the engine's code.

mod limits {
    pub(crate) mod books;
    pub(crate) mod breaker;
    pub(crate) mod exchange;
    pub(crate) mod judge;
    pub(crate) mod judging;
    pub(crate) mod stand;
    pub(crate) mod steps;
    pub(crate) mod truth;
}

use kalshi_exec::risk::Limit;
use limits::stand::Stand;
use limits::steps::{SHAPES, step};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 300,
        // The same cases everywhere: a run says something about the code, not about its luck.
        rng_seed: proptest::test_runner::RngSeed::Fixed(20_260_112),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn no_limit_is_exceeded_whatever_happens_in_whatever_order(
        shape in 0..SHAPES,
        steps in proptest::collection::vec(step(), 1..160),
    ) {
        let mut stand = Stand::new(shape);
        for step in &steps {
            stand.take(step);
        }
        stand.finish();
        stand.check_end();
    }
}

/// What can be the first to refuse an order here. Of the others two are the intake's, one needs a
/// ticker outside the table and one a gateway that runs away. Three are asked after something that
/// says the same: orders are cut to the probe's size, losses in a row open the breaker, repeats
/// stop their market.
fn can_be_met(limit: Limit) -> bool {
    !matches!(
        limit,
        Limit::DuplicateSignal
            | Limit::SignalsPerCycle
            | Limit::UnknownMarket
            | Limit::Conservation
            | Limit::ProbeSize
            | Limit::ConsecutiveLosses
            | Limit::RepeatedExecution
    )
}

/// A property that never sends, or never meets a limit, proves nothing.
#[test]
fn the_steps_meet_every_limit_and_send_many_orders() {
    use proptest::strategy::ValueTree as _;
    use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let (mut sent, mut met) = (0, std::collections::BTreeSet::new());
    for nth in 0..200_u8 {
        let steps = proptest::collection::vec(step(), 100..160);
        let steps = steps.new_tree(&mut runner).expect("steps can be made").current();
        let mut stand = Stand::new(nth % SHAPES);
        steps.iter().for_each(|step| stand.take(step));
        sent += stand.sent;
        met.extend(stand.refused);
    }
    assert!(sent > 800, "{sent} orders; met {met:?}");
    let missed: Vec<Limit> =
        Limit::ALL.into_iter().filter(|it| can_be_met(*it) && !met.contains(it)).collect();
    assert!(missed.is_empty(), "never met: {missed:?}; {sent} orders");
}
