//! Tells what one of two connections says from what the other has said before it.
//!
//! In: each event with the connection it came on. Out: whether it is news. What one connection has
//! told waits here for the other to tell it too; each repetition is matched with one telling, so
//! that a state that comes, goes and comes again is told three times however often the two say it.
//! Both tell the things of one kind in one order: what was told before a match and was not
//! repeated is missing on the other connection, and is waited for no longer.
//!
//! Times of our own (when bytes arrived) do not count. Bounded, allocated at the start. What comes
//! twice all the same does no harm: the oms takes every event twice without effect.

use std::collections::VecDeque;

use super::coverage::{LINKS_MAX, other};
use crate::message::{FeedEvent, Fill, OrderReport};
use crate::units::Timestamp;

/// Most things of a kind by which one connection may be behind the other: some seconds of orders
/// at the smallest tier's full rate.
const BEHIND_MAX: usize = 256;

/// What is told of; the order of things of different kinds may differ between connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Kind {
    Fill = 0,
    Order = 1,
    Market = 2,
    Position = 3,
    Group = 4,
}

impl Kind {
    const COUNT: usize = 5;

    /// Whether a connection that does not tell it is not worth having.
    const fn is_needed(self) -> bool {
        matches!(self, Self::Fill | Self::Order)
    }
}

/// What an event is to the stream as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nobody has told it.
    News,
    /// The other connection has told it.
    Repetition,
    /// Nobody has told it, and the other connection is too far behind to be of any use.
    OtherIsBehind,
}

/// See the module's page.
#[derive(Debug)]
pub(super) struct Duplicates {
    /// What each connection has told and the other has not.
    ahead: [[VecDeque<FeedEvent>; Kind::COUNT]; LINKS_MAX],
}

/// What makes two events the same; `None` for what a connection says of itself.
fn identity(event: &FeedEvent) -> Option<(Kind, FeedEvent)> {
    let received = Timestamp::ZERO;
    match event {
        FeedEvent::Fill(fill) => {
            let fill = Fill { received, decoded: received, ..*fill };
            Some((Kind::Fill, FeedEvent::Fill(fill)))
        }
        FeedEvent::Order(report) => {
            Some((Kind::Order, FeedEvent::Order(OrderReport { received, ..*report })))
        }
        FeedEvent::Market(_) => Some((Kind::Market, *event)),
        FeedEvent::Position(_) => Some((Kind::Position, *event)),
        FeedEvent::Group(_) => Some((Kind::Group, *event)),
        FeedEvent::Up
        | FeedEvent::Down
        | FeedEvent::Missed { .. }
        | FeedEvent::NewsMissed
        | FeedEvent::Alive => None,
    }
}

impl Duplicates {
    /// Nothing told yet.
    pub(super) fn new() -> Self {
        let room = || core::array::from_fn(|_| VecDeque::with_capacity(BEHIND_MAX));
        Self { ahead: core::array::from_fn(|_| room()) }
    }

    /// A connection came or went: what only one has told, the other may never tell.
    pub(super) fn forget(&mut self) {
        self.ahead.iter_mut().flatten().for_each(VecDeque::clear);
    }

