//! The price collar and the minimum edge, on both sides of the book.

use super::*;
use crate::kalshi::market::PriceRange;

const ALL: [Action; 4] = [Action::BuyYes, Action::BuyNo, Action::SellYes, Action::SellNo];

/// An order at `limit` where the signal saw `seen`, both on the YES book, with edge to spare and
/// enough held to sell.
fn at(action: Action, limit: u32, seen: u32) -> impl FnOnce(&mut Case) {
    move |case| {
        case.act(action);
        case.order.price = price(limit);
        case.reference = price(seen);
        case.edge = PriceDelta::from_cents(90);
        match action {
            Action::SellYes => case.hold(1_000),
            Action::SellNo => case.hold(-1_000),
            Action::BuyYes | Action::BuyNo => {}
        }
    }
}

fn tenths_of_cents() -> TickGrid {
    TickGrid::new(&[PriceRange { start_micros: 0, end_micros: 1_000_000, step_micros: 1_000 }])
        .unwrap()
}

#[test]
fn the_collar_holds_on_both_sides_of_what_was_seen() {
    for action in ALL {
        let refused = |distance| Err((Limit::PriceCollar, distance, 50_000));
        for seen in [500_000, 450_001, 450_000, 549_999, 550_000] {
            check(at(action, 500_000, seen), Ok(()));
        }
        check(at(action, 500_000, 449_999), refused(50_001));
        check(at(action, 500_000, 550_001), refused(50_001));
    }
}

#[test]
fn a_collar_of_nothing_admits_what_was_seen_only() {
    let tight = |seen| {
        move |case: &mut Case| {
            at(Action::BuyYes, 500_000, seen)(case);
            case.limits.price_collar = PriceDelta::ZERO;
        }
    };
    check(tight(500_000), Ok(()));
    check(tight(499_999), Err((Limit::PriceCollar, 1, 0)));
    check(tight(500_001), Err((Limit::PriceCollar, 1, 0)));
}

#[test]
fn prices_stay_between_one_cent_and_ninety_nine() {
    for action in ALL {
        let fine = |limit| {
            move |case: &mut Case| {
                at(action, limit, limit)(case);
                case.market.grid = tenths_of_cents();
            }
        };
        for limit in [10_000, 11_000, 989_000, 990_000] {
            check(fine(limit), Ok(()));
        }
        for limit in [1_000, 9_000, 991_000, 999_000] {
            check(fine(limit), Err((Limit::PriceCollar, i64::from(limit), 50_000)));
        }
    }
}

#[test]
fn prices_off_the_grid_are_refused() {
    for action in ALL {
        for limit in [505_000, 500_001, 499_999] {
            let refused = Err((Limit::PriceCollar, i64::from(limit), 50_000));
            check(at(action, limit, limit), refused);
        }
        let finer = |case: &mut Case| {
            at(action, 505_000, 505_000)(case);
            case.market.grid = tenths_of_cents();
        };
        check(finer, Ok(()));
    }
}

#[test]
fn edge_is_what_offset_and_fee_leave() {
    // Of the edge, 1c is given away and 1.75c a contract is fee; 1c must be left.
    for action in [Action::BuyYes, Action::BuyNo] {
        let edge = |micros| {
            move |case: &mut Case| {
                case.act(action);
                case.edge = PriceDelta::from_micros(micros);
            }
        };
        check(edge(37_501), Ok(()));
        check(edge(37_500), Ok(()));
        check(edge(37_499), Err((Limit::MinimumEdge, 9_999, 10_000)));
        check(edge(0), Err((Limit::MinimumEdge, -27_500, 10_000)));
    }
}

#[test]
fn a_better_limit_than_seen_adds_to_the_edge() {
    for (action, seen) in [(Action::BuyYes, 520_000), (Action::BuyNo, 480_000)] {
        let edge = |micros| {
            move |case: &mut Case| {
                at(action, 500_000, seen)(case);
                case.edge = PriceDelta::from_micros(micros);
            }
        };
        check(edge(7_500), Ok(()));
        check(edge(7_499), Err((Limit::MinimumEdge, 9_999, 10_000)));
    }
}

#[test]
fn fee_per_contract_is_rounded_against_us() {
    let charged = |fee| {
        move |case: &mut Case| {
            case.fee = Money::from_e8(fee);
            case.edge = PriceDelta::from_micros(37_500);
        }
    };
    check(charged(17_500_000), Ok(()));
    check(charged(17_500_001), Err((Limit::MinimumEdge, 9_999, 10_000)));
    check(charged(0), Ok(()));
}

#[test]
fn a_negative_minimum_allows_a_loss_up_to_it() {
    let edge = |micros| {
        move |case: &mut Case| {
            case.limits.edge_min = PriceDelta::from_cents(-1);
            case.edge = PriceDelta::from_micros(micros);
        }
    };
    check(edge(17_500), Ok(()));
    check(edge(17_499), Err((Limit::MinimumEdge, -10_001, -10_000)));
}

#[test]
fn leaving_a_position_needs_no_edge() {
    for action in [Action::SellYes, Action::SellNo] {
        let sale = |case: &mut Case| {
            at(action, 500_000, 500_000)(case);
            case.edge = PriceDelta::from_cents(-50);
        };
        check(sale, Ok(()));
    }
}
