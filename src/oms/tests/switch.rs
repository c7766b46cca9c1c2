//! The stage and the kill switch: whatever stops trading, no order leaves after the poll that
//! learnt of it; what was approved before is held back; cancels flow; a probe passes.

use super::desk::Desk;
use crate::ids::{MarketIx, OrderGroupId, Reason, RunId};
use crate::message::{
    Action, Command, ControlCommand, FeedEvent, FetchEvent, GatewayEvent, GroupChange, GroupNews,
    Signal, TimeInForce, Unsent,
};
use crate::oms::config::OmsConfig;
use crate::oms::{Input, Oms, OmsEnds, OmsRingSlots, OmsRings};
use crate::recorder::journal::MemoryJournal;
use crate::risk::{BreakerState, KillSwitch};
use crate::runtime::clock::{Clock as _, VirtualClock};
use crate::runtime::stage::{Stage as _, Work};
use crate::units::{Nanos, Timestamp};

/// A desk's core on the stage, with a clock that stands still, and the other ends of its rings.
struct Stand {
    oms: Oms<MemoryJournal, VirtualClock>,
    ends: OmsEnds,
    clock: VirtualClock,
    switch: KillSwitch,
    template: Signal,
}

/// The market of the desk's signals.
const A: MarketIx = MarketIx(0);

impl Stand {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut OmsConfig)) -> Self {
        let desk = Desk::new(|config| {
            config.breaker.repeats_max = 100;
            config.limits.orders_per_minute_max = 100;
            config.limits.open_orders_per_market_max = 10;
            change(config);
        });
        let template = desk.signal("s", Action::BuyYes, TimeInForce::ImmediateOrCancel);
        let clock = VirtualClock::new(desk.now.wall);
        clock.advance(Nanos::from_secs(1));
        let (rings, ends) = OmsRings::make(OmsRingSlots::even(16, 64));
        let switch = KillSwitch::default();
        let journal = MemoryJournal::new(RunId::new(7));
        let oms =
            Oms::new(desk.core, journal, clock.clone(), rings).with_kill_switch(switch.clone());
        Self { oms, ends, clock, switch, template }
    }

    fn signal(&mut self) {
        let now = self.clock.now();
        let signal = Signal { produced_at: Some(now.wall), received: now.mono, ..self.template };
        self.ends.signals.push(signal).expect("room");
    }

    fn give(&mut self, input: Input) {
        let room = "room";
        match input {
            Input::Gateway(event) => self.ends.gateway.push(event).expect(room),
            Input::Feed(event) => self.ends.feed.push(event).expect(room),
            Input::Fetch(event) => self.ends.fetch.push(event).expect(room),
            Input::Control(command) => self.ends.control.push(command).expect(room),
            Input::Signal(_) | Input::Book(_) | Input::Timer => unreachable!("not given here"),
        }
    }

    /// Whether orders, and whether a cancel of everything, came out.
    fn told(&mut self) -> (Vec<Timestamp>, bool) {
        let (mut orders, mut cancelled) = (Vec::new(), false);
        while let Ok(command) = self.ends.commands.pop() {
            match command {
                Command::Submit(order) | Command::Resend(order) => {
                    orders.push(order.get().approved);
                }
                Command::Amend(amend) => orders.push(amend.get().approved),
                Command::Decrease(decrease) => orders.push(decrease.decided),
                Command::CancelAll => cancelled = true,
                Command::Cancel(_) | Command::List(_) => {}
            }
        }
        (orders, cancelled)
    }

    fn settle(&mut self) {
        while self.oms.poll() == Work::Done {}
    }
}

fn halt(reason: &str) -> Input {
    Input::Control(ControlCommand::Halt { reason: Reason::lossy(reason) })
}

