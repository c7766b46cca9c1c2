//! What an account has: positions, balance, settlements.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::message::BookSide;
use crate::sim::api::failure::ApiError;
use crate::sim::api::portfolio::{Reader, event_of};
use crate::sim::api::query::Query;
use crate::sim::api::writes::json_response;
use crate::sim::exchange::{Holding, MarketStatus, Settlement, Wallet};
use crate::sim::text::{count, dollars, rfc3339};
use crate::sim::venue::ApiResponse;
use crate::units::{Money, Position, WallTime};

/// One market's line in an account's books.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) position: Position,
    pub(super) cost: Money,
    pub(super) realized: Money,
    pub(super) fees: Money,
    pub(super) traded: Money,
    pub(super) volume_centis: u64,
    pub(super) updated: WallTime,
}

impl From<&Holding> for Line {
    fn from(holding: &Holding) -> Self {
        Self {
            position: holding.position,
            cost: holding.cost,
            realized: holding.realized,
            fees: holding.fees,
            traded: holding.traded,
            volume_centis: holding.volume_centis,
            updated: holding.updated,
        }
    }
}

impl Line {
    fn add(self, other: &Self) -> Self {
        Self {
            cost: self.cost + other.cost,
            realized: self.realized + other.realized,
            fees: self.fees + other.fees,
            traded: self.traded + other.traded,
            volume_centis: self.volume_centis + other.volume_centis,
            ..self
        }
    }
}

/// What `count_filter` and `settlement_status` admit.
struct Wanted<'a> {
    counts: Vec<&'a str>,
    settlement: &'a str,
}

impl<'a> Wanted<'a> {
    fn read(query: &'a Query) -> Result<Self, ApiError> {
        let statuses = ["unsettled", "settled", "all"];
        let settlement = query.one_of("settlement_status", &statuses)?.unwrap_or("unsettled");
        let counts: Vec<&str> = query.text("count_filter").into_iter().flat_map(split).collect();
        if counts.iter().any(|name| !["position", "total_traded"].contains(name)) {
            return Err(query.invalid("count_filter", "oneof"));
        }
        Ok(Self { counts, settlement })
    }

    fn admits(&self, line: &Line, status: MarketStatus) -> bool {
        let counted = self.counts.iter().all(|name| match *name {
            "position" => line.position != Position::FLAT,
            _ => line.traded != Money::ZERO,
        });
        let settled = status == MarketStatus::Finalized;
        counted
            && match self.settlement {
                "unsettled" => !settled,
                "settled" => settled,
                _ => true,
            }
    }
}

fn split(list: &str) -> impl Iterator<Item = &str> {
    list.split(',')
}

