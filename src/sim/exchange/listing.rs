//! What operators change about markets and events beside their trading: they list a new market,
//! override an event's fees, and correct what a market says it is about.

use crate::ids::Ticker;
use crate::kalshi::fees::FeeType;
use crate::sim::exchange::Exchange;
use crate::sim::exchange::account::Holding;
use crate::sim::exchange::event::{ExchangeEvent, LifecycleChange};
use crate::sim::exchange::market::{FeeOverride, MarketState, Subtitle};
use crate::sim::exchange::seed::{BookSeed, PriceStructure};
use crate::units::WallTime;

/// Markets that can be listed while it runs: each takes a record per account.
const LISTED_MAX: usize = 1_000;

/// Fee changes that are remembered.
const FEE_CHANGES_MAX: usize = 1_000;

/// A change of an event's fees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeeChange {
    /// Bits of its UUID.
    pub id: u128,
    /// Index of one of the event's markets.
    pub market: usize,
    /// What its fees are now; the series' again when `None`.
    pub fees: Option<FeeOverride>,
    /// When.
    pub time: WallTime,
}

impl Exchange {
    /// Lists a new market, open and with an empty book, on the shard and with the fees of its
    /// series. Whether it could: not when it is there already, or there are too many.
    pub fn list_market(&mut self, now: WallTime, ticker: Ticker) -> bool {
        self.advance(now);
        if self.by_ticker.contains_key(&ticker) || self.listed >= LISTED_MAX {
            return false;
        }
        let series = self.markets.iter().find(|it| it.ticker.series() == ticker.series());
        let (fee_type, exchange_index) =
            series.map_or((FeeType::Quadratic, 0), |it| (it.fee_type, it.exchange_index));
        let seed = BookSeed {
            ticker,
            structure: PriceStructure::LinearCent,
            fee_type,
            exchange_index,
            yes_bids: Vec::new(),
            no_bids: Vec::new(),
        };
        let new_event = !self.markets.iter().any(|it| it.ticker.event() == ticker.event());
        let market = self.markets.len();
        self.markets.push(MarketState::new(&seed, self.ids.uuid(), now));
        self.by_ticker.insert(ticker, market);
        self.listed += 1;
        for account in self.members.iter_mut().flat_map(|member| &mut member.accounts) {
            account.holdings.push(Holding::on(exchange_index));
        }
        if new_event {
            self.events.push(ExchangeEvent::EventCreated { market });
        }
        let change = LifecycleChange::Created;
        self.events.push(ExchangeEvent::Lifecycle { market, change, time: now });
        true
    }

    /// Overrides the fees of a market's whole event, or lets the series' hold again. Whether it
    /// could: not with an absurd multiplier.
    pub fn override_fees(
        &mut self,
        now: WallTime,
        market: usize,
        fees: Option<FeeOverride>,
    ) -> bool {
        self.advance(now);
        let sound = fees.is_none_or(|it| it.fee_type.schedule(it.multiplier_ppm).is_some());
        if !sound || self.fee_changes.len() >= FEE_CHANGES_MAX {
            return false;
        }
        let event = self.markets[market].ticker;
        for state in self.markets.iter_mut().filter(|it| it.ticker.event() == event.event()) {
            state.fee_override = fees;
            state.recharge();
        }
        let id = self.ids.uuid();
        self.fee_changes.push(FeeChange { id, market, fees, time: now });
        self.events.push(ExchangeEvent::EventFees { market, fees });
        true
    }

    /// All changes of events' fees, oldest first.
    #[must_use]
    pub fn fee_changes(&self) -> &[FeeChange] {
        &self.fee_changes
    }

    /// Corrects what a market says YES means.
    pub fn retitle(&mut self, now: WallTime, market: usize, yes_sub_title: Subtitle) {
        self.advance(now);
        self.markets[market].yes_sub_title = yes_sub_title;
        self.markets[market].updated = now;
        let change = LifecycleChange::Retitled;
        self.events.push(ExchangeEvent::Lifecycle { market, change, time: now });
    }
}
