//! What a running server can be told from outside: to stop, or to lose its connections.

use std::future::pending;
use std::pin::Pin;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Sleep, sleep};

/// The state that every task of the server watches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Orders {
    stopping: bool,
    /// How often all sessions have been dropped.
    session_drops: u64,
    /// How often all connections have been dropped.
    connection_drops: u64,
    /// How long each connection may live from its own beginning, or from when this was said.
    lifetime: Option<Duration>,
    /// How often that was said.
    lifetimes: u64,
}

/// Tells a running server what to do; clones speak to the same server.
#[derive(Clone, Debug)]
pub struct Control {
    orders: watch::Sender<Orders>,
}

impl Control {
    pub(super) fn new() -> Self {
        Self { orders: watch::Sender::new(Orders::default()) }
    }

    /// Stops the server: no new connections, requests under way are answered, sessions get a
    /// close frame. Returns at once; [`super::ServerHandle::join`] waits.
    pub fn stop(&self) {
        self.orders.send_modify(|orders| orders.stopping = true);
    }

    /// Cuts every open WebSocket connection without a close frame. New ones are welcome.
    pub fn drop_sessions(&self) {
        self.orders.send_modify(|orders| orders.session_drops += 1);
    }

    /// Cuts every open connection, REST and WebSocket, idle or busy. New ones are welcome.
    pub fn drop_connections(&self) {
        self.orders.send_modify(|orders| {
            orders.session_drops += 1;
            orders.connection_drops += 1;
        });
    }

    /// Limits how long each connection lives; those that are open have the whole of it left.
    pub(super) fn limit_lifetime(&self, lifetime: Option<Duration>) {
        self.orders.send_modify(|orders| {
            orders.lifetime = lifetime;
            orders.lifetimes += 1;
        });
    }

    pub(super) fn watch(&self, scope: Scope) -> Watch {
        let receiver = self.orders.subscribe();
        let seen = *receiver.borrow();
        Watch { receiver, seen, scope, life: None }
    }
}

/// Which drops concern a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// [`Control::drop_connections`].
    Connection,
    /// [`Control::drop_sessions`] and [`Control::drop_connections`].
    Session,
}

/// Why a task must end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// In an orderly way.
    Stop,
    /// At once, as if the network had failed.
    Drop,
}

/// One task's ear for [`Control`].
#[derive(Debug)]
pub(super) struct Watch {
    receiver: watch::Receiver<Orders>,
    seen: Orders,
    scope: Scope,
    /// The rest of its life, and by which limit.
    life: Option<(u64, Pin<Box<Sleep>>)>,
}

impl Watch {
    /// Waits until the task must end. Can be called again after being cancelled.
    pub(super) async fn end(&mut self) -> End {
        loop {
            let orders = *self.receiver.borrow_and_update();
            if self.is_dropped(&orders) {
                return End::Drop;
            }
            if orders.stopping {
                return End::Stop;
            }
            let limited = self.life.as_ref().map(|(limit, _)| *limit);
            if limited != Some(orders.lifetimes) {
                let life = orders.lifetime.map(|span| (orders.lifetimes, Box::pin(sleep(span))));
                self.life = life;
            }
            let death = async {
                match &mut self.life {
                    Some((_, rest)) => rest.as_mut().await,
                    None => pending().await,
                }
            };
            tokio::select! {
                // Without anybody left to give orders, stop.
                changed = self.receiver.changed() => if changed.is_err() { return End::Stop },
                () = death => return End::Drop,
            }
        }
    }

    const fn is_dropped(&self, orders: &Orders) -> bool {
        match self.scope {
            Scope::Connection => orders.connection_drops != self.seen.connection_drops,
            Scope::Session => orders.session_drops != self.seen.session_drops,
        }
    }
}
