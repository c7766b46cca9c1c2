//! Any order of events against a model exchange: no limit is ever exceeded by what is true there.
//!
//! The core is driven with random signals, acknowledgements, fills, cancels, rejects, timeouts,
//! settlements, halts and clock steps. The model keeps its own books and clock; it decides what
//! happens, and tells the core late, twice, out of order or not at all. Limits are judged by the
//! model's books, never by the core's opinion of them.

mod limits {
    pub(crate) mod model;
}

use kalshi_exec::ids::{MarketIx, Reason};
use kalshi_exec::message::{Command, ControlCommand, FetchCommand, FetchEvent, GatewayEvent};
use kalshi_exec::oms::{Core, Input, Outbox};
use kalshi_exec::recorder::record::{Outcome, Record};
use kalshi_exec::risk::{BreakerState, Limit, Settlement};
use kalshi_exec::units::{Contracts, Money, Nanos, Now, Timestamp, WallTime};
use limits::model::{Model, config, markets, opening, signal};
use proptest::prelude::*;

/// What may happen next. Numbers choose among what is possible.
#[derive(Clone, Debug)]
enum Step {
    Signal {
        market: u8,
        action: u8,
        contracts: u8,
        cents: u8,
        resting: bool,
    },
    /// The gateway tells of the `nth` order it has: written, unsent, answered, refused, lost.
    Gateway {
        nth: u8,
        news: u8,
    },
    /// The exchange trades with the `nth` order that rests there.
    Trade {
        nth: u8,
        part: u8,
    },
    /// The `nth` fill is told; again, when it has been told before.
    Fill {
        nth: u8,
        rest: bool,
    },
    /// A look-up is answered, or a backfill.
    Fetch {
        nth: u8,
        fails: bool,
    },
    Pass {
        ms: u16,
    },
    /// The wall clock is set, to either side.
    Wall {
        seconds: i16,
    },
    Settle {
        market: u8,
        cents: i16,
    },
    Control {
        what: u8,
    },
    Mismatches {
        count: u8,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let signal = (0..4_u8, 0..8_u8, 1..45_u8, 20..80_u8, any::<bool>()).prop_map(
        |(market, action, contracts, cents, resting)| Step::Signal {
            market,
            action,
            contracts,
            cents,
            resting,
        },
    );
    prop_oneof![
        10 => signal,
        16 => (any::<u8>(), any::<u8>()).prop_map(|(nth, news)| Step::Gateway { nth, news }),
        5 => (any::<u8>(), 1..=100_u8).prop_map(|(nth, part)| Step::Trade { nth, part }),
        6 => (any::<u8>(), any::<bool>()).prop_map(|(nth, rest)| Step::Fill { nth, rest }),
        3 => (any::<u8>(), any::<bool>()).prop_map(|(nth, fails)| Step::Fetch { nth, fails }),
        6 => (0..9_000_u16).prop_map(|ms| Step::Pass { ms }),
        1 => any::<i16>().prop_map(|seconds| Step::Wall { seconds }),
        1 => (0..4_u8, -100..300_i16).prop_map(|(market, cents)| Step::Settle { market, cents }),
        2 => any::<u8>().prop_map(|what| Step::Control { what }),
        1 => (0..8_u8).prop_map(|count| Step::Mismatches { count }),
    ]
}

/// The core, the model, and what lies between them.
struct Stand {
    core: Core,
    model: Model,
    out: Outbox,
    now: Now,
    asks: Vec<FetchCommand>,
    halted: bool,
    refused: Vec<Limit>,
    sent: u32,
}

impl Stand {
    fn new() -> Self {
        let now = Now {
            mono: Timestamp::from_ns(1_000_000_000),
            wall: WallTime::from_unix_ms(1_767_268_800_000),
        };
        let mut stand = Self {
            core: Core::new(config(), markets(), &opening(now.wall)),
            model: Model::new(),
            out: Outbox::new(4),
            now,
            asks: Vec::new(),
            halted: false,
            refused: Vec::new(),
            sent: 0,
        };
        stand.give(&Input::Gateway(GatewayEvent::Connections { ready: 4 }));
        stand
    }

