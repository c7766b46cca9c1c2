//! What follows an order when the exchange contradicts itself, or says nothing in time.

use super::desk::{A, Desk, cents, order_id, ticker};
use crate::ids::Reason;
use crate::message::{
    Action, BestQuote, CancelFailure, Command, ExchangeStatus, FetchCommand, FetchEvent,
    GatewayEvent, Loss, NewOrder, Reject, RejectKind, Style, TimeInForce, Unsent,
};
use crate::oms::Input;
use crate::order::State;
use crate::recorder::record::Outcome;
use crate::units::{Contracts, Nanos, Price};

/// A making-whole of ten has four filled that the exchange had denied, while its successor rests
/// for all ten: the successor is the order returned.
fn too_large(desk: &mut Desk) -> NewOrder {
    let signal = desk.signal("a", Action::BuyYes, TimeInForce::GoodTillCanceled);
    desk.tell(&Input::Signal(signal));
    let first = desk.last_order();
    desk.accept(&first, Contracts::ZERO);
    desk.pass(Nanos::from_secs(30));
    canceled(desk, &first, 10);
    let (bid, ask) = (None, Price::from_cents(49));
    let quote = BestQuote { ticker: ticker(A), bid, ask, as_of: desk.now.wall };
    desk.fetched(FetchEvent::Quote(quote));
    let second = desk.last_order();
    assert_ne!(second.key, first.key);
    assert_eq!(second.quantity, Contracts::from_whole(10));
    desk.accept(&second, Contracts::ZERO);
    // "Reduced by ten", and yet four had filled.
    desk.fill(&first, 4);
    assert_eq!(desk.order(first.key).filled(), Contracts::from_whole(4));
    second
}

/// The decreases asked for.
fn decreases(desk: &Desk) -> Vec<Contracts> {
    let by = |command: &Command| match command {
        Command::Decrease(decrease) => Some(decrease.by),
        _ => None,
    };
    desk.commands.iter().filter_map(by).collect()
}

pub(super) fn canceled(desk: &mut Desk, order: &NewOrder, reduced_whole: u32) {
    let key = order.key;
    desk.tell(&Input::Gateway(GatewayEvent::CancelSent { key }));
    let reduced_by = Contracts::from_whole(reduced_whole);
    desk.tell(&Input::Gateway(GatewayEvent::CancelAccepted { key, reduced_by }));
}

#[test]
fn a_fill_the_exchange_had_denied_shrinks_what_is_wanted() {
    let mut desk = Desk::new(|_| {});
    let second = too_large(&mut desk);
    let (key, cancels) = (second.key, desk.cancels());
    assert_eq!(decreases(&desk), [Contracts::from_whole(4)], "ten more would be four too many");
    assert_eq!(desk.order(key).open(), Contracts::from_whole(10), "until it is confirmed");

    desk.tell(&Input::Gateway(GatewayEvent::ChangeSent { key }));
    let remaining = Some(Contracts::from_whole(6));
    desk.tell(&Input::Gateway(GatewayEvent::Changed { key, remaining }));

    assert_eq!(desk.order(key).open(), Contracts::from_whole(6));
    assert_eq!(desk.core.exposure().in_flight(), Contracts::from_whole(6));
    assert_eq!((desk.cancels(), decreases(&desk).len()), (cancels, 1), "it keeps its place");
    desk.fill(&second, 6);
    assert_eq!(desk.order(key).state(), State::Filled);
    assert_eq!(desk.core.guard().imbalance(), 0);
}

#[test]
fn an_order_that_cannot_be_made_smaller_is_cancelled() {
    for why in [
        CancelFailure::Unsent(Unsent::NoTokens),
        CancelFailure::Rejected(RejectKind::Other),
        CancelFailure::Rejected(RejectKind::InvalidRequest),
    ] {
        let mut desk = Desk::new(|_| {});
        let second = too_large(&mut desk);
        let (key, cancels) = (second.key, desk.cancels());
        if !matches!(why, CancelFailure::Unsent(_)) {
            desk.tell(&Input::Gateway(GatewayEvent::ChangeSent { key }));
        }
        desk.tell(&Input::Gateway(GatewayEvent::ChangeFailed { key, why }));

        assert_eq!(desk.cancels(), cancels + 1, "{why:?}");
        canceled(&mut desk, &second, 10);
        assert_eq!(desk.last_order().quantity, Contracts::from_whole(6), "{why:?}");
        assert_eq!(desk.core.guard().imbalance(), 0);
    }
}

