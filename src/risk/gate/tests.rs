//! Every limit just below, at and just over its bound, asked through [`approve`].
//!
//! In: an order that every limit lets through, changed in one thing. Out: the approval or the
//! refusal with its numbers. Asks the whole gate, never one limit's function alone, so that a
//! limit left out of the table would be seen.

mod bounds;
mod breaker;
mod links;
mod money;
mod numbers;
mod positions;
mod prices;

use super::*;
use crate::ids::{ClientOrderId, MarketIx, OrderId, OrderKey, RunId, Ticker};
use crate::kalshi::market::{FeeSchedule, TickGrid};
use crate::message::{AmendOrder, BookSide, TimeInForce};
use crate::risk::{BreakerConfig, Place, Rests, Skew, SportIx, Trip, approve_amendment};
use crate::units::{Contracts, Nanos, Position, Timestamp};

const WALL: WallTime = WallTime::from_unix_ms(1_767_225_600_000);
const MONO: Timestamp = Timestamp::from_ns(1_000_000_000_000);
const NOW: Now = Now { mono: MONO, wall: WALL };

/// The order's market, and another one of its event and sport.
const OWN: Place = Place {
    market: MarketIx(0),
    event: 0,
    sport: SportIx(0),
    shard: 0,
    side: BookSide::Bid,
    rests: Rests::Yes,
};
const OTHER: Place = Place { market: MarketIx(1), ..OWN };

/// Everything a question and its facts borrow.
struct Case {
    order: NewOrder,
    child: Child,
    action: Action,
    reference: Price,
    edge: PriceDelta,
    produced_at: Option<WallTime>,
    expires_at: Option<WallTime>,
    fee: Money,
    limits: Limits,
    readiness: Readiness,
    market_stopped: bool,
    market: Market,
    listing: Listing,
    exposure: Exposure,
    guard: Guard,
    day: Day,
    throttle: Throttle,
    open_orders: u32,
    cash: Money,
    shard_cash: Option<Money>,
}

fn price(micros: u32) -> Price {
    Price::from_micros(micros).unwrap()
}

/// `BUY_YES`, ten contracts at 50c against an ask of 49c, fee 17.5c, edge 10c: no limit objects.
fn sound() -> Case {
    let ticker = Ticker::new(b"KXNFL-26JAN11-BUF").unwrap();
    Case {
        order: NewOrder {
            key: OrderKey { slot: 0, generation: 0 },
            client_order_id: ClientOrderId::new(RunId::new(0xabc), 1),
            market: MarketIx(0),
            side: BookSide::Bid,
            price: price(500_000),
            quantity: Contracts::from_whole(10),
            time_in_force: TimeInForce::ImmediateOrCancel,
            expiration_secs: None,
            reduce_only: false,
            post_only: false,
            reference: price(500_000),
            received: MONO,
            approved: MONO,
        },
        child: Child::First,
        action: Action::BuyYes,
        reference: price(490_000),
        edge: PriceDelta::from_cents(10),
        produced_at: None,
        expires_at: None,
        fee: Money::from_e8(17_500_000),
        limits: Limits::default(),
        readiness: Readiness::Ready,
        market_stopped: false,
        market: Market {
            ticker,
            ix: MarketIx(0),
            event: 0,
            grid: TickGrid::linear_cent(),
            exchange_index: 0,
            fees: FeeSchedule::QUADRATIC,
            active: true,
        },
        listing: Listing { allowed: true, sport: SportIx(0) },
        exposure: Exposure::new(2, 1, 2),
        guard: Guard::new(&Limits::default(), BreakerConfig::default(), 2, 4),
        day: Day::new(WALL),
        throttle: Throttle::new(Limits::default().orders_per_minute_max),
        open_orders: 0,
        cash: Money::from_cents(1_000_000),
        shard_cash: None,
    }
}

