//! From a signal to an approved order or a refusal: what the oms's core adds to every order.
//!
//! Everything counts: market look-up, pricing, every limit, the books, the slab, the timer. The
//! accept path is timed in bursts with that many orders already open; what a burst opened is
//! withdrawn between bursts, outside the measured time. Exposure is kept incrementally, so the
//! rows must not differ but for caches.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion};
use kalshi_exec::ids::{OrderKey, RunId, SignalId, SourceId, Ticker};
use kalshi_exec::kalshi::market::{FeeSchedule, MarketTable, TickGrid};
use kalshi_exec::message::{Action, Command, FeedEvent, FetchEvent, GatewayEvent, Signal, Unsent};
use kalshi_exec::oms::config::{Admission, FeedNeed, OmsConfig, OrderConfig};
use kalshi_exec::oms::{Core, Input, Opening, Outbox};
use kalshi_exec::order::ORDERS_MAX;
use kalshi_exec::recorder::record::{Outcome, Record};
use kalshi_exec::risk::{BreakerConfig, Limit, Limits, MessageLimits};
use kalshi_exec::runtime::clock::{Clock, SystemClock};
use kalshi_exec::units::{Contracts, Money, Nanos, Now, Price, PriceDelta, Timestamp, WallTime};

const MARKETS: usize = 64;
/// Orders per timed burst: the clock's own cost is shared by all of them.
const BURST: u64 = 64;
const NOW: Now = Now {
    mono: Timestamp::from_ns(1_000_000_000),
    wall: WallTime::from_unix_ns(1_781_159_370_000_000_000),
};

/// The core and what it has put out.
struct Bench {
    core: Core,
    out: Outbox,
    signals: Vec<Signal>,
    next: usize,
    /// Goes on by a millisecond per signal: the limit on orders per minute is a thousandth of
    /// what this asks for otherwise.
    now: Now,
}

impl Bench {
    fn new(open_orders: u64) -> Self {
        let mut markets = MarketTable::new();
        let tickers = (0..MARKETS).map(|number| {
            Ticker::new(format!("KXBENCH-26NOV{:02}-T{number:02}", number / 4).as_bytes())
                .expect("a plain ticker")
        });
        let tickers: Vec<Ticker> = tickers.collect();
        for ticker in &tickers {
            let grid = TickGrid::linear_cent();
            markets.insert(*ticker, grid, 0, FeeSchedule::QUADRATIC, true).expect("room");
        }
        let cash = Money::from_cents(100_000_000_000);
        let opening = Opening { cash, as_of: NOW.wall, ..Opening::default() };
        let core = Core::new(config(), markets, &opening);
        let signals = tickers.iter().map(signal).collect();
        let mut bench = Self { core, out: Outbox::new(MARKETS), signals, next: 0, now: NOW };
        bench.give(&Input::Gateway(GatewayEvent::Connections { ready: 4 }));
        bench.give(&Input::Feed(FeedEvent::Up));
        bench.give(&Input::Fetch(FetchEvent::BackfillDone));
        bench.out.asks.clear();
        for _ in 0..open_orders {
            bench.signal();
        }
        assert_eq!(bench.out.commands.len() as u64, open_orders, "every signal is an order");
        bench.out.commands.clear();
        bench
    }

    fn give(&mut self, input: &Input) {
        self.core.handle(self.now, input, &mut self.out);
    }

    fn signal(&mut self) {
        let signal = self.signals[self.next % MARKETS];
        self.next += 1;
        self.now.mono = self.now.mono + Nanos::from_ms(1);
        self.core.handle(self.now, black_box(&Input::Signal(signal)), &mut self.out);
    }

    /// Ends the orders of a burst as if they had never left.
    fn withdraw(&mut self) {
        let commands = std::mem::take(&mut self.out.commands);
        assert_eq!(commands.len() as u64, BURST, "every signal was an order");
        for command in &commands {
            let Command::Submit(order) = command else { panic!("only orders: {command:?}") };
            let key: OrderKey = order.get().key;
            let why = Unsent::NoConnection;
            self.give(&Input::Gateway(GatewayEvent::NotSent { key, why }));
        }
        self.out.commands = commands;
        self.out.commands.clear();
        self.out.records.clear();
        self.out.kept.clear();
    }
}

