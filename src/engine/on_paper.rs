//! Paper: the fill model in place of gateway and feed, nothing else different.

use super::course::{Course, Inlet};
use super::plant::{Books, Plant};
use super::threads::Threads;
use super::{EngineError, RunOptions};
use crate::kalshi::market::MarketTable;
use crate::oms::Opening;
use crate::oms::config::Admission;
use crate::paper::{Paper, PaperRings};
use crate::recorder::summary::Summary;
use crate::runtime::clock::{Clock, SystemClock};
use crate::runtime::signals::Interrupts;
use crate::runtime::stage::Nothing;
use crate::runtime::thread::Stop;
use crate::units::{Money, Nanos};

/// Trades on paper.
pub(super) fn run(options: &RunOptions, interrupts: &Interrupts) -> Result<Summary, EngineError> {
    let clock = SystemClock::start();
    let inlet = Inlet::open(options)?;
    let opening = Opening {
        cash: Money::from_cents(options.config.paper_cash_cents),
        as_of: clock.now().wall,
        ..Opening::default()
    };
    let books =
        Books { markets: MarketTable::new(), opening, admission: Admission::Any, owner: "paper" };
    let mut options = options.clone();
    options.config.orders.read_lag = Nanos::ZERO;
    let options = &options;
    let (plant, outer) = Plant::build(options, &clock, books)?;
    let rings = PaperRings {
        commands: outer.commands,
        events: outer.gateway,
        feed: outer.feed,
        asks: outer.asks,
        fetch: outer.fetch,
    };
    let paper =
        Paper::new(options.config.paper, clock, rings).with_kill_switch(plant.kill_switch.clone());
    let stop = Stop::new();
    let threads = Threads::default();
    let course =
        Course { options, interrupts, inlet, connections: 1, stop, threads, emergency: None };
    course.follow(plant, (paper, Nothing))
}
