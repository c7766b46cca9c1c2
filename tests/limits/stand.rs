//! The engine's stage, the exchange, and the judge between them, on one virtual clock.

use kalshi_exec::engine::former::Former;
use kalshi_exec::ids::Reason;
use kalshi_exec::message::{
    CancelFailure, Command, ControlCommand, FeedEvent, FetchCommand, FetchEvent, GatewayEvent,
    Signal, Unsent,
};
use kalshi_exec::oms::config::OmsConfig;
use kalshi_exec::oms::{Core, Input, Oms, OmsEnds, OmsRingSlots, OmsRings, Opening};
use kalshi_exec::recorder::journal::{Entry, Header, Journal as _, JournalReader, MemoryJournal};
use kalshi_exec::recorder::record::{Outcome, Record};
use kalshi_exec::risk::{BreakerState, Limit, OpenRisk};
use kalshi_exec::runtime::clock::{Clock as _, VirtualClock};
use kalshi_exec::runtime::stage::{Stage as _, Work};
use kalshi_exec::units::{Money, Nanos, Now, WallTime};

use super::books::{COUNT, market_of, table, ticker};
use super::exchange::Exchange;
use super::judge::Judge;
use super::steps::{Ask, Step, config, rules, signal};
use super::truth::{Truth, check_loss};

/// Noon of a Thursday.
const NOON_MS: u64 = 1_767_268_800_000;

/// One run of the engine, and the other ends of its rings.
struct Engine {
    oms: Oms<MemoryJournal, VirtualClock>,
    ends: OmsEnds,
}

impl Engine {
    /// What a start does: the journal's beginning, the books, and what former runs left.
    fn start(
        config: OmsConfig,
        exchange: &Exchange,
        opening: &Opening,
        former: &Former,
        clock: &VirtualClock,
    ) -> Self {
        let now = clock.now();
        let mut journal = MemoryJournal::new(config.run);
        let run = config.run;
        let started = Entry::RunStarted { run, config_digest: 0, seed: 0, mode: 1 };
        let markets = table(&exchange.settled);
        let listed = markets.all().iter().map(|market| Entry::Market(*market));
        let held = opening.holdings.iter().map(|(ticker, holding)| Entry::Opening {
            ticker: *ticker,
            position: holding.position,
            cost: holding.cost,
        });
        let entries = [started].into_iter().chain(listed).chain(held).chain(former.entries());
        for entry in entries.collect::<Vec<_>>() {
            journal.append(now, &entry).expect("memory");
        }
        let mut core = Core::with_rules(config, markets, opening, rules());
        former.restore(now, &mut core);
        let (rings, ends) = OmsRings::make(OmsRingSlots::even(1_024, 1_024));
        let oms = Oms::new(core, journal, clock.clone(), rings);
        Self { oms, ends }
    }

    fn give(&mut self, input: &Input) {
        let room = "the stage takes one input at a time";
        match input {
            Input::Signal(signal) => self.ends.signals.push(*signal).expect(room),
            Input::Gateway(event) => self.ends.gateway.push(*event).expect(room),
            Input::Feed(event) => self.ends.feed.push(*event).expect(room),
            Input::Fetch(event) => self.ends.fetch.push(*event).expect(room),
            Input::Book(news) => self.ends.books.push(*news).expect(room),
            Input::Control(command) => self.ends.control.push(*command).expect(room),
            Input::Timer => {}
        }
    }
}

/// See the module's page.
pub(crate) struct Stand {
    shape: u8,
    engine: Engine,
    pub(crate) exchange: Exchange,
    pub(crate) judge: Judge,
    truth: Truth,
    clock: VirtualClock,
    /// Journals of runs that are over.
    journal: Vec<(Header, Entry)>,
    asks: Vec<FetchCommand>,
    silent: bool,
    runs: u64,
    first_day: bool,
    /// Whether anybody has ever set the clock.
    clock_was_set: bool,
    pub(crate) refused: Vec<Limit>,
    pub(crate) sent: u32,
    pub(crate) repeated: u32,
    /// How often the account was read whole and compared with the books.
    pub(crate) compared: u32,
}

