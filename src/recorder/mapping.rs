//! Journal files in memory: made, allocated, mapped, and shared by one writer and one watcher.
//!
//! The only file of the recorder that is `unsafe`. Invariants its blocks rely on:
//! 1. A mapping has exactly one [`Writable`]: it is made once per mapping and is not `Clone`.
//! 2. [`Watched`] never looks at the mapped bytes; it only names ranges to the kernel.
//! 3. The file was created by us, in a directory we hold the lock of, and is not made shorter
//!    while a [`Writable`] exists: [`Watched::cut`] checks that.

#![expect(unsafe_code, reason = "memory mapping and fallocate have no safe form")]

use std::fs::{File, OpenOptions};
use std::io;
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use memmap2::{Advice, MmapRaw};

/// Granularity of what is said to the kernel. Larger than the real page on no supported machine.
const PAGE_BYTES: usize = 4096;

#[derive(Debug)]
struct Shared {
    map: MmapRaw,
    written: AtomicUsize,
}

/// The writer's half: the bytes.
#[derive(Debug)]
pub(crate) struct Writable {
    shared: Arc<Shared>,
}

/// The cold thread's half: the file and the kernel's view of it.
#[derive(Debug)]
pub(crate) struct Watched {
    shared: Arc<Shared>,
    file: File,
}

/// Creates `path` with `size_bytes` zero bytes that the disk has room for, and maps it.
///
/// # Errors
/// The system's error; `StorageFull` when the disk cannot hold it. Nothing is left behind then.
pub(crate) fn create(path: &Path, size_bytes: usize) -> io::Result<(Writable, Watched)> {
    let file = OpenOptions::new().read(true).write(true).create_new(true).open(path)?;
    let halves = allocate(&file, size_bytes).and_then(|()| MmapRaw::map_raw(&file));
    let map = match halves {
        Ok(map) => map,
        Err(error) => {
            // The first error is the one to tell.
            return Err(std::fs::remove_file(path).err().map_or(error, |second| {
                io::Error::new(second.kind(), "a journal file that cannot be used stays behind")
            }));
        }
    };
    let shared = Arc::new(Shared { map, written: AtomicUsize::new(0) });
    Ok((Writable { shared: Arc::clone(&shared) }, Watched { shared, file }))
}

/// Reserves disk blocks, so that a later write to the mapping cannot meet a full disk (SIGBUS).
fn allocate(file: &File, size_bytes: usize) -> io::Result<()> {
    let size = libc::off_t::try_from(size_bytes)
        .map_err(|_too_large| io::Error::from(io::ErrorKind::InvalidInput))?;
    // SAFETY: plain system call on a descriptor that `file` keeps open; no memory is passed.
    let code = unsafe { libc::posix_fallocate(file.as_raw_fd(), 0, size) };
    if code == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(code)) }
}

impl Writable {
    /// All bytes of the file.
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: the pointer and length are those of a live mapping of a file at least that
        // long (invariant 3). `&mut self` is the only way to the bytes (invariants 1 and 2).
        unsafe {
            core::slice::from_raw_parts_mut(self.shared.map.as_mut_ptr(), self.shared.map.len())
        }
    }

    /// Tells the watcher that the first `written` bytes are final.
    pub(crate) fn publish(&mut self, written: usize) {
        // Release: pairs with the Acquire in `Watched::written`.
        self.shared.written.store(written, Ordering::Release);
    }
}

impl Watched {
    /// How many bytes are final.
    pub(crate) fn written(&self) -> usize {
        // Acquire: pairs with the Release in `Writable::publish`.
        self.shared.written.load(Ordering::Acquire)
    }

    /// Whether the writer has let go of its half.
    pub(crate) fn is_released(&mut self) -> bool {
        Arc::get_mut(&mut self.shared).is_some()
    }

    /// Makes the pages of `range` present and writable, so that the writer does not fault.
    ///
    /// # Errors
    /// The system's error; kernels before 5.14 do not know the request.
    pub(crate) fn populate(&self, range: Range<usize>) -> io::Result<()> {
        let range = self.pages(range);
        self.shared.map.advise_range(Advice::PopulateWrite, range.start, range.len())
    }

    /// Waits until the pages of `range` are on the disk.
    ///
    /// # Errors
    /// The system's error.
    pub(crate) fn sync(&self, range: Range<usize>) -> io::Result<()> {
        let range = self.pages(range);
        self.shared.map.flush_range(range.start, range.len())
    }

    /// Gives back the disk blocks after the last written byte.
    ///
    /// # Errors
    /// The system's error; `ResourceBusy` while the writer still holds its half.
    pub(crate) fn cut(&mut self) -> io::Result<()> {
        if !self.is_released() {
            return Err(io::ErrorKind::ResourceBusy.into());
        }
        self.file.set_len(u64::try_from(self.written()).unwrap_or(u64::MAX))?;
        self.file.sync_all()
    }

    /// `range` widened to whole pages, within the mapping.
    fn pages(&self, range: Range<usize>) -> Range<usize> {
        let end = range.end.next_multiple_of(PAGE_BYTES).min(self.shared.map.len());
        let start = range.start / PAGE_BYTES * PAGE_BYTES;
        start.min(end)..end
    }
}
