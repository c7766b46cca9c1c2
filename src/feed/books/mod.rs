//! Books of the markets in play, followed on one connection.
//!
//! In: which markets matter, messages of that connection with their times, the connection's
//! beginning and end. Out: commands for the exchange, and [`BookNews`] for the oms: what a market's
//! best prices are, or that nobody knows. A market is believed from a snapshot on, as long as its
//! subscription has no gap, nothing contradicts itself, what comes is not old, and the `ticker`
//! channel, which comes by another way, does not say otherwise for long. What is not believed is
//! asked for again, ever more slowly. Sans I/O; nothing is allocated after [`Books::new`].
//!
//! Invariant: what is told as a top is the top after every message up to the newest one taken
//! (test `no_top_is_told_that_the_exchange_never_had`).

mod lane;
mod pause;
mod slot;
#[cfg(test)]
mod tests;

use lane::Lane;
use slot::{Age, Cover, Slot, Wish};

use crate::feed::book::Damage;
use crate::feed::sequence::Course;
use crate::ids::{MarketIx, Ticker};
use crate::kalshi::stream::{
    BookDelta, BookLevel, BookSnapshot, Channel, Envelope, MarketWish, StreamMessage, TickerQuote,
    write_subscribe_market, write_update,
};
use crate::message::{Blindness, BookNews, FollowCommand};
use crate::recorder::feed_links::BookCounts;
use crate::runtime::stage::Work;
use crate::units::{Nanos, Now, Timestamp, WallTime};

/// Most markets followed at a time: more than a strategy executes in at once, and two ladders of
/// 10 000 places each (160 KiB, of which what is used is touched) stay within 12 MiB.
pub const FOLLOWED_MAX: usize = 64;
/// Places for markets whose subscriptions have yet to be told that they are over.
const LEAVING_MAX: usize = 8;
const SLOTS_MAX: usize = FOLLOWED_MAX + LEAVING_MAX;
/// Commands of this file have numbers from here on; others have smaller ones.
const ID_MIN: u32 = 1_000;
/// Longest command: a ticker and what is around it.
const COMMAND_BYTES_MAX: usize = 256;

const BOOKS: usize = 0;
const TICKERS: usize = 1;

/// How books are followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BooksConfig {
    /// Oldest that a message may be when it comes, by the exchange's clock and ours; and longest
    /// that book and summary may differ.
    pub age_max: Nanos,
}

impl Default for BooksConfig {
    fn default() -> Self {
        Self { age_max: Nanos::from_secs(2) }
    }
}

/// See the module's page.
#[derive(Debug)]
pub struct Books {
    config: BooksConfig,
    slots: Vec<Slot>,
    /// Slots that are not in use.
    free: Vec<Slot>,
    lanes: [Lane; 2],
    command: String,
    next_id: u32,
    /// Whether the connection takes commands.
    is_up: bool,
    /// When the connection was last heard, whatever it said.
    heard: Timestamp,
    /// When it was last pinged for that.
    pinged: Timestamp,
    /// Whether it has been silent for too long: what it says may be stuck on the way.
    is_silent: bool,
    /// When there may be something to ask for.
    due: Timestamp,
    /// Whether some view may differ from what was told.
    has_news: bool,
    counts: BookCounts,
}

impl Books {
    /// Allocates a place for every market that can be followed.
    #[must_use]
    pub fn new(config: BooksConfig) -> Self {
        let empty = |_| Slot::new(MarketIx::default(), Ticker::default());
        Self {
            config,
            slots: Vec::with_capacity(SLOTS_MAX),
            free: (0..SLOTS_MAX).map(empty).collect(),
            lanes: Channel::QUOTES.map(Lane::new),
            command: String::with_capacity(COMMAND_BYTES_MAX),
            next_id: ID_MIN,
            is_up: false,
            heard: Timestamp::ZERO,
            pinged: Timestamp::ZERO,
            is_silent: false,
            due: Timestamp::NEVER,
            has_news: false,
            counts: BookCounts::default(),
        }
    }

    /// What has been seen so far.
    #[must_use]
    pub const fn counts(&self) -> BookCounts {
        self.counts
    }

    /// Input: the oms wants a market followed, or no longer.
    pub fn handle_wish(&mut self, wish: FollowCommand) {
        self.due = Timestamp::ZERO;
        match wish {
            FollowCommand::Unfollow { market } => {
                if let Some(slot) = self.slots.iter_mut().find(|slot| slot.market == market) {
                    slot.wish = Wish::Leaving;
                }
            }
            FollowCommand::Follow { market, ticker } => {
                if let Some(slot) = self.slots.iter_mut().find(|slot| slot.ticker == ticker) {
                    slot.follow_again();
                } else if let Some(mut slot) = self.free.pop() {
                    slot.reuse(market, ticker);
                    self.slots.push(slot);
                } else {
                    // The oms hears nothing of it and reads instead.
                    self.counts.crowded += 1;
                }
            }
        }
        self.has_news = true;
    }

