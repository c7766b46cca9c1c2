//! One blocking connection attempt, for cold threads: name → address → TCP → options → TLS.
//!
//! Bounded by one deadline over all steps but name resolution, which the system bounds. Never
//! retries (that is [`super::dial`]'s) and never runs on a hot thread.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::net::DialError;
use crate::net::endpoint::Endpoint;
use crate::net::resolver::Resolver;
use crate::net::socket::SocketOptions;
use crate::net::tls::{TlsConfig, TlsStream};
use crate::runtime::clock::Clock;
use crate::units::{Nanos, Timestamp};

/// How connections are made.
#[derive(Clone, Debug)]
pub struct DialConfig {
    /// Whom to trust.
    pub tls: TlsConfig,
    /// Where addresses come from.
    pub resolver: Resolver,
    /// How sockets are tuned.
    pub socket: SocketOptions,
    /// Longest time from the first packet to a usable connection.
    pub timeout: Nanos,
}

impl DialConfig {
    /// Default socket options and a timeout of 5 seconds.
    #[must_use]
    pub fn new(tls: TlsConfig) -> Self {
        Self {
            tls,
            resolver: Resolver::default(),
            socket: SocketOptions::default(),
            timeout: Nanos::from_secs(5),
        }
    }
}

/// Connects to `endpoint`, blocking until it is ready or the timeout has passed. The connection
/// returned does not block any more.
///
/// # Errors
/// [`DialError`] names the host or address and why.
pub fn connect<C: Clock>(
    endpoint: &Endpoint,
    config: &DialConfig,
    clock: &C,
) -> Result<TlsStream, DialError> {
    connect_to(&config.resolver.resolve(endpoint)?, endpoint, config, clock)
}

/// As [`connect`], to addresses already known.
pub(super) fn connect_to<C: Clock>(
    addresses: &[SocketAddr],
    endpoint: &Endpoint,
    config: &DialConfig,
    clock: &C,
) -> Result<TlsStream, DialError> {
    let patience = Patience { deadline: clock.mono() + config.timeout, clock };
    let refused = |error: io::Error| DialError::Connect {
        address: endpoint.address(),
        why: error.to_string(),
    };
    let socket = tcp(addresses, &patience).map_err(refused)?;
    config.socket.apply(&socket).map_err(refused)?;
    TlsStream::handshake(socket, endpoint.host(), &config.tls, || patience.left())
        .map_err(|(fault, why)| DialError::Tls { host: endpoint.host().to_owned(), fault, why })
}

/// A deadline and the clock that tells how far it is.
pub(super) struct Patience<'a, C> {
    pub(super) deadline: Timestamp,
    pub(super) clock: &'a C,
}

impl<C: Clock> Patience<'_, C> {
    /// What is left; `None` when it is used up.
    pub(super) fn left(&self) -> Option<Duration> {
        let left = self.deadline.since(self.clock.mono());
        (left > Nanos::ZERO).then(|| left.to_duration())
    }
}

/// Tries the addresses in turn; each gets an equal share of the time that is left.
fn tcp<C: Clock>(addresses: &[SocketAddr], patience: &Patience<'_, C>) -> io::Result<TcpStream> {
    let mut last = io::Error::from(io::ErrorKind::TimedOut);
    for (tried, address) in addresses.iter().enumerate() {
        let Some(left) = patience.left() else { break };
        let untried = u32::try_from(addresses.len() - tried).unwrap_or(u32::MAX);
        match TcpStream::connect_timeout(address, left / untried) {
            Ok(socket) => return Ok(socket),
            Err(error) => last = error,
        }
    }
    Err(last)
}

#[cfg(test)]
#[cfg(feature = "sim")]
mod tests {
    use super::*;
    use crate::net::tls::testing::{Authority, TestClock, silent_server};

    fn dial(url: &str, authority: &Authority, timeout: Nanos) -> DialError {
        let config = DialConfig { timeout, ..DialConfig::new(authority.trust()) };
        let endpoint = Endpoint::parse(url).unwrap();
        connect(&endpoint, &config, &TestClock::default()).unwrap_err()
    }

    #[test]
    fn refusal_names_the_address() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        drop(listener);
        let error = dial(&format!("https://{address}"), &Authority::new(), Nanos::from_secs(5));
        assert!(matches!(&error, DialError::Connect { address: a, .. } if *a == address));
        assert!(error.to_string().contains("refused"), "{error}");
    }

    #[test]
    fn an_unknown_name_is_named() {
        // Too long for a label of the domain name system: fails without asking anybody.
        let host = format!("{}.invalid", "a".repeat(64));
        let error = dial(&format!("https://{host}"), &Authority::new(), Nanos::from_secs(5));
        assert!(matches!(&error, DialError::Resolve { host: h, .. } if *h == host), "{error}");
    }

    #[test]
    fn a_stranger_authority_is_refused_by_name() {
        let (known, stranger) = (Authority::new(), Authority::new());
        let (server, url) = stranger.serve(|_| {});
        let error = dial(&url, &known, Nanos::from_secs(5));
        assert!(matches!(&error, DialError::Tls { host, .. } if host == "127.0.0.1"), "{error}");
        assert!(error.to_string().contains("UnknownIssuer"), "{error}");
        assert!(server.join().unwrap().is_none(), "no handshake succeeded");
    }

    #[test]
    fn a_certificate_for_another_name_is_refused() {
        let authority = Authority::new();
        let (server, url) = authority.serve_as("other.example", |_| {});
        let error = dial(&url, &authority, Nanos::from_secs(5));
        assert!(matches!(error, DialError::Tls { .. }), "{error}");
        assert!(server.join().unwrap().is_none(), "no handshake succeeded");
    }

    #[test]
    fn a_server_that_never_answers_costs_the_timeout_and_no_more() {
        let (server, url) = silent_server();
        let error = dial(&url, &Authority::new(), Nanos::from_ms(50));
        assert!(matches!(&error, DialError::Tls { why, .. } if why.contains("in time")), "{error}");
        drop(server);
    }

    #[test]
    fn the_deadline_counts_the_whole_handshake() {
        let authority = Authority::new();
        let (server, url) = authority.serve(|_| {});
        let config = DialConfig::new(authority.trust());
        let endpoint = Endpoint::parse(&url).unwrap();
        // Every look at the clock finds three seconds gone: the second wait has none left.
        let clock = TestClock::stepping(Nanos::from_secs(3));
        let error = connect(&endpoint, &config, &clock).unwrap_err();
        assert!(matches!(error, DialError::Tls { .. } | DialError::Connect { .. }), "{error}");
        drop(server.join());
    }
}
