//! Paper: fills by the model or on a recorded book in place of gateway and feed, nothing else
//! different.

#[cfg(feature = "sim")]
use std::sync::Arc;

use super::course::{Course, Inlet};
use super::plant::{Books, Plant};
use super::threads::Threads;
use super::{EngineError, RunOptions};
use crate::kalshi::market::MarketTable;
use crate::oms::Opening;
use crate::oms::config::Admission;
#[cfg(feature = "sim")]
use crate::paper::book::Following;
use crate::paper::{Paper, PaperRings};
use crate::recorder::summary::Summary;
use crate::runtime::clock::{Clock, SystemClock};
use crate::runtime::signals::Interrupts;
use crate::runtime::stage::Nothing;
use crate::runtime::thread::Stop;
#[cfg(feature = "sim")]
use crate::sim::replay::{Followed, Follower, Recording};
use crate::units::{Money, Nanos};

/// Trades on paper.
pub(super) fn run(options: &RunOptions, interrupts: &Interrupts) -> Result<Summary, EngineError> {
    let mut options = options.clone();
    options.config.orders.read_lag = Nanos::ZERO;
    let options = &options;
    #[cfg(feature = "sim")]
    if let Some(book) = &options.book {
        return on_book(options, book, interrupts);
    }
    let desk = Desk::open(options, (MarketTable::new(), Admission::Any), interrupts)?;
    let paper = Paper::new(options.config.paper, desk.clock, desk.rings)
        .with_kill_switch(desk.plant.kill_switch.clone());
    desk.course.follow(desk.plant, (paper, Nothing))
}

/// Trades on paper in the markets of a recording, against its books: from its beginning, or from
/// its end on while it is being written.
#[cfg(feature = "sim")]
fn on_book(
    options: &RunOptions,
    book: &super::PaperBook,
    interrupts: &Interrupts,
) -> Result<Summary, EngineError> {
    use crate::paper::BookPaper;
    use crate::paper::book::{BookConfig, BookFills};

    let Opened { recording, speed, follow, follower } = open(options, book)?;
    let unusable = |error: crate::sim::exchange::BooksError| EngineError::Usage(error.to_string());
    let markets = BookFills::markets(&recording).map_err(unusable)?;
    let mut desk = Desk::open(options, (markets, Admission::Listed), interrupts)?;
    if let Some(follower) = follower {
        let core = options.config.machine.cores.cold;
        desk.course.threads.start_cold("book", core, follower, &desk.course.stop)?;
    }
    let config = BookConfig {
        recording,
        speed,
        follow,
        cash: Money::from_cents(options.config.paper_cash_cents),
        latency_min: options.config.paper.latency_min,
        latency_max: options.config.paper.latency_max,
        seed: options.config.paper.seed,
    };
    let book = BookFills::new(config, desk.clock.now().wall).map_err(unusable)?;
    let paper = BookPaper::new(book, desk.clock, desk.rings)
        .with_kill_switch(desk.plant.kill_switch.clone());
    desk.course.follow(desk.plant, (paper, Nothing))
}

/// A book as it was asked for.
#[cfg(feature = "sim")]
struct Opened {
    recording: Arc<Recording>,
    speed: u32,
    follow: Option<Following>,
    follower: Option<Follower>,
}

#[cfg(feature = "sim")]
fn open(options: &RunOptions, book: &super::PaperBook) -> Result<Opened, EngineError> {
    match book {
        super::PaperBook::Replayed(recorded) => Ok(Opened {
            recording: super::sim_exchange::open_recording(&recorded.file)?,
            speed: recorded.speed,
            follow: None,
            follower: None,
        }),
        super::PaperBook::Followed(file) => {
            let (follower, Followed { so_far, lines }) = Follower::open(file).map_err(|error| {
                EngineError::Usage(format!("book {}: failed to {error}", file.display()))
            })?;
            // As a live feed: dead at the one silence, not traded on at the other.
            let crate::config::Config { wire, limits, .. } = &options.config;
            let silence_max = wire.feed_silence_max.min(limits.link_silence_max);
            let (follow, follower) = (Some(Following { lines, silence_max }), Some(follower));
            Ok(Opened { recording: Arc::new(so_far), speed: 1, follow, follower })
        }
    }
}

/// What both kinds of paper trading have.
struct Desk<'a> {
    clock: SystemClock,
    plant: Plant,
    rings: PaperRings,
    course: Course<'a>,
}

impl<'a> Desk<'a> {
    fn open(
        options: &'a RunOptions,
        (markets, admission): (MarketTable, Admission),
        interrupts: &'a Interrupts,
    ) -> Result<Self, EngineError> {
        let clock = SystemClock::start();
        let inlet = Inlet::open(options)?;
        let opening = Opening {
            cash: Money::from_cents(options.config.paper_cash_cents),
            as_of: clock.now().wall,
            ..Opening::default()
        };
        let cold_records = Vec::new();
        let books =
            Books { markets, opening, admission, cold_records, owner: "paper", groups: vec![] };
        let (plant, outer) = Plant::build(options, &clock, books)?;
        let rings = PaperRings {
            commands: outer.commands,
            events: outer.gateway,
            feed: outer.feed.events,
            asks: outer.asks,
            fetch: outer.fetch,
        };
        let (stop, threads) = (Stop::new(), Threads::default());
        let course =
            Course { options, interrupts, inlet, connections: 1, stop, threads, emergency: None };
        Ok(Self { clock, plant, rings, course })
    }
}
