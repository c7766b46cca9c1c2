//! Where to connect: `https://` and `wss://` URLs in, host, port and base path out.
//!
//! Only what this engine speaks is accepted: no plain text, no credentials in the URL, no query,
//! no fragment, no trailing slash (the exchange answers those with a redirect).

use core::fmt;

/// What is spoken over TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// HTTP/1.1 requests.
    Https,
    /// A WebSocket.
    Wss,
}

/// A URL that cannot be used. Names the URL and what is allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("url `{url}`: {why}; allowed is https://HOST[:PORT][/PATH] or wss://HOST[:PORT][/PATH]")]
pub struct EndpointError {
    /// What was given.
    pub url: String,
    /// What is wrong with it.
    pub why: &'static str,
}

/// A server and the path under which it serves.
///
/// ```
/// use kalshi_exec::net::endpoint::Endpoint;
/// let endpoint = Endpoint::parse("https://127.0.0.1:8443/trade-api/v2").unwrap();
/// assert_eq!((endpoint.host(), endpoint.port()), ("127.0.0.1", 8443));
/// assert_eq!(endpoint.base_path(), "/trade-api/v2");
/// assert_eq!(endpoint.authority(), "127.0.0.1:8443");
/// assert!(Endpoint::parse("http://127.0.0.1/").is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    scheme: Scheme,
    host: String,
    port: u16,
    base_path: String,
}

impl Endpoint {
    /// The port both schemes use when the URL names none.
    pub const PORT_DEFAULT: u16 = 443;

    /// Reads a URL.
    ///
    /// # Errors
    /// [`EndpointError`] with the URL, what is wrong, and what is allowed.
    pub fn parse(url: &str) -> Result<Self, EndpointError> {
        Self::split(url).map_err(|why| EndpointError { url: url.to_owned(), why })
    }

    fn split(url: &str) -> Result<Self, &'static str> {
        if url.bytes().any(|byte| !byte.is_ascii_graphic()) {
            return Err("it has spaces or characters outside ASCII");
        }
        let (scheme, rest) = if let Some(rest) = url.strip_prefix("https://") {
            (Scheme::Https, rest)
        } else if let Some(rest) = url.strip_prefix("wss://") {
            (Scheme::Wss, rest)
        } else if url.starts_with("http://") || url.starts_with("ws://") {
            return Err("it is not encrypted");
        } else {
            return Err("its scheme is unknown");
        };
        let (authority, base_path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        if base_path.contains(['?', '#']) || authority.contains(['?', '#']) {
            return Err("it has a query or a fragment");
        }
        if base_path.ends_with('/') {
            return Err("it ends in a slash");
        }
        let (host, port) = host_and_port(authority)?;
        Ok(Self { scheme, host: host.to_owned(), port, base_path: base_path.to_owned() })
    }

    /// What is spoken there.
    #[must_use]
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Host name or address, an IPv6 address without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Path without trailing slash; empty for the root.
    #[must_use]
    pub fn base_path(&self) -> &str {
        &self.base_path
    }

    /// What belongs into the `Host` header: the port only when it is not the default.
    #[must_use]
    pub fn authority(&self) -> String {
        if self.port == Self::PORT_DEFAULT { self.bracketed() } else { self.address() }
    }

    /// Host and port, for messages.
    #[must_use]
    pub fn address(&self) -> String {
        format!("{}:{}", self.bracketed(), self.port)
    }

    fn bracketed(&self) -> String {
        if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.scheme {
            Scheme::Https => "https",
            Scheme::Wss => "wss",
        };
        write!(f, "{scheme}://{}{}", self.authority(), self.base_path)
    }
}

fn host_and_port(authority: &str) -> Result<(&str, u16), &'static str> {
    if authority.contains('@') {
        return Err("it carries a user name");
    }
    let (host, port) = if let Some(rest) = authority.strip_prefix('[') {
        let (host, rest) = rest.split_once(']').ok_or("its `[` is never closed")?;
        if host.parse::<core::net::Ipv6Addr>().is_err() {
            return Err("what stands in brackets is no IPv6 address");
        }
        match rest.strip_prefix(':') {
            Some(port) => (host, Some(port)),
            None if rest.is_empty() => (host, None),
            None => return Err("something other than a port follows the host"),
        }
    } else {
        authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port)))
    };
    if host.is_empty() {
        return Err("it names no host");
    }
    let Some(port) = port else { return Ok((host, Endpoint::PORT_DEFAULT)) };
    match port.parse() {
        Ok(number) if number > 0 && port.bytes().all(|byte| byte.is_ascii_digit()) => {
            Ok((host, number))
        }
        _ => Err("its port is not a number from 1 to 65535"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn reads(url: &str, scheme: Scheme, host: &str, port: u16, base_path: &str) {
        let endpoint = Endpoint::parse(url).unwrap();
        assert_eq!(endpoint.scheme(), scheme);
        assert_eq!((endpoint.host(), endpoint.port()), (host, port));
        assert_eq!(endpoint.base_path(), base_path);
        assert_eq!(Endpoint::parse(&endpoint.to_string()), Ok(endpoint));
    }

    #[test]
    fn urls_are_split() {
        reads("https://a.example/trade-api/v2", Scheme::Https, "a.example", 443, "/trade-api/v2");
        reads("wss://127.0.0.1:9/trade-api/ws/v2", Scheme::Wss, "127.0.0.1", 9, "/trade-api/ws/v2");
        reads("https://[::1]:8443", Scheme::Https, "::1", 8443, "");
        reads("https://[::1]", Scheme::Https, "::1", 443, "");
        assert_eq!(Endpoint::parse("https://[::1]").unwrap().authority(), "[::1]");
    }

    #[track_caller]
    fn refuses(url: &str, why: &str) {
        let error = Endpoint::parse(url).unwrap_err();
        assert!(error.why.contains(why), "{error}");
        assert!(error.to_string().contains(url), "{error}");
        assert!(error.to_string().contains("https://HOST"), "{error}");
    }

    #[test]
    fn unusable_urls_are_named_with_what_is_allowed() {
        refuses("http://a/b", "not encrypted");
        refuses("ws://a/b", "not encrypted");
        refuses("a.example/b", "scheme");
        refuses("", "scheme");
        refuses("https://", "no host");
        refuses("https://:443/x", "no host");
        refuses("https://a/b/", "slash");
        refuses("https://a/b?c=d", "query");
        refuses("https://a?c=d", "query");
        refuses("https://a/b#c", "fragment");
        refuses("https://u:p@a/b", "user name");
        refuses("https://a:0/b", "port");
        refuses("https://a:+1/b", "port");
        refuses("https://a:65536/b", "port");
        refuses("https://a:/b", "port");
        refuses("https://[::1/b", "closed");
        refuses("https://[a]/b", "IPv6");
        refuses("https://[::1]x/b", "follows the host");
        refuses("https://a b/c", "spaces");
        refuses("https://a/\r\nX: y", "spaces");
    }
}
