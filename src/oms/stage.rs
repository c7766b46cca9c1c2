//! The oms as a stage: takes inputs from its rings, journals, asks the core, journals what came
//! of it, and only then passes it on.
//!
//! Reads signals, gateway events, feed events, fetch events and control commands; writes gateway
//! commands, fetch commands and records. Thread `oms`. Invariants: the journal has the intent
//! before the gateway can see it (test `an_order_that_is_not_journaled_is_not_sent`); no output is
//! ever dropped: with a full ring downstream the stage takes news of orders but no signal.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use super::core::{Core, Input, Outbox};
use super::rings::OmsRings;
use crate::ids::Reason;
use crate::message::{
    CancelFailure, Command, ControlCommand, FeedEvent, GatewayEvent, Question, Signal,
};
use crate::recorder::journal::{Entry, Journal, JournalError};
use crate::recorder::record::{Hop, Record};
use crate::risk::{BreakerState, CarriedMarket, Kept, KillSwitch, Readiness};
use crate::runtime::clock::Clock;
use crate::runtime::ring::{Consumer, Producer};
use crate::runtime::stage::{Stage, Work};
use crate::units::{Nanos, Now, Timestamp};

/// Inputs of each kind taken per poll: news of orders before new signals, and never so many that
/// one kind starves the others.
const NEWS_MAX: usize = 16;

/// Outputs that may wait for room while news is still taken. Gateway and REST service stop
/// reading while their own events have no room, so an oms that stopped as well would wait for
/// them for ever. Above any number of events their rings can hold at once.
const WAITING_MAX: usize = 16_384;

/// Idle time after which the checks run dry: caches go cold within some ten microseconds.
const REHEARSAL_EVERY: Nanos = Nanos::from_us(20);

/// See the module's page.
#[derive(Debug)]
pub struct Oms<J, C> {
    core: Core,
    journal: J,
    clock: C,
    rings: OmsRings,
    outbox: Outbox,
    /// Cursors into the outbox: how much has been journaled.
    journaled: Cursors,
    /// Cursors into the outbox: how much has been passed on.
    passed: Cursors,
    /// Over how many connections trading is possible, for threads that wait for it.
    beacon: Option<Arc<AtomicU16>>,
    kill_switch: KillSwitch,
    /// From people who want to know something.
    questions: Option<Consumer<Question>>,
    /// What is rehearsed with.
    last_signal: Option<Signal>,
    rehearsed: Timestamp,
}

#[derive(Clone, Copy, Debug, Default)]
struct Cursors {
    commands: usize,
    asks: usize,
    records: usize,
}

impl<J: Journal, C: Clock> Oms<J, C> {
    /// Joins the core with its rings, journal and clock.
    pub fn new(core: Core, journal: J, clock: C, rings: OmsRings) -> Self {
        let outbox = Outbox::new(core.market_capacity());
        Self {
            core,
            journal,
            clock,
            rings,
            outbox,
            journaled: Cursors::default(),
            passed: Cursors::default(),
            beacon: None,
            kill_switch: KillSwitch::default(),
            questions: None,
            last_signal: None,
            rehearsed: Timestamp::ZERO,
        }
    }

    /// Keeps in `beacon` over how many connections trading is possible: none while it is not.
    #[must_use]
    pub fn with_beacon(mut self, beacon: Arc<AtomicU16>) -> Self {
        self.beacon = Some(beacon);
        self
    }

    /// Throws `kill_switch` with every halt and resets it when an operator resumes; holds back with
    /// it what was approved before the breaker opened.
    #[must_use]
    pub fn with_kill_switch(mut self, kill_switch: KillSwitch) -> Self {
        self.kill_switch = kill_switch;
        if self.core.halted().is_some() {
            self.kill_switch.throw();
        }
        self
    }

    /// Answers questions with records while nothing else is to be done.
    #[must_use]
    pub fn with_questions(mut self, questions: Consumer<Question>) -> Self {
        self.questions = Some(questions);
        self
    }

    /// The core, for those who check it from outside.
    pub const fn core(&self) -> &Core {
        &self.core
    }

