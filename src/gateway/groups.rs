//! The order groups: the exchange's own kill switch, thrown and reset with ours.
//!
//! In: whether the kill switch is thrown, and what became of each request. Out: which group is to
//! be triggered or reset next. A group is triggered as soon as the switch is seen thrown, whoever
//! threw it, and reset once it is not; no order goes out before the exchange has confirmed the
//! reset. What fails is tried again, slower each time; both steps can be repeated safely.

use crate::ids::OrderGroupId;
use crate::message::GroupStep;
use crate::units::{Nanos, Timestamp};

/// First pause after a failure.
const PAUSE_MIN: Nanos = Nanos::from_ms(100);
/// Longest pause: its pace is what bounds the repetitions.
const PAUSE_MAX: Nanos = Nanos::from_secs(5);

/// What is known of one group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    /// The exchange has confirmed this step, or the group is new.
    As(GroupStep),
    /// A request is under way.
    Asked,
    /// The last request failed.
    Unsure,
}

#[derive(Clone, Copy, Debug)]
struct Group {
    shard: u8,
    id: OrderGroupId,
    known: Known,
    pause: Nanos,
    not_before: Timestamp,
}

/// A request to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct GroupRequest {
    pub(super) shard: u8,
    pub(super) id: OrderGroupId,
    pub(super) step: GroupStep,
}

/// See the module's page.
#[derive(Debug, Default)]
pub(super) struct Groups {
    groups: Vec<Group>,
    /// What the kill switch wants of all of them.
    wanted: GroupStep,
}

impl Groups {
    /// Groups as they were made: nothing was triggered.
    pub(super) fn new(made: &[(u8, OrderGroupId)]) -> Self {
        let group = |&(shard, id): &(u8, OrderGroupId)| Group {
            shard,
            id,
            known: Known::As(GroupStep::Reset),
            pause: PAUSE_MIN,
            not_before: Timestamp::ZERO,
        };
        Self { groups: made.iter().map(group).collect(), wanted: GroupStep::Reset }
    }

    /// What the kill switch wants from now on.
    pub(super) fn want(&mut self, step: GroupStep) {
        if self.wanted != step {
            self.wanted = step;
            for group in &mut self.groups {
                (group.pause, group.not_before) = (PAUSE_MIN, Timestamp::ZERO);
            }
        }
    }

    /// Whether an order in any of them would be taken.
    pub(super) fn take_orders(&self) -> bool {
        self.groups.iter().all(|group| group.known == Known::As(GroupStep::Reset))
    }

    /// The next request that is due.
    pub(super) fn next(&self, now: Timestamp) -> Option<GroupRequest> {
        let due = |group: &&Group| {
            let there = group.known == Known::As(self.wanted) || group.known == Known::Asked;
            !there && now >= group.not_before
        };
        let group = self.groups.iter().find(due)?;
        Some(GroupRequest { shard: group.shard, id: group.id, step: self.wanted })
    }

    /// A request has left.
    pub(super) fn handle_sent(&mut self, shard: u8) {
        if let Some(group) = self.find(shard) {
            group.known = Known::Asked;
        }
    }

    /// The exchange has confirmed a step.
    pub(super) fn handle_done(&mut self, shard: u8, step: GroupStep) {
        if let Some(group) = self.find(shard) {
            group.known = Known::As(step);
            group.pause = PAUSE_MIN;
        }
    }

    /// It was refused, or no answer came.
    pub(super) fn handle_failed(&mut self, shard: u8, now: Timestamp) {
        if let Some(group) = self.find(shard) {
            group.known = Known::Unsure;
            group.not_before = now + group.pause;
            group.pause = (group.pause + group.pause).min(PAUSE_MAX);
        }
    }

    /// When the next repetition is due.
    pub(super) fn deadline(&self) -> Timestamp {
        let waiting = self.groups.iter().filter(|group| group.known == Known::Unsure);
        waiting.map(|group| group.not_before).min().unwrap_or(Timestamp::NEVER)
    }

    fn find(&mut self, shard: u8) -> Option<&mut Group> {
        self.groups.iter_mut().find(|group| group.shard == shard)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Timestamp {
        Timestamp::ZERO + Nanos::from_ms(ms)
    }

    fn two() -> Groups {
        Groups::new(&[(0, OrderGroupId::lossy("g0")), (3, OrderGroupId::lossy("g3"))])
    }

    #[test]
    fn new_groups_want_nothing_and_take_orders() {
        let groups = two();
        assert_eq!(groups.next(at(0)), None);
        assert!(groups.take_orders());
        assert!(Groups::default().take_orders(), "none is no obstacle");
    }

    #[test]
    fn a_thrown_switch_triggers_each_and_a_reset_one_resets_each() {
        let mut groups = two();
        for step in [GroupStep::Trigger, GroupStep::Reset] {
            groups.want(step);
            for shard in [0, 3] {
                let next = groups.next(at(0)).unwrap();
                assert_eq!((next.shard, next.step), (shard, step));
                groups.handle_sent(shard);
                assert!(!groups.take_orders());
                groups.handle_done(shard, step);
            }
            assert_eq!(groups.next(at(0)), None);
        }
        assert!(groups.take_orders());
    }

    #[test]
    fn what_fails_is_repeated_slower_each_time() {
        let mut groups = Groups::new(&[(0, OrderGroupId::lossy("g"))]);
        groups.want(GroupStep::Trigger);
        let mut now = at(0);
        let mut pauses = Vec::new();
        for _ in 0..9 {
            groups.handle_sent(0);
            groups.handle_failed(0, now);
            let due = groups.deadline();
            assert_eq!(groups.next(now), None);
            assert!(groups.next(due).is_some());
            pauses.push(due.since(now).ms());
            now = due;
        }
        assert_eq!(pauses, [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000, 5_000]);
        groups.want(GroupStep::Reset);
        assert!(groups.next(now).is_some(), "another wish does not wait");
    }

    #[test]
    fn a_switch_thrown_while_a_reset_is_under_way_has_the_last_word() {
        let mut groups = Groups::new(&[(0, OrderGroupId::lossy("g"))]);
        groups.want(GroupStep::Trigger);
        groups.handle_sent(0);
        groups.handle_done(0, GroupStep::Trigger);
        groups.want(GroupStep::Reset);
        groups.handle_sent(0);
        groups.want(GroupStep::Trigger);
        assert_eq!(groups.next(at(0)), None, "one request at a time");
        groups.handle_done(0, GroupStep::Reset);
        assert_eq!(groups.next(at(0)).map(|it| it.step), Some(GroupStep::Trigger));
    }
}
