//! What lies between engine and exchange: dials under way, the faults of the day, and a witness
//! who compares what is written to the wire with what the journal has.
//!
//! One value shared by every pipe, connector and the host; on one thread, so its lock is never
//! contended.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use super::fault::{FaultRates, Faults, FrameFault, RequestFault, RequestKind, Rule};
use super::pipe::{HostEnd, LinkProfile, PipeEnd, pipe};
use crate::ids::ClientOrderId;
use crate::net::{Connector, DialError};
use crate::risk::RESENDS_MAX;
use crate::runtime::clock::{Clock, VirtualClock};
use crate::runtime::random::Random;
use crate::units::{Nanos, Timestamp};

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkKind {
    /// Orders and cancels.
    Orders,
    /// Cold reads.
    Reads,
    /// The WebSocket, handed over upgraded as the dialler does.
    Stream,
}

#[derive(Debug)]
struct State {
    faults: Faults,
    random: Random,
    arrivals: VecDeque<(LinkKind, HostEnd)>,
    /// When dials under way are decided.
    dials: Vec<Timestamp>,
    /// Dials of a kind fail until then.
    refused: Vec<(LinkKind, Timestamp)>,
    journaled: HashSet<ClientOrderId>,
    /// Create requests written to a connection, by their id: how often, and the first one's body.
    written: HashMap<ClientOrderId, (u32, u32)>,
    /// Those written again with another body.
    changed: Vec<ClientOrderId>,
    /// Those written before the journal had them.
    unjournaled: Vec<ClientOrderId>,
}

/// See the module's page.
#[derive(Clone, Debug)]
pub struct Network {
    state: Arc<Mutex<State>>,
}

impl Network {
    /// A network whose chance follows from `seed`.
    #[must_use]
    pub fn new(seed: u64, rates: FaultRates, rules: Vec<Rule>) -> Self {
        let mut random = Random::new(seed);
        let state = State {
            faults: Faults::new(random.next(), rates, rules),
            random,
            arrivals: VecDeque::new(),
            dials: Vec::new(),
            refused: Vec::new(),
            journaled: HashSet::new(),
            written: HashMap::new(),
            changed: Vec::new(),
            unjournaled: Vec::new(),
        };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("the world has one thread, and a panic ends it")
    }

    /// Nothing goes wrong by chance from now on.
    pub fn heal(&self) {
        self.lock().faults.heal();
    }

    /// What has gone wrong so far.
    #[must_use]
    pub fn fault_log(&self) -> Vec<String> {
        self.lock().faults.log().to_vec()
    }

    /// Dials of this kind fail until `until`.
    pub fn refuse(&self, kind: LinkKind, until: Timestamp) {
        self.lock().refused.push((kind, until));
    }

    /// The journal has the intent to send this order.
    pub fn note_journaled(&self, id: ClientOrderId) {
        self.lock().journaled.insert(id);
    }

    /// How often an order's request was written to a connection.
    #[must_use]
    pub fn times_written(&self, id: ClientOrderId) -> u32 {
        self.lock().written.get(&id).map_or(0, |(times, _)| *times)
    }

    /// What the witness has seen that must not be.
    #[must_use]
    pub fn misdeeds(&self) -> Vec<String> {
        let state = self.lock();
        let early = state.unjournaled.iter().map(|id| format!("{id} left before it was journaled"));
        let bound = 1 + u32::from(RESENDS_MAX);
        let often = state.written.iter().filter(|(_, (count, _))| *count > bound);
        let often = often.map(|(id, (count, _))| format!("{id} was written {count} times"));
        let changed = state.changed.iter().map(|id| format!("{id} was written with another body"));
        early.chain(often).chain(changed).collect()
    }

    /// What is to become of a request of this kind.
    pub(super) fn fault_of(&self, kind: RequestKind) -> RequestFault {
        self.lock().faults.of_request(kind)
    }

    /// The first byte of an order's request has left.
    pub(super) fn order_leaves(&self, id: ClientOrderId, body: u32) {
        let mut state = self.lock();
        let (times, first) = state.written.entry(id).or_insert((0, body));
        *times += 1;
        let differs = *first != body;
        if differs {
            state.changed.push(id);
        }
        if !state.journaled.contains(&id) {
            state.unjournaled.push(id);
        }
    }

    /// What is to become of a stream frame of this type.
    pub(super) fn frame(&self, kind: &str) -> FrameFault {
        self.lock().faults.of_frame(kind)
    }

    /// For how long a stage is to be left out.
    pub(super) fn stall(&self) -> Nanos {
        self.lock().faults.stall()
    }

    /// The exchange's end of the next connection made.
    pub(super) fn accept(&self) -> Option<(LinkKind, HostEnd)> {
        self.lock().arrivals.pop_front()
    }

    /// When the next dial under way is decided.
    pub(super) fn next_dial(&self) -> Timestamp {
        self.lock().dials.iter().copied().min().unwrap_or(Timestamp::NEVER)
    }
}

/// Makes pipes after a while, as a dialler on a thread of its own would.
#[derive(Debug)]
pub struct PipeConnector {
    network: Network,
    clock: VirtualClock,
    kind: LinkKind,
    profile: LinkProfile,
    pending: VecDeque<Timestamp>,
}

impl PipeConnector {
    /// Connections of one kind.
    #[must_use]
    pub const fn new(
        network: Network,
        clock: VirtualClock,
        kind: LinkKind,
        profile: LinkProfile,
    ) -> Self {
        Self { network, clock, kind, profile, pending: VecDeque::new() }
    }
}

impl Connector<PipeEnd> for PipeConnector {
    fn request(&mut self) {
        let mut state = self.network.lock();
        let delay = Nanos::from_us(state.random.between(2_000, 30_000));
        let at = self.clock.mono() + delay;
        state.dials.push(at);
        self.pending.push_back(at);
    }

    fn poll(&mut self) -> Option<Result<PipeEnd, DialError>> {
        let now = self.clock.mono();
        let place = self.pending.iter().position(|at| *at <= now)?;
        let at = self.pending.remove(place)?;
        let mut state = self.network.lock();
        if let Some(place) = state.dials.iter().position(|dial| *dial == at) {
            state.dials.swap_remove(place);
        }
        let refused = state.refused.iter().any(|(kind, until)| *kind == self.kind && now < *until);
        if refused || state.faults.dial_fails() {
            return Some(Err(DialError::Connect {
                address: "the exchange".to_owned(),
                why: "connection refused".to_owned(),
            }));
        }
        let seed = state.random.next();
        let (engine, host) = pipe(&self.network, &self.clock, self.profile, seed);
        state.arrivals.push_back((self.kind, host));
        Some(Ok(engine))
    }
}
