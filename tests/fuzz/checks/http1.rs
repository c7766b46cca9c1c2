//! HTTP/1.1 responses: any bytes, cut anywhere, give the same responses and the same end.
//!
//! In: a byte that says how to cut, one that says whether the peer closes, and what a server
//! might have sent. Fails when two ways of cutting disagree, or when what was read is longer than
//! what came.

use kalshi_exec::proto::http1::{HttpError, KeepAlive, ResponseReader};

/// Room of the reader, small so that every bound is met.
const ROOM: usize = 512;

/// What came out, with its own memory.
#[derive(Debug, PartialEq, Eq)]
struct Answer {
    status: u16,
    body: Vec<u8>,
    keep_alive: KeepAlive,
    date: Option<Vec<u8>>,
}

/// Checks one input.
pub(crate) fn check(data: &[u8]) {
    let [cut, close, bytes @ ..] = data else { return };
    let closes = *close % 2 == 1;
    let whole = read(bytes, ROOM, closes);
    let pieces = read(bytes, usize::from(*cut) % 37 + 1, closes);
    assert_eq!(whole, pieces, "the way of cutting shows");
    let read: usize = whole.0.iter().map(|answer| answer.body.len()).sum();
    assert!(read <= bytes.len(), "{read} bytes of bodies out of {}", bytes.len());
}

fn read(bytes: &[u8], piece: usize, closes: bool) -> (Vec<Answer>, Option<HttpError>) {
    let mut reader = ResponseReader::new(ROOM);
    let mut answers = Vec::new();
    let mut left = bytes;
    loop {
        let room = reader.space();
        let count = room.len().min(left.len()).min(piece);
        room[..count].copy_from_slice(&left[..count]);
        left = &left[count..];
        reader.filled(count);
        if left.is_empty() && closes {
            reader.handle_close();
        }
        match reader.poll() {
            Ok(Some(response)) => answers.push(Answer {
                status: response.status,
                body: response.body.to_vec(),
                keep_alive: response.keep_alive,
                date: response.date.map(<[u8]>::to_vec),
            }),
            Ok(None) if left.is_empty() => return (answers, None),
            Ok(None) => continue,
            Err(error) => return (answers, Some(error)),
        }
        reader.consume();
    }
}
