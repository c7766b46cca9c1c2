//! Limits on size, risk, the day, the rate and the number of orders.

use super::*;

#[test]
fn position_size_counts_hundredths() {
    let sized = |centis| {
        move |case: &mut Case| {
            case.order.quantity = Contracts::from_centis(centis);
            case.limits.position_size_max = Contracts::from_whole(20);
        }
    };
    check(sized(1_999), Ok(()));
    check(sized(2_000), Ok(()));
    check(sized(2_001), Err((Limit::PositionSize, 2_001, 2_000)));
    check(sized(0), Err((Limit::PositionSize, 0, 2_000)));
    let none = |case: &mut Case| case.limits.position_size_max = Contracts::ZERO;
    check(none, Err((Limit::PositionSize, 1_000, 0)));
}

#[test]
fn risk_is_cost_and_fee() {
    // 500c and 17.5c of fee.
    let risk = 517_500_000;
    let bounded = |e8| move |case: &mut Case| case.limits.risk_per_trade_max = Money::from_e8(e8);
    check(bounded(risk + 1), Ok(()));
    check(bounded(risk), Ok(()));
    check(bounded(risk - 1), Err((Limit::RiskPerTrade, risk, risk - 1)));
    check(bounded(0), Err((Limit::RiskPerTrade, risk, 0)));
}

#[test]
fn buy_no_risk_uses_the_no_price() {
    // NO at 20c is an ask at 80c on the YES book.
    let at_twenty = |bound| {
        move |case: &mut Case| {
            case.act(Action::BuyNo);
            case.order.price = price(800_000);
            case.reference = price(800_000);
            case.limits.risk_per_trade_max = Money::from_e8(bound);
        }
    };
    check(at_twenty(217_500_000), Ok(()));
    check(at_twenty(217_499_999), Err((Limit::RiskPerTrade, 217_500_000, 217_499_999)));
}

#[test]
fn a_sale_risks_its_fee_only() {
    let sale = |bound| {
        move |case: &mut Case| {
            case.act(Action::SellYes);
            case.hold(1_000);
            case.limits.risk_per_trade_max = Money::from_e8(bound);
        }
    };
    check(sale(17_500_000), Ok(()));
    check(sale(17_499_999), Err((Limit::RiskPerTrade, 17_500_000, 17_499_999)));
}

#[test]
fn the_days_orders_include_this_one() {
    let sent = |orders| move |case: &mut Case| case.day.orders = orders;
    check(sent(48), Ok(()));
    check(sent(49), Ok(()));
    check(sent(50), Err((Limit::DailyTrades, 51, 50)));
    let none = |case: &mut Case| case.limits.daily_trades_max = 0;
    check(none, Err((Limit::DailyTrades, 1, 0)));
}

#[test]
fn the_days_volume_includes_this_order() {
    let traded = |centis| move |case: &mut Case| case.day.volume = Contracts::from_centis(centis);
    check(traded(498_999), Ok(()));
    check(traded(499_000), Ok(()));
    check(traded(499_001), Err((Limit::DailyVolume, 500_001, 500_000)));
    let none = |case: &mut Case| case.limits.daily_volume_max = Contracts::ZERO;
    check(none, Err((Limit::DailyVolume, 1_000, 0)));
}

#[test]
fn the_days_loss_stops_trading_at_its_bound() {
    let bound = Limits::default().daily_loss_max.e8();
    let lost = |realized, fees| {
        move |case: &mut Case| {
            case.day.realized = Money::from_e8(realized);
            case.day.fees = Money::from_e8(fees);
        }
    };
    check(lost(-bound + 1, 0), Ok(()));
    check(lost(-bound, 0), Err((Limit::DailyLoss, bound, bound)));
    check(lost(-bound - 1, 0), Err((Limit::DailyLoss, bound + 1, bound)));
    // Fees are losses, gains make up for them.
    check(lost(-bound + 10, 9), Ok(()));
    check(lost(-bound + 10, 10), Err((Limit::DailyLoss, bound, bound)));
    check(lost(10, bound), Ok(()));
    let none = |case: &mut Case| case.limits.daily_loss_max = Money::ZERO;
    check(none, Err((Limit::DailyLoss, 0, 0)));
}

#[test]
fn the_minute_holds_as_many_orders_as_allowed() {
    let minute = 60_000_000_000;
    // `count` orders of which the oldest left `age` ago, the last long enough ago for spacing.
    let sent = |count: u32, age: u64| {
        move |case: &mut Case| {
            case.limits.orders_per_minute_max = 3;
            case.throttle = Throttle::new(3);
            for nth in 0..count {
                let later = u64::from(nth) * 1_000_000_000;
                case.throttle.note_sent(Timestamp::from_ns(MONO.ns() - age + later));
            }
        }
    };
    check(sent(0, minute), Ok(()));
    check(sent(2, minute - 1), Ok(()));
    check(sent(3, minute - 1), Err((Limit::OrdersPerMinute, 4, 3)));
    check(sent(3, minute), Ok(()));
    check(sent(3, minute + 1), Ok(()));
    let none = |case: &mut Case| case.limits.orders_per_minute_max = 0;
    check(none, Err((Limit::OrdersPerMinute, 1, 0)));
}

#[test]
fn orders_keep_their_distance() {
    let bound = 100_000_000;
    let last = |ago: u64| {
        move |case: &mut Case| case.throttle.note_sent(Timestamp::from_ns(MONO.ns() - ago))
    };
    check(last(bound + 1), Ok(()));
    check(last(bound), Ok(()));
    check(last(bound - 1), Err((Limit::OrderSpacing, 99_999_999, 100_000_000)));
    check(last(0), Err((Limit::OrderSpacing, 0, 100_000_000)));
    let none = |case: &mut Case| {
        case.limits.order_spacing_min = Nanos::ZERO;
        case.throttle.note_sent(MONO);
    };
    check(none, Ok(()));
}

#[test]
fn open_orders_include_this_one() {
    let open = |count| move |case: &mut Case| case.open_orders = count;
    check(open(18), Ok(()));
    check(open(19), Ok(()));
    check(open(20), Err((Limit::OpenOrders, 21, 20)));
    let none = |case: &mut Case| case.limits.open_orders_max = 0;
    check(none, Err((Limit::OpenOrders, 1, 0)));
}

#[test]
fn open_orders_of_the_market_include_this_one() {
    let open = |count| {
        move |case: &mut Case| {
            for _ in 0..count {
                case.live(BookSide::Bid, 0);
            }
        }
    };
    check(open(0), Ok(()));
    check(open(1), Ok(()));
    check(open(2), Err((Limit::OpenOrdersPerMarket, 3, 2)));
    let none = |case: &mut Case| case.limits.open_orders_per_market_max = 0;
    check(none, Err((Limit::OpenOrdersPerMarket, 1, 0)));
}
