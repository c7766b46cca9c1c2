//! One order from approval to its end. [`Order::apply`] is the only way its state changes, and
//! the only caller of the transition table.
//!
//! The exchange tells how an order ended (acknowledgement of an immediate-or-cancel, cancel
//! answer, order report) on another path than its fills. [`Order::note_ending`] keeps that word
//! until the fills it speaks of have been booked; only then is the order terminal.

use super::change::{Change, ChangeStage};
use super::state::{Event, IllegalTransition, State, next};
use crate::ids::{OrderId, OrderKey};
use crate::message::NewOrder;
use crate::units::{Contracts, Money, Price, Timestamp};

/// The exchange's word on how much had been filled when the order ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ending {
    /// Quantity filled in all.
    pub filled: Contracts,
    /// Whether its time was up (as opposed to cancelled or immediate-or-cancel).
    pub expired: bool,
}

/// One order, owned by the oms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    terms: NewOrder,
    state: State,
    order_id: OrderId,
    filled: Contracts,
    cost: Money,
    fees: Money,
    ending: Option<Ending>,
    change: Option<Change>,
    /// When the oms next looks at it; [`Timestamp::NEVER`] when nothing is due.
    pub deadline: Timestamp,
    /// When its bytes were with the kernel.
    pub sent_at: Timestamp,
    /// When its fate became unclear.
    pub lost_at: Timestamp,
    /// When it was last looked up.
    pub looked: Timestamp,
    /// Look-ups made since then.
    pub lookups: u16,
    /// Complete listings without it since then.
    pub absences: u16,
    /// Cancels sent for it since it was last seen resting.
    pub cancels: u8,
    /// Times its bytes were handed to the gateway again because the answer was lost.
    pub resends: u8,
    /// Whether the gateway has said what became of its request. Until then it may be on its way,
    /// and its absence from a listing says nothing.
    pub answered: bool,
    /// Whether a look-up is under way.
    pub asked: bool,
    /// Whether the exchange has given it different ids: it was there then, whatever listings say.
    pub disputed: bool,
}

impl Order {
    /// An approved order that has not left yet.
    #[must_use]
    pub const fn new(terms: NewOrder) -> Self {
        Self {
            terms,
            state: State::Pending,
            order_id: OrderId::EMPTY,
            filled: Contracts::ZERO,
            cost: Money::ZERO,
            fees: Money::ZERO,
            ending: None,
            change: None,
            deadline: Timestamp::NEVER,
            sent_at: Timestamp::ZERO,
            lost_at: Timestamp::ZERO,
            looked: Timestamp::ZERO,
            lookups: 0,
            absences: 0,
            cancels: 0,
            resends: 0,
            answered: false,
            asked: false,
            disputed: false,
        }
    }

    /// What was approved.
    #[must_use]
    pub const fn terms(&self) -> &NewOrder {
        &self.terms
    }

    /// Its place in the slab.
    #[must_use]
    pub const fn key(&self) -> OrderKey {
        self.terms.key
    }

    /// Where it is in its life.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// The exchange's id, empty until known.
    #[must_use]
    pub const fn order_id(&self) -> OrderId {
        self.order_id
    }

    /// Notes the exchange's id. A second, different id is refused: answers speak of this order.
    #[must_use]
    pub fn identify(&mut self, order_id: OrderId) -> bool {
        if self.order_id.is_empty() {
            self.order_id = order_id;
        }
        self.order_id == order_id
    }

    /// Gives it the id under which a look-up by our own id has found it, whatever answers said.
    pub const fn rename(&mut self, order_id: OrderId) {
        self.order_id = order_id;
    }

    /// Quantity filled.
    #[must_use]
    pub const fn filled(&self) -> Contracts {
        self.filled
    }

    /// Quantity that can still fill as far as we know: what exposure must count.
    #[must_use]
    pub const fn open(&self) -> Contracts {
        if self.state.is_terminal() {
            Contracts::ZERO
        } else {
            self.terms.quantity.saturating_sub(self.filled)
        }
    }

    /// Sum of YES-leg price times quantity over its fills.
    #[must_use]
    pub const fn cost(&self) -> Money {
        self.cost
    }

    /// Fees of its fills.
    #[must_use]
    pub const fn fees(&self) -> Money {
        self.fees
    }

    /// What the exchange said of its end, while fills are still missing.
    #[must_use]
    pub const fn ending(&self) -> Option<Ending> {
        self.ending
    }

    /// What the exchange was asked to make of it and has not confirmed.
    #[must_use]
    pub const fn change(&self) -> Option<Change> {
        self.change
    }

