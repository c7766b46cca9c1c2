//! One connection of the pool: at most one request at a time, from sealing to its answer.
//!
//! In: a link, requests, polls with the time. Out: what became of the request. A late or unasked
//! answer can never be taken for another request's: a connection that timed out, or that speaks
//! without having been asked, is closed. While a flush is pending nothing else is done with it.

use super::answer::{Ending, Purpose};
use crate::message::{Loss, SendStamps};
use crate::net::{Flush, Received, Transport};
use crate::proto::http1::{HttpError, KeepAlive, Response, ResponseReader};
use crate::units::{Now, Timestamp};

/// Largest answer, head and body: orders' are 600 bytes, proxies' pages a few KiB.
const RESPONSE_BYTES_MAX: usize = 16 * 1_024;
/// Reads per poll: enough for the largest answer in TLS records of 2 KiB.
const READS_MAX: usize = 8;

/// Whether the connection has answered its first request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Warmth {
    Cold,
    Warm,
}

#[derive(Clone, Copy, Debug)]
struct InFlight {
    purpose: Purpose,
    /// The link's count before the request was sealed.
    bytes_before: u64,
    deadline: Timestamp,
    stamps: SendStamps,
    flushed: Flush,
}

/// A request ready to go.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request<'a> {
    pub(super) purpose: Purpose,
    pub(super) bytes: &'a [u8],
    /// `taken` and `encoded` are set.
    pub(super) stamps: SendStamps,
    /// When the answer is overdue.
    pub(super) deadline: Timestamp,
}

/// How sending went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum SendOutcome {
    /// All bytes are with the kernel.
    Sent(SendStamps),
    /// Some bytes still have to go; polling does that.
    Pending,
    /// The connection is gone and nothing of the request has left: it may go elsewhere.
    NothingLeft,
    /// The connection is gone and part of the request with it.
    Lost,
}

/// What a poll brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// Nothing new.
    Nothing,
    /// A pending flush is done.
    Written { purpose: Purpose, stamps: SendStamps },
    /// [`Connection::response`] has the answer; [`Connection::settle`] comes next.
    Answered { purpose: Purpose },
    /// The connection is gone before an answer came.
    Ended { purpose: Purpose, ending: Ending },
    /// The idle connection is gone.
    Closed,
}

/// Whether the peer still is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Peer {
    Open,
    Gone,
}

/// A place in the pool, with or without a link.
#[derive(Debug)]
pub(super) struct Connection<T> {
    link: Option<T>,
    reader: ResponseReader,
    in_flight: Option<InFlight>,
    peer: Peer,
    warmth: Warmth,
    opened: Timestamp,
    used: Timestamp,
}

impl<T: Transport> Connection<T> {
    /// An empty place.
    pub(super) fn new() -> Self {
        Self {
            link: None,
            reader: ResponseReader::new(RESPONSE_BYTES_MAX),
            in_flight: None,
            peer: Peer::Gone,
            warmth: Warmth::Cold,
            opened: Timestamp::ZERO,
            used: Timestamp::ZERO,
        }
    }

    /// Moves a fresh link in.
    pub(super) fn open(&mut self, link: T, now: Timestamp) {
        debug_assert!(self.link.is_none(), "Invariant: only an empty place takes a link");
        self.link = Some(link);
        self.reader.reset();
        self.in_flight = None;
        self.peer = Peer::Open;
        self.warmth = Warmth::Cold;
        self.opened = now;
        self.used = now;
    }

    /// Drops the link and whatever was under way on it.
    pub(super) fn close(&mut self) {
        self.link = None;
        self.in_flight = None;
        self.peer = Peer::Gone;
    }

    /// Whether there is a link.
    pub(super) const fn is_open(&self) -> bool {
        self.link.is_some()
    }

    /// Whether the link has proved itself, busy or not.
    pub(super) fn is_ready(&self) -> bool {
        self.link.is_some() && self.warmth == Warmth::Warm
    }

    /// Whether a trading request can go out now.
    pub(super) fn is_free(&self) -> bool {
        self.is_ready() && self.in_flight.is_none()
    }

    /// What is under way.
    pub(super) const fn purpose(&self) -> Option<Purpose> {
        match &self.in_flight {
            Some(in_flight) => Some(in_flight.purpose),
            None => None,
        }
    }

    /// When the link was made.
    pub(super) const fn opened(&self) -> Timestamp {
        self.opened
    }

    /// When the link last answered, or was made.
    pub(super) const fn used(&self) -> Timestamp {
        self.used
    }

    /// When the answer under way is overdue.
    pub(super) const fn deadline(&self) -> Option<Timestamp> {
        match &self.in_flight {
            Some(in_flight) => Some(in_flight.deadline),
            None => None,
        }
    }