impl Case {
    /// Another action, on its side of the book, at the same price of its own leg.
    fn act(&mut self, action: Action) {
        let flip = action.book_side() != self.order.side;
        self.action = action;
        self.order.side = action.book_side();
        if flip {
            self.order.price = self.order.price.complement();
            self.reference = self.reference.complement();
        }
    }

    /// A breaker that has cooled down.
    fn half_open(&mut self) {
        let cooled = MONO.ns() - self.guard.config().cooldown.ns();
        self.guard.trip(Now { mono: Timestamp::from_ns(cooled), wall: WALL }, Trip::Rejects);
        self.guard.tick(NOW, &self.limits);
    }

    /// A feed that was last heard so many nanoseconds ago.
    fn heard(&mut self, ago: u64) {
        let heard = Timestamp::from_ns(MONO.ns() - ago);
        self.guard.note_heard(crate::risk::FeedHeard::At(heard));
    }

    /// Differences that a later probe of the breaker has not made go away.
    fn mismatched(&mut self, count: u32) {
        self.guard.note_mismatches(NOW, count);
        self.guard.judge_probe(NOW, crate::risk::Probe::Succeeded);
    }

    /// What is held in the order's market.
    fn hold(&mut self, centis: i64) {
        self.exposure.hold(OWN, Position::from_centis(centis), Money::ZERO);
    }

    /// What is held in the other market of the event, at a cost.
    fn hold_other(&mut self, centis: i64, cost: Money) {
        self.exposure.hold(OTHER, Position::from_centis(centis), cost);
    }

    /// A live order in the order's market, far from any price asked for here.
    fn live(&mut self, side: BookSide, centis: u32) {
        let cents = match side {
            BookSide::Bid => 1,
            BookSide::Ask => 99,
        };
        self.live_at(side, centis, cents, Money::ZERO);
    }

    fn live_at(&mut self, side: BookSide, centis: u32, cents: u32, reserve: Money) {
        let terms = NewOrder {
            side,
            quantity: Contracts::from_centis(centis),
            price: Price::from_cents(cents).unwrap(),
            ..self.order
        };
        self.exposure.open(Place { side, ..OWN }, &terms, reserve);
    }

    /// Cash that live orders elsewhere may still take.
    fn reserve(&mut self, reserve: Money) {
        let terms = NewOrder { quantity: Contracts::ZERO, ..self.order };
        self.exposure.open(OTHER, &terms, reserve);
    }

    fn answer(&self) -> Result<NewOrder, Refusal> {
        self.asked(|question, facts| approve(question, facts).map(|approved| *approved.get()))
    }

    /// What the gate would say if it lacked one limit.
    fn answer_without(&self, left_out: Limit) -> Result<(), Refusal> {
        let rows = rows().into_iter().filter(|(limit, _)| *limit != left_out);
        self.asked(|question, facts| {
            rows.into_iter().try_for_each(|(_, check)| check(question, facts))
        })
    }

    /// What is said of moving a resting order of which `filled` is no longer open there.
    fn amendment(&self, filled: Contracts) -> Result<AmendOrder, Refusal> {
        let order = &self.order;
        let amend = AmendOrder {
            key: order.key,
            order_id: OrderId::lossy("o-1"),
            client_order_id: order.client_order_id,
            market: order.market,
            side: order.side,
            price: order.price,
            quantity: order.quantity + filled,
            approved: order.approved,
        };
        self.asked(|question, facts| approve_amendment(question, facts, amend, filled))
            .map(|approved| *approved.get())
    }

    fn asked<T>(&self, ask: impl FnOnce(&Question<'_>, &Facts<'_>) -> T) -> T {
        let question = Question {
            order: &self.order,
            child: self.child,
            action: self.action,
            reference: self.reference,
            edge: self.edge,
            produced_at: self.produced_at,
            expires_at: self.expires_at,
            fee: self.fee,
        };
        let facts = Facts {
            limits: &self.limits,
            now: NOW,
            readiness: self.readiness,
            market_stopped: self.market_stopped,
            market: &self.market,
            listing: self.listing,
            exposure: &self.exposure,
            guard: &self.guard,
            day: &self.day,
            throttle: &self.throttle,
            open_orders: self.open_orders,
            cash: self.cash,
            shard_cash: self.shard_cash,
        };
        ask(&question, &facts)
    }
}

