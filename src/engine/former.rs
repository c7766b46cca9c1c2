//! What former runs left in the journal: signals that must not be executed again, risk's state of
//! the account and its markets, the books as they were last believed, orders whose fate is open.
//!
//! In: the journal's entries, oldest first. Out: [`Former`]. The oms writes its state down after
//! every input that changed it, except for orders, which their own entries count. A process may
//! have died between an input and what it changed: what the last input must have changed is
//! worked out here, so that no halt, no loss and no order is forgotten.

mod books;
mod doubts;

use std::collections::BTreeMap;
use std::path::Path;

use super::EngineError;
use crate::ids::{OrderGroupId, Reason, RunId, SignalId, Ticker};
use crate::kalshi::errors;
use crate::message::{
    BookSide, ControlCommand, FeedEvent, FetchEvent, Fill, GatewayEvent, MarketSettlement, NewOrder,
};
use crate::oms::Core;
use crate::oms::account::Holding;
use crate::recorder::journal::{Entry, Header, JournalError, JournalReader};
use crate::recorder::record::{FillVoided, Restated};
use crate::risk::{
    Carried, CarriedBreaker, CarriedMarket, Day, DayClock, Halt, Past, is_trouble,
    is_trouble_of_change,
};
use crate::units::{Money, Nanos, Now, WallTime};
use books::{Books, Ledger};
use doubts::Doubts;

/// Counted back from now, so that midnight makes nothing new.
const DAY: Nanos = Nanos::from_secs(86_400);

const MINUTE: Nanos = Nanos::from_secs(60);

/// See the module's page.
#[derive(Clone, Debug, Default)]
pub struct Former {
    /// Ids of the last 24 hours' signals, oldest first.
    pub(super) signal_ids: Vec<SignalId>,
    /// The account's state; `None` when there was no run before.
    carried: Option<Carried>,
    /// States of single markets.
    markets: Vec<CarriedMarket>,
    /// The books.
    past: Vec<Past>,
    /// How long before the journal's last word the youngest order of open fate was sent, and when
    /// that word was.
    in_doubt: Option<(Nanos, WallTime)>,
    /// Order groups of former runs: those that had an end are gone, as far as deleting went.
    pub(super) groups: Vec<(u8, OrderGroupId)>,
}

impl Former {
    /// Reads the journal in `dir`; a directory without one has no former runs. `repeats_window`
    /// is how long an execution counts as a repeat.
    pub(super) fn read(
        dir: &Path,
        now: WallTime,
        repeats_window: Nanos,
    ) -> Result<Self, EngineError> {
        let reader = match JournalReader::open(dir) {
            Err(JournalError::NotAJournal { .. }) => return Ok(Self::default()),
            reader => reader?,
        };
        let mut memory = Memory::new(now);
        for entry in reader {
            let (header, entry) = entry?;
            memory.take(&header, &entry);
        }
        Ok(memory.into_former(repeats_window))
    }

    /// As `read`, from entries at hand.
    #[must_use]
    pub fn fold(entries: &[(Header, Entry)], now: WallTime, repeats_window: Nanos) -> Self {
        let mut memory = Memory::new(now);
        for (header, entry) in entries {
            memory.take(header, entry);
        }
        memory.into_former(repeats_window)
    }

    /// What the new run's journal begins with, so that it can be replayed by itself.
    pub fn entries(&self) -> impl Iterator<Item = Entry> + '_ {
        let account = self.carried.map(Entry::Risk);
        let markets = self.markets.iter().map(|market| Entry::MarketRisk(*market));
        account.into_iter().chain(markets).chain(self.past.iter().map(|past| Entry::Past(*past)))
    }

    /// Ids of the last 24 hours' signals, oldest first: none of them is executed again.
    #[must_use]
    pub fn signal_ids(&self) -> &[SignalId] {
        &self.signal_ids
    }

    /// Hands everything to a new run's core, before its first input.
    pub fn restore(&self, now: Now, core: &mut Core) {
        if !self.past.is_empty() {
            let carried = self.carried.unwrap_or_default();
            core.restore(now, &carried, &self.markets, &self.past);
        }
    }

    /// From when on what the exchange shows is the whole truth about the former runs' orders;
    /// `None` when their fates are known. One that nobody has seen end may still be on its way, and
    /// counts as never landed only after as long as a run waits for that itself (`absence_wait`):
    /// until then the account's books are not read, and so nothing is sent that its landing could
    /// take over a limit.
    #[must_use]
    pub fn orders_known_at(&self, absence_wait: Nanos) -> Option<WallTime> {
        let (age, last_word) = self.in_doubt?;
        Some(last_word + Nanos::from_ns(absence_wait.ns().saturating_sub(age.ns())))
    }
}

