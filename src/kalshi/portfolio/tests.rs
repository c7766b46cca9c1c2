//! Bodies as the exchange sent them (shortened), and what is made of them.

use super::*;
use crate::kalshi::market::PriceRange;
use crate::message::{BookSide, ExchangeStatus};
use crate::units::{Contracts, WallTime};

const RECEIVED: Timestamp = Timestamp::from_ns(5);

/// From demo, 2026-06-11: an executed taker order, a cancelled one, and a NO order.
const ORDERS: &str = r#"{"cursor":"","orders":[
 {"action":"buy","book_side":"bid","client_order_id":"6b786578-0000-8000-8abc-000000000007","created_time":"2026-06-11T06:29:30.164956Z","fill_count_fp":"1.00","initial_count_fp":"1.00","last_update_time":"2026-06-11T06:29:30.164956Z","maker_fees_dollars":"0.000000","no_price_dollars":"0.0100","order_id":"97ec18b7-10d3-4557-9de0-8598aad625f0","outcome_side":"yes","remaining_count_fp":"0.00","side":"yes","status":"executed","subaccount_number":0,"ticker":"KXWTACHALLENGERMATCH-26JUN11JIMLEP-LEP","type":"limit","yes_price_dollars":"0.9900"},
 {"action":"buy","book_side":"bid","client_order_id":"4a75a66e-ca85-4187-93cd-aac5e01ad982","expiration_time":null,"fill_count_fp":"0.00","last_update_time":"2026-06-11T06:29:24.112341Z","order_id":"2597b999-f887-4195-8bac-c3f97a1f2021","remaining_count_fp":"0.00","status":"canceled","ticker":"KXWTACHALLENGERMATCH-26JUN11JIMLEP-LEP","yes_price_dollars":"0.0100"},
 {"outcome_side":"no","client_order_id":"","expiration_time":"2026-06-11T06:29:20Z","fill_count_fp":"0.50","last_update_time":"2026-06-11T06:29:20.0012Z","order_id":"o-3","remaining_count_fp":"0.00","status":"canceled","ticker":"KXA-B","yes_price_dollars":"0.4700"}]}"#;

const FILLS: &str = r#"{"cursor":"abc","fills":[{"action":"buy","book_side":"bid","count_fp":"1.00","created_time":"2026-06-11T06:29:30.164956Z","fee_cost":"0.017500","fill_id":"f4a42159-b500-57c6-efa2-c31d94d916c1","is_taker":true,"market_ticker":"KXWTACHALLENGERMATCH-26JUN11JIMLEP-LEP","no_price_dollars":"0.4800","order_id":"97ec18b7-10d3-4557-9de0-8598aad625f0","outcome_side":"yes","side":"yes","subaccount_number":0,"ticker":"KXWTACHALLENGERMATCH-26JUN11JIMLEP-LEP","trade_id":"f4a42159-b500-57c6-efa2-c31d94d916c1","ts":1781159370,"yes_price_dollars":"0.5200"}]}"#;

const POSITIONS: &str = r#"{"cursor":"","event_positions":[{"event_exposure_dollars":"2.500000","event_ticker":"KXWTACHALLENGERMATCH-26JUN11JIMLEP"}],"market_positions":[{"fees_paid_dollars":"0.018900","last_updated_ts":"2026-06-11T06:29:30.165032Z","market_exposure_dollars":"2.500000","position_fp":"-3.00","realized_pnl_dollars":"0.000000","resting_orders_count":0,"ticker":"KXWTACHALLENGERMATCH-26JUN11JIMLEP-LEP","total_traded_dollars":"2.500000"}]}"#;

const BALANCE: &str = r#"{"balance":9801,"balance_breakdown":[{"balance":"98.0186","exchange_index":0}],"balance_dollars":"98.0186","portfolio_value":198,"updated_ts":1781159348}"#;

