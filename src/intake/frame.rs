//! NDJSON framing, sans-IO: bytes in, lines out.
//!
//! In: whatever a source delivered, cut anywhere. Out: [`Frame`]s with line numbers. A line over
//! [`LINE_BYTES_MAX`] is told once and skipped to its newline. The buffer is made once; nothing
//! here allocates, copies a whole line, or looks at what a line says.

use core::ops::Range;

/// Longest line accepted, without its newline (`execution-layer` §2).
pub const LINE_BYTES_MAX: usize = 64 * 1024;

/// Most bytes asked of a source in one read: large enough that a file costs one call per 64 KiB.
pub(super) const READ_BYTES_MAX: usize = 64 * 1024;

/// One line, as offsets that [`Framer::bytes`] turns into bytes until the next read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Frame {
    /// A line without its newline.
    Line(Range<usize>),
    /// The bytes after the last newline of a source that has ended; never empty.
    Rest(Range<usize>),
    /// The line is over the bound; its bytes are gone.
    TooLong,
}

/// Cuts a stream of bytes into lines.
#[derive(Debug)]
pub(super) struct Framer {
    buffer: Box<[u8]>,
    /// The current line begins here.
    start: usize,
    /// No newline before this offset.
    scanned: usize,
    /// Bytes of the source end here.
    end: usize,
    /// Number of the current line, from 1.
    line: u64,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Inside the bound.
    Reading,
    /// The current line is over the bound and has been told.
    Skipping,
}

impl Framer {
    /// A framer with its buffer in physical memory.
    pub(super) fn new() -> Self {
        // Written, not only reserved: the first touch of a page costs over a microsecond.
        let buffer = vec![b' '; LINE_BYTES_MAX + READ_BYTES_MAX].into_boxed_slice();
        Self { buffer, start: 0, scanned: 0, end: 0, line: 1, state: State::Reading }
    }

    /// Where the next bytes go. Call only when [`Self::peek`] has nothing: lines move.
    pub(super) fn space(&mut self) -> &mut [u8] {
        debug_assert!(self.end - self.start <= LINE_BYTES_MAX, "Invariant: peek cuts long lines");
        if self.buffer.len() - self.end < READ_BYTES_MAX {
            self.buffer.copy_within(self.start..self.end, 0);
            self.scanned -= self.start;
            self.end -= self.start;
            self.start = 0;
        }
        let end = self.end;
        &mut self.buffer[end..end + READ_BYTES_MAX]
    }

    /// That many bytes were put into [`Self::space`].
    pub(super) fn filled(&mut self, count: usize) {
        assert!(count <= self.buffer.len() - self.end, "a source fills what it was given");
        self.end += count;
    }

    /// The current line, if it is complete.
    pub(super) fn peek(&mut self) -> Option<Frame> {
        let newline = self.find_newline();
        if self.state == State::Skipping {
            let Some(at) = newline else {
                self.forget();
                return None;
            };
            self.state = State::Reading;
            self.advance_past(at);
            return self.peek_fresh();
        }
        self.judge(newline)
    }

    fn peek_fresh(&mut self) -> Option<Frame> {
        let newline = self.find_newline();
        self.judge(newline)
    }

    fn judge(&self, newline: Option<usize>) -> Option<Frame> {
        let length = newline.unwrap_or(self.end) - self.start;
        if length > LINE_BYTES_MAX {
            return Some(Frame::TooLong);
        }
        newline.map(|at| Frame::Line(self.start..at))
    }

    /// What is left when the source has ended.
    pub(super) fn rest(&self) -> Option<Frame> {
        let left = self.state == State::Reading && self.start < self.end;
        left.then_some(Frame::Rest(self.start..self.end))
    }

    /// Leaves the line that [`Self::peek`] or [`Self::rest`] gave.
    pub(super) fn consume(&mut self, frame: &Frame) {
        match frame {
            Frame::Line(range) => self.advance_past(range.end),
            Frame::Rest(range) => {
                self.start = range.end;
                self.scanned = range.end;
            }
            Frame::TooLong => self.state = State::Skipping,
        }
    }

    /// The bytes of a frame.
    pub(super) fn bytes(&self, range: Range<usize>) -> &[u8] {
        &self.buffer[range]
    }

    /// Number of the current line, from 1.
    pub(super) const fn line(&self) -> u64 {
        self.line
    }

    fn find_newline(&mut self) -> Option<usize> {
        let found = position(&self.buffer[self.scanned..self.end], b'\n');
        self.scanned = found.map_or(self.end, |offset| self.scanned + offset);
        found.map(|_| self.scanned)
    }

