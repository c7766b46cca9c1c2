//! The core's side of the risk guard: what every input means for it, what it makes of that, and
//! what the journal must keep of it.
//!
//! [`Core::begin`] lets time pass and notes what the gateway and the feed say, [`Core::conclude`]
//! notes what went out, judges the breaker's probe, halts when orders run away, and hands out the
//! state that outlives the process whenever it has changed. A submit is not handed out again: its
//! own entry in the journal is how it is counted (`engine/former.rs`).

use super::account::Holding;
use super::core::{Core, Input, Outbox};
use crate::ids::{MarketIx, OrderKey, Reason, Ticker};
use crate::message::{
    BookSide, CancelFailure, CancelOrder, Command, FeedEvent, FetchEvent, GatewayEvent, Reject,
    RejectKind,
};
use crate::order::State;
use crate::recorder::record::Record;
use crate::risk::{
    BreakerState, Carried, CarriedMarket, FeedHeard, Kept, MessageKind, Place, Probe, Rests,
    Settlement, Skew, Trips, is_trouble, is_trouble_of_change,
};
use crate::units::{Money, Nanos, Now, Position, WallTime};

/// Cash by shard, where the exchange keeps it so.
#[derive(Debug, Default)]
pub(super) struct ShardCash {
    /// By shard number; empty where cash is one pot.
    by_shard: Vec<Money>,
}

impl ShardCash {
    const SHARDS: usize = 256;

    pub(super) fn new(opening: &[(u8, Money)]) -> Self {
        if opening.is_empty() {
            return Self::default();
        }
        let mut by_shard = vec![Money::ZERO; Self::SHARDS];
        for (shard, cash) in opening {
            by_shard[usize::from(*shard)] += *cash;
        }
        Self { by_shard }
    }

    /// Cash on one shard: none on a shard that was not told of.
    pub(super) fn on(&self, shard: u8) -> Option<Money> {
        self.by_shard.get(usize::from(shard)).copied()
    }

    pub(super) fn add(&mut self, shard: u8, change: Money) {
        if let Some(cash) = self.by_shard.get_mut(usize::from(shard)) {
            *cash += change;
        }
    }
}

/// How things stood before an input.
#[derive(Clone, Copy, Debug)]
pub(super) struct Before {
    commands: usize,
    breaker: (BreakerState, Trips),
}

impl Core {
    /// Lets time pass and notes what the input says of rates, links and clocks.
    pub(super) fn begin(&mut self, now: Now, input: &Input, out: &Outbox) -> Before {
        let breaker = self.guard.breaker();
        let before =
            Before { commands: out.commands.len(), breaker: (breaker.state(), breaker.trips()) };
        let day = self.day.utc_day();
        self.day.roll(self.day_clock.time(now), self.exposure.in_flight());
        if self.day.utc_day() != day {
            self.guard.roll_day(now);
        }
        self.guard.tick(now, &self.config.limits);
        match input {
            Input::Gateway(event) => self.observe_gateway(now, event),
            Input::Feed(FeedEvent::Alive) => self.guard.note_heard(FeedHeard::At(now.mono)),
            Input::Feed(FeedEvent::Up) if self.guard.heard() != FeedHeard::NotNeeded => {
                self.guard.note_heard(FeedHeard::At(now.mono));
            }
            Input::Fetch(FetchEvent::Mismatches { count }) => {
                self.guard.note_mismatches(now, *count);
            }
            Input::Signal(_)
            | Input::Feed(_)
            | Input::Fetch(_)
            | Input::Book(_)
            | Input::Control(_)
            | Input::Timer => {}
        }
        before
    }

