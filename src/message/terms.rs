//! The terms of a trade: what a signal asks for, on which side, for how long.
//!
//! In: the producer's and the exchange's spellings. Out: `Copy` enums and back. The one place
//! that maps the producer's YES/NO view onto the exchange's single YES book.

use crate::units::Price;

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Action {
    /// Open or add to a YES position.
    BuyYes = 0,
    /// Open or add to a NO position.
    BuyNo = 1,
    /// Leave a YES position.
    SellYes = 2,
    /// Leave a NO position.
    SellNo = 3,
}

impl Action {
    /// The side of the exchange's single YES book this action trades on: buying YES and selling
    /// NO are bids, buying NO and selling YES are asks.
    #[must_use]
    pub const fn book_side(self) -> BookSide {
        match self {
            Self::BuyYes | Self::SellNo => BookSide::Bid,
            Self::BuyNo | Self::SellYes => BookSide::Ask,
        }
    }

    /// The contract's leg whose price the producer speaks of.
    #[must_use]
    pub const fn leg(self) -> Leg {
        match self {
            Self::BuyYes | Self::SellYes => Leg::Yes,
            Self::BuyNo | Self::SellNo => Leg::No,
        }
    }

    /// Whether the action opens rather than leaves a position.
    #[must_use]
    pub const fn is_buy(self) -> bool {
        matches!(self, Self::BuyYes | Self::BuyNo)
    }

    /// The producer's spelling.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BuyYes => "BUY_YES",
            Self::BuyNo => "BUY_NO",
            Self::SellYes => "SELL_YES",
            Self::SellNo => "SELL_NO",
        }
    }

    /// Reads the producer's spelling.
    #[must_use]
    pub const fn parse(text: &[u8]) -> Option<Self> {
        match text {
            b"BUY_YES" => Some(Self::BuyYes),
            b"BUY_NO" => Some(Self::BuyNo),
            b"SELL_YES" => Some(Self::SellYes),
            b"SELL_NO" => Some(Self::SellNo),
            _ => None,
        }
    }
}

/// One of the two contracts of a binary market.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Leg {
    /// Pays $1 when the event happens.
    Yes = 0,
    /// Pays $1 when it does not.
    No = 1,
}

/// Side of the exchange's single YES book.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum BookSide {
    /// Buys YES (equivalently sells NO).
    Bid = 0,
    /// Sells YES (equivalently buys NO at one minus the price).
    Ask = 1,
}

impl BookSide {
    /// The other side.
    #[must_use]
    pub const fn opposite(self) -> Self {
        match self {
            Self::Bid => Self::Ask,
            Self::Ask => Self::Bid,
        }
    }

    /// The exchange's spelling.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bid => "bid",
            Self::Ask => "ask",
        }
    }

    /// Price of one contract of the leg a fill on this side acquires: the YES price for a bid,
    /// its complement for an ask. What a full collateral locks per contract.
    #[must_use]
    pub const fn own_price(self, yes_price: Price) -> Price {
        match self {
            Self::Bid => yes_price,
            Self::Ask => yes_price.complement(),
        }
    }
}

/// How long an order lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum TimeInForce {
    /// Fills what it can at once, the rest is cancelled.
    ImmediateOrCancel = 0,
    /// Rests until filled, cancelled or expired.
    GoodTillCanceled = 1,
    /// Fills whole at once or not at all.
    FillOrKill = 2,
}

impl TimeInForce {
    /// The exchange's spelling.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ImmediateOrCancel => "immediate_or_cancel",
            Self::GoodTillCanceled => "good_till_canceled",
            Self::FillOrKill => "fill_or_kill",
        }
    }

    /// Reads the exchange's spelling.
    #[must_use]
    pub const fn parse(text: &[u8]) -> Option<Self> {
        match text {
            b"immediate_or_cancel" => Some(Self::ImmediateOrCancel),
            b"good_till_canceled" => Some(Self::GoodTillCanceled),
            b"fill_or_kill" => Some(Self::FillOrKill),
            _ => None,
        }
    }
}

/// How a signal's order meets the market.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Style {
    /// Crosses the spread and pays the taker fee.
    Take = 0,
    /// Rests post-only, follows the market within bounds and pays the maker fee, if any.
    Make = 1,
    /// Takes when the edge survives the taker fee, else makes when it survives the maker fee.
    Auto = 2,
}

impl Style {
    /// The name in files and signals.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Take => "take",
            Self::Make => "make",
            Self::Auto => "auto",
        }
    }

    /// Reads the name.
    #[must_use]
    pub const fn parse(text: &[u8]) -> Option<Self> {
        match text {
            b"take" => Some(Self::Take),
            b"make" => Some(Self::Make),
            b"auto" => Some(Self::Auto),
            _ => None,
        }
    }
}
