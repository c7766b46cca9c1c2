//! Every limit in one table: just inside its bound, at it, and one past it.
//!
//! In: the sound order, moved to a limit's edge. Out: the answer of the whole gate, and of the gate
//! without that limit. Never knows how a limit reckons; the other files say what it counts.

use super::breaker::{executed, lost, rejected};
use super::*;

/// A refusal's value and bound; `None` where the order passes.
type Told = Option<(i64, i64)>;

/// How a limit is reached.
enum Edge {
    /// A number: puts the order so many of the smallest steps past the bound (fewer than none is
    /// inside), whichever way is past. Said is what the steps -1, 0 and 1 are told.
    Number(fn(&mut Case, i64), [Told; 3]),
    /// A state: the side that passes, the side that does not, and what that one is told.
    State(fn(&mut Case), fn(&mut Case), (i64, i64)),
}

use Edge::{Number, State};

/// The bound itself passes.
const fn takes(value: i64, bound: i64) -> [Told; 3] {
    [None, None, Some((value, bound))]
}

/// The bound itself is too much.
const fn reached(at: (i64, i64), past: (i64, i64)) -> [Told; 3] {
    [None, Some(at), Some(past)]
}

/// A count or a span that a step is added to.
fn moved(base: u64, step: i64) -> u64 {
    base.checked_add_signed(step).unwrap()
}

fn few(base: u32, step: i64) -> u32 {
    u32::try_from(moved(base.into(), step)).unwrap()
}

/// So many nanoseconds ago.
fn ago(ns: u64) -> Timestamp {
    Timestamp::from_ns(MONO.ns() - ns)
}

/// A thousand dollars.
const DAY_LOSS: i64 = 100_000_000_000;

/// The numbers are the defaults', written out: what a person reads in the plan.
const EDGES: [(Limit, Edge); 34] = [
    (Limit::Halted, State(|_| {}, |case| case.readiness = Readiness::Halted, (1, 0))),
    (
        Limit::BreakerOpen,
        // A minute of cooling down; past is too early.
        Number(
            |case, step| {
                let tripped = Now { mono: ago(moved(60_000_000_000, -step)), wall: WALL };
                case.guard.trip(tripped, Trip::Rejects);
                case.guard.tick(NOW, &case.limits);
            },
            takes(1, 0),
        ),
    ),
    (
        Limit::ProbeSize,
        Number(
            |case, step| {
                case.half_open();
                case.order.quantity = Contracts::from_centis(few(1_000, step));
                case.edge = PriceDelta::from_cents(50);
            },
            takes(1_001, 1_000),
        ),
    ),
    (Limit::NotReady, State(|_| {}, |case| case.readiness = Readiness::NotReady, (1, 0))),
    (
        Limit::LinkHealth,
        Number(
            |case, step| case.heard(moved(15_000_000_000, step)),
            takes(15_000_000_001, 15_000_000_000),
        ),
    ),
    (
        Limit::ExchangePaused,
        // Half a minute of leaving it alone; past is too early.
        Number(
            |case, step| {
                let refused = Now { mono: ago(moved(30_000_000_000, -step)), wall: WALL };
                case.guard.note_paused(refused);
            },
            takes(1, 0),
        ),
    ),
    (
        Limit::ClockSkew,
        Number(
            |case, step| case.guard.note_skew(Skew::Measured(-2_000_000_000 - step)),
            takes(2_000_000_001, 2_000_000_000),
        ),
    ),
    (Limit::Mismatch, State(|case| case.mismatched(0), |case| case.mismatched(1), (1, 0))),
    (
        Limit::Conservation,
        State(
            |case| {
                case.guard.note_approved(case.order.key);
                case.guard.ledger_mut().note_written(case.order.key);
            },
            // The least that can be off: one that nobody approved did not leave.
            |case| case.guard.ledger_mut().note_unsent(case.order.key),
            (1, 0),
        ),
    ),
    (Limit::MarketStopped, State(|_| {}, |case| case.market_stopped = true, (1, 0))),
    (Limit::SeriesNotAllowed, State(|_| {}, |case| case.listing.allowed = false, (1, 0))),
    (Limit::MarketInactive, State(|_| {}, |case| case.market.active = false, (1, 0))),
    (
        Limit::SignalAge,
        Number(
            |case, step| {
                let produced = moved(WALL.unix_ns() - 500_000_000, -step);
                case.produced_at = Some(WallTime::from_unix_ns(produced));
            },
            takes(500_000_001, 500_000_000),
        ),
    ),
    (
        Limit::PositionSize,
        Number(
            |case, step| case.order.quantity = Contracts::from_centis(few(10_000, step)),
            takes(10_001, 10_000),
        ),
    ),
    (
        Limit::RiskPerTrade,
        // 500c and 17.5c of fee.
        Number(
            |case, step| case.limits.risk_per_trade_max = Money::from_e8(517_500_000 - step),
            takes(517_500_000, 517_499_999),
        ),
    ),
    (
        Limit::PriceCollar,
        Number(|case, step| case.reference = price(few(450_000, -step)), takes(50_001, 50_000)),
    ),
    (
        Limit::MinimumEdge,
        // 1c is given away, 1.75c a contract is fee.
        Number(
            |case, step| case.edge = PriceDelta::from_micros(37_500 - step),
            takes(9_999, 10_000),
        ),
    ),
    (Limit::DailyTrades, Number(|case, step| case.day.orders = few(49, step), takes(51, 50))),
    (
        Limit::DailyVolume,
        Number(
            |case, step| case.day.volume = Contracts::from_centis(few(499_000, step)),
            takes(500_001, 500_000),
        ),
    ),
    (
        Limit::DailyLoss,
        Number(
            |case, step| case.day.realized = Money::from_e8(-DAY_LOSS - step),
            reached((DAY_LOSS, DAY_LOSS), (DAY_LOSS + 1, DAY_LOSS)),
        ),
    ),
    (
        Limit::ConsecutiveLosses,
        Number(|case, step| lost(few(5, step))(case), reached((5, 5), (6, 5))),
    ),
    (
        Limit::RejectsPerMinute,
        Number(|case, step| rejected(few(5, step), 0)(case), reached((5, 5), (5, 5))),
    ),
    (
        Limit::RepeatedExecution,
        Number(
            |case, step| executed(few(3, step), BookSide::Bid, 0)(case),
            reached((4, 3), (4, 3)),
        ),
    ),
    (
        Limit::OrdersPerMinute,
        Number(
            |case, step| {
                for nth in 0..few(9, step) {
                    case.throttle.note_sent(ago(59_999_999_999 - u64::from(nth) * 1_000_000_000));
                }
            },
            takes(11, 10),
        ),
    ),
    (
        Limit::OrderSpacing,
        // A tenth of a second; past is too early.
        Number(
            |case, step| case.throttle.note_sent(ago(moved(100_000_000, -step))),
            takes(99_999_999, 100_000_000),
        ),
    ),
    (
        Limit::MessagesPerSecond,
        // Eighty of a hundred tokens are the orders'.
        Number(|case, step| case.limits.messages.order_cost = few(80, step), takes(81, 80)),
    ),
    (Limit::OpenOrders, Number(|case, step| case.open_orders = few(19, step), takes(21, 20))),
    (
        Limit::OpenOrdersPerMarket,
        Number(
            |case, step| (0..few(1, step)).for_each(|_| case.live(BookSide::Bid, 0)),
            takes(3, 2),
        ),
    ),
    (
        Limit::SelfCross,
        // An own ask, by cents below the order's bid at 50c.
        Number(
            |case, step| case.live_at(BookSide::Ask, 100, few(50, -step), Money::ZERO),
            reached((500_000, 500_000), (490_000, 500_000)),
        ),
    ),
    (
        Limit::RestingValue,
        Number(
            |case, step| {
                case.order.time_in_force = TimeInForce::GoodTillCanceled;
                case.reserve(Money::from_e8(100_000_000_000 - 517_500_000 + step));
            },
            takes(100_000_000_001, 100_000_000_000),
        ),
    ),
    (
        Limit::EventPosition,
        Number(|case, step| case.hold_other(49_000 + step, Money::ZERO), takes(50_001, 50_000)),
    ),
    (
        Limit::SportExposure,
        // A fifth of $1000.
        Number(
            |case, step| {
                case.cash = Money::from_cents(100_000);
                case.reserve(Money::from_e8(20_000_000_000 - 517_500_000 + step));
            },
            takes(20_000_000_001, 20_000_000_000),
        ),
    ),
    (
        Limit::Balance,
        // $100 must be left; past is less.
        Number(
            |case, step| case.cash = Money::from_e8(10_000_000_000 + 517_500_000 - step),
            takes(9_999_999_999, 10_000_000_000),
        ),
    ),
    (
        Limit::NothingToSell,
        Number(
            |case, step| {
                case.act(Action::SellYes);
                case.hold(1_000 - step);
            },
            takes(1_000, 999),
        ),
    ),
];