    /// Input: a connection takes commands.
    pub fn handle_up(&mut self, now: Timestamp) {
        self.is_up = true;
        self.due = Timestamp::ZERO;
        self.handle_heard(now);
    }

    /// Input: the connection was heard. A pong counts: it has passed whatever was stuck.
    pub const fn handle_heard(&mut self, now: Timestamp) {
        self.heard = now;
        if self.is_silent {
            self.is_silent = false;
            self.has_news = true;
        }
    }

    /// Input: the connection is gone.
    pub fn handle_down(&mut self) {
        self.is_up = false;
        self.due = Timestamp::NEVER;
        for lane in &mut self.lanes {
            lane.reset();
        }
        for slot in &mut self.slots {
            slot.forget(Blindness::Unread);
            slot.uncover();
        }
        self.has_news = true;
    }

    /// Input: a message, what surrounded it, and the levels it came with.
    pub fn handle(
        &mut self,
        now: Now,
        message: &StreamMessage,
        envelope: &Envelope,
        levels: &[BookLevel],
    ) {
        let of_books = self.lanes[BOOKS].is_of(envelope);
        if of_books {
            match self.lanes[BOOKS].count(envelope) {
                Course::Next => {}
                Course::Repeat => {
                    self.counts.repeats += 1;
                    return;
                }
                Course::Gap => {
                    self.counts.gaps += 1;
                    self.forget_all(Blindness::Gap);
                }
            }
        }
        match message {
            StreamMessage::BookSnapshot(snapshot) if of_books => {
                self.replace(now, snapshot, envelope, levels);
            }
            StreamMessage::BookDelta(delta) if of_books => self.change(now, delta, envelope),
            StreamMessage::UnreadableBook if of_books => {
                self.counts.damaged += 1;
                self.forget_all(Blindness::Damaged);
            }
            StreamMessage::Ticker(quote) if self.lanes[TICKERS].is_of(envelope) => {
                self.compare(now, quote, envelope);
            }
            StreamMessage::Subscribed { channel, sid } => self.begin(*channel, *sid),
            _ => {}
        }
    }

    /// Input: a command or a subscription has failed. Whether it was one of these.
    pub fn handle_failure(
        &mut self,
        now: Timestamp,
        code: u32,
        sid: Option<u64>,
        id: Option<u64>,
    ) -> bool {
        let by_sid = sid.and_then(|sid| self.lanes.iter().position(|it| it.sid == Some(sid)));
        let ours = id.and_then(|id| u32::try_from(id).ok()).filter(|id| *id >= ID_MIN);
        let refused = ours.and_then(|id| self.refuse(id));
        // 10 and 25 end a subscription; 7: there is none of this number (any more).
        let ended = by_sid.filter(|_| matches!(code, 7 | 10 | 25));
        let ended = ended.or_else(|| refused.filter(|_| code == 7));
        if let Some(lane) = ended {
            self.end_lane(now, lane);
        }
        by_sid.is_some() || ours.is_some()
    }

    /// Input: a subscription has ended. Whether it was one of these.
    pub fn handle_end(&mut self, now: Timestamp, sid: u64) -> bool {
        let lane = self.lanes.iter().position(|it| it.sid == Some(sid));
        if let Some(lane) = lane {
            self.end_lane(now, lane);
        }
        lane.is_some()
    }

    /// Output: when to ask [`Self::poll_command`].
    #[must_use]
    pub const fn deadline(&self) -> Timestamp {
        self.due
    }

    /// Output: whether the connection is to be pinged: a quiet market and a stuck connection look
    /// alike otherwise.
    pub fn poll_ping(&mut self, now: Timestamp) -> Work {
        let half = Nanos::from_ns(self.config.age_max.ns() / 2);
        let due = self.heard.max(self.pinged) + half;
        if !self.is_up || self.slots.is_empty() || now < due {
            return Work::Idle;
        }
        self.pinged = now;
        Work::Done
    }

    /// Output: a command for the exchange. Call until `None`.
    pub fn poll_command(&mut self, now: Timestamp) -> Option<&str> {
        if now < self.due {
            return None;
        }
        self.weigh_all(now);
        self.release();
        if self.is_up && !self.is_silent && now >= self.silent_at() {
            self.is_silent = true;
            self.has_news = true;
        }
        if self.is_up
            && (self.write_subscribe(now) || self.write_change(now) || self.write_snapshot(now))
        {
            self.next_id = self.next_id.checked_add(1).unwrap_or(ID_MIN);
            return Some(&self.command);
        }
        self.due = self.next_due();
        None
    }

