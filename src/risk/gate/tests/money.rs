//! Limits on what a sport, a shard, resting orders and open positions may take, and self-crosses.

use super::*;
use crate::risk::OpenRisk;

/// What ten contracts at 50c and their fee hold back.
const RESERVE: i64 = 517_500_000;

#[test]
fn a_sport_bears_its_share_of_the_bankroll() {
    for action in [Action::BuyYes, Action::BuyNo] {
        // Cash of $900 and positions for $100: a fifth of it is $200.
        let held = |spare: i64| {
            move |case: &mut Case| {
                case.act(action);
                case.cash = Money::from_cents(90_000);
                let reserved = Money::from_cents(20_000 - 10_000) - Money::from_e8(RESERVE + spare);
                case.hold_other(1_000, Money::from_cents(10_000));
                case.reserve(reserved);
            }
        };
        let bound = Money::from_cents(20_000).e8();
        check(held(1), Ok(()));
        check(held(0), Ok(()));
        check(held(-1), Err((Limit::SportExposure, bound + 1, bound)));
    }
    let elsewhere = |case: &mut Case| {
        case.cash = Money::from_cents(100_000);
        case.hold_other(1_000, Money::from_cents(24_000));
        case.listing.sport = SportIx(1);
    };
    check(elsewhere, Ok(()));
}

#[test]
fn leaving_a_position_is_free_however_exposed_the_sport_is() {
    let leaving = |case: &mut Case| {
        case.act(Action::SellYes);
        case.hold(1_000);
        case.limits.sport_exposure_max_bp = 0;
    };
    check(leaving, Ok(()));
    // Ten held, twenty bought on the other side: as many as before, at another price.
    let turned = |contracts| {
        move |case: &mut Case| {
            case.act(Action::BuyNo);
            case.hold(1_000);
            case.order.quantity = Contracts::from_whole(contracts);
            case.limits.sport_exposure_max_bp = 0;
        }
    };
    check(turned(10), Ok(()));
    let fee_and_price = Money::from_cents(550).e8() + 17_500_000;
    check(turned(11), Err((Limit::SportExposure, fee_and_price, 0)));
    let nothing = |case: &mut Case| case.limits.sport_exposure_max_bp = 0;
    check(nothing, Err((Limit::SportExposure, RESERVE, 0)));
}

#[test]
fn cash_must_lie_on_the_markets_shard() {
    for action in [Action::BuyYes, Action::BuyNo] {
        // 100c must be left there, 200c are reserved there, 517.5c is what the order takes.
        let on_shard = |e8| {
            move |case: &mut Case| {
                case.act(action);
                case.limits.balance_min = Money::from_cents(100);
                case.reserve(Money::from_cents(200));
                case.shard_cash = Some(Money::from_e8(e8));
            }
        };
        check(on_shard(817_500_001), Ok(()));
        check(on_shard(817_500_000), Ok(()));
        check(on_shard(817_499_999), Err((Limit::Balance, 99_999_999, 100_000_000)));
        check(on_shard(0), Err((Limit::Balance, -717_500_000, 100_000_000)));
    }
}

#[test]
fn orders_that_may_rest_have_a_value_in_all() {
    let resting = |reserved: i64, time_in_force| {
        move |case: &mut Case| {
            case.order.time_in_force = time_in_force;
            case.reserve(Money::from_e8(reserved));
        }
    };
    let bound = Money::from_cents(100_000).e8();
    let (rests, takes) = (TimeInForce::GoodTillCanceled, TimeInForce::ImmediateOrCancel);
    check(resting(bound - RESERVE - 1, rests), Ok(()));
    check(resting(bound - RESERVE, rests), Ok(()));
    let value = Err((Limit::RestingValue, bound + 1, bound));
    check(resting(bound - RESERVE + 1, rests), value);
    check(resting(bound - RESERVE + 1, takes), Ok(()));
}

#[test]
fn own_orders_are_not_traded_with() {
    let against = |action: Action, cents| {
        move |case: &mut Case| {
            case.act(action);
            case.live_at(case.order.side.opposite(), 100, cents, Money::ZERO);
        }
    };
    // Both orders are at 50c of the YES book.
    let refused = |ours: i64| Err((Limit::SelfCross, ours * 10_000, 500_000));
    check(against(Action::BuyYes, 51), Ok(()));
    check(against(Action::BuyYes, 50), refused(50));
    check(against(Action::BuyYes, 49), refused(49));
    check(against(Action::BuyNo, 49), Ok(()));
    check(against(Action::BuyNo, 50), refused(50));
    check(against(Action::BuyNo, 51), refused(51));
}

#[test]
fn open_positions_count_as_lost_when_told_to() {
    let bound = Limits::default().daily_loss_max.e8();
    let exposed = |open_risk, spare: i64| {
        move |case: &mut Case| {
            case.limits.open_risk = open_risk;
            case.limits.sport_exposure_max_bp = 10_000;
            case.day.fees = Money::from_cents(10_000);
            case.hold_other(1_000, Money::from_cents(40_000));
            let rest = bound - Money::from_cents(50_000).e8() - RESERVE - spare;
            case.reserve(Money::from_e8(rest));
        }
    };
    check(exposed(OpenRisk::Counted, 1), Ok(()));
    check(exposed(OpenRisk::Counted, 0), Ok(()));
    check(exposed(OpenRisk::Counted, -1), Err((Limit::DailyLoss, bound + 1, bound)));
    check(exposed(OpenRisk::Ignored, -1), Ok(()));
    let leaving = |case: &mut Case| {
        exposed(OpenRisk::Counted, -1)(case);
        case.act(Action::SellYes);
        case.hold(1_000);
    };
    check(leaving, Ok(()));
}
