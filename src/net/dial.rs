//! The dialler: a cold service that makes connections so that no stage ever has to.
//!
//! Customers ask through a [`DialHandle`] and get finished connections back: resolved, connected,
//! tuned, handshaken, for WebSockets also upgraded. A failure is reported once and delays that
//! customer's next dial ([`Backoff`]). One dial blocks for up to the timeout, and the customers
//! of one dialler wait for each other; an engine that minds gives each its own.
//!
//! Rings per customer: `requests` customer → dialler, `results` dialler → customer. Never reads
//! or writes what the connections are for.

use core::fmt;
use std::net::SocketAddr;

use rtrb::{Consumer, Producer, RingBuffer};
use zeroize::Zeroizing;

use crate::net::backoff::Backoff;
use crate::net::connect::{DialConfig, Patience, connect_to};
use crate::net::endpoint::Endpoint;
use crate::net::tls::TlsStream;
use crate::net::upgrade::upgrade;
use crate::net::{Connector, DialError, Transport};
use crate::runtime::clock::Clock;
use crate::runtime::stage::{Stage, Work};
use crate::units::WallTime;

/// Writes the header lines that authorise a WebSocket upgrade of a path at a time, each ending
/// in CR LF, or says why it cannot.
pub type Authorize =
    Box<dyn FnMut(WallTime, &str) -> Result<Zeroizing<String>, String> + Send + 'static>;

/// What became of one dial.
#[derive(Clone, Copy, Debug)]
pub struct DialNews<'a> {
    /// Whose it was, from 0 in the order in which customers came.
    pub customer: usize,
    /// Whether there is a connection.
    pub outcome: Result<(), &'a DialError>,
    /// Why the name did not resolve, also where addresses known from before have served.
    pub unresolved: Option<&'a DialError>,
}

/// Is called after every dial, on the dialler's thread.
pub type Report = Box<dyn FnMut(DialNews<'_>) + Send + 'static>;

type DialResult = Result<TlsStream, DialError>;

/// One connection is wanted.
#[derive(Clone, Copy, Debug)]
struct Request;

/// A customer's end: asks for connections and takes them.
pub struct DialHandle<T: Transport> {
    requests: Producer<Request>,
    results: Consumer<Result<T, DialError>>,
    /// Requests for which the ring had no room yet.
    unsent: u32,
}

impl<T: Transport> fmt::Debug for DialHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DialHandle({} results)", self.results.slots())
    }
}

impl<T: Transport> DialHandle<T> {
    fn pass_on(&mut self) {
        while self.unsent > 0 && self.requests.push(Request).is_ok() {
            self.unsent -= 1;
        }
    }
}

impl<T: Transport> Connector<T> for DialHandle<T> {
    fn request(&mut self) {
        self.unsent = self.unsent.saturating_add(1);
        self.pass_on();
    }

    fn poll(&mut self) -> Option<Result<T, DialError>> {
        self.pass_on();
        self.results.pop().ok()
    }
}

struct Customer {
    endpoint: Endpoint,
    /// Where the name led last time: used while names cannot be resolved.
    addresses: Vec<SocketAddr>,
    /// For WebSockets.
    authorize: Option<Authorize>,
    requests: Consumer<Request>,
    results: Producer<DialResult>,
    backoff: Backoff,
}

/// The service.
pub struct Dialler<C: Clock> {
    clock: C,
    config: DialConfig,
    customers: Vec<Customer>,
    /// Whose turn it is: a customer whose dials fail slowly does not starve the others.
    turn: usize,
    seed: u64,
    report: Option<Report>,
}

impl<C: Clock> fmt::Debug for Dialler<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Dialler({} customers)", self.customers.len())
    }
}

impl<C: Clock> Dialler<C> {
    /// A dialler without customers. `seed` spreads the delays of many engines.
    #[must_use]
    pub const fn new(clock: C, config: DialConfig, seed: u64) -> Self {
        Self { clock, config, customers: Vec::new(), turn: 0, seed, report: None }
    }

    /// Tells `report` of every dial.
    #[must_use]
    pub fn with_report(mut self, report: Report) -> Self {
        self.report = Some(report);
        self
    }

