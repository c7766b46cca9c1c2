//! A market that stops: nothing of ours rests there any longer. And what makes a retry blind.

use super::desk::{A, B, Desk, cents, order_id, ticker};
use crate::ids::OrderId;
use crate::message::{
    Action, BestQuote, BookSide, Command, FeedEvent, FetchCommand, FetchEvent, Fill, GatewayEvent,
    NewOrder, TimeInForce,
};
use crate::oms::Input;
use crate::order::State;
use crate::recorder::record::Outcome;
use crate::risk::{Limit, Refusal, SportIx};
use crate::units::{Contracts, Money, Nanos, WallTime};

fn rest(desk: &mut Desk, id: &str, market: &str) -> NewOrder {
    let mut signal = desk.signal(id, Action::BuyYes, TimeInForce::GoodTillCanceled);
    signal.ticker = ticker(market);
    desk.tell(&Input::Signal(signal));
    desk.last_order()
}

fn cancelled(desk: &Desk) -> Vec<OrderId> {
    let id = |command: &Command| match command {
        Command::Cancel(cancel) => Some(cancel.order_id),
        _ => None,
    };
    desk.commands.iter().filter_map(id).collect()
}

#[test]
fn repeated_execution_cancels_what_rests_in_its_market_and_only_there() {
    let mut desk = Desk::new(|config| config.limits.open_orders_per_market_max = 9);
    let elsewhere = rest(&mut desk, "b", B);
    desk.accept(&elsewhere, Contracts::ZERO);
    let first = rest(&mut desk, "1", A);
    desk.accept(&first, Contracts::ZERO);
    let second = rest(&mut desk, "2", A);
    desk.accept(&second, Contracts::ZERO);
    assert!(cancelled(&desk).is_empty());

    // The third within ten seconds is the last, and it is still on its way.
    let third = rest(&mut desk, "3", A);
    assert_eq!(cancelled(&desk), [order_id(&first), order_id(&second)]);

    desk.accept(&third, Contracts::ZERO);
    desk.pass(Nanos::from_ms(1));
    let all = [order_id(&first), order_id(&second), order_id(&third)];
    assert_eq!(cancelled(&desk), all, "it rests, and is not wanted");
}

#[test]
fn an_illegal_step_cancels_what_rests_in_its_market() {
    let mut desk = Desk::new(|_| {});
    let resting = rest(&mut desk, "rests", A);
    desk.accept(&resting, Contracts::ZERO);
    let other = rest(&mut desk, "other", A);
    desk.accept(&other, Contracts::ZERO);
    // More than it was for.
    desk.fill(&other, 10);
    desk.fill(&other, 1);
    assert!(desk.alerts().iter().any(|alert| alert.contains("illegal step")));
    assert_eq!(cancelled(&desk), [order_id(&resting)]);
}

#[test]
fn a_retry_is_not_made_where_nobody_asks() {
    let mut desk = Desk::new(|_| {});
    let first = rest(&mut desk, "a", A);
    desk.accept(&first, Contracts::ZERO);
    desk.pass(Nanos::from_secs(30));
    let key = first.key;
    desk.tell(&Input::Gateway(GatewayEvent::CancelSent { key }));
    let reduced_by = first.quantity;
    desk.tell(&Input::Gateway(GatewayEvent::CancelAccepted { key, reduced_by }));
    assert!(desk.asks.iter().any(|ask| matches!(ask, FetchCommand::Quote { .. })));
    let (bid, as_of) = (Some(cents(40)), desk.now.wall);
    desk.fetched(FetchEvent::Quote(BestQuote { ticker: ticker(A), bid, ask: None, as_of }));

    assert_eq!(desk.submits(), 1);
    let result = desk.results()[0];
    assert_eq!(result.outcome, Outcome::Ended(State::Canceled));
    assert!(result.error.is_some_and(|error| error.code.to_string() == "no_quote"), "{result:?}");
}

