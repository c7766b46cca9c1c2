//! Markets that are listed after the run began, or open after it and were in no listing: they
//! are read when they open, and get a row of the table.
//!
//! In: news of markets outside the table, the answers to the reads. Out: one read at a time
//! ([`FetchCommand::Market`], in turn with `rereading.rs`), and for each market that is open and
//! may be traded a row, kept in the journal and told to the gateway before any order for it. Until
//! then a signal for it is refused as `unknown_market`. What a series' rules forbid is not read.
//! Rows are preallocated and bounded; what finds none is told to a person once, and a restart takes
//! it in.

use super::admission::tell_listed;
use super::config::Admission;
use super::core::{Core, Outbox, Phase};
use super::rereading::{PACE, RETRY, TRIES_MAX};
use crate::ids::{Reason, Ticker};
use crate::kalshi::market::{FeeSchedule, MarketTable, TickGrid};
use crate::message::{FetchCommand, MarketChange, MarketNews};
use crate::recorder::record::Record;
use crate::risk::CarriedMarket;
use crate::units::{Now, Timestamp, WallTime};

/// Rows kept free for the books of markets in which only others trade (`outsiders.rs`).
const OUTSIDERS_MIN: usize = 256;
/// Markets that wait at most: each may come to need a row.
const WAITING_MAX: usize = MarketTable::SPARE_MARKETS_MAX - OUTSIDERS_MIN;

/// A market that is to be read.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    ticker: Ticker,
    due: Timestamp,
    /// Reads that have not shown it open.
    tries: u32,
}

/// What has been read of the market that is being read.
#[derive(Clone, Copy, Debug, Default)]
struct Heard {
    grid: Option<TickGrid>,
    closes: Option<WallTime>,
    terms: Option<(u8, Option<FeeSchedule>)>,
    is_open: bool,
    is_over: bool,
    /// Whether the stream has told more since the read was asked for.
    is_stale: bool,
}

/// See the module's page.
#[derive(Debug)]
pub(super) struct Newcomers {
    waiting: Vec<Waiting>,
    asked: Option<Waiting>,
    heard: Heard,
    /// When the next read is due.
    due: Timestamp,
    /// Whether a person has been told that there is no room for more.
    is_full_told: bool,
    /// What a former run left of markets that are not in the table.
    carried: Vec<CarriedMarket>,
}

impl Newcomers {
    /// None yet.
    pub(super) fn new() -> Self {
        Self {
            waiting: Vec::with_capacity(WAITING_MAX),
            asked: None,
            heard: Heard::default(),
            due: Timestamp::NEVER,
            is_full_told: false,
            carried: Vec::new(),
        }
    }

    /// When to ask next.
    pub(super) const fn due(&self) -> Timestamp {
        self.due
    }

    /// Whether a market is being read.
    pub(super) const fn is_asking(&self) -> bool {
        self.asked.is_some()
    }

    /// A former run has left something of a market that is not in the table.
    pub(super) fn carry(&mut self, former: &CarriedMarket) {
        self.carried.push(*former);
    }

    /// A person goes on in all markets.
    pub(super) fn forget_stops(&mut self) {
        self.carried.iter_mut().for_each(|former| former.stop = None);
    }

    /// A market is to be read at a time. Whether there was room.
    fn wait_for(&mut self, waiting: Waiting) -> bool {
        let known = self.waiting.iter_mut().find(|it| it.ticker == waiting.ticker);
        if let Some(known) = known {
            *known = waiting;
        } else if self.waiting.len() < WAITING_MAX {
            self.waiting.push(waiting);
        } else {
            return false;
        }
        self.due = self.due.min(waiting.due);
        true
    }

    /// The first market whose time has come.
    fn take_due(&mut self, now: Timestamp) -> Option<Waiting> {
        let place = self.waiting.iter().position(|it| it.due <= now)?;
        Some(self.waiting.swap_remove(place))
    }

    /// When the next market's time comes, a pace from now at the earliest.
    fn rearm(&mut self, now: Timestamp) {
        let next = self.waiting.iter().map(|it| it.due).min();
        self.due = next.map_or(Timestamp::NEVER, |due| due.max(now + PACE));
    }

    /// How the market stands that was asked for.
    pub(super) fn hear(&mut self, news: &MarketNews) {
        if self.asked.is_none_or(|asked| asked.ticker != news.ticker) {
            return;
        }
        match news.change {
            MarketChange::Prices(grid) => self.heard.grid = Some(grid),
            MarketChange::Closes(at) => self.heard.closes = Some(at),
            MarketChange::Terms { exchange_index, fees } => {
                self.heard.terms = Some((exchange_index, fees));
            }
            MarketChange::Activated => self.heard.is_open = true,
            MarketChange::Determined | MarketChange::Settled => self.heard.is_over = true,
            MarketChange::Deactivated | MarketChange::Created(_) => {}
        }
    }

