//! Stories 23 to 25: what the exchange says changes its form.

use serde_json::{Value, json};

use super::members::{Members, TAPERED};
use super::{config, nothing_is_there_twice};
use crate::account::scaled;
use crate::recovery::Stage;

#[test]
fn story_24_new_fields_numbers_pages_and_chunks_change_no_order() {
    let mut stage = Stage::new();
    stage.faults("[[fault]]\nstory = 24\n");
    for nth in 0..25 {
        stage.is_well();
        assert_eq!(stage.ask(&format!("s-{nth}")), "filled");
    }
    stage.faults("");
    stage.is_well();
    nothing_is_there_twice(&stage, 25);
    let (summary, _) = stage.end();
    assert_eq!(summary["orders"]["filled"], 25);
}

/// A signal in the market with tapered prices.
fn fine(id: &str, action: &str, count: &str, bound: &str) -> Value {
    json!({
        "id": id, "should_trade": true, "action": action,
        "kalshi": {
            "ticker": TAPERED, "yes_ask_dollars": "0.0480", "no_ask_dollars": "0.9590",
        },
        "edge": {"cents": 7}, "confidence": {"score": 75},
        "position": {"contracts_fp": count}, "max_price_dollars": bound,
    })
}

#[test]
fn story_25_prices_below_a_cent_and_parts_of_contracts_are_booked_to_the_digit() {
    let mut members = Members::new(&config().replace(
        "[risk]\n",
        "[risk]\nmax_position_size = 1000\nmax_risk_per_trade_cents = 90000\n",
    ));
    // More than 327 contracts: profits above 32 767 cents. Fees are per fill, never per order.
    for (id, action, count, bound) in [
        ("part", "BUY_YES", "10.55", "0.0490"),
        ("many", "BUY_YES", "620.00", "0.0490"),
        ("sold", "SELL_YES", "0.55", "0.0400"),
        ("other", "BUY_NO", "700.25", "0.9600"),
    ] {
        members.stage.producer.send(fine(id, action, count, bound));
        let answer = members.stage.producer.answer();
        assert_eq!((&answer["signal_id"], &answer["state"]), (&id.into(), &"filled".into()));
        let told = &answer["filled_contracts"];
        assert_eq!(scaled(&told.to_string(), 2), scaled(count, 2), "{answer}");
        let order = answer["orders"][0]["order_id"].as_str().expect("an id").to_owned();
        let fills = members.stage.client.list("/portfolio/fills", "fills");
        let fees: i64 = fills
            .iter()
            .filter(|fill| fill["order_id"] == order.as_str())
            .map(|fill| scaled(fill["fee_cost"].as_str().expect("dollars"), 8))
            .sum();
        assert_eq!(scaled(&answer["fees_cents"].to_string(), 6), fees, "{answer}");
        if id == "many" {
            assert!(answer["potential_profit_cents"].as_f64() > Some(f64::from(i16::MAX)));
        }
    }
    assert_eq!(members.stage.held(TAPERED), -7_025);
    nothing_is_there_twice(&members.stage, 4);
    members.stage.end();
}
