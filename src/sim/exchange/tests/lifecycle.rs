//! Markets from their opening to their settlement, pauses, and what a cancel-all takes along.

use super::*;

fn until(exchange: &mut Exchange, ms: u64) -> WallTime {
    let now = START + Nanos::from_ms(ms);
    exchange.advance(now);
    now
}

fn reason(exchange: &Exchange, user: UserId, id: u128) -> UpdateReason {
    exchange.order(user, id).unwrap().reason
}

fn lifecycle_events(exchange: &mut Exchange) -> Vec<LifecycleChange> {
    let events = exchange.take_events();
    let change = |event: &ExchangeEvent| match event {
        ExchangeEvent::Lifecycle { change, .. } => Some(*change),
        _ => None,
    };
    events.iter().filter_map(change).collect()
}

#[test]
fn a_market_opens_and_closes_by_the_clock_without_telling() {
    let mut exchange = exchange(&[book(&[], &[])], 10_000);
    let (opens, closes) = (START + Nanos::from_secs(10), START + Nanos::from_secs(20));
    exchange.set_session(START, 0, Some(opens), Some(closes));
    assert_eq!(exchange.submit(START, ALICE, &bid(40, 1)), Err(Reject::MarketNotActive));

    let id = exchange.submit(opens, ALICE, &bid(40, 1)).unwrap().order.id;
    let last = START + Nanos::from_ms(19_999);
    assert!(exchange.submit(last, ALICE, &bid(41, 1)).is_ok());
    assert_eq!(exchange.submit(closes, ALICE, &bid(42, 1)), Err(Reject::MarketClosed));

    assert_eq!(exchange.cancel(closes, ALICE, id), Err(Reject::MarketClosed));
    assert_eq!(lifecycle_events(&mut exchange), []);
    until(&mut exchange, 21_000);
    assert_eq!(reason(&exchange, ALICE, id), UpdateReason::CloseCancel);
    assert_eq!(exchange.available(ALICE), exchange.cash(ALICE));
}

#[test]
fn a_moved_closing_time_replaces_the_old_one() {
    let mut exchange = usual();
    exchange.set_session(START, 0, None, Some(START + Nanos::from_secs(10)));
    let later = MarketCommand::CloseAt(START + Nanos::from_secs(30));
    exchange.command(START, 0, later).unwrap();
    let now = until(&mut exchange, 15_000);
    assert!(exchange.submit(now, ALICE, &bid(40, 1)).is_ok());
    let now = until(&mut exchange, 30_000);
    assert_eq!(exchange.submit(now, ALICE, &bid(40, 1)), Err(Reject::MarketClosed));
}

#[test]
fn reactivation_cancels_everything_that_rests() {
    let mut exchange = usual();
    let id = exchange.submit(START, ALICE, &bid(40, 1)).unwrap().order.id;
    exchange.command(START, 0, MarketCommand::Deactivate).unwrap();
    assert_eq!(exchange.submit(START, ALICE, &bid(40, 1)), Err(Reject::MarketNotActive));
    assert_eq!(exchange.open_orders(ALICE).len(), 1, "it rests through the pause");

    exchange.command(START, 0, MarketCommand::Activate).unwrap();

    assert_eq!(reason(&exchange, ALICE, id), UpdateReason::HaltCancel);
    assert_eq!(exchange.markets()[0].best(BookSide::Bid), None, "the background's orders too");
    let told = lifecycle_events(&mut exchange);
    assert_eq!(told, [LifecycleChange::Deactivated, LifecycleChange::Activated]);
}

#[test]
fn a_market_pause_cancels_the_orders_that_asked_for_it() {
    let mut exchange = usual();
    let stays = exchange.submit(START, ALICE, &bid(40, 1)).unwrap().order.id;
    let mut timid = bid(41, 1);
    timid.terms.cancel_on_pause = true;
    let goes = exchange.submit(START, ALICE, &timid).unwrap().order.id;
    exchange.command(START, 0, MarketCommand::Deactivate).unwrap();
    assert_eq!(reason(&exchange, ALICE, goes), UpdateReason::HaltCancel);
    assert_eq!(reason(&exchange, ALICE, stays), UpdateReason::None);
    assert_eq!(exchange.cancel(START, ALICE, stays).unwrap().reduced_by, whole(1));
}

