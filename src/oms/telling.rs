//! Answers to people, a page at a time: looked up, never kept, and nothing changes by it.
//!
//! One page looks at a bounded number of markets or slots, whatever there is of them, so that a
//! question costs the next signal some ten microseconds at most.

use super::core::{Core, Phase};
use crate::message::{Question, Topic};
use crate::order::Order;
use crate::recorder::record::Record;
use crate::recorder::told::{OrderTold, PAGE_MAX, PositionTold, StatusTold, Told, Trading};
use crate::risk::Readiness;
use crate::units::{Now, Position};

/// Markets looked at for one page.
const MARKETS_LOOKED_AT_MAX: usize = 512;

/// Slots of the order slab looked at for one page.
const SLOTS_LOOKED_AT_MAX: usize = 512;

impl Core {
    /// Appends the page that `question` asks for. `records` needs room for [`PAGE_MAX`] and one.
    pub fn tell(&self, now: Now, question: &Question, records: &mut Vec<Record>) {
        let next = match question.topic {
            Topic::Status => {
                records.push(Record::Told(Told::Status(self.status())));
                None
            }
            Topic::Positions => self.tell_positions(question.from as usize, records),
            Topic::Orders => self.tell_orders(now, question.from as usize, records),
            Topic::Reconciliation => {
                let told = self.reconciling.told(now.mono);
                records.push(Record::Told(Told::Reconciliation(told)));
                None
            }
        };
        let next = next.and_then(|next| u32::try_from(next).ok());
        records.push(Record::Told(Told::PageEnd { next }));
    }

    fn status(&self) -> StatusTold {
        let trading = match (self.readiness(), self.phase) {
            (Readiness::Halted, _) => Trading::Halted,
            (_, Phase::Draining(_) | Phase::Drained) => Trading::Draining,
            (Readiness::Ready, Phase::Open) => Trading::Open,
            (Readiness::NotReady, Phase::Open) => Trading::NotReady,
        };
        let stopped = self.stopped.iter().filter(|stopped| **stopped).count();
        StatusTold {
            trading,
            halted: self.halt_in_force().copied(),
            breaker: self.guard.breaker().state(),
            consecutive_losses: self.guard.consecutive_losses(),
            connections: self.connections,
            open_orders: self.orders.live(),
            stopped_markets: u32::try_from(stopped).unwrap_or(u32::MAX),
            cash: self.account.cash(),
            reserved: self.exposure.reserved(),
            day_orders: self.day.orders,
            day_volume: self.day.volume,
            day_loss: self.day.loss(),
        }
    }

    /// Returns where the next page begins.
    fn tell_positions(&self, from: usize, records: &mut Vec<Record>) -> Option<usize> {
        let markets = self.markets.all();
        let until = markets.len().min(from.saturating_add(MARKETS_LOOKED_AT_MAX));
        let mut told = 0;
        for (at, market) in markets.iter().enumerate().take(until).skip(from) {
            if told == PAGE_MAX {
                return Some(at);
            }
            let holding = self.account.holding(market.ix);
            let exposure = self.exposure.market(market.ix);
            let stopped = self.stopped[usize::from(market.ix.0)];
            if holding.position == Position::FLAT && exposure.open_orders == 0 && !stopped {
                continue;
            }
            told += 1;
            records.push(Record::Told(Told::Position(PositionTold {
                ticker: market.ticker,
                position: holding.position,
                cost: holding.cost,
                worst_case: exposure.worst_case(),
                open_orders: exposure.open_orders,
                stopped,
            })));
        }
        (until < markets.len()).then_some(until)
    }