#[test]
fn a_cancel_says_nothing_of_fills_while_a_decrease_is_in_doubt() {
    let lag = Nanos::from_secs(1);
    let mut desk = Desk::new(|config| config.orders.read_lag = lag);
    desk.pass(Nanos::from_secs(5));
    desk.fetched(FetchEvent::BackfillDone);
    let second = too_large(&mut desk);
    let key = second.key;
    desk.tell(&Input::Gateway(GatewayEvent::ChangeSent { key }));
    let why = CancelFailure::Lost(Loss::Timeout);
    desk.tell(&Input::Gateway(GatewayEvent::ChangeFailed { key, why }));
    assert_eq!(desk.order(key).state(), State::Unknown);
    assert_eq!(desk.core.exposure().in_flight(), Contracts::from_whole(10), "the worse of both");
    desk.found(&second, ExchangeStatus::Resting, (0, 6));
    assert_eq!(desk.order(key).open(), Contracts::from_whole(10), "read too soon to be believed");
    desk.pass(lag);

    // It has become smaller in truth, and its cancel reduces what is left of it.
    canceled(&mut desk, &second, 6);
    assert_ne!(desk.order(key).state(), State::Canceled, "six of ten would leave four filled");
    desk.found(&second, ExchangeStatus::Canceled, (0, 0));

    assert_eq!(desk.order(key).state(), State::Canceled);
    assert!(desk.order(key).filled().is_zero());
    assert!(desk.core.exposure().in_flight().is_zero());
}

#[test]
fn a_retry_after_a_wait_looks_at_the_book_first() {
    let mut desk = Desk::new(|_| {});
    let signal = desk.signal("a", Action::BuyYes, TimeInForce::GoodTillCanceled);
    desk.tell(&Input::Signal(signal));
    let first = desk.last_order();
    desk.accept(&first, Contracts::ZERO);
    desk.pass(Nanos::from_secs(30));
    desk.asks.clear();

    canceled(&mut desk, &first, 10);

    assert_eq!(desk.asks, [FetchCommand::Quote { ticker: ticker(A) }]);
    assert_eq!(desk.submits(), 1, "not before the answer");
    let quote = |ask| BestQuote { ticker: ticker(A), bid: None, ask, as_of: desk.now.wall };
    let near = quote(Price::from_cents(50));
    desk.fetched(FetchEvent::Quote(near));
    assert_eq!(desk.last_order().price, cents(50), "one step past the original 49");
}

#[test]
fn without_a_look_at_the_book_an_old_signal_is_not_retried() {
    let mut desk = Desk::new(|_| {});
    let signal = desk.signal("a", Action::BuyYes, TimeInForce::GoodTillCanceled);
    desk.tell(&Input::Signal(signal));
    let first = desk.last_order();
    desk.accept(&first, Contracts::ZERO);
    desk.pass(Nanos::from_secs(30));
    canceled(&mut desk, &first, 10);

    desk.fetched(FetchEvent::QuoteFailed { ticker: ticker(A) });

    assert_eq!(desk.submits(), 1);
    let result = desk.results()[0];
    assert_eq!(result.outcome, Outcome::Ended(State::Canceled));
    let error = result.error.expect("says why");
    assert_eq!(error.code.as_str(), "retry_refused");
    assert!(error.message.as_str().starts_with("signal_age"), "{}", error.message);
}

#[test]
fn an_answer_to_the_look_that_never_comes_ends_the_wait() {
    let mut desk = Desk::new(|_| {});
    let signal = desk.signal("a", Action::BuyYes, TimeInForce::GoodTillCanceled);
    desk.tell(&Input::Signal(signal));
    let first = desk.last_order();
    desk.accept(&first, Contracts::ZERO);
    desk.pass(Nanos::from_secs(30));
    canceled(&mut desk, &first, 10);

    desk.pass(Nanos::from_secs(5));

    assert_eq!(desk.results().len(), 1);
}

#[test]
fn an_order_of_unknown_fate_has_no_successor() {
    let mut desk = Desk::new(|_| {});
    let signal = desk.signal("a", Action::BuyYes, TimeInForce::ImmediateOrCancel);
    desk.tell(&Input::Signal(signal));
    let key = desk.last_order().key;

    desk.tell(&Input::Gateway(GatewayEvent::Lost { key, why: Loss::Timeout }));
    desk.pass(Nanos::from_secs(120));

    assert_eq!(desk.order(key).state(), State::Unknown, "not rejected: nobody has said so");
    assert_eq!(desk.submits(), 1);
    assert_eq!(desk.results().len(), 0);
    let reserved = desk.core.exposure().in_flight();
    assert_eq!(reserved, Contracts::from_whole(10), "its exposure stays reserved");
}