/// Whether an entry is a request that uses write tokens.
const fn is_message(entry: &Entry) -> bool {
    let order = matches!(entry, Entry::Submit(_) | Entry::Resend(_));
    let change = matches!(entry, Entry::Amend(_) | Entry::Decrease(_));
    order || change || matches!(entry, Entry::Cancel(_) | Entry::CancelAll)
}

/// One order sent: when, where, on which side.
#[derive(Clone, Copy, Debug)]
struct Sent {
    at: WallTime,
    ticker: Ticker,
    side: BookSide,
}

/// The journal's entries, folded.
#[derive(Debug)]
struct Memory {
    now: WallTime,
    /// The run's clock for days, and what it says.
    day_clock: DayClock,
    today: WallTime,
    signal_ids: Vec<SignalId>,
    carried: Option<Carried>,
    stops: BTreeMap<Ticker, Reason>,
    sent: Vec<Sent>,
    /// When orders were moved in place: they use the rate of orders and repeat nothing.
    amended: Vec<WallTime>,
    rejects: Vec<WallTime>,
    /// When an order or a cancel last went out.
    last_message: WallTime,
    /// When a person last looked: what was repeated before does not count.
    resumed: WallTime,
    /// The present run's books.
    books: Books,
    /// The books that all evidence of all runs makes.
    ledger: Ledger,
    doubts: Doubts,
    groups: Vec<(u8, OrderGroupId)>,
}

impl Memory {
    fn new(now: WallTime) -> Self {
        Self {
            now,
            day_clock: DayClock::default(),
            today: WallTime::default(),
            signal_ids: Vec::new(),
            carried: None,
            stops: BTreeMap::new(),
            sent: Vec::new(),
            amended: Vec::new(),
            rejects: Vec::new(),
            last_message: WallTime::default(),
            resumed: WallTime::default(),
            books: Books::of(RunId::default(), now),
            ledger: Ledger::default(),
            doubts: Doubts::default(),
            groups: Vec::new(),
        }
    }

