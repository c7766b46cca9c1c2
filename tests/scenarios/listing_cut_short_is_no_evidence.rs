//! Listings do not say whether they go on (nautilus#4566, Auramaur#314): what they lack is not
//! gone.

use kalshi_exec::message::{ControlCommand, FetchEvent};
use kalshi_exec::order::State;
use kalshi_exec::recorder::journal::Entry;
use kalshi_exec::sim::world::World;
use kalshi_exec::sim::world::fault::{Edit, RequestFault, RequestKind, Rule};
use kalshi_exec::units::Nanos;

use crate::theatre::{await_state, finish, journal, rest, sent_once, state_of, world};

fn readings(world: &World, what: FetchEvent) -> usize {
    journal(world).iter().filter(|entry| **entry == Entry::Fetch(what)).count()
}

#[test]
fn nothing_follows_from_what_it_lacks() {
    // The first reads open trading; from then on no listing has a cursor for a while.
    let cut = |nth| Rule::Request(RequestKind::Read, nth, RequestFault::Edited(Edit::NoCursor));
    let mut world = world((8..60).map(cut).collect());
    world.send_line(&rest("a"));
    await_state(&mut world, 0, State::Resting);

    let whole = readings(&world, FetchEvent::AccountRead);
    world.command(ControlCommand::Reconcile);
    world.run_for(Nanos::from_secs(20));
    assert!(readings(&world, FetchEvent::AccountFailed) > 0, "readings failed");
    assert!(readings(&world, FetchEvent::AccountRead) <= whole + 1);
    assert_eq!(state_of(&world, 0), State::Resting, "the order is not taken for gone");
    assert_eq!(world.core().guard().mismatches(), 0);
    finish(&mut world);
    sent_once(&world);
}
