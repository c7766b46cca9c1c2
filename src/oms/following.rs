//! Books on the stream: which markets are in play, and what is seen there.
//!
//! A market is in play from the moment an order of ours has left for it until nothing of ours has
//! been alive there for a while. The feed is asked to follow its book; what it sees comes in as
//! inputs. While it sees, prices are known without asking; while it does not, they are read as if
//! nobody followed them. What is asked of the feed decides nothing and is not journaled.

use super::core::{Core, FeedLink, Outbox};
use crate::ids::MarketIx;
use crate::message::{BookNews, BookView, FollowCommand};
use crate::units::{Nanos, Now, Timestamp};

use super::quotes::Quote;

/// How long a market stays in play when nothing of ours is alive in it: signals for one market
/// come in bursts, and a subscription takes a round trip.
const LINGER: Nanos = Nanos::from_secs(10);

/// How long nobody may see a followed market before it is a condition with a name.
const BLIND_MAX: Nanos = Nanos::from_secs(5);

/// How often it is looked whether markets are still in play.
const LOOK_EVERY: Nanos = Nanos::from_secs(5);

/// A market in play.
#[derive(Clone, Copy, Debug)]
struct Row {
    market: MarketIx,
    /// When something of ours was last alive there, as far as was looked.
    used: Timestamp,
    /// Since when nobody sees it.
    blind_since: Option<Timestamp>,
}

/// Markets in play.
#[derive(Debug)]
pub(super) struct Following {
    rows: Vec<Row>,
    max: usize,
    /// When to look again whether a market is still in play.
    due: Timestamp,
}

impl Following {
    /// Nothing yet, and never more than `max` markets.
    pub(super) fn new(max: u16) -> Self {
        let max = usize::from(max);
        Self { rows: Vec::with_capacity(max), max, due: Timestamp::NEVER }
    }

    /// When time alone gives something to do.
    pub(super) const fn due(&self) -> Timestamp {
        self.due
    }

    fn find(&mut self, market: MarketIx) -> Option<&mut Row> {
        self.rows.iter_mut().find(|row| row.market == market)
    }

    /// The market that has not been used for longest.
    fn oldest(&self) -> Option<usize> {
        (0..self.rows.len()).min_by_key(|index| self.rows[*index].used)
    }

    /// When to look again: often, and when some market has not been seen for too long.
    fn next_due(&self, now: Timestamp) -> Timestamp {
        if self.rows.is_empty() {
            return Timestamp::NEVER;
        }
        let blind = self.rows.iter().filter_map(|row| row.blind_since);
        let blind = blind.map(|since| since + BLIND_MAX).filter(|at| *at > now);
        blind.min().unwrap_or(Timestamp::NEVER).min(now + LOOK_EVERY)
    }

    /// Whether nobody has seen some market for too long.
    pub(super) fn is_blind(&self, now: Timestamp) -> bool {
        let long = |since: Timestamp| now.since(since) >= BLIND_MAX;
        self.rows.iter().filter_map(|row| row.blind_since).any(long)
    }
}

impl Core {
    /// An order of ours has left for a market.
    pub(super) fn follow(&mut self, now: Now, market: MarketIx, out: &mut Outbox) {
        if let Some(row) = self.following.find(market) {
            row.used = now.mono;
            return;
        }
        if self.following.max == 0 {
            return;
        }
        let Some(ticker) = self.markets.get(market).map(|market| market.ticker) else { return };
        if self.following.rows.len() == self.following.max
            && let Some(oldest) = self.following.oldest()
        {
            self.unfollow(oldest, out);
        }
        let row = Row { market, used: now.mono, blind_since: Some(now.mono) };
        self.following.rows.push(row);
        self.following.due = self.following.due.min(now.mono + BLIND_MAX);
        out.follows.push(FollowCommand::Follow { market, ticker });
    }

    fn unfollow(&mut self, index: usize, out: &mut Outbox) {
        let Row { market, .. } = self.following.rows.swap_remove(index);
        self.quotes.lose_sight(market);
        out.follows.push(FollowCommand::Unfollow { market });
    }

    /// Lets markets go that are in play no longer.
    pub(super) fn poll_following(&mut self, now: Now, out: &mut Outbox) {
        if now.mono < self.following.due {
            return;
        }
        // From the back: one that goes is replaced by the last.
        for index in (0..self.following.rows.len()).rev() {
            let Row { market, used, .. } = self.following.rows[index];
            if self.is_in_play(market) {
                self.following.rows[index].used = now.mono;
            } else if now.mono.since(used) >= LINGER {
                self.unfollow(index, out);
            }
        }
        self.following.due = self.following.next_due(now.mono);
    }

    fn is_in_play(&self, market: MarketIx) -> bool {
        let ticker = self.markets.get(market).map(|market| market.ticker);
        let waits = |key| {
            let execution = self.executions.find(key);
            execution.map(|execution| execution.signal().ticker) == ticker
        };
        self.exposure.market(market).open_orders > 0 || self.attentive.iter().any(|key| waits(*key))
    }

    /// What the feed sees of a followed market now.
    pub(super) fn on_book(&mut self, now: Now, news: &BookNews, out: &mut Outbox) {
        // What was let go meanwhile is nobody's business any more.
        let Some(row) = self.following.find(news.market) else { return };
        match news.view {
            BookView::Top { bid, ask } => {
                row.blind_since = None;
                let seen = Quote { bid, ask };
                if self.quotes.see(news.market, seen, news.as_of.min(now.wall)) {
                    self.attend_market(now, news.market, out);
                }
            }
            BookView::Blind(_) => {
                row.blind_since.get_or_insert(now.mono);
                self.following.due = self.following.due.min(now.mono + BLIND_MAX);
                self.quotes.lose_sight(news.market);
            }
        }
    }

    /// Whether books that should be seen are not. Without a feed that has a name of its own.
    pub(super) fn is_blind(&self, now: Now) -> bool {
        self.feed == FeedLink::Up && self.following.is_blind(now.mono)
    }
}