    /// Returns where the next page begins.
    fn tell_orders(&self, now: Now, from: usize, records: &mut Vec<Record>) -> Option<usize> {
        if self.orders.live() == 0 {
            return None;
        }
        let slots = self.orders.slots();
        let until = slots.len().min(from.saturating_add(SLOTS_LOOKED_AT_MAX));
        let mut told = 0;
        for (at, slot) in slots.iter().enumerate().take(until).skip(from) {
            if told == PAGE_MAX {
                return Some(at);
            }
            let Some(order) = slot.as_ref().filter(|order| !order.state().is_terminal()) else {
                continue;
            };
            told += 1;
            records.extend(self.order_told(now, order));
        }
        (until < slots.len()).then_some(until)
    }

    fn order_told(&self, now: Now, order: &Order) -> Option<Record> {
        let terms = order.terms();
        let market = self.markets.get(terms.market)?;
        Some(Record::Told(Told::Order(OrderTold {
            client_order_id: terms.client_order_id,
            order_id: order.order_id(),
            ticker: market.ticker,
            side: terms.side,
            price: terms.price,
            state: order.state(),
            quantity: terms.quantity,
            filled: order.filled(),
            age: now.mono.since(terms.approved),
        })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{RunId, Ticker};
    use crate::kalshi::market::{FeeSchedule, MarketTable, TickGrid};
    use crate::oms::Opening;
    use crate::oms::account::Holding;
    use crate::oms::config::{Admission, FeedNeed, OmsConfig, OrderConfig};
    use crate::risk::{BreakerConfig, Limits};
    use crate::units::Money;

    const COUNT: usize = PAGE_MAX + MARKETS_LOOKED_AT_MAX;

    /// Something is held in the first `COUNT` of one market more.
    fn core() -> Core {
        let mut markets = MarketTable::new();
        let mut holdings = Vec::new();
        for number in 0..=COUNT {
            let ticker = Ticker::new(format!("KXA-{number}-B").as_bytes()).unwrap();
            let grid = TickGrid::linear_cent();
            markets.insert(ticker, grid, 0, FeeSchedule::QUADRATIC, true).unwrap();
            let holding =
                Holding { position: Position::from_centis(100), cost: Money::from_cents(42) };
            holdings.extend((number < COUNT).then_some((ticker, holding)));
        }
        let config = OmsConfig {
            run: RunId::new(1),
            limits: Limits::default(),
            breaker: BreakerConfig::default(),
            orders: OrderConfig::default(),
            admission: Admission::Listed,
            feed: FeedNeed::Required,
            orders_max: 16,
        };
        Core::new(config, markets, &Opening { holdings, ..Opening::default() })
    }

    /// One page: the tickers in it, and where the next begins.
    fn page(core: &Core, topic: Topic, from: u32) -> (Vec<String>, Option<u32>) {
        let mut records = Vec::new();
        core.tell(Now::default(), &Question { topic, from }, &mut records);
        let Some(Record::Told(Told::PageEnd { next })) = records.pop() else {
            panic!("a page ends with its end")
        };
        let ticker = |record: Record| match record {
            Record::Told(Told::Position(told)) => told.ticker.to_string(),
            other => panic!("{other:?} is no position"),
        };
        (records.into_iter().map(ticker).collect(), next)
    }

    #[test]
    fn every_position_is_told_once_a_bounded_page_at_a_time() {
        let core = core();
        let (mut told, mut from) = (Vec::new(), Some(0));
        while let Some(start) = from {
            let (page, next) = page(&core, Topic::Positions, start);
            assert!(page.len() <= PAGE_MAX);
            told.extend(page);
            from = next;
        }
        let expected: Vec<String> = (0..COUNT).map(|number| format!("KXA-{number}-B")).collect();
        assert_eq!(told, expected);
    }

    #[test]
    fn pages_past_the_end_are_empty_and_the_last() {
        let core = core();
        assert_eq!(page(&core, Topic::Positions, u32::MAX), (Vec::new(), None));
        assert_eq!(page(&core, Topic::Orders, 0), (Vec::new(), None));
        assert_eq!(page(&core, Topic::Orders, u32::MAX), (Vec::new(), None));
    }
}
