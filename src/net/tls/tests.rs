//! Tests of TLS over real loopback sockets.

use super::testing::{Authority, Peer, TestClock};
use super::*;
use std::sync::mpsc;

use socket2::SockRef;

use crate::net::connect::{DialConfig, connect};
use crate::net::endpoint::Endpoint;

/// So that a failing test ends instead of hanging.
const PATIENCE: Duration = Duration::from_secs(10);

fn dial(authority: &Authority, url: &str) -> TlsStream {
    let config = DialConfig::new(authority.trust());
    connect(&Endpoint::parse(url).unwrap(), &config, &TestClock::default()).unwrap()
}

/// Connected, and patient: a read blocks until something comes.
fn patient(authority: &Authority, url: &str) -> TlsStream {
    let stream = dial(authority, url);
    stream.wait_at_most(Some(PATIENCE)).unwrap();
    stream
}

fn send(stream: &mut TlsStream, bytes: &[u8]) {
    stream.seal(bytes).unwrap();
    while stream.flush().unwrap() == Flush::Pending {}
}

/// Receives exactly `len` bytes in reads of at most `step`.
fn take(stream: &mut TlsStream, len: usize, step: usize) -> Vec<u8> {
    let mut got = vec![0; len];
    let mut at = 0;
    while at < len {
        let end = len.min(at + step);
        match stream.receive(&mut got[at..end]).unwrap() {
            Received::Bytes(count) => at += count,
            other => panic!("{other:?} after {at} of {len} bytes"),
        }
    }
    got
}

/// Receives until something other than bytes comes.
fn ending(stream: &mut TlsStream) -> Result<Received, LinkError> {
    let mut scratch = [0; 256];
    loop {
        match stream.receive(&mut scratch) {
            Ok(Received::Bytes(_)) => {}
            other => return other,
        }
    }
}

fn pattern(len: usize) -> Vec<u8> {
    (0..=250_u8).cycle().take(len).collect()
}

fn echo(mut peer: Peer) {
    let mut bytes = [0; 5000];
    while let Ok(len @ 1..) = peer.read(&mut bytes) {
        peer.write_all(&bytes[..len]).unwrap();
    }
}

#[track_caller]
fn echoes(stream: &mut TlsStream) {
    for len in [1, 600, 16 * 1024 - 1, 16 * 1024 + 1, 50_000] {
        let bytes = pattern(len);
        let before = stream.bytes_out();
        send(stream, &bytes);
        let sealed = usize::try_from(stream.bytes_out() - before).unwrap();
        assert!((len..=Outbox::sealed_bytes_max(len)).contains(&sealed), "{sealed} for {len}");
        assert_eq!(take(stream, len, 777), bytes);
    }
}

#[test]
fn what_goes_in_comes_out() {
    let authority = Authority::new();
    let (server, url) = authority.serve(echo);
    let mut stream = patient(&authority, &url);
    echoes(&mut stream);
    drop(stream);
    server.join().unwrap().unwrap();
}

#[test]
fn tls_1_2_is_spoken_too() {
    let authority = Authority::new();
    let (server, url) = authority.serve_tls12(echo);
    let mut stream = patient(&authority, &url);
    echoes(&mut stream);
    drop(stream);
    server.join().unwrap().unwrap();
}

#[test]
fn a_rehearsal_leaves_the_connection_as_it_was() {
    let authority = Authority::new();
    let (server, url) = authority.serve(echo);
    let mut stream = patient(&authority, &url);
    echoes(&mut stream);

    let before = stream.bytes_out();
    for length in [0, 1, 900, 20_000].into_iter().cycle().take(400) {
        stream.rehearse(&pattern(length));
    }
    assert_eq!(stream.bytes_out(), before, "nothing has left");
    assert!(stream.out.is_empty(), "nothing is about to");
    assert!(stream.rehearsal.is_some(), "there was something to rehearse with");

    stream.seal(b"sealed").unwrap();
    stream.rehearse(&pattern(900));
    while stream.flush().unwrap() == Flush::Pending {}
    assert_eq!(take(&mut stream, 6, 6), b"sealed", "also between sealing and sending");
    echoes(&mut stream);
    drop(stream);
    server.join().unwrap().unwrap();
}

#[test]
fn nothing_blocks_after_the_handshake() {
    let authority = Authority::new();
    let (release, held) = mpsc::channel::<()>();
    let (server, url) = authority.serve(move |_peer| held.recv().is_err());
    let mut stream = dial(&authority, &url);

    // The server says nothing; a blocking read would never return.
    assert_eq!(stream.receive(&mut [0; 64]), Ok(Received::Nothing));
    assert_eq!(stream.receive(&mut []), Ok(Received::Nothing));
    assert_eq!(stream.flush(), Ok(Flush::Done));
    assert_eq!(stream.bytes_out(), 0);

    drop(release);
    assert_eq!(server.join().unwrap(), Some(true));
}

