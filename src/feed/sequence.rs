//! Numbers of messages (`seq`), which count per subscription on the channels that have them.
//!
//! In: a message's number. Out: whether it follows the one before. Where numbers begin is not
//! documented, so the first one seen is taken for the first; channels without numbers never have
//! a gap that could be seen.

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

/// One subscription's numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sequence {
    last: Option<u64>,
}

impl Sequence {
    /// Nothing counted yet.
    pub(super) const fn new() -> Self {
        Self { last: None }
    }

    /// Counts a message. Acknowledgements are numbered as well.
    pub(super) fn count(&mut self, envelope: &Envelope) -> Course {
        let Some(seq) = envelope.seq else { return Course::Next };
        let Some(last) = self.last else {
            self.last = Some(seq);
            return Course::Next;
        };
        if seq <= last {
            return Course::Repeat;
        }
        self.last = Some(seq);
        if seq == last.saturating_add(1) { Course::Next } else { Course::Gap }
    }
}

/// The account's own channels, each with its subscription on one connection.
#[derive(Debug, Default)]
pub(super) struct Sequences {
    subscriptions: [Option<(u64, Sequence)>; Self::CHANNELS.len()],
}

impl Sequences {
    /// Those whose messages are counted here; books count their own.
    const CHANNELS: [Channel; 5] =
        [Channel::Fill, Channel::UserOrders, Channel::Markets, Channel::Positions, Channel::Groups];

    /// A new connection: nothing is subscribed.
    pub(super) const fn reset(&mut self) {
        self.subscriptions = [None; Self::CHANNELS.len()];
    }

    /// The exchange has subscribed us; numbers go on when it only says so again.
    pub(super) fn begin(&mut self, channel: Channel, sid: u64) {
        let Some(place) = Self::CHANNELS.iter().position(|it| *it == channel) else { return };
        let known = self.subscriptions[place].filter(|(known, _)| *known == sid);
        self.subscriptions[place] = known.or(Some((sid, Sequence::new())));
    }

    /// Counts a message: its channel, when it is one of these, and how it follows.
    pub(super) fn count(&mut self, envelope: &Envelope) -> Option<(Channel, Course)> {
        let (sid, _) = envelope.sid.zip(envelope.seq)?;
        let is_it = |it: &Option<(u64, Sequence)>| it.is_some_and(|(known, _)| known == sid);
        let place = self.subscriptions.iter().position(is_it)?;
        let (_, sequence) = self.subscriptions[place].as_mut()?;
        Some((Self::CHANNELS[place], sequence.count(envelope)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn numbered(sid: u64, seq: u64) -> Envelope {
        Envelope { sid: Some(sid), seq: Some(seq), sent: None }
    }

    #[test]
    fn numbers_follow_one_another_by_subscription() {
        let mut sequences = Sequences::default();
        sequences.begin(Channel::Markets, 31);
        sequences.begin(Channel::Groups, 33);
        let mut course = |sid, seq| sequences.count(&numbered(sid, seq));
        assert_eq!(course(31, 3), Some((Channel::Markets, Course::Next)), "wherever they begin");
        assert_eq!(course(33, 1), Some((Channel::Groups, Course::Next)));
        assert_eq!(course(31, 4), Some((Channel::Markets, Course::Next)));
        assert_eq!(course(31, 7), Some((Channel::Markets, Course::Gap)));
        assert_eq!(course(31, 8), Some((Channel::Markets, Course::Next)), "told once");
        assert_eq!(course(31, 6), Some((Channel::Markets, Course::Repeat)), "late");
        assert_eq!(course(31, 8), Some((Channel::Markets, Course::Repeat)), "twice");
        assert_eq!(course(99, 8), None, "somebody else's");
    }

    #[test]
    fn a_channel_without_numbers_has_no_gaps() {
        let mut sequences = Sequences::default();
        sequences.begin(Channel::Fill, 13);
        let bare = Envelope { sid: Some(13), ..Envelope::default() };
        assert_eq!(sequences.count(&bare), None);
    }

    #[test]
    fn a_new_subscription_counts_anew_and_a_repeated_acknowledgement_does_not() {
        let mut sequences = Sequences::default();
        sequences.begin(Channel::Groups, 33);
        sequences.count(&numbered(33, 1));
        sequences.begin(Channel::Groups, 33);
        assert_eq!(sequences.count(&numbered(33, 3)), Some((Channel::Groups, Course::Gap)));
        sequences.begin(Channel::Groups, 40);
        assert_eq!(sequences.count(&numbered(40, 1)), Some((Channel::Groups, Course::Next)));
        sequences.reset();
        assert_eq!(sequences.count(&numbered(40, 9)), None);
    }
}
