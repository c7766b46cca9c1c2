//! Arbitrary views of followed books.

use super::{Dice, Sample};
use crate::message::{Blindness, BookNews, BookView};

impl Sample for BookView {
    fn sample(dice: &mut Dice) -> Self {
        let reasons = [
            Blindness::Unread,
            Blindness::Gap,
            Blindness::Damaged,
            Blindness::Old,
            Blindness::Doubted,
        ];
        match dice.below(2) {
            0 => Self::Top { bid: dice.any(), ask: dice.any() },
            _ => Self::Blind(dice.one_of(&reasons)),
        }
    }
}

impl Sample for BookNews {
    fn sample(dice: &mut Dice) -> Self {
        Self { market: dice.any(), view: dice.any(), as_of: dice.any() }
    }
}