    /// There was no answer, or one that does not show the market open: reads lag the stream.
    pub(super) fn fail(&mut self, now: Now) {
        let Some(mut asked) = self.asked.take() else { return };
        asked.tries += 1;
        asked.due = now.mono + RETRY;
        if asked.tries < TRIES_MAX {
            let _it_had_a_place: bool = self.wait_for(asked);
        }
        self.rearm(now.mono);
    }
}

impl Core {
    /// Something happened to a market that is not in the table.
    pub(super) fn note_newcomer(&mut self, now: Now, news: &MarketNews, out: &mut Outbox) {
        let ticker = news.ticker;
        if self.newcomers.asked.is_some_and(|asked| asked.ticker == ticker) {
            self.newcomers.heard.is_stale = true;
            return;
        }
        let opens = match news.change {
            MarketChange::Created(opens) => opens,
            MarketChange::Activated => now.wall,
            _ => return,
        };
        let is_wanted = self.config.admission == Admission::Listed;
        if !is_wanted || !self.rules.listing(&ticker).allowed {
            return;
        }
        let due = now.mono + self.config.orders.read_lag + opens.since(now.wall);
        let rows = self.market_capacity() - self.markets.all().len();
        let room = rows.saturating_sub(OUTSIDERS_MIN) > self.newcomers.waiting.len();
        if !room || !self.newcomers.wait_for(Waiting { ticker, due, tries: 0 }) {
            self.tell_full(ticker, out);
        }
    }

    /// Asks for the next market whose time has come.
    pub(super) fn poll_newcomers(&mut self, now: Now, out: &mut Outbox) {
        if now.mono < self.newcomers.due || self.newcomers.is_asking() {
            return;
        }
        if self.phase != Phase::Open {
            self.newcomers.due = Timestamp::NEVER;
            return;
        }
        if !self.rereading.is_asking()
            && let Some(waiting) = self.newcomers.take_due(now.mono)
        {
            self.newcomers.asked = Some(waiting);
            self.newcomers.heard = Heard::default();
            self.newcomers.due = Timestamp::NEVER;
            out.asks.push(FetchCommand::Market { ticker: waiting.ticker });
            return;
        }
        self.newcomers.rearm(now.mono);
    }

    /// The market that was asked for has been read: when it is open it gets a row.
    pub(super) fn admit_newcomer(&mut self, now: Now, out: &mut Outbox) {
        let Some(asked) = self.newcomers.asked else { return };
        let heard = self.newcomers.heard;
        if heard.is_stale {
            let _it_had_a_place: bool =
                self.newcomers.wait_for(Waiting { due: now.mono + PACE, ..asked });
        } else if !heard.is_over && !heard.is_open {
            return self.newcomers.fail(now);
        } else if heard.is_open {
            self.open_newcomer(now, asked.ticker, &heard, out);
        }
        self.newcomers.asked = None;
        self.newcomers.rearm(now.mono);
    }

    fn open_newcomer(&mut self, now: Now, ticker: Ticker, heard: &Heard, out: &mut Outbox) {
        if let Some(known) = self.markets.find(&ticker) {
            // Somebody else has traded there meanwhile: it has a row.
            return self.note_opened(now, known.ix);
        }
        let news = |change| MarketNews { ticker, change };
        let (shard, fees) = heard.terms.unwrap_or((u8::MAX, None));
        let opened = news(MarketChange::Activated);
        let Some(fees) = self.sound_terms(&opened, shard, fees, out) else { return };
        let Some(grid) = heard.grid else { return };
        let Some(market) = self.markets.insert(ticker, grid, shard, fees, true) else {
            return self.tell_full(ticker, out);
        };
        self.list_markets();
        self.news.markets[usize::from(market.0)].was_open = true;
        if let Some(former) = self.newcomers.carried.iter().find(|it| it.ticker == ticker) {
            self.stopped[usize::from(market.0)] = former.stop.is_some();
            self.guard.restore_repeats(market, former.repeats, now.mono);
        }
        if let Some(row) = self.markets.get(market) {
            tell_listed(row, out);
        }
        if let Some(closes) = heard.closes {
            self.follow_news(now, market, &news(MarketChange::Closes(closes)));
        }
    }

    /// There is no room for a market: a person is told once.
    #[cold]
    fn tell_full(&mut self, ticker: Ticker, out: &mut Outbox) {
        if !core::mem::replace(&mut self.newcomers.is_full_told, true) {
            let text = "more markets are listed during the run than there is room for: they stay \
                        unknown until a restart";
            out.records.push(Record::Alert { ticker, reason: Reason::lossy(text) });
        }
    }
}
