//! What the feed says of each of its connections: counts since the start, and how the last one
//! ended. The feed tells it as a record; summary, status and report show it.

use serde::{Deserialize, Serialize};

use crate::ids::Reason;

/// One connection of the feed, as a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeedLinkTold {
    /// Which, from 0.
    pub link: u8,
    /// What was counted.
    pub counts: FeedLinkCounts,
    /// Why it was given up last; empty when it never was.
    pub last_loss: Reason,
}

/// Counts of one connection of the feed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedLinkCounts {
    /// Whether every needed channel was subscribed when it was told.
    pub up: bool,
    /// Times every needed channel was subscribed.
    pub ups: u64,
    /// Times it was given up.
    pub losses: u64,
    /// Dials that failed.
    pub dial_failures: u64,
    /// Messages read.
    pub messages: u64,
    /// Messages that could not be read and may have been fills: each is an outage.
    pub undecodable: u64,
    /// News that could not be read.
    pub garbled: u64,
    /// Times that numbered messages were missing: something is read again each time.
    #[serde(default)]
    pub gaps: u64,
    /// Numbered messages that came twice or late.
    #[serde(default)]
    pub repeats: u64,
    /// What the other connection had told before.
    pub repetitions: u64,
    /// Polls that could not go on because the oms was behind.
    pub stalls: u64,
    /// What was seen of books, where they are followed on this connection.
    #[serde(default)]
    pub books: BookCounts,
}

/// What was seen of the books that are followed on a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BookCounts {
    /// Whole books.
    pub snapshots: u64,
    /// Changes of levels.
    pub deltas: u64,
    /// Words of the `ticker` channel.
    pub tickers: u64,
    /// Times that messages were missing.
    pub gaps: u64,
    /// Messages that had been there before.
    pub repeats: u64,
    /// Messages that were old when they came.
    pub old: u64,
    /// Books that contradicted themselves, and messages that could not be read.
    pub damaged: u64,
    /// Books that the summary contradicted for too long.
    pub doubted: u64,
    /// Snapshots asked for because a book was not believed.
    pub asked: u64,
    /// Markets for which there was no place.
    pub crowded: u64,
}

/// One connection of the feed, in `summary.json` and `status`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedLink {
    /// What was counted.
    #[serde(flatten)]
    pub counts: FeedLinkCounts,
    /// Why it was given up last; empty when it never was.
    pub last_loss: String,
}

impl FeedLink {
    /// The line for people.
    #[must_use]
    pub fn line(&self) -> String {
        let FeedLinkCounts { up, ups, losses, messages, gaps, repetitions, .. } = self.counts;
        let state = if up { "up" } else { "down" };
        let why = match self.last_loss.as_str() {
            "" => String::new(),
            why => format!(" (last: {why})"),
        };
        format!(
            "{state}, {ups} times up, {losses} times lost{why}; {messages} messages, {gaps} gaps, \
             {repetitions} told by the other before"
        )
    }
}

/// Keeps the last word on each connection.
pub(super) fn note(links: &mut Vec<FeedLink>, told: &FeedLinkTold) {
    let place = usize::from(told.link);
    if links.len() <= place {
        links.resize(place + 1, FeedLink::default());
    }
    links[place] = FeedLink { counts: told.counts, last_loss: told.last_loss.to_string() };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_on_each_connection_counts() {
        let mut links = Vec::new();
        let told = |link, losses, why| FeedLinkTold {
            link,
            counts: FeedLinkCounts { losses, ..FeedLinkCounts::default() },
            last_loss: Reason::lossy(why),
        };
        note(&mut links, &told(1, 1, "silence"));
        note(&mut links, &told(0, 0, ""));
        note(&mut links, &told(1, 2, "closed"));
        assert_eq!(links[0].line(), FeedLink::default().line());
        assert!(links[1].line().starts_with("down, 0 times up, 2 times lost (last: closed)"));
        let value = serde_json::to_value(&links).unwrap();
        assert_eq!(value[1]["losses"], 2);
        assert_eq!(serde_json::from_value::<Vec<FeedLink>>(value).unwrap(), links);
    }
}
