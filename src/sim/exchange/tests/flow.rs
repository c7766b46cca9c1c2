//! Random flow: whatever members and the background do, money and positions are conserved.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::refused::picture;
use super::*;
use crate::sim::exchange::account::Holding;

/// One step of random flow.
#[derive(Clone, Debug)]
enum Step {
    Place(u32, NewOrder),
    Cancel(u32, usize),
    Shrink(u32, usize, u32),
    Amend(u32, usize, u32, u32),
    CancelAll(u32),
}

fn orders() -> impl Strategy<Value = NewOrder> {
    let sides = prop_oneof![Just(BookSide::Bid), Just(BookSide::Ask)];
    let tifs = prop_oneof![
        3 => Just(TimeInForce::GoodTillCanceled),
        2 => Just(TimeInForce::ImmediateOrCancel),
        1 => Just(TimeInForce::FillOrKill),
    ];
    let preventions =
        prop_oneof![Just(SelfTradePrevention::TakerAtCross), Just(SelfTradePrevention::Maker)];
    (sides, 30_u32..70, 1_u32..4_000, tifs, preventions, any::<(bool, bool)>(), 0_usize..2)
        .prop_map(|(side, price, centis, tif, prevention, (post, reduce), market)| {
            let mut new = order(side, price, 1, tif);
            new.quantity = Contracts::from_centis(centis);
            new.market = market;
            new.terms.self_trade_prevention = prevention;
            new.terms.post_only = post && tif == TimeInForce::GoodTillCanceled;
            new.terms.reduce_only = reduce && tif == TimeInForce::ImmediateOrCancel;
            new
        })
}

fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        10 => (0_u32..3, orders()).prop_map(|(user, order)| Step::Place(user, order)),
        3 => (0_u32..2, 0_usize..50).prop_map(|(user, which)| Step::Cancel(user, which)),
        2 => (0_u32..2, 0_usize..50, 1_u32..2_000)
            .prop_map(|(user, which, by)| Step::Shrink(user, which, by)),
        3 => (0_u32..2, 0_usize..50, 30_u32..70, 1_u32..5_000)
            .prop_map(|(user, which, price, total)| Step::Amend(user, which, price, total)),
        1 => (0_u32..2).prop_map(Step::CancelAll),
    ]
}

/// Refusals are part of random flow. They change nothing.
#[track_caller]
fn check_refusal<T>(exchange: &Exchange, before: &str, outcome: Result<T, Reject>) {
    if outcome.is_err() {
        assert_eq!(picture(exchange), before, "a refused request left a trace");
    }
}

fn take(exchange: &mut Exchange, step: &Step) {
    let before = picture(exchange);
    let before = before.as_str();
    let nth = |exchange: &Exchange, user: u32, which: usize| {
        let open = exchange.open_orders(UserId(user));
        open.get(which % open.len().max(1)).copied()
    };
    match *step {
        Step::Place(2, order) => {
            exchange.quote(START, order.market, order.side, order.price, order.quantity);
        }
        Step::Place(user, order) => {
            let outcome = exchange.submit(START, UserId(user), &order);
            let kill = order.terms.time_in_force == TimeInForce::FillOrKill;
            check_refusal(exchange, before, outcome);
            if let Ok(receipt) = outcome.as_ref()
                && kill
                && receipt.order.reason != UpdateReason::SelfTradeCancel
                && order.terms.self_trade_prevention == SelfTradePrevention::TakerAtCross
            {
                assert_eq!(receipt.filled, order.quantity, "a fill-or-kill order filled in part");
            }
        }
        Step::CancelAll(user) => {
            let outcome = exchange.cancel_all(START, UserId(user), None);
            check_refusal(exchange, before, outcome);
        }
        Step::Cancel(user, which) => {
            if let Some(order) = nth(exchange, user, which) {
                exchange.cancel(START, UserId(user), order.id).unwrap();
            }
        }
        Step::Shrink(user, which, by) => {
            if let Some(order) = nth(exchange, user, which) {
                let by = Decrease::By(Contracts::from_centis(by));
                let outcome = exchange.decrease(START, UserId(user), order.id, by);
                check_refusal(exchange, before, outcome);
            }
        }
        Step::Amend(user, which, price, total) => {
            if let Some(order) = nth(exchange, user, which) {
                let change = Amendment {
                    market: order.market,
                    side: order.side,
                    price: cents(price),
                    total: Contracts::from_centis(total),
                    client_order_id: ClientText::EMPTY,
                    updated_client_order_id: ClientText::EMPTY,
                    expiry: Expiry::Keep,
                };
                let outcome = exchange.amend(START, UserId(user), order.id, &change);
                check_refusal(exchange, before, outcome);
            }
        }
    }
}

fn all_accounts(exchange: &Exchange) -> impl Iterator<Item = &Account> {
    exchange.members.iter().flat_map(|member| &member.accounts)
}

