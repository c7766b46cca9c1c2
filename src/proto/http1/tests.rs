//! The reader against whole, split, chunked, hostile and cut-short responses.

use proptest::prelude::*;

use super::*;

/// A response with its own memory.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Owned {
    status: u16,
    body: Vec<u8>,
    keep_alive: KeepAlive,
    date: Option<Vec<u8>>,
}

fn ok(status: u16, body: &str) -> Owned {
    Owned { status, body: body.into(), keep_alive: KeepAlive::Yes, date: None }
}

/// Feeds `parts` one after the other and takes every response as soon as it is there.
fn read(capacity: usize, parts: &[&[u8]], close: bool) -> (Vec<Owned>, Option<HttpError>) {
    let mut reader = ResponseReader::new(capacity);
    let mut seen = Vec::new();
    let mut pending: Vec<u8> = Vec::new();
    for part in parts.iter().map(Some).chain(close.then_some(None)) {
        match part {
            Some(part) => pending.extend_from_slice(part),
            None => reader.handle_close(),
        }
        loop {
            let room = reader.space();
            let count = room.len().min(pending.len());
            room[..count].copy_from_slice(&pending[..count]);
            pending.drain(..count);
            reader.filled(count);
            match reader.poll() {
                Ok(Some(response)) => seen.push(Owned {
                    status: response.status,
                    body: response.body.to_vec(),
                    keep_alive: response.keep_alive,
                    date: response.date.map(<[u8]>::to_vec),
                }),
                Ok(None) if pending.is_empty() => break,
                Ok(None) => continue,
                Err(error) => return (seen, Some(error)),
            }
            reader.consume();
        }
    }
    (seen, None)
}

#[track_caller]
fn check(raw: &str, expected: &[Owned]) {
    let raw = raw.as_bytes();
    assert_eq!(read(4_096, &[raw], false), (expected.to_vec(), None), "whole");
    for cut in 0..=raw.len() {
        let (left, right) = raw.split_at(cut);
        assert_eq!(read(4_096, &[left, right], false), (expected.to_vec(), None), "cut at {cut}");
    }
    let bytes: Vec<&[u8]> = raw.chunks(1).collect();
    assert_eq!(read(4_096, &bytes, false), (expected.to_vec(), None), "byte by byte");
}

#[track_caller]
fn fails(raw: &str, expected: HttpError) {
    assert_eq!(read(256, &[raw.as_bytes()], false).1, Some(expected), "{raw:?}");
}

#[test]
fn a_response_is_found_wherever_it_is_split() {
    check(
        "HTTP/1.1 201 Created\r\ncontent-type: application/json\r\nContent-Length: 5\r\n\
         Date: Thu, 01 Oct 2026 00:00:00 GMT\r\n\r\n{\"a\"}",
        &[Owned { date: Some(b"Thu, 01 Oct 2026 00:00:00 GMT".to_vec()), ..ok(201, "{\"a\"}") }],
    );
}

