//! Arbitrary pieces of a former run's books, and of what was undone in them.

use super::{Dice, Sample};
use crate::recorder::record::{FillVoided, Restated};
use crate::risk::{Past, PastMarket};

impl Sample for FillVoided {
    fn sample(dice: &mut Dice) -> Self {
        Self {
            trade_id: dice.any(),
            ticker: dice.any(),
            side: dice.any(),
            price: dice.any(),
            quantity: dice.any(),
            fee: dice.any(),
        }
    }
}

impl Sample for Restated {
    fn sample(dice: &mut Dice) -> Self {
        Self { ticker: dice.any(), position: dice.any(), cost: dice.any(), realized: dice.any() }
    }
}

impl Sample for Past {
    fn sample(dice: &mut Dice) -> Self {
        match dice.below(3) {
            0 => Self::Market(PastMarket {
                ticker: dice.any(),
                position: dice.any(),
                cost: dice.any(),
                realized: dice.any(),
                fees: dice.any(),
            }),
            1 => Self::Trade(dice.any()),
            _ => Self::Unheard { fills_from: dice.any(), settled_from: dice.any() },
        }
    }
}