    fn observe_gateway(&mut self, now: Now, event: &GatewayEvent) {
        match event {
            GatewayEvent::Sent { key, stamps } => {
                self.guard.ledger_mut().note_written(*key);
                let received = self.orders.find(*key).map(|order| order.terms().received);
                if let Some(received) = received.filter(|_| self.is_first_write(*key)) {
                    self.guard.note_latency(now, stamps.sent.since(received));
                }
            }
            GatewayEvent::NotSent { key, .. } => self.guard.ledger_mut().note_unsent(*key),
            GatewayEvent::NotResent { key, .. } => self.guard.ledger_mut().note_not_resent(*key),
            GatewayEvent::Accepted { key, accepted } => {
                self.guard.ledger_mut().note_answered(*key);
                self.note_skew(now, *key, accepted.exchange_time);
            }
            GatewayEvent::Rejected { key, reject } => {
                self.guard.ledger_mut().note_answered(*key);
                self.note_reject(now, *key, reject);
            }
            GatewayEvent::Lost { key, .. } => self.guard.ledger_mut().note_lost(*key),
            GatewayEvent::ChangeSent { key } => self.guard.changes_mut().note_written(*key),
            GatewayEvent::Changed { key, .. } => self.guard.changes_mut().note_answered(*key),
            GatewayEvent::ChangeFailed { key, why } => self.observe_change(now, *key, *why),
            GatewayEvent::CancelSent { .. }
            | GatewayEvent::CancelAccepted { .. }
            | GatewayEvent::CancelNotFound { .. }
            | GatewayEvent::CancelFailed { .. }
            | GatewayEvent::CancelAllDone { .. }
            | GatewayEvent::Group { .. }
            | GatewayEvent::Connections { .. } => {}
        }
    }

    fn observe_change(&mut self, now: Now, key: OrderKey, why: CancelFailure) {
        if is_trouble_of_change(why) {
            self.guard.note_reject(now);
        }
        let changes = self.guard.changes_mut();
        match why {
            CancelFailure::Unsent(_) => changes.note_unsent(key),
            CancelFailure::Lost(_) => changes.note_lost(key),
            CancelFailure::Rejected(kind) => {
                changes.note_answered(key);
                self.note_refusal(now, key, kind);
            }
        }
    }

    fn note_skew(&mut self, now: Now, key: OrderKey, exchange_time: WallTime) {
        let sent_at = self.orders.find(key).map(|order| order.sent_at);
        let known = sent_at.filter(|sent| sent.ns() > 0 && exchange_time > WallTime::default());
        let (Some(sent), false) = (known, self.guard.skew() == Skew::NotNeeded) else { return };
        let now_ns = now.wall.unix_ns();
        let sent_ns = now_ns.saturating_sub(now.mono.since(sent).ns());
        self.guard.note_skew(Skew::of_answer(sent_ns, now_ns, exchange_time.unix_ns()));
    }

    /// Somebody has looked at the exchange's clock.
    pub(super) fn note_clock(&mut self, ahead_ms: i64) {
        if self.guard.skew() != Skew::NotNeeded {
            self.guard.note_skew(Skew::Measured(ahead_ms.saturating_mul(1_000_000)));
        }
    }

    /// Whether an order is the first of its signal and written for the first time: what comes
    /// later waits by design.
    fn is_first_write(&mut self, key: OrderKey) -> bool {
        let again = self.orders.find(key).is_some_and(|order| order.resends > 0);
        !again && self.execution_of(key).is_none_or(|execution| execution.retries == 0)
    }

    fn note_reject(&mut self, now: Now, key: OrderKey, reject: &Reject) {
        self.note_refusal(now, key, reject.kind);
        if is_trouble(reject.kind) {
            self.guard.note_reject(now);
        }
    }

    /// What a refusal says of the exchange and the market.
    fn note_refusal(&mut self, now: Now, key: OrderKey, kind: RejectKind) {
        let market = self.orders.find(key).map(|order| order.terms().market);
        match (kind, market) {
            (RejectKind::Paused, _) => self.guard.note_paused(now),
            (RejectKind::MarketInactive, Some(market)) => {
                self.guard.note_market_paused(market, now.mono);
            }
            _ => {}
        }
    }

    /// Draws the conclusions, after the input has been handled.
    pub(super) fn conclude(&mut self, now: Now, input: &Input, before: &Before, out: &mut Outbox) {
        // A signal loses nothing, ends no order and is no word of the gateway.
        if !matches!(input, Input::Signal(_)) {
            self.guard.watch_loss(&self.day, now, &self.config.limits);
            self.judge_probe(now);
            self.halt_when_unbalanced(now, out);
        }
        self.tell_breaker(before.breaker, out);
        for command in &out.commands[before.commands.min(out.commands.len())..] {
            let kind = match command {
                Command::Submit(_)
                | Command::Resend(_)
                | Command::Amend(_)
                | Command::Decrease(_) => MessageKind::Order,
                Command::Cancel(_) | Command::CancelAll => MessageKind::Cancel,
                Command::List(_) => continue,
            };
            self.guard.messages_mut().note_sent(now.mono, kind);
            if matches!(command, Command::CancelAll) {
                self.cancelled_all = now.wall;
            }
        }
        self.keep(input, before, out);
    }

