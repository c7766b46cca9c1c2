//! One followed market: its book, and whether it is to be believed.
//!
//! In: what the stream says of it, with its age. Out: the view that the oms may hold of it. A book
//! is sound from a snapshot on, until its messages have a gap or contradict each other; a sound
//! book is believed while what comes is not old and the exchange's own summary agrees with it.

use crate::feed::book::{Book, Damage, Top};
use crate::ids::{MarketIx, Ticker};
use crate::kalshi::stream::{BookDelta, BookLevel, TickerQuote};
use crate::message::{Blindness, BookView};
use crate::units::{Nanos, Timestamp, WallTime};

use super::pause::Pause;

/// Whether the levels are the exchange's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Sound(Top),
    Unsound(Blindness),
}

/// How far a subscription covers a market.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cover {
    /// Not asked for.
    Absent,
    /// Asked for by the command of this number.
    Asked(u32),
    /// The exchange refused: not asked for again on this connection.
    Refused,
}

/// Whether the oms wants the market followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// Yes.
    Followed,
    /// Not any more; the subscriptions have yet to be told.
    Leaving,
}

/// Age of what was heard last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Age {
    Fresh,
    Old,
}

/// See the module's page.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) market: MarketIx,
    pub(super) ticker: Ticker,
    pub(super) wish: Wish,
    /// By subscription, in the order of `Channel::QUOTES`.
    pub(super) cover: [Cover; 2],
    /// When a snapshot is to be asked for, if the book is not believed by then.
    pub(super) snapshot: Pause,
    book: Book,
    state: State,
    age: Age,
    /// What the summary said last, where it differs from the book.
    summary: Option<Top>,
    doubted_since: Option<Timestamp>,
    is_doubted: bool,
    told: BookView,
    pub(super) as_of: WallTime,
}

impl Slot {
    /// Nothing known of a market.
    pub(super) fn new(market: MarketIx, ticker: Ticker) -> Self {
        let unread = Blindness::Unread;
        Self {
            market,
            ticker,
            wish: Wish::Followed,
            cover: [Cover::Absent; 2],
            snapshot: Pause::new(),
            book: Book::new(),
            state: State::Unsound(unread),
            age: Age::Fresh,
            summary: None,
            doubted_since: None,
            is_doubted: false,
            told: BookView::Blind(unread),
            as_of: WallTime::default(),
        }
    }

    /// Begins again with another market, in the same memory.
    pub(super) fn reuse(&mut self, market: MarketIx, ticker: Ticker) {
        (self.market, self.ticker, self.wish) = (market, ticker, Wish::Followed);
        self.told = BookView::Blind(Blindness::Unread);
        self.forget(Blindness::Unread);
        self.uncover();
    }

    /// The oms wants it again, and knows nothing of it.
    pub(super) const fn follow_again(&mut self) {
        self.wish = Wish::Followed;
        self.told = BookView::Blind(Blindness::Unread);
    }

    /// No subscription covers it any more.
    pub(super) fn uncover(&mut self) {
        self.cover = [Cover::Absent; 2];
        self.snapshot = Pause::new();
    }

    /// Nobody knows its levels any more.
    pub(super) fn forget(&mut self, why: Blindness) {
        self.state = State::Unsound(why);
        self.clear_doubt();
    }

    /// Takes a snapshot.
    pub(super) fn replace(&mut self, levels: &[BookLevel], age: Age) -> Result<(), Damage> {
        self.book.clear();
        self.age = age;
        self.clear_doubt();
        let mut change = |level: &BookLevel| {
            let centis = i64::try_from(level.centis).map_err(|_| Damage::Impossible)?;
            self.book.change(level.side, level.price, centis)
        };
        let top = levels.iter().try_for_each(&mut change).and_then(|()| self.book.top());
        self.judge(top)
    }

    /// Takes a change. What comes before a snapshot is part of it.
    pub(super) fn change(&mut self, delta: &BookDelta, age: Age) -> Result<(), Damage> {
        self.age = age;
        let State::Sound(_) = self.state else { return Ok(()) };
        let changed = self.book.change(delta.side, delta.price, delta.centis);
        let top = changed.and_then(|()| self.book.top());
        self.judge(top)
    }

    fn judge(&mut self, top: Result<Top, Damage>) -> Result<(), Damage> {
        match top {
            Ok(top) => self.state = State::Sound(top),
            Err(damage) => {
                self.forget(Blindness::Damaged);
                return Err(damage);
            }
        }
        Ok(())
    }

    /// Takes the summary's word.
    pub(super) fn compare(&mut self, quote: &TickerQuote) {
        self.summary = Some(Top { bid: quote.bid, ask: quote.ask });
    }

    /// Book and summary come by different ways and differ for moments; how long, is noted here.
    pub(super) fn weigh(&mut self, now: Timestamp, doubt_max: Nanos) {
        let State::Sound(top) = self.state else { return };
        if self.summary.is_none_or(|summary| summary == top) {
            self.doubted_since = None;
            self.is_doubted = false;
        } else {
            let since = *self.doubted_since.get_or_insert(now);
            self.is_doubted |= now.since(since) >= doubt_max;
        }
    }

    /// Whether book and summary differ, and it is not long enough to doubt the book.
    pub(super) const fn is_in_question(&self) -> bool {
        self.doubted_since.is_some() && !self.is_doubted
    }

    /// When a question becomes a doubt.
    pub(super) fn doubt_ends(&self, doubt_max: Nanos) -> Option<Timestamp> {
        self.doubted_since.filter(|_| self.is_in_question()).map(|since| since + doubt_max)
    }

    /// Whether nothing may be believed of it.
    pub(super) fn is_blind(&self, age: Age) -> bool {
        self.wish == Wish::Followed && matches!(self.view(age), BookView::Blind(_))
    }

    const fn clear_doubt(&mut self) {
        self.summary = None;
        self.doubted_since = None;
        self.is_doubted = false;
    }

    /// What may be believed of it, when everything on its subscription is `age`.
    pub(super) fn view(&self, age: Age) -> BookView {
        match self.state {
            State::Unsound(why) => BookView::Blind(why),
            State::Sound(_) if self.age == Age::Old || age == Age::Old => {
                BookView::Blind(Blindness::Old)
            }
            State::Sound(_) if self.is_doubted => BookView::Blind(Blindness::Doubted),
            State::Sound(Top { bid, ask }) => BookView::Top { bid, ask },
        }
    }

    /// The view, when it is not what was told last.
    pub(super) fn news(&mut self, age: Age) -> Option<BookView> {
        let view = self.view(age);
        if self.wish == Wish::Leaving || view == self.told {
            return None;
        }
        self.told = view;
        Some(view)
    }
}
