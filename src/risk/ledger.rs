//! The runaway guard: every order approved is on the way, unsent or written; every order written
//! is answered, in flight or lost.
//!
//! In: each approval and each word of the gateway. Out: [`Flow::imbalance`], zero as long as
//! both equations hold. A write without an approval, a second write, an answer to nothing: each
//! counts on one side only and stays visible for ever. O(1), no search.
//!
//! An order whose answer was lost may be written again, so often and no more: the ledger gives
//! the approval for that ([`Ledger::again`]), and a repetition that it has not approved is a
//! second write like any other. A repetition is the same intent: no sum grows with it.

use super::approved::Approved;
use crate::ids::OrderKey;
use crate::message::NewOrder;

/// Times the same bytes may be sent again after their answer was lost: what the exchange
/// deduplicates is bounded, and so is what a repetition can still tell.
pub const RESENDS_MAX: u8 = 2;

/// Where an order is on its way to the wire and back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    /// Nothing was approved here.
    #[default]
    Nowhere,
    OnTheWay,
    Unsent,
    InFlight,
    Lost,
    /// Lost, and approved to be written again.
    Again,
    Answered,
}

#[derive(Clone, Copy, Debug, Default)]
struct Watch {
    generation: u32,
    stage: Stage,
    resends: u8,
}

/// The sums.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flow {
    /// Orders handed to the gateway.
    pub approved: u64,
    /// Of which the gateway has not said anything.
    pub on_the_way: u64,
    /// Of which not one byte left.
    pub unsent: u64,
    /// Of which bytes left.
    pub written: u64,
    /// Written and answered.
    pub answered: u64,
    /// Written, and the answer is missing.
    pub lost: u64,
    /// Written, and the answer may still come.
    pub in_flight: u64,
}

impl Flow {
    /// How far the two equations are off: zero unless something ran away.
    #[must_use]
    pub const fn imbalance(&self) -> u64 {
        let out = self.on_the_way.wrapping_add(self.unsent).wrapping_add(self.written);
        let back = self.answered.wrapping_add(self.lost).wrapping_add(self.in_flight);
        self.approved.abs_diff(out).saturating_add(self.written.abs_diff(back))
    }
}

/// See the module's page.
#[derive(Clone, Debug)]
pub struct Ledger {
    flow: Flow,
    watches: Vec<Watch>,
}

impl Ledger {
    /// Allocates for that many slots of the order slab.
    #[must_use]
    pub fn new(orders_max: usize) -> Self {
        Self { flow: Flow::default(), watches: vec![Watch::default(); orders_max] }
    }

    /// The sums.
    #[must_use]
    pub const fn flow(&self) -> &Flow {
        &self.flow
    }

    /// An order goes to the gateway.
    pub fn note_approved(&mut self, key: OrderKey) {
        self.flow.approved += 1;
        if let Some(watch) = self.watches.get_mut(key.slot as usize) {
            *watch = Watch { generation: key.generation, stage: Stage::OnTheWay, resends: 0 };
            self.flow.on_the_way += 1;
        }
    }

    /// Approves that the order's bytes go out again: its answer was lost, and it has not been
    /// repeated as often as it may be. The approval is for one repetition.
    #[must_use]
    pub fn again(&mut self, order: &NewOrder) -> Option<Approved<NewOrder>> {
        let watch = self.watch(order.key)?;
        if watch.stage != Stage::Lost || watch.resends >= RESENDS_MAX {
            return None;
        }
        watch.resends += 1;
        watch.stage = Stage::Again;
        Some(Approved::new(*order))
    }

    /// Not one byte of a repetition left.
    pub fn note_not_resent(&mut self, key: OrderKey) {
        if self.is_old(key) {
            return;
        }
        match self.watch(key) {
            Some(watch) if watch.stage == Stage::Again => watch.stage = Stage::Lost,
            // Nobody approved one.
            Some(_) | None => self.flow.unsent += 1,
        }
    }