    fn take(&mut self, header: &Header, entry: &Entry) {
        let at = header.now.wall;
        if matches!(entry, Entry::RunStarted { .. }) {
            self.day_clock = DayClock::default();
        }
        self.today = self.day_clock.time(header.now);
        self.doubts.hear(header.now);
        if is_message(entry) {
            self.last_message = at;
        }
        match entry {
            Entry::RunStarted { run, .. } => {
                self.books = Books::of(*run, at);
                self.ledger.begin(at);
                // Nothing began before the fate of every former order was known.
                self.doubts = Doubts::default();
            }
            Entry::Market(market) => self.books.list(market),
            Entry::Opening { ticker, position, cost } => {
                let holding = Holding { position: *position, cost: *cost };
                self.books.open(ticker, holding);
                self.ledger.open(ticker, holding);
            }
            Entry::Past(past) => self.ledger.take_over(past),
            Entry::Group { shard, group } if !self.groups.contains(&(*shard, *group)) => {
                self.groups.push((*shard, *group));
            }
            Entry::Group { .. } => {}
            Entry::Signal(signal) => {
                self.books.meet(&signal.ticker);
                if self.now.since(at) < DAY {
                    self.signal_ids.push(signal.id);
                }
            }
            Entry::Submit(order) => {
                self.doubts.sent(header.now, order, self.ledger.newest_fill());
                self.submit(at, order);
            }
            // The same order: it has been counted, and is on its way once more.
            Entry::Resend(order) => self.doubts.sent_again(header.now, order),
            Entry::Amend(_) if self.now.since(at) < MINUTE => self.amended.push(at),
            Entry::Amend(_) => {}
            // Whatever became of it: it may have been carried out.
            Entry::CancelAll => self.carried().cancelled_all = at,
            Entry::Gateway(event) => self.gateway(at, event),
            Entry::Feed(FeedEvent::Fill(fill)) => {
                self.carried();
                self.book(fill);
            }
            Entry::Fetch(event) => self.fetched(event),
            Entry::Result(result) => self.doubts.told(result),
            // What they did to the day is in the state that was kept with them.
            Entry::Voided(voided) => self.take_back(voided),
            Entry::Restated(restated) => self.restate(restated),
            Entry::Control(command) => self.control(at, command),
            Entry::Risk(carried) => {
                self.carried = Some(*carried);
                self.books.forget_unkept();
            }
            Entry::MarketRisk(market) => match market.stop {
                Some(reason) => drop(self.stops.insert(market.ticker, reason)),
                None => drop(self.stops.remove(&market.ticker)),
            },
            Entry::Settings(_)
            | Entry::OpeningCash { .. }
            | Entry::Feed(_)
            | Entry::Book(_)
            | Entry::Timer
            | Entry::Decrease(_)
            | Entry::Cancel(_)
            | Entry::Ask(_)
            | Entry::RunEnded => {}
        }
    }

    fn fetched(&mut self, event: &FetchEvent) {
        match event {
            FetchEvent::Fill(fill) => {
                self.carried();
                self.book(fill);
            }
            FetchEvent::Settled(said) => {
                self.carried();
                self.settle(said);
            }
            FetchEvent::BackfillDone => self.ledger.fills_are_read(),
            FetchEvent::SettlementsDone => self.ledger.settlements_are_read(&self.books),
            _ => {}
        }
    }

    /// The state as it stands, of a day that is not over yet. What may still be in flight
    /// counts for the new day too, as it does while a run lasts.
    fn carried(&mut self) -> &mut Carried {
        let at = self.today;
        let carried =
            self.carried.get_or_insert_with(|| Carried { day: Day::new(at), ..Carried::default() });
        carried.day.roll(at, self.doubts.in_flight());
        carried
    }

    /// Books a fill: one from before the run's books were read is in them already, and counts only
    /// if it is of the day.
    fn book(&mut self, fill: &Fill) {
        let earlier = self.ledger.book(fill);
        if !self.books.is_older(fill) {
            return self.books.book(fill);
        }
        if let Some(realized) = earlier {
            self.count_earlier(realized, fill.fee, fill.exchange_time);
        }
    }

    /// Undoes a booking, as the run did.
    fn take_back(&mut self, voided: &FillVoided) {
        self.books.take_back(voided);
        self.ledger.take_back(voided);
    }

    /// Takes over what a position cost, as the run did.
    fn restate(&mut self, Restated { ticker, cost, .. }: &Restated) {
        self.books.restate(ticker, *cost);
        self.ledger.restate(ticker, *cost);
    }

    /// Pays a market out, as the run did.
    fn settle(&mut self, said: &MarketSettlement) {
        let earlier = self.ledger.settle(said);
        if said.settled_at >= self.books.began() {
            self.books.settle(said);
        } else if let Some(realized) = earlier {
            self.count_earlier(realized, Money::ZERO, said.settled_at);
        }
    }

    fn count_earlier(&mut self, realized: Money, fees: Money, at: WallTime) {
        let day = self.carried.map(|carried| carried.day.utc_day());
        if day.is_some_and(|day| at.utc_day() >= day) {
            self.books.count_unkept(realized, fees);
        }
    }