    /// The probing order's end closes the breaker or opens it again.
    fn judge_probe(&mut self, now: Now) {
        let Some(key) = self.guard.breaker().probe() else { return };
        let outcome = match self.orders.find(key) {
            None => Probe::NotSent,
            Some(order) => match order.state() {
                State::Filled | State::Canceled | State::Expired => Probe::Succeeded,
                State::Rejected if order.sent_at.ns() == 0 => Probe::NotSent,
                State::Rejected | State::Unknown => Probe::Failed,
                State::Pending
                | State::Submitted
                | State::Resting
                | State::Partial
                | State::CancelPending => return,
            },
        };
        self.guard.judge_probe(now, outcome);
    }

    fn halt_when_unbalanced(&mut self, now: Now, out: &mut Outbox) {
        if self.guard.imbalance() != 0 && self.halt.is_none() {
            let orders = self.guard.ledger().flow();
            let (what, flow) = if orders.imbalance() == 0 {
                ("changes of orders", self.guard.changes().flow())
            } else {
                ("orders", orders)
            };
            let text = format!(
                "{what} do not add up: {} approved, {} written, {} answered",
                flow.approved, flow.written, flow.answered
            );
            self.halt(now, Reason::lossy(&text), out);
        }
    }

    /// A breaker that opens cancels what rests: those orders were sent in a better belief.
    fn tell_breaker(&self, before: (BreakerState, Trips), out: &mut Outbox) {
        let breaker = self.guard.breaker();
        let (state, trips) = (breaker.state(), breaker.trips());
        if (state, trips) == before {
            return;
        }
        let text = match state {
            BreakerState::Closed => "circuit breaker closed".to_owned(),
            BreakerState::Open | BreakerState::HalfOpen => {
                format!("circuit breaker {}: {trips}", state.as_str())
            }
        };
        out.records.push(Record::Alert { ticker: Ticker::EMPTY, reason: Reason::lossy(&text) });
        if state == BreakerState::Open && self.orders.live() > 0 {
            out.commands.push(Command::CancelAll);
        }
    }

    /// What outlives the process. Signals change the day's counters only by the orders they become,
    /// and those are in the journal.
    fn keep(&mut self, input: &Input, before: &Before, out: &mut Outbox) {
        let breaker = self.guard.breaker();
        let same = (breaker.state(), breaker.trips()) == before.breaker
            && self.halt.is_some() == self.carried.halt.is_some()
            && self.day.utc_day() == self.carried.day.utc_day();
        if matches!(input, Input::Signal(_)) && same {
            self.carried.day = self.day;
            return;
        }
        let (halt, day, cancelled_all) = (self.halt, self.day, self.cancelled_all);
        let mut carried = Carried { halt, day, cancelled_all, ..Carried::default() };
        self.guard.carry(&mut carried);
        if carried != self.carried {
            self.carried = carried;
            out.kept.push(Kept::Account(carried));
        }
    }

    /// Stops one market until a person resumes.
    #[cold]
    pub(super) fn stop(&mut self, market: MarketIx, reason: Reason, out: &mut Outbox) {
        let was = core::mem::replace(&mut self.stopped[usize::from(market.0)], true);
        let Some(ticker) = self.markets.get(market).map(|market| market.ticker) else { return };
        out.records.push(Record::Alert { ticker, reason });
        if !was {
            self.cancel_resting_in(market, out);
            let stop = Some(reason);
            out.kept.push(Kept::Market(CarriedMarket { ticker, stop, repeats: [0; 2] }));
        }
    }

