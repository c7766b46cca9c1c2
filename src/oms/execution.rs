//! One signal's execution: what was asked, the orders sent for it one after the other, how it
//! went.
//!
//! An execution lives from its first order's approval until its result is told, longer than any
//! one of its orders: between a child that has ended and the next it waits. It has a slot of its
//! own in [`Executions`], taken from a stack, so that the memory used last is used next. What an
//! order needs for itself, also after its execution is over, is its [`Lot`].

use crate::ids::{ExecutionId, OrderKey, Reason};
use crate::message::{Action, RejectKind, Signal};
use crate::order::{Order, State};
use crate::recorder::record::{
    CHILDREN_MAX, ChildResult, ExecutionResult, Hop, Hops, Outcome, ResultError,
};
use crate::risk::Refusal;
use crate::units::{Contracts, Money, Nanos, Price, Timestamp};

use super::plan::leg_price;

/// Names an execution: its slot, and how often that slot has been used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct ExecutionKey {
    slot: u32,
    generation: u32,
}

impl ExecutionKey {
    /// Of no execution: no slot has this number.
    pub(super) const NONE: Self = Self { slot: u32::MAX, generation: 0 };
}

/// What is kept beside an order, by its slot.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Lot {
    /// Whose child it is.
    pub(super) execution: ExecutionKey,
    /// The execution's name, for fills that come after its end.
    pub(super) execution_id: ExecutionId,
    /// Cash still reserved for the order.
    pub(super) reserve: Money,
    /// The day whose counters it entered.
    pub(super) utc_day: u32,
    /// When it is cancelled if it still rests.
    pub(super) until: Timestamp,
}

/// Where an execution stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Progress {
    /// No execution: the slot is free.
    #[default]
    Over,
    /// A child is alive.
    Working,
    /// Between two children: the next is due then.
    Waiting(Timestamp),
}

/// How a signal is executed, decided when it enters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Manner {
    /// Crosses the spread; what stays unfilled is retried at a better price.
    #[default]
    Take,
    /// Rests post-only until then and follows the market.
    Make {
        /// When the signal is over.
        until: Timestamp,
    },
}

/// Follows one signal from approval to its result.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Execution {
    key: ExecutionKey,
    /// Where it stands.
    pub(super) progress: Progress,
    /// Names it.
    pub(super) id: ExecutionId,
    /// What was asked; `None` in a slot never used.
    signal: Option<Signal>,
    /// How it is executed.
    pub(super) manner: Manner,
    /// The limit of its first order, on the YES book: what retries are bounded by.
    pub(super) original: Option<Price>,
    /// The order alive, or the last one.
    pub(super) child: OrderKey,
    /// The price the signal saw, in its own leg.
    expected: Option<Price>,
    /// Orders after the first.
    pub(super) retries: u8,
    /// Times the next order had to wait for its turn.
    pub(super) waits: u8,
    /// Whether the exchange was asked for the market's prices since its last order.
    pub(super) asked: bool,
    /// When its price was last changed.
    pub(super) pegged_at: Timestamp,
    /// Whether a person has said that nothing is to follow its last order.
    pub(super) unwanted: bool,
    /// Why the exchange refused its last order.
    pub(super) refused: Option<RejectKind>,
    /// Filled over all its orders.
    pub(super) filled: Contracts,
    /// YES-leg price times quantity over all fills.
    yes_cost: Money,
    fees: Money,
    children: [Option<ChildResult>; CHILDREN_MAX],
    /// Where the time went.
    hops: Hops,
    /// Set when the exchange refused or something failed.
    error: Option<ResultError>,
}

