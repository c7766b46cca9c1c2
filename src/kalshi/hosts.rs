//! Where the exchange is (reference §1). No URL of the exchange is written anywhere else.
//!
//! Keys belong to one environment: a demo key is refused by live and the other way round. The
//! signed path does not contain the host, so every host of an environment takes the same call.

/// One of the exchange's two environments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Environment {
    /// Pretend money.
    Demo,
    /// Real money.
    Live,
}

impl Environment {
    /// Base of the REST API.
    #[must_use]
    pub const fn rest_url(self) -> &'static str {
        match self {
            Self::Demo => "https://external-api.demo.kalshi.co/trade-api/v2",
            Self::Live => "https://external-api.kalshi.com/trade-api/v2",
        }
    }

    /// The WebSocket.
    #[must_use]
    pub const fn ws_url(self) -> &'static str {
        match self {
            Self::Demo => "wss://external-api-ws.demo.kalshi.co/trade-api/ws/v2",
            Self::Live => "wss://external-api-ws.kalshi.com/trade-api/ws/v2",
        }
    }

    /// The older REST host, still served.
    #[must_use]
    pub const fn rest_url_shared(self) -> &'static str {
        match self {
            Self::Demo => "https://demo-api.kalshi.co/trade-api/v2",
            Self::Live => "https://api.elections.kalshi.com/trade-api/v2",
        }
    }

    /// The older WebSocket host, still served.
    #[must_use]
    pub const fn ws_url_shared(self) -> &'static str {
        match self {
            Self::Demo => "wss://demo-api.kalshi.co/trade-api/ws/v2",
            Self::Live => "wss://api.elections.kalshi.com/trade-api/ws/v2",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::endpoint::{Endpoint, Scheme};

    #[test]
    fn every_host_is_a_valid_endpoint_and_environments_share_none() {
        let urls = |env: Environment| {
            [env.rest_url(), env.ws_url(), env.rest_url_shared(), env.ws_url_shared()]
        };
        for url in urls(Environment::Demo).into_iter().chain(urls(Environment::Live)) {
            let endpoint = Endpoint::parse(url).unwrap();
            let scheme = if url.starts_with("wss") { Scheme::Wss } else { Scheme::Https };
            assert_eq!((endpoint.scheme(), endpoint.port()), (scheme, 443), "{url}");
        }
        let host = |url: &str| Endpoint::parse(url).unwrap().host().to_owned();
        for demo in urls(Environment::Demo).map(host) {
            assert!(!urls(Environment::Live).map(host).contains(&demo), "{demo}");
        }
    }
}
