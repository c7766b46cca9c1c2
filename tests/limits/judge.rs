//! What the engine was told, kept a second time without its code; and whether an order may leave.
//!
//! In: every input before the engine takes it, every order it sends. Out: a panic that names the
//! limit an order breaks. Rates, losses, breaker, links and clocks are worked out from what was
//! told; what is alive and held from the sum over all orders, each time anew.

use std::collections::BTreeSet;

use kalshi_exec::ids::{ClientOrderId, OrderKey, TradeId};
use kalshi_exec::message::{
    Accepted, CancelFailure, ControlCommand, ExchangeStatus, FeedEvent, FetchEvent, Fill,
    GatewayEvent, MarketSettlement, NewOrder, OrderReport, RejectKind, Signal, TimeInForce,
};
use kalshi_exec::oms::Input;
use kalshi_exec::oms::config::OmsConfig;
use kalshi_exec::units::{Contracts, Money, Nanos, Now, Price, Timestamp, WallTime};

use super::books::{Books, COUNT, market_of};
use super::breaker::{Breaker, Ended};
use super::exchange::order_id;
use super::sent::Sent;

/// How long the exchange's word that it is paused holds.
const PAUSE: Nanos = Nanos::from_secs(30);

/// A full bucket of write tokens, cut to its capacity when it is looked at.
const FULL: (u64, Timestamp) = (1 << 62, Timestamp::ZERO);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Feed {
    Down,
    Catching { since: Timestamp },
    Up,
}

/// Best prices of a market as last told.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Known {
    pub(crate) bid: Option<Price>,
    pub(crate) ask: Option<Price>,
    pub(crate) as_of: WallTime,
}

/// See the module's page.
#[derive(Debug)]
pub(crate) struct Judge {
    pub(crate) config: OmsConfig,
    pub(crate) halted: bool,
    pub(crate) connections: u16,
    feed: Feed,
    pub(crate) heard: Timestamp,
    pub(crate) paused_until: Timestamp,
    pub(crate) markets_paused_until: [Timestamp; COUNT],
    pub(crate) skew_ns: i64,
    pub(crate) mismatches: u32,
    pub(crate) settled: [bool; COUNT],
    /// What a market paid and when, as told in this run.
    paid_out: [Option<(Money, WallTime)>; COUNT],
    /// Whether any run was told.
    counted: [bool; COUNT],
    pub(crate) stopped: [bool; COUNT],
    pub(crate) breaker: Breaker,
    pub(crate) losses: u32,
    late: u32,
    pub(crate) rejects: Vec<Timestamp>,
    pub(crate) executions: Vec<(usize, bool, Timestamp)>,
    pub(crate) known: [Known; COUNT],
    pub(crate) signals: Vec<Signal>,
    pub(crate) orders: Vec<Sent>,
    run_from: usize,
    trades: BTreeSet<TradeId>,
    /// As told since the run began.
    pub(crate) books: Books,
    /// As told since ever: what profit is worked out from.
    ledger: Books,
    opened_at: WallTime,
    /// The exchange's time at monotonic zero.
    epoch: WallTime,
    day: u32,
    profit: i64,
    tokens: (u64, Timestamp),
    pub(crate) wall_was_set: bool,
    /// Orders before this time count for no rate any more.
    pub(crate) rates_from: Timestamp,
}

