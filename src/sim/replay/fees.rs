//! Fees of recorded markets: what the exchange said of their series, else none for makers.
//!
//! In: lines that hold the answer of `GET /series/{ticker}` as it came. Out: the fee type of a
//! market. A type that is not simulated is refused: fills at the wrong fee are wrong fills.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::ids::Ticker;
use crate::kalshi::fees::FeeType;

/// Most series in one recording: as many as it may have markets.
const SERIES_MAX: usize = 4_096;

/// Fee types by series.
#[derive(Debug, Default)]
pub(super) struct SeriesFees {
    by_series: BTreeMap<Vec<u8>, FeeType>,
}

impl SeriesFees {
    /// Takes a series object.
    pub(super) fn take(&mut self, series: &Value) -> Result<(), &'static str> {
        let text = |field: &str| series.get(field).and_then(Value::as_str);
        let ticker = text("ticker").ok_or("has a series without a ticker")?;
        let fee_type = text("fee_type").and_then(FeeType::parse);
        let fee_type = fee_type.ok_or("has a series with a fee_type that is not simulated")?;
        let multiplier = series.get("fee_multiplier").map(ToString::to_string);
        if multiplier.is_some_and(|text| text != "1" && text != "1.0") {
            return Err("has a series with a fee_multiplier other than 1, which is not replayed");
        }
        self.insert(ticker.as_bytes(), fee_type)
    }

    /// Sets the fees of a series.
    pub(super) fn insert(&mut self, series: &[u8], fee_type: FeeType) -> Result<(), &'static str> {
        if self.by_series.len() == SERIES_MAX && !self.by_series.contains_key(series) {
            return Err("has more series than a recording has markets");
        }
        self.by_series.insert(series.to_vec(), fee_type);
        Ok(())
    }

    /// Fees of a market: makers pay nothing where nothing else was said.
    pub(super) fn of(&self, ticker: &Ticker) -> FeeType {
        self.by_series.get(ticker.series()).copied().unwrap_or(FeeType::Quadratic)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::replay::{Recording, RecordingError};

    const SNAPSHOT: &str = r#"{"type":"orderbook_snapshot","msg":{"market_ticker":"KXA-1-B","ts_ms":1000,"yes_dollars_fp":[["0.4700","10.00"]]}}"#;

    fn with(series: &str) -> Result<Recording, RecordingError> {
        Recording::parse(&format!("{SNAPSHOT}\n{{\"series\":{series}}}"))
    }

    #[test]
    fn markets_have_the_fees_that_were_recorded_of_their_series() {
        let series =
            r#"{"ticker":"KXA","fee_type":"quadratic_with_maker_fees","fee_multiplier":1}"#;
        let fee_type = |recording: Recording| recording.seeds()[0].fee_type;
        assert_eq!(fee_type(with(series).unwrap()), FeeType::QuadraticWithMakerFees);
        let other = series.replace("KXA", "KXOTHER");
        assert_eq!(fee_type(with(&other).unwrap()), FeeType::Quadratic);
    }

    #[test]
    fn fees_that_are_not_simulated_are_refused() {
        for series in [
            r#"{"fee_type":"quadratic"}"#,
            r#"{"ticker":"KXA","fee_type":"flat"}"#,
            r#"{"ticker":"KXA","fee_type":"quadratic","fee_multiplier":0.5}"#,
        ] {
            let refused = with(series);
            assert!(matches!(refused, Err(RecordingError::Line { line: 2, .. })), "{refused:?}");
        }
    }
}
