//! What may happen next: steps, drawn at random, and what the engine is configured with.

use kalshi_exec::ids::{RunId, SignalId, SourceId};
use kalshi_exec::message::{Action, Signal, Style, TimeInForce};
use kalshi_exec::oms::config::{Admission, FeedNeed, OmsConfig, OrderConfig, ReconcileConfig};
use kalshi_exec::risk::{BreakerConfig, Limits, MessageLimits, OpenRisk, Schedule, SeriesRules};
use kalshi_exec::units::{Contracts, Money, Nanos, Now, Price, PriceDelta, Timestamp, WallTime};
use proptest::prelude::*;

use super::books::{COUNT, ticker};

/// One signal: numbers choose among what is possible.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask {
    pub(crate) market: u8,
    pub(crate) action: u8,
    pub(crate) contracts: u8,
    pub(crate) cents: u8,
    pub(crate) how: u8,
    /// What is wrong with it: mostly nothing.
    pub(crate) oddity: u8,
}

/// What may happen next. Numbers choose among what is possible.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    Signal(Ask),
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
    /// A question is answered: a look-up, a backfill, prices, settlements.
    Fetch {
        nth: u8,
        what: u8,
    },
    Pass {
        ms: u16,
    },
    /// The wall clock is set, to either side.
    Wall {
        seconds: i16,
    },
    /// The exchange's answers say another time.
    Skew {
        ms: i16,
    },
    /// A market is over.
    Settle {
        market: u8,
        yes: bool,
    },
    Control {
        what: u8,
    },
    /// The stream comes, goes or falls silent; connections come and go.
    Link {
        what: u8,
    },
    Mismatches {
        count: u8,
    },
    /// The engine dies and is started again later.
    Restart {
        seconds: u16,
        news: u8,
    },
    /// Time passes until after the next UTC midnight.
    Midnight,
}

pub(crate) fn step() -> impl Strategy<Value = Step> {
    let markets = u8::try_from(COUNT).expect("few");
    let ask = (0..markets, 0..8_u8, 1..50_u8, 20..80_u8, any::<u8>(), any::<u8>());
    let signal = ask.prop_map(|(market, action, contracts, cents, how, oddity)| {
        Step::Signal(Ask { market, action, contracts, cents, how, oddity })
    });
    prop_oneof![
        24 => signal,
        32 => (any::<u8>(), any::<u8>()).prop_map(|(nth, news)| Step::Gateway { nth, news }),
        10 => (any::<u8>(), 1..=100_u8).prop_map(|(nth, part)| Step::Trade { nth, part }),
        12 => (any::<u8>(), any::<bool>()).prop_map(|(nth, rest)| Step::Fill { nth, rest }),
        12 => (any::<u8>(), any::<u8>()).prop_map(|(nth, what)| Step::Fetch { nth, what }),
        14 => (0..9_000_u16).prop_map(|ms| Step::Pass { ms }),
        1 => any::<i16>().prop_map(|seconds| Step::Wall { seconds }),
        1 => (-4_000..4_000_i16).prop_map(|ms| Step::Skew { ms }),
        3 => (0..markets, any::<bool>()).prop_map(|(market, yes)| Step::Settle { market, yes }),
        4 => any::<u8>().prop_map(|what| Step::Control { what }),
        3 => any::<u8>().prop_map(|what| Step::Link { what }),
        2 => (0..8_u8).prop_map(|count| Step::Mismatches { count }),
        2 => (0..90_u16, any::<u8>()).prop_map(|(seconds, news)| Step::Restart { seconds, news }),
        1 => Just(Step::Midnight),
    ]
}

/// How many configurations there are: what is tight in one is loose in another, so that each
/// limit is the first to say no in some.
pub(crate) const SHAPES: u8 = 4;

