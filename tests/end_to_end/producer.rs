//! A program that sends signals to the engine over a socket and reads its answers.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::process::{Running, wait_for};

/// The recorded signals that come with the program.
pub(crate) const SIGNALS: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/examples/worldcup-signals.ndjson");

/// The configuration that trades them although their edge does not pay.
pub(crate) const CONFIG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/worldcup.toml");

/// How long an answer may take.
const ANSWER_WAIT: Duration = Duration::from_secs(60);

/// Limits so wide that nothing but the signal decides what becomes of it, and times so short that
/// a run ends soon.
pub(crate) const WIDE: &str = "
[risk]
require_signal_time = false
minimum_edge_cents = -3
max_orders_per_minute = 100000
min_time_between_orders_ms = 0
max_daily_trades = 100000
max_daily_volume = 1000000
max_position_per_event = 100000
max_daily_loss_cents = 100000000
max_open_orders = 1000
max_open_orders_per_market = 1000
max_exposure_per_sport_percent = 100

[breaker]
max_repeats = 1000
repeats_window_s = 1
latency_budget_ms = 60000

[wire]
write_tokens_per_second = 1200
write_tokens_max = 3600
";

/// Arguments of a run against the exchange of the ready file `ready`, with its state in `state`.
pub(crate) fn on_exchange<'a>(
    ready: &'a str,
    (signals, config): (&'a str, &'a str),
    (report, state): (&'a str, &'a str),
) -> [&'a str; 13] {
    [
        "run",
        "--mode",
        "sim",
        "--exchange",
        ready,
        "--signals",
        signals,
        "--config",
        config,
        "--report",
        report,
        "--state",
        state,
    ]
}

/// A signal to buy ten YES contracts at 42 cents, in a market of the built-in books that offers
/// them at that price.
pub(crate) fn signal(id: &str) -> Value {
    json!({
        "id": id, "should_trade": true, "action": "BUY_YES",
        "kalshi": {"ticker": "KXWCGAME-26JUL14FRAESP-FRA", "yes_ask": 42, "no_ask": 59},
        "edge": {"cents": 7, "percent": 14.6}, "confidence": {"score": 75, "tier": "HIGH"},
        "position": {"contracts": 10, "risk_amount": 420},
    })
}

/// The same below the market: it rests there until somebody cancels it.
pub(crate) fn resting_signal(id: &str) -> Value {
    let mut signal = signal(id);
    signal["time_in_force"] = json!("good_till_canceled");
    signal["max_price_dollars"] = json!("0.3800");
    signal
}

/// One connection to the engine.
pub(crate) struct Producer {
    reader: Answers,
    writer: Box<dyn Write + Send>,
}

/// What comes back over a connection.
pub(crate) type Answers = BufReader<Box<dyn Read + Send>>;

/// The next answer.
#[track_caller]
pub(crate) fn next_answer(answers: &mut Answers) -> Value {
    let mut line = String::new();
    answers.read_line(&mut line).expect("the engine answers");
    serde_json::from_str(&line).expect("an answer is a line of JSON")
}

impl Producer {
    /// Connects to where the engine says that it listens.
    pub(crate) fn connect(engine: &Running, dir: &Path) -> Self {
        let endpoint = wait_for("the engine to listen", || {
            let said = engine.stderr();
            let (_, rest) = said.split_once("listening for signals on ")?;
            Some(rest.split_once('\n')?.0.to_owned())
        });
        if let Some(path) = endpoint.strip_prefix("unix:") {
            let stream = UnixStream::connect(dir.join(path)).expect("the engine listens");
            stream.set_read_timeout(Some(ANSWER_WAIT)).expect("a timeout is not zero");
            let reader = stream.try_clone().expect("a socket can be cloned");
            return Self::new(Box::new(reader), Box::new(stream));
        }
        let address = endpoint.strip_prefix("tcp:").expect("unix or tcp");
        let stream = TcpStream::connect(address).expect("the engine listens");
        stream.set_read_timeout(Some(ANSWER_WAIT)).expect("a timeout is not zero");
        let reader = stream.try_clone().expect("a socket can be cloned");
        Self::new(Box::new(reader), Box::new(stream))
    }

    fn new(reader: Box<dyn Read + Send>, writer: Box<dyn Write + Send>) -> Self {
        Self { reader: BufReader::new(reader), writer }
    }

    /// Sends one line.
    pub(crate) fn send(&mut self, line: impl ToString) {
        let line = line.to_string() + "\n";
        self.writer.write_all(line.as_bytes()).expect("the engine reads");
    }

    /// The next answer.
    #[track_caller]
    pub(crate) fn answer(&mut self) -> Value {
        next_answer(&mut self.reader)
    }

    /// Both directions, for two threads.
    pub(crate) fn split(self) -> (Box<dyn Write + Send>, Answers) {
        (self.writer, self.reader)
    }

    /// What comes after the last answer: nothing.
    #[track_caller]
    pub(crate) fn no_more(mut self) {
        let mut rest = String::new();
        self.reader.read_to_string(&mut rest).expect("the engine closes");
        assert_eq!(rest, "", "one answer per signal");
    }
}
