//! The stories of the requirement by their numbers, over real sockets: each is told by the fault
//! that the simulated exchange has for it, to an engine that trades live. What must come out is
//! the same every time: no order twice by the exchange's own count, every answer as the exchange
//! has it, equal books, and each condition told under its name.
//!
//! `tests/scenarios.rs` lists every story with the tests that tell it.

mod batches;
mod books_of_both_legs;
mod changes;
mod fills;
mod formats;
mod heard;
mod members;
mod obstacles;
mod outages;
mod reduce_only;
mod streamed_books;
mod submits;

use std::collections::BTreeSet;

use serde_json::Value;

use crate::process::Ended;
use crate::producer::WIDE;
use crate::recovery::{HASTY, Stage, came_and_went};

/// The stream says nothing of orders and fills for this long: only answers and look-ups tell.
const DEAF: &str = "
[[fault]]
name = 'lost_message'
on = 'fill'
until_ms = 8000
[[fault]]
name = 'lost_message'
on = 'user_order'
until_ms = 8000
";

/// A story that is told to one engine.
struct Told {
    /// Its number.
    story: u32,
    /// Faults beside the story's own.
    more: &'static str,
    /// How each signal ends, in turn.
    ends: &'static [&'static str],
    /// Orders that the exchange has at the end.
    orders: usize,
    /// Conditions that came and went.
    alerts: &'static [&'static str],
}

/// The configuration of these tests.
fn config() -> String {
    format!("{WIDE}{HASTY}")
}

/// The exchange counts so many orders, each under an id of its own.
#[track_caller]
fn nothing_is_there_twice(stage: &Stage, orders: usize) {
    let there = stage.client.list("/portfolio/orders", "orders");
    let ids: BTreeSet<_> = there.iter().map(|it| it["client_order_id"].as_str()).collect();
    assert_eq!((ids.len(), there.len()), (orders, orders), "{there:#?}");
}

/// Plays it from the first signal to equal books.
#[track_caller]
fn tell(told: &Told) -> (Value, Ended) {
    let mut stage = Stage::configured(&config());
    stage.faults(&format!("[[fault]]\nstory = {}\n{}", told.story, told.more));
    for (nth, end) in told.ends.iter().enumerate() {
        assert_eq!(stage.ask(&format!("story-{nth}")), *end, "signal {nth}");
    }
    stage.is_well();
    nothing_is_there_twice(&stage, told.orders);
    let (summary, ended) = stage.end();
    for name in told.alerts {
        came_and_went(&summary, &ended, name);
    }
    (summary, ended)
}
