//! The public trades, newest first, as far back as [`TAPE_MAX`].
//!
//! In: what happened at the exchange. Out: pages of it in the recorded shape.

use std::collections::VecDeque;

use serde_json::{Value, json};

use crate::sim::api::failure::ApiError;
use crate::sim::api::portfolio::outcome;
use crate::sim::api::query::Query;
use crate::sim::api::writes::json_response;
use crate::sim::exchange::{Exchange, ExchangeEvent, TradePrint};
use crate::sim::text::{no_price, rfc3339, uuid_text};
use crate::sim::venue::ApiResponse;

/// Trades kept for reading: hours of a busy market, in a few megabytes.
const TAPE_MAX: usize = 1 << 16;

/// The tape.
#[derive(Debug, Default)]
pub(super) struct Tape {
    prints: VecDeque<(u64, TradePrint)>,
    printed: u64,
}

impl Tape {
    /// Keeps the trades among `events`.
    pub(super) fn record(&mut self, events: &[ExchangeEvent]) {
        for event in events {
            if let ExchangeEvent::Trade(print) = event {
                if self.prints.len() == TAPE_MAX {
                    self.prints.pop_front();
                }
                self.printed += 1;
                self.prints.push_back((self.printed, *print));
            }
        }
    }

    /// `GET /markets/trades`. Block trades do not exist here.
    pub(super) fn page(&self, exchange: &Exchange, query: &Query) -> Result<ApiResponse, ApiError> {
        let span = query.span("min_ts", "max_ts")?;
        let blocks_only = query.flag("is_block_trade")?;
        let matching = self.prints.iter().rev().filter(|(_, print)| {
            let ticker = exchange.markets()[print.market].ticker;
            !blocks_only && span.contains(print.time) && query.admits("ticker", ticker.as_str())
        });
        let page = query.page(matching, |(number, _)| *number)?;
        let trades: Vec<Value> =
            page.items.iter().map(|(_, print)| trade_json(exchange, print)).collect();
        Ok(json_response(200, &json!({ "cursor": page.cursor, "trades": trades })))
    }
}

fn trade_json(exchange: &Exchange, print: &TradePrint) -> Value {
    let side = outcome(print.taker_side);
    json!({
        "count_fp": print.quantity.to_string(),
        "created_time": rfc3339(print.time),
        "is_block_trade": false,
        "no_price_dollars": no_price(print.price),
        "taker_book_side": print.taker_side.as_str(),
        "taker_outcome_side": side,
        "taker_side": side,
        "ticker": exchange.markets()[print.market].ticker.as_str(),
        "trade_id": uuid_text(print.trade_id),
        "yes_price_dollars": print.price.to_string(),
    })
}
