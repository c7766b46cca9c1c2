//! One entry into the journal: what the oms pays before it may act.
//!
//! Base row: a copy of as many bytes as the largest hot entry packs to. A segment is given up
//! and begun anew outside the measured time, so that the disk holds one segment at most.

use std::hint::black_box;
use std::time::Duration;

use criterion::Criterion;
use kalshi_exec::ids::{ClientOrderId, MarketIx, OrderKey, RunId, SignalId, SourceId, Ticker};
use kalshi_exec::message::{
    Action, BookSide, GatewayEvent, NewOrder, SendStamps, Signal, TimeInForce,
};
use kalshi_exec::recorder::journal::{
    Entry, Journal, MappedJournal, Opened, SEGMENT_BYTES, StateDir,
};
use kalshi_exec::runtime::clock::{Clock, SystemClock};
use kalshi_exec::units::{Contracts, Nanos, Now, Price, PriceDelta, Timestamp, WallTime};

const NOW: Now = Now {
    mono: Timestamp::from_ns(1_000_000_000),
    wall: WallTime::from_unix_ns(1_781_159_370_000_000_000),
};
/// Entries per fresh journal: well within one segment.
const ENTRIES_MAX: u64 = 100_000;

/// A journal in a directory of its own.
struct Fresh {
    journal: MappedJournal,
    dir: tempfile::TempDir,
}

impl Fresh {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory can be made");
        let state = StateDir::open(dir.path(), "bench").expect("a fresh directory");
        let opened = MappedJournal::open(&state, RunId::new(1), SEGMENT_BYTES);
        let Opened { journal, .. } = opened.expect("the disk has room");
        Self { journal, dir }
    }
}

fn main() {
    let clock = SystemClock::start();
    let mut fresh = Fresh::new();
    let entries = [("signal", signal()), ("submit", submit()), ("sent", sent())];
    for (name, entry) in &entries {
        assert!(fresh.journal.append(NOW, entry).is_ok(), "{name}");
    }
    assert_eq!(fresh.journal.next_seq(), 4);
    drop(fresh.dir);

    let mut criterion = Criterion::default()
        .measurement_time(Duration::from_secs(1))
        .warm_up_time(Duration::from_millis(300))
        .sample_size(20)
        .configure_from_args();
    let mut group = criterion.benchmark_group("journal/append");
    group.bench_function("base_copy_256", |bencher| {
        let from = [7_u8; 256];
        let mut to = [0_u8; 256];
        bencher.iter(|| black_box(&mut to).copy_from_slice(black_box(&from)));
    });
    for (name, entry) in &entries {
        group.bench_function(*name, |bencher| {
            bencher.iter_custom(|count| append(entry, &clock, count));
        });
    }
    group.finish();
    criterion.final_summary();
}

fn append(entry: &Entry, clock: &SystemClock, count: u64) -> Duration {
    let mut spent = Nanos::ZERO;
    let mut left = count;
    while left > 0 {
        let batch = left.min(ENTRIES_MAX);
        let mut fresh = Fresh::new();
        let start = clock.mono();
        for _ in 0..batch {
            fresh.journal.append(NOW, black_box(entry)).expect("the segment has room");
        }
        spent = spent + clock.mono().since(start);
        left -= batch;
        drop(fresh.dir);
    }
    spent.to_duration()
}

fn signal() -> Entry {
    Entry::Signal(Signal {
        source: SourceId(0),
        line: 1,
        id: SignalId::new(b"sig-000123").expect("a plain id"),
        ticker: Ticker::new(b"KXNFL-26JAN11-BUF").expect("a plain ticker"),
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
    })
}

fn submit() -> Entry {
    Entry::Submit(NewOrder {
        key: OrderKey { slot: 1, generation: 0 },
        client_order_id: ClientOrderId::new(RunId::new(1), 1),
        market: MarketIx(0),
        side: BookSide::Bid,
        price: Price::from_cents(49).expect("a price"),
        quantity: Contracts::from_whole(25),
        time_in_force: TimeInForce::ImmediateOrCancel,
        expiration_secs: None,
        reduce_only: false,
        post_only: false,
        reference: Price::from_cents(49).expect("a price"),
        received: NOW.mono,
        approved: NOW.mono,
    })
}

fn sent() -> Entry {
    let key = OrderKey { slot: 1, generation: 0 };
    Entry::Gateway(GatewayEvent::Sent { key, stamps: SendStamps::default() })
}
