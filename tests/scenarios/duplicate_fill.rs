//! The same fill comes twice on the stream and once more by a backfill.
//!
//! Counting it more than once makes a position that does not exist; the next order "closes" it.

use kalshi_exec::sim::world::fault::FrameFault;

use crate::theatre::{SECOND, await_answer, finish, frame, held, take, world, yes};

#[test]
fn a_fill_is_booked_once_however_often_it_is_told() {
    let mut world = world(vec![frame("fill", 1, FrameFault::Repeated)]);
    world.send_line(&take("a"));
    await_answer(&mut world, "a");

    let now = world.now().mono;
    world.host_mut().cut_streams(now);
    world.run_for(SECOND);

    assert_eq!(held(&world), yes(10));
    assert_eq!(world.audit().fills().len(), 1);
    finish(&mut world);
}