    /// Cancels what rests in a market that stops; what is on its way there is cancelled when it
    /// rests. Whatever becomes of a cancel, the order's own deadline stands.
    #[cold]
    fn cancel_resting_in(&mut self, market: MarketIx, out: &mut Outbox) {
        for slot in 0..self.orders.capacity() {
            let Some(key) = self.orders.live_at(slot) else { continue };
            let Some(order) = self.orders.find_mut(key) else { continue };
            let rests = matches!(order.state(), State::Resting | State::Partial);
            if order.terms().market == market && rests && !order.order_id().is_empty() {
                order.cancels = order.cancels.saturating_add(1);
                let order_id = order.order_id();
                out.commands.push(Command::Cancel(CancelOrder { key, order_id, market }));
            }
        }
    }

    /// A market has settled, as the exchange says: the day's profit, losses in a row and what
    /// they trip.
    pub fn record_settlement(&mut self, now: Now, settlement: &Settlement) {
        self.guard.record_settlement(&mut self.day, now, &self.config.limits, settlement);
    }

    /// A person goes on: halt, stops and breaker end, the day's counters stay.
    pub(super) fn resume(&mut self, now: Now, out: &mut Outbox) {
        self.follow_after_resume(now);
        self.news.resume(now.mono);
        self.halt = None;
        self.stopped.fill(false);
        self.guard.resume(now);
        out.records.push(Record::Resumed);
    }

    /// A signal's execution begins: one too many stops its market.
    pub(super) fn note_execution(
        &mut self,
        now: Now,
        market: MarketIx,
        side: BookSide,
        out: &mut Outbox,
    ) {
        if self.guard.note_execution(market, side, now.mono) {
            self.stop(market, Reason::lossy("repeated execution"), out);
        }
    }

    /// Brings exposure in line with what is held in a market.
    pub(super) fn hold(&mut self, market: MarketIx, holding: &Holding) {
        let Holding { position, cost } = *holding;
        if position == Position::FLAT && self.exposure.market(market).open_orders == 0 {
            self.stakes.forget(market);
        }
        let stake = self.stakes.of(market, position, cost);
        // A position asks for no side and does not rest.
        if let Some(place) = self.place_in(market, BookSide::Bid, Rests::No) {
            self.exposure.hold_at_stake(place, position, (cost, stake));
        }
    }

    /// Where exposure of a market and side sits.
    pub(super) fn place_in(&self, market: MarketIx, side: BookSide, rests: Rests) -> Option<Place> {
        let listed = self.markets.get(market)?;
        let sport = self.listings.get(usize::from(market.0))?.sport;
        let (event, shard) = (listed.event, listed.exchange_index);
        Some(Place { market, event, sport, shard, side, rests })
    }

    /// Asks the rules about markets that are new in the table.
    pub(super) fn list_markets(&mut self) {
        for market in &self.markets.all()[self.listings.len()..] {
            self.listings.push(self.rules.listing(&market.ticker));
        }
    }

    /// Takes over what a former run left.
    pub(super) fn restore_risk(&mut self, now: Now, carried: &Carried, markets: &[CarriedMarket]) {
        if carried.day.utc_day() >= self.day.utc_day() {
            self.day = carried.day;
            self.guard.restore(now, carried);
        } else {
            self.guard.restore(now, carried);
            self.guard.roll_day(now);
        }
        self.halt = carried.halt;
        // By the wall clock, which alone outlives a process; never longer than a whole aftermath.
        let aftermath = self.config.orders.aftermath;
        let past = now.wall.since(carried.cancelled_all).min(aftermath);
        self.aftermath_until = now.mono + Nanos::from_ns(aftermath.ns() - past.ns());
        self.cancelled_all = carried.cancelled_all;
        for _ in 0..carried.recent_orders.min(self.config.limits.orders_per_minute_max) {
            self.throttle.note_sent(now.mono);
        }
        for former in markets {
            let Some(market) = self.market_of(&former.ticker) else { continue };
            self.stopped[usize::from(market.0)] = former.stop.is_some();
            self.guard.restore_repeats(market, former.repeats, now.mono);
        }
        let (halt, day, cancelled_all) = (self.halt, self.day, self.cancelled_all);
        self.carried = Carried { halt, day, cancelled_all, ..Carried::default() };
        self.guard.carry(&mut self.carried);
    }
}
