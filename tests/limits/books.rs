//! Positions, what they cost, what they earned: booked once more, without the engine's code.
//!
//! In: fills and settlements in some order. Out: holdings, cash, profit. The exchange keeps one of
//! these in the order in which things happened, the judge another in the order in which the engine
//! was told of them.

use kalshi_exec::ids::Ticker;
use kalshi_exec::kalshi::market::{FeeSchedule, MarketTable, TickGrid};
use kalshi_exec::message::BookSide;
use kalshi_exec::oms::account::Holding;
use kalshi_exec::units::{Contracts, Money, Position, Price};

/// What is known of a market without asking the engine.
pub(crate) struct Row {
    pub(crate) ticker: &'static str,
    pub(crate) event: &'static str,
    pub(crate) sport: &'static str,
    pub(crate) shard: usize,
}

const fn row(ticker: &'static str, event: &'static str, sport: &'static str, shard: usize) -> Row {
    Row { ticker, event, sport, shard }
}

/// The markets. The last one's series is denied.
pub(crate) const MARKETS: [Row; 8] = [
    row("KXNFL-A-1", "KXNFL-A", "football", 0),
    row("KXNFL-A-2", "KXNFL-A", "football", 0),
    row("KXNFL-B-1", "KXNFL-B", "football", 1),
    row("KXNBA-C-1", "KXNBA-C", "basketball", 1),
    row("KXNBA-D-1", "KXNBA-D", "basketball", 0),
    row("KXMLB-E-1", "KXMLB-E", "baseball", 1),
    row("KXNCAAF-F-1", "KXNCAAF-F", "football", 0),
    row("KXDENY-G-1", "KXDENY-G", "other", 0),
];

/// Which of them may not be traded.
pub(crate) const DENIED: usize = 7;

/// How many there are.
pub(crate) const COUNT: usize = MARKETS.len();

pub(crate) const SHARDS: usize = 2;

/// Cash by shard at the beginning.
pub(crate) const CASH: [Money; SHARDS] = [Money::from_cents(103_000), Money::from_cents(98_000)];

pub(crate) fn ticker(market: usize) -> Ticker {
    Ticker::new(MARKETS[market].ticker.as_bytes()).expect("a plain ticker")
}

/// The place of a ticker.
pub(crate) fn market_of(ticker: &Ticker) -> usize {
    let found = MARKETS.iter().position(|row| row.ticker.as_bytes() == ticker.as_bytes());
    found.expect("one of the markets")
}

/// The table that an engine is given: what has settled is closed.
pub(crate) fn table(settled: &[bool; COUNT]) -> MarketTable {
    let mut markets = MarketTable::new();
    for (market, row) in MARKETS.iter().enumerate() {
        let (grid, fees) = (TickGrid::linear_cent(), FeeSchedule::QUADRATIC);
        let shard = u8::try_from(row.shard).expect("two shards");
        let active = !settled[market];
        markets.insert(ticker(market), grid, shard, fees, active).expect("room");
    }
    markets
}

/// One market's book: contracts in hundredths, money in 1e-8 dollars.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) centis: i64,
    pub(crate) cost: i64,
    /// Profit and fees since the first fill, kept until the market settles.
    pub(crate) realized: i64,
    pub(crate) fees: i64,
}

/// See the module's page.
#[derive(Clone, Debug)]
pub(crate) struct Books {
    pub(crate) held: [Held; COUNT],
    pub(crate) cash: [Money; SHARDS],
}

impl Books {
    pub(crate) fn new() -> Self {
        Self { held: [Held::default(); COUNT], cash: CASH }
    }

    /// Cash on all shards.
    pub(crate) fn total(&self) -> Money {
        self.cash.iter().fold(Money::ZERO, |sum, cash| sum + *cash)
    }

    /// Cost of all positions.
    pub(crate) fn invested(&self) -> i64 {
        self.held.iter().map(|held| held.cost).sum()
    }

    pub(crate) fn holding(&self, market: usize) -> Holding {
        let Held { centis, cost, .. } = self.held[market];
        Holding { position: Position::from_centis(centis), cost: Money::from_e8(cost) }
    }

    /// Books a fill and returns what it realised.
    pub(crate) fn fill(
        &mut self,
        market: usize,
        (side, price, quantity): (BookSide, Price, Contracts),
        fee: Money,
    ) -> i64 {
        let held = &mut self.held[market];
        let signed = match side {
            BookSide::Bid => i64::from(quantity.centis()),
            BookSide::Ask => -i64::from(quantity.centis()),
        };
        let opposes = held.centis.signum() == -signed.signum();
        let closing = if opposes { signed.abs().min(held.centis.abs()) } else { 0 };
        let released = if closing == 0 { 0 } else { held.cost * closing / held.centis.abs() };
        let centis = |count: i64| Contracts::from_centis(u32::try_from(count).expect("some"));
        let spent = side.own_price(price) * centis(signed.abs() - closing);
        let proceeds = side.opposite().own_price(price) * centis(closing);
        held.centis += signed;
        held.cost += spent.e8() - released;
        let realized = proceeds.e8() - released;
        held.realized += realized;
        held.fees += fee.e8();
        let cash = &mut self.cash[MARKETS[market].shard];
        *cash = *cash + proceeds - spent - fee;
        realized
    }

    /// Pays a market out, YES at `yes_pays`, and returns what that realised.
    pub(crate) fn settle(&mut self, market: usize, yes_pays: Money) -> i64 {
        let held = &mut self.held[market];
        let cents = if held.centis >= 0 { yes_pays } else { Money::from_cents(100) - yes_pays };
        let proceeds = cents.e8() / 100 * held.centis.abs();
        let realized = proceeds - held.cost;
        *held = Held { centis: 0, cost: 0, realized: held.realized + realized, fees: held.fees };
        let cash = &mut self.cash[MARKETS[market].shard];
        *cash += Money::from_e8(proceeds);
        realized
    }
}
