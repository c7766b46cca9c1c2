//! The keeper as a stage: its own cold thread, because a busy disk makes it wait for seconds.
//!
//! In: the time. Out: how the journal's files are, whenever that changes. On the recorder's thread
//! it would hold up result lines, and full record rings would then hold up trading.

use crossbeam::channel::{Receiver, Sender, bounded};

use super::SegmentKeeper;
use crate::runtime::clock::Clock;
use crate::runtime::stage::{Stage, Work};

/// Changes that may wait to be read. One that finds no room is told at the next poll.
const NEWS_MAX: usize = 8;

/// What is wrong with the journal's files, in words, or that nothing is any more.
pub type Health = Option<String>;

/// Polls a [`SegmentKeeper`] and tells of its troubles.
#[derive(Debug)]
pub struct JournalCare<C> {
    keeper: SegmentKeeper,
    clock: C,
    news: Sender<Health>,
    told: Health,
}

impl<C: Clock> JournalCare<C> {
    /// The stage, and where its news comes out.
    #[must_use]
    pub fn new(keeper: SegmentKeeper, clock: C) -> (Self, Receiver<Health>) {
        let (news, heard) = bounded(NEWS_MAX);
        (Self { keeper, clock, news, told: None }, heard)
    }

    /// The keeper, to put the files to rest once the writer is gone.
    pub fn into_keeper(self) -> SegmentKeeper {
        self.keeper
    }
}

impl<C: Clock> Stage for JournalCare<C> {
    const NAME: &'static str = "journal";

    fn poll(&mut self) -> Work {
        let work = self.keeper.poll(self.clock.mono());
        let health = self.keeper.failure().map(ToString::to_string);
        if health.is_some() != self.told.is_some() && self.news.try_send(health.clone()).is_ok() {
            self.told = health;
        }
        work
    }
}
