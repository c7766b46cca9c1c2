//! What follows a child's end: a re-priced retry, a making order in its new place, or the
//! execution's own end.
//!
//! A successor is made only once its predecessor is terminal, only for what the fills of all
//! children have left, and only when every limit says yes to it as to a new order. Its fate does
//! not depend on the predecessor's any more: a late fill of a former child is counted, and an order
//! that is alive for more than is still wanted is cancelled.

use super::config::{OrderConfig, Repeg};
use super::core::{Core, Outbox, Phase};
use super::entry::Entry;
use super::execution::{Execution, ExecutionKey, Manner, Progress};
use super::peg;
use super::plan::{self, Draft, Life};
use super::quotes::Quote;
use crate::ids::{MarketIx, OrderKey, Ticker};
use crate::kalshi::market::Market;
use crate::message::{BestQuote, FetchCommand, RejectKind, TimeInForce};
use crate::order::{Order, State};
use crate::recorder::record::Record;
use crate::risk::{Child, Limit, Refusal};
use crate::units::{Nanos, Now, Price, Timestamp};

/// Turns a successor waits for when others keep taking them: past that the market has moved on.
const WAITS_MAX: u8 = 10;

/// How long a successor waits for the market's prices before it goes by what is known.
const LOOK_WAIT: Nanos = Nanos::from_secs(2);

/// Why no successor was made.
enum Stop {
    /// The market moved against the signal.
    Slipped,
    /// Nobody says what the market asks now: a retry would chase it blindly.
    Unseen,
    /// No price is left.
    NoPrice,
    /// A limit said no.
    Refused(Refusal),
}

impl Core {
    /// A child has ended: decides what follows.
    pub(super) fn child_ended(&mut self, now: Now, order: &Order, out: &mut Outbox) {
        let key = self.lots[order.key().slot as usize].execution;
        let Some(execution) = self.executions.find(key) else { return };
        if execution.child != order.key() {
            return;
        }
        if self.may_follow(now, execution, order) {
            self.follow_up(now, key, out);
        } else {
            self.end_execution(key, order.state(), out);
        }
    }

    /// A finished child has changed after all. What its execution still wants may be less now.
    pub(super) fn former_child_changed(&mut self, now: Now, order: &Order, out: &mut Outbox) {
        let key = self.lots[order.key().slot as usize].execution;
        let Some(execution) = self.executions.find(key) else { return };
        let (child, wanted) = (execution.child, execution.wanted());
        match execution.progress {
            Progress::Waiting(_) if wanted.is_zero() => {
                self.end_execution(key, State::Canceled, out)
            }
            Progress::Working if self.is_too_large(child) && self.rests(child) => {
                self.trim(now, child, out);
            }
            Progress::Waiting(_) | Progress::Working | Progress::Over => {}
        }
    }

    /// Whether an order is alive for more than its execution still wants, and not about to be
    /// made smaller.
    pub(super) fn is_too_large(&self, key: OrderKey) -> bool {
        let execution = self.executions.find(self.lots[key.slot as usize].execution);
        let Some(wanted) = execution.map(Execution::wanted) else { return false };
        let exceeds = self.orders.find(key).is_some_and(|order| order.open() > wanted);
        exceeds && !self.is_shrinking(key, wanted)
    }

    fn rests(&self, key: OrderKey) -> bool {
        let rests = |order: &Order| matches!(order.state(), State::Resting | State::Partial);
        self.orders.find(key).is_some_and(rests)
    }

    /// Whether a successor is wanted at all. The price and the limits are asked later.
    fn may_follow(&self, now: Now, execution: &Execution, order: &Order) -> bool {
        let open = self.phase == Phase::Open && self.halt.is_none();
        if !open || execution.unwanted || execution.wanted().is_zero() || !execution.has_room() {
            return false;
        }
        let orders = &self.config.orders;
        match execution.manner {
            Manner::Take => {
                execution.retries < orders.retries_max
                    && (ran_out(order) || execution.refused == Some(RejectKind::FillOrKill))
            }
            Manner::Make { until } => {
                // What we have not cancelled was cancelled by somebody who wants it gone.
                let moved = order.state() == State::Canceled && order.cancels > 0;
                now.mono < until
                    && execution.retries < orders.repegs_max
                    && (moved || would_have_crossed(execution, order))
            }
        }
    }