    /// Whether it may rest for less than its quantity says: a decrease is not confirmed.
    #[must_use]
    pub fn may_be_smaller(&self) -> bool {
        self.change.is_some_and(|change| change.quantity < self.terms.quantity)
    }

    /// Notes that the exchange is asked for another price and quantity.
    pub fn ask_change(&mut self, price: Price, quantity: Contracts, asked: Timestamp) {
        debug_assert!(self.change.is_none(), "Invariant: one change at a time");
        self.change = Some(Change { price, quantity, asked, stage: ChangeStage::Asked });
    }

    /// Notes that the answer to its change is missing.
    pub const fn lose_change(&mut self, at: Timestamp) {
        if let Some(change) = &mut self.change {
            change.stage = ChangeStage::Lost(at);
        }
    }

    /// It is as it was.
    pub const fn drop_change(&mut self) {
        self.change = None;
    }

    /// It is as was asked for. A quantity that has filled already is left to the exchange's word
    /// on its end: an order that lives has something open.
    pub fn confirm_change(&mut self) -> State {
        if let Some(change) = self.change.take() {
            self.terms.price = change.price;
            if change.quantity > self.filled {
                self.terms.quantity = change.quantity;
            }
        }
        self.state
    }

    /// Takes one step of the life cycle.
    ///
    /// # Errors
    /// [`IllegalTransition`], and the order is unchanged.
    pub fn apply(&mut self, event: Event) -> Result<State, IllegalTransition> {
        let to = next(self.state, event)?;
        if to == State::Rejected && self.state != State::Rejected && !self.filled.is_zero() {
            // What has filled was there.
            return Err(IllegalTransition { from: self.state, event });
        }
        let some_filled = !self.filled.is_zero();
        self.state = if to == State::Resting && some_filled { State::Partial } else { to };
        debug_assert!(
            self.state != State::Filled || self.filled >= self.terms.quantity,
            "Invariant: a filled order has filled its quantity"
        );
        Ok(self.state)
    }

    /// Books one new fill of `quantity` costing `cost` (YES price times quantity) and `fee`.
    ///
    /// # Errors
    /// [`IllegalTransition`] when the order cannot fill (rejected, already full) or would
    /// overfill; the quantities are booked all the same, because the exchange says so.
    pub fn fill(
        &mut self,
        quantity: Contracts,
        cost: Money,
        fee: Money,
    ) -> Result<State, IllegalTransition> {
        let total = self.filled + quantity;
        let event = if total < self.terms.quantity { Event::FillSome } else { Event::FillAll };
        self.filled = total;
        self.cost += cost;
        self.fees += fee;
        let before = self.state;
        let step = self.apply(event);
        if total > self.terms.quantity {
            return Err(IllegalTransition { from: before, event });
        }
        step
    }

    /// Notes how the exchange says the order ended, and ends it if all its fills are booked.
    ///
    /// # Errors
    /// [`IllegalTransition`] when the order cannot end in its state.
    pub fn note_ending(&mut self, ending: Ending) -> Result<State, IllegalTransition> {
        // Later reports can only have seen more fills.
        let known = self.ending.map_or(ending.filled, |before| before.filled.max(ending.filled));
        self.ending = Some(Ending { filled: known, expired: ending.expired });
        self.settle()
    }

    /// Ends the order when its ending is known and every fill that ending speaks of is booked.
    ///
    /// # Errors
    /// [`IllegalTransition`] when the order cannot end in its state.
    pub fn settle(&mut self) -> Result<State, IllegalTransition> {
        match self.ending {
            Some(ending) if self.filled >= ending.filled && self.filled < self.terms.quantity => {
                self.apply(if ending.expired { Event::TimedOut } else { Event::Ended })
            }
            _ => Ok(self.state),
        }
    }