    /// All its bytes are with the kernel.
    pub fn note_written(&mut self, key: OrderKey) {
        if self.is_old(key) {
            return;
        }
        let Some(watch) = self.watch(key) else { return self.flow.written += 1 };
        match watch.stage {
            Stage::OnTheWay => {
                watch.stage = Stage::InFlight;
                self.flow.on_the_way -= 1;
                self.flow.written += 1;
                self.flow.in_flight += 1;
            }
            Stage::Again => {
                watch.stage = Stage::InFlight;
                self.flow.lost -= 1;
                self.flow.in_flight += 1;
            }
            Stage::Nowhere | Stage::Unsent | Stage::InFlight | Stage::Lost | Stage::Answered => {
                self.flow.written += 1;
            }
        }
    }

    /// Not one byte of it left.
    pub fn note_unsent(&mut self, key: OrderKey) {
        if self.is_old(key) {
            return;
        }
        let Some(watch) = self.watch(key) else { return self.flow.unsent += 1 };
        if watch.stage == Stage::OnTheWay {
            watch.stage = Stage::Unsent;
            self.flow.on_the_way -= 1;
        }
        self.flow.unsent += 1;
    }

    /// The exchange has accepted or refused it.
    pub fn note_answered(&mut self, key: OrderKey) {
        if self.is_old(key) {
            return;
        }
        let Some(watch) = self.watch(key) else { return self.flow.answered += 1 };
        match watch.stage {
            Stage::InFlight => {
                watch.stage = Stage::Answered;
                self.flow.in_flight -= 1;
            }
            Stage::Lost | Stage::Again => {
                watch.stage = Stage::Answered;
                self.flow.lost -= 1;
            }
            Stage::Nowhere | Stage::OnTheWay | Stage::Unsent | Stage::Answered => {}
        }
        self.flow.answered += 1;
    }

    /// Its answer is missing. Some of its bytes may have left without all of them having.
    pub fn note_lost(&mut self, key: OrderKey) {
        if self.is_old(key) {
            return;
        }
        let Some(watch) = self.watch(key) else { return self.flow.lost += 1 };
        match watch.stage {
            Stage::InFlight => {
                watch.stage = Stage::Lost;
                self.flow.in_flight -= 1;
            }
            Stage::OnTheWay => {
                watch.stage = Stage::Lost;
                self.flow.on_the_way -= 1;
                self.flow.written += 1;
            }
            // Part of the repetition may have left: it is as lost as it was.
            Stage::Again => {
                watch.stage = Stage::Lost;
                return;
            }
            Stage::Nowhere | Stage::Unsent | Stage::Lost | Stage::Answered => {}
        }
        self.flow.lost += 1;
    }

    /// Whether another order has taken this one's place: late news of an order that had ended.
    fn is_old(&self, key: OrderKey) -> bool {
        self.watches.get(key.slot as usize).is_some_and(|watch| watch.generation > key.generation)
    }