    /// The journal, for those who read it after the stage has died.
    pub const fn journal(&self) -> &J {
        &self.journal
    }

    /// Gives the journal back after the run.
    pub fn into_journal(self) -> J {
        self.journal
    }

    /// The next time this stage has something to do without being told.
    pub fn deadline(&self) -> Timestamp {
        self.core.deadline()
    }

    /// Journals an input, lets the core take it, journals and passes on what came of it.
    fn take(&mut self, now: Now, input: &Input) {
        if self.journal.append(now, &entry_of(input)).is_err() {
            // Before the input is handled: nothing may follow from what is not written down.
            self.journal_failed(now);
        }
        self.core.handle(now, input, &mut self.outbox);
        self.keep_kill_switch(now, input);
        if let Input::Feed(FeedEvent::Fill(fill)) = input {
            self.measure(Hop::FillApply, fill.decoded);
        }
        self.commit(now);
        let _work = self.pass_on();
    }

    /// Journals every output. An order whose intent cannot be journaled is not sent.
    fn commit(&mut self, now: Now) {
        let mut index = self.journaled.commands;
        // Ends: a withdrawal takes one away and leads to no order.
        while let Some(command) = self.outbox.commands.get(index) {
            let entry = entry_of_command(command);
            let kept = entry.map_or(Ok(()), |entry| self.journal.append(now, &entry));
            if kept.is_err() && !matches!(command, Command::Cancel(_) | Command::CancelAll) {
                self.withdraw(now, index);
            } else {
                index += 1;
            }
        }
        let asks = self.outbox.asks.iter().skip(self.journaled.asks).map(|ask| Entry::Ask(*ask));
        let results = self.outbox.records.iter().skip(self.journaled.records);
        let results = results.filter_map(|record| match record {
            Record::Result(result) => Some(Entry::Result(*result)),
            Record::FillVoided(voided) => Some(Entry::Voided(*voided)),
            Record::Restated(restated) => Some(Entry::Restated(*restated)),
            _ => None,
        });
        let mut lost = false;
        for kept in &self.outbox.kept {
            lost |= self.journal.append(now, &entry_of_kept(kept)).is_err();
        }
        self.outbox.kept.clear();
        for entry in asks.chain(results) {
            // What is not kept here can be worked out again from the inputs.
            let _lost: Result<(), JournalError> = self.journal.append(now, &entry);
        }
        self.journaled = Cursors {
            commands: self.outbox.commands.len(),
            asks: self.outbox.asks.len(),
            records: self.outbox.records.len(),
        };
        if lost {
            self.journal_failed(now);
        }
    }

    /// Takes back a submit that could not be journaled: as if the gateway had never sent it.
    #[cold]
    fn withdraw(&mut self, now: Now, index: usize) {
        let why = crate::message::Unsent::NotJournaled;
        let event = match self.outbox.commands.remove(index) {
            Command::Submit(order) => GatewayEvent::NotSent { key: order.get().key, why },
            Command::Resend(order) => GatewayEvent::NotResent { key: order.get().key, why },
            Command::Amend(amend) => {
                let why = CancelFailure::Unsent(why);
                GatewayEvent::ChangeFailed { key: amend.get().key, why }
            }
            Command::Decrease(decrease) => {
                let why = CancelFailure::Unsent(why);
                GatewayEvent::ChangeFailed { key: decrease.key, why }
            }
            Command::Cancel(_) | Command::CancelAll | Command::List(_) => return,
        };
        self.journal_failed(now);
        self.core.handle(now, &Input::Gateway(event), &mut self.outbox);
    }

    /// Without a journal nothing may be sent: halt.
    #[cold]
    fn journal_failed(&mut self, now: Now) {
        if self.core.halted().is_none() {
            let reason = Reason::lossy("the journal cannot be written (disk full?)");
            self.core.halt(now, reason, &mut self.outbox);
            self.kill_switch.throw();
            self.kill_switch.hold(now.mono);
        }
    }

