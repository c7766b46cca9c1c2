//! A journal's orders, fills, results and what was undone, as a table or as one JSON object per
//! line.
//!
//! In: a [`JournalReader`]. Out: rows on a writer, oldest first. One set of columns for all
//! kinds: a field that a kind has not is empty in CSV and absent in NDJSON.

use std::collections::HashMap;
use std::io::{self, Write};
use std::str::FromStr;

use crate::ids::{MarketIx, Ticker};
use crate::message::{FeedEvent, FetchEvent, Fill, NewOrder};
use crate::recorder::journal::{Entry, Header, JournalError, JournalReader};
use crate::recorder::record::{ExecutionResult, FillVoided, Outcome, Restated};
use crate::recorder::results::{Count, average_price, outcome_name};
use crate::recorder::summary::rfc3339;

/// A journal could not be exported. Each fits "failed to …".
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The journal cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The output takes no more.
    #[error("write the export: {0}")]
    Output(#[from] io::Error),
    /// No such format.
    #[error("choose format {0:?}: csv and ndjson are known")]
    Format(String),
}

/// How rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportFormat {
    /// RFC 4180, with a head line.
    Csv,
    /// One JSON object per line.
    Ndjson,
}

impl FromStr for ExportFormat {
    type Err = ExportError;

    fn from_str(text: &str) -> Result<Self, ExportError> {
        match text {
            "csv" => Ok(Self::Csv),
            "ndjson" => Ok(Self::Ndjson),
            other => Err(ExportError::Format(other.to_owned())),
        }
    }
}

/// Whether a JSON reader should see a number.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Number,
    Text,
}

/// Names and shapes of the columns, in the order of [`Row::fields`].
const COLUMNS: [(&str, Shape); 20] = [
    ("seq", Shape::Number),
    ("time", Shape::Text),
    ("time_ns", Shape::Number),
    ("run", Shape::Text),
    ("kind", Shape::Text),
    ("signal_id", Shape::Text),
    ("execution_id", Shape::Text),
    ("client_order_id", Shape::Text),
    ("order_id", Shape::Text),
    ("trade_id", Shape::Text),
    ("ticker", Shape::Text),
    ("action", Shape::Text),
    ("side", Shape::Text),
    ("state", Shape::Text),
    ("price_dollars", Shape::Text),
    ("contracts", Shape::Number),
    ("filled_contracts", Shape::Number),
    ("cost_cents", Shape::Number),
    ("fees_cents", Shape::Number),
    ("refused_by", Shape::Text),
];

#[derive(Default)]
struct Row {
    kind: &'static str,
    signal_id: String,
    execution_id: String,
    client_order_id: String,
    order_id: String,
    trade_id: String,
    ticker: String,
    action: &'static str,
    side: &'static str,
    state: &'static str,
    price_dollars: String,
    contracts: String,
    filled_contracts: String,
    cost_cents: String,
    fees_cents: String,
    refused_by: &'static str,
}

/// Writes every order, fill and result of `reader`. Returns how many rows there were.
///
/// # Errors
/// [`ExportError`]; rows before the fault have been written.
pub fn export(
    reader: JournalReader,
    format: ExportFormat,
    out: &mut impl Write,
) -> Result<u64, ExportError> {
    let mut tickers = HashMap::new();
    let mut count = 0;
    if format == ExportFormat::Csv {
        let names: Vec<&str> = COLUMNS.iter().map(|(name, _)| *name).collect();
        writeln!(out, "{}", names.join(","))?;
    }
    for item in reader {
        let (header, entry) = item?;
        if let Some(row) = row_of(&entry, &mut tickers) {
            let fields = row.fields(&header);
            match format {
                ExportFormat::Csv => writeln!(out, "{}", csv_line(&fields))?,
                ExportFormat::Ndjson => writeln!(out, "{}", json_line(&fields))?,
            }
            count += 1;
        }
    }
    out.flush()?;
    Ok(count)
}

