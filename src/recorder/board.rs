//! The board: which conditions hold now, how often each has held, and how long links were away.
//!
//! In: news of conditions with their times. Out: a line for people now and then, and what status
//! and summary say. A condition that flaps is counted every time and told of at most once in
//! half a minute, so that no storm buries the trades.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::histograms::{Percentiles, SpanHistogram};
use super::summary::rfc3339;
use crate::ids::{Reason, Ticker};
use crate::message::{Trouble, TroubleNews, Turn};
use crate::units::{Nanos, Now, Timestamp, WallTime};

/// Between two lines of one condition: of fourteen conditions the busiest screen then shows one
/// line in two seconds.
const QUIET: Nanos = Nanos::from_secs(30);

/// Markets that one condition holds for and that are told apart; further ones share a place.
const MARKETS_MAX: usize = 256;

/// What `summary.json` and `status` say of one condition.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TroubleTold {
    /// How often it has begun.
    pub count: u64,
    /// Whether it holds now; for a summary, at the end of the run.
    pub active: bool,
    /// When it first began, RFC 3339.
    pub first: String,
    /// When it last began.
    pub last: String,
    /// How long it has held in all.
    pub held_ms: u64,
    /// What was seen last.
    pub detail: String,
    /// What a person does about it.
    pub remedy: String,
}

/// One condition's history.
#[derive(Clone, Debug, Default)]
struct Place {
    count: u64,
    /// Where it holds: the empty ticker stands for everywhere.
    active: BTreeSet<Ticker>,
    first: WallTime,
    last: WallTime,
    since: Timestamp,
    held: Nanos,
    detail: Option<Reason>,
    /// When people were last told, and how many times it has begun since.
    shown_at: Option<Timestamp>,
    unshown: u64,
}

/// See the module's page.
#[derive(Clone, Debug, Default)]
pub struct Board {
    places: BTreeMap<Trouble, Place>,
    reconnects: SpanHistogram,
}

impl Board {
    /// Takes news; the line that people should see, if any.
    pub fn note(&mut self, now: Now, news: &TroubleNews) -> Option<String> {
        let place = self.places.entry(news.trouble).or_default();
        match news.turn {
            Turn::Began => place.begin(now, news),
            Turn::Over => place.end(now, news),
        }
    }

    /// A link is back, and orders may go out again after so long.
    pub fn note_reconnect(&mut self, span: Nanos) {
        self.reconnects.record(span);
    }

    /// How long links were away.
    #[must_use]
    pub fn reconnects(&self) -> Percentiles {
        self.reconnects.percentiles()
    }

    /// Every condition there has been, by name.
    #[must_use]
    pub fn told(&self, now: Timestamp) -> BTreeMap<String, TroubleTold> {
        let seen = self.places.iter().filter(|(_, place)| place.count > 0);
        seen.map(|(trouble, place)| (trouble.to_string(), place.told(*trouble, now))).collect()
    }
}

impl Place {
    fn begin(&mut self, now: Now, news: &TroubleNews) -> Option<String> {
        self.detail = Some(news.detail);
        let room = self.active.len() < MARKETS_MAX;
        let ticker = if room { news.ticker } else { Ticker::EMPTY };
        let was_active = !self.active.is_empty();
        if !self.active.insert(ticker) {
            return None;
        }
        if self.count == 0 {
            self.first = now.wall;
        }
        self.count += 1;
        self.last = now.wall;
        if !was_active {
            self.since = now.mono;
        }
        if self.shown_at.is_some_and(|at| now.mono.since(at) < QUIET) {
            self.unshown += 1;
            return None;
        }
        self.shown_at = Some(now.mono);
        let more = match core::mem::take(&mut self.unshown) {
            0 => String::new(),
            more => format!(" ({more} times more since it was last told)"),
        };
        let (trouble, detail) = (news.trouble, news.detail);
        let market = market_of(news);
        Some(format!("{trouble}{market} - {detail}{more}; {}", trouble.remedy()))
    }

    fn end(&mut self, now: Now, news: &TroubleNews) -> Option<String> {
        if !self.active.remove(&news.ticker) || !self.active.is_empty() {
            return None;
        }
        let span = now.mono.since(self.since);
        self.held = self.held + span;
        // What was not told to have begun is not told to be over.
        let told = self.unshown == 0;
        told.then(|| format!("{}{} is over after {} ms", news.trouble, market_of(news), span.ms()))
    }