#[test]
fn what_somebody_else_cancelled_is_not_sent_again() {
    let mut desk = Desk::new(|_| {});
    let signal = desk.signal("a", Action::BuyYes, TimeInForce::GoodTillCanceled);
    desk.tell(&Input::Signal(signal));
    let order = desk.last_order();
    desk.accept(&order, Contracts::ZERO);

    let report = crate::message::OrderReport {
        order_id: order_id(&order),
        client_order_id: Some(order.client_order_id),
        ticker: ticker(A),
        side: order.side,
        price: order.price,
        status: ExchangeStatus::Canceled,
        filled: Contracts::ZERO,
        remaining: Contracts::ZERO,
        expired: false,
        received: desk.now.mono,
        origin: crate::message::Origin::Stream,
    };
    desk.tell(&Input::Feed(crate::message::FeedEvent::Order(report)));

    assert_eq!(desk.submits(), 1);
    assert_eq!(desk.results()[0].outcome, Outcome::Ended(State::Canceled));
}

#[test]
fn a_halt_ends_what_waits_for_its_turn() {
    let mut desk = Desk::new(|config| {
        config.limits.order_spacing_min = Nanos::from_ms(100);
    });
    let signal = desk.signal("a", Action::BuyYes, TimeInForce::ImmediateOrCancel);
    desk.tell(&Input::Signal(signal));
    let order = desk.last_order();
    desk.accept(&order, Contracts::ZERO);
    assert_eq!(desk.results().len(), 0, "a retry waits for its turn");

    let reason = Reason::lossy("drill");
    desk.tell(&Input::Control(crate::message::ControlCommand::Halt { reason }));

    assert_eq!(desk.results()[0].outcome, Outcome::Ended(State::Canceled));
    desk.tell(&Input::Control(crate::message::ControlCommand::Resume));
    desk.pass(Nanos::from_secs(1));
    assert_eq!(desk.submits(), 1);
}

#[test]
fn a_refusal_on_its_price_is_stepped_back_from() {
    let mut desk = Desk::new(|config| config.orders.style = Style::Make);
    let signal = desk.signal("a", Action::BuyYes, TimeInForce::ImmediateOrCancel);
    desk.tell(&Input::Signal(signal));
    let first = desk.last_order();
    assert!(first.post_only);
    assert_eq!(first.price, cents(47));

    let reject = Reject {
        status: 400,
        kind: RejectKind::PostOnlyCross,
        code: Reason::lossy("invalid_order"),
        message: Reason::lossy("post only cross"),
    };
    desk.sent(&first);
    desk.tell(&Input::Gateway(GatewayEvent::Rejected { key: first.key, reject }));

    assert_eq!(desk.last_order().price, cents(46), "{:?}", desk.results());
    assert_eq!(desk.submits(), 2);
    assert!(!desk.commands.iter().any(|command| matches!(command, Command::Cancel(_))));
}

#[test]
fn the_risk_of_buying_no_is_the_price_of_no() {
    let mut desk = Desk::new(|config| {
        config.limits.risk_per_trade_max = crate::units::Money::from_cents(500);
        config.limits.price_collar = crate::units::PriceDelta::from_cents(5);
    });
    let mut signal = desk.signal("a", Action::BuyNo, TimeInForce::ImmediateOrCancel);
    (signal.yes_ask, signal.no_ask) = (Price::from_cents(12), Price::from_cents(90));
    desk.tell(&Input::Signal(signal));

    // Ten NO at 91 cost $9.10, whatever YES costs.
    let Outcome::Refused(refusal) = desk.results()[0].outcome else {
        panic!("{:?}", desk.results());
    };
    assert_eq!(refusal.limit, crate::risk::Limit::RiskPerTrade);
    assert!(refusal.value > crate::units::Money::from_cents(910).e8(), "{refusal}");
}

#[test]
fn a_result_tells_cost_and_potential_profit_in_the_signals_own_leg() {
    use crate::recorder::results::{average_price, potential_profit, slippage};
    use crate::units::{Money, PriceDelta};

    for (action, expected) in [(Action::BuyYes, 49), (Action::BuyNo, 54)] {
        let mut desk = Desk::new(|_| {});
        let signal = desk.signal("a", action, TimeInForce::ImmediateOrCancel);
        desk.tell(&Input::Signal(signal));
        let order = desk.last_order();
        desk.accept(&order, order.quantity);
        desk.fill(&order, 6);
        desk.fill(&order, 4);

        let result = desk.results()[0];
        assert_eq!(result.cost, Money::from_cents(i64::from(expected) * 10), "{action:?}");
        assert_eq!(result.fees, Money::from_cents(2));
        assert_eq!(average_price(&result), Price::from_cents(expected));
        assert_eq!(slippage(&result), PriceDelta::from_cents(1));
        let gain = Money::from_cents(1_000 - i64::from(expected) * 10 - 2);
        assert_eq!(potential_profit(&result), gain, "ten dollars less cost and fees");
    }
}