    fn advance_past(&mut self, newline: usize) {
        debug_assert!(self.buffer[newline] == b'\n', "Invariant: lines end at newlines");
        self.start = newline + 1;
        self.scanned = self.start;
        self.line += 1;
        if self.start == self.end {
            self.forget();
        }
    }

    const fn forget(&mut self) {
        self.start = 0;
        self.scanned = 0;
        self.end = 0;
    }
}

/// The first `needle` in `hay`, eight bytes at a time.
fn position(hay: &[u8], needle: u8) -> Option<usize> {
    const LOW: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let pattern = LOW * u64::from(needle);
    let (words, tail) = hay.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        // The lowest set high bit marks the first equal byte.
        let difference = u64::from_le_bytes(*word) ^ pattern;
        let equal = difference.wrapping_sub(LOW) & !difference & HIGH;
        if equal != 0 {
            return Some(index * 8 + (equal.trailing_zeros() / 8) as usize);
        }
    }
    let before = hay.len() - tail.len();
    tail.iter().position(|&byte| byte == needle).map(|at| before + at)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds `chunks` and returns what came out, lines as text.
    fn frames(chunks: &[&[u8]]) -> Vec<(u64, Option<Vec<u8>>)> {
        let mut framer = Framer::new();
        let mut out = Vec::new();
        let mut drain = |framer: &mut Framer| {
            while let Some(frame) = framer.peek() {
                let text = match frame.clone() {
                    Frame::Line(range) => Some(framer.bytes(range).to_vec()),
                    _ => None,
                };
                out.push((framer.line(), text));
                framer.consume(&frame);
            }
        };
        for chunk in chunks {
            for piece in chunk.chunks(READ_BYTES_MAX) {
                framer.space()[..piece.len()].copy_from_slice(piece);
                framer.filled(piece.len());
                drain(&mut framer);
            }
        }
        if let Some(frame @ Frame::Rest(_)) = framer.rest() {
            let Frame::Rest(range) = frame.clone() else { unreachable!() };
            out.push((framer.line(), Some(framer.bytes(range).to_vec())));
            framer.consume(&frame);
        }
        assert_eq!(framer.rest(), None);
        out
    }

    #[test]
    fn lines_are_the_same_wherever_the_stream_is_cut() {
        let stream = b"{\"a\":1}\n\n{\"bc\":\"d\"}\r\nlast";
        let whole = frames(&[stream]);
        let text = |line: &[u8]| Some(line.to_vec());
        assert_eq!(
            whole,
            [
                (1, text(b"{\"a\":1}")),
                (2, text(b"")),
                (3, text(b"{\"bc\":\"d\"}\r")),
                (4, text(b"last")),
            ]
        );
        for cut in 0..=stream.len() {
            assert_eq!(frames(&[&stream[..cut], &stream[cut..]]), whole, "cut at {cut}");
        }
        let bytes: Vec<&[u8]> = stream.chunks(1).collect();
        assert_eq!(frames(&bytes), whole, "byte by byte");
    }

    #[test]
    fn a_line_at_the_bound_passes_and_one_over_it_is_told_once() {
        let mut stream = vec![b'a'; LINE_BYTES_MAX];
        stream.extend(b"\nok\n");
        let lengths = |frames: &[(u64, Option<Vec<u8>>)]| -> Vec<(u64, Option<usize>)> {
            frames.iter().map(|(line, text)| (*line, text.as_ref().map(Vec::len))).collect()
        };
        assert_eq!(lengths(&frames(&[&stream])), [(1, Some(LINE_BYTES_MAX)), (2, Some(2))]);
        stream.insert(0, b'a');
        assert_eq!(lengths(&frames(&[&stream])), [(1, None), (2, Some(2))]);
        let mut megabyte = vec![b'x'; 1 << 20];
        megabyte.extend(b"\nok\n");
        assert_eq!(lengths(&frames(&[&megabyte])), [(1, None), (2, Some(2))]);
    }

    #[test]
    fn a_source_that_ends_inside_a_long_line_leaves_nothing() {
        let long = vec![b'x'; LINE_BYTES_MAX * 3];
        assert_eq!(frames(&[&long]), [(1, None)]);
    }

    #[test]
    fn the_word_search_finds_every_position() {
        for length in 0..40 {
            for at in 0..length {
                let mut hay = vec![b'\n' + 1; length];
                hay[at] = b'\n';
                assert_eq!(position(&hay, b'\n'), Some(at), "{length} {at}");
            }
            assert_eq!(position(&vec![0x8a; length], b'\n'), None);
        }
    }
}