fn main() {
    let clock = SystemClock::start();
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("risk/check_order");
    group.bench_function("base_copy_signal", |bencher| {
        let signal = Bench::new(0).signals[0];
        bencher.iter(|| black_box(Input::Signal(*black_box(&signal))));
    });
    for open_orders in [10, 1_000, 10_000] {
        let mut bench = Bench::new(open_orders);
        group.bench_function(BenchmarkId::new("accept", open_orders), |bencher| {
            bencher.iter_custom(|count| accept(&mut bench, &clock, count));
        });
        assert_eq!(u64::from(bench.core.orders().live()), open_orders, "bursts were withdrawn");
    }
    let mut bench = Bench::new(10);
    rehearsing_changes_nothing(&mut bench);
    bench.signals.iter_mut().for_each(|signal| signal.edge = PriceDelta::ZERO);
    bench.signal();
    let Some(Record::Result(result)) = bench.out.records.last() else { panic!("a result") };
    let Outcome::Refused(refusal) = result.outcome else { panic!("refused") };
    assert_eq!(refusal.limit, Limit::MinimumEdge);
    group.bench_function("refuse", |bencher| {
        bencher.iter(|| {
            bench.signal();
            bench.out.records.clear();
        });
    });
    group.finish();
    criterion.final_summary();
}

/// What keeps the caches warm must not leave a trace.
fn rehearsing_changes_nothing(bench: &mut Bench) {
    let before = format!("{:?}", bench.core);
    for signal in &bench.signals {
        bench.core.rehearse(NOW, signal);
    }
    assert_eq!(format!("{:?}", bench.core), before);
}

/// Time of `count` accepted signals.
fn accept(bench: &mut Bench, clock: &SystemClock, count: u64) -> Duration {
    let mut spent = Nanos::ZERO;
    let mut bursts = 0_u64;
    while bursts * BURST < count {
        let start = clock.mono();
        for _ in 0..BURST {
            bench.signal();
        }
        spent = spent + clock.mono().since(start);
        bench.withdraw();
        bursts += 1;
    }
    // Whole bursts were timed: their share of what was asked for.
    let share = u128::from(spent.ns()) * u128::from(count) / u128::from(bursts * BURST);
    Duration::from_nanos(u64::try_from(share).unwrap_or(u64::MAX))
}

fn signal(ticker: &Ticker) -> Signal {
    Signal {
        source: SourceId(0),
        line: 1,
        id: SignalId::new(b"sig-000123").expect("a plain id"),
        ticker: *ticker,
        action: Action::BuyYes,
        yes_ask: Price::from_cents(48),
        no_ask: Price::from_cents(53),
        edge: PriceDelta::from_cents(7),
        confidence: 75,
        contracts: Contracts::from_whole(25),
        max_price: None,
        time_in_force: None,
        style: None,
        produced_at: Some(NOW.wall),
        expires_at: None,
        cycle: None,
        received: NOW.mono,
        decoded: NOW.mono,
    }
}

/// Bounds that no burst reaches.
fn config() -> OmsConfig {
    let many = Contracts::from_whole(40_000_000);
    let limits = Limits {
        daily_loss_max: Money::from_cents(100_000_000_000),
        daily_trades_max: u32::MAX,
        daily_volume_max: many,
        position_per_event_max: many,
        orders_per_minute_max: 100_000,
        order_spacing_min: Nanos::ZERO,
        open_orders_max: 100_000,
        open_orders_per_market_max: 100_000,
        messages: MessageLimits {
            refill_per_sec: 1_000_000,
            capacity: 1_000_000_000,
            ..MessageLimits::default()
        },
        sport_exposure_max_bp: 10_000,
        ..Limits::default()
    };
    let breaker = BreakerConfig { repeats_window: Nanos::ZERO, ..BreakerConfig::default() };
    OmsConfig {
        run: RunId::new(1),
        limits,
        breaker,
        orders: OrderConfig { read_lag: Nanos::ZERO, ..OrderConfig::default() },
        admission: Admission::Listed,
        feed: FeedNeed::Required,
        orders_max: ORDERS_MAX,
    }
}
