//! Bytes around an entry: length, checksum, number, times; and the head of a segment file.
//!
//! Frame: u32 length (of everything but padding), u32 CRC-32 of what follows it, u64 seq, u64
//! monotonic ns, u64 wall ns, then the packed [`Entry`], whose first byte is its kind. Zero
//! bytes pad to 8. A length of zero ends a segment. Nothing depends on where a frame lies, so
//! frames can be copied between files.

use super::entry::Entry;
use crate::ids::RunId;
use crate::recorder::pack::{Packer, Unpacker, unpack_whole};
use crate::units::{Now, Timestamp, WallTime};

/// Layout of frames and entries. A journal of another version is refused, not guessed at.
pub const VERSION: u32 = 4;
/// No frame is larger. The largest entry, a result with all children and full texts, takes
/// about 1.3 KiB (test `every_entry_fits_a_frame`).
pub const FRAME_BYTES_MAX: usize = 2048;
/// Where the first frame of a segment starts.
pub(crate) const FILE_HEAD_BYTES: usize = 64;

const MAGIC: [u8; 8] = *b"KXEXJRNL";
const ALIGN_BYTES: usize = 8;
/// Length and checksum.
const PREFIX_BYTES: usize = 8;
/// Prefix, seq, two times, and the kind.
const FRAME_BYTES_MIN: usize = PREFIX_BYTES + 24 + 1;

const _: () = assert!(FILE_HEAD_BYTES.is_multiple_of(ALIGN_BYTES), "first frame is aligned");
const _: () = assert!(FRAME_BYTES_MAX.is_multiple_of(ALIGN_BYTES), "padding is counted");

/// What stands before an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The run that wrote it.
    pub run: RunId,
    /// Counts up from 1 over all runs of one journal.
    pub seq: u64,
    /// When the oms took the input, or gave the output.
    pub now: Now,
}

/// Writes one frame to the start of `out`; `None` when it does not fit. Zeros are expected
/// after what is written: they are the padding and the end mark.
pub(crate) fn write(out: &mut [u8], seq: u64, now: Now, entry: &Entry) -> Option<usize> {
    let room = out.len();
    let (prefix, body) = out.split_at_mut_checked(PREFIX_BYTES)?;
    let mut packer = Packer::new(body);
    packer.put(&seq);
    packer.put(&now.mono);
    packer.put(&now.wall);
    packer.put(entry);
    let size = packer.finish()?;
    let checksum = crc32fast::hash(&body[..size]);
    let length = u32::try_from(PREFIX_BYTES + size).ok()?;
    let padded = (PREFIX_BYTES + size).next_multiple_of(ALIGN_BYTES);
    if padded > room {
        return None;
    }
    // The length comes last: a frame that was never finished has none.
    let (length_bytes, checksum_bytes) = prefix.split_at_mut(4);
    checksum_bytes.copy_from_slice(&checksum.to_le_bytes());
    length_bytes.copy_from_slice(&length.to_le_bytes());
    Some(padded)
}

/// An intact frame.
#[derive(Debug)]
pub(crate) struct Frame<'a> {
    pub(crate) seq: u64,
    pub(crate) now: Now,
    entry: &'a [u8],
    /// Bytes to the next frame.
    pub(crate) padded: usize,
}

impl Frame<'_> {
    /// The entry; `None` when this version knows no such entry.
    pub(crate) fn entry(&self) -> Option<Entry> {
        unpack_whole(self.entry)
    }
}

/// Reads the frame at the start of `bytes`; `None` when there is none, or it is not intact.
pub(crate) fn read(bytes: &[u8]) -> Option<Frame<'_>> {
    let mut prefix = Unpacker::new(bytes);
    let (length, checksum): (u32, u32) = (prefix.take()?, prefix.take()?);
    let length = usize::try_from(length).ok()?;
    if !(FRAME_BYTES_MIN..=FRAME_BYTES_MAX).contains(&length) {
        return None;
    }
    let body = bytes.get(PREFIX_BYTES..length)?;
    if crc32fast::hash(body) != checksum {
        return None;
    }
    let mut from = Unpacker::new(body);
    let seq = from.take()?;
    let now = Now { mono: from.take::<Timestamp>()?, wall: from.take::<WallTime>()? };
    let entry = &body[24..];
    Some(Frame { seq, now, entry, padded: length.next_multiple_of(ALIGN_BYTES) })
}

/// How a sequence of frames ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tail {
    /// Only zeros follow, or nothing.
    Clean,
    /// The start of a frame follows and nothing after it: the writer was killed in its middle.
    Torn,
    /// Intact frames follow: something between was lost or changed.
    Damaged,
}

/// Judges what follows the last good frame; `after` is that frame's number.
pub(crate) fn tail(rest: &[u8], after: u64) -> Tail {
    let Some(first) = rest.iter().position(|&byte| byte != 0) else { return Tail::Clean };
    let starts = (first / ALIGN_BYTES * ALIGN_BYTES..rest.len()).step_by(ALIGN_BYTES);
    let later = |start: usize| read(&rest[start..]).is_some_and(|frame| frame.seq > after);
    if starts.into_iter().any(later) { Tail::Damaged } else { Tail::Torn }
}

/// The head of a segment file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileHead {
    pub(crate) run: RunId,
    /// The segment's number; 0 in a copy of a single run.
    pub(crate) segment: u64,
    /// The number of its first entry.
    pub(crate) first_seq: u64,
}

/// What the first bytes of a file say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeadRead {
    /// A segment of ours.
    Head(FileHead),
    /// Prepared and never used, or the writer was killed while it wrote the head.
    Unfinished,
    /// A journal of another version.
    Version(u32),
    /// Somebody else's file.
    Foreign,
}

impl FileHead {
    /// The head's bytes.
    pub(crate) fn to_bytes(self) -> [u8; FILE_HEAD_BYTES] {
        let mut bytes = [0; FILE_HEAD_BYTES];
        let mut out = Packer::new(&mut bytes);
        out.bytes(&MAGIC);
        out.put(&VERSION);
        out.put(&self.checksum());
        out.put(&self.run);
        out.put(&self.segment);
        out.put(&self.first_seq);
        bytes
    }

    /// Reads a head.
    pub(crate) fn read(bytes: &[u8]) -> HeadRead {
        let head = &bytes[..bytes.len().min(FILE_HEAD_BYTES)];
        if head.iter().all(|&byte| byte == 0) {
            return HeadRead::Unfinished;
        }
        if !head.starts_with(&MAGIC) {
            return HeadRead::Foreign;
        }
        Self::read_fields(&head[MAGIC.len()..]).unwrap_or(HeadRead::Unfinished)
    }

    fn read_fields(fields: &[u8]) -> Option<HeadRead> {
        let mut from = Unpacker::new(fields);
        let (version, checksum): (u32, u32) = (from.take()?, from.take()?);
        if version != VERSION && version != 0 {
            return Some(HeadRead::Version(version));
        }
        let head = Self { run: from.take()?, segment: from.take()?, first_seq: from.take()? };
        (head.checksum() == checksum).then_some(HeadRead::Head(head))
    }

    fn checksum(self) -> u32 {
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&MAGIC);
        hasher.update(&VERSION.to_le_bytes());
        hasher.update(&self.run.bits().to_le_bytes());
        hasher.update(&self.segment.to_le_bytes());
        hasher.update(&self.first_seq.to_le_bytes());
        hasher.finalize()
    }
}
