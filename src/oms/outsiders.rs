//! Fills in markets outside the table: a person, or another program, trades on the same account.
//!
//! Such a market held nothing when the run began (the markets the account was in are in the
//! table), so its books are exact from the first fill on: it gets a row of its own, closed to
//! orders of ours, and its position counts in its event. A row costs nothing until it is used; when
//! all are, the books cannot follow the account any more and trading halts.

use super::core::{Core, Outbox};
use crate::ids::{MarketIx, Reason, Ticker};
use crate::kalshi::market::{FeeSchedule, TickGrid};
use crate::recorder::record::Record;
use crate::units::Now;

impl Core {
    /// Makes room for the books of a market that is not in the table; halts when there is none.
    #[cold]
    pub(super) fn admit_outsider(
        &mut self,
        now: Now,
        ticker: Ticker,
        out: &mut Outbox,
    ) -> Option<MarketIx> {
        let rows_left = self.markets.all().len() < self.market_capacity();
        let market = rows_left.then(|| {
            let (grid, fees) = (TickGrid::linear_cent(), FeeSchedule::QUADRATIC);
            self.markets.insert(ticker, grid, 0, fees, false)
        });
        let market = market.flatten();
        self.list_markets();
        let text = match market {
            Some(_) => "somebody else traded in a market outside the table",
            None => "fills in more markets outside the table than the books have room for",
        };
        let reason = Reason::lossy(text);
        out.records.push(Record::Alert { ticker, reason });
        if market.is_none() {
            self.halt(now, reason, out);
        }
        market
    }
}
