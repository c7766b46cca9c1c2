//! What the feed tells people of its connections, through the recorder: counts, and the condition
//! that only one of two is up.
//!
//! In: each connection's state, looked at once a second. Out: records, where something changed.
//! What finds no room is told at the next look. Decides nothing.

use super::coverage::LINKS_MAX;
use crate::ids::{Reason, Ticker};
use crate::message::{Trouble, TroubleNews, Turn};
use crate::recorder::feed_links::FeedLinkTold;
use crate::recorder::record::Record;
use crate::runtime::ring::Producer;
use crate::units::{Nanos, Timestamp};

/// Between two looks.
const EVERY: Nanos = Nanos::from_secs(1);
/// Looks in a row that find one of two alone before it is told: the second is dialled a second
/// after the first, and a dial takes its time.
const ALONE_LOOKS: u8 = 3;

/// See the module's page.
#[derive(Debug)]
pub(super) struct Telling {
    records: Producer<Record>,
    told: [Option<FeedLinkTold>; LINKS_MAX],
    due: Timestamp,
    alone_looks: u8,
    is_alone_told: bool,
}

impl Telling {
    pub(super) const fn new(records: Producer<Record>) -> Self {
        Self {
            records,
            told: [None; LINKS_MAX],
            due: Timestamp::ZERO,
            alone_looks: 0,
            is_alone_told: false,
        }
    }

    /// Looks, when it is time to.
    pub(super) fn poll(
        &mut self,
        now: Timestamp,
        links: usize,
        look: impl Fn(usize) -> FeedLinkTold,
    ) {
        if now >= self.due {
            self.due = now + EVERY;
            self.look(links, look);
        }
    }

    /// Looks now.
    pub(super) fn look(&mut self, links: usize, look: impl Fn(usize) -> FeedLinkTold) {
        let mut ups = 0;
        for link in 0..links {
            let told = look(link);
            ups += usize::from(told.counts.up);
            let is_new = self.told[link] != Some(told);
            if is_new && self.records.push(Record::FeedLink(told)).is_ok() {
                self.told[link] = Some(told);
            }
        }
        let is_alone = links == LINKS_MAX && ups == 1;
        self.alone_looks = if is_alone { self.alone_looks.saturating_add(1) } else { 0 };
        let is_alone = self.alone_looks >= ALONE_LOOKS;
        if is_alone != self.is_alone_told && self.tell_alone(is_alone, &look) {
            self.is_alone_told = is_alone;
        }
    }

    fn tell_alone(&mut self, is_alone: bool, look: impl Fn(usize) -> FeedLinkTold) -> bool {
        let turn = if is_alone { Turn::Began } else { Turn::Over };
        let down = (0..LINKS_MAX).map(look).find(|told| !told.counts.up);
        let detail = match down.map(|told| told.last_loss) {
            Some(why) if !why.is_empty() => why,
            _ => Reason::lossy("one of two connections to the stream is not up"),
        };
        let trouble = Trouble::FeedNotRedundant;
        let news = TroubleNews { trouble, ticker: Ticker::EMPTY, turn, detail };
        self.records.push(Record::Trouble(news)).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recorder::feed_links::FeedLinkCounts;
    use crate::runtime::ring::ring;

    fn told(link: usize, up: bool) -> FeedLinkTold {
        FeedLinkTold {
            link: u8::try_from(link).unwrap(),
            counts: FeedLinkCounts { up, ..FeedLinkCounts::default() },
            last_loss: Reason::lossy(if up { "" } else { "silence" }),
        }
    }

    #[test]
    fn counts_are_told_when_they_change_and_at_most_once_a_second() {
        let (records, mut heard) = ring(16);
        let mut telling = Telling::new(records);
        let mut at = |ms: u64, up| {
            telling.poll(Timestamp::from_ns(ms * 1_000_000), 1, |link| told(link, up));
            core::iter::from_fn(|| heard.pop().ok()).count()
        };
        assert_eq!(at(1, false), 1);
        assert_eq!(at(500, true), 0, "too soon");
        assert_eq!(at(1_001, true), 1);
        assert_eq!(at(2_001, true), 0, "nothing new");
    }

    #[test]
    fn one_of_two_that_stays_down_is_a_condition_with_its_reason() {
        let (records, mut heard) = ring(64);
        let mut telling = Telling::new(records);
        let mut look = |ups: [bool; 2]| {
            telling.look(2, |link| told(link, ups[link]));
            let news = |record| match record {
                Record::Trouble(news) => Some((news.turn, news.detail.to_string())),
                _ => None,
            };
            core::iter::from_fn(|| heard.pop().ok()).filter_map(news).collect::<Vec<_>>()
        };
        for _ in 0..2 {
            assert_eq!(look([true, false]), [], "it may be on its way");
        }
        assert_eq!(look([true, false]), [(Turn::Began, "silence".to_owned())]);
        assert_eq!(look([true, false]), []);
        assert!(matches!(look([true, true])[..], [(Turn::Over, _)]));
        for _ in 0..5 {
            assert_eq!(look([false, false]), [], "nothing is left to be redundant");
        }
    }

    #[test]
    fn what_finds_no_room_is_told_at_the_next_look() {
        let (records, mut heard) = ring(1);
        let mut telling = Telling::new(records);
        telling.look(2, |link| told(link, true));
        assert!(matches!(heard.pop(), Ok(Record::FeedLink(told)) if told.link == 0));
        telling.look(2, |link| told(link, true));
        assert!(matches!(heard.pop(), Ok(Record::FeedLink(told)) if told.link == 1));
    }
}
