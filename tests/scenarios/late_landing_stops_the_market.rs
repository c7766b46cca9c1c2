//! A request lands long after everybody had given it up for lost.
//!
//! Its absence had lasted, so it was rejected and its exposure freed: wrongly, as it turns out.
//! The fill is booked all the same, because the exchange says so, and the market stops.

use kalshi_exec::order::State;
use kalshi_exec::sim::world::fault::RequestFault;
use kalshi_exec::sim::world::host::TRADER;
use kalshi_exec::units::Nanos;

use crate::theatre::{await_answer, create, ended, held, sent_once, take, world_of_look_ups, yes};

#[test]
fn a_fill_of_a_rejected_order_is_booked_and_stops_the_market() {
    let late = RequestFault::Late(Nanos::from_secs(10));
    let mut world = world_of_look_ups(vec![create(1, late)]);
    world.send_line(&take("a"));
    ended(&await_answer(&mut world, "a"), State::Rejected, 0);

    world.run_for(Nanos::from_secs(30));

    assert_eq!(held(&world), yes(10), "positions follow the exchange");
    assert_eq!(world.core().account().cash(), world.host().venue().cash(TRADER));
    assert!(world.audit().alerts().iter().any(|it| it.contains("illegal step")));
    world.send_line(&take("b"));
    let refused = await_answer(&mut world, "b");
    assert!(format!("{:?}", refused.outcome).contains("MarketStopped"), "{refused:?}");
    sent_once(&world);
}