    /// Takes what a connection tells while both are up.
    pub(super) fn judge(&mut self, link: usize, event: &FeedEvent) -> Verdict {
        let Some((kind, event)) = identity(event) else { return Verdict::News };
        let told = &mut self.ahead[other(link)][kind as usize];
        if let Some(place) = told.iter().position(|it| *it == event) {
            told.drain(..=place);
            return Verdict::Repetition;
        }
        let ahead = &mut self.ahead[link][kind as usize];
        if ahead.is_empty() {
            // Begins at its front again: the rest of its memory stays out of the caches.
            ahead.clear();
        }
        let is_full = ahead.len() == BEHIND_MAX;
        if is_full {
            ahead.pop_front();
        }
        ahead.push_back(event);
        if is_full && kind.is_needed() { Verdict::OtherIsBehind } else { Verdict::News }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{Ticker, TradeId};
    use crate::message::{GroupChange, GroupNews, MarketChange, MarketNews};
    use crate::recorder::pack::sample::Dice;
    use crate::runtime::random::Random;

    fn market(change: MarketChange) -> FeedEvent {
        FeedEvent::Market(MarketNews { ticker: Ticker::new(b"KXA-1-A").unwrap(), change })
    }

    fn fill(number: u64) -> FeedEvent {
        let sample: Fill = Dice::new(1).any();
        let trade_id = TradeId::new(format!("t-{number}").as_bytes()).unwrap();
        FeedEvent::Fill(Fill { trade_id, ..sample })
    }

    #[test]
    fn what_the_other_has_told_is_a_repetition_whenever_its_bytes_came() {
        let mut duplicates = Duplicates::new();
        let FeedEvent::Fill(first) = fill(1) else { panic!("a fill") };
        let later = Fill { received: Timestamp::from_ns(9), decoded: Timestamp::NEVER, ..first };
        assert_eq!(duplicates.judge(0, &FeedEvent::Fill(first)), Verdict::News);
        assert_eq!(duplicates.judge(1, &FeedEvent::Fill(later)), Verdict::Repetition);
    }

    #[test]
    fn a_state_that_comes_again_is_told_again() {
        let (paused, open) = (market(MarketChange::Deactivated), market(MarketChange::Activated));
        let mut duplicates = Duplicates::new();
        for event in [paused, open, paused] {
            assert_eq!(duplicates.judge(0, &event), Verdict::News);
        }
        for event in [paused, open, paused] {
            assert_eq!(duplicates.judge(1, &event), Verdict::Repetition);
        }
        assert_eq!(duplicates.judge(1, &open), Verdict::News);
    }

    #[test]
    fn one_connection_repeats_nothing_of_its_own() {
        let mut duplicates = Duplicates::new();
        for _ in 0..2 {
            assert_eq!(duplicates.judge(0, &fill(1)), Verdict::News, "the oms knows better");
        }
    }

    #[test]
    fn what_differs_in_anything_is_news() {
        let mut duplicates = Duplicates::new();
        let mut dice = Dice::new(3);
        let report: OrderReport = dice.any();
        let filled = crate::units::Contracts::from_centis(report.filled.centis() + 1);
        duplicates.judge(0, &FeedEvent::Order(report));
        let other = FeedEvent::Order(OrderReport { filled, ..report });
        assert_eq!(duplicates.judge(1, &other), Verdict::News);
    }

    #[test]
    fn what_one_of_them_has_lost_is_not_waited_for() {
        let mut duplicates = Duplicates::new();
        duplicates.judge(0, &fill(1));
        duplicates.judge(0, &fill(2));
        // The second has lost the first.
        assert_eq!(duplicates.judge(1, &fill(2)), Verdict::Repetition);
        assert_eq!(duplicates.judge(1, &fill(1)), Verdict::News, "which is a telling of its own");
    }

    #[test]
    fn a_connection_that_tells_no_fills_is_behind_and_one_without_news_is_not() {
        let mut duplicates = Duplicates::new();
        for number in 0..BEHIND_MAX as u64 {
            assert_eq!(duplicates.judge(0, &fill(number)), Verdict::News);
        }
        assert_eq!(duplicates.judge(0, &fill(999)), Verdict::OtherIsBehind);
        duplicates.forget();
        assert_eq!(duplicates.judge(0, &fill(1_000)), Verdict::News);
        for _ in 0..2 * BEHIND_MAX {
            let id = Dice::new(1).any();
            let group = FeedEvent::Group(GroupNews { id, change: GroupChange::Triggered });
            assert_eq!(duplicates.judge(0, &group), Verdict::News);
        }
    }

    #[test]
    fn however_two_connections_interleave_each_thing_is_told_once_and_in_order() {
        for seed in 0..500 {
            let mut random = Random::new(seed);
            let mut duplicates = Duplicates::new();
            let changes = [MarketChange::Deactivated, MarketChange::Activated];
            let script: Vec<FeedEvent> =
                (0..40).map(|_| market(changes[usize::from(random.chance(500))])).collect();
            let (mut at, mut told) = ([0_usize; LINKS_MAX], Vec::new());
            while at != [script.len(); LINKS_MAX] {
                let link = usize::from(random.chance(500));
                let Some(event) = script.get(at[link]) else { continue };
                at[link] += 1;
                if duplicates.judge(link, event) == Verdict::News {
                    told.push(*event);
                }
            }
            assert_eq!(told, script, "seed {seed}");
        }
    }
}
