//! Markets: tick grid, shard, fee schedule. Loaded at start, looked up by ticker on the hot path.

use std::collections::HashMap;

use crate::ids::{MarketIx, Seedless, Ticker};
use crate::units::Price;

/// One band of valid prices: `start, start + step, … end` (reference §3.7, `price_ranges`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PriceRange {
    /// First price of the band in micro-dollars (may be 0, which itself is no valid price).
    pub start_micros: u32,
    /// End of the band in micro-dollars, inclusive (may be 1 000 000).
    pub end_micros: u32,
    /// Distance of neighbouring prices in micro-dollars.
    pub step_micros: u32,
}

/// The valid prices of one market. At most [`Self::RANGES_MAX`] bands: the widest structure the
/// exchange documents (`tapered_*`, `center_*_edge_*`) has three.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TickGrid {
    ranges: [PriceRange; Self::RANGES_MAX],
    count: u8,
}

impl TickGrid {
    /// Most bands a grid can have.
    pub const RANGES_MAX: usize = 4;

    /// Whole cents from 1 to 99: `linear_cent`.
    #[must_use]
    pub const fn linear_cent() -> Self {
        let all = PriceRange { start_micros: 0, end_micros: 1_000_000, step_micros: 10_000 };
        Self { ranges: [all; Self::RANGES_MAX], count: 1 }
    }

    /// `None` when there are no bands or too many, a step is zero, or a band is reversed.
    #[must_use]
    pub fn new(bands: &[PriceRange]) -> Option<Self> {
        let sound = |band: &PriceRange| {
            band.step_micros > 0
                && band.start_micros < band.end_micros
                && band.end_micros <= Price::MICROS_MAX
        };
        if bands.is_empty() || bands.len() > Self::RANGES_MAX || !bands.iter().all(sound) {
            return None;
        }
        let mut ranges = [bands[0]; Self::RANGES_MAX];
        ranges[..bands.len()].copy_from_slice(bands);
        Some(Self { ranges, count: u8::try_from(bands.len()).ok()? })
    }

    /// The bands.
    #[must_use]
    pub fn ranges(&self) -> &[PriceRange] {
        &self.ranges[..usize::from(self.count)]
    }

    /// Whether the exchange would accept `price`.
    #[must_use]
    pub fn contains(&self, price: Price) -> bool {
        let micros = price.micros();
        self.ranges().iter().any(|band| {
            band.start_micros <= micros
                && micros <= band.end_micros
                && (micros - band.start_micros).is_multiple_of(band.step_micros)
        })
    }

    /// The highest valid price not above `price`.
    #[must_use]
    pub fn floor(&self, price: Price) -> Option<Price> {
        let micros = price.micros();
        let candidate = |band: &PriceRange| {
            let reach = micros.min(band.end_micros).checked_sub(band.start_micros)?;
            Price::from_micros(band.start_micros + reach / band.step_micros * band.step_micros)
        };
        self.ranges().iter().filter_map(candidate).max()
    }

    /// The lowest valid price not below `price`.
    #[must_use]
    pub fn ceil(&self, price: Price) -> Option<Price> {
        // The grids are symmetric in form only, so this is done directly, not by complement.
        let micros = price.micros();
        let candidate = |band: &PriceRange| {
            let reach = micros.saturating_sub(band.start_micros);
            let up = band.start_micros + reach.div_ceil(band.step_micros) * band.step_micros;
            if up > band.end_micros { None } else { Price::from_micros(up) }
        };
        self.ranges().iter().filter_map(candidate).min()
    }
}

/// How a series charges fees (reference §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeeSchedule {
    /// Taker coefficient in 1e-6: 70 000 is the standard 0.07.
    pub taker_ppm: u32,
    /// Maker coefficient in 1e-6: 0, 17 500 or 35 000.
    pub maker_ppm: u32,
    /// Grid on which balances live, in micro-dollars: 100 for direct members, 10 000 for others.
    pub grid_micros: u32,
}

impl FeeSchedule {
    /// `quadratic`, multiplier 1, direct member: takers pay 0.07·p·(1−p), makers nothing.
    pub const QUADRATIC: Self = Self { taker_ppm: 70_000, maker_ppm: 0, grid_micros: 100 };
}

