//! The limits as the core keeps them: rates, exposure in flight, the breaker's states, the runaway
//! guard, halts.

use super::desk::{A, Desk, ticker};
use crate::ids::{MarketIx, Reason};
use crate::message::{
    Action, Command, ControlCommand, GatewayEvent, NewOrder, Reject, RejectKind, TimeInForce,
    Unsent,
};
use crate::oms::Input;
use crate::oms::config::{Admission, OmsConfig};
use crate::recorder::record::{Outcome, Record};
use crate::risk::{BreakerState, Limit, Refusal, Settlement, Trip};
use crate::units::{Contracts, Money, Nanos, PriceDelta};

/// One order a signal, and room for many.
pub(super) fn desk(change: impl FnOnce(&mut OmsConfig)) -> Desk {
    Desk::new(|config| {
        config.orders.retries_max = 0;
        config.breaker.repeats_max = 100;
        config.limits.orders_per_minute_max = 100;
        config.limits.open_orders_per_market_max = 10;
        change(config);
    })
}

impl Desk {
    /// A signal to buy ten; the limit that refused it, or the order that was sent.
    #[track_caller]
    pub(super) fn ask(&mut self, id: &str) -> Result<NewOrder, Limit> {
        let signal = self.signal(id, Action::BuyYes, TimeInForce::ImmediateOrCancel);
        let before = self.submits();
        self.tell(&Input::Signal(signal));
        if self.submits() > before {
            return Ok(self.last_order());
        }
        match self.results().last().expect("a refusal").outcome {
            Outcome::Refused(refusal) => Err(refusal.limit),
            Outcome::NotTradeable | Outcome::Ended(_) => panic!("it was not refused"),
        }
    }

    fn reject(&mut self, order: &NewOrder) {
        self.sent(order);
        let text = Reason::lossy("no");
        let reject = Reject { status: 400, kind: RejectKind::Other, code: text, message: text };
        self.tell(&Input::Gateway(GatewayEvent::Rejected { key: order.key, reject }));
    }

    fn rejects_until_open(&mut self) {
        for nth in 0..5 {
            let order = self.ask(&format!("reject-{nth}")).expect("the breaker is closed");
            self.reject(&order);
        }
        assert_eq!(self.core.guard().breaker().state(), BreakerState::Open);
    }

    pub(super) fn resume(&mut self) {
        self.tell(&Input::Control(ControlCommand::Resume));
    }
}

#[test]
fn rate_tokens_are_not_consumed_by_refusals() {
    let mut desk = desk(|config| config.limits.orders_per_minute_max = 2);
    for nth in 0..50 {
        let mut signal = desk.signal("poor", Action::BuyYes, TimeInForce::ImmediateOrCancel);
        signal.edge = PriceDelta::from_cents(nth % 3);
        desk.tell(&Input::Signal(signal));
    }
    assert_eq!((desk.submits(), desk.core.day().orders), (0, 0));
    assert!(desk.ask("a").is_ok() && desk.ask("b").is_ok());
    assert_eq!(desk.ask("c"), Err(Limit::OrdersPerMinute));
}

/// The limit that comes before the gate here: a market that is not in the table has no price grid,
/// no fees and no place in any exposure.
#[test]
fn without_any_one_limit_a_market_that_nobody_has_listed_is_traded() {
    let outcome = |admission, market: &str| {
        let mut desk = desk(|config| config.admission = admission);
        let mut signal = desk.signal("a", Action::BuyYes, TimeInForce::ImmediateOrCancel);
        signal.ticker = ticker(market);
        desk.tell(&Input::Signal(signal));
        match desk.submits() {
            0 => Err(desk.results()[0].outcome),
            _ => Ok(()),
        }
    };
    let refusal = Refusal { limit: Limit::UnknownMarket, value: 1, bound: 0 };
    assert_eq!(outcome(Admission::Listed, A), Ok(()));
    assert_eq!(outcome(Admission::Listed, "KXA-1-C"), Err(Outcome::Refused(refusal)));
    assert_eq!(outcome(Admission::Any, "KXA-1-C"), Ok(()));
    println!("refused: {refusal}; without {}: approved", refusal.limit);
}

#[test]
fn half_open_is_reached_and_left_by_one_small_order() {
    let mut desk = desk(|config| config.breaker.half_open_contracts = Contracts::from_whole(3));
    desk.rejects_until_open();
    assert_eq!(desk.ask("at-once"), Err(Limit::BreakerOpen));
    desk.pass(Nanos::from_secs(59));
    assert_eq!(desk.ask("too-soon"), Err(Limit::BreakerOpen));
    desk.pass(Nanos::from_secs(1));

    let probe = desk.ask("probe").expect("one order may probe");

    assert_eq!(probe.quantity, Contracts::from_whole(3), "cut down from ten");
    assert_eq!(desk.ask("another"), Err(Limit::BreakerOpen));
    desk.accept(&probe, probe.quantity);
    desk.fill(&probe, 3);
    assert_eq!(desk.core.guard().breaker().state(), BreakerState::Closed);
    assert_eq!(desk.ask("after").map(|order| order.quantity), Ok(Contracts::from_whole(10)));
    let told = desk.alerts();
    assert!(told.iter().any(|text| text == "circuit breaker open: rejects_per_minute"), "{told:?}");
    assert!(told.iter().any(|text| text == "circuit breaker closed"), "{told:?}");
}

