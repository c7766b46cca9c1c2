//! What time and the exchange's operators do: markets open, pause, close, come out and settle;
//! trading pauses; orders expire.
//!
//! Opening and closing by the clock tell nobody, as at the real exchange; what an operator does
//! is a [`LifecycleChange`]. Re-activation cancels everything that rests in a market.

use crate::sim::exchange::book::OrderIx;
use crate::sim::exchange::event::{ExchangeEvent, LifecycleChange};
use crate::sim::exchange::order::{Order, UpdateReason};
use crate::sim::exchange::seed::PriceStructure;
use crate::sim::exchange::settling::Outcome;
use crate::sim::exchange::{Exchange, ExchangeState, MarketStatus};
use crate::units::{Nanos, WallTime};

/// What the reference leaves open, or gives as "shortly" and "may".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Time from a market's close to the cancellation of what rests in it.
    pub close_cancel_delay: Nanos,
    /// Time from a determination to the settlement, unless it is disputed.
    pub settlement_delay: Nanos,
    /// Chance, in thousandths, that an order placed in the minute after a cancel-all of its
    /// account is cancelled too.
    pub cancel_all_tail_per_mille: u32,
}

impl Default for Rules {
    /// A second, a minute, and no tail.
    fn default() -> Self {
        Self {
            close_cancel_delay: Nanos::from_secs(1),
            settlement_delay: Nanos::from_secs(60),
            cancel_all_tail_per_mille: 0,
        }
    }
}

/// What an operator can do to a market.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MarketCommand {
    /// Opens an unopened market or re-activates a paused one.
    Activate,
    /// Pauses an open market.
    Deactivate,
    /// Closes it for good.
    Close,
    /// Says how it came out.
    Determine(Outcome),
    /// Stops the settlement of a determined market.
    Dispute,
    /// Lets what a disputed market was determined to be stand; its settlement waits anew.
    Uphold,
    /// Says how a disputed market came out after all.
    Amend(Outcome),
    /// Pays out now.
    Settle,
    /// Moves its closing time.
    CloseAt(WallTime),
    /// Gives it other valid prices; resting orders stay.
    Restructure(PriceStructure),
}

/// The command does not fit what the market is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the market is {}", status.as_str())]
pub struct LifecycleError {
    /// What the market is.
    pub status: MarketStatus,
}

/// Something that happens by itself at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    Open(usize),
    Close(usize),
    CancelResting(usize),
    Settle(usize),
    /// An order that a cancel-all takes with it although it came later.
    Sweep(u128),
}

impl Exchange {
    /// Sets what the reference leaves open.
    pub const fn set_rules(&mut self, rules: Rules) {
        self.rules = rules;
    }

    /// What the reference leaves open.
    #[must_use]
    pub const fn rules(&self) -> Rules {
        self.rules
    }

    /// Sets a series' `fee_multiplier` in millionths for one of its markets. `None`, and no
    /// change, when it is absurd.
    pub fn set_fees(&mut self, market: usize, multiplier_ppm: u32) -> Option<()> {
        let state = &mut self.markets[market];
        state.fee_type.schedule(multiplier_ppm)?;
        state.fee_multiplier_ppm = multiplier_ppm;
        state.recharge()
    }

    /// Charges nothing in a market until a time.
    pub fn waive_fees(&mut self, now: WallTime, market: usize, until: WallTime) {
        self.advance(now);
        self.markets[market].fee_waiver_until = Some(until);
        self.markets[market].updated = now;
    }

    /// Lets time pass: ends every order whose time is up and moves every market whose time has
    /// come. Every request does this first.
    pub fn advance(&mut self, now: WallTime) {
        while let Some(due) = self.next_deadline().filter(|due| *due <= now) {
            self.expire(due);
            self.run_timers(due);
        }
    }

    /// When [`Self::advance`] next has something to do.
    #[must_use]
    pub fn next_deadline(&self) -> Option<WallTime> {
        let expiry = self.expiries.first().map(|(time, ..)| *time);
        let timer = self.timers.first().map(|(time, ..)| *time);
        match (expiry, timer) {
            (Some(expiry), Some(timer)) => Some(expiry.min(timer)),
            (expiry, timer) => expiry.or(timer),
        }
    }

    fn expire(&mut self, now: WallTime) {
        while let Some((time, _, ix)) = self.expiries.first().copied() {
            if time > now {
                return;
            }
            self.close(ix, UpdateReason::ExpiryCancel, time);
        }
    }

    fn run_timers(&mut self, now: WallTime) {
        while let Some((time, seq, timer)) = self.timers.first().copied() {
            if time > now {
                return;
            }
            self.timers.remove(&(time, seq, timer));
            self.run_timer(timer, time);
        }
    }