    /// Sends the successor, or waits for its turn, or gives up.
    fn follow_up(&mut self, now: Now, key: ExecutionKey, out: &mut Outbox) {
        let Some(execution) = self.executions.find(key) else { return };
        let last = execution.last_state();
        if execution.wanted().is_zero() {
            // A late fill has made it whole meanwhile.
            return self.end_execution(key, last, out);
        }
        if let Some((market, ticker)) = self.has_to_look(now, execution) {
            return self.look(now, key, (market, ticker), out);
        }
        match self.successor(now, execution) {
            Ok(entry) => {
                if let Some(execution) = self.executions.find_mut(key) {
                    execution.retries += 1;
                }
                self.add_child(key, &entry, out);
            }
            Err(Stop::Refused(Refusal { limit: Limit::OrderSpacing, .. }))
                if execution.waits < WAITS_MAX =>
            {
                self.wait(self.turn(now), key);
            }
            Err(stop) => {
                self.explain(key, &stop);
                self.end_execution(key, last, out);
            }
        }
    }

    fn successor(&self, now: Now, execution: &Execution) -> Result<Entry, Stop> {
        let signal = execution.signal();
        let market = self.markets.find(&signal.ticker).ok_or(Stop::NoPrice)?;
        let draft = match execution.manner {
            Manner::Take => self.retry(execution, market)?,
            Manner::Make { until } => self.moved(now, execution, market, until)?,
        };
        // A successor goes by what is known of the market now, not by what the signal saw then,
        // nor by when it came. What is not known is as old as time.
        let known = self.quotes.as_of(market.ix, now.wall);
        let seen = signal.produced_at.map_or(known, |at| at.max(known));
        self.ask(now, signal, market, (draft, Child::Later), Some(seen)).map_err(Stop::Refused)
    }

    fn retry(&self, execution: &Execution, market: &Market) -> Result<Draft, Stop> {
        let (signal, orders) = (execution.signal(), &self.config.orders);
        let current = self.quotes.market(market.ix).against(signal.action.book_side());
        if plan::has_slipped(signal, current.ok_or(Stop::Unseen)?, orders) {
            return Err(Stop::Slipped);
        }
        let original = execution.original.ok_or(Stop::NoPrice)?;
        let price = plan::retry_price(signal, original, execution.retries + 1, orders, market);
        let life = Life::Take(plan::time_in_force(signal, orders));
        Ok(Draft { price: price.ok_or(Stop::NoPrice)?, quantity: execution.wanted(), life })
    }

    fn moved(
        &self,
        now: Now,
        execution: &Execution,
        market: &Market,
        until: Timestamp,
    ) -> Result<Draft, Stop> {
        let (signal, quantity) = (execution.signal(), execution.wanted());
        let quote = self.quotes.market(market.ix);
        let mut price = peg::price(signal, market, &quote, quantity, &self.config.limits)
            .ok_or(Stop::NoPrice)?;
        if execution.refused == Some(RejectKind::PostOnlyCross) {
            // The book is not where it was thought to be.
            price = self.stepped_back(execution, market, price).ok_or(Stop::NoPrice)?;
        }
        let until = now.wall + until.since(now.mono);
        Ok(Draft { price, quantity, life: Life::Make { until } })
    }

    /// A price on this side of the one that would have crossed.
    fn stepped_back(&self, execution: &Execution, market: &Market, price: Price) -> Option<Price> {
        let side = execution.signal().action.book_side();
        let crossed = self.orders.find(execution.child)?.terms().price;
        let back = i64::from(peg::beside(market, side, crossed)?.micros());
        let micros = peg::nearer(side, i64::from(price.micros()), back);
        plan::bounded(execution.signal(), micros, market)
    }

    /// When the next order may go out.
    fn turn(&self, now: Now) -> Timestamp {
        let spacing = self.config.limits.order_spacing_min;
        let past = self.throttle.since_last(now.mono).unwrap_or(spacing);
        now.mono + Nanos::from_ns(spacing.ns().saturating_sub(past.ns()).max(1))
    }

    /// Puts the successor off.
    fn wait(&mut self, until: Timestamp, key: ExecutionKey) {
        let Some(execution) = self.executions.find_mut(key) else { return };
        execution.progress = Progress::Waiting(until);
        execution.waits += 1;
        self.attend(key);
        self.arm_execution(until, key);
    }

