//! Feed (stage 4 of 5). WebSocket bytes → [`FeedEvent`]s for the oms.
//!
//! Polls its connections (`link.rs`) in turn and passes on what they say (`merge.rs`): fills,
//! orders, news, [`FeedEvent::Up`] once every needed channel is acknowledged and
//! [`FeedEvent::Down`] once when nobody is left to hear from. Two connections are two tellings of
//! one story: each thing is passed on once, by whoever tells it first (`duplicates.rs`), and the
//! end of one is no outage while the other is known to have heard everything since
//! (`coverage.rs`). Events are never dropped: when their ring is full, reading stops and TCP
//! pushes back.
//!
//! Thread `feed`. Invariants: `Up` and `Down` alternate; between them every fill the exchange
//! sent was passed on. Steady state neither allocates nor blocks.

mod book;
pub mod books;
mod coverage;
mod duplicates;
mod extras;
mod followed;
mod link;
mod merge;
mod patience;
mod probe;
mod sequence;
mod telling;
#[cfg(test)]
pub(crate) mod scripted;
#[cfg(test)]
mod tests;

use books::Books;
use followed::Followed;
use link::Link;
use merge::Merge;
use telling::Telling;

pub use coverage::LINKS_MAX;
pub use link::FeedLoss;

use crate::ids::Reason;
use crate::kalshi::stream::DecodeCounts;
use crate::message::{BookNews, FeedEvent, FollowCommand};
use crate::net::{Connector, Transport};
use crate::proto::websocket::SessionConfig;
use crate::recorder::feed_links::{BookCounts, FeedLinkCounts, FeedLinkTold};
use crate::recorder::record::Record;
use crate::runtime::clock::Clock;
use crate::runtime::ring::{Consumer, Producer};
use crate::runtime::stage::{Stage, Work};
use crate::units::Nanos;

/// How the feed behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeedConfig {
    /// Message size, pings and silence.
    pub session: SessionConfig,
    /// Longest wait for every channel's acknowledgement.
    pub subscribe_max: Nanos,
}

impl Default for FeedConfig {
    fn default() -> Self {
        Self { session: SessionConfig::default(), subscribe_max: Nanos::from_secs(10) }
    }
}

/// What the feed has seen so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FeedCounts {
    /// How messages were decoded.
    pub decoded: DecodeCounts,
    /// Times every channel was subscribed.
    pub ups: u64,
    /// Connections given up.
    pub losses: u64,
    /// Connections that could not be made.
    pub dial_failures: u64,
    /// News of markets, positions and groups that could not be read.
    pub garbled: u64,
    /// Times that numbered messages were missing.
    pub gaps: u64,
    /// Numbered messages that came twice or late.
    pub repeats: u64,
    /// What the other connection had told before.
    pub repetitions: u64,
    /// What was seen of followed books.
    pub books: BookCounts,
    /// Polls that could not go on because the events' ring was full.
    pub stalls: u64,
}

/// The stage.
#[derive(Debug)]
pub struct Feed<T, K, C> {
    config: FeedConfig,
    clock: C,
    links: Vec<Link<T, K>>,
    merge: Merge,
    telling: Option<Telling>,
    stalls: u64,
}

impl<T: Transport, K: Connector<T>, C: Clock> Feed<T, K, C> {
    /// A feed over one connection. Allocates every buffer; connects on the first poll.
    ///
    /// # Panics
    /// When the ring has fewer than seven slots.
    pub fn new(config: FeedConfig, connector: K, clock: C, events: Producer<FeedEvent>) -> Self {
        let now = clock.mono();
        let mut links = Vec::with_capacity(LINKS_MAX);
        links.push(Link::new(0, config, connector, now));
        let merge = Merge::new(events, now);
        Self { config, clock, links, merge, telling: None, stalls: 0 }
    }

    /// With a second connection beside the first.
    #[must_use]
    pub fn with_second(mut self, connector: K) -> Self {
        let now = self.clock.mono();
        self.links.truncate(1);
        self.links.push(Link::new(1, self.config, connector, now));
        self.merge.expect_two();
        self
    }

    /// Tells the recorder how long messages were under way.
    #[must_use]
    pub fn with_spans(mut self, spans: Producer<Record>) -> Self {
        self.merge.measure_into(spans);
        self
    }

    /// Follows books of the markets that `wishes` names, and tells in `news` what is seen.
    #[must_use]
    pub fn with_books(
        mut self,
        books: Books,
        wishes: Consumer<FollowCommand>,
        news: Producer<BookNews>,
    ) -> Self {
        // One connection is enough: while it is down, books are read instead.
        self.links[0].follow(Followed::new(books, wishes, news));
        self
    }

    /// Telling the recorder what becomes of its connections.
    #[must_use]
    pub fn with_records(mut self, records: Producer<Record>) -> Self {
        self.telling = Some(Telling::new(records));
        self
    }

    /// What one of the connections has seen so far.
    #[must_use]
    pub fn counts(&self, link: usize) -> FeedCounts {
        counts(&self.links[link], &self.merge, (link, self.stalls))
    }

    /// Why a connection that was lost was given up last.
    #[must_use]
    pub fn last_loss(&self, link: usize) -> Option<FeedLoss> {
        self.links[link].last_loss()
    }

    /// Whether every channel is subscribed now, on any connection.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.merge.ups() > 0
    }
}

impl<T: Transport, K: Connector<T>, C: Clock> Stage for Feed<T, K, C> {
    const NAME: &'static str = "feed";

    fn poll(&mut self) -> Work {
        let mut work = Work::Idle;
        for link in &mut self.links {
            work = work.or(link.poll_followed());
            if !self.merge.has_room() {
                self.stalls += 1;
                break;
            }
            work = work.or(link.poll(&self.clock, &mut self.merge));
        }
        if let Some(telling) = &mut self.telling {
            let (links, merge, stalls) = (&self.links, &self.merge, self.stalls);
            let look = |link: usize| told(&links[link], merge, (link, stalls));
            telling.poll(self.clock.mono(), links.len(), look);
        }
        work
    }

    fn on_stop(&mut self) {
        if let Some(telling) = &mut self.telling {
            let (links, merge, stalls) = (&self.links, &self.merge, self.stalls);
            telling.look(links.len(), |link| told(&links[link], merge, (link, stalls)));
        }
        self.links.iter_mut().for_each(Link::close);
    }
}

fn counts<T: Transport, K: Connector<T>>(
    link: &Link<T, K>,
    merge: &Merge,
    (index, stalls): (usize, u64),
) -> FeedCounts {
    FeedCounts { repetitions: merge.repetitions(index), stalls, ..link.counts() }
}

/// A connection, for people.
fn told<T: Transport, K: Connector<T>>(
    link: &Link<T, K>,
    merge: &Merge,
    (index, stalls): (usize, u64),
) -> FeedLinkTold {
    let counts = counts(link, merge, (index, stalls));
    let counts = FeedLinkCounts {
        up: link.is_up(),
        ups: counts.ups,
        losses: counts.losses,
        dial_failures: counts.dial_failures,
        messages: counts.decoded.scanned + counts.decoded.parsed,
        undecodable: counts.decoded.undecodable,
        garbled: counts.garbled,
        gaps: counts.gaps,
        repeats: counts.repeats,
        repetitions: counts.repetitions,
        stalls: counts.stalls,
        books: counts.books,
    };
    let last_loss = link.last_loss().map_or(Reason::EMPTY, |loss| Reason::lossy(loss.as_str()));
    FeedLinkTold { link: u8::try_from(index).unwrap_or(u8::MAX), counts, last_loss }
}
