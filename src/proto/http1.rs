//! HTTP/1.1 responses, sans-IO: bytes of one connection in, complete responses out.
//!
//! The caller reads into [`ResponseReader::space`], says how much with
//! [`ResponseReader::filled`], asks [`ResponseReader::poll`] and frees the answer with
//! [`ResponseReader::consume`]. Interim responses are skipped, chunked bodies are decoded in
//! place, bytes of a following response are kept. Nothing here owns a socket, reads a clock,
//! interprets a body or allocates after [`ResponseReader::new`]; it never guesses: what is not
//! a complete, well-formed response is an error, and an error is final for the connection.

use core::mem::MaybeUninit;

/// Most header fields of one response; exchanges and load balancers send about ten.
const HEADERS_MAX: usize = 64;
/// Room for a `Date` value; the standard form has 29 bytes.
const DATE_BYTES_MAX: usize = 32;

/// What may follow on the connection after a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeepAlive {
    /// The connection takes another request.
    Yes,
    /// The server will close, or has closed.
    No,
}

/// A complete response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Response<'a> {
    /// Status code.
    pub status: u16,
    /// The body, decoded of its transfer coding.
    pub body: &'a [u8],
    /// Whether the connection can be used again.
    pub keep_alive: KeepAlive,
    /// The `Date` header's value as sent.
    pub date: Option<&'a [u8]>,
    /// Seconds of a `Retry-After` header; its form with a date is not read.
    pub retry_after_secs: Option<u32>,
}

/// Why the bytes are not a response. The connection is of no more use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// Not HTTP/1.x, or contradictory framing.
    #[error("parse the response: malformed")]
    Malformed,
    /// A transfer coding other than `chunked`.
    #[error("parse the response: unsupported transfer coding")]
    UnsupportedCoding,
    /// The head does not fit the buffer.
    #[error("parse the response: head too large")]
    HeadTooLarge,
    /// Head and body do not fit the buffer.
    #[error("parse the response: body too large")]
    BodyTooLarge,
    /// The connection closed in the middle of a response.
    #[error("parse the response: cut short")]
    CutShort,
}

/// What is known of the response at the start of the buffer.
#[derive(Clone, Copy, Debug)]
struct Head {
    status: u16,
    keep_alive: KeepAlive,
    /// Where the body starts.
    body_start: usize,
    date: [u8; DATE_BYTES_MAX],
    date_len: usize,
    retry_after_secs: Option<u32>,
}

/// How the end of a body is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    Length(usize),
    Chunked,
    UntilClose,
}

/// Progress through a chunked body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Chunk {
    SizeLine,
    Data { left: usize },
    DataEnd,
    Trailer,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Head,
    Length {
        head: Head,
        body_end: usize,
    },
    /// Decoded bytes end at `decoded_end`, raw bytes go on at `raw`.
    Chunked {
        head: Head,
        decoded_end: usize,
        raw: usize,
        chunk: Chunk,
    },
    UntilClose {
        head: Head,
    },
    /// Complete; the next response's bytes start at `raw_end`.
    Ready {
        head: Head,
        body_end: usize,
        raw_end: usize,
    },
    Failed(HttpError),
}

/// Reads the responses of one connection.
#[derive(Debug)]
pub struct ResponseReader {
    /// The current response starts at 0.
    buffer: Box<[u8]>,
    end: usize,
    state: State,
    closed: bool,
}

impl ResponseReader {
    /// A reader for responses of at most `capacity_bytes`, head and body together.
    #[must_use]
    pub fn new(capacity_bytes: usize) -> Self {
        let buffer = vec![0; capacity_bytes].into_boxed_slice();
        Self { buffer, end: 0, state: State::Head, closed: false }
    }

    /// Forgets everything, for a new connection.
    pub const fn reset(&mut self) {
        self.end = 0;
        self.state = State::Head;
        self.closed = false;
    }

    /// Where the next bytes go. Empty when the buffer is full: [`Self::poll`] then has a
    /// response or an error.
    pub fn space(&mut self) -> &mut [u8] {
        &mut self.buffer[self.end..]
    }

    /// Input: `count` bytes were written to the front of [`Self::space`].
    ///
    /// # Panics
    /// When `count` exceeds the space there was.
    pub const fn filled(&mut self, count: usize) {
        assert!(count <= self.buffer.len() - self.end, "filled beyond the space");
        self.end += count;
    }

    /// Input: the peer closed in an orderly way. Ends a body that has no other end.
    pub const fn handle_close(&mut self) {
        self.closed = true;
    }

    /// Whether bytes are held that belong to no response returned so far.
    #[must_use]
    pub const fn has_leftover(&self) -> bool {
        match self.state {
            State::Ready { raw_end, .. } => raw_end < self.end,
            _ => self.end > 0,
        }
    }

