//! From what a signal says to the order that would be sent: side, price, quantity, life.
//!
//! Prices are on the YES book throughout. A bid may pay the YES ask plus the offset; an ask may
//! accept one minus the NO ask less the offset. `max_price` speaks of the signal's own leg: the
//! most to pay when buying, the least to accept when selling.

use super::config::OrderConfig;
use crate::ids::{ClientOrderId, OrderKey};
use crate::kalshi::market::Market;
use crate::message::{BookSide, Leg, NewOrder, Signal, TimeInForce};
use crate::units::{Now, Price, PriceDelta};

/// Highest and lowest limit the plan ever uses, on markets whose grid goes that far.
const PRICE_MAX_MICROS: u32 = Price::MICROS_MAX - Price::MICROS_PER_CENT;
const PRICE_MIN_MICROS: u32 = Price::MICROS_PER_CENT;

/// The YES-book price at which the signal saw the market: `None` without the ask it needs.
#[must_use]
pub fn reference(signal: &Signal) -> Option<Price> {
    match signal.action.book_side() {
        BookSide::Bid => signal.yes_ask,
        BookSide::Ask => signal.no_ask.map(Price::complement),
    }
}

/// The price of one leg for a YES-book price.
#[must_use]
pub const fn leg_price(leg: Leg, yes_price: Price) -> Price {
    match leg {
        Leg::Yes => yes_price,
        Leg::No => yes_price.complement(),
    }
}

/// The limit on the YES book, on the market's grid: `None` when no valid price is left.
#[must_use]
pub fn limit_price(signal: &Signal, offset: PriceDelta, market: &Market) -> Option<Price> {
    let reference = i64::from(reference(signal)?.micros());
    let cap = signal.max_price.map(|price| leg_price(signal.action.leg(), price));
    let cap = cap.map(|price| i64::from(price.micros()));
    // A bid's cap is a ceiling, an ask's a floor, whichever leg and direction it came from:
    // buying NO for at most q is selling YES for at least 1 - q.
    match signal.action.book_side() {
        BookSide::Bid => {
            let micros = (reference + offset.micros()).min(i64::from(PRICE_MAX_MICROS));
            let micros = cap.map_or(micros, |cap| micros.min(cap));
            market.grid.floor(Price::from_micros(u32::try_from(micros).ok()?)?)
        }
        BookSide::Ask => {
            let micros = (reference - offset.micros()).max(i64::from(PRICE_MIN_MICROS));
            let micros = cap.map_or(micros, |cap| micros.max(cap));
            market.grid.ceil(Price::from_micros(u32::try_from(micros).ok()?)?)
        }
    }
}

/// The order a signal asks for: `None` when no valid price is left.
#[must_use]
pub fn order(
    signal: &Signal,
    market: &Market,
    config: &OrderConfig,
    now: Now,
    key: OrderKey,
    client_order_id: ClientOrderId,
) -> Option<NewOrder> {
    let time_in_force = signal.time_in_force.unwrap_or(config.time_in_force);
    let rests = time_in_force == TimeInForce::GoodTillCanceled;
    // One second more than we wait ourselves, rounded up: the exchange ends what we could not.
    let life = config.fill_timeout + config.partial_wait;
    let expiration_secs = rests.then(|| (now.wall + life).unix_secs() + 2);
    Some(NewOrder {
        key,
        client_order_id,
        market: market.ix,
        side: signal.action.book_side(),
        price: limit_price(signal, config.limit_offset, market)?,
        quantity: signal.contracts,
        time_in_force,
        expiration_secs,
        // The exchange takes reduce-only with immediate-or-cancel alone (reference §3.1).
        reduce_only: !signal.action.is_buy() && time_in_force == TimeInForce::ImmediateOrCancel,
        received: signal.received,
        approved: now.mono,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{MarketIx, SignalId, SourceId, Ticker};
    use crate::kalshi::market::{FeeSchedule, TickGrid};
    use crate::message::Action;
    use crate::units::{Contracts, Timestamp};

    fn signal(action: Action, yes_ask: u32, no_ask: u32, max_price: Option<u32>) -> Signal {
        Signal {
            source: SourceId(0),
            line: 1,
            id: SignalId::new(b"s").unwrap(),
            ticker: Ticker::new(b"A-B-C").unwrap(),
            action,
            yes_ask: Price::from_cents(yes_ask),
            no_ask: Price::from_cents(no_ask),
            edge: PriceDelta::ZERO,
            confidence: 0,
            contracts: Contracts::from_whole(1),
            max_price: max_price.and_then(Price::from_cents),
            time_in_force: None,
            produced_at: None,
            expires_at: None,
            cycle: None,
            received: Timestamp::ZERO,
            decoded: Timestamp::ZERO,
        }
    }

    #[track_caller]
    fn limits(action: Action, max_price: Option<u32>, expected: Option<u32>) {
        let market = Market {
            ticker: Ticker::new(b"A-B-C").unwrap(),
            ix: MarketIx(0),
            event: 0,
            grid: TickGrid::linear_cent(),
            exchange_index: 0,
            fees: FeeSchedule::QUADRATIC,
            active: true,
        };
        let signal = signal(action, 48, 53, max_price);
        let limit = limit_price(&signal, PriceDelta::from_cents(1), &market);
        assert_eq!(limit, expected.and_then(Price::from_cents), "{action:?} {max_price:?}");
    }

    #[test]
    fn limits_are_ask_plus_offset_on_the_yes_book() {
        limits(Action::BuyYes, None, Some(49));
        limits(Action::BuyNo, None, Some(46));
        limits(Action::SellYes, None, Some(46));
        limits(Action::SellNo, None, Some(49));
    }

    #[test]
    fn max_price_speaks_of_the_signals_own_leg() {
        limits(Action::BuyYes, Some(47), Some(47));
        limits(Action::BuyNo, Some(50), Some(50));
        limits(Action::SellYes, Some(47), Some(47));
        limits(Action::SellNo, Some(55), Some(45));
    }

    #[test]
    fn limits_stop_at_99_cents() {
        let market = Market {
            ticker: Ticker::new(b"A").unwrap(),
            ix: MarketIx(0),
            event: 0,
            grid: TickGrid::linear_cent(),
            exchange_index: 0,
            fees: FeeSchedule::QUADRATIC,
            active: true,
        };
        let yes = signal(Action::BuyYes, 99, 2, None);
        assert_eq!(limit_price(&yes, PriceDelta::from_cents(1), &market), Price::from_cents(99));
        let no = signal(Action::BuyNo, 2, 99, None);
        assert_eq!(limit_price(&no, PriceDelta::from_cents(1), &market), Price::from_cents(1));
    }
}
