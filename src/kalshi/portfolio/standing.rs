//! How one market stands: `GET /markets/{ticker}`, told as the news that would have made it so.
//!
//! In: the answer's body, the market that was asked for. Out: changes in an order in which each may
//! be taken after the other: when it closes, its prices, then whether it trades.

use serde::Deserialize;

use super::{MarketRow, PortfolioError, grid_of, read};
use crate::ids::Ticker;
use crate::kalshi::report::{FieldError, Scalar, need};
use crate::message::MarketChange;

#[derive(Deserialize)]
struct Body {
    market: StandingRow,
}

#[derive(Deserialize)]
struct StandingRow {
    #[serde(default)]
    close_time: Scalar,
    #[serde(flatten)]
    market: MarketRow,
}

/// One market as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarketStanding {
    /// What would have made it so.
    pub changes: Vec<MarketChange>,
    /// Its shard; `None` when it is none the engine can name.
    pub exchange_index: Option<u8>,
}

impl MarketStanding {
    /// Whether it takes orders.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.changes.last() == Some(&MarketChange::Activated)
    }
}

/// Reads `GET /markets/{ticker}`.
///
/// # Errors
/// [`PortfolioError`] when it is another market, or its status is none that is documented.
pub fn market(body: &[u8], ticker: &Ticker) -> Result<MarketStanding, PortfolioError> {
    let Body { market: StandingRow { close_time, market } } = read(body)?;
    need("ticker", market.ticker.bytes().filter(|name| *name == ticker.as_bytes()))?;
    let status = match market.status.bytes() {
        Some(b"active") => MarketChange::Activated,
        Some(b"inactive" | b"initialized") => MarketChange::Deactivated,
        Some(b"closed" | b"determined" | b"disputed" | b"amended" | b"finalized") => {
            MarketChange::Determined
        }
        _ => return Err(FieldError { field: "status" }.into()),
    };
    let closes = close_time.wall_time().map(MarketChange::Closes);
    // Prices that cannot be expressed cannot be traded.
    let (prices, status) = match market.price_ranges.as_deref().and_then(grid_of) {
        Some(grid) => (Some(MarketChange::Prices(grid)), status),
        None if status == MarketChange::Activated => (None, MarketChange::Deactivated),
        None => (None, status),
    };
    let changes = closes.into_iter().chain(prices).chain([status]).collect();
    Ok(MarketStanding { changes, exchange_index: market.shard() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kalshi::market::TickGrid;
    use crate::units::WallTime;

    const RANGES: &str = r#""price_ranges":[{"start":"0.00","end":"1.00","step":"0.01"}]"#;

    fn standing(fields: &str) -> Result<Vec<MarketChange>, PortfolioError> {
        let body = format!(r#"{{"market":{{"ticker":"KXA-1-B",{fields}}}}}"#);
        market(body.as_bytes(), &Ticker::new(b"KXA-1-B").unwrap()).map(|standing| standing.changes)
    }

    #[test]
    fn its_shard_is_told_and_is_the_first_where_none_is_named() {
        for (field, expected) in
            [("", Some(0)), (r#","exchange_index":2"#, Some(2)), (r#","exchange_index":900"#, None)]
        {
            let body =
                format!(r#"{{"market":{{"ticker":"KXA-1-B","status":"active",{RANGES}{field}}}}}"#);
            let standing = market(body.as_bytes(), &Ticker::new(b"KXA-1-B").unwrap()).unwrap();
            assert_eq!(standing.exchange_index, expected, "{field}");
            assert!(standing.is_active());
        }
    }

    #[test]
    fn a_market_stands_as_its_status_says() {
        let prices = MarketChange::Prices(TickGrid::linear_cent());
        for (status, expected) in [
            ("active", MarketChange::Activated),
            ("inactive", MarketChange::Deactivated),
            ("initialized", MarketChange::Deactivated),
            ("closed", MarketChange::Determined),
            ("finalized", MarketChange::Determined),
        ] {
            let changes = standing(&format!(r#""status":"{status}",{RANGES}"#)).unwrap();
            assert_eq!(changes, [prices, expected], "{status}");
        }
    }

    #[test]
    fn its_close_comes_before_its_status() {
        let fields = format!(r#""status":"active","close_time":"2026-01-01T00:00:00Z",{RANGES}"#);
        let closes = MarketChange::Closes(WallTime::from_unix_ms(1_767_225_600_000));
        assert_eq!(standing(&fields).unwrap()[0], closes);
    }

    #[test]
    fn prices_that_cannot_be_expressed_cannot_be_traded() {
        let changes = standing(r#""status":"active","price_ranges":[]"#).unwrap();
        assert_eq!(changes, [MarketChange::Deactivated]);
    }

    #[test]
    fn another_market_or_an_unknown_status_is_no_answer() {
        assert!(standing(&format!(r#""status":"odd",{RANGES}"#)).is_err());
        let other = format!(r#"{{"market":{{"ticker":"KXA-1-C","status":"active",{RANGES}}}}}"#);
        assert!(market(other.as_bytes(), &Ticker::new(b"KXA-1-B").unwrap()).is_err());
    }
}
