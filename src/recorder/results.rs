//! One JSON line per signal (`execution-layer` §2): the answer its producer gets.
//!
//! Money is in cents and may carry decimals; counts are numbers; prices are strings, as at the
//! exchange. Text needs no escaping: ids and reasons admit neither quotes nor backslashes nor
//! control bytes (`ids.rs`). The average price is rounded here, for display only.

use core::fmt::{self, Write};

use super::record::{ChildResult, ExecutionResult, Hop, Malformed, Outcome};
use crate::ids::Reason;
use crate::units::{Contracts, Money, Price, PriceDelta};

/// The line for a finished signal, without a line end.
#[must_use]
pub fn result_line(result: &ExecutionResult) -> String {
    let mut out = String::with_capacity(1_024);
    // Writing into a String cannot fail.
    write_result(&mut out, result).map_or_else(|_| String::new(), |()| out)
}

/// The line for input that was no signal, without a line end.
#[must_use]
pub fn malformed_line(line: u64, kind: Malformed, detail: &Reason) -> String {
    let code = kind.as_str();
    format!(
        r#"{{"line":{line},"state":"malformed","error":{{"code":"{code}","message":"{detail}"}}}}"#
    )
}

/// The name of an outcome: an order state, `refused`, or `not_tradeable`.
#[must_use]
pub const fn outcome_name(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Refused(_) => "refused",
        Outcome::NotTradeable => "not_tradeable",
        Outcome::Ended(state) => state.as_str(),
    }
}

