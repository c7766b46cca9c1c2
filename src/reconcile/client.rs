//! One signed GET at a time over one keep-alive connection, without blocking: polled by cold
//! threads, and by the simulation on its only one.
//!
//! In: a path and a query. Out: the body of a 200, or a [`RestError`] that names the path and the
//! reason. A connection that died between requests is replaced and the GET repeated once: reads
//! change nothing. After a timeout the connection is dropped, so a late answer cannot be taken
//! for the next one's. Never sends anything but GET.

use crate::kalshi::auth::{Credentials, SignError};
use crate::kalshi::errors;
use crate::kalshi::paths::GET;
use crate::kalshi::portfolio::PortfolioError;
use crate::net::{Connector, DialError, Flush, LinkError, Received, Transport};
use crate::proto::http1::{HttpError, KeepAlive, ResponseReader};
use crate::runtime::clock::Clock;
use crate::units::{Nanos, Now, Timestamp, WallTime};

/// Where requests go and how long they may take.
#[derive(Clone, Debug)]
pub struct RestConfig {
    /// Value of the `Host` header.
    pub authority: String,
    /// Root of every path, e.g. `/trade-api/v2`.
    pub base_path: String,
    /// Who asks.
    pub credentials: Credentials,
    /// Longest wait for an answer, dialling included.
    pub timeout: Nanos,
    /// Largest answer: a full page of 1000 markets was seen to take 2.3 MB, and the list of all
    /// series comes in one piece. Memory that no answer has needed is never touched.
    pub response_bytes_max: usize,
}

impl RestConfig {
    /// The usual bounds.
    #[must_use]
    pub const fn new(authority: String, base_path: String, credentials: Credentials) -> Self {
        Self {
            authority,
            base_path,
            credentials,
            timeout: Nanos::from_secs(5),
            response_bytes_max: 64 << 20,
        }
    }
}

/// The answer to a GET.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Body of the 200.
    pub body: Vec<u8>,
    /// When the request's last byte had been handed over.
    pub sent: Now,
    /// When the answer was complete in user memory.
    pub received: Now,
    /// The exchange's `Date`, in whole seconds.
    pub date: Option<WallTime>,
}

/// A read that did not succeed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("GET {path}: {why}")]
pub struct RestError {
    /// The path, without base and query.
    pub path: String,
    /// What went wrong.
    pub why: RestFailure,
}

/// What went wrong with a read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RestFailure {
    /// No complete answer in time.
    #[error("no answer within {} ms", after.ms())]
    Timeout {
        /// The bound.
        after: Nanos,
    },
    /// No connection.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// The connection broke, twice.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The answer is no HTTP.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The exchange refused.
    #[error("status {status}: {code}: {message}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// The exchange's code.
        code: String,
        /// Its message and details, cut to what matters.
        message: String,
    },
    /// No signature.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// The body is not what the exchange documents.
    #[error(transparent)]
    Decode(#[from] PortfolioError),
    /// A listing that does not end, or repeats its cursor.
    #[error("the listing does not end")]
    Endless,
    /// The order says more was filled than its fills add up to: the listing lags.
    #[error("the fills do not add up to the order")]
    FillsMissing,
}

/// The caller has a request under way already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a request is under way")]
pub struct Busy;

/// A request under way.
#[derive(Debug)]
struct Exchange {
    path: String,
    query: String,
    deadline: Timestamp,
    attempts: u32,
    /// When the request had left on the present connection; `None` while it has not.
    sent: Option<Now>,
}

/// One connection's worth of cold reads.
#[derive(Debug)]
pub struct RestClient<T, K, C> {
    config: RestConfig,
    connector: K,
    clock: C,
    reader: ResponseReader,
    transport: Option<T>,
    /// Whether sealed bytes wait for the kernel.
    flush: Flush,
    /// Whether the connector owes us an answer.
    dialling: Dialling,
    exchange: Option<Exchange>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dialling {
    No,
    Yes,
}

/// Whether the answer is complete.
enum Reading {
    More,
    Complete(Box<Reply>),
}

impl<T: Transport, K: Connector<T>, C: Clock> RestClient<T, K, C> {
    /// A GET changes nothing, so it may be repeated; once, because the usual reason is a
    /// connection that the exchange closed while it idled.
    const ATTEMPTS_MAX: u32 = 2;
    /// Most reads in one poll.
    const READS_MAX: usize = 64;

    /// Connects with the first request.
    pub fn new(config: RestConfig, connector: K, clock: C) -> Self {
        let reader = ResponseReader::new(config.response_bytes_max);
        Self {
            config,
            connector,
            clock,
            reader,
            transport: None,
            flush: Flush::Done,
            dialling: Dialling::No,
            exchange: None,
        }
    }

    /// The clock requests are timed with.
    pub const fn clock(&self) -> &C {
        &self.clock
    }

    /// Whether a request is under way.
    #[must_use]
    pub const fn is_busy(&self) -> bool {
        self.exchange.is_some()
    }

    /// Begins a GET of `path` (below the base path) with `query` (without `?`, may be empty).
    ///
    /// # Errors
    /// [`Busy`] when the last one is not finished.
    pub fn start(&mut self, path: &str, query: &str) -> Result<(), Busy> {
        if self.is_busy() {
            return Err(Busy);
        }
        self.exchange = Some(Exchange {
            path: path.to_owned(),
            query: query.to_owned(),
            deadline: self.clock.mono() + self.config.timeout,
            attempts: 0,
            sent: None,
        });
        Ok(())
    }

