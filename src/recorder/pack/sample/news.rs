//! Arbitrary news of markets and order groups.

use super::{Dice, Sample};
use crate::kalshi::market::TickGrid;
use crate::message::{GroupChange, GroupNews, MarketChange, MarketNews};

impl Sample for MarketChange {
    fn sample(dice: &mut Dice) -> Self {
        match dice.below(6) {
            0 => Self::Activated,
            1 => Self::Deactivated,
            2 => Self::Closes(dice.any()),
            3 => Self::Determined,
            4 => Self::Settled,
            _ => Self::Prices(TickGrid::linear_cent()),
        }
    }
}

impl Sample for MarketNews {
    fn sample(dice: &mut Dice) -> Self {
        Self { ticker: dice.any(), change: dice.any() }
    }
}

impl Sample for GroupNews {
    fn sample(dice: &mut Dice) -> Self {
        let changes = [GroupChange::Triggered, GroupChange::Reset, GroupChange::Deleted];
        Self { id: dice.any(), change: dice.one_of(&changes) }
    }
}