/// What the engine must know of a market to trade in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Market {
    /// Its ticker.
    pub ticker: Ticker,
    /// Its place in the table.
    pub ix: MarketIx,
    /// Dense number of its event (markets of one event share it).
    pub event: u16,
    /// Valid prices.
    pub grid: TickGrid,
    /// Shard, sent explicitly with every call (reference §3.8).
    pub exchange_index: u8,
    /// Fees.
    pub fees: FeeSchedule,
    /// Whether the exchange says it is open for trading.
    pub active: bool,
}

/// All markets the engine may trade in, fixed at start.
#[derive(Clone, Debug, Default)]
pub struct MarketTable {
    markets: Vec<Market>,
    by_ticker: HashMap<Ticker, MarketIx, Seedless>,
    events: HashMap<Vec<u8>, u16>,
}

impl MarketTable {
    /// Most markets a table holds: [`MarketIx`] is 16 bits and each costs about 2 KiB of
    /// request templates and books.
    pub const MARKETS_MAX: usize = 16_384;

    /// Most markets that come up during a run and have rows of their own: those listed later, and
    /// those outside the table in which others trade on the account.
    pub const SPARE_MARKETS_MAX: usize = 768;

    /// An empty table.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a market, or returns the place it already has. `None` when the table is full.
    pub fn insert(
        &mut self,
        ticker: Ticker,
        grid: TickGrid,
        exchange_index: u8,
        fees: FeeSchedule,
        active: bool,
    ) -> Option<MarketIx> {
        if let Some(ix) = self.by_ticker.get(&ticker) {
            return Some(*ix);
        }
        if self.markets.len() >= Self::MARKETS_MAX {
            return None;
        }
        let ix = MarketIx(u16::try_from(self.markets.len()).ok()?);
        let next = u16::try_from(self.events.len()).ok()?;
        let event = *self.events.entry(ticker.event().to_vec()).or_insert(next);
        self.markets.push(Market { ticker, ix, event, grid, exchange_index, fees, active });
        self.by_ticker.insert(ticker, ix);
        Some(ix)
    }

    /// Lets no order into a market any more.
    pub fn close(&mut self, ix: MarketIx) {
        if let Some(market) = self.markets.get_mut(usize::from(ix.0)) {
            market.active = false;
        }
    }

    /// Lets orders into a market again.
    pub fn open(&mut self, ix: MarketIx) {
        if let Some(market) = self.markets.get_mut(usize::from(ix.0)) {
            market.active = true;
        }
    }

    /// Other prices are valid in a market from now on.
    pub fn restructure(&mut self, ix: MarketIx, grid: TickGrid) {
        if let Some(market) = self.markets.get_mut(usize::from(ix.0)) {
            market.grid = grid;
        }
    }

    /// Gives a market its fees. Without any it cannot be priced, and is closed.
    pub fn charge(&mut self, ix: MarketIx, fees: Option<FeeSchedule>) {
        match (self.markets.get_mut(usize::from(ix.0)), fees) {
            (Some(market), Some(fees)) => market.fees = fees,
            (Some(_), None) => self.close(ix),
            (None, _) => {}
        }
    }

    /// Says on which shard a market is.
    pub fn shard(&mut self, ix: MarketIx, exchange_index: u8) {
        if let Some(market) = self.markets.get_mut(usize::from(ix.0)) {
            market.exchange_index = exchange_index;
        }
    }

    /// Makes room, so that markets that come up later cost no memory.
    pub fn reserve(&mut self, count: usize) {
        self.markets.reserve(count);
        self.by_ticker.reserve(count);
        self.events.reserve(count);
    }

    /// Looks a market up by its ticker.
    #[must_use]
    pub fn find(&self, ticker: &Ticker) -> Option<&Market> {
        self.by_ticker.get(ticker).map(|ix| &self.markets[usize::from(ix.0)])
    }

    /// The market at a place in the table.
    #[must_use]
    pub fn get(&self, ix: MarketIx) -> Option<&Market> {
        self.markets.get(usize::from(ix.0))
    }

    /// Every market, by index.
    #[must_use]
    pub fn all(&self) -> &[Market] {
        &self.markets
    }

    /// How many events the markets belong to.
    #[must_use]
    pub fn event_count(&self) -> usize {
        self.events.len()
    }
}
