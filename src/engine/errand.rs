//! Signed requests over a connection of their own, one after the other, for what has to be done
//! before the stages run and after they have ended.
//!
//! In: method, path below the base, query, body. Out: the body of a success, or what was said
//! instead. Blocks; bounded as [`Single`] is. Never repeats a request.

use zeroize::Zeroizing;

use super::account::Account;
use super::single::Single;
use crate::runtime::clock::{Clock, SystemClock};

/// Bytes of a refusal that are told.
const SAID_BYTES_MAX: usize = 200;

/// See the module's page.
pub(super) struct Errands<'a> {
    account: &'a Account,
    clock: &'a SystemClock,
    link: Option<Single>,
}

impl<'a> Errands<'a> {
    /// Connects with the first request.
    pub(super) const fn new(account: &'a Account, clock: &'a SystemClock) -> Self {
        Self { account, clock, link: None }
    }

    /// Makes one request: the body of its 2xx.
    pub(super) fn ask(
        &mut self,
        method: &str,
        (path, query): (&str, &str),
        body: &str,
    ) -> Result<Vec<u8>, String> {
        let Account { rest: endpoint, dial, credentials, .. } = self.account;
        let path = format!("{}{path}", endpoint.base_path());
        let wall_ms = self.clock.now().wall.unix_ms();
        let signed = credentials.header_lines(wall_ms, method, &path);
        let signed = signed.map_err(|error| error.to_string())?;
        let target = if query.is_empty() { path } else { format!("{path}?{query}") };
        let (host, length) = (endpoint.authority(), body.len());
        let head = format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\n");
        let framing = format!("Content-Type: application/json\r\nContent-Length: {length}\r\n");
        let request = format!("{head}{framing}{}\r\n{body}", signed.as_str());
        let request = Zeroizing::new(request);
        let mut link = match self.link.take() {
            Some(link) => link,
            None => Single::connect(endpoint, dial, self.clock).map_err(|it| it.to_string())?,
        };
        let (answer, said) = link.ask_with(request.as_bytes(), <[u8]>::to_vec)?;
        self.link = Some(link);
        if (200..300).contains(&answer.status) {
            return Ok(said);
        }
        let said = String::from_utf8_lossy(&said[..said.len().min(SAID_BYTES_MAX)]);
        Err(format!("answered with status {}: {said}", answer.status))
    }
}