    fn run_timer(&mut self, timer: Timer, now: WallTime) {
        match timer {
            Timer::Open(market) => {
                if self.markets[market].status == MarketStatus::Initialized {
                    self.markets[market].status = MarketStatus::Active;
                    self.markets[market].updated = now;
                }
            }
            Timer::Close(market) => {
                let due = self.markets[market].closes.is_some_and(|closes| closes <= now);
                if due && self.markets[market].status.is_before_close() {
                    self.shut(market, now);
                }
            }
            Timer::CancelResting(market) => self.cancel_resting(market, now),
            Timer::Settle(market) => {
                // A dispute has put it off, or still holds it up.
                let due = self.markets[market].settles.is_some_and(|settles| settles <= now);
                if due && self.markets[market].status.awaits_settlement() {
                    self.finalize(market, now);
                }
            }
            Timer::Sweep(id) => {
                if let Some(ix) =
                    self.orders.find_live(id).filter(|ix| self.orders.get(*ix).rests())
                {
                    self.close(ix, UpdateReason::Decrease, now);
                }
            }
        }
    }

    pub(super) fn schedule(&mut self, time: WallTime, timer: Timer) {
        self.timers_set += 1;
        self.timers.insert((time, self.timers_set, timer));
    }

    /// Gives a market its times: it opens and closes by itself then. A market that opens later
    /// is unopened until then.
    pub fn set_session(
        &mut self,
        now: WallTime,
        market: usize,
        opens: Option<WallTime>,
        closes: Option<WallTime>,
    ) {
        let state = &mut self.markets[market];
        (state.opens, state.closes) = (opens, closes);
        if let Some(opens) = opens.filter(|opens| *opens > now) {
            state.status = MarketStatus::Initialized;
            self.schedule(opens, Timer::Open(market));
        }
        if let Some(closes) = closes {
            self.schedule(closes, Timer::Close(market));
        }
    }

    /// Does to a market what an operator wants.
    ///
    /// # Errors
    /// [`LifecycleError`] when the market's status does not allow it; nothing changed then.
    pub fn command(
        &mut self,
        now: WallTime,
        market: usize,
        command: MarketCommand,
    ) -> Result<(), LifecycleError> {
        self.advance(now);
        let status = self.markets[market].status;
        if !command.fits(status) {
            return Err(LifecycleError { status });
        }
        self.markets[market].updated = now;
        match command {
            MarketCommand::Activate => self.activate(market, now),
            MarketCommand::Deactivate => self.deactivate(market, now),
            MarketCommand::Close => {
                self.markets[market].closes = Some(now);
                self.lifecycle(market, LifecycleChange::CloseDateUpdated(now), now);
                self.shut(market, now);
            }
            MarketCommand::Determine(outcome) => self.determine(market, outcome, now),
            MarketCommand::Dispute => self.markets[market].status = MarketStatus::Disputed,
            MarketCommand::Uphold => {
                self.markets[market].status = MarketStatus::Determined;
                self.await_settlement(market, now);
            }
            MarketCommand::Amend(outcome) => {
                self.markets[market].outcome = Some(outcome);
                self.markets[market].status = MarketStatus::Amended;
                self.await_settlement(market, now);
            }
            MarketCommand::Settle => self.finalize(market, now),
            MarketCommand::CloseAt(closes) => {
                self.markets[market].closes = Some(closes);
                self.schedule(closes, Timer::Close(market));
                self.lifecycle(market, LifecycleChange::CloseDateUpdated(closes), now);
            }
            MarketCommand::Restructure(structure) => {
                self.markets[market].structure = structure;
                self.markets[market].grid = structure.grid();
                self.lifecycle(market, LifecycleChange::Restructured(structure), now);
            }
        }
        Ok(())
    }

    fn activate(&mut self, market: usize, now: WallTime) {
        self.markets[market].status = MarketStatus::Active;
        self.lifecycle(market, LifecycleChange::Activated, now);
        self.cancel_everything(market, UpdateReason::HaltCancel, now);
    }

    fn deactivate(&mut self, market: usize, now: WallTime) {
        self.markets[market].status = MarketStatus::Inactive;
        self.lifecycle(market, LifecycleChange::Deactivated, now);
        self.close_where(now, UpdateReason::HaltCancel, |order| {
            order.market == market && order.terms.cancel_on_pause
        });
    }

