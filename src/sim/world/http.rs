//! The exchange's end of one HTTP/1.1 connection: requests out of bytes, answers into bytes.
//!
//! Parses with httparse, keeps connections alive, answers whole or in chunks. Knows nothing of
//! what is asked.

use super::pipe::HostEnd;
use crate::sim::auth::{KEY_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER};
use crate::sim::venue::ApiResponse;
use crate::units::{Nanos, Timestamp};

/// Most header lines of a request.
const HEADERS_MAX: usize = 32;

/// A complete request.
#[derive(Clone, Debug, Default)]
pub(super) struct HttpRequest {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) query: String,
    pub(super) key_id: Option<String>,
    pub(super) timestamp: Option<String>,
    pub(super) signature: Option<String>,
    pub(super) body: Vec<u8>,
}

/// How an answer is put on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// With its length.
    Length,
    /// In two chunks.
    Chunked,
    /// With its length, and a 100 in front that nobody asked for.
    Continued,
}

/// One connection.
#[derive(Debug)]
pub(super) struct HttpLink {
    pub(super) end: HostEnd,
    buffer: Vec<u8>,
    broken: bool,
}

impl HttpLink {
    pub(super) const fn new(end: HostEnd) -> Self {
        Self { end, buffer: Vec::new(), broken: false }
    }

    pub(super) fn is_over(&self, now: Timestamp) -> bool {
        self.broken || self.end.is_over(now)
    }

    /// The next complete request. What cannot be a request breaks the connection.
    pub(super) fn receive(&mut self, now: Timestamp) -> Option<HttpRequest> {
        self.end.receive(now, &mut self.buffer);
        match parse(&self.buffer) {
            Ok(Some((request, length))) => {
                self.buffer.drain(..length);
                Some(request)
            }
            Ok(None) => None,
            Err(_) => {
                self.hang_up(now);
                None
            }
        }
    }

    /// Sends an answer, `extra` later than the link's own delay.
    pub(super) fn answer(
        &self,
        now: Timestamp,
        extra: Nanos,
        answer: &ApiResponse,
        framing: Framing,
    ) {
        self.end.send(now, extra, &encode(answer, framing));
    }

    pub(super) fn hang_up(&mut self, now: Timestamp) {
        self.end.reset(now);
        self.broken = true;
    }
}

fn parse(bytes: &[u8]) -> Result<Option<(HttpRequest, usize)>, httparse::Error> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut head = httparse::Request::new(&mut headers);
    let httparse::Status::Complete(head_len) = head.parse(bytes)? else { return Ok(None) };
    let value = |name: &str| {
        let header = head.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name))?;
        core::str::from_utf8(header.value).ok().map(str::to_owned)
    };
    let body_len = value("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    let Some(body) = bytes.get(head_len..head_len + body_len) else { return Ok(None) };
    let target = head.path.unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let request = HttpRequest {
        method: head.method.unwrap_or_default().to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        key_id: value(KEY_HEADER),
        timestamp: value(TIMESTAMP_HEADER),
        signature: value(SIGNATURE_HEADER),
        body: body.to_vec(),
    };
    Ok(Some((request, head_len + body_len)))
}

fn encode(answer: &ApiResponse, framing: Framing) -> Vec<u8> {
    let ApiResponse { status, body } = answer;
    let head = format!("HTTP/1.1 {status} Any\r\nContent-Type: application/json\r\n");
    let whole = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
    let text = match framing {
        // An answer without a body has nothing to chunk.
        Framing::Length | Framing::Chunked if *status == 204 || body.len() < 2 => whole,
        Framing::Length => whole,
        Framing::Continued => format!("HTTP/1.1 100 Continue\r\n\r\n{whole}"),
        Framing::Chunked => {
            let cut = (1..=body.len() / 2).rev().find(|at| body.is_char_boundary(*at));
            let (first, rest) = body.split_at(cut.unwrap_or(0));
            let chunk = |text: &str| format!("{:x}\r\n{text}\r\n", text.len());
            let chunks = [first, rest].into_iter().filter(|text| !text.is_empty()).map(chunk);
            let chunks: String = chunks.collect();
            format!("{head}Transfer-Encoding: chunked\r\n\r\n{chunks}0\r\n\r\n")
        }
    };
    // A 204 carries no length (RFC 9110 §8.6).
    if *status == 204 { b"HTTP/1.1 204 No Content\r\n\r\n".to_vec() } else { text.into_bytes() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_complete_with_its_body() {
        let text = b"POST /a/b?c=d HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n{\"a\"rest";
        let (request, length) = parse(text).unwrap().unwrap();
        assert_eq!((request.path.as_str(), request.query.as_str()), ("/a/b", "c=d"));
        assert_eq!((request.body.as_slice(), length), (b"{\"a\"".as_slice(), text.len() - 4));
        assert!(parse(&text[..length - 1]).unwrap().is_none());
        assert!(parse(b"\x01\x02 nonsense\r\n\r\n").is_err());
    }

    #[test]
    fn the_engine_reads_every_framing() {
        let answer = ApiResponse { status: 201, body: r#"{"a":"ü"}"#.to_owned() };
        for framing in [Framing::Length, Framing::Chunked, Framing::Continued] {
            let mut reader = crate::proto::http1::ResponseReader::new(1_024);
            let bytes = encode(&answer, framing);
            reader.space()[..bytes.len()].copy_from_slice(&bytes);
            reader.filled(bytes.len());
            let response = reader.poll().unwrap().unwrap();
            assert_eq!(response.status, 201, "{framing:?}");
            assert_eq!(response.body, answer.body.as_bytes(), "{framing:?}");
        }
    }
}