const MARKETS: &str = r#"{"cursor":"CgwIp4ep0QYQ","markets":[
 {"event_ticker":"KXWTACHALLENGERMATCH-26JUN11JIMLEP","price_level_structure":"linear_cent","price_ranges":[{"end":"1.0000","start":"0.0000","step":"0.0100"}],"response_price_units":"usd_cent","status":"active","ticker":"KXWTACHALLENGERMATCH-26JUN11JIMLEP-LEP","yes_ask_dollars":"0.5200"},
 {"exchange_index":2,"price_ranges":[{"start":"0.00","end":"0.10","step":"0.001"},{"start":"0.10","end":"0.90","step":"0.01"},{"start":"0.90","end":"1.00","step":"0.001"}],"status":"inactive","ticker":"KXBTC-26JUN11-B1"},
 {"price_ranges":[],"status":"active","ticker":"KXNOGRID"},
 {"status":"active","ticker":"KXNULL","price_ranges":null},
 {"price_ranges":[{"end":"1.0000","start":"0.0000","step":"0.0100"}],"status":"active","ticker":"KX0123456789012345678901234567890123456789012345678901234567890123"}]}"#;

/// `text` without one field's value, so that the field is there and means nothing.
fn spoiled(text: &str, field: &str) -> String {
    text.replace(&format!("\"{field}\":\""), &format!("\"{field}\":\"?"))
}

#[test]
fn recorded_orders_are_read() {
    let page = orders_page(ORDERS.as_bytes(), RECEIVED).unwrap();
    assert_eq!((page.cursor, page.skipped, page.rows.len()), (None, 0, 3));

    let first = page.rows[0];
    assert_eq!(first.order_id.as_str(), "97ec18b7-10d3-4557-9de0-8598aad625f0");
    assert_eq!(first.client_order_id.map(crate::ids::ClientOrderId::seq), Some(7));
    assert_eq!((first.side, first.price), (BookSide::Bid, Price::from_cents(99).unwrap()));
    assert_eq!((first.status, first.filled), (ExchangeStatus::Executed, Contracts::from_whole(1)));
    assert_eq!((first.origin, first.received), (Origin::Rest, RECEIVED));
}

#[test]
fn cancelled_orders_are_told_from_expired_ones() {
    let page = orders_page(ORDERS.as_bytes(), RECEIVED).unwrap();
    let second = page.rows[1];
    assert_eq!(second.client_order_id, None, "not ours");
    assert_eq!((second.status, second.expired), (ExchangeStatus::Canceled, false));

    let third = page.rows[2];
    assert_eq!((third.side, third.filled), (BookSide::Ask, Contracts::from_centis(50)));
    assert!(third.expired, "cancelled after its own expiration time");
}

#[test]
fn one_order_is_read_from_its_envelope() {
    let list: serde_json::Value = serde_json::from_str(ORDERS).unwrap();
    let body = format!("{{\"order\":{}}}", list["orders"][0]);
    let expected = orders_page(ORDERS.as_bytes(), RECEIVED).unwrap().rows[0];
    assert_eq!(order(body.as_bytes(), RECEIVED), Ok(expected));
    let error = order(spoiled(&body, "status").as_bytes(), RECEIVED);
    assert_eq!(error, Err(FieldError { field: "status" }.into()));
}

#[test]
fn a_recorded_fill_is_read() {
    let page = fills_page(FILLS.as_bytes(), RECEIVED).unwrap();
    assert_eq!(page.cursor.as_deref(), Some("abc"));
    let fill = page.rows[0];
    assert_eq!(fill.trade_id.as_str(), "f4a42159-b500-57c6-efa2-c31d94d916c1");
    assert_eq!(fill.client_order_id, None);
    assert_eq!(fill.price, Price::from_cents(52).unwrap());
    assert_eq!(fill.fee, Money::from_micros(17_500));
    assert_eq!(fill.exchange_time, WallTime::from_unix_ns(1_781_159_370_164_956_000));
    assert!(fill.is_taker);
}