impl Reader<'_> {
    /// The books of one of the member's accounts, by market; empty when there is no such account.
    fn lines(&self, subaccount: u32) -> Vec<Line> {
        let Ok(number) = u8::try_from(subaccount) else { return Vec::new() };
        let account = self.exchange.member(self.user).accounts.get(usize::from(number));
        let holdings = account.into_iter().flat_map(|account| &account.holdings).enumerate();
        let whose = (self.user, number);
        holdings.map(|(market, it)| self.past.line(whose, market, Line::from(it))).collect()
    }

    /// `GET /portfolio/positions`: markets in which the account ever traded.
    pub(crate) fn positions(&self, query: &Query) -> Result<ApiResponse, ApiError> {
        let (selected, wanted) = (self.selection(query)?, Wanted::read(query)?);
        let lines = self.lines(query.natural("subaccount")?.unwrap_or(0));
        // Descending, as paging wants it.
        let matching = (0..lines.len()).rev().filter(|market| {
            let line = &lines[*market];
            selected[*market]
                && line.volume_centis > 0
                && wanted.admits(line, self.market(*market).status)
        });
        let page = query.page(matching, |market| *market as u64)?;
        let markets: Vec<Value> =
            page.items.iter().map(|market| self.position_json(*market, &lines[*market])).collect();
        let mut events: BTreeMap<&str, Line> = BTreeMap::new();
        for market in &page.items {
            let sum = events.entry(event_of(&self.market(*market).ticker)).or_default();
            *sum = sum.add(&lines[*market]);
        }
        let events: Vec<Value> = events.iter().map(|(event, sum)| event_json(event, sum)).collect();
        let body = json!({
            "cursor": page.cursor,
            "event_positions": events,
            "market_positions": markets,
        });
        Ok(json_response(200, &body))
    }

    fn position_json(&self, market: usize, line: &Line) -> Value {
        let state = self.market(market);
        json!({
            "exchange_index": state.exchange_index,
            "fees_paid_dollars": dollars(line.fees),
            "last_updated_ts": rfc3339(line.updated),
            "market_exposure_dollars": dollars(line.cost),
            "position_fp": line.position.to_string(),
            "realized_pnl_dollars": dollars(line.realized),
            "ticker": state.ticker.as_str(),
            "total_traded_dollars": dollars(line.traded),
        })
    }

    /// `GET /portfolio/balance`: of one account, on one shard or on all.
    pub(crate) fn balance(&self, query: &Query) -> Result<ApiResponse, ApiError> {
        let subaccount = query.natural("subaccount")?.unwrap_or(0);
        let index = query.integer("exchange_index")?.filter(|index| *index >= 0);
        let shards = (0..self.exchange.shard_count())
            .filter(|shard| index.is_none_or(|index| index == i64::from(*shard)));
        let balances: Vec<(u8, Money)> = shards
            .map(|exchange_index| {
                let wallet = u8::try_from(subaccount)
                    .map(|subaccount| Wallet { subaccount, exchange_index });
                let balance =
                    wallet.map(|wallet| self.past.balance(self.exchange, self.user, wallet));
                (exchange_index, balance.unwrap_or(Money::ZERO))
            })
            .collect();
        let total = balances.iter().fold(Money::ZERO, |sum, (_, balance)| sum + *balance);
        let breakdown: Vec<Value> = balances
            .iter()
            .filter(|(shard, balance)| *shard == 0 || *balance != Money::ZERO)
            .map(|(shard, balance)| {
                json!({ "balance": balance.dollars_display(4), "exchange_index": shard })
            })
            .collect();
        let updated = self.past.updated(self.exchange, self.user);
        let body = json!({
            "balance": total.cents_truncated(),
            "balance_breakdown": breakdown,
            "balance_dollars": total.dollars_display(4),
            "portfolio_value": self.portfolio_value(subaccount, index).cents_truncated(),
            "updated_ts": updated.unix_secs(),
        });
        Ok(json_response(200, &body))
    }

    /// Positions at their markets' last price, or the best bid of their leg before any trade.
    fn portfolio_value(&self, subaccount: u32, index: Option<i64>) -> Money {
        let lines = self.lines(subaccount);
        let held = lines.iter().zip(self.exchange.markets());
        let on_shard = held.filter(|(_, market)| {
            index.is_none_or(|index| index == i64::from(market.exchange_index))
        });
        on_shard.fold(Money::ZERO, |sum, (line, market)| {
            let side = if line.position < Position::FLAT { BookSide::Ask } else { BookSide::Bid };
            let last = market.last_trade.map(|(price, _)| price);
            let mark = last.or_else(|| market.best(side).map(|level| level.price));
            let size = line.position.size();
            sum + mark.map_or(Money::ZERO, |price| side.own_price(price) * size)
        })
    }

    /// `GET /portfolio/settlements`.
    pub(crate) fn settlements(&self, query: &Query) -> Result<ApiResponse, ApiError> {
        let (span, selected) = (query.span("min_ts", "max_ts")?, self.selection(query)?);
        let subaccount = query.natural("subaccount")?;
        let all = self.exchange.settlements(self.user).iter().enumerate().rev();
        let matching = all.filter(|(_, settlement)| {
            selected[settlement.market]
                && self.past.shows(settlement.time)
                && span.contains(settlement.time)
                && subaccount.is_none_or(|it| it == u32::from(settlement.subaccount))
        });
        let page = query.page(matching, |(place, _)| *place as u64)?;
        let list: Vec<Value> =
            page.items.iter().map(|(_, settlement)| self.settlement_json(settlement)).collect();
        Ok(json_response(200, &json!({ "cursor": page.cursor, "settlements": list })))
    }

    fn settlement_json(&self, settlement: &Settlement) -> Value {
        let market = self.market(settlement.market);
        json!({
            "event_ticker": event_of(&market.ticker),
            "exchange_index": market.exchange_index,
            "fee_cost": dollars(settlement.fees),
            "market_result": settlement.outcome.as_str(),
            "no_count_fp": settlement.no.to_string(),
            "no_total_cost_dollars": dollars(settlement.no_cost),
            "revenue": settlement.revenue.cents_truncated(),
            "settled_time": rfc3339(settlement.time),
            "ticker": market.ticker.as_str(),
            "value": settlement.outcome.yes_micros() / 10_000,
            "yes_count_fp": settlement.yes.to_string(),
            "yes_total_cost_dollars": dollars(settlement.yes_cost),
        })
    }
}

fn event_json(event: &str, sum: &Line) -> Value {
    json!({
        "event_exposure_dollars": dollars(sum.cost),
        "event_ticker": event,
        "fees_paid_dollars": dollars(sum.fees),
        "realized_pnl_dollars": dollars(sum.realized),
        "total_cost_dollars": dollars(sum.traded),
        "total_cost_shares_fp": count(sum.volume_centis),
    })
}