    /// Output: the response, once it is complete; the same one until [`Self::consume`].
    ///
    /// # Errors
    /// [`HttpError`] when the bytes cannot become a response; the same one for ever.
    pub fn poll(&mut self) -> Result<Option<Response<'_>>, HttpError> {
        while self.step() {}
        match &self.state {
            State::Ready { head, body_end, .. } => Ok(Some(Response {
                status: head.status,
                body: &self.buffer[head.body_start..*body_end],
                keep_alive: head.keep_alive,
                date: (head.date_len > 0).then(|| &head.date[..head.date_len]),
                retry_after_secs: head.retry_after_secs,
            })),
            State::Failed(error) => Err(*error),
            _ => Ok(None),
        }
    }

    /// Frees the response that [`Self::poll`] returned; bytes after it are kept.
    pub fn consume(&mut self) {
        if let State::Ready { raw_end, .. } = self.state {
            self.drop_front(raw_end);
            self.state = State::Head;
        }
    }

    /// One transition; whether another may follow at once.
    fn step(&mut self) -> bool {
        let next = match self.state {
            State::Head => self.read_head(),
            State::Length { head, body_end } => Ok((self.end >= body_end)
                .then_some(State::Ready { head, body_end, raw_end: body_end })),
            State::Chunked { head, decoded_end, raw, chunk } => {
                self.read_chunk(head, decoded_end, raw, chunk)
            }
            State::UntilClose { head } => Ok(self.closed.then_some(State::Ready {
                head,
                body_end: self.end,
                raw_end: self.end,
            })),
            State::Ready { .. } | State::Failed(_) => return false,
        };
        match next.and_then(|state| self.or_stuck(state)) {
            Ok(Some(state)) => self.state = state,
            Ok(None) => return false,
            Err(error) => self.state = State::Failed(error),
        }
        true
    }

    /// No progress is an error when no further byte can come.
    fn or_stuck(&self, next: Option<State>) -> Result<Option<State>, HttpError> {
        if next.is_some() {
            return Ok(next);
        }
        if self.closed && (self.end > 0 || !matches!(self.state, State::Head)) {
            return Err(HttpError::CutShort);
        }
        if self.end < self.buffer.len() {
            return Ok(None);
        }
        match self.state {
            State::Head => Err(HttpError::HeadTooLarge),
            _ => Err(HttpError::BodyTooLarge),
        }
    }

    fn read_head(&mut self) -> Result<Option<State>, HttpError> {
        if self.end == 0 {
            return Ok(None);
        }
        let mut headers = [const { MaybeUninit::uninit() }; HEADERS_MAX];
        let mut response = httparse::Response::new(&mut []);
        let parsed = httparse::ParserConfig::default().parse_response_with_uninit_headers(
            &mut response,
            &self.buffer[..self.end],
            &mut headers,
        );
        let body_start = match parsed {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(httparse::Error::TooManyHeaders) => return Err(HttpError::HeadTooLarge),
            Err(_) => return Err(HttpError::Malformed),
        };
        let status = response.code.ok_or(HttpError::Malformed)?;
        if matches!(status, 100..=199) && status != 101 {
            self.drop_front(body_start);
            return Ok(Some(State::Head));
        }
        let (mut head, framing) = interpret(status, &response)?;
        head.body_start = body_start;
        self.start_body(head, framing).map(Some)
    }

    fn start_body(&self, mut head: Head, framing: Framing) -> Result<State, HttpError> {
        let start = head.body_start;
        match framing {
            Framing::Length(length) if length > self.buffer.len() - start => {
                Err(HttpError::BodyTooLarge)
            }
            Framing::Length(length) => Ok(State::Length { head, body_end: start + length }),
            Framing::Chunked => {
                let chunk = Chunk::SizeLine;
                Ok(State::Chunked { head, decoded_end: start, raw: start, chunk })
            }
            Framing::UntilClose => {
                head.keep_alive = KeepAlive::No;
                Ok(State::UntilClose { head })
            }
        }
    }

    fn read_chunk(
        &mut self,
        head: Head,
        decoded_end: usize,
        raw: usize,
        chunk: Chunk,
    ) -> Result<Option<State>, HttpError> {
        let next = match chunk {
            Chunk::SizeLine => chunk_size(&self.buffer[raw..self.end])?.map(|(used, size)| {
                let chunk = if size == 0 { Chunk::Trailer } else { Chunk::Data { left: size } };
                State::Chunked { head, decoded_end, raw: raw + used, chunk }
            }),
            Chunk::Data { left } => {
                let count = left.min(self.end - raw);
                self.buffer.copy_within(raw..raw + count, decoded_end);
                let left = left - count;
                let chunk = if left == 0 { Chunk::DataEnd } else { Chunk::Data { left } };
                let state = State::Chunked {
                    head,
                    decoded_end: decoded_end + count,
                    raw: raw + count,
                    chunk,
                };
                (count > 0).then_some(state)
            }
            Chunk::DataEnd => match &self.buffer[raw..self.end] {
                [b'\r', b'\n', ..] => {
                    let chunk = Chunk::SizeLine;
                    Some(State::Chunked { head, decoded_end, raw: raw + 2, chunk })
                }
                [] | [b'\r'] => None,
                _ => return Err(HttpError::Malformed),
            },
            Chunk::Trailer => {
                let rest = &self.buffer[raw..self.end];
                let line = rest.windows(2).position(|pair| pair == b"\r\n");
                line.map(|length| match length {
                    0 => State::Ready { head, body_end: decoded_end, raw_end: raw + 2 },
                    _ => State::Chunked { head, decoded_end, raw: raw + length + 2, chunk },
                })
            }
        };
        if next.is_none() {
            self.close_gap(head, decoded_end, raw, chunk);
        }
        Ok(next)
    }

    /// Moves raw bytes down to the decoded ones, so that chunk framing takes no space.
    fn close_gap(&mut self, head: Head, decoded_end: usize, raw: usize, chunk: Chunk) {
        debug_assert!(decoded_end <= raw, "Invariant: decoding never overtakes reading");
        self.buffer.copy_within(raw..self.end, decoded_end);
        self.end -= raw - decoded_end;
        self.state = State::Chunked { head, decoded_end, raw: decoded_end, chunk };
    }

    fn drop_front(&mut self, count: usize) {
        self.buffer.copy_within(count..self.end, 0);
        self.end -= count;
    }
}