/// Level sums equal the orders behind them, and what an account locks equals a recount.
#[track_caller]
pub(super) fn sums_agree(exchange: &Exchange) {
    for (ix, market) in exchange.markets.iter().enumerate() {
        uncrossed(market);
        for side in [BookSide::Bid, BookSide::Ask] {
            levels_agree(exchange, ix, side);
        }
        let positions = all_accounts(exchange).map(|account| account.holdings[ix].position);
        let (long, short): (Vec<_>, Vec<_>) =
            positions.map(Position::centis).partition(|centis| *centis > 0);
        let (long, short) = (long.iter().sum::<i64>(), short.iter().sum::<i64>());
        assert_eq!(long + short, 0, "positions of {} sum to zero", market.ticker);
        assert_eq!(market.open_interest_centis.cast_signed(), long, "a dollar behind every pair");
    }
    for user in (0..exchange.background.0).map(UserId) {
        locks_agree(exchange, user);
        let open = u32::try_from(exchange.open_orders(user).len()).unwrap();
        assert_eq!(exchange.member(user).resting, open, "resting orders are counted");
    }
}

#[track_caller]
fn locks_agree(exchange: &Exchange, user: UserId) {
    for (number, account) in (0..).zip(&exchange.member(user).accounts) {
        let mut locked = vec![Money::ZERO; account.balances.len()];
        for (market, holding) in account.holdings.iter().enumerate() {
            for side in [BookSide::Bid, BookSide::Ask] {
                let resting = resting_of(exchange, user, number, (market, side));
                locked[usize::from(holding.shard)] += plain_lock(holding, side, &resting);
            }
        }
        let reserved: Vec<_> = account.balances.iter().map(|it| it.reserved).collect();
        assert_eq!(reserved, locked, "locks add up");
    }
}

/// An account's orders on one side of a market, first to trade first.
pub(super) fn resting_of(
    exchange: &Exchange,
    user: UserId,
    subaccount: u8,
    (market, side): (usize, BookSide),
) -> Vec<Order> {
    let orders = exchange.markets[market].book.queue(side).map(|ix| *exchange.orders.get(ix));
    orders.filter(|order| order.user == user && order.subaccount == subaccount).collect()
}

/// What one side locks, order by order: the position covers the first to trade.
fn plain_lock(holding: &Holding, side: BookSide, resting: &[Order]) -> Money {
    let mut capacity = holding.closable(side);
    let mut locked = Money::ZERO;
    for order in resting {
        let covered = order.remaining.min(capacity);
        capacity -= covered;
        locked += order.own_price() * (order.remaining - covered);
    }
    locked
}

#[track_caller]
fn levels_agree(exchange: &Exchange, ix: usize, side: BookSide) {
    let market = &exchange.markets[ix];
    let resting = resting_by_price(exchange, ix, side);
    for (price, centis) in &resting {
        assert_eq!(market.book.centis_at(side, *price), *centis);
    }
    assert_eq!(market.levels(side).count(), resting.len());
}

/// What rests, counted order by order from what members are told of their own, and the rest.
fn resting_by_price(exchange: &Exchange, market: usize, side: BookSide) -> BTreeMap<Price, u64> {
    let mut resting = BTreeMap::new();
    let members = (0..exchange.background.0).map(UserId);
    let own = members.flat_map(|user| exchange.open_orders(user));
    let own = own.map(|order| (order.market, order.side, order.price, order.remaining));
    let others = exchange.background_at(market, side);
    let others = others.map(|(_, price, remaining)| (market, side, price, remaining));
    for (at, on, price, remaining) in own.chain(others) {
        if (at, on) == (market, side) {
            *resting.entry(price).or_default() += u64::from(remaining.centis());
        }
    }
    resting
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn random_flow_conserves_everything(
        flow in prop::collection::vec(steps(), 1..120),
        cash_cents in 500_i64..20_000,
        fee_type in prop_oneof![Just(FeeType::Quadratic), Just(FeeType::QuadraticWithMakerFees)],
    ) {
        let mut first = book(&[(47, 10), (46, 10)], &[(52, 10), (53, 10)]);
        first.fee_type = fee_type;
        let mut second = first.clone();
        second.ticker = Ticker::new(b"KXTEST-26JUL14AB-B").unwrap();
        let mut exchange = exchange(&[first, second], cash_cents);
        let total = exchange.total_cash_and_collateral();
        for step in &flow {
            take(&mut exchange, step);
            prop_assert_eq!(exchange.total_cash_and_collateral(), total);
            for user in [ALICE, BOB] {
                prop_assert!(exchange.available(user) >= Money::ZERO, "{} overdrawn", user.0);
                let grid = exchange.cash(user).e8() % 10_000;
                prop_assert_eq!(grid, 0, "cash lies on the 1e-4 grid");
            }
            sums_agree(&exchange);
        }
        exchange.cancel_all(START, ALICE, None).unwrap();
        exchange.cancel_all(START, BOB, None).unwrap();
        for user in [ALICE, BOB] {
            prop_assert_eq!(exchange.available(user), exchange.cash(user));
            let account = exchange.account(user);
            let result: i64 = account
                .holdings
                .iter()
                .map(|holding| (holding.realized - holding.fees - holding.cost).e8())
                .sum();
            let change = account.cash() - Money::from_cents(cash_cents);
            prop_assert_eq!(change.e8(), result, "profit explains cash");
        }
    }
}
