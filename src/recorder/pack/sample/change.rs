//! Arbitrary changes of orders.

use super::{Dice, Sample};
use crate::message::{AmendOrder, DecreaseOrder};

impl Sample for AmendOrder {
    fn sample(dice: &mut Dice) -> Self {
        Self {
            key: dice.any(),
            order_id: dice.any(),
            client_order_id: dice.any(),
            market: dice.any(),
            side: dice.any(),
            price: dice.any(),
            quantity: dice.any(),
            approved: dice.any(),
        }
    }
}

impl Sample for DecreaseOrder {
    fn sample(dice: &mut Dice) -> Self {
        Self {
            key: dice.any(),
            order_id: dice.any(),
            market: dice.any(),
            by: dice.any(),
            decided: dice.any(),
        }
    }
}
