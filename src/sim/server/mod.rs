//! The simulated exchange's server: REST and WebSocket over TLS in front of any [`Venue`].
//!
//! Sockets, certificates, signatures and time live here, in other people's code (hyper, axum,
//! tokio-rustls, tokio-tungstenite), so that the engine's own protocols meet an implementation
//! that is not their mirror. Runs on threads of its own; the engine's never enter tokio.
//! Loopback only. Books, accounts and channels are the venue's.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener},
    sync::{Arc, Mutex},
    thread::{Builder, JoinHandle},
    time::Duration,
};

use tokio::runtime;
use tokio_rustls::TlsAcceptor;

use super::{
    auth::{KeyRing, Window},
    faults::LiveFaults,
    keys::KeySet,
    venue::{UserId, Venue},
};
use crate::{net::ready::ReadyFile, runtime::clock::Clock, units::Nanos};

mod control;
mod fault;
mod hub;
mod interim;
mod late;
mod listener;
mod rest;
mod session;
mod tasks;
#[cfg(test)]
mod tests;
mod troubles;

pub use control::Control;
pub use fault::{Fault, FaultHook, FrameFault};

use hub::{Hub, Parts};

/// Name of the server's thread.
const THREAD: &str = "sim-server";
/// How long a stop may take, requests under way and farewells included.
const STOP_TIMEOUT: Duration = Duration::from_secs(2);

/// What a server is made of.
#[derive(Debug)]
pub struct ServerConfig<V, C> {
    /// Where to listen: loopback or unspecified; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Certificates, and the keys that the ready file names.
    pub keys: KeySet,
    /// The public keys that requests may be signed with.
    pub key_ring: KeyRing,
    /// How old a signature may be.
    pub window: Window,
    /// The exchange behind it.
    pub venue: V,
    /// The exchange's time.
    pub clock: C,
    /// What goes wrong on purpose.
    pub faults: FaultHook,
    /// What goes wrong by plan; `POST /sim/faults` replaces it.
    pub live_faults: LiveFaults,
    /// Interval of WebSocket pings.
    pub heartbeat: Nanos,
    /// Texts that may wait for a slow WebSocket client before it is cut off.
    pub session_queue_max: usize,
    /// Threads that serve; the engine next door spins on a core of its own.
    pub workers: usize,
}

impl<V: Venue, C: Clock> ServerConfig<V, C> {
    /// A server without faults on a free loopback port, whose account `user` owns `keys`.
    pub fn new(keys: KeySet, user: UserId, venue: V, clock: C) -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            key_ring: keys.key_ring(user),
            keys,
            window: Window::default(),
            venue,
            clock,
            faults: FaultHook::default(),
            live_faults: LiveFaults::default(),
            heartbeat: Nanos::from_secs(10),
            session_queue_max: 16_384,
            workers: 1,
        }
    }
}

/// A server could not start, or died. Fits "failed to {error}".
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address is taken or not ours.
    #[error("listen on {address}: {why}; choose another with --listen or port 0")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// The system's words.
        why: io::Error,
    },
    /// The certificate does not name this address.
    #[error(
        "listen on {address}: the simulated exchange serves this host only; \
         choose 127.0.0.1, [::1] or 0.0.0.0 with --listen"
    )]
    NotLocal {
        /// The address.
        address: SocketAddr,
    },
    /// The system gave no thread or event queue.
    #[error("start the server's thread: {0}")]
    Thread(#[source] io::Error),
    /// The server's thread panicked: a bug in it or in the venue.
    #[error("keep the server running: its thread panicked")]
    Panicked,
}

/// What all of the server's tasks share.
struct Shared<V, C> {
    hub: Hub<V, C>,
    control: Control,
    heartbeat: Duration,
    tasks: tasks::Tasks,
    /// Held by who carries out what a fault plan wants done.
    acting: Mutex<()>,
}

