//! What happened at the exchange, as messages for one subscription.

use crate::ids::InlineText;
use crate::kalshi::fees::Liquidity;
use crate::kalshi::market::PriceRange;
use crate::message::BookSide;
use crate::sim::api::{event_of, levels, multiplier, outcome, series_of};
use crate::sim::exchange::{
    BookChange, Exchange, FeeOverride, FillRecord, GroupChange, LifecycleChange, MarketState,
    Order, PriceStructure, TradePrint,
};
use crate::sim::stream::message::{
    Band, Delta, EventCreated, EventFees, Fill, GroupUpdate, Lifecycle, MarketPosition, Metadata,
    Snapshot, TickerBody, Trade, UserOrder,
};
use crate::sim::text::{count, dollars, no_price, rfc3339, signed_count, uuid_text};
use crate::sim::venue::UserId;
use crate::units::{Money, Nanos, Price, WallTime};

/// A market's whole book.
pub(crate) fn snapshot(market: &MarketState, use_yes_price: bool) -> Snapshot {
    let no_leg = |price: Price| if use_yes_price { price } else { price.complement() };
    Snapshot {
        market_ticker: market.ticker.as_str().to_owned(),
        market_id: uuid_text(market.id),
        clock: market.clock,
        yes_dollars_fp: levels(market, BookSide::Bid, usize::MAX, |price| price),
        no_dollars_fp: levels(market, BookSide::Ask, usize::MAX, no_leg),
    }
}

/// One changed level, as `reader` sees it: only who caused it sees the client order id.
pub(crate) fn delta(
    exchange: &Exchange,
    change: &BookChange,
    reader: UserId,
    use_yes_price: bool,
) -> Delta {
    let market = &exchange.markets()[change.market];
    let in_no_price = change.side == BookSide::Ask && !use_yes_price;
    let price = if in_no_price { change.price.complement() } else { change.price };
    let own = change.user == reader;
    Delta {
        market_ticker: market.ticker.as_str().to_owned(),
        market_id: uuid_text(market.id),
        clock: change.clock,
        price_dollars: price.to_string(),
        delta_fp: signed_count(change.delta_centis),
        side: outcome(change.side),
        ts: rfc3339(change.time),
        ts_ms: change.time.unix_ms(),
        client_order_id: if own { named(&change.client_order_id) } else { None },
        subaccount: own.then_some(change.subaccount),
    }
}

fn named<const N: usize>(text: &InlineText<N>) -> Option<String> {
    (!text.is_empty()).then(|| text.as_str().to_owned())
}

/// A public trade.
pub(crate) fn trade(exchange: &Exchange, print: &TradePrint) -> Trade {
    let side = outcome(print.taker_side);
    Trade {
        trade_id: uuid_text(print.trade_id),
        market_ticker: exchange.markets()[print.market].ticker.as_str().to_owned(),
        yes_price_dollars: print.price.to_string(),
        no_price_dollars: no_price(print.price),
        count_fp: print.quantity.to_string(),
        taker_side: side,
        taker_outcome_side: side,
        taker_book_side: print.taker_side.as_str(),
        is_block_trade: false,
        ts: print.time.unix_secs(),
        ts_ms: print.time.unix_ms(),
    }
}

/// An account's fill.
pub(crate) fn fill(exchange: &Exchange, record: &FillRecord) -> Fill {
    let market = &exchange.markets()[record.market];
    let side = outcome(record.side);
    Fill {
        trade_id: uuid_text(record.trade_id),
        order_id: uuid_text(record.order_id),
        client_order_id: named(&record.client_order_id),
        market_ticker: market.ticker.as_str().to_owned(),
        exchange_index: market.exchange_index,
        is_taker: record.liquidity == Liquidity::Taker,
        side,
        yes_price_dollars: record.price.to_string(),
        count_fp: record.quantity.to_string(),
        fee_cost: dollars(record.fee),
        action: "buy",
        ts: record.time.unix_secs(),
        ts_ms: record.time.unix_ms(),
        post_position_fp: record.position.to_string(),
        purchased_side: side,
        outcome_side: side,
        book_side: record.side.as_str(),
        subaccount: record.subaccount,
    }
}