    /// Drives the request; its result, once. `None` while it is under way or none is.
    pub fn poll(&mut self) -> Option<Result<Reply, RestError>> {
        let exchange = self.exchange.as_ref()?;
        let step = if self.clock.mono() >= exchange.deadline {
            Err(RestFailure::Timeout { after: self.config.timeout })
        } else {
            self.advance()
        };
        let result = match step {
            Ok(None) => return None,
            Ok(Some(reply)) => Ok(reply),
            Err(RestFailure::Link(_)) if self.may_repeat() => {
                self.disconnect();
                return None;
            }
            Err(why) => Err(why),
        };
        let path = self.exchange.take().map(|exchange| exchange.path).unwrap_or_default();
        Some(result.map_err(|why| {
            // Whatever was wrong, the connection's state is not to be built upon; a refusal left
            // it clean.
            if !matches!(why, RestFailure::Refused { .. }) {
                self.disconnect();
            }
            RestError { path, why }
        }))
    }

    fn may_repeat(&self) -> bool {
        self.exchange.as_ref().is_some_and(|exchange| exchange.attempts < Self::ATTEMPTS_MAX)
    }

    fn disconnect(&mut self) {
        self.transport = None;
        self.flush = Flush::Done;
        if let Some(exchange) = &mut self.exchange {
            exchange.sent = None;
        }
    }

    /// Connects, writes, or reads: whatever is next.
    fn advance(&mut self) -> Result<Option<Reply>, RestFailure> {
        if self.transport.is_none() && !self.connect()? {
            return Ok(None);
        }
        if self.exchange.as_ref().is_some_and(|exchange| exchange.sent.is_none()) {
            self.write()?;
        }
        if self.exchange.as_ref().is_some_and(|exchange| exchange.sent.is_none()) {
            return Ok(None);
        }
        match self.read()? {
            Reading::More => Ok(None),
            Reading::Complete(reply) => Ok(Some(*reply)),
        }
    }

    /// Whether there is a connection now.
    fn connect(&mut self) -> Result<bool, RestFailure> {
        if self.dialling == Dialling::No {
            self.dialling = Dialling::Yes;
            self.connector.request();
        }
        let Some(dialled) = self.connector.poll() else {
            return Ok(false);
        };
        self.dialling = Dialling::No;
        self.transport = Some(dialled?);
        self.reader.reset();
        Ok(true)
    }

    fn write(&mut self) -> Result<(), RestFailure> {
        let (Some(transport), Some(exchange)) = (&mut self.transport, &mut self.exchange) else {
            return Ok(());
        };
        if self.flush == Flush::Done {
            exchange.attempts += 1;
            let wall_ms = self.clock.now().wall.unix_ms();
            let request = encode(&self.config, exchange, wall_ms)?;
            transport.seal(request.as_bytes())?;
        }
        self.flush = transport.flush()?;
        if self.flush == Flush::Done {
            exchange.sent = Some(self.clock.now());
        }
        Ok(())
    }

    fn read(&mut self) -> Result<Reading, RestFailure> {
        let Some(transport) = &mut self.transport else {
            return Ok(Reading::More);
        };
        for _ in 0..Self::READS_MAX {
            match transport.receive(self.reader.space())? {
                Received::Nothing => break,
                Received::Closed => {
                    if !self.reader.has_leftover() {
                        // Closed before the first byte of an answer: like a reset.
                        return Err(LinkError::Socket(std::io::ErrorKind::UnexpectedEof).into());
                    }
                    self.reader.handle_close();
                }
                Received::Bytes(count) => self.reader.filled(count),
            }
            if self.reader.poll()?.is_some() {
                return self.complete();
            }
        }
        Ok(Reading::More)
    }

    /// Takes the complete response out of the reader.
    fn complete(&mut self) -> Result<Reading, RestFailure> {
        let received = self.clock.now();
        let sent = self.exchange.as_ref().and_then(|exchange| exchange.sent).unwrap_or(received);
        let Some(response) = self.reader.poll()? else {
            return Ok(Reading::More);
        };
        let result = match response.status {
            200 => Ok(Reading::Complete(Box::new(Reply {
                body: response.body.to_vec(),
                sent,
                received,
                date: response.date.and_then(http_date),
            }))),
            status => {
                let reject = errors::reject(status, response.body);
                Err(RestFailure::Refused {
                    status,
                    code: reject.code.to_string(),
                    message: reject.message.to_string(),
                })
            }
        };
        let keep_alive = response.keep_alive;
        self.reader.consume();
        if keep_alive == KeepAlive::No || self.reader.has_leftover() {
            self.disconnect();
        }
        result
    }
}

/// The request's text, signed for `wall_ms`.
fn encode(
    config: &RestConfig,
    exchange: &Exchange,
    wall_ms: u64,
) -> Result<zeroize::Zeroizing<String>, SignError> {
    let path = format!("{}{}", config.base_path, exchange.path);
    let signed = config.credentials.header_lines(wall_ms, GET, &path)?;
    let mark = if exchange.query.is_empty() { "" } else { "?" };
    let (query, host) = (&exchange.query, &config.authority);
    Ok(zeroize::Zeroizing::new(format!(
        "GET {path}{mark}{query} HTTP/1.1\r\nHost: {host}\r\nAccept: application/json\r\n\
         User-Agent: kalshi-exec\r\n{}\r\n",
        *signed
    )))
}

/// Reads an HTTP date, e.g. `Thu, 11 Jun 2026 06:29:31 GMT`.
pub(crate) fn http_date(text: &[u8]) -> Option<WallTime> {
    let text = core::str::from_utf8(text).ok()?;
    let format = &time::format_description::well_known::Rfc2822;
    let parsed = time::OffsetDateTime::parse(text, format).ok()?;
    let ns = u64::try_from(parsed.unix_timestamp()).ok()?.checked_mul(1_000_000_000)?;
    Some(WallTime::from_unix_ns(ns))
}

#[cfg(test)]
mod tests;
