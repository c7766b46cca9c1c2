//! The rings around the oms, made together so that no end of one is forgotten.
//!
//! In: how many slots each has. Out: the oms's ends, and everybody else's. The numbers of a run
//! and their reasons are in [`crate::runtime::ring`].

use crate::message::{
    BookNews, Command, ControlCommand, FeedEvent, FetchCommand, FetchEvent, FollowCommand,
    GatewayEvent, Signal,
};
use crate::recorder::record::Record;
use crate::runtime::ring::{self, Consumer, Producer, ring};

/// Slots of each ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OmsRingSlots {
    /// From intake.
    pub signals: usize,
    /// From the gateway.
    pub gateway: usize,
    /// From the feed.
    pub feed: usize,
    /// To the REST service.
    pub asks: usize,
    /// From the REST service.
    pub fetch: usize,
    /// From people and the system.
    pub control: usize,
    /// To the gateway.
    pub commands: usize,
    /// From the feed, views of books.
    pub books: usize,
    /// To the feed, which books to follow.
    pub follows: usize,
    /// To the recorder.
    pub records: usize,
}

impl Default for OmsRingSlots {
    fn default() -> Self {
        Self {
            signals: ring::SIGNALS_MAX,
            gateway: ring::GATEWAY_EVENTS_MAX,
            feed: ring::FEED_EVENTS_MAX,
            asks: ring::FETCH_COMMANDS_MAX,
            fetch: ring::FETCH_EVENTS_MAX,
            control: ring::CONTROL_COMMANDS_MAX,
            commands: ring::COMMANDS_MAX,
            books: ring::BOOK_NEWS_MAX,
            follows: ring::FOLLOWS_MAX,
            records: ring::RECORDS_MAX,
        }
    }
}

impl OmsRingSlots {
    /// The same number of slots for all but the records, for stages that share a thread.
    #[must_use]
    pub const fn even(slots: usize, records: usize) -> Self {
        Self {
            signals: slots,
            gateway: slots,
            feed: slots,
            asks: slots,
            fetch: slots,
            control: slots,
            commands: slots,
            books: slots,
            follows: slots,
            records,
        }
    }
}

/// What the oms holds.
#[derive(Debug)]
pub struct OmsRings {
    /// From intake.
    pub signals: Consumer<Signal>,
    /// From the gateway.
    pub gateway: Consumer<GatewayEvent>,
    /// From the feed.
    pub feed: Consumer<FeedEvent>,
    /// From the REST service.
    pub fetch: Consumer<FetchEvent>,
    /// From people and the system.
    pub control: Consumer<ControlCommand>,
    /// To the gateway.
    pub commands: Producer<Command>,
    /// To the REST service.
    pub asks: Producer<FetchCommand>,
    /// From the feed, views of books.
    pub books: Consumer<BookNews>,
    /// To the feed, which books to follow.
    pub follows: Producer<FollowCommand>,
    /// To the recorder.
    pub records: Producer<Record>,
}

/// What everybody else holds.
#[derive(Debug)]
pub struct OmsEnds {
    /// Intake's.
    pub signals: Producer<Signal>,
    /// The gateway's.
    pub gateway: Producer<GatewayEvent>,
    /// The feed's.
    pub feed: Producer<FeedEvent>,
    /// The REST service's.
    pub fetch: Producer<FetchEvent>,
    /// The control service's.
    pub control: Producer<ControlCommand>,
    /// The gateway's.
    pub commands: Consumer<Command>,
    /// The REST service's.
    pub asks: Consumer<FetchCommand>,
    /// The feed's, views of books.
    pub books: Producer<BookNews>,
    /// The feed's, which books to follow.
    pub follows: Consumer<FollowCommand>,
    /// The recorder's.
    pub records: Consumer<Record>,
}

impl OmsRings {
    /// Makes each ring.
    #[must_use]
    pub fn make(slots: OmsRingSlots) -> (Self, OmsEnds) {
        let (signals_in, signals) = ring(slots.signals);
        let (gateway_in, gateway) = ring(slots.gateway);
        let (feed_in, feed) = ring(slots.feed);
        let (fetch_in, fetch) = ring(slots.fetch);
        let (control_in, control) = ring(slots.control);
        let (commands, commands_out) = ring(slots.commands);
        let (asks, asks_out) = ring(slots.asks);
        let (books_in, books) = ring(slots.books);
        let (follows, follows_out) = ring(slots.follows);
        let (records, records_out) = ring(slots.records);
        let inner = Self {
            signals,
            gateway,
            feed,
            fetch,
            control,
            commands,
            asks,
            books,
            follows,
            records,
        };
        let ends = OmsEnds {
            signals: signals_in,
            gateway: gateway_in,
            feed: feed_in,
            fetch: fetch_in,
            control: control_in,
            commands: commands_out,
            asks: asks_out,
            books: books_in,
            follows: follows_out,
            records: records_out,
        };
        (inner, ends)
    }
}
