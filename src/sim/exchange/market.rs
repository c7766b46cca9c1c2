//! One market at the simulated exchange: its rules, its book, its public numbers.

use crate::ids::{InlineText, Ticker};
use crate::kalshi::fees::FeeType;
use crate::kalshi::market::{FeeSchedule, TickGrid};
use crate::message::BookSide;
use crate::sim::exchange::book::{Book, Level};
use crate::sim::exchange::seed::{BookSeed, PriceStructure};
use crate::sim::exchange::settling::Outcome;
use crate::units::{Contracts, Money, Price, WallTime};

/// Where a market is in its life. Only an active one takes orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MarketStatus {
    /// Not open yet.
    Initialized,
    /// Open.
    Active,
    /// Paused.
    Inactive,
    /// Past its close, outcome unknown.
    Closed,
    /// Outcome known, not paid out yet.
    Determined,
    /// Outcome contested: it is not paid out by itself.
    Disputed,
    /// Outcome corrected, not paid out yet.
    Amended,
    /// Paid out.
    Finalized,
}

impl MarketStatus {
    /// The exchange's spelling.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Initialized => "initialized",
            Self::Active => "active",
            Self::Inactive => "inactive",
            Self::Closed => "closed",
            Self::Determined => "determined",
            Self::Disputed => "disputed",
            Self::Amended => "amended",
            Self::Finalized => "finalized",
        }
    }

    /// What the `status` filter of `GET /markets` calls it.
    #[must_use]
    pub const fn filter_name(self) -> &'static str {
        match self {
            Self::Initialized => "unopened",
            Self::Active => "open",
            Self::Inactive => "paused",
            Self::Closed | Self::Determined | Self::Disputed | Self::Amended => "closed",
            Self::Finalized => "settled",
        }
    }

    /// Whether orders can still rest.
    #[must_use]
    pub const fn is_before_close(self) -> bool {
        matches!(self, Self::Initialized | Self::Active | Self::Inactive)
    }

    /// Whether the next thing to happen to it is its payout.
    #[must_use]
    pub const fn awaits_settlement(self) -> bool {
        matches!(self, Self::Determined | Self::Amended)
    }
}

/// What YES means in a market, in a few words.
pub type Subtitle = InlineText<64>;

/// Fees that hold for an event in place of its series'.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeeOverride {
    /// How it charges.
    pub fee_type: FeeType,
    /// Its multiplier in millionths.
    pub multiplier_ppm: u32,
}

/// One market.
#[derive(Clone, Debug)]
pub struct MarketState {
    /// Its ticker.
    pub ticker: Ticker,
    /// Bits of its UUID.
    pub id: u128,
    /// Label of its prices.
    pub structure: PriceStructure,
    /// Its prices.
    pub grid: TickGrid,
    /// How it charges.
    pub fee_type: FeeType,
    /// Its shard.
    pub exchange_index: u8,
    /// Whether it takes orders.
    pub status: MarketStatus,
    /// When it was listed.
    pub created: WallTime,
    /// When something other than its trading last changed in it.
    pub updated: WallTime,
    /// When it opens by itself, if it has such a time.
    pub opens: Option<WallTime>,
    /// When it closes, if it has such a time.
    pub closes: Option<WallTime>,
    /// How it came out, once that is known.
    pub outcome: Option<Outcome>,
    /// When that was.
    pub determined: Option<WallTime>,
    /// When it is paid out by itself, unless that is disputed.
    pub(crate) settles: Option<WallTime>,
    /// When it was paid out.
    pub settled: Option<WallTime>,
    /// `fee_multiplier` of its series in millionths.
    pub fee_multiplier_ppm: u32,
    /// Fees of its event in place of its series'.
    pub fee_override: Option<FeeOverride>,
    /// What YES means in it.
    pub yes_sub_title: Subtitle,
    /// No fees are charged until then (`fee_waiver_expiration_time`).
    pub fee_waiver_until: Option<WallTime>,
    /// Contracts traded, in hundredths.
    pub volume_centis: u64,
    /// Sum of YES price times contracts traded.
    pub traded: Money,
    /// Pairs of YES and NO held, in hundredths.
    pub open_interest_centis: u64,
    /// The last trade's YES price and size.
    pub last_trade: Option<(Price, Contracts)>,
    /// Counts the actions that changed the book.
    pub clock: u64,
    /// How often everything in its book was cancelled.
    pub(crate) wipes: u32,
    pub(crate) fees: FeeSchedule,
    pub(crate) book: Book,
}

impl MarketState {
    /// An open market with an empty book, listed at `now`.
    pub(crate) fn new(seed: &BookSeed, id: u128, now: WallTime) -> Self {
        let fees = seed.fee_type.schedule(FeeType::MULTIPLIER_ONE_PPM);
        Self {
            ticker: seed.ticker,
            id,
            structure: seed.structure,
            grid: seed.structure.grid(),
            fee_type: seed.fee_type,
            exchange_index: seed.exchange_index,
            status: MarketStatus::Active,
            created: now,
            updated: now,
            opens: None,
            closes: None,
            outcome: None,
            determined: None,
            settles: None,
            settled: None,
            fee_multiplier_ppm: FeeType::MULTIPLIER_ONE_PPM,
            fee_override: None,
            yes_sub_title: Subtitle::EMPTY,
            fee_waiver_until: None,
            volume_centis: 0,
            traded: Money::ZERO,
            open_interest_centis: 0,
            last_trade: None,
            clock: 0,
            wipes: 0,
            fees: fees.expect("a multiplier of one is not absurd"),
            book: Book::default(),
        }
    }

    /// Charges by the event's fees, or its series'. `None`, and no change, when they are absurd.
    pub(crate) fn recharge(&mut self) -> Option<()> {
        let series =
            FeeOverride { fee_type: self.fee_type, multiplier_ppm: self.fee_multiplier_ppm };
        let FeeOverride { fee_type, multiplier_ppm } = self.fee_override.unwrap_or(series);
        self.fees = fee_type.schedule(multiplier_ppm)?;
        Some(())
    }

    /// What a fill at `now` is charged by.
    pub(crate) fn fees_at(&self, now: WallTime) -> FeeSchedule {
        let waived = self.fee_waiver_until.is_some_and(|until| now < until);
        if waived { FeeSchedule { taker_ppm: 0, maker_ppm: 0, ..self.fees } } else { self.fees }
    }

    /// The best level of a side of the YES book.
    #[must_use]
    pub fn best(&self, side: BookSide) -> Option<Level> {
        self.book.best(side)
    }

    /// All levels of a side of the YES book, best first.
    pub fn levels(&self, side: BookSide) -> impl Iterator<Item = Level> {
        self.book.levels(side)
    }
}
