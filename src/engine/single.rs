//! One connection of its own and one request on it at a time, blocking: for what must not lean on
//! stages, rings or threads of a run.
//!
//! In: where to connect, a request's bytes. Out: status, `Date` and the times around it. Bounded
//! by the dial timeout and [`ANSWER_WAIT`]. Never repeats a request.

use crate::net::connect::{DialConfig, connect};
use crate::net::endpoint::Endpoint;
use crate::net::tls::TlsStream;
use crate::net::{DialError, Flush, Received, Transport};
use crate::proto::http1::ResponseReader;
use crate::reconcile::client::http_date;
use crate::runtime::clock::{Clock, SystemClock};
use crate::runtime::wait::pause;
use crate::units::{Nanos, Now, WallTime};

/// How long the exchange may take to answer.
const ANSWER_WAIT: Nanos = Nanos::from_secs(5);

/// How often the connection is looked at.
const LOOK_EVERY: Nanos = Nanos::from_ms(1);

/// The largest answer: a cancel of everything lists what it cancelled.
const RESPONSE_BYTES_MAX: usize = 4 << 20;

/// What came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// HTTP status.
    pub(super) status: u16,
    /// The exchange's `Date`, in whole seconds.
    pub(super) date: Option<WallTime>,
    /// When the request was about to leave.
    pub(super) sent: Now,
    /// When the answer was complete.
    pub(super) received: Now,
}

/// See the module's page.
pub(super) struct Single {
    link: TlsStream,
    reader: ResponseReader,
    clock: SystemClock,
}

impl Single {
    /// Connects.
    pub(super) fn connect(
        endpoint: &Endpoint,
        dial: &DialConfig,
        clock: &SystemClock,
    ) -> Result<Self, DialError> {
        let link = connect(endpoint, dial, clock)?;
        let reader = ResponseReader::new(RESPONSE_BYTES_MAX);
        Ok(Self { link, reader, clock: clock.clone() })
    }

    /// Sends `request` and waits for its answer; why there is none, in words.
    pub(super) fn ask(&mut self, request: &[u8]) -> Result<Answer, String> {
        self.ask_with(request, |_| ()).map(|(answer, ())| answer)
    }

    /// The same, with what `take` makes of the answer's body.
    pub(super) fn ask_with<R>(
        &mut self,
        request: &[u8],
        take: impl FnOnce(&[u8]) -> R,
    ) -> Result<(Answer, R), String> {
        let words = |error: &dyn std::fmt::Display| error.to_string();
        let sent = self.clock.now();
        let until = sent.mono + ANSWER_WAIT;
        self.link.seal(request).map_err(|error| words(&error))?;
        let mut flush = Flush::Pending;
        while self.clock.mono() < until {
            if flush == Flush::Pending {
                flush = self.link.flush().map_err(|error| words(&error))?;
            }
            let space = self.reader.space();
            match self.link.receive(space).map_err(|error| words(&error))? {
                Received::Bytes(count) => self.reader.filled(count),
                Received::Closed => self.reader.handle_close(),
                Received::Nothing => pause(LOOK_EVERY),
            }
            let received = self.clock.now();
            if let Some(response) = self.reader.poll().map_err(|error| words(&error))? {
                let date = response.date.and_then(http_date);
                let answer = Answer { status: response.status, date, sent, received };
                let taken = take(response.body);
                self.reader.consume();
                return Ok((answer, taken));
            }
        }
        Err(format!("no answer within {} ms", ANSWER_WAIT.ms()))
    }
}
