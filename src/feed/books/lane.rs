//! One subscription that covers the followed markets: its number, its sequence, its age.

use super::pause::Pause;
use super::slot::Age;
use crate::feed::sequence::{Course, Sequence};
use crate::kalshi::stream::{Channel, Envelope};

/// See the module's page.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) channel: Channel,
    pub(super) sid: Option<u64>,
    /// Number of the command that asked for it.
    pub(super) asked: Option<u32>,
    pub(super) pause: Pause,
    pub(super) age: Age,
    sequence: Sequence,
}

impl Lane {
    pub(super) const fn new(channel: Channel) -> Self {
        Self {
            channel,
            sid: None,
            asked: None,
            pause: Pause::new(),
            age: Age::Fresh,
            sequence: Sequence::new(),
        }
    }

    /// The connection is gone, and the subscription with it.
    pub(super) const fn reset(&mut self) {
        *self = Self::new(self.channel);
    }

    /// The subscription has ended; another is asked for after the pause.
    pub(super) const fn end(&mut self) {
        (self.sid, self.asked, self.sequence) = (None, None, Sequence::new());
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
        self.sequence.count(envelope)
    }
}
