//! Books against the exchange: what counts, what is repaired, what stops trading, and what ends it.

use super::desk::{A, B, Desk, cents, order_id, ticker};
use crate::ids::{ClientOrderId, MarketIx, OrderId, RunId};
use crate::message::{
    Action, BookSide, CashThere, Command, ControlCommand, ExchangeStatus, FeedEvent, FetchCommand,
    FetchEvent, Fill, HeldThere, NewOrder, OrderReport, Origin, TimeInForce,
};
use crate::oms::Input;
use crate::oms::config::{Foreign, Orphans};
use crate::order::{Order, State};
use crate::recorder::record::Record;
use crate::risk::BreakerState;
use crate::units::{Contracts, Money, Nanos, Position, WallTime};

fn held(name: &str, centis: i64) -> FetchEvent {
    let (ticker, position) = (ticker(name), Position::from_centis(centis));
    FetchEvent::Held(HeldThere { ticker, position, cost: Money::from_cents(100) })
}

fn cash(desk: &Desk, more_cents: i64) -> FetchEvent {
    let cash = desk.core.account().cash() + Money::from_cents(more_cents);
    FetchEvent::Cash(CashThere { shard: None, cash })
}

/// Ten YES at 40 that rest, as the exchange lists them.
fn resting(desk: &Desk, id: &str, ours: Option<ClientOrderId>, filled: u32) -> OrderReport {
    OrderReport {
        order_id: OrderId::lossy(id),
        client_order_id: ours,
        ticker: ticker(A),
        side: BookSide::Bid,
        price: cents(40),
        status: ExchangeStatus::Resting,
        filled: Contracts::from_whole(filled),
        remaining: Contracts::from_whole(10 - filled),
        expired: false,
        received: desk.now.mono,
        origin: Origin::Rest,
    }
}

/// An order of ours that rests here.
fn rest(desk: &mut Desk) -> NewOrder {
    let signal = desk.signal("r", Action::BuyYes, TimeInForce::GoodTillCanceled);
    desk.tell(&Input::Signal(signal));
    let order = desk.last_order();
    desk.accept(&order, Contracts::ZERO);
    order
}

fn orphan(desk: &Desk) -> OrderReport {
    resting(desk, "orphan", Some(ClientOrderId::new(RunId::new(99), 3)), 0)
}

fn adopted(desk: &Desk) -> Order {
    *desk.core.orders().live_orders().next().expect("it has a place")
}

fn looked_up(desk: &Desk, id: &str) -> bool {
    let is_it = |ask: &FetchCommand| match ask {
        FetchCommand::Order { order_id, .. } => order_id.as_str() == id,
        _ => false,
    };
    desk.asks.iter().any(is_it)
}

#[test]
fn equal_books_say_nothing_and_are_read_again_a_minute_later() {
    let mut desk = Desk::new(|_| {});
    desk.buy_ten("a");
    desk.compare(&[]);
    assert!(desk.alerts().is_empty(), "{:?}", desk.alerts());
    let before = readings(&desk);
    desk.pass(Nanos::from_secs(59));
    assert_eq!(readings(&desk), before);
    desk.pass(Nanos::from_secs(2));
    assert_eq!(readings(&desk), before + 1);
}

fn readings(desk: &Desk) -> usize {
    desk.asks.iter().filter(|ask| matches!(ask, FetchCommand::Account { .. })).count()
}

/// Something happens in the first market while the account is read.
fn read_while_busy(desk: &mut Desk) {
    desk.buy_ten("a");
    desk.tell(&Input::Control(ControlCommand::Reconcile));
    desk.pass(Nanos::from_ms(1));
    desk.core.reconciling.touch(MarketIx(0), desk.now.mono);
    desk.fetched(FetchEvent::AccountRead);
    desk.pass(Nanos::ZERO);
}

#[test]
fn a_market_that_was_left_out_is_looked_at_again_soon() {
    let mut desk = Desk::new(|_| {});
    read_while_busy(&mut desk);
    let before = readings(&desk);
    desk.pass(Nanos::from_ms(1_500));
    assert_eq!(readings(&desk), before + 1, "not only after a minute");
    // Nothing is left out any more.
    desk.fetched(held(A, 1_000));
    desk.fetched(FetchEvent::AccountRead);
    desk.pass(Nanos::from_secs(20));
    assert!(desk.core.guard().mismatches() == 0, "{:?}", desk.alerts());
}

