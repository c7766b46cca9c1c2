//! What the world does to a running engine, over real sockets: the exchange dies and comes back,
//! presents another certificate, moves its clock, limits requests, retires an endpoint. Each time
//! the engine names the condition, sends nothing it should not, and trades again or halts.

mod gate;
mod reported;
mod stories;

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use kalshi_exec::control::{Request, client as control};
use serde_json::Value;

use crate::account::{Books, json, scaled};
use crate::client::Client;
use crate::process::{Ended, Exchange, Running, wait_for};
use crate::producer::{Producer, WIDE, signal};
use gate::Gate;

/// Waits short enough for a test.
pub(crate) const HASTY: &str = "
ack_timeout_ms = 1000
clock_check_ms = 100

[orders]
max_retries = 0
fill_timeout_ms = 3600000
read_lag_ms = 200
absence_wait_ms = 1000
drain_timeout_ms = 3000

[machine]
wait = 'park'
";

/// An engine that trades live on an exchange behind a gate.
pub(crate) struct Stage {
    pub(crate) dir: tempfile::TempDir,
    /// The exchange, where it is a process of its own.
    exchange: Option<Exchange>,
    pub(crate) gate: Gate,
    pub(crate) engine: Running,
    pub(crate) producer: Producer,
    /// Looks at the exchange past the gate.
    pub(crate) client: Client,
}

/// Trades live, told by a producer on a socket.
fn start_engine(dir: &Path) -> Running {
    let args = [
        "run",
        "--mode",
        "live",
        "--i-understand-real-money",
        "--exchange",
        "gated.json",
        "--config",
        "run.toml",
        "--signals",
        "unix:signals.sock",
        "--report",
        "report",
        "--state",
        "state",
    ];
    Running::spawn(dir, &args, &[("TRADING_PROFILE", "STANDARD")], std::process::Stdio::null())
}

/// The address behind a ready file's `rest`.
fn address(ready: &Value) -> SocketAddr {
    let rest = ready["rest"].as_str().expect("an address");
    rest.split('/').nth(2).and_then(|host| host.parse().ok()).expect("scheme://host:port/")
}

impl Stage {
    /// Starts all of it and waits until the engine trades.
    pub(crate) fn new() -> Self {
        Self::with("")
    }

    /// The same with more configuration.
    fn with(more: &str) -> Self {
        Self::configured(&format!("{WIDE}{HASTY}{more}"))
    }