    /// Whether the exchange's word on the end is in but fills it counted are not.
    #[must_use]
    pub fn awaits_fills(&self) -> bool {
        !self.state.is_terminal() && self.ending.is_some_and(|ending| ending.filled > self.filled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{ClientOrderId, MarketIx, RunId};
    use crate::message::{BookSide, TimeInForce};
    use crate::units::Price;

    fn order(whole: u32) -> Order {
        Order::new(NewOrder {
            key: OrderKey { slot: 1, generation: 0 },
            client_order_id: ClientOrderId::new(RunId::new(1), 1),
            market: MarketIx(0),
            side: BookSide::Bid,
            price: Price::from_cents(50).unwrap(),
            quantity: Contracts::from_whole(whole),
            time_in_force: TimeInForce::ImmediateOrCancel,
            expiration_secs: None,
            reduce_only: false,
            post_only: false,
            reference: Price::from_cents(50).unwrap(),
            received: Timestamp::ZERO,
            approved: Timestamp::ZERO,
        })
    }

    fn fill(order: &mut Order, whole: u32) -> Result<State, IllegalTransition> {
        let quantity = Contracts::from_whole(whole);
        order.fill(quantity, order.terms().price * quantity, Money::ZERO)
    }

    #[test]
    fn a_fill_may_arrive_before_the_ack() {
        let mut order = order(10);
        order.apply(Event::Sent).unwrap();

        assert_eq!(fill(&mut order, 4), Ok(State::Partial));
        assert_eq!(order.apply(Event::Acked), Ok(State::Partial));
        assert_eq!(fill(&mut order, 6), Ok(State::Filled));
        assert_eq!(order.apply(Event::Acked), Ok(State::Filled), "a late ack changes nothing");
    }

    #[test]
    fn an_ending_waits_for_the_fills_it_counted() {
        let mut order = order(10);
        order.apply(Event::Sent).unwrap();
        order.apply(Event::Acked).unwrap();

        let ending = Ending { filled: Contracts::from_whole(4), expired: false };
        assert_eq!(order.note_ending(ending), Ok(State::Resting));
        assert!(order.awaits_fills());
        assert_eq!(
            order.open(),
            Contracts::from_whole(10),
            "exposure stays until the fills are in"
        );

        fill(&mut order, 4).unwrap();
        assert_eq!(order.settle(), Ok(State::Canceled));
        assert!(order.open().is_zero());
    }

    #[test]
    fn a_canceled_order_absorbs_a_late_fill_and_a_rejected_one_does_not() {
        let mut canceled = order(10);
        canceled.apply(Event::Sent).unwrap();
        canceled.note_ending(Ending { filled: Contracts::ZERO, expired: false }).unwrap();
        assert_eq!(canceled.state(), State::Canceled);
        assert_eq!(fill(&mut canceled, 3), Ok(State::Canceled));
        assert_eq!(fill(&mut canceled, 7), Ok(State::Filled));

        let mut rejected = order(10);
        rejected.apply(Event::Sent).unwrap();
        rejected.apply(Event::Refused).unwrap();
        assert!(fill(&mut rejected, 1).is_err());
        assert_eq!(rejected.filled(), Contracts::from_whole(1), "booked all the same");
    }

    #[test]
    fn an_overfill_is_illegal_and_still_booked() {
        let mut order = order(2);
        order.apply(Event::Sent).unwrap();
        fill(&mut order, 2).unwrap();
        assert!(fill(&mut order, 1).is_err());
        assert_eq!(order.filled(), Contracts::from_whole(3));
    }

    #[test]
    fn a_change_counts_once_it_is_confirmed() {
        let mut order = order(10);
        order.apply(Event::Sent).unwrap();
        order.apply(Event::Acked).unwrap();
        let (price, four) = (Price::from_cents(51).unwrap(), Contracts::from_whole(4));
        order.ask_change(price, four, Timestamp::ZERO);
        assert!(order.may_be_smaller());
        assert_eq!(order.open(), Contracts::from_whole(10), "the worse of both");

        fill(&mut order, 3).unwrap();
        assert_eq!(order.confirm_change(), State::Partial);
        assert_eq!((order.terms().price, order.open()), (price, Contracts::from_whole(1)));
        assert_eq!(fill(&mut order, 1), Ok(State::Filled));
    }

    #[test]
    fn a_decrease_to_what_has_filled_waits_for_the_exchanges_word() {
        let mut order = order(10);
        order.apply(Event::Sent).unwrap();
        order.apply(Event::Acked).unwrap();
        order.ask_change(order.terms().price, Contracts::from_whole(4), Timestamp::ZERO);
        fill(&mut order, 4).unwrap();
        order.confirm_change();
        assert_eq!(order.open(), Contracts::from_whole(6), "its end is not known yet");
        let ending = Ending { filled: Contracts::from_whole(4), expired: false };
        assert_eq!(order.note_ending(ending), Ok(State::Canceled));
    }

    #[test]
    fn an_order_keeps_the_first_id_the_exchange_gave() {
        let mut order = order(1);
        let first = OrderId::new(b"a").unwrap();
        assert!(order.identify(first));
        assert!(order.identify(first));
        assert!(!order.identify(OrderId::new(b"b").unwrap()));
        assert_eq!(order.order_id(), first);
    }
}
