//! What a refused order leaves behind: nothing. And fill-or-kill: whole, or nothing, or, where it
//! meets an order of its own member, like immediate-or-cancel.

use super::*;

/// Everything that a refused request could have changed.
pub(super) fn picture(exchange: &Exchange) -> String {
    let Exchange { markets, members, expiries, timers, groups, events, ids, .. } = exchange;
    let counts = (exchange.arrivals, exchange.places, exchange.trades, exchange.fees);
    format!("{markets:?}{members:?}{expiries:?}{timers:?}{groups:?}{events:?}{ids:?}{counts:?}")
}

#[track_caller]
fn is_refused(exchange: &mut Exchange, user: UserId, new: &NewOrder, reject: Reject) {
    let before = picture(exchange);
    assert_eq!(exchange.submit(START, user, new), Err(reject));
    assert_eq!(picture(exchange), before);
}

fn fok(side: BookSide, price: u32, count: u32) -> NewOrder {
    order(side, price, count, TimeInForce::FillOrKill)
}

fn cancelling_own(new: NewOrder) -> NewOrder {
    let terms = OrderTerms { self_trade_prevention: SelfTradePrevention::Maker, ..new.terms };
    NewOrder { terms, ..new }
}

/// No bids; so many contracts offered at 50 cents. Alice and Bob have $50 each.
fn offered(fee_type: FeeType, count: u32) -> Exchange {
    let offers: &[(u32, u32)] = if count == 0 { &[] } else { &[(50, count)] };
    exchange(&[BookSeed { fee_type, ..book(&[], offers) }], 5_000)
}

#[test]
fn a_refused_order_leaves_its_members_resting_orders() {
    let mut exchange = offered(FeeType::Quadratic, 98);
    // Her own order is first in the way. It locks 51 cents, which its end will free.
    exchange.submit(START, ALICE, &ask(49, 1)).unwrap();

    // $49 and a fee of $1.72 are more than she has, even so.
    let all = cancelling_own(ioc(BookSide::Bid, 50, 98));
    is_refused(&mut exchange, ALICE, &all, Reject::InsufficientBalance);

    assert_eq!(exchange.open_orders(ALICE).len(), 1);
}

#[test]
fn a_refused_order_leaves_a_poor_maker_resting() {
    let mut exchange = offered(FeeType::QuadraticWithMakerFees, 100);
    exchange.submit(START, BOB, &ask(49, 98)).unwrap();
    let poor = exchange.open_orders(BOB);

    // Bob's fee is more than the two cents he has left. Alice could pay him, but not who is next.
    is_refused(&mut exchange, ALICE, &ioc(BookSide::Bid, 50, 100), Reject::InsufficientBalance);

    assert_eq!(exchange.open_orders(BOB), poor);
}

#[test]
fn what_cancelling_its_own_order_frees_pays_for_an_order() {
    let mut exchange = offered(FeeType::Quadratic, 0);
    exchange.submit(START, ALICE, &ask(50, 90)).unwrap();
    exchange.quote(START, 0, BookSide::Ask, cents(50), whole(10));
    // $5 are left: enough for ten at 50 cents, not for the fee.
    assert_eq!(exchange.available(ALICE), Money::from_cents(500));

    let taken = exchange.submit(START, ALICE, &cancelling_own(ioc(BookSide::Bid, 50, 10)));

    assert_eq!(taken.unwrap().filled, whole(10));
    assert!(exchange.open_orders(ALICE).is_empty(), "her own was in the way");
}

#[test]
fn a_refused_amendment_leaves_the_order_resting() {
    let mut exchange = offered(FeeType::Quadratic, 100);
    let id = exchange.submit(START, ALICE, &bid(49, 100)).unwrap().order.id;
    let change = Amendment {
        market: 0,
        side: BookSide::Bid,
        price: cents(50),
        total: whole(100),
        client_order_id: ClientText::EMPTY,
        updated_client_order_id: ClientText::EMPTY,
        expiry: Expiry::Keep,
    };
    let before = picture(&exchange);
    let refused = exchange.amend(START, ALICE, id, &change);
    assert_eq!(refused, Err(Reject::InsufficientBalance), "the fee is more than it has left");
    assert_eq!(picture(&exchange), before);
}

#[test]
fn fill_or_kill_is_refused_whole_when_a_maker_could_not_pay() {
    let mut exchange = offered(FeeType::QuadraticWithMakerFees, 10);
    exchange.submit(START, BOB, &ask(49, 98)).unwrap();
    is_refused(&mut exchange, ALICE, &fok(BookSide::Bid, 50, 20), Reject::FillOrKill);

    exchange.quote(START, 0, BookSide::Ask, cents(50), whole(10));
    let filled = exchange.submit(START, ALICE, &fok(BookSide::Bid, 50, 20)).unwrap();
    assert_eq!(filled.filled, whole(20), "there is enough without him");
    assert!(exchange.open_orders(BOB).is_empty());
}

#[test]
fn fill_or_kill_is_refused_when_its_group_would_stop_it_half_way() {
    let mut exchange = usual();
    let limit = whole(9);
    let new = NewGroup { subaccount: 0, exchange_index: 0, limit };
    let group = Some(exchange.create_group(START, ALICE, &new).unwrap());
    let both_levels = NewOrder { group, ..fok(BookSide::Bid, 53, 11) };
    is_refused(&mut exchange, ALICE, &both_levels, Reject::FillOrKill);
    // The fill that exceeds the limit is its last one.
    let one_level = NewOrder { group, ..fok(BookSide::Bid, 53, 10) };
    assert_eq!(exchange.submit(START, ALICE, &one_level).unwrap().filled, whole(10));
}

#[test]
fn fill_or_kill_that_meets_its_own_order_keeps_what_it_filled() {
    for prevention in [SelfTradePrevention::TakerAtCross, SelfTradePrevention::Maker] {
        let mut exchange = usual();
        // Ten at 52 are somebody's, then five of her own, then ten more at 53.
        exchange.submit(START, ALICE, &ask(52, 5)).unwrap();
        let mut new = fok(BookSide::Bid, 53, 22);
        new.terms.self_trade_prevention = prevention;

        let receipt = exchange.submit(START, ALICE, &new).unwrap();

        let (filled, reason, own) = match prevention {
            SelfTradePrevention::TakerAtCross => (10, UpdateReason::SelfTradeCancel, 1),
            SelfTradePrevention::Maker => (20, UpdateReason::None, 0),
        };
        assert_eq!(receipt.filled, whole(filled));
        assert_eq!((receipt.order.status, receipt.order.reason), (OrderStatus::Canceled, reason));
        assert_eq!(exchange.open_orders(ALICE).len(), own);
    }
}

#[test]
fn fill_or_kill_is_refused_when_even_its_own_orders_would_not_do() {
    let mut exchange = usual();
    exchange.submit(START, ALICE, &ask(52, 5)).unwrap();
    is_refused(&mut exchange, ALICE, &fok(BookSide::Bid, 53, 26), Reject::FillOrKill);
}

#[test]
fn fill_or_kill_does_not_mind_its_own_order_behind_what_it_needs() {
    let mut exchange = usual();
    exchange.submit(START, ALICE, &ask(53, 5)).unwrap();
    let receipt = exchange.submit(START, ALICE, &fok(BookSide::Bid, 53, 20)).unwrap();
    assert_eq!(receipt.order.status, OrderStatus::Executed);
    assert_eq!(exchange.open_orders(ALICE).len(), 1);
}