#[test]
fn a_market_that_is_always_busy_has_the_account_read_so_often_and_no_more() {
    let mut desk = Desk::new(|_| {});
    read_while_busy(&mut desk);
    let before = readings(&desk);
    for _ in 0..20 {
        desk.pass(Nanos::from_ms(1_500));
        if readings(&desk) > before {
            desk.core.reconciling.touch(MarketIx(0), desk.now.mono);
            for fill in desk.fills.clone() {
                desk.fetched(FetchEvent::Fill(fill));
            }
            desk.fetched(FetchEvent::AccountRead);
            desk.pass(Nanos::ZERO);
        }
    }
    assert_eq!(readings(&desk) - before, 5);
}

#[test]
fn a_position_that_differs_once_is_no_evidence() {
    let mut desk = Desk::new(|_| {});
    desk.compare(&[held(A, 300)]);
    assert_eq!(desk.core.guard().mismatches(), 0);
    desk.compare(&[]);
    desk.compare(&[held(A, 300)]);
    assert_eq!(desk.core.guard().mismatches(), 0);
    assert!(desk.alerts().is_empty());
}

#[test]
fn a_position_that_differs_for_good_stops_trading_until_it_is_equal() {
    let mut desk = Desk::new(|_| {});
    desk.compare(&[held(A, 300)]);
    desk.compare(&[held(A, 300)]);
    assert_eq!(desk.core.guard().mismatches(), 1);
    assert_eq!(desk.core.guard().breaker().state(), BreakerState::Open);
    assert!(desk.alerts().iter().any(|alert| alert.starts_with("R7 positions: 0.00 here, 3.00")));

    let told = desk.alerts().len();
    desk.compare(&[held(A, 300)]);
    assert_eq!(desk.alerts().len(), told, "told once");
    assert_eq!(desk.core.guard().mismatches(), 1);

    desk.compare(&[]);
    assert_eq!(desk.core.guard().mismatches(), 0);
    assert_eq!(desk.alerts().last().map(String::as_str), Some("books and exchange agree again"));
}

#[test]
fn what_trades_between_two_readings_is_no_mismatch() {
    let mut desk = Desk::new(|_| {});
    let bought = desk.stranger(A, BookSide::Bid, cents(40), 3);
    desk.compare(&[held(A, 300)]);
    // The news was only late.
    desk.tell(&Input::Feed(FeedEvent::Fill(bought)));
    desk.compare(&[]);
    assert_eq!(desk.core.guard().mismatches(), 0);
    assert!(desk.alerts().is_empty(), "{:?}", desk.alerts());
}

#[test]
fn a_reading_that_failed_is_no_evidence_and_is_made_again() {
    let mut desk = Desk::new(|_| {});
    desk.compare(&[held(A, 300)]);
    desk.pass(Nanos::from_secs(2));
    assert!(matches!(desk.asks.last(), Some(FetchCommand::Account { .. })), "looked at again");
    desk.fetched(held(A, 300));
    desk.fetched(FetchEvent::AccountFailed);
    assert_eq!(desk.core.guard().mismatches(), 0);
    let asked = desk.asks.len();
    desk.pass(Nanos::from_secs(5));
    assert_eq!(desk.asks.len(), asked + 1);
}

#[test]
fn a_market_in_which_an_order_is_under_way_is_not_compared() {
    let mut desk = Desk::new(|_| {});
    let signal = desk.signal("a", Action::BuyYes, TimeInForce::ImmediateOrCancel);
    desk.tell(&Input::Signal(signal));
    let order = desk.last_order();
    desk.sent(&order);
    desk.compare(&[held(A, 1_000)]);
    desk.compare(&[held(A, 1_000)]);
    assert_eq!(desk.core.guard().mismatches(), 0);
}

