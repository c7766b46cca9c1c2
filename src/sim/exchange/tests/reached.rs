//! What random flow has reached, counted, so that a flow that misses what it is about fails.

use super::*;

/// A member's request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Order,
    Cancel,
    Decrease,
    /// What it wants of the expiration: to keep it, to clear it or to set it.
    Amend(&'static str),
    CancelAll,
    Transfer,
    Group,
}

/// What every flow of some length must have been granted.
const GRANTED: [Asked; 9] = [
    Asked::Order,
    Asked::Cancel,
    Asked::Decrease,
    Asked::Amend("keep"),
    Asked::Amend("clear"),
    Asked::Amend("set"),
    Asked::CancelAll,
    Asked::Transfer,
    Asked::Group,
];

/// What it must have been refused.
const REFUSED: [(Asked, Reject); 8] = [
    (Asked::Order, Reject::FillOrKill),
    (Asked::Order, Reject::PostOnlyCross),
    (Asked::Order, Reject::InsufficientBalance),
    (Asked::Order, Reject::NothingToReduce),
    (Asked::Order, Reject::TradingPaused),
    (Asked::Order, Reject::ExchangePaused),
    (Asked::Order, Reject::MarketClosed),
    (Asked::Amend("set"), Reject::ExpirationPast),
];

/// Every reason that an order can be told to have changed for.
const REASONS: [UpdateReason; 10] = [
    UpdateReason::None,
    UpdateReason::Decrease,
    UpdateReason::Amend,
    UpdateReason::MarginCancel,
    UpdateReason::SelfTradeCancel,
    UpdateReason::ExpiryCancel,
    UpdateReason::HaltCancel,
    UpdateReason::Trade,
    UpdateReason::ReduceOnlyCancel,
    UpdateReason::CloseCancel,
];

/// What happened.
#[derive(Debug, Default)]
pub(super) struct Reached {
    pub(super) fills: u32,
    settled: u32,
    triggered: u32,
    deleted: u32,
    restructured: u32,
    moved_closes: u32,
    /// Fills that were taken back.
    pub(super) voided: u32,
    /// Orders told of, by the place of their reason in [`REASONS`].
    reasons: [u32; REASONS.len()],
    /// Incoming orders that stopped at one of their own member's.
    stopped_at_own: u32,
    /// Requests with whether they were granted, and how many.
    answers: Vec<(Asked, Result<(), Reject>, u32)>,
}

impl Expiry {
    /// What an amendment wants of the expiration, in a word.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Clear => "clear",
            Self::Set(_) => "set",
        }
    }
}

fn place_of(reason: UpdateReason) -> usize {
    REASONS.iter().position(|it| *it == reason).expect("all reasons are listed")
}

impl Reached {
    /// Counts an order's answer.
    pub(super) fn placed(&mut self, answer: Result<Receipt, Reject>) {
        let own = |receipt: &Receipt| receipt.order.reason == UpdateReason::SelfTradeCancel;
        self.stopped_at_own += u32::from(answer.as_ref().is_ok_and(own));
        self.answered(Asked::Order, answer);
    }

    /// Counts any other answer.
    pub(super) fn answered<T>(&mut self, asked: Asked, answer: Result<T, Reject>) {
        let answer = answer.map(drop);
        let known = self.answers.iter_mut().find(|it| (it.0, it.1) == (asked, answer));
        match known {
            Some((.., count)) => *count += 1,
            None => self.answers.push((asked, answer, 1)),
        }
    }

    fn times(&self, asked: Asked, answer: Result<(), Reject>) -> u32 {
        let known = self.answers.iter().find(|it| (it.0, it.1) == (asked, answer));
        known.map_or(0, |(.., count)| *count)
    }

    /// Counts what happened.
    pub(super) fn note(&mut self, event: &ExchangeEvent) {
        let count = match event {
            ExchangeEvent::Order(order) => &mut self.reasons[place_of(order.reason)],
            ExchangeEvent::Fill { .. } => &mut self.fills,
            ExchangeEvent::Settlement { .. } => &mut self.settled,
            ExchangeEvent::Group { change: GroupChange::Triggered, .. } => &mut self.triggered,
            ExchangeEvent::Group { change: GroupChange::Deleted, .. } => &mut self.deleted,
            ExchangeEvent::Lifecycle { change, time, .. } => match change {
                LifecycleChange::Restructured(_) => &mut self.restructured,
                LifecycleChange::CloseDateUpdated(closes) if closes > time => {
                    &mut self.moved_closes
                }
                _ => return,
            },
            _ => return,
        };
        *count += 1;
    }

    /// Panics unless all was reached.
    #[track_caller]
    pub(super) fn is_everything(&self) {
        let &Self { settled, triggered, deleted, restructured, moved_closes, voided, .. } = self;
        for count in [settled, triggered, deleted, restructured, moved_closes, voided] {
            assert!(count > 0, "{self:?}");
        }
        for (reason, count) in REASONS.iter().zip(self.reasons) {
            assert!(count > 0, "no order changed for {reason:?}: {self:?}");
        }
        // Where the incoming order did not stop at its own member's, the resting one went.
        let own = self.reasons[place_of(UpdateReason::SelfTradeCancel)];
        assert!(self.stopped_at_own > 0 && own > self.stopped_at_own, "{self:?}");
        for asked in GRANTED {
            assert!(self.times(asked, Ok(())) > 0, "never granted: {asked:?}: {self:?}");
        }
        for (asked, why) in REFUSED {
            assert!(self.times(asked, Err(why)) > 0, "never refused: {asked:?}, {why:?}: {self:?}");
        }
    }
}
