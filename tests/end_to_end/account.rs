//! The account's books on both sides: as the exchange tells them, and as the engine's
//! `summary.json` does. Numbers are compared as written, to the last decimal.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::client::Client;

/// Decimals that dollars and contracts are compared at: 1e-8 dollars, 1e-6 cents.
const DOLLAR_PLACES: usize = 8;

/// The orders that the run of this summary has sent: their ids begin with a mark and the run's.
pub(crate) fn orders_of(client: &Client, summary: &Value) -> Vec<Value> {
    let run_id = summary["run_id"].as_str().expect("a run has an id");
    let (high, middle, low) = (&run_id[..4], &run_id[4..7], &run_id[7..]);
    let prefix = format!("6b786578-{high}-8{middle}-8{low}-");
    let mut orders = client.list("/portfolio/orders", "orders");
    orders.retain(|order| {
        order["client_order_id"].as_str().is_some_and(|id| id.starts_with(&prefix))
    });
    orders
}

/// What must be equal on both sides. Contracts in hundredths, money in 1e-8 dollars.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Books {
    /// Orders that got everything.
    pub(crate) filled: u64,
    /// Orders that ended with a part.
    pub(crate) partial: u64,
    /// Orders that ended with nothing.
    pub(crate) canceled: u64,
    /// Orders that are still alive.
    pub(crate) alive: u64,
    /// Contracts bought and sold.
    pub(crate) contracts: i64,
    /// What is held, by ticker; negative is NO.
    pub(crate) positions: BTreeMap<String, i64>,
    /// What open positions have cost, by ticker.
    pub(crate) costs: BTreeMap<String, i64>,
    /// Cash.
    pub(crate) cash: i64,
    /// Fees paid.
    pub(crate) fees: i64,
}

/// `text`, a decimal number, as an integer of `10^-places`.
pub(crate) fn scaled(text: &str, places: usize) -> i64 {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    assert!(fraction.len() <= places, "{text} has more than {places} decimals");
    let all = format!("{whole}{fraction:0<places$}");
    sign * all.parse::<i64>().expect("a decimal number")
}

fn dollars(value: &Value) -> i64 {
    scaled(value.as_str().expect("dollars are text"), DOLLAR_PLACES)
}

fn hundredths(value: &Value) -> i64 {
    scaled(value.as_str().expect("contracts are text"), 2)
}

impl Books {
    /// What the exchange says of the account, and of the orders and fills of the run of this
    /// summary.
    pub(crate) fn of_exchange(client: &Client, summary: &Value) -> Self {
        let mut books = Self::default();
        let mut order_fees = 0;
        let orders = orders_of(client, summary);
        for order in &orders {
            let count = match (order["status"].as_str(), hundredths(&order["fill_count_fp"])) {
                (Some("executed"), _) => &mut books.filled,
                (Some("canceled"), 0) => &mut books.canceled,
                (Some("canceled"), _) => &mut books.partial,
                _ => &mut books.alive,
            };
            *count += 1;
            order_fees += dollars(&order["taker_fees_dollars"]);
            order_fees += dollars(&order["maker_fees_dollars"]);
        }
        let ours = |fill: &Value| orders.iter().any(|it| it["order_id"] == fill["order_id"]);
        for fill in client.list("/portfolio/fills", "fills").iter().filter(|fill| ours(fill)) {
            books.contracts += hundredths(&fill["count_fp"]);
            books.fees += dollars(&fill["fee_cost"]);
        }
        assert_eq!(books.fees, order_fees, "the exchange's own fills and orders agree");
        for position in client.list("/portfolio/positions", "market_positions") {
            let ticker = position["ticker"].as_str().expect("a ticker").to_owned();
            let held = hundredths(&position["position_fp"]);
            if held != 0 {
                books.costs.insert(ticker.clone(), dollars(&position["market_exposure_dollars"]));
                books.positions.insert(ticker, held);
            }
        }
        books.cash = dollars(&client.get("/portfolio/balance")["balance_dollars"]);
        books
    }

    /// What the engine says.
    pub(crate) fn of_summary(summary: &Value) -> Self {
        let orders = &summary["orders"];
        let count = |name: &str| orders[name].as_u64().expect("a count");
        let by_ticker = |name: &str, places: usize| -> BTreeMap<String, i64> {
            let held = summary[name].as_object().expect("an object by ticker");
            held.iter()
                .map(|(key, value)| (key.clone(), scaled(&value.to_string(), places)))
                .collect()
        };
        let cents = |name: &str| scaled(&summary[name].to_string(), DOLLAR_PLACES - 2);
        Self {
            filled: count("filled"),
            partial: count("partial"),
            canceled: count("canceled") + count("expired"),
            alive: count("unknown"),
            contracts: scaled(&summary["contracts_filled"].to_string(), 2),
            positions: by_ticker("positions", 2),
            costs: by_ticker("position_cost_cents", DOLLAR_PLACES - 2),
            cash: cents("cash_cents"),
            fees: cents("fees_cents"),
        }
    }
}

/// A JSON file.
#[track_caller]
pub(crate) fn json(path: &Path) -> Value {
    let text = fs::read_to_string(path).expect("the file is there");
    serde_json::from_str(&text).expect("it is JSON")
}

/// A file of JSON lines.
#[track_caller]
pub(crate) fn json_lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).expect("the file is there");
    text.lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect()
}