/// An account's order.
pub(crate) fn user_order(exchange: &Exchange, order: &Order) -> UserOrder {
    let market = &exchange.markets()[order.market];
    let side = outcome(order.side);
    UserOrder {
        order_id: uuid_text(order.id),
        user_id: exchange.member(order.user).user_id.clone(),
        ticker: market.ticker.as_str().to_owned(),
        exchange_index: market.exchange_index,
        status: order.status.as_str(),
        side,
        is_yes: order.side == BookSide::Bid,
        outcome_side: side,
        book_side: order.side.as_str(),
        yes_price_dollars: order.price.to_string(),
        fill_count_fp: order.filled.to_string(),
        remaining_count_fp: order.remaining.to_string(),
        initial_count_fp: order.initial.to_string(),
        taker_fill_cost_dollars: dollars(order.taker_cost),
        maker_fill_cost_dollars: dollars(order.maker_cost),
        taker_fees_dollars: dollars(order.taker_fees),
        maker_fees_dollars: dollars(order.maker_fees),
        client_order_id: order.client_order_id.as_str().to_owned(),
        order_group_id: exchange.group_id(order).map(uuid_text),
        self_trade_prevention_type: order.terms.self_trade_prevention.as_str(),
        created_time: rfc3339(order.created),
        created_ts_ms: order.created.unix_ms(),
        expiration_time: order.terms.expires.map(rfc3339),
        expiration_ts_ms: order.terms.expires.map(|time| time.unix_ms()),
        last_update_time: rfc3339(order.updated),
        last_updated_ts_ms: order.updated.unix_ms(),
        last_update_reason: order.reason.as_str(),
        subaccount_number: order.subaccount,
    }
}

/// One of a member's accounts' position in one market.
pub(crate) fn position(
    exchange: &Exchange,
    user: UserId,
    subaccount: u8,
    market: usize,
) -> MarketPosition {
    let member = exchange.member(user);
    let holding = &member.accounts[usize::from(subaccount)].holdings[market];
    MarketPosition {
        user_id: member.user_id.clone(),
        market_ticker: exchange.markets()[market].ticker.as_str().to_owned(),
        position_fp: holding.position.to_string(),
        position_cost_dollars: dollars(holding.cost),
        realized_pnl_dollars: dollars(holding.realized),
        fees_paid_dollars: dollars(holding.fees),
        position_fee_cost_dollars: dollars(holding.open_fees),
        volume_fp: count(holding.volume_centis),
        subaccount,
    }
}

/// What was done to a market.
pub(crate) fn lifecycle(
    exchange: &Exchange,
    market: usize,
    change: LifecycleChange,
    time: WallTime,
) -> Lifecycle {
    let market = &exchange.markets()[market];
    let plain = |event_type| Lifecycle {
        market_ticker: market.ticker.as_str().to_owned(),
        event_type,
        exchange_index: Some(market.exchange_index),
        ..Lifecycle::default()
    };
    match change {
        LifecycleChange::Created => Lifecycle {
            open_ts: Some(time.unix_secs()),
            close_ts: Some(closes(market, time)),
            price_level_structure: Some(stream_label(market.structure)),
            price_ranges: Some(bands(market.structure)),
            additional_metadata: Some(metadata(market, time)),
            ..plain("created")
        },
        // Nothing but what has changed.
        LifecycleChange::Retitled => Lifecycle {
            exchange_index: None,
            yes_sub_title: Some(market.yes_sub_title.as_str().to_owned()),
            ..plain("metadata_updated")
        },
        LifecycleChange::Activated => {
            Lifecycle { is_deactivated: Some(false), ..plain("activated") }
        }
        LifecycleChange::Deactivated => {
            Lifecycle { is_deactivated: Some(true), ..plain("deactivated") }
        }
        LifecycleChange::CloseDateUpdated(closes) => {
            Lifecycle { close_ts: Some(closes.unix_secs()), ..plain("close_date_updated") }
        }
        LifecycleChange::Determined(outcome) => {
            let value = Money::from_micros(i64::from(outcome.yes_micros()));
            Lifecycle {
                determination_ts: Some(time.unix_secs()),
                result: Some(outcome.as_str()),
                settlement_value: Some(value.dollars_display(4)),
                ..plain("determined")
            }
        }
        LifecycleChange::Settled => {
            Lifecycle { settled_ts: Some(time.unix_secs()), ..plain("settled") }
        }
        LifecycleChange::Restructured(structure) => Lifecycle {
            price_level_structure: Some(stream_label(structure)),
            price_ranges: Some(bands(structure)),
            ..plain("price_level_structure_updated")
        },
    }
}

