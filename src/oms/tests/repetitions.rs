//! When an order whose answer was lost is not written again: whatever would keep a new one from
//! being sent. It is looked up instead.

use super::desk::Desk;
use crate::ids::Reason;
use crate::message::{
    Action, Command, ControlCommand, FeedEvent, FetchCommand, FetchEvent, GatewayEvent, Loss,
    NewOrder, Reject, RejectKind, TimeInForce,
};
use crate::oms::Input;
use crate::oms::tests::guard::desk;
use crate::risk::{MessageLimits, Skew};
use crate::units::Nanos;

fn repeats(desk: &Desk) -> usize {
    desk.commands.iter().filter(|command| matches!(command, Command::Resend(_))).count()
}

/// An order is sent, and its answer is lost.
fn lose(desk: &mut Desk) -> NewOrder {
    let signal = desk.signal("lost", Action::BuyYes, TimeInForce::ImmediateOrCancel);
    desk.tell(&Input::Signal(signal));
    let order = desk.last_order();
    desk.sent(&order);
    desk.tell(&Input::Gateway(GatewayEvent::Lost { key: order.key, why: Loss::Disconnected }));
    order
}

/// Loses an answer, lets something happen, and sees that the order is looked up and not repeated.
#[track_caller]
fn is_looked_up_after(desk: &mut Desk, happens: impl FnOnce(&mut Desk)) {
    lose(desk);
    happens(desk);
    desk.pass(Nanos::from_ms(100));
    assert_eq!(repeats(desk), 0);
    assert!(desk.asks.iter().any(|ask| matches!(ask, FetchCommand::Order { .. })));
}

fn refused(desk: &mut Desk, kind: RejectKind) {
    let other = desk.ask("other").expect("nothing is wrong yet");
    desk.sent(&other);
    let text = Reason::lossy("no");
    let reject = Reject { status: 400, kind, code: text, message: text };
    desk.tell(&Input::Gateway(GatewayEvent::Rejected { key: other.key, reject }));
}

#[test]
fn nothing_in_the_way_and_it_goes_out_again() {
    let mut desk = desk(|_| {});
    let order = lose(&mut desk);
    desk.pass(Nanos::from_ms(100));
    let again = desk.commands.iter().find_map(|command| match command {
        Command::Resend(again) => Some(*again.get()),
        _ => None,
    });
    assert_eq!(again, Some(order));
    assert!(!desk.asks.iter().any(|ask| matches!(ask, FetchCommand::Order { .. })));
}

#[test]
fn a_silent_feed_keeps_it_back() {
    let mut desk = desk(|config| config.limits.link_silence_max = Nanos::from_ms(99));
    desk.tell(&Input::Feed(FeedEvent::Alive));
    is_looked_up_after(&mut desk, |_| {});
}

#[test]
fn no_order_connection_keeps_it_back() {
    let none = Input::Gateway(GatewayEvent::Connections { ready: 0 });
    is_looked_up_after(&mut desk(|_| {}), |desk| desk.tell(&none));
}

#[test]
fn a_lost_feed_keeps_it_back() {
    is_looked_up_after(&mut desk(|_| {}), |desk| desk.tell(&Input::Feed(FeedEvent::Down)));
}

#[test]
fn clocks_that_differ_keep_it_back() {
    let mut desk = desk(|_| {});
    desk.core.guard.note_skew(Skew::Measured(0));
    let clock = Input::Control(ControlCommand::Clock { ahead_ms: 2_001 });
    is_looked_up_after(&mut desk, |desk| desk.tell(&clock));
}

#[test]
fn a_market_that_is_not_open_keeps_it_back() {
    is_looked_up_after(&mut desk(|_| {}), |desk| {
        let market = desk.last_order().market;
        desk.core.markets.close(market);
    });
    is_looked_up_after(&mut desk(|_| {}), |desk| refused(desk, RejectKind::MarketInactive));
}

#[test]
fn an_exchange_that_is_paused_keeps_it_back() {
    is_looked_up_after(&mut desk(|_| {}), |desk| refused(desk, RejectKind::Paused));
}

#[test]
fn spent_write_tokens_keep_it_back() {
    // Enough for one order, and two tokens come back until the repetition is due.
    let messages = MessageLimits { capacity: 30, refill_per_sec: 20, ..MessageLimits::default() };
    is_looked_up_after(&mut desk(|config| config.limits.messages = messages), |_| {});
}

#[test]
fn a_difference_between_books_and_exchange_keeps_it_back() {
    let found = Input::Fetch(FetchEvent::Mismatches { count: 1 });
    is_looked_up_after(&mut desk(|_| {}), |desk| desk.tell(&found));
}

#[test]
fn a_halt_keeps_it_back() {
    let halt = Input::Control(ControlCommand::Halt { reason: Reason::lossy("drill") });
    is_looked_up_after(&mut desk(|_| {}), |desk| desk.tell(&halt));
}
