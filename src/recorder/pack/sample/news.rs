//! Arbitrary news of markets and order groups, and rows of a reading of the account.

use super::{Dice, Sample};
use crate::kalshi::market::{FeeSchedule, TickGrid};
use crate::message::{CashThere, GroupChange, GroupNews, HeldThere, MarketChange, MarketNews};

impl Sample for MarketChange {
    fn sample(dice: &mut Dice) -> Self {
        match dice.below(8) {
            0 => Self::Activated,
            1 => Self::Deactivated,
            2 => Self::Closes(dice.any()),
            3 => Self::Determined,
            4 => Self::Settled,
            6 => Self::Created(dice.any()),
            5 => Self::Terms { exchange_index: dice.any(), fees: Some(FeeSchedule::QUADRATIC) },
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

impl Sample for HeldThere {
    fn sample(dice: &mut Dice) -> Self {
        Self { ticker: dice.any(), position: dice.any(), cost: dice.any() }
    }
}

impl Sample for CashThere {
    fn sample(dice: &mut Dice) -> Self {
        Self { shard: dice.any(), cash: dice.any() }
    }
}