    /// Serves plain TLS connections to `endpoint`, at most `pending_max` of them not yet taken.
    pub fn https(&mut self, endpoint: Endpoint, pending_max: usize) -> DialHandle<TlsStream> {
        self.serve(endpoint, pending_max, None)
    }

    /// Serves connections to `endpoint` upgraded to WebSocket: the first byte the customer
    /// receives is the first of a frame.
    pub fn websocket(
        &mut self,
        endpoint: Endpoint,
        pending_max: usize,
        authorize: Authorize,
    ) -> DialHandle<TlsStream> {
        self.serve(endpoint, pending_max, Some(authorize))
    }

    fn serve(
        &mut self,
        endpoint: Endpoint,
        pending_max: usize,
        authorize: Option<Authorize>,
    ) -> DialHandle<TlsStream> {
        let (requests_in, requests) = RingBuffer::new(pending_max.max(1));
        let (results, results_out) = RingBuffer::new(pending_max.max(1));
        let backoff = Backoff::new(self.seed.wrapping_add(self.customers.len() as u64));
        let addresses = Vec::new();
        self.customers.push(Customer {
            endpoint,
            addresses,
            authorize,
            requests,
            results,
            backoff,
        });
        DialHandle { requests: requests_in, results: results_out, unsent: 0 }
    }

    /// Makes at most one connection, for the next customer that wants one and may have it.
    /// Blocks for up to the dial timeout.
    pub fn poll(&mut self) -> Work {
        let count = self.customers.len();
        for step in 0..count {
            let at = (self.turn + step) % count;
            let tell = |outcome: Result<(), &DialError>, unresolved: Option<&DialError>| {
                if let Some(report) = &mut self.report {
                    report(DialNews { customer: at, outcome, unresolved });
                }
            };
            if self.customers[at].dial(&self.config, &self.clock, tell) == Work::Done {
                self.turn = (at + 1) % count;
                return Work::Done;
            }
        }
        Work::Idle
    }
}

impl<C: Clock> Stage for Dialler<C> {
    const NAME: &'static str = "dialler";

    /// Unlike a hot stage's, this blocks while it dials.
    fn poll(&mut self) -> Work {
        Self::poll(self)
    }
}

impl Customer {
    fn dial<C: Clock>(
        &mut self,
        config: &DialConfig,
        clock: &C,
        tell: impl FnOnce(Result<(), &DialError>, Option<&DialError>),
    ) -> Work {
        let wanted = !self.requests.is_empty() && !self.results.is_abandoned();
        if !wanted || self.results.is_full() || !self.backoff.ready(clock.mono()) {
            return Work::Idle;
        }
        self.backoff.dialled(clock.mono());
        let unresolved = self.resolve(config);
        let result = match (&unresolved, self.addresses.is_empty()) {
            (Some(error), true) => Err(error.clone()),
            (_, _) => self.connection(config, clock),
        };
        match &result {
            Ok(_) => self.backoff.succeeded(),
            Err(_) => self.backoff.failed(clock.mono()),
        }
        tell(result.as_ref().map(drop), unresolved.as_ref());
        let popped = self.requests.pop();
        debug_assert!(popped.is_ok(), "Invariant: only this end empties the ring");
        let pushed = self.results.push(result);
        debug_assert!(pushed.is_ok(), "Invariant: only this end fills the ring, and it had room");
        Work::Done
    }

    /// Looks the name up; where that fails, what is known stays.
    fn resolve(&mut self, config: &DialConfig) -> Option<DialError> {
        match config.resolver.resolve(&self.endpoint) {
            Ok(addresses) => {
                self.addresses = addresses;
                None
            }
            Err(error) => Some(error),
        }
    }

    fn connection<C: Clock>(&mut self, config: &DialConfig, clock: &C) -> DialResult {
        let stream = connect_to(&self.addresses, &self.endpoint, config, clock)?;
        let Some(authorize) = &mut self.authorize else { return Ok(stream) };
        let now = clock.now();
        let lines = authorize(now.wall, self.endpoint.base_path()).map_err(|why| {
            let why = format!("authorise the websocket upgrade: {why}");
            DialError::Connect { address: self.endpoint.address(), why }
        })?;
        let patience = Patience { deadline: now.mono + config.timeout, clock };
        upgrade(stream, &self.endpoint, &lines, &patience)
    }
}

#[cfg(test)]
#[cfg(feature = "sim")]
mod tests;
