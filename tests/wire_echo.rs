//! The engine's WebSocket session against the functional cases of the Autobahn suite (sections 1
//! to 7 and 10, no compression), written down here as frames: what a server sends, and what a
//! client that follows RFC 6455 must answer, over real sockets and the built program.
//!
//! A case fails like its original: an echo that is missing or changed, a pong too few, a close
//! code that is not the one asked for, a connection that stays open.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tungstenite::handshake::derive_accept_key;

#[path = "wire_echo/cases.rs"]
mod cases;

use cases::{Case, Heard};

/// Longest wait for one answer on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A frame as a server sends it: first byte given whole, not masked.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![first];
    match u16::try_from(payload.len()) {
        Ok(len @ 0..=125) => out.push(u8::try_from(len).expect("below 126")),
        Ok(len) => {
            out.push(126);
            out.extend(len.to_be_bytes());
        }
        Err(_) => {
            out.push(127);
            out.extend((payload.len() as u64).to_be_bytes());
        }
    }
    out.extend(payload);
    out
}

/// Accepts one client and upgrades it.
fn accept(listener: &TcpListener) -> TcpStream {
    let (mut socket, _) = listener.accept().expect("the client connects");
    socket.set_read_timeout(Some(PATIENCE)).expect("a fresh socket takes options");
    socket.set_nodelay(true).expect("a fresh socket takes options");
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        socket.read_exact(&mut byte).expect("a whole request head");
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).expect("heads are text");
    assert!(head.starts_with("GET /case?number=1 HTTP/1.1\r\n"), "{head}");
    let key = head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "));
    let accept = derive_accept_key(key.expect("a key").as_bytes());
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    socket.write_all(answer.as_bytes()).expect("the client reads");
    socket
}

/// The next frame of a client, unmasked; `None` when the connection has ended.
fn read_frame(socket: &mut TcpStream) -> Option<Heard> {
    let mut head = [0; 2];
    socket.read_exact(&mut head).ok()?;
    assert_ne!(head[1] & 0x80, 0, "a client masks every frame");
    let len = match head[1] & 0x7f {
        126 => {
            let mut len = [0; 2];
            socket.read_exact(&mut len).ok()?;
            u64::from(u16::from_be_bytes(len))
        }
        127 => {
            let mut len = [0; 8];
            socket.read_exact(&mut len).ok()?;
            u64::from_be_bytes(len)
        }
        len => u64::from(len),
    };
    let mut mask = [0; 4];
    socket.read_exact(&mut mask).ok()?;
    let mut payload = vec![0; usize::try_from(len).expect("it was sent to this machine")];
    socket.read_exact(&mut payload).ok()?;
    payload.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, key)| *byte ^= key);
    Some(Heard { first: head[0], payload })
}

fn client(address: &str) -> Child {
    Command::new(env!("CARGO_BIN_EXE_kalshi-exec"))
        .args(["wire-echo", "--url", &format!("ws://{address}/case?number=1")])
        .env_clear()
        .stderr(Stdio::null())
        .spawn()
        .expect("the program can be started")
}

/// Plays one case; returns what the client said until the connection ended.
fn play(listener: &TcpListener, case: &Case) -> Vec<Heard> {
    let address = listener.local_addr().expect("bound").to_string();
    let mut client = client(&address);
    let mut socket = accept(listener);
    for part in case.parts() {
        // A client that has given up resets; what it said before still counts.
        if socket.write_all(part).is_err() {
            break;
        }
    }
    let mut heard = Vec::new();
    loop {
        if heard.len() == case.answers_before_close() && !case.closes_itself() {
            // The functional part is over: the server says goodbye.
            drop(socket.write_all(&frame(0x88, &1_000_u16.to_be_bytes())));
        }
        let Some(said) = read_frame(&mut socket) else { break };
        let is_last = said.first == 0x88;
        heard.push(said);
        if is_last {
            break;
        }
    }
    let mut rest = Vec::new();
    drop(socket.read_to_end(&mut rest));
    assert!(rest.is_empty(), "{}: bytes after the close frame", case.name);
    drop(socket);
    assert!(client.wait().expect("it ends").success(), "{}", case.name);
    heard
}

#[test]
fn every_functional_case_is_answered_as_the_protocol_asks() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let cases = cases::all();
    assert!(cases.len() > 150, "{} cases", cases.len());
    let mut failed = Vec::new();
    for case in &cases {
        let heard = play(&listener, case);
        if let Err(why) = case.judge(&heard) {
            failed.push(format!("{}: {why}", case.name));
        }
    }
    assert!(
        failed.is_empty(),
        "{} of {} failed:\n{}",
        failed.len(),
        cases.len(),
        failed.join("\n")
    );
}

#[test]
fn a_url_that_is_not_a_websocket_is_bad_usage() {
    let done = Command::new(env!("CARGO_BIN_EXE_kalshi-exec"))
        .args(["wire-echo", "--url", "https://127.0.0.1/"])
        .env_clear()
        .output()
        .expect("the program can be started");
    assert_eq!(done.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&done.stderr).contains("ws://"));
}
