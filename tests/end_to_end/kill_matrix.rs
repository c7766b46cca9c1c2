//! `kill -9` at every point of an order's life: between signal, journal, wire, exchange, answer and
//! fill. The next process on the same state directory sends nothing twice and forgets nothing: its
//! positions and cash are the exchange's, and the signal stays executed once.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use kalshi_exec::sim::server::{Fault, FaultHook, FrameFault, ServerHandle};
use kalshi_exec::units::Nanos;
use serde_json::Value;

use crate::account::{Books, json};
use crate::client::Client;
use crate::lost_answers::{is_create, serve};
use crate::process::{Running, wait_for};
use crate::producer::{Producer, WIDE, on_exchange, resting_signal, signal};

/// Waits short enough for a test; nothing here lags longer.
const HASTY: &str = "
[orders]
read_lag_ms = 300
absence_wait_ms = 4000
drain_timeout_ms = 8000
";

/// Where the process is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Point {
    /// The signal is written; whether anything has come of it is chance.
    Signal,
    /// The intent is in the journal and the bytes are with the kernel, but the exchange never
    /// sees them.
    Lost,
    /// The same, and the exchange sees them when the next process has started.
    Late,
    /// The exchange has executed the order; its answer and its messages are under way.
    Executed,
    /// The order is answered; its fill is under way.
    Answered,
    /// Everything is told.
    Told,
    /// The order rests.
    Resting,
}

/// A number that is told as soon as there is something to count.
type Count = Arc<AtomicU32>;

/// What the exchange does to the first order and to its messages.
fn faults(point: Point, creates: &Count) -> FaultHook {
    let (count, seen) = (Arc::clone(creates), Arc::clone(creates));
    let requests = FaultHook::new(move |request, _| {
        if !is_create(request) || count.fetch_add(1, Ordering::AcqRel) > 0 {
            return Fault::None;
        }
        match point {
            Point::Lost => Fault::DropBefore,
            Point::Late => Fault::DelayBefore(Nanos::from_ms(2_500)),
            Point::Executed => Fault::DelayAfter(Nanos::from_secs(60)),
            _ => Fault::None,
        }
    });
    requests.with_frames(move |_, text| {
        let hidden = matches!(point, Point::Executed | Point::Answered);
        let of_order = text.contains(r#""type":"fill""#) || text.contains(r#""type":"user_order""#);
        match hidden && of_order && seen.load(Ordering::Acquire) == 1 {
            true => FrameFault::Lose,
            false => FrameFault::None,
        }
    })
}

fn start(dir: &Path, socket: &str, report: &str) -> (Running, Producer) {
    let signals = format!("unix:{socket}");
    let args = on_exchange("ready.json", (&signals, "kill.toml"), (report, "state"));
    let engine = Running::start(dir, &args);
    let producer = Producer::connect(&engine, dir);
    (engine, producer)
}

/// Waits until the order's life has come to `point`.
fn reach(point: Point, producer: &mut Producer, client: &Client, creates: &Count) {
    let has = |status: &str| {
        let orders = client.list("/portfolio/orders", "orders");
        orders.iter().any(|order| order["status"] == status).then_some(())
    };
    match point {
        Point::Signal => {}
        Point::Lost | Point::Late => {
            wait_for("the order to leave", || (creates.load(Ordering::Acquire) > 0).then_some(()))
        }
        Point::Executed | Point::Answered => wait_for("the order's fill", || has("executed")),
        Point::Told => assert_eq!(producer.answer()["state"], "filled"),
        Point::Resting => wait_for("the order to rest", || has("resting")),
    }
}

/// The order groups there are.
fn groups(client: &Client) -> Vec<Value> {
    let listed = client.get("/portfolio/order_groups");
    listed["order_groups"].as_array().expect("a list").clone()
}

/// Kills the engine at `point` and starts it again; returns what the exchange has of the first
/// order, and the second process's answer to the same signal.
#[track_caller]
fn kill_at(point: Point) -> (Vec<Value>, Value) {
    let dir = tempfile::tempdir().expect("a directory of its own");
    let dir = dir.path();
    let creates = Count::default();
    let exchange: ServerHandle = serve(dir, faults(point, &creates));
    let client = Client::new(&dir.join("ready.json"));
    client.make_group(&serde_json::json!({"contracts_limit": 7}));
    let others = groups(&client);
    fs::write(dir.join("kill.toml"), format!("{WIDE}{HASTY}")).expect("it is writable");
    let order = if point == Point::Resting { resting_signal("once") } else { signal("once") };

    let (engine, mut producer) = start(dir, "first.sock", "first");
    producer.send(&order);
    reach(point, &mut producer, &client, &creates);
    engine.signal("KILL");
    assert_eq!(engine.wait().code, None);
    assert!(groups(&client).len() > others.len(), "it had no time to delete its groups");

    let (engine, mut producer) = start(dir, "second.sock", "second");
    producer.send(&order);
    let answer = producer.answer();
    // What was late has landed by now, and what rests is cancelled by the end of the run.
    if point == Point::Late {
        wait_for("the late order", || {
            (!client.list("/portfolio/orders", "orders").is_empty()).then_some(())
        });
    }
    engine.signal("INT");
    let ended = engine.wait();

    assert_eq!(ended.code, Some(0), "{point:?}: {}", ended.stderr);
    let summary = json(&dir.join("second/summary.json"));
    let (ours, theirs) = (Books::of_summary(&summary), Books::of_exchange(&client, &summary));
    assert_eq!(ours.positions, theirs.positions, "{point:?}: {}", ended.stderr);
    assert_eq!((ours.cash, ours.costs), (theirs.cash, theirs.costs), "{point:?}: {}", ended.stderr);
    let orders = client.list("/portfolio/orders", "orders");
    assert!(orders.iter().all(|order| order["status"] != "resting"), "{point:?}: {orders:?}");
    assert_eq!(groups(&client), others, "nothing is left behind, and nobody else's is touched");
    drop(exchange);
    (orders, answer)
}

#[track_caller]
fn executed_once(point: Point, status: &str) {
    let (orders, answer) = kill_at(point);
    assert_eq!(orders.len(), 1, "{point:?}: {orders:?}");
    assert_eq!(orders[0]["status"], status, "{point:?}");
    assert_eq!(answer["refusal"]["limit"], "duplicate_signal", "{point:?}: {answer}");
}

#[test]
fn killed_with_the_signal_in_its_hands() {
    let (orders, answer) = kill_at(Point::Signal);
    // The second process executes it, or knows that the first one has.
    assert_eq!(orders.len(), 1, "{orders:?}");
    let executed = answer["state"] == "filled";
    assert!(executed || answer["refusal"]["limit"] == "duplicate_signal", "{answer}");
}

#[test]
fn killed_with_the_order_lost_on_its_way() {
    let (orders, answer) = kill_at(Point::Lost);
    // What the journal has was meant to be sent: it may be sent again, under the same id.
    assert!(orders.len() <= 1, "{orders:?}");
    assert_eq!(answer["refusal"]["limit"], "duplicate_signal", "{answer}");
}

#[test]
fn killed_before_the_order_lands() {
    executed_once(Point::Late, "executed");
}

#[test]
fn killed_before_the_answer() {
    executed_once(Point::Executed, "executed");
}

#[test]
fn killed_between_answer_and_fill() {
    executed_once(Point::Answered, "executed");
}

#[test]
fn killed_after_the_fill() {
    executed_once(Point::Told, "executed");
}

#[test]
fn killed_while_the_order_rests() {
    executed_once(Point::Resting, "canceled");
}
