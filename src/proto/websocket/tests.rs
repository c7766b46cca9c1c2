//! The session against hand-made frames, random cuts, and tungstenite's own server.

#![expect(clippy::cast_possible_truncation, reason = "lengths are made by the tests themselves")]

use std::io::{Cursor, Read, Write};

use proptest::prelude::*;
use tungstenite::protocol::{Role, WebSocket};
use tungstenite::{Message, Utf8Bytes};

use super::*;

const NOW: Timestamp = Timestamp::from_ns(1_000);

fn session() -> Session {
    let config = SessionConfig { message_bytes_max: 4_096, ..SessionConfig::default() };
    Session::new(config, NOW)
}

/// An unmasked frame as a server sends it, with the first byte given whole.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![first];
    match payload.len() {
        len @ 0..=125 => out.push(len as u8),
        len @ 126..=65_535 => {
            out.push(126);
            out.extend((len as u16).to_be_bytes());
        }
        len => {
            out.push(127);
            out.extend((len as u64).to_be_bytes());
        }
    }
    out.extend(payload);
    out
}

/// What a session said, owned.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Said {
    Text(String),
    Binary(Vec<u8>),
    Pong(Vec<u8>),
    Ended(End),
}

fn drain(session: &mut Session) -> Vec<Said> {
    let mut said = Vec::new();
    while let Some(event) = session.poll_event() {
        said.push(match event {
            Event::Text(text) => Said::Text(text.to_owned()),
            Event::Binary(bytes) => Said::Binary(bytes.to_vec()),
            Event::Pong(payload) => Said::Pong(payload.to_vec()),
            Event::Ended(end) => Said::Ended(end),
        });
    }
    said
}

fn transmit(session: &mut Session) -> Vec<u8> {
    let mut sent = Vec::new();
    let mut out = [0; 64];
    loop {
        match session.poll_transmit(&mut out) {
            0 => return sent,
            count => sent.extend(&out[..count]),
        }
    }
}

/// Opcode byte and unmasked payload of the first frame a client sent.
fn unmask(sent: &[u8]) -> (u8, Vec<u8>) {
    let mut cursor = Cursor::new(sent);
    let (header, len) =
        tungstenite::protocol::frame::FrameHeader::parse(&mut cursor).unwrap().unwrap();
    let mask = header.mask.expect("clients mask");
    let at = cursor.position() as usize;
    let payload = &sent[at..at + len as usize];
    (sent[0], payload.iter().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key).collect())
}

#[track_caller]
fn check_violation(bytes: &[u8], expected: Violation, close_code: u16) {
    let mut session = session();
    session.handle_bytes(NOW, bytes);

    assert_eq!(drain(&mut session), [Said::Ended(End::Violation(expected))]);
    let (first, payload) = unmask(&transmit(&mut session));
    assert_eq!((first, payload), (0x88, close_code.to_be_bytes().to_vec()));
    session.handle_bytes(NOW, &frame(0x81, b"late"));
    assert_eq!(drain(&mut session), [], "nothing comes after the end");
}

#[test]
fn an_unfragmented_text_is_one_event() {
    let mut session = session();
    session.handle_bytes(NOW, &frame(0x81, b"{\"type\":\"fill\"}\n"));
    assert_eq!(drain(&mut session), [Said::Text("{\"type\":\"fill\"}\n".into())]);
    assert_eq!(transmit(&mut session), b"");
}

#[test]
fn a_ping_is_answered_with_its_payload() {
    let mut session = session();
    session.handle_bytes(NOW, &frame(0x89, b"heartbeat"));
    assert_eq!(drain(&mut session), []);
    assert_eq!(unmask(&transmit(&mut session)), (0x8a, b"heartbeat".to_vec()));
}

#[test]
fn every_ping_is_answered_in_its_order() {
    let mut session = session();
    let bytes: Vec<u8> = (0..10_u8).flat_map(|number| frame(0x89, &[number])).collect();
    session.handle_bytes(NOW, &bytes);
    drain(&mut session);
    let sent = transmit(&mut session);
    let pongs: Vec<_> = sent.chunks(7).map(unmask).collect();
    assert_eq!(pongs, (0..10_u8).map(|number| (0x8a, vec![number])).collect::<Vec<_>>());
}