#[test]
fn the_answer_about_a_former_order_is_no_error_of_its_successor() {
    let mut desk = Desk::new(|config| config.orders.style = Style::Make);
    let signal = desk.signal("a", Action::BuyYes, TimeInForce::ImmediateOrCancel);
    desk.tell(&Input::Signal(signal));
    let first = desk.last_order();
    let report = crate::message::OrderReport {
        order_id: order_id(&first),
        client_order_id: Some(first.client_order_id),
        ticker: ticker(A),
        side: first.side,
        price: first.price,
        status: ExchangeStatus::Canceled,
        filled: Contracts::ZERO,
        remaining: Contracts::ZERO,
        expired: false,
        received: desk.now.mono,
        origin: crate::message::Origin::Stream,
    };
    // The stream tells of the refusal before the answer does.
    desk.tell(&Input::Feed(crate::message::FeedEvent::Order(report)));
    let second = desk.last_order();
    assert_ne!(second.key, first.key);

    let reject = Reject {
        status: 400,
        kind: RejectKind::PostOnlyCross,
        code: Reason::lossy("invalid_order"),
        message: Reason::lossy("post only cross"),
    };
    desk.tell(&Input::Gateway(GatewayEvent::Rejected { key: first.key, reject }));
    desk.accept(&second, Contracts::ZERO);
    desk.fill(&second, 10);

    let result = desk.results()[0];
    assert_eq!((result.outcome, result.error), (Outcome::Ended(State::Filled), None));
}

#[test]
fn retries_and_killed_orders_do_not_trip_the_breaker() {
    use crate::risk::BreakerState;

    let mut desk = Desk::new(|config| {
        config.breaker.rejects_per_minute_max = 1;
        config.breaker.latency_breaches_max = 1;
    });
    let signal = desk.signal("a", Action::BuyYes, TimeInForce::FillOrKill);
    desk.tell(&Input::Signal(signal));
    let reject = Reject {
        status: 409,
        kind: RejectKind::FillOrKill,
        code: Reason::lossy("fill_or_kill_insufficient_resting_volume"),
        message: Reason::EMPTY,
    };
    let first = desk.last_order();
    let key = first.key;
    desk.sent(&first);
    desk.tell(&Input::Gateway(GatewayEvent::Rejected { key, reject }));
    let retry = desk.last_order();
    assert_ne!(retry.key, key);
    // It leaves long after its signal came, as every retry does.
    desk.pass(Nanos::from_secs(2));
    desk.accept(&retry, retry.quantity);

    assert_eq!(desk.core.guard().breaker().state(), BreakerState::Closed);
}

#[test]
fn nothing_follows_an_order_that_a_person_has_cancelled() {
    for style in [Style::Take, Style::Make] {
        let mut desk = Desk::new(|config| config.orders.style = style);
        let signal = desk.signal("a", Action::BuyYes, TimeInForce::GoodTillCanceled);
        desk.tell(&Input::Signal(signal));
        let order = desk.last_order();
        desk.accept(&order, Contracts::ZERO);
        let (cancels, asks) = (desk.cancels(), desk.asks.len());

        desk.tell(&Input::Control(crate::message::ControlCommand::CancelAll));
        assert_eq!(desk.cancels(), cancels + 1, "{style:?}");
        canceled(&mut desk, &order, 10);

        assert_eq!((desk.submits(), desk.asks.len()), (1, asks), "{style:?}: the last order");
        let ends: Vec<Outcome> = desk.results().iter().map(|result| result.outcome).collect();
        assert_eq!(ends, [Outcome::Ended(State::Canceled)], "{style:?}");
    }
}

#[test]
fn a_decrease_that_was_read_late_enough_is_believed() {
    let mut desk = Desk::new(|_| {});
    let second = too_large(&mut desk);
    let (key, cancels) = (second.key, desk.cancels());
    desk.tell(&Input::Gateway(GatewayEvent::ChangeSent { key }));
    let why = CancelFailure::Lost(Loss::ServerError);
    desk.tell(&Input::Gateway(GatewayEvent::ChangeFailed { key, why }));

    desk.found(&second, ExchangeStatus::Resting, (0, 6));
    desk.pass(Nanos::from_secs(5));

    assert_eq!(desk.order(key).open(), Contracts::from_whole(6));
    assert_eq!(desk.core.exposure().in_flight(), Contracts::from_whole(6));
    assert_eq!(desk.cancels(), cancels, "it is as large as it is wanted");
}