#[test]
fn an_unreadable_row_is_named() {
    for (field, name) in [
        ("order_id", "order_id"),
        ("yes_price_dollars", "yes_price_dollars"),
        ("fill_count_fp", "fill_count_fp"),
        ("status", "status"),
        ("book_side", "book_side"),
    ] {
        let spoiled = spoiled(ORDERS, field).replace("\"?", "\"\\u0000");
        let error = orders_page(spoiled.as_bytes(), RECEIVED).unwrap_err();
        assert_eq!(error, PortfolioError::Row { row: 0, field: name });
    }
    let error = fills_page(spoiled(FILLS, "fee_cost").as_bytes(), RECEIVED).unwrap_err();
    assert_eq!(error, PortfolioError::Row { row: 0, field: "fee_cost" });
    let error = positions_page(spoiled(POSITIONS, "position_fp").as_bytes()).unwrap_err();
    assert_eq!(error, PortfolioError::Row { row: 0, field: "position_fp" });
}

#[test]
fn a_listing_without_its_cursor_is_not_complete() {
    let text = ORDERS.replace("\"cursor\":\"\",", "");
    let error = orders_page(text.as_bytes(), RECEIVED).unwrap_err();
    assert_eq!(error, FieldError { field: "cursor" }.into());
    assert!(matches!(orders_page(b"{}", RECEIVED), Err(PortfolioError::Json { .. })));
    assert!(matches!(fills_page(b"<html>", RECEIVED), Err(PortfolioError::Json { .. })));
}

#[test]
fn orders_of_others_that_cannot_be_read_are_skipped() {
    for (from, to) in [("KXA-B", "K".repeat(65)), ("0.4700", "1.0000".to_owned())] {
        let text = ORDERS.replace(from, &to);
        let page = orders_page(text.as_bytes(), RECEIVED).unwrap();
        assert_eq!((page.rows.len(), page.skipped), (2, 1), "{from}");
    }
}

#[test]
fn a_recorded_position_is_read() {
    let page = positions_page(POSITIONS.as_bytes()).unwrap();
    assert_eq!(
        page.rows,
        [HeldPosition {
            ticker: Ticker::new(b"KXWTACHALLENGERMATCH-26JUN11JIMLEP-LEP").unwrap(),
            position: Position::from_centis(-300),
            cost: Money::from_cents(250),
            realized: Money::ZERO,
            fees: Money::from_micros(18_900),
        }]
    );
}

#[test]
fn the_exact_balance_is_preferred_to_cents() {
    let exact = Money::parse_dollars(b"98.0186").unwrap();
    let read = balance(BALANCE.as_bytes()).unwrap();
    assert_eq!(read, Balance { cash: exact, shards: vec![(0, exact)] });
    let cents = balance(br#"{"balance":9801}"#).unwrap();
    assert_eq!(cents.cash, Money::from_cents(9_801));
    assert_eq!(balance(b"{}"), Err(FieldError { field: "balance_dollars" }.into()));
    assert!(balance(br#"{"balance":9223372036854775807}"#).is_err(), "no overflow");
}

#[test]
fn markets_bring_their_grid_and_shard_or_stay_out() {
    let page = markets_page(MARKETS.as_bytes()).unwrap();
    assert_eq!((page.cursor.as_deref(), page.skipped), (Some("CgwIp4ep0QYQ"), 3));
    let [first, second] = page.rows[..] else { panic!("two markets") };
    assert_eq!((first.grid, first.exchange_index), (TickGrid::linear_cent(), 0));
    assert!(first.active);
    assert_eq!((second.exchange_index, second.active), (2, false));
    assert_eq!(
        second.grid.ranges()[1],
        PriceRange { start_micros: 100_000, end_micros: 900_000, step_micros: 10_000 }
    );
}

#[test]
fn trading_is_active_only_when_every_shard_trades() {
    let plain = exchange_status(br#"{"exchange_active":true,"trading_active":true}"#).unwrap();
    assert!(plain.trading_active() && plain.shards.is_empty());
    let text = r#"{"exchange_active":true,"trading_active":true,"exchange_index_statuses":[{"exchange_index":0,"description":"","exchange_active":true,"trading_active":true,"intra_exchange_transfers_active":true},{"exchange_index":2,"exchange_active":true,"trading_active":false}]}"#;
    let sharded = exchange_status(text.as_bytes()).unwrap();
    assert_eq!(sharded.shards.len(), 2);
    assert!(!sharded.trading_active());
    let error = exchange_status(br#"{"exchange_active":true}"#);
    assert_eq!(error, Err(FieldError { field: "trading_active" }.into()));
}