    fn told(&self, trouble: Trouble, now: Timestamp) -> TroubleTold {
        let active = !self.active.is_empty();
        let open = if active { now.since(self.since) } else { Nanos::ZERO };
        TroubleTold {
            count: self.count,
            active,
            first: rfc3339(self.first),
            last: rfc3339(self.last),
            held_ms: (self.held + open).ms(),
            detail: self.detail.map(|detail| detail.to_string()).unwrap_or_default(),
            remedy: trouble.remedy().to_owned(),
        }
    }
}

fn market_of(news: &TroubleNews) -> String {
    if news.ticker.is_empty() { String::new() } else { format!(" {}", news.ticker) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> Now {
        Now {
            mono: Timestamp::from_ns(secs * 1_000_000_000),
            wall: WallTime::from_unix_ms(1_767_225_600_000 + secs * 1_000),
        }
    }

    fn news(trouble: Trouble, turn: Turn, ticker: &str) -> TroubleNews {
        let ticker = Ticker::new(ticker.as_bytes()).unwrap_or(Ticker::EMPTY);
        TroubleNews { trouble, ticker, turn, detail: Reason::lossy("seen") }
    }

    #[test]
    fn a_condition_is_told_when_it_begins_and_when_it_is_over() {
        let mut board = Board::default();
        let began = board.note(at(1), &news(Trouble::FeedDown, Turn::Began, "")).unwrap();
        assert!(began.starts_with("feed_down - seen; ") && began.contains("dialled again"));
        assert_eq!(board.note(at(2), &news(Trouble::FeedDown, Turn::Began, "")), None);
        assert!(board.told(at(3).mono)["feed_down"].active);

        let over = board.note(at(4), &news(Trouble::FeedDown, Turn::Over, ""));

        assert_eq!(over.as_deref(), Some("feed_down is over after 3000 ms"));
        let told = &board.told(at(9).mono)["feed_down"];
        assert_eq!((told.count, told.active, told.held_ms), (1, false, 3_000));
        assert_eq!(board.told(at(9).mono).len(), 1, "what never was is not told");
    }

    #[test]
    fn a_storm_is_counted_and_told_of_twice_a_minute() {
        let mut board = Board::default();
        let mut lines = Vec::new();
        for second in 0..60 {
            lines.extend(board.note(at(second), &news(Trouble::FeedDown, Turn::Began, "")));
            lines.extend(board.note(at(second), &news(Trouble::FeedDown, Turn::Over, "")));
        }
        let began: Vec<_> = lines.iter().filter(|line| line.contains("seen")).collect();
        assert_eq!(began.len(), 2, "{lines:#?}");
        assert!(began[1].contains("29 times more"), "{lines:#?}");
        assert_eq!(board.told(at(60).mono)["feed_down"].count, 60);
    }

    #[test]
    fn markets_pause_one_by_one_and_the_condition_ends_with_the_last() {
        let mut board = Board::default();
        let mut note =
            |secs, turn, ticker| board.note(at(secs), &news(Trouble::MarketPaused, turn, ticker));
        let first = note(0, Turn::Began, "A-B-C").unwrap();
        assert!(first.starts_with("market_paused A-B-C - "), "{first}");
        assert_eq!(note(1, Turn::Began, "A-B-D"), None, "told a moment ago");
        assert_eq!(note(2, Turn::Over, "A-B-C"), None);
        assert_eq!(note(2, Turn::Over, "A-B-X"), None, "never was");
        note(3, Turn::Over, "A-B-D");
        let told = &board.told(at(4).mono)["market_paused"];
        assert_eq!((told.count, told.active, told.held_ms), (2, false, 3_000));
    }

    #[test]
    fn reconnects_are_spans_like_any_other() {
        let mut board = Board::default();
        for ms in [10, 20, 3_000] {
            board.note_reconnect(Nanos::from_ms(ms));
        }
        let told = board.reconnects();
        assert_eq!(told.count, 3);
        assert!(told.max >= 2_990_000_000 && told.p50 < 21_000_000, "{told:?}");
    }
}