#[test]
fn after_a_resume_the_books_follow_the_exchange() {
    let mut desk = Desk::new(|_| {});
    let there = cash(&desk, -120);
    desk.compare(&[held(A, 300), there]);
    desk.compare(&[held(A, 300), there]);
    assert_eq!(desk.core.guard().mismatches(), 1, "cash waits for positions");
    desk.tell(&Input::Control(ControlCommand::Resume));
    desk.compare(&[held(A, 300), there]);
    let position = |desk: &Desk| desk.core.account().holding(MarketIx(0)).position;
    assert_eq!(position(&desk), Position::FLAT, "a settlement may still explain it");
    for _ in 0..2 {
        desk.fetched(FetchEvent::SettlementsDone);
        desk.compare(&[held(A, 300), there]);
    }
    assert_eq!(position(&desk), Position::from_centis(300));
    for _ in 0..4 {
        desk.fetched(FetchEvent::SettlementsDone);
        desk.compare(&[there]);
    }
    assert_eq!(desk.core.account().cash(), Money::from_cents(1_000_000 - 120));
    assert_eq!(desk.core.guard().mismatches(), 0);
    desk.compare(&[]);
    desk.compare(&[held(B, 100)]);
    desk.compare(&[held(B, 100)]);
    assert_eq!(desk.core.guard().mismatches(), 1, "a resume takes over once");
}

#[test]
fn cash_that_differs_for_good_stops_trading() {
    let mut desk = Desk::new(|_| {});
    let there = cash(&desk, 5_000);
    desk.compare(&[there]);
    desk.compare(&[there]);
    assert_eq!(desk.core.guard().mismatches(), 1);
    assert!(desk.alerts().iter().any(|alert| alert.starts_with("R8 cash")), "{:?}", desk.alerts());
    desk.compare(&[]);
    assert_eq!(desk.core.guard().mismatches(), 0);
}

#[test]
fn cash_is_not_compared_while_an_order_may_lock_some() {
    let mut desk = Desk::new(|_| {});
    let foreign = FetchEvent::OpenOrder(resting(&desk, "theirs", None, 0));
    for _ in 0..3 {
        desk.compare(&[cash(&desk, -400), foreign]);
    }
    assert_eq!(desk.core.guard().mismatches(), 0);
}

#[test]
fn a_missed_fill_is_booked_by_the_reading() {
    let mut desk = Desk::new(|_| {});
    let missed = Fill { origin: Origin::Rest, ..desk.stranger(A, BookSide::Bid, cents(40), 3) };
    desk.compare(&[held(A, 300), FetchEvent::Fill(missed)]);
    desk.compare(&[FetchEvent::Fill(missed)]);
    assert_eq!(desk.core.account().holding(MarketIx(0)).position, Position::from_centis(300));
    assert_eq!(desk.core.guard().mismatches(), 0);
}

#[test]
fn a_voided_fill_is_taken_back_when_two_readings_lack_it() {
    let mut desk = Desk::new(|_| {});
    desk.pass(Nanos::from_secs(30));
    let cash_before = desk.core.account().cash();
    desk.buy_ten("a");
    desk.compare(&[]);
    desk.fills.clear();
    let (voided_cash, flat) =
        (FetchEvent::Cash(CashThere { shard: None, cash: cash_before }), held(A, 0));
    desk.compare(&[flat, voided_cash]);
    assert_eq!(desk.core.account().holding(MarketIx(0)).position, Position::from_centis(1_000));
    desk.compare(&[flat, voided_cash]);

    assert_eq!(desk.core.account().holding(MarketIx(0)).position, Position::FLAT);
    assert_eq!(desk.core.account().cash(), cash_before, "price and fee are back");
    assert!(desk.records.iter().any(|record| matches!(record, Record::FillVoided { .. })));
    desk.compare(&[]);
    desk.compare(&[]);
    assert_eq!(desk.core.guard().mismatches(), 0);
    assert_eq!(desk.core.day().fees, Money::ZERO);
}

#[test]
fn an_orphan_is_held_against_the_limits_looked_up_and_cancelled() {
    let mut desk = Desk::new(|_| {});
    let row = FetchEvent::OpenOrder(orphan(&desk));
    desk.compare(&[row]);
    let order = adopted(&desk);
    assert_eq!(order.state(), State::Unknown);
    assert_eq!(desk.core.exposure().market(MarketIx(0)).bids, Contracts::from_whole(10));
    assert!(looked_up(&desk, "orphan"));

    desk.fetched(FetchEvent::Order { key: order.key(), report: orphan(&desk) });
    desk.pass(Nanos::ZERO);
    assert_eq!(desk.cancels(), 1);
    desk.compare(&[row]);
    assert_eq!(desk.core.orders().live(), 1, "adopted once");
}

