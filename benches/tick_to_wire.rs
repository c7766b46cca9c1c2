//! Tick to wire: the real stages in the compact topology, on real TLS, one signal every 3 ms.
//!
//! One hot thread spins over intake, oms, gateway and feed; the exchange spins on the other core
//! and shares it with the cold threads. Spans are the engine's own records. `--test` makes a
//! short run. It asserts what must hold (every signal an order, every order filled, no key
//! operation on the hot path) and prints times: those are read, never asserted.

use kalshi_exec::recorder::record::Hop;
use kalshi_exec::runtime::affinity::{allowed_cores, pin};
use kalshi_exec::runtime::memory::lock_all;
use kalshi_exec::runtime::thread::{ThreadPlan, spawn_stage};
use kalshi_exec::runtime::wait::{Wait, pause};
use kalshi_exec::sim::keys::KeyKinds;
use kalshi_exec::units::Nanos;

#[path = "support/mod.rs"]
mod support;

use support::tally::{Seen, Tally};
use support::{Plant, Setup};

/// Distance of two signals unless told otherwise: long enough for caches to go cold in between,
/// as in real life.
const EVERY_US: u64 = 3_000;
/// How often the main thread looks: it shares a core with the exchange.
const LOOK_EVERY: Nanos = Nanos::from_ms(5);

/// How many signals a run has, and how far apart.
#[derive(Clone, Copy, Debug)]
struct Length {
    warm_up: u64,
    measured: u64,
    every: Nanos,
}

impl Length {
    /// `--test` for a short run; `SIGNALS` and `EVERY_US` for another one.
    fn of_arguments() -> Self {
        let asked = |name| std::env::var(name).ok().and_then(|text| text.parse().ok());
        let every = Nanos::from_us(asked("EVERY_US").unwrap_or(EVERY_US));
        if std::env::args().any(|argument| argument == "--test") {
            return Self { warm_up: 20, measured: 100, every };
        }
        Self { warm_up: 500, measured: asked("SIGNALS").unwrap_or(4_000), every }
    }
}

fn main() {
    let length = Length::of_arguments();
    let cores = allowed_cores();
    // With one core nothing can spin beside anything else.
    let (hot_core, cold_core) = match cores.as_slice() {
        [first, .., last] => (Some(*last), Some(*first)),
        _ => (None, None),
    };
    let locked = lock_all();
    if let Some(core) = cold_core {
        pin(core).expect("a core of ours");
    }
    let (plant, hot) = Plant::start(Setup { keys: KeyKinds::Both, cold_core, every: length.every });
    let plan = ThreadPlan { name: "hot", core: hot_core, wait: Wait::Spin };
    let hot = spawn_stage(plan, hot, &plant.stop).expect("a thread can be started");
    plant.until(|| plant.is_ready(), || pause(LOOK_EVERY));
    run(&plant, length.warm_up);
    plant.counts.reset();
    let seen = run(&plant, length.measured);
    assert_eq!(plant.exchange.filled(), length.warm_up + length.measured);
    let tally = plant.finish();
    drop(hot.join().expect("the hot stages do not panic"));
    report(&tally, seen, &locked.to_string());
    check(seen, length.measured);
}

/// Lets `count` signals come and waits for the answer to each.
fn run(plant: &Plant, count: u64) -> Seen {
    plant.exchange.produce(count);
    plant.until(|| plant.counts.seen().answered() >= count, || pause(LOOK_EVERY));
    // The last order's other records follow its result at once.
    pause(Nanos::from_ms(20));
    plant.counts.seen()
}

/// What this bench measures is only worth something if all of it happened.
fn check(seen: Seen, count: u64) {
    let all = Seen {
        received: count,
        sent: count,
        filled_orders: count,
        other_results: 0,
        fills: count,
        presign_hits: count,
        presign_misses: 0,
    };
    assert_eq!(seen, all, "every signal is an order, filled, signed ahead");
}

#[expect(clippy::print_stdout, reason = "a bench reports")]
fn report(tally: &Tally, seen: Seen, memory: &str) {
    println!("tick_to_wire: {seen:?}; {memory}");
    println!(
        "{:<14} {:>7} {:>9} {:>9} {:>9} {:>9}",
        "hop (ns)", "count", "p50", "p99", "p99.9", "max"
    );
    for hop in Hop::ALL {
        let it = tally.histograms.percentiles(hop);
        let name = hop.as_str();
        println!(
            "{name:<14} {:>7} {:>9} {:>9} {:>9} {:>9}",
            it.count, it.p50, it.p99, it.p999, it.max
        );
    }
}
