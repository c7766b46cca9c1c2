//! The service without an engine: the test plays oms and recorder.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::Path;

use crossbeam::channel::{self, Sender};
use serde_json::Value;

use super::place;
use super::service::{About, ControlParts, ControlService};
use super::{CommandLine, HaltFile};
use crate::ids::{Reason, RunId, Ticker};
use crate::message::{ControlCommand, Question, Topic};
use crate::recorder::record::Record;
use crate::recorder::told::{Heard, PositionTold, Told};
use crate::risk::KillSwitch;
use crate::runtime::clock::{Clock as _, VirtualClock};
use crate::runtime::ring::{Consumer, ring};
use crate::runtime::signals::Interrupts;
use crate::units::{Contracts, Money, Nanos, Position, WallTime};

struct Bench {
    dir: tempfile::TempDir,
    service: ControlService<VirtualClock>,
    clock: VirtualClock,
    kill_switch: KillSwitch,
    commands: Consumer<ControlCommand>,
    questions: Consumer<Question>,
    records: Consumer<Record>,
    told: Sender<Heard>,
}

impl Bench {
    fn new() -> Self {
        Self::in_dir(tempfile::tempdir().unwrap())
    }

    fn in_dir(dir: tempfile::TempDir) -> Self {
        let clock = VirtualClock::new(WallTime::from_unix_ms(1_767_225_600_000));
        clock.advance(Nanos::from_secs(1));
        let kill_switch = KillSwitch::default();
        let (commands_in, commands) = ring(8);
        let (questions_in, questions) = ring(8);
        let (records_in, records) = ring(8);
        let (told, heard) = channel::unbounded();
        let parts = ControlParts {
            about: About {
                run: RunId::new(7),
                mode: "sim",
                started: clock.now().wall,
                state_dir: Some(dir.path().to_owned()),
            },
            clock: clock.clone(),
            commands: CommandLine::new(commands_in),
            questions: questions_in,
            heard,
            records: records_in,
            kill_switch: kill_switch.clone(),
            interrupts: Interrupts::deaf(),
        };
        let service = ControlService::new(parts).unwrap();
        Self { dir, service, clock, kill_switch, commands, questions, records, told }
    }

    fn connect(&self) -> Person {
        let stream = place::connect(self.dir.path()).unwrap();
        stream.set_nonblocking(true).unwrap();
        Person { reader: BufReader::new(stream.try_clone().unwrap()), stream }
    }

    /// The oms reads its next command.
    #[track_caller]
    fn command(&mut self) -> ControlCommand {
        self.commands.pop().expect("a command for the oms")
    }
}

struct Person {
    stream: UnixStream,
    reader: BufReader<UnixStream>,
}

impl Person {
    fn say(&mut self, line: &str) {
        self.stream.write_all(line.as_bytes()).unwrap();
        self.stream.write_all(b"\n").unwrap();
    }

    /// What is there to read; null when there is nothing.
    fn hears(&mut self) -> Value {
        let mut line = String::new();
        match self.reader.read_line(&mut line) {
            Ok(_) => serde_json::from_str(&line).unwrap_or(Value::Null),
            Err(_) => Value::Null,
        }
    }
}

fn halt(text: &str) -> ControlCommand {
    ControlCommand::Halt { reason: Reason::lossy(text) }
}

