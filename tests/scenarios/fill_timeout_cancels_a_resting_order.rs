//! An order that nobody wants is not left on the book: after its time it is cancelled, and should
//! the engine die, the exchange ends it.

use kalshi_exec::order::State;
use kalshi_exec::sim::world::host::TRADER;
use kalshi_exec::units::{Nanos, Position};

use crate::theatre::{await_answer, await_state, ended, finish, held, order, rest, world_with};

#[test]
fn a_resting_order_is_cancelled_when_its_time_is_up() {
    let timeout = Nanos::from_secs(4);
    let mut world = world_with(vec![], |config| config.orders.fill_timeout = timeout);

    world.send_line(&rest("a"));
    await_state(&mut world, 0, State::Resting);
    let approved = order(&world, 0).unwrap().terms().approved;
    let expires = order(&world, 0).unwrap().terms().expiration_secs.unwrap();
    let result = await_answer(&mut world, "a");

    ended(&result, State::Canceled, 0);
    let lived = world.now().mono.since(approved);
    assert!(lived >= timeout && lived < timeout + Nanos::from_ms(100), "{} ms", lived.ms());
    assert!(expires > world.now().wall.unix_secs(), "the exchange would have ended it later");
    assert!(world.host().venue().open_orders(TRADER).is_empty());
    assert_eq!(held(&world), Position::FLAT);
    finish(&mut world);
}