    /// Seals and flushes `request`. `mono` stamps the steps.
    pub(super) fn send(
        &mut self,
        request: &Request<'_>,
        mono: impl Fn() -> Timestamp,
    ) -> SendOutcome {
        assert!(self.in_flight.is_none(), "one request at a time");
        let Some(link) = self.link.as_mut() else { return SendOutcome::NothingLeft };
        let mut stamps = request.stamps;
        let bytes_before = link.bytes_out();
        if link.seal(request.bytes).is_err() {
            self.close();
            return SendOutcome::NothingLeft;
        }
        stamps.sealed = mono();
        let Ok(flushed) = link.flush() else {
            let untouched = link.bytes_out() == bytes_before;
            self.close();
            return if untouched { SendOutcome::NothingLeft } else { SendOutcome::Lost };
        };
        if flushed == Flush::Done {
            stamps.sent = mono();
        }
        let Request { purpose, deadline, .. } = *request;
        self.in_flight = Some(InFlight { purpose, bytes_before, deadline, stamps, flushed });
        match flushed {
            Flush::Done => SendOutcome::Sent(stamps),
            Flush::Pending => SendOutcome::Pending,
        }
    }

    /// Does with `bytes` what sealing does, and no more.
    pub(super) fn rehearse(&mut self, bytes: &[u8]) {
        if let Some(link) = self.link.as_mut() {
            link.rehearse(bytes);
        }
    }

    /// One step of whatever is under way.
    pub(super) fn poll(&mut self, now: Now) -> Progress {
        if self.link.is_none() {
            return Progress::Nothing;
        }
        match self.in_flight {
            Some(in_flight) if in_flight.flushed == Flush::Pending => {
                self.poll_flush(in_flight, now)
            }
            Some(in_flight) => self.poll_answer(in_flight.purpose, in_flight.deadline, now),
            None => self.poll_idle(),
        }
    }

    /// The answer that [`Progress::Answered`] announced.
    pub(super) fn response(&mut self) -> Option<Response<'_>> {
        self.reader.poll().ok().flatten()
    }

    /// Frees the answer and the connection for the next request, or closes it.
    pub(super) fn settle(&mut self, now: Timestamp) {
        let keep_alive = self.response().map_or(KeepAlive::No, |response| response.keep_alive);
        self.reader.consume();
        // Bytes behind the answer belong to no request: nothing after them could be trusted.
        if keep_alive == KeepAlive::No || self.peer == Peer::Gone || self.reader.has_leftover() {
            self.close();
            return;
        }
        self.in_flight = None;
        self.warmth = Warmth::Warm;
        self.used = now;
    }

    fn poll_flush(&mut self, in_flight: InFlight, now: Now) -> Progress {
        let Some(link) = self.link.as_mut() else { return Progress::Nothing };
        let loss = match link.flush() {
            Ok(Flush::Done) => {
                let stamps = SendStamps { sent: now.mono, ..in_flight.stamps };
                self.in_flight = Some(InFlight { stamps, flushed: Flush::Done, ..in_flight });
                return Progress::Written { purpose: in_flight.purpose, stamps };
            }
            Ok(Flush::Pending) if now.mono < in_flight.deadline => return Progress::Nothing,
            Ok(Flush::Pending) => Loss::Timeout,
            Err(_) => Loss::Disconnected,
        };
        let untouched = link.bytes_out() == in_flight.bytes_before;
        self.end(
            in_flight.purpose,
            if untouched { Ending::NothingLeft } else { Ending::Lost(loss) },
        )
    }

    fn poll_answer(&mut self, purpose: Purpose, deadline: Timestamp, now: Now) -> Progress {
        self.read();
        let loss = match self.reader.poll() {
            Ok(Some(_)) => return Progress::Answered { purpose },
            Ok(None) if self.peer == Peer::Gone => Loss::Disconnected,
            Ok(None) if now.mono < deadline => return Progress::Nothing,
            Ok(None) => Loss::Timeout,
            Err(HttpError::CutShort) => Loss::Disconnected,
            Err(_) => Loss::Misbehaved,
        };
        self.end(purpose, Ending::Lost(loss))
    }

    fn poll_idle(&mut self) -> Progress {
        self.read();
        let silent = matches!(self.reader.poll(), Ok(None)) && !self.reader.has_leftover();
        if self.peer == Peer::Open && silent {
            return Progress::Nothing;
        }
        self.close();
        Progress::Closed
    }

    fn end(&mut self, purpose: Purpose, ending: Ending) -> Progress {
        self.close();
        Progress::Ended { purpose, ending }
    }

    /// Takes what the link has, until an answer is complete.
    fn read(&mut self) {
        let Some(link) = self.link.as_mut() else { return };
        for _ in 0..READS_MAX {
            match link.receive(self.reader.space()) {
                Ok(Received::Bytes(count)) => self.reader.filled(count),
                Ok(Received::Nothing) => return,
                Ok(Received::Closed) => {
                    self.reader.handle_close();
                    self.peer = Peer::Gone;
                    return;
                }
                // An answer that is complete already still counts.
                Err(_) => {
                    self.peer = Peer::Gone;
                    return;
                }
            }
            if !matches!(self.reader.poll(), Ok(None)) {
                return;
            }
        }
    }
}