    /// The market, when what is known of it is older than a signal may be.
    pub(super) fn has_to_look(
        &self,
        now: Now,
        execution: &Execution,
    ) -> Option<(MarketIx, Ticker)> {
        let market = self.markets.find(&execution.signal().ticker)?;
        let age = now.wall.since(self.quotes.as_of(market.ix, now.wall));
        let is_old = age > self.config.limits.signal_age_max;
        (is_old && !execution.asked).then_some((market.ix, market.ticker))
    }

    /// Asks for the market's prices; the successor waits for the answer.
    fn look(
        &mut self,
        now: Now,
        key: ExecutionKey,
        (market, ticker): (MarketIx, Ticker),
        out: &mut Outbox,
    ) {
        if let Some(execution) = self.executions.find_mut(key) {
            execution.asked = true;
        }
        self.wait(now.mono + LOOK_WAIT, key);
        self.ask_quote(market, ticker, out);
    }

    fn ask_quote(&mut self, market: MarketIx, ticker: Ticker, out: &mut Outbox) {
        if self.quotes.ask(market) {
            out.asks.push(FetchCommand::Quote { ticker });
        }
    }

    /// The exchange's prices of a market, or `None` when they could not be read.
    pub(super) fn on_quote(
        &mut self,
        now: Now,
        ticker: &Ticker,
        quote: Option<&BestQuote>,
        out: &mut Outbox,
    ) {
        let Some(market) = self.markets.find(ticker).map(|market| market.ix) else { return };
        self.quotes.answered(market);
        if let Some(BestQuote { bid, ask, as_of, .. }) = quote {
            let best = Quote { bid: *bid, ask: *ask };
            let _same_or_older: bool = self.quotes.hear(market, best, (*as_of).min(now.wall));
        }
        self.attend_market(now, market, out);
    }

    /// Lets an execution look at its market's prices from now on.
    pub(super) fn attend(&mut self, key: ExecutionKey) {
        if !self.attentive.contains(&key) {
            self.attentive.push(key);
        }
        let Some(execution) = self.executions.find(key) else { return };
        if execution.progress == Progress::Working {
            let at = execution.pegged_at + self.config.orders.repeg_interval;
            self.arm_execution(at, key);
        }
    }

    fn arm_execution(&mut self, at: Timestamp, key: ExecutionKey) {
        let executions = &self.executions;
        self.waits.arm(at, key, |key, _| executions.find(key).is_some());
    }

    /// An execution's time has come: to send what waited, or to look at its place again.
    pub(super) fn on_execution_due(
        &mut self,
        now: Now,
        at: Timestamp,
        key: ExecutionKey,
        out: &mut Outbox,
    ) {
        match self.executions.find(key).map(|execution| execution.progress) {
            Some(Progress::Waiting(due)) if due == at => self.follow_up(now, key, out),
            Some(Progress::Working) => self.watch(now, key, out),
            Some(Progress::Waiting(_) | Progress::Over) | None => {}
        }
    }

    /// A making order has rested for a while: what is the market like now?
    fn watch(&mut self, now: Now, key: ExecutionKey, out: &mut Outbox) {
        let Some(execution) = self.executions.find(key) else { return };
        let Manner::Make { until } = execution.manner else { return };
        let child = execution.child;
        let market = self.markets.find(&execution.signal().ticker);
        let Some((market, ticker)) = market.map(|market| (market.ix, market.ticker)) else {
            return;
        };
        if now.mono < until && self.rests(child) {
            if !self.quotes.is_seen(market) {
                self.ask_quote(market, ticker, out);
            }
            self.repeg(now, key, out);
        }
        let at = now.mono + self.config.orders.repeg_interval;
        if at < until {
            self.arm_execution(at, key);
        }
    }

    /// What is known of a market has been asked for, or is new: executions that wait for it go on,
    /// and making orders in it may have to move.
    pub(super) fn attend_market(&mut self, now: Now, market: MarketIx, out: &mut Outbox) {
        // From the back: one that ends is taken out of the list.
        for index in (0..self.attentive.len()).rev() {
            let Some(&key) = self.attentive.get(index) else { continue };
            let Some(execution) = self.executions.find(key) else { continue };
            let ticker = &execution.signal().ticker;
            if self.markets.find(ticker).is_none_or(|found| found.ix != market) {
                continue;
            }
            match execution.progress {
                Progress::Waiting(_) if execution.asked => self.follow_up(now, key, out),
                Progress::Working => self.repeg(now, key, out),
                Progress::Waiting(_) | Progress::Over => {}
            }
        }
    }