#[test]
fn of_pings_that_find_no_room_only_the_latest_is_answered() {
    let config = SessionConfig { output_bytes_max: 140, ..SessionConfig::default() };
    let mut session = Session::new(config, NOW);
    let mut bytes = frame(0x89, &[1; 120]);
    bytes.extend(frame(0x89, &[2; 120]));
    bytes.extend(frame(0x89, &[3; 120]));
    session.handle_bytes(NOW, &bytes);
    drain(&mut session);
    let sent = transmit(&mut session);
    let pongs: Vec<_> = sent.chunks(126).map(unmask).collect();
    assert_eq!(pongs, [(0x8a, vec![1; 120]), (0x8a, vec![3; 120])]);
}

#[test]
fn text_that_cannot_become_utf8_ends_the_session_before_it_is_whole() {
    let bad = b"\xce\xba\xf4\x90\x80\x80\xce";
    let in_fragments = [frame(0x01, &bad[..3]), frame(0x00, &bad[3..5])].concat();
    let whole = frame(0x81, bad);
    for (bytes, fine) in [(&in_fragments[..], 5), (&whole[..7], 5)] {
        let mut session = session();
        session.handle_bytes(NOW, &bytes[..fine]);
        assert_eq!(drain(&mut session), [], "still hopeful");
        session.handle_bytes(NOW, &bytes[fine..]);
        assert_eq!(drain(&mut session), [Said::Ended(End::Violation(Violation::Encoding))]);
        assert_eq!(unmask(&transmit(&mut session)), (0x88, 1_007_u16.to_be_bytes().to_vec()));
    }
}

#[test]
fn a_character_may_be_cut_by_frames_and_reads() {
    let text = "\u{3ba}\u{1f600}\u{df}";
    let (first, second) = text.as_bytes().split_at(4);
    let bytes = [frame(0x01, first), frame(0x80, second)].concat();
    let mut session = session();
    for byte in &bytes[..bytes.len() - 1] {
        session.handle_bytes(NOW, &[*byte]);
        assert_eq!(drain(&mut session), []);
    }
    session.handle_bytes(NOW, &bytes[bytes.len() - 1..]);
    assert_eq!(drain(&mut session), [Said::Text(text.to_owned())]);
}

#[test]
fn binary_messages_are_told_where_they_are_taken() {
    let config = SessionConfig { binary: BinaryMessages::Taken, ..SessionConfig::default() };
    let mut session = Session::new(config, NOW);
    session.handle_bytes(NOW, &frame(0x02, b"\xff"));
    session.handle_bytes(NOW, &frame(0x80, b"\xfe"));
    session.handle_bytes(NOW, &frame(0x82, b"\x00"));
    let expected = [Said::Binary(b"\xff\xfe".to_vec()), Said::Binary(b"\x00".to_vec())];
    assert_eq!(drain(&mut session), expected);
    session.send_binary(b"\x01").unwrap();
    assert_eq!(unmask(&transmit(&mut session)), (0x82, b"\x01".to_vec()));
}

#[test]
fn control_frames_may_come_inside_a_fragmented_message() {
    let mut session = session();
    let mut bytes = frame(0x01, "gr\u{fc}".as_bytes().split_at(3).0);
    bytes.extend(frame(0x89, b"now"));
    bytes.extend(frame(0x00, &"gr\u{fc}".as_bytes()[3..]));
    bytes.extend(frame(0x8a, b""));
    bytes.extend(frame(0x80, b"n"));
    session.handle_bytes(NOW, &bytes);
    assert_eq!(drain(&mut session), [Said::Pong(Vec::new()), Said::Text("gr\u{fc}n".into())]);
    assert_eq!(unmask(&transmit(&mut session)), (0x8a, b"now".to_vec()));
}

#[test]
fn violations_close_with_their_code() {
    check_violation(&frame(0xc1, b"x"), Violation::ReservedBit, 1002);
    check_violation(&frame(0x83, b"x"), Violation::Opcode, 1002);
    check_violation(&[0x81, 0x81, 1, 2, 3, 4, b'x'], Violation::Masked, 1002);
    check_violation(&frame(0x09, b""), Violation::ControlFragmented, 1002);
    check_violation(&frame(0x89, &[b'x'; 126]), Violation::ControlTooLong, 1002);
    check_violation(&frame(0x80, b"x"), Violation::ContinuesNothing, 1002);
    check_violation(&[frame(0x01, b"x"), frame(0x81, b"y")].concat(), Violation::Interleaved, 1002);
    check_violation(&frame(0x88, b"x"), Violation::Close, 1002);
    check_violation(&frame(0x88, &1005_u16.to_be_bytes()), Violation::Close, 1002);
    check_violation(&frame(0x82, b"x"), Violation::Binary, 1003);
    check_violation(&frame(0x81, b"\xff"), Violation::Encoding, 1007);
    check_violation(&[frame(0x01, b"\xc3"), frame(0x80, b"x")].concat(), Violation::Encoding, 1007);
}

