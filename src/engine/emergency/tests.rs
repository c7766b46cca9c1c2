//! A stage dies with an order at the exchange: the order is cancelled, and the next start waits
//! for a person.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use super::*;
use crate::config::{Arguments, Config, Environment, Mode};
use crate::engine::{Consent, RunOptions, on_exchange};
use crate::intake::SignalSource;
use crate::runtime::signals::Interrupts;
use crate::runtime::stage::{Stage, Work};
use crate::sim::api::{QuoteMode, SimVenue, SimVenueConfig};
use crate::sim::exchange::UserSeed;
use crate::sim::keys::{KeyKinds, KeySet};
use crate::sim::server::{self, Fault, FaultHook, FrameFault, ServerConfig, ServerHandle};
use crate::units::{Money, Nanos, PriceDelta};

/// Below the market: it rests until somebody cancels it.
const RESTING: &str = r#"{"id":"rest","should_trade":true,"action":"BUY_YES",
"kalshi":{"ticker":"KXWCGAME-26JUL14FRAESP-FRA","yes_ask":42,"no_ask":59},
"edge":{"cents":7,"percent":14.6},"confidence":{"score":75,"tier":"HIGH"},
"position":{"contracts":10,"risk_amount":420},"time_in_force":"good_till_canceled",
"max_price_dollars":"0.3800"}"#;

/// What the exchange has seen.
#[derive(Default)]
struct Seen {
    order: AtomicBool,
    cancel_alls: AtomicU32,
}

fn serve(dir: &Path, seen: &Arc<Seen>) -> ServerHandle {
    let clock = SystemClock::start();
    let keys = KeySet::open(&dir.join("keys"), KeyKinds::Ed25519Only).unwrap();
    let user_id = "5eed0000-0000-4000-8000-000000000001".to_owned();
    let account = UserSeed { user_id, cash: Money::from_cents(1_000_000) };
    let mut config = SimVenueConfig::world_cup(vec![account], 7, clock.now().wall);
    config.quotes = QuoteMode::Still;
    let venue = SimVenue::new(&config).unwrap();
    let user = venue.user(0).unwrap();
    let mut config = ServerConfig::new(keys, user, venue, clock);
    let (requests, frames) = (Arc::clone(seen), Arc::clone(seen));
    let faults = FaultHook::new(move |request, _| {
        let all = request.method == "DELETE" && request.path.ends_with("/portfolio/events/orders");
        requests.cancel_alls.fetch_add(u32::from(all), Ordering::Relaxed);
        Fault::None
    });
    config.faults = faults.with_frames(move |_, text| {
        // Told once the order is on the book.
        if text.contains("\"resting\"") {
            frames.order.store(true, Ordering::Release);
        }
        FrameFault::None
    });
    server::serve(config).unwrap()
}

/// A feed that dies as soon as the order rests.
struct Mortal<F> {
    feed: F,
    seen: Arc<Seen>,
}

impl<F: Stage> Stage for Mortal<F> {
    const NAME: &'static str = "feed";

    fn on_start(&mut self) {
        self.feed.on_start();
    }

    fn poll(&mut self) -> Work {
        assert!(!self.seen.order.load(Ordering::Acquire), "the test kills this stage");
        self.feed.poll()
    }

    fn on_stop(&mut self) {
        self.feed.on_stop();
    }
}

fn options(dir: &Path, signals: &str, state: &str) -> RunOptions {
    let file = dir.join("signals.ndjson");
    std::fs::write(&file, signals).unwrap();
    let loaded = Config::load(None, &Environment::default(), &Arguments::default()).unwrap();
    let mut config = loaded.config;
    config.mode = Mode::Sim;
    config.limits.edge_min = PriceDelta::from_cents(-3);
    config.orders.read_lag = Nanos::ZERO;
    // Nothing but a cancel ends the order while the test runs.
    config.orders.fill_timeout = Nanos::from_secs(3_600);
    RunOptions {
        book: None,
        config,
        signals: SignalSource::File(file),
        results: None,
        report: None,
        state: Some(dir.join(state)),
        exchange: None,
        consent: Consent::None,
        limits_unset: Vec::new(),
    }
}

#[test]
fn a_stage_that_dies_leaves_nothing_resting_and_a_halt_file() {
    let dir = tempfile::tempdir().unwrap();
    let seen = Arc::new(Seen::default());
    let server = serve(dir.path(), &seen);
    let account = Account::from_ready(server.ready()).unwrap();
    let interrupts = Interrupts::deaf();
    let signals = RESTING.replace('\n', "") + "\n";

    let first = options(dir.path(), &signals, "first");
    let around = |feed| Mortal { feed, seen: Arc::clone(&seen) };
    let error = on_exchange::run_with(&first, &interrupts, &account, around).unwrap_err();

    assert!(matches!(error, EngineError::Panic(_)), "{error}");
    assert!(seen.cancel_alls.load(Ordering::Relaxed) > 0, "the last word was said");
    let left = std::fs::read_to_string(dir.path().join("first/halt")).unwrap();
    assert!(left.contains("the test kills this stage"), "{left}");

    // A start waits for resting orders of former runs; this one finds none.
    let second = options(dir.path(), "", "second");
    let summary = on_exchange::run(&second, &interrupts, &account).unwrap();
    assert_eq!(summary.orders.sent, 0);
}
