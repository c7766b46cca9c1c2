//! The journal of a running engine: appended to by the oms through a file mapping.
//!
//! Budget: an append copies and checksums 100–300 bytes; no system call, no allocation. The
//! next segment comes over a ring from the [`SegmentKeeper`].

use std::fs::OpenOptions;
use std::hint::black_box;
use std::path::Path;

use super::frame::{self, FILE_HEAD_BYTES, FRAME_BYTES_MAX, FileHead};
use super::keeper::{SegmentKeeper, Spare};
use super::{Entry, Journal, JournalError, JournalReader, StateDir, Torn, state_dir};
use crate::ids::RunId;
use crate::recorder::mapping::Writable;
use crate::units::Now;

/// Default size of a segment: about 300 000 entries, and small enough that preparing one while
/// another is written (both are allocated) is no burden on any disk.
pub const SEGMENT_BYTES: usize = 64 * 1024 * 1024;

/// What a read of one byte brings in.
const CACHE_LINE_BYTES: usize = 64;
/// Lines read ahead of the writer: what a signal and its order take.
const REHEARSED_LINES: usize = 8;

/// The oms's end of the journal.
#[derive(Debug)]
pub struct MappedJournal {
    run: RunId,
    current: Writable,
    at: usize,
    size_bytes: usize,
    next_seq: u64,
    spares: rtrb::Consumer<Spare>,
    /// Where rehearsals write: a frame in the file would be an entry to whoever reads it next.
    scratch: Box<[u8; FRAME_BYTES_MAX]>,
}

/// What [`MappedJournal::open`] gives: the writer for the oms, the keeper for a cold thread.
#[derive(Debug)]
pub struct Opened {
    /// For the oms.
    pub journal: MappedJournal,
    /// For the recorder.
    pub keeper: SegmentKeeper,
    /// What an earlier run had left unfinished and was cut off.
    pub cut: Option<Torn>,
}

impl MappedJournal {
    /// Finds the end of the journal in `dir`, cuts a torn tail off, and continues after it in a
    /// new segment of `segment_bytes` ([`SEGMENT_BYTES`] outside tests).
    ///
    /// # Errors
    /// Those of reading what is there, [`JournalError::DiskFull`], [`JournalError::Io`].
    ///
    /// # Panics
    /// When `segment_bytes` cannot hold several entries.
    pub fn open(dir: &StateDir, run: RunId, segment_bytes: usize) -> Result<Opened, JournalError> {
        assert!(segment_bytes >= 8 * FRAME_BYTES_MAX, "a segment holds several entries");
        let end = find_end(dir)?;
        let (producer, mut spares) = rtrb::RingBuffer::new(1);
        let mut keeper = SegmentKeeper::new(dir, producer, end.next_segment, segment_bytes)?;
        keeper.prepare()?;
        let first = spares.pop().map_err(|_empty| JournalError::Full)?;
        keeper.prepare()?;
        keeper.populate()?;
        let mut journal = Self {
            run,
            current: first.bytes,
            at: 0,
            size_bytes: segment_bytes,
            next_seq: end.next_seq,
            spares,
            scratch: Box::new([0; FRAME_BYTES_MAX]),
        };
        journal.begin(first.number);
        Ok(Opened { journal, keeper, cut: end.cut })
    }

    /// The number of the next entry.
    #[must_use]
    pub const fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// Writes the head of the current segment.
    fn begin(&mut self, segment: u64) {
        let head = FileHead { run: self.run, segment, first_seq: self.next_seq };
        self.current.bytes_mut()[..FILE_HEAD_BYTES].copy_from_slice(&head.to_bytes());
        self.at = FILE_HEAD_BYTES;
        self.current.publish(self.at);
    }
}

impl Journal for MappedJournal {
    fn append(&mut self, now: Now, entry: &Entry) -> Result<(), JournalError> {
        if self.size_bytes - self.at < FRAME_BYTES_MAX {
            let spare = self.spares.pop().map_err(|_empty| JournalError::Full)?;
            // The keeper holds the other half of the old segment: letting go unmaps nothing here.
            self.current = spare.bytes;
            self.begin(spare.number);
        }
        let room = &mut self.current.bytes_mut()[self.at..self.at + FRAME_BYTES_MAX];
        let Some(size) = frame::write(room, self.next_seq, now, entry) else {
            return Err(JournalError::TooLarge { bytes_max: FRAME_BYTES_MAX });
        };
        self.at += size;
        self.next_seq += 1;
        self.current.publish(self.at);
        Ok(())
    }

    fn rehearse(&mut self, now: Now, entry: &Entry) {
        let size = frame::write(&mut self.scratch[..], self.next_seq, now, entry).unwrap_or(0);
        black_box(&self.scratch[..size]);
        // The lines that the next entries will be written to.
        let ahead = self.current.bytes_mut()[self.at..].chunks(CACHE_LINE_BYTES);
        black_box(ahead.take(REHEARSED_LINES).fold(0, |sum, line| sum ^ line[0]));
    }
}

/// Where an existing journal ends.
struct End {
    next_seq: u64,
    next_segment: u64,
    cut: Option<Torn>,
}

/// Reads the newest used segment to its end, removes unused ones after it, cuts a torn tail.
fn find_end(dir: &StateDir) -> Result<End, JournalError> {
    let mut segments = state_dir::segments(dir.path())?;
    let next_segment = segments.last().map_or(1, |(number, _)| number + 1);
    while let Some((_, path)) = segments.pop() {
        let mut reader = JournalReader::open(&path)?;
        for item in reader.by_ref() {
            item?;
        }
        let Some((_, good_bytes)) = reader.position() else {
            std::fs::remove_file(&path)
                .map_err(|error| JournalError::io("remove unused", &path, error))?;
            continue;
        };
        cut(&path, good_bytes)?;
        return Ok(End { next_seq: reader.next_seq(), next_segment, cut: reader.torn().cloned() });
    }
    Ok(End { next_seq: 1, next_segment, cut: None })
}

/// Ends a file after its good bytes: what is left of a segment that was never filled, too.
fn cut(path: &Path, good_bytes: usize) -> Result<(), JournalError> {
    let size = u64::try_from(good_bytes).unwrap_or(u64::MAX);
    let file = OpenOptions::new().write(true).open(path);
    file.and_then(|file| file.set_len(size).and_then(|()| file.sync_all()))
        .map_err(|error| JournalError::io("cut", path, error))
}