#[test]
fn a_message_over_the_maximum_is_refused_on_its_header() {
    let mut fits = session();
    fits.handle_bytes(NOW, &frame(0x81, &[b'x'; 4_096]));
    assert_eq!(drain(&mut fits), [Said::Text("x".repeat(4_096))]);
    check_violation(&[0x81, 126, 0x10, 0x01], Violation::TooLong, 1009);
    let pieces = [frame(0x01, &[b'x'; 4_000]), vec![0x00, 97]].concat();
    check_violation(&pieces, Violation::TooLong, 1009);
    check_violation(&[0x81, 127, 0xff, 0, 0, 0, 0, 0, 0, 0], Violation::TooLong, 1009);
}

#[test]
fn a_peers_close_is_echoed() {
    let mut session = session();
    let payload = [&1001_u16.to_be_bytes()[..], b"going away"].concat();
    session.handle_bytes(NOW, &frame(0x88, &payload));
    assert_eq!(drain(&mut session), [Said::Ended(End::ByPeer(Some(1001)))]);
    assert_eq!(unmask(&transmit(&mut session)), (0x88, 1001_u16.to_be_bytes().to_vec()));
    assert!(session.send_text("late").is_err());
}

#[test]
fn silence_is_pinged_and_then_lost() {
    let mut session = session();
    let config = SessionConfig::default();
    assert_eq!(session.deadline(), NOW + config.ping_after);
    session.handle_timeout(session.deadline());
    assert_eq!(unmask(&transmit(&mut session)).0, 0x89);
    assert_eq!(session.deadline(), NOW + config.silence_max);

    session.handle_timeout(session.deadline());
    assert_eq!(drain(&mut session), [Said::Ended(End::Silence)]);
    assert_eq!(session.deadline(), Timestamp::NEVER);
}

#[test]
fn a_ping_of_our_own_is_answered_with_its_payload() {
    let mut session = session();
    session.send_ping(b"7").unwrap();
    assert_eq!(unmask(&transmit(&mut session)), (0x89, b"7".to_vec()));
    session.handle_bytes(NOW, &frame(0x8a, b"7"));
    assert_eq!(drain(&mut session), [Said::Pong(b"7".to_vec())]);
    assert_eq!(session.send_ping(&[0; 126]), Err(OutboxFull), "no control frame is so long");
    session.close(1000);
    assert_eq!(session.send_ping(b"8"), Err(OutboxFull));
}

#[test]
fn anything_heard_counts_as_life() {
    let mut session = session();
    session.handle_timeout(session.deadline());
    let later = NOW + Nanos::from_secs(20);
    session.handle_bytes(later, &frame(0x8a, b""));
    assert_eq!(session.deadline(), later + SessionConfig::default().ping_after);
    session.handle_timeout(later + Nanos::from_secs(9));
    assert_eq!(drain(&mut session), [Said::Pong(Vec::new())]);
}

#[test]
fn our_close_is_a_frame_and_no_event() {
    let mut session = session();
    session.close(1000);
    assert_eq!(unmask(&transmit(&mut session)), (0x88, 1000_u16.to_be_bytes().to_vec()));
    assert_eq!(drain(&mut session), []);
}

#[test]
fn a_reset_session_starts_over() {
    let mut session = session();
    session.handle_bytes(NOW, &frame(0x01, b"half"));
    session.handle_bytes(NOW, &frame(0x88, b""));
    assert_eq!(drain(&mut session), [Said::Ended(End::ByPeer(None))]);

    session.reset(NOW);

    session.handle_bytes(NOW, &frame(0x81, b"whole"));
    assert_eq!(drain(&mut session), [Said::Text("whole".into())]);
    assert_eq!(transmit(&mut session), b"", "the old close is forgotten");
}

#[test]
fn a_full_outbox_refuses_and_keeps_what_it_has() {
    let mut session = session();
    let text = "x".repeat(5_000);
    let mut taken = 0;
    while session.send_text(&text).is_ok() {
        taken += 1;
    }
    assert_eq!(taken, 3);
    assert_eq!(transmit(&mut session).len(), 3 * (5_000 + 8));
    assert!(session.send_text(&text).is_ok());
}

/// An in-memory stream: tungstenite reads what we sent and writes what we shall read.
#[derive(Debug, Default)]
struct Pipe {
    to_peer: Cursor<Vec<u8>>,
    from_peer: Vec<u8>,
}

