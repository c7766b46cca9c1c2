//! The connections: which one a request takes, and when one is made, warmed or replaced.
//!
//! Sans-IO but for the links themselves: time comes in, the stage asks the connector. A link
//! counts as ready once it has answered a first cheap request. Links past their lifetime are
//! replaced one by one, the new one before the old one goes. One free connection is left to
//! cancels while the others work.

use super::answer::Purpose;
use super::connection::Connection;
use crate::net::Transport;
use crate::units::{Nanos, Timestamp};

/// Places beyond the configured number, so that a replacement is ready before the old one goes.
const SPARE: usize = 1;
/// First pause after a connection could not be made.
const DIAL_PAUSE_MIN: Nanos = Nanos::from_ms(100);
/// Longest pause: a person waiting for the engine to come back notices no more than this.
const DIAL_PAUSE_MAX: Nanos = Nanos::from_secs(5);

/// Size and ages of the pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolConfig {
    /// How many warm connections are held, at most [`Self::CONNECTIONS_MAX`].
    pub connections: u16,
    /// An idle connection is warmed with a cheap request after this long: below every load
    /// balancer's idle timeout.
    pub idle: Nanos,
    /// A connection is replaced after this long.
    pub lifetime: Nanos,
}

impl PoolConfig {
    /// Most connections: the exchange allows 200 per user, and a poll visits all of them.
    pub const CONNECTIONS_MAX: u16 = 64;
}

impl Default for PoolConfig {
    fn default() -> Self {
        Self { connections: 4, idle: Nanos::from_secs(10), lifetime: Nanos::from_secs(600) }
    }
}

/// What a connection is wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// A new order: may not take the last free one from under the cancels.
    Order,
    /// A cancel.
    Cancel,
    /// Several cancels.
    Batch,
    /// A step of an order group.
    Group,
}

/// The places.
#[derive(Debug)]
pub(super) struct Pool<T> {
    connections: Box<[Connection<T>]>,
    config: PoolConfig,
    dialling: usize,
    dial_pause: Nanos,
    dial_not_before: Timestamp,
}

impl<T: Transport> Pool<T> {
    pub(super) fn new(config: PoolConfig) -> Self {
        let connections = config.connections.clamp(1, PoolConfig::CONNECTIONS_MAX);
        let places = usize::from(connections) + SPARE;
        Self {
            connections: (0..places).map(|_| Connection::new()).collect(),
            config: PoolConfig { connections, ..config },
            dialling: 0,
            dial_pause: DIAL_PAUSE_MIN,
            dial_not_before: Timestamp::ZERO,
        }
    }

    /// How many places there are.
    pub(super) const fn places(&self) -> usize {
        self.connections.len()
    }

    pub(super) const fn connection(&mut self, place: usize) -> &mut Connection<T> {
        &mut self.connections[place]
    }

    /// How many connections have proved themselves.
    pub(super) fn ready(&self) -> u16 {
        self.count(Connection::is_ready)
    }

    /// The warmest free connection for `wanted`.
    pub(super) fn pick(&self, wanted: Use) -> Option<usize> {
        if wanted == Use::Order && self.free() == 1 && self.any_trading() {
            return None;
        }
        let free = self.connections.iter().enumerate().filter(|(_, it)| it.is_free());
        free.max_by_key(|(_, it)| it.used()).map(|(place, _)| place)
    }

    /// How many orders could go out now, each alone.
    pub(super) fn for_orders(&self) -> usize {
        let free = usize::from(self.free());
        if self.any_trading() { free.saturating_sub(1) } else { free }
    }

    /// Whether another connection should be asked for, which the caller then does.
    pub(super) fn wants_dial(&mut self, now: Timestamp) -> bool {
        let target = self.target() + if self.expired(now).is_some() { SPARE } else { 0 };
        let open = self.connections.iter().filter(|it| it.is_open()).count();
        let wants = now >= self.dial_not_before && open + self.dialling < target;
        self.dialling += usize::from(wants);
        wants
    }

    /// Takes a new link; returns its place, where it waits for its first request.
    pub(super) fn handle_dialled(&mut self, link: T, now: Timestamp) -> Option<usize> {
        self.dialling = self.dialling.saturating_sub(1);
        let place = self.connections.iter().position(|it| !it.is_open())?;
        self.connections[place].open(link, now);
        Some(place)
    }

    /// A connection could not be made.
    pub(super) fn handle_dial_failed(&mut self, now: Timestamp) {
        self.dialling = self.dialling.saturating_sub(1);
        self.pause_dialling(now);
    }

    /// Something happened on a link that had not proved itself before: it has now, or it died
    /// without, which is as good as not having been made.
    pub(super) fn handle_first_progress(&mut self, place: usize, now: Timestamp) {
        let connection = &self.connections[place];
        if connection.is_ready() {
            self.dial_pause = DIAL_PAUSE_MIN;
            self.dial_not_before = Timestamp::ZERO;
        } else if !connection.is_open() {
            self.pause_dialling(now);
        }
    }

    fn pause_dialling(&mut self, now: Timestamp) {
        self.dial_not_before = now + self.dial_pause;
        self.dial_pause = (self.dial_pause + self.dial_pause).min(DIAL_PAUSE_MAX);
    }

    /// Closes one connection past its lifetime, if its replacement is ready.
    pub(super) fn retire(&mut self, now: Timestamp) -> bool {
        if usize::from(self.ready()) <= self.target() {
            return false;
        }
        let Some(place) = self.expired(now).filter(|&place| self.connections[place].is_free())
        else {
            return false;
        };
        self.connections[place].close();
        true
    }

    /// A free connection that has been idle for too long. One at a time, and never the one that
    /// a cancel might need.
    pub(super) fn wants_warming(&self, now: Timestamp) -> Option<usize> {
        let warming = self.connections.iter().any(|it| it.purpose() == Some(Purpose::Warm));
        if warming || (self.free() == 1 && self.any_trading()) {
            return None;
        }
        let idle = |it: &Connection<T>| it.is_free() && now >= it.used() + self.config.idle;
        self.connections.iter().position(idle)
    }

    /// When time alone next changes something.
    pub(super) fn deadline(&self, now: Timestamp) -> Timestamp {
        let due = |it: &Connection<T>| match it.deadline() {
            Some(deadline) => deadline,
            None if it.is_free() => it.used() + self.config.idle,
            None => Timestamp::NEVER,
        };
        let soonest = self.connections.iter().map(due).min().unwrap_or(Timestamp::NEVER);
        if self.dial_not_before > now { soonest.min(self.dial_not_before) } else { soonest }
    }

    /// The oldest connection past its lifetime.
    fn expired(&self, now: Timestamp) -> Option<usize> {
        let old = |it: &Connection<T>| it.is_ready() && now >= it.opened() + self.config.lifetime;
        let expired = self.connections.iter().enumerate().filter(|(_, it)| old(it));
        expired.min_by_key(|(_, it)| it.opened()).map(|(place, _)| place)
    }

    fn target(&self) -> usize {
        usize::from(self.config.connections)
    }

    fn free(&self) -> u16 {
        self.count(Connection::is_free)
    }

    fn any_trading(&self) -> bool {
        self.connections.iter().any(|it| it.purpose().is_some_and(Purpose::is_trading))
    }

    fn count(&self, which: impl Fn(&Connection<T>) -> bool) -> u16 {
        self.connections.iter().map(|it| u16::from(which(it))).sum()
    }
}