type Expected = Result<(), (Limit, i64, i64)>;

/// The sound order with one change, and the limit, value and bound of its refusal.
#[track_caller]
fn check(change: impl FnOnce(&mut Case), expected: Expected) {
    let mut case = sound();
    change(&mut case);
    let expected = expected.map(|()| case.order).map_err(|(limit, value, bound)| Refusal {
        limit,
        value,
        bound,
    });
    assert_eq!(case.answer(), expected);
}

/// A limit and what asks it.
type Asked = (Limit, Box<dyn Fn(&Question<'_>, &Facts<'_>) -> Result<(), Refusal>>);

/// Every row of the gate, in the order in which [`approve`] asks them.
fn rows() -> Vec<Asked> {
    let states = STATES.into_iter().map(|(limit, check)| -> Asked {
        (limit, Box::new(move |question, facts| check(question.order, facts)))
    });
    let others = [&TERMS[..], &RATES, &STAKES].concat();
    states
        .chain(others.into_iter().map(|(limit, check)| -> Asked { (limit, Box::new(check)) }))
        .collect()
}

/// Every limit but those that refuse a signal before an order is made of it.
fn asked() -> impl Iterator<Item = Limit> {
    let before_the_gate = [Limit::DuplicateSignal, Limit::SignalsPerCycle, Limit::UnknownMarket];
    Limit::ALL.into_iter().filter(move |limit| !before_the_gate.contains(limit))
}

/// Breaks exactly the limit it stands beside, whatever the limits after it say.
type Break = (Limit, fn(&mut Case));

const BREAKS: [Break; 34] = [
    (Limit::Halted, |case| case.readiness = Readiness::Halted),
    (Limit::BreakerOpen, |case| case.guard.trip(NOW, Trip::Rejects)),
    (Limit::ProbeSize, |case| {
        case.half_open();
        case.guard.config_mut().half_open_contracts = Contracts::ZERO;
    }),
    (Limit::NotReady, |case| case.readiness = Readiness::NotReady),
    (Limit::LinkHealth, |case| {
        case.heard(1);
        case.limits.link_silence_max = Nanos::ZERO;
    }),
    (Limit::ExchangePaused, |case| case.guard.note_paused(NOW)),
    (Limit::ClockSkew, |case| case.guard.note_skew(Skew::Unknown)),
    (Limit::Mismatch, |case| case.mismatched(1)),
    (Limit::Conservation, |case| case.guard.ledger_mut().note_written(case.order.key)),
    (Limit::MarketStopped, |case| case.market_stopped = true),
    (Limit::SeriesNotAllowed, |case| case.listing.allowed = false),
    (Limit::MarketInactive, |case| case.market.active = false),
    (Limit::SignalAge, |case| case.expires_at = Some(WALL)),
    (Limit::PositionSize, |case| case.limits.position_size_max = Contracts::ZERO),
    (Limit::RiskPerTrade, |case| case.limits.risk_per_trade_max = Money::ZERO),
    (Limit::PriceCollar, |case| case.limits.price_collar = PriceDelta::ZERO),
    (Limit::MinimumEdge, |case| case.limits.edge_min = PriceDelta::from_cents(99)),
    (Limit::DailyTrades, |case| case.limits.daily_trades_max = 0),
    (Limit::DailyVolume, |case| case.limits.daily_volume_max = Contracts::ZERO),
    (Limit::DailyLoss, |case| case.limits.daily_loss_max = Money::ZERO),
    (Limit::ConsecutiveLosses, |case| case.guard.config_mut().consecutive_losses_max = 0),
    (Limit::RejectsPerMinute, |case| case.guard.config_mut().rejects_per_minute_max = 0),
    (Limit::RepeatedExecution, |case| case.guard.config_mut().repeats_max = 0),
    (Limit::OrdersPerMinute, |case| case.limits.orders_per_minute_max = 0),
    (Limit::OrderSpacing, |case| case.throttle.note_sent(MONO)),
    (Limit::MessagesPerSecond, |case| case.limits.messages.order_cost = 1_000),
    (Limit::OpenOrders, |case| case.limits.open_orders_max = 0),
    (Limit::OpenOrdersPerMarket, |case| case.limits.open_orders_per_market_max = 0),
    (Limit::SelfCross, |case| {
        case.live_at(case.order.side.opposite(), 1, 50, Money::ZERO);
    }),
    (Limit::RestingValue, |case| {
        case.order.time_in_force = TimeInForce::GoodTillCanceled;
        case.limits.resting_value_max = Money::ZERO;
    }),
    (Limit::EventPosition, |case| {
        case.act(Action::BuyYes);
        case.limits.position_per_event_max = Contracts::ZERO;
    }),
    (Limit::SportExposure, |case| {
        case.act(Action::BuyYes);
        case.limits.sport_exposure_max_bp = 0;
    }),
    (Limit::Balance, |case| {
        case.act(Action::BuyYes);
        case.limits.balance_min = Money::from_cents(1_000_000_000);
    }),
    (Limit::NothingToSell, |case| case.act(Action::SellYes)),
];