#[test]
fn settlement_pays_who_was_right_and_closes_positions() {
    let mut exchange = usual();
    exchange.submit(START, ALICE, &ioc(BookSide::Bid, 52, 10)).unwrap();
    exchange.submit(START, BOB, &ioc(BookSide::Ask, 47, 4)).unwrap();
    let total = exchange.total_cash_and_collateral();
    let (alice, bob) = (exchange.cash(ALICE), exchange.cash(BOB));
    let fees = exchange.fills(ALICE)[0].fee;
    exchange.command(START, 0, MarketCommand::Close).unwrap();
    exchange.command(START, 0, MarketCommand::Determine(Outcome::Yes)).unwrap();
    assert_eq!(exchange.cash(ALICE), alice, "a determined market has not paid yet");

    let now = until(&mut exchange, 60_000);

    assert_eq!(exchange.cash(ALICE), alice + Money::from_cents(1_000));
    assert_eq!(exchange.cash(BOB), bob);
    assert_eq!(exchange.total_cash_and_collateral(), total);
    let ticker = exchange.markets()[0].ticker;
    assert_eq!(exchange.position(ALICE, &ticker), Position::FLAT);
    let expected = Settlement {
        market: 0,
        subaccount: 0,
        outcome: Outcome::Yes,
        yes: whole(10),
        yes_cost: Money::from_cents(520),
        no: Contracts::ZERO,
        no_cost: Money::ZERO,
        revenue: Money::from_cents(1_000),
        fees,
        time: now,
    };
    assert_eq!(exchange.settlements(ALICE), [expected]);
    let bobs = exchange.settlements(BOB)[0];
    assert_eq!((bobs.no, bobs.no_cost), (whole(4), Money::from_cents(4 * 53)));
    assert_eq!(bobs.revenue, Money::ZERO);
    assert_eq!(exchange.markets()[0].status, MarketStatus::Finalized);
}

#[test]
fn a_scalar_outcome_splits_the_dollar() {
    let outcome = Outcome::Scalar(370_000);
    assert_eq!(outcome.payout(Position::from_centis(150)), Money::from_micros(555_000));
    assert_eq!(outcome.payout(Position::from_centis(-150)), Money::from_micros(945_000));
    assert_eq!(Outcome::No.payout(Position::from_centis(-150)), Money::from_cents(150));
}

#[test]
fn a_dispute_stops_the_settlement_and_an_amendment_changes_it() {
    let mut exchange = usual();
    exchange.submit(START, ALICE, &ioc(BookSide::Bid, 52, 10)).unwrap();
    let cash = exchange.cash(ALICE);
    exchange.command(START, 0, MarketCommand::Close).unwrap();
    exchange.command(START, 0, MarketCommand::Determine(Outcome::No)).unwrap();
    exchange.command(START, 0, MarketCommand::Dispute).unwrap();

    let now = until(&mut exchange, 600_000);
    assert_eq!(exchange.markets()[0].status, MarketStatus::Disputed);
    let disputed = Err(LifecycleError { status: MarketStatus::Disputed });
    assert_eq!(exchange.command(now, 0, MarketCommand::Settle), disputed);
    exchange.command(now, 0, MarketCommand::Amend(Outcome::Yes)).unwrap();
    exchange.command(now, 0, MarketCommand::Settle).unwrap();

    assert_eq!(exchange.cash(ALICE), cash + Money::from_cents(1_000));
    let again = exchange.command(now, 0, MarketCommand::Settle);
    assert_eq!(again, Err(LifecycleError { status: MarketStatus::Finalized }));
}

