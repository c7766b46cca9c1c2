//! What the connections say, as the one stream that the oms hears.
//!
//! In: what each connection has decoded, what its answered pings prove, when it came up and went
//! down. Out: [`FeedEvent`]s, each thing once. As long as one connection has taken over from the
//! other without a gap ([`Coverage`]) the oms hears of neither's end. Never drops what is news:
//! whoever has something to say asks for room first.

use super::coverage::{Change, Coverage, LINKS_MAX, other};
use super::duplicates::{Duplicates, Verdict};
use crate::message::FeedEvent;
use crate::recorder::record::{Hop, Record};
use crate::units::{Nanos, Now, Timestamp, WallTime};

/// See the module's page.
#[derive(Debug)]
pub(super) struct Merge {
    events: rtrb::Producer<FeedEvent>,
    coverage: Coverage,
    /// Only with two connections.
    duplicates: Option<Duplicates>,
    /// What each connection told and the other had told before.
    repetitions: [u64; LINKS_MAX],
    /// Which connection is too far behind the other to be of any use.
    behind: Option<usize>,
    /// To the recorder: how long messages were under way.
    spans: Option<rtrb::Producer<Record>>,
    /// When the oms was last told that the stream is alive.
    told_alive: Timestamp,
}

impl Merge {
    /// Free slots without which no step is taken: a message causes at most four events, and the
    /// loss that may follow in the same poll three.
    const ROOM_MIN: usize = 7;
    /// Often enough for any bound on silence, seldom enough for the journal.
    const ALIVE_EVERY: Nanos = Nanos::from_secs(1);

    /// For one connection.
    ///
    /// # Panics
    /// When the ring has fewer than seven slots.
    pub(super) fn new(events: rtrb::Producer<FeedEvent>, now: Timestamp) -> Self {
        assert!(events.buffer().capacity() >= Self::ROOM_MIN, "one step's events must fit");
        Self {
            events,
            coverage: Coverage::new(),
            duplicates: None,
            repetitions: [0; LINKS_MAX],
            behind: None,
            spans: None,
            told_alive: now,
        }
    }

    /// For two: allocates what tells their stories apart.
    pub(super) fn expect_two(&mut self) {
        self.duplicates = Some(Duplicates::new());
    }

    /// Tells how long messages were under way.
    pub(super) fn measure_into(&mut self, spans: rtrb::Producer<Record>) {
        self.spans = Some(spans);
    }

    /// Measures how long a message was under way: from the exchange's clock to ours, which differ
    /// by what `clock_skew` tells. A measurement is left out rather than waited for.
    pub(super) fn measure(&mut self, sent: Option<WallTime>, heard: WallTime) {
        let (Some(spans), Some(sent)) = (&mut self.spans, sent) else { return };
        let span = Record::Span { hop: Hop::FeedLatency, span: heard.since(sent) };
        let _full: Result<(), _> = spans.push(span);
        if sent > heard {
            let _full: Result<(), _> = spans.push(Record::SentAhead);
        }
    }

    /// Whether one step's events fit.
    pub(super) fn has_room(&self) -> bool {
        self.events.slots() >= Self::ROOM_MIN
    }

    /// How many connections are up.
    pub(super) fn ups(&self) -> usize {
        self.coverage.ups()
    }

    /// What a connection told and the other had told before.
    pub(super) const fn repetitions(&self, link: usize) -> u64 {
        self.repetitions[link]
    }

    /// Whether there is another connection, up or not.
    pub(super) const fn is_redundant(&self) -> bool {
        self.duplicates.is_some()
    }

    /// Whether another connection than this one is up.
    pub(super) fn is_accompanied(&self, link: usize) -> bool {
        self.coverage.is_up(other(link))
    }

    /// Passes on what the exchange has told, unless the other connection has done so.
    pub(super) fn tell(&mut self, link: usize, event: FeedEvent) {
        if let Some(duplicates) = &mut self.duplicates
            && self.coverage.ups() == LINKS_MAX
        {
            match duplicates.judge(link, &event) {
                Verdict::News => {}
                Verdict::OtherIsBehind => self.behind = Some(other(link)),
                Verdict::Repetition => {
                    self.repetitions[link] += 1;
                    return;
                }
            }
        }
        self.emit(event);
    }

    fn emit(&mut self, event: FeedEvent) {
        let pushed = self.events.push(event);
        assert!(pushed.is_ok(), "room was made sure of before the step");
    }

    /// Whether a connection is to be given up because the other one tells what it does not.
    pub(super) fn take_behind(&mut self, link: usize) -> bool {
        self.behind.take_if(|behind| *behind == link).is_some()
    }

    /// Every needed channel of a connection is subscribed.
    pub(super) fn up(&mut self, link: usize, now: Timestamp) {
        let change = self.coverage.up(link, now);
        self.turn(link);
        if change == Change::Up {
            self.emit(FeedEvent::Up);
            self.told_alive = now;
        }
    }

    /// A connection that was up is gone.
    pub(super) fn down(&mut self, link: usize, now: Now) {
        let change = self.coverage.down(link);
        self.turn(link);
        match change {
            Change::None | Change::Up => {}
            Change::Hole(since) => self.gap(now, since),
            Change::Down(since) => {
                self.emit(FeedEvent::Down);
                // One that was apart may have told later things than those that are missing.
                if self.is_redundant() {
                    self.emit(FeedEvent::Missed { since: wall_at(now, since) });
                }
            }
        }
    }

    /// A connection came or went.
    fn turn(&mut self, link: usize) {
        self.behind.take_if(|behind| *behind == link);
        if let Some(duplicates) = &mut self.duplicates {
            duplicates.forget();
        }
    }

    /// A connection has told everything that the exchange told before `at`.
    pub(super) fn prove(&mut self, link: usize, at: Timestamp) {
        self.coverage.prove(link, at);
    }

    /// Something was lost a moment ago on a connection that is up: the oms has to look for what it
    /// may have said.
    #[cold]
    pub(super) fn missed(&mut self, now: Now) {
        self.gap(now, now.mono);
    }

    /// News of markets, positions or groups were lost on a connection.
    #[cold]
    pub(super) fn news_missed(&mut self) {
        self.emit(FeedEvent::NewsMissed);
    }

    fn gap(&mut self, now: Now, since: Timestamp) {
        self.emit(FeedEvent::Down);
        self.emit(FeedEvent::Missed { since: wall_at(now, since) });
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

/// What our clock for people said at a past moment of the other.
fn wall_at(now: Now, at: Timestamp) -> WallTime {
    WallTime::from_unix_ns(now.wall.unix_ns().saturating_sub(now.mono.since(at).ns()))
}