/// Reads what matters of a head's fields. `body_start` is the caller's to set.
fn interpret(
    status: u16,
    response: &httparse::Response<'_, '_>,
) -> Result<(Head, Framing), HttpError> {
    let mut keep_alive = match response.version {
        Some(1) => KeepAlive::Yes,
        _ => KeepAlive::No,
    };
    let mut length = None;
    let mut chunked = false;
    let mut date = ([0; DATE_BYTES_MAX], 0);
    let mut retry_after_secs = None;
    for header in response.headers.iter() {
        let name = header.name;
        if name.eq_ignore_ascii_case("content-length") {
            length = Some(agreeing_length(length, header.value)?);
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            if chunked || !header.value.trim_ascii().eq_ignore_ascii_case(b"chunked") {
                return Err(HttpError::UnsupportedCoding);
            }
            chunked = true;
        } else if name.eq_ignore_ascii_case("connection") {
            keep_alive = connection_option(header.value, keep_alive);
        } else if name.eq_ignore_ascii_case("date") && header.value.len() <= DATE_BYTES_MAX {
            date.0[..header.value.len()].copy_from_slice(header.value);
            date.1 = header.value.len();
        } else if name.eq_ignore_ascii_case("retry-after") {
            let text = core::str::from_utf8(header.value.trim_ascii()).ok();
            retry_after_secs = text.and_then(|text| text.parse().ok());
        }
    }
    let framing = match (status, chunked, length) {
        (101 | 204 | 304, ..) => Framing::Length(0),
        // Both at once is how one response is smuggled into another's place.
        (_, true, Some(_)) => return Err(HttpError::Malformed),
        (_, true, None) => Framing::Chunked,
        (_, false, Some(length)) => Framing::Length(length),
        (_, false, None) => Framing::UntilClose,
    };
    let (date, date_len) = date;
    let head = Head { status, keep_alive, body_start: 0, date, date_len, retry_after_secs };
    Ok((head, framing))
}

/// A content length, which must agree with any given before.
fn agreeing_length(before: Option<usize>, value: &[u8]) -> Result<usize, HttpError> {
    // Twelve digits are a terabyte: more is nonsense, and less cannot overflow.
    let text = value.trim_ascii();
    if text.is_empty() || text.len() > 12 || !text.iter().all(u8::is_ascii_digit) {
        return Err(HttpError::Malformed);
    }
    let length = text.iter().fold(0, |sum, digit| sum * 10 + usize::from(digit - b'0'));
    match before {
        Some(before) if before != length => Err(HttpError::Malformed),
        _ => Ok(length),
    }
}

fn connection_option(value: &[u8], so_far: KeepAlive) -> KeepAlive {
    let mut keep_alive = so_far;
    for option in value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii) {
        if option.eq_ignore_ascii_case(b"close") {
            return KeepAlive::No;
        }
        if option.eq_ignore_ascii_case(b"keep-alive") {
            keep_alive = KeepAlive::Yes;
        }
    }
    keep_alive
}

/// Length of a chunk's size line and the size it tells; `None` while the line is incomplete.
fn chunk_size(raw: &[u8]) -> Result<Option<(usize, usize)>, HttpError> {
    match httparse::parse_chunk_size(raw) {
        Ok(httparse::Status::Complete((used, size))) => {
            let size = usize::try_from(size).map_err(|_| HttpError::BodyTooLarge)?;
            // A line without a digit parses as zero, which would end the body early.
            if !raw[0].is_ascii_hexdigit() {
                return Err(HttpError::Malformed);
            }
            Ok(Some((used, size)))
        }
        Ok(httparse::Status::Partial) => Ok(None),
        Err(_) => Err(HttpError::Malformed),
    }
}

#[cfg(test)]
mod tests;
