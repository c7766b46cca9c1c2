//! Subscriptions that trading does not wait for: asked for once the needed ones stand, and again,
//! ever more slowly, when the exchange ends one of them alone.
//!
//! In: acknowledgements, errors and ends that carry a command's or a subscription's number. Out:
//! whether they are about these, and when to ask again. Without them the engine learns later, by
//! rejects and readings, what they would have told.

use crate::kalshi::stream::{Channel, subscribe_command};
use crate::units::{Nanos, Timestamp};

/// First pause before asking again.
const PAUSE_MIN: Nanos = Nanos::from_secs(1);
/// Longest pause: a channel that is gone for good costs a command a minute.
const PAUSE_MAX: Nanos = Nanos::from_secs(60);

/// Whether a subscription stands again after it had ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Again {
    No,
    /// What happened in between was not told.
    Yes,
}

/// See the module's page.
#[derive(Debug)]
pub(super) struct Extras {
    command: String,
    sids: [Option<u64>; Channel::NEWS.len()],
    /// Which have ended since the connection began and do not stand again.
    ended: [bool; Channel::NEWS.len()],
    due: Timestamp,
    pause: Nanos,
    /// How often they were asked for.
    pub(super) asked: u64,
}

impl Extras {
    /// Our number of the command.
    const ID: u32 = 2;

    pub(super) fn new() -> Self {
        Self {
            command: subscribe_command(Self::ID, &Channel::NEWS),
            sids: [None; Channel::NEWS.len()],
            ended: [false; Channel::NEWS.len()],
            due: Timestamp::NEVER,
            pause: PAUSE_MIN,
            asked: 0,
        }
    }

    /// The needed subscriptions stand on a new connection.
    pub(super) const fn begin(&mut self, now: Timestamp) {
        self.sids = [None; Channel::NEWS.len()];
        self.ended = [false; Channel::NEWS.len()];
        self.due = now;
        self.pause = PAUSE_MIN;
    }

    /// The connection is gone.
    pub(super) const fn end(&mut self) {
        self.due = Timestamp::NEVER;
    }

    /// The command, when it is time to send it.
    pub(super) fn poll(&mut self, now: Timestamp) -> Option<&str> {
        if now < self.due {
            return None;
        }
        self.due = Timestamp::NEVER;
        self.asked += 1;
        Some(&self.command)
    }

    /// A channel of these is subscribed.
    pub(super) fn acknowledge(&mut self, channel: Channel, sid: u64) -> Again {
        let Some(at) = Channel::NEWS.iter().position(|it| *it == channel) else {
            return Again::No;
        };
        self.sids[at] = Some(sid);
        if core::mem::take(&mut self.ended[at]) { Again::Yes } else { Again::No }
    }

    /// Whether a subscription that ended was one of these: then it is asked for again.
    pub(super) fn lose(&mut self, sid: Option<u64>, id: Option<u64>, now: Timestamp) -> bool {
        let by_command = sid.is_none() && id == Some(u64::from(Self::ID));
        let found = sid.and_then(|sid| self.sids.iter().position(|it| *it == Some(sid)));
        if let Some(at) = found {
            self.sids[at] = None;
            self.ended[at] = true;
        }
        if !by_command && found.is_none() {
            return false;
        }
        if self.due == Timestamp::NEVER {
            self.due = now + self.pause;
            self.pause = Nanos::from_ns(self.pause.ns() * 2).min(PAUSE_MAX);
        }
        true
    }
}
