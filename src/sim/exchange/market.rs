//! One market at the simulated exchange: its rules, its book, its public numbers.

use crate::ids::Ticker;
use crate::kalshi::fees::FeeType;
use crate::kalshi::market::{FeeSchedule, TickGrid};
use crate::message::BookSide;
use crate::sim::exchange::book::{Book, Level};
use crate::sim::exchange::seed::{BookSeed, PriceStructure};
use crate::units::{Contracts, Money, Price};

/// Whether a market takes orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MarketStatus {
    /// Open.
    Active,
    /// Paused.
    Inactive,
}

impl MarketStatus {
    /// The exchange's spelling.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Inactive => "inactive",
        }
    }
}

/// One market.
#[derive(Debug)]
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
    pub(crate) fees: FeeSchedule,
    pub(crate) book: Book,
}

impl MarketState {
    /// An open market with an empty book.
    pub(crate) fn new(seed: &BookSeed, id: u128) -> Self {
        let fees = seed.fee_type.schedule(FeeType::MULTIPLIER_ONE_PPM);
        Self {
            ticker: seed.ticker,
            id,
            structure: seed.structure,
            grid: seed.structure.grid(),
            fee_type: seed.fee_type,
            exchange_index: seed.exchange_index,
            status: MarketStatus::Active,
            volume_centis: 0,
            traded: Money::ZERO,
            open_interest_centis: 0,
            last_trade: None,
            clock: 0,
            fees: fees.expect("a multiplier of one is not absurd"),
            book: Book::default(),
        }
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