impl Stand {
    pub(crate) fn new(shape: u8) -> Self {
        let clock = VirtualClock::new(WallTime::from_unix_ms(NOON_MS));
        clock.advance(Nanos::from_secs(1));
        let mut exchange = Exchange::new(WallTime::from_unix_ms(NOON_MS));
        let opening = exchange.open(clock.now());
        let config = config(shape, 1);
        let engine = Engine::start(config, &exchange, &opening, &Former::default(), &clock);
        let mut stand = Self {
            shape,
            engine,
            exchange,
            judge: Judge::new(config, opening.as_of, WallTime::from_unix_ms(NOON_MS)),
            truth: Truth::default(),
            clock,
            journal: Vec::new(),
            asks: Vec::new(),
            silent: false,
            runs: 1,
            first_day: true,
            clock_was_set: false,
            refused: Vec::new(),
            sent: 0,
            repeated: 0,
            compared: 0,
        };
        stand.connect();
        stand
    }

    fn config(&self) -> OmsConfig {
        config(self.shape, self.runs)
    }

    pub(crate) fn core(&self) -> &Core {
        self.engine.oms.core()
    }

    fn now(&self) -> Now {
        self.clock.now()
    }

    /// Links come up, and what was missed is read.
    fn connect(&mut self) {
        self.give(&Input::Gateway(GatewayEvent::Connections { ready: 4 }));
        self.link_up();
    }

    fn link_up(&mut self) {
        self.silent = false;
        self.give(&Input::Feed(FeedEvent::Alive));
        self.give(&Input::Feed(FeedEvent::Up));
        self.answer_all();
        self.pass(Nanos::from_ms(1_500));
        self.answer_all();
    }

    fn answer_all(&mut self) {
        while !self.asks.is_empty() {
            self.fetch(0, 1);
        }
    }

    /// Gives one input to judge and engine, and takes what comes of it to both.
    fn give(&mut self, input: &Input) {
        self.judge.hear(self.now(), input);
        self.engine.give(input);
        self.run();
    }

    /// Lets the engine do what there is to do.
    fn run(&mut self) {
        loop {
            let work = self.engine.oms.poll();
            self.collect();
            if work == Work::Idle {
                break;
            }
        }
        for market in 0..COUNT {
            let market_ix = self.core().markets().find(&ticker(market)).expect("listed").ix;
            if self.core().is_stopped(market_ix) {
                self.judge.stop(market);
            }
        }
        self.truth.check(&self.exchange, &self.judge.config);
        if self.first_day && self.judge.config.limits.open_risk == OpenRisk::Counted {
            check_loss(&self.exchange, &self.judge);
        }
        self.judge.tick(self.now());
        let closed = self.core().guard().breaker().state() == BreakerState::Closed;
        let judged = &self.judge.breaker;
        assert!(!closed || judged.is_closed(), "closed, where it should be {judged:?}");
        let flow = self.core().guard().ledger().flow();
        assert_eq!(flow.imbalance(), 0, "{flow:?}");
        assert_eq!(flow.written, self.exchange.written(), "writes are what the exchange has seen");
    }

    fn collect(&mut self) {
        let now = self.now();
        while let Ok(command) = self.engine.ends.commands.pop() {
            match command {
                Command::Submit(order) => {
                    self.sent += 1;
                    self.judge.sent(now, order.get());
                    self.exchange.submit(now.mono, *order.get());
                }
                Command::Resend(order) => {
                    self.repeated += 1;
                    self.judge.sent_again(now, order.get());
                    self.exchange.submit_again(now.mono, order.get());
                }
                Command::Amend(order) => panic!("{order:?} is moved where orders are replaced"),
                Command::Decrease(decrease) => {
                    self.judge.changed(now.mono);
                    // No connection is free for it: the order has to go whole.
                    let why = CancelFailure::Unsent(Unsent::NoConnection);
                    self.engine.give(&Input::Gateway(GatewayEvent::ChangeFailed {
                        key: decrease.key,
                        why,
                    }));
                }
                Command::Cancel(cancel) => {
                    self.judge.cancelled(now.mono);
                    self.exchange.cancel(cancel);
                }
                Command::CancelAll => {
                    self.judge.cancelled(now.mono);
                    self.exchange.cancel_all();
                }
                Command::List(listed) => panic!("{listed:?} was there from the start"),
            }
        }
        while let Ok(ask) = self.engine.ends.asks.pop() {
            self.asks.push(ask);
        }
        while let Ok(record) = self.engine.ends.records.pop() {
            if let Record::Result(result) = record
                && let Outcome::Refused(refusal) = result.outcome
            {
                self.refused.push(refusal.limit);
            }
        }
    }