impl Judge {
    pub(crate) fn new(config: OmsConfig, opened_at: WallTime, epoch: WallTime) -> Self {
        let orders = &config.orders;
        let silence = orders.fill_timeout + orders.partial_wait;
        Self {
            halted: false,
            connections: 0,
            feed: Feed::Down,
            heard: Timestamp::ZERO,
            paused_until: Timestamp::ZERO,
            markets_paused_until: [Timestamp::ZERO; COUNT],
            skew_ns: 0,
            mismatches: 0,
            settled: [false; COUNT],
            paid_out: [None; COUNT],
            counted: [false; COUNT],
            stopped: [false; COUNT],
            breaker: Breaker::new(config.breaker.cooldown, silence),
            losses: 0,
            late: 0,
            rejects: Vec::new(),
            executions: Vec::new(),
            known: [Known::default(); COUNT],
            signals: Vec::new(),
            orders: Vec::new(),
            run_from: 0,
            trades: BTreeSet::new(),
            books: Books::new(),
            ledger: Books::new(),
            opened_at,
            day: opened_at.utc_day(),
            epoch,
            profit: 0,
            tokens: FULL,
            wall_was_set: false,
            rates_from: Timestamp::ZERO,
            config,
        }
    }

    /// Lets time pass.
    pub(crate) fn tick(&mut self, now: Now) {
        // The exchange's day: nobody sets its clock.
        let today = (self.epoch + now.mono.since(Timestamp::ZERO)).utc_day();
        if today > self.day {
            (self.day, self.profit) = (today, 0);
            self.orders.iter_mut().for_each(|order| order.filled_today = 0);
            self.breaker.midnight();
        }
        self.breaker.tick(now.mono);
    }

    /// Notes an input. The engine takes it next.
    pub(crate) fn hear(&mut self, now: Now, input: &Input) {
        self.tick(now);
        match input {
            Input::Signal(signal) => self.signal(now, signal),
            Input::Gateway(event) => self.gateway(now, event),
            Input::Feed(event) => self.feed(now, event),
            Input::Fetch(event) => self.fetch(now, event),
            Input::Control(ControlCommand::Halt { .. }) => {
                self.halted = true;
                self.nothing_is_wanted();
            }
            Input::Control(ControlCommand::CancelAll) => self.nothing_is_wanted(),
            Input::Control(ControlCommand::Resume) => self.resume(),
            Input::Control(_) | Input::Book(_) | Input::Timer => {}
        }
        if self.day_loss() >= self.config.limits.daily_loss_max.e8() {
            self.breaker.trip_for_the_day(now.mono);
        }
    }

    fn nothing_is_wanted(&mut self) {
        self.orders.iter_mut().for_each(|order| order.unwanted = true);
    }

    /// What the day has lost, in 1e-8 dollars.
    pub(crate) fn day_loss(&self) -> i64 {
        (-self.profit).max(0)
    }

    /// What the day has earned: below zero when it has lost.
    pub(crate) const fn profit(&self) -> i64 {
        self.profit
    }

    fn signal(&mut self, now: Now, signal: &Signal) {
        self.signals.push(*signal);
        let bid = signal.no_ask.map(Price::complement);
        let as_of = signal.produced_at.unwrap_or(now.wall).min(now.wall);
        self.learn(market_of(&signal.ticker), Known { bid, ask: signal.yes_ask, as_of });
    }

    fn learn(&mut self, market: usize, known: Known) {
        if known.as_of >= self.known[market].as_of {
            self.known[market] = known;
        }
    }

    fn resume(&mut self) {
        self.halted = false;
        self.breaker.close();
        (self.losses, self.late, self.mismatches, self.skew_ns) = (0, 0, 0, 0);
        self.stopped = [false; COUNT];
        self.paused_until = Timestamp::ZERO;
        self.markets_paused_until = [Timestamp::ZERO; COUNT];
        self.rejects.clear();
        self.executions.clear();
    }

    /// The latest order of this run in a slot.
    pub(crate) fn order(&mut self, key: OrderKey) -> Option<&mut Sent> {
        self.orders[self.run_from..].iter_mut().rev().find(|order| order.terms.key == key)
    }

    fn order_of(&mut self, id: ClientOrderId) -> Option<&mut Sent> {
        self.orders[self.run_from..].iter_mut().find(|order| order.terms.client_order_id == id)
    }

