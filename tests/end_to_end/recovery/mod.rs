//! What the world does to a running engine, over real sockets: the exchange dies and comes back,
//! presents another certificate, moves its clock, limits requests, retires an endpoint. Each time
//! the engine names the condition, sends nothing it should not, and trades again or halts.

mod gate;
mod stories;

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use kalshi_exec::control::{Request, client as control};
use serde_json::Value;

use crate::account::{Books, json};
use crate::client::Client;
use crate::process::{Ended, Exchange, Running, wait_for};
use crate::producer::{Producer, WIDE, signal};
use gate::Gate;

/// Waits short enough for a test.
const HASTY: &str = "
ack_timeout_ms = 1000
clock_check_ms = 100

[orders]
max_retries = 0
fill_timeout_ms = 3600000
read_lag_ms = 200
absence_wait_ms = 1000
drain_timeout_ms = 3000
";

/// An engine that trades live on an exchange behind a gate.
struct Stage {
    dir: tempfile::TempDir,
    exchange: Option<Exchange>,
    gate: Gate,
    engine: Running,
    producer: Producer,
    /// Looks at the exchange past the gate.
    client: Client,
}

/// The address behind a ready file's `rest`.
fn address(ready: &Value) -> SocketAddr {
    let rest = ready["rest"].as_str().expect("an address");
    rest.split('/').nth(2).and_then(|host| host.parse().ok()).expect("scheme://host:port/")
}

impl Stage {
    /// Starts all of it and waits until the engine trades.
    fn new() -> Self {
        Self::with("")
    }

    /// The same with more configuration.
    fn with(more: &str) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let exchange = Exchange::start(dir.path());
        let mut ready = json(&dir.path().join("ready.json"));
        let target = address(&ready);
        let gate = Gate::open_to(target);
        for name in ["rest", "ws"] {
            let url = ready[name].as_str().expect("an address").to_owned();
            ready[name] = url.replace(&target.to_string(), &gate.address.to_string()).into();
        }
        write(dir.path(), "gated.json", &ready.to_string());
        write(dir.path(), "run.toml", &format!("{WIDE}{HASTY}{more}"));
        let engine = Running::spawn(
            dir.path(),
            &[
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
            ],
            &[("TRADING_PROFILE", "STANDARD")],
            std::process::Stdio::null(),
        );
        let producer = Producer::connect(&engine, dir.path());
        let client = Client::new(&dir.path().join("ready.json"));
        let exchange = Some(exchange);
        Self { dir, exchange, gate, engine, producer, client }
    }

    /// Kills the exchange, lets `meanwhile` look, and starts it again at the same address.
    #[track_caller]
    fn restart_exchange(&mut self, meanwhile: impl FnOnce(&Self)) {
        let target = self.target().to_string();
        self.exchange.take().expect("it runs").die();
        meanwhile(self);
        self.exchange =
            Some(Exchange::start_with(self.dir.path(), &["--still-quotes", "--listen", &target]));
    }

    /// Where the exchange itself listens.
    fn target(&self) -> SocketAddr {
        address(&json(&self.dir.path().join("ready.json")))
    }

    /// The engine's answer to `status`.
    #[track_caller]
    fn status(&self) -> Value {
        control::ask(&self.dir.path().join("state"), &Request::Status).expect("it answers")
    }

    /// Waits until a condition holds.
    #[track_caller]
    fn holds(&self, name: &str) {
        wait_for(name, || {
            (self.status()["troubles"][name]["active"] == Value::Bool(true)).then_some(())
        });
    }

    /// Waits until orders may go out and no condition holds but `except`.
    #[track_caller]
    fn is_well(&self) {
        wait_for("all to be well", || {
            let status = self.status();
            let told = status["troubles"].as_object()?;
            let any = told.values().any(|told| told["active"] == Value::Bool(true));
            (status["trading"] == "open" && !any).then_some(())
        });
    }

    /// Sends a signal; the limit that refused it, or the state in which it ended.
    #[track_caller]
    fn ask(&mut self, id: &str) -> String {
        self.producer.send(signal(id));
        self.answer(id)
    }

    #[track_caller]
    fn answer(&mut self, id: &str) -> String {
        let answer = self.producer.answer();
        assert_eq!(answer["signal_id"], id, "{answer}");
        let refused = answer["refusal"]["limit"].as_str();
        refused.or_else(|| answer["state"].as_str()).expect("one of the two").to_owned()
    }

    /// Lets the exchange go wrong so from now on.
    fn faults(&self, text: &str) {
        self.client.post("/sim/faults", text);
    }

    /// Ends the run in an orderly way: what it said, and a summary whose books are the exchange's.
    #[track_caller]
    fn end(self) -> (Value, Ended) {
        self.engine.signal("INT");
        let ended = self.engine.wait();
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        let summary = json(&self.dir.path().join("report/summary.json"));
        assert_eq!(Books::of_summary(&summary), Books::of_exchange(&self.client, &summary));
        drop(self.exchange);
        (summary, ended)
    }
}

fn write(dir: &Path, name: &str, text: &str) {
    fs::write(dir.join(name), text).expect("the test's directory is writable");
}

/// The condition was told of on the console and is over in the summary.
#[track_caller]
fn came_and_went(summary: &Value, ended: &Ended, name: &str) {
    let told = &summary["troubles"][name];
    assert!(told["count"].as_u64() >= Some(1), "{summary:#}");
    assert_eq!(told["active"], false, "{told}");
    assert!(!told["remedy"].as_str().expect("a text").is_empty());
    assert!(ended.stderr.contains(&format!("ALERT: {name}")), "{}", ended.stderr);
}
