//! Texts on their way to sessions that are late on purpose.
//!
//! A late text holds back what follows it on its own subscription, whose messages are in order;
//! other subscriptions of the session go on, as they come from elsewhere at the exchange.

use std::collections::{BTreeMap, HashMap};

use crate::sim::venue::SessionId;
use crate::units::{Nanos, WallTime};

/// A subscription of a session; `None` for what belongs to none.
type Place = (SessionId, Option<u64>);

/// Late texts, the next one first.
#[derive(Debug, Default)]
pub(super) struct Late {
    texts: BTreeMap<(WallTime, u64), (Place, String)>,
    /// When each place's last late text is due, and how many of its texts wait.
    places: HashMap<Place, (WallTime, usize)>,
    /// Texts so far.
    count: u64,
}

impl Late {
    /// Lets a text wait for so long, and at least until those before it on its subscription.
    pub(super) fn hold(&mut self, now: WallTime, session: SessionId, text: String, span: Nanos) {
        let place = (session, sid_of(&text));
        let (last, waiting) = self.places.entry(place).or_default();
        *last = (*last).max(now + span);
        *waiting += 1;
        self.count += 1;
        self.texts.insert((*last, self.count), (place, text));
    }

    /// Whether a text has to wait for others of its subscription.
    pub(super) fn holds_back(&self, session: SessionId, text: &str) -> bool {
        !self.places.is_empty() && self.places.contains_key(&(session, sid_of(text)))
    }

    /// The next text whose time has come.
    pub(super) fn take(&mut self, now: WallTime) -> Option<(SessionId, String)> {
        let entry = self.texts.first_entry().filter(|entry| entry.key().0 <= now)?;
        let (place, text) = entry.remove();
        if let Some((_, waiting)) = self.places.get_mut(&place) {
            *waiting -= 1;
            if *waiting == 0 {
                self.places.remove(&place);
            }
        }
        Some((place.0, text))
    }

    /// When [`Self::take`] next has something, if ever.
    pub(super) fn deadline(&self) -> Option<WallTime> {
        self.texts.first_key_value().map(|((due, _), _)| *due)
    }

    /// Forgets a session that is gone.
    pub(super) fn forget(&mut self, session: SessionId) {
        self.texts.retain(|_, ((to, _), _)| *to != session);
        self.places.retain(|(to, _), _| *to != session);
    }
}

/// The subscription that a text belongs to.
pub(super) fn sid_of(text: &str) -> Option<u64> {
    let (_, rest) = text.split_once("\"sid\":")?;
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    rest[..digits].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: WallTime = WallTime::from_unix_ms(1_000);
    const SESSION: SessionId = SessionId(1);

    fn text(sid: u64, word: &str) -> String {
        format!("{{\"type\":\"{word}\",\"sid\":{sid},\"msg\":{{}}}}")
    }

    #[test]
    fn a_late_text_is_not_passed_by_those_of_its_subscription() {
        let mut late = Late::default();
        late.hold(NOW, SESSION, text(1, "first"), Nanos::from_ms(50));
        assert!(late.holds_back(SESSION, &text(1, "second")));
        assert!(!late.holds_back(SESSION, &text(2, "other")));
        assert!(!late.holds_back(SessionId(2), &text(1, "else")));

        late.hold(NOW, SESSION, text(1, "second"), Nanos::ZERO);
        assert_eq!(late.deadline(), Some(NOW + Nanos::from_ms(50)));
        assert_eq!(late.take(NOW + Nanos::from_ms(49)), None);
        let taken: Vec<_> = std::iter::from_fn(|| late.take(NOW + Nanos::from_ms(50))).collect();
        assert_eq!(taken, [(SESSION, text(1, "first")), (SESSION, text(1, "second"))]);
        assert!(!late.holds_back(SESSION, &text(1, "third")));
    }

    #[test]
    fn a_session_that_is_gone_is_sent_nothing() {
        let mut late = Late::default();
        late.hold(NOW, SESSION, text(1, "first"), Nanos::from_ms(50));
        late.forget(SESSION);
        assert_eq!(late.deadline(), None);
        assert!(!late.holds_back(SESSION, &text(1, "second")));
    }
}