/// The row of an entry, if it is an order, a fill or a result. Notes markets on the way.
fn row_of(entry: &Entry, tickers: &mut HashMap<MarketIx, Ticker>) -> Option<Row> {
    match entry {
        Entry::Market(market) => {
            tickers.insert(market.ix, market.ticker);
            None
        }
        Entry::Submit(order) => Some(Row::order(order, tickers.get(&order.market))),
        Entry::Feed(FeedEvent::Fill(fill)) | Entry::Fetch(FetchEvent::Fill(fill)) => {
            Some(Row::fill(fill))
        }
        Entry::Result(result) => Some(Row::result(result)),
        Entry::Voided(voided) => Some(Row::voided(voided)),
        Entry::Restated(restated) => Some(Row::restated(restated)),
        Entry::RunStarted { .. }
        | Entry::Settings(_)
        | Entry::Opening { .. }
        | Entry::OpeningCash { .. }
        | Entry::Signal(_)
        | Entry::Gateway(_)
        | Entry::Feed(_)
        | Entry::Fetch(_)
        | Entry::Book(_)
        | Entry::Control(_)
        | Entry::Timer
        | Entry::Resend(_)
        | Entry::Group { .. }
        | Entry::Amend(_)
        | Entry::Decrease(_)
        | Entry::Cancel(_)
        | Entry::CancelAll
        | Entry::Ask(_)
        | Entry::RunEnded
        | Entry::Risk(_)
        | Entry::MarketRisk(_)
        | Entry::Past(_) => None,
    }
}

impl Row {
    fn order(order: &NewOrder, ticker: Option<&Ticker>) -> Self {
        Self {
            kind: "order",
            client_order_id: order.client_order_id.to_string(),
            ticker: ticker.map(ToString::to_string).unwrap_or_default(),
            side: order.side.as_str(),
            price_dollars: order.price.to_string(),
            contracts: Count(order.quantity).to_string(),
            ..Self::default()
        }
    }

    fn fill(fill: &Fill) -> Self {
        Self {
            kind: "fill",
            client_order_id: fill.client_order_id.map(|id| id.to_string()).unwrap_or_default(),
            order_id: fill.order_id.to_string(),
            trade_id: fill.trade_id.to_string(),
            ticker: fill.ticker.to_string(),
            side: fill.side.as_str(),
            price_dollars: fill.price.to_string(),
            contracts: Count(fill.quantity).to_string(),
            filled_contracts: Count(fill.quantity).to_string(),
            fees_cents: fill.fee.cents_display(),
            ..Self::default()
        }
    }

    /// Takes the row of the same trade back: quantity and fee are those that came back.
    fn voided(voided: &FillVoided) -> Self {
        Self {
            kind: "voided",
            trade_id: voided.trade_id.to_string(),
            ticker: voided.ticker.to_string(),
            side: voided.side.as_str(),
            price_dollars: voided.price.to_string(),
            contracts: Count(voided.quantity).to_string(),
            fees_cents: voided.fee.cents_display(),
            ..Self::default()
        }
    }

    fn restated(restated: &Restated) -> Self {
        Self {
            kind: "restated",
            ticker: restated.ticker.to_string(),
            contracts: Count(restated.position.size()).to_string(),
            cost_cents: restated.cost.cents_display(),
            ..Self::default()
        }
    }

    fn result(result: &ExecutionResult) -> Self {
        let refused_by = match result.outcome {
            Outcome::Refused(refusal) => refusal.limit.as_str(),
            Outcome::NotTradeable | Outcome::Ended(_) => "",
        };
        Self {
            kind: "result",
            signal_id: result.signal_id.to_string(),
            execution_id: result.execution_id.to_string(),
            ticker: result.ticker.to_string(),
            action: result.action.as_str(),
            state: outcome_name(&result.outcome),
            price_dollars: average_price(result).map(|price| price.to_string()).unwrap_or_default(),
            contracts: Count(result.contracts).to_string(),
            filled_contracts: Count(result.filled).to_string(),
            cost_cents: result.cost.cents_display(),
            fees_cents: result.fees.cents_display(),
            refused_by,
            ..Self::default()
        }
    }

    /// The fields in the order of [`COLUMNS`].
    fn fields(self, header: &Header) -> [String; COLUMNS.len()] {
        [
            header.seq.to_string(),
            rfc3339(header.now.wall),
            header.now.wall.unix_ns().to_string(),
            format!("{:010x}", header.run.bits()),
            self.kind.to_owned(),
            self.signal_id,
            self.execution_id,
            self.client_order_id,
            self.order_id,
            self.trade_id,
            self.ticker,
            self.action.to_owned(),
            self.side.to_owned(),
            self.state.to_owned(),
            self.price_dollars,
            self.contracts,
            self.filled_contracts,
            self.cost_cents,
            self.fees_cents,
            self.refused_by.to_owned(),
        ]
    }
}

fn csv_line(fields: &[String]) -> String {
    let quoted: Vec<String> = fields
        .iter()
        .map(|field| if field.contains(',') { format!("\"{field}\"") } else { field.clone() })
        .collect();
    quoted.join(",")
}

