//! Socket options, each with its why. In goes a connected TCP socket, out comes the same socket
//! tuned. Never reads or writes data.

use std::io;
use std::net::TcpStream;

use socket2::{Domain, SockRef, Socket, TcpKeepalive, Type};

use crate::units::Nanos;

/// How every connection to the exchange is tuned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketOptions {
    /// `TCP_USER_TIMEOUT`: how long sent bytes may stay unacknowledged before the kernel gives
    /// the connection up. Without it a dead path swallows orders for up to 15 minutes of
    /// retransmissions; the order's fate is unknown either way, so the sooner we know the better.
    pub user_timeout: Nanos,
    /// Keepalive: silence after which the kernel probes. Finds a peer that vanished while nothing
    /// is sent. It does not reset a load balancer's idle timer: that takes real requests.
    pub keepalive_idle: Nanos,
    /// Keepalive: distance of unanswered probes.
    pub keepalive_interval: Nanos,
    /// Keepalive: unanswered probes before the connection is given up.
    pub keepalive_probes: u32,
    /// `SO_BUSY_POLL`: microseconds for which a receive polls the network card's queue itself
    /// instead of waiting for an interrupt. `None` leaves the system's setting; raising it needs
    /// `CAP_NET_ADMIN`. Worth it on a card with its own queue for us, worthless on loopback.
    pub busy_poll_us: Option<u32>,
}

impl Default for SocketOptions {
    fn default() -> Self {
        Self {
            user_timeout: Nanos::from_secs(5),
            keepalive_idle: Nanos::from_secs(10),
            keepalive_interval: Nanos::from_secs(2),
            keepalive_probes: 3,
            busy_poll_us: None,
        }
    }
}

impl SocketOptions {
    /// Sets everything on `socket`, and `TCP_NODELAY` always: an order is one small segment and
    /// must not wait for the acknowledgement of the one before (Nagle).
    ///
    /// # Errors
    /// The system's error, with the option's name.
    pub fn apply(&self, socket: &TcpStream) -> io::Result<()> {
        let socket = SockRef::from(socket);
        named("TCP_NODELAY", socket.set_tcp_nodelay(true))?;
        let user_timeout = Some(self.user_timeout.to_duration());
        named("TCP_USER_TIMEOUT", socket.set_tcp_user_timeout(user_timeout))?;
        let keepalive = TcpKeepalive::new()
            .with_time(self.keepalive_idle.to_duration())
            .with_interval(self.keepalive_interval.to_duration())
            .with_retries(self.keepalive_probes);
        named("SO_KEEPALIVE", socket.set_tcp_keepalive(&keepalive))?;
        match self.busy_poll_us {
            Some(us) => named("SO_BUSY_POLL", socket.set_busy_poll(us)),
            None => Ok(()),
        }
    }
}

/// Whether this process may have receives poll for `us` microseconds.
///
/// # Errors
/// The system's, when it may not or cannot.
pub fn try_busy_poll(us: u32) -> io::Result<()> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    named("SO_BUSY_POLL", socket.set_busy_poll(us))
}

fn named(option: &'static str, result: io::Result<()>) -> io::Result<()> {
    result.map_err(|error| io::Error::new(error.kind(), format!("set {option}: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn options_arrive_in_the_kernel() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();

        let options = SocketOptions { keepalive_probes: 7, ..SocketOptions::default() };
        options.apply(&stream).unwrap();

        let socket = SockRef::from(&stream);
        assert!(socket.tcp_nodelay().unwrap());
        assert!(socket.keepalive().unwrap());
        let user_timeout = socket.tcp_user_timeout().unwrap();
        assert_eq!(user_timeout, Some(options.user_timeout.to_duration()));
        assert_eq!(socket.tcp_keepalive_time().unwrap(), options.keepalive_idle.to_duration());
        let interval = socket.tcp_keepalive_interval().unwrap();
        assert_eq!(interval, options.keepalive_interval.to_duration());
        assert_eq!(socket.tcp_keepalive_retries().unwrap(), 7);
    }

    #[test]
    fn busy_polling_arrives_in_the_kernel_or_is_refused_by_name() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let options = SocketOptions { busy_poll_us: Some(20), ..SocketOptions::default() };
        let (applied, tried) = (options.apply(&stream), try_busy_poll(20));
        assert_eq!(applied.is_ok(), tried.is_ok(), "what a trial says holds for connections");
        match applied {
            Ok(()) => assert_eq!(SockRef::from(&stream).busy_poll().unwrap(), 20),
            Err(error) => assert!(error.to_string().contains("SO_BUSY_POLL"), "{error}"),
        }
        SocketOptions::default().apply(&stream).unwrap();
    }

    #[test]
    fn a_refused_option_is_named() {
        let error = named("SO_BUSY_POLL", Err(io::ErrorKind::PermissionDenied.into()));
        let error = error.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
        assert!(error.to_string().contains("SO_BUSY_POLL"), "{error}");
    }
}