    fn gateway(&mut self, now: Now, event: &GatewayEvent) {
        match event {
            GatewayEvent::Sent { key, .. } => self.written(now, *key),
            GatewayEvent::NotSent { key, .. } => {
                let Some(order) = self.order(*key) else { return };
                (order.unsent, order.over) = (true, true);
                let id = order.terms.client_order_id;
                self.breaker.ended(now.mono, id, Ended::Unsent);
            }
            GatewayEvent::Accepted { key, accepted } => self.accepted(now, *key, accepted),
            GatewayEvent::Rejected { key, reject } => self.rejected(now, *key, reject.kind),
            GatewayEvent::Lost { key, .. } => self.lost_again(now, *key),
            GatewayEvent::CancelNotFound { key }
            | GatewayEvent::CancelFailed { key, why: CancelFailure::Lost(_) } => {
                self.doubted(now, *key);
            }
            GatewayEvent::CancelAccepted { key, reduced_by } => {
                let Some(order) = self.order(*key) else { return };
                let filled = order.terms.quantity.saturating_sub(*reduced_by);
                let id = order.terms.client_order_id;
                self.ends(now, id, filled);
            }
            GatewayEvent::Connections { ready } => self.connections = *ready,
            GatewayEvent::NotResent { key, .. } => self.lost_again(now, *key),
            GatewayEvent::CancelSent { .. }
            | GatewayEvent::CancelFailed { .. }
            | GatewayEvent::CancelAllDone { .. }
            | GatewayEvent::ChangeSent { .. }
            | GatewayEvent::Changed { .. }
            | GatewayEvent::ChangeFailed { .. }
            | GatewayEvent::Group { .. } => {}
        }
    }

    fn written(&mut self, now: Now, key: OrderKey) {
        let Some(order) = self.order(key) else { return };
        order.written = Some(now.mono);
        let repeated = order.again.0 > 0;
        let (signal, took) = (order.signal, now.mono.since(order.terms.received));
        let siblings = self.orders.iter().filter(|order| order.signal == signal).count();
        if siblings > 1 || repeated {
            return;
        }
        self.late = if took > self.config.breaker.latency_budget { self.late + 1 } else { 0 };
        if self.late >= self.config.breaker.latency_breaches_max {
            self.late = 0;
            self.breaker.trip(now.mono);
        }
    }

    fn accepted(&mut self, now: Now, key: OrderKey, accepted: &Accepted) {
        let Some(order) = self.order(key) else { return };
        let id = order.terms.client_order_id;
        let rests = order.terms.time_in_force == TimeInForce::GoodTillCanceled;
        let written = order.written;
        (order.again.1, order.named) = (false, true);
        self.breaker.answered(id);
        if let Some(sent) = written {
            let theirs = accepted.exchange_time.unix_ns();
            let before = now.wall.unix_ns() - now.mono.since(sent).ns();
            let signed = |ns: u64| i64::try_from(ns).expect("years");
            let ahead = signed(theirs) - signed(now.wall.unix_ns());
            let behind = signed(before) - signed(theirs);
            self.skew_ns = ahead.max(behind).max(0);
        }
        if !rests || accepted.remaining.is_zero() {
            self.ends(now, id, accepted.filled);
        }
    }

    fn rejected(&mut self, now: Now, key: OrderKey, kind: RejectKind) {
        let trouble = !matches!(
            kind,
            RejectKind::DuplicateOrder | RejectKind::PostOnlyCross | RejectKind::FillOrKill
        );
        let Some(order) = self.order(key) else { return };
        let (id, market) = (order.terms.client_order_id, order.market);
        if order.again.0 > 0 || kind == RejectKind::DuplicateOrder {
            // It says nothing of the first, but that an id which is taken is there.
            order.there |= kind == RejectKind::DuplicateOrder;
            self.lost_again(now, key);
        } else {
            order.over = true;
        }
        self.breaker.ended(now.mono, id, Ended::Badly);
        match kind {
            RejectKind::Paused => self.paused_until = now.mono + PAUSE,
            RejectKind::MarketInactive => self.markets_paused_until[market] = now.mono + PAUSE,
            _ => {}
        }
        if trouble {
            self.rejects.push(now.mono);
            if self.recent_rejects(now.mono) >= self.config.breaker.rejects_per_minute_max {
                self.breaker.trip(now.mono);
            }
        }
    }