#[test]
fn an_adopted_orphan_lives_on_and_its_fills_are_booked() {
    let mut desk = Desk::new(|config| config.orders.reconcile.orphans = Orphans::Adopt);
    let row = FetchEvent::OpenOrder(orphan(&desk));
    desk.compare(&[row]);
    let order = adopted(&desk);
    desk.fetched(FetchEvent::Order { key: order.key(), report: orphan(&desk) });
    desk.pass(Nanos::from_secs(40));
    assert_eq!(desk.cancels(), 0);
    assert_eq!(adopted(&desk).state(), State::Resting);

    let id = OrderId::lossy("orphan");
    let fill = Fill { order_id: id, ..desk.stranger(A, BookSide::Bid, cents(40), 10) };
    desk.tell(&Input::Feed(FeedEvent::Fill(fill)));
    assert_eq!(desk.order(order.key()).state(), State::Filled);
    assert_eq!(desk.core.account().holding(MarketIx(0)).position, Position::from_centis(1_000));
    assert!(desk.core.exposure().market(MarketIx(0)).bids.is_zero());
}

#[test]
fn what_an_orphan_filled_before_the_run_is_in_the_opening_books_already() {
    let mut desk = Desk::new(|_| {});
    let before = resting(&desk, "orphan", Some(ClientOrderId::new(RunId::new(99), 3)), 4);
    desk.compare(&[FetchEvent::OpenOrder(before)]);
    let key = adopted(&desk).key();
    let old = Fill {
        order_id: before.order_id,
        client_order_id: before.client_order_id,
        exchange_time: WallTime::from_unix_ms(1_000),
        origin: Origin::Rest,
        ..desk.stranger(A, BookSide::Bid, cents(40), 4)
    };
    desk.fetched(FetchEvent::Fill(old));
    desk.fetched(FetchEvent::Order { key, report: before });
    assert_eq!(desk.order(key).filled(), Contracts::from_whole(4));
    assert_eq!(desk.core.account().holding(MarketIx(0)).position, Position::FLAT);
    assert_eq!(desk.core.exposure().market(MarketIx(0)).bids, Contracts::from_whole(6));
}

#[test]
fn others_orders_are_left_alone_unless_told_otherwise() {
    let mut desk = Desk::new(|_| {});
    let row = FetchEvent::OpenOrder(resting(&desk, "theirs", None, 0));
    desk.compare(&[row]);
    assert_eq!((desk.cancels(), desk.core.orders().live()), (0, 0));

    let mut desk = Desk::new(|config| config.orders.reconcile.foreign = Foreign::Cancel);
    desk.compare(&[row]);
    let is_theirs = |command: &Command| match command {
        Command::Cancel(cancel) => cancel.order_id.as_str() == "theirs",
        _ => false,
    };
    let cancelled = desk.commands.iter().any(is_theirs);
    assert!(cancelled);
    assert_eq!(desk.core.orders().live(), 0, "nothing of ours");
}

#[test]
fn a_resting_order_that_is_gone_there_is_looked_up() {
    let mut desk = Desk::new(|_| {});
    let order = rest(&mut desk);
    desk.compare(&[]);
    assert_eq!(desk.order(order.key).state(), State::Resting, "once is no evidence");
    desk.compare(&[]);
    assert_eq!(desk.order(order.key).state(), State::Unknown);
    assert!(looked_up(&desk, order_id(&order).as_str()));
}

#[test]
fn an_order_that_filled_further_there_is_looked_up() {
    let mut desk = Desk::new(|_| {});
    let order = rest(&mut desk);
    let id = order_id(&order);
    let there = resting(&desk, id.as_str(), Some(order.client_order_id), 4);
    desk.compare(&[FetchEvent::OpenOrder(there)]);
    desk.compare(&[FetchEvent::OpenOrder(there)]);
    assert!(looked_up(&desk, id.as_str()));
    assert!(desk.alerts().iter().any(|alert| alert.starts_with("R4")), "{:?}", desk.alerts());
}

#[test]
fn an_order_that_is_over_here_and_rests_there_is_cancelled() {
    let mut desk = Desk::new(|_| {});
    desk.buy_ten("a");
    let order = desk.last_order();
    let there = resting(&desk, order_id(&order).as_str(), Some(order.client_order_id), 0);
    desk.compare(&[FetchEvent::OpenOrder(there)]);
    assert_eq!(desk.cancels(), 0, "the listing may lag");
    desk.compare(&[FetchEvent::OpenOrder(there)]);
    assert_eq!(desk.cancels(), 1);
}
