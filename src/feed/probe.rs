//! Pings whose answers prove how far a connection has been heard.
//!
//! In: time, the payload of each pong. Out: payloads to ping with, and the time before which
//! everything the exchange has sent on this connection is here: an answer comes behind all of it.

use crate::units::{Nanos, Timestamp};

/// Between two pings. What one proves is at most this old while the connection lives.
const EVERY: Nanos = Nanos::from_secs(1);
/// After so long without an answer another is tried: a peer need answer only the latest ping.
const ANSWER_WAIT: Nanos = Nanos::from_secs(5);

/// See the module's page.
#[derive(Debug)]
pub(super) struct Probe {
    number: u64,
    /// When the latest was sent, while it is not answered.
    sent: Option<Timestamp>,
    due: Timestamp,
}

impl Probe {
    /// At rest.
    pub(super) const fn new() -> Self {
        Self { number: 0, sent: None, due: Timestamp::NEVER }
    }

    /// The connection is up, and another one may come to depend on what is proven of it.
    pub(super) const fn begin(&mut self, now: Timestamp) {
        self.sent = None;
        self.due = now;
    }

    /// The connection is gone.
    pub(super) const fn end(&mut self) {
        self.due = Timestamp::NEVER;
    }

    /// What to ping with, when it is time to.
    pub(super) fn poll(&mut self, now: Timestamp) -> Option<[u8; 8]> {
        if now < self.due {
            return None;
        }
        self.number += 1;
        self.sent = Some(now);
        self.due = now + ANSWER_WAIT;
        Some(self.number.to_be_bytes())
    }

    /// What an answer proves, if it is one to the latest ping.
    pub(super) fn answered(&mut self, payload: &[u8]) -> Option<Timestamp> {
        let sent = self.sent.filter(|_| payload == self.number.to_be_bytes())?;
        self.sent = None;
        self.due = sent + EVERY;
        Some(sent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(secs: u64) -> Timestamp {
        Timestamp::from_ns(secs * 1_000_000_000)
    }

    #[test]
    fn an_answer_proves_what_was_sent_before_its_ping() {
        let mut probe = Probe::new();
        assert_eq!(probe.poll(at(100)), None, "not before the connection is up");
        probe.begin(at(10));
        let first = probe.poll(at(10)).unwrap();
        assert_eq!(probe.poll(at(11)), None, "one at a time");
        assert_eq!(probe.answered(b"heartbeat"), None, "an unasked pong");
        assert_eq!(probe.answered(&first), Some(at(10)));
        assert_eq!(probe.answered(&first), None, "once");
        assert!(probe.poll(at(11)).is_some());
    }

    #[test]
    fn a_ping_that_is_not_answered_is_followed_by_another() {
        let mut probe = Probe::new();
        probe.begin(at(10));
        let first = probe.poll(at(10)).unwrap();
        let second = probe.poll(at(15)).unwrap();
        assert_eq!(probe.answered(&first), None);
        assert_eq!(probe.answered(&second), Some(at(15)));
        probe.end();
        assert_eq!(probe.poll(at(60)), None);
    }
}