impl Read for Pipe {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        match self.to_peer.read(out)? {
            0 => Err(std::io::ErrorKind::WouldBlock.into()),
            count => Ok(count),
        }
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.from_peer.extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Cuts `text` into fragments at `cuts`, with pings in between.
fn fragments(text: &str, cuts: &[usize]) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
    cuts.sort_unstable();
    let mut out = Vec::new();
    let mut from = 0;
    for &cut in &cuts {
        out.extend(frame(if out.is_empty() { 0x01 } else { 0x00 }, &bytes[from..cut]));
        out.extend(frame(0x89, b"between"));
        from = cut;
    }
    let last = if out.is_empty() { 0x81 } else { 0x80 };
    out.extend(frame(last, &bytes[from..]));
    out
}

/// Feeds `bytes` in pieces of the given sizes, polling after each.
fn feed(session: &mut Session, bytes: &[u8], sizes: &[usize]) -> Vec<Said> {
    let mut said = Vec::new();
    let mut rest = bytes;
    let mut sizes = sizes.iter().cycle();
    while !rest.is_empty() {
        let size = sizes.next().map_or(rest.len(), |size| *size).min(rest.len());
        let (piece, tail) = rest.split_at(size);
        let taken = session.handle_bytes(NOW, piece);
        assert_eq!(taken, piece.len(), "a drained session takes a small piece whole");
        said.extend(drain(session));
        rest = tail;
    }
    said
}

proptest! {
    #[test]
    fn fragments_and_cuts_do_not_change_messages(
        texts in prop::collection::vec(
            (".{0,300}", prop::collection::vec(0_usize..1_000, 0..4)),
            1..8,
        ),
        sizes in prop::collection::vec(1_usize..700, 1..6),
    ) {
        let bytes: Vec<u8> = texts.iter().flat_map(|(text, cuts)| fragments(text, cuts)).collect();
        let expected: Vec<Said> = texts.iter().map(|(text, _)| Said::Text(text.clone())).collect();
        prop_assert_eq!(feed(&mut session(), &bytes, &sizes), expected);
    }

    #[test]
    fn a_long_stream_passes_through_a_small_buffer(
        sizes in prop::collection::vec(1_usize..9_000, 1..5),
        lens in prop::collection::vec(0_usize..4_096, 40..60),
    ) {
        let bytes: Vec<u8> = lens.iter().flat_map(|len| frame(0x81, &vec![b'x'; *len])).collect();
        let expected: Vec<Said> = lens.iter().map(|len| Said::Text("x".repeat(*len))).collect();
        prop_assert_eq!(feed(&mut session(), &bytes, &sizes), expected);
    }

    #[test]
    fn tungstenite_and_we_understand_each_other(
        down in prop::collection::vec(".{0,900}", 0..6),
        up in prop::collection::vec(".{0,900}", 0..6),
        sizes in prop::collection::vec(1_usize..300, 1..4),
        seed in any::<u64>(),
    ) {
        let config = SessionConfig {
            message_bytes_max: 4_096, mask_seed: seed, ..SessionConfig::default()
        };
        let mut client = Session::new(config, NOW);
        let mut server = WebSocket::from_raw_socket(Pipe::default(), Role::Server, None);
        for text in &down {
            server.send(Message::Ping(b"beat".to_vec().into())).unwrap();
            server.send(Message::Text(Utf8Bytes::from(text.as_str()))).unwrap();
        }
        let bytes = core::mem::take(&mut server.get_mut().from_peer);
        let said = feed(&mut client, &bytes, &sizes);
        prop_assert_eq!(said, down.iter().cloned().map(Said::Text).collect::<Vec<_>>());

        let mut sent = transmit(&mut client);
        for text in &up {
            client.send_text(text).unwrap();
            sent.extend(transmit(&mut client));
        }
        client.close(1000);
        sent.extend(transmit(&mut client));
        *server.get_mut().to_peer.get_mut() = sent;
        let mut heard = Vec::new();
        while let Ok(message) = server.read() {
            heard.push(message);
        }
        let pong = |_| Message::Pong(b"beat".to_vec().into());
        let mut expected: Vec<Message> = down.iter().map(pong).collect();
        expected.extend(up.iter().map(|text| Message::Text(Utf8Bytes::from(text.as_str()))));
        let close = heard.pop().expect("the close");
        prop_assert!(matches!(close, Message::Close(Some(frame)) if u16::from(frame.code) == 1000));
        prop_assert_eq!(heard, expected);
    }
}