/// Bounds tight enough to be met often.
pub(crate) fn config(shape: u8, run: u64) -> OmsConfig {
    let tight = Limits {
        position_size_max: Contracts::from_whole(45),
        risk_per_trade_max: Money::from_cents(2_200),
        daily_loss_max: Money::from_cents(2_000),
        daily_trades_max: 9,
        daily_volume_max: Contracts::from_whole(130),
        position_per_event_max: Contracts::from_whole(60),
        orders_per_minute_max: 6,
        maintenance: Some(Schedule::THURSDAY),
        open_orders_max: 5,
        open_orders_per_market_max: 2,
        resting_value_max: Money::from_cents(2_000),
        balance_min: Money::from_cents(95_000),
        sport_exposure_max_bp: 175,
        ..Limits::default()
    };
    let many =
        Limits { daily_trades_max: 40, daily_volume_max: Contracts::from_whole(900), ..tight };
    let limits = match shape % SHAPES {
        0 => tight,
        1 => Limits {
            open_risk: OpenRisk::Counted,
            daily_loss_max: Money::from_cents(4_000),
            ..many
        },
        2 => Limits {
            daily_loss_max: Money::from_cents(300),
            orders_per_minute_max: 40,
            open_orders_max: 2,
            ..many
        },
        _ => Limits {
            daily_loss_max: Money::from_cents(60_000),
            orders_per_minute_max: 40,
            messages: MessageLimits { refill_per_sec: 2, capacity: 60, ..MessageLimits::default() },
            ..many
        },
    };
    let breaker = BreakerConfig {
        cooldown: Nanos::from_secs(5),
        rejects_per_minute_max: if shape % SHAPES == 3 { 1 } else { 4 },
        consecutive_losses_max: 2,
        repeats_max: 2,
        latency_budget: Nanos::from_secs(6),
        latency_breaches_max: 3,
        ..BreakerConfig::default()
    };
    OmsConfig {
        run: RunId::new(run),
        limits,
        breaker,
        orders: OrderConfig {
            // The exchange has every order written once, and its books are compared elsewhere.
            resends_max: 0,
            reconcile: ReconcileConfig { every: None, ..ReconcileConfig::default() },
            ..OrderConfig::default()
        },
        admission: Admission::Listed,
        feed: FeedNeed::Required,
        orders_max: 4_096,
    }
}

/// Everything but the last market's series.
pub(crate) fn rules() -> SeriesRules {
    SeriesRules { deny: vec!["KXDENY".to_owned()], ..SeriesRules::default() }
}

/// A signal that mostly nothing but the account's state stands against. `received` names it.
pub(crate) fn signal(now: Now, ask: Ask, received: Timestamp) -> Signal {
    // Most open a position: there is something to leave then.
    let action = match ask.action {
        0..3 => Action::BuyYes,
        3..6 => Action::BuyNo,
        6 => Action::SellYes,
        _ => Action::SellNo,
    };
    let (time_in_force, style) = match ask.how % 8 {
        0 | 1 => (TimeInForce::ImmediateOrCancel, None),
        2 => (TimeInForce::FillOrKill, None),
        3..=5 => (TimeInForce::GoodTillCanceled, None),
        6 => (TimeInForce::ImmediateOrCancel, Some(Style::Make)),
        _ => (TimeInForce::ImmediateOrCancel, Some(Style::Auto)),
    };
    let cents = u32::from(ask.cents);
    let mut signal = Signal {
        source: SourceId(0),
        line: 1,
        id: SignalId::new(format!("s-{}", received.ns()).as_bytes()).expect("a plain id"),
        ticker: ticker(usize::from(ask.market)),
        action,
        yes_ask: Price::from_cents(cents),
        no_ask: Price::from_cents(101 - cents),
        edge: PriceDelta::from_cents(20),
        confidence: 0,
        contracts: Contracts::from_whole(u32::from(ask.contracts)),
        max_price: None,
        time_in_force: Some(time_in_force),
        style,
        produced_at: ask.how.is_multiple_of(3).then_some(now.wall),
        expires_at: None,
        cycle: None,
        received,
        decoded: received,
    };
    spoil(&mut signal, now, ask.oddity);
    signal
}

/// Most signals are sound.
fn spoil(signal: &mut Signal, now: Now, oddity: u8) {
    let before = |ms| WallTime::from_unix_ms(now.wall.unix_ms().saturating_sub(ms));
    match oddity {
        0..4 => signal.produced_at = Some(before(501)),
        4 => signal.produced_at = Some(now.wall + Nanos::from_ms(501)),
        5 => signal.expires_at = Some(before(1)),
        6..10 => signal.edge = PriceDelta::from_micros(25_000),
        10 => signal.max_price = Price::from_cents(5),
        11 => (signal.yes_ask, signal.no_ask) = (None, None),
        12 => signal.contracts = Contracts::from_whole(46),
        13..20 => signal.expires_at = Some(now.wall + Nanos::from_secs(7)),
        _ => {}
    }
}