    /// Whether [`Self::poll_news`] may have something.
    #[must_use]
    pub const fn has_news(&self) -> bool {
        self.has_news
    }

    /// Output: what the oms does not know yet. Call until `None` while there is room for it.
    pub fn poll_news(&mut self) -> Option<BookNews> {
        if !self.has_news {
            return None;
        }
        let age = self.age_of_all();
        for slot in &mut self.slots {
            if let Some(view) = slot.news(age) {
                return Some(BookNews { market: slot.market, view, as_of: slot.as_of });
            }
        }
        self.has_news = false;
        None
    }

    // -- messages --

    fn begin(&mut self, channel: Channel, sid: u64) {
        if let Some(lane) = self.lanes.iter_mut().find(|lane| lane.channel == channel) {
            lane.begin(sid);
            self.due = Timestamp::ZERO;
        }
    }

    fn replace(
        &mut self,
        now: Now,
        snapshot: &BookSnapshot,
        envelope: &Envelope,
        levels: &[BookLevel],
    ) {
        self.counts.snapshots += 1;
        let age = self.age(now, envelope.sent);
        let Some(slot) = find(&mut self.slots, &snapshot.ticker) else { return };
        slot.as_of = envelope.sent.unwrap_or(now.wall);
        let damage = slot.replace(levels, age);
        self.conclude(now, damage, None);
    }

    fn change(&mut self, now: Now, delta: &BookDelta, envelope: &Envelope) {
        self.counts.deltas += 1;
        let time = delta.time.or(envelope.sent);
        let age = self.age(now, time);
        let age_max = self.config.age_max;
        let Some(slot) = find(&mut self.slots, &delta.ticker) else { return };
        slot.as_of = time.unwrap_or(now.wall);
        let damage = slot.change(delta, age);
        slot.weigh(now.mono, age_max);
        let doubt_ends = slot.doubt_ends(age_max);
        self.conclude(now, damage, doubt_ends);
    }

    fn compare(&mut self, now: Now, quote: &TickerQuote, envelope: &Envelope) {
        self.counts.tickers += 1;
        if is_old(now, quote.time.or(envelope.sent), self.config.age_max) {
            // What is old itself contradicts nobody.
            return;
        }
        let age_max = self.config.age_max;
        let Some(slot) = find(&mut self.slots, &quote.ticker) else { return };
        slot.compare(quote);
        slot.weigh(now.mono, age_max);
        let doubt_ends = slot.doubt_ends(age_max);
        self.conclude(now, Ok(()), doubt_ends);
    }

    /// What holds for every market on this connection.
    const fn age_of_all(&self) -> Age {
        if self.is_silent { Age::Old } else { self.lanes[BOOKS].age }
    }

    fn silent_at(&self) -> Timestamp {
        self.heard + self.config.age_max
    }

    /// How old a message of the books' subscription is; all of them are in order, so that a fresh
    /// one shows that nothing older is still under way.
    fn age(&mut self, now: Now, time: Option<WallTime>) -> Age {
        let age = if is_old(now, time, self.config.age_max) { Age::Old } else { Age::Fresh };
        self.counts.old += u64::from(age == Age::Old);
        if age != self.lanes[BOOKS].age {
            // Of every market's view.
            self.lanes[BOOKS].age = age;
            self.has_news = true;
            self.due = Timestamp::ZERO;
        }
        age
    }

    /// A market's view may be another, and there may be something to ask for.
    fn conclude(&mut self, now: Now, damage: Result<(), Damage>, doubt_ends: Option<Timestamp>) {
        self.counts.damaged += u64::from(damage.is_err());
        self.has_news = true;
        let due = if damage.is_err() { Some(now.mono) } else { doubt_ends };
        self.due = self.due.min(due.unwrap_or(Timestamp::NEVER));
    }

    fn forget_all(&mut self, why: Blindness) {
        for slot in &mut self.slots {
            slot.forget(why);
        }
        self.has_news = true;
        self.due = Timestamp::ZERO;
    }

    // -- ends --

    /// The command of this number has failed: the market or subscription it was for is not asked
    /// for again. Which subscription it was about.
    fn refuse(&mut self, id: u32) -> Option<usize> {
        for (index, lane) in self.lanes.iter_mut().enumerate() {
            if lane.asked == Some(id) {
                lane.asked = None;
            }
            let covers = self.slots.iter_mut().map(|slot| &mut slot.cover[index]);
            for cover in covers {
                if *cover == Cover::Asked(id) {
                    *cover = Cover::Refused;
                    return Some(index);
                }
            }
        }
        None
    }