#[test]
fn everyday_rejects_trip_nothing() {
    let mut desk = desk(|_| {});
    for (nth, kind) in [RejectKind::PostOnlyCross, RejectKind::FillOrKill].into_iter().enumerate() {
        for round in 0..5 {
            desk.pass(Nanos::from_secs(1));
            let order = desk.ask(&format!("everyday-{nth}-{round}")).expect("nothing is wrong");
            desk.sent(&order);
            let text = Reason::lossy("no");
            let reject = Reject { status: 400, kind, code: text, message: text };
            desk.tell(&Input::Gateway(GatewayEvent::Rejected { key: order.key, reject }));
        }
    }
    assert_eq!(desk.core.guard().breaker().state(), BreakerState::Closed);
}

#[test]
fn a_probe_that_is_rejected_opens_the_breaker_again() {
    let mut desk = desk(|_| {});
    desk.rejects_until_open();
    desk.pass(Nanos::from_secs(60));
    let probe = desk.ask("probe").expect("one order may probe");
    desk.reject(&probe);
    assert_eq!(desk.core.guard().breaker().state(), BreakerState::Open);
    assert!(desk.core.guard().breaker().trips().contains(Trip::FailedProbe));
    assert_eq!(desk.ask("after"), Err(Limit::BreakerOpen));
}

#[test]
fn lost_markets_in_a_row_stop_trading_and_a_good_probe_goes_on() {
    let mut desk = desk(|_| {});
    for _ in 0..5 {
        let settlement = Settlement {
            market: MarketIx(0),
            realized: Money::from_cents(-10),
            fee: Money::ZERO,
            result: Money::from_cents(-10),
        };
        desk.core.record_settlement(desk.now, &settlement);
    }
    assert_eq!(desk.ask("a"), Err(Limit::BreakerOpen));
    desk.pass(Nanos::from_secs(60));
    let probe = desk.ask("probe").expect("the row does not refuse its own end");
    desk.accept(&probe, probe.quantity);
    desk.fill(&probe, 10);
    assert_eq!(desk.core.guard().consecutive_losses(), 0);
    assert!(desk.ask("after").is_ok());
    assert_eq!(desk.core.day().realized, Money::from_cents(-50));
}

#[test]
fn orders_in_flight_count_for_their_event_until_it_is_known_that_they_never_left() {
    let mut desk = desk(|config| config.limits.position_per_event_max = Contracts::from_whole(15));
    let first = desk.ask("a").expect("there is room for ten");
    assert_eq!(desk.ask("b"), Err(Limit::EventPosition));
    desk.tell(&Input::Gateway(GatewayEvent::NotSent { key: first.key, why: Unsent::NoTokens }));
    assert!(desk.ask("c").is_ok());
}

#[test]
fn orders_in_flight_count_for_their_sport() {
    // $9 of $10 000: room for one order of ten at 49c, not for two.
    let mut desk = desk(|config| config.limits.sport_exposure_max_bp = 9);
    let first = desk.ask("a").expect("there is room for one");
    assert_eq!(desk.ask("b"), Err(Limit::SportExposure));
    desk.accept(&first, first.quantity);
    desk.fill(&first, 10);
    assert_eq!(desk.ask("c"), Err(Limit::SportExposure), "what is held counts as well");
}

#[test]
fn an_order_written_twice_halts() {
    let mut desk = desk(|_| {});
    let order = desk.ask("a").expect("sound");
    desk.sent(&order);
    desk.sent(&order);
    assert!(desk.core.halted().is_some());
    assert!(desk.records.iter().any(|record| matches!(record, Record::Halted { .. })));
    assert!(desk.commands.contains(&Command::CancelAll));
    assert_eq!(desk.ask("b"), Err(Limit::Halted));
}

#[test]
fn repetition_stops_its_market_alone_until_a_person_resumes() {
    let mut desk = desk(|config| config.breaker.repeats_max = 3);
    for id in ["a", "b", "c"] {
        assert!(desk.ask(id).is_ok(), "{id}");
    }
    assert_eq!(desk.ask("d"), Err(Limit::MarketStopped));
    assert!(desk.core.is_stopped(MarketIx(0)) && !desk.core.is_stopped(MarketIx(1)));
    desk.pass(Nanos::from_secs(11));
    assert_eq!(desk.ask("e"), Err(Limit::MarketStopped), "time alone does not help");
    desk.resume();
    assert!(desk.ask("f").is_ok());
}

#[test]
fn a_mismatch_stops_trading_until_it_is_gone() {
    let mut desk = desk(|_| {});
    desk.mismatch();
    assert_eq!(desk.ask("a"), Err(Limit::BreakerOpen));
    desk.pass(Nanos::from_secs(60));
    assert_eq!(desk.ask("b"), Err(Limit::Mismatch), "cooled down, and still there");
    desk.compare(&[]);
    assert!(desk.ask("c").is_ok());
}

#[test]
fn a_halt_lets_nothing_out_and_cancels_what_rests() {
    let mut desk = desk(|_| {});
    let reason = Reason::lossy("drill");
    desk.tell(&Input::Control(ControlCommand::Halt { reason }));
    desk.tell(&Input::Control(ControlCommand::Halt { reason: Reason::lossy("later") }));
    assert_eq!(desk.core.halted(), Some(&reason), "the first reason stands");
    assert_eq!(desk.core.halt_in_force().map(|halt| halt.since), Some(desk.now.wall));
    assert_eq!(desk.ask("a"), Err(Limit::Halted));
    assert!(desk.commands.contains(&Command::CancelAll));
    desk.resume();
    assert!(desk.ask("b").is_ok());
}
