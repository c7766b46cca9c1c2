//! What a running server can be told from outside: to stop, or to lose its connections.

use tokio::sync::watch;

/// The state that every task of the server watches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Orders {
    stopping: bool,
    /// How often all sessions have been dropped.
    session_drops: u64,
    /// How often all connections have been dropped.
    connection_drops: u64,
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

    pub(super) fn watch(&self, scope: Scope) -> Watch {
        let receiver = self.orders.subscribe();
        let seen = *receiver.borrow();
        Watch { receiver, seen, scope }
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
}

impl Watch {
    /// Waits until the task must end. Can be called again after being cancelled.
    pub(super) async fn end(&mut self) -> End {
        let Self { receiver, seen, scope } = self;
        let dropped = |orders: &Orders| match scope {
            Scope::Connection => orders.connection_drops != seen.connection_drops,
            Scope::Session => orders.session_drops != seen.session_drops,
        };
        let outcome = receiver.wait_for(|orders| orders.stopping || dropped(orders)).await;
        match outcome {
            Ok(orders) if dropped(&orders) => End::Drop,
            // Without anybody left to give orders, stop.
            _ => End::Stop,
        }
    }
}