/// When a market closes; one without such a time closes a year after it was listed.
fn closes(market: &MarketState, listed: WallTime) -> u64 {
    let year = Nanos::from_secs(365 * 24 * 3_600);
    market.closes.unwrap_or(listed + year).unix_secs()
}

fn metadata(market: &MarketState, listed: WallTime) -> Metadata {
    let ticker = market.ticker.as_str();
    Metadata {
        name: ticker.to_owned(),
        title: ticker.to_owned(),
        yes_sub_title: market.yes_sub_title.as_str().to_owned(),
        no_sub_title: String::new(),
        rules_primary: String::new(),
        rules_secondary: String::new(),
        can_close_early: true,
        event_ticker: event_of(&market.ticker).to_owned(),
        expected_expiration_ts: closes(market, listed),
    }
}

/// A new event.
pub(crate) fn event_created(exchange: &Exchange, market: usize) -> EventCreated {
    let market = &exchange.markets()[market];
    EventCreated {
        event_ticker: event_of(&market.ticker).to_owned(),
        exchange_index: market.exchange_index,
        title: event_of(&market.ticker).to_owned(),
        subtitle: String::new(),
        collateral_return_type: "",
        series_ticker: series_of(market).to_owned(),
    }
}

/// An event's fees.
pub(crate) fn event_fees(
    exchange: &Exchange,
    market: usize,
    fees: Option<FeeOverride>,
) -> EventFees {
    EventFees {
        event_ticker: event_of(&exchange.markets()[market].ticker).to_owned(),
        fee_type_override: fees.map(|fees| fees.fee_type.as_str()),
        fee_multiplier_override: fees.map(|fees| multiplier(fees.multiplier_ppm)),
    }
}

/// The stream ends each label with the unit; two of them end with it anyway.
fn stream_label(structure: PriceStructure) -> String {
    let label = structure.as_str();
    if label.ends_with("_cent") { label.to_owned() } else { format!("{label}_cent") }
}

fn bands(structure: PriceStructure) -> Vec<Band> {
    let bound = |micros: u32| Money::from_micros(i64::from(micros)).dollars_display(4);
    let band = |range: &PriceRange| Band {
        start: bound(range.start_micros),
        end: bound(range.end_micros),
        step: bound(range.step_micros),
    };
    structure.grid().ranges().iter().map(band).collect()
}

/// What happened to an order group.
pub(crate) fn group_update(id: u128, change: GroupChange, time: WallTime) -> GroupUpdate {
    GroupUpdate {
        event_type: change.as_str(),
        order_group_id: uuid_text(id),
        contracts_limit_fp: change.limit().map(|limit| limit.to_string()),
        ts_ms: time.unix_ms(),
    }
}

/// A market's public numbers.
pub(crate) fn ticker(market: &MarketState) -> TickerBody {
    let (bid, ask) = (market.best(BookSide::Bid), market.best(BookSide::Ask));
    let (last, last_size) = market.last_trade.unzip();
    let or_zero = |price: Option<Price>| price.map_or_else(|| "0.0000".into(), |it| it.to_string());
    let ask_price = ask.map_or_else(|| "1.0000".into(), |level| level.price.to_string());
    TickerBody {
        market_id: uuid_text(market.id),
        market_ticker: market.ticker.as_str().to_owned(),
        price_dollars: or_zero(last),
        yes_bid_dollars: or_zero(bid.map(|level| level.price)),
        yes_ask_dollars: ask_price,
        volume_fp: count(market.volume_centis),
        open_interest_fp: count(market.open_interest_centis),
        dollar_volume: market.traded.e8() / Money::E8_PER_DOLLAR,
        dollar_open_interest: market.open_interest_centis / 100,
        yes_bid_size_fp: count(bid.map_or(0, |level| level.centis)),
        yes_ask_size_fp: count(ask.map_or(0, |level| level.centis)),
        last_trade_size_fp: last_size.unwrap_or_default().to_string(),
    }
}
