//! The WebSocket upgrade over a fresh connection, blocking, for cold threads.
//!
//! One GET goes out, one answer comes in: 101 with the right `Sec-WebSocket-Accept`, or a
//! refusal whose status and first words are kept. Frames that came right behind the answer are
//! put back in front of the stream. Speaks no frames itself and offers no extension.

use std::io;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::rand::{SecureRandom as _, SystemRandom};
use tungstenite::handshake::derive_accept_key;
use zeroize::Zeroizing;

use crate::net::connect::Patience;
use crate::net::endpoint::Endpoint;
use crate::net::tls::TlsStream;
use crate::net::{DialError, Flush, Received, Transport};
use crate::runtime::clock::Clock;

/// Longest answer head: what common servers accept at most.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// Most header lines in an answer.
const HEADERS_MAX: usize = 64;
/// How much of a refusal's body is kept for people.
const BODY_BYTES_MAX: usize = 256;

/// A connection that a cold thread may also wait on.
pub(super) trait Waiting: Transport + Sized {
    /// With `Some`, reads and writes block for so long; with `None` they never do.
    fn wait_at_most(&self, wait: Option<Duration>) -> io::Result<()>;

    /// Puts bytes that were already received back in front.
    #[must_use]
    fn with_prefix(self, bytes: Vec<u8>) -> Self;
}

impl Waiting for TlsStream {
    fn wait_at_most(&self, wait: Option<Duration>) -> io::Result<()> {
        Self::wait_at_most(self, wait)
    }

    fn with_prefix(self, bytes: Vec<u8>) -> Self {
        Self::with_prefix(self, bytes)
    }
}

/// What is asked for, and of whom.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target<'a> {
    /// The `Host` header.
    pub(super) authority: &'a str,
    /// Path and query; empty is the root.
    pub(super) path: &'a str,
}

/// As [`upgrade_to`], for an endpoint.
pub(super) fn upgrade<W: Waiting, C: Clock>(
    stream: W,
    endpoint: &Endpoint,
    header_lines: &str,
    patience: &Patience<'_, C>,
) -> Result<W, DialError> {
    let authority = endpoint.authority();
    let target = Target { authority: &authority, path: endpoint.base_path() };
    upgrade_to(stream, target, header_lines, patience)
}

/// Turns `stream` into a WebSocket's byte stream. `header_lines` are added to the request as
/// they are; each ends in CR LF.
pub(super) fn upgrade_to<W: Waiting, C: Clock>(
    stream: W,
    target: Target<'_>,
    header_lines: &str,
    patience: &Patience<'_, C>,
) -> Result<W, DialError> {
    let mut exchange = Exchange { stream, target, patience, bytes: Vec::new() };
    let key = random_key().ok_or_else(|| exchange.failed("no random numbers"))?;
    exchange.send(&request(target, &key, header_lines))?;
    let head = exchange.head()?;
    if head.status != 101 {
        let body = exchange.body(&head);
        return Err(DialError::Upgrade { status: head.status, body });
    }
    if let Some(fault) = head.fault(&derive_accept_key(key.as_bytes())) {
        return Err(DialError::Upgrade { status: 101, body: fault.to_owned() });
    }
    exchange.stream.wait_at_most(None).map_err(|error| exchange.failed(&error.to_string()))?;
    let leftover = exchange.bytes.split_off(head.len);
    Ok(exchange.stream.with_prefix(leftover))
}

fn random_key() -> Option<String> {
    let mut nonce = [0; 16];
    SystemRandom::new().fill(&mut nonce).ok()?;
    Some(STANDARD.encode(nonce))
}

fn request(target: Target<'_>, key: &str, header_lines: &str) -> Zeroizing<String> {
    let path = if target.path.is_empty() { "/" } else { target.path };
    Zeroizing::new(format!(
        "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n{header_lines}\r\n",
        target.authority
    ))
}

/// What matters of an answer's head.
struct Head {
    status: u16,
    len: usize,
    content_length: Option<usize>,
    accept: Option<String>,
    websocket: Option<()>,
    extension: Option<()>,
}

