//! The cold half of the journal: segments made ahead, pages present ahead, bytes synced behind.
//!
//! Polled by [`JournalCare`](super::JournalCare). It never touches a byte the oms writes; it only
//! speaks to the kernel about them. A full disk shows here first; the oms goes on until its
//! segment is full, and then halts.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io;
use std::path::PathBuf;

use super::{JournalError, StateDir, state_dir};
use crate::recorder::mapping::{self, Watched, Writable};
use crate::runtime::stage::Work;
use crate::units::{Nanos, Timestamp};

/// Pages kept present ahead of the writer: at 300 bytes an entry, 3 000 entries.
const AHEAD_BYTES: usize = 1024 * 1024;
/// The kernel write-protects pages whenever it writes them back, so the pages ahead are asked
/// for again this often.
const POPULATE_EVERY: Nanos = Nanos::from_ms(100);
/// What a power cut may cost. A killed process costs nothing.
const SYNC_EVERY: Nanos = Nanos::from_secs(1);
/// Least pause between two attempts to make a segment.
const RETRY_EVERY: Nanos = Nanos::from_secs(1);

/// A segment on its way to the oms.
#[derive(Debug)]
pub(crate) struct Spare {
    pub(super) number: u64,
    pub(super) bytes: Writable,
}

/// A segment that is prepared, in use, or not yet put to rest.
#[derive(Debug)]
struct Live {
    path: PathBuf,
    watched: Watched,
    populated: usize,
    synced: usize,
}

/// The cold end of a [`MappedJournal`](super::MappedJournal).
#[derive(Debug)]
pub struct SegmentKeeper {
    dir: PathBuf,
    /// Held, not used: the directory stays locked while segments are alive.
    lock: File,
    spares: rtrb::Producer<Spare>,
    live: VecDeque<Live>,
    next_segment: u64,
    segment_bytes: usize,
    populate_at: Timestamp,
    sync_at: Timestamp,
    retry_at: Timestamp,
    /// Why the last segment could not be made.
    shortage: Option<JournalError>,
    /// What the last round of prefaulting, syncing or cutting met.
    trouble: Option<JournalError>,
}

impl SegmentKeeper {
    pub(super) fn new(
        dir: &StateDir,
        spares: rtrb::Producer<Spare>,
        next_segment: u64,
        segment_bytes: usize,
    ) -> Result<Self, JournalError> {
        Ok(Self {
            dir: dir.path().to_path_buf(),
            lock: dir.share_lock()?,
            spares,
            live: VecDeque::new(),
            next_segment,
            segment_bytes,
            populate_at: Timestamp::ZERO,
            sync_at: Timestamp::ZERO,
            retry_at: Timestamp::ZERO,
            shortage: None,
            trouble: None,
        })
    }

    /// One round: a new spare when the last was taken, pages, sync, old segments.
    pub fn poll(&mut self, now: Timestamp) -> Work {
        let mut work = Work::Idle;
        if !self.spares.is_full() && now >= self.retry_at {
            self.shortage = self.prepare().err();
            self.retry_at = now + RETRY_EVERY;
            work = Work::Done;
        }
        if now >= self.sync_at {
            self.trouble = self.sync().and_then(|()| self.put_to_rest()).err();
            self.sync_at = now + SYNC_EVERY;
            // What was synced is write-protected, the page being written among it.
            self.populate_at = now;
            work = Work::Done;
        }
        if now >= self.populate_at || self.writer_is_close() {
            let populated = self.populate();
            self.trouble = self.trouble.take().or_else(|| populated.err());
            self.populate_at = now + POPULATE_EVERY;
        }
        work
    }

    /// What went wrong last, until the same work succeeds. A shortage of segments stops trading
    /// once the current one is full.
    #[must_use]
    pub const fn failure(&self) -> Option<&JournalError> {
        match &self.shortage {
            Some(shortage) => Some(shortage),
            None => self.trouble.as_ref(),
        }
    }

    /// Puts every segment to rest after the writer is gone: syncs, cuts, removes the unused.
    ///
    /// # Errors
    /// [`JournalError::Io`]; the journal is still complete then, only longer than needed.
    pub fn finish(mut self) -> Result<(), JournalError> {
        self.sync()?;
        // The spare that was never taken lies in the ring; its half goes with the ring.
        let Self { spares, live, lock, .. } = self;
        drop(spares);
        for segment in live {
            segment.rest()?;
        }
        drop(lock);
        Ok(())
    }

    /// Makes one segment and sends it to the oms.
    pub(super) fn prepare(&mut self) -> Result<(), JournalError> {
        let path = state_dir::segment_path(&self.dir, self.next_segment);
        let (bytes, watched) = mapping::create(&path, self.segment_bytes)
            .map_err(|error| JournalError::unmade(&path, self.segment_bytes, error))?;
        self.live.push_back(Live { path, watched, populated: 0, synced: 0 });
        let spare = Spare { number: self.next_segment, bytes };
        self.next_segment += 1;
        self.spares.push(spare).map_err(|_full| JournalError::Full)
    }

    /// Whether the writer has used up half of what was made present for it.
    fn writer_is_close(&self) -> bool {
        self.live.iter().any(|segment| {
            segment.populated < self.segment_bytes
                && segment.watched.written() + AHEAD_BYTES / 2 > segment.populated
        })
    }

    /// Makes the pages ahead of the writer present in every segment.
    pub(super) fn populate(&mut self) -> Result<(), JournalError> {
        for segment in &mut self.live {
            let written = segment.watched.written();
            let ahead = (written + AHEAD_BYTES).min(self.segment_bytes);
            populate(&segment.watched, written, ahead, &segment.path)?;
            segment.populated = ahead;
        }
        Ok(())
    }

    fn sync(&mut self) -> Result<(), JournalError> {
        for segment in &mut self.live {
            let written = segment.watched.written();
            if written == segment.synced {
                continue;
            }
            segment
                .watched
                .sync(segment.synced..written)
                .map_err(|error| JournalError::io("sync", &segment.path, error))?;
            segment.synced = written;
        }
        Ok(())
    }

    /// Cuts and unmaps segments that the writer has left behind.
    fn put_to_rest(&mut self) -> Result<(), JournalError> {
        let is_left = |live: &mut VecDeque<Live>| {
            live.get(1).is_some_and(|next| next.watched.written() > 0)
                && live.front_mut().is_some_and(|first| first.watched.is_released())
        };
        while is_left(&mut self.live) {
            if let Some(segment) = self.live.pop_front() {
                segment.rest()?;
            }
        }
        Ok(())
    }
}

impl Live {
    fn rest(mut self) -> Result<(), JournalError> {
        if !self.watched.is_released() {
            // The oms still writes: the next start cuts what is too long.
            return Ok(());
        }
        if self.watched.written() == 0 {
            return fs::remove_file(&self.path)
                .map_err(|error| JournalError::io("remove unused", &self.path, error));
        }
        self.watched.cut().map_err(|error| JournalError::io("cut", &self.path, error))
    }
}

/// Kernels before 5.14 cannot be asked: the writer then takes a fault per page, nothing worse.
fn populate(
    watched: &Watched,
    from: usize,
    to: usize,
    path: &std::path::Path,
) -> Result<(), JournalError> {
    match watched.populate(from..to) {
        Err(error) if error.kind() != io::ErrorKind::InvalidInput => {
            Err(JournalError::io("prefault", path, error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}