    pub(crate) fn take(&mut self, step: &Step) {
        // Every step at a time of its own: a signal's arrival names it.
        self.clock.advance(Nanos::from_ns(7));
        let now = self.now();
        match *step {
            Step::Signal(ask) => self.signal(ask),
            Step::Gateway { nth, news } => {
                if let Some(event) = self.exchange.gateway(now, nth, news) {
                    self.give(&Input::Gateway(event));
                }
            }
            Step::Trade { nth, part } => self.exchange.trade(now, nth, part),
            Step::Land { nth, news } => self.exchange.land_late(now, nth, news),
            Step::Fill { nth, rest } => {
                if let Some(input) = self.exchange.fill(nth, rest) {
                    self.give(&input);
                }
            }
            Step::Fetch { nth, what } => self.fetch(nth, what),
            Step::Pass { ms } => self.pass(Nanos::from_ms(u64::from(ms))),
            Step::Wall { seconds } => self.set_wall(seconds),
            Step::Skew { ms } => self.exchange.ahead_ms = i64::from(ms),
            Step::Settle { market, yes } => self.settle(usize::from(market), yes),
            Step::Control { what } => self.control(what),
            Step::Link { what } => self.link(what),
            Step::Mismatches { count } => {
                // Seldom any, and then they are gone at the next look.
                let count = u32::from(count.saturating_sub(6));
                self.give(&Input::Fetch(FetchEvent::Mismatches { count }));
            }
            Step::Restart { seconds, news } => self.restart(u64::from(seconds), news),
            Step::Midnight => self.midnight(),
        }
    }

    fn signal(&mut self, ask: Ask) {
        let now = self.now();
        let asked = signal(now, ask, now.mono);
        self.give(&Input::Signal(asked));
    }

    fn settle(&mut self, market: usize, yes: bool) {
        let pays = if yes { Money::from_cents(100) } else { Money::ZERO };
        self.exchange.settle(self.now(), market, pays);
    }

    fn set_wall(&mut self, seconds: i16) {
        let ns = i64::from(seconds) * 1_000_000_000;
        let wall = self.now().wall.unix_ns().saturating_add_signed(ns);
        self.clock.set_wall(WallTime::from_unix_ns(wall));
        self.judge.wall_was_set = true;
        self.clock_was_set = true;
        self.first_day = false;
        self.run();
    }

    fn control(&mut self, what: u8) {
        match what % 8 {
            0 => {
                let reason = Reason::lossy("drill");
                // What is on its way may still arrive, but nothing more is sent.
                self.give(&Input::Control(ControlCommand::Halt { reason }));
            }
            1 => self.give(&Input::Control(ControlCommand::CancelAll)),
            _ => self.give(&Input::Control(ControlCommand::Resume)),
        }
    }

    fn link(&mut self, what: u8) {
        match what % 8 {
            0 => self.give(&Input::Feed(FeedEvent::Down)),
            1 => self.silent = true,
            2 => self.give(&Input::Gateway(GatewayEvent::Connections { ready: 0 })),
            3 => self.give(&Input::Gateway(GatewayEvent::Connections { ready: 4 })),
            _ => self.connect(),
        }
    }

    /// Lets time pass, with every timer that comes due on the way.
    fn pass(&mut self, span: Nanos) {
        let until = self.now().mono + span;
        for _ in 0..64 {
            let due = self.core().deadline();
            if due > until {
                break;
            }
            self.clock.advance_to(due);
            self.judge.tick(self.now());
            self.run();
        }
        self.clock.advance_to(until);
        if self.silent {
            self.run();
        } else {
            self.give(&Input::Feed(FeedEvent::Alive));
        }
    }

    fn midnight(&mut self) {
        let secs = 86_400 - self.now().wall.unix_secs() % 86_400;
        self.first_day = false;
        self.pass(Nanos::from_secs(secs));
    }

    fn fetch(&mut self, nth: u8, what: u8) {
        if self.asks.is_empty() {
            return;
        }
        let ask = self.asks.remove(usize::from(nth) % self.asks.len());
        for event in self.exchange.fetch(self.now(), &ask, what) {
            self.compared += u32::from(event == FetchEvent::AccountRead);
            self.give(&Input::Fetch(event));
        }
    }

