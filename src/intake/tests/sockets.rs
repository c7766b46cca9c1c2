//! Real connections: the listener, the way in and the way back.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::atomic::AtomicBool;
use std::sync::mpsc;
use std::thread;

use crate::intake::{Endpoint, ListenError, Listener, OutStream, SOURCES_MAX};

use super::*;

/// Serves `listener` on its own thread while `client` runs on this one.
fn serving(
    listener: &Listener,
    client: impl FnOnce(&mut Bench, &mpsc::Receiver<(SourceId, OutStream)>),
) {
    let mut bench = Bench::new(IntakeConfig::default());
    let (sources, new_sources) = RingBuffer::new(8);
    let (to_oms, signals) = RingBuffer::new(64);
    let (to_recorder, records) = RingBuffer::new(256);
    bench.intake =
        Intake::new(IntakeConfig::default(), bench.clock.clone(), to_oms, to_recorder, new_sources);
    (bench.signals, bench.records) = (signals, records);
    let (attach, attached) = mpsc::channel();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let stop = &stop;
        scope.spawn(move || {
            listener.run(stop, sources, |id, out| attach.send((id, out)).unwrap()).unwrap();
        });
        // Stops the listener also when the client panics, so that the scope can end.
        struct Stop<'a>(&'a AtomicBool);
        impl Drop for Stop<'_> {
            fn drop(&mut self) {
                self.0.store(true, Ordering::Release);
            }
        }
        let _stop = Stop(stop);
        client(&mut bench, &attached);
    });
}

/// Polls until `done`, yielding to the other threads in between.
fn until(bench: &mut Bench, done: impl Fn(&Output) -> bool) -> Output {
    let mut output = Output::default();
    for _ in 0..5_000_000 {
        if bench.intake.poll() == Work::Idle {
            thread::yield_now();
        }
        bench.collect(&mut output);
        if done(&output) {
            return output;
        }
    }
    panic!("did not happen: {output:?}");
}

fn endpoint(directory: &tempfile::TempDir) -> Endpoint {
    Endpoint::Unix(directory.path().join("signals.sock"))
}

fn path(endpoint: &Endpoint) -> &std::path::Path {
    match endpoint {
        Endpoint::Unix(path) => path,
        Endpoint::Tcp(_) => panic!("a unix endpoint"),
    }
}

#[test]
fn unix_producers_send_signals_and_get_answers() {
    let directory = tempfile::tempdir().unwrap();
    let endpoint = endpoint(&directory);
    let listener = Listener::bind(&endpoint).unwrap();
    let mode = fs::metadata(path(&endpoint)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    serving(&listener, |bench, attached| {
        let mut producer = UnixStream::connect(path(&endpoint)).unwrap();
        producer.write_all(line("a").as_bytes()).unwrap();
        let (id, mut out) = attached.recv().unwrap();
        let output = until(bench, |output| !output.signals.is_empty());
        assert_eq!((id, output.signals[0].source), (SourceId(1), SourceId(1)));
        out.write_all(b"{\"signal_id\":\"a\"}\n").unwrap();
        let mut answer = String::new();
        BufReader::new(&producer).read_line(&mut answer).unwrap();
        assert_eq!(answer, "{\"signal_id\":\"a\"}\n");
        // A producer that has said all still gets its answers.
        producer.shutdown(std::net::Shutdown::Write).unwrap();
        until(bench, |output| output.ended() == [1]);
        out.write_all(b"late\n").unwrap();
        drop(out);
        let mut rest = String::new();
        producer.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "late\n");
    });
    drop(listener);
    assert!(!path(&endpoint).exists(), "the socket file is removed");
}

#[test]
fn tcp_producers_are_numbered_and_kept_apart() {
    let listener = Listener::bind(&Endpoint::Tcp("127.0.0.1:0".parse().unwrap())).unwrap();
    let Endpoint::Tcp(address) = listener.endpoint().unwrap() else { panic!("tcp") };
    serving(&listener, |bench, attached| {
        let mut first = TcpStream::connect(address).unwrap();
        attached.recv().unwrap();
        let mut second = TcpStream::connect(address).unwrap();
        attached.recv().unwrap();
        let whole = line("a");
        first.write_all(&whole.as_bytes()[..40]).unwrap();
        second.write_all(line("b").as_bytes()).unwrap();
        drop(first);
        let output = until(bench, |output| output.ended() == [1] && !output.signals.is_empty());
        assert_eq!(output.passed(), ["b"]);
        assert_eq!(output.signals[0].source, SourceId(2));
        assert_eq!(output.malformed(), ["1 cut_short: source ended 40 bytes into the line"]);
        second.write_all(line("c").as_bytes()).unwrap();
        let output = until(bench, |output| !output.signals.is_empty());
        assert_eq!(output.passed(), ["c"]);
    });
}