    fn submit(&mut self, at: WallTime, order: &NewOrder) {
        let day = &mut self.carried().day;
        day.orders += 1;
        day.volume += order.quantity;
        if self.now.since(at) < DAY
            && let Some(ticker) = self.books.ticker(order)
        {
            self.sent.push(Sent { at, ticker, side: order.side });
        }
    }

    fn gateway(&mut self, at: WallTime, event: &GatewayEvent) {
        if matches!(event, GatewayEvent::CancelAllDone { .. }) {
            self.carried().cancelled_all = at;
        }
        let is_reject = match event {
            GatewayEvent::Rejected { reject, .. } => is_trouble(reject.kind),
            GatewayEvent::ChangeFailed { why, .. } => is_trouble_of_change(*why),
            _ => false,
        };
        if is_reject && self.now.since(at) < MINUTE {
            self.rejects.push(at);
        }
        let GatewayEvent::Rejected { reject, .. } = event else { return };
        let trouble = errors::trouble(reject.status, reject.code.as_str());
        if let Some(trouble) = trouble.filter(|trouble| trouble.needs_a_person()) {
            let halt = Halt { reason: Reason::lossy(&trouble.halt_reason()), since: at };
            self.halt(halt);
        }
    }

    /// A halt cancels everything, the first as well as those after it.
    fn halt(&mut self, halt: Halt) {
        let carried = self.carried();
        carried.cancelled_all = halt.since;
        carried.halt.get_or_insert(halt);
    }

    fn control(&mut self, at: WallTime, command: &ControlCommand) {
        match command {
            ControlCommand::Halt { reason } => {
                let halt = Halt { reason: *reason, since: at };
                self.halt(halt);
            }
            ControlCommand::Resume => {
                let carried = self.carried();
                carried.halt = None;
                carried.breaker = CarriedBreaker::default();
                carried.consecutive_losses = 0;
                carried.mismatches = 0;
                carried.latency_breaches = 0;
                self.stops.clear();
                self.rejects.clear();
                self.resumed = at;
            }
            ControlCommand::Drain
            | ControlCommand::CancelAll
            | ControlCommand::Reconcile
            | ControlCommand::Clock { .. }
            | ControlCommand::Tier { .. } => {}
        }
    }

    fn into_former(mut self, repeats_window: Nanos) -> Former {
        let now = self.now;
        let recent = |at: WallTime, span: Nanos| now.since(at) < span;
        let count = |times: usize| u32::try_from(times).unwrap_or(u32::MAX);
        let sent = self.sent.iter().filter(|sent| recent(sent.at, MINUTE)).count();
        let orders = count(sent + self.amended.len());
        let rejects = count(self.rejects.len());
        let (realized, fees) = self.books.unkept();
        if let Some(carried) = &mut self.carried {
            carried.day.realized += realized;
            carried.day.fees += fees;
        }
        if self.carried.is_some() {
            self.today = now;
            self.carried();
        }
        if let Some(carried) = &mut self.carried {
            carried.recent_orders = orders;
            carried.recent_rejects = rejects;
            carried.last_message = self.last_message;
        }
        let in_doubt = self.doubts.youngest();
        let past = self.ledger.into_past(self.doubts.fills_from());
        let mut markets: BTreeMap<Ticker, CarriedMarket> = BTreeMap::new();
        let none = |ticker| CarriedMarket { ticker, stop: None, repeats: [0; 2] };
        for (ticker, reason) in self.stops {
            markets.entry(ticker).or_insert_with(|| none(ticker)).stop = Some(reason);
        }
        let repeat = |sent: &&Sent| sent.at >= self.resumed && recent(sent.at, repeats_window);
        for sent in self.sent.iter().filter(repeat) {
            let market = markets.entry(sent.ticker).or_insert_with(|| none(sent.ticker));
            let repeats = &mut market.repeats[sent.side as usize];
            *repeats = repeats.saturating_add(1);
        }
        Former {
            groups: self.groups,
            signal_ids: self.signal_ids,
            carried: self.carried,
            markets: markets.into_values().collect(),
            past,
            in_doubt,
        }
    }
}

#[cfg(test)]
mod tests;
