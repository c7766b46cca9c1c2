//! What the connections say, as the one stream that the oms hears.
//!
//! In: what each connection has decoded, and when it came up and went down. Out: [`FeedEvent`]s.
//! Never drops one: whoever has something to say asks for room first.

use crate::message::FeedEvent;
use crate::units::{Nanos, Timestamp};

/// See the module's page.
#[derive(Debug)]
pub(super) struct Merge {
    events: rtrb::Producer<FeedEvent>,
    /// When the oms was last told that the stream is alive.
    told_alive: Timestamp,
}

impl Merge {
    /// Free slots without which no step is taken: a message causes at most two events, and the
    /// loss that may follow in the same poll one.
    const ROOM_MIN: usize = 3;
    /// Often enough for any bound on silence, seldom enough for the journal.
    const ALIVE_EVERY: Nanos = Nanos::from_secs(1);

    /// # Panics
    /// When the ring has fewer than three slots.
    pub(super) fn new(events: rtrb::Producer<FeedEvent>, now: Timestamp) -> Self {
        assert!(events.buffer().capacity() >= Self::ROOM_MIN, "one step's events must fit");
        Self { events, told_alive: now }
    }

    /// Whether one step's events fit.
    pub(super) fn has_room(&self) -> bool {
        self.events.slots() >= Self::ROOM_MIN
    }

    /// Passes on what the exchange has told.
    pub(super) fn emit(&mut self, event: FeedEvent) {
        let pushed = self.events.push(event);
        assert!(pushed.is_ok(), "room was made sure of before the step");
    }

    /// Every needed channel of a connection is subscribed.
    pub(super) fn up(&mut self, now: Timestamp) {
        self.emit(FeedEvent::Up);
        self.told_alive = now;
    }

    /// A connection that was up is gone.
    pub(super) fn down(&mut self) {
        self.emit(FeedEvent::Down);
    }

    /// Something was lost on a connection that is up: the oms has to look for what it may have
    /// said.
    #[cold]
    pub(super) fn missed(&mut self) {
        self.emit(FeedEvent::Down);
        self.emit(FeedEvent::Up);
    }

    /// Whatever was heard, a ping or a fill, shows that the stream lives: the oms trades only as
    /// long as it is told so.
    pub(super) fn tell_alive(&mut self, now: Timestamp) {
        if now.since(self.told_alive) >= Self::ALIVE_EVERY {
            self.told_alive = now;
            self.emit(FeedEvent::Alive);
        }
    }
}
