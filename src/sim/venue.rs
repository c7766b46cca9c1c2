//! The seam between the simulated exchange and whatever carries bytes to it.
//!
//! The server (sockets, TLS) and the single-threaded world (memory pipes, virtual clock) both
//! drive a [`Venue`]; the venue owns accounts, books and WebSocket sessions and never sees a
//! socket, a clock or a thread.

use crate::ids::Ticker;
use crate::sim::exchange::{ExchangeState, FeeOverride, MarketCommand, Subtitle};
use crate::units::{Nanos, WallTime};

/// One account at the exchange: an index given out by the venue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UserId(pub u32);

/// One open WebSocket connection, numbered by the venue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(pub u64);

/// A REST request after transport and authentication.
#[derive(Clone, Copy, Debug)]
pub struct ApiRequest<'a> {
    /// `GET`, `POST`, `PUT` or `DELETE`.
    pub method: &'a str,
    /// Full path from the root, e.g. `/trade-api/v2/portfolio/events/orders`, without query.
    pub path: &'a str,
    /// Query string without `?`, empty when there is none.
    pub query: &'a str,
    /// Body bytes.
    pub body: &'a [u8],
}

/// A REST answer before transport.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiResponse {
    /// HTTP status.
    pub status: u16,
    /// JSON body; empty for 204.
    pub body: String,
}

/// Something that is done to an exchange from outside, by its operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VenueAction {
    /// Pauses or reopens it.
    State(ExchangeState),
    /// Commands one market, or all of them.
    Market {
        /// Which; all when `None`.
        market: Option<Ticker>,
        /// What. Markets that it does not fit stay as they are.
        command: MarketCommand,
    },
    /// Sets the chance, in thousandths, that a cancel-all takes a later order with it.
    CancelAllTail(u32),
    /// Sets how far reads of accounts are behind; `None`: as far as at the start.
    ReadLag(Option<Nanos>),
    /// Lists a new market.
    ListMarket(Ticker),
    /// Overrides the fees of a market's event, or lets its series' hold again.
    EventFees {
        /// Any market of the event.
        market: Ticker,
        /// The fees; none lets the series' hold.
        fees: Option<FeeOverride>,
    },
    /// Charges nothing until a time.
    WaiveFees {
        /// In which market; in every market when `None`.
        market: Option<Ticker>,
        /// Until when.
        until: WallTime,
    },
    /// Says what YES means in a market.
    Retitle {
        /// Which.
        market: Ticker,
        /// In a few words.
        yes_sub_title: Subtitle,
    },
    /// Takes the newest fill of a member back.
    VoidFill {
        /// In which market; in every market when `None`.
        market: Option<Ticker>,
    },
}

/// An exchange as its transports see it. Deterministic: the same calls with the same times give
/// the same answers and messages.
pub trait Venue: Send {
    /// Answers one REST request at `now`. `caller` is `None` when the request was not signed:
    /// only market data is served then.
    fn handle(
        &mut self,
        now: WallTime,
        caller: Option<UserId>,
        request: &ApiRequest<'_>,
    ) -> ApiResponse;

    /// A WebSocket connection of `user` was upgraded.
    fn open_session(&mut self, now: WallTime, user: UserId) -> SessionId;

    /// A text frame arrived on a session.
    fn session_text(&mut self, now: WallTime, session: SessionId, text: &str);

    /// The session's connection is gone.
    fn close_session(&mut self, session: SessionId);

    /// The next text frame to send, in order. Call until `None` after every other call.
    fn poll_outgoing(&mut self) -> Option<(SessionId, String)>;

    /// Lets time pass: order expiry, background traders.
    fn advance(&mut self, now: WallTime);

    /// When [`Self::advance`] next has something to do, if ever.
    fn deadline(&self) -> Option<WallTime>;

    /// Ends a subscription of a session with an error. A venue without any has nothing to do.
    fn end_subscription(&mut self, _now: WallTime, _session: SessionId, _sid: u64, _code: u32) {}

    /// Does what its operators want. A venue without operators has nothing to do.
    fn act(&mut self, _now: WallTime, _action: &VenueAction) {}
}