#[test]
fn a_producer_beyond_the_bound_is_told_so_and_closed() {
    let directory = tempfile::tempdir().unwrap();
    let endpoint = endpoint(&directory);
    let listener = Listener::bind(&endpoint).unwrap();
    serving(&listener, |bench, attached| {
        let mut producers: Vec<UnixStream> = (0..SOURCES_MAX)
            .map(|_| {
                let producer = UnixStream::connect(path(&endpoint)).unwrap();
                attached.recv().unwrap();
                bench.settle();
                producer
            })
            .collect();

        let mut extra = UnixStream::connect(path(&endpoint)).unwrap();
        let mut told = String::new();
        extra.read_to_string(&mut told).unwrap();
        let expected = "{\"error\":{\"code\":\"too_many_producers\",\
                        \"message\":\"64 producers are connected; close one\"}}\n";
        assert_eq!(told, expected);

        producers.pop();
        until(bench, |output| output.ended().len() == 1);
        let mut next = UnixStream::connect(path(&endpoint)).unwrap();
        attached.recv().unwrap();
        next.write_all(line("a").as_bytes()).unwrap();
        assert_eq!(until(bench, |output| !output.signals.is_empty()).passed(), ["a"]);
    });
}

#[test]
fn a_pipe_lingers_over_its_cycle_and_ends_with_its_writer() {
    let (mut writer, reader) = mio::unix::pipe::new().unwrap();
    let name = format!("/proc/self/fd/{}", reader.as_raw_fd());
    let mut bench = Bench::new(IntakeConfig::default());
    bench.add(0, Source::open(name.as_ref()).unwrap());
    drop(reader);
    let text = cycle_line("a", "1", "1");
    let (first, second) = text.split_at(30);
    writer.write_all(first.as_bytes()).unwrap();
    assert_eq!(bench.settle().received(), 0);
    writer.write_all(second.as_bytes()).unwrap();
    assert_eq!(bench.settle().received(), 1);
    bench.clock.set(IntakeConfig::default().cycle_linger.ns());
    assert_eq!(bench.settle().passed(), ["a"]);
    writer.write_all(b"{\"unfinished").unwrap();
    drop(writer);
    let output = bench.settle();
    assert_eq!(output.malformed(), ["2 cut_short: source ended 12 bytes into the line"]);
    assert_eq!(output.ended(), [0]);
}

#[test]
fn a_live_socket_is_left_alone_and_a_stale_one_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let endpoint = endpoint(&directory);
    let other = UnixListener::bind(path(&endpoint)).unwrap();
    let error = Listener::bind(&endpoint).unwrap_err();
    assert!(matches!(error, ListenError::InUse { .. }), "{error}");
    assert!(error.to_string().contains("signals.sock"), "{error}");
    drop(other);
    assert!(path(&endpoint).exists(), "a crash leaves the file");
    let listener = Listener::bind(&endpoint).unwrap();
    drop(listener);
    fs::write(path(&endpoint), "precious").unwrap();
    let error = Listener::bind(&endpoint).unwrap_err();
    assert!(matches!(error, ListenError::NotASocket { .. }), "{error}");
    assert_eq!(fs::read(path(&endpoint)).unwrap(), b"precious");
}

#[test]
fn a_successors_socket_file_is_not_removed() {
    let directory = tempfile::tempdir().unwrap();
    let endpoint = endpoint(&directory);
    let first = Listener::bind(&endpoint).unwrap();
    fs::remove_file(path(&endpoint)).unwrap();
    let second = Listener::bind(&endpoint).unwrap();
    drop(first);
    assert!(path(&endpoint).exists());
    drop(second);
    assert!(!path(&endpoint).exists());
}

#[test]
fn a_port_in_use_and_a_public_address_are_refused() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = Endpoint::Tcp(taken.local_addr().unwrap());
    let error = Listener::bind(&endpoint).unwrap_err();
    assert!(matches!(error, ListenError::InUse { .. }), "{error}");
    let error = Listener::bind(&Endpoint::Tcp("0.0.0.0:0".parse().unwrap())).unwrap_err();
    assert!(matches!(error, ListenError::NotLoopback { .. }), "{error}");
    let long = Endpoint::Unix(format!("/tmp/{}", "x".repeat(200)).into());
    assert!(matches!(Listener::bind(&long), Err(ListenError::System { .. })));
}