/// Its signal told no time: once the market cannot be read either, nothing says how old it is.
#[test]
fn a_retry_is_not_made_by_a_signal_without_a_time_when_prices_cannot_be_read() {
    let mut desk = Desk::new(|_| {});
    let mut signal = desk.signal("a", Action::BuyYes, TimeInForce::GoodTillCanceled);
    signal.produced_at = None;
    desk.tell(&Input::Signal(signal));
    let first = desk.last_order();
    desk.accept(&first, Contracts::ZERO);
    desk.pass(Nanos::from_secs(30));
    let key = first.key;
    desk.tell(&Input::Gateway(GatewayEvent::CancelSent { key }));
    let reduced_by = first.quantity;
    desk.tell(&Input::Gateway(GatewayEvent::CancelAccepted { key, reduced_by }));
    desk.fetched(FetchEvent::QuoteFailed { ticker: ticker(A) });

    assert_eq!(desk.submits(), 1);
    let error = desk.results()[0].error.expect("why nothing followed");
    assert_eq!(error.code.to_string(), "retry_refused");
    assert!(error.message.to_string().starts_with("signal_age"), "{}", error.message);
}

#[test]
fn a_signal_without_a_time_is_as_old_as_its_arrival() {
    let mut desk = Desk::new(|_| {});
    let mut late = desk.signal("a", Action::BuyYes, TimeInForce::ImmediateOrCancel);
    late.produced_at = None;
    let mut in_time = late;
    in_time.id = crate::ids::SignalId::new(b"b").expect("a plain id");
    desk.pass(Nanos::from_ms(500));
    desk.tell(&Input::Signal(in_time));
    assert_eq!(desk.submits(), 1, "at the bound");
    desk.pass(Nanos::from_ns(1));
    desk.tell(&Input::Signal(late));
    assert_eq!(desk.submits(), 1);
    let refusal = Refusal { limit: Limit::SignalAge, value: 500_000_001, bound: 500_000_000 };
    assert_eq!(desk.results().last().expect("an answer").outcome, Outcome::Refused(refusal));
}

/// Bought at 20, sold at 15, bought at 80: eight dollars at the exchange. Told with the sale last,
/// the books' average makes it five; the sport counts the eight.
#[test]
fn a_sport_counts_what_fills_told_out_of_order_may_have_cost() {
    let mut desk = Desk::new(|_| {});
    let base = desk.now.wall;
    let mut tell = |side, price, secs: u64| {
        let at = WallTime::from_unix_ms(base.unix_ms() + secs * 1_000);
        let fill = Fill { exchange_time: at, ..desk.stranger(A, side, cents(price), 10) };
        desk.tell(&Input::Feed(FeedEvent::Fill(fill)));
    };
    tell(BookSide::Bid, 20, 1);
    tell(BookSide::Bid, 80, 3);
    tell(BookSide::Ask, 15, 2);
    let exposure = desk.core.exposure();
    assert_eq!(exposure.invested(), Money::from_cents(500));
    let sports = (0..10).map(|sport| exposure.sport(SportIx(sport)));
    assert_eq!(sports.max(), Some(Money::from_cents(800)));
}

/// A fill frees its order's reserve and takes cash in one step; a retry made in that very step is
/// asked for what is left after it.
#[test]
fn a_retry_made_by_a_fill_is_asked_for_the_shards_cash_after_it() {
    // Enough for ten at 49 with their fee, and hardly a cent more.
    let mut desk = Desk::funded(|_| {}, vec![(0, Money::from_cents(10_509))]);
    let signal = desk.signal("a", Action::BuyYes, TimeInForce::ImmediateOrCancel);
    desk.tell(&Input::Signal(signal));
    let first = desk.last_order();
    // One trades, and the word of it comes before the fill.
    desk.accept(&first, Contracts::from_whole(1));
    desk.fill(&first, 1);

    assert_eq!(desk.submits(), 1, "nine more at 50 are too many");
    let error = desk.results()[0].error.expect("why nothing followed");
    assert!(error.message.to_string().starts_with("available_balance"), "{}", error.message);
}
