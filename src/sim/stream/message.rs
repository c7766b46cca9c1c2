//! What the server sends on a WebSocket: one struct per message, fields in the recorded order.

use serde::Serialize;

/// A message with its envelope. Order of keys as recorded; absent parts are left out.
#[derive(Debug, Serialize)]
pub(crate) struct Frame<M> {
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sid: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) seq: Option<u64>,
    pub(crate) sending_ts_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) msg: Option<M>,
}

/// Names a subscription.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Subscribed {
    pub(crate) channel: &'static str,
    pub(crate) sid: u64,
}

/// The markets of a subscription after a change.
#[derive(Debug, Serialize)]
pub(crate) struct MarketList {
    pub(crate) market_tickers: Vec<String>,
}

/// A command that failed.
#[derive(Debug, Serialize)]
pub(crate) struct ErrorBody {
    pub(crate) code: u32,
    pub(crate) msg: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) market_tickers: Vec<String>,
}

/// A whole book.
#[derive(Debug, Serialize)]
pub(crate) struct Snapshot {
    pub(crate) market_ticker: String,
    pub(crate) market_id: String,
    pub(crate) clock: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) yes_dollars_fp: Vec<[String; 2]>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) no_dollars_fp: Vec<[String; 2]>,
}

/// One changed level.
#[derive(Debug, Serialize)]
pub(crate) struct Delta {
    pub(crate) market_ticker: String,
    pub(crate) market_id: String,
    pub(crate) clock: u64,
    pub(crate) price_dollars: String,
    pub(crate) delta_fp: String,
    pub(crate) side: &'static str,
    pub(crate) ts: String,
    pub(crate) ts_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) client_order_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) subaccount: Option<u8>,
}

/// A public trade.
#[derive(Debug, Serialize)]
pub(crate) struct Trade {
    pub(crate) trade_id: String,
    pub(crate) market_ticker: String,
    pub(crate) yes_price_dollars: String,
    pub(crate) no_price_dollars: String,
    pub(crate) count_fp: String,
    pub(crate) taker_side: &'static str,
    pub(crate) taker_outcome_side: &'static str,
    pub(crate) taker_book_side: &'static str,
    pub(crate) is_block_trade: bool,
    pub(crate) ts: u64,
    pub(crate) ts_ms: u64,
}

/// A market's public numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct TickerBody {
    pub(crate) market_id: String,
    pub(crate) market_ticker: String,
    pub(crate) price_dollars: String,
    pub(crate) yes_bid_dollars: String,
    pub(crate) yes_ask_dollars: String,
    pub(crate) volume_fp: String,
    pub(crate) open_interest_fp: String,
    pub(crate) dollar_volume: i64,
    pub(crate) dollar_open_interest: u64,
    pub(crate) yes_bid_size_fp: String,
    pub(crate) yes_ask_size_fp: String,
    pub(crate) last_trade_size_fp: String,
}

/// The same with the time it was sent for.
#[derive(Debug, Serialize)]
pub(crate) struct Ticker<'a> {
    #[serde(flatten)]
    pub(crate) body: &'a TickerBody,
    pub(crate) ts: u64,
    pub(crate) ts_ms: u64,
    pub(crate) time: String,
}

/// One of the account's orders traded.
#[derive(Debug, Serialize)]
pub(crate) struct Fill {
    pub(crate) trade_id: String,
    pub(crate) order_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) client_order_id: Option<String>,
    pub(crate) market_ticker: String,
    pub(crate) exchange_index: u8,
    pub(crate) is_taker: bool,
    pub(crate) side: &'static str,
    pub(crate) yes_price_dollars: String,
    pub(crate) count_fp: String,
    pub(crate) fee_cost: String,
    pub(crate) action: &'static str,
    pub(crate) ts: u64,
    pub(crate) ts_ms: u64,
    pub(crate) post_position_fp: String,
    pub(crate) purchased_side: &'static str,
    pub(crate) outcome_side: &'static str,
    pub(crate) book_side: &'static str,
    pub(crate) subaccount: u8,
}

