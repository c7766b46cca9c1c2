//! Limits on what an event, the cash and the holdings can bear.

use super::*;

#[test]
fn the_event_bears_its_bound() {
    for action in [Action::BuyYes, Action::BuyNo] {
        // Other markets of the event hold the rest.
        let others = |centis| {
            move |case: &mut Case| {
                case.act(action);
                case.hold_other(centis, Money::ZERO);
            }
        };
        check(others(48_999), Ok(()));
        check(others(49_000), Ok(()));
        check(others(49_001), Err((Limit::EventPosition, 50_001, 50_000)));
    }
    let none = |case: &mut Case| case.limits.position_per_event_max = Contracts::ZERO;
    check(none, Err((Limit::EventPosition, 1_000, 0)));
}

#[test]
fn live_orders_count_as_filled_on_their_side_only() {
    // 5 live contracts on a side, 10 more by this order.
    let live = |action, bids, asks, bound| {
        move |case: &mut Case| {
            case.act(action);
            case.live(BookSide::Bid, bids);
            case.live(BookSide::Ask, asks);
            case.limits.open_orders_per_market_max = 3;
            case.limits.position_per_event_max = Contracts::from_centis(bound);
        }
    };
    check(live(Action::BuyYes, 500, 0, 1_500), Ok(()));
    check(live(Action::BuyYes, 500, 0, 1_499), Err((Limit::EventPosition, 1_500, 1_499)));
    check(live(Action::BuyNo, 0, 500, 1_500), Ok(()));
    check(live(Action::BuyNo, 0, 500, 1_499), Err((Limit::EventPosition, 1_500, 1_499)));
    check(live(Action::BuyYes, 0, 500, 1_000), Ok(()));
    check(live(Action::BuyNo, 500, 0, 1_000), Ok(()));
    check(live(Action::BuyYes, 0, 500, 999), Err((Limit::EventPosition, 1_000, 999)));
}

#[test]
fn what_makes_the_worst_case_no_worse_passes_above_the_bound() {
    let held = |action, centis| {
        move |case: &mut Case| {
            case.act(action);
            case.hold(centis);
        }
    };
    check(held(Action::SellYes, 60_000), Ok(()));
    check(held(Action::SellNo, -60_000), Ok(()));
    check(held(Action::BuyNo, 60_000), Ok(()));
    check(held(Action::BuyYes, -60_000), Ok(()));
    check(held(Action::BuyYes, 60_000), Err((Limit::EventPosition, 61_000, 50_000)));
    check(held(Action::BuyNo, -60_000), Err((Limit::EventPosition, 61_000, 50_000)));
}

#[test]
fn turning_a_position_over_is_free_up_to_its_mirror() {
    for (action, centis) in [(Action::BuyNo, 500), (Action::BuyYes, -500)] {
        let turned = |quantity| {
            move |case: &mut Case| {
                case.act(action);
                case.hold(centis);
                case.order.quantity = Contracts::from_centis(quantity);
                case.limits.position_per_event_max = Contracts::from_centis(400);
            }
        };
        check(turned(999), Ok(()));
        check(turned(1_000), Ok(()));
        check(turned(1_001), Err((Limit::EventPosition, 501, 400)));
    }
}

#[test]
fn cash_must_be_left_after_cost_fee_and_reservations() {
    for action in [Action::BuyYes, Action::BuyNo] {
        // 100c must be left, 200c are reserved, 517.5c is what the order takes.
        let cash = |e8| {
            move |case: &mut Case| {
                case.act(action);
                case.limits.balance_min = Money::from_cents(100);
                case.reserve(Money::from_cents(200));
                // Another sport's positions are bankroll enough.
                case.hold_other(0, Money::from_cents(1_000_000));
                case.listing.sport = SportIx(1);
                case.cash = Money::from_e8(e8);
            }
        };
        check(cash(817_500_001), Ok(()));
        check(cash(817_500_000), Ok(()));
        check(cash(817_499_999), Err((Limit::Balance, 99_999_999, 100_000_000)));
        check(cash(0), Err((Limit::Balance, -717_500_000, 100_000_000)));
    }
}

#[test]
fn a_sale_needs_no_cash() {
    for (action, centis) in [(Action::SellYes, 1_000), (Action::SellNo, -1_000)] {
        let poor = |case: &mut Case| {
            case.act(action);
            case.hold(centis);
            case.cash = Money::ZERO;
        };
        check(poor, Ok(()));
    }
}

#[test]
fn only_what_is_held_and_not_being_sold_can_be_sold() {
    for (action, sign) in [(Action::SellYes, 1), (Action::SellNo, -1)] {
        let held = |centis: i64, selling, other| {
            move |case: &mut Case| {
                case.act(action);
                let (bids, asks) = match action {
                    Action::SellNo => (selling, other),
                    Action::SellYes | Action::BuyYes | Action::BuyNo => (other, selling),
                };
                case.live(BookSide::Bid, bids);
                case.live(BookSide::Ask, asks);
                case.limits.open_orders_per_market_max = 3;
                case.hold(sign * centis);
            }
        };
        let refused = |free| Err((Limit::NothingToSell, 1_000, free));
        check(held(1_001, 0, 0), Ok(()));
        check(held(1_000, 0, 0), Ok(()));
        check(held(999, 0, 0), refused(999));
        check(held(0, 0, 0), refused(0));
        check(held(-1_000, 0, 0), refused(0));
        check(held(1_500, 500, 0), Ok(()));
        check(held(1_500, 501, 0), refused(999));
        check(held(500, 600, 0), refused(0));
        // What is being bought is not held yet, and takes nothing away.
        check(held(1_000, 0, 700), Ok(()));
        check(held(0, 0, 1_000), refused(0));
    }
}