#[test]
fn the_first_limit_in_order_wins() {
    assert!(asked().eq(rows().iter().map(|(limit, _)| *limit)), "the gate asks all other limits");
    assert!(rows().iter().map(|(limit, _)| limit).eq(BREAKS.iter().map(|(limit, _)| limit)));

    for (index, (limit, _)) in BREAKS.iter().enumerate() {
        let mut case = sound();
        // From the last to the first: where two exclude each other, the earlier one stands.
        for (_, change) in BREAKS[index..].iter().rev() {
            change(&mut case);
        }
        assert_eq!(case.answer().unwrap_err().limit, *limit, "with all later limits broken too");
    }
}

#[test]
fn each_break_alone_breaks_its_limit_only() {
    for (limit, change) in BREAKS {
        let mut case = sound();
        change(&mut case);
        assert_eq!(case.answer().unwrap_err().limit, limit);
    }
}

/// Leaves each limit out of the gate in turn: the order that only it refuses gets through, so
/// the tests above and below cannot pass without it. With `--nocapture` it says what it did.
#[test]
fn without_any_one_limit_its_case_gets_through() {
    for (index, limit) in asked().enumerate() {
        let (_, change) = BREAKS
            .into_iter()
            .find(|(broken, _)| *broken == limit)
            .unwrap_or_else(|| panic!("{limit} has no order that only it refuses"));
        let mut case = sound();
        change(&mut case);
        let refusal = case.answer().unwrap_err();
        assert_eq!(refusal.limit, limit);
        let answer = case.answer_without(limit);
        assert_eq!(answer, Ok(()), "{limit} has no other limit to stand in for it");
        println!("{:2} refused: {refusal}; without {limit}: approved", index + 1);
    }
}

/// What keeps a new order from being sent keeps an old one from being sent again.
#[test]
fn a_repetition_is_refused_by_every_limit_that_asks_about_the_engine_and_its_links() {
    let again = |case: &Case| {
        case.asked(|question, facts| allow_again(question.order, facts)).map_err(|it| it.limit)
    };
    assert_eq!(again(&sound()), Ok(()));
    let tokens = Limit::MessagesPerSecond;
    let asked: Vec<Limit> = STATES.iter().map(|(limit, _)| *limit).chain([tokens]).collect();
    for (limit, change) in BREAKS {
        let mut case = sound();
        change(&mut case);
        let expected = match limit {
            // Whatever its size: a probe is a new order.
            Limit::ProbeSize => Err(Limit::BreakerOpen),
            _ if asked.contains(&limit) => Err(limit),
            // What it says and stakes was asked when it was new.
            _ => Ok(()),
        };
        assert_eq!(again(&case), expected, "{limit}");
    }
}

