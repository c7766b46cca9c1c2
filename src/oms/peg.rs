//! Where a making order rests: as close to the market as it can without crossing, as far as the
//! minimum edge after the maker's fee, the price collar and the signal's own bound allow.
//!
//! In: a signal, its market, what is known of the book, the bounds. Out: a price on the grid, or
//! nothing. Pure.

use super::plan;
use super::quotes::Quote;
use crate::kalshi::fees::maker_fee_bound;
use crate::kalshi::market::Market;
use crate::message::{BookSide, Signal};
use crate::risk::{Limit, Limits, Refusal};
use crate::units::{Contracts, Money, Price, PriceDelta};

/// Prices tried: the fee changes with the price, by less than the price itself does, so the second
/// try is right but for roundings.
const TRIES_MAX: u32 = 8;

/// A fee per contract in micro-dollars, rounded up: money per hundredth of a contract is that.
pub(super) fn per_contract(fee: Money, quantity: Contracts) -> PriceDelta {
    let count = i64::from(quantity.centis()).max(1);
    PriceDelta::from_micros(fee.e8().div_euclid(count) + i64::from(fee.e8().rem_euclid(count) != 0))
}

/// What the maker's fee leaves of the edge at the signal's own ask; leaving a position needs none.
///
/// # Errors
/// [`Limit::MinimumEdge`] when nothing is left: such a signal is not worth waiting for.
pub(super) fn survives_maker_fee(signal: &Signal, market: &Market) -> Result<(), Refusal> {
    let refusal = |left: PriceDelta| {
        let limit = Limit::MinimumEdge;
        Err(Refusal { limit, value: left.micros(), bound: 0 })
    };
    let Some(reference) = plan::reference(signal) else { return refusal(signal.edge) };
    if !signal.action.is_buy() {
        return Ok(());
    }
    let fee = maker_fee_bound(&market.fees, reference, signal.contracts);
    let left = signal.edge - per_contract(fee, signal.contracts);
    if left < PriceDelta::ZERO { refusal(left) } else { Ok(()) }
}

/// The best price that neither crosses what is known of the book nor gives the edge away.
#[must_use]
pub(super) fn price(
    signal: &Signal,
    market: &Market,
    quote: &Quote,
    quantity: Contracts,
    limits: &Limits,
) -> Option<Price> {
    let side = signal.action.book_side();
    let reference = i64::from(plan::reference(signal)?.micros());
    let beside = beside(market, side, quote.against(side)?)?;
    let collar = plan::towards(side, reference, limits.price_collar);
    let mut price =
        plan::bounded(signal, nearer(side, i64::from(beside.micros()), collar), market)?;
    if !signal.action.is_buy() {
        return Some(price);
    }
    for _ in 0..TRIES_MAX {
        let fee = per_contract(maker_fee_bound(&market.fees, price, quantity), quantity);
        let edge = signal.edge - limits.edge_min - fee;
        let furthest = plan::towards(side, reference, edge);
        if nearer(side, i64::from(price.micros()), furthest) == i64::from(price.micros()) {
            return Some(price);
        }
        price = plan::bounded(signal, furthest, market)?;
    }
    None
}

/// The valid price next to `against`, on this order's side of it.
pub(super) fn beside(market: &Market, side: BookSide, against: Price) -> Option<Price> {
    let micro = PriceDelta::from_micros(1);
    match side {
        BookSide::Bid => market.grid.floor(against.offset(-micro)?),
        BookSide::Ask => market.grid.ceil(against.offset(micro)?),
    }
}