    /// The engine dies between two inputs, the exchange lives on, and another run takes over.
    fn restart(&mut self, seconds: u64, news: u8) {
        self.exchange.crash(news);
        let reader = JournalReader::from_bytes(self.engine.oms.journal().bytes().to_vec());
        let entries = reader.expect("a journal").map(|entry| entry.expect("an intact entry"));
        self.journal.extend(entries);
        self.asks.clear();
        let lands_by = self.exchange.landed_by();
        // Something happens while nobody looks; whoever starts it sets the clock.
        self.clock.advance(Nanos::from_secs(seconds / 2));
        self.exchange.trade(self.now(), news, news % 100);
        if news < 64 {
            self.settle(usize::from(news) % COUNT, news.is_multiple_of(2));
        }
        self.clock.advance(Nanos::from_secs(seconds - seconds / 2));
        let time = self.exchange.time(self.now().mono);
        self.first_day &= self.now().wall == time;
        self.clock.set_wall(time);
        self.runs += 1;
        let config = self.config();
        let window = config.breaker.repeats_window;
        let former = Former::fold(&self.journal, self.now().wall, window);
        // Nothing is traded before the fate of every order can be known.
        let known_at = former.orders_known_at(config.orders.absence_wait);
        let wait = known_at.map_or(Nanos::ZERO, |at| at.since(self.now().wall));
        self.clock.advance(wait);
        let lands_late = self.now().mono < lands_by && !self.judge.wall_was_set;
        if !lands_late {
            self.exchange.land_flying(self.now(), news);
        }
        // Two readings agree, the second begun later than reads lag.
        self.exchange.expire();
        self.clock.advance(Nanos::from_secs(2));
        let former = Former::fold(&self.journal, self.now().wall, window);
        let now = self.now();
        self.check_ids(&former);
        let opening = self.exchange.open(now);
        self.judge.restart(now, &self.exchange.books, opening.as_of);
        self.engine = Engine::start(config, &self.exchange, &opening, &former, &self.clock);
        self.connect();
        self.exchange.land_flying(self.now(), news);
    }

    /// No signal of the last day would be executed a second time.
    fn check_ids(&self, former: &Former) {
        let now = self.now().mono;
        let recent = |asked: &&Signal| now.since(asked.received) < Nanos::from_secs(86_400);
        for asked in self.judge.signals.iter().filter(recent).filter(|_| !self.clock_was_set) {
            assert!(former.signal_ids().contains(&asked.id), "{} is forgotten", asked.id);
        }
    }

    /// Tells everything that is left to tell, until every order's fate is known.
    pub(crate) fn finish(&mut self) {
        self.link_up();
        for _ in 0..200 {
            self.exchange.land_flying(self.now(), 3);
            while let Some(event) = self.exchange.gateway(self.now(), 0, 3) {
                self.give(&Input::Gateway(event));
            }
            while let Some(input) = self.exchange.untold_fill() {
                self.give(&input);
            }
            self.answer_all();
            let told = (0..COUNT).all(|at| self.exchange.settled[at] == self.judge.settled[at]);
            if self.core().orders().live() == 0 && told {
                return;
            }
            self.pass(Nanos::from_secs(10));
        }
        panic!("orders stay alive: {:#?}", self.core().orders().live_orders().collect::<Vec<_>>());
    }

    /// Once everything is known, nothing is held back for nothing and the books agree.
    pub(crate) fn check_end(&self) {
        let core = self.core();
        assert_eq!(core.exposure().reserved(), Money::ZERO);
        assert!(core.exposure().in_flight().is_zero());
        for market in core.markets().all() {
            let ours = core.account().holding(market.ix).position;
            let theirs = self.exchange.books.holding(market_of(&market.ticker)).position;
            assert_eq!(ours, theirs, "{}", market.ticker);
        }
        assert_eq!(core.account().cash(), self.exchange.books.total());
        let lost = core.day().realized - core.day().fees;
        // Where somebody has set the clock, what is of which day depends on when it was asked.
        if !self.clock_was_set {
            assert_eq!(lost.e8(), self.judge.profit(), "the day's profit");
        }
        // A probe that went well ends a row; the engine may want more evidence of that.
        assert!(core.guard().consecutive_losses() >= self.judge.losses, "losses in a row");
    }
}