    fn end_lane(&mut self, now: Timestamp, index: usize) {
        self.lanes[index].end();
        self.lanes[index].pause.begin(now);
        for slot in &mut self.slots {
            slot.cover[index] = Cover::Absent;
        }
        if index == BOOKS {
            self.forget_all(Blindness::Gap);
        }
        self.due = Timestamp::ZERO;
    }

    // -- commands --

    fn weigh_all(&mut self, now: Timestamp) {
        for slot in &mut self.slots {
            let was_in_question = slot.is_in_question();
            slot.weigh(now, self.config.age_max);
            if was_in_question && !slot.is_in_question() {
                self.counts.doubted += 1;
                self.has_news = true;
            }
        }
    }

    /// Gives places back whose subscriptions know that they are over.
    fn release(&mut self) {
        let is_up = self.is_up;
        while let Some(index) = self.slots.iter().position(|slot| {
            let covered = slot.cover.iter().any(|it| matches!(it, Cover::Asked(_)));
            slot.wish == Wish::Leaving && !(is_up && covered)
        }) {
            self.free.push(self.slots.swap_remove(index));
        }
    }

    /// Without a subscription, one is made for a first market.
    fn write_subscribe(&mut self, now: Timestamp) -> bool {
        for (index, lane) in self.lanes.iter_mut().enumerate() {
            if lane.sid.is_some() || !lane.pause.is_over(now) {
                continue;
            }
            let may_ask = |slot: &&mut Slot| {
                slot.wish == Wish::Followed && slot.cover[index] != Cover::Refused
            };
            let Some(slot) = self.slots.iter_mut().find(may_ask) else { continue };
            lane.pause.begin(now);
            lane.asked = Some(self.next_id);
            slot.cover[index] = Cover::Asked(self.next_id);
            if index == BOOKS {
                slot.snapshot.begin(now);
            }
            write_subscribe_market(&mut self.command, self.next_id, lane.channel, &slot.ticker);
            return true;
        }
        false
    }

    /// With one, markets come and go.
    fn write_change(&mut self, now: Timestamp) -> bool {
        for (index, lane) in self.lanes.iter().enumerate() {
            let Some(sid) = lane.sid else { continue };
            for slot in &mut self.slots {
                let (cover, wish) = match (slot.wish, slot.cover[index]) {
                    (Wish::Followed, Cover::Absent) => {
                        (Cover::Asked(self.next_id), MarketWish::Add)
                    }
                    (Wish::Leaving, Cover::Asked(_)) => (Cover::Absent, MarketWish::Delete),
                    _ => continue,
                };
                slot.cover[index] = cover;
                if index == BOOKS {
                    // A snapshot comes without being asked for.
                    slot.snapshot.begin(now);
                }
                write_update(&mut self.command, self.next_id, sid, wish, &slot.ticker);
                return true;
            }
        }
        false
    }

    /// A covered market that is not believed is read again.
    fn write_snapshot(&mut self, now: Timestamp) -> bool {
        let Self { lanes: [lane, _], slots, .. } = self;
        let Some(sid) = lane.sid else { return false };
        let blind = slots.iter_mut().find(|slot| {
            let is_covered = matches!(slot.cover[BOOKS], Cover::Asked(_));
            is_covered && slot.is_blind(lane.age) && slot.snapshot.is_over(now)
        });
        let Some(slot) = blind else { return false };
        slot.snapshot.begin(now);
        self.counts.asked += 1;
        write_update(&mut self.command, self.next_id, sid, MarketWish::Snapshot, &slot.ticker);
        true
    }

    /// The next time when time alone gives something to do.
    fn next_due(&self) -> Timestamp {
        if !self.is_up || self.slots.is_empty() {
            return Timestamp::NEVER;
        }
        let lanes = self.lanes.iter().filter(|lane| lane.sid.is_none());
        let lanes = lanes.map(|lane| lane.pause.due());
        let age = self.age_of_all();
        let silent = if self.is_silent { Timestamp::NEVER } else { self.silent_at() };
        let blind = self.slots.iter().filter(|slot| slot.is_blind(age));
        let blind = blind.map(|slot| slot.snapshot.due());
        let doubts = self.slots.iter().filter_map(|slot| slot.doubt_ends(self.config.age_max));
        lanes.chain(blind).chain(doubts).min().unwrap_or(Timestamp::NEVER).min(silent)
    }
}

fn find<'a>(slots: &'a mut [Slot], ticker: &Ticker) -> Option<&'a mut Slot> {
    slots.iter_mut().find(|slot| slot.ticker == *ticker)
}

/// What says nothing of its time may be of any.
fn is_old(now: Now, time: Option<WallTime>, age_max: Nanos) -> bool {
    time.is_none_or(|time| now.wall.since(time) > age_max)
}