/// Everything that stops the account, as it reaches the oms. A panic does not: it stops the
/// threads, `panicking_stage_stops_the_others_and_tells_why`.
fn stops() -> [(&'static str, Input); 5] {
    [
        ("a command", halt("enough")),
        ("a signal of the system", halt("signal SIGUSR1")),
        ("the halt file", halt("halt file: night")),
        ("the breaker", Input::Fetch(FetchEvent::Mismatches { count: 1 })),
        (
            "the exchange's group",
            Input::Feed(FeedEvent::Group(GroupNews {
                id: OrderGroupId::lossy("group"),
                change: GroupChange::Triggered,
            })),
        ),
    ]
}

#[test]
fn no_order_leaves_after_the_poll_that_learnt_of_the_stop_wherever_it_came_from() {
    for (source, input) in stops() {
        let mut stand = Stand::new();
        stand.signal();
        stand.settle();
        let (before, _) = stand.told();
        assert_eq!(before.len(), 1, "{source}: trading goes on until then");

        stand.clock.advance(Nanos::from_ms(200));
        (0..3).for_each(|_| stand.signal());
        stand.give(input);
        let _work = stand.oms.poll();

        let (orders, cancelled) = stand.told();
        assert_eq!(orders, [], "{source}: within one poll");
        assert!(cancelled, "{source}: cancels flow in the same poll");
        let held = stand.switch.refuses(before[0], A);
        assert!(held.is_some(), "{source}: what waits for a connection does not leave either");
        stand.settle();
        assert_eq!(stand.told().0, [], "{source}: nor later");
    }
}

#[test]
fn an_open_breaker_holds_orders_back_and_leaves_the_exchanges_groups_alone() {
    let mut stand = Stand::new();
    let approved = stand.clock.mono();
    stand.give(Input::Fetch(FetchEvent::Mismatches { count: 1 }));
    let _work = stand.oms.poll();
    assert_eq!(stand.switch.refuses(approved, A), Some(Unsent::HeldBack));
    assert!(!stand.switch.is_thrown());

    stand.give(Input::Fetch(FetchEvent::Mismatches { count: 0 }));
    stand.clock.advance(Nanos::from_secs(60));
    stand.signal();
    stand.settle();
    let (probes, _) = stand.told();
    assert_eq!(stand.oms.core().guard().breaker().state(), BreakerState::HalfOpen);
    assert_eq!(probes.len(), 1);
    assert_eq!(stand.switch.refuses(probes[0], A), None, "the probe passes");
    assert_eq!(stand.switch.refuses(approved, A), Some(Unsent::HeldBack), "what waited never does");
}

#[test]
fn what_waited_before_a_halt_does_not_leave_after_a_quick_resume() {
    let mut stand = Stand::new();
    let approved = stand.clock.mono();
    stand.give(halt("drill"));
    stand.settle();
    assert_eq!(stand.switch.refuses(approved, A), Some(Unsent::Halted));

    stand.clock.advance(Nanos::from_ms(1));
    stand.give(Input::Control(ControlCommand::Resume));
    stand.give(Input::Gateway(GatewayEvent::Connections { ready: 4 }));
    stand.signal();
    stand.settle();
    let (orders, _) = stand.told();
    assert_eq!(stand.switch.refuses(approved, A), Some(Unsent::HeldBack));
    assert_eq!(orders.len(), 1);
    assert_eq!(stand.switch.refuses(orders[0], A), None);
}

/// The order that makes the market stop is the last that is allowed there.
#[test]
fn a_market_that_stops_holds_back_what_waits_for_it() {
    let mut stand = Stand::with(|config| config.breaker.repeats_max = 3);
    let mut approved = Vec::new();
    for _ in 0..3 {
        stand.clock.advance(Nanos::from_ms(1));
        stand.signal();
        stand.settle();
        approved.extend(stand.told().0);
    }

    assert!(stand.oms.core().is_stopped(A));
    let refused = approved.iter().map(|approved| stand.switch.refuses(*approved, A));
    let held = Some(Unsent::HeldBack);
    assert_eq!(refused.collect::<Vec<_>>(), [held, held, None]);
    assert_eq!(stand.switch.refuses(approved[0], MarketIx(1)), None, "others go on");

    stand.give(Input::Control(ControlCommand::Resume));
    stand.settle();
    assert_eq!(stand.switch.refuses(approved[0], A), held);
}
