//! Names to addresses: the system's resolver, or a scripted one where a test plays the system.
//!
//! For cold threads: the system may take its time, and bounds it itself.

use core::fmt;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::sync::Arc;

use crate::net::DialError;
use crate::net::endpoint::Endpoint;

/// Addresses of one name that are tried. More than any load balancer announces at once.
const ADDRESSES_MAX: usize = 8;

type Look = dyn Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync;

/// Where addresses come from. Cheap to clone.
#[derive(Clone)]
pub struct Resolver(Arc<Look>);

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Resolver")
    }
}

impl Default for Resolver {
    fn default() -> Self {
        Self::new(|host, port| (host, port).to_socket_addrs().map(Iterator::collect))
    }
}

impl Resolver {
    /// Addresses that `look` finds for a host and port.
    #[must_use]
    pub fn new(
        look: impl Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(look))
    }

    /// The addresses of the endpoint's name.
    pub(super) fn resolve(&self, endpoint: &Endpoint) -> Result<Vec<SocketAddr>, DialError> {
        let failed = |why: String| DialError::Resolve { host: endpoint.host().to_owned(), why };
        let found = (self.0)(endpoint.host(), endpoint.port());
        let mut addresses = found.map_err(|error| failed(error.to_string()))?;
        addresses.truncate(ADDRESSES_MAX);
        if addresses.is_empty() {
            return Err(failed("the name has no address".to_owned()));
        }
        Ok(addresses)
    }
}
