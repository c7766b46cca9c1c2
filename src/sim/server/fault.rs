//! Faults on the way to and from the exchange, decided per REST request by whoever tests.
//!
//! The venue behind the server stays honest; what is lost, late or replaced here is what a
//! client on a bad day sees.

use std::{fmt, sync::Arc};

use crate::{sim::venue::ApiRequest, units::Nanos};

/// What happens to one REST request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing: it is answered.
    None,
    /// The connection dies before the exchange has seen the request.
    DropBefore,
    /// The exchange processes the request, then the connection dies without an answer.
    DropAfter,
    /// The request reaches the exchange late.
    DelayBefore(Nanos),
    /// The exchange processes the request at once, the answer comes late.
    DelayAfter(Nanos),
    /// The exchange never sees the request; this status and body are answered.
    Status(u16, String),
    /// The exchange processes the request, but this status and body are answered.
    StatusAfter(u16, String),
}

/// Decides the fault of each REST request from the request and its number, counted from 1 over
/// all connections. Called before authentication, from any of the server's threads.
#[derive(Clone)]
pub struct FaultHook(Arc<Decide>);

type Decide = dyn Fn(&ApiRequest<'_>, u64) -> Fault + Send + Sync;

impl FaultHook {
    /// Asks `decide` about every request.
    pub fn new(decide: impl Fn(&ApiRequest<'_>, u64) -> Fault + Send + Sync + 'static) -> Self {
        Self(Arc::new(decide))
    }

    pub(super) fn decide(&self, request: &ApiRequest<'_>, count: u64) -> Fault {
        (self.0)(request, count)
    }
}

impl Default for FaultHook {
    /// No faults.
    fn default() -> Self {
        Self::new(|_, _| Fault::None)
    }
}

impl fmt::Debug for FaultHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FaultHook")
    }
}
