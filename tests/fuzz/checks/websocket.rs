//! WebSocket sessions: any bytes, cut anywhere, give the same events and the same answers.
//!
//! In: a byte that says how to cut, and what a server might send after the upgrade. Fails when
//! two ways of cutting disagree, when anything follows an end, or when the session takes no more.

use kalshi_exec::proto::websocket::{BinaryMessages, End, Event, Session, SessionConfig};
use kalshi_exec::units::Timestamp;

/// When everything happens: time is not what is tested here.
const NOW: Timestamp = Timestamp::from_ns(1_000);

/// What a session said, with its own memory.
#[derive(Debug, PartialEq, Eq)]
enum Said {
    Text(String),
    Binary(Vec<u8>),
    Pong(Vec<u8>),
    Ended(End),
}

/// Checks one input.
pub(crate) fn check(data: &[u8]) {
    let [cut, bytes @ ..] = data else { return };
    let binary = if cut & 0x80 == 0 { BinaryMessages::Refused } else { BinaryMessages::Taken };
    let whole = converse(bytes, bytes.len().max(1), binary);
    let pieces = converse(bytes, usize::from(cut & 0x7f) % 37 + 1, binary);
    assert_eq!(whole.0, pieces.0, "the way of cutting shows");
    let end = whole.0.iter().position(|said| matches!(said, Said::Ended(_)));
    assert!(end.is_none_or(|at| at + 1 == whole.0.len()), "something follows the end");
    assert!(whole.1 <= bytes.len() * 6 + 64, "{} bytes of answers", whole.1);
}

/// All events, and how many bytes the session answered.
fn converse(bytes: &[u8], piece: usize, binary: BinaryMessages) -> (Vec<Said>, usize) {
    let config = SessionConfig { message_bytes_max: 300, binary, ..SessionConfig::default() };
    let mut session = Session::new(config, NOW);
    let (mut said, mut answered) = (Vec::new(), 0);
    let mut left = bytes;
    while !left.is_empty() {
        let taken = session.handle_bytes(NOW, &left[..piece.min(left.len())]);
        left = &left[taken..];
        while let Some(event) = session.poll_event() {
            said.push(match event {
                Event::Text(text) => Said::Text(text.to_owned()),
                Event::Binary(bytes) => Said::Binary(bytes.to_vec()),
                Event::Pong(payload) => Said::Pong(payload.to_vec()),
                Event::Ended(end) => Said::Ended(end),
            });
        }
        let mut out = [0; 256];
        while let count @ 1.. = session.poll_transmit(&mut out) {
            answered += count;
        }
        if matches!(said.last(), Some(Said::Ended(_))) {
            break;
        }
        assert!(taken > 0, "an open session takes no more");
    }
    (said, answered)
}