    /// Throws the switch with a halt, before anything is passed on. Others may have thrown it, on
    /// the way to a halt that is still in a ring: only an operator's resume resets it. What was
    /// approved before a halt or an opening breaker, and still waits for a connection, is held
    /// back for good.
    fn keep_kill_switch(&self, now: Now, input: &Input) {
        let open = self.core.guard().breaker().state() == BreakerState::Open;
        if open || self.core.halted().is_some() {
            self.kill_switch.hold(now.mono);
        }
        self.hold_stopped_markets(now, input);
        if matches!(input, Input::Control(ControlCommand::Halt { .. })) {
            self.kill_switch.confirm(self.clock.mono());
        } else if self.core.halted().is_some() {
            self.kill_switch.throw();
        } else if matches!(input, Input::Control(ControlCommand::Resume)) {
            self.kill_switch.reset();
        }
    }

    /// What waits for a market that this input has stopped is held back, but for the very order
    /// that stopped it: the last of the executions that are allowed.
    fn hold_stopped_markets(&self, now: Now, input: &Input) {
        let own = u64::from(!matches!(input, Input::Signal(_)));
        let before = Timestamp::from_ns(now.mono.ns().saturating_add(own));
        for kept in &self.outbox.kept {
            let Kept::Market(CarriedMarket { ticker, stop: Some(_), .. }) = kept else { continue };
            if let Some(market) = self.core.markets().find(ticker) {
                self.kill_switch.hold_market(market.ix, before);
            }
        }
    }

    /// Moves outputs into their rings as far as there is room. Waiting for room is no work.
    fn pass_on(&mut self) -> Work {
        self.pass_wishes();
        if self.outbox.is_empty() {
            return Work::Idle;
        }
        let Self { outbox, journaled, passed, rings, .. } = self;
        // Each kind on its own: what waits for one reader must not pile up for the others.
        let commands = (&mut passed.commands, &mut journaled.commands);
        let asks = (&mut passed.asks, &mut journaled.asks);
        let records = (&mut passed.records, &mut journaled.records);
        push_from(&mut rings.commands, &mut outbox.commands, commands)
            .or(push_from(&mut rings.asks, &mut outbox.asks, asks))
            .or(push_from(&mut rings.records, &mut outbox.records, records))
    }

    /// Tells the feed which books to follow. Nobody waits for a book: without room, prices are read
    /// instead.
    fn pass_wishes(&mut self) {
        for wish in self.outbox.follows.drain(..) {
            let _full: Result<(), _> = self.rings.follows.push(wish);
        }
    }

    /// How many outputs wait for room in their rings.
    const fn waiting(&self) -> usize {
        self.outbox.len() - self.passed.commands - self.passed.asks - self.passed.records
    }

    /// News of orders first: they free what signals need.
    fn take_news(&mut self) -> Work {
        let mut work = Work::Idle;
        for _ in 0..NEWS_MAX {
            let input = if let Ok(command) = self.rings.control.pop() {
                Input::Control(command)
            } else if let Ok(event) = self.rings.gateway.pop() {
                Input::Gateway(event)
            } else if let Ok(event) = self.rings.feed.pop() {
                Input::Feed(event)
            } else if let Ok(event) = self.rings.fetch.pop() {
                Input::Fetch(event)
            } else if let Ok(news) = self.rings.books.pop() {
                Input::Book(news)
            } else {
                return work;
            };
            work = Work::Done;
            let now = self.clock.now();
            self.take(now, &input);
            if self.waiting() >= WAITING_MAX {
                return work;
            }
        }
        work
    }

    /// Not an input: nothing follows from a question, and so it is not journaled.
    fn answer(&mut self) -> Work {
        let Some(questions) = &mut self.questions else { return Work::Idle };
        let Ok(question) = questions.pop() else { return Work::Idle };
        self.core.tell(self.clock.now(), &question, &mut self.outbox.records);
        self.journaled.records = self.outbox.records.len();
        self.pass_on()
    }

