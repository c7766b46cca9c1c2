//! How series charge: what is known, and what must still be read.
//!
//! The market listing does not carry fees; they belong to the series. In: what the exchange says of
//! each. Out: fee schedules in the market table; a market whose series is not understood is closed,
//! because an edge that cannot be priced must not be traded.

use std::collections::{BTreeMap, BTreeSet};

use crate::ids::MarketIx;
use crate::kalshi::market::{FeeSchedule, Market, MarketTable};

/// Series asked for one by one: more are read at once, in one long list.
pub(super) const READS_MAX: usize = 40;

/// Fee schedules by series; `None` where the exchange's answer was not understood.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SeriesFees {
    known: BTreeMap<String, Option<FeeSchedule>>,
}

impl SeriesFees {
    /// Notes how a series charges.
    pub fn note(&mut self, series: String, fees: Option<FeeSchedule>) {
        self.known.insert(series, fees);
    }

    /// Of how many series something is known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether nothing is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Series of the table of which nothing is known, the first one last.
    pub(super) fn missing(&self, markets: &MarketTable) -> Vec<String> {
        let names: BTreeSet<String> = markets.all().iter().map(series_of).collect();
        names.into_iter().rev().filter(|name| !self.known.contains_key(name)).collect()
    }

    /// Gives every market its fees, or closes it.
    pub(super) fn apply(&self, markets: &mut MarketTable) {
        for place in 0..markets.all().len() {
            let ix = MarketIx(u16::try_from(place).unwrap_or(u16::MAX));
            let name = markets.get(ix).map(series_of).unwrap_or_default();
            markets.charge(ix, self.known.get(&name).copied().flatten());
        }
    }
}

fn series_of(market: &Market) -> String {
    String::from_utf8_lossy(market.ticker.series()).into_owned()
}
