//! Samples of what the feed tells.

use super::{Dice, Sample};
use crate::message::FeedEvent;

impl Sample for FeedEvent {
    fn sample(dice: &mut Dice) -> Self {
        match dice.below(10) {
            8 => Self::Missed { since: dice.any() },
            9 => Self::NewsMissed,
            5 => Self::Market(dice.any()),
            6 => Self::Position(dice.any()),
            7 => Self::Group(dice.any()),
            0 => Self::Up,
            1 => Self::Down,
            2 => Self::Fill(dice.any()),
            3 => Self::Alive,
            _ => Self::Order(dice.any()),
        }
    }
}
