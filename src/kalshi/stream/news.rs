//! News of markets, positions and order groups: seldom, and so read by the general parser alone.
//!
//! In: a message's text. Out: what it means, or an error that names the field. A kind of news this
//! version does not know, or that changes nothing for trading, is `Other`.

use serde::Deserialize;

use super::{Carrying, StreamMessage, Undecodable, read};
use crate::ids::InlineText;
use crate::kalshi::portfolio::{RangeRow, grid_of};
use crate::kalshi::report::{FieldError, Scalar, is_foreign, need};
use crate::message::{GroupChange, GroupNews, HeldThere, MarketChange, MarketNews};
use crate::units::{Money, Position, WallTime};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct LifecycleRow {
    market_ticker: Scalar,
    event_type: Scalar,
    open_ts: Scalar,
    close_ts: Scalar,
    price_ranges: Option<Vec<RangeRow>>,
}

/// `market_lifecycle_v2`.
pub(super) fn lifecycle(text: &str) -> Result<StreamMessage, Undecodable> {
    let Carrying { msg } = read::<Carrying<LifecycleRow>>(text)?;
    if is_foreign(msg.market_ticker.bytes()) {
        return Ok(StreamMessage::Other);
    }
    let change = match msg.event_type.bytes() {
        // Without a time it may be open already.
        Some(b"created") => MarketChange::Created(seconds(&msg.open_ts).unwrap_or_default()),
        Some(b"activated") => MarketChange::Activated,
        Some(b"deactivated") => MarketChange::Deactivated,
        Some(b"close_date_updated") => {
            MarketChange::Closes(need("close_ts", seconds(&msg.close_ts))?)
        }
        Some(b"determined") => MarketChange::Determined,
        Some(b"settled") => MarketChange::Settled,
        Some(b"price_level_structure_updated") => {
            // Prices that cannot be expressed cannot be traded.
            match msg.price_ranges.as_deref().and_then(grid_of) {
                Some(grid) => MarketChange::Prices(grid),
                None => MarketChange::Deactivated,
            }
        }
        _ => return Ok(StreamMessage::Other),
    };
    let ticker = need("market_ticker", msg.market_ticker.bytes().and_then(InlineText::new))?;
    Ok(StreamMessage::Market(MarketNews { ticker, change }))
}

