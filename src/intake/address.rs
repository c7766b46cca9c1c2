//! `--signals`: what the words on the command line mean.
//!
//! In: `FILE`, `-`, `unix:PATH` or `tcp:HOST:PORT`. Out: a [`SignalSource`]. Opens nothing.

use core::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

/// Where a run takes its signals from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignalSource {
    /// Standard input.
    Stdin,
    /// A file of signals.
    File(PathBuf),
    /// Producers connect.
    Listen(Endpoint),
}

/// Where producers connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// A Unix domain socket, for this user only.
    Unix(PathBuf),
    /// A TCP port on a loopback address.
    Tcp(SocketAddr),
}

/// A value of `--signals` that means nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignalSourceError {
    /// Nothing was given.
    #[error("signals {value:?} names nothing: use FILE, - , unix:PATH or tcp:HOST:PORT")]
    Empty {
        /// What was given.
        value: String,
    },
    /// `tcp:` without an address and port.
    #[error(
        "signals {value:?} is no tcp:HOST:PORT: HOST is 127.0.0.1, [::1] or localhost, \
         PORT is 0 to 65535"
    )]
    BadAddress {
        /// What was given.
        value: String,
    },
    /// An address that others could reach.
    #[error(
        "signals {value:?} is not a loopback address, and whoever reaches it can trade: \
         use tcp:127.0.0.1:PORT or unix:PATH, and a tunnel (ssh -L) from other hosts"
    )]
    NotLoopback {
        /// What was given.
        value: String,
    },
}

impl SignalSource {
    /// Reads a value of `--signals`.
    ///
    /// ```
    /// use kalshi_exec::intake::SignalSource;
    /// assert_eq!(SignalSource::parse("-"), Ok(SignalSource::Stdin));
    /// assert!(SignalSource::parse("tcp:0.0.0.0:9000").is_err());
    /// ```
    ///
    /// # Errors
    /// Names the value and what is allowed.
    pub fn parse(value: &str) -> Result<Self, SignalSourceError> {
        if let Some(path) = value.strip_prefix("unix:") {
            return match path {
                "" => Err(SignalSourceError::Empty { value: value.to_owned() }),
                _ => Ok(Self::Listen(Endpoint::Unix(PathBuf::from(path)))),
            };
        }
        if let Some(address) = value.strip_prefix("tcp:") {
            return Ok(Self::Listen(Endpoint::Tcp(loopback(value, address)?)));
        }
        match value {
            "" => Err(SignalSourceError::Empty { value: value.to_owned() }),
            "-" => Ok(Self::Stdin),
            _ => Ok(Self::File(PathBuf::from(value))),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Tcp(address) => write!(f, "tcp:{address}"),
        }
    }
}

fn loopback(value: &str, address: &str) -> Result<SocketAddr, SignalSourceError> {
    let parsed = match address.strip_prefix("localhost:") {
        Some(port) => {
            port.parse().map(|port| (IpAddr::from(Ipv4Addr::LOCALHOST), port).into()).ok()
        }
        None => address.parse::<SocketAddr>().ok(),
    };
    match parsed {
        None => Err(SignalSourceError::BadAddress { value: value.to_owned() }),
        Some(address) if !address.ip().is_loopback() => {
            Err(SignalSourceError::NotLoopback { value: value.to_owned() })
        }
        Some(address) => Ok(address),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn listens(value: &str, expected: &str) {
        match SignalSource::parse(value) {
            Ok(SignalSource::Listen(endpoint)) => assert_eq!(endpoint.to_string(), expected),
            other => panic!("{value:?} became {other:?}"),
        }
    }

    #[test]
    fn four_forms_are_known() {
        assert_eq!(SignalSource::parse("-"), Ok(SignalSource::Stdin));
        assert_eq!(SignalSource::parse("a.ndjson"), Ok(SignalSource::File("a.ndjson".into())));
        listens("unix:/tmp/kalshi.sock", "unix:/tmp/kalshi.sock");
        listens("tcp:127.0.0.1:9000", "tcp:127.0.0.1:9000");
        listens("tcp:localhost:0", "tcp:127.0.0.1:0");
        listens("tcp:[::1]:9000", "tcp:[::1]:9000");
    }

    #[test]
    fn errors_name_the_value_and_what_is_allowed() {
        for value in ["", "unix:"] {
            let error = SignalSource::parse(value).unwrap_err().to_string();
            assert!(error.contains(&format!("{value:?}")), "{error}");
            assert!(error.contains("unix:PATH"), "{error}");
        }
        for value in ["tcp:", "tcp:9000", "tcp:127.0.0.1", "tcp:127.0.0.1:70000", "tcp:host:1"] {
            let error = SignalSource::parse(value).unwrap_err();
            assert_eq!(error, SignalSourceError::BadAddress { value: value.to_owned() });
        }
        for value in ["tcp:0.0.0.0:9000", "tcp:192.168.1.5:9000", "tcp:[::]:9000"] {
            let error = SignalSource::parse(value).unwrap_err();
            assert_eq!(error, SignalSourceError::NotLoopback { value: value.to_owned() });
            assert!(error.to_string().contains("127.0.0.1"), "{error}");
        }
    }
}
