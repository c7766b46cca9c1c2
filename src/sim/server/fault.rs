//! Faults on the way to and from the exchange, decided per request and per frame by whoever tests
//! or by a plan (`sim/faults`).
//!
//! The venue behind the server stays honest; what is lost, late, doubled or replaced here is
//! what a client on a bad day sees.

use std::{fmt, sync::Arc};

use crate::{
    sim::faults::{Change, Edit},
    sim::venue::{ApiRequest, SessionId},
    units::Nanos,
};

/// What happens to one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing: it is answered.
    None,
    /// The connection dies before the exchange has seen the request.
    DropBefore,
    /// The exchange processes the request, then the connection dies without an answer.
    DropAfter,
    /// It is answered, and the answer says `connection: close`.
    CloseAfter,
    /// It is answered, after an interim answer (`103`).
    Interim,
    /// The request reaches the exchange late, even when the client has given up by then.
    DelayBefore(Nanos),
    /// The exchange processes the request at once, the answer comes late.
    DelayAfter(Nanos),
    /// The exchange never sees the request; this status and body are answered.
    Status(u16, String),
    /// The exchange processes the request, but this status and body are answered.
    StatusAfter(u16, String),
    /// The exchange processes the request; its answer is changed.
    Edited(Edit),
    /// It is answered in pieces of so many bytes, so far apart.
    Slowly(usize, Nanos),
}

/// What happens to one text that the venue has for a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameFault {
    /// Nothing: it is sent.
    None,
    /// It is lost; the stream stays healthy.
    Lose,
    /// It is sent twice.
    Repeat,
    /// It waits until the session's next text has passed it.
    Hold,
    /// Its session is told of an overflow and ends.
    Overflow,
    /// It is late; what follows it on its subscription waits for it.
    Delay(Nanos),
    /// It is told in another format.
    Changed(Change),
    /// An error with this code ends its subscription in its place.
    Ended(u32),
}

type Decide = dyn Fn(&ApiRequest<'_>, u64) -> Fault + Send + Sync;
type DecideFrame = dyn Fn(SessionId, &str) -> FrameFault + Send + Sync;

/// Decides the faults of all requests and frames. Asked before authentication, from any of the
/// server's threads.
#[derive(Clone)]
pub struct FaultHook {
    request: Arc<Decide>,
    frame: Arc<DecideFrame>,
}

impl FaultHook {
    /// Asks `decide` about every request, with the request's number from 1 over all connections.
    /// WebSocket upgrades are asked about too and numbered apart; before and after are the same
    /// for them.
    pub fn new(decide: impl Fn(&ApiRequest<'_>, u64) -> Fault + Send + Sync + 'static) -> Self {
        Self { request: Arc::new(decide), ..Self::default() }
    }

    /// Also asks `decide` about every text on its way to a session.
    #[must_use]
    pub fn with_frames(
        self,
        decide: impl Fn(SessionId, &str) -> FrameFault + Send + Sync + 'static,
    ) -> Self {
        Self { frame: Arc::new(decide), ..self }
    }

    pub(super) fn decide(&self, request: &ApiRequest<'_>, count: u64) -> Fault {
        (self.request)(request, count)
    }

    pub(super) fn decide_frame(&self, session: SessionId, text: &str) -> FrameFault {
        (self.frame)(session, text)
    }
}

impl Default for FaultHook {
    /// No faults.
    fn default() -> Self {
        Self { request: Arc::new(|_, _| Fault::None), frame: Arc::new(|_, _| FrameFault::None) }
    }
}

impl fmt::Debug for FaultHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FaultHook")
    }
}
