//! One subscription that covers the followed markets: its number, its sequence, its age.

use super::pause::Pause;
use super::slot::Age;
use crate::kalshi::stream::{Channel, Envelope};

/// How a message follows the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Course {
    /// It does, or its channel has no numbers.
    Next,
    /// It or a later one was there before.
    Repeat,
    /// Messages between them are missing.
    Gap,
}

/// See the module's page.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) channel: Channel,
    pub(super) sid: Option<u64>,
    /// Number of the command that asked for it.
    pub(super) asked: Option<u32>,
    pub(super) pause: Pause,
    pub(super) age: Age,
    last_seq: Option<u64>,
}

impl Lane {
    pub(super) const fn new(channel: Channel) -> Self {
        Self {
            channel,
            sid: None,
            asked: None,
            pause: Pause::new(),
            age: Age::Fresh,
            last_seq: None,
        }
    }

    /// The connection is gone, and the subscription with it.
    pub(super) const fn reset(&mut self) {
        *self = Self::new(self.channel);
    }

    /// The subscription has ended; another is asked for after the pause.
    pub(super) const fn end(&mut self) {
        (self.sid, self.asked, self.last_seq) = (None, None, None);
        self.age = Age::Fresh;
    }

    /// The exchange has subscribed us.
    pub(super) fn begin(&mut self, sid: u64) {
        if self.sid != Some(sid) {
            self.end();
            self.sid = Some(sid);
        }
    }

    /// Whether a message belongs here.
    pub(super) fn is_of(&self, envelope: &Envelope) -> bool {
        self.sid.is_some() && self.sid == envelope.sid
    }

    /// Counts a message. Acknowledgements are numbered as well.
    pub(super) fn count(&mut self, envelope: &Envelope) -> Course {
        let Some(seq) = envelope.seq else { return Course::Next };
        let Some(last) = self.last_seq else {
            self.last_seq = Some(seq);
            return Course::Next;
        };
        if seq <= last {
            return Course::Repeat;
        }
        self.last_seq = Some(seq);
        if seq == last.saturating_add(1) { Course::Next } else { Course::Gap }
    }
}
