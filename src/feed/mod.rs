//! Feed (stage 4 of 5). WebSocket bytes → [`FeedEvent`]s for the oms.
//!
//! Polls its connections ([`link`]) in turn and passes on what they say ([`merge`]): fills, orders,
//! news, [`FeedEvent::Up`] once every needed channel is acknowledged and [`FeedEvent::Down`] once
//! when nobody is left to hear from. Events are never dropped: when their ring is full, reading
//! stops and TCP pushes back.
//!
//! Thread `feed`. Invariants: `Up` and `Down` alternate; between them every fill the exchange
//! sent was passed on. Steady state neither allocates nor blocks.

mod book;
pub mod books;
mod extras;
mod link;
mod merge;
#[cfg(test)]
pub(crate) mod scripted;
#[cfg(test)]
mod tests;

use link::Link;
use merge::Merge;

pub use link::FeedLoss;

use crate::kalshi::stream::DecodeCounts;
use crate::message::FeedEvent;
use crate::net::{Connector, Transport};
use crate::proto::websocket::SessionConfig;
use crate::runtime::clock::Clock;
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
    /// Polls that could not go on because the events' ring was full.
    pub stalls: u64,
}

/// The stage.
#[derive(Debug)]
pub struct Feed<T, K, C> {
    clock: C,
    link: Link<T, K>,
    merge: Merge,
    stalls: u64,
}

impl<T: Transport, K: Connector<T>, C: Clock> Feed<T, K, C> {
    /// Allocates every buffer; connects on the first poll.
    ///
    /// # Panics
    /// When the ring has fewer than three slots.
    pub fn new(
        config: FeedConfig,
        connector: K,
        clock: C,
        events: rtrb::Producer<FeedEvent>,
    ) -> Self {
        let now = clock.mono();
        Self {
            clock,
            link: Link::new(config, connector, now),
            merge: Merge::new(events, now),
            stalls: 0,
        }
    }

    /// What has been seen so far.
    #[must_use]
    pub const fn counts(&self) -> FeedCounts {
        FeedCounts { stalls: self.stalls, ..self.link.counts() }
    }

    /// Why the last lost connection was given up.
    #[must_use]
    pub const fn last_loss(&self) -> Option<FeedLoss> {
        self.link.last_loss()
    }

    /// Whether every channel is subscribed now.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.link.is_up()
    }
}

impl<T: Transport, K: Connector<T>, C: Clock> Stage for Feed<T, K, C> {
    const NAME: &'static str = "feed";

    fn poll(&mut self) -> Work {
        if !self.merge.has_room() {
            self.stalls += 1;
            return Work::Idle;
        }
        self.link.poll(&self.clock, &mut self.merge)
    }

    fn on_stop(&mut self) {
        self.link.close();
    }
}
