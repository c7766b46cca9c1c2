//! Fills that may have been missed: from when, and how far that is made up.
//!
//! Trading waits until every fill since the stream was last whole has been read. Reads lag what
//! they report (reference §3.4), so one complete read right after the stream is back proves
//! nothing: only one that began later than the lag does. The gap keeps its beginning until then,
//! however often the stream comes and goes and whatever is learnt in between. While the stream is
//! down the same read is made five times a second, so that resting orders' fills are known at all.

use super::core::{Core, FeedLink, Outbox, Phase};
use crate::message::FetchCommand;
use crate::units::{Nanos, Now, Timestamp, WallTime};

/// A backfill starts this much before the last fill known: the exchange's `min_ts` has whole
/// seconds, and fills of one second may have been reported in part.
const OVERLAP: Nanos = Nanos::from_secs(5);

/// How much earlier than it was told, or should have been, something may have happened: streams
/// were seen up to 20 s behind, and the clocks differ by as much as the limits let them.
const LATE_MAX: Nanos = Nanos::from_secs(60);

/// Time between two reads of fills while the stream is down.
const FILL_POLL: Nanos = Nanos::from_ms(200);

/// Time until a failed read is made again.
const RETRY: Nanos = Nanos::from_secs(1);

/// Whether a read is under way. One at a time: more would only queue behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Read {
    None,
    UnderWay,
    /// Under way, and made again when it is answered: the stream came back after it began.
    UnderWayThenAgain,
}

/// See the module's page.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gap {
    /// Fills from here on may be missing; `None` while the stream is whole.
    from: Option<WallTime>,
    /// When the stream came back.
    up_at: Timestamp,
    /// When the read under way was asked for.
    asked_at: Timestamp,
    read: Read,
    /// When to ask next.
    pub(super) due: Timestamp,
}

impl Gap {
    /// At the start everything since the opening books were read may be missing.
    pub(super) const fn since(opened_at: WallTime) -> Self {
        Self {
            from: Some(opened_at),
            up_at: Timestamp::ZERO,
            asked_at: Timestamp::ZERO,
            read: Read::None,
            due: Timestamp::NEVER,
        }
    }
}

impl Gap {
    /// A former run may have missed fills from here on.
    pub(super) fn reach_back(&mut self, from: WallTime) {
        self.from = self.from.map(|known| known.min(from));
    }
}

impl Core {
    /// From now on fills are asked for again and again: orders that rest go on trading.
    pub(super) fn stream_down(&mut self, now: Now) {
        let known = self.last_fill.unix_ns().saturating_sub(OVERLAP.ns());
        let from = WallTime::from_unix_ns(known).max(self.opened_at);
        self.gap.from.get_or_insert(from);
        self.gap.due = now.mono;
        self.feed = FeedLink::Down;
    }

    /// What was told since then may be missing, although later fills are known.
    pub(super) fn stream_missed(&mut self, since: WallTime) {
        let since = WallTime::from_unix_ns(since.unix_ns().saturating_sub(LATE_MAX.ns()));
        let since = since.max(self.opened_at);
        self.gap.from = Some(self.gap.from.map_or(since, |known| known.min(since)));
    }

    pub(super) fn stream_up(&mut self, now: Now, out: &mut Outbox) {
        if self.feed == FeedLink::Down {
            self.on_news_missed(now);
        }
        self.gap.up_at = now.mono;
        self.feed = FeedLink::Backfilling;
        self.backfill(now, out);
        self.settlements.begin(now.mono);
    }

    /// Reads what may have been missed; trading resumes when it is booked.
    pub(super) fn backfill(&mut self, now: Now, out: &mut Outbox) {
        self.gap.due = Timestamp::NEVER;
        if self.gap.read != Read::None {
            self.gap.read = Read::UnderWayThenAgain;
            return;
        }
        self.gap.read = Read::UnderWay;
        self.gap.asked_at = now.mono;
        let since = self.gap.from.unwrap_or(self.opened_at);
        out.asks.push(FetchCommand::Backfill { since });
    }

    pub(super) fn backfill_done(&mut self, now: Now, out: &mut Outbox) {
        let late_enough = self.gap.up_at + self.config.orders.read_lag;
        if !self.read_answered(now, out) {
            return;
        }
        if self.feed == FeedLink::Down {
            return self.poll_fills(now);
        }
        if self.feed != FeedLink::Backfilling {
            return;
        }
        if self.gap.asked_at >= late_enough {
            self.feed = FeedLink::Up;
            self.gap.from = None;
            self.reconciling.want(now.mono);
        } else {
            self.gap.due = late_enough;
        }
    }

    pub(super) fn backfill_failed(&mut self, now: Now, out: &mut Outbox) {
        if self.read_answered(now, out)
            && matches!(self.feed, FeedLink::Backfilling | FeedLink::Down)
        {
            self.gap.due = now.mono + RETRY;
        }
    }

    /// The stream is down: fills are read again a little later.
    fn poll_fills(&mut self, now: Now) {
        let ends = self.phase == Phase::Drained;
        self.gap.due = if ends { Timestamp::NEVER } else { now.mono + FILL_POLL };
    }

    /// Takes the answer to a read. `false` when another one had to follow at once.
    fn read_answered(&mut self, now: Now, out: &mut Outbox) -> bool {
        let before = core::mem::replace(&mut self.gap.read, Read::None);
        if before == Read::UnderWayThenAgain && self.feed == FeedLink::Backfilling {
            self.backfill(now, out);
            return false;
        }
        true
    }
}
