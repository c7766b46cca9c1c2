//! Trading at the full allowed rate over a link that delays, splits, stalls, cuts and resets:
//! afterwards the books are the exchange's, no order was sent twice, no connection is left over
//! and memory has not grown.
//!
//! `KALSHI_EXEC_LINK_SECONDS=600 cargo test --release --test end_to_end hostile -- --nocapture`
//! trades for ten minutes and prints what happened; without the variable it is a few seconds.

use std::collections::BTreeSet;
use std::fs;
use std::mem::take;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use kalshi_exec::control;
use kalshi_exec::runtime::clock::{Clock as _, SystemClock};
use kalshi_exec::units::{Nanos, Timestamp};
use serde_json::{Value, json as object};

use crate::account::{Books, json, orders_of};
use crate::books::{known, told};
use crate::client::Client;
use crate::process::{Exchange, Running, wait_for};
use crate::producer::{Producer, WIDE, next_answer, on_exchange};
use crate::proxy::Proxy;

/// How long the link is bad, unless the variable says otherwise.
const SECONDS: u64 = 8;
/// Signals a second: the `advanced` tier refills thirty orders a second.
const RATE: u64 = 30;
/// Signals under way at most: an order whose answer is lost takes seconds to be resolved.
const UNDER_WAY_MAX: u64 = 400;
/// Connections of an engine: four for orders and a spare each while they are replaced, two for
/// the stream, two for reads, and the one or other that the proxy has not noticed to be over.
const CONNECTIONS_MAX: u32 = 20;
/// How much anonymous memory may grow after the first fifth of the run, in KiB.
const GROWTH_KIB_MAX: u64 = 16 * 1024;

/// One at a time: each trades at the full rate, and fills that come late move costs.
static ALONE: Mutex<()> = Mutex::new(());

/// How far the exchange's reads are behind its writes.
const READ_LAG_MS: u64 = 300;

/// Waits short enough that what the link breaks is resolved within the run.
const HASTY: &str = "
ack_timeout_ms = 1000

[orders]
max_retries = 1
fill_timeout_ms = 2000
read_lag_ms = 500
absence_wait_ms = 5000

[machine]
wait = 'park'
";

/// Trades by turns YES and NO in every market, so that positions are netted and cash comes back.
fn signal(number: u64, quotes: &[Value]) -> Value {
    let market = usize::try_from(number / 2).expect("fits") % quotes.len();
    let quote = &quotes[market];
    object!({
        "id": format!("link-{number}"),
        "should_trade": true,
        "action": if number.is_multiple_of(2) { "BUY_YES" } else { "BUY_NO" },
        "kalshi": {
            "ticker": quote["ticker"],
            "yes_ask_dollars": quote["yes_ask_dollars"],
            "no_ask_dollars": quote["no_ask_dollars"],
        },
        "edge": {"cents": 5},
        "position": {"contracts": 1 + number % 3},
    })
}

/// The exchange in a process of its own, and the ready file that leads to it through `seed`'s
/// proxy.
fn exchange_behind_a_proxy(dir: &Path, seed: u64) -> (Exchange, Proxy) {
    let lag = READ_LAG_MS.to_string();
    let more = ["--tier", "advanced", "--cash", "100000000", "--read-lag-ms", &lag];
    let exchange = Exchange::start_with(dir, &more);
    let mut ready = json(&dir.join("ready.json"));
    let rest = ready["rest"].as_str().expect("an address").to_owned();
    let target = rest.split('/').nth(2).expect("scheme://host:port/");
    let proxy = Proxy::start(target.parse().expect("an address on loopback"), seed);
    for name in ["rest", "ws"] {
        let url = ready[name].as_str().expect("an address").to_owned();
        ready[name] = url.replace(target, &proxy.address.to_string()).into();
    }
    fs::write(dir.join("proxied.json"), ready.to_string()).expect("the directory is writable");
    (exchange, proxy)
}

