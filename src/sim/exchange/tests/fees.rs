//! What the engine charges: the recorded fills and the documented examples, fill by fill.

use super::*;

fn charged(exchange: &mut Exchange, new: &NewOrder) -> Vec<Money> {
    let known = exchange.fills(ALICE).len();
    exchange.submit(START, ALICE, new).unwrap();
    exchange.fills(ALICE)[known..].iter().map(|fill| fill.fee).collect()
}

#[test]
fn takers_pay_what_was_recorded() {
    // wire/fills__after_taker.json: one contract at 52 cents, one at 99.
    let mut exchange = exchange(&[book(&[], &[(52, 1), (99, 1)])], 10_000);
    let fees = charged(&mut exchange, &ioc(BookSide::Bid, 99, 2));
    assert_eq!(fees, [17_500, 700].map(Money::from_micros));
}

#[test]
fn a_member_behind_a_merchant_pays_on_the_cent_grid() {
    // The documented example: cost 0.055, model fee 0.00363825, together 0.06.
    let mut seed = book(&[], &[]);
    seed.structure = PriceStructure::DeciCent;
    let mut exchange = exchange(&[seed], 10_000);
    exchange.set_membership(ALICE, Membership::Intermediated);
    let price = Price::from_micros(55_000).unwrap();
    exchange.quote(START, 0, BookSide::Ask, price, whole(1));

    let take = NewOrder { price, ..ioc(BookSide::Bid, 6, 1) };
    assert_eq!(charged(&mut exchange, &take), [Money::from_micros(5_000)]);
    assert_eq!(exchange.cash(ALICE), Money::from_cents(9_994));
}

/// A coefficient of 2.4 %: the model fee is $0.006 at one half, so a fill on the cent grid rounds
/// by $0.004, as in the documented example.
const EXAMPLE_PPM: u32 = 342_857;

#[test]
fn the_third_rounding_gives_a_cent_back() {
    let mut exchange = exchange(&[book(&[], &[])], 10_000);
    exchange.set_fees(0, EXAMPLE_PPM).unwrap();
    exchange.set_membership(ALICE, Membership::Intermediated);
    for _ in 0..3 {
        exchange.quote(START, 0, BookSide::Ask, cents(50), whole(1));
    }
    let fees = charged(&mut exchange, &bid(50, 3));
    assert_eq!(fees, [10_000, 10_000, 0].map(Money::from_micros));
}

#[test]
fn roundings_carry_over_from_taking_to_making() {
    let mut seed = book(&[], &[]);
    seed.fee_type = FeeType::QuadraticWithMakerFees;
    let mut exchange = exchange(&[seed], 10_000);
    exchange.set_fees(0, EXAMPLE_PPM).unwrap();
    exchange.set_membership(ALICE, Membership::Intermediated);
    for _ in 0..2 {
        exchange.quote(START, 0, BookSide::Ask, cents(50), whole(1));
    }
    let id = exchange.submit(START, ALICE, &bid(50, 3)).unwrap().order.id;

    exchange.quote(START, 0, BookSide::Ask, cents(50), whole(1));

    // Made: model fee 0.0015, rounded by 0.0085. With 0.008 carried over a cent is given back.
    let order = exchange.order(ALICE, id).unwrap();
    assert_eq!(order.taker_fees, Money::from_micros(20_000));
    assert_eq!(order.maker_fees, Money::ZERO);
    assert_eq!(order.accumulator.rounding(), Money::from_micros(6_500));
}

#[test]
fn makers_pay_a_quarter_or_half_where_their_series_says_so() {
    for (fee_type, micros) in [
        (FeeType::Quadratic, 0),
        (FeeType::QuadraticWithMakerFees, 43_800),
        (FeeType::QuadraticWithComboMakerFees, 87_500),
    ] {
        let mut seed = book(&[], &[]);
        seed.fee_type = fee_type;
        let mut exchange = exchange(&[seed], 10_000);
        exchange.submit(START, ALICE, &bid(50, 10)).unwrap();
        exchange.quote(START, 0, BookSide::Ask, cents(50), whole(10));
        assert_eq!(exchange.fills(ALICE)[0].fee, Money::from_micros(micros), "{fee_type:?}");
    }
}

#[test]
fn a_series_multiplier_scales_its_fees() {
    let mut exchange = usual();
    assert!(exchange.set_fees(0, 500_000).is_some());
    // Half of 0.174720 is 0.08736; with the cost of 5.20 the cash goes down to the grid.
    let fees = charged(&mut exchange, &ioc(BookSide::Bid, 52, 10));
    assert_eq!(fees, [Money::from_micros(87_400)]);
    assert!(exchange.set_fees(0, u32::MAX).is_none(), "an absurd multiplier changes nothing");
    assert_eq!(exchange.markets()[0].fee_multiplier_ppm, 500_000);
}

#[test]
fn a_waiver_charges_nothing_until_it_ends() {
    let mut exchange = usual();
    exchange.waive_fees(START, 0, START + Nanos::from_secs(1));
    assert_eq!(charged(&mut exchange, &ioc(BookSide::Bid, 52, 1)), [Money::ZERO]);
    let later = START + Nanos::from_secs(1);
    exchange.submit(later, ALICE, &ioc(BookSide::Bid, 52, 1)).unwrap();
    assert_eq!(exchange.fills(ALICE)[1].fee, Money::from_micros(17_500));
}
