//! Arbitrary pieces of a former run's books.

use super::{Dice, Sample};
use crate::risk::{Past, PastMarket};

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
