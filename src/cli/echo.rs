//! `wire-echo`: a WebSocket client that says back what it hears, on the engine's own session.
//!
//! For conformance suites: a suite serves cases, this client connects, echoes every message and
//! ends when the session does. In: a URL, and whether a whole Autobahn run is wanted. Out: the
//! number of connections that ended as sessions do.

use crate::net::plain::PlainStream;
use crate::net::{DialError, Flush, LinkError, Received, Transport as _};
use crate::proto::websocket::{BinaryMessages, End, Event, Session, SessionConfig};
use crate::runtime::clock::{Clock, SystemClock};
use crate::units::Nanos;

/// Longest message: suites send 64 KiB in their functional cases, 16 MiB in their load tests.
const MESSAGE_BYTES_MAX: usize = 16 << 20;
/// A case is over when its server has been quiet for so long.
const SILENCE_MAX: Nanos = Nanos::from_secs(30);
/// Bytes written at once.
const CHUNK_BYTES: usize = 64 * 1024;

/// Why echoing had to stop.
#[derive(Debug, thiserror::Error)]
pub enum EchoError {
    /// There is no connection.
    #[error("{0}")]
    Dial(#[from] DialError),
    /// The suite did not say how many cases it has.
    #[error("`{url}` did not answer with a number of cases but with {answer:?}")]
    Count {
        /// Where it was asked.
        url: String,
        /// What came.
        answer: Option<String>,
    },
}

/// Echoes on one connection to `url` until it ends; says how it did.
///
/// # Errors
/// [`EchoError::Dial`].
pub fn echo(url: &str) -> Result<Option<End>, EchoError> {
    Ok(converse(url, Answer::Echo)?.0)
}

/// Runs every case of an Autobahn fuzzing server at `url` under the name `agent` and has it
/// write its report; returns the number of cases.
///
/// # Errors
/// [`EchoError`]; a case that fails is not one: the suite's report tells of it.
pub fn autobahn(url: &str, agent: &str) -> Result<u32, EchoError> {
    let url = url.trim_end_matches('/');
    let asked = format!("{url}/getCaseCount");
    let (_, answer) = converse(&asked, Answer::Listen)?;
    let count = answer.as_deref().and_then(|text| text.trim().parse().ok());
    let count: u32 = count.ok_or(EchoError::Count { url: asked, answer })?;
    for case in 1..=count {
        converse(&format!("{url}/runCase?case={case}&agent={agent}"), Answer::Echo)?;
    }
    converse(&format!("{url}/updateReports?agent={agent}"), Answer::Listen)?;
    Ok(count)
}

/// What is done with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Echo,
    Listen,
}

/// Talks until the connection ends; returns how the session ended and the last text heard.
fn converse(url: &str, answer: Answer) -> Result<(Option<End>, Option<String>), EchoError> {
    let clock = SystemClock::start();
    let mut stream = PlainStream::websocket(url, &clock, SILENCE_MAX)?;
    let config = SessionConfig {
        message_bytes_max: MESSAGE_BYTES_MAX,
        output_bytes_max: MESSAGE_BYTES_MAX + CHUNK_BYTES,
        binary: BinaryMessages::Taken,
        ping_after: SILENCE_MAX,
        silence_max: SILENCE_MAX + SILENCE_MAX,
        ..SessionConfig::default()
    };
    let mut session = Session::new(config, clock.mono());
    let mut heard = None;
    // Bounded by the peer: every turn reads something, or ends.
    loop {
        match stream.receive(session.space()) {
            Ok(Received::Bytes(count)) => session.handle_filled(clock.mono(), count),
            Ok(Received::Nothing | Received::Closed) | Err(_) => return Ok((None, heard)),
        }
        while let Some(said) = next(&mut session) {
            let ended = match said {
                Said::Text(text) => {
                    let sent = answer == Answer::Listen || session.send_text(&text).is_ok();
                    heard = Some(text);
                    if sent { None } else { Some(None) }
                }
                Said::Binary(bytes) => {
                    let sent = answer == Answer::Listen || session.send_binary(&bytes).is_ok();
                    if sent { None } else { Some(None) }
                }
                Said::Ended(end) => Some(Some(end)),
            };
            let written = write(&mut session, &mut stream);
            match ended {
                Some(end) => return Ok((end, heard)),
                None if written.is_err() => return Ok((None, heard)),
                None => {}
            }
        }
        if write(&mut session, &mut stream).is_err() {
            return Ok((None, heard));
        }
    }
}

/// An event, owned: the answer to it borrows the session too.
enum Said {
    Text(String),
    Binary(Vec<u8>),
    Ended(End),
}

fn next(session: &mut Session) -> Option<Said> {
    loop {
        return Some(match session.poll_event()? {
            Event::Text(text) => Said::Text(text.to_owned()),
            Event::Binary(bytes) => Said::Binary(bytes.to_vec()),
            Event::Ended(end) => Said::Ended(end),
            Event::Pong(_) => continue,
        });
    }
}

/// Writes everything that is due.
fn write(session: &mut Session, stream: &mut PlainStream) -> Result<(), LinkError> {
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        match session.poll_transmit(&mut chunk) {
            0 => return Ok(()),
            count => stream.seal(&chunk[..count])?,
        }
        if stream.flush()? == Flush::Pending {
            // The peer has not read for longer than any case lasts.
            return Err(LinkError::Socket(std::io::ErrorKind::TimedOut));
        }
    }
}