#[test]
fn a_lifted_dispute_waits_for_its_settlement_anew() {
    let mut exchange = usual();
    exchange.submit(START, ALICE, &ioc(BookSide::Bid, 52, 10)).unwrap();
    let cash = exchange.cash(ALICE);
    exchange.command(START, 0, MarketCommand::Close).unwrap();
    let early = exchange.command(START, 0, MarketCommand::Uphold);
    assert_eq!(early, Err(LifecycleError { status: MarketStatus::Closed }));
    exchange.command(START, 0, MarketCommand::Determine(Outcome::Yes)).unwrap();
    exchange.command(START, 0, MarketCommand::Dispute).unwrap();
    let lifted = until(&mut exchange, 50_000);
    exchange.command(lifted, 0, MarketCommand::Uphold).unwrap();

    // The settlement that the dispute stopped was a minute after the start.
    until(&mut exchange, 109_999);
    assert_eq!(exchange.markets()[0].status, MarketStatus::Determined);
    assert_eq!(exchange.cash(ALICE), cash);
    let settled = until(&mut exchange, 110_000);

    assert_eq!(exchange.markets()[0].settled, Some(settled));
    assert_eq!(exchange.cash(ALICE), cash + Money::from_cents(1_000));
}

#[test]
fn an_amended_outcome_is_paid_out_by_itself() {
    let mut exchange = usual();
    exchange.command(START, 0, MarketCommand::Close).unwrap();
    for command in [
        MarketCommand::Determine(Outcome::No),
        MarketCommand::Dispute,
        MarketCommand::Amend(Outcome::Yes),
    ] {
        exchange.command(START, 0, command).unwrap();
    }
    until(&mut exchange, 59_999);
    assert_eq!(exchange.markets()[0].status, MarketStatus::Amended);
    until(&mut exchange, 60_000);
    assert_eq!(exchange.markets()[0].status, MarketStatus::Finalized);
}

#[test]
fn a_market_says_when_something_beside_its_trading_changed() {
    let mut exchange = usual();
    let updated = |exchange: &Exchange| exchange.markets()[0].updated;
    let now = until(&mut exchange, 1_000);
    exchange.submit(now, ALICE, &ioc(BookSide::Bid, 52, 10)).unwrap();
    assert_eq!(updated(&exchange), START, "trading is nothing of it");
    exchange.retitle(now, 0, Subtitle::lossy("above 3"));
    assert_eq!(updated(&exchange), now);
    let now = until(&mut exchange, 2_000);
    exchange.waive_fees(now, 0, now);
    assert_eq!(updated(&exchange), now);
    let closes = START + Nanos::from_secs(5);
    let now = until(&mut exchange, 3_000);
    exchange.command(now, 0, MarketCommand::CloseAt(closes)).unwrap();
    assert_eq!(updated(&exchange), now);
    let now = until(&mut exchange, 5_500);
    assert_eq!(updated(&exchange), closes, "the clock closed it");
    let refused = exchange.command(now, 0, MarketCommand::Settle);
    assert_eq!(refused, Err(LifecycleError { status: MarketStatus::Closed }));
    assert_eq!(updated(&exchange), closes, "a refused command changes nothing");
}

#[test]
fn steps_of_a_markets_life_come_in_their_order() {
    let mut exchange = usual();
    let early = exchange.command(START, 0, MarketCommand::Determine(Outcome::Yes));
    assert_eq!(early, Err(LifecycleError { status: MarketStatus::Active }));
    let early = exchange.command(START, 0, MarketCommand::Settle);
    assert_eq!(early.unwrap_err().to_string(), "the market is active");
    exchange.command(START, 0, MarketCommand::Close).unwrap();
    let late = exchange.command(START, 0, MarketCommand::Activate);
    assert_eq!(late, Err(LifecycleError { status: MarketStatus::Closed }));
}

#[test]
fn resting_orders_carry_over_to_another_price_structure() {
    let mut exchange = usual();
    let id = exchange.submit(START, ALICE, &bid(40, 1)).unwrap().order.id;
    let mut fine = bid(40, 1);
    fine.price = Price::from_micros(405_000).unwrap();
    assert_eq!(exchange.submit(START, ALICE, &fine), Err(Reject::InvalidPrice));
    let finer = MarketCommand::Restructure(PriceStructure::DeciCent);
    exchange.command(START, 0, finer).unwrap();
    assert!(exchange.submit(START, ALICE, &fine).is_ok());
    assert!(exchange.cancel(START, ALICE, id).is_ok());
}