/// Text needs no escaping: ids admit neither quotes nor backslashes nor control bytes.
fn json_line(fields: &[String]) -> String {
    let known = COLUMNS.iter().zip(fields).filter(|(_, field)| !field.is_empty());
    let members: Vec<String> = known
        .map(|((name, shape), field)| match shape {
            Shape::Number => format!(r#""{name}":{field}"#),
            Shape::Text => format!(r#""{name}":"{field}""#),
        })
        .collect();
    format!("{{{}}}", members.join(","))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::ids::{ClientOrderId, RunId, SignalId};
    use crate::kalshi::market::{FeeSchedule, Market, TickGrid};
    use crate::recorder::journal::{Journal, MemoryJournal};
    use crate::recorder::pack::sample::Dice;
    use crate::units::{Contracts, Money, Now, Price, Timestamp, WallTime};

    fn exported(format: ExportFormat) -> (u64, String) {
        let mut dice = Dice::new(6);
        let ticker = Ticker::new(b"KXA-1,B").unwrap();
        let market = Market {
            ticker,
            ix: MarketIx(4),
            event: 0,
            grid: TickGrid::linear_cent(),
            exchange_index: 0,
            fees: FeeSchedule::QUADRATIC,
            active: true,
        };
        let order = NewOrder {
            market: MarketIx(4),
            client_order_id: ClientOrderId::new(RunId::new(1), 2),
            price: Price::from_cents(48).unwrap(),
            quantity: Contracts::from_whole(25),
            ..dice.any()
        };
        let fill = Fill { ticker, fee: Money::from_micros(17_500), ..dice.any() };
        let result = ExecutionResult {
            signal_id: SignalId::new(b"sig-1").unwrap(),
            ticker,
            outcome: Outcome::NotTradeable,
            cost: Money::ZERO,
            fees: Money::ZERO,
            ..dice.any()
        };
        let mut journal = MemoryJournal::new(RunId::new(1));
        let now = Now { mono: Timestamp::ZERO, wall: WallTime::from_unix_ms(1_767_225_600_000) };
        for entry in [
            Entry::Market(market),
            Entry::Timer,
            Entry::Submit(order),
            Entry::Feed(FeedEvent::Fill(fill)),
            Entry::Result(result),
            Entry::Voided(FillVoided {
                trade_id: fill.trade_id,
                ticker,
                side: fill.side,
                price: fill.price,
                quantity: fill.quantity,
                fee: fill.fee,
            }),
        ] {
            journal.append(now, &entry).unwrap();
        }
        let reader = JournalReader::from_bytes(journal.bytes().to_vec()).unwrap();
        let mut out = Vec::new();
        let count = export(reader, format, &mut out).unwrap();
        (count, String::from_utf8(out).unwrap())
    }

    #[test]
    fn orders_fills_and_results_become_objects() {
        let (count, text) = exported(ExportFormat::Ndjson);
        let rows: Vec<Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!((count, rows.len()), (4, 4));
        let expected = serde_json::json!({
            "seq": 3, "time": "2026-01-01T00:00:00Z", "time_ns": 1_767_225_600_000_000_000_u64,
            "run": "0000000001", "kind": "order",
            "client_order_id": "6b786578-0000-8000-8001-000000000002",
            "ticker": "KXA-1,B", "side": rows[0]["side"], "price_dollars": "0.4800",
            "contracts": 25,
        });
        assert_eq!(rows[0], expected);
        assert_eq!(rows[1]["fees_cents"], 1.75);
        assert_eq!(
            (&rows[2]["state"], &rows[2]["signal_id"]),
            (&"not_tradeable".into(), &"sig-1".into())
        );
        assert_eq!(rows[2].get("trade_id"), None);
        assert_eq!(rows[3]["kind"], "voided");
        assert_eq!(rows[3]["trade_id"], rows[1]["trade_id"], "what it takes back");
        assert_eq!(rows[3]["contracts"], rows[1]["contracts"]);
    }

    #[test]
    fn csv_rows_have_every_column() {
        let (_, text) = exported(ExportFormat::Csv);
        let mut lines = text.lines();
        assert_eq!(lines.next().unwrap().split(',').count(), COLUMNS.len());
        for line in lines {
            assert!(line.contains("\"KXA-1,B\""), "{line}");
            assert_eq!(line.replace("KXA-1,B", "").split(',').count(), COLUMNS.len(), "{line}");
        }
    }

    #[test]
    fn a_closed_pipe_is_an_error_not_a_panic() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _bytes: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let reader =
            JournalReader::from_bytes(MemoryJournal::new(RunId::new(1)).bytes().to_vec()).unwrap();
        let error = export(reader, ExportFormat::Csv, &mut Closed).unwrap_err();
        assert!(matches!(error, ExportError::Output(_)));
    }
}