impl Execution {
    /// Makes a free slot the execution of a signal. Fields are set one by one: the list of
    /// children is large and only its first entry is in use.
    fn begin(&mut self, id: ExecutionId, signal: &Signal, expected: Option<Price>, manner: Manner) {
        debug_assert!(
            self.progress == Progress::Over,
            "Invariant: a slot has one execution at a time"
        );
        self.progress = Progress::Working;
        self.id = id;
        self.signal = Some(*signal);
        self.manner = manner;
        self.original = None;
        self.child = OrderKey::default();
        self.expected = expected;
        self.retries = 0;
        self.waits = 0;
        self.asked = false;
        self.pegged_at = Timestamp::ZERO;
        self.unwanted = false;
        self.refused = None;
        self.filled = Contracts::ZERO;
        self.yes_cost = Money::ZERO;
        self.fees = Money::ZERO;
        self.children[..].iter_mut().take_while(|child| child.is_some()).for_each(|it| *it = None);
        self.hops = Hops::default();
        self.hops.set(Hop::Decode, signal.decoded.since(signal.received));
        self.error = None;
    }

    /// What was asked.
    ///
    /// # Panics
    /// In a slot that was never used.
    pub(super) const fn signal(&self) -> &Signal {
        self.signal.as_ref().expect("a slot in use has its signal")
    }

    /// What is still wanted.
    pub(super) const fn wanted(&self) -> Contracts {
        self.signal().contracts.saturating_sub(self.filled)
    }

    /// The state of its last order.
    pub(super) fn last_state(&self) -> State {
        self.children.iter().flatten().last().map_or(State::Rejected, |child| child.state)
    }

    /// Whether another order may follow: the list of its orders has room for it.
    pub(super) fn has_room(&self) -> bool {
        self.children.last().is_some_and(Option::is_none)
    }

    /// Notes a new child.
    pub(super) fn adopt(&mut self, order: &Order) {
        self.progress = Progress::Working;
        self.child = order.key();
        self.waits = 0;
        self.asked = false;
        self.refused = None;
        // What stood in the way of the former order is none of this one's.
        self.error = None;
        let price = order.terms().price;
        self.original.get_or_insert(price);
        let free = self.children.iter_mut().find(|child| child.is_none());
        debug_assert!(free.is_some(), "Invariant: room is made sure of before an order is made");
        if let Some(free) = free {
            let leg = self.signal.map_or(Action::BuyYes, |signal| signal.action).leg();
            *free = Some(ChildResult {
                client_order_id: order.terms().client_order_id,
                order_id: order.order_id(),
                state: order.state(),
                limit_price: leg_price(leg, order.terms().price),
                contracts: order.terms().quantity,
                filled: order.filled(),
            });
        }
    }

    /// Takes over what a step has changed in one of its children, the alive or a former one.
    pub(super) fn follow(&mut self, before: &Order, order: &Order) {
        self.filled += order.filled().saturating_sub(before.filled());
        self.yes_cost += order.cost() - before.cost();
        self.fees += order.fees() - before.fees();
        let id = order.terms().client_order_id;
        let child = self.children.iter_mut().flatten().find(|child| child.client_order_id == id);
        if let Some(child) = child {
            child.order_id = order.order_id();
            let leg = self.signal.map_or(Action::BuyYes, |signal| signal.action).leg();
            child.limit_price = leg_price(leg, order.terms().price);
            child.contracts = order.terms().quantity;
            child.state = order.state();
            child.filled = order.filled();
        }
    }

    /// Notes a hop and returns its span for the recorder.
    pub(super) const fn note(&mut self, hop: Hop, span: Nanos) -> Nanos {
        self.hops.set(hop, span);
        span
    }

    /// Whether a hop has been noted.
    #[must_use]
    pub(super) const fn has(&self, hop: Hop) -> bool {
        self.hops.spans[hop as usize].is_some()
    }

    /// Notes what went wrong, in the result's words.
    pub(super) fn note_error(&mut self, code: &str, message: &str) {
        self.error =
            Some(ResultError { code: Reason::lossy(code), message: Reason::lossy(message) });
    }

    /// Notes what the exchange said.
    pub(super) const fn note_reject(&mut self, kind: RejectKind, error: ResultError) {
        self.refused = Some(kind);
        self.error = Some(error);
    }