#[test]
fn sealing_sends_nothing() {
    let authority = Authority::new();
    let (server, url) = authority.serve(|mut peer| {
        let mut got = Vec::new();
        let ending = peer.read_to_end(&mut got).map_err(|error| error.kind());
        (ending, got)
    });
    let mut stream = patient(&authority, &url);
    stream.seal(b"an order that was given up").unwrap();
    assert_eq!(stream.bytes_out(), 0);

    drop(stream);

    // Not even the goodbye, which would have to follow the order. (Closing with session tickets
    // unread may make the kernel send a reset.)
    let (ending, got) = server.join().unwrap().unwrap();
    let ending = ending.unwrap_err();
    assert!(matches!(ending, ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset));
    assert!(got.is_empty());
}

#[test]
fn a_partial_send_is_finished_with_the_same_bytes() {
    let authority = Authority::new();
    let (release, held) = mpsc::channel::<()>();
    let (server, url) = authority.serve(move |mut peer| {
        held.recv().unwrap();
        let mut got = vec![0; TlsStream::SEAL_BYTES_MAX * 8];
        peer.read_exact(&mut got).map(|()| got).unwrap()
    });
    let mut stream = dial(&authority, &url);
    SockRef::from(&stream).set_send_buffer_size(4096).unwrap();

    // Fill the pipe until the kernel takes only a part.
    let bytes = pattern(TlsStream::SEAL_BYTES_MAX * 8);
    let mut batches = bytes.chunks(TlsStream::SEAL_BYTES_MAX);
    let mut refused = 0;
    let mut release = Some(release);
    for batch in &mut batches {
        stream.seal(batch).unwrap();
        let mut before = stream.bytes_out();
        while stream.flush().unwrap() == Flush::Pending {
            refused += u32::from(stream.bytes_out() == before);
            before = stream.bytes_out();
            if refused > 3 {
                // The peer starts reading; from now on the flush may wait for it.
                stream.wait_at_most(Some(PATIENCE)).unwrap();
                if let Some(release) = release.take() {
                    release.send(()).unwrap();
                }
            }
        }
    }

    assert!(refused > 3, "the pipe never filled: the test tests nothing");
    assert_eq!(server.join().unwrap().unwrap(), bytes);
    assert!(stream.bytes_out() > bytes.len() as u64);
}

#[test]
fn too_much_at_once_is_refused_and_harms_nothing() {
    let authority = Authority::new();
    let (server, url) = authority.serve(echo);
    let mut stream = patient(&authority, &url);

    let much = vec![0; 3 * TlsStream::SEAL_BYTES_MAX];
    assert_eq!(stream.seal(&much), Err(LinkError::Socket(ErrorKind::StorageFull)));
    assert_eq!(stream.flush(), Ok(Flush::Done));
    assert_eq!(stream.bytes_out(), 0);
    echoes(&mut stream);

    drop(stream);
    server.join().unwrap().unwrap();
}

#[test]
fn close_notify_is_an_orderly_end() {
    let authority = Authority::new();
    let (server, url) = authority.serve(|mut peer| {
        peer.write_all(b"last words").unwrap();
        peer.conn.send_close_notify();
        peer.flush().unwrap();
    });
    let mut stream = patient(&authority, &url);

    assert_eq!(take(&mut stream, 10, 64), b"last words");
    assert_eq!(ending(&mut stream), Ok(Received::Closed));
    assert_eq!(ending(&mut stream), Ok(Received::Closed), "and stays so");
    assert_eq!(stream.seal(b"x"), Err(LinkError::Socket(ErrorKind::NotConnected)));
    server.join().unwrap().unwrap();
}

#[test]
fn an_end_without_goodbye_is_a_fault() {
    let authority = Authority::new();
    let (server, url) = authority.serve(|mut peer| peer.write_all(b"half an ans").unwrap());
    let mut stream = patient(&authority, &url);

    assert_eq!(take(&mut stream, 11, 64), b"half an ans");
    assert_eq!(ending(&mut stream), Err(LinkError::Tls));
    assert_eq!(ending(&mut stream), Err(LinkError::Tls), "and stays so");
    assert_eq!(stream.seal(b"x"), Err(LinkError::Tls));
    assert_eq!(stream.flush(), Err(LinkError::Tls));
    server.join().unwrap().unwrap();
}

#[test]
fn a_reset_is_named() {
    let authority = Authority::new();
    let (server, url) = authority.serve(|peer| {
        SockRef::from(&peer.sock).set_linger(Some(Duration::ZERO)).unwrap();
    });
    let mut stream = patient(&authority, &url);
    assert_eq!(ending(&mut stream), Err(LinkError::Socket(ErrorKind::ConnectionReset)));
    server.join().unwrap().unwrap();
}