fn write_result(out: &mut String, result: &ExecutionResult) -> fmt::Result {
    write!(out, r#"{{"signal_id":"{}""#, result.signal_id)?;
    write!(out, r#","execution_id":"{}""#, result.execution_id)?;
    write!(out, r#","ticker":"{}""#, result.ticker)?;
    write!(out, r#","action":"{}""#, result.action.as_str())?;
    write!(out, r#","state":"{}""#, outcome_name(&result.outcome))?;
    write!(out, r#","contracts":{}"#, Count(result.contracts))?;
    write!(out, r#","filled_contracts":{}"#, Count(result.filled))?;
    match average_price(result) {
        Some(average) => write!(out, r#","average_price_dollars":"{average}""#)?,
        None => out.write_str(r#","average_price_dollars":null"#)?,
    }
    write!(out, r#","fees_cents":{}"#, result.fees.cents_display())?;
    write!(out, r#","cost_cents":{}"#, result.cost.cents_display())?;
    write!(out, r#","potential_profit_cents":{}"#, potential_profit(result).cents_display())?;
    write!(out, r#","slippage_cents":{}"#, Cents(slippage(result)))?;
    write!(out, r#","retries":{}"#, result.retries)?;
    write_refusal(out, &result.outcome)?;
    match &result.error {
        Some(error) => {
            write!(out, r#","error":{{"code":"{}","message":"{}"}}"#, error.code, error.message)?
        }
        None => out.write_str(r#","error":null"#)?,
    }
    out.write_str(r#","orders":["#)?;
    for (index, child) in result.orders.iter().flatten().enumerate() {
        write_child(out, index, child)?;
    }
    out.write_str(r#"],"hops_ns":{"#)?;
    let spans = Hop::ALL
        .iter()
        .filter_map(|hop| result.hops.spans[*hop as usize].map(|span| (hop.as_str(), span.ns())));
    for (index, (hop, ns)) in spans.enumerate() {
        let comma = if index == 0 { "" } else { "," };
        write!(out, r#"{comma}"{hop}":{ns}"#)?;
    }
    out.write_str("}}")
}

fn write_refusal(out: &mut String, outcome: &Outcome) -> fmt::Result {
    match outcome {
        Outcome::Refused(refusal) => write!(
            out,
            r#","refusal":{{"limit":"{}","value":{},"bound":{}}}"#,
            refusal.limit,
            refusal.shown(refusal.value),
            refusal.shown(refusal.bound)
        ),
        Outcome::NotTradeable | Outcome::Ended(_) => out.write_str(r#","refusal":null"#),
    }
}

fn write_child(out: &mut String, index: usize, child: &ChildResult) -> fmt::Result {
    let comma = if index == 0 { "" } else { "," };
    write!(out, r#"{comma}{{"client_order_id":"{}""#, child.client_order_id)?;
    if child.order_id.is_empty() {
        out.write_str(r#","order_id":null"#)?;
    } else {
        write!(out, r#","order_id":"{}""#, child.order_id)?;
    }
    write!(out, r#","state":"{}""#, child.state)?;
    write!(out, r#","limit_price_dollars":"{}""#, child.limit_price)?;
    write!(out, r#","contracts":{}"#, Count(child.contracts))?;
    write!(out, r#","filled_contracts":{}}}"#, Count(child.filled))
}

/// Average price paid or got per contract of the signal's leg, rounded to a micro-dollar.
#[must_use]
pub fn average_price(result: &ExecutionResult) -> Option<Price> {
    // Money per hundredth of a contract is micro-dollars per contract: see `Price * Contracts`.
    let total = result.cost.e8().unsigned_abs();
    let count = u64::from(result.filled.centis());
    let rounded = (total + count / 2).checked_div(count)?;
    Price::from_micros(u32::try_from(rounded).ok()?)
}

/// What a bought position gains when it pays out; zero for sells, which realise theirs.
#[must_use]
pub fn potential_profit(result: &ExecutionResult) -> Money {
    if !result.action.is_buy() {
        return Money::ZERO;
    }
    let payout = i64::from(result.filled.centis()) * (Money::E8_PER_DOLLAR / 100);
    Money::from_e8(payout) - result.cost - result.fees
}

/// How much worse than expected a contract traded; zero when nothing did.
#[must_use]
pub fn slippage(result: &ExecutionResult) -> PriceDelta {
    let Some((average, expected)) = average_price(result).zip(result.expected_price) else {
        return PriceDelta::ZERO;
    };
    if result.action.is_buy() { average - expected } else { expected - average }
}

/// Contracts as a JSON number: `25`, `0.5`, `0.05`.
#[derive(Clone, Copy, Debug)]
pub struct Count(pub Contracts);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, hundredths) = (self.0.centis() / 100, self.0.centis() % 100);
        match hundredths {
            0 => write!(f, "{whole}"),
            tenths if tenths.is_multiple_of(10) => write!(f, "{whole}.{}", tenths / 10),
            _ => write!(f, "{whole}.{hundredths:02}"),
        }
    }
}

/// A price difference as a JSON number of cents.
struct Cents(PriceDelta);

impl fmt::Display for Cents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Money::from_micros(self.0.micros()).cents_display())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::ids::{ClientOrderId, ExecutionId, OrderId, RunId, SignalId, SourceId, Ticker};
    use crate::message::Action;
    use crate::order::State;
    use crate::recorder::pack::sample::Dice;
    use crate::recorder::record::{CHILDREN_MAX, Hops, ResultError};
    use crate::risk::{Limit, Refusal};
    use crate::units::Nanos;

    fn filled_at_two_prices() -> ExecutionResult {
        let mut hops = Hops::default();
        hops.set(Hop::Decode, Nanos::from_ns(812));
        hops.set(Hop::Ack, Nanos::from_us(4_200));
        let mut orders = [None; CHILDREN_MAX];
        orders[0] = Some(ChildResult {
            client_order_id: ClientOrderId::new(RunId::new(0xabc), 7),
            order_id: OrderId::new(b"2597b999").unwrap(),
            state: State::Filled,
            limit_price: Price::from_cents(49).unwrap(),
            contracts: Contracts::from_whole(25),
            filled: Contracts::from_whole(25),
        });
        ExecutionResult {
            source: SourceId(3),
            signal_id: SignalId::new(b"sig-000123").unwrap(),
            execution_id: ExecutionId { run: RunId::new(0xabc), seq: 4 },
            ticker: Ticker::new(b"KXNFL-26JAN11-BUF").unwrap(),
            action: Action::BuyYes,
            outcome: Outcome::Ended(State::Filled),
            contracts: Contracts::from_whole(25),
            filled: Contracts::from_whole(25),
            // 24 at 48c, 1 at 49c.
            cost: Money::from_cents(24 * 48 + 49),
            fees: Money::parse_dollars(b"0.4368").unwrap(),
            expected_price: Price::from_cents(48),
            edge: PriceDelta::from_cents(7),
            retries: 0,
            error: None,
            orders,
            hops,
        }
    }

    #[track_caller]
    fn check(result: &ExecutionResult, expected: &Value) {
        let line = result_line(result);
        assert!(!line.contains('\n'));
        assert_eq!(&serde_json::from_str::<Value>(&line).unwrap(), expected, "{line}");
    }

    #[test]
    fn a_filled_signal_is_told_in_full() {
        let expected = json!({
            "signal_id": "sig-000123", "execution_id": "exec-0000000abc-000004",
            "ticker": "KXNFL-26JAN11-BUF", "action": "BUY_YES", "state": "filled",
            "contracts": 25, "filled_contracts": 25, "average_price_dollars": "0.4804",
            "fees_cents": 43.68, "cost_cents": 1201, "potential_profit_cents": 1255.32,
            "slippage_cents": 0.04, "retries": 0, "refusal": null, "error": null,
            "orders": [{
                "client_order_id": "6b786578-0000-8000-8abc-000000000007", "order_id": "2597b999",
                "state": "filled", "limit_price_dollars": "0.4900", "contracts": 25,
                "filled_contracts": 25,
            }],
            "hops_ns": {"decode": 812, "ack": 4_200_000},
        });
        check(&filled_at_two_prices(), &expected);
    }

    #[test]
    fn a_refusal_names_limit_value_and_bound() {
        let refused = ExecutionResult {
            outcome: Outcome::Refused(Refusal {
                limit: Limit::PositionSize,
                value: 12_550,
                bound: 10_000,
            }),
            filled: Contracts::ZERO,
            cost: Money::ZERO,
            fees: Money::ZERO,
            error: Some(ResultError {
                code: Reason::lossy("risk"),
                message: Reason::lossy("too \"large\""),
            }),
            orders: [None; CHILDREN_MAX],
            hops: Hops::default(),
            ..filled_at_two_prices()
        };
        let expected = json!({
            "signal_id": "sig-000123", "execution_id": "exec-0000000abc-000004",
            "ticker": "KXNFL-26JAN11-BUF", "action": "BUY_YES", "state": "refused",
            "contracts": 25, "filled_contracts": 0, "average_price_dollars": null,
            "fees_cents": 0, "cost_cents": 0, "potential_profit_cents": 0,
            "slippage_cents": 0, "retries": 0,
            "refusal": {"limit": "max_position_size", "value": 125.5, "bound": 100},
            "error": {"code": "risk", "message": "too ?large?"}, "orders": [], "hops_ns": {},
        });
        check(&refused, &expected);
    }

    #[test]
    fn refusals_speak_of_contracts_cents_milliseconds_and_counts() {
        let told = |limit, value, bound| {
            let outcome = Outcome::Refused(Refusal { limit, value, bound });
            let line = result_line(&ExecutionResult { outcome, ..filled_at_two_prices() });
            serde_json::from_str::<Value>(&line).unwrap()["refusal"].take()
        };
        assert_eq!(
            told(Limit::RiskPerTrade, 51_750_000_000, 50_000_000_000),
            json!({"limit": "max_risk_per_trade", "value": 51_750, "bound": 50_000})
        );
        assert_eq!(
            told(Limit::MinimumEdge, -17_500, 10_000),
            json!({"limit": "minimum_edge", "value": -1.75, "bound": 1})
        );
        assert_eq!(
            told(Limit::SignalAge, 600_500_000, 500_000_000),
            json!({"limit": "signal_age", "value": 600.5, "bound": 500})
        );
        assert_eq!(
            told(Limit::OpenOrders, 21, 20),
            json!({"limit": "max_open_orders", "value": 21, "bound": 20})
        );
    }

    #[test]
    fn slippage_is_positive_when_it_hurts() {
        let bought = filled_at_two_prices();
        assert_eq!(slippage(&bought), PriceDelta::from_micros(400));
        // Sold at 48.04c on average when 49c was expected: 0.96c worse.
        let sold = ExecutionResult {
            action: Action::SellYes,
            cost: -bought.cost,
            expected_price: Price::from_cents(49),
            ..bought
        };
        assert_eq!(slippage(&sold), PriceDelta::from_micros(9_600));
        assert_eq!(potential_profit(&sold), Money::ZERO);
    }

    #[test]
    fn a_malformed_line_is_told_by_its_number() {
        let line = malformed_line(17, Malformed::BadValue, &Reason::lossy("yes_ask: 147"));
        assert_eq!(
            serde_json::from_str::<Value>(&line).unwrap(),
            json!({"line": 17, "state": "malformed",
                   "error": {"code": "bad_value", "message": "yes_ask: 147"}})
        );
    }

    #[test]
    fn every_result_is_one_json_object() {
        let mut dice = Dice::new(5);
        for _ in 0..500 {
            let mut result: ExecutionResult = dice.any();
            // What the exchange can charge, not any 64 bits.
            result.cost = Money::from_cents(i64::from(dice.any::<u32>()));
            result.fees = Money::from_micros(i64::from(dice.any::<u16>()));
            let value: Value = serde_json::from_str(&result_line(&result)).unwrap();
            assert_eq!(value.as_object().unwrap().len(), 17);
        }
    }

    #[test]
    fn counts_are_short_numbers() {
        let shown = |centis| Count(Contracts::from_centis(centis)).to_string();
        assert_eq!([shown(2_500), shown(50), shown(5), shown(0)], ["25", "0.5", "0.05", "0"]);
    }
}