/// Anonymous memory of a process in KiB: without the journal's pages, which are a file's.
fn anonymous_kib(engine: &Running) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", engine.child.id()));
    let status = status.expect("the engine runs");
    let line = status.lines().find(|line| line.starts_with("RssAnon")).expect("a line of Linux's");
    line.split_whitespace().nth(1).and_then(|text| text.parse().ok()).expect("a number")
}

/// What a run at full rate left.
struct Traded {
    answers: Vec<Value>,
    sent: u64,
    /// Anonymous memory after each fifth of the time.
    memory_kib: Vec<u64>,
}

/// Sends signals at the full rate for `span`, then lets the link be well and waits for every
/// answer.
fn trade(
    engine: &Running,
    producer: Producer,
    client: &Client,
    link: &Proxy,
    span: Nanos,
) -> Traded {
    let clock = SystemClock::start();
    let (mut writer, mut reader) = producer.split();
    let answered = AtomicU64::new(0);
    thread::scope(|scope| {
        let (asked, expected) = mpsc::channel::<()>();
        let answers = scope.spawn(|| {
            let mut answers = Vec::new();
            for () in expected {
                answers.push(next_answer(&mut reader));
                answered.fetch_add(1, Ordering::AcqRel);
            }
            answers
        });
        let (began, mut looked) = (clock.now().mono, Timestamp::ZERO);
        let (mut quotes, mut sent, mut memory_kib) = (Vec::new(), 0, Vec::new());
        while clock.now().mono.since(began) < span {
            let now = clock.now().mono;
            if quotes.is_empty() || now.since(looked) >= Nanos::from_secs(1) {
                quotes = client.list("/markets", "markets");
                looked = now;
            }
            let fifths = now.since(began).ns() * 5 / span.ns();
            if fifths > u64::try_from(memory_kib.len()).expect("five at most") {
                memory_kib.push(anonymous_kib(engine));
            }
            let due = began + Nanos::from_ns(sent * 1_000_000_000 / RATE);
            if now < due || sent - answered.load(Ordering::Acquire) >= UNDER_WAY_MAX {
                thread::park_timeout(Duration::from_millis(2));
                continue;
            }
            let line = signal(sent, &quotes).to_string() + "\n";
            writer.write_all(line.as_bytes()).expect("the engine reads");
            asked.send(()).expect("the reader waits");
            sent += 1;
        }
        memory_kib.push(anonymous_kib(engine));
        link.calm();
        drop(asked);
        let answers = answers.join().expect("every signal is answered");
        Traded { answers, sent, memory_kib }
    })
}

/// How far costs may be apart, in 1e-8 dollars: the exchange tells them in micro-dollars.
const COST_APART_MAX: u64 = 200;

/// Everything is equal, costs as far as the exchange tells them.
#[track_caller]
fn books_are_equal(mut ours: Books, mut exchange: Books) {
    let (our_costs, costs) = (take(&mut ours.costs), take(&mut exchange.costs));
    assert_eq!(ours, exchange);
    assert!(our_costs.keys().eq(costs.keys()), "{our_costs:?} {costs:?}");
    for (ticker, cost) in &costs {
        let apart = our_costs[ticker].abs_diff(*cost);
        assert!(apart < COST_APART_MAX, "{ticker}: {} and {cost}", our_costs[ticker]);
    }
}

/// Compares books and exchange until a comparison finds nothing: fills that came late may have
/// split costs otherwise than there.
#[track_caller]
fn reconcile(state: &Path) {
    wait_for("a comparison without a difference", || {
        let told = control::client::ask(state, &control::Request::Reconcile).ok()?;
        let found = told["invariants"].as_array()?;
        let clean = found.iter().all(|it| it["differences"] == 0);
        (told["complete"] == true && clean).then_some(())
    });
}