    /// Moves a making order when its place is elsewhere: the exchange does, or it is taken off the
    /// book and its successor goes there.
    fn repeg(&mut self, now: Now, key: ExecutionKey, out: &mut Outbox) {
        let Some(execution) = self.executions.find(key) else { return };
        let (child, settled) =
            (execution.child, execution.pegged_at + self.config.orders.repeg_interval);
        if now.mono < settled {
            return;
        }
        let Some(price) = self.better_place(now, execution) else { return };
        match self.config.orders.repeg {
            Repeg::Replace => self.cancel(now, child, out),
            Repeg::Amend => self.amend_child(now, key, price, out),
        }
    }

    /// Where a making order should rest instead.
    fn better_place(&self, now: Now, execution: &Execution) -> Option<Price> {
        let orders = &self.config.orders;
        let Manner::Make { until } = execution.manner else { return None };
        let may_move =
            now.mono < until && execution.retries < orders.repegs_max && execution.has_room();
        let order = self.orders.find(execution.child)?;
        let settled = order.cancels == 0 && order.change().is_none();
        if !may_move || !settled || !self.rests(execution.child) {
            return None;
        }
        let signal = execution.signal();
        let market = self.markets.find(&signal.ticker)?;
        let quote = self.quotes.market(market.ix);
        let wanted = execution.wanted();
        let price = peg::price(signal, market, &quote, wanted, &self.config.limits);
        price.filter(|price| is_elsewhere(*price, order, orders))
    }

    /// Says in the result why nothing followed.
    fn explain(&mut self, key: ExecutionKey, stop: &Stop) {
        let Some(execution) = self.executions.find_mut(key) else { return };
        match stop {
            Stop::Slipped => {
                execution.note_error("slippage", "the market moved too far against the signal");
            }
            Stop::Unseen => execution.note_error("no_quote", "the market's ask is not known"),
            Stop::NoPrice => {
                execution.note_error("no_price", "no valid price was left to retry at")
            }
            Stop::Refused(refusal) => {
                execution.note_error("retry_refused", &refusal.to_string());
            }
        }
    }

    /// Answers an execution's signal and forgets it.
    pub(super) fn end_execution(&mut self, key: ExecutionKey, state: State, out: &mut Outbox) {
        let Some(execution) = self.executions.find(key) else { return };
        out.records.push(Record::Result(execution.result(state)));
        self.attentive.retain(|attentive| *attentive != key);
        self.executions.end(key);
    }

    /// What is under way is the last of its execution: nothing follows it, and it is not repeated.
    pub(super) fn end_executions(&mut self, out: &mut Outbox) {
        self.end_waiting(out);
        for slot in 0..self.orders.capacity() {
            if self.orders.live_at(slot).is_some()
                && let Some(execution) = self.executions.find_mut(self.lots[slot].execution)
            {
                execution.unwanted = true;
            }
        }
    }

    /// Nothing follows any more: every execution between two orders ends where it stands.
    pub(super) fn end_waiting(&mut self, out: &mut Outbox) {
        for index in (0..self.attentive.len()).rev() {
            let Some(&key) = self.attentive.get(index) else { continue };
            let Some(execution) = self.executions.find(key) else { continue };
            if matches!(execution.progress, Progress::Waiting(_)) {
                self.end_execution(key, execution.last_state(), out);
            }
        }
    }
}

/// Whether an order has ended only because nobody met it in time. Somebody else's cancel of a
/// resting order is a decision, not a reason to go on.
fn ran_out(order: &Order) -> bool {
    let rested = order.terms().time_in_force == TimeInForce::GoodTillCanceled;
    match order.state() {
        State::Expired => true,
        State::Canceled => !rested || order.cancels > 0,
        _ => false,
    }
}

/// Whether a post-only order was refused for its price. The stream's news of that may come before
/// the answer with the reason.
fn would_have_crossed(execution: &Execution, order: &Order) -> bool {
    execution.refused == Some(RejectKind::PostOnlyCross)
        || (order.state() == State::Canceled && !order.answered && order.filled().is_zero())
}

fn is_elsewhere(price: Price, order: &Order, orders: &OrderConfig) -> bool {
    let distance = (price - order.terms().price).abs();
    distance >= orders.repeg_step && price != order.terms().price
}
