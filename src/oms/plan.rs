//! From what a signal says to the orders that would be sent: side, price, quantity, life.
//!
//! Prices are on the YES book throughout. A bid may pay the YES ask plus the offset; an ask may
//! accept one minus the NO ask less the offset. `max_price` speaks of the signal's own leg: the
//! most to pay when buying, the least to accept when selling. A retry goes one step further than
//! the order before it, and never further past the first than the configuration allows.

use super::config::OrderConfig;
use crate::ids::{ClientOrderId, OrderKey};
use crate::kalshi::market::Market;
use crate::message::{BookSide, Leg, NewOrder, Signal, TimeInForce};
use crate::units::{Contracts, Now, Price, PriceDelta, WallTime};

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

/// How much further a price goes than another: more paid by a bid, less accepted by an ask.
#[must_use]
pub fn further(side: BookSide, price: Price, than: Price) -> PriceDelta {
    match side {
        BookSide::Bid => price - than,
        BookSide::Ask => than - price,
    }
}

/// The furthest valid price that is not past `micros`, the signal's own bound, or 1c and 99c.
#[must_use]
pub fn bounded(signal: &Signal, micros: i64, market: &Market) -> Option<Price> {
    let cap = signal.max_price.map(|price| leg_price(signal.action.leg(), price));
    let cap = cap.map(|price| i64::from(price.micros()));
    // A bid's cap is a ceiling, an ask's a floor, whichever leg and direction it came from:
    // buying NO for at most q is selling YES for at least 1 - q.
    match signal.action.book_side() {
        BookSide::Bid => {
            let micros = micros.min(i64::from(PRICE_MAX_MICROS));
            let micros = cap.map_or(micros, |cap| micros.min(cap));
            market.grid.floor(Price::from_micros(u32::try_from(micros).ok()?)?)
        }
        BookSide::Ask => {
            let micros = micros.max(i64::from(PRICE_MIN_MICROS));
            let micros = cap.map_or(micros, |cap| micros.max(cap));
            market.grid.ceil(Price::from_micros(u32::try_from(micros).ok()?)?)
        }
    }
}

/// `micros` moved by `distance` towards the other side of the book.
#[must_use]
pub fn towards(side: BookSide, micros: i64, distance: PriceDelta) -> i64 {
    match side {
        BookSide::Bid => micros + distance.micros(),
        BookSide::Ask => micros - distance.micros(),
    }
}

/// The first order's limit on the YES book, on the market's grid: `None` when no valid price is
/// left.
#[must_use]
pub fn limit_price(signal: &Signal, offset: PriceDelta, market: &Market) -> Option<Price> {
    let reference = i64::from(reference(signal)?.micros());
    bounded(signal, towards(signal.action.book_side(), reference, offset), market)
}

/// The limit of the `retry`-th order after the first, counted from 1: as many steps further than
/// the original, within the bound on improvement.
#[must_use]
pub fn retry_price(
    signal: &Signal,
    original: Price,
    retry: u8,
    config: &OrderConfig,
    market: &Market,
) -> Option<Price> {
    let steps = PriceDelta::from_micros(config.retry_step.micros() * i64::from(retry));
    let improvement = steps.min(config.improvement_max);
    let side = signal.action.book_side();
    bounded(signal, towards(side, i64::from(original.micros()), improvement), market)
}

/// Whether the market has moved further against the signal than a retry may follow.
#[must_use]
pub fn has_slipped(signal: &Signal, current: Price, config: &OrderConfig) -> bool {
    let side = signal.action.book_side();
    reference(signal).is_none_or(|seen| further(side, current, seen) > config.slippage_max)
}

/// How an order meets the market.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// Takes, with this time in force.
    Take(TimeInForce),
    /// Rests post-only until then.
    Make {
        /// When the signal is over.
        until: WallTime,
    },
}

/// What an order is made of besides its names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draft {
    /// Limit on the YES book.
    pub price: Price,
    /// How much.
    pub quantity: Contracts,
    /// For how long.
    pub life: Life,
}

/// The time in force of a signal's taking orders.
#[must_use]
pub fn time_in_force(signal: &Signal, config: &OrderConfig) -> TimeInForce {
    signal.time_in_force.unwrap_or(config.time_in_force)
}

/// The order a signal asks for.
#[must_use]
pub fn order(
    signal: &Signal,
    market: &Market,
    config: &OrderConfig,
    now: Now,
    (key, client_order_id): (OrderKey, ClientOrderId),
    draft: Draft,
) -> NewOrder {
    let (time_in_force, ends) = match draft.life {
        Life::Take(time_in_force @ TimeInForce::GoodTillCanceled) => {
            (time_in_force, Some(now.wall + (config.fill_timeout + config.partial_wait)))
        }
        Life::Take(time_in_force) => (time_in_force, None),
        Life::Make { until } => (TimeInForce::GoodTillCanceled, Some(until)),
    };
    NewOrder {
        key,
        client_order_id,
        market: market.ix,
        side: signal.action.book_side(),
        price: draft.price,
        quantity: draft.quantity,
        time_in_force,
        // One second more than we wait ourselves, rounded up: the exchange ends what we could not.
        expiration_secs: ends.map(|at| at.unix_secs() + 2),
        // The exchange takes reduce-only with immediate-or-cancel alone (reference §3.1).
        reduce_only: !signal.action.is_buy() && time_in_force == TimeInForce::ImmediateOrCancel,
        post_only: matches!(draft.life, Life::Make { .. }),
        reference: reference(signal).unwrap_or(draft.price),
        received: signal.received,
        approved: now.mono,
    }
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
            style: None,
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

    #[track_caller]
    fn retries(action: Action, max_price: Option<u32>, expected: [u32; 5]) {
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
        let config = OrderConfig::default();
        let original = limit_price(&signal, config.limit_offset, &market).unwrap();
        let retry = |nth| retry_price(&signal, original, nth, &config, &market);
        let found: Vec<_> = (1..=5).map(retry).collect();
        assert_eq!(found, expected.map(Price::from_cents), "{action:?} {max_price:?}");
    }

    #[test]
    fn a_retrys_price_is_bounded_by_the_original_limit() {
        retries(Action::BuyYes, None, [50, 51, 52, 52, 52]);
        retries(Action::SellNo, None, [50, 51, 52, 52, 52]);
        retries(Action::BuyNo, None, [45, 44, 43, 43, 43]);
        retries(Action::SellYes, None, [45, 44, 43, 43, 43]);
    }

    #[test]
    fn a_retrys_price_is_bounded_by_the_signals_own() {
        retries(Action::BuyYes, Some(50), [50, 50, 50, 50, 50]);
        retries(Action::BuyNo, Some(55), [45, 45, 45, 45, 45]);
        retries(Action::SellYes, Some(44), [45, 44, 44, 44, 44]);
    }

    #[test]
    fn slippage_is_what_the_market_moved_against_the_signal() {
        let config = OrderConfig::default();
        let slips = |action, cents| {
            let current = Price::from_cents(cents).unwrap();
            has_slipped(&signal(action, 48, 53, None), current, &config)
        };
        let buy_yes = [slips(Action::BuyYes, 40), slips(Action::BuyYes, 50)];
        assert_eq!((buy_yes, slips(Action::BuyYes, 51)), ([false, false], true));
        // The signal saw YES bid at 47: NO at 53.
        let buy_no = [slips(Action::BuyNo, 60), slips(Action::BuyNo, 45)];
        assert_eq!((buy_no, slips(Action::BuyNo, 44)), ([false, false], true));
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
