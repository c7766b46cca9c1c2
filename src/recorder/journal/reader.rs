//! Reads a journal: a directory of segments, one file, or bytes.
//!
//! A torn tail (the writer was killed in the middle of an append) ends the reading and is told
//! by [`JournalReader::torn`]. Bad bytes with good ones after them are an error: something that
//! was promised is missing. Nothing here panics on any bytes.

use std::collections::VecDeque;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use super::frame::{self, FILE_HEAD_BYTES, FileHead, HeadRead, Tail};
use super::state_dir;
use super::{Entry, Header, JournalError};
use crate::ids::RunId;

/// Name of a single run's journal in a report directory.
pub const COPY_FILE: &str = "journal.kxj";

/// A frame that was begun and not finished, at the end of a journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Torn {
    /// The file.
    pub path: PathBuf,
    /// Where the good bytes end.
    pub offset: usize,
}

/// A segment being read.
#[derive(Debug)]
struct Segment {
    path: PathBuf,
    bytes: Vec<u8>,
    run: RunId,
    at: usize,
}

/// Iterates over the entries of a journal, oldest first. After an error it ends.
#[derive(Debug)]
pub struct JournalReader {
    files: VecDeque<PathBuf>,
    current: Option<Segment>,
    /// The number the next entry must have; `None` before the first.
    next_seq: Option<u64>,
    torn: Option<Torn>,
    failed: bool,
}

impl JournalReader {
    /// Opens a segment file, every segment of a state directory, or a report directory's copy.
    ///
    /// # Errors
    /// [`JournalError::Io`] when it cannot be read, [`JournalError::NotAJournal`] when there is
    /// no journal. What is wrong inside is told while reading.
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        let data = fs::metadata(path).map_err(|error| JournalError::io("read", path, error))?;
        if !data.is_dir() {
            return Ok(Self::over([path.to_path_buf()].into()));
        }
        let files: VecDeque<PathBuf> =
            state_dir::segments(path)?.into_iter().map(|(_, file)| file).collect();
        if files.is_empty() {
            let copy = path.join(COPY_FILE);
            if copy.is_file() {
                return Ok(Self::over([copy].into()));
            }
            return Err(JournalError::NotAJournal { path: path.to_path_buf() });
        }
        Ok(Self::over(files))
    }

    /// Reads one segment's bytes.
    ///
    /// # Errors
    /// [`JournalError::NotAJournal`] or [`JournalError::Version`] when they are none.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, JournalError> {
        let mut reader = Self::over(VecDeque::new());
        reader.begin(PathBuf::from("(memory)"), bytes)?;
        Ok(reader)
    }

    const fn over(files: VecDeque<PathBuf>) -> Self {
        Self { files, current: None, next_seq: None, torn: None, failed: false }
    }

    /// The unfinished frame at the end, once the end was reached.
    #[must_use]
    pub const fn torn(&self) -> Option<&Torn> {
        self.torn.as_ref()
    }

    /// The number that the entry after the last one read has.
    #[must_use]
    pub fn next_seq(&self) -> u64 {
        self.next_seq.unwrap_or(1)
    }

    /// The file being read, and where in it the good bytes end so far.
    pub(super) fn position(&self) -> Option<(&Path, usize)> {
        self.current.as_ref().map(|segment| (segment.path.as_path(), segment.at))
    }

    fn next_entry(&mut self) -> Result<Option<(Header, Entry)>, JournalError> {
        loop {
            if let Some(segment) = &mut self.current {
                let expected = self.next_seq.unwrap_or(1);
                if let Some((header, entry)) = segment.next_entry(expected)? {
                    self.next_seq = Some(expected.saturating_add(1));
                    return Ok(Some((header, entry)));
                }
                self.judge_tail(expected)?;
            }
            let Some(path) = self.files.pop_front() else { return Ok(None) };
            let bytes = fs::read(&path).map_err(|error| JournalError::io("read", &path, error))?;
            self.begin(path, bytes)?;
        }
    }

    /// What follows the last good frame of the current segment decides whether that was all.
    fn judge_tail(&mut self, expected: u64) -> Result<(), JournalError> {
        let Some(segment) = &self.current else { return Ok(()) };
        match frame::tail(&segment.bytes[segment.at..], expected.saturating_sub(1)) {
            Tail::Clean => Ok(()),
            Tail::Torn => {
                self.torn = Some(Torn { path: segment.path.clone(), offset: segment.at });
                Ok(())
            }
            Tail::Damaged => Err(segment.damaged()),
        }
    }

    fn begin(&mut self, path: PathBuf, bytes: Vec<u8>) -> Result<(), JournalError> {
        let head = match FileHead::read(&bytes) {
            HeadRead::Head(head) => head,
            HeadRead::Foreign => return Err(JournalError::NotAJournal { path }),
            HeadRead::Version(found) => {
                return Err(JournalError::Version { path, found, expected: frame::VERSION });
            }
            HeadRead::Unfinished => return self.pass_unfinished(path, &bytes),
        };
        // A segment after a torn one was begun by a writer that had seen the tear: impossible.
        if let Some(torn) = self.torn.take() {
            return Err(JournalError::Damaged { path: torn.path, offset: torn.offset });
        }
        if let Some(expected) = self.next_seq.filter(|&expected| expected != head.first_seq) {
            return Err(JournalError::Gap { path, found: head.first_seq, expected });
        }
        self.next_seq = Some(head.first_seq);
        self.current = Some(Segment { path, bytes, run: head.run, at: FILE_HEAD_BYTES });
        Ok(())
    }

    /// A prepared segment holds nothing; one whose head is gone but whose frames are not does.
    fn pass_unfinished(&self, path: PathBuf, bytes: &[u8]) -> Result<(), JournalError> {
        let frames = bytes.get(FILE_HEAD_BYTES..).unwrap_or(&[]);
        if frame::tail(frames, self.next_seq().saturating_sub(1)) == Tail::Damaged {
            return Err(JournalError::Damaged { path, offset: 0 });
        }
        Ok(())
    }
}

