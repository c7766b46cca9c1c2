//! Books of markets in play: which ones the oms wants followed, and what the feed sees in them.

use crate::ids::{MarketIx, Ticker};
use crate::units::{Price, WallTime};

/// oms → feed: which books matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FollowCommand {
    /// This market is in play.
    Follow {
        /// Its place in the market table, by which the feed will speak of it.
        market: MarketIx,
        /// Its name at the exchange.
        ticker: Ticker,
    },
    /// This market is in play no longer.
    Unfollow {
        /// Which.
        market: MarketIx,
    },
}

/// Why the best prices of a followed market are not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Blindness {
    /// No snapshot has come yet on this connection.
    Unread = 0,
    /// Messages of its subscription were lost.
    Gap = 1,
    /// Its levels contradict each other, or a message could not be read.
    Damaged = 2,
    /// What came last was old when it came.
    Old = 3,
    /// The exchange's own summary of the market has said something else for too long.
    Doubted = 4,
}

/// What the feed sees of a market.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BookView {
    /// These are the best prices until something else is said.
    Top {
        /// Best bid on the YES book; `None` when nobody bids.
        bid: Option<Price>,
        /// Best ask on the YES book; `None` when nobody asks.
        ask: Option<Price>,
    },
    /// Nobody knows.
    Blind(Blindness),
}

/// feed → oms: a followed market's best prices have changed. Only the newest word per market
/// waits for room, and it is true until the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BookNews {
    /// The market.
    pub market: MarketIx,
    /// What is seen.
    pub view: BookView,
    /// The exchange's time of the newest message behind it.
    pub as_of: WallTime,
}
