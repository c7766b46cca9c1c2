//! A ring hop: what one message costs from stage to stage, on one thread and across two.
//!
//! Base row: a plain `Copy` of the message through memory. The slots are those of the engine's
//! rings, so that a message that grows shows here.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use criterion::{BenchmarkId, Criterion};
use kalshi_exec::message::{Command, FeedEvent, GatewayEvent, Signal};
use kalshi_exec::recorder::record::{Hop, Record};
use kalshi_exec::runtime::affinity::{allowed_cores, pin};
use kalshi_exec::runtime::ring::{Producer, ring};
use kalshi_exec::runtime::thread::{Stop, ThreadPlan, spawn};
use kalshi_exec::units::Nanos;

/// Slots of the measured rings: larger than any queue inside one order's flow.
const SLOTS: usize = 64;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    sizes();
    same_thread(&mut criterion);
    record_push(&mut criterion);
    // Last: it holds this thread to one core.
    across_threads(&mut criterion);
    criterion.final_summary();
}

/// A slot is as large as its largest message: the figures in RESULTS.md come from here.
#[expect(clippy::print_stdout, reason = "a bench reports")]
fn sizes() {
    println!(
        "size_of: Signal {} Command {} GatewayEvent {} FeedEvent {} Record {}",
        size_of::<Signal>(),
        size_of::<Command>(),
        size_of::<GatewayEvent>(),
        size_of::<FeedEvent>(),
        size_of::<Record>(),
    );
}

fn same_thread(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("ring/hop_same_thread");
    group.bench_function("base_copy_128", |bencher| {
        let from = [7_u64; 16];
        bencher.iter(|| black_box(*black_box(&from)));
    });
    hop::<16>(&mut group, 128);
    hop::<40>(&mut group, 320);
    hop::<192>(&mut group, 1_536);
    group.finish();
}

type Group<'a> = criterion::BenchmarkGroup<'a, criterion::measurement::WallTime>;

fn hop<const WORDS: usize>(group: &mut Group<'_>, bytes: usize) {
    let (mut tx, mut rx) = ring::<[u64; WORDS]>(SLOTS);
    assert_eq!(tx.push([1; WORDS]), Ok(()));
    assert_eq!(rx.pop(), Ok([1; WORDS]));
    group.bench_function(BenchmarkId::new("push_pop", bytes), |bencher| {
        let value = [7_u64; WORDS];
        bencher.iter(|| {
            let pushed = tx.push(*black_box(&value));
            assert!(pushed.is_ok(), "popped right after");
            black_box(rx.pop())
        });
    });
}

/// What a hot stage pays to tell the recorder of a span: the ring is as large as the engine's,
/// so the slots are as cold as there.
fn record_push(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("ring/record_push");
    let (mut tx, mut rx) = ring::<Record>(kalshi_exec::runtime::ring::RECORDS_MAX);
    group.bench_function("span", |bencher| {
        bencher.iter(|| {
            push_span(&mut tx, black_box(17));
            if tx.is_full() {
                let all = rx.slots();
                rx.read_chunk(all).expect("as many as there are").commit_all();
            }
        });
    });
    group.finish();
}

fn push_span(tx: &mut Producer<Record>, ns: u64) {
    let record = Record::Span { hop: Hop::Decode, span: Nanos::from_ns(ns) };
    let pushed = tx.push(record);
    assert!(pushed.is_ok(), "emptied when full");
}

/// There and back over two rings: half of it is one hop between cores. Each thread is held to a
/// core of its own where there are two.
fn across_threads(criterion: &mut Criterion) {
    let (here_core, there_core) = match allowed_cores().as_slice() {
        [first, .., last] => (Some(*first), Some(*last)),
        _ => (None, None),
    };
    if let Some(core) = here_core {
        pin(core).expect("a core of ours");
    }
    let plan = ThreadPlan { core: there_core, ..ThreadPlan::cold("echo") };
    let (mut there, mut there_out) = ring::<[u64; 16]>(SLOTS);
    let (mut back, mut back_out) = ring::<[u64; 16]>(SLOTS);
    let done = Arc::new(AtomicBool::new(false));
    let echo_done = Arc::clone(&done);
    let echo = spawn(plan, &Stop::new(), move |_| {
        // Relaxed: the flag orders nothing, the rings do.
        while !echo_done.load(Ordering::Relaxed) {
            if let Ok(value) = there_out.pop() {
                assert!(back.push(value).is_ok(), "one message is under way");
            } else {
                core::hint::spin_loop();
            }
        }
    })
    .expect("a thread can be started");
    let mut round = |value: [u64; 16]| {
        assert!(there.push(value).is_ok(), "one message is under way");
        loop {
            if let Ok(value) = back_out.pop() {
                return value;
            }
            core::hint::spin_loop();
        }
    };
    assert_eq!(round([3; 16]), [3; 16]);
    let mut group = criterion.benchmark_group("ring/hop_across_threads");
    group.bench_function("there_and_back_128", |bencher| {
        bencher.iter(|| black_box(round(black_box([7; 16]))));
    });
    group.finish();
    done.store(true, Ordering::Relaxed);
    echo.join().expect("the echo does not panic");
}