/// No signal bought more than it was to buy, and no order is there twice.
#[track_caller]
fn nothing_was_sent_twice(results: &[Value], orders: &[Value]) {
    let ids: BTreeSet<_> = orders.iter().map(|it| it["client_order_id"].as_str()).collect();
    assert_eq!(ids.len(), orders.len(), "an id for each order");
    for result in results.iter().filter(|result| result["filled_contracts"].is_number()) {
        let (filled, wanted) = (&result["filled_contracts"], &result["contracts"]);
        assert!(filled.as_f64() <= wanted.as_f64(), "{result}");
    }
}

#[test]
fn books_stay_equal_over_a_hostile_link() {
    let variable = std::env::var("KALSHI_EXEC_LINK_SECONDS").ok();
    let seconds = variable.map_or(SECONDS, |text| text.parse().expect("a number of seconds"));
    let summary = stay_equal(seconds, 11, "");
    assert_eq!(summary["feed"].as_array().map(Vec::len), Some(1), "{summary}");
}

#[test]
fn books_stay_equal_over_a_hostile_link_that_carries_two_streams() {
    let summary = stay_equal(SECONDS, 13, "[feed]\nconnections = 2\n");
    let links = summary["feed"].as_array().expect("the feed's connections");
    assert_eq!(links.len(), 2, "{summary}");
    let repeated = links.iter().filter_map(|link| link["repetitions"].as_u64()).sum::<u64>();
    assert!(repeated > 0, "both told: {summary}");
}

/// Trades for so long over a bad link, with more configuration; what the run came to.
#[expect(clippy::print_stdout, reason = "ten minutes are worth a look at what happened")]
fn stay_equal(seconds: u64, seed: u64, more: &str) -> Value {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let dir = tempfile::tempdir().expect("a directory");
    let dir = dir.path();
    let (_exchange, link) = exchange_behind_a_proxy(dir, seed);
    let client = Client::new(&dir.join("ready.json"));
    fs::write(dir.join("link.toml"), format!("{WIDE}{HASTY}{more}"))
        .expect("the directory is writable");
    let signals = ("unix:signals.sock", "link.toml");
    let args = on_exchange("proxied.json", signals, ("report", "state"));
    let engine = Running::start(dir, &args);
    let producer = Producer::connect(&engine, dir);

    let traded = trade(&engine, producer, &client, &link, Nanos::from_secs(seconds));
    reconcile(&dir.join("state"));
    engine.signal("INT");
    let ended = engine.wait();

    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let summary = json(&dir.join("report/summary.json"));
    let (most_open, connections, harmed) = link.counts();
    println!(
        "{seconds} s: {} signals, orders {}, {harmed} of {connections} connections broken, at most \
         {most_open} at once, memory {:?} KiB, refused {}, presign {}, halts and stops in:\n{}",
        traded.sent,
        summary["orders"],
        traded.memory_kib,
        summary["signals"]["refused"],
        summary["presign"],
        ended.stderr,
    );
    let (clock, lag) = (SystemClock::start(), Nanos::from_ms(2 * READ_LAG_MS));
    let over = clock.now().mono;
    wait_for("reads to follow", || (clock.now().mono.since(over) >= lag).then_some(()));
    let exchange = Books::of_exchange(&client, &summary);
    books_are_equal(Books::of_summary(&summary), exchange);
    assert_eq!(told(&traded.answers), known(&client, &summary));
    nothing_was_sent_twice(&traded.answers, &orders_of(&client, &summary));
    assert!(summary["orders"]["filled"].as_u64() > Some(seconds * RATE / 4), "{summary}");
    assert!(harmed > 0, "the link was bad");
    assert!(most_open <= CONNECTIONS_MAX, "{most_open} connections at once");
    wait_for("every connection to be over", || (link.open() == 0).then_some(()));
    let [early, .., late] = traded.memory_kib[..] else { panic!("a sample each fifth") };
    assert!(late <= early + GROWTH_KIB_MAX, "memory grew: {:?} KiB", traded.memory_kib);
    summary
}