#[test]
fn a_cancel_all_may_take_the_orders_of_the_next_minute_with_it() {
    let mut exchange = usual();
    exchange.set_rules(Rules { cancel_all_tail_per_mille: 1_000, ..Rules::default() });
    let before = exchange.submit(START, ALICE, &bid(40, 1)).unwrap().order.id;
    assert_eq!(exchange.cancel_all(START, ALICE, None), Ok(1));
    assert_eq!(reason(&exchange, ALICE, before), UpdateReason::Decrease);

    let now = until(&mut exchange, 59_000);
    let inside = exchange.submit(now, ALICE, &bid(40, 1)).unwrap().order;
    let other = exchange.submit(now, BOB, &bid(40, 1)).unwrap().order.id;
    assert_eq!(inside.status, OrderStatus::Resting, "it is accepted first");
    let now = until(&mut exchange, 60_000);
    let after = exchange.submit(now, ALICE, &bid(40, 1)).unwrap().order.id;
    until(&mut exchange, 70_000);

    assert_eq!(exchange.order(ALICE, inside.id).unwrap().status, OrderStatus::Canceled);
    assert_eq!(exchange.order(ALICE, after).unwrap().status, OrderStatus::Resting);
    assert_eq!(exchange.order(BOB, other).unwrap().status, OrderStatus::Resting);
}

#[test]
fn without_a_tail_a_cancel_all_ends_with_itself() {
    let mut exchange = usual();
    exchange.cancel_all(START, ALICE, None).unwrap();
    let id = exchange.submit(START, ALICE, &bid(40, 1)).unwrap().order.id;
    until(&mut exchange, 61_000);
    assert_eq!(exchange.order(ALICE, id).unwrap().status, OrderStatus::Resting);
}

#[test]
fn an_event_charges_what_overrides_its_series() {
    let mut exchange = usual();
    let free = FeeOverride { fee_type: FeeType::Quadratic, multiplier_ppm: 0 };
    let fee_of = |exchange: &mut Exchange| {
        exchange.submit(START, ALICE, &ioc(BookSide::Bid, 52, 1)).unwrap().fees
    };
    assert_eq!(fee_of(&mut exchange), Money::from_micros(17_500));
    assert!(exchange.override_fees(START, 0, Some(free)));
    assert_eq!(fee_of(&mut exchange), Money::ZERO);
    assert_eq!(exchange.markets()[0].fee_type, FeeType::Quadratic, "the series stays");
    assert!(exchange.override_fees(START, 0, None));
    assert_eq!(fee_of(&mut exchange), Money::from_micros(17_500));
    let absurd = FeeOverride { multiplier_ppm: u32::MAX, ..free };
    assert!(!exchange.override_fees(START, 0, Some(absurd)));
    assert_eq!(exchange.fee_changes().len(), 2);
}

#[test]
fn a_market_can_be_listed_while_others_trade() {
    let mut exchange = usual();
    let total = exchange.total_cash_and_collateral();
    let ticker = Ticker::new(b"KXTEST-26JUL15CD-C").unwrap();
    assert!(exchange.list_market(START, ticker));
    assert!(!exchange.list_market(START, ticker), "it is there");
    let market = exchange.find_market(&ticker).unwrap();

    exchange.submit(START, ALICE, &NewOrder { market, ..bid(40, 5) }).unwrap();
    exchange.submit(START, BOB, &NewOrder { market, ..ioc(BookSide::Ask, 40, 2) }).unwrap();

    assert_eq!(exchange.position(ALICE, &ticker), Position::from_centis(200));
    assert_eq!(exchange.total_cash_and_collateral(), total);
    let subaccount = exchange.create_subaccount(ALICE).unwrap();
    assert_eq!(subaccount, 1, "new accounts know the new market too");
}