fn seconds(field: &Scalar) -> Option<WallTime> {
    let ns = field.unsigned()?.checked_mul(1_000_000_000)?;
    Some(WallTime::from_unix_ns(ns))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct PositionRow {
    market_ticker: Scalar,
    position_fp: Scalar,
    position_cost_dollars: Scalar,
    subaccount: Scalar,
}

/// `market_position`.
pub(super) fn position(text: &str) -> Result<StreamMessage, Undecodable> {
    let Carrying { msg } = read::<Carrying<PositionRow>>(text)?;
    // The engine trades on the primary account; what others hold is none of its books.
    let is_primary = msg.subaccount.unsigned().is_none_or(|number| number == 0);
    if is_foreign(msg.market_ticker.bytes()) || !is_primary {
        return Ok(StreamMessage::Other);
    }
    let position = msg.position_fp.bytes().and_then(Position::parse_fp);
    let cost = msg.position_cost_dollars.bytes().and_then(Money::parse_dollars);
    Ok(StreamMessage::Position(HeldThere {
        ticker: need("market_ticker", msg.market_ticker.bytes().and_then(InlineText::new))?,
        position: need("position_fp", position)?,
        cost: need("position_cost_dollars", cost)?,
    }))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct GroupRow {
    event_type: Scalar,
    order_group_id: Scalar,
}

/// `order_group_updates`.
pub(super) fn group(text: &str) -> Result<StreamMessage, Undecodable> {
    let Carrying { msg } = read::<Carrying<GroupRow>>(text)?;
    let change = match msg.event_type.bytes() {
        Some(b"triggered") => GroupChange::Triggered,
        Some(b"reset") => GroupChange::Reset,
        Some(b"deleted") => GroupChange::Deleted,
        Some(_) => return Ok(StreamMessage::Other),
        None => return Err(FieldError { field: "event_type" }.into()),
    };
    let id = msg.order_group_id.bytes().and_then(InlineText::new);
    Ok(StreamMessage::Group(GroupNews { id: need("order_group_id", id)?, change }))
}

#[cfg(test)]
mod tests {
    use super::super::{Decoder, StreamMessage, Undecodable};
    use super::*;
    use crate::ids::Ticker;
    use crate::units::Timestamp;

    fn decode(text: &str) -> Result<StreamMessage, Undecodable> {
        Decoder::new().decode(text, Timestamp::ZERO)
    }

    fn lifecycle(fields: &str) -> Result<StreamMessage, Undecodable> {
        decode(&format!(
            r#"{{"type":"market_lifecycle_v2","sid":13,"seq":3,"msg":{{"market_ticker":"KXA-1-B",{fields}}}}}"#
        ))
    }

    #[track_caller]
    fn means(fields: &str, expected: MarketChange) {
        let ticker = Ticker::new(b"KXA-1-B").unwrap();
        let news = MarketNews { ticker, change: expected };
        assert_eq!(lifecycle(fields), Ok(StreamMessage::Market(news)), "{fields}");
    }

    #[test]
    fn what_becomes_of_a_market_is_understood() {
        means(r#""event_type":"activated","is_deactivated":false"#, MarketChange::Activated);
        means(r#""event_type":"deactivated""#, MarketChange::Deactivated);
        let closes = WallTime::from_unix_ns(1_783_003_600_000_000_000);
        means(
            r#""event_type":"close_date_updated","close_ts":1783003600"#,
            MarketChange::Closes(closes),
        );
        means(r#""event_type":"determined","result":"yes""#, MarketChange::Determined);
        means(r#""event_type":"settled""#, MarketChange::Settled);
        let ranges = r#""price_ranges":[{"start":"0.0000","end":"1.0000","step":"0.0100"}]"#;
        let cents = crate::kalshi::market::TickGrid::linear_cent();
        means(
            &format!(r#""event_type":"price_level_structure_updated",{ranges}"#),
            MarketChange::Prices(cents),
        );
        means(r#""event_type":"price_level_structure_updated""#, MarketChange::Deactivated);
        means(r#""event_type":"created","open_ts":1783003600"#, MarketChange::Created(closes));
        means(r#""event_type":"created""#, MarketChange::Created(WallTime::default()));
        assert_eq!(lifecycle(r#""event_type":"metadata_updated""#), Ok(StreamMessage::Other));
        let garbled = Ok(StreamMessage::Garbled);
        assert_eq!(lifecycle(r#""event_type":"close_date_updated""#), garbled);
    }

    #[test]
    fn positions_of_the_primary_account_are_told() {
        let text = |subaccount: u32| {
            format!(
                r#"{{"type":"market_position","sid":14,"msg":{{"market_ticker":"KXA-1-B",
                "position_fp":"-3.00","position_cost_dollars":"1.2000","subaccount":{subaccount}}}}}"#
            )
        };
        let held = HeldThere {
            ticker: Ticker::new(b"KXA-1-B").unwrap(),
            position: Position::from_centis(-300),
            cost: Money::from_cents(120),
        };
        assert_eq!(decode(&text(0)), Ok(StreamMessage::Position(held)));
        assert_eq!(decode(&text(3)), Ok(StreamMessage::Other));
    }

    #[test]
    fn a_group_is_triggered_and_reset() {
        let told = |kind: &str| {
            decode(&format!(
                r#"{{"type":"order_group_updates","sid":21,"seq":7,"msg":{{"event_type":"{kind}",
                "order_group_id":"og-1","ts_ms":1}}}}"#
            ))
        };
        let id = InlineText::new(b"og-1").unwrap();
        let news = |change| Ok(StreamMessage::Group(GroupNews { id, change }));
        assert_eq!(told("triggered"), news(GroupChange::Triggered));
        assert_eq!(told("reset"), news(GroupChange::Reset));
        assert_eq!(told("deleted"), news(GroupChange::Deleted));
        assert_eq!(told("limit_updated"), Ok(StreamMessage::Other));
    }
}