    fn take_signal(&mut self) -> Work {
        let Ok(signal) = self.rings.signals.pop() else { return Work::Idle };
        let now = self.clock.now();
        let before = self.core.orders().live();
        self.take(now, &Input::Signal(signal));
        if self.core.orders().live() > before {
            self.measure(Hop::Risk, now.mono);
        }
        self.last_signal = Some(signal);
        Work::Done
    }

    /// Keeps what a signal needs in the caches while none comes: market, books, limits, journal.
    fn rehearse(&mut self) {
        let Some(signal) = &self.last_signal else { return };
        let now = self.clock.now();
        if now.mono >= self.rehearsed + REHEARSAL_EVERY {
            self.rehearsed = now.mono;
            self.core.rehearse(now, signal);
            self.journal.rehearse(now, &Entry::Signal(*signal));
        }
    }

    /// Records a span that ends now. It is a measurement, not a decision: with a full ring it is
    /// left out rather than waited for.
    fn measure(&mut self, hop: Hop, from: Timestamp) {
        let span = self.clock.mono().since(from);
        let _full: Result<(), _> = self.rings.records.push(Record::Span { hop, span });
    }
}

impl<J: Journal, C: Clock> Stage for Oms<J, C> {
    const NAME: &'static str = "oms";

    fn poll(&mut self) -> Work {
        let mut work = self.pass_on();
        if self.waiting() < WAITING_MAX {
            work = work.or(self.take_news());
        }
        if work == Work::Done
            && let Some(beacon) = &self.beacon
        {
            // Release: pairs with the Acquire of whoever waits for it.
            let open = self.core.readiness() == Readiness::Ready;
            beacon.store(if open { self.core.connections() } else { 0 }, Ordering::Release);
        }
        if self.waiting() < WAITING_MAX && self.core.deadline() != Timestamp::NEVER {
            let now = self.clock.now();
            if self.core.deadline() <= now.mono {
                self.take(now, &Input::Timer);
                work = Work::Done;
            }
        }
        if self.outbox.is_empty() {
            work = work.or(self.take_signal());
        }
        if self.outbox.is_empty() {
            work = work.or(self.answer());
        }
        if work == Work::Idle {
            self.rehearse();
        }
        work
    }

    fn on_stop(&mut self) {
        let _work = self.pass_on();
    }
}

/// Pushes what has room; what has all been pushed is forgotten.
fn push_from<T: Copy>(
    ring: &mut Producer<T>,
    from: &mut Vec<T>,
    (passed, journaled): (&mut usize, &mut usize),
) -> Work {
    let before = *passed;
    while let Some(value) = from.get(*passed) {
        if ring.push(*value).is_err() {
            break;
        }
        *passed += 1;
    }
    let work = if *passed == before { Work::Idle } else { Work::Done };
    if *passed == from.len() {
        from.clear();
        *passed = 0;
        *journaled = 0;
    }
    work
}

const fn entry_of(input: &Input) -> Entry {
    match input {
        Input::Signal(signal) => Entry::Signal(*signal),
        Input::Gateway(event) => Entry::Gateway(*event),
        Input::Feed(event) => Entry::Feed(*event),
        Input::Fetch(event) => Entry::Fetch(*event),
        Input::Book(news) => Entry::Book(*news),
        Input::Control(command) => Entry::Control(*command),
        Input::Timer => Entry::Timer,
    }
}

const fn entry_of_kept(kept: &Kept) -> Entry {
    match kept {
        Kept::Account(carried) => Entry::Risk(*carried),
        Kept::Market(market) => Entry::MarketRisk(*market),
        Kept::Listed(market) => Entry::Market(*market),
    }
}

const fn entry_of_command(command: &Command) -> Option<Entry> {
    Some(match command {
        Command::Submit(approved) => Entry::Submit(*approved.get()),
        Command::Resend(approved) => Entry::Resend(*approved.get()),
        Command::Cancel(cancel) => Entry::Cancel(*cancel),
        Command::CancelAll => Entry::CancelAll,
        Command::Amend(approved) => Entry::Amend(*approved.get()),
        Command::Decrease(decrease) => Entry::Decrease(*decrease),
        // Kept with the market itself.
        Command::List(_) => return None,
    })
}
