//! Settlements: markets that are over, and what they paid this account.
//!
//! In: a page of `GET /portfolio/settlements`. Out: rows, or an error that names row and field.

use serde::Deserialize;

use super::{
    Cursor, FieldError, Page, PortfolioError, Scalar, cents_to_money, is_foreign, need,
    next_cursor, page, read,
};
use crate::ids::InlineText;
use crate::message::MarketSettlement;
use crate::units::{Contracts, Money, parse_decimal};

/// Reads `GET /portfolio/settlements`.
///
/// # Errors
/// [`PortfolioError`] names what is missing; a page without `cursor` is not a complete answer.
pub fn settlements_page(body: &[u8]) -> Result<Page<MarketSettlement>, PortfolioError> {
    #[derive(Deserialize)]
    struct Body {
        settlements: Vec<SettlementRow>,
        #[serde(default)]
        cursor: Scalar,
    }
    let Body { settlements, cursor } = read(body)?;
    let cursor = next_cursor(cursor, Cursor::Required)?;
    page(&settlements, cursor, SettlementRow::build)
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct SettlementRow {
    ticker: Scalar,
    market_result: Scalar,
    value: Scalar,
    yes_count_fp: Scalar,
    no_count_fp: Scalar,
    revenue: Scalar,
    settled_time: Scalar,
}

impl SettlementRow {
    fn build(&self) -> Result<Option<MarketSettlement>, FieldError> {
        if is_foreign(self.ticker.bytes()) {
            return Ok(None);
        }
        let count =
            |field, value: &Scalar| need(field, value.bytes().and_then(Contracts::parse_fp));
        Ok(Some(MarketSettlement {
            ticker: need("ticker", self.ticker.bytes().and_then(InlineText::new))?,
            yes_pays: self.yes_pays()?,
            yes: count("yes_count_fp", &self.yes_count_fp)?,
            no: count("no_count_fp", &self.no_count_fp)?,
            revenue: need("revenue", cents(&self.revenue))?,
            settled_at: need("settled_time", self.settled_time.wall_time())?,
        }))
    }

    /// What one YES contract pays: the result says so, or `value` in cents for a scalar market.
    fn yes_pays(&self) -> Result<Money, FieldError> {
        match self.market_result.bytes() {
            Some(b"yes") => Ok(Money::from_cents(100)),
            Some(b"no") => Ok(Money::ZERO),
            Some(b"scalar") => {
                let value = cents(&self.value);
                let within = |value: &Money| (Money::ZERO..=Money::from_cents(100)).contains(value);
                need("value", value.filter(within))
            }
            _ => Err(FieldError { field: "market_result" }),
        }
    }
}

fn cents(value: &Scalar) -> Option<Money> {
    value.bytes().and_then(|text| parse_decimal(text, 0)).and_then(cents_to_money)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Ticker;
    use crate::units::WallTime;

    fn row(result: &str, value: &str) -> String {
        format!(
            r#"{{"cursor":"","settlements":[{{"ticker":"KXA-1-B","exchange_index":0,
            "event_ticker":"KXA-1","market_result":"{result}","yes_count_fp":"4.00",
            "yes_total_cost_dollars":"1.9200","no_count_fp":"0.00",
            "no_total_cost_dollars":"0.0000","revenue":400,
            "settled_time":"2026-06-11T06:29:30.164956Z","fee_cost":"0.0700","value":{value}}}]}}"#
        )
    }

    #[test]
    fn a_settlement_says_what_a_yes_contract_pays() {
        let read = |result: &str, value: &str| {
            settlements_page(row(result, value).as_bytes()).unwrap().rows[0]
        };
        let expected = MarketSettlement {
            ticker: Ticker::new(b"KXA-1-B").unwrap(),
            yes_pays: Money::from_cents(100),
            yes: Contracts::from_whole(4),
            no: Contracts::ZERO,
            revenue: Money::from_cents(400),
            settled_at: WallTime::from_unix_ns(1_781_159_370_164_956_000),
        };
        assert_eq!(read("yes", "null"), expected);
        assert_eq!(read("no", "0").yes_pays, Money::ZERO);
        assert_eq!(read("scalar", "37").yes_pays, Money::from_cents(37));
    }

    #[test]
    fn a_settlement_that_cannot_be_understood_is_an_error() {
        for body in [row("scalar", "null"), row("scalar", "101"), row("", "100")] {
            assert!(settlements_page(body.as_bytes()).is_err(), "{body}");
        }
        assert!(settlements_page(br#"{"settlements":[]}"#).is_err(), "no cursor: incomplete");
    }
}