    pub(crate) fn recent_rejects(&self, now: Timestamp) -> u32 {
        let recent = self.rejects.iter().filter(|at| now.since(**at) < Nanos::from_secs(60));
        u32::try_from(recent.count()).expect("few")
    }

    /// The order's fate is open: nothing is freed, and no probe has gone well.
    fn doubted(&mut self, now: Now, key: OrderKey) {
        let Some(order) = self.order(key).filter(|order| !order.over) else { return };
        order.doubted.get_or_insert((now.mono, 0));
        let id = order.terms.client_order_id;
        self.breaker.ended(now.mono, id, Ended::Badly);
    }

    /// The gateway is done with an order, or its repetition, without having learnt its fate: from
    /// now on what a listing lacks means something.
    fn lost_again(&mut self, now: Now, key: OrderKey) {
        let Some(order) = self.order(key).filter(|order| !order.over) else { return };
        order.again.1 = false;
        order.doubted = None;
        self.doubted(now, key);
    }

    /// A complete listing lacks an order: evidence only when it lasts.
    fn absent(&mut self, now: Now, key: OrderKey) {
        let wait = self.config.orders.absence_wait;
        let Some(order) = self.order(key).filter(|it| !it.there && !it.again.1) else { return };
        let Some((since, times)) = &mut order.doubted else { return };
        *times += 1;
        if *times >= 3 && now.mono >= *since + wait {
            order.over = true;
        }
    }

    /// The exchange's word on how an order ended.
    fn ends(&mut self, now: Now, id: ClientOrderId, filled: Contracts) {
        let Some(order) = self.order_of(id) else { return };
        order.word = Some(order.word.map_or(filled, |known| known.max(filled)));
        self.conclude(now, id);
    }

    fn conclude(&mut self, now: Now, id: ClientOrderId) {
        let Some(order) = self.order_of(id) else { return };
        let whole = order.filled >= order.terms.quantity;
        let ended = order.word.is_some_and(|word| order.filled >= word);
        if (whole || ended) && !order.over {
            order.over = true;
            let row = self.losses >= self.config.breaker.consecutive_losses_max;
            if self.breaker.ended(now.mono, id, Ended::Well) && row {
                self.losses = 0;
            }
        }
    }

    fn feed(&mut self, now: Now, event: &FeedEvent) {
        match event {
            FeedEvent::Up => {
                self.feed = Feed::Catching { since: now.mono };
                self.heard = now.mono;
            }
            FeedEvent::Down => self.feed = Feed::Down,
            FeedEvent::Alive => self.heard = now.mono,
            FeedEvent::Fill(fill) => self.fill(now, fill),
            FeedEvent::Order(report) => self.report(now, report),
            // What was missed is backfilled after the next `Up`, as ever; news of markets,
            // positions and groups are none of this stand's.
            FeedEvent::Missed { .. }
            | FeedEvent::NewsMissed
            | FeedEvent::Market(_)
            | FeedEvent::Position(_)
            | FeedEvent::Group(_) => {}
        }
    }

