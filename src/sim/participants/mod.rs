//! Who else is at the exchange: nobody, wandering quotes, a crowd that also takes, or a recording.
//!
//! In: the exchange and the time. Out: orders of the background account. All of it follows from
//! the seed or the recording.

mod takers;

use std::sync::Arc;

use crate::sim::exchange::{BookSeed, Exchange, Quotes};
use crate::sim::replay::{Recording, Replay};
use crate::units::WallTime;

use takers::Takers;

/// What the background does.
#[derive(Clone, Debug, Default)]
pub enum QuoteMode {
    /// Its quotes wander around the opening books, from the seed.
    #[default]
    Moving,
    /// As [`Self::Moving`], and now and then somebody takes some of what rests.
    Trading,
    /// Its quotes stay as they opened, and what is taken is gone.
    Still,
    /// It does what was recorded.
    Replay {
        /// What was recorded.
        recording: Arc<Recording>,
        /// How many times faster than it was.
        speed: u32,
    },
}

/// The others at one exchange.
#[derive(Debug)]
pub(crate) struct Participants {
    quotes: Option<Quotes>,
    takers: Option<Takers>,
    replay: Option<Replay>,
}

impl Participants {
    /// The others at an exchange that opened with `books`.
    pub(crate) fn new(
        mode: &QuoteMode,
        exchange: &Exchange,
        books: &[BookSeed],
        seed: u64,
        opens: WallTime,
    ) -> Self {
        let wander = matches!(mode, QuoteMode::Moving | QuoteMode::Trading);
        let take = matches!(mode, QuoteMode::Trading);
        let replay = match mode {
            QuoteMode::Replay { recording, speed } => {
                Some(Replay::new(Arc::clone(recording), exchange, opens, *speed))
            }
            QuoteMode::Moving | QuoteMode::Trading | QuoteMode::Still => None,
        };
        Self {
            quotes: wander.then(|| Quotes::new(books, seed, opens)),
            takers: take.then(|| Takers::new(books.len(), seed, opens)),
            replay,
        }
    }

    /// When somebody next does something, if ever.
    pub(crate) fn deadline(&self) -> Option<WallTime> {
        let quotes = self.quotes.as_ref().map(Quotes::deadline);
        let takers = self.takers.as_ref().map(Takers::deadline);
        let replay = self.replay.as_ref().and_then(Replay::deadline);
        [quotes, takers, replay].into_iter().flatten().min()
    }

    /// Lets them do what is due.
    pub(crate) fn advance(&mut self, exchange: &mut Exchange, now: WallTime) {
        if let Some(quotes) = &mut self.quotes {
            quotes.advance(exchange, now);
        }
        if let Some(takers) = &mut self.takers {
            takers.advance(exchange, now);
        }
        if let Some(replay) = &mut self.replay {
            replay.advance(exchange, now);
        }
    }
}