/// What the gate says where a limit tells this.
fn answer_of(case: &Case, limit: Limit, told: Told) -> Result<NewOrder, Refusal> {
    told.map_or(Ok(case.order), |(value, bound)| Err(Refusal { limit, value, bound }))
}

/// The orders around a limit's edge, and what each is told.
fn around(edge: &Edge) -> Vec<(Case, Told)> {
    let put = |change: &dyn Fn(&mut Case), told| {
        let mut case = sound();
        change(&mut case);
        (case, told)
    };
    match *edge {
        Number(change, told) => (-1..=1)
            .zip(told)
            .map(|(step, told)| put(&|case: &mut Case| change(case, step), told))
            .collect(),
        State(passes, refused, told) => vec![put(&passes, None), put(&refused, Some(told))],
    }
}

#[test]
fn each_limit_takes_its_bound_and_refuses_one_past_it() {
    let in_table = EDGES.iter().map(|(limit, _)| *limit);
    assert!(in_table.eq(asked()), "every limit that the gate asks has its row here");
    for (limit, edge) in &EDGES {
        let cases = around(edge);
        assert_eq!(cases.first().unwrap().1, None, "{limit} lets something through");
        assert!(cases.last().unwrap().1.is_some(), "{limit} refuses something");
        for (index, (case, told)) in cases.iter().enumerate() {
            let expected = answer_of(case, *limit, *told);
            assert_eq!(case.answer(), expected, "{limit}, case {index}");
            let amended = case.amendment(Contracts::from_whole(3)).map(|_| case.order);
            assert_eq!(amended, expected, "{limit}, case {index}, moved in place");
        }
    }
}

/// One past a bound is one limit's matter: without it nothing else refuses.
#[test]
fn one_past_a_bound_gets_through_without_its_limit() {
    for (limit, edge) in &EDGES {
        for (case, _) in around(edge) {
            assert_eq!(case.answer_without(*limit), Ok(()), "{limit}");
        }
    }
}