    fn fetch(&mut self, now: Now, event: &FetchEvent) {
        match event {
            FetchEvent::Fill(fill) => self.fill(now, fill),
            FetchEvent::Order { report, .. } => self.report(now, report),
            FetchEvent::Quote(quote) => {
                let as_of = quote.as_of.min(now.wall);
                let known = Known { bid: quote.bid, ask: quote.ask, as_of };
                self.learn(market_of(&quote.ticker), known);
            }
            FetchEvent::Settled(said) => self.settle(now, said),
            FetchEvent::Mismatches { count } => {
                self.mismatches = *count;
                if *count > 0 {
                    self.breaker.trip(now.mono);
                }
            }
            FetchEvent::BackfillDone => {
                if let Feed::Catching { since } = self.feed
                    && now.mono >= since + self.config.orders.read_lag
                {
                    self.feed = Feed::Up;
                }
            }
            FetchEvent::OrderAbsent { key } => self.absent(now, *key),
            FetchEvent::OrderFailed { .. }
            | FetchEvent::QuoteFailed { .. }
            | FetchEvent::Market(_)
            | FetchEvent::MarketRead
            | FetchEvent::MarketFailed
            | FetchEvent::SettlementsDone
            | FetchEvent::SettlementsFailed
            | FetchEvent::BackfillFailed
            | FetchEvent::OpenOrder(_)
            | FetchEvent::Held(_)
            | FetchEvent::Cash(_)
            | FetchEvent::AccountFailed => {}
            // The exchange has everything right: a look at all of it finds nothing.
            FetchEvent::AccountRead => self.mismatches = 0,
        }
    }

    fn fill(&mut self, now: Now, fill: &Fill) {
        if !self.trades.insert(fill.trade_id) {
            return;
        }
        let market = market_of(&fill.ticker);
        let trade = (fill.side, fill.price, fill.quantity);
        let realized = self.ledger.fill(market, trade, fill.fee) - fill.fee.e8();
        let is_of = |order: &Sent| fill.order_id == order_id(order.terms.client_order_id);
        let place = self.orders.iter().position(is_of).expect("only the engine trades here");
        if place < self.run_from {
            // It happened before the account was read: the books contain it, the profit counts.
            assert_eq!(self.opened_at.max(fill.exchange_time), self.opened_at);
            if fill.exchange_time.utc_day() >= self.day {
                self.profit += realized;
                self.orders[place].filled_today += u64::from(fill.quantity.centis());
            }
            if let Some((pays, at)) = self.paid_out[market] {
                let realized = self.ledger.settle(market, pays);
                self.profit += if at.utc_day() >= self.day { realized } else { 0 };
            }
            return;
        }
        let booked = self.books.fill(market, trade, fill.fee) - fill.fee.e8();
        self.profit += booked;
        if let Some((pays, _)) = self.paid_out[market] {
            // Paid out with the rest of its market.
            self.profit += self.books.settle(market, pays);
            self.ledger.settle(market, pays);
        }
        let order = &mut self.orders[place];
        // A read does not name it to who has not heard the exchange's id of it.
        order.named |= fill.client_order_id.is_some();
        order.filled += fill.quantity;
        order.filled_today += u64::from(fill.quantity.centis());
        let id = order.terms.client_order_id;
        // What rests may go on resting; of what does not, the end is still to be told.
        if order.terms.time_in_force == TimeInForce::GoodTillCanceled {
            self.breaker.answered(id);
        } else {
            self.breaker.filled(id);
        }
        self.conclude(now, id);
    }

    fn report(&mut self, now: Now, report: &OrderReport) {
        let Some(id) = report.client_order_id else { return };
        if let Some(order) = self.order_of(id) {
            order.named = true;
        }
        if report.status != ExchangeStatus::Resting {
            self.ends(now, id, report.filled);
        }
    }

    fn settle(&mut self, now: Now, said: &MarketSettlement) {
        let market = market_of(&said.ticker);
        self.settled[market] = true;
        if self.paid_out[market].is_some() {
            return;
        }
        self.paid_out[market] = Some((said.yes_pays, said.settled_at));
        let again = self.counted[market] && self.ledger.held[market].centis == 0;
        self.counted[market] = true;
        if again {
            return;
        }
        let held = self.ledger.held[market];
        let realized = self.ledger.settle(market, said.yes_pays);
        let in_books = said.settled_at >= self.opened_at;
        if in_books {
            self.books.settle(market, said.yes_pays);
        }
        let result = held.realized + realized - held.fees;
        if held.centis == 0 && result == 0 {
            return;
        }
        if in_books || said.settled_at.utc_day() >= self.day {
            self.profit += realized;
        }
        self.losses = if result < 0 { self.losses + 1 } else { 0 };
        if self.losses >= self.config.breaker.consecutive_losses_max {
            self.breaker.trip(now.mono);
        }
    }