    /// The answer to its signal.
    pub(super) fn result(&self, state: State) -> ExecutionResult {
        let signal = self.signal();
        let is_whole = self.filled >= signal.contracts;
        // A late fill of a former child may have made it whole, whatever the last one came to.
        let state = if is_whole && state.is_terminal() { State::Filled } else { state };
        ExecutionResult {
            outcome: Outcome::Ended(state),
            filled: self.filled,
            cost: leg_cost(signal.action, self.yes_cost, self.filled),
            fees: self.fees,
            retries: self.retries,
            error: self.error,
            orders: self.children,
            hops: self.hops,
            ..blank(self.id, signal, self.expected)
        }
    }
}

/// Every execution under way, in a fixed number of slots.
#[derive(Debug)]
pub(super) struct Executions {
    slots: Vec<Execution>,
    free: Vec<u32>,
}

impl Executions {
    /// Allocates and touches `capacity` slots.
    #[must_use]
    pub(super) fn new(capacity: usize) -> Self {
        let capacity = u32::try_from(capacity).unwrap_or(u32::MAX);
        let place =
            |slot| Execution { key: ExecutionKey { slot, generation: 0 }, ..Execution::default() };
        Self { slots: (0..capacity).map(place).collect(), free: (0..capacity).rev().collect() }
    }

    /// Whether one more can begin.
    #[must_use]
    pub(super) const fn has_room(&self) -> bool {
        !self.free.is_empty()
    }

    /// Begins one; `None` when there is no room.
    pub(super) fn begin(
        &mut self,
        id: ExecutionId,
        signal: &Signal,
        expected: Option<Price>,
        manner: Manner,
    ) -> Option<ExecutionKey> {
        let slot = self.free.pop()?;
        let execution = &mut self.slots[slot as usize];
        execution.begin(id, signal, expected, manner);
        Some(execution.key)
    }

    /// Ends one: its key finds nothing any more.
    pub(super) fn end(&mut self, key: ExecutionKey) {
        let Some(execution) = self.find_mut(key) else { return };
        execution.progress = Progress::Over;
        execution.key.generation = execution.key.generation.wrapping_add(1);
        self.free.push(key.slot);
    }

    /// The execution with this key, unless it is over.
    #[must_use]
    pub(super) fn find(&self, key: ExecutionKey) -> Option<&Execution> {
        let execution = self.slots.get(key.slot as usize)?;
        (execution.key == key && execution.progress != Progress::Over).then_some(execution)
    }

    /// Like [`Self::find`], mutable.
    #[must_use]
    pub(super) fn find_mut(&mut self, key: ExecutionKey) -> Option<&mut Execution> {
        let execution = self.slots.get_mut(key.slot as usize)?;
        (execution.key == key && execution.progress != Progress::Over).then_some(execution)
    }
}

/// The answer to a signal that a limit refused.
#[must_use]
pub(super) fn refused(
    id: ExecutionId,
    signal: &Signal,
    expected: Option<Price>,
    refusal: Refusal,
) -> ExecutionResult {
    ExecutionResult { outcome: Outcome::Refused(refusal), ..blank(id, signal, expected) }
}

/// What every result starts from, before anything has been sent.
fn blank(id: ExecutionId, signal: &Signal, expected: Option<Price>) -> ExecutionResult {
    let mut hops = Hops::default();
    hops.set(Hop::Decode, signal.decoded.since(signal.received));
    ExecutionResult {
        source: signal.source,
        signal_id: signal.id,
        execution_id: id,
        ticker: signal.ticker,
        action: signal.action,
        outcome: Outcome::NotTradeable,
        contracts: signal.contracts,
        filled: Contracts::ZERO,
        cost: Money::ZERO,
        fees: Money::ZERO,
        expected_price: expected,
        edge: signal.edge,
        retries: 0,
        error: None,
        orders: [None; CHILDREN_MAX],
        hops,
    }
}

/// What the fills cost in the signal's own leg: negative when the position was left.
fn leg_cost(action: Action, yes_cost: Money, filled: Contracts) -> Money {
    let dollar = Money::from_e8(Money::E8_PER_DOLLAR / 100 * i64::from(filled.centis()));
    let own = match action.leg() {
        crate::message::Leg::Yes => yes_cost,
        crate::message::Leg::No => dollar - yes_cost,
    };
    if action.is_buy() { own } else { -own }
}