#[test]
fn an_amendment_is_refused_by_every_limit() {
    for (limit, change) in BREAKS {
        let mut case = sound();
        change(&mut case);
        let refusal = case.amendment(Contracts::from_whole(3)).unwrap_err();
        assert_eq!(refusal.limit, limit);
    }
}

#[test]
fn the_order_approved_is_the_order_asked_for() {
    check(|_| {}, Ok(()));
    for action in [Action::BuyYes, Action::BuyNo] {
        check(|case| case.act(action), Ok(()));
    }
}

#[test]
fn states_refuse_as_they_are() {
    let refused = |limit| Err((limit, 1, 0));
    check(|case| case.readiness = Readiness::Halted, refused(Limit::Halted));
    check(|case| case.readiness = Readiness::NotReady, refused(Limit::NotReady));
    check(|case| case.market_stopped = true, refused(Limit::MarketStopped));
    check(|case| case.market.active = false, refused(Limit::MarketInactive));
}

#[test]
fn signals_are_as_old_as_their_clock_says() {
    let bound = 500_000_000;
    let produced = |case: &mut Case, age: i64| {
        let ns = i64::try_from(WALL.unix_ns()).unwrap() - age;
        case.produced_at = Some(WallTime::from_unix_ns(ns.unsigned_abs()));
    };
    let refused = |age| Err((Limit::SignalAge, age, bound));
    // Without a time of its own it is as old as its arrival.
    let came = |case: &mut Case, ago: u64| {
        case.produced_at = None;
        case.order.received = Timestamp::from_ns(NOW.mono.ns() - ago);
    };
    for ago in [0, 499_999_999, 500_000_000] {
        check(|case| came(case, ago), Ok(()));
    }
    check(|case| came(case, 500_000_001), refused(500_000_001));
    for age in [0, bound - 1, bound, -bound + 1, -bound] {
        check(|case| produced(case, age), Ok(()));
    }
    for age in [bound + 1, -bound - 1] {
        check(|case| produced(case, age), refused(age));
    }
    let now = i64::try_from(WALL.unix_ns()).unwrap();
    check(|case| case.produced_at = Some(WallTime::from_unix_ns(0)), refused(now));
    // A time beyond 63 bits is as far ahead as can be told, and does not wrap into the past.
    let never = Some(WallTime::from_unix_ns(u64::MAX));
    check(|case| case.produced_at = never, refused(now - i64::MAX));
    let none = |case: &mut Case, age| {
        case.limits.signal_age_max = Nanos::ZERO;
        produced(case, age);
    };
    check(|case| none(case, 0), Ok(()));
    check(|case| none(case, 1), Err((Limit::SignalAge, 1, 0)));
}

#[test]
fn a_signal_without_a_time_is_refused_where_it_must_have_one() {
    let required = |case: &mut Case| {
        case.limits.signal_time = crate::risk::SignalTime::Required;
        case.produced_at = None;
    };
    check(required, Err((Limit::SignalAge, Refusal::MISSING, 500_000_000)));
    let told = |case: &mut Case| {
        required(case);
        case.produced_at = Some(WALL);
    };
    check(told, Ok(()));
}

#[test]
fn signals_expire_at_the_moment_they_name() {
    let at = |ns: i64| Some(WallTime::from_unix_ns(WALL.unix_ns().checked_add_signed(ns).unwrap()));
    check(|case| case.expires_at = at(1), Ok(()));
    check(|case| case.expires_at = at(0), Err((Limit::SignalAge, 0, 0)));
    check(|case| case.expires_at = at(-1), Err((Limit::SignalAge, 1, 0)));
    // Freshness does not save what has expired.
    let fresh = |case: &mut Case| {
        case.produced_at = at(0);
        case.expires_at = at(-1);
    };
    check(fresh, Err((Limit::SignalAge, 1, 0)));
}