    /// The same with this configuration.
    pub(crate) fn configured(config: &str) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let exchange = Exchange::start(dir.path());
        Self::before(dir, Some(exchange), config)
    }

    /// Starts an engine before the exchange that `dir`'s ready file names.
    pub(crate) fn before(dir: tempfile::TempDir, exchange: Option<Exchange>, config: &str) -> Self {
        let mut ready = json(&dir.path().join("ready.json"));
        let target = address(&ready);
        let gate = Gate::open_to(target);
        for name in ["rest", "ws"] {
            let url = ready[name].as_str().expect("an address").to_owned();
            ready[name] = url.replace(&target.to_string(), &gate.address.to_string()).into();
        }
        write(dir.path(), "gated.json", &ready.to_string());
        write(dir.path(), "run.toml", config);
        let engine = start_engine(dir.path());
        let producer = Producer::connect(&engine, dir.path());
        let client = Client::new(&dir.path().join("ready.json"));
        Self { dir, exchange, gate, engine, producer, client }
    }

    /// Kills the engine and starts it again on its state.
    pub(crate) fn restart_engine(&mut self) {
        self.engine.signal("KILL");
        let dead = std::mem::replace(&mut self.engine, start_engine(self.dir.path()));
        drop(dead);
        self.producer = Producer::connect(&self.engine, self.dir.path());
    }

    /// Kills the exchange, lets `meanwhile` look, and starts it again at the same address.
    #[track_caller]
    pub(crate) fn restart_exchange(&mut self, meanwhile: impl FnOnce(&Self)) {
        let target = self.target().to_string();
        self.exchange.take().expect("it runs").die();
        meanwhile(self);
        self.exchange =
            Some(Exchange::start_with(self.dir.path(), &["--still-quotes", "--listen", &target]));
    }

    /// Where the exchange itself listens.
    pub(crate) fn target(&self) -> SocketAddr {
        address(&json(&self.dir.path().join("ready.json")))
    }

    /// The engine's answer to `status`.
    #[track_caller]
    pub(crate) fn status(&self) -> Value {
        control::ask(&self.dir.path().join("state"), &Request::Status).expect("it answers")
    }

    /// Has books and exchange compared now: what was found.
    #[track_caller]
    pub(crate) fn reconcile(&self) -> Value {
        control::ask(&self.dir.path().join("state"), &Request::Reconcile).expect("it answers")
    }

    /// The engine's answer to `positions`: hundredths of a contract, by ticker.
    #[track_caller]
    pub(crate) fn held(&self, ticker: &str) -> i64 {
        let state = self.dir.path().join("state");
        let answer = control::ask(&state, &Request::Positions).expect("it answers");
        let all = answer["positions"].as_array().expect("a list");
        let one = all.iter().find(|it| it["ticker"] == ticker);
        one.map_or(0, |it| scaled(&it["position"].to_string(), 2))
    }

    /// Waits until a condition holds.
    #[track_caller]
    pub(crate) fn holds(&self, name: &str) {
        wait_for(name, || {
            (self.status()["troubles"][name]["active"] == Value::Bool(true)).then_some(())
        });
    }

    /// Waits until orders may go out and no condition holds but `except`.
    #[track_caller]
    pub(crate) fn is_well(&self) {
        wait_for("all to be well", || {
            let status = self.status();
            let told = status["troubles"].as_object()?;
            let any = told.values().any(|told| told["active"] == Value::Bool(true));
            (status["trading"] == "open" && !any).then_some(())
        });
    }

    /// Sends a signal; the limit that refused it, or the state in which it ended.
    #[track_caller]
    pub(crate) fn ask(&mut self, id: &str) -> String {
        self.producer.send(signal(id));
        self.answer(id)
    }

    #[track_caller]
    pub(crate) fn answer(&mut self, id: &str) -> String {
        let answer = self.producer.answer();
        assert_eq!(answer["signal_id"], id, "{answer}");
        let refused = answer["refusal"]["limit"].as_str();
        refused.or_else(|| answer["state"].as_str()).expect("one of the two").to_owned()
    }

    /// Lets the exchange go wrong so from now on.
    pub(crate) fn faults(&self, text: &str) {
        self.client.post("/sim/faults", text);
    }

    /// Ends the run in an orderly way: what it said, and a summary whose books are the exchange's.
    #[track_caller]
    pub(crate) fn end(self) -> (Value, Ended) {
        let (summary, ended, exchange) = self.leave();
        assert_eq!(Books::of_summary(&summary), exchange);
        (summary, ended)
    }

    /// The same, with the exchange's books for whoever compares them otherwise.
    #[track_caller]
    pub(crate) fn leave(self) -> (Value, Ended, Books) {
        self.engine.signal("INT");
        let ended = self.engine.wait();
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        let summary = json(&self.dir.path().join("report/summary.json"));
        let exchange = Books::of_exchange(&self.client, &summary);
        drop(self.exchange);
        (summary, ended, exchange)
    }
}

fn write(dir: &Path, name: &str, text: &str) {
    fs::write(dir.join(name), text).expect("the test's directory is writable");
}

/// The condition was told of on the console and is over in the summary.
#[track_caller]
pub(crate) fn came_and_went(summary: &Value, ended: &Ended, name: &str) {
    let told = &summary["troubles"][name];
    assert!(told["count"].as_u64() >= Some(1), "{summary:#}");
    assert_eq!(told["active"], false, "{told}");
    assert!(!told["remedy"].as_str().expect("a text").is_empty());
    assert!(ended.stderr.contains(&format!("ALERT: {name}")), "{}", ended.stderr);
}