/// One of the account's orders changed.
#[derive(Debug, Serialize)]
pub(crate) struct UserOrder {
    pub(crate) order_id: String,
    pub(crate) user_id: String,
    pub(crate) ticker: String,
    pub(crate) exchange_index: u8,
    pub(crate) status: &'static str,
    pub(crate) side: &'static str,
    pub(crate) is_yes: bool,
    pub(crate) outcome_side: &'static str,
    pub(crate) book_side: &'static str,
    pub(crate) yes_price_dollars: String,
    pub(crate) fill_count_fp: String,
    pub(crate) remaining_count_fp: String,
    pub(crate) initial_count_fp: String,
    pub(crate) taker_fill_cost_dollars: String,
    pub(crate) maker_fill_cost_dollars: String,
    pub(crate) taker_fees_dollars: String,
    pub(crate) maker_fees_dollars: String,
    pub(crate) client_order_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) order_group_id: Option<String>,
    pub(crate) self_trade_prevention_type: &'static str,
    pub(crate) created_time: String,
    pub(crate) created_ts_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expiration_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expiration_ts_ms: Option<u64>,
    pub(crate) last_update_time: String,
    pub(crate) last_updated_ts_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_update_reason: Option<&'static str>,
    pub(crate) subaccount_number: u8,
}

/// The account's position in one market changed.
#[derive(Debug, Serialize)]
pub(crate) struct MarketPosition {
    pub(crate) user_id: String,
    pub(crate) market_ticker: String,
    pub(crate) position_fp: String,
    pub(crate) position_cost_dollars: String,
    pub(crate) realized_pnl_dollars: String,
    pub(crate) fees_paid_dollars: String,
    pub(crate) position_fee_cost_dollars: String,
    pub(crate) volume_fp: String,
    pub(crate) subaccount: u8,
}

/// Something was done to a market; the fields that go with it.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Lifecycle {
    pub(crate) market_ticker: String,
    pub(crate) event_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) exchange_index: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) open_ts: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) close_ts: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) determination_ts: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) settled_ts: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) result: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) settlement_value: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) is_deactivated: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) price_level_structure: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) price_ranges: Option<Vec<Band>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) additional_metadata: Option<Metadata>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) yes_sub_title: Option<String>,
}

/// What a new market is about.
#[derive(Debug, Serialize)]
pub(crate) struct Metadata {
    pub(crate) name: String,
    pub(crate) title: String,
    pub(crate) yes_sub_title: String,
    pub(crate) no_sub_title: String,
    pub(crate) rules_primary: String,
    pub(crate) rules_secondary: String,
    pub(crate) can_close_early: bool,
    pub(crate) event_ticker: String,
    pub(crate) expected_expiration_ts: u64,
}

/// There is a new event.
#[derive(Debug, Serialize)]
pub(crate) struct EventCreated {
    pub(crate) event_ticker: String,
    pub(crate) exchange_index: u8,
    pub(crate) title: String,
    pub(crate) subtitle: String,
    pub(crate) collateral_return_type: &'static str,
    pub(crate) series_ticker: String,
}

/// An event's fees are others, or its series' again.
#[derive(Debug, Serialize)]
pub(crate) struct EventFees {
    pub(crate) event_ticker: String,
    pub(crate) fee_type_override: Option<&'static str>,
    pub(crate) fee_multiplier_override: Option<serde_json::Value>,
}

/// Valid prices between two bounds.
#[derive(Debug, Serialize)]
pub(crate) struct Band {
    pub(crate) start: String,
    pub(crate) end: String,
    pub(crate) step: String,
}

/// Something happened to one of the account's order groups.
#[derive(Debug, Serialize)]
pub(crate) struct GroupUpdate {
    pub(crate) event_type: &'static str,
    pub(crate) order_group_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) contracts_limit_fp: Option<String>,
    pub(crate) ts_ms: u64,
}