impl Head {
    /// `Ok(None)`: not complete yet.
    fn parse(bytes: &[u8]) -> Result<Option<Self>, httparse::Error> {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut response = httparse::Response::new(&mut headers);
        let httparse::Status::Complete(len) = response.parse(bytes)? else { return Ok(None) };
        let value = |name: &str| {
            let header = response.headers.iter().find(|h| h.name.eq_ignore_ascii_case(name))?;
            core::str::from_utf8(header.value).ok().map(str::trim)
        };
        let is_websocket = |text: &&str| text.eq_ignore_ascii_case("websocket");
        Ok(Some(Self {
            status: response.code.unwrap_or(0),
            len,
            content_length: value("content-length").and_then(|text| text.parse().ok()),
            accept: value("sec-websocket-accept").map(str::to_owned),
            websocket: value("upgrade").filter(is_websocket).map(|_| ()),
            extension: value("sec-websocket-extensions").map(|_| ()),
        }))
    }

    /// Why a 101 is none.
    fn fault(&self, accept: &str) -> Option<&'static str> {
        if self.websocket.is_none() {
            return Some("the answer does not upgrade to websocket");
        }
        if self.accept.as_deref() != Some(accept) {
            return Some("the answer's Sec-WebSocket-Accept is wrong");
        }
        self.extension.map(|()| "the answer uses an extension that was not offered")
    }
}

struct Exchange<'a, W, C> {
    stream: W,
    target: Target<'a>,
    patience: &'a Patience<'a, C>,
    /// What was received and not yet used.
    bytes: Vec<u8>,
}

impl<W: Waiting, C: Clock> Exchange<'_, W, C> {
    fn failed(&self, why: &str) -> DialError {
        let why = format!("websocket upgrade: {why}");
        DialError::Connect { address: self.target.authority.to_owned(), why }
    }

    /// Arms the socket with the time that is left.
    fn wait(&self) -> Result<(), DialError> {
        let left = self.patience.left().ok_or_else(|| self.failed("no answer in time"))?;
        self.stream.wait_at_most(Some(left)).map_err(|error| self.failed(&error.to_string()))
    }

    fn send(&mut self, request: &str) -> Result<(), DialError> {
        let broken = |error: crate::net::LinkError| error.to_string();
        self.stream.seal(request.as_bytes()).map_err(broken).map_err(|why| self.failed(&why))?;
        loop {
            self.wait()?;
            match self.stream.flush().map_err(broken) {
                Ok(Flush::Done) => return Ok(()),
                Ok(Flush::Pending) => {}
                Err(why) => return Err(self.failed(&why)),
            }
        }
    }

    /// Reads until a final head is complete; interim answers (1xx) are passed over.
    fn head(&mut self) -> Result<Head, DialError> {
        loop {
            match Head::parse(&self.bytes) {
                Err(error) => return Err(self.failed(&format!("not an HTTP answer ({error})"))),
                Ok(Some(head)) if (100..200).contains(&head.status) && head.status != 101 => {
                    self.bytes.drain(..head.len);
                    continue;
                }
                Ok(Some(head)) => return Ok(head),
                Ok(None) if self.bytes.len() > HEAD_BYTES_MAX => {
                    return Err(self.failed("the answer's head is too long"));
                }
                Ok(None) => {}
            }
            self.wait()?;
            self.more().map_err(|why| self.failed(&why))?;
        }
    }

    /// Start of a refusal's body, as far as it comes.
    fn body(&mut self, head: &Head) -> String {
        let wanted = head.len + head.content_length.unwrap_or(BODY_BYTES_MAX).min(BODY_BYTES_MAX);
        while self.bytes.len() < wanted && self.wait().is_ok() {
            if self.more().is_err() {
                break;
            }
        }
        let end = self.bytes.len().min(wanted);
        String::from_utf8_lossy(&self.bytes[head.len..end]).into_owned()
    }

    fn more(&mut self) -> Result<(), String> {
        let mut chunk = [0; 4096];
        match self.stream.receive(&mut chunk) {
            Ok(Received::Bytes(len)) => self.bytes.extend_from_slice(&chunk[..len]),
            Ok(Received::Nothing) => {}
            Ok(Received::Closed) => return Err("the server hung up".to_owned()),
            Err(error) => return Err(error.to_string()),
        }
        Ok(())
    }
}