#[test]
fn bytes_that_are_no_tls_break_the_connection() {
    let authority = Authority::new();
    let (server, url) = authority.serve(|mut peer| {
        peer.sock.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
        // The client says why it leaves.
        peer.read(&mut [0; 64]).map_err(|error| error.to_string())
    });
    let mut stream = patient(&authority, &url);
    assert_eq!(ending(&mut stream), Err(LinkError::Tls));
    let heard = server.join().unwrap().unwrap().unwrap_err();
    assert!(heard.contains("alert"), "{heard}");
}

#[test]
fn new_keys_are_taken_in_passing() {
    let authority = Authority::new();
    let (server, url) = authority.serve(|mut peer| {
        let mut got = [0; 4];
        for _ in 0..5 {
            peer.read_exact(&mut got).unwrap();
            peer.conn.refresh_traffic_keys().unwrap();
            peer.write_all(&got).unwrap();
        }
    });
    let mut stream = patient(&authority, &url);
    for round in 0..5_u8 {
        send(&mut stream, &[round; 4]);
        assert_eq!(take(&mut stream, 4, 4), [round; 4]);
    }
    server.join().unwrap().unwrap();
}

#[test]
fn a_prefix_comes_before_what_the_socket_brings() {
    let authority = Authority::new();
    let (server, url) = authority.serve(|mut peer| peer.write_all(b"second").unwrap());
    let mut stream = patient(&authority, &url).with_prefix(b"first ".to_vec());
    assert_eq!(take(&mut stream, 12, 4), b"first second");
    server.join().unwrap().unwrap();
}

#[test]
fn a_dropped_connection_says_goodbye() {
    let authority = Authority::new();
    let (server, url) = authority.serve(|mut peer| {
        peer.write_all(b"hello").unwrap();
        let mut got = Vec::new();
        peer.read_to_end(&mut got).map(|_| got).map_err(|error| error.kind())
    });
    let mut stream = patient(&authority, &url);
    // With this the session tickets before it are read: closing resets nothing.
    assert_eq!(take(&mut stream, 5, 5), b"hello");
    send(&mut stream, b"bye");
    drop(stream);
    assert_eq!(server.join().unwrap(), Some(Ok(b"bye".to_vec())));
}

#[test]
fn receiving_never_sends_what_was_only_sealed() {
    let authority = Authority::new();
    let (server, url) = authority.serve(|mut peer| {
        peer.sock.write_all(b"this is no tls record").unwrap();
        let mut got = Vec::new();
        peer.sock.read_to_end(&mut got).ok();
        got
    });
    let mut stream = patient(&authority, &url);
    stream.seal(b"an order").unwrap();

    // An alert is due, and would have to go behind the order.
    assert_eq!(ending(&mut stream), Err(LinkError::Tls));
    assert_eq!(stream.bytes_out(), 0);

    drop(stream);
    assert_eq!(server.join().unwrap(), Some(vec![]));
}

#[test]
fn an_answer_in_front_of_a_fault_is_delivered() {
    let authority = Authority::new();
    let (server, url) = authority.serve(|mut peer| {
        peer.conn.writer().write_all(b"the answer").unwrap();
        let mut bytes = Vec::new();
        peer.conn.write_tls(&mut bytes).unwrap();
        bytes.extend_from_slice(b"this is no tls record");
        peer.sock.write_all(&bytes).unwrap();
        peer.read(&mut [0; 64]).is_err()
    });
    let mut stream = patient(&authority, &url);
    assert_eq!(take(&mut stream, 10, 10), b"the answer");
    assert_eq!(ending(&mut stream), Err(LinkError::Tls));
    assert_eq!(server.join().unwrap(), Some(true));
}

#[test]
fn a_dead_path_is_a_fault_and_not_silence() {
    let authority = Authority::new();
    let (release, held) = mpsc::channel::<()>();
    let (server, url) = authority.serve(move |_peer| held.recv().is_err());
    let mut stream = dial(&authority, &url);
    // A peer that takes nothing any more is to the kernel what a cut cable is.
    SockRef::from(&stream).set_tcp_user_timeout(Some(Duration::from_millis(50))).unwrap();
    while stream.seal(&[0; 16 * 1024]).is_ok() {
        assert!(stream.flush().is_ok());
    }
    stream.wait_at_most(Some(PATIENCE)).unwrap();
    assert_eq!(ending(&mut stream), Err(LinkError::Socket(ErrorKind::TimedOut)));
    drop(release);
    assert_eq!(server.join().unwrap(), Some(true));
}
