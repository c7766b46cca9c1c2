//! Public numbers: the best prices of a book, and how a series charges.
//!
//! In: a body of 200. Out: prices on the YES book, fee schedules. A series whose fees are not
//! understood has none: what cannot be priced must not be traded.

use serde::Deserialize;

use super::{FieldError, PortfolioError, Scalar, need, read};
use crate::kalshi::fees::FeeType;
use crate::kalshi::market::FeeSchedule;
use crate::units::{Price, parse_decimal};

/// Reads `GET /markets/{ticker}/orderbook`: best bid and best ask on the YES book. Both sides are
/// bids of their own leg, so the best NO bid is the YES ask's complement. Which end of a list is
/// best is documented both ways (reference §3.6): the highest bid is.
///
/// # Errors
/// [`PortfolioError`] when the body is no book.
pub fn best_prices(body: &[u8]) -> Result<(Option<Price>, Option<Price>), PortfolioError> {
    #[derive(Deserialize)]
    struct Body {
        orderbook_fp: Book,
    }
    #[derive(Deserialize)]
    #[serde(default)]
    #[derive(Default)]
    struct Book {
        yes_dollars: Option<Vec<(Scalar, Scalar)>>,
        no_dollars: Option<Vec<(Scalar, Scalar)>>,
    }
    let Body { orderbook_fp: Book { yes_dollars, no_dollars } } = read(body)?;
    let best = |field, levels: Option<Vec<(Scalar, Scalar)>>| -> Result<_, FieldError> {
        let mut best: Option<Price> = None;
        for (price, _) in levels.unwrap_or_default() {
            let price = need(field, price.bytes().and_then(Price::parse_dollars))?;
            best = best.max(Some(price));
        }
        Ok(best)
    };
    let bid = best("yes_dollars", yes_dollars)?;
    let ask = best("no_dollars", no_dollars)?.map(Price::complement);
    Ok((bid, ask))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct SeriesRow {
    ticker: Scalar,
    fee_type: Scalar,
    fee_multiplier: Scalar,
}

impl SeriesRow {
    /// `None` when the way it charges is not known.
    fn schedule(&self) -> Option<FeeSchedule> {
        let fee_type = FeeType::parse(core::str::from_utf8(self.fee_type.bytes()?).ok()?)?;
        let multiplier = parse_decimal(self.fee_multiplier.bytes()?, 6)?;
        fee_type.schedule(u32::try_from(multiplier).ok()?)
    }
}

/// Reads `GET /series/{series_ticker}`: how it charges, `None` when that is not understood.
///
/// # Errors
/// [`PortfolioError`] when the body is no series.
pub fn series(body: &[u8]) -> Result<Option<FeeSchedule>, PortfolioError> {
    #[derive(Deserialize)]
    struct Body {
        series: SeriesRow,
    }
    let Body { series } = read(body)?;
    Ok(series.schedule())
}

/// Reads `GET /series`: every series' ticker and how it charges.
///
/// # Errors
/// [`PortfolioError`] when the body is no list of series.
pub fn series_list(body: &[u8]) -> Result<Vec<(String, Option<FeeSchedule>)>, PortfolioError> {
    #[derive(Deserialize)]
    struct Body {
        series: Vec<SeriesRow>,
    }
    let Body { series } = read(body)?;
    let named = series.into_iter().map(|row| {
        let schedule = row.schedule();
        row.ticker.into_string().map(|ticker| (ticker, schedule))
    });
    Ok(named.flatten().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_prices_are_found_whichever_way_the_book_is_sorted() {
        let recorded = br#"{"orderbook_fp":{"no_dollars":[["0.4800","3.00"]],
            "yes_dollars":[["0.4700","3.00"]]}}"#;
        let cents = Price::from_cents;
        assert_eq!(best_prices(recorded).unwrap(), (cents(47), cents(52)));
        let ascending = br#"{"orderbook_fp":{"yes_dollars":[["0.40","1"],["0.41","1"]],
            "no_dollars":[["0.57","1"],["0.58","1"]]}}"#;
        assert_eq!(best_prices(ascending).unwrap(), (cents(41), cents(42)));
        let descending = br#"{"orderbook_fp":{"yes_dollars":[["0.41","1"],["0.40","1"]],
            "no_dollars":[["0.58","1"],["0.57","1"]]}}"#;
        assert_eq!(best_prices(descending).unwrap(), (cents(41), cents(42)));
        assert_eq!(best_prices(br#"{"orderbook_fp":{}}"#).unwrap(), (None, None));
        let odd = br#"{"orderbook_fp":{"yes_dollars":[["1.0000","1"]]}}"#;
        assert!(best_prices(odd).is_err(), "a dollar is no price");
        assert!(best_prices(b"{}").is_err());
    }

    #[test]
    fn a_series_says_how_it_charges_or_is_not_understood() {
        let read = |fee_type: &str, multiplier: &str| {
            let body = format!(
                r#"{{"series":{{"ticker":"KXA","fee_type":"{fee_type}",
                "fee_multiplier":{multiplier}}}}}"#
            );
            series(body.as_bytes()).unwrap()
        };
        assert_eq!(read("quadratic", "1"), Some(FeeSchedule::QUADRATIC));
        let half = FeeSchedule { taker_ppm: 35_000, maker_ppm: 8_750, ..FeeSchedule::QUADRATIC };
        assert_eq!(read("quadratic_with_maker_fees", "0.5"), Some(half));
        assert_eq!(read("flat", "1"), None);
        assert_eq!(read("quadratic", "-1"), None);
        assert_eq!(series(br#"{"series":{"ticker":"KXA"}}"#).unwrap(), None);
        assert!(series(b"[]").is_err());
    }

    #[test]
    fn a_list_of_series_names_each() {
        let body = br#"{"series":[{"ticker":"KXA","fee_type":"quadratic","fee_multiplier":1},
            {"ticker":"KXB","fee_type":"flat","fee_multiplier":1}]}"#;
        let expected = [("KXA".to_owned(), Some(FeeSchedule::QUADRATIC)), ("KXB".to_owned(), None)];
        assert_eq!(series_list(body).unwrap(), expected);
    }
}
