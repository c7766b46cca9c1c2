//! What must be true at the exchange at every moment, worked out anew from its own books: resting
//! orders, positions, cash, volume, in whatever order the engine came to know of them.

use std::collections::BTreeMap;

use kalshi_exec::message::BookSide;
use kalshi_exec::oms::config::OmsConfig;
use kalshi_exec::units::Money;

use super::books::{CASH, COUNT, MARKETS, SHARDS};
use super::exchange::{Exchange, Order};
use super::judge::Judge;

/// Highest value of what a bound is a share of, and sums over a day.
#[derive(Debug, Default)]
pub(crate) struct Truth {
    bankroll_max: i64,
}

/// The most that filling the rest of an order takes, without fee.
fn value(order: &Order) -> i64 {
    (order.terms.side.own_price(order.terms.price) * order.resting).e8()
}

fn resting(exchange: &Exchange) -> impl Iterator<Item = &Order> {
    exchange.orders.iter().filter(|order| !order.resting.is_zero())
}

fn in_market(exchange: &Exchange, market: usize) -> impl Iterator<Item = &Order> {
    resting(exchange).filter(move |order| usize::from(order.terms.market.0) == market)
}

impl Truth {
    pub(crate) fn check(&mut self, exchange: &Exchange, config: &OmsConfig) {
        let limits = &config.limits;
        let count = resting(exchange).count();
        assert!(count <= limits.open_orders_max as usize, "{count} rest");
        let value = resting(exchange).map(value).sum::<i64>();
        assert!(value <= limits.resting_value_max.e8(), "{value} rests");
        for shard in 0..SHARDS {
            let cash = exchange.books.cash[shard];
            assert!(cash >= limits.balance_min, "{cash:?} left on {shard}");
        }
        self.check_positions(exchange, config);
        check_crosses(exchange);
    }

    fn check_positions(&mut self, exchange: &Exchange, config: &OmsConfig) {
        let limits = &config.limits;
        let mut events: BTreeMap<&str, u64> = BTreeMap::new();
        let mut sports: BTreeMap<&str, i64> = BTreeMap::new();
        for (market, row) in MARKETS.iter().enumerate() {
            let count = in_market(exchange, market).count();
            assert!(count <= limits.open_orders_per_market_max as usize, "{count} in {market}");
            let held = &exchange.books.held[market];
            let alive = |side| {
                let orders = in_market(exchange, market).filter(|it| it.terms.side == side);
                orders.map(|order| i64::from(order.resting.centis())).sum::<i64>()
            };
            let up = held.centis + alive(BookSide::Bid);
            let down = held.centis - alive(BookSide::Ask);
            let worst = up.unsigned_abs().max(down.unsigned_abs());
            *events.entry(row.event).or_default() += worst;
            // What can do nothing but leave a position may always be sent.
            let closes = |side| match side {
                BookSide::Bid => alive(side) <= -held.centis,
                BookSide::Ask => alive(side) <= held.centis,
            };
            let opening = in_market(exchange, market).filter(|it| !closes(it.terms.side));
            let reserved = opening.map(value).sum::<i64>();
            *sports.entry(row.sport).or_default() += held.cost + reserved;
        }
        let bound = u64::from(limits.position_per_event_max.centis());
        assert!(events.values().all(|worst| *worst <= bound), "{events:?}, allowed {bound}");
        let bankroll = exchange.books.total().e8() + exchange.books.invested();
        self.bankroll_max = self.bankroll_max.max(bankroll);
        let bound = self.bankroll_max / 10_000 * i64::from(limits.sport_exposure_max_bp);
        assert!(sports.values().all(|worst| *worst <= bound), "{sports:?}, allowed {bound}");
    }
}

/// No two resting orders of ours could trade with each other.
fn check_crosses(exchange: &Exchange) {
    for market in 0..COUNT {
        let best = |side, pick: fn(u32, u32) -> u32| {
            let own = in_market(exchange, market).filter(|order| order.terms.side == side);
            own.map(|order| order.terms.price.micros()).reduce(pick)
        };
        let (bid, ask) = (best(BookSide::Bid, u32::max), best(BookSide::Ask, u32::min));
        let crossed = bid.zip(ask).is_some_and(|(bid, ask)| bid >= ask);
        assert!(!crossed, "our orders cross in {market}: {bid:?} {ask:?}");
    }
}

/// What the day has lost in truth, when open positions count: never more than the bound, but for
/// the fees of leaving positions, which must stay possible.
pub(crate) fn check_loss(exchange: &Exchange, judge: &Judge) {
    let began = CASH.iter().fold(Money::ZERO, |sum, cash| sum + *cash);
    let worst = began - exchange.books.total();
    let bound = judge.config.limits.daily_loss_max + judge.selling_fees();
    assert!(worst <= bound, "{worst:?} lost at worst");
}