    /// A new run begins with these books; no order of the former one is alive.
    pub(crate) fn restart(&mut self, now: Now, books: &Books, as_of: WallTime) {
        // Whatever came due meanwhile, nobody was there to see it.
        self.breaker.restart(now.mono, self.wall_was_set);
        // Only the wall clock tells a new process how long ago something was.
        if std::mem::replace(&mut self.wall_was_set, false) {
            self.rates_from = now.mono;
            self.tokens = FULL;
            self.rejects.clear();
            self.executions.clear();
        }
        self.tick(now);
        self.run_from = self.orders.len();
        self.orders.iter_mut().for_each(|order| order.over = true);
        for market in 0..COUNT {
            self.books.held[market] = books.held[market];
        }
        self.books.cash = books.cash;
        (self.connections, self.feed, self.skew_ns) = (0, Feed::Down, 0);
        // A paused exchange is not begun with, and the table has a paused market closed.
        self.paused_until = Timestamp::ZERO;
        self.markets_paused_until = [Timestamp::ZERO; COUNT];
        self.known = [Known::default(); COUNT];
        self.paid_out = [None; COUNT];
        self.opened_at = as_of;
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.connections > 0 && self.feed == Feed::Up
    }

    pub(crate) fn orders_today(&self) -> u32 {
        let today = self.orders.iter().filter(|order| order.day == self.day && !order.unsent);
        u32::try_from(today.count()).expect("few")
    }

    /// Filled today or still under way, in hundredths of a contract.
    pub(crate) fn volume_today(&self) -> u64 {
        let of = |order: &Sent| order.filled_today + u64::from(order.open().centis());
        self.orders.iter().map(of).sum()
    }

    /// Write tokens left, in billionths.
    pub(crate) fn level(&self, now: Timestamp) -> u64 {
        let messages = &self.config.limits.messages;
        let gained = now.since(self.tokens.1).ns() * u64::from(messages.refill_per_sec);
        self.tokens.0.saturating_add(gained).min(u64::from(messages.capacity) * 1_000_000_000)
    }

    pub(crate) fn take_tokens(&mut self, now: Timestamp, tokens: u32) {
        let left = self.level(now).saturating_sub(u64::from(tokens) * 1_000_000_000);
        self.tokens = (left, now);
    }

    /// A cancel, of one order or of all, goes to the gateway.
    pub(crate) fn cancelled(&mut self, now: Timestamp) {
        self.take_tokens(now, self.config.limits.messages.cancel_cost);
    }

    /// A change of an order goes to the gateway: it costs what an order does.
    pub(crate) fn changed(&mut self, now: Timestamp) {
        self.take_tokens(now, self.config.limits.messages.order_cost);
    }

    /// Takes an order that was judged into the memory.
    pub(crate) fn remember(&mut self, now: Now, market: usize, signal: usize, terms: &NewOrder) {
        self.orders.push(Sent {
            terms: *terms,
            market,
            signal,
            at: now.mono,
            written: None,
            day: self.day,
            unsent: false,
            filled: Contracts::ZERO,
            filled_today: 0,
            word: None,
            doubted: None,
            again: (0, false),
            there: false,
            named: false,
            unwanted: false,
            over: false,
        });
    }

    /// The engine says that it has stopped a market.
    pub(crate) const fn stop(&mut self, market: usize) {
        self.stopped[market] = true;
    }
}