    /// Past its close a market takes nothing; what rests in it goes a little later.
    fn shut(&mut self, market: usize, now: WallTime) {
        self.markets[market].status = MarketStatus::Closed;
        self.markets[market].updated = now;
        self.schedule(now + self.rules.close_cancel_delay, Timer::CancelResting(market));
    }

    fn determine(&mut self, market: usize, outcome: Outcome, now: WallTime) {
        self.markets[market].status = MarketStatus::Determined;
        self.markets[market].outcome = Some(outcome);
        self.markets[market].determined = Some(now);
        self.lifecycle(market, LifecycleChange::Determined(outcome), now);
        self.await_settlement(market, now);
    }

    /// What is known of a market's outcome is paid out a while later.
    fn await_settlement(&mut self, market: usize, now: WallTime) {
        let settles = now + self.rules.settlement_delay;
        self.markets[market].settles = Some(settles);
        self.schedule(settles, Timer::Settle(market));
    }

    fn finalize(&mut self, market: usize, now: WallTime) {
        let outcome = self.markets[market].outcome;
        let outcome = outcome.expect("a determined or amended market has an outcome");
        self.cancel_resting(market, now);
        self.markets[market].status = MarketStatus::Finalized;
        self.markets[market].settled = Some(now);
        self.markets[market].updated = now;
        self.pay_out(market, outcome, now);
        self.lifecycle(market, LifecycleChange::Settled, now);
    }

    fn cancel_resting(&mut self, market: usize, now: WallTime) {
        if !self.markets[market].status.is_before_close() {
            self.cancel_everything(market, UpdateReason::CloseCancel, now);
        }
    }

    /// Cancels all that rests in a market, the background's included.
    fn cancel_everything(&mut self, market: usize, reason: UpdateReason, now: WallTime) {
        let book = &self.markets[market].book;
        let mut resting: Vec<(u64, OrderIx)> =
            book.orders().map(|ix| (self.orders.get(ix).seq, ix)).collect();
        resting.sort_unstable();
        for (_, ix) in resting {
            self.close(ix, reason, now);
        }
        self.markets[market].wipes += 1;
    }

    fn lifecycle(&mut self, market: usize, change: LifecycleChange, time: WallTime) {
        self.events.push(ExchangeEvent::Lifecycle { market, change, time });
    }

    /// Pauses or reopens the exchange. A pause cancels the orders that asked for it.
    pub fn set_state(&mut self, now: WallTime, state: ExchangeState) {
        self.advance(now);
        self.state = state;
        if state != ExchangeState::Open {
            self.close_where(now, UpdateReason::HaltCancel, |order| order.terms.cancel_on_pause);
        }
    }

    /// Pauses or reopens a market; a market past its close stays what it is.
    pub fn set_market_status(&mut self, now: WallTime, market: usize, status: MarketStatus) {
        let command = match status {
            MarketStatus::Active => MarketCommand::Activate,
            MarketStatus::Inactive => MarketCommand::Deactivate,
            MarketStatus::Closed => MarketCommand::Close,
            MarketStatus::Initialized
            | MarketStatus::Determined
            | MarketStatus::Disputed
            | MarketStatus::Amended
            | MarketStatus::Finalized => return,
        };
        // What does not fit changes nothing: a fault plan may ask for it at any time.
        let _: Result<(), LifecycleError> = self.command(now, market, command);
    }

    /// Cancels the members' orders for which `matches` holds, oldest first. Returns how many.
    pub(super) fn close_where(
        &mut self,
        now: WallTime,
        reason: UpdateReason,
        matches: impl Fn(&Order) -> bool,
    ) -> usize {
        let mut doomed: Vec<(u64, OrderIx)> = self
            .markets
            .iter()
            .flat_map(|market| market.book.orders())
            .map(|ix| (self.orders.get(ix), ix))
            .filter(|(order, _)| self.is_member(order.user) && matches(order))
            .map(|(order, ix)| (order.seq, ix))
            .collect();
        doomed.sort_unstable();
        for (_, ix) in &doomed {
            self.close(*ix, reason, now);
        }
        doomed.len()
    }
}

impl MarketCommand {
    /// The one table of what may follow what.
    const fn fits(self, status: MarketStatus) -> bool {
        use MarketStatus as S;
        match self {
            Self::Activate => matches!(status, S::Initialized | S::Inactive),
            Self::Deactivate => matches!(status, S::Active),
            Self::Close | Self::CloseAt(_) | Self::Restructure(_) => status.is_before_close(),
            Self::Determine(_) => matches!(status, S::Closed),
            Self::Dispute => matches!(status, S::Determined),
            Self::Uphold | Self::Amend(_) => matches!(status, S::Disputed),
            Self::Settle => status.awaits_settlement(),
        }
    }
}