    /// Gives one input to the core and takes what comes of it to the model.
    fn give(&mut self, input: &Input) {
        let open = self.core.guard().breaker().state() == BreakerState::Open;
        self.core.handle(self.now, input, &mut self.out);
        for command in std::mem::take(&mut self.out.commands) {
            match command {
                Command::Submit(order) => {
                    assert!(!self.halted, "nothing is sent after a halt");
                    assert!(!open || self.core.guard().breaker().state() != BreakerState::Open);
                    self.sent += 1;
                    self.model.submit(self.now, *order.get(), &config());
                }
                Command::Resend(order) => panic!("{order:?} goes out again"),
                Command::Cancel(cancel) => self.model.cancel(self.now.mono, cancel, &config()),
                Command::CancelAll => self.model.cancel_all(self.now.mono, &config()),
            }
        }
        self.asks.append(&mut self.out.asks);
        for record in self.out.records.drain(..) {
            if let Record::Result(result) = record
                && let Outcome::Refused(refusal) = result.outcome
            {
                self.refused.push(refusal.limit);
            }
        }
        self.out.kept.clear();
        self.model.check(&config());
        let flow = self.core.guard().ledger().flow();
        assert_eq!(flow.imbalance(), 0, "{flow:?}");
        assert_eq!(flow.written, self.model.written(), "writes are what the exchange has seen");
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Signal { market, action, contracts, cents, resting } => {
                let asked = signal(self.now, (*market, *action, *contracts, *cents), *resting);
                self.give(&Input::Signal(asked));
            }
            Step::Gateway { nth, news } => {
                if let Some(event) = self.model.gateway(self.now, *nth, *news) {
                    self.give(&Input::Gateway(event));
                }
            }
            Step::Trade { nth, part } => self.model.trade(self.now, *nth, *part),
            Step::Fill { nth, rest } => {
                if let Some(input) = self.model.fill(*nth, *rest) {
                    self.give(&input);
                }
            }
            Step::Fetch { nth, fails } => self.fetch(*nth, *fails),
            Step::Pass { ms } => self.pass(Nanos::from_ms(u64::from(*ms))),
            Step::Wall { seconds } => {
                let ns = i64::from(*seconds) * 1_000_000_000;
                let wall = self.now.wall.unix_ns().saturating_add_signed(ns);
                self.now.wall = WallTime::from_unix_ns(wall);
            }
            Step::Settle { market, cents } => {
                let money = Money::from_cents(i64::from(*cents));
                let market = MarketIx(u16::from(*market));
                let settlement =
                    Settlement { market, realized: Money::ZERO, fee: Money::ZERO, result: money };
                self.core.record_settlement(self.now, &settlement);
                self.give(&Input::Timer);
            }
            Step::Control { what } => self.control(*what),
            Step::Mismatches { count } => {
                // Seldom any, and then they are gone at the next look.
                let count = u32::from(count.saturating_sub(6));
                self.give(&Input::Fetch(FetchEvent::Mismatches { count }));
            }
        }
    }

    fn control(&mut self, what: u8) {
        if what.is_multiple_of(8) {
            self.halted = true;
            let reason = Reason::lossy("drill");
            // What is on its way may still arrive, but nothing more is sent.
            self.give(&Input::Control(ControlCommand::Halt { reason }));
        } else {
            self.halted = false;
            self.give(&Input::Control(ControlCommand::Resume));
        }
    }

    /// Lets time pass, with every timer that comes due on the way.
    fn pass(&mut self, span: Nanos) {
        let until = self.now.mono + span;
        for _ in 0..64 {
            let due = self.core.deadline();
            if due > until {
                break;
            }
            self.advance(due.max(self.now.mono));
            self.give(&Input::Timer);
        }
        self.advance(until);
    }

    fn advance(&mut self, to: Timestamp) {
        let passed = to.since(self.now.mono);
        self.now = Now { mono: self.now.mono + passed, wall: self.now.wall + passed };
    }

    fn fetch(&mut self, nth: u8, fails: bool) {
        if self.asks.is_empty() {
            return;
        }
        let ask = self.asks.remove(usize::from(nth) % self.asks.len());
        for event in self.model.fetch(&ask, fails) {
            self.give(&Input::Fetch(event));
        }
    }

    /// Tells everything that is left to tell, until every order's fate is known.
    fn settle(&mut self) {
        for _ in 0..200 {
            while let Some(event) = self.model.gateway(self.now, 0, 2) {
                self.give(&Input::Gateway(event));
            }
            while let Some(input) = self.model.untold_fill() {
                self.give(&input);
            }
            while !self.asks.is_empty() {
                self.fetch(0, false);
            }
            if self.core.orders().live() == 0 {
                return;
            }
            self.pass(Nanos::from_secs(10));
        }
        panic!("orders stay alive: {:#?}", self.core.orders().live_orders().collect::<Vec<_>>());
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 300,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn no_limit_is_exceeded_whatever_happens_in_whatever_order(
        steps in proptest::collection::vec(step(), 1..160),
    ) {
        let mut stand = Stand::new();
        for step in &steps {
            stand.take(step);
        }
        stand.settle();
        // Once everything is known, nothing is held back for nothing and the books agree.
        let exposure = stand.core.exposure();
        prop_assert_eq!(exposure.reserved(), Money::ZERO);
        prop_assert_eq!(exposure.in_flight(), Contracts::ZERO);
        for market in stand.core.markets().all() {
            let ours = stand.core.account().holding(market.ix).position;
            prop_assert_eq!(ours, stand.model.position(market.ix));
        }
        prop_assert_eq!(stand.core.account().cash(), stand.model.cash());
    }
}

/// A property that never sends, or never meets a limit, proves nothing.
#[test]
fn the_steps_meet_most_limits_and_send_many_orders() {
    use proptest::strategy::ValueTree as _;
    use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let (mut sent, mut met) = (0, std::collections::BTreeSet::new());
    for _ in 0..200 {
        let steps = proptest::collection::vec(step(), 100..160);
        let steps = steps.new_tree(&mut runner).expect("steps can be made").current();
        let mut stand = Stand::new();
        steps.iter().for_each(|step| stand.take(step));
        sent += stand.sent;
        met.extend(stand.refused);
    }
    assert!(sent > 800, "{sent} orders; met {met:?}");
    for limit in [
        Limit::Halted,
        Limit::BreakerOpen,
        Limit::Mismatch,
        Limit::MarketStopped,
        Limit::DailyTrades,
        Limit::DailyVolume,
        Limit::OrdersPerMinute,
        Limit::OpenOrders,
        Limit::OpenOrdersPerMarket,
        Limit::SelfCross,
        Limit::RestingValue,
        Limit::EventPosition,
        Limit::SportExposure,
        Limit::Balance,
        Limit::NothingToSell,
    ] {
        assert!(met.contains(&limit), "{limit} was never met, but {met:?}; {sent} orders");
    }
}