#[test]
fn chunks_are_joined_and_trailers_skipped() {
    check(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
         4\r\n{\"id\r\nA;ext=1\r\n\":\"7f\",\"x\"\r\n1\r\n}\r\n0\r\nX-Trailer: 1\r\n\r\n\
         HTTP/1.1 204 No Content\r\n\r\n",
        &[ok(200, "{\"id\":\"7f\",\"x\"}"), ok(204, "")],
    );
}

#[test]
fn interim_responses_are_skipped() {
    check(
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n\
         HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
        &[ok(200, "ok")],
    );
}

#[test]
fn pipelined_responses_come_one_by_one() {
    check(
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\naHTTP/1.1 404 Not Found\r\n\
         content-length: 2\r\n\r\nbbHTTP/1.1 304 Not Modified\r\n\r\n",
        &[ok(200, "a"), ok(404, "bb"), ok(304, "")],
    );
}

#[test]
fn a_proxy_page_is_a_response_and_ends_the_connection() {
    let page = "<html><head><title>502 Bad Gateway</title></head></html>";
    check(
        &format!(
            "HTTP/1.1 502 Bad Gateway\r\nServer: awselb/2.0\r\nContent-Type: text/html\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{page}",
            page.len(),
        ),
        &[Owned { keep_alive: KeepAlive::No, ..ok(502, page) }],
    );
}

#[test]
fn old_versions_close_unless_they_say_otherwise() {
    let close = Owned { keep_alive: KeepAlive::No, ..ok(200, "") };
    check("HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n", &[close]);
    check("HTTP/1.0 200 OK\r\ncontent-length: 0\r\nconnection: Keep-Alive\r\n\r\n", &[ok(200, "")]);
}

#[test]
fn a_body_without_a_length_ends_with_the_connection() {
    let raw: &[u8] = b"HTTP/1.1 500 Oops\r\n\r\nbroken";
    assert_eq!(read(256, &[raw], false), (vec![], None));

    let expected = Owned { keep_alive: KeepAlive::No, ..ok(500, "broken") };
    assert_eq!(read(256, &[raw], true), (vec![expected], None));
}

#[test]
fn a_close_is_an_error_only_in_the_middle_of_a_response() {
    let whole: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
    assert_eq!(read(256, &[whole], true), (vec![ok(200, "ok")], None));
    assert_eq!(read(256, &[], true), (vec![], None));
    for cut in 1..whole.len() {
        assert_eq!(read(256, &[&whole[..cut]], true), (vec![], Some(HttpError::CutShort)), "{cut}");
    }
    let chunked: &[u8] = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n";
    assert_eq!(read(256, &[chunked], true), (vec![], Some(HttpError::CutShort)));
}

#[test]
fn nonsense_is_refused() {
    fails("SSH-2.0-OpenSSH_9.9\r\n", HttpError::Malformed);
    fails("HTTP/1.1 2x0 OK\r\n\r\n", HttpError::Malformed);
    fails("HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n", HttpError::Malformed);
    fails("HTTP/1.1 200 OK\r\ncontent-length: 9999999999999\r\n\r\n", HttpError::Malformed);
    fails(
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
        HttpError::Malformed,
    );
    fails(
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n",
        HttpError::Malformed,
    );
    fails("HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\n", HttpError::UnsupportedCoding);
    fails("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", HttpError::Malformed);
    fails("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n\r\n", HttpError::Malformed);
    fails("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nabc", HttpError::Malformed);
}

#[test]
fn what_does_not_fit_is_refused_and_what_just_fits_is_not() {
    fails(&format!("HTTP/1.1 200 OK\r\nx: {}", "y".repeat(300)), HttpError::HeadTooLarge);
    fails("HTTP/1.1 200 OK\r\ncontent-length: 250\r\n\r\n", HttpError::BodyTooLarge);
    let chunk = format!("64\r\n{}\r\n", "z".repeat(100));
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    fails(&format!("{head}{chunk}{chunk}{chunk}0\r\n\r\n"), HttpError::BodyTooLarge);

    let (seen, error) = read(256, &[format!("{head}{chunk}{chunk}0\r\n\r\n").as_bytes()], false);
    assert_eq!((seen, error), (vec![ok(200, &"z".repeat(200))], None));
}

#[test]
fn an_error_is_final_and_a_reset_forgets_it() {
    let mut reader = ResponseReader::new(64);
    reader.space()[..4].copy_from_slice(b"junk");
    reader.filled(4);
    assert_eq!(reader.poll(), Err(HttpError::Malformed));
    assert_eq!(reader.poll(), Err(HttpError::Malformed));

    reader.reset();
    assert_eq!(reader.poll(), Ok(None));
    assert!(!reader.has_leftover());
}

/// A server's responses: interim, sized, chunked, empty.
fn raw_response() -> impl Strategy<Value = Vec<u8>> {
    let body = proptest::collection::vec(any::<u8>(), 0..120);
    (body, 0..4_u8, 1..40_usize).prop_map(|(body, form, size)| {
        let mut out = Vec::new();
        match form {
            0 => out.extend_from_slice(b"HTTP/1.1 204 No Content\r\n\r\n"),
            1 => {
                out.extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n");
                out.extend_from_slice(b"transfer-encoding: chunked\r\n\r\n");
                for chunk in body.chunks(size) {
                    out.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                    out.extend_from_slice(chunk);
                    out.extend_from_slice(b"\r\n");
                }
                out.extend_from_slice(b"0\r\n\r\n");
            }
            _ => {
                let head = format!("HTTP/1.1 400 No\r\nContent-Length: {}\r\n\r\n", body.len());
                out.extend_from_slice(head.as_bytes());
                out.extend_from_slice(&body);
            }
        }
        out
    })
}

proptest! {
    #[test]
    fn how_the_bytes_arrive_does_not_matter(
        responses in proptest::collection::vec(raw_response(), 1..4),
        cuts in proptest::collection::vec(any::<proptest::sample::Index>(), 0..12),
    ) {
        let raw = responses.concat();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(raw.len())).collect();
        cuts.sort_unstable();
        let mut parts = Vec::new();
        let mut from = 0;
        for cut in cuts.into_iter().chain([raw.len()]) {
            parts.push(&raw[from..cut]);
            from = cut;
        }

        let whole = read(4_096, &[&raw], true);

        prop_assert_eq!(&whole.1, &None);
        prop_assert_eq!(whole.0.len(), responses.len());
        prop_assert_eq!(read(4_096, &parts, true), whole);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let mut raw = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
        read(128, &[&bytes], true);
        raw.extend_from_slice(&bytes);
        read(256, &[&raw], true);
    }
}