#[test]
fn a_halt_stops_the_wire_before_the_oms_and_is_answered_with_its_time() {
    let mut bench = Bench::new();
    let mut person = bench.connect();
    person.say(r#"{"command":"halt","reason":"too fast"}"#);
    bench.service.serve();

    assert!(bench.kill_switch.is_thrown(), "before the oms has read anything");
    assert_eq!(bench.command(), halt("too fast"));
    assert_eq!(person.hears(), Value::Null, "not before the oms has halted");

    bench.clock.advance(Nanos::from_us(30));
    bench.kill_switch.confirm(bench.clock.mono());
    bench.clock.advance(Nanos::from_ms(1));
    bench.service.serve();

    let answer = person.hears();
    assert_eq!(answer["ok"], true);
    assert_eq!((&answer["halted"], &answer["latency_ns"]), (&"too fast".into(), &30_000.into()));
    assert_eq!(bench.records.pop(), Ok(Record::KillSwitch { span: Nanos::from_us(30) }));
}

#[test]
fn a_second_halt_is_measured_by_itself() {
    let mut bench = Bench::new();
    let mut person = bench.connect();
    for us in [30, 70] {
        bench.clock.advance(Nanos::from_secs(1));
        person.say(r#"{"command":"halt","reason":"x"}"#);
        bench.service.serve();
        assert_eq!(person.hears(), Value::Null, "the last halt is no answer to this one");
        bench.clock.advance(Nanos::from_us(us));
        bench.kill_switch.confirm(bench.clock.mono());
        bench.service.serve();
        assert_eq!(person.hears()["latency_ns"], us * 1_000);
    }
}

#[test]
fn an_oms_that_does_not_answer_is_told_of_and_nothing_leaves() {
    let mut bench = Bench::new();
    let mut person = bench.connect();
    person.say(r#"{"command":"halt","reason":"x"}"#);
    bench.service.serve();
    bench.clock.advance(Nanos::from_secs(5));
    bench.service.serve();

    let answer = person.hears();
    assert_eq!((&answer["ok"], &answer["error"]["code"]), (&false.into(), &"no_answer".into()));
    assert!(bench.kill_switch.is_thrown());
}

#[test]
fn a_halt_file_halts_once_and_bars_the_resume_until_it_is_gone() {
    let mut bench = Bench::new();
    let mut person = bench.connect();
    HaltFile::leave(bench.dir.path(), "maintenance").unwrap();
    bench.clock.advance(Nanos::from_ms(200));
    bench.service.serve();
    assert_eq!(bench.command(), halt("halt file: maintenance"));
    bench.clock.advance(Nanos::from_ms(200));
    bench.service.serve();
    assert!(bench.commands.pop().is_err(), "once per appearance");

    person.say(r#"{"command":"resume"}"#);
    bench.service.serve();
    assert_eq!(person.hears()["error"]["code"], "halt_file");
    assert!(bench.commands.pop().is_err());

    std::fs::remove_file(bench.dir.path().join("halt")).unwrap();
    person.say(r#"{"command":"resume"}"#);
    bench.service.serve();
    assert_eq!(bench.command(), ControlCommand::Resume);
    assert_eq!(person.hears(), Value::Null, "the oms has not resumed yet");
    bench.kill_switch.reset();
    bench.service.serve();
    assert_eq!(person.hears()["ok"], true);
}

#[test]
fn a_halt_file_found_at_the_start_is_the_first_command() {
    let dir = tempfile::tempdir().unwrap();
    HaltFile::leave(dir.path(), "night").unwrap();
    let mut bench = Bench::in_dir(dir);
    assert!(bench.kill_switch.is_thrown());
    assert_eq!(bench.command(), halt("halt file: night"));
}

fn position(ticker: &str) -> Heard {
    Heard::Told(Told::Position(PositionTold {
        ticker: Ticker::new(ticker.as_bytes()).unwrap(),
        position: Position::from_centis(-1_050),
        cost: Money::from_cents(420),
        worst_case: Contracts::from_whole(12),
        open_orders: 1,
        stopped: false,
    }))
}

fn page_end(next: Option<u32>) -> Heard {
    Heard::Told(Told::PageEnd { next })
}

#[test]
fn pages_make_one_answer() {
    let mut bench = Bench::new();
    let mut person = bench.connect();
    person.say(r#"{"command":"positions"}"#);
    bench.service.serve();
    assert_eq!(bench.questions.pop(), Ok(Question { topic: Topic::Positions, from: 0 }));
    for heard in [position("KXA-1-B"), page_end(Some(512))] {
        bench.told.send(heard).unwrap();
    }
    bench.service.serve();
    assert_eq!(bench.questions.pop(), Ok(Question { topic: Topic::Positions, from: 512 }));
    assert_eq!(person.hears(), Value::Null);
    for heard in [position("KXA-1-C"), page_end(None)] {
        bench.told.send(heard).unwrap();
    }
    bench.service.serve();

    let answer = person.hears();
    let tickers: Vec<&Value> =
        answer["positions"].as_array().unwrap().iter().map(|row| &row["ticker"]).collect();
    assert_eq!(tickers, ["KXA-1-B", "KXA-1-C"]);
    assert_eq!(answer["positions"][0]["position"], -10.5);
}

#[test]
fn a_late_answer_is_not_taken_for_the_next_ones() {
    let mut bench = Bench::new();
    let mut person = bench.connect();
    person.say(r#"{"command":"positions"}"#);
    bench.service.serve();
    bench.clock.advance(Nanos::from_secs(5));
    bench.service.serve();
    assert_eq!(person.hears()["error"]["code"], "no_answer");

    person.say(r#"{"command":"orders"}"#);
    bench.service.serve();
    bench.told.send(position("KXA-1-B")).unwrap();
    bench.told.send(page_end(None)).unwrap();
    bench.service.serve();
    assert_eq!(person.hears(), Value::Null, "that was the answer to the first question");
    bench.told.send(page_end(None)).unwrap();
    bench.service.serve();
    assert_eq!(person.hears()["orders"], Value::Array(Vec::new()));
}

#[test]
fn who_says_nothing_sensible_is_told_and_others_are_served() {
    let mut bench = Bench::new();
    let (mut first, mut second) = (bench.connect(), bench.connect());
    first.say("stop!");
    first.say(r#"{"command":"halt"}"#);
    second.say(&"x".repeat(5_000));
    bench.service.serve();
    bench.service.serve();
    for person in [&mut first, &mut second] {
        assert_eq!(person.hears()["error"]["code"], "bad_request");
    }
    assert_eq!(first.hears()["error"]["code"], "bad_request");
    assert!(bench.commands.pop().is_err());
    assert!(!bench.kill_switch.is_thrown());

    let come = |_| {
        let person = bench.connect();
        // As fast as they come: the kernel holds only so many.
        bench.service.serve();
        person
    };
    let people: Vec<Person> = (0..20).map(come).collect();
    let turned_away = people.into_iter().filter_map(|mut person| match person.hears() {
        Value::Null => None,
        answer => Some(answer["error"]["code"] == "busy"),
    });
    assert!(turned_away.eq([true; 6]), "two of sixteen places were taken");
}

#[test]
fn the_socket_is_its_users_alone_and_goes_with_the_service() {
    let bench = Bench::new();
    let socket = bench.dir.path().join("control.sock");
    let mode = std::fs::metadata(&socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    drop(bench.service);
    assert!(!socket.exists());
}

#[test]
fn a_directory_with_a_long_name_has_a_socket_too() {
    let dir = tempfile::tempdir().unwrap();
    let deep = dir.path().join("d".repeat(120));
    std::fs::create_dir(&deep).unwrap();
    let listener = place::bind(&deep).unwrap();
    let again = place::bind(&deep).expect("a socket left over is replaced");
    assert!(place::connect(&deep).is_ok());
    drop((listener, again));
    assert!(place::connect(&deep).is_err());
    assert!(place::connect(Path::new("no/such/place")).is_err());
}