/// The one of two prices that goes less far.
pub(super) fn nearer(side: BookSide, one: i64, other: i64) -> i64 {
    match side {
        BookSide::Bid => one.min(other),
        BookSide::Ask => one.max(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{MarketIx, SignalId, SourceId, Ticker};
    use crate::kalshi::fees::FeeType;
    use crate::kalshi::market::TickGrid;
    use crate::message::Action;
    use crate::units::Timestamp;

    fn signal(action: Action, edge_micros: i64) -> Signal {
        Signal {
            source: SourceId(0),
            line: 1,
            id: SignalId::new(b"s").unwrap(),
            ticker: Ticker::new(b"A-B-C").unwrap(),
            action,
            yes_ask: Price::from_cents(48),
            no_ask: Price::from_cents(56),
            edge: PriceDelta::from_micros(edge_micros),
            confidence: 0,
            contracts: Contracts::from_whole(10),
            max_price: None,
            time_in_force: None,
            style: None,
            produced_at: None,
            expires_at: None,
            cycle: None,
            received: Timestamp::ZERO,
            decoded: Timestamp::ZERO,
        }
    }

    fn market(fee_type: FeeType) -> Market {
        Market {
            ticker: Ticker::new(b"A-B-C").unwrap(),
            ix: MarketIx(0),
            event: 0,
            grid: TickGrid::linear_cent(),
            exchange_index: 0,
            fees: fee_type.schedule(FeeType::MULTIPLIER_ONE_PPM).unwrap(),
            active: true,
        }
    }

    #[track_caller]
    fn rests(action: Action, edge_micros: i64, fee_type: FeeType, expected: Option<u32>) {
        let (signal, market) = (signal(action, edge_micros), market(fee_type));
        let quote = Quote::of(&signal);
        let found = price(&signal, &market, &quote, signal.contracts, &Limits::default());
        assert_eq!(found, expected.and_then(Price::from_cents), "{action:?} {edge_micros}");
    }

    #[test]
    fn a_maker_rests_next_to_the_market_when_the_edge_is_wide() {
        rests(Action::BuyYes, 70_000, FeeType::Quadratic, Some(47));
        // YES is bid at 44: NO is asked at 56.
        rests(Action::BuyNo, 70_000, FeeType::Quadratic, Some(45));
        rests(Action::SellYes, 0, FeeType::Quadratic, Some(45));
        rests(Action::SellNo, 0, FeeType::Quadratic, Some(47));
    }

    #[test]
    fn a_maker_steps_back_until_the_minimum_edge_is_left() {
        // Worth 48.3c: at 47c the edge is 1.3c.
        rests(Action::BuyYes, 3_000, FeeType::Quadratic, Some(47));
        // The maker's fee of 0.44c takes it below one cent there, and not at 46c.
        rests(Action::BuyYes, 3_000, FeeType::QuadraticWithMakerFees, Some(46));
        rests(Action::BuyNo, 3_000, FeeType::QuadraticWithMakerFees, Some(46));
    }

    #[test]
    fn an_edge_that_the_makers_fee_eats_is_not_worth_waiting_for() {
        let fees = market(FeeType::QuadraticWithMakerFees);
        assert!(survives_maker_fee(&signal(Action::BuyYes, 4_000), &fees).is_err());
        assert!(survives_maker_fee(&signal(Action::BuyYes, 5_000), &fees).is_ok());
        assert!(survives_maker_fee(&signal(Action::SellYes, -5_000), &fees).is_ok());
    }

    #[test]
    fn the_price_collar_and_the_signals_bound_hold_makers_too() {
        let market = market(FeeType::Quadratic);
        let quote = Quote { bid: Price::from_cents(60), ask: Price::from_cents(70) };
        let wide = signal(Action::BuyYes, 300_000);
        let of =
            |signal: &Signal| price(signal, &market, &quote, signal.contracts, &Limits::default());
        assert_eq!(of(&wide), Price::from_cents(53), "five cents past the signal's ask");
        let bound = Signal { max_price: Price::from_cents(50), ..wide };
        assert_eq!(of(&bound), Price::from_cents(50));
    }

    #[test]
    fn without_an_opposite_quote_there_is_nothing_to_rest_beside() {
        let signal = signal(Action::BuyYes, 70_000);
        let quote = Quote { bid: Price::from_cents(40), ask: None };
        let found = price(
            &signal,
            &market(FeeType::Quadratic),
            &quote,
            signal.contracts,
            &Limits::default(),
        );
        assert_eq!(found, None);
    }
}