/// Starts serving. When this returns, connections are accepted.
///
/// # Errors
/// [`ServeError`] when the address or the thread can not be had.
pub fn serve<V: Venue + 'static, C: Clock>(
    config: ServerConfig<V, C>,
) -> Result<ServerHandle, ServeError> {
    let (listener, address) = bind(config.listen)?;
    let ready = config.keys.ready_file(reachable(address));
    let tls = TlsAcceptor::from(Arc::clone(&config.keys.identity().tls));
    let control = Control::new();
    let runtime = build_runtime(config.workers).map_err(ServeError::Thread)?;
    let shared = Arc::new(Shared {
        hub: Hub::new(Parts {
            venue: config.venue,
            clock: config.clock,
            key_ring: config.key_ring,
            window: config.window,
            faults: config.faults,
            live: config.live_faults,
            session_queue_max: config.session_queue_max.max(1),
        }),
        control: control.clone(),
        heartbeat: config.heartbeat.to_duration(),
        tasks: tasks::Tasks::default(),
        acting: Mutex::new(()),
    });
    let listener = {
        let _in_runtime = runtime.enter();
        tokio::net::TcpListener::from_std(listener).map_err(ServeError::Thread)?
    };
    let thread = Builder::new()
        .name(THREAD.into())
        .spawn(move || {
            runtime.block_on(run(listener, tls, shared));
            // Whoever still holds out is cut off.
            runtime.shutdown_background();
        })
        .map_err(ServeError::Thread)?;
    Ok(ServerHandle { ready, address, control, thread: Some(thread) })
}

async fn run<V: Venue + 'static, C: Clock>(
    listener: tokio::net::TcpListener,
    tls: TlsAcceptor,
    shared: Arc<Shared<V, C>>,
) {
    tokio::select! {
        () = listener::run(listener, tls, Arc::clone(&shared)) => {}
        () = shared.hub.run_timer() => {}
        () = troubles::run(&shared) => {}
    }
    if tokio::time::timeout(STOP_TIMEOUT, shared.tasks.ended()).await.is_err() {
        tracing::warn!("connections did not end in time and are cut off");
    }
}

fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), ServeError> {
    let ip = address.ip();
    let named = ip == Ipv4Addr::LOCALHOST || ip == Ipv6Addr::LOCALHOST;
    if !named && !ip.is_unspecified() {
        return Err(ServeError::NotLocal { address });
    }
    let bound = TcpListener::bind(address).and_then(|listener| {
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    });
    bound.map_err(|why| ServeError::Bind { address, why })
}

/// Where a client on this host finds a listener.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

fn build_runtime(workers: usize) -> io::Result<runtime::Runtime> {
    if workers <= 1 {
        return runtime::Builder::new_current_thread().enable_all().build();
    }
    runtime::Builder::new_multi_thread()
        .worker_threads(workers)
        .thread_name(THREAD)
        .enable_all()
        .build()
}

/// A running server. Dropping it stops the server.
#[derive(Debug)]
pub struct ServerHandle {
    ready: ReadyFile,
    address: SocketAddr,
    control: Control,
    thread: Option<JoinHandle<()>>,
}

impl ServerHandle {
    /// What a client needs to connect, as a ready file says it.
    #[must_use]
    pub const fn ready(&self) -> &ReadyFile {
        &self.ready
    }

    /// The address it listens at, with the real port.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// A second handle, for steering from elsewhere while this one waits.
    #[must_use]
    pub fn control(&self) -> Control {
        self.control.clone()
    }

    /// See [`Control::drop_sessions`].
    pub fn drop_sessions(&self) {
        self.control.drop_sessions();
    }

    /// See [`Control::drop_connections`].
    pub fn drop_connections(&self) {
        self.control.drop_connections();
    }

    /// Stops in an orderly way and waits, 2 s at most.
    ///
    /// # Errors
    /// [`ServeError::Panicked`] when the server had died.
    pub fn stop(self) -> Result<(), ServeError> {
        self.control.stop();
        self.join()
    }

    /// Waits until a [`Control`] stops the server.
    ///
    /// # Errors
    /// [`ServeError::Panicked`] when the server died.
    pub fn join(mut self) -> Result<(), ServeError> {
        self.wait()
    }

    fn wait(&mut self) -> Result<(), ServeError> {
        let ended = self.thread.take().map_or(Ok(()), JoinHandle::join);
        ended.map_err(|_| ServeError::Panicked)
    }
}

impl Drop for ServerHandle {
    fn drop(&mut self) {
        self.control.stop();
        if let Err(why) = self.wait() {
            tracing::error!(%why, "simulated exchange");
        }
    }
}
