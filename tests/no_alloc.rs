//! The hot path does not allocate: real stages, real TLS, orders out and fills back, counted.
//!
//! A forwarding allocator counts what this thread asks for between two moments. Allocations made
//! inside rustls (one per record and direction, its API knows no other way) are counted apart by
//! the mark that `net::tls` sets. All four hot stages are polled on the test's own thread, the
//! compact topology by hand.

#![expect(unsafe_code, reason = "a counting allocator forwards to the system's")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::backtrace::Backtrace;
use std::cell::{Cell, RefCell};
use std::sync::Arc;

use kalshi_exec::net::tls::in_tls;
use kalshi_exec::recorder::record::Hop;
use kalshi_exec::runtime::stage::{Stage, Work};
use kalshi_exec::sim::keys::KeyKinds;
use kalshi_exec::units::Nanos;

#[path = "../benches/support/mod.rs"]
mod support;

use support::tally::Seen;
use support::{Plant, Setup};

/// Forwards to the system and counts.
struct Counting;

/// What one thread has allocated while it was counting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    ours: u64,
    tls: u64,
}

std::thread_local! {
    static COUNTS: Cell<Option<Counts>> = const { Cell::new(None) };
    /// Where the first allocation of ours came from.
    static FIRST: RefCell<Option<String>> = const { RefCell::new(None) };
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Counts one request of this thread, if it is counting. Never allocates while it counts.
fn count() {
    // A thread that is ending has no counter any more.
    let Ok(Some(mut counts)) = COUNTS.try_with(Cell::get) else { return };
    if in_tls() {
        counts.tls += 1;
        COUNTS.set(Some(counts));
        return;
    }
    counts.ours += 1;
    if counts.ours == 1 {
        // Off while the trace allocates.
        COUNTS.set(None);
        FIRST.set(Some(Backtrace::force_capture().to_string()));
    }
    COUNTS.set(Some(counts));
}

// SAFETY: every call is forwarded unchanged to the system's allocator, which keeps the contract;
// counting touches thread-local memory only.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        count();
        // SAFETY: the caller's promises are passed on.
        unsafe { System.realloc(ptr, layout, new_size) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(ptr, layout) }
    }
}

/// Runs `work` and returns what this thread allocated in it.
fn counted(work: impl FnOnce()) -> Counts {
    COUNTS.set(Some(Counts::default()));
    work();
    COUNTS.take().unwrap_or_default()
}

/// Enough for every buffer to have grown to its size, every path to have run once.
const WARM_UP: u64 = 200;
/// A debug build checks every invariant on the way and is slower.
const MEASURED: u64 = if cfg!(debug_assertions) { 1_000 } else { 10_000 };
/// Polls until `done`, yielding when idle: the other side may have no core of its own here.
fn poll_until(plant: &Plant, hot: &mut impl Stage, done: impl FnMut() -> bool) {
    plant.until(done, || {
        if hot.poll() == Work::Idle {
            std::thread::yield_now();
        }
    });
}

#[test]
fn the_counter_sees_allocations_of_this_thread() {
    let counts = counted(|| drop(std::hint::black_box(vec![1_u8; 100])));
    assert_eq!(counts, Counts { ours: 1, tls: 0 });
    assert!(FIRST.take().is_some_and(|trace| trace.contains("no_alloc")), "and where");
    let nothing = counted(|| drop(std::thread::Builder::new().spawn(|| vec![0_u8; 10])));
    assert!(nothing.ours > 0, "starting a thread allocates here");
    assert_eq!(counted(|| {}), Counts::default());
}

#[test]
fn hot_stages_allocate_nothing() {
    let every = Nanos::from_us(50);
    let setup = Setup { keys: KeyKinds::Ed25519Only, cold_core: None, every };
    let (plant, mut hot) = Plant::start(setup);
    hot.on_start();
    poll_until(&plant, &mut hot, || plant.is_ready());
    let answered = || plant.counts.seen().answered();
    plant.exchange.produce(WARM_UP);
    poll_until(&plant, &mut hot, || answered() == WARM_UP);
    plant.counts.reset();

    plant.exchange.produce(MEASURED);
    let allocated = counted(|| poll_until(&plant, &mut hot, || answered() == MEASURED));

    assert_eq!(plant.exchange.filled(), WARM_UP + MEASURED);
    hot.on_stop();
    drop(hot);
    let counts = Arc::clone(&plant.counts);
    let tally = plant.finish();
    check(counts.seen());
    let spans = tally.histograms.percentiles(Hop::TickToWire).count;
    assert_eq!(spans, MEASURED, "every order was timed");
    let Counts { ours, tls } = allocated;
    println!("{MEASURED} signals, orders and fills: {ours} allocations of ours, {tls} of rustls");
    let place = FIRST.take().unwrap_or_default();
    assert_eq!(ours, 0, "the hot path allocates; the first time here:\n{place}");
    assert!(tls > 0, "the mark of rustls's allocations is gone");
}

/// The test must not pass by doing nothing.
#[track_caller]
fn check(seen: Seen) {
    // A machine too busy to sign ahead signs on the spot: slower, and without allocation too.
    let hits = seen.presign_hits;
    let expected = Seen {
        received: MEASURED,
        sent: MEASURED,
        filled_orders: MEASURED,
        other_results: 0,
        fills: MEASURED,
        presign_hits: hits,
        presign_misses: MEASURED - hits,
    };
    assert_eq!(seen, expected, "every signal is an order, and every order is filled");
}
