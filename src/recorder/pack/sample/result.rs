//! Samples of results, whose fields are many.

use super::{Dice, Sample};
use crate::recorder::record::{CHILDREN_MAX, ExecutionResult, Hop, Hops};

impl Sample for Hops {
    fn sample(dice: &mut Dice) -> Self {
        Self { spans: [(); Hop::COUNT].map(|()| dice.any()) }
    }
}

impl Sample for ExecutionResult {
    fn sample(dice: &mut Dice) -> Self {
        Self {
            source: dice.any(),
            signal_id: dice.any(),
            execution_id: dice.any(),
            ticker: dice.any(),
            action: dice.any(),
            outcome: dice.any(),
            contracts: dice.any(),
            filled: dice.any(),
            cost: dice.any(),
            fees: dice.any(),
            expected_price: dice.any(),
            edge: dice.any(),
            retries: dice.any(),
            error: dice.any(),
            orders: [(); CHILDREN_MAX].map(|()| dice.any()),
            hops: dice.any(),
        }
    }
}
