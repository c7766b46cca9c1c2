//! The disk is full: what cannot be written down is not done.
//!
//! An order that is not in the journal would be forgotten by a restart. It is not sent, trading
//! halts, and cancels still go.

use kalshi_exec::order::State;
use kalshi_exec::recorder::record::Outcome;
use kalshi_exec::sim::world::World;
use kalshi_exec::sim::world::host::TRADER;
use kalshi_exec::units::Position;

use crate::theatre::{SECOND, await_answer, await_state, finish, held, rest, take, world};

fn nothing_goes_out_after(entries: u64) {
    let mut world = world(vec![]);
    world.send_line(&rest("a"));
    await_state(&mut world, 0, State::Resting);
    let sent = world.host().all_creates().count();
    world.journal().fill_up_after(entries);

    world.send_line(&take("b"));
    let result = await_answer(&mut world, "b");
    world.run_for(SECOND);

    assert_eq!(world.host().all_creates().count(), sent, "nothing reached the exchange");
    let refused = match result.outcome {
        Outcome::Refused(_) => true,
        Outcome::Ended(State::Rejected) => {
            result.error.is_some_and(|error| error.code.as_str() == "not_journaled")
        }
        Outcome::Ended(_) | Outcome::NotTradeable => false,
    };
    assert!(refused, "{result:?}");
    assert!(world.core().halted().is_some());
    assert_eq!(held(&world), Position::FLAT);
    assert!(resting(&world) == 0, "cancels need no journal");
    finish(&mut world);
}

fn resting(world: &World) -> usize {
    world.host().venue().open_orders(TRADER).len()
}

#[test]
fn an_order_that_is_not_journaled_is_not_sent() {
    // Room for the signal, none for the order.
    nothing_goes_out_after(1);
}

#[test]
fn a_signal_that_is_not_journaled_is_not_traded() {
    nothing_goes_out_after(0);
}