impl Segment {
    /// The next entry; `None` when no intact frame with that number follows.
    fn next_entry(&mut self, expected: u64) -> Result<Option<(Header, Entry)>, JournalError> {
        let Some(frame) = self.bytes.get(self.at..).and_then(frame::read) else { return Ok(None) };
        if frame.seq != expected {
            return Err(self.damaged());
        }
        let Some(entry) = frame.entry() else {
            return Err(JournalError::Unreadable { path: self.path.clone(), seq: expected });
        };
        let header = Header { run: self.run, seq: frame.seq, now: frame.now };
        let next = self.at + frame.padded;
        self.at = next.min(self.bytes.len());
        Ok(Some((header, entry)))
    }

    fn damaged(&self) -> JournalError {
        JournalError::Damaged { path: self.path.clone(), offset: self.at }
    }
}

impl Iterator for JournalReader {
    type Item = Result<(Header, Entry), JournalError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let next = self.next_entry();
        self.failed = next.is_err();
        next.transpose()
    }
}

/// Copies the entries of one run into `out` as a journal of its own, with their numbers. Returns
/// how many there were.
///
/// # Errors
/// Those of reading `from`; [`JournalError::Io`] when `out` does not take the bytes.
pub fn copy_run(from: &Path, run: RunId, out: &mut impl Write) -> Result<u64, JournalError> {
    let failed = |error| JournalError::io("copy the journal from", from, error);
    let mut frame_bytes = [0; frame::FRAME_BYTES_MAX];
    let mut count = 0;
    for item in JournalReader::open(from)? {
        let (header, entry) = item?;
        if header.run != run {
            continue;
        }
        if count == 0 {
            let head = FileHead { run, segment: 0, first_seq: header.seq };
            out.write_all(&head.to_bytes()).map_err(failed)?;
        }
        count += 1;
        frame_bytes.fill(0);
        let size = frame::write(&mut frame_bytes, header.seq, header.now, &entry)
            .ok_or(JournalError::TooLarge { bytes_max: frame::FRAME_BYTES_MAX })?;
        out.write_all(&frame_bytes[..size]).map_err(failed)?;
    }
    Ok(count)
}