    /// What is known of the order; `None` when it was never approved.
    fn watch(&mut self, key: OrderKey) -> Option<&mut Watch> {
        let watch = self.watches.get_mut(key.slot as usize)?;
        (watch.generation == key.generation && watch.stage != Stage::Nowhere).then_some(watch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: OrderKey = OrderKey { slot: 1, generation: 0 };

    fn imbalance(steps: &[fn(&mut Ledger, OrderKey)]) -> u64 {
        let mut ledger = Ledger::new(4);
        for step in steps {
            step(&mut ledger, KEY);
        }
        ledger.flow().imbalance()
    }

    const APPROVED: fn(&mut Ledger, OrderKey) = Ledger::note_approved;
    const WRITTEN: fn(&mut Ledger, OrderKey) = Ledger::note_written;
    const UNSENT: fn(&mut Ledger, OrderKey) = Ledger::note_unsent;
    const ANSWERED: fn(&mut Ledger, OrderKey) = Ledger::note_answered;
    const LOST: fn(&mut Ledger, OrderKey) = Ledger::note_lost;
    const AGAIN: fn(&mut Ledger, OrderKey) = |ledger, key| {
        let _often_enough: Option<Approved<NewOrder>> = ledger.again(&NewOrder::sample(key));
    };
    const NOT_RESENT: fn(&mut Ledger, OrderKey) = Ledger::note_not_resent;

    #[test]
    fn every_way_of_an_order_balances_at_every_step() {
        for way in [
            &[APPROVED, WRITTEN, ANSWERED][..],
            &[APPROVED, UNSENT],
            &[APPROVED, LOST],
            &[APPROVED, LOST, ANSWERED],
            &[APPROVED, WRITTEN, LOST],
            &[APPROVED, WRITTEN, LOST, AGAIN, WRITTEN, LOST, AGAIN, WRITTEN, ANSWERED],
            &[APPROVED, WRITTEN, LOST, AGAIN, NOT_RESENT, AGAIN, LOST, ANSWERED],
            &[APPROVED, LOST, AGAIN, ANSWERED],
        ] {
            for end in 0..=way.len() {
                assert_eq!(imbalance(&way[..end]), 0, "after {end} of {}", way.len());
            }
        }
    }

    #[test]
    fn what_runs_away_is_seen() {
        for way in [
            &[WRITTEN][..],
            &[ANSWERED],
            &[LOST],
            &[UNSENT],
            &[APPROVED, WRITTEN, WRITTEN],
            &[APPROVED, UNSENT, WRITTEN],
            &[APPROVED, WRITTEN, ANSWERED, WRITTEN],
            &[APPROVED, WRITTEN, ANSWERED, ANSWERED],
            &[APPROVED, ANSWERED],
            &[APPROVED, UNSENT, UNSENT],
            &[APPROVED, WRITTEN, LOST, WRITTEN],
            &[APPROVED, WRITTEN, LOST, AGAIN, WRITTEN, WRITTEN],
            &[APPROVED, WRITTEN, NOT_RESENT],
            &[NOT_RESENT],
            &[APPROVED, WRITTEN, LOST, AGAIN, WRITTEN, LOST, AGAIN, WRITTEN, LOST, AGAIN, WRITTEN],
        ] {
            assert_ne!(imbalance(way), 0, "{} steps", way.len());
        }
    }

    #[test]
    fn only_a_lost_order_may_go_out_again_and_only_twice() {
        let mut ledger = Ledger::new(4);
        let asks = |ledger: &mut Ledger| ledger.again(&NewOrder::sample(KEY)).is_some();
        assert!(!asks(&mut ledger), "nobody approved it");
        ledger.note_approved(KEY);
        assert!(!asks(&mut ledger), "it is on the way");
        ledger.note_written(KEY);
        assert!(!asks(&mut ledger), "its answer may still come");
        for _ in 0..RESENDS_MAX {
            ledger.note_lost(KEY);
            assert!(asks(&mut ledger));
            assert!(!asks(&mut ledger), "one approval, one repetition");
            ledger.note_written(KEY);
        }
        ledger.note_lost(KEY);
        assert!(!asks(&mut ledger), "often enough");
        assert_eq!((ledger.flow().written, ledger.flow().lost), (1, 1), "one intent");
        assert_eq!(ledger.flow().imbalance(), 0);
    }

    #[test]
    fn a_reused_place_is_another_order() {
        let mut ledger = Ledger::new(4);
        let next = OrderKey { generation: 1, ..KEY };
        for key in [KEY, next] {
            ledger.note_approved(key);
            ledger.note_written(key);
            ledger.note_answered(key);
        }
        ledger.note_answered(KEY);
        assert_eq!((ledger.flow().written, ledger.flow().imbalance()), (2, 0), "late news");
    }
}
